"""Books of many wallets, built quickly: what a benchmark starts from.

A book is created and its first wallets are opened through the facade. What would then take hours one by one, more
wallets of the same kind, what they hold, what they ordered, is written by set-based SQL, in the same rows that the
product would write. The tests hold these rows equal to the product's, and `verify` finds nothing in them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa

from ledger.model import HOUSE, digest
from ledger.schema import account, balance, book_gate, holder, journal_entry, posting
from wallet import facade
from wallet.facade import Fund
from wallet.schema import customer_order, day_chunk, wallet

OPENED_ON = date(2014, 1, 2)
THROUGH_THE_DOOR = 1_000
"""So many wallets are opened through the facade; the rest are copies of their rows."""

CHUNK = 20_000
PART = 500_000
ORDERS_A_STATEMENT = 20_000
LEAST, STEP, SPAN = 100_00, 7_919, 9_999_991
"""Holding of wallet n, in hundredths of a share: LEAST + n * STEP modulo SPAN, so every wallet earns each day."""


def rate_of(day: date) -> int:
    """Return the figure of a day, around 1.2 per 10,000; no two days in a row have the same."""
    return 1_2000 + day.toordinal() * 37 % 101


def holding_of(number: Any) -> Any:
    """Return what wallet `number` holds, in hundredths of a share; `number` may be a column."""
    return LEAST + number * STEP % SPAN


def amount_of(number: int) -> int:
    """Return the amount of an order of wallet `number`, in fen."""
    return int(holding_of(number))


def build(url: str, size: int, shares: bool) -> None:
    """Create a book of `size` wallets in an empty database, each with its holding if `shares` says so."""
    engine = facade.connect(url)
    book = create(engine, size)
    if shares:
        give_shares(engine, book, size)
    engine.dispose()


def load(engine: sa.Engine) -> Fund:
    """Return the book of a database."""
    with facade.reading(engine) as connection:
        return facade.load(connection)


def create(engine: sa.Engine, size: int, opened_on: date = OPENED_ON) -> Fund:
    """Create a book in an empty database and open `size` wallets, called w1, w2 … at the start of its first day."""
    with engine.begin() as connection:
        book = facade.create(connection, opened_on)
        at = book_begin(book)
        first = [facade.Opening(wallet=f"w{n}", at=at) for n in range(1, min(size, THROUGH_THE_DOOR) + 1)]
        facade.open_wallets(connection, book, first)
    for begin in range(len(first) + 1, size + 1, PART):
        with engine.begin() as connection:
            _copy_wallets(connection, book, begin, min(begin + PART - 1, size), at)
    _analyse(engine)
    return book


def give_shares(engine: sa.Engine, book: Fund, size: int) -> None:
    """Give every wallet its holding, dated the opening day, as chunks of a confirmation; not closed yet.

    The other side is the register alone: no cash came in, so nothing is left to be settled.
    """
    register, shares = book.chart["register"].id, book.chart["shares"].id
    amount = holding_of(holder.c.holder_id)
    for number, first in enumerate(range(1, size + 1, CHUNK), 1):
        last = min(first + CHUNK - 1, size)
        span = holder.c.holder_id.between(first, last)
        with engine.begin() as connection:
            entry_id = _bulk_entry(connection, book, number, first, last)
            columns = [sa.literal(entry_id, posting.c.entry_id.type), holder.c.holder_id]
            columns += [sa.literal(n, posting.c.line.type) for n in (1, register, shares)]
            rows = sa.select(*columns, amount).where(span).order_by(holder.c.holder_id)
            connection.execute(sa.insert(posting).from_select([c.name for c in posting.columns], rows))
            connection.execute(
                sa.update(balance)
                .where(balance.c.account_id == shares, balance.c.holder_id.between(first, last))
                .values(amount=holding_of(balance.c.holder_id))
            )
    _analyse(engine)


def transfer_in(engine: sa.Engine, book: Fund, size: int, day: date) -> None:
    """Write a transfer-in of every wallet at 10:00 of a trading day, in transit, as the facade would."""
    in_transit = book.chart["in_transit"].id
    for first in range(1, size + 1, ORDERS_A_STATEMENT):
        numbers = range(first, min(first + ORDERS_A_STATEMENT - 1, size) + 1)
        with engine.begin() as connection:
            before = _last_entry(connection, len(numbers))
            entries = [_order_entry(book, entry_id, n, day) for entry_id, n in enumerate(numbers, before + 1)]
            connection.execute(sa.insert(journal_entry), entries)
            e, b = journal_entry.c, balance.c
            fresh = e.entry_id.between(before + 1, before + len(numbers))
            for table, values in ((posting, _order_line(book)), (customer_order, _order(day))):
                rows = sa.select(*values.values()).where(fresh).order_by(e.entry_id)
                connection.execute(sa.insert(table).from_select(list(values), rows))
            mine = b.account_id == in_transit, b.holder_id.between(numbers[0], numbers[-1])
            connection.execute(sa.update(balance).where(*mine).values(amount=b.amount + holding_of(b.holder_id)))
    _analyse(engine)


def announce(engine: sa.Engine, book: Fund, days: int, first: date | None = None) -> None:
    """Announce the figures of `days` days from `first`, the opening day where none is said."""
    begin = first or book.opened_on
    each = (begin + timedelta(n) for n in range(days))
    with engine.begin() as connection:
        facade.announce(connection, book, [facade.Figure(day, rate_of(day)) for day in each])


def trading_days(book: Fund) -> Iterator[date]:
    """Yield the trading days of a book, its opening day first."""
    day = book.calendar.next_or_same(book.opened_on)
    while True:
        yield day
        day = book.calendar.next(day)


def book_begin(book: Fund) -> datetime:
    """Return the instant at which a book's wallets are opened."""
    return book.instant(book.opened_on, time(0))


