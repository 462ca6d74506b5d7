"""Trading days and trade dates: worked examples, the bounds, and the laws of moving between days."""

import copy
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

import calendars
from calendars import DateOutOfRange, TradingCalendar, load

CALENDAR = load()
SHANGHAI = CALENDAR.zone
CUTOFF = time(15)
DAY = timedelta(days=1)
NEW_YEAR_2027 = date(2027, 1, 1)


def at(text: str) -> datetime:
    """An instant by the exchange's clock."""
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


# Trade dates

# A week without holidays (2014-03-10 is a Monday): a transfer-in from the first instant, included, to the
# second, not included; its trade date; its confirmation date, which is the first day that earns.
WEEK = [
    ("2014-03-07 15:00", "2014-03-10 15:00", date(2014, 3, 10), date(2014, 3, 11)),
    ("2014-03-10 15:00", "2014-03-11 15:00", date(2014, 3, 11), date(2014, 3, 12)),
    ("2014-03-11 15:00", "2014-03-12 15:00", date(2014, 3, 12), date(2014, 3, 13)),
    ("2014-03-12 15:00", "2014-03-13 15:00", date(2014, 3, 13), date(2014, 3, 14)),
    ("2014-03-13 15:00", "2014-03-14 15:00", date(2014, 3, 14), date(2014, 3, 17)),
]


@pytest.mark.parametrize(("start", "end", "trade_date", "confirmation"), WEEK)
def test_a_week_without_holidays(start: str, end: str, trade_date: date, confirmation: date) -> None:
    instant = at(start)
    while instant < at(end):
        assert CALENDAR.trade_date(instant, CUTOFF) == trade_date
        instant += timedelta(minutes=30)
    assert CALENDAR.trade_date(at(end) - timedelta(microseconds=1), CUTOFF) == trade_date
    assert CALENDAR.trade_date(at(end), CUTOFF) > trade_date
    assert CALENDAR.shift(trade_date, 1) == confirmation


def test_over_the_mid_autumn_festival_of_2013() -> None:
    # The exchange is closed from Thursday 09-19 to Sunday 09-22.
    before = CALENDAR.trade_date(at("2013-09-18 10:00"), CUTOFF)
    assert (before, CALENDAR.shift(before, 1)) == (date(2013, 9, 18), date(2013, 9, 23))
    for late in ("2013-09-18 15:00", "2013-09-19 09:00", "2013-09-20 16:00", "2013-09-22 23:59:59"):
        after = CALENDAR.trade_date(at(late), CUTOFF)
        assert (after, CALENDAR.shift(after, 1)) == (date(2013, 9, 23), date(2013, 9, 24))


def test_the_cutoff_belongs_to_the_next_trading_day() -> None:
    assert CALENDAR.trade_date(at("2013-09-18 14:59:59.999999"), CUTOFF) == date(2013, 9, 18)
    assert CALENDAR.trade_date(at("2013-09-18 15:00:00"), CUTOFF) == date(2013, 9, 23)
    assert CALENDAR.trade_date(at("2013-09-18 15:00:00"), time(15, 0, 1)) == date(2013, 9, 18)
    assert CALENDAR.trade_date(at("2013-09-18 00:00:00"), time(0)) == date(2013, 9, 23)


def test_an_instant_is_read_in_the_zone_of_the_exchange() -> None:
    assert CALENDAR.trade_date(datetime(2013, 9, 18, 6, 59, 59, tzinfo=UTC), CUTOFF) == date(2013, 9, 18)
    assert CALENDAR.trade_date(datetime(2013, 9, 18, 7, 0, 0, tzinfo=UTC), CUTOFF) == date(2013, 9, 23)
    tuesday_evening = datetime(2013, 9, 17, 18, 0, tzinfo=timezone(-8 * timedelta(hours=1)))
    assert CALENDAR.local_date(tuesday_evening) == CALENDAR.trade_date(tuesday_evening, CUTOFF) == date(2013, 9, 18)
    assert CALENDAR.local_date(datetime(2026, 12, 31, 16, tzinfo=UTC)) == NEW_YEAR_2027


