"""The lines above the records of a data file: who sent what to whom for which day, and which columns follow."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date
from io import BytesIO
from typing import Final

from wallet.transfer_agent.errors import MalformedFile
from wallet.transfer_agent.layout import FIELDS, Field
from wallet.transfer_agent.lines import CRLF, ENCODING, Lines, heading
from wallet.transfer_agent.names import DATA, Name, parse_name

IDENTIFIER: Final = "OFDCFDAT"


@dataclass(frozen=True, slots=True)
class Header:
    """What a data file says above its records.

    `day` is that of the file's name; `sender` and `recipient` take 8 bytes each, `summary` three digits; `fields`: the
    names of the columns in their order.
    """

    creator: str
    receiver: str
    day: date
    file_type: str
    sender: str
    recipient: str
    fields: tuple[str, ...]
    summary: str = "000"

    @property
    def columns(self) -> tuple[Field, ...]:
        """The fields of the columns, in their order."""
        known = FIELDS[self.file_type]
        return tuple(known[name] for name in self.fields)


def name_of(header: Header) -> str:
    """Return the name of a data file. Raises: MalformedFile (codes or a file type that make no name)."""
    name = str(Name(DATA, header.creator, header.receiver, header.day, header.file_type))
    parse_name(name)
    return name


def read(lines: Lines) -> tuple[Header, int]:
    """Read a header as the name of the file wants it; return it with the number of records.

    Raises: MalformedFile.
    """
    name = parse_name(lines.file)
    if name.file_type is None:
        raise MalformedFile(lines.file, None, "name", lines.file, f"the name of a data file: {DATA}_…")
    lines.heading(IDENTIFIER, name)
    summary = lines.digits("summary number", 3)
    lines.exactly("file type", name.file_type)
    sender, recipient = lines.text("sender", 8), lines.text("recipient", 8)
    columns = _columns(lines, name.file_type)
    count = int(lines.digits("number of records", 8))
    header = Header(name.creator, name.receiver, name.day, name.file_type, sender, recipient, columns, summary)
    return header, count


def encoded(header: Header, count: int) -> bytes:
    """Return the lines of a header; what would not read back the same is refused. Raises: MalformedFile."""
    file = name_of(header)
    above = [*heading(IDENTIFIER, parse_name(file)), header.summary, header.file_type, header.sender, header.recipient]
    below = [f"{len(header.fields):03}", *header.fields, f"{count:08}"]
    lines = [line.encode(ENCODING, "backslashreplace") for line in above + below]
    lines[7:9] = [line.ljust(8) for line in lines[7:9]]
    written = b"".join(line + CRLF for line in lines)
    back, _ = read(Lines(file, BytesIO(written)))
    for field in fields(Header):
        given = getattr(header, field.name)
        if getattr(back, field.name) != given:
            raise MalformedFile(file, None, field.name, str(given), "what reads back the same")
    return written


def _columns(lines: Lines, file_type: str) -> tuple[str, ...]:
    """Read the names of the columns: known ones, each once, the required ones among them."""
    known = FIELDS[file_type]
    names: dict[str, None] = {}
    count = int(lines.digits("number of fields", 3))
    for _ in range(count):
        name = lines.line("field name")
        if name not in known:
            lines.refuse("field name", name, f"a field of file type {file_type}")
        if name in names:
            lines.refuse("field name", name, "each field once")
        names[name] = None
    missing = [field.name for field in known.values() if field.required and field.name not in names]
    if missing or not names:
        lines.refuse("field names", f"{count} fields", f"also {missing[0]}" if missing else "at least one")
    return tuple(names)
