"""What is and what was: balances per holder now and as of a day, house balances, turnover.

A balance as of the end of a day is the balance now less the postings dated after it; no running balance by
date is stored. House accounts have no balance row: theirs are the totals of closed days and the postings
since. Only `write_totals` and `create_holders` write.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from ledger.database import require_transaction
from ledger.expressions import total
from ledger.model import Account
from ledger.schema import account_total, balance, holder, journal_entry, posting

DAYS_A_QUERY = 500

_LAST_DATE = sa.select(sa.func.max(journal_entry.c.value_date, type_=journal_entry.c.value_date.type)).where(
    journal_entry.c.book == sa.bindparam("of_book")
)
_OF_HOLDER = sa.select(balance.c.account_id, balance.c.amount).where(balance.c.holder_id == sa.bindparam("holder"))


@dataclass(frozen=True, slots=True)
class Turnover:
    """Debits and credits of one account, in minor units."""

    debits: int = 0
    credits: int = 0

    def __add__(self, other: Turnover) -> Turnover:
        return Turnover(self.debits + other.debits, self.credits + other.credits)


@dataclass(frozen=True, slots=True)
class Movement:
    """One posting of one holder with the facts of its entry; `owner` is the holder the entry is booked under."""

    entry_id: int
    owner: int
    kind: str
    value_date: date
    booked_at: Any
    request_id: str
    debit: int
    credit: int
    amount: int


def create_holders(
    connection: sa.Connection, book: str, numbers: Sequence[int], gates: int, chart: Iterable[Account]
) -> None:
    """Create holders and a balance row of zero for every account per holder.

    Holder numbers are the caller's; a number that is taken raises the database's IntegrityError.
    """
    require_transaction(connection)
    if not numbers:
        return
    connection.execute(sa.insert(holder), [{"holder_id": n, "book": book, "gate": n % gates} for n in numbers])
    kept = sorted(a.id for a in chart if a.per_holder)
    if rows := [{"holder_id": n, "account_id": a, "amount": 0} for n in numbers for a in kept]:
        connection.execute(sa.insert(balance), rows)


def of_holder(connection: sa.Connection, holder_id: int) -> dict[int, int]:
    """Return a holder's balances by account id, everything booked counted."""
    rows = connection.execute(_OF_HOLDER, {"holder": holder_id})
    return {row.account_id: row.amount for row in rows}


def last_date(connection: sa.Connection, book: str) -> date | None:
    """Return the latest value date of any entry of `book`."""
    found: date | None = connection.execute(_LAST_DATE, {"of_book": book}).scalar()
    return found


def movements(
    connection: sa.Connection, book: str, holder_id: int, first: date, last: date, kinds: Sequence[str] = ()
) -> list[Movement]:
    """Return a holder's postings dated from `first` to `last`, both inclusive, by value date and entry.

    Probes day by day: her own entries, and those bulk entries whose range holds her, which an index of theirs tells.
    """
    e, p, found = journal_entry.c, posting.c, []
    spans = journal_entry.alias("spans")
    dated: Any = sa.bindparam("days", expanding=True)
    mine = sa.and_(p.entry_id == e.entry_id, p.holder_id == holder_id)
    same = sa.and_(spans.c.entry_id == e.entry_id, spans.c.holder_id == e.holder_id)
    facts = sa.select(
        e.entry_id,
        e.holder_id.label("owner"),
        e.kind,
        e.value_date,
        e.booked_at,
        e.request_id,
        p.debit,
        p.credit,
        p.amount,
        p.line,
    ).join(posting, mine)
    own = facts.where(e.book == book, e.value_date.in_(dated), e.holder_id == holder_id, e.first_holder.is_(None))
    bulk = facts.join(spans, same).where(
        spans.c.book == book,
        spans.c.value_date.in_(dated),
        spans.c.first_holder <= holder_id,
        spans.c.last_holder >= holder_id,
    )
    parts = [part.where(e.kind.in_(kinds)) if kinds else part for part in (own, bulk)]
    lines = sa.union_all(*parts).subquery()
    query = sa.select(lines).order_by(lines.c.value_date, lines.c.entry_id, lines.c.line)
    days = [first + timedelta(n) for n in range((last - first).days + 1)]
    for start in range(0, len(days), DAYS_A_QUERY):
        rows = connection.execute(query, {"days": days[start : start + DAYS_A_QUERY]})
        found += [Movement(*row[:-1]) for row in rows]
    return found


