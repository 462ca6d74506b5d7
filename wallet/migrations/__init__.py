"""Schema versions: what brings an older database to the version that this program needs.

Revisions are run by Alembic in one transaction, under a lock: an upgrade is whole, or it has not happened. Nothing is
migrated implicitly: `wallet.book.load` refuses a database of another version and says what to do.
"""

from __future__ import annotations

import io
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from itertools import chain, count
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory

from ledger.database import file_of, require_transaction
from wallet.book import version_of
from wallet.errors import NoBook, SchemaMismatch
from wallet.schema import VERSION, fundwallet_version

LOCK = 0x66756E6477616C
"""Key of the advisory lock on which upgrades of a PostgreSQL database wait for each other."""

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


def lock(connection: sa.Connection) -> None:
    """Let no other upgrade begin until the caller's transaction ends. Raises: NoTransaction."""
    require_transaction(connection)
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))


def upgrade(connection: sa.Connection) -> list[Revision]:
    """Bring a database to this program's version in the caller's transaction, and return what was applied.

    Raises: NoTransaction, NoBook, SchemaMismatch (a newer one).
    """
    lock(connection)
    missing = pending(connection)
    if missing:
        _run(connection=connection)
    return missing


def script(dialect: str, since: str = EMPTY) -> str:
    """Return the SQL that brings a database from version `since` to this one, for whoever runs it by hand.

    Raises: SchemaMismatch (a version not known here).
    """
    if not revisions(since):
        return ""
    text = io.StringIO()
    starting = None if since == EMPTY else since
    plain = {"paramstyle": "named"}  # with the driver's own, a percent sign would come out doubled
    how = {"dialect_name": dialect, "dialect_opts": plain, "literal_binds": True, "output_buffer": text}
    _run({"starting_rev": starting, "as_sql": True}, **how)
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())


def back_up(connection: sa.Connection) -> Path | None:
    """Copy a SQLite file, as last committed, beside itself and return the copy; None for other databases.

    The copy's name says its version and is one that is not taken.
    """
    books = file_of(connection)
    if books is None:
        return None
    names = (
        Path(f"{books}-{version_of(connection)}{again}.backup") for again in (chain([""], (f"-{n}" for n in count(2))))
    )
    free = next(name for name in names if not name.exists())
    with closing(sqlite3.connect(books)) as source, closing(sqlite3.connect(free)) as copy:
        source.backup(copy)
    return free


def _run(environment: dict[str, Any] | None = None, **how: Any) -> None:
    scripts = _scripts()

    def missing(version: Any, _context: Any) -> Any:
        return scripts._upgrade_revs("head", version)

    with EnvironmentContext(_config(), scripts, fn=missing, **environment or {}) as alembic:
        alembic.configure(version_table=fundwallet_version.name, transactional_ddl=True, **how)
        with alembic.begin_transaction():
            alembic.run_migrations()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "wallet:migrations")
    return config


@cache
def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())
