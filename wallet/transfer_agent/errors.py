"""What the format refuses: one class, which says where, what was found and what was expected."""

from __future__ import annotations

from wallet.errors import FundwalletError, shortened


class MalformedFile(FundwalletError):
    """A file that departs from the format: its name, the line (from 1; None: the file as a whole) and the field.

    `found` is shown shortened and escaped, so that the message stays one line whatever the bytes are.
    """

    code = "malformed_file"

    def __init__(self, file: str, line: int | None, field: str, found: str, expected: str) -> None:
        self.file, self.line, self.field, self.found, self.expected = file, line, field, found, expected
        name = file if file.isprintable() else repr(file)[1:-1]
        where = name if line is None else f"{name} line {line}"
        super().__init__(f"{where}, {field}: found {shortened(found)!r}, expected {expected}")
