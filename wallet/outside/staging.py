"""Records on their way in: kept in a temporary table, checked there against the books, then written in one statement.

A staged table has the line of each record beside its values, so the first record that does not fit is named. It lives
inside the transaction of one file, and is the only thing that grows with the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.schema import CreateTable, DropTable

from ledger.rows import Rows, Statement, write
from ledger.schema import Integer, column

FirstRow = sa.Row[Any] | None


def table(name: str, *columns: sa.Column[Any]) -> sa.Table:
    """Return a staged table: `line` and what is told of each record."""
    return sa.Table(f"staged_{name}", sa.MetaData(), column("line", Integer), *columns, prefixes=["TEMPORARY"])


@contextmanager
def staged(connection: sa.Connection, place: sa.Table, blocks: Iterable[Rows]) -> Iterator[None]:
    """Keep the rows of some blocks in a staged table while the work inside lasts.

    A refusal, of a block or of the work, leaves nothing of either: all of it happens behind a savepoint.
    """
    insert = Statement(sa.insert(place), place.c)
    with connection.begin_nested():
        connection.execute(CreateTable(place))
        for rows in blocks:
            write(connection, (insert, rows))
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"ANALYZE {place.name}")
        yield
        connection.execute(DropTable(place))


def first(connection: sa.Connection, query: sa.Select[Any], line: sa.ColumnElement[int]) -> FirstRow:
    """Return the row of a query that stands first in the file, or None."""
    return connection.execute(query.order_by(line).limit(1)).first()


def repeated(connection: sa.Connection, place: sa.Table, *columns: sa.ColumnElement[Any]) -> FirstRow:
    """Return line and columns of the first record that has the same columns as one before it, or None."""
    before = sa.func.row_number().over(partition_by=columns, order_by=place.c.line).label("before")
    each = sa.select(place.c.line, *columns, before).subquery()
    return first(connection, sa.select(each).where(each.c.before > 1), each.c.line)


def rows(place: sa.Table, target: sa.Table, **constant: Any) -> tuple[list[str], sa.Select[Any]]:
    """Return columns and SELECT that fill a table from a staged one: what is not staged is `constant`.

    In the order of its key, which is the cheapest to write.
    """
    names = [c.name for c in target.c]
    cells = [
        place.c[c.name] if c.name in place.c else sa.literal(constant[c.name], c.type).label(c.name) for c in target.c
    ]
    return names, sa.select(*cells).order_by(*(place.c[k.name] for k in target.primary_key if k.name in place.c))
