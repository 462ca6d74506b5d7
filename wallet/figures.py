"""Published figures: announced, replaced as long as they are not distributed. The only writer of `announcement`."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ledger import gates
from ledger.database import require_transaction
from ledger.model import LARGEST, digest
from wallet.errors import ApprovalNeeded, FigureAnnounced, FigureDistributed, InvalidFigure, InvalidRequest, reason
from wallet.rules.fund import Fund
from wallet.rules.parsing import LARGEST_FIGURE, parse_day, parse_figure, parse_yield
from wallet.rules.yields import seven_day
from wallet.schema import announcement, day_step, distribution, fund

A_DAY = timedelta(1)
CSV_COLUMNS = ["fund_code", "date", "income_per_10k", "seven_day_annualised_pct"]


@dataclass(frozen=True, slots=True)
class Figure:
    """What the fund published for one calendar day.

    Units: `income_per_10k` 1e-4 yuan per 10,000 shares, `seven_day` thousandths of a percent, `control_total` fen.
    """

    day: date
    income_per_10k: int
    seven_day: int | None = None
    control_total: int | None = None
    source: str = "announced by hand"

    def facts(self) -> tuple[int, int | None, int | None]:
        """Return what makes two announcements the same."""
        return self.income_per_10k, self.seven_day, self.control_total


REPLACED = "replaced_figures"
"""How the terms call the operation that replaces a figure."""


def announce(
    connection: sa.Connection,
    book: Fund,
    figures: Iterable[Figure],
    *,
    replace: bool = False,
    approved: bool = False,
    distributed: bool = False,
) -> int:
    """Write down published figures, all or none, and return how many were new; the same figure again is no news.

    With `distributed` also those of distributed days: then the caller books what they change.
    Raises: NoTransaction, InvalidFigure, OutsideCalendar, FigureDistributed, FigureAnnounced (without `replace`),
    ApprovalNeeded (to replace, unless that is `approved`).
    """
    require_transaction(connection)
    connection.execute(sa.select(fund.c.code).where(fund.c.code == book.code).with_for_update(key_share=True)).all()
    rows: list[dict[str, Any]] = []
    latest: dict[date, tuple[int, tuple[int, int | None, int | None]]] = {}
    for figure in figures:
        if not _is_readable(figure):
            raise InvalidFigure(str(figure.income_per_10k), "out of range, or not whole")
        book.known(figure.day)
        known = of_day(connection, book, figure.day)
        version, facts = latest.get(figure.day) or ((known[0], known[1].facts()) if known else (0, None))
        if facts == figure.facts():
            continue
        if version and not distributed and _distributed(connection, book, figure.day):
            raise FigureDistributed(figure.day)
        if version and not replace:
            raise FigureAnnounced(figure.day)
        if version and not approved and book.needs_approval(REPLACED, gates.read(connection, book.code)[0] + A_DAY):
            raise ApprovalNeeded(REPLACED)
        latest[figure.day] = version + 1, figure.facts()
        rows.append(row_of(book, figure, version + 1))
    if rows:
        connection.execute(sa.insert(announcement), rows)
    return len(rows)


def replaces(connection: sa.Connection, book: Fund, figures: Iterable[Figure]) -> bool:
    """Tell whether any of these figures says something else than the one that holds for its day."""
    known = ((figure, of_day(connection, book, figure.day)) for figure in figures)
    return any(before is not None and before[1].facts() != figure.facts() for figure, before in known)


def row_of(book: Fund, figure: Figure, version: int) -> dict[str, Any]:
    """Return an announcement as it is stored, its digest included."""
    facts = (book.code, figure.day.isoformat(), version, *figure.facts(), figure.source)
    return {
        "fund": book.code,
        "day": figure.day,
        "version": version,
        "income_per_10k": figure.income_per_10k,
        "seven_day": figure.seven_day,
        "control_total": figure.control_total,
        "source": figure.source,
        "digest": digest(*facts),
    }


def of_day(connection: sa.Connection, book: Fund, day: date) -> tuple[int, Figure] | None:
    """Return the version and the figure that hold for a day, or None."""
    row = _latest(connection, book, day)
    return None if row is None else (row.version, _figure(row))


def between(connection: sa.Connection, book: Fund, first: date | None, last: date | None) -> dict[date, Figure]:
    """Return the figures that hold for the days from `first` to `last` (None: no bound), by day ascending."""
    a = announcement.c
    query = sa.select(announcement).where(a.fund == book.code).order_by(a.day, a.version)
    if first is not None:
        query = query.where(a.day >= first)
    if last is not None:
        query = query.where(a.day <= last)
    return {row.day: _figure(row) for row in connection.execute(query)}


def computed_seven_day(figures: dict[date, Figure], day: date) -> int | None:
    """Return the seven-day yield of `day` from the figures of its last seven days, or those there are.

    Without a figure for `day` itself there is no yield.
    """
    if day not in figures:
        return None
    week = (day - timedelta(back) for back in range(7))
    return seven_day([figures[past].income_per_10k for past in week if past in figures])


def read_csv(path: Path, fund_code: str) -> list[Figure]:
    """Return the figures of a CSV file with the columns fund_code, date, income_per_10k, seven_day_annualised_pct.

    Published decimals are exact (four and three), so a file cut inside its last line is seen.
    Raises: InvalidRequest naming the file and the line.
    """
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.reader(lines, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidRequest(str(path), f"cannot be read: {reason(error)}") from None
    if not rows or rows[0] != CSV_COLUMNS:
        raise InvalidRequest(f"{path} line 1", f"expected the columns {','.join(CSV_COLUMNS)}")
    if len(rows) == 1:
        raise InvalidRequest(str(path), "holds no figures")
    figures: dict[date, Figure] = {}
    for number, row in enumerate(rows[1:], 2):
        figure = _read_row(f"{path} line {number}", row, fund_code, path.name)
        if figure.day in figures:
            raise InvalidRequest(f"{path} line {number}", f"{figure.day} stands there twice")
        figures[figure.day] = figure
    return list(figures.values())


def _read_row(place: str, row: list[str], fund_code: str, source: str) -> Figure:
    if len(row) != len(CSV_COLUMNS):
        raise InvalidRequest(place, f"expected {len(CSV_COLUMNS)} columns, found {len(row)}")
    code, day, income, yield_ = row
    if code != fund_code:
        raise InvalidRequest(place, f"expected fund {fund_code}, found {code!r}")
    if len(income.partition(".")[2]) != 4 or len(yield_.partition(".")[2]) != 3:
        raise InvalidRequest(place, "expected four decimals of income and three of yield: is the line cut?")
    try:
        return Figure(parse_day(day), parse_figure(income), parse_yield(yield_), source=source)
    except InvalidRequest as error:
        raise InvalidRequest(place, str(error)) from None


def _is_readable(figure: Figure) -> bool:
    """Tell whether every number is whole and within its bounds."""
    values = figure.income_per_10k, figure.seven_day or 0, figure.control_total or 0
    whole = all(type(value) is int and abs(value) <= LARGEST for value in values)
    return whole and abs(figure.income_per_10k) < LARGEST_FIGURE


def _latest(connection: sa.Connection, book: Fund, day: date) -> sa.Row[Any] | None:
    a = announcement.c
    return connection.execute(
        sa.select(announcement).where(a.fund == book.code, a.day == day).order_by(a.version.desc()).limit(1)
    ).one_or_none()


def _distributed(connection: sa.Connection, book: Fund, day: date) -> bool:
    d, s = distribution.c, day_step.c
    begun = sa.select(d.day).where(d.fund == book.code, d.day == day)
    done = sa.select(s.day).where(s.fund == book.code, s.day == day, s.step == "distribute")
    return connection.execute(sa.union_all(begun, done)).first() is not None


def _figure(row: sa.Row[Any]) -> Figure:
    return Figure(row.day, row.income_per_10k, row.seven_day, row.control_total, row.source)
