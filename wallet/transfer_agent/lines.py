"""The lines above and below the records, read one by one: each of a fixed width, each ending in CRLF."""

from __future__ import annotations

from typing import BinaryIO, Final, NoReturn

from wallet.transfer_agent.errors import MalformedFile
from wallet.transfer_agent.names import Name, digits_of

CRLF: Final = b"\r\n"
ENCODING: Final = "gb18030"
END: Final = "OFDCFEND"
VERSION: Final = "21  "
LONGEST: Final = 100
"""Bytes that a line read here may take; the longest name of a field takes 33."""


class Lines:
    """The lines of a file that is open for bytes; `number` is that of the line read last, from 1."""

    def __init__(self, file: str, stream: BinaryIO) -> None:
        self.file, self.stream, self.number = file, stream, 0

    def refuse(self, field: str, found: str, expected: str) -> NoReturn:
        """Refuse the line read last. Raises: MalformedFile."""
        raise MalformedFile(self.file, self.number, field, found, expected)

    def line(self, field: str) -> str:
        """Read a line of text, its end left out. Raises: MalformedFile (no CRLF, no GB18030)."""
        self.number += 1
        line = self.stream.readline(LONGEST)
        if not line.endswith(CRLF):
            self.refuse(field, shown(line), "a line that ends in CRLF")
        try:
            return line[:-2].decode(ENCODING)
        except UnicodeDecodeError:
            self.refuse(field, shown(line[:-2]), "text in GB18030")

    def exactly(self, field: str, expected: str) -> None:
        """Read a line that can only be one. Raises: MalformedFile."""
        if (found := self.line(field)) != expected:
            self.refuse(field, found, repr(expected))

    def text(self, field: str, width: int) -> str:
        """Read text filled with blanks to `width` bytes. Raises: MalformedFile."""
        found = self.line(field)
        fits = len(found.encode(ENCODING)) == width
        text = found.rstrip(" ")
        if not fits or text.startswith(" ") or any(ord(c) < 0x20 or ord(c) == 0x7F for c in text):
            self.refuse(field, found, f"{width} bytes of text, left-aligned and filled with blanks")
        return text

    def digits(self, field: str, width: int) -> str:
        """Read exactly `width` digits. Raises: MalformedFile."""
        found = self.line(field)
        if len(found) != width or not found.isascii() or not found.isdecimal():
            self.refuse(field, found, f"{width} digits")
        return found

    def heading(self, identifier: str, name: Name) -> None:
        """Read what every file begins with, as its name says: identifier, version, creator, receiver and day.

        Raises: MalformedFile.
        """
        self.exactly("identifier", identifier)
        self.exactly("version", VERSION)
        self.exactly("creator", f"{name.creator:9}")
        self.exactly("receiver", f"{name.receiver:9}")
        self.exactly("date", digits_of(name.day))

    def nothing_more(self) -> None:
        """Refuse bytes after the last line. Raises: MalformedFile."""
        if rest := self.stream.readline(LONGEST):
            self.number += 1
            self.refuse("end of file", shown(rest), "nothing after the end mark")


def heading(identifier: str, name: Name) -> list[str]:
    """Return the lines that every file begins with."""
    return [identifier, VERSION, f"{name.creator:9}", f"{name.receiver:9}", digits_of(name.day)]


def shown(raw: bytes) -> str:
    """Return bytes for a message; what is no GB18030 as \\x…."""
    return raw.decode(ENCODING, "backslashreplace")
