"""The distribute step: the income of day D on the holdings as of the end of D, dated D+1. Source: rule book, section 3.

1. D is closed, so the holdings as of D are fixed whatever D+1 does: balances now less the postings dated later.
2. One pass over all holdings decides the whole and who gets the fen that cutting left over; it is written down.
3. Chunks of holders: postings by INSERT…SELECT with the same formula, balances moved by those postings.
4. The postings must add up to the whole.

The only writer of `distribution`. Payments of D+1 may run at any moment in between.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import sqlalchemy as sa

from ledger import balances, bulk
from ledger.bulk import BulkEntry
from ledger.expressions import columns, least, total
from ledger.model import HOUSE
from ledger.schema import balance, holder, posting
from wallet import steps
from wallet.figures import Figure
from wallet.rules import manual
from wallet.rules.chart import Chart
from wallet.rules.fund import Fund
from wallet.rules.income import METHOD, SCALE, Allocation, allocate, amounts
from wallet.rules.manual import Event
from wallet.schema import distribution
from wallet.steps import Chunk

STEP = "distribute"
ENTRY = "income"
ADVANCER = ("advancer_shares", "advancer_income_shares")


def pool(connection: sa.Connection, book: Fund, day: date) -> int:
    """Return the shares that earn on `day`, the advancer's included, in hundredths."""
    as_of = balances.totals(connection, book.code, day)
    return sum(balances.balance_of(book.chart[code], as_of) for code in ("shares", "redeeming", *ADVANCER))


def decide(connection: sa.Connection, book: Fund, day: date, version: int, figure: Figure, size: int) -> list[Chunk]:
    """Write down how the income of `day` is handed out, and return the chunks of `size` holders; needs the day closed.

    Raises: ControlTotalMismatch.
    """
    as_of = balances.totals(connection, book.code, day)
    advancer = sum(balances.balance_of(book.chart[code], as_of) for code in ADVANCER)
    chunks = _ranges(connection, book, size)
    parts = [columns(connection, sa.select(_holdings(connection, book, day, chunk))) for chunk in chunks]
    holders = np.concatenate([np.array([HOUSE], np.int64), *(part[0] for part in parts)])
    holdings = np.concatenate([np.array([advancer], np.int64), *(part[1] for part in parts)])
    result = allocate(holders, holdings, figure.income_per_10k, figure.control_total)
    connection.execute(
        sa.insert(distribution).values(
            fund=book.code,
            day=day,
            income_per_10k=figure.income_per_10k,
            version=version,
            method=METHOD,
            pool=result.pool,
            advancer_holding=advancer,
            whole=result.whole,
            cut=result.cut,
            threshold=result.threshold,
            last_tie=result.last_tie,
        )
    )
    return chunks if result.whole else []


def distribute(connection: sa.Connection, book: Fund, day: date, booked_at: datetime, chunk: Chunk) -> int:
    """Book one chunk of the income of `day`, dated the next day, and return the entry."""
    rate, advancer, allocation = decided(connection, book, day)
    value_date = day + timedelta(1)
    bulk.lock(connection, book.code, chunk.first, chunk.last)
    key = f"income {book.code} {day} {chunk.number}"
    entry = BulkEntry(key, ENTRY, value_date, booked_at, chunk.first, chunk.last)
    entry_id = bulk.write_entry(connection, book.code, entry)
    parts = _parts(_holdings(connection, book, day, chunk), rate, allocation)
    if rate > 0:
        owing = bulk.any_balance(connection, book.chart["shortfall"], chunk.first, chunk.last)
        lines = bulk.event_lines(parts.c.holder_id, _credits(book.chart, parts, owing=owing))
    else:
        lines = bulk.event_lines(parts.c.holder_id, _debits(connection, book, value_date, chunk, parts))
    bulk.write_postings(connection, entry_id, lines)
    if chunk.first == HOUSE:
        _advancer(connection, book, entry_id, rate, _part_of(HOUSE, advancer, rate, allocation))
    bulk.move_balances(connection, [entry_id], chunk.first, chunk.last, book.chart)
    return entry_id


def decided(connection: sa.Connection, book: Fund, day: date) -> tuple[int, int, Allocation]:
    """Return the figure, the advancer's holding and the allocation that were written down for `day`."""
    d = distribution.c
    row = connection.execute(sa.select(distribution).where(d.fund == book.code, d.day == day)).one()
    return (
        row.income_per_10k,
        row.advancer_holding,
        Allocation(row.pool, row.whole, row.cut, row.threshold, row.last_tie),
    )


def is_decided(connection: sa.Connection, book: Fund, day: date) -> bool:
    """Tell whether the distribution of `day` is written down."""
    d = distribution.c
    return connection.execute(sa.select(d.day).where(d.fund == book.code, d.day == day)).first() is not None


