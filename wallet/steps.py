"""What is done of each day: steps and their chunks, the only writer of `day_step` and `day_chunk`.

A step is written down in the transaction that completes it, a chunk in the transaction that does it, so either
is done once or not at all. The ranges of the chunks are written down before the first one is worked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import sqlalchemy as sa

from ledger.expressions import columns
from wallet.rules.fund import Fund
from wallet.schema import day_chunk, day_step, fund

CHUNK = 20_000
"""Holders of one chunk: customers wait for at most one chunk's transaction."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A range of holders, both inclusive, that one transaction works on."""

    number: int
    first: int
    last: int


def begin(connection: sa.Connection, book: Fund, day: date, step: str) -> bool:
    """Lock the book's steps until the transaction ends and tell whether this one is still to be done."""
    lock(connection, book)
    return state(connection, book, day, step) is None


def lock(connection: sa.Connection, book: Fund) -> None:
    """Lock the book's steps until the transaction ends."""
    connection.execute(sa.select(fund.c.code).where(fund.c.code == book.code).with_for_update(key_share=True)).all()


def state(connection: sa.Connection, book: Fund, day: date, step: str) -> str | None:
    """Return the state written down for a step, or None."""
    s = day_step.c
    found: str | None = connection.execute(
        sa.select(s.state).where(s.fund == book.code, s.day == day, s.step == step)
    ).scalar()
    return found


def finish(connection: sa.Connection, book: Fund, day: date, step: str, booked_at: datetime, state: str) -> None:
    """Write down that a step is complete."""
    connection.execute(sa.insert(day_step).values(fund=book.code, day=day, step=step, state=state, booked_at=booked_at))


def written(connection: sa.Connection, book: Fund, first: date) -> dict[tuple[date, str], str]:
    """Return the states of all steps written down for `first` and later days."""
    s = day_step.c
    rows = connection.execute(sa.select(s.day, s.step, s.state).where(s.fund == book.code, s.day >= first))
    return {(row.day, row.step): row.state for row in rows}


def days_with(connection: sa.Connection, book: Fund, step: str, since: date = date.min) -> list[date]:
    """Return the days from `since` on for which `step` is written down, ascending."""
    s = day_step.c
    rows = sa.select(s.day).where(s.fund == book.code, s.step == step, s.day >= since).order_by(s.day)
    return list(connection.execute(rows).scalars())


def ranges(connection: sa.Connection, holders: Any, size: int) -> list[Chunk]:
    """Return chunks of at most `size` holders that cover a select of holder numbers."""
    each = holders.subquery().c[0]
    numbers = np.sort(columns(connection, sa.select(each).distinct())[0])
    if not len(numbers):
        return []
    firsts = [int(first) for first in numbers[::size]]
    lasts = [first - 1 for first in firsts[1:]] + [int(numbers[-1])]
    return [Chunk(n, first, end) for n, (first, end) in enumerate(zip(firsts, lasts, strict=True), 1)]


def plan(connection: sa.Connection, book: Fund, day: date, step: str, chunks: Sequence[Chunk]) -> None:
    """Write down the ranges of a step's chunks; what was planned before stays."""
    if chunks:
        rows = [
            {
                "fund": book.code,
                "day": day,
                "step": step,
                "number": c.number,
                "first_holder": c.first,
                "last_holder": c.last,
            }
            for c in chunks
        ]
        connection.execute(sa.insert(day_chunk), rows)


def chunks(connection: sa.Connection, book: Fund, day: date, step: str) -> list[tuple[Chunk, int | None]]:
    """Return the planned chunks of a step with the entry of those that are done."""
    c = day_chunk.c
    rows = connection.execute(
        sa.select(day_chunk).where(c.fund == book.code, c.day == day, c.step == step).order_by(c.number)
    )
    return [(Chunk(row.number, row.first_holder, row.last_holder), row.entry_id) for row in rows]


def is_booked(connection: sa.Connection, book: Fund, day: date, step: str, holder_id: int) -> bool:
    """Tell whether a step is done for a holder, also while others still wait for theirs."""
    if state(connection, book, day, step) is not None:
        return True
    planned = chunks(connection, book, day, step)
    return any(entry is not None for chunk, entry in planned if chunk.first <= holder_id <= chunk.last)


def begin_chunk(connection: sa.Connection, book: Fund, day: date, step: str, chunk: Chunk) -> bool:
    """Lock a chunk until the transaction ends and tell whether it is still to be done."""
    c = day_chunk.c
    here = c.fund == book.code, c.day == day, c.step == step, c.number == chunk.number
    entry_id = connection.execute(sa.select(c.entry_id).where(*here).with_for_update()).scalar_one()
    return entry_id is None


def finish_chunk(connection: sa.Connection, book: Fund, day: date, step: str, chunk: Chunk, entry_id: int) -> None:
    """Write down that a chunk is done, and by which entry."""
    c = day_chunk.c
    connection.execute(
        sa.update(day_chunk)
        .where(c.fund == book.code, c.day == day, c.step == step, c.number == chunk.number)
        .values(entry_id=entry_id)
    )
