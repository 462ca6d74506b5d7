"""The one door for writing: entries go in here, in four phases, all or none.

1. lock    the holders, ascending, in a statement of its own; then their gates, ascending, for share
2. recall  requests answered before; the same id with other content is a conflict
3. check   closed days and balances per holder, before anything is written
4. write   entries, postings, balances by (holder, account)

What was read before the lock may be stale, so nothing is. A caller with rules of its own asks `hold` for
phases 1 and 2, judges, and hands its entries to `Hold.write`; `post_all` is both in one. The caller owns
the transaction: nothing here commits. Bulk entries of many holders go through `ledger.bulk`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import sqlalchemy as sa

from ledger.database import require_transaction
from ledger.errors import AlreadyReversed, DayClosed, InsufficientBalance, RequestConflict, UnknownEntry, UnknownHolder
from ledger.model import Account, Entry, Posted, Posting, Request, Side
from ledger.schema import account, balance, book_gate, entry_ids, holder, journal_entry, posting

_LOCK = (
    sa.select(holder.c.holder_id, holder.c.gate)
    .where(holder.c.book == sa.bindparam("book"), holder.c.holder_id.in_(sa.bindparam("holders", expanding=True)))
    .order_by(holder.c.holder_id)
    .with_for_update(key_share=True)
)
_GATE = (
    sa.select(book_gate.c.closed_through, book_gate.c.cut_through)
    .where(book_gate.c.book == sa.bindparam("book"), book_gate.c.gate == sa.bindparam("gate"))
    .with_for_update(read=True)
)
_RECALL = sa.select(
    journal_entry.c.entry_id,
    journal_entry.c.holder_id,
    journal_entry.c.kind,
    journal_entry.c.value_date,
    journal_entry.c.booked_at,
    journal_entry.c.request_id,
    journal_entry.c.digest,
).where(
    journal_entry.c.holder_id == sa.bindparam("holder"),
    journal_entry.c.request_id.in_(sa.bindparam("requests", expanding=True)),
)
_BALANCES = sa.select(balance.c.holder_id, balance.c.account_id, balance.c.amount).where(
    balance.c.holder_id.in_(sa.bindparam("holders", expanding=True))
)
_MOVE = (
    sa.update(balance)
    .where(
        balance.c.holder_id == sa.bindparam("holder"),
        balance.c.account_id == sa.bindparam("account"),
        balance.c.amount + sa.bindparam("change") >= 0,
    )
    .values(amount=balance.c.amount + sa.bindparam("change"))
)
_LAST_ENTRY = sa.select(sa.func.coalesce(sa.func.max(journal_entry.c.entry_id), 0))
_NEXT_ENTRIES = sa.select(entry_ids.next_value()).select_from(
    sa.func.generate_series(1, sa.bindparam("count", type_=sa.Integer)).alias()
)
_ADD_ENTRY, _ADD_POSTING = sa.insert(journal_entry), sa.insert(posting)


@dataclass(slots=True)
class Hold:
    """Holders locked, requests recalled: phases 1 and 2 are done, and hold until the transaction ends.

    `balances` maps (holder, account id) to what the holder has, everything booked counted.
    """

    connection: sa.Connection
    book: str
    closed_through: date
    cut_through: date
    answered: dict[tuple[int, str], tuple[bytes, Posted]]
    balances: dict[tuple[int, int], int] = field(default_factory=dict)

    def recall(self, request: Request) -> Posted | None:
        """Return the answer that `request` got before, or None. Raises: RequestConflict."""
        known = self.answered.get((request.holder_id, request.request_id))
        if known is None:
            return None
        if known[0] != request.digest:
            raise RequestConflict(request.request_id)
        return known[1]

    def require_open(self, value_date: date) -> None:
        """Refuse a value date in a closed day. Raises: DayClosed."""
        if value_date <= self.closed_through:
            raise DayClosed(value_date, self.closed_through)

    def write(self, entries: Sequence[Entry]) -> list[Posted]:
        """Check and write entries that were not answered before (phases 3 and 4).

        Shape: the answers, in the order of `entries`.
        Raises: DayClosed, InsufficientBalance; in both cases nothing has been written.
        """
        changes = _changes(entries)
        for entry in entries:
            self.require_open(entry.value_date)
        for (holder_id, acc), change in changes.items():
            if (available := self.balances.get((holder_id, acc.id), 0)) + change < 0:
                raise InsufficientBalance(holder_id, acc.code, available, -change)
        answers = _write_entries(self.connection, self.book, entries)
        moves = [
            {"holder": holder_id, "account": acc.id, "change": change}
            for (holder_id, acc), change in sorted(changes.items(), key=lambda item: (item[0][0], item[0][1].id))
            if change
        ]
        if moves:
            moved = self.connection.execute(_MOVE, moves)
            assert moved.rowcount == len(moves), "a balance moved although its holder was locked"
        for move in moves:
            self.balances[move["holder"], move["account"]] += move["change"]
        for entry, answer in zip(entries, answers, strict=True):
            repeat = Posted(answer.entry_id, answer.holder_id, entry.kind, entry.value_date, entry.booked_at, True)
            self.answered[answer.holder_id, entry.request.request_id] = entry.request.digest, repeat
        return answers


def hold(connection: sa.Connection, book: str, requests: Sequence[Request]) -> Hold:
    """Lock the holders of `requests` and recall what was answered before (phases 1 and 2).

    Raises: NoTransaction, UnknownHolder.
    """
    require_transaction(connection)
    holders = sorted({r.holder_id for r in requests})
    rows = connection.execute(_LOCK, {"book": book, "holders": holders}).all()
    if len(rows) < len(holders):
        raise UnknownHolder(book, min(set(holders) - {row.holder_id for row in rows}))
    gates = [
        connection.execute(_GATE, {"book": book, "gate": gate}).one() for gate in sorted({row.gate for row in rows})
    ]
    answered: dict[tuple[int, str], tuple[bytes, Posted]] = {}
    for holder_id in holders:
        asked = [r.request_id for r in requests if r.holder_id == holder_id]
        for e in connection.execute(_RECALL, {"holder": holder_id, "requests": asked}):
            posted = Posted(e.entry_id, e.holder_id, e.kind, e.value_date, e.booked_at, True)
            answered[e.holder_id, e.request_id] = bytes(e.digest), posted
    balances = {(b.holder_id, b.account_id): b.amount for b in connection.execute(_BALANCES, {"holders": holders})}
    closed = max((gate.closed_through for gate in gates), default=date.min)
    cut = max((gate.cut_through for gate in gates), default=date.min)
    return Hold(connection, book, closed, cut, answered, balances)


def post_all(connection: sa.Connection, book: str, entries: Sequence[Entry]) -> list[Posted]:
    """Post entries, all or none; a request answered before, here or earlier in the batch, is not posted again.

    Shape: the answers, in the order of `entries`.
    Raises: NoTransaction, UnknownHolder, RequestConflict, DayClosed, InsufficientBalance.
    """
    held = hold(connection, book, [e.request for e in entries])
    fresh: dict[tuple[int, str], Entry] = {}
    for entry in entries:
        name = entry.request.holder_id, entry.request.request_id
        if name in fresh and fresh[name].request.digest != entry.request.digest:
            raise RequestConflict(entry.request.request_id)
        if held.recall(entry.request) is None:
            fresh.setdefault(name, entry)
    new = {id(e): answer for e, answer in zip(fresh.values(), held.write(list(fresh.values())), strict=True)}
    answers = [new.get(id(entry)) or held.recall(entry.request) for entry in entries]
    return [answer for answer in answers if answer is not None]


def post(connection: sa.Connection, book: str, entry: Entry) -> Posted:
    """Post one entry: the case of one of `post_all`, with its refusals."""
    return post_all(connection, book, [entry])[0]


def reverse(
    connection: sa.Connection, book: str, request: Request, entry_id: int, value_date: date, booked_at: datetime
) -> Posted:
    """Take an entry of one holder back by an entry of the mirrored postings; history stays as it was.

    Raises: NoTransaction, UnknownHolder, RequestConflict, UnknownEntry, AlreadyReversed, DayClosed,
    InsufficientBalance.
    """
    held = hold(connection, book, [request])
    if (answer := held.recall(request)) is not None:
        return answer
    same = journal_entry.c.holder_id == request.holder_id
    found = connection.execute(
        sa.select(journal_entry.c.reverses, journal_entry.c.first_holder).where(
            same, journal_entry.c.entry_id == entry_id, journal_entry.c.book == book
        )
    ).one_or_none()
    if found is None or found.first_holder is not None:
        raise UnknownEntry(request.holder_id, entry_id)
    done = connection.execute(sa.select(journal_entry.c.entry_id).where(same, journal_entry.c.reverses == entry_id))
    if found.reverses is not None or done.first() is not None:
        raise AlreadyReversed(request.holder_id, entry_id)
    chart = {a.id: a for a in accounts(connection)}
    lines = connection.execute(
        sa.select(posting)
        .where(posting.c.entry_id == entry_id, posting.c.holder_id == request.holder_id)
        .order_by(posting.c.line)
    )
    mirrored = tuple(Posting(chart[p.credit], chart[p.debit], p.amount) for p in lines)
    entry = Entry(request, "reversal", value_date, booked_at, mirrored, reverses=entry_id)
    return held.write([entry])[0]


def accounts(connection: sa.Connection) -> list[Account]:
    """Return the chart of accounts as it is stored, by number."""
    rows = connection.execute(sa.select(account).order_by(account.c.account_id))
    return [Account(r.account_id, r.code, r.unit, Side(r.normal_side), bool(r.per_holder)) for r in rows]


def next_entry_ids(connection: sa.Connection, count: int) -> list[int]:
    """Return `count` fresh entry numbers, ascending; call it after the rows are locked."""
    if connection.dialect.name == "postgresql":
        return sorted(connection.execute(_NEXT_ENTRIES, {"count": count}).scalars())
    last = connection.execute(_LAST_ENTRY).scalar_one()
    return list(range(last + 1, last + 1 + count))


def _changes(entries: Iterable[Entry]) -> dict[tuple[int, Account], int]:
    """Return what entries do to the balances per holder, signed to each account's normal side."""
    changes: dict[tuple[int, Account], int] = {}
    for entry in entries:
        for p in entry.postings:
            for acc, change in ((p.debit, p.debit.signed(p.amount, 0)), (p.credit, p.credit.signed(0, p.amount))):
                if acc.per_holder:
                    name = entry.request.holder_id, acc
                    changes[name] = changes.get(name, 0) + change
    return changes


def _write_entries(connection: sa.Connection, book: str, entries: Sequence[Entry]) -> list[Posted]:
    if not entries:
        return []
    numbers = next_entry_ids(connection, len(entries))
    connection.execute(
        _ADD_ENTRY,
        [
            {
                "entry_id": number,
                "holder_id": e.request.holder_id,
                "book": book,
                "kind": e.kind,
                "value_date": e.value_date,
                "booked_at": e.booked_at,
                "request_id": e.request.request_id,
                "digest": e.request.digest,
                "reverses": e.reverses,
                "memo": e.memo,
            }
            for number, e in zip(numbers, entries, strict=True)
        ],
    )
    connection.execute(
        _ADD_POSTING,
        [
            {
                "entry_id": number,
                "holder_id": e.request.holder_id,
                "line": line,
                "debit": p.debit.id,
                "credit": p.credit.id,
                "amount": p.amount,
            }
            for number, e in zip(numbers, entries, strict=True)
            for line, p in enumerate(e.postings, 1)
        ],
    )
    return [
        Posted(number, e.request.holder_id, e.kind, e.value_date, e.booked_at, False)
        for number, e in zip(numbers, entries, strict=True)
    ]
