"""Amounts and figures as text: two, four and three decimals, never a float."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet.rules.amounts import show_amount, show_exact, show_figure, show_yield


@pytest.mark.parametrize(
    ("fen", "text"),
    [
        (0, "0.00"),
        (1, "0.01"),
        (-1, "-0.01"),
        (10, "0.10"),
        (99, "0.99"),
        (100, "1.00"),
        (-12_345, "-123.45"),
        (10**13, "100000000000.00"),
        (2**63 - 1, "92233720368547758.07"),
    ],
)
def test_an_amount_has_two_decimals(fen: int, text: str) -> None:
    assert show_amount(fen) == text


@pytest.mark.parametrize(
    ("figure", "text"), [(0, "0.0000"), (14143, "1.4143"), (5, "0.0005"), (-5000, "-0.5000"), (999_999, "99.9999")]
)
def test_a_figure_has_four_decimals(figure: int, text: str) -> None:
    assert show_figure(figure) == text


@pytest.mark.parametrize(("seven_day", "text"), [(0, "0.000"), (6307, "6.307"), (-50, "-0.050"), (21, "0.021")])
def test_a_yield_has_three_decimals(seven_day: int, text: str) -> None:
    assert show_yield(seven_day) == text


@pytest.mark.parametrize(("exact", "text"), [(0, "0.0000000000"), (12495000000, "1.2495000000"), (-1, "-0.0000000001")])
def test_an_exact_income_has_ten_decimals(exact: int, text: str) -> None:
    assert show_exact(exact) == text


@given(st.integers(-(2**63), 2**63 - 1))
def test_text_says_the_exact_number(number: int) -> None:
    for show, decimals in ((show_amount, 2), (show_figure, 4), (show_yield, 3), (show_exact, 10)):
        text = show(number)
        assert Decimal(text).scaleb(decimals) == number
        assert len(text.partition(".")[2]) == decimals
