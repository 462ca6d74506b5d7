"""A ledger without a wallet: one book of two units, seven accounts and a few holders, for tests of the ledger.

The books of a savings club. Entries are written and read as a bookkeeper does: "Dr cash Cr savings 100".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa

from ledger import balances, database, gates, schema
from ledger.journal import accounts
from ledger.model import HOUSE, Account, Entry, Posting, Request, Side, digest

CHART = (
    Account(1, "cash", "CNY", Side.DEBIT),
    Account(2, "fees", "CNY", Side.CREDIT),
    Account(3, "savings", "CNY", Side.CREDIT, per_holder=True),
    Account(4, "frozen", "CNY", Side.CREDIT, per_holder=True),
    Account(5, "owed", "CNY", Side.DEBIT, per_holder=True),
    Account(6, "issued", "points", Side.DEBIT),
    Account(7, "points", "points", Side.CREDIT, per_holder=True),
)
BY_CODE = {acc.code: acc for acc in CHART}
TABLES = (
    schema.account,
    schema.holder,
    schema.journal_entry,
    schema.posting,
    schema.balance,
    schema.account_total,
    schema.book_gate,
)
BOOK = "club"
HOLDERS = (HOUSE, 1, 2, 3)
GATES = 2
FIRST_DAY = date(2013, 9, 16)


def on(number: int) -> date:
    """Return the book's day of that number; day 1 is its first open one."""
    return FIRST_DAY + timedelta(number - 1)


def opened(url: str) -> Iterator[sa.Engine]:
    """Create the book in an empty database and lend the engine."""
    engine = database.connect(url)
    with engine.begin() as connection:
        schema.metadata.create_all(connection, tables=TABLES)
        for statement in schema.guards(connection.dialect.name):
            connection.execute(sa.text(statement))
        connection.execute(
            sa.insert(schema.account),
            [
                {"account_id": a.id, "code": a.code, "unit": a.unit, "normal_side": a.normal_side, "per_holder": kept}
                for a, kept in ((a, int(a.per_holder)) for a in CHART)
            ],
        )
        gates.create(connection, BOOK, GATES, on(0))
        balances.create_holders(connection, BOOK, HOLDERS, GATES, CHART)
        assert tuple(accounts(connection)) == CHART
    yield engine
    engine.dispose()


def lines(text: str) -> tuple[Posting, ...]:
    """Read postings such as "Dr cash Cr savings 100", divided by semicolons."""
    found = []
    for line in text.split(";"):
        match = re.fullmatch(r"Dr (\w+) Cr (\w+) (\d+)", line.strip())
        assert match, line
        found.append(Posting(BY_CODE[match[1]], BY_CODE[match[2]], int(match[3])))
    return tuple(found)


def request(request_id: str, holder: int = 1, content: str = "") -> Request:
    """Ask under an id; another content makes it another request."""
    return Request(holder, request_id, digest(content))


def entry(text: str, request_id: str, holder: int = 1, day: date = FIRST_DAY, kind: str = "moved") -> Entry:
    """Make an entry, booked at noon of its day; its content is its text."""
    booked_at = datetime.combine(day, time(12), UTC)
    return Entry(request(request_id, holder, text), kind, day, booked_at, lines(text))


def written(connection: sa.Connection, entry_id: int) -> str:
    """Return the postings of an entry as they are stored, by holder and line, written as `lines` reads them."""
    codes = {acc.id: acc.code for acc in CHART}
    p = schema.posting.c
    rows = connection.execute(sa.select(schema.posting).where(p.entry_id == entry_id).order_by(p.holder_id, p.line))
    return "; ".join(f"Dr {codes[row.debit]} Cr {codes[row.credit]} {row.amount}" for row in rows)


def held(connection: sa.Connection, holder: int = 1) -> dict[str, int]:
    """Return a holder's balances that are not zero, by account."""
    codes = {acc.id: acc.code for acc in CHART}
    return {codes[number]: amount for number, amount in balances.of_holder(connection, holder).items() if amount}


def everything(connection: sa.Connection, tables: tuple[sa.Table, ...] = TABLES) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of the tables, to be compared before and after."""
    return {
        table.name: [tuple(row) for row in connection.execute(sa.select(table).order_by(*table.primary_key.columns))]
        for table in tables
    }


def fill(connection: sa.Connection, tables: Iterable[sa.Table]) -> None:
    """Write a row into each table that has none: of every column the least value that its type has."""
    least = {int: 1, str: "x", bytes: b"x", date: FIRST_DAY, datetime: datetime.combine(FIRST_DAY, time(12), UTC)}
    for table in tables:
        if connection.execute(sa.select(table)).first() is None:
            row = {c.name: least[_python_type(c)] for c in table.columns}
            connection.execute(sa.insert(table).values(row))


def _python_type(column: sa.Column[Any]) -> type:
    types: dict[type, type] = {schema.Day: date, schema.Instant: datetime}
    return types.get(type(column.type)) or column.type.python_type