def test_a_naive_instant_is_refused() -> None:
    for ask in (CALENDAR.local_date, lambda naive: CALENDAR.trade_date(naive, CUTOFF)):
        with pytest.raises(ValueError, match="has no zone"):
            ask(datetime(2013, 9, 18, 10))


def test_days_and_instants_are_not_mixed_up() -> None:
    with pytest.raises(TypeError, match="an instant is needed"):
        CALENDAR.trade_date(date(2013, 9, 18), CUTOFF)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a day is needed"):
        CALENDAR.next(at("2013-09-18 10:00"))
    with pytest.raises(ValueError, match="the cutoff"):
        CALENDAR.trade_date(at("2013-09-18 10:00"), time(15, tzinfo=UTC))


# Days known by heart


@pytest.mark.parametrize(
    ("day", "reason"),
    [
        (date(2014, 5, 4), "weekend"),  # a Sunday on which China worked
        (date(2024, 2, 9), "Spring Festival, New Year's Eve"),  # a working day on which the exchange was closed
        (date(2015, 9, 3), "Victory Day, 70th anniversary"),
        (date(2020, 1, 31), "Spring Festival, extended"),
        (date(2018, 12, 31), "New Year's Day"),
        (date(2023, 9, 29), "National Day and Mid-Autumn Festival"),
        (date(2023, 9, 30), "weekend"),
        (date(2026, 10, 7), "National Day"),
    ],
)
def test_closed_days(day: date, reason: str) -> None:
    assert not CALENDAR.is_trading_day(day)
    assert CALENDAR.reason_closed(day) == reason


@pytest.mark.parametrize(
    "day", [date(2013, 1, 4), date(2014, 5, 5), date(2020, 2, 3), date(2024, 2, 8), date(2026, 12, 31)]
)
def test_trading_days(day: date) -> None:
    assert CALENDAR.is_trading_day(day)
    assert CALENDAR.reason_closed(day) is None


def test_a_year() -> None:
    days = CALENDAR.trading_days(2024)
    closed = CALENDAR.closed(2024)
    weekdays = [day for n in range(366) if (day := date(2024, 1, 1) + n * DAY).weekday() < 5]
    assert sorted(days + [closure.day for closure in closed]) == weekdays
    assert (len(days), days[0], days[-1]) == (242, date(2024, 1, 2), date(2024, 12, 31))
    assert closed[0] == calendars.Closure(date(2024, 1, 1), "New Year's Day", "Guobanfa mingdian [2023] No. 7")
    assert closed[1].notice == "Shanghai Stock Exchange, 2023-12-26"


# The bounds


def test_the_bounds_are_whole_years() -> None:
    assert (CALENDAR.first, CALENDAR.last) == (date(2013, 1, 1), date(2026, 12, 31))


def test_a_calendar_ends_with_its_last_day_also_if_the_next_one_is_a_weekday() -> None:
    one_week = TradingCalendar("any", CALENDAR.zone, date(2013, 9, 16), date(2013, 9, 19), ())
    assert [one_week.next(date(2013, 9, n)).day for n in (16, 17, 18)] == [17, 18, 19]
    for ask in (one_week.next, lambda day: one_week.shift(day, 1)):
        with pytest.raises(DateOutOfRange):
            ask(date(2013, 9, 19))


def test_the_first_and_last_answers() -> None:
    assert CALENDAR.next_or_same(CALENDAR.first) == date(2013, 1, 4)
    assert CALENDAR.previous_or_same(CALENDAR.last) == CALENDAR.last
    assert CALENDAR.trade_date(at("2026-12-31 14:59:59"), CUTOFF) == CALENDAR.last
    assert CALENDAR.shift(date(2013, 1, 4), len(CALENDAR._days) - 1) == CALENDAR.last


