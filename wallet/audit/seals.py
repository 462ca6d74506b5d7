"""Seals: a proved day digested into one row that later days are chained to. The only writer of `seal`.

What is digested stands in `wallet.audit.leaves`, how in `wallet.audit.encoding`. All of it is read in a transaction
that only reads, so customers do not wait; the row is written in one of its own, if the day is still the next one to
be sealed. Nothing that is sealed can change any more: the day is closed, its income distributed, its orders confirmed.

The chain shows a change of a sealed row only if the seals were left as they are. Whoever can rewrite rows can write
new seals, or take the last ones away: that shows against a head that was kept elsewhere (`wallet.audit.anchors`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from datetime import date, timedelta
from functools import partial

import sqlalchemy as sa

from ledger.database import reading
from ledger.schema import journal_entry
from wallet import steps
from wallet.audit import encoding, leaves
from wallet.audit.findings import Findings
from wallet.audit.leaves import OF_VERSION_1, Array, EntryLeaves, Leaf, Marks, Span
from wallet.audit.merkle import Path, Tree, path_to
from wallet.errors import NotSealed, SealsBroken
from wallet.progress import Progress, silent
from wallet.retries import transact
from wallet.rules.amounts import show_amount
from wallet.rules.fund import Fund
from wallet.schema import fund, seal

CHECK = "sealed days are as they were sealed"

NO_SEAL = bytes(32)
"""What the first seal has for the head of the one before it."""

Note = Callable[[date, Leaf, bytes], None]
"""Called with the sealed day, a leaf of it, and the leaf's digest."""


@dataclass(frozen=True, slots=True)
class Seal:
    """One sealed day, as it is stored. Units: `cny` in fen, `shares` in hundredths."""

    fund: str
    day: date
    version: int
    entries: int
    postings: int
    records: int
    cny: int
    shares: int
    last_holder: int
    last_trail: int
    last_proposal: int
    last_decision: int
    last_file: int
    last_break: int
    last_event: int
    root: bytes
    previous: bytes
    head: bytes

    @property
    def marks(self) -> Marks:
        """Return how far numbered rows are sealed."""
        first = self.last_holder, self.last_trail, self.last_proposal, self.last_decision
        return Marks(*first, self.last_file, self.last_break, self.last_event)

    def record(self) -> bytes:
        """Return what the head is the digest of: every other column, in this order; of version 1 those that it had."""
        marks = self.marks[: OF_VERSION_1 if self.version == encoding.FIRST else None]
        values = [
            encoding.text(self.fund),
            encoding.day(self.day),
            *map(encoding.number, (self.version, self.entries, self.postings, self.records, self.cny, self.shares)),
            *map(encoding.number, marks),
            encoding.data(self.root),
            encoding.data(self.previous),
        ]
        return encoding.record("seal", values, self.version)


@dataclass(frozen=True, slots=True)
class Proof:
    """An entry's record, and the way from it to the root of its day: `index` of `size` leaves."""

    entry_id: int
    holder_id: int
    record: bytes
    index: int
    size: int
    path: Path
    seal: Seal


class DayDigest:
    """One day's tree in the making: `feed` it the day's postings, then `finish`; `note` hears of every leaf."""

    def __init__(self, connection: sa.Connection, span: Span, note: Note | None = None) -> None:
        self.connection, self.span, self.note = connection, span, note
        self.tree, self._entries = Tree(), EntryLeaves(connection, span)

    def feed(self, rows: Array) -> None:
        """Take in postings, as `EntryLeaves.feed` does."""
        self._take(self._entries.feed(rows))

    def finish(self, previous: bytes) -> Seal:
        """Return the seal of the day, chained to the head of the one before it."""
        self._take(self._entries.rest())
        self._take(leaves.records(self.connection, self.span))
        of, span = self._entries, self.span
        sums = of.entries, of.postings, self.tree.size - of.entries, of.cny, of.shares
        told = span.book.code, span.day, span.version, *sums, *span.marks, self.tree.root(), previous
        return Seal(*told, encoding.head_digest(Seal(*told, b"").record()))

    def _take(self, made: Iterable[Leaf]) -> None:
        add, digest, note = self.tree.add, encoding.leaf_digest, self.note
        for leaf in made:
            node = digest(leaf.record)
            add(node)
            if note is not None:
                note(self.span.day, leaf, node)


