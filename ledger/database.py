"""Engines set up the way a ledger needs them; nothing here knows the tables.

SQLite: a writing transaction takes the write lock when it begins (BEGIN IMMEDIATE: with the default, two
transactions read the same balance and one update is lost), write-ahead log, every commit on disk, foreign
keys and recursive triggers on. PostgreSQL: READ COMMITTED, whatever the server's default is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ledger.errors import NoTransaction

READING = "fundwallet_reading"
"""Execution option of a connection that only reads: on SQLite it begins without the write lock."""

BUSY_MILLISECONDS = 15_000
PATIENCE = 10
"""Seconds that a server may take to answer at all, unless the address says otherwise."""


def connect(url: str | sa.URL) -> sa.Engine:
    """Return an engine for `url`, set up by `configure`. Nothing is opened or created yet."""
    parsed = sa.make_url(url)
    options: dict[str, Any] = {}
    if parsed.get_backend_name() == "postgresql":
        options["isolation_level"] = "READ COMMITTED"
        if "connect_timeout" not in parsed.query:
            options["connect_args"] = {"connect_timeout": PATIENCE}
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
        "synchronous = FULL",
        "foreign_keys = ON",
        "recursive_triggers = ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    if connection.get_execution_options().get(READING, False):
        connection.exec_driver_sql("BEGIN")
        return
    if "write-ahead" not in connection.info:
        _write_ahead(connection)
        connection.info["write-ahead"] = True
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _write_ahead(connection: sa.Connection) -> None:
    """Switch a database to the write-ahead log before it is first written to, if it is empty or ours.

    The switch stays in the file, so a file of somebody else's is left as it is.
    """
    ours = "SELECT count(*) = 0 OR sum(name = 'journal_entry') FROM sqlite_master WHERE type = 'table'"
    if connection.exec_driver_sql(ours).scalar():
        connection.exec_driver_sql("PRAGMA journal_mode = WAL")


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


def make_beside(books: Path, file: Path) -> None:
    """Make an empty file that the same users may read and write as the books. Raises: OSError, also if they may not."""
    handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if os.fstat(handle).st_size == 0:
            with suppress(PermissionError):  # it is another user's, who has done it
                os.chmod(file, books.stat().st_mode & 0o777)
    finally:
        os.close(handle)


def lock(connection: sa.Connection, name: str) -> None:
    """Let nobody else pass under this name until the transaction ends; on SQLite no other writer is there.

    Raises: NoTransaction.
    """
    require_transaction(connection)
    if connection.dialect.name == "postgresql":
        named = sa.func.concat(sa.func.current_schema(), f" fundwallet {name}")
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(named, 0))))


def require_transaction(connection: sa.Connection) -> None:
    """Refuse a connection without an open transaction. Raises: NoTransaction."""
    if not connection.in_transaction():
        raise NoTransaction
