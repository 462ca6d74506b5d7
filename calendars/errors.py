"""What the calendars refuse.

CalendarError (a ValueError)    also raised itself, for a market that has no calendar
├── DateOutOfRange              the answer needs a day that the published calendar does not hold
└── BadCalendarFile             a calendar file cannot be used

Facts are attributes; messages are built from them. A naive instant, or a closed day where a trading day is
needed, is a mistake of the caller: a plain ValueError.
"""

from datetime import date
from pathlib import Path


class CalendarError(ValueError):
    """Any refusal of this package."""


class DateOutOfRange(CalendarError):
    """`day` is needed, and lies outside the calendar, which knows `first` to `last`, both included."""

    def __init__(self, day: date, first: date, last: date, market: str) -> None:
        super().__init__(day, first, last, market)
        self.day, self.first, self.last, self.market = day, first, last, market

    def __str__(self) -> str:
        if self.day < self.first:
            place, bound, known, missing = "before", "first", self.first, self.first.year - 1
        else:
            place, bound, known, missing = "after", "last", self.last, self.last.year + 1
        return (
            f"{self.day} is {place} {known}, the {bound} day of the {self.market} calendar: "
            f"the {bound} known year is {known.year}, extend it with a calendar file for {missing}"
        )


class BadCalendarFile(CalendarError):
    """The calendar file at `path` cannot be used, because of `problem`."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(path, problem)
        self.path, self.problem = path, problem

    def __str__(self) -> str:
        return f"calendar file {self.path}: {self.problem}"
