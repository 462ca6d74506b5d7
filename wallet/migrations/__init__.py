"""Schema versions: what brings an older database to the version that this program needs.

Revisions are run by Alembic in one transaction, under a lock: an upgrade is whole, or it has not happened. Nothing is
migrated implicitly: `wallet.book.load` refuses a database of another version and says what to do.
"""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import chain, count
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from ledger.database import file_of, make_beside
from wallet.book import lock_schema, version_of
from wallet.errors import NoBook, SchemaMismatch
from wallet.schema import VERSION, fundwallet_version

_OPTIONS = {"version_table": fundwallet_version.name, "transactional_ddl": True}

EMPTY = "base"
"""The version of a database without tables."""


@dataclass(frozen=True, slots=True)
class Revision:
    """One schema version, and what it brings."""

    version: str
    brings: str


def revisions(since: str = EMPTY) -> list[Revision]:
    """Return the schema versions after `since`, oldest first. Raises: SchemaMismatch (a version not known here)."""
    known = [Revision(str(s.revision), s.doc) for s in _scripts().walk_revisions()][::-1]
    versions = [EMPTY, *(revision.version for revision in known)]
    if since not in versions:
        raise SchemaMismatch(since, VERSION)
    return known[versions.index(since) :]


def pending(connection: sa.Connection) -> list[Revision]:
    """Return the revisions that a database lacks, oldest first. Raises: NoBook, SchemaMismatch (a newer one)."""
    version = version_of(connection)
    if version is None:
        raise NoBook
    return revisions(version)


def upgrade(connection: sa.Connection) -> list[Revision]:
    """Bring a database to this program's version in the caller's transaction, and return what was applied.

    Raises: NoTransaction, NoBook, SchemaMismatch (a newer one).
    """
    lock_schema(connection)
    missing = pending(connection)
    if missing:
        with _in_its_schema(connection):
            _run(MigrationContext.configure(connection, opts=_OPTIONS | {"fn": _missing}))
    return missing


def script(dialect: str, since: str = EMPTY) -> str:
    """Return the SQL that brings a database from version `since` to this one, for whoever runs it by hand.

    Raises: SchemaMismatch (a version not known here).
    """
    if not revisions(since):
        return ""
    text = io.StringIO()
    offline = {"as_sql": True, "literal_binds": True, "output_buffer": text}
    start = {"starting_rev": None if since == EMPTY else since}
    plain = {"paramstyle": "named"}  # with the driver's own, a percent sign would come out doubled
    options = _OPTIONS | {"fn": _missing} | offline | start
    _run(MigrationContext.configure(dialect_name=dialect, dialect_opts=plain, opts=options))
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())


def back_up(connection: sa.Connection) -> Path | None:
    """Copy a SQLite file, as last committed, beside itself and return the copy; None for other databases.

    The copy's name says its version and is one that is not taken; it is there whole or not at all, and for the same
    users as the original.
    """
    books = file_of(connection)
    if books is None:
        return None
    names = (Path(f"{books}-{version_of(connection)}{n}.backup") for n in chain([""], (f"-{n}" for n in count(2))))
    free = next(name for name in names if not name.exists())
    part = free.with_name(f"{free.name}.part")
    try:
        make_beside(books, part)
        with closing(sqlite3.connect(books)) as source, closing(sqlite3.connect(part)) as copy:
            source.backup(copy)
        part.rename(free)
    finally:
        part.unlink(missing_ok=True)
    return free


def _missing(version: Any, _context: MigrationContext) -> Any:
    return _scripts()._upgrade_revs("head", version)


def _run(context: MigrationContext) -> None:
    """Run revisions with operations of their own: Alembic's global ones may be a host's, or another thread's."""
    with context.begin_transaction():
        context.run_migrations(op=Operations(context))


@contextmanager
def _in_its_schema(connection: sa.Connection) -> Iterator[None]:
    """Make tables where the version table is, which need not be first on PostgreSQL's search path."""
    if connection.dialect.name != "postgresql":
        yield
        return
    path = connection.execute(sa.text("SELECT current_setting('search_path')")).scalar_one()
    here = "(SELECT quote_ident(nspname) FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid WHERE c.oid = "
    table = f"to_regclass('{fundwallet_version.name}'))"
    connection.execute(sa.text(f"SELECT set_config('search_path', {here}{table}, true)"))
    yield
    connection.execute(sa.text("SELECT set_config('search_path', :path, true)"), {"path": path})


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "wallet:migrations")
    return config


@cache
def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())
