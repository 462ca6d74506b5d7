"""What is sealed of a day, as records in a fixed order: its entries with all they hold, then every other input.

1. entry     the day's journal entries by number, with all their postings and, of an order, what was ordered
2. outcome   what the transfer agent said of the orders that the day confirmed
3. figure    every version of the figure up to the one that the day's income was distributed by; later ones with the
             day on which the income was corrected by them
4. fund, terms, step   the fund (first day only), the terms that begin, the steps as they were written down
5. wallet, trail, proposal, decision   numbered rows: those since the seal before, up to what this one saw
6. link   under which codes trade dates are worked with files: of those that the day confirmed
7. file, break, event   numbered rows too: outside files, breaks, and what became of these

6 and 7 belong to version 2, in which 2 leaves out the trade dates that are worked with files: there the answers tell
it, and those are digested with their file. What follows from all these (balances, order states, advances, chunks,
allocations) is replayed, not sealed. A column that a later schema adds belongs to a new version.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from ledger.expressions import batches, fetches
from ledger.schema import Day, Instant, journal_entry, posting
from wallet.audit import encoding
from wallet.audit.agent_income import corrections
from wallet.outside.schema import break_event, link, outside_file, recon_break
from wallet.rules.chart import CNY
from wallet.rules.fund import Fund
from wallet.schema import (
    ANSWERED,
    announcement,
    customer_order,
    day_step,
    decision,
    distribution,
    fund,
    fund_terms,
    proposal,
    trail,
    wallet,
)


def _columns(table: sa.Table, names: str) -> tuple[sa.Column[Any], ...]:
    return tuple(table.c[name] for name in names.split())


ENTRY = _columns(
    journal_entry,
    "entry_id holder_id book kind value_date booked_at request_id digest reverses memo first_holder last_holder",
)
ORDER = _columns(customer_order, "book kind at amount merchant payment trade_date")
"""What was ordered; a null each where an entry is of no order."""

RECORDS = {
    "outcome": _columns(customer_order, "entry_id holder_id outcome return_code"),
    "figure": _columns(announcement, "fund day version income_per_10k seven_day control_total source digest"),
    "fund": _columns(fund, "code opened_on market"),
    "terms": _columns(
        fund_terms,
        "fund valid_from minimum holding_cap transfer_in_daily quota_daily instant_daily facility order_of_use"
        " suspended digest four_eyes",
    ),
    "step": _columns(day_step, "fund day step state booked_at"),
    "wallet": _columns(wallet, "holder_id book reference opened_at"),
    "trail": _columns(trail, "number book at operator host command arguments began outcome entries"),
    "proposal": _columns(proposal, "number book operation arguments proposed_by proposed_at"),
    "decision": _columns(decision, "number proposal verdict decided_by decided_at why entry_id"),
    "link": _columns(link, "fund valid_from distributor transfer_agent tolerance digest"),
    "file": _columns(outside_file, "number fund name kind first_day day records control digest content received_at"),
    "break": _columns(recon_break, "number fund kind subject since unit ours theirs"),
    "event": _columns(break_event, "number break day state ours theirs at operator note"),
}
NAMED_BY = {"figure": (1, 2), "terms": (1,), "step": (1, 2), "outcome": (0, 1), "link": (1,)}
"""Which values of a record name it, where that is not the first alone."""

NUMBERED: dict[str, sa.Column[Any]] = {
    "wallet": wallet.c.holder_id,
    "trail": trail.c.number,
    "proposal": proposal.c.number,
    "decision": decision.c.number,
    "file": outside_file.c.number,
    "break": recon_break.c.number,
    "event": break_event.c.number,
}
OF_VERSION_1 = 4
"""So many of them are sealed by version 1."""

Array = NDArray[np.int64]


class Leaf(NamedTuple):
    """A record, with its name for people: its kind and the numbers or dates that it is known by."""

    kind: str
    key: tuple[Any, ...]
    record: bytes

    def __str__(self) -> str:
        if self.kind == "entry":
            return f"entry {self.key[0]} of holder {self.key[1]}"
        if self.kind == "outcome":
            return f"outcome of order {self.key[0]} of holder {self.key[1]}"
        return " ".join(map(str, (self.kind, *self.key)))


class Marks(NamedTuple):
    """How far numbered rows are sealed, in the order of `NUMBERED`."""

    wallet: int = 0
    trail: int = 0
    proposal: int = 0
    decision: int = 0
    file: int = 0
    of_break: int = 0
    event: int = 0


@dataclass(frozen=True, slots=True)
class Span:
    """What one seal covers: the days after `after` (None: all) through `day`, the rows after `since` up to `marks`."""

    book: Fund
    after: date | None
    day: date
    since: Marks
    marks: Marks
    version: int = encoding.VERSION

    def holds(self, column: sa.ColumnElement[date]) -> sa.ColumnElement[bool]:
        """Return the condition that a date is covered."""
        return column <= self.day if self.after is None else sa.and_(column > self.after, column <= self.day)


def marks(connection: sa.Connection) -> Marks:
    """Return how far numbered rows go in what the connection sees."""
    last = [sa.select(sa.func.coalesce(sa.func.max(column), 0)).scalar_subquery() for column in NUMBERED.values()]
    return Marks(*connection.execute(sa.select(*last)).one())


class EntryLeaves:
    """The leaves of a day's entries, made from its postings as they stream by; counts and sums on the way.

    `feed` takes arrays of (entry_id, holder_id, line, debit, credit, amount): all postings of the day's entries in the
    order of their keys, whoever reads them.
    """

    def __init__(self, connection: sa.Connection, span: Span) -> None:
        self._rows, self._version = _entries(connection, span), span.version
        self._encoders = [encoding.encoder(c) for c in ENTRY], [encoding.encoder(c) for c in ORDER]
        self._open: int | None = None
        self._parts: list[bytes] = []
        self._in_cny = np.array([a.id for a in span.book.chart if a.unit == CNY])
        self.entries = self.postings = self.cny = self.shares = 0

    def feed(self, rows: Array) -> Iterator[Leaf]:
        """Yield the leaves of the entries that these postings complete."""
        if not len(rows):
            return
        self.postings += len(rows)
        money = np.isin(rows[:, 3], self._in_cny)
        self.cny += int(rows[money, 5].sum())
        self.shares += int(rows[~money, 5].sum())
        numbers = rows[:, 1:].astype(">i8").tobytes()
        begins = np.flatnonzero(np.append(True, np.diff(rows[:, 0])))
        ends = [*begins[1:].tolist(), len(rows)]
        size = encoding.POSTING_BYTES
        for entry_id, begin, end in zip(rows[begins, 0].tolist(), begins.tolist(), ends, strict=True):
            if entry_id != self._open:
                yield from self._complete()
                self._open = entry_id
            self._parts.append(numbers[begin * size : end * size])

    def rest(self) -> Iterator[Leaf]:
        """Yield the last leaves, once all postings were fed."""
        yield from self._complete()
        for row in self._rows:
            yield self._leaf(row, b"")

    def _complete(self) -> Iterator[Leaf]:
        """Yield the leaf of the entry whose postings are together, and before it those of entries without any."""
        if self._open is None:
            return
        for row in self._rows:
            if row[0] == self._open:
                yield self._leaf(row, b"".join(self._parts))
                break
            yield self._leaf(row, b"")
        else:
            raise ValueError(f"the postings of entry {self._open} are of no entry of the day")
        self._parts = []

    def _leaf(self, row: Sequence[Any], postings: bytes) -> Leaf:
        self.entries += 1
        of_entry, of_order = self._encoders
        values = [encode(value) for encode, value in zip(of_entry, row, strict=False)]
        values.append(encoding.postings(postings))
        values += [encode(value) for encode, value in zip(of_order, row[len(of_entry) :], strict=True)]
        return Leaf("entry", (row[0], row[1]), encoding.record("entry", values, self._version))


def postings(connection: sa.Connection, span: Span) -> Iterator[Array]:
    """Yield the postings of the day's entries as `EntryLeaves` takes them, whoever their holders are."""
    e, p = journal_entry.c, posting.c
    dated = e.book == span.book.code, span.holds(e.value_date)
    lowest, highest = (sa.select(of(e.entry_id)).where(*dated).scalar_subquery() for of in (sa.func.min, sa.func.max))
    query = sa.select(p.entry_id, p.holder_id, p.line, p.debit, p.credit, p.amount).where(
        p.entry_id.in_(sa.select(e.entry_id).where(*dated)), p.entry_id >= lowest, p.entry_id <= highest
    )
    yield from batches(connection, query.order_by(p.entry_id, p.holder_id, p.line))


