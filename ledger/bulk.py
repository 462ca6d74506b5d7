"""Bulk entries: one entry for a range of holders, its postings made by one INSERT…SELECT.

A bulk entry is booked under holder 0 with its natural key as request id, and says which holders it spans.
The balances are moved by *those postings*, read back, never by a second evaluation of what made them. The
caller has locked the holders where the amounts depend on what they have now.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from ledger.balances import last_date
from ledger.database import require_transaction
from ledger.expressions import total
from ledger.journal import next_entry_id, note
from ledger.model import HOUSE, Account, Posting, Side, digest
from ledger.schema import balance, holder, journal_entry, posting


@dataclass(frozen=True, slots=True)
class BulkEntry:
    """One entry over the holders `first` to `last`, both inclusive; `request_id` is its natural key."""

    request_id: str
    kind: str
    value_date: date
    booked_at: datetime
    first: int
    last: int


def lock(connection: sa.Connection, book: str, first: int, last: int) -> None:
    """Lock the holders of a range in ascending order, in a statement of its own."""
    require_transaction(connection)
    if connection.dialect.name == "sqlite":
        return
    locked = (
        sa.select(holder.c.holder_id)
        .where(holder.c.book == book, holder.c.holder_id.between(first, last))
        .order_by(holder.c.holder_id)
        .with_for_update(key_share=True)
        .cte("locked")
    )
    connection.execute(sa.select(sa.func.count()).select_from(locked))


def write_entry(connection: sa.Connection, book: str, entry: BulkEntry) -> int:
    """Write the entry without its postings and return its number; the same key twice is an IntegrityError."""
    require_transaction(connection)
    number = next_entry_id(connection)
    note([number])
    connection.execute(
        sa.insert(journal_entry).values(
            entry_id=number,
            holder_id=HOUSE,
            book=book,
            kind=entry.kind,
            value_date=entry.value_date,
            booked_at=entry.booked_at,
            request_id=entry.request_id,
            digest=digest(entry.kind, entry.value_date.isoformat(), entry.first, entry.last),
            first_holder=entry.first,
            last_holder=entry.last,
        )
    )
    return number


def write_postings(connection: sa.Connection, entry_id: int, lines: sa.CompoundSelect[Any]) -> int:
    """Insert postings from a select of (holder_id, line, debit, credit, amount) and return how many there were."""
    rows = lines.subquery()
    select = sa.select(
        sa.literal(entry_id, posting.c.entry_id.type),
        rows.c.holder_id,
        rows.c.line,
        rows.c.debit,
        rows.c.credit,
        rows.c.amount,
    )
    if len(lines.selects) > 1:  # one line a holder comes in the order of holders anyway
        select = select.order_by(rows.c.holder_id, rows.c.line)
    columns = ["entry_id", "holder_id", "line", "debit", "credit", "amount"]
    insert = sa.insert(posting).from_select(columns, select)
    return connection.execute(insert, execution_options={"preserve_rowcount": True}).rowcount


def move_balances(
    connection: sa.Connection, entries: Sequence[int], first: int, last: int, chart: Iterable[Account]
) -> None:
    """Move the balances per holder by the postings of bulk entries, as they are stored.

    A statement moves one account by one side of one line, of which no holder has two. What grows comes first, so
    nobody who is not below zero in the end is so in between.
    """
    p, kept = posting.c, {a.id: a for a in chart if a.per_holder}
    stored = sa.select(p.entry_id, p.line, p.debit, p.credit).distinct()
    of_range = {"first": first, "last": last}
    moves: set[tuple[int, int, int, int, Side]] = set()
    for row in connection.execute(stored.where(p.entry_id.in_(entries), p.holder_id.between(first, last))):
        for side, number, turnover in ((Side.DEBIT, row.debit, (1, 0)), (Side.CREDIT, row.credit, (0, 1))):
            if number in kept:
                moves.add((kept[number].signed(*turnover), row.entry_id, row.line, number, side))
    for sign, entry_id, line, number, side in sorted(moves, reverse=True):
        what = {"sign": sign, "of_entry": entry_id, "of_line": line, "account": number}
        connection.execute(_MOVING[side], what | of_range)


def _moving(named: sa.Column[int]) -> sa.Update:
    """Return the statement that adds or takes, for each holder of a range, what a line says on one side."""
    p, b = posting.c, balance.c
    account, first, last = (sa.bindparam(name, type_=p.holder_id.type) for name in ("account", "first", "last"))
    here = p.entry_id == sa.bindparam("of_entry"), p.line == sa.bindparam("of_line"), named == account
    mine = b.holder_id == p.holder_id, b.account_id == account, b.holder_id.between(first, last)
    change = p.amount * sa.bindparam("sign", type_=p.amount.type)
    return sa.update(balance).where(*here, p.holder_id.between(first, last), *mine).values(amount=b.amount + change)


_MOVING = {Side.DEBIT: _moving(posting.c.debit), Side.CREDIT: _moving(posting.c.credit)}


def event_lines(
    holder_id: sa.ColumnElement[int], movements: Sequence[tuple[Sequence[tuple[int, int]], sa.ColumnElement[int]]]
) -> sa.CompoundSelect[Any]:
    """Return a select of postings: for each holder every movement's (debit, credit) lines, where not zero.

    Shape: `movements` pair the account ids of an event's lines with the amount column; `holder_id` and the
    amounts are columns of one relation with a row per holder.
    """
    number, parts = 0, []
    for lines, amount in movements:
        for debit, credit in lines:
            number += 1
            parts.append(
                sa.select(
                    holder_id.label("holder_id"),
                    sa.literal(number, posting.c.line.type).label("line"),
                    sa.literal(debit, posting.c.debit.type).label("debit"),
                    sa.literal(credit, posting.c.credit.type).label("credit"),
                    amount.label("amount"),
                ).where(amount > 0)
            )
    return sa.union_all(*parts)


def any_balance(connection: sa.Connection, acc: Account, first: int, last: int) -> bool:
    """Tell whether any holder of a range has something in an account."""
    b = balance.c
    some = sa.select(b.holder_id).where(b.account_id == acc.id, b.holder_id.between(first, last), b.amount > 0)
    return connection.execute(some.limit(1)).first() is not None


def write_own_postings(connection: sa.Connection, entry_id: int, holder_id: int, postings: Sequence[Posting]) -> None:
    """Write one holder's postings of a bulk entry whose amounts are known."""
    if postings:
        rows = [
            {
                "entry_id": entry_id,
                "holder_id": holder_id,
                "line": line,
                "debit": p.debit.id,
                "credit": p.credit.id,
                "amount": p.amount,
            }
            for line, p in enumerate(postings, 1)
        ]
        connection.execute(sa.insert(posting), rows)


