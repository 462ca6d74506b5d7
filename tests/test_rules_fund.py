"""A fund and its dated terms: which rules hold at an instant, and the trade date it belongs to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest

import calendars
from tests.desk import SHANGHAI, at, day
from wallet.errors import BeforeOpening, OutsideCalendar
from wallet.rules.fund import CUTOFF, SAMPLE_FUND, SAMPLE_TERMS, Fund, Terms
from wallet.rules.spending import OrderOfUse

FUND = Fund(SAMPLE_FUND, date(2013, 9, 16), SAMPLE_TERMS, calendars.load())

# Rule book, section 5, in yuan: from, minimum, holding cap, transfers-in a day, instant transfers-out a day.
LIMITS = [
    ("2013-06-01", 1, 1_000_000, None, 50_000),
    ("2017-05-27", 1, 250_000, None, 50_000),
    ("2017-08-14", 1, 100_000, None, 50_000),
    ("2017-12-08", 1, 100_000, 20_000, 50_000),
    ("2018-02-01", 1, 100_000, 20_000, 50_000),  # and a quota a day, which the sample leaves empty
    ("2018-06-06", 1, 100_000, 20_000, 10_000),
    ("2019-04-10", 1, None, None, 10_000),
]


@pytest.mark.parametrize(("text", "minimum", "cap", "daily", "instant"), LIMITS)
def test_the_limits_of_the_sample_fund(
    text: str, minimum: int, cap: int | None, daily: int | None, instant: int
) -> None:
    fen = {name: None if yuan is None else yuan * 100 for name, yuan in (("cap", cap), ("daily", daily))}
    first_instant = at(f"{text} 00:00")
    for terms in (FUND.terms_on(day(text)), FUND.terms_at(first_instant)):
        assert terms.valid_from == day(text)
        assert (terms.minimum, terms.instant_daily) == (minimum * 100, instant * 100)
        assert (terms.holding_cap, terms.transfer_in_daily) == (fen["cap"], fen["daily"])
        assert (terms.facility, terms.quota_daily, terms.suspended) == (1_000_000_000_00, None, ())
        assert terms.order_of_use is OrderOfUse.UNCONFIRMED_FIRST
    if text != LIMITS[0][0]:
        assert FUND.terms_at(first_instant - timedelta(microseconds=1)).valid_from < day(text)


def test_there_are_no_other_terms_and_they_hold_until_the_next() -> None:
    assert [terms.valid_from.isoformat() for terms in SAMPLE_TERMS] == [row[0] for row in LIMITS]
    assert FUND.terms_on(date(2026, 12, 31)) is SAMPLE_TERMS[-1]
    assert SAMPLE_FUND == "000198"


def test_terms_are_read_by_the_date_in_the_fund_zone() -> None:
    evening_in_utc = datetime(2017, 5, 26, 16, tzinfo=UTC)  # 00:00 of the 27th in Shanghai
    assert FUND.terms_at(evening_in_utc).valid_from == date(2017, 5, 27)
    assert FUND.terms_at(evening_in_utc - timedelta(microseconds=1)).valid_from == date(2013, 6, 1)


def test_a_suspension_includes_its_first_and_last_day() -> None:
    terms = Terms(date(2013, 6, 1), 1, None, None, None, None, 0, suspended=((day("09-17"), day("09-18")),))
    suspended = [terms.is_suspended(day(f"09-{n}")) for n in (16, 17, 18, 19)]
    assert suspended == [False, True, True, False]
    assert not SAMPLE_TERMS[0].is_suspended(day("09-17"))


# The table of the rule book, section 2, in the week of 2013-09-02 and with the exchange closed 09-19 to 09-22.
TRADE_DATES = [
    ("08-30 15:00:00", "09-02", "09-03"),  # Friday 15:00 …
    ("08-31 12:00:00", "09-02", "09-03"),
    ("09-02 14:59:59.999999", "09-02", "09-03"),  # … to Monday 15:00
    ("09-02 15:00:00", "09-03", "09-04"),
    ("09-03 15:00:00", "09-04", "09-05"),
    ("09-04 15:00:00", "09-05", "09-06"),
    ("09-05 15:00:00", "09-06", "09-09"),  # Thursday 15:00: confirmed on Monday
    ("09-06 14:59:59", "09-06", "09-09"),
    ("09-18 10:00:00", "09-18", "09-23"),
    ("09-18 15:00:00", "09-23", "09-24"),
    ("2014-05-04 10:00", "2014-05-05", "2014-05-06"),  # a working Sunday is no trading day
]


@pytest.mark.parametrize(("instant", "trade_date", "confirmation_date"), TRADE_DATES)
def test_the_trade_date_of_an_instant(instant: str, trade_date: str, confirmation_date: str) -> None:
    for when in (at(instant), at(instant).astimezone(UTC), at(instant).astimezone(timezone(timedelta(hours=-9)))):
        assert FUND.trade_date(when) == day(trade_date)
    assert FUND.confirmation_date(day(trade_date)) == day(confirmation_date)
    assert FUND.is_before_cutoff(at(instant), day(trade_date))


def test_the_cutoff_itself_is_after_it() -> None:
    assert time(15) == CUTOFF
    assert not FUND.is_before_cutoff(at("09-17 15:00:00"), day("09-17"))
    assert FUND.is_before_cutoff(at("09-17 14:59:59.999999"), day("09-17"))
    assert FUND.is_before_cutoff(datetime(2013, 9, 17, 6, 59, 59, tzinfo=UTC), day("09-17"))
    assert FUND.instant(day("09-17"), CUTOFF) == datetime(2013, 9, 17, 15, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("confirmed_on", "trade_date"),
    [("09-15", None), ("09-16", None), ("09-17", "09-16"), ("09-18", "09-17"), ("09-23", "09-18")],
)
def test_what_is_confirmed_on_a_day(confirmed_on: str, trade_date: str | None) -> None:
    assert FUND.previous_trade_date(day(confirmed_on)) == (day(trade_date) if trade_date else None)


def test_a_book_opened_on_a_closed_day_has_no_trade_date_before_it() -> None:
    on_sunday = Fund("000198", day("09-15"), SAMPLE_TERMS, FUND.calendar)
    assert on_sunday.previous_trade_date(day("09-16")) is None
    assert on_sunday.previous_trade_date(day("09-17")) == day("09-16")


@pytest.mark.parametrize("on", ["2013-01-01", "2013-01-02", "2013-01-04"])
def test_a_book_opened_with_the_calendar_has_no_trade_date_before_its_first_trading_day(on: str) -> None:
    at_new_year = Fund("000198", day("2013-01-01"), SAMPLE_TERMS, FUND.calendar)
    assert at_new_year.previous_trade_date(day(on)) is None
    assert at_new_year.previous_trade_date(day("2013-01-05")) == day("2013-01-04")
    with pytest.raises(OutsideCalendar):
        at_new_year.previous_trade_date(FUND.calendar.last + timedelta(1))


# Dates that are refused


def test_the_books_open_at_midnight_in_the_fund_zone() -> None:
    assert FUND.day(at("09-16 00:00")) == day("09-16")
    assert FUND.day(datetime(2013, 9, 15, 16, tzinfo=UTC)) == day("09-16")
    with pytest.raises(BeforeOpening) as caught:
        FUND.day(at("09-15 23:59:59.999999"))
    assert (caught.value.day, caught.value.opened_on) == (day("09-15"), day("09-16"))


def test_nothing_is_guessed_beyond_the_calendar() -> None:
    first, last = FUND.calendar.first, FUND.calendar.last
    assert FUND.known(first) == first
    assert FUND.known(last) == last
    beyond = datetime.combine(last, time(15), SHANGHAI)
    calls: list[Callable[[], object]] = [
        lambda: FUND.known(first - timedelta(1)),
        lambda: FUND.known(last + timedelta(1)),
        lambda: FUND.day(beyond + timedelta(1)),
        lambda: FUND.day(datetime(1990, 1, 1, tzinfo=UTC)),
        lambda: FUND.trade_date(beyond),
        lambda: FUND.confirmation_date(FUND.calendar.previous_or_same(last)),
    ]
    for refused in calls:
        with pytest.raises(OutsideCalendar) as caught:
            refused()
        assert (caught.value.first, caught.value.last) == (first, last)
        assert f", the {'first' if caught.value.day < first else 'last'} day of the shanghai calendar: " in str(
            caught.value
        )


@pytest.mark.parametrize(
    "at_the_end_of_time",
    [
        datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))),
    ],
)
def test_instants_that_no_other_zone_can_write_are_outside_too(at_the_end_of_time: datetime) -> None:
    for refused in (FUND.day, FUND.trade_date):
        with pytest.raises(OutsideCalendar):
            refused(at_the_end_of_time)


def test_the_chart_is_in_the_unit_of_the_fund() -> None:
    assert FUND.chart["shares"].unit == SAMPLE_FUND
