"""SQL that both engines understand: what it computes, and of which type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from ledger.database import connect, reading
from ledger.expressions import ROWS_A_FETCH, batches, columns, least, total


@pytest.fixture
def connection(database_url: str) -> Iterator[sa.Connection]:
    engine = connect(database_url)
    with reading(engine) as begun:
        yield begun
    engine.dispose()


def numbers(*rows: tuple[int | None, int | None]) -> sa.Subquery:
    """Return a relation with the columns a and b."""
    return sa.union_all(
        *(sa.select(sa.literal(a, sa.BigInteger).label("a"), sa.literal(b, sa.BigInteger).label("b")) for a, b in rows)
    ).subquery()


def counted(last: int) -> sa.Select[Any]:
    """Return a query of n and minus n, for n from 1 to `last`."""
    start = sa.select(sa.literal(1, sa.BigInteger).label("n")).cte("counted", recursive=True)
    n = start.union_all(sa.select(start.c.n + 1).where(start.c.n < last)).c.n
    return sa.select(n, -n).order_by(n)


@pytest.mark.parametrize(("a", "b"), [(1, 2), (2, 1), (3, 3), (-1, 0), (0, 10**13)])
def test_least_is_the_smaller_one(connection: sa.Connection, a: int, b: int) -> None:
    given = numbers((a, b))
    assert connection.execute(sa.select(least(given.c.a, given.c.b), least(given.c.a, 0))).one() == (
        min(a, b),
        min(a, 0),
    )


def test_total_adds_whole_numbers_up_and_is_zero_over_nothing(connection: sa.Connection) -> None:
    given = numbers((1, 10**13), (2, 3), (3, None))
    a, b = given.c.a, given.c.b
    found = connection.execute(sa.select(total(a), total(b), total(b, a >= 2), total(a, a > 9))).one()
    assert tuple(found) == (6, 10**13 + 3, 3, 0)
    assert connection.execute(sa.select(total(a)).where(a > 9)).scalar_one() == 0
    assert all(type(value) is int for value in found)


def test_columns_are_arrays_of_all_rows(connection: sa.Connection) -> None:
    given = numbers((3, 30), (1, -(2**63)), (2, 2**63 - 1))
    first, second = columns(connection, sa.select(given.c.a, given.c.b))
    assert first.dtype == second.dtype == np.int64
    assert dict(zip(first.tolist(), second.tolist(), strict=True)) == {1: -(2**63), 2: 2**63 - 1, 3: 30}


def test_a_row_with_a_null_is_not_passed_over(connection: sa.Connection) -> None:
    given = numbers((1, 2), (3, None))
    with pytest.raises(AssertionError):
        columns(connection, sa.select(given.c.a, given.c.b))


def test_columns_of_no_rows_are_empty_arrays(connection: sa.Connection) -> None:
    given = numbers((1, 2))
    found = columns(connection, sa.select(given.c.a, given.c.b, given.c.a).where(given.c.a > 1))
    assert [column.tolist() for column in found] == [[], [], []]
    assert {column.dtype for column in found} == {np.dtype(np.int64)}


@pytest.mark.parametrize("rows", [1, ROWS_A_FETCH + 1])
def test_rows_come_in_bounded_batches_and_none_is_lost(connection: sa.Connection, rows: int) -> None:
    sizes = []
    for batch in batches(connection, counted(rows)):
        assert batch.shape[1] == 2
        assert (batch[:, 0] == -batch[:, 1]).all()
        sizes.append(len(batch))
    assert sum(sizes) == rows
    assert max(sizes) <= ROWS_A_FETCH
    first, second = columns(connection, counted(rows))
    assert int(first.sum()) == -int(second.sum()) == rows * (rows + 1) // 2
