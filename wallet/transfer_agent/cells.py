"""A column of some records, as bytes and as values: every byte is checked, all records at once.

Shape: cells are an array (records, bytes of the field). Writing goes through the checks of reading, so that whatever
was written reads back the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from wallet.transfer_agent.errors import MalformedFile
from wallet.transfer_agent.layout import Field, Kind
from wallet.transfer_agent.lines import ENCODING, shown

Cells = NDArray[np.uint8]
Numbers = NDArray[np.int64]

BLANK, ZERO, MINUS, DELETE = b" 0-\x7f"

FORMS: Final[dict[Kind, str]] = {
    "C": "at most {} bytes of GB18030 text without control characters, left-aligned and filled with blanks",
    "A": "at most {} digits, left-aligned and filled with blanks",
    "N": "{} digits, zero filled on the left; a minus sign instead of the first where negative, never for zero",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A field of records in a row, the first of which stands in line `first_line` of a file."""

    file: str
    first_line: int
    field: Field

    def numbers(self, cells: Cells) -> Numbers:
        """Return the values of a column of numbers. Raises: MalformedFile."""
        minus = cells[:, 0] == MINUS
        digits = cells - np.uint8(ZERO)
        digits[minus, 0] = 0
        self._refuse_any(digits > 9, cells)
        values = np.zeros(len(cells), np.int64)
        for place in range(self.field.length):
            values *= 10
            values += digits[:, place]
        self._refuse_any((minus & (values == 0))[:, None], cells)
        return np.negative(values, out=values, where=minus)

    def texts(self, cells: Cells) -> list[str]:
        """Return the values of a column of text or digits, without the blanks that fill them up.

        Raises: MalformedFile.
        """
        blank = cells == BLANK
        if self.field.kind == "A":
            self._refuse_any(~blank & (cells - np.uint8(ZERO) > 9), cells)
            self._refuse_any(blank[:, :-1] & ~blank[:, 1:], cells)
        else:
            self._refuse_any((cells < BLANK) | (cells == DELETE), cells)
            self._refuse_any(blank[:, :1] & ~blank, cells)
        whole, width = cells.tobytes(), self.field.length
        if whole.isascii():
            text = whole.decode("ascii")
            found = [text[start : start + width] for start in range(0, len(text), width)]
        else:
            found = [self._decoded(row, whole[row * width : (row + 1) * width]) for row in range(len(cells))]
        return [value.rstrip(" ") for value in found] if blank.any() else found

    def from_numbers(self, values: Sequence[int] | Numbers) -> Cells:
        """Return the cells of whole numbers. Raises: MalformedFile (no whole number, too large)."""
        given, length = np.asarray(values), self.field.length
        if given.dtype.kind != "i":
            self._refuse_others(values)
        left = np.abs(given.astype(np.int64))
        bound = np.where(given < 0, 10 ** (length - 1), 10**length)
        # The least int64 has no opposite: it stays negative.
        if (wrong := (left >= bound) | (left < 0)).any():
            row = int(wrong.argmax())
            self.refuse(row, str(values[row]))
        cells = np.empty((len(given), length), np.uint8)
        for place in reversed(range(length)):
            left, digit = np.divmod(left, 10)
            cells[:, place] = digit + ZERO
        cells[given < 0, 0] = MINUS
        return cells

    def from_texts(self, values: Sequence[str]) -> Cells:
        """Return the cells of text. Raises: MalformedFile (too long, a blank at an end, not of the field's form)."""
        text = "".join([value.ljust(self.field.length) for value in values])
        if text.isascii() and len(text) == len(values) * self.field.length:
            whole = text.encode("ascii")
        else:
            whole = b"".join([self._encoded(row, value) for row, value in enumerate(values)])
        cells = np.frombuffer(whole, np.uint8).reshape(len(values), self.field.length)
        for row, (given, back) in enumerate(zip(values, self.texts(cells), strict=True)):
            if given != back:
                self.refuse(row, given)
        return cells

    def refuse(self, row: int, found: str) -> NoReturn:
        """Refuse the cell of a row. Raises: MalformedFile."""
        form = f"{self.field}: {FORMS[self.field.kind].format(self.field.length)}"
        raise MalformedFile(self.file, self.first_line + row, self.field.name, found, form)

    def _refuse_any(self, wrong: NDArray[np.bool_], cells: Cells) -> None:
        """Refuse the first row that has anything wrong."""
        if wrong.any():
            row = int(wrong.any(axis=1).argmax())
            self.refuse(row, shown(cells[row].tobytes()))

    def _refuse_others(self, values: Sequence[Any] | Numbers) -> None:
        """Refuse the first value that is no whole number of 64 bits."""
        for row, value in enumerate(values):
            if type(value) is not int or not -(2**63) <= value < 2**63:
                self.refuse(row, str(value))

    def _decoded(self, row: int, cell: bytes) -> str:
        try:
            return cell.decode(ENCODING)
        except UnicodeDecodeError:
            self.refuse(row, shown(cell))

    def _encoded(self, row: int, value: str) -> bytes:
        try:
            cell = value.encode(ENCODING)
        except UnicodeEncodeError:
            self.refuse(row, value)
        if len(cell) > self.field.length:
            self.refuse(row, value)
        return cell.ljust(self.field.length)
