"""Who did what: a row for each command that was to change something, also for one that was refused.

The only writer of `trail`. Rows are numbered without a gap in the order of the commits: whoever writes one holds the
trail until the transaction ends, so `record` is the last thing a transaction does, after every other lock.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import sqlalchemy as sa

from ledger.database import lock
from wallet.requests import PlainText, Strict
from wallet.rules.fund import Fund
from wallet.schema import trail

DONE, BEGUN, FAILED = "done", "begun", "failed"
"""Outcomes, beside the code of a refusal and "blocked: …"."""


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody asked for: who, on which host, when, which command with which arguments, without secrets."""

    operator: str
    host: str
    at: datetime
    command: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the trail; `began` is the row that the same command wrote when it began."""

    number: int
    at: datetime
    operator: str
    host: str
    command: str
    arguments: list[str]
    began: int | None
    outcome: str
    entries: str


class Operator(Strict):
    """A name that an operator may have."""

    operator: PlainText


def named(operator: str) -> str:
    """Return an operator's name without blanks at its ends. Raises: InvalidRequest."""
    return Operator(operator=operator.strip()).operator


def record(
    connection: sa.Connection,
    book: Fund,
    act: Act,
    outcome: str = DONE,
    made: Iterable[range] = (),
    began: int | None = None,
) -> int:
    """Write down what became of an act, and by which entries, and return the number of the row.

    In the transaction of the change itself, as its last statement: other writers of the trail wait until it ends.
    Raises: NoTransaction, InvalidRequest (a name that is none).
    """
    row = {
        "book": book.code,
        "at": act.at,
        "operator": named(act.operator),
        "host": act.host,
        "command": act.command,
        "arguments": json.dumps(act.arguments, ensure_ascii=False),
        "began": began,
        "outcome": outcome,
        "entries": ranges(made),
    }
    number = next_number(connection, book, trail)
    connection.execute(sa.insert(trail).values(number=number, **row))
    return number


def next_number(connection: sa.Connection, book: Fund, table: sa.Table) -> int:
    """Return the next number of a table that is numbered in the order of the commits, and hold all of these tables.

    Raises: NoTransaction.
    """
    lock(connection, f"trail {book.code}")
    last: int = connection.execute(sa.select(sa.func.coalesce(sa.func.max(table.c.number), 0))).scalar_one()
    return last + 1


def ranges(made: Iterable[range]) -> str:
    """Return numbers as text, such as "17 20-41"."""
    return " ".join(str(r.start) if len(r) == 1 else f"{r.start}-{r.stop - 1}" for r in made)


def between(
    connection: sa.Connection,
    book: Fund,
    operator: str | None = None,
    first: date | None = None,
    last: date | None = None,
) -> list[Step]:
    """Return the trail in its order: of one operator, and of the days from `first` to `last` in the fund's zone.

    None is no bound.
    """
    t = trail.c
    query = sa.select(trail).where(t.book == book.code).order_by(t.number)
    if operator is not None:
        query = query.where(t.operator == operator.strip())
    if first is not None:
        query = query.where(t.at >= book.instant(first, time(0)))
    if last is not None:
        query = query.where(t.at < book.instant(last + timedelta(1), time(0)))
    return [
        Step(
            row.number,
            row.at.astimezone(book.calendar.zone),
            row.operator,
            row.host,
            row.command,
            json.loads(row.arguments),
            row.began,
            row.outcome,
            row.entries,
        )
        for row in connection.execute(query)
    ]
