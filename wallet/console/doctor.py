"""Whether this installation and its database are in order.

Another package on the index is named `wallet` too: installed later, it overwrites files of this one and nobody is
told. So what is imported is compared, file by file, with what the distribution recorded when it was installed.
"""

from __future__ import annotations

import base64
import hashlib
import importlib
import json
import platform
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname
from zoneinfo import TZPATH, ZoneInfo

import sqlalchemy as sa

from calendars import CalendarError
from wallet import facade
from wallet.console.documents import Document
from wallet.console.outcomes import Failure, one_line
from wallet.console.terminal import Terminal
from wallet.errors import NoBook
from wallet.schema import VERSION

DISTRIBUTION = "fundwallet"
IMPORTED = ("wallet", "ledger", "calendars", "cli")
SQLALCHEMY = (2, 0, 44), (2, 2)
SQLITE = (3, 37)
"""The first with strict tables."""

DURABLE: dict[str, dict[str, tuple[str, ...]]] = {
    "sqlite": {"PRAGMA journal_mode": ("wal", "memory"), "PRAGMA synchronous": ("2", "3")},
    "postgresql": {
        "SHOW fsync": ("on",),
        "SHOW full_page_writes": ("on",),
        "SHOW synchronous_commit": ("on", "remote_write", "remote_apply"),
    },
}
"""Settings that decide whether a commit can be lost, and the values with which it cannot."""


class Wrong(Exception):
    """A check found something wrong."""


def examine(terminal: Terminal) -> Document:
    """Return the outcome of every check, in the shape of the document of `verify`."""
    examinations: list[tuple[str, Callable[[], str]]] = [
        ("distribution", lambda: f"{DISTRIBUTION} {_distribution().version}"),
        *((f"import {name}", partial(_import, name)) for name in IMPORTED),
        ("Python", platform.python_version),
        ("SQLAlchemy", _sqlalchemy),
        ("SQLite", _sqlite),
        ("PostgreSQL driver", _psycopg),
        ("time zone data", partial(_zone, terminal)),
        ("trading calendar", partial(_calendar, terminal)),
        ("database", partial(_database, terminal)),
    ]
    checks = []
    for name, examination in examinations:
        try:
            checks.append({"name": name, "ok": True, "detail": examination()})
        except (Wrong, Failure, facade.FundwalletError, CalendarError) as wrong:
            checks.append({"name": name, "ok": False, "detail": one_line(str(wrong))})
    return {"ok": all(check["ok"] for check in checks), "checks": checks}


def _distribution() -> metadata.Distribution:
    try:
        return metadata.distribution(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        raise Wrong(f"{DISTRIBUTION} is not installed here: pip install {DISTRIBUTION}") from None


def _import(name: str) -> str:
    """Tell where a package is imported from. Raises: Wrong, if that is not the distribution as it was installed."""
    distribution, origin = _distribution(), Path(str(importlib.import_module(name).__file__)).resolve()
    rivals = set(metadata.packages_distributions().get(name, ())) - {DISTRIBUTION}
    if rivals:
        raise Wrong(f"another distribution installed a package of this name: {', '.join(sorted(rivals))}")
    direct = json.loads(distribution.read_text("direct_url.json") or "{}")
    if direct.get("dir_info", {}).get("editable"):
        checkout = Path(url2pathname(urlsplit(direct["url"]).path)).resolve()
        if checkout not in origin.parents:
            raise Wrong(f"imported from {origin}, not from the editable checkout {checkout}")
        return f"{origin} (editable)"
    recorded = [file for file in distribution.files or () if file.parts[0] in (name, f"{name}.py") and file.hash]
    if origin not in [Path(str(file.locate())).resolve() for file in recorded]:
        raise Wrong(f"imported from {origin}, which is no file of {DISTRIBUTION}")
    for file in recorded:
        path = Path(str(file.locate()))
        content = hashlib.sha256(path.read_bytes()).digest() if path.is_file() else b""
        if file.hash is None or file.hash.value != base64.urlsafe_b64encode(content).rstrip(b"=").decode():
            raise Wrong(f"{path} is not as it was installed: install {DISTRIBUTION} in an environment of its own")
    return str(origin)


def _sqlalchemy() -> str:
    version = tuple(int(part) for part in sa.__version__.split(".")[:3] if part.isdigit())
    if not SQLALCHEMY[0] <= version < SQLALCHEMY[1]:
        raise Wrong(f"{sa.__version__}, this program needs 2.0.44 or later, before 2.2")
    return sa.__version__


def _sqlite() -> str:
    if sqlite3.sqlite_version_info < SQLITE:
        raise Wrong(f"{sqlite3.sqlite_version}, books in SQLite need 3.37 or later")
    return sqlite3.sqlite_version


def _psycopg() -> str:
    try:
        return f"psycopg {metadata.version('psycopg')}"
    except metadata.PackageNotFoundError:
        return "psycopg is not installed; only books in PostgreSQL need it"


def _zone(terminal: Terminal) -> str:
    zone = terminal.calendar.zone
    if datetime(2013, 9, 16, tzinfo=ZoneInfo(zone.key)).utcoffset() != timedelta(hours=8):
        raise Wrong(f"{zone.key} is not eight hours ahead of UTC")
    system = [place for place in TZPATH if (Path(place) / zone.key).is_file()]
    return f"{zone.key}, from {system[0] if system else 'the package tzdata'}"


def _calendar(terminal: Terminal) -> str:
    calendar, files = terminal.calendar, len(terminal.calendar_files)
    return f"{calendar.market}, {calendar.first} to {calendar.last}" + (f", {files} added" if files else "")


def _database(terminal: Terminal) -> str:
    """Tell the database's engine, schema version and settings. Raises: Wrong, Failure, FundwalletError."""
    if terminal.named is None and terminal.is_missing():
        return "none yet: `fundwallet init` creates one"
    with terminal.engine() as engine, facade.reading(engine) as connection:
        kind = engine.dialect.name
        settings = {q: str(connection.exec_driver_sql(q).scalar()).lower() for q in DURABLE[kind]}
        server = ".".join(str(part) for part in engine.dialect.server_version_info or ())
        try:
            fund = facade.load(connection, terminal.calendar)
            book = f"schema version {VERSION}, book of {fund.code} since {fund.opened_on}"
        except NoBook:
            book = "no book yet"
    weak = [f"{q.split()[1]} is {settings[q]}" for q, right in DURABLE[kind].items() if settings[q] not in right]
    if weak:
        raise Wrong(f"{kind} {server}: a commit may be lost, {', '.join(weak)}")
    return f"{kind} {server}, {book}, every commit is on disk"