BEYOND = [
    ("the day after the last", NEW_YEAR_2027, lambda: CALENDAR.is_trading_day(NEW_YEAR_2027)),
    ("next of the last", NEW_YEAR_2027, lambda: CALENDAR.next(CALENDAR.last)),
    ("shift from the last", NEW_YEAR_2027, lambda: CALENDAR.shift(CALENDAR.last, 1)),
    ("shift far", NEW_YEAR_2027, lambda: CALENDAR.shift(date(2014, 5, 5), 10**6)),
    ("the last cutoff", NEW_YEAR_2027, lambda: CALENDAR.trade_date(at("2026-12-31 15:00:00"), CUTOFF)),
    ("an instant beyond", NEW_YEAR_2027, lambda: CALENDAR.trade_date(at("2027-01-01 10:00"), CUTOFF)),
    ("a year", NEW_YEAR_2027, lambda: CALENDAR.trading_days(2027)),
    ("closed in a year", NEW_YEAR_2027, lambda: CALENDAR.closed(2027)),
    ("a year no date can have", date(9999, 1, 1), lambda: CALENDAR.closed(12345)),
    ("the last instant of all", date(9999, 12, 31), lambda: CALENDAR.local_date(datetime.max.replace(tzinfo=UTC))),
    ("the day before the first", date(2012, 12, 31), lambda: CALENDAR.reason_closed(date(2012, 12, 31))),
    ("previous of the first", date(2012, 12, 31), lambda: CALENDAR.previous(CALENDAR.first)),
    ("previous of the first trading day", date(2012, 12, 31), lambda: CALENDAR.previous(date(2013, 1, 4))),
    ("previous or same, closed", date(2012, 12, 31), lambda: CALENDAR.previous_or_same(date(2013, 1, 3))),
    ("shift before the first", date(2012, 12, 31), lambda: CALENDAR.shift(date(2013, 1, 4), -1)),
    ("a year before", date(2012, 1, 1), lambda: CALENDAR.trading_days(2012)),
]


@pytest.mark.parametrize(("day", "ask"), [case[1:] for case in BEYOND], ids=[case[0] for case in BEYOND])
def test_beyond_the_bounds_nothing_is_guessed(day: date, ask: Callable[[], object]) -> None:
    with pytest.raises(DateOutOfRange) as caught:
        ask()
    error = caught.value
    assert (error.day, error.first, error.last) == (day, CALENDAR.first, CALENDAR.last)
    assert error.market == "shanghai"
    assert str(day) in str(error)
    assert isinstance(error, calendars.CalendarError)
    assert isinstance(error, ValueError)


def test_the_refusal_says_what_to_extend() -> None:
    with pytest.raises(DateOutOfRange) as caught:
        CALENDAR.next(CALENDAR.last)
    assert str(caught.value) == (
        "2027-01-01 is after 2026-12-31, the last day of the shanghai calendar: "
        "the last known year is 2026, extend it with a calendar file for 2027"
    )
    with pytest.raises(DateOutOfRange, match="the first known year is 2013, extend it with a calendar file for 2012"):
        CALENDAR.previous(CALENDAR.first)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


# Counting from a closed day


@pytest.mark.parametrize("n", [-1, 0, 1])
def test_nothing_is_counted_from_a_closed_day(n: int) -> None:
    with pytest.raises(ValueError, match=r"2013-09-19 is no trading day \(Mid-Autumn Festival\)"):
        CALENDAR.shift(date(2013, 9, 19), n)
    with pytest.raises(ValueError, match=r"2014-05-04 is no trading day \(weekend\)"):
        CALENDAR.shift(date(2014, 5, 4), n)


# The laws of moving between days, each against a walk from day to day

days = st.dates(CALENDAR.first, CALENDAR.last)
inner_days = st.dates(date(2013, 2, 1), date(2026, 11, 30))
trading_days = st.sampled_from([day for year in range(2013, 2027) for day in CALENDAR.trading_days(year)])


def walk(day: date, step: timedelta) -> date:
    while not CALENDAR.is_trading_day(day):
        day += step
    return day


@given(inner_days)
def test_moves_are_walks(day: date) -> None:
    assert CALENDAR.next(day) == walk(day + DAY, DAY)
    assert CALENDAR.next_or_same(day) == walk(day, DAY)
    assert CALENDAR.previous(day) == walk(day - DAY, -DAY)
    assert CALENDAR.previous_or_same(day) == walk(day, -DAY)


@given(inner_days)
def test_or_same_is_idempotent(day: date) -> None:
    for move in (CALENDAR.next_or_same, CALENDAR.previous_or_same):
        assert move(move(day)) == move(day)
        assert (move(day) == day) == CALENDAR.is_trading_day(day)


