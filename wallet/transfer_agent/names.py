"""Names of files: OFD_<creator>_<receiver>_<YYYYMMDD>_<type>.TXT, and OFI, OFT or OFB_….TXT of an index."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Final

from wallet.transfer_agent.errors import MalformedFile
from wallet.transfer_agent.layout import FIELDS

DATA: Final = "OFD"
INDEXES: Final = ("OFI", "OFT", "OFB")
"""Prefixes of an index: of ordinary files, of quick applications sent, of quick answers received."""

FORM: Final = "OFD_<creator>_<receiver>_<YYYYMMDD>_<type>.TXT, or OFI, OFT or OFB_<creator>_<receiver>_<YYYYMMDD>.TXT"

_CODE = "([0-9A-Za-z]{1,9})"
_NAME: Final = re.compile(rf"([A-Z]{{3}})_{_CODE}_{_CODE}_([0-9]{{8}})(?:_([0-9]{{2}}))?\.TXT")


@dataclass(frozen=True, slots=True)
class Name:
    """What the name of a file says; `file_type` is None for an index."""

    prefix: str
    creator: str
    receiver: str
    day: date
    file_type: str | None = None

    def __str__(self) -> str:
        parts = [self.prefix, self.creator, self.receiver, digits_of(self.day)]
        return "_".join([*parts, self.file_type] if self.file_type is not None else parts) + ".TXT"


def parse_name(text: str) -> Name:
    """Read the name of a data or index file; a code is one to nine ASCII letters and digits. Raises: MalformedFile."""
    if match := _NAME.fullmatch(text):
        prefix, creator, receiver, digits, file_type = match.groups()
        day = day_of(digits)
        known = file_type in FIELDS if prefix == DATA else file_type is None and prefix in INDEXES
        if day is not None and known:
            return Name(prefix, creator, receiver, day, file_type)
    raise MalformedFile(text, None, "name", text, FORM)


def digits_of(day: date) -> str:
    """Return a day as YYYYMMDD."""
    return day.isoformat().replace("-", "")


def day_of(digits: str) -> date | None:
    """Return the day of eight digits YYYYMMDD; None where there is no such day."""
    if len(digits) != 8 or not digits.isascii() or not digits.isdecimal():
        return None
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None
