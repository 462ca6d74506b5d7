"""Amounts and figures read from text; nothing else in the program reads them, `rules.amounts` is the way back.

Units: an amount is in fen (or hundredths of a share), a figure in 1e-4 yuan per 10,000 shares, a seven-day
yield in thousandths of a percent. Only ASCII digits and one point are accepted, never a float.
"""

from __future__ import annotations

import re
from datetime import date, datetime, tzinfo

from ledger.model import LARGEST
from wallet.errors import InvalidAmount, InvalidFigure, InvalidRequest
from wallet.rules.amounts import show_amount, show_figure

_AMOUNT = re.compile(r"(0|[1-9][0-9]{0,13})(?:\.([0-9]{1,2}))?", re.ASCII)
_FIGURE = re.compile(r"(-?)(0|[1-9][0-9]{0,3})(?:\.([0-9]{1,4}))?", re.ASCII)
_YIELD = re.compile(r"(-?)(0|[1-9][0-9]{0,5})(?:\.([0-9]{1,3}))?", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]"
_INSTANT = re.compile(
    rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ]{_CLOCK}(:[0-5][0-9](\.[0-9]{{1,6}})?)?(Z|[+-]{_CLOCK})?", re.ASCII
)

LARGEST_FIGURE = 10**6
"""A figure is below 100 yuan per 10,000 shares (1 % a day), either way."""


def parse_amount(text: str, least: int = 1) -> int:
    """Return fen, at least `least`, from text such as "100" or "100.05". Raises: InvalidAmount."""
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise InvalidAmount(text, "an amount is written like 100 or 100.05, with at most two decimals")
    fen = int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))
    if fen < least:
        raise InvalidAmount(text, f"an amount is at least {show_amount(least)}")
    if fen > LARGEST:
        raise InvalidAmount(text, f"no amount is larger than {show_amount(LARGEST)}")
    return fen


def parse_figure(text: str) -> int:
    """Return an income per 10,000 shares from text such as "1.2495" or "-0.5". Raises: InvalidFigure."""
    return _parse(_FIGURE, text, 4, "an income per 10,000 shares is written like 1.2495, with at most four decimals")


def parse_yield(text: str) -> int:
    """Return a seven-day annualised yield from text such as "6.307". Raises: InvalidFigure."""
    return _parse(_YIELD, text, 3, "a seven-day yield is written like 6.307, with at most three decimals")


def _parse(pattern: re.Pattern[str], text: str, decimals: int, rule: str) -> int:
    match = pattern.fullmatch(text)
    if match is None:
        raise InvalidFigure(text, rule)
    value = int(match[2] + (match[3] or "").ljust(decimals, "0"))
    if pattern is _FIGURE and value >= LARGEST_FIGURE:
        raise InvalidFigure(text, f"an income per 10,000 shares is below {show_figure(LARGEST_FIGURE)}")
    return -value if match[1] else value


def parse_day(text: str) -> date:
    """Return a date from exactly YYYY-MM-DD. Raises: InvalidRequest."""
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise InvalidRequest(f"date {text!r}", "a date is written like 2013-09-16")


def parse_instant(text: str, zone: tzinfo) -> datetime:
    """Return an instant from YYYY-MM-DD and a time with or without offset; without, it is read in `zone`.

    Raises: InvalidRequest.
    """
    try:
        if _INSTANT.fullmatch(text):
            at = datetime.fromisoformat(text)
            return at if at.tzinfo is not None else at.replace(tzinfo=zone)
    except ValueError:
        pass
    raise InvalidRequest(
        f"instant {text!r}", "an instant is written like 2013-09-16T15:00:00 or 2013-09-16T15:00:00+08:00"
    )
