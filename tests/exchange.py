"""Files of the exchange format for tests: values of every field drawn by chance, and damage done to bytes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any

from wallet.transfer_agent import datafile, layout
from wallet.transfer_agent.datafile import Header
from wallet.transfer_agent.layout import FIELDS, Field

Rows = list[tuple[Any, ...]]

LETTERS = ("a", "Z", " ", "0", "-", "~", "é", "钱", "，", "　", "ㄅ", "𠮷", "😀", "€", "\x80", "\ufeff")
"""Of one, two and four bytes in GB18030; a blank, a wide blank, one that some programs take for a blank."""


def least(field: Field) -> int:
    """Return the least number that a field can hold: the minus sign takes the place of a digit."""
    return -int("9" * (field.length - 1) or "0")


def most(field: Field) -> int:
    """Return the greatest number that a field can hold."""
    return int("9" * field.length)


def fitted(text: str, width: int) -> str:
    """Return the beginning of text that fits into so many bytes, without blanks around it."""
    text = text.strip(" ")
    while len(text.encode("gb18030")) > width:
        text = text[:-1]
    return text.strip(" ")


def value(field: Field, rng: Random) -> str | int:
    """Draw a value of a field, an extreme one every now and then."""
    if field.kind == "N":
        return rng.choice([0, 1, -1 if field.length > 1 else 0, least(field), most(field), rng.randint(0, most(field))])
    length = rng.choice([0, 1, field.length, rng.randint(0, field.length)])
    if field.kind == "A":
        return "".join(rng.choices("0123456789", k=length))
    return fitted("".join(rng.choices(LETTERS, k=length)), field.length)


def drawn(file_type: str, rng: Random) -> tuple[Header, Rows]:
    """Draw a file of some records: the columns that must be there and some others, in any order."""
    known = list(FIELDS[file_type].values())
    chosen = rng.sample(known, k=rng.randint(1, 6))
    kept = [field for field in known if field.required or field in chosen]
    rng.shuffle(kept)
    day = date(2013, 9, 16) + timedelta(rng.randint(0, 400))
    people = fitted(rng.choice(["", "TA", "钱包", "12345678"]), 8), fitted(rng.choice(["WALLET", "𠮷𠮷"]), 8)
    names = tuple(field.name for field in kept)
    header = Header("TA", "WALLET", day, file_type, *people, names, f"{rng.randint(0, 999):03}")
    return header, [tuple(value(field, rng) for field in kept) for _ in range(rng.randint(0, 8))]


def written(header: Header, rows: Rows, size: int = 3) -> bytes:
    """Return the bytes of a file, written in blocks of `size` records."""
    stream = BytesIO()
    parts = [rows[start : start + size] for start in range(0, len(rows), size)]
    columns = (dict(zip(header.fields, map(list, zip(*part, strict=True)), strict=True)) for part in parts)
    datafile.write(stream, header, len(rows), columns)
    return stream.getvalue()


def read(path: Path, size: int = 2) -> tuple[Header, Rows]:
    """Read a file whole, every column, in blocks of `size` records."""
    with datafile.open_file(path) as data:
        rows = [row for block in data.blocks(size) for row in block.rows(data.header.fields)]
        assert len(rows) == data.records
        return data.header, rows


# Damage


def _flipped(raw: bytes, rng: Random) -> bytes:
    at = rng.randrange(len(raw))
    return raw[:at] + bytes([raw[at] ^ 1 << rng.randrange(8)]) + raw[at + 1 :]


def _replaced(raw: bytes, rng: Random) -> bytes:
    at = rng.randrange(len(raw))
    other = rng.choice(
        [b" ", b"0", b"-", b"9", b"\r", b"\n", b"\x00", b"\x7f", b"\x81", b"\xff", b"A", "钱".encode("gbk")]
    )
    return raw[:at] + other + raw[at + len(other) :]


def _cut(raw: bytes, rng: Random) -> bytes:
    return raw[: rng.randrange(len(raw))]


def _shortened(raw: bytes, rng: Random) -> bytes:
    at = rng.randrange(len(raw))
    return raw[:at] + raw[at + rng.randint(1, 4) :]


def _lengthened(raw: bytes, rng: Random) -> bytes:
    at = rng.randint(0, len(raw))
    return raw[:at] + rng.choice([b" ", b"0", b"\r\n", b"\x00", b"\xef\xbb\xbf", b"\x1a"]) + raw[at:]


def _doubled(raw: bytes, rng: Random) -> bytes:
    lines = raw.splitlines(keepends=True)
    at = rng.randrange(len(lines))
    return b"".join([*lines[: at + 1], *lines[at:]])


def _dropped(raw: bytes, rng: Random) -> bytes:
    lines = raw.splitlines(keepends=True)
    del lines[rng.randrange(len(lines))]
    return b"".join(lines)


def _reordered(raw: bytes, rng: Random) -> bytes:
    lines = raw.splitlines(keepends=True)
    one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"".join(lines)


def _miscounted(raw: bytes, rng: Random) -> bytes:
    lines = raw.split(b"\r\n")
    counts = [n for n, line in enumerate(lines) if line.isdigit()]
    at = rng.choice(counts)
    width = len(lines[at])
    number = rng.choice([int(lines[at]) + 1, abs(int(lines[at]) - 1), 0, 10**width - 1])
    lines[at] = str(number).zfill(width).encode()
    return b"\r\n".join(lines)


def _recoded(raw: bytes, rng: Random) -> bytes:
    return raw.decode("gb18030").encode(rng.choice(["utf-8", "utf-8-sig", "utf-16"]))


def _ends(raw: bytes, rng: Random) -> bytes:
    if rng.random() < 0.5:
        return raw.replace(b"\r\n", rng.choice([b"\n", b"\r", b"\n\r", b"\r\r\n"]))
    lines = raw.split(b"\r\n")
    at = rng.randrange(1, len(lines))
    return b"\r\n".join(lines[:at]) + rng.choice([b"\n", b"\r", b"\n\r", b"  "]) + b"\r\n".join(lines[at:])


DAMAGE: tuple[Callable[[bytes, Random], bytes], ...] = (
    _flipped,
    _flipped,
    _replaced,
    _cut,
    _shortened,
    _lengthened,
    _doubled,
    _dropped,
    _reordered,
    _miscounted,
    _recoded,
    _ends,
)


def damaged(raw: bytes, rng: Random) -> bytes:
    """Return the bytes of a file with one thing done to them, which may by chance be nothing, or two."""
    for _ in range(rng.choice([1, 1, 1, 2])):
        try:
            raw = rng.choice(DAMAGE)(raw, rng)
        except (UnicodeDecodeError, IndexError, ValueError):
            continue  # damage upon damage: it can no longer be taken apart
    return raw


ALL_TYPES = tuple(layout.FIELDS)
