"""Why a fen more or less, and why a day later: the reasons against the arithmetic that they explain."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import calendars
from calendars import Closure
from tests.desk import at, day
from wallet.errors import OutsideCalendar
from wallet.rules.explanation import Extra, Received, Share, closed_days, received, share
from wallet.rules.fund import SAMPLE_TERMS, Fund
from wallet.rules.income import SCALE, Allocation, allocate, amounts

BOOK = Fund("000198", date(2013, 9, 16), SAMPLE_TERMS, calendars.load())
LEFT = Allocation(pool=0, whole=2, cut=0, threshold=50_000_000, last_tie=5)


@pytest.mark.parametrize(
    ("number", "holding", "rate", "why", "extra"),
    [
        (5, 100_00, 5001, Extra.LARGER, 1),
        (6, 100_00, 5001, Extra.LARGER, 1),
        (4, 100_00, 5000, Extra.TIE_WON, 1),
        (5, 100_00, 5000, Extra.TIE_WON, 1),
        (6, 100_00, 5000, Extra.TIE_LOST, 0),
        (5, 100_00, 4999, Extra.SMALLER, 0),
        (5, 100_00, -5001, Extra.LARGER, -1),
        (5, 100_00, -5000, Extra.TIE_WON, -1),
        (6, 100_00, -5000, Extra.TIE_LOST, 0),
    ],
)
def test_who_gets_a_fen_more(number: int, holding: int, rate: int, why: Extra, extra: int) -> None:
    """A hundred shares at 0.5000 are half a fen, which is the threshold here; number 5 is the last of equal ones."""
    found = share(number, holding, rate, LEFT)
    assert found == Share(holding * rate, 0, holding * abs(rate), why, extra)


def test_where_cutting_left_nothing_over_nobody_gets_a_fen() -> None:
    assert share(0, 3333_33, 1_2495, Allocation(pool=0, whole=41, cut=41)).why is Extra.NOTHING_LEFT


@pytest.mark.parametrize(
    ("rate", "exact", "cut", "remainder"),
    [(1_2495, 4164995835, 41, 64995835), (-1_2495, -4164995835, -41, 64995835), (0, 0, 0, 0)],
)
def test_what_is_cut_is_known_before_it_is_allocated(rate: int, exact: int, cut: int, remainder: int) -> None:
    assert share(2, 3333_33, rate, None) == Share(exact, cut, remainder, None, None)


@given(
    st.lists(st.integers(0, 10**13) | st.sampled_from([0, 89_28, 89_29, 66_66]), min_size=1, max_size=8),
    st.integers(-999_999, 999_999),
)
def test_the_reasons_add_up_to_the_income(holdings: list[int], rate: int) -> None:
    holders, held = np.arange(len(holdings)), np.array(holdings, np.int64)
    allocation = allocate(holders, held, rate)
    told = [share(number, holding, rate, allocation) for number, holding in enumerate(holdings)]
    sign = -1 if rate < 0 else 1
    assert [s.cut + (s.extra or 0) for s in told] == [sign * n for n in amounts(holders, held, rate, allocation)]
    assert all(s.exact == s.cut * SCALE + sign * s.remainder for s in told)


@pytest.mark.parametrize(
    ("instant", "how"),
    [
        ("09-16 00:00:00", Received.BEFORE_CUTOFF),
        ("09-16 14:59:59.999999", Received.BEFORE_CUTOFF),
        ("09-16 15:00:00", Received.FROM_CUTOFF_ON),
        ("09-18 23:59:59", Received.FROM_CUTOFF_ON),
        ("09-19 00:00:00", Received.ON_CLOSED_DAY),
        ("09-21 15:00:00", Received.ON_CLOSED_DAY),
    ],
)
def test_how_an_order_lies_to_the_cutoff(instant: str, how: Received) -> None:
    assert received(BOOK, at(instant)) is how


def test_nothing_is_said_of_an_instant_beyond_the_calendar() -> None:
    with pytest.raises(OutsideCalendar):
        received(BOOK, at("2050-01-01 10:00"))


def test_closed_days_have_their_reason_and_notice() -> None:
    notice = "Guobanfa mingdian [2012] No. 33"
    festival = [Closure(day(f"09-{n}"), "Mid-Autumn Festival", notice) for n in (19, 20)]
    weekend = [Closure(day(f"09-{n}"), "weekend") for n in (21, 22)]
    calendar = calendars.load()
    assert closed_days(calendar, day("09-18"), day("09-23")) == festival + weekend
    assert closed_days(calendar, day("09-19"), day("09-19")) == festival[:1]
    assert closed_days(calendar, day("09-20"), day("09-21")) == [festival[1], weekend[0]]
    assert closed_days(calendar, day("09-23"), day("09-22")) == closed_days(calendar, day("09-16"), day("09-18")) == []
