"""Small SQL expressions that both engines understand, and integer columns read into numpy arrays."""

from __future__ import annotations

from collections.abc import Iterator
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
    result = connection.execute(cast("sa.Select[Any]", query), execution_options={"yield_per": ROWS_A_FETCH})
    for rows in result.partitions():
        yield np.array([tuple(row) for row in rows], dtype=np.int64).reshape(len(rows), -1)
