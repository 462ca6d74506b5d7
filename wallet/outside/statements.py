"""A bank's statement, ISO 20022 camt.053 or CSV: checked to its end, then read again as a stream. No database here.

camt.053, any version: one statement in a file, in CNY, of which entries that are booked count. An entry's sign is its
CdtDbtInd, also of a reversal; one with several transactions makes a line of each. A document type is refused before
anything else is read, so nothing can be expanded.

CSV, in UTF-8: the columns of COLUMNS under a header. The first row has the reference OPENING, the last one CLOSING;
their days are the first and the last that the statement covers, their amounts the balances.

Source: ISO 20022, camt.053.001.02 and .08, message definition reports. Units: fen, positive what came in.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta, tzinfo
from pathlib import Path
from typing import NoReturn
from xml.etree import ElementTree as ET
from xml.parsers import expat

from ledger.model import LARGEST
from wallet.errors import FundwalletError, InvalidRequest, reason, shortened
from wallet.rules.amounts import show_amount
from wallet.rules.parsing import parse_day, parse_instant

COLUMNS = ("day", "amount", "reference", "counterparty", "text")
OPENING, CLOSING = "OPENING", "CLOSING"

CURRENCY = "CNY"
NO_REFERENCE = "NOTPROVIDED"
LONGEST = 10_000
"""Characters of a text; the standard's longest remittance information has fewer."""
DEEPEST = 64

_NAMESPACE = re.compile(r"\{urn:iso:std:iso:20022:tech:xsd:camt\.053\.001\.[0-9]{2}\}")
_UNSIGNED = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,2})0*)?", re.ASCII)
_SIGNED = re.compile(r"-?(?:0|[1-9][0-9]{0,13})(?:\.[0-9]{1,2})?", re.ASCII)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_MICROSECOND = timedelta(microseconds=1)


class BadStatement(FundwalletError):
    """A statement that departs from its format: the file, the line or entry, the field, what was found."""

    code = "bad_statement"

    def __init__(self, file: str, where: str | None, field: str, found: object, expected: str) -> None:
        self.file, self.where, self.field, self.found, self.expected = file, where, field, found, expected
        place = shortened(file) if where is None else f"{shortened(file)} {where}"
        super().__init__(f"{place}, {field}: found {shortened(str(found))!r}, expected {expected}")


