"""Statements of the bank, each taken once, and their lines: the only writer of `bank_line`.

A statement is taken whole or not at all. No other may cover its days, and none is taken about days that were held
against the books already, so all lines of one day come from one statement and are matched together.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from hashlib import blake2b
from itertools import islice, starmap
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ledger.database import require_transaction
from ledger.expressions import plain_rows, total
from ledger.model import digest
from wallet import steps
from wallet.errors import BeforeOpening, FundwalletError, InvalidRequest, reason, shortened
from wallet.outside import files, statements
from wallet.outside.schema import bank_line, bank_match, outside_file
from wallet.rules.fund import Fund

BLOCK = 10_000

_L, _M, _F = bank_line.c, bank_match.c, outside_file.c

SAME_LINE = sa.and_(_M.fund == _L.fund, _M.statement == _L.statement, _M.line == _L.line)


@dataclass(frozen=True, slots=True)
class Taken:
    """A statement that was taken, now or before. Units: fen."""

    file: str
    kind: str
    first: date
    last: date
    records: int
    new: bool


@dataclass(frozen=True, slots=True)
class BankLine:
    """A line and what became of it: the part that an item was matched with, the part on the suspense account."""

    day: date
    statement: str
    line: int
    amount: int
    reference: str | None
    counterparty: str | None
    text: str | None
    item: str | None
    matched: int
    suspense: int
    entry: int | None
    reconciled: date | None


class StatementKnown(FundwalletError):
    """A statement of this identity was taken from another file."""

    code = "statement_known"

    def __init__(self, identity: str) -> None:
        self.identity = identity
        super().__init__(f"statement {shortened(identity)} was taken before, from another file")


class StatementOverlaps(FundwalletError):
    """Another statement covers one of its days."""

    code = "statement_overlaps"

    def __init__(self, file: str, first: date, last: date, other: str) -> None:
        self.file, self.first, self.last, self.other = file, first, last, other
        super().__init__(
            f"{shortened(file)} covers {first} to {last}, of which {shortened(other)} covers a day already"
        )


class DayMatched(FundwalletError):
    """The lines of one of its days, or of a later one, are held against the books already."""

    code = "day_matched"

    def __init__(self, file: str, first: date, through: date) -> None:
        self.file, self.first, self.through = file, first, through
        super().__init__(f"{shortened(file)} begins on {first}, but the bank is reconciled through {through}")


def take(connection: sa.Connection, book: Fund, path: Path, at: datetime) -> Taken:
    """Take a statement in; taken before, it changes nothing.

    Raises: NoTransaction, InvalidRequest (the file cannot be read), FileChanged, BadStatement, OutsideCalendar,
    BeforeOpening, StatementOverlaps, DayMatched, StatementKnown.
    """
    require_transaction(connection)
    try:
        content = files.digest_of(path)
    except OSError as error:
        raise InvalidRequest(str(path), f"cannot be read: {reason(error)}") from None
    steps.lock(connection, book)
    if files.is_known(connection, book, path.name, content):
        row = connection.execute(sa.select(outside_file).where(_F.fund == book.code, _F.name == path.name)).one()
        return Taken(row.name, row.kind, row.first_day, row.day, row.records, new=False)
    told = statements.read(path, book.calendar.zone)
    _require_place(connection, book, told)
    number = files.next_number(connection, book)
    lines = told.lines()
    while block := [_row(book, told, number, line) for line in islice(lines, BLOCK)]:
        connection.execute(sa.insert(bank_line), block)
    taken = files.OutsideFile(path.name, files.BANK, told.first_day, told.last_day, told.records, content, told.closing)
    stored = content_digest(connection, book, number, told.first_day, told.last_day)
    files.write(connection, book, number, taken, stored, at)
    return Taken(path.name, files.BANK, told.first_day, told.last_day, told.records, new=True)


def _require_place(connection: sa.Connection, book: Fund, told: statements.Statement) -> None:
    """Refuse a statement that has no place among the others."""
    first, last, name = book.known(told.first_day), book.known(told.last_day), told.path.name
    if first < book.opened_on:
        raise BeforeOpening(first, book.opened_on)
    same_days = _F.fund == book.code, _F.kind == files.BANK, _F.first_day <= last, _F.day >= first
    if (other := connection.execute(sa.select(_F.name).where(*same_days).limit(1)).scalar()) is not None:
        raise StatementOverlaps(name, first, last, other)
    through = matched_through(connection, book)
    if through is not None and first <= through:
        raise DayMatched(name, first, through)
    same = sa.select(_L.line).where(_L.fund == book.code, _L.statement == told.identity).limit(1)
    if connection.execute(same).first() is not None:
        raise StatementKnown(told.identity)


def _row(book: Fund, told: statements.Statement, number: int, line: statements.Line) -> dict[str, Any]:
    return {
        "fund": book.code,
        "statement": told.identity,
        "line": line.number,
        "day": line.day,
        "amount": line.amount,
        "reference": line.reference,
        "counterparty": line.counterparty,
        "text": line.text,
        "file": number,
    }


def content_digest(connection: sa.Connection, book: Fund, number: int, first: date, last: date) -> bytes:
    """Return the digest of the lines that were made of a file about these days, as they are stored."""
    content = blake2b(digest_size=16)
    query = sa.select(bank_line).where(_L.fund == book.code, _L.day.between(first, last), _L.file == number)
    for _, statement, line, day, *told, _ in plain_rows(connection, query.order_by(_L.statement, _L.line)):
        content.update(digest(statement, line, day.isoformat(), *told))
    return content.digest()


def first_day(connection: sa.Connection, book: Fund) -> date | None:
    """Return the first day that a statement covers; None when none was ever taken."""
    first = sa.func.min(_F.first_day, type_=_F.first_day.type)
    found: date | None = connection.execute(
        sa.select(first).where(_F.fund == book.code, _F.kind == files.BANK)
    ).scalar()
    return found


def is_used(connection: sa.Connection, book: Fund) -> bool:
    """Tell whether any statement was ever taken."""
    return first_day(connection, book) is not None


def is_covered(connection: sa.Connection, book: Fund, day: date) -> bool:
    """Tell whether a statement covers a day."""
    return files.of_day(connection, book, files.BANK, day) is not None


def matched_through(connection: sa.Connection, book: Fund) -> date | None:
    """Return the last day whose lines are matched; None before the first."""
    query = sa.select(_L.day).join_from(bank_line, bank_match, SAME_LINE).where(_L.fund == book.code)
    found: date | None = connection.execute(query.order_by(_L.day.desc()).limit(1)).scalar()
    return found


def lines(connection: sa.Connection, book: Fund, first: date | None, last: date | None) -> list[BankLine]:
    """Return the lines dated from `first` to `last` (None: no bound), in order, with what became of each."""
    on_suspense = _M.entry_id.is_not(None)
    told = _L.day, _L.statement, _L.line, _L.amount, _L.reference, _L.counterparty, _L.text
    outcome = (
        sa.func.max(sa.case((_M.entry_id.is_(None), _M.item))),
        total(_M.amount, _M.entry_id.is_(None)),
        total(_M.amount, on_suspense),
        sa.func.max(_M.entry_id),
        sa.func.max(_M.day, type_=_M.day.type),
    )
    query = (
        sa.select(*told, *outcome).join_from(bank_line, bank_match, SAME_LINE, isouter=True).where(_L.fund == book.code)
    )
    if first is not None:
        query = query.where(_L.day >= first)
    if last is not None:
        query = query.where(_L.day <= last)
    ordered = query.group_by(_L.fund, *told).order_by(_L.day, _L.statement, _L.line)
    return list(starmap(BankLine, connection.execute(ordered)))
