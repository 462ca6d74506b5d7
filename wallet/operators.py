"""Who is running the day: one operator at a time, and a dead one's place is free at once.

The lock lives as long as its owner's connection: a session lock on PostgreSQL, an exclusive transaction on a small file
beside the books on SQLite. Whoever dies leaves it, so nothing has to expire and no clock is asked. The row in
`day_operator` only tells the others who is working and since when; this is its only writer.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from ledger.database import file_of, make_beside, reading
from wallet.errors import DayBusy
from wallet.retries import transact
from wallet.rules.fund import Fund
from wallet.schema import day_operator

_WATCHED = sa.text(
    "SELECT set_config(name, wanted, false) FROM pg_settings JOIN (VALUES ('tcp_keepalives_idle', '30'),"
    " ('tcp_keepalives_interval', '10'), ('tcp_keepalives_count', '3'), ('idle_session_timeout', '0'))"
    " AS watched (name, wanted) USING (name)"
)
"""The server notices within a minute that the machine of an operator is gone, and ends no session for being idle."""


@dataclass(frozen=True, slots=True)
class Operator:
    """Who works, and since when."""

    name: str
    since: datetime


@contextmanager
def working(engine: sa.Engine, book: Fund, operator: Operator) -> Iterator[None]:
    """Hold the day of a book for one operator. Raises: DayBusy, naming the one who works."""
    with reading(engine) as connection:
        books = file_of(connection)
    with _lock_server(engine, book) if engine.dialect.name == "postgresql" else _lock_file(books, book) as free:
        if not free:
            raise _busy(engine, book)
        transact(engine, partial(_sign, book=book, operator=operator))
        try:
            yield
        finally:
            with suppress(DBAPIError):  # a mark that stays misleads nobody: only the lock says that somebody works
                transact(engine, partial(_sign_off, book=book, operator=operator))


@contextmanager
def _lock_server(engine: sa.Engine, book: Fund) -> Iterator[bool]:
    """Yield whether the session lock of this book's day was free; no transaction stays open for it."""
    name = sa.func.concat(sa.func.current_schema(), f" fundwallet day {book.code}")
    key = sa.func.hashtextextended(name, 0)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.detach()  # the session ends with this block
        connection.execute(_WATCHED)
        free = bool(connection.execute(sa.select(sa.func.pg_try_advisory_lock(key))).scalar_one())
        try:
            yield free
        finally:
            with suppress(DBAPIError):  # where the connection was lost, so was the lock
                connection.execute(sa.select(sa.func.pg_advisory_unlock(key)))


@contextmanager
def _lock_file(books: Path | None, book: Fund) -> Iterator[bool]:
    """Yield whether the lock file beside the books was free; books in memory have no second operator."""
    if books is None:
        yield True
        return
    file = Path(f"{books}-day-{book.code}")
    make_beside(books, file)
    with closing(sqlite3.connect(file, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            yield False
            return
        yield True


def _sign(connection: sa.Connection, book: Fund, operator: Operator) -> None:
    connection.execute(sa.delete(day_operator).where(day_operator.c.fund == book.code))
    row = {"fund": book.code, "operator": operator.name, "since": operator.since}
    connection.execute(sa.insert(day_operator), row)


def _sign_off(connection: sa.Connection, book: Fund, operator: Operator) -> None:
    """Take away the operator's own mark: whoever lost the lock may have a successor."""
    o = day_operator.c
    own = o.fund == book.code, o.operator == operator.name, o.since == operator.since
    connection.execute(sa.delete(day_operator).where(*own))


def _busy(engine: sa.Engine, book: Fund) -> DayBusy:
    with reading(engine) as connection:
        row = connection.execute(sa.select(day_operator).where(day_operator.c.fund == book.code)).one_or_none()
    if row is None:
        return DayBusy("another operator", None)
    return DayBusy(row.operator, row.since.astimezone(book.calendar.zone))
