"""Index files: the list of the data files of a batch. A data file counts only where a complete index lists it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final

from wallet.transfer_agent.errors import MalformedFile
from wallet.transfer_agent.lines import END, Lines, heading
from wallet.transfer_agent.names import DATA, INDEXES, Name, parse_name

IDENTIFIER: Final = "OFDCFIDX"


@dataclass(frozen=True, slots=True)
class Index:
    """An index: who made it for whom, its day, and the names of its data files, which may be of other days.

    `prefix`: OFI of ordinary files, OFT of quick applications, OFB of quick answers.
    """

    creator: str
    receiver: str
    day: date
    files: tuple[str, ...]
    prefix: str = INDEXES[0]


def name_of(index: Index) -> str:
    """Return the name of an index's file. Raises: MalformedFile (codes that make no name)."""
    name = str(Name(index.prefix, index.creator, index.receiver, index.day))
    _named(name)
    return name


def read(path: Path) -> Index:
    """Read an index file, whose name says the same as its lines.

    Raises: MalformedFile; OSError.
    """
    with path.open("rb") as stream:
        return _read(path.name, stream)


def write(stream: BinaryIO, index: Index) -> None:
    """Write an index to a stream that is open for bytes. Raises: MalformedFile; then nothing is written."""
    name = name_of(index)
    lines = [*heading(IDENTIFIER, _named(name)), f"{len(index.files):03}", *index.files, END]
    text = "".join(f"{line}\r\n" for line in lines).encode("gb18030", "backslashreplace")
    _read(name, BytesIO(text))
    stream.write(text)


def _read(file: str, stream: BinaryIO) -> Index:
    name = _named(file)
    lines = Lines(file, stream)
    lines.heading(IDENTIFIER, name)
    listed: dict[str, None] = {}
    for _ in range(int(lines.digits("number of files", 3))):
        text = lines.line("file name")
        try:
            one = parse_name(text)
        except MalformedFile as wrong:
            lines.refuse("file name", text, wrong.expected)
        if (one.prefix, one.creator, one.receiver) != (DATA, name.creator, name.receiver):
            lines.refuse("file name", text, f"the name of a data file of {name.creator} for {name.receiver}")
        if text in listed:
            lines.refuse("file name", text, "each file once")
        listed[text] = None
    lines.exactly("end mark", END)
    lines.nothing_more()
    return Index(name.creator, name.receiver, name.day, tuple(listed), name.prefix)


def _named(file: str) -> Name:
    name = parse_name(file)
    if name.prefix == DATA:
        raise MalformedFile(file, None, "name", file, f"the name of an index: {', '.join(INDEXES)}_…")
    return name
