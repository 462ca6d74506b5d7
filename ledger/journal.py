"""The one door for writing: entries go in here, in four phases, all or none.

1. lock    the holders, ascending, in a statement of its own; then their gates, ascending, for share
2. recall  requests answered before; the same id with other content is a conflict
3. check   closed days and balances per holder, entry by entry, before anything is written
4. write   entries, postings, balances by (holder, account)

What was read before the lock may be stale, so nothing is. A caller with rules of its own asks `hold` for
phases 1 and 2, judges, and hands its entries to `Hold.add` one by one, then asks for `Hold.write`; `post_all`
is all in one. The caller owns the transaction: nothing here commits. Bulk entries of many holders go through
`ledger.bulk`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

import sqlalchemy as sa

from ledger.database import require_transaction
from ledger.errors import AlreadyReversed, DayClosed, InsufficientBalance, RequestConflict, UnknownEntry, UnknownHolder
from ledger.model import Account, Entry, Posted, Posting, Request, Side
from ledger.rows import Statement
from ledger.schema import account, balance, book_gate, entry_ids, holder, journal_entry, posting

REQUESTS_A_QUERY = 500
"""PostgreSQL reads a list of pairs as one condition inside the other: some thousands exceed its stack."""

_LOCK = (
    sa.select(holder.c.holder_id, holder.c.gate)
    .where(holder.c.book == sa.bindparam("book"), holder.c.holder_id.in_(sa.bindparam("holders", expanding=True)))
    .order_by(holder.c.holder_id)
    .with_for_update(key_share=True)
)
_GATES = (
    sa.select(
        book_gate.c.closed_through,
        book_gate.c.cut_through,
        sa.select(sa.func.max(journal_entry.c.value_date, type_=journal_entry.c.value_date.type))
        .where(journal_entry.c.book == sa.bindparam("book"))
        .scalar_subquery()
        .label("last_date"),
    )
    .where(book_gate.c.book == sa.bindparam("book"), book_gate.c.gate.in_(sa.bindparam("gates", expanding=True)))
    .order_by(book_gate.c.gate)
    .with_for_update(read=True, of=book_gate)
)
_RECALL = sa.select(
    journal_entry.c.entry_id,
    journal_entry.c.holder_id,
    journal_entry.c.kind,
    journal_entry.c.value_date,
    journal_entry.c.booked_at,
    journal_entry.c.request_id,
    journal_entry.c.digest,
).where(sa.tuple_(journal_entry.c.holder_id, journal_entry.c.request_id).in_(sa.bindparam("requests", expanding=True)))
_BALANCES = sa.select(balance.c.holder_id, balance.c.account_id, balance.c.amount).where(
    balance.c.holder_id.in_(sa.bindparam("holders", expanding=True))
)
_CHANGE = sa.bindparam("change", type_=balance.c.amount.type)
_MOVED = (
    sa.bindparam("holder", type_=balance.c.holder_id.type),
    sa.bindparam("account", type_=balance.c.account_id.type),
)
_MOVE = Statement(
    sa.update(balance)
    .where(balance.c.holder_id == _MOVED[0], balance.c.account_id == _MOVED[1], balance.c.amount + _CHANGE >= 0)
    .values(amount=balance.c.amount + _CHANGE),
    (*_MOVED, _CHANGE),
)
_LAST_ENTRY = sa.select(sa.func.coalesce(sa.func.max(journal_entry.c.entry_id), 0))
_NEXT_ENTRIES = sa.select(entry_ids.next_value()).select_from(
    sa.func.generate_series(1, sa.bindparam("count", type_=sa.Integer)).alias()
)
_e = journal_entry.c
_ADD_ENTRY = Statement(
    sa.insert(journal_entry),
    (
        _e.entry_id,
        _e.holder_id,
        _e.book,
        _e.kind,
        _e.value_date,
        _e.booked_at,
        _e.request_id,
        _e.digest,
        _e.reverses,
        _e.memo,
    ),
)
_ADD_POSTING = Statement(sa.insert(posting), posting.c)


@dataclass(slots=True)
class Hold:
    """Holders locked, requests recalled: phases 1 and 2 are done, and hold until the transaction ends.

    `balances` maps (holder, account id) to what the holder has, everything booked and added counted; `last_date` is
    the latest value date of the book; `gates` says by which gate each holder comes.
    """

    connection: sa.Connection
    book: str
    closed_through: date
    cut_through: date
    last_date: date
    gates: dict[int, int]
    answered: dict[tuple[int, str], tuple[bytes, Posted]]
    balances: dict[tuple[int, int], int]
    added: list[tuple[int, Entry]] = field(default_factory=list)
    moved: dict[tuple[int, int], int] = field(default_factory=dict)

    def recall(self, request: Request) -> Posted | None:
        """Return the answer that `request` got before, or None. Raises: RequestConflict."""
        known = self.answered.get((request.holder_id, request.request_id))
        if known is None:
            return None
        if known[0] != request.digest:
            raise RequestConflict(request.request_id)
        return replace(known[1], repeated=True)

    def require_open(self, value_date: date) -> None:
        """Refuse a value date in a closed day. Raises: DayClosed."""
        if value_date <= self.closed_through:
            raise DayClosed(value_date, self.closed_through)

    def add(self, entry: Entry, number: int) -> Posted:
        """Check an entry that was not answered before (phase 3) and take it in as `number`, to be written.

        Raises: DayClosed, InsufficientBalance; then nothing of it was taken in.
        """
        self.require_open(entry.value_date)
        holder_id, request = entry.request.holder_id, entry.request
        changes = entry.changes()
        for account_id, change in changes.items():
            if (available := self.balances.get((holder_id, account_id), 0)) + change < 0:
                codes = {acc.id: acc.code for p in entry.postings for acc in (p.debit, p.credit)}
                raise InsufficientBalance(holder_id, codes[account_id], available, -change)
        for account_id, change in changes.items():
            key = holder_id, account_id
            self.balances[key] += change
            self.moved[key] = self.moved.get(key, 0) + change
        self.last_date = max(self.last_date, entry.value_date)
        self.added.append((number, entry))
        answer = Posted(number, holder_id, entry.kind, entry.value_date, entry.booked_at, False)
        self.answered[holder_id, request.request_id] = request.digest, answer
        return answer

    def write(self) -> None:
        """Write what was added (phase 4)."""
        if not self.added:
            return
        _write_entries(self.connection, self.book, self.added)
        moves = [[*key, change] for key, change in sorted(self.moved.items()) if change]
        moved = _MOVE.run(self.connection, moves)
        assert moved == len(moves), "a balance moved although its holder was locked"
        self.added, self.moved = [], {}


def hold(connection: sa.Connection, book: str, requests: Sequence[Request]) -> Hold:
    """Lock the holders of `requests` and recall what was answered before (phases 1 and 2).

    Raises: NoTransaction, UnknownHolder.
    """
    require_transaction(connection)
    holders = sorted({r.holder_id for r in requests})
    held = connection.execute(_LOCK, {"book": book, "holders": holders}).all()
    gates = {row.holder_id: row.gate for row in held}
    if len(gates) < len(holders):
        raise UnknownHolder(book, min(set(holders) - gates.keys()))
    passed = connection.execute(_GATES, {"book": book, "gates": sorted(set(gates.values()))}).all()
    asked = [(r.holder_id, r.request_id) for r in requests]
    answered: dict[tuple[int, str], tuple[bytes, Posted]] = {}
    for start in range(0, len(asked), REQUESTS_A_QUERY):
        for e in connection.execute(_RECALL, {"requests": asked[start : start + REQUESTS_A_QUERY]}):
            posted = Posted(e.entry_id, e.holder_id, e.kind, e.value_date, e.booked_at, False)
            answered[e.holder_id, e.request_id] = bytes(e.digest), posted
    return Hold(
        connection,
        book,
        closed_through=max((gate.closed_through for gate in passed), default=date.min),
        cut_through=max((gate.cut_through for gate in passed), default=date.min),
        last_date=max((gate.last_date for gate in passed if gate.last_date), default=date.min),
        gates=gates,
        answered=answered,
        balances={(owner, acc): fen for owner, acc, fen in connection.execute(_BALANCES, {"holders": holders}).all()},
    )


def post_all(connection: sa.Connection, book: str, entries: Sequence[Entry]) -> list[Posted]:
    """Post entries, all or none; a request answered before, here or earlier in the batch, is not posted again.

    Each is checked on what those before it left. Shape: the answers, in the order of `entries`.
    Raises: NoTransaction, UnknownHolder, RequestConflict, DayClosed, InsufficientBalance.
    """
    held = hold(connection, book, [e.request for e in entries])
    fresh = [entry for entry in entries if held.recall(entry.request) is None]
    for entry in fresh:
        held.require_open(entry.value_date)
    numbers = iter(next_entry_ids(connection, len(fresh)))
    answers = [held.recall(entry.request) or held.add(entry, next(numbers)) for entry in entries]
    held.write()
    return answers


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
    answer = held.add(entry, next_entry_ids(connection, 1)[0])
    held.write()
    return answer


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


def _write_entries(connection: sa.Connection, book: str, entries: Sequence[tuple[int, Entry]]) -> None:
    heads = [
        [
            number,
            e.request.holder_id,
            book,
            e.kind,
            e.value_date,
            e.booked_at,
            e.request.request_id,
            e.request.digest,
            e.reverses,
            e.memo,
        ]
        for number, e in entries
    ]
    _ADD_ENTRY.run(connection, heads)
    lines = [
        [number, e.request.holder_id, line, p.debit.id, p.credit.id, p.amount]
        for number, e in entries
        for line, p in enumerate(e.postings, 1)
    ]
    _ADD_POSTING.run(connection, lines)