@given(trading_days.filter(lambda day: date(2013, 1, 4) < day < CALENDAR.last))
def test_next_and_previous_undo_each_other(day: date) -> None:
    assert CALENDAR.previous(CALENDAR.next(day)) == day == CALENDAR.next(CALENDAR.previous(day))
    assert CALENDAR.shift(day, 1) == CALENDAR.next(day)
    assert CALENDAR.shift(day, -1) == CALENDAR.previous(day)


@given(trading_days, trading_days, trading_days)
def test_shifts_add_up(start: date, middle: date, end: date) -> None:
    every = CALENDAR._days
    there, on = every.index(middle) - every.index(start), every.index(end) - every.index(middle)
    assert CALENDAR.shift(start, 0) == start
    assert CALENDAR.shift(start, there) == middle
    assert CALENDAR.shift(CALENDAR.shift(start, there), on) == CALENDAR.shift(start, there + on) == end


@given(days)
def test_a_day_is_open_or_has_a_reason(day: date) -> None:
    listed = [closure.reason for closure in CALENDAR.closed(day.year) if closure.day == day]
    if CALENDAR.is_trading_day(day):
        assert CALENDAR.reason_closed(day) is None
        assert not listed
        assert day in CALENDAR.trading_days(day.year)
    else:
        assert CALENDAR.reason_closed(day) == (listed or ["weekend"])[0]


# In the zone of the exchange these begin on 2013-01-01 at the earliest, for zones are at most a day apart.
instants = st.datetimes(datetime(2013, 1, 2, 1), datetime(2026, 12, 20), timezones=st.timezones())


@given(instants, st.times())
def test_a_trade_date_is_the_first_whose_cutoff_is_still_to_come(instant: datetime, cutoff: time) -> None:
    trade_date = CALENDAR.trade_date(instant, cutoff)
    day = CALENDAR.local_date(instant)
    while not (CALENDAR.is_trading_day(day) and instant < datetime.combine(day, cutoff, SHANGHAI)):
        day += DAY
    assert trade_date == day


@given(instants, st.timedeltas(timedelta(0), 9 * DAY))
def test_trade_dates_follow_the_order_of_instants(instant: datetime, later: timedelta) -> None:
    utc = instant.astimezone(UTC)
    assert CALENDAR.trade_date(utc, CUTOFF) <= CALENDAR.trade_date(utc + later, CUTOFF)


# The object


def test_the_plain_calendar_is_loaded_once() -> None:
    assert load() is load("shanghai") is load("shanghai", extra=[]) is CALENDAR


def test_a_calendar_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        CALENDAR.last = date(2030, 12, 31)  # type: ignore[misc]
    with pytest.raises(TypeError):
        CALENDAR.closures[0] = None  # type: ignore[index]
    CALENDAR.trading_days(2024).clear()
    assert len(CALENDAR.trading_days(2024)) == 242


def test_a_calendar_can_be_sent_to_another_process() -> None:
    for twin in (copy.deepcopy(CALENDAR), pickle.loads(pickle.dumps(CALENDAR))):
        assert twin.trade_date(at("2013-09-18 15:00"), CUTOFF) == date(2013, 9, 23)


def test_a_calendar_says_what_it_is() -> None:
    assert "market='shanghai'" in repr(CALENDAR)
    assert len(repr(CALENDAR)) < 200


def test_an_unknown_market_is_refused() -> None:
    with pytest.raises(calendars.CalendarError, match="there is no trading calendar for 'tokyo', only for shanghai"):
        load("tokyo")
    with pytest.raises(calendars.CalendarError):
        load("../shanghai")


def test_an_answer_is_a_plain_date_whatever_was_asked_with() -> None:
    pendulum = pytest.importorskip("pendulum")
    instant = pendulum.datetime(2013, 9, 18, 14, 59, 59, tz="Asia/Shanghai")
    assert type(CALENDAR.local_date(instant)) is date
    assert CALENDAR.local_date(instant) == CALENDAR.trade_date(instant, CUTOFF) == date(2013, 9, 18)
    assert CALENDAR.trade_date(instant.add(seconds=1), CUTOFF) == date(2013, 9, 23)
    assert type(CALENDAR.next_or_same(pendulum.date(2013, 9, 18))) is date
