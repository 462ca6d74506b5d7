"""The bank: it carries out what our list of payments says, and sends a statement, camt.053 of ISO 20022.

Units: amounts in fen, positive what comes in.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from xml.etree import ElementTree as Tree

from wallet.transfer_agent.errors import MalformedFile

COLUMNS = ["day", "amount", "reference", "counterparty", "text"]
NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"

_AMOUNT = re.compile(r"-?(0|[1-9][0-9]{0,13})\.[0-9]{2}", re.ASCII)
_NO_TEXT = re.compile("[^\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Line:
    """A payment: booked on `day`, `amount` positive what came in."""

    day: date
    amount: int
    reference: str
    counterparty: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """What was booked on an account from `first` to `last`; `opening` is its balance before."""

    account: str
    first: date
    last: date
    opening: int
    lines: Sequence[Line]

    @property
    def closing(self) -> int:
        """Return the balance after the last line."""
        return self.opening + sum(line.amount for line in self.lines)


def yuan(amount: int, decimals: int = 2) -> str:
    """Return an amount, or a figure of another number of decimals, as text."""
    whole, part = divmod(abs(amount), 10**decimals)
    return f"{'-' if amount < 0 else ''}{whole}.{part:0{decimals}}"


def read_payments(path: Path) -> list[Line]:
    """Read a list of payments: CSV with the columns day, amount, reference, counterparty and text.

    Raises: MalformedFile; OSError.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.reader(stream, strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise MalformedFile(path.name, None, "file", str(error), "CSV in UTF-8") from None
    if not rows or rows[0] != COLUMNS:
        raise MalformedFile(path.name, 1, "columns", ",".join(rows[0] if rows else []), ",".join(COLUMNS))
    return [_line(path.name, number, row) for number, row in enumerate(rows[1:], 2)]


def _line(file: str, number: int, row: list[str]) -> Line:
    if len(row) != len(COLUMNS):
        raise MalformedFile(file, number, "row", f"{len(row)} columns", f"{len(COLUMNS)} columns")
    try:
        day = date.fromisoformat(row[0])
    except ValueError:
        raise MalformedFile(file, number, "day", row[0], "a date like 2013-09-16") from None
    if not _AMOUNT.fullmatch(row[1]) or not int(row[1].replace(".", "")):
        raise MalformedFile(file, number, "amount", row[1], "an amount like -100.05")
    return Line(day, int(row[1].replace(".", "")), *row[2:])


def written(statement: Statement) -> bytes:
    """Return a statement as camt.053: balances before and after, one entry for each line."""
    root = Tree.Element("Document", xmlns=NAMESPACE)
    message = Tree.SubElement(root, "BkToCstmrStmt")
    identity, made = f"{statement.account}-{statement.last:%Y%m%d}", f"{statement.last}T23:59:59+08:00"
    _add(message, "GrpHdr/MsgId", identity)
    _add(message, "GrpHdr/CreDtTm", made)
    body = Tree.SubElement(message, "Stmt")
    _add(body, "Id", identity)
    _add(body, "CreDtTm", made)
    _add(body, "FrToDt/FrDtTm", f"{statement.first}T00:00:00+08:00")
    _add(body, "FrToDt/ToDtTm", made)
    _add(body, "Acct/Id/Othr/Id", statement.account)
    _add(body, "Acct/Ccy", "CNY")
    for code, day, amount in (
        ("OPBD", statement.first, statement.opening),
        ("CLBD", statement.last, statement.closing),
    ):
        balance = Tree.SubElement(body, "Bal")
        _add(balance, "Tp/CdOrPrtry/Cd", code)
        _money(balance, amount)
        _add(balance, "Dt/Dt", str(day))
    for number, line in enumerate(statement.lines, 1):
        _entry(Tree.SubElement(body, "Ntry"), f"{identity}-{number}", line)
    Tree.indent(root)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n%s\n' % Tree.tostring(root, encoding="unicode").encode()


def _entry(entry: Tree.Element, bank_reference: str, line: Line) -> None:
    _money(entry, line.amount)
    _add(entry, "Sts", "BOOK")
    _add(entry, "BookgDt/Dt", str(line.day))
    _add(entry, "ValDt/Dt", str(line.day))
    _add(entry, "AcctSvcrRef", bank_reference)
    _add(entry, "BkTxCd/Prtry/Cd", "TRANSFER")
    details = Tree.SubElement(Tree.SubElement(entry, "NtryDtls"), "TxDtls")
    _add(details, "Refs/EndToEndId", line.reference or "NOTPROVIDED")
    if line.counterparty:
        _add(details, f"RltdPties/{'Dbtr' if line.amount > 0 else 'Cdtr'}/Nm", line.counterparty)
    if line.text:
        _add(details, "RmtInf/Ustrd", line.text)


def _money(parent: Tree.Element, amount: int) -> None:
    Tree.SubElement(parent, "Amt", Ccy="CNY").text = yuan(abs(amount))
    _add(parent, "CdtDbtInd", "DBIT" if amount < 0 else "CRDT")


def _add(parent: Tree.Element, path: str, text: str) -> None:
    """Put text at the end of a path below an element; what stands on the path already is used."""
    *above, last = path.split("/")
    for name in above:
        found = parent.find(name)
        parent = Tree.SubElement(parent, name) if found is None else found
    Tree.SubElement(parent, last).text = _NO_TEXT.sub("?", text)
