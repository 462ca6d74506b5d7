"""A fund and its dated terms: which rules hold at an instant, and to which trade date it belongs.

Terms are versions, each whole and valid from a date; an order is judged by the terms of its own instant.
Source: rule book, sections 2 and 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time

from calendars import DateOutOfRange, TradingCalendar
from wallet.errors import BeforeOpening, OutsideCalendar
from wallet.rules.chart import Chart, chart
from wallet.rules.spending import OrderOfUse

CUTOFF = time(15, 0)
"""Orders from this instant on belong to the next trading day. Source: rule book, section 2."""


@dataclass(frozen=True, slots=True)
class Terms:
    """One version of a fund's terms. Units: fen; None is no limit; `suspended` are first and last days, inclusive.

    `four_eyes` names the operations that a second operator has to approve.
    """

    valid_from: date
    minimum: int
    holding_cap: int | None
    transfer_in_daily: int | None
    quota_daily: int | None
    instant_daily: int | None
    facility: int
    order_of_use: OrderOfUse = OrderOfUse.UNCONFIRMED_FIRST
    suspended: tuple[tuple[date, date], ...] = ()
    four_eyes: tuple[str, ...] = ()

    def is_suspended(self, day: date) -> bool:
        """Tell whether purchases are suspended on `day`."""
        return any(first <= day <= last for first, last in self.suspended)


@dataclass(frozen=True, slots=True)
class Fund:
    """A fund's book as the services need it: code, opening day, terms in order of validity, trading calendar."""

    code: str
    opened_on: date
    terms: tuple[Terms, ...]
    calendar: TradingCalendar
    cutoff: time = CUTOFF

    @property
    def chart(self) -> Chart:
        """Return the chart of accounts of the fund's book."""
        return chart(self.code)

    def day(self, at: datetime) -> date:
        """Return the fund's calendar day of an instant. Raises: OutsideCalendar, BeforeOpening."""
        try:
            day = self.known(self.calendar.local_date(at))
        except DateOutOfRange as error:
            raise OutsideCalendar(error) from error
        if day < self.opened_on:
            raise BeforeOpening(day, self.opened_on)
        return day

    def known(self, day: date) -> date:
        """Return `day` if the trading calendar knows it. Raises: OutsideCalendar."""
        if not self.calendar.first <= day <= self.calendar.last:
            raise OutsideCalendar(DateOutOfRange(day, self.calendar.first, self.calendar.last, self.calendar.market))
        return day

    def trade_date(self, at: datetime) -> date:
        """Return the trading day an order at `at` belongs to. Raises: OutsideCalendar."""
        try:
            return self.calendar.trade_date(at, self.cutoff)
        except DateOutOfRange as error:
            raise OutsideCalendar(error) from error

    def confirmation_date(self, trade_date: date) -> date:
        """Return the day on which orders of `trade_date` are confirmed, T+1. Raises: OutsideCalendar."""
        try:
            return self.calendar.next(trade_date)
        except DateOutOfRange as error:
            raise OutsideCalendar(error) from error

    def previous_trade_date(self, day: date) -> date | None:
        """Return the trade date that is confirmed on `day`; None before the first one of the book.

        Raises: OutsideCalendar.
        """
        try:
            previous = self.calendar.previous(self.known(day))
        except DateOutOfRange:  # the books were opened before the first trading day that is known
            return None
        return previous if previous >= self.opened_on else None

    def instant(self, day: date, of_day: time) -> datetime:
        """Return the instant of a time of day in the fund's zone."""
        return datetime.combine(day, of_day, self.calendar.zone)

    def is_before_cutoff(self, at: datetime, trade_date: date) -> bool:
        """Tell whether `at` is before 15:00:00 of `trade_date`."""
        return at < self.instant(trade_date, self.cutoff)

    def terms_at(self, at: datetime) -> Terms:
        """Return the terms of an instant."""
        return self.terms_on(self.calendar.local_date(at))

    def terms_on(self, day: date) -> Terms:
        """Return the terms of a day; the opening day is never before the first version."""
        return next(terms for terms in reversed(self.terms) if terms.valid_from <= day)

    def needs_approval(self, operation: str, *days: date) -> bool:
        """Tell whether the terms of one of these days want a second operator for an operation."""
        return any(operation in self.terms_on(max(day, self.opened_on)).four_eyes for day in days)


def _yuan(amount: int) -> int:
    return amount * 100


_FACILITY = _yuan(1_000_000_000)

SAMPLE_FUND = "000198"
SAMPLE_TERMS: tuple[Terms, ...] = (
    Terms(date(2013, 6, 1), 100, _yuan(1_000_000), None, None, _yuan(50_000), _FACILITY),
    Terms(date(2017, 5, 27), 100, _yuan(250_000), None, None, _yuan(50_000), _FACILITY),
    Terms(date(2017, 8, 14), 100, _yuan(100_000), None, None, _yuan(50_000), _FACILITY),
    Terms(date(2017, 12, 8), 100, _yuan(100_000), _yuan(20_000), None, _yuan(50_000), _FACILITY),
    Terms(date(2018, 2, 1), 100, _yuan(100_000), _yuan(20_000), None, _yuan(50_000), _FACILITY),
    Terms(date(2018, 6, 6), 100, _yuan(100_000), _yuan(20_000), None, _yuan(10_000), _FACILITY),
    Terms(date(2019, 4, 10), 100, None, None, None, _yuan(10_000), _FACILITY),
)
"""The terms of 000198; its quota of 2018-02-01 and its suspensions are left empty. Source: rule book, section 5."""
