"""Amounts and figures as text; `rules.parsing` is the way back.

Units: an amount is in fen (or hundredths of a share), a figure in 1e-4 yuan per 10,000 shares, a seven-day
yield in thousandths of a percent.
"""

from __future__ import annotations


def show_amount(fen: int) -> str:
    """Return fen as text with two decimals."""
    return _show(fen, 2)


def show_figure(income_per_10k: int) -> str:
    """Return an income per 10,000 shares as text with four decimals."""
    return _show(income_per_10k, 4)


def show_yield(seven_day: int) -> str:
    """Return a seven-day annualised yield as text with three decimals."""
    return _show(seven_day, 3)


def show_exact(income: int) -> str:
    """Return an exact income, or a remainder of one, in 1e-8 fen as yuan with ten decimals."""
    return _show(income, 10)


def _show(value: int, decimals: int) -> str:
    whole, part = divmod(abs(value), 10**decimals)
    return f"{'-' if value < 0 else ''}{whole}.{part:0{decimals}d}"