@dataclass(frozen=True, slots=True)
class Line:
    """A booked line, numbered from 1. `reference` is the one that goes with a payment from end to end."""

    number: int
    day: date
    amount: int
    reference: str | None
    counterparty: str | None
    text: str | None


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that was read to its end: its days, both inclusive, its balances, how many lines it has."""

    path: Path
    zone: tzinfo
    identity: str
    first_day: date
    last_day: date
    opening: int
    closing: int
    records: int

    def lines(self) -> Iterator[Line]:
        """Yield the lines, in order, with a bounded number of them in memory."""
        return _lines(_Reader(self.path, self.zone))


def read(path: Path, zone: tzinfo) -> Statement:
    """Read a statement to its end; instants are read in `zone`.

    Raises: InvalidRequest (the file cannot be read), BadStatement.
    """
    reader, records, total = _Reader(path, zone), 0, 0
    days: dict[date, int] = {}
    for line in _lines(reader):
        records, total = records + 1, total + line.amount
        days.setdefault(line.day, line.number)
    (first, opening), (last, closing) = reader.ends()
    if first > last:
        reader.refuse(None, "days", f"{first} to {last}", "the first day before the last")
    for day, number in days.items():
        if not first <= day <= last:
            reader.refuse(f"record {number}", "day", day, f"a day from {first} to {last}")
    if opening + total != closing:
        sums = f"{show_amount(opening + total)}, the opening balance with all lines"
        reader.refuse(None, "closing balance", show_amount(closing), sums)
    return Statement(path, zone, reader.identity, first, last, opening, closing, records)


@dataclass
class _Reader:
    """A file being read, and what was learned of the statement as a whole."""

    path: Path
    zone: tzinfo
    identity: str = ""
    days: tuple[date, date] | None = None
    balances: dict[str, tuple[date, int]] = field(default_factory=dict)

    def refuse(self, where: str | None, field: str, found: object, expected: str) -> NoReturn:
        raise BadStatement(self.path.name, where, field, found, expected)

    def ends(self) -> tuple[tuple[date, int], tuple[date, int]]:
        """Return the first day with the opening balance, the last with the closing one."""
        if not self.identity:
            self.refuse(None, "Id", "none", "one")
        for name in (OPENING, CLOSING):
            if name not in self.balances:
                self.refuse(None, f"{name.lower()} balance", "none", "one")
        (first, opening), (last, closing) = self.balances[OPENING], self.balances[CLOSING]
        first, last = self.days or (first, last)
        return (first, opening), (last, closing)

    def text(self, where: str | None, field: str, found: str | None) -> str | None:
        """Return a text on one line, None where it is blank."""
        text = " ".join((found or "").split())
        if len(text) > LONGEST or _CONTROL.search(text):
            self.refuse(where, field, text, f"at most {LONGEST} characters, none of them a control character")
        return text or None


def _lines(reader: _Reader) -> Iterator[Line]:
    try:
        yield from (_table if reader.path.suffix.lower() == ".csv" else _document)(reader)
    except OSError as error:
        raise InvalidRequest(str(reader.path), f"cannot be read: {reason(error)}") from None


def _table(reader: _Reader) -> Iterator[Line]:
    with reader.path.open(encoding="utf-8-sig", newline="") as file:
        rows, number = csv.reader(file, strict=True), 0
        try:
            if (heading := tuple(next(rows, ()))) != COLUMNS:
                reader.refuse("line 1", "columns", ",".join(heading), ",".join(COLUMNS))
            reader.identity = reader.path.name
            for row in rows:
                line = _row(reader, f"line {rows.line_num}", row, number + 1)
                if line is not None:
                    number += 1
                    yield line
        except csv.Error as error:
            reader.refuse(f"line {rows.line_num}", "CSV", str(error), "a table with commas")
        except UnicodeDecodeError as error:
            reader.refuse(None, "encoding", error.object[error.start : error.end], "UTF-8")


def _row(reader: _Reader, where: str, row: list[str], number: int) -> Line | None:
    if len(row) != len(COLUMNS):
        reader.refuse(where, "columns", len(row), str(len(COLUMNS)))
    given, amount, *texts = row
    try:
        day = parse_day(given)
    except InvalidRequest:
        reader.refuse(where, "day", given, "a date like 2013-09-16")
    if not _SIGNED.fullmatch(amount):
        reader.refuse(where, "amount", amount, "an amount like 100.05 or -100.05")
    fen = _fen(reader, where, "amount", amount.removeprefix("-"))
    line = Line(
        number,
        day,
        -fen if amount.startswith("-") else fen,
        *(reader.text(where, name, text) for name, text in zip(COLUMNS[2:], texts, strict=True)),
    )
    if (line.reference == OPENING) == bool(reader.balances) or CLOSING in reader.balances:
        reader.refuse(where, "reference", texts[0], f"{OPENING} in the first row, {CLOSING} in the last one only")
    if line.reference not in (OPENING, CLOSING):
        return line
    reader.balances[line.reference] = line.day, line.amount
    return None


def _document(reader: _Reader) -> Iterator[Line]:
    try:
        _refuse_document_type(reader)
        yield from _statement(reader)
    except ET.ParseError as error:
        reader.refuse(f"line {error.position[0]}", "XML", str(error), "XML that is well formed")
    except (LookupError, ValueError) as error:
        reader.refuse("line 1", "encoding", str(error), "UTF-8")


class _Begun(Exception):
    """The root element begins: from here on there can be no document type."""


def _refuse_document_type(reader: _Reader) -> None:
    def refuse(*_: object) -> NoReturn:
        reader.refuse(f"line {parser.CurrentLineNumber}", "DOCTYPE", "a document type", "none")

    def begin(*_: object) -> NoReturn:
        raise _Begun

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler, parser.StartElementHandler = refuse, begin
    with reader.path.open("rb") as file:
        try:
            parser.ParseFile(file)
        except (_Begun, expat.ExpatError):  # what is not well formed is told when it is read
            return


def _statement(reader: _Reader) -> Iterator[Line]:
    """Yield the lines of a document, each entry and transaction forgotten once it was read."""
    open_elements: list[ET.Element] = []
    prefix, statements, entries = "", 0, _Entries(reader)
    for event, element in ET.iterparse(reader.path, ("start", "end")):
        if event == "start":
            if not open_elements:
                prefix = _prefix(reader, element.tag)
            element.tag = element.tag.removeprefix(prefix)
            open_elements.append(element)
            depth = len(open_elements)
            statements += depth == 3 and element.tag == "Stmt"
            if statements > 1 or depth > DEEPEST:
                what = "Stmt" if statements > 1 else "depth"
                reader.refuse(None, what, "more", "one statement" if statements > 1 else f"at most {DEEPEST} levels")
            continue
        open_elements.pop()
        depth = len(open_elements)
        if depth < 3 or open_elements[2].tag != "Stmt":
            continue
        if depth == 3:
            yield from _part(reader, entries, element)
            open_elements[2].clear()
        elif depth == 4 and element.tag == "NtryDtls":
            open_elements[3].remove(element)
        elif depth == 5 and element.tag == "TxDtls" and open_elements[3].tag == "Ntry":
            yield from entries.transaction(open_elements[3], element)
            open_elements[4].clear()


def _prefix(reader: _Reader, tag: str) -> str:
    """Return the namespace of the root element, in braces, if it is that of a statement."""
    namespace = tag[: tag.find("}") + 1]
    if not _NAMESPACE.fullmatch(namespace) or tag != f"{namespace}Document":
        reader.refuse(None, "root element", tag, "a Document of camt.053.001")
    return namespace


def _part(reader: _Reader, entries: _Entries, element: ET.Element) -> Iterator[Line]:
    """Take in one part of the statement: who it is, its days, a balance, or an entry."""
    if element.tag == "Id":
        reader.identity = reader.text(None, "Id", element.text) or ""
        if not 0 < len(reader.identity) <= 35:
            reader.refuse(None, "Id", reader.identity, "1 to 35 characters")
    elif element.tag == "FrToDt":
        reader.days = _period(reader, element)
    elif element.tag == "Bal":
        name = {"OPBD": OPENING, "PRCD": OPENING, "CLBD": CLOSING}.get(_text(element, "Tp", "CdOrPrtry", "Cd") or "")
        if name is not None and name not in reader.balances:
            where = f"{name.lower()} balance"
            reader.balances[name] = _day(reader, where, element, "Dt"), _signed(reader, where, element, element)
    elif element.tag == "Ntry":
        yield from entries.end(element)


def _period(reader: _Reader, element: ET.Element) -> tuple[date, date]:
    """Return the first and the last day; a period that ends at midnight ends with the day before."""
    try:
        start, end = (parse_instant(_text(element, name) or "", reader.zone) for name in ("FrDtTm", "ToDtTm"))
    except InvalidRequest as error:
        reader.refuse(None, "FrToDt", error.field, "instants like 2013-09-16T00:00:00")
    last = max(start, end - _MICROSECOND) if end >= start else end
    return start.astimezone(reader.zone).date(), last.astimezone(reader.zone).date()


@dataclass
class _Entries:
    """The entries of a statement, one after the other; of the one being read, what was seen of it."""

    reader: _Reader
    number: int = 1
    lines: int = 0
    transactions: int = 0
    sum: int = 0
    alone: ET.Element | None = None

    @property
    def where(self) -> str:
        return f"entry {self.number}"

    def transaction(self, entry: ET.Element, details: ET.Element) -> Iterator[Line]:
        """Take in one of the transactions of an entry; one that stands alone may leave its amount to the entry."""
        if not _is_booked(entry):
            return
        self.transactions += 1
        alone = _amount_of(details) is None
        if self.transactions > 1 and (alone or self.alone is not None):
            self.reader.refuse(self.where, "TxDtls", "no Amt", "one of each of several transactions")
        if alone:
            self.alone = details
        else:
            amount = _signed(self.reader, self.where, details, entry)
            self.sum += amount
            yield self._line(entry, details, amount)

    def end(self, entry: ET.Element) -> Iterator[Line]:
        """Take in the end of an entry."""
        if _is_booked(entry):
            amount = _signed(self.reader, self.where, entry, entry)
            if not self.transactions or self.alone is not None:
                yield self._line(entry, self.alone, amount)
            elif self.sum != amount:
                expected = f"{show_amount(self.sum)}, the sum of its transactions"
                self.reader.refuse(self.where, "Amt", show_amount(amount), expected)
        self.number, self.transactions, self.sum, self.alone = self.number + 1, 0, 0, None

    def _line(self, entry: ET.Element, details: ET.Element | None, amount: int) -> Line:
        told = entry if details is None else details
        reader, where = self.reader, self.where
        dated = "BookgDt" if entry.find("BookgDt") is not None else "ValDt"
        reference = reader.text(where, "EndToEndId", _text(told, "Refs", "EndToEndId"))
        parties = ("Dbtr", "Cdtr") if amount > 0 else ("Cdtr", "Dbtr")
        names = (_text(told, "RltdPties", party, *way) for party in parties for way in (("Nm",), ("Pty", "Nm")))
        remitted = told.find("RmtInf")
        texts = [] if remitted is None else [each.text or "" for each in remitted.findall("Ustrd")]
        texts += [_text(told, name) or "" for name in ("AddtlTxInf", "AddtlNtryInf")]
        self.lines += 1
        return Line(
            self.lines,
            _day(reader, where, entry, dated),
            amount,
            None if reference == NO_REFERENCE else reference,
            reader.text(where, "Nm", next(filter(None, names), None)),
            reader.text(where, "Ustrd", " ".join(texts)),
        )


def _at(element: ET.Element | None, *way: str) -> ET.Element | None:
    """Return the element that a way of names leads to."""
    for name in way:
        element = None if element is None else element.find(name)
    return element


def _text(element: ET.Element, *way: str) -> str | None:
    found = _at(element, *way)
    return None if found is None else (found.text or "").strip()


def _is_booked(entry: ET.Element) -> bool:
    return (_text(entry, "Sts", "Cd") or _text(entry, "Sts")) == "BOOK"


def _amount_of(element: ET.Element) -> ET.Element | None:
    """Return the amount of a balance, an entry or a transaction; older versions have the last one's deeper down."""
    amount = element.find("Amt")
    return _at(element, "AmtDtls", "TxAmt", "Amt") if amount is None and element.tag == "TxDtls" else amount