def seal_days(engine: sa.Engine, book: Fund, progress: Progress = silent) -> int:
    """Seal every day that is proved and not sealed, in order, and return how many this call sealed.

    Stopped anywhere, it goes on with the next call; two at once seal each day once.
    """
    sealed = 0
    while True:
        with reading(engine) as connection:
            days = _unsealed(connection, book)
            if not days:
                return sealed
            last = last_seal(connection, book)
            made = digest(connection, _span(book, last, days[0], leaves.marks(connection)), last)
        sealed += transact(engine, partial(_write, book=book, made=made))
        progress(f"seal {days[0]}", sealed, sealed + len(days) - 1)


def digest(connection: sa.Connection, span: Span, last: Seal | None, note: Note | None = None) -> Seal:
    """Return the seal of a span as it follows from what is stored, chained to the seal before it."""
    made = DayDigest(connection, span, note)
    for rows in leaves.postings(connection, span):
        made.feed(rows)
    return made.finish(last.head if last else NO_SEAL)


def last_seal(connection: sa.Connection, book: Fund) -> Seal | None:
    """Return the seal of the last sealed day."""
    return next(_seals(connection, book, seal.c.day.desc(), 1), None)


def all_seals(connection: sa.Connection, book: Fund) -> list[Seal]:
    """Return all seals by day, ascending."""
    return list(_seals(connection, book, seal.c.day))


def span_of(book: Fund, before: Seal | None, of: Seal) -> Span:
    """Return what a seal covers, if `before` is the one before it."""
    return _span(book, before, of.day, of.marks, of.version)


class SealCheck:
    """The seals held against what is stored, day by day, in a pass that may be another's too.

    For each day in order ask for its `digest`, feed that with the day's postings as they stream by, and hand it back
    to `compare`; None means that the day is not sealed. `findings` says what was found so far.
    """

    def __init__(self, connection: sa.Connection, book: Fund, note: Note | None = None) -> None:
        self.connection, self.book, self.note = connection, book, note
        self.findings = Findings(CHECK)
        self.seals = {each.day: each for each in _chained(connection, book, self.findings)}
        self.before = dict(zip(list(self.seals)[1:], self.seals.values(), strict=False))

    def digest(self, day: date) -> DayDigest | None:
        """Return what a sealed day is digested by."""
        if (of := self.seals.get(day)) is None:
            return None
        return DayDigest(self.connection, span_of(self.book, self.before.get(day), of), self.note)

    def compare(self, made: DayDigest | None) -> None:
        """Hold a day that was fed against its seal."""
        if made is None:
            return
        of = self.seals[made.span.day]
        found = made.finish(of.previous)
        at, differing = str(of.day), False
        self.findings.checked += 1
        for name in ("entries", "postings", "records", "cny", "shares"):
            sealed, there = (_shown(name, getattr(each, name)) for each in (of, found))
            if sealed != there:
                self.findings.add(f"seal.{name}", at, sealed, there)
                differing = True
        if not differing and found.root != of.root:
            self.findings.add(
                "seal.root", f"{at}, with as many rows and the same sums", of.root.hex(), found.root.hex()
            )

    def recompute(self, day: date) -> None:
        """Hold a sealed day against its seal in a pass of its own."""
        try:
            made = self.digest(day)
            assert made is not None, day
            for rows in leaves.postings(self.connection, made.span):
                made.feed(rows)
            self.compare(made)
        except (ValueError, OverflowError, TypeError) as error:
            self.findings.add("rows", str(day), "cannot be read", str(error))


def verify(connection: sa.Connection, book: Fund, progress: Progress = silent) -> Findings:
    """Recompute every seal from what is stored, and hold the chain to itself."""
    return check(connection, book, progress).findings


def check(connection: sa.Connection, book: Fund, progress: Progress = silent, note: Note | None = None) -> SealCheck:
    """Do what `verify` does and return the whole check; `note` hears of every leaf that is there."""
    checked = SealCheck(connection, book, note)
    for number, day in enumerate(checked.seals, 1):
        checked.recompute(day)
        progress("seals", number, len(checked.seals))
    return checked


