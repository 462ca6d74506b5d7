"""Engines set up the way a ledger needs them; nothing here knows the tables.

SQLite: a writing transaction takes the write lock when it begins (BEGIN IMMEDIATE: with the default, two
transactions read the same balance and one update is lost), write-ahead log, every commit on disk, foreign
keys and recursive triggers on. PostgreSQL: READ COMMITTED, whatever the server's default is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ledger.errors import NoTransaction

READING = "fundwallet_reading"
"""Execution option of a connection that only reads: on SQLite it begins without the write lock."""

BUSY_MILLISECONDS = 15_000


def connect(url: str | sa.URL) -> sa.Engine:
    """Return an engine for `url`, set up by `configure`. Nothing is opened or created yet."""
    parsed = sa.make_url(url)
    options: dict[str, Any] = {"isolation_level": "READ COMMITTED"} if parsed.get_backend_name() == "postgresql" else {}
    return configure(sa.create_engine(parsed, **options))


def configure(engine: sa.Engine) -> sa.Engine:
    """Set up a host's own engine for the ledger and return it; call it before the first connection."""
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _set_up_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(dbapi_connection: Any, _record: object) -> None:
    dbapi_connection.isolation_level = None
    cursor = dbapi_connection.cursor()
    for pragma in (
        f"busy_timeout = {BUSY_MILLISECONDS}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "recursive_triggers = ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    reading = connection.get_execution_options().get(READING, False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Yield a connection that sees one state of the database throughout, and takes no lock that writers feel."""
    options: dict[str, Any] = {READING: True}
    if engine.dialect.name == "postgresql":
        options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with engine.connect().execution_options(**options) as connection, connection.begin():
        yield connection


def file_of(connection: sa.Connection) -> Path | None:
    """Return the file that a SQLite database is kept in; None for one in memory, and for a server's."""
    if connection.dialect.name != "sqlite":
        return None
    name = next(row.file for row in connection.exec_driver_sql("PRAGMA database_list") if row.name == "main")
    return Path(name) if name else None


def require_transaction(connection: sa.Connection) -> None:
    """Refuse a connection without an open transaction. Raises: NoTransaction."""
    if not connection.in_transaction():
        raise NoTransaction
