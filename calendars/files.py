"""Calendar files: whole years and closed weekdays of a market, as TOML.

The packaged file of a market and the files that an operator adds have one format and pass the same checks:

    market = "shanghai"
    years = [2027]          # whole years that the file makes known; left out if it only adds closures
    closed = [
      { first = 2027-01-01, last = 2027-01-01, reason = "New Year's Day", notice = "may be left out" },
    ]

A file adds to what is known and never changes it. A mistake in it would book money on another day, so any
doubt refuses the whole file. `[[closed]]` tables are refused: cut short, such a file would still be valid.
"""

import re
import tomllib
from collections.abc import Iterable
from datetime import date, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from calendars.errors import BadCalendarFile, CalendarError
from calendars.trading import SATURDAY, Closure, TradingCalendar

ZONES = {"shanghai": "Asia/Shanghai"}


def load(market: str = "shanghai", extra: Iterable[Path] = ()) -> TradingCalendar:
    """Return the packaged calendar of a market with the operator's files added, in the order given.

    Without files, every call returns the same calendar.

    Raises: CalendarError for a market without a calendar; BadCalendarFile for the first file at fault.
    """
    paths = tuple(extra)
    return _build(market, *paths) if paths else _packaged(market)


@cache
def _packaged(market: str) -> TradingCalendar:
    return _build(market)


def _build(market: str, *extra: Path) -> TradingCalendar:
    if market not in ZONES:
        raise CalendarError(f"there is no trading calendar for {market!r}, only for {', '.join(ZONES)}")
    years: list[int] = []
    closures: dict[date, Closure] = {}
    for path in (Path(__file__).with_name(f"{market}.toml"), *map(Path, extra)):
        try:
            _add(_parse(path), market, years, closures)
        except OSError as error:
            raise BadCalendarFile(path, f"cannot be read: {error.strerror}") from error
        except ValueError as error:  # what the functions below raise: the problem, without the file's name
            raise BadCalendarFile(path, str(error)) from error
    in_order = tuple(closures[day] for day in sorted(closures))
    first, last = date(years[0], 1, 1), date(years[-1], 12, 31)
    return TradingCalendar(market, ZoneInfo(ZONES[market]), first, last, in_order)


def _parse(path: Path) -> dict[str, Any]:
    try:
        text = path.read_bytes().decode()
        table = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise ValueError(f"is not UTF-8, at byte {error.start}") from error
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"is cut short or not TOML: {error}") from error
    if re.search(r"^\s*\[\[", text, re.MULTILINE):
        raise ValueError("has [[ ]] tables: write the closures as one array, closed = [ ... ]")
    return table


def _add(table: dict[str, Any], market: str, years: list[int], closures: dict[date, Closure]) -> None:
    """Add a file's years and closures to `years`, which stays in order, and to `closures`."""
    _check_keys(table, needed={"market", "closed"}, allowed={"years"})
    if table["market"] != market:
        raise ValueError(f"is for the market {table['market']!r}, not {market!r}")
    new_years, rows = table.get("years", []), table["closed"]
    _check_years(years, new_years)
    years[:] = sorted(years + new_years)
    if not isinstance(rows, list):
        raise ValueError("'closed' must be an array of closures")
    for number, row in enumerate(rows, start=1):
        try:
            _add_closure(row, years, closures)
        except ValueError as error:
            raise ValueError(f"closure {number}: {error}") from error
    if empty := set(new_years) - {day.year for day in closures}:
        raise ValueError(f"has no closure in {min(empty)}, so it cannot be the whole year")


def _check_keys(table: dict[str, Any], needed: set[str], allowed: set[str]) -> None:
    if unknown := table.keys() - needed - allowed:
        raise ValueError(f"has the unknown key {min(unknown)!r}")
    if missing := needed - table.keys():
        raise ValueError(f"lacks {min(missing)!r}")


def _check_years(known: list[int], new: Any) -> None:
    if not isinstance(new, list) or not all(type(year) is int for year in new):
        raise ValueError("'years' must be an array of years, like [2027]")
    for year, following in pairwise(sorted(known + new)):
        if following == year:
            raise ValueError(f"the year {year} is known already")
        if following > year + 1:
            raise ValueError(f"the year {year + 1} is missing: known years leave no gap")


def _add_closure(row: Any, years: list[int], closures: dict[date, Closure]) -> None:
    if not isinstance(row, dict):
        raise ValueError("must be a table, { first = ..., last = ..., reason = ... }")
    _check_keys(row, needed={"first", "last", "reason"}, allowed={"notice"})
    first, last = row["first"], row["last"]
    for day in (first, last):
        if type(day) is not date:
            raise ValueError(f"{day!r} is no date: write it like 2027-01-01, without quotes")
        if day.year not in years:
            raise ValueError(f"{day} is outside the known years")
        if day.weekday() >= SATURDAY:
            raise ValueError(f"{day} is a weekend day, which is closed anyway")
    for text in (row["reason"], row.get("notice", "none")):
        if not isinstance(text, str) or not text.strip() or not text.isprintable():
            raise ValueError(f"{text!r} is no line of text")
    if last < first:
        raise ValueError(f"the last day {last} is before the first day {first}")
    for n in range((last - first).days + 1):
        day = first + timedelta(days=n)
        if day in closures:
            raise ValueError(f"{day} is closed already: {closures[day].reason}")
        if day.weekday() < SATURDAY:
            closures[day] = Closure(day, row["reason"], row.get("notice"))
