"""The fund's figures, and a day's income over the register: plain whole numbers, computed by the simulator alone.

Units: shares in hundredths, income in fen, a figure in 1e-4 yuan per 10,000 shares, a seven-day yield in thousandths
of a percent. Source: rule book, sections 3 and 4.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from importlib.resources import files
from random import Random

SCALE = 10**8
"""Divides hundredths of a share times a figure into fen."""

USUAL, SPREAD = 12_000, 600
"""A figure that nobody published lies around 1.2000, by at most 0.0600."""

WEEK = 7


def allot(shares: Mapping[int, int], figure: int) -> dict[int, int]:
    """Return every holder's income: cut to 0.01, and what cutting leaves of the whole handed out, one fen each.

    The largest cut fraction comes first, of equal ones the lower number. Who holds nothing, or less, is left out.
    """
    income: dict[int, int] = {}
    fractions: list[tuple[int, int]] = []
    for holder, held in shares.items():
        if held > 0:
            income[holder], fraction = divmod(held * abs(figure), SCALE)
            fractions.append((-fraction, holder))
    left_over = -sum(fraction for fraction, _ in fractions) // SCALE
    for _, holder in sorted(fractions)[:left_over]:
        income[holder] += 1
    return income if figure >= 0 else {holder: -amount for holder, amount in income.items()}


def figure_of(fund: str, day: date, seed: int) -> int:
    """Return the income per 10,000 shares of a day: the published one, else one drawn from the seed."""
    found = _published(fund).get(day)
    return Random(f"{seed} figure {day}").randint(USUAL - SPREAD, USUAL + SPREAD) if found is None else found[0]


def seven_day_of(fund: str, day: date, first: date, seed: int) -> int:
    """Return the seven-day annualised yield of a day: the published one, else that of the figures since `first`."""
    found = _published(fund).get(day)
    if found is not None:
        return found[1]
    days = [day - timedelta(n) for n in range(min(WEEK, (day - first).days + 1))]
    growth = Decimal(1)
    for one in days:
        growth *= 1 + Decimal(figure_of(fund, one, seed)) / SCALE
    percent = (growth ** (Decimal(365) / len(days)) - 1) * 100
    return int((percent * 1000).quantize(Decimal(1), ROUND_HALF_UP))


@cache
def _published(fund: str) -> dict[date, tuple[int, int]]:
    """Read the packaged figures of a fund, if there are any: income per 10,000 and seven-day yield by day."""
    text = files("wallet").joinpath("data/000198_2013H2.csv").read_text(encoding="utf-8")
    return {
        date.fromisoformat(row["date"]): (
            int(Decimal(row["income_per_10k"]).scaleb(4)),
            int(Decimal(row["seven_day_annualised_pct"]).scaleb(3)),
        )
        for row in csv.DictReader(text.splitlines())
        if row["fund_code"] == fund
    }
