"""The seven-day yield: every figure that fund 000198 published for the second half of 2013, and the corners."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import model
from wallet.rules.parsing import parse_figure, parse_yield
from wallet.rules.yields import seven_day

LINES = (files("wallet") / "data" / "000198_2013H2.csv").read_text(encoding="utf-8").splitlines()
PUBLISHED = {
    date.fromisoformat(row["date"]): (parse_figure(row["income_per_10k"]), row["seven_day_annualised_pct"])
    for row in csv.DictReader(LINES)
}
FIRST_WITH_SEVEN_DAYS, LAST = date(2013, 7, 7), date(2013, 12, 31)


def test_every_published_figure_is_reproduced() -> None:
    wrong, day, compared = {}, FIRST_WITH_SEVEN_DAYS, 0
    while day <= LAST:
        incomes = [PUBLISHED[day - timedelta(back)][0] for back in range(7)]
        if seven_day(incomes) != parse_yield(PUBLISHED[day][1]):
            wrong[day] = (seven_day(incomes), PUBLISHED[day][1])
        day, compared = day + timedelta(1), compared + 1
    assert wrong == {}
    assert compared == 178
    assert len(PUBLISHED) == 184


@pytest.mark.parametrize(
    ("incomes", "thousandths"),
    [
        ([0], 0),
        ([10_000], 3717),  # 1.0001 ^ 365 - 1
        ([10_000] * 7, 3717),  # the same income every day: the same yield, however many days
        ([14143, 12611, 12613], 4906),
        ([0] * 6 + [70_000], 3716),
        ([-10_000], -3584),
        ([999_999] * 7, 3_678_330),
    ],
)
def test_with_the_days_there_are(incomes: list[int], thousandths: int) -> None:
    assert seven_day(incomes) == thousandths


@pytest.mark.parametrize(
    ("incomes", "thousandths"),
    [
        ([10_000] * 7, 3650),
        ([10_000], 3650),
        ([12495, 14143], 4861),  # 4861.435
        ([1], 0),  # 0.365
        ([2], 1),  # 0.73
        ([10] * 3 + [0, 0, 0], 2),  # 1.825
        ([20, 0], 4),  # 3.65
        ([30, 0, 0], 4),
        ([137], 50),  # 50.005
        ([-10_000], -3650),
    ],
)
def test_a_fund_that_carries_over_monthly(incomes: list[int], thousandths: int) -> None:
    assert seven_day(incomes, monthly=True) == thousandths


def test_a_half_goes_up() -> None:
    """365 / 10^3 x mean: a mean of 100 (in 1e-4 yuan) is 36.5 thousandths."""
    assert seven_day([100], monthly=True) == 37
    assert seven_day([300, 300, 300], monthly=True) == 110  # 109.5
    assert seven_day([99], monthly=True) == 36  # 36.135


@pytest.mark.parametrize("days", [0, 8])
def test_never_without_a_day_and_never_over_more_than_seven(days: int) -> None:
    with pytest.raises(AssertionError):
        seven_day([10_000] * days)


INCOMES = st.lists(st.integers(-999_999, 999_999), min_size=1, max_size=7)


@given(INCOMES)
def test_against_the_exact_computation_of_the_model(incomes: list[int]) -> None:
    assert seven_day(incomes) == int(model.seven_day(incomes).scaleb(3))
    assert seven_day(incomes, monthly=True) == int(model.seven_day_monthly(incomes).scaleb(3))


@given(INCOMES.flatmap(lambda incomes: st.tuples(st.just(incomes), st.permutations(incomes))))
def test_the_order_of_the_days_does_not_matter(both: tuple[list[int], list[int]]) -> None:
    assert seven_day(both[0]) == seven_day(both[1])
