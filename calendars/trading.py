"""The trading days of one market, and the trade date of an instant.

A calendar knows whole years and refuses whatever needs a day outside them: a guessed holiday would book money
on the wrong day. Days are plain dates of the market's zone.

Two tuples answer every question without a search: `_days` holds the trading days in order, and `_before[i]`
how many of them lie before the i-th day of the calendar. So `_days[_before[i]]` is the first not before it.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import accumulate, compress
from zoneinfo import ZoneInfo

from calendars.errors import DateOutOfRange

SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Closure:
    """A weekday on which the market does not trade, why, and by which notice (None: not recorded)."""

    day: date
    reason: str
    notice: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class TradingCalendar:
    """The days a market trades, from `first` to `last`: both included, each the end of a year.

    Every method that takes a day raises DateOutOfRange if that day, or the answer, lies outside these bounds,
    and TypeError if it is given an instant.

    Shape: `closures` in order of day, weekdays only.
    """

    market: str
    zone: ZoneInfo
    first: date
    last: date
    closures: tuple[Closure, ...] = field(repr=False)
    _days: tuple[date, ...] = field(init=False, repr=False)
    _before: tuple[int, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        closed = {closure.day for closure in self.closures}
        days = [date.fromordinal(n) for n in range(self.first.toordinal(), self.last.toordinal() + 1)]
        trades = [day.weekday() < SATURDAY and day not in closed for day in days]
        object.__setattr__(self, "_days", tuple(compress(days, trades)))
        object.__setattr__(self, "_before", tuple(accumulate(trades, initial=0)))

    def is_trading_day(self, day: date) -> bool:
        """Tell whether the market trades on `day`."""
        place = self._place(day)
        return self._before[place] < self._before[place + 1]

    def next(self, day: date) -> date:
        """Return the first trading day after `day`."""
        return self._trading_day(self._before[self._place(day) + 1])

    def next_or_same(self, day: date) -> date:
        """Return `day` if the market trades on it, else the first trading day after it."""
        return self._trading_day(self._before[self._place(day)])

    def previous(self, day: date) -> date:
        """Return the last trading day before `day`."""
        return self._trading_day(self._before[self._place(day)] - 1)

    def previous_or_same(self, day: date) -> date:
        """Return `day` if the market trades on it, else the last trading day before it."""
        return self._trading_day(self._before[self._place(day) + 1] - 1)

    def shift(self, day: date, n: int) -> date:
        """Return the trading day `n` trading days after the trading day `day`, before it if `n` is negative.

        Raises: ValueError on a closed day, from which T+1 could mean two days: say which trading day to count
        from, with `next_or_same` or `previous_or_same`.
        """
        if not self.is_trading_day(day):
            raise ValueError(f"{day} is no trading day ({self.reason_closed(day)}), so none can be counted from it")
        return self._trading_day(self._before[self._place(day)] + n)

    def local_date(self, at: datetime) -> date:
        """Return the calendar day of the instant in the market's zone, also of one outside the bounds.

        Raises: TypeError if `at` is no instant; ValueError if it has no zone.
        """
        return date.fromordinal(self._local(at).toordinal())

    def trade_date(self, at: datetime, cutoff: time) -> date:
        """Return the trading day that an order of the instant `at` belongs to.

        Before the cutoff on a trading day: that day. At exactly the cutoff or later, or on a closed day: the
        next trading day.

        Units: `cutoff` is wall-clock time of the market, and has no zone of its own.
        Raises: TypeError if `at` is no instant; ValueError if it has no zone, or the cutoff has one.
        """
        local = self._local(at)
        if cutoff.tzinfo is not None:
            raise ValueError(f"the cutoff {cutoff!r} has a zone: it is wall-clock time of the market")
        return self.next_or_same(local.date()) if local.time() < cutoff else self.next(local.date())

    def trading_days(self, year: int) -> list[date]:
        """Return the trading days of a known year, in order."""
        self._check_year(year)
        return [day for day in self._days if day.year == year]

    def closed(self, year: int) -> list[Closure]:
        """Return the closures of a known year, in order of day: weekdays only."""
        self._check_year(year)
        return [closure for closure in self.closures if closure.day.year == year]

    def reason_closed(self, day: date) -> str | None:
        """Return why the market does not trade on `day` ("weekend" for any weekend day), None if it does."""
        if self.is_trading_day(day):
            return None
        reasons = [closure.reason for closure in self.closures if closure.day == day]
        return reasons[0] if reasons else "weekend"

    def _local(self, at: datetime) -> datetime:
        if not isinstance(at, datetime):
            raise TypeError(f"an instant is needed, not {at!r}")
        if at.utcoffset() is None:
            raise ValueError(f"the instant {at} has no zone")
        try:
            return at.astimezone(self.zone)
        except OverflowError:  # hours from the first or the last instant that Python can write
            raise self._out_of_range(at.date()) from None

    def _place(self, day: date) -> int:
        if isinstance(day, datetime):
            raise TypeError(f"a day is needed, not the instant {day}")
        if not self.first <= day <= self.last:
            raise self._out_of_range(day)
        return day.toordinal() - self.first.toordinal()

    def _trading_day(self, number: int) -> date:
        if number < 0:  # would count from the end of the tuple
            raise self._out_of_range(self.first - timedelta(days=1))
        if number >= len(self._days):
            raise self._out_of_range(self.last + timedelta(days=1))
        return self._days[number]

    def _check_year(self, year: int) -> None:
        if not self.first.year <= year <= self.last.year:
            raise self._out_of_range(date(min(max(year, date.min.year), date.max.year), 1, 1))

    def _out_of_range(self, day: date) -> DateOutOfRange:
        return DateOutOfRange(day, self.first, self.last, self.market)
