"""The packaged days against two sources kept by others, day by day."""

import importlib
import re
from datetime import date, timedelta

import pytest

from calendars import load

CALENDAR = load()
DAYS = [CALENDAR.first + timedelta(days=n) for n in range((CALENDAR.last - CALENDAR.first).days + 1)]


@pytest.mark.filterwarnings("ignore:Series.values")
def test_the_same_trading_days_as_exchange_calendars() -> None:
    xshg = importlib.import_module("exchange_calendars").get_calendar("XSHG", start="2013-01-01", end="2026-12-31")
    sessions = {session.date() for session in xshg.sessions}
    assert [day for day in DAYS if CALENDAR.is_trading_day(day) != (day in sessions)] == []
    assert len(sessions) == sum(len(CALENDAR.trading_days(year)) for year in range(2013, 2027))


def test_the_same_days_as_chinesecalendar_but_one() -> None:
    chinese = importlib.import_module("chinese_calendar")
    other = [day for day in DAYS if CALENDAR.is_trading_day(day) != (day.weekday() < 5 and chinese.is_workday(day))]
    # The State Council left New Year's Eve to employers; the exchange closed.
    assert other == [date(2024, 2, 9)]


def test_no_make_up_working_weekend_is_a_trading_day() -> None:
    chinese = importlib.import_module("chinese_calendar")
    make_up = [day for day in DAYS if day.weekday() >= 5 and chinese.is_workday(day)]
    assert len(make_up) > 80
    assert date(2014, 5, 4) in make_up
    assert [day for day in make_up if CALENDAR.is_trading_day(day)] == []


# Decided within the year, or for a holiday that begins in the last days of the year before.
SAME_YEAR = {date(2015, 9, 3), date(2015, 9, 4), date(2018, 12, 31), date(2020, 1, 31)}
SAME_YEAR |= {date(2019, 5, day) for day in (1, 2, 3)}


def test_every_closure_has_its_notice() -> None:
    for closure in CALENDAR.closures:
        if closure.day == date(2024, 2, 9):
            continue
        notice = re.fullmatch(r"(Guobanfa|Guofa) mingdian \[(\d{4})\] No\. \d+", closure.notice or "")
        assert notice, closure
        assert int(notice[2]) == closure.day.year - (closure.day not in SAME_YEAR), closure