def check(connection: sa.Connection, book: Fund, day: date) -> None:
    """Assert that the postings of a distributed day add up to the whole."""
    _, _, allocation = decided(connection, book, day)
    numbers = [entry_id for _, entry_id in steps.chunks(connection, book, day, STEP)]
    register, p = book.chart["register"].id, posting.c
    moved = sa.select(total(p.amount)).where(p.entry_id.in_(numbers), sa.or_(p.debit == register, p.credit == register))
    booked = connection.execute(moved).scalar_one()
    assert booked == allocation.whole, f"income of {day}: {booked} booked of {allocation.whole}"


def _ranges(connection: sa.Connection, book: Fund, size: int) -> list[Chunk]:
    """Return chunks over all holders; the first begins with the advancer, holder 0."""
    return steps.ranges(connection, sa.select(holder.c.holder_id).where(holder.c.book == book.code), size)


def _holdings(connection: sa.Connection, book: Fund, day: date, chunk: Chunk) -> sa.Subquery:
    """Return (holder_id, amount): shares and redeeming of a chunk's customers as of the end of `day`."""
    earning = [book.chart["shares"], book.chart["redeeming"]]
    return bulk.as_of(connection, book.code, earning, day, chunk.first, chunk.last)


def _parts(holdings: sa.Subquery, rate: int, allocation: Allocation) -> sa.CTE:
    """Return (holder_id, amount): the formula of `rules.income` in SQL.

    Whose cut fraction is due a fen more is carried over the fen by what is added to it before it is cut.
    """
    scale: Any = sa.literal_column(str(SCALE), sa.BigInteger)
    figure: Any = sa.literal_column(str(abs(rate)), sa.BigInteger)
    added = SCALE - min(allocation.threshold, SCALE - 1)
    tie_lost = sa.case((holdings.c.holder_id > allocation.last_tie, 1), else_=0)
    low = (holdings.c.amount % scale) * figure + added - tie_lost
    amount = (holdings.c.amount // scale) * figure + low // scale
    return sa.select(holdings.c.holder_id, amount.label("amount")).cte("parts")


def _credits(chart: Chart, parts: sa.CTE, *, owing: bool) -> list[tuple[list[tuple[int, int]], Any]]:
    """Return what a positive figure credits; where somebody is `owing`, shortfalls are repaid out of it."""
    credited = (_accounts(chart, manual.INCOME), parts.c.amount)
    if not owing:
        return [credited]
    owed = sa.select(balance.c.amount).where(
        balance.c.holder_id == parts.c.holder_id, balance.c.account_id == chart["shortfall"].id
    )
    repaid = least(parts.c.amount, owed.scalar_subquery())
    return [credited, (_accounts(chart, manual.SHORTFALL_REPAID), repaid)]


def _debits(
    connection: sa.Connection, book: Fund, value_date: date, chunk: Chunk, parts: sa.CTE
) -> list[tuple[list[tuple[int, int]], Any]]:
    """Return what a negative figure takes: shares as far as they are there from its value date on, then shortfall."""
    there = bulk.lowest_since(connection, book.code, book.chart["shares"], value_date, chunk.first, chunk.last)
    available = sa.select(there.c.lowest).where(there.c.holder_id == parts.c.holder_id).scalar_subquery()
    taken = least(parts.c.amount, available)
    return [
        (_accounts(book.chart, manual.NEGATIVE_INCOME), taken),
        (_accounts(book.chart, manual.SHORTFALL), parts.c.amount - taken),
    ]


def _advancer(connection: sa.Connection, book: Fund, entry_id: int, rate: int, amount: int) -> None:
    """Book the advancer's own part in an entry of the first chunk."""
    chart = book.chart
    owed = balances.of_holder(connection, HOUSE)[chart["shortfall"].id]
    if rate > 0:
        movements = [(manual.ADVANCER_INCOME, amount), (manual.ADVANCER_SHORTFALL_REPAID, min(amount, owed))]
    else:
        now = balances.totals(connection, book.code)
        taken = min(amount, max(0, balances.balance_of(chart["advancer_income_shares"], now)))
        movements = [(manual.ADVANCER_NEGATIVE_INCOME, taken), (manual.SHORTFALL, amount - taken)]
    bulk.write_own_postings(connection, entry_id, HOUSE, manual.book(chart, *movements))


def _part_of(holder_id: int, holding: int, rate: int, allocation: Allocation) -> int:
    """Return one holder's income in fen, without sign."""
    one = amounts(np.array([holder_id], np.int64), np.array([holding], np.int64), rate, allocation)
    return int(one[0])


def _accounts(chart: Chart, event: Event) -> list[tuple[int, int]]:
    return [(chart[debit].id, chart[credit].id) for debit, credit in event]
