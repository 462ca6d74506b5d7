"""The seven-day annualised yield. Source: rule book, section 4; it reproduces the published figures of 000198."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal, localcontext

YEAR = 365
"""Days of a year, leap years too."""


def seven_day(incomes: Sequence[int], *, monthly: bool = False) -> int:
    """Return the annualised yield of up to seven days, in thousandths of a percent, rounded half up.

    Shape: `incomes` are the last seven calendar days' incomes per 10,000 shares in 1e-4 yuan, or the days
    there are, in any order. `monthly` is for funds that carry over monthly (simple, not compounded).
    """
    assert 1 <= len(incomes) <= 7, incomes
    with localcontext(prec=50):
        days = Decimal(len(incomes))
        if monthly:
            percent = Decimal(sum(incomes)) / days * YEAR / 10**8 * 100
        else:
            product = Decimal(1)
            for income in incomes:
                product *= 1 + Decimal(income) / 10**8
            percent = (product ** (YEAR / days) - 1) * 100
        return int((percent * 1000).quantize(Decimal(1), ROUND_HALF_UP))