def records(connection: sa.Connection, span: Span) -> Iterator[Leaf]:
    """Yield the leaves that are no entries."""
    for kind, where, order in _chosen(connection, span):
        columns = RECORDS[kind]
        encoders = [encoding.encoder(column) for column in columns]
        query = sa.select(*map(_plain, columns)).where(*where).order_by(*order)
        named = NAMED_BY.get(kind, (0,))
        for rows in fetches(connection, query):
            for row in rows:
                values = [encode(value) for encode, value in zip(encoders, row, strict=True)]
                yield Leaf(kind, tuple(row[n] for n in named), encoding.record(kind, values, span.version))


def _entries(connection: sa.Connection, span: Span) -> Iterator[Sequence[Any]]:
    """Yield entries and, beside each, what was ordered by it, in the order of their numbers."""
    e, o = journal_entry.c, customer_order.c
    same = sa.and_(o.holder_id == e.holder_id, o.entry_id == e.entry_id)
    query = sa.select(*map(_plain, (*ENTRY, *ORDER))).join_from(journal_entry, customer_order, same, isouter=True)
    dated = e.book == span.book.code, span.holds(e.value_date)
    for rows in fetches(connection, query.where(*dated).order_by(e.entry_id, e.holder_id)):
        yield from rows


def _chosen(connection: sa.Connection, span: Span) -> Iterator[tuple[str, tuple[Any, ...], tuple[Any, ...]]]:
    """Yield what is sealed beside the entries: the kind, which rows, and their order."""
    code, a, t, s, n = span.book.code, announcement.c, fund_terms.c, day_step.c, link.c
    confirmed = _confirmed(connection, span)
    if confirmed is not None:
        o = customer_order.c
        told = confirmed(o.trade_date), o.book == code, ANSWERED, *_without_files(connection, span)
        yield "outcome", told, (o.entry_id, o.holder_id)
    used = sa.exists().where(
        distribution.c.fund == a.fund, distribution.c.day == a.day, distribution.c.version >= a.version
    )
    figure = [sa.and_(span.holds(a.day), used)]
    figure += [
        sa.and_(a.day == day, a.version == version)
        for day, version in corrections(connection, span.book, span.holds(journal_entry.c.value_date))
    ]
    yield "figure", (a.fund == code, sa.or_(*figure)), (a.day, a.version)
    if span.after is None:
        yield "fund", (), (fund.c.code,)
    yield "terms", (t.fund == code, span.holds(t.valid_from)), (t.valid_from,)
    yield "step", (s.fund == code, span.holds(s.day)), (s.day, s.step)
    for of, (kind, column) in enumerate(NUMBERED.items()):
        if of == OF_VERSION_1:
            if span.version == encoding.FIRST:
                return
            if confirmed is not None:
                yield "link", (n.fund == code, confirmed(n.valid_from)), (n.valid_from,)
        above = () if span.after is None else (column > span.since[of],)
        yield kind, (*above, column <= span.marks[of]), (column,)