def signed(movement: Movement, acc: Account) -> int:
    """Return what a movement does to `acc`, positive on its normal side; zero if it does not touch it."""
    if movement.debit == acc.id:
        return acc.signed(movement.amount, 0)
    return acc.signed(0, movement.amount) if movement.credit == acc.id else 0


def later(connection: sa.Connection, book: str, holder_id: int, day: date) -> list[Movement]:
    """Return a holder's postings dated after `day`."""
    latest = last_date(connection, book)
    if latest is None or latest <= day:
        return []
    return movements(connection, book, holder_id, day + timedelta(1), latest)


def as_of(connection: sa.Connection, book: str, holder_id: int, chart: Iterable[Account], day: date) -> dict[int, int]:
    """Return a holder's balances by account id as of the end of `day`."""
    now = of_holder(connection, holder_id)
    after = later(connection, book, holder_id, day)
    return {a.id: now[a.id] - sum(signed(m, a) for m in after) for a in chart if a.id in now}


def totalled_through(connection: sa.Connection, book: str) -> date | None:
    """Return the last day whose totals are written, or None."""
    latest = sa.func.max(account_total.c.value_date, type_=account_total.c.value_date.type)
    found: date | None = connection.execute(sa.select(latest).where(account_total.c.book == book)).scalar()
    return found


def turnover(connection: sa.Connection, book: str, first: date | None, last: date | None) -> dict[int, Turnover]:
    """Return every account's turnover from the postings dated `first` to `last` (None: no bound), by account id."""
    e = journal_entry.c
    dated = sa.select(e.entry_id, e.holder_id).where(e.book == book)
    if first is not None:
        dated = dated.where(e.value_date >= first)
    if last is not None:
        dated = dated.where(e.value_date <= last)
    own, bulk = (dated.where(e.first_holder.is_(None)).subquery(), dated.where(e.first_holder.is_not(None)).subquery())
    p = posting.c
    lines = sa.union_all(
        sa.select(p.debit, p.credit, p.amount).join(
            own, sa.and_(own.c.entry_id == p.entry_id, own.c.holder_id == p.holder_id)
        ),
        sa.select(p.debit, p.credit, p.amount).join(bulk, bulk.c.entry_id == p.entry_id),
    ).subquery()
    sums = sa.select(lines.c.debit, lines.c.credit, total(lines.c.amount).label("amount")).group_by(
        lines.c.debit, lines.c.credit
    )
    result: dict[int, Turnover] = {}
    for row in connection.execute(sums):
        result[row.debit] = result.get(row.debit, Turnover()) + Turnover(debits=row.amount)
        result[row.credit] = result.get(row.credit, Turnover()) + Turnover(credits=row.amount)
    return result


def totals(connection: sa.Connection, book: str, on: date | None = None) -> dict[int, Turnover]:
    """Return every account's turnover since opening, as of the end of `on` (None: everything booked)."""
    t = account_total.c
    through = totalled_through(connection, book)
    if through is None:
        return turnover(connection, book, None, on)
    closed = sa.select(t.account_id, total(t.debits).label("debits"), total(t.credits).label("credits")).where(
        t.book == book
    )
    if on is not None:
        closed = closed.where(t.value_date <= on)
    result = {r.account_id: Turnover(r.debits, r.credits) for r in connection.execute(closed.group_by(t.account_id))}
    if on is None or on > through:
        for number, moved in turnover(connection, book, through + timedelta(1), on).items():
            result[number] = result.get(number, Turnover()) + moved
    return result


def balance_of(acc: Account, turnovers: dict[int, Turnover]) -> int:
    """Return an account's balance from `totals`, positive on its normal side."""
    moved = turnovers.get(acc.id, Turnover())
    return acc.signed(moved.debits, moved.credits)


def write_totals(connection: sa.Connection, book: str, chart: Iterable[Account], day: date) -> None:
    """Write the turnover of a closed day, a row for every account also where nothing moved; once only."""
    require_transaction(connection)
    moved = turnover(connection, book, day, day)
    rows = [(a.id, moved.get(a.id, Turnover())) for a in chart]
    connection.execute(
        sa.insert(account_total),
        [
            {"book": book, "value_date": day, "account_id": number, "debits": t.debits, "credits": t.credits}
            for number, t in rows
        ],
    )
