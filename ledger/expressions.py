"""Small SQL expressions that both engines understand, and integer columns read into numpy arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, cast

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

ROWS_A_FETCH = 100_000


def least(a: Any, b: Any) -> sa.Case[Any]:
    """Return the smaller of two numbers (SQLite says min, PostgreSQL least)."""
    return sa.case((a < b, a), else_=b)


def total(of: Any, when: Any = None) -> sa.ColumnElement[Any]:
    """Return the sum of a whole-number column, 0 over nothing, never a decimal; `when` chooses the rows."""
    counted = of if when is None else sa.case((when, of), else_=0)
    return sa.cast(sa.func.coalesce(sa.func.sum(counted), 0), sa.BigInteger)


def columns(connection: sa.Connection, query: sa.SelectBase) -> tuple[NDArray[np.int64], ...]:
    """Return the columns of a query over whole numbers, each as one array, in the order of its rows."""
    parts = list(batches(connection, query))
    width = len(query.subquery().c)
    if not parts:
        return tuple(np.empty(0, np.int64) for _ in range(width))
    return tuple(np.concatenate([part[:, n] for part in parts]) for n in range(width))


def batches(connection: sa.Connection, query: sa.SelectBase) -> Iterator[NDArray[np.int64]]:
    """Yield the rows of a query over whole numbers as two-dimensional arrays, a bounded number at a time."""
    options = {"yield_per": ROWS_A_FETCH} if connection.dialect.name == "postgresql" else {}
    with connection.execute(cast("sa.Select[Any]", query), execution_options=options) as result:
        width = len(result.keys())
        for rows in result.partitions() if options else _driver_rows(result):
            yield np.fromiter(chain.from_iterable(rows), np.int64, len(rows) * width).reshape(len(rows), width)


def _driver_rows(result: sa.CursorResult[Any]) -> Iterator[Sequence[Sequence[int]]]:
    """Yield rows as SQLite's driver gives them, which it does one by one: making others of them takes longer."""
    assert result.cursor is not None
    while rows := result.cursor.fetchmany(ROWS_A_FETCH):
        yield rows
