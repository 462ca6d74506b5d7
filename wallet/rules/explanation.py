"""Why a day was as it was for one wallet: the rules of income and dates, with their reasons. Pure.

The arithmetic is written a second time here, for one holder and in whole numbers of any size, so that an
explanation does not repeat the words of what it explains. Source: rule book, sections 2 and 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from calendars import Closure, TradingCalendar
from wallet.rules.fund import Fund
from wallet.rules.income import SCALE, Allocation


class Extra(StrEnum):
    """Why a holder got one of the fen that cutting left over, or none."""

    NOTHING_LEFT = "nothing_left"
    LARGER = "remainder_larger"
    TIE_WON = "tie_won"
    TIE_LOST = "tie_lost"
    SMALLER = "remainder_smaller"


@dataclass(frozen=True, slots=True)
class Share:
    """One holder's part of a day's income. Units: `cut` and `extra` in fen, the others in 1e-8 fen; all signed.

    `remainder` is what was cut off, without sign; `why` and `extra` are None until the income is allocated.
    """

    exact: int
    cut: int
    remainder: int
    why: Extra | None = None
    extra: int | None = None


def share(number: int, holding: int, rate: int, allocation: Allocation | None) -> Share:
    """Return the part of holder `number` in a day's income. Units: hundredths of a share, the published figure."""
    sign = -1 if rate < 0 else 1
    cut, remainder = divmod(holding * abs(rate), SCALE)
    if allocation is None:
        return Share(holding * rate, sign * cut, remainder)
    why = _why(number, remainder, allocation)
    return Share(holding * rate, sign * cut, remainder, why, sign * (why in (Extra.LARGER, Extra.TIE_WON)))


def _why(number: int, remainder: int, allocation: Allocation) -> Extra:
    if not allocation.left_over:
        return Extra.NOTHING_LEFT
    if remainder != allocation.threshold:
        return Extra.LARGER if remainder > allocation.threshold else Extra.SMALLER
    return Extra.TIE_WON if number <= allocation.last_tie else Extra.TIE_LOST


class Received(StrEnum):
    """When an order arrived, as far as its trade date goes by it."""

    BEFORE_CUTOFF = "before_cutoff"
    FROM_CUTOFF_ON = "from_cutoff_on"
    ON_CLOSED_DAY = "on_closed_day"


def received(book: Fund, at: datetime) -> Received:
    """Tell how an instant lies to the cutoff of its day. Raises: OutsideCalendar."""
    day = book.known(book.calendar.local_date(at))
    if not book.calendar.is_trading_day(day):
        return Received.ON_CLOSED_DAY
    return Received.BEFORE_CUTOFF if book.is_before_cutoff(at, day) else Received.FROM_CUTOFF_ON


def closed_days(calendar: TradingCalendar, first: date, last: date) -> list[Closure]:
    """Return the closed days from `first` to `last`, both inclusive, with reason and notice."""
    noticed = {closure.day: closure for closure in calendar.closures if first <= closure.day <= last}
    days = (first + timedelta(n) for n in range((last - first).days + 1))
    return [
        noticed.get(day) or Closure(day, str(calendar.reason_closed(day)))
        for day in days
        if not calendar.is_trading_day(day)
    ]
