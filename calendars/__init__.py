"""Trading calendars: bounded, sourced, without a database.

`load` gives the calendar of a market; the rest is what it consists of and what it refuses.
"""

from calendars.errors import BadCalendarFile, CalendarError, DateOutOfRange
from calendars.files import load
from calendars.trading import Closure, TradingCalendar

__all__ = ["BadCalendarFile", "CalendarError", "Closure", "DateOutOfRange", "TradingCalendar", "load"]
