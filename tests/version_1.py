"""Databases of schema version 1, as that version wrote them, and what a database's catalogue says of its tables.

`data/version_0001_*.sql` are dumps of the busy book, run through 09-18, made by the program of that version.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import sqlalchemy as sa

DUMPS = Path(__file__).resolve().parent / "data"

CATALOGUES = {
    "sqlite": ["SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"],
    "postgresql": [
        "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns"
        " WHERE table_schema = 'public'",
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace",
        "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
        "SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), tgenabled::text FROM pg_trigger"
        " WHERE NOT tgisinternal",
        "SELECT sequencename, start_value, increment_by, cycle FROM pg_sequences WHERE schemaname = 'public'",
        "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
    ],
}


def load(url: str) -> None:
    """Fill an empty database with the book of version 1."""
    execute(url, (DUMPS / f"version_0001_{sa.make_url(url).get_backend_name()}.sql").read_text(encoding="utf-8"))


def execute(url: str, script: str) -> None:
    """Run a script as the database's own terminal does."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(str(parsed.database))) as connection:
            connection.executescript(script)
        return
    engine = sa.create_engine(parsed, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        driver.execute(script)  # SQLAlchemy would read a percent sign as a placeholder


def catalogue(url: str) -> set[tuple[str, ...]]:
    """Return what the database says of its tables, keys, checks, indexes, guards and sequences.

    The version table is left out: version 1 made it as text, Alembic makes it as text of 32 characters.
    """
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        rows = [row for query in CATALOGUES[engine.dialect.name] for row in connection.exec_driver_sql(query)]
    told = {tuple(" ".join(str(cell).split()).replace("( ", "(").replace(" )", ")") for cell in row) for row in rows}
    return {row for row in told if row[0] != "fundwallet_version"}