def later_moves(connection: sa.Connection, book: str, day: date, first: int, last: int) -> sa.Subquery:
    """Return (holder_id, value_date, debit, credit, amount) of a range's postings dated after `day`.

    Each known day is probed by itself, so that the index leads to the holders of the range; what others book
    beyond the last known day while the statement is being made is found by a branch of its own.
    """
    e, p, low = journal_entry.c, posting.c, max(first, HOUSE + 1)
    latest = max(last_date(connection, book) or day, day)
    days = [day + timedelta(n + 1) for n in range((latest - day).days)]
    own = sa.and_(e.entry_id == p.entry_id, e.holder_id == p.holder_id)
    of_range = e.holder_id.between(low, last)
    spans = sa.and_(e.holder_id == HOUSE, e.first_holder <= last, e.last_holder >= first)
    return sa.union_all(
        *(
            sa.select(p.holder_id, e.value_date, p.debit, p.credit, p.amount)
            .join(journal_entry, joined)
            .where(e.book == book, dated, whose, p.holder_id.between(low, last))
            for dated in (e.value_date.in_(days), e.value_date > latest)
            for joined, whose in ((own, of_range), (e.entry_id == p.entry_id, spans))
        )
    ).subquery()


def change_of(lines: Any, accounts: Sequence[Account]) -> sa.ColumnElement[int]:
    """Return what a posting does to some accounts together, positive on the normal side of the first."""
    numbers = [a.id for a in accounts]
    credited, debited = (
        sa.case((side.in_(numbers), lines.c.amount), else_=0) for side in (lines.c.credit, lines.c.debit)
    )
    return debited - credited if accounts[0].normal_side is Side.DEBIT else credited - debited


def as_of(
    connection: sa.Connection, book: str, accounts: Sequence[Account], day: date, first: int, last: int
) -> sa.Subquery:
    """Return (holder_id, amount): what a range's holders had in some accounts together as of the end of `day`.

    What stands on the other side than the first account, like a shortfall beside shares, counts against it.
    """
    later = later_moves(connection, book, day, first, last)
    change = change_of(later, accounts)
    moved = (
        sa.select(later.c.holder_id, total(change).label("change"))
        .where(change != 0)
        .group_by(later.c.holder_id)
        .subquery()
    )
    first_of, *others = [balance.alias() for _ in accounts]
    source = first_of.join(moved, moved.c.holder_id == first_of.c.holder_id, isouter=True)
    here = [first_of.c.account_id == accounts[0].id]
    for other, acc in zip(others, accounts[1:], strict=True):
        source = source.join(other, other.c.holder_id == first_of.c.holder_id)
        here += [other.c.account_id == acc.id, other.c.holder_id.between(first, last)]
    amount = functools.reduce(
        operator.add,
        [
            of.c.amount if acc.normal_side is accounts[0].normal_side else -of.c.amount
            for acc, of in zip(accounts, (first_of, *others), strict=True)
        ],
    )
    return (
        sa.select(first_of.c.holder_id, (amount - sa.func.coalesce(moved.c.change, 0)).label("amount"))
        .select_from(source)
        .where(first_of.c.holder_id.between(max(first, HOUSE + 1), last), *here)
        .subquery()
    )


def lowest_since(connection: sa.Connection, book: str, acc: Account, day: date, first: int, last: int) -> sa.Subquery:
    """Return (holder_id, lowest): the set-based twin of `ledger.model.lowest_since`, never below zero."""
    b, later = balance.c, later_moves(connection, book, day, first, last)
    by_day = (
        sa.select(later.c.holder_id, later.c.value_date, total(change_of(later, [acc])).label("change"))
        .group_by(later.c.holder_id, later.c.value_date)
        .subquery()
    )
    since = sa.func.sum(by_day.c.change).over(partition_by=by_day.c.holder_id, order_by=by_day.c.value_date.desc())
    risen = sa.select(by_day.c.holder_id, since.label("risen")).subquery()
    most = sa.select(risen.c.holder_id, sa.func.max(risen.c.risen).label("most")).group_by(risen.c.holder_id).subquery()
    worst = b.amount - sa.case((most.c.most > 0, sa.cast(most.c.most, sa.BigInteger)), else_=0)
    return (
        sa.select(b.holder_id, sa.case((worst > 0, worst), else_=0).label("lowest"))
        .join_from(balance, most, most.c.holder_id == b.holder_id, isouter=True)
        .where(b.account_id == acc.id, b.holder_id.between(first, last))
        .subquery()
    )
