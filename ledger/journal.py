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

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cache
from itertools import chain
from typing import Any

import sqlalchemy as sa

from ledger.database import require_transaction
from ledger.errors import AlreadyReversed, DayClosed, InsufficientBalance, RequestConflict, UnknownEntry, UnknownHolder
from ledger.model import Account, Entry, Posted, Posting, Request, Side
from ledger.rows import Query, Rows, Statement, as_hex, packed, write
from ledger.schema import EPOCH, account, balance, book_gate, entry_ids, holder, journal_entry, posting

REVERSAL = "reversal"
"""The kind of an entry that takes another one back."""

_LOCK = Query(
    {"holder_id": holder.c.holder_id.type},
    lambda _, given: (
        sa.select(holder.c.holder_id, holder.c.gate)
        .join_from(holder, given, holder.c.holder_id == given.c.holder_id)
        .where(holder.c.book == sa.bindparam("book"))
        .order_by(holder.c.holder_id)
        .with_for_update(key_share=True, of=holder)
    ),
)
_MOVE = Statement(
    sa.update(balance),
    (balance.c.holder_id, balance.c.account_id, balance.c.amount.label("change")),
    lambda update, row: update.where(
        balance.c.holder_id == row.holder_id, balance.c.account_id == row.account_id, balance.c.amount + row.change >= 0
    ).values(amount=balance.c.amount + row.change),
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
_NOTED: ContextVar[list[range] | None] = ContextVar("noted", default=None)


@contextmanager
def noting() -> Iterator[list[range]]:
    """Note which entries are written within the block, as ranges of their numbers, in the order of writing.

    Blocks may stand inside each other: one that ends well hands what it noted to the one around it, one that ends
    with an error does not, since its transaction is rolled back.
    """
    made: list[range] = []
    token = _NOTED.set(made)
    try:
        yield made
    finally:
        _NOTED.reset(token)
    note(chain.from_iterable(made))


def note(numbers: Iterable[int]) -> None:
    """Tell whoever is noting, if anybody is, which entries were written."""
    if (made := _NOTED.get()) is None:
        return
    for number in numbers:
        if made and made[-1].stop == number:
            made[-1] = range(made[-1].start, number + 1)
        else:
            made.append(range(number, number + 1))


Alongside = Callable[[sa.FromClause], sa.Select[Any]]
"""What a caller wants read of the holders in the same round trip; given (holder_id, request_id) as asked."""


@dataclass(slots=True)
class Hold:
    """Holders locked, requests recalled: phases 1 and 2 are done, and hold until the transaction ends.

    `balances` maps (holder, account id) to what the holder has, everything booked and added counted; `last_date` is
    the latest value date of the book; `gates` says by which gate each holder comes; `alongside` holds the rows that the
    caller asked for (dates as ISO text).
    """

    connection: sa.Connection
    book: str
    closed_through: date
    cut_through: date
    last_date: date
    gates: dict[int, int]
    answered: dict[tuple[int, str], tuple[bytes, Posted]]
    balances: dict[tuple[int, int], int]
    numbers: list[int]
    alongside: list[list[Any]]
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

    def add(self, entry: Entry) -> Posted:
        """Check an entry that was not answered before (phase 3) and take it in under its number, to be written.

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
        number = self.numbers.pop()
        self.last_date = max(self.last_date, entry.value_date)
        self.added.append((number, entry))
        answer = Posted(number, holder_id, entry.kind, entry.value_date, entry.booked_at, False)
        self.answered[holder_id, request.request_id] = request.digest, answer
        return answer

    def write(self, *also: tuple[Statement, Rows]) -> None:
        """Write what was added (phase 4), and what a caller writes with it."""
        moves = [[*key, change] for key, change in sorted(self.moved.items()) if change]
        count = len(moves)
        entries, lines = _rows(self.book, self.added)
        note(number for number, _ in self.added)
        moved, *_ = write(self.connection, (_MOVE, moves), (_ADD_ENTRY, entries), (_ADD_POSTING, lines), *also)
        assert moved == count, "a balance moved although its holder was locked"
        self.added, self.moved = [], {}


def lock(connection: sa.Connection, book: str, holders: Iterable[int]) -> dict[int, int]:
    """Lock holders, ascending, and return the gate of each. Raises: UnknownHolder."""
    wanted = set(holders)
    gates = {row.holder_id: row.gate for row in _LOCK.run(connection, [[n] for n in sorted(wanted)], book=book)}
    if len(gates) < len(wanted):
        raise UnknownHolder(book, min(wanted - gates.keys()))
    return gates


def hold(
    connection: sa.Connection,
    book: str,
    requests: Sequence[Request],
    gates: dict[int, int] | None = None,
    alongside: Alongside | None = None,
    *,
    numbered: bool = True,
) -> Hold:
    """Lock the holders of `requests` and recall what was answered before (phases 1 and 2).

    `gates`: the holders are locked, and come by these; `numbered`: entries will be added, so they need numbers.
    Raises: NoTransaction, UnknownHolder.
    """
    require_transaction(connection)
    if gates is None:
        gates = lock(connection, book, (r.holder_id for r in requests))
    asked = [(r.holder_id, r.request_id) for r in requests]
    read = _state(alongside).run(connection, asked, book=book, count=len(asked) if numbered else 0)[0]
    passed, last_date, answers, kept, numbers, more = map(json.loads, read)
    answered = {}
    for entry_id, holder_id, kind, value_date, booked_at, request_id, content in answers:
        dated, booked = date.fromisoformat(value_date), EPOCH + timedelta(microseconds=booked_at)
        answered[holder_id, request_id] = (
            bytes.fromhex(content),
            Posted(entry_id, holder_id, kind, dated, booked, False),
        )
    return Hold(
        connection,
        book,
        closed_through=max((date.fromisoformat(closed) for closed, _ in passed), default=date.min),
        cut_through=max((date.fromisoformat(cut) for _, cut in passed), default=date.min),
        last_date=max((date.fromisoformat(day) for (day,) in last_date if day), default=date.min),
        gates=gates,
        answered=answered,
        balances={(owner, acc): fen for owner, acc, fen in kept},
        numbers=_fresh(connection.dialect.name, (n for (n,) in numbers), len(asked) - len(answers)) if numbered else [],
        alongside=more,
    )


@cache
def _state(alongside: Alongside | None) -> Query:
    """Return what is read of holders once they are locked, all of it in one statement.

    The gates are held for share; should that wait, they are read as they are then. The rest is of the holders, whom
    nobody else may change meanwhile, so it is the same before and after that wait.
    """

    def select(dialect: str, given: sa.FromClause) -> sa.Select[Any]:
        e, book = journal_entry.c, sa.bindparam("book", type_=sa.Text)
        mine = sa.select(given.c.holder_id)
        gates = (
            sa.select(book_gate.c.closed_through, book_gate.c.cut_through)
            .where(
                book_gate.c.book == book,
                book_gate.c.gate.in_(sa.select(holder.c.gate).where(holder.c.holder_id.in_(mine))),
            )
            .order_by(book_gate.c.gate)
            .with_for_update(read=True, of=book_gate)
            .cte("passed")
        )
        same = sa.and_(e.holder_id == given.c.holder_id, e.request_id == given.c.request_id)
        answers = sa.select(
            e.entry_id, e.holder_id, e.kind, e.value_date, e.booked_at, e.request_id, as_hex(dialect, e.digest)
        ).join_from(given, journal_entry, same)
        counted = sa.select(sa.func.count()).select_from(answers.subquery()).scalar_subquery()
        kept = sa.select(balance.c.holder_id, balance.c.account_id, balance.c.amount).where(
            balance.c.holder_id.in_(mine)
        )
        parts = [
            sa.select(gates),
            sa.select(sa.func.max(e.value_date)).where(e.book == book),
            answers,
            kept,
            _numbers(dialect, sa.bindparam("count", type_=sa.Integer) - counted),
            sa.select(sa.literal(0)).where(sa.false()) if alongside is None else alongside(given),
        ]
        return sa.select(*[packed(dialect, part) for part in parts])

    return Query({"holder_id": holder.c.holder_id.type, "request_id": journal_entry.c.request_id.type}, select)


def post_all(connection: sa.Connection, book: str, entries: Sequence[Entry]) -> list[Posted]:
    """Post entries, all or none; a request answered before, here or earlier in the batch, is not posted again.

    Each is checked on what those before it left. Shape: the answers, in the order of `entries`.
    Raises: NoTransaction, UnknownHolder, RequestConflict, DayClosed, InsufficientBalance.
    """
    held = hold(connection, book, [e.request for e in entries])
    fresh = [entry for entry in entries if held.recall(entry.request) is None]
    for entry in fresh:
        held.require_open(entry.value_date)
    answers = [held.recall(entry.request) or held.add(entry) for entry in entries]
    held.write()
    return answers


def post(connection: sa.Connection, book: str, entry: Entry) -> Posted:
    """Post one entry: the case of one of `post_all`, with its refusals."""
    return post_all(connection, book, [entry])[0]


def reverse(
    connection: sa.Connection,
    book: str,
    request: Request,
    entry_id: int,
    value_date: date,
    booked_at: datetime,
    memo: str | None = None,
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
    entry = Entry(request, REVERSAL, value_date, booked_at, mirrored, memo, reverses=entry_id)
    answer = held.add(entry)
    held.write()
    return answer


def accounts(connection: sa.Connection) -> list[Account]:
    """Return the chart of accounts as it is stored, by number."""
    rows = connection.execute(sa.select(account).order_by(account.c.account_id))
    return [Account(r.account_id, r.code, r.unit, Side(r.normal_side), bool(r.per_holder)) for r in rows]


def next_entry_id(connection: sa.Connection) -> int:
    """Return a fresh entry number; call it after the rows are locked."""
    dialect = connection.dialect.name
    numbers = connection.execute(_numbers(dialect, sa.literal(1))).scalars().all()
    return _fresh(dialect, numbers, 1)[0]


def _numbers(dialect: str, count: sa.ColumnElement[int]) -> sa.Select[Any]:
    """Return what tells of `count` fresh entry numbers: draws from the sequence, on SQLite the last one in use."""
    if dialect == "sqlite":
        return sa.select(sa.func.coalesce(sa.func.max(journal_entry.c.entry_id), 0))
    return sa.select(entry_ids.next_value()).select_from(sa.func.generate_series(1, count).alias())


def _fresh(dialect: str, told: Iterable[int], count: int) -> list[int]:
    """Return `count` fresh entry numbers, the lowest last; SQLite counts on under its write lock."""
    numbers = sorted(told, reverse=True)
    return list(range(numbers[0] + count, numbers[0], -1)) if dialect == "sqlite" else numbers


def _rows(book: str, added: Sequence[tuple[int, Entry]]) -> tuple[Rows, Rows]:
    """Return the rows of entries and of their postings."""
    entries = [
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
        for number, e in added
    ]
    lines = [
        [number, e.request.holder_id, line, p.debit.id, p.credit.id, p.amount]
        for number, e in added
        for line, p in enumerate(e.postings, 1)
    ]
    return entries, lines
