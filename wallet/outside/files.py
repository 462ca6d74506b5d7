"""Every file that was sent or received, once: the only writer of `outside_file`.

A file is known by its name. The same bytes again are no news; other bytes under the same name are refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ledger.database import require_transaction
from wallet import steps
from wallet.errors import FundwalletError, shortened
from wallet.outside.schema import outside_file
from wallet.rules.fund import Fund

BANK = "bank"
"""The kind of a statement; those of the transfer agent's files are their types, such as "04"."""

APPLIED, MOVED = "03", "33"
"""The kinds that are sent: applications of a trade date, quick transfers of a calendar day."""

_F, _ALL = outside_file.c, sa.select(outside_file)


class FileChanged(FundwalletError):
    """Another file came under the same name before."""

    code = "file_changed"

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"{shortened(name)} differs from the file that was taken or sent under this name before")


@dataclass(frozen=True, slots=True)
class OutsideFile:
    """A file: its name, its kind, the days it is about, how many records it has, the digest of its bytes.

    `control`: of a file 03 what the advancer applies for (hundredths), of 06 the sum of its income, of a statement its
    closing balance (fen), else 0.
    """

    name: str
    kind: str
    first_day: date
    day: date
    records: int
    digest: bytes
    control: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Known(OutsideFile):
    """A file that is written down: its number, and when it was sent or received."""

    number: int
    received_at: datetime


def digest_of(path: Path) -> bytes:
    """Return the digest of a file's bytes. Raises: OSError."""
    content = sha256()
    with path.open("rb") as stream:
        while part := stream.read(1 << 20):
            content.update(part)
    return content.digest()


def named(connection: sa.Connection, book: Fund, name: str) -> Known | None:
    """Return the file of a name, or None."""
    row = connection.execute(_ALL.where(_F.fund == book.code, _F.name == name)).one_or_none()
    return None if row is None else _known(row)


def is_known(connection: sa.Connection, book: Fund, name: str, digest: bytes) -> bool:
    """Tell whether a file was taken before. Raises: FileChanged."""
    known = named(connection, book, name)
    if known is not None and known.digest != digest:
        raise FileChanged(name)
    return known is not None


def names(connection: sa.Connection, book: Fund) -> set[str]:
    """Return the names of all files."""
    return set(connection.execute(sa.select(_F.name).where(_F.fund == book.code)).scalars())


def days(connection: sa.Connection, book: Fund, kind: str) -> dict[date, int]:
    """Return the controls of the files of a kind by their days."""
    query = sa.select(_F.day, _F.control).where(_F.fund == book.code, _F.kind == kind).order_by(_F.number)
    return {row.day: row.control for row in connection.execute(query)}


def next_number(connection: sa.Connection, book: Fund) -> int:
    """Return the number of the next file, and hold the book's steps, under which files are numbered, to the end.

    Not the trail: a file of a million records would keep everybody waiting who writes there. Raises: NoTransaction.
    """
    require_transaction(connection)
    steps.lock(connection, book)
    return int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(_F.number), 0))).scalar_one()) + 1


def write(
    connection: sa.Connection, book: Fund, number: int, file: OutsideFile, content: bytes, received_at: datetime
) -> None:
    """Write a file down; `content` is the digest of the rows that were made of it."""
    row = {
        "number": number,
        "fund": book.code,
        "name": file.name,
        "kind": file.kind,
        "first_day": file.first_day,
        "day": file.day,
        "records": file.records,
        "control": file.control,
        "digest": file.digest,
        "content": content,
        "received_at": received_at,
    }
    connection.execute(sa.insert(outside_file).values(row))


def of_day(connection: sa.Connection, book: Fund, kind: str, day: date) -> Known | None:
    """Return the last file of a kind that covers a day, or None."""
    covers = _F.fund == book.code, _F.kind == kind, _F.first_day <= day, _F.day >= day
    row = connection.execute(_ALL.where(*covers).order_by(_F.number.desc()).limit(1)).one_or_none()
    return None if row is None else _known(row)


def last_sent(connection: sa.Connection, book: Fund) -> date | None:
    """Return the last day that a file to the transfer agent is about, or None."""
    latest = sa.select(sa.func.max(_F.day, type_=_F.day.type)).where(
        _F.fund == book.code, _F.kind.in_([APPLIED, MOVED])
    )
    found: date | None = connection.execute(latest).scalar()
    return found


def between(connection: sa.Connection, book: Fund, first: date | None = None, last: date | None = None) -> list[Known]:
    """Return the files about days from `first` to `last` (None: no bound), by number."""
    query = _ALL.where(_F.fund == book.code).order_by(_F.number)
    if first is not None:
        query = query.where(_F.day >= first)
    if last is not None:
        query = query.where(_F.first_day <= last)
    return [_known(row) for row in connection.execute(query)]


def _known(row: Any) -> Known:
    return Known(
        row.name,
        row.kind,
        row.first_day,
        row.day,
        row.records,
        bytes(row.digest),
        row.control,
        number=row.number,
        received_at=row.received_at,
    )