def prove(connection: sa.Connection, book: Fund, entry_id: int) -> Proof:
    """Return what shows that an entry is in its day's seal. Raises: NotSealed, SealsBroken (if the day differs)."""
    e = journal_entry.c
    dated = sa.select(e.value_date).where(e.book == book.code, e.entry_id == entry_id)
    day = connection.execute(dated.order_by(e.holder_id).limit(1)).scalar()
    found: list[tuple[int, Leaf]] = []
    nodes: list[bytes] = []

    def note(_: date, leaf: Leaf, node: bytes) -> None:
        if leaf.kind == "entry" and leaf.key[0] == entry_id:
            found.append((len(nodes), leaf))
        nodes.append(node)

    checked = SealCheck(connection, book, note)
    if day not in checked.seals:
        raise NotSealed(f"entry {entry_id}")
    checked.recompute(day)
    if checked.findings.wrong:
        raise SealsBroken([str(found) for found in checked.findings.kept])
    index, leaf = found[0]
    return Proof(entry_id, leaf.key[1], leaf.record, index, len(nodes), path_to(nodes, index), checked.seals[day])


def _chained(connection: sa.Connection, book: Fund, findings: Findings) -> Iterator[Seal]:
    """Yield the seals in order, each held to the one before it and to its own head."""
    strange = sa.select(seal.c.day, seal.c.fund).where(seal.c.fund.not_in(sa.select(fund.c.code)))
    for row in connection.execute(strange):
        findings.add("seal.fund", str(row.day), row.fund, book.code)
    before: Seal | None = None
    for stored in all_seals(connection, book):
        at, due = str(stored.day), before.day + timedelta(1) if before else book.opened_on
        findings.expect("seal.day", f"the seal after {before.day if before else 'none'}", at, str(due))
        previous = before.head if before else NO_SEAL
        findings.expect("seal.previous", at, stored.previous.hex(), previous.hex())
        least = before.version if before else encoding.FIRST
        version = min(max(least, stored.version), encoding.VERSION)
        findings.expect("seal.version", at, stored.version, version)
        each = replace(stored, version=version)
        if each.version == encoding.FIRST:
            findings.expect("seal.last_file", at, each.marks[OF_VERSION_1:], Marks()[OF_VERSION_1:])
        findings.expect("seal.head", at, each.head.hex(), encoding.head_digest(each.record()).hex())
        yield each
        before = each


def _unsealed(connection: sa.Connection, book: Fund) -> list[date]:
    """Return the days that are proved, in a row, after the last sealed one."""
    last = connection.execute(
        sa.select(sa.func.max(seal.c.day, type_=seal.c.day.type)).where(seal.c.fund == book.code)
    ).scalar_one()
    due = last + timedelta(1) if last else book.opened_on
    proved = steps.days_with(connection, book, "prove", since=due)
    return [day for n, day in enumerate(proved) if day == due + timedelta(n)]


def _span(book: Fund, before: Seal | None, day: date, marks: Marks, version: int = encoding.VERSION) -> Span:
    return Span(book, before.day if before else None, day, before.marks if before else Marks(), marks, version)


def _write(connection: sa.Connection, book: Fund, made: Seal) -> bool:
    """Write a seal down if its day is still the next one; tell whether it was."""
    steps.lock(connection, book)
    last = last_seal(connection, book)
    if (last.head if last else NO_SEAL) != made.previous:
        return False
    connection.execute(sa.insert(seal).values(asdict(made)))
    return True


def _seals(
    connection: sa.Connection, book: Fund, order: sa.ColumnElement[date], limit: int | None = None
) -> Iterator[Seal]:
    named = [seal.c[field.name] for field in fields(Seal)]
    query = sa.select(*named).where(seal.c.fund == book.code).order_by(order).limit(limit)
    for row in connection.execute(query).all():
        yield Seal(*row)


def _shown(name: str, value: int) -> str:
    return show_amount(value) if name in ("cny", "shares") else str(value)
