"""The same rows through the raw database: the measure that the product's time is held against.

The rows are the product's own postings, copied by one INSERT … SELECT into an empty table with the key and the checks
of `posting` (no triggers) and committed. On SQLite the table stands in a new file with the product's settings
(write-ahead log, synchronous FULL), on PostgreSQL in the same database; the drivers are plain, no SQLAlchemy.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

import psycopg
import sqlalchemy as sa
from sqlalchemy.schema import CreateTable

from benchmarks.harness import SQLITE, engine_of
from ledger.schema import posting

TABLE = "raw_posting"


def copy_postings(url: str, entries: Sequence[int]) -> tuple[float, int]:
    """Copy the postings of some entries into an empty table; return the seconds it took, and how many there were."""
    return _on_sqlite(url, entries) if engine_of(url) == SQLITE else _on_postgresql(url, entries)


def postgresql(url: str) -> str:
    """Return what psycopg connects to for an address of SQLAlchemy's."""
    return sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def sqlite_file(url: str) -> Path:
    """Return the file of a SQLite address."""
    name = sa.make_url(url).database
    assert name, url
    return Path(name)


def _on_sqlite(url: str, entries: Sequence[int]) -> tuple[float, int]:
    books = sqlite_file(url)
    path = books.with_name(f"{books.name}.raw")
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(table("sqlite"))
        connection.execute("ATTACH ? AS books", (f"{books}",))
        begin = perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        rows = connection.execute(
            f"INSERT INTO {TABLE} SELECT * FROM books.posting WHERE entry_id BETWEEN ? AND ?", _span(entries)
        ).rowcount
        connection.execute("COMMIT")
        return perf_counter() - begin, rows
    finally:
        connection.close()
        for suffix in ("", "-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)


def _on_postgresql(url: str, entries: Sequence[int]) -> tuple[float, int]:
    with psycopg.connect(postgresql(url), autocommit=True) as connection:
        connection.execute(f"DROP TABLE IF EXISTS {TABLE}")
        connection.execute(table("postgresql").encode())
        connection.execute("CHECKPOINT")
        begin = perf_counter()
        rows = connection.execute(
            f"INSERT INTO {TABLE} SELECT * FROM posting WHERE entry_id BETWEEN %s AND %s".encode(), _span(entries)
        ).rowcount
        taken = perf_counter() - begin
        connection.execute(f"DROP TABLE {TABLE}")
        return taken, rows


def _span(entries: Sequence[int]) -> tuple[int, int]:
    """Return the first and the last of entries that were numbered in a row."""
    assert sorted(entries) == list(range(min(entries), max(entries) + 1)), "others booked meanwhile"
    return min(entries), max(entries)


def table(dialect: str) -> str:
    """Return the statement that creates the empty table."""
    copy = posting.to_metadata(sa.MetaData(), name=TABLE)
    for check in copy.constraints:
        if isinstance(check, sa.CheckConstraint):
            check.name = f"{TABLE}_{check.name}"
    engine = sa.create_mock_engine(f"{dialect}://", lambda *_: None)
    return str(CreateTable(copy).compile(dialect=engine.dialect))
