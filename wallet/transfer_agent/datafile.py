"""Data files: records of fixed width below a header, read and written in blocks.

The header decides which columns there are and in what order. Opening a file checks everything around the records; a
block checks the ends of its lines, and each column, byte by byte, when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np

from wallet.transfer_agent import header
from wallet.transfer_agent.cells import Cells, Column, Numbers
from wallet.transfer_agent.errors import MalformedFile
from wallet.transfer_agent.header import Header, name_of
from wallet.transfer_agent.layout import Field
from wallet.transfer_agent.lines import CRLF, END, Lines
from wallet.transfer_agent.names import Name, parse_name

__all__ = ["BLOCK", "Block", "DataFile", "Header", "Name", "name_of", "open_file", "parse_name", "write"]

BLOCK: Final = 10_000
"""Records in a block, unless another number is asked for."""

_END: Final = END.encode() + CRLF

Columns = Mapping[str, Any]
"""The values of some records by the name of the field: a sequence of text, or a sequence or an int64 array of whole
numbers in units of the field's last decimal."""


@dataclass(frozen=True, slots=True)
class Block:
    """Some records in a row; `first_line` is the line of the first in the file."""

    file: str
    first_line: int
    places: Mapping[str, tuple[Field, slice]]
    records: Cells

    def __len__(self) -> int:
        return len(self.records)

    def has(self, name: str) -> bool:
        """Tell whether the file has the column of a field."""
        return name in self.places

    def where(self, record: int) -> int:
        """Return the line of a record, counted from 0 in this block."""
        return self.first_line + record

    def numbers(self, name: str) -> Numbers:
        """Return a column of numbers as int64 in units of the field's last decimal.

        Raises: MalformedFile; KeyError (the file has no such column: ask `has`).
        """
        column, cells = self._column(name)
        assert column.field.kind == "N", name
        return column.numbers(cells)

    def texts(self, name: str) -> list[str]:
        """Return a column of text or digits without the blanks that fill it up; empty where it is all blank.

        Raises: MalformedFile; KeyError (the file has no such column: ask `has`).
        """
        column, cells = self._column(name)
        assert column.field.kind != "N", name
        return column.texts(cells)

    def rows(self, names: Iterable[str]) -> Iterator[tuple[Any, ...]]:
        """Return the values of some columns record by record: numbers as `int`, all else as `str`.

        Raises: MalformedFile; KeyError.
        """
        columns: list[list[Any]] = [
            self.numbers(name).tolist() if self.places[name][0].kind == "N" else self.texts(name) for name in names
        ]
        return zip(*columns, strict=True)

    def _column(self, name: str) -> tuple[Column, Cells]:
        field, place = self.places[name]
        return Column(self.file, self.first_line, field), self.records[:, place]


@dataclass(frozen=True, slots=True)
class DataFile:
    """An open data file: its header and the number of its records; `first_line` and `start` say where they begin."""

    file: str
    header: Header
    records: int
    first_line: int
    start: int
    stream: BinaryIO

    def blocks(self, size: int = BLOCK) -> Iterator[Block]:
        """Yield the records in their order, `size` at a time, from the first. Raises: MalformedFile."""
        places, width = _places(self.header)
        stride = width + len(CRLF)
        for done in range(0, self.records, size):
            wanted = min(size, self.records - done)
            self.stream.seek(self.start + done * stride)
            raw = self.stream.read(wanted * stride)
            _check_ends(self.file, self.first_line + done, raw, wanted, width)
            lines = np.frombuffer(raw, np.uint8).reshape(wanted, stride)
            yield Block(self.file, self.first_line + done, places, lines[:, :width])


@contextmanager
def open_file(path: Path) -> Iterator[DataFile]:
    """Open a data file and check its name, its header, that as many records follow as it says, and the end mark.

    Raises: MalformedFile; OSError.
    """
    with path.open("rb") as stream:
        lines = Lines(path.name, stream)
        head, count = header.read(lines)
        data = DataFile(path.name, head, count, lines.number + 1, stream.tell(), stream)
        _check_size(data)
        yield data


def write(stream: BinaryIO, head: Header, count: int, blocks: Iterable[Columns]) -> None:
    """Write a data file of `count` records to a stream that is open for bytes, block by block.

    Each block holds every column of the header, all of one length. What would not read back the same is refused; then
    something may be written already, which the caller removes. Raises: MalformedFile.
    """
    stream.write(header.encoded(head, count))
    file, places, line = name_of(head), _places(head)[0], len(head.fields) + 12
    done = 0
    for block in blocks:
        raw = _encoded(file, line + done, places, block)
        done += len(raw)
        if done > count:
            break
        stream.write(raw.tobytes())
    if done != count:
        raise MalformedFile(file, line - 1, "number of records", str(done), f"{count}, as the header says")
    stream.write(_END)


def _places(head: Header) -> tuple[dict[str, tuple[Field, slice]], int]:
    """Return the fields of a record with their places, and the bytes of a record without its end."""
    ends = [0, *accumulate(field.length for field in head.columns)]
    spans = [slice(start, stop) for start, stop in pairwise(ends)]
    return {field.name: (field, span) for field, span in zip(head.columns, spans, strict=True)}, ends[-1]


def _encoded(file: str, line: int, places: Mapping[str, tuple[Field, slice]], block: Columns) -> Cells:
    """Return the lines of the records of a block."""
    assert block.keys() == places.keys(), set(block) ^ set(places)
    sizes = {len(values) for values in block.values()}
    assert len(sizes) == 1, sizes
    width = max(span.stop for _, span in places.values())
    lines = np.empty((sizes.pop(), width + len(CRLF)), np.uint8)
    lines[:, width:] = np.frombuffer(CRLF, np.uint8)
    for name, (field, span) in places.items():
        column, values = Column(file, line, field), block[name]
        lines[:, span] = column.from_numbers(values) if field.kind == "N" else column.from_texts(values)
    return lines


def _check_size(data: DataFile) -> None:
    """Check that the end mark stands where the header says; if not, find the first line that is wrong."""
    stride = _places(data.header)[1] + len(CRLF)
    data.stream.seek(data.start + data.records * stride)
    if data.stream.read(len(_END) + 1) == _END:
        return
    for _ in data.blocks():
        pass
    lines = Lines(data.file, data.stream)
    lines.number = data.first_line + data.records - 1
    lines.exactly("end mark", END)
    lines.nothing_more()


def _check_ends(file: str, first_line: int, raw: bytes, wanted: int, width: int) -> None:
    """Refuse the first line that does not have `width` bytes before its end."""
    stride = width + len(CRLF)
    whole = np.frombuffer(raw, np.uint8, len(raw) // stride * stride).reshape(-1, stride)
    right = (whole[:, width:] == np.frombuffer(CRLF, np.uint8)).all(axis=1)
    if right.all() and len(raw) == wanted * stride:
        return
    row = len(right) if right.all() else int(right.argmin())
    line = raw[row * stride : (row + 1) * stride]
    length = line.find(CRLF)
    found = f"{length} bytes" if length >= 0 else f"no line end in {len(line)} bytes"
    if line.startswith(_END):
        found = END
    raise MalformedFile(file, first_line + row, "record", found, f"{width} bytes and CRLF")
