"""Small SQL expressions that both engines understand, and integer columns read into numpy arrays."""

from __future__ import annotations

import functools
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
    """Return the columns of a query over whole numbers, none of them null, each as one array; rows in any order.

    The database hands them over as one text in place of many rows, which takes half the time: so for tens of
    millions of numbers at the most.
    """
    rows = query.subquery()
    texts: list[sa.ColumnElement[str]] = [sa.cast(column, sa.Text) for column in rows.c]
    row = functools.reduce(lambda line, text: line.concat(" ").concat(text), texts)
    count, text = connection.execute(
        sa.select(sa.func.count(), sa.func.aggregate_strings(row, " ")).select_from(rows)
    ).one()
    numbers = np.fromstring(text, np.int64, sep=" ") if count else np.empty(0, np.int64)
    assert len(numbers) == count * len(texts), query
    return tuple(numbers.reshape(count, len(texts)).T)


def batches(connection: sa.Connection, query: sa.SelectBase) -> Iterator[NDArray[np.int64]]:
    """Yield the rows of a query over whole numbers as two-dimensional arrays, a bounded number at a time."""
    for rows in fetches(connection, query):
        width = len(rows[0])
        yield np.fromiter(chain.from_iterable(rows), np.int64, len(rows) * width).reshape(len(rows), width)


def fetches(connection: sa.Connection, query: sa.SelectBase) -> Iterator[Sequence[Sequence[Any]]]:
    """Yield the rows of a query, a bounded number at a time and never none; SQLite's are as its driver gives them."""
    options = {"yield_per": ROWS_A_FETCH} if connection.dialect.name == "postgresql" else {}
    with connection.execute(cast("sa.Select[Any]", query), execution_options=options) as result:
        yield from result.partitions() if options else _driver_rows(result)


def _driver_rows(result: sa.CursorResult[Any]) -> Iterator[Sequence[Sequence[Any]]]:
    """Yield rows as SQLite's driver gives them, which it does one by one: making others of them takes longer."""
    assert result.cursor is not None
    while rows := result.cursor.fetchmany(ROWS_A_FETCH):
        yield rows


def plain_rows(connection: sa.Connection, query: sa.Select[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query as tuples of Python values, a bounded number at a time.

    Rows without dates and instants come as SQLite's driver gives them: making others of them takes longer.
    """
    options = {"yield_per": ROWS_A_FETCH // 10} if connection.dialect.name == "postgresql" else {}
    plain = all(isinstance(c.type, sa.Integer | sa.Text) for c in query.selected_columns)
    with connection.execute(query, execution_options=options) as result:
        if plain and not options:
            for rows in _driver_rows(result):
                yield from rows  # type: ignore[misc]
        else:
            for partition in result.partitions(ROWS_A_FETCH // 10):
                yield from map(tuple, partition)
