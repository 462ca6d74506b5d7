"""The gate between live orders and the close or cutoff of a day: the only writer of `book_gate`.

Every posting transaction holds its gate row for share until it ends; closing or cutting updates all gates,
in order, and so waits for the orders in flight and is seen by all later ones.
"""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa

from ledger.database import require_transaction
from ledger.schema import book_gate


def create(connection: sa.Connection, book: str, gates: int, day: date) -> None:
    """Create the gates of a new book that is closed and cut through `day`."""
    rows = [{"book": book, "gate": gate, "closed_through": day, "cut_through": day} for gate in range(gates)]
    connection.execute(sa.insert(book_gate), rows)


def read(connection: sa.Connection, book: str) -> tuple[date, date]:
    """Return the last closed day and the last cut trade date of `book`, without any lock."""
    row = connection.execute(
        sa.select(
            sa.func.min(book_gate.c.closed_through, type_=book_gate.c.closed_through.type).label("closed"),
            sa.func.min(book_gate.c.cut_through, type_=book_gate.c.cut_through.type).label("cut"),
        ).where(book_gate.c.book == book)
    ).one()
    return row.closed, row.cut


def close(connection: sa.Connection, book: str, day: date) -> None:
    """Close `day` and all days before it: no entry may be dated there any more."""
    _pass(connection, book, book_gate.c.closed_through, day)


def cut(connection: sa.Connection, book: str, day: date) -> None:
    """Cut trade date `day` and all before it: its orders are complete."""
    _pass(connection, book, book_gate.c.cut_through, day)


def _pass(connection: sa.Connection, book: str, mark: sa.Column[date], day: date) -> None:
    require_transaction(connection)
    gates = connection.execute(
        sa.select(book_gate.c.gate).where(book_gate.c.book == book).order_by(book_gate.c.gate)
    ).scalars()
    for gate in gates.all():
        connection.execute(
            sa.update(book_gate)
            .where(book_gate.c.book == book, book_gate.c.gate == gate, mark < day)
            .values({mark: day})
        )