def _signed(reader: _Reader, where: str, element: ET.Element, entry: ET.Element) -> int:
    """Return an amount with the sign of its own indicator, else with that of its entry."""
    amount = _amount_of(element)
    if amount is None:
        reader.refuse(where, "Amt", "none", "one")
    if (currency := amount.get("Ccy")) != CURRENCY:
        reader.refuse(where, "Ccy", currency, CURRENCY)
    fen = _fen(reader, where, "Amt", (amount.text or "").strip())
    side = _text(element, "CdtDbtInd") or _text(entry, "CdtDbtInd")
    if side not in ("CRDT", "DBIT"):
        reader.refuse(where, "CdtDbtInd", side, "CRDT or DBIT")
    return fen if side == "CRDT" else -fen


def _fen(reader: _Reader, where: str, field: str, text: str) -> int:
    match = _UNSIGNED.fullmatch(text)
    if match is None:
        reader.refuse(where, field, text, "an amount like 100.05")
    fen = int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))
    if fen > LARGEST:
        reader.refuse(where, field, text, f"at most {show_amount(LARGEST)}")
    return fen


def _day(reader: _Reader, where: str, element: ET.Element, name: str) -> date:
    """Return the day of a date, or of an instant in the zone."""
    day, at = _text(element, name, "Dt"), _text(element, name, "DtTm")
    try:
        return parse_day(day or "") if at is None else parse_instant(at, reader.zone).astimezone(reader.zone).date()
    except InvalidRequest:
        reader.refuse(where, name, at or day, "a date like 2013-09-16")
