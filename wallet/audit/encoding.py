"""The canonical bytes of a record, which digests are taken of. Pure.

A record is one version byte, that of the seal it belongs to, and then its values, the first of them the text that says
what it is. A value is one letter for its type, its length as four big-endian bytes, and its bytes:

n  nothing (null), of length 0       i  a whole number, eight bytes, big-endian, two's complement
s  text, UTF-8                       d  a day as its number in the calendar (0001-01-01 is 1), like i
b  bytes                             t  an instant as microseconds since 1970 in UTC, like i
p  postings: five numbers like i for each (holder, line, debit, credit, amount), in the order of their keys

No number is written as text, and no two records share their bytes. Changing anything here changes every digest:
that takes a new version, and the old ones have to stay for the days that were sealed with them.

Version 1: books without files from outside. Version 2: links, outside files, breaks and their events are sealed too;
what the transfer agent said in files is sealed by its file, no longer with the order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from datetime import date, datetime
from functools import cache, lru_cache
from typing import Any

import sqlalchemy as sa

from ledger.schema import EPOCH, MICROSECOND, Day, Instant

FIRST, VERSION = 1, 2
"""The versions there are, from the first one to the one that days are sealed with now."""

NOTHING = b"n\0\0\0\0"
POSTING_BYTES = 40

Encode = Callable[[Any], bytes]


def record(what: str, values: Iterable[bytes], version: int = VERSION) -> bytes:
    """Return a record of encoded values."""
    return b"".join((_head(what, version), *values))


def number(value: int | None) -> bytes:
    """Encode a whole number of 64 bits."""
    return NOTHING if value is None else b"i\0\0\0\x08" + value.to_bytes(8, "big", signed=True)


def text(value: str | None) -> bytes:
    """Encode text."""
    if value is None:
        return NOTHING
    data = value.encode()
    return b"s" + len(data).to_bytes(4, "big") + data


def data(value: bytes | None) -> bytes:
    """Encode bytes."""
    return NOTHING if value is None else b"b" + len(value).to_bytes(4, "big") + value


@lru_cache(maxsize=10_000)
def day(value: date | str | None) -> bytes:
    """Encode a day, as either engine's driver gives it. Raises: ValueError, if it is written in another way."""
    if isinstance(value, str):
        written, value = value, date.fromisoformat(value)
        if value.isoformat() != written:
            raise ValueError(f"the day {written!r} is not written as days are")
    return NOTHING if value is None else b"d\0\0\0\x08" + value.toordinal().to_bytes(8, "big")


def instant(value: datetime | int | None) -> bytes:
    """Encode an instant, as a value or as it is stored."""
    if isinstance(value, datetime):
        value = datetime.__sub__(value, EPOCH) // MICROSECOND
    return NOTHING if value is None else b"t\0\0\0\x08" + value.to_bytes(8, "big", signed=True)


def postings(rows: bytes) -> bytes:
    """Encode postings, given as the numbers of each one after the other, big-endian."""
    return b"p" + len(rows).to_bytes(4, "big") + rows


def encoder(column: sa.Column[Any]) -> Encode:
    """Return what encodes the values of a column."""
    if isinstance(column.type, Day):
        return day
    if isinstance(column.type, Instant):
        return instant
    if isinstance(column.type, sa.LargeBinary):
        return data
    return text if isinstance(column.type, sa.Text) else number


def leaf_digest(of: bytes) -> bytes:
    """Return the digest of a record as a leaf of the tree."""
    return hashlib.sha256(b"\0" + of).digest()


def head_digest(of: bytes) -> bytes:
    """Return the digest of a seal's own record."""
    return hashlib.sha256(b"\2" + of).digest()


@cache
def _head(what: str, version: int) -> bytes:
    """Return how the records of a kind begin."""
    return version.to_bytes(1, "big") + text(what)