def order_time(book: Fund, day: date) -> datetime:
    """Return the instant at which the wallets order on a trading day, before its cutoff."""
    return book.instant(day, time(10))


def end_of(book: Fund, day: date) -> datetime:
    """Return an instant at which every step of `day` is due and none of the day after's end."""
    return book.instant(day + timedelta(1), time(0))


def stored_bytes(engine: sa.Engine) -> int:
    """Return how large the database is, with nothing left in SQLite's log."""
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            return int(connection.execute(sa.text("SELECT pg_database_size(current_database())")).scalar_one())
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        pages = cursor.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").fetchone()
        return int(pages[0])
    finally:
        raw.close()


def _copy_wallets(connection: sa.Connection, book: Fund, first: int, last: int, at: datetime) -> None:
    """Open the wallets `first` to `last` by three statements."""
    start = sa.select(sa.literal(first, sa.BigInteger).label("n")).cte("numbers", recursive=True)
    n = start.union_all(sa.select(start.c.n + 1).where(start.c.n < last)).c.n
    gates = sa.select(sa.func.count()).select_from(book_gate).where(book_gate.c.book == book.code).scalar_subquery()
    code = sa.literal(book.code)
    opened = sa.select(n, code, n % sa.cast(gates, sa.Integer))
    kept = sa.select(holder.c.holder_id, account.c.account_id, sa.literal(0, balance.c.amount.type))
    of_each = kept.join(account, account.c.per_holder == 1).where(holder.c.holder_id.between(first, last))
    reference = sa.literal("w", sa.Text()).concat(sa.cast(holder.c.holder_id, sa.Text))
    named = sa.select(holder.c.holder_id, holder.c.book, reference, sa.literal(at, wallet.c.opened_at.type))
    for table, rows in (
        (holder, opened),
        (balance, of_each.order_by(holder.c.holder_id, account.c.account_id)),
        (wallet, named.where(holder.c.holder_id.between(first, last)).order_by(holder.c.holder_id)),
    ):
        connection.execute(sa.insert(table).from_select([c.name for c in table.columns], rows))


def _bulk_entry(connection: sa.Connection, book: Fund, number: int, first: int, last: int) -> int:
    """Write one chunk of a confirmation of the opening day, done, and its entry; return the entry."""
    day, kind = book.opened_on, "confirmation"
    entry_id = _last_entry(connection, 1) + 1
    row = {"entry_id": entry_id, "holder_id": HOUSE, "book": book.code, "kind": kind, "value_date": day}
    row |= {"booked_at": book.instant(day, time(0)), "request_id": f"confirm {book.code} {day} {number}"}
    row |= {"digest": digest(kind, day.isoformat(), first, last), "first_holder": first, "last_holder": last}
    connection.execute(sa.insert(journal_entry).values(row))
    chunk = {"fund": book.code, "day": day, "step": "confirm", "number": number, "entry_id": entry_id}
    chunk |= {"first_holder": first, "last_holder": last}
    connection.execute(sa.insert(day_chunk).values(chunk))
    return entry_id


def _order_entry(book: Fund, entry_id: int, number: int, day: date) -> dict[str, Any]:
    return {
        "entry_id": entry_id,
        "holder_id": number,
        "book": book.code,
        "kind": "transfer_in",
        "value_date": day,
        "booked_at": order_time(book, day),
        "request_id": f"in {day}",
        "digest": digest("TransferIn", number, amount_of(number)),
    }


def _order_line(book: Fund) -> dict[str, Any]:
    """Return the columns of the posting that belongs to an order's entry."""
    e, p = journal_entry.c, posting.c
    accounts = {p.debit: book.chart["cash"].id, p.credit: book.chart["in_transit"].id}
    columns: dict[str, Any] = {"entry_id": e.entry_id, "holder_id": e.holder_id, "line": sa.literal(1, p.line.type)}
    columns |= {column.name: sa.literal(number, column.type) for column, number in accounts.items()}
    return columns | {"amount": holding_of(e.holder_id)}


def _order(day: date) -> dict[str, Any]:
    """Return the columns of the order that belongs to an entry."""
    e, o, amount = journal_entry.c, customer_order.c, holding_of(journal_entry.c.holder_id)
    columns: dict[str, Any] = {"holder_id": e.holder_id, "entry_id": e.entry_id, "book": e.book}
    columns |= {"kind": e.kind, "at": e.booked_at}
    columns |= {"amount": amount, "remaining": amount, "trade_date": sa.literal(day, o.trade_date.type)}
    columns |= {name: sa.literal(0, sa.BigInteger) for name in ("passed_to_advancer", "refunded")}
    return columns | {"status": sa.literal("accepted", o.status.type)}


def _last_entry(connection: sa.Connection, count: int) -> int:
    """Return the last number of an entry that is taken, and take the next `count`."""
    last = sa.select(sa.func.coalesce(sa.func.max(journal_entry.c.entry_id), 0))
    taken = int(connection.execute(last).scalar_one())
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT setval('journal_entry_id', :last)"), {"last": taken + count})
    return taken


def _analyse(engine: sa.Engine) -> None:
    """Let PostgreSQL know what was written, as its own housekeeping soon would."""
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
