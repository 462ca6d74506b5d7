"""The fields of each file type, and the codes: facts of the standard, read from the tables beside this module.

Source: GB/T 39595-2020 (JR/T 0017), version 2.1. The standard gives quick transfers no layouts of their own: files 33,
34 and 35 have the fields of 03, 04 and 05.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final, Literal

Kind = Literal["C", "A", "N"]
_KINDS: dict[str, Kind] = {"C": "C", "A": "A", "N": "N"}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a file type: `length` in bytes, `decimals` of the digits of a number.

    `kind`: C is text, A are digits as text, both left-aligned and blank filled; N is a number, zero filled on the left,
    a minus sign first where it is negative. `required`: a file without this column is refused.
    """

    name: str
    kind: Kind
    length: int
    decimals: int = 0
    required: bool = False

    def __str__(self) -> str:
        return f"N({self.length}.{self.decimals})" if self.kind == "N" else f"{self.kind}({self.length})"


def required(business_code: str) -> tuple[str, ...]:
    """Return the names of the fields that a record of a business code must fill, in the order of its table.

    Empty where the standard's table of that code is not packaged.
    """
    return _REQUIRED.get(business_code, ())


def _rows(table: str) -> list[dict[str, str]]:
    text = files("wallet.transfer_agent").joinpath(f"{table}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _fields() -> dict[str, dict[str, Field]]:
    found: dict[str, dict[str, Field]] = {}
    for row in _rows("layout"):
        name, length, decimals = row["field_name"], int(row["length"]), int(row["decimals"] or 0)
        field = Field(name, _KINDS[row["type"]], length, decimals, row["required_in_file"] == "Y")
        found.setdefault(row["file_type"], {})[name] = field
    return found | {"33": found["03"], "34": found["04"], "35": found["05"]}


def _required() -> dict[str, tuple[str, ...]]:
    names: dict[str, dict[str, None]] = {}
    for row in _rows("business_fields"):
        if row["required"] == "Y":
            names.setdefault(row["template_code"], {})[row["field_name"]] = None
    return {code: tuple(kept) for code, kept in names.items()}


FIELDS: Final[Mapping[str, Mapping[str, Field]]] = _fields()
"""The fields of a file type by name, in the order of the standard."""

RETURN_CODES: Final[Mapping[str, str]] = {row["code"]: row["meaning"] for row in _rows("return_codes")}
"""What a return code means; "0000" is success."""

BUSINESS_CODES: Final[Mapping[str, str]] = {
    code: row["meaning"]
    for row in _rows("business_codes")
    for code in (row["apply_code"], *row["confirm_code"].split("/"))
    if code
}
"""What a business code means, of applications (022) and of confirmations (122)."""

_REQUIRED: Final = _required()