def _confirmed(
    connection: sa.Connection, span: Span
) -> Callable[[sa.ColumnElement[date]], sa.ColumnElement[bool]] | None:
    """Return the condition that a trade date is one that the day confirmed; None if it confirmed none.

    Those are the dates since the confirmation before. Told by the steps as they were written down, not by a calendar
    that may have been corrected since.
    """
    s = day_step.c
    days = sa.select(s.day).where(s.fund == span.book.code, s.step == "confirm", s.day <= span.day)
    last = connection.execute(days.order_by(s.day.desc()).limit(2)).scalars().all()
    if not last or last[0] != span.day:
        return None
    return lambda trade_date: sa.and_(trade_date < span.day, *(trade_date >= before for before in last[1:]))


def _without_files(connection: sa.Connection, span: Span) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the condition of orders that are answered without files: those of a trade date before the first link."""
    first = sa.select(sa.func.min(link.c.valid_from, type_=link.c.valid_from.type)).where(link.c.fund == span.book.code)
    linked = None if span.version == encoding.FIRST else connection.execute(first).scalar()
    return (customer_order.c.trade_date < linked,) if linked else ()


def _plain(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """Return a column as the driver gives it."""
    if isinstance(column.type, Instant):
        return sa.type_coerce(column, sa.BigInteger)
    return sa.type_coerce(column, sa.Date) if isinstance(column.type, Day) else column
