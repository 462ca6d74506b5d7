"""The bank held against the books: each line is matched to an open item, or goes to the suspense account.

The only writer of `bank_match`. The lines of a day are matched in this order: those that name an item, where the first
one closes it, and what it says too much or too little, or what another line says, goes to suspense; then those that
name nothing of ours, to the only open item of that amount between house and fund, advancer or merchants; what is left
goes to suspense. Items that got no line stay open: that they did is remembered by their breaks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from ledger import balances, gates, journal
from ledger.database import require_transaction
from ledger.expressions import total
from ledger.model import HOUSE, Entry, Request, postings_digest
from ledger.schema import journal_entry, posting
from wallet import steps
from wallet.outside import files, items
from wallet.outside.bank_lines import SAME_LINE, first_day, is_covered, is_used, lines, matched_through, take
from wallet.outside.schema import bank_line, bank_match, recon_break
from wallet.rules import manual
from wallet.rules.chart import CNY
from wallet.rules.fund import Fund

__all__ = ["ENTRY", "ITEM", "LINE", "Matched", "is_covered", "is_used", "lines", "match", "open_items", "take"]

ENTRY = "suspense"
ITEM, LINE = "cash", "bank_line"
"""Kinds of breaks: of items and the balance, which last, and of lines, each of a single day."""

BALANCE = "balance"
FEW = 5_000
"""Lines in memory at a time; as many values stand in a statement."""

Difference = tuple[str, int, int]
"""The unit, ours, theirs."""

_L, _M = bank_line.c, bank_match.c
_ONE_DAY = timedelta(1)


@dataclass(frozen=True, slots=True)
class Matched:
    """What books and bank differ in as of a day.

    `items`: all that there is, by reference, open ones with nothing of theirs, and the balance where it differs;
    `lines`: what the lines of the day said that was not expected.
    """

    items: dict[str, Difference]
    lines: dict[str, Difference]


def match(connection: sa.Connection, book: Fund, day: date, at: datetime) -> Matched:
    """Match the lines dated `day` or before that are not matched yet, and return what differs.

    `day` is closed, the days before it were matched, and what differed then was written down as breaks. Done twice it
    books nothing new. Raises: NoTransaction.
    """
    require_transaction(connection)
    steps.lock(connection, book)
    since, before = first_day(connection, book), matched_through(connection, book)
    if since is None or since > day:
        return Matched({}, {})
    work = _Work(connection, book, since if before is None else max(since, min(before + _ONE_DAY, day)), day, at)
    work.match()
    missing = work.missing()
    return Matched({**missing, **work.balance(missing)}, work.unexpected())


@dataclass(frozen=True, slots=True)
class _Part:
    """What a part of a line was matched to; `suspense` tells that it goes to the suspense account."""

    line: Any
    item: str | None
    amount: int
    suspense: bool


@dataclass
class _Work:
    """The days from `first` to `day`, whose lines are matched now."""

    connection: sa.Connection
    book: Fund
    first: date
    day: date
    at: datetime

    def _lines(self) -> sa.Select[Any]:
        """Return the select of the lines that are not matched, without the columns that say nothing to that."""
        there = sa.exists().where(SAME_LINE)
        query = sa.select(_L.statement, _L.line, _L.day, _L.amount, _L.reference)
        return query.where(_L.fund == self.book.code, _L.day.between(self.first, self.day), ~there)

    def match(self) -> None:
        """Match all lines: first those that name something of ours, then the others."""
        for few in self._few():
            self._write(self._named(few))
        alone = self._alone()
        for few in self._few():
            self._write([_Part(line, item := alone.get(line.amount), line.amount, item is None) for line in few])

    def _few(self) -> Iterator[Sequence[Any]]:
        """Yield the lines that are not matched, a few at a time; what became of these may be written meanwhile."""
        whole = self._lines().with_only_columns(_L.day, _L.statement).distinct().order_by(_L.day, _L.statement)
        for day, statement in self.connection.execute(whole).all():
            query, after = self._lines().where(_L.day == day, _L.statement == statement).order_by(_L.line), 0
            while few := self.connection.execute(query.where(_L.line > after).limit(FEW)).all():
                yield few
                after = few[-1].line

    def _named(self, few: Sequence[Any]) -> list[_Part]:
        """Return the parts of those lines that say nothing, by their amount, or name something of ours."""
        ours = {line.reference for line in few if line.reference and items.REFERENCE.fullmatch(line.reference)}
        amounts = items.named(self.connection, self.book, ours, self.day)
        m = sa.select(_M.item).where(_M.fund == self.book.code, _M.item.in_(amounts), _M.entry_id.is_(None))
        taken, parts = set(self.connection.execute(m).scalars()), []
        for line in few:
            named = line.reference in amounts
            if line.amount == 0:
                parts.append(_Part(line, None, 0, suspense=False))
            elif named and line.reference not in taken:
                taken.add(line.reference)
                parts.append(_Part(line, line.reference, amounts[line.reference], suspense=False))
                if rest := line.amount - amounts[line.reference]:
                    parts.append(_Part(line, line.reference, rest, suspense=True))
            elif line.reference in ours:
                parts.append(_Part(line, line.reference if named else None, line.amount, suspense=True))
        return parts

    def _alone(self) -> dict[int, str]:
        """Return, by amount, open items of the house and the only line that there is for each of them."""
        within = sa.and_(journal_entry.c.value_date.between(self.first, self.day), journal_entry.c.holder_id == HOUSE)
        house = items.booked(self.book, within, None, within)
        found = self.connection.execute(items.unmatched(house, self.book))
        there = {row.reference: row.amount for row in found}
        there |= {name: ours for name, (_, ours, _) in self._missing_before().items() if items.is_house(name)}
        count = self._lines().with_only_columns(_L.amount).group_by(_L.amount).having(sa.func.count() == 1)
        single = set(self.connection.execute(count).scalars())
        amounts = list(there.values())
        return {amount: name for name, amount in there.items() if amount in single and amounts.count(amount) == 1}

    def _write(self, parts: Sequence[_Part]) -> None:
        """Write what lines were matched to, and book what goes to the suspense account."""
        booked = iter(self._book([part for part in parts if part.suspense]))
        numbers: dict[tuple[str, int], int] = {}
        rows = []
        for part in parts:
            line = part.line.statement, part.line.line
            numbers[line] = numbers.get(line, 0) + 1
            facts = {"fund": self.book.code, "statement": line[0], "line": line[1], "part": numbers[line]}
            facts |= {"item": part.item, "amount": part.amount, "day": self.day}
            rows.append(facts | {"entry_id": next(booked) if part.suspense else None})
        if rows:
            self.connection.execute(sa.insert(bank_match), rows)

    def _book(self, parts: Sequence[_Part]) -> list[int]:
        """Book parts on the suspense account, dated the first open day after the one that is matched."""
        closed, _ = gates.read(self.connection, self.book.code)
        value_date, made = max(self.day, closed) + _ONE_DAY, []
        for part in parts:
            event = manual.SUSPENSE_IN if part.amount > 0 else manual.SUSPENSE_OUT
            postings = manual.book(self.book.chart, (event, abs(part.amount)))
            key = f"suspense {self.book.code} {part.line.statement} {part.line.line}"
            asked = Request(HOUSE, key, postings_digest(ENTRY, value_date, postings))
            made.append(Entry(asked, ENTRY, value_date, self.at, postings))
        return [posted.entry_id for posted in journal.post_all(self.connection, self.book.code, made)] if made else []

    def missing(self) -> dict[str, Difference]:
        """Return the items that no line belongs to."""
        found = items.unmatched(items.dated(self.book, self.first, self.day), self.book)
        return self._missing_before() | {r.reference: (CNY, r.amount, 0) for r in self.connection.execute(found)}

    def _missing_before(self) -> dict[str, Difference]:
        """Return the items that were missing when an earlier day was matched, and still are: their breaks tell."""
        b = recon_break.c
        there = sa.exists().where(_M.fund == b.fund, _M.item == b.subject, _M.entry_id.is_(None))
        open_yet = b.fund == self.book.code, b.kind == ITEM, b.subject != BALANCE, ~there
        rows = self.connection.execute(sa.select(b.subject, b.ours).where(*open_yet))
        return {row.subject: (CNY, row.ours, 0) for row in rows}

    def unexpected(self) -> dict[str, Difference]:
        """Return what the lines matched today brought to the suspense account, by item or, without one, by line."""
        query = sa.select(_M.statement, _M.line, _M.item, _M.amount).join_from(bank_line, bank_match, SAME_LINE)
        within = _L.fund == self.book.code, _L.day.between(self.first, self.day)
        rows = self.connection.execute(query.where(*within, _M.day == self.day, _M.entry_id.is_not(None))).all()
        found = {f"statement {r.statement} line {r.line}": (CNY, 0, r.amount) for r in rows if r.item is None}
        named = sorted({row.item for row in rows} - {None})
        for start in range(0, len(named), FEW):
            ours = total(_M.amount, _M.entry_id.is_(None)).label("ours")
            sums = sa.select(_M.item, ours, total(_M.amount).label("theirs")).group_by(_M.item)
            of_items = sums.where(_M.fund == self.book.code, _M.item.in_(named[start : start + FEW]))
            found |= {r.item: (CNY, r.ours, r.theirs) for r in self.connection.execute(of_items) if r.ours != r.theirs}
        return found

    def balance(self, missing: dict[str, Difference]) -> dict[str, Difference]:
        """Return what the bank's balance at the end of the day differs in from the one that the books expect.

        That is the cash account, with what goes to suspense for the day's lines, without what the bank still misses.
        """
        told: Any = files.of_day(self.connection, self.book, files.BANK, self.day)
        through = matched_through(self.connection, self.book)
        if told is None or (through is not None and through > self.day):
            return {}
        code, cash = self.book.code, self.book.chart["cash"]
        later = sa.select(total(_L.amount)).where(_L.fund == code, _L.day > self.day, _L.day <= told.day)
        theirs: int = told.control - self.connection.execute(later).scalar_one()
        ours = balances.balance_of(cash, balances.totals(self.connection, code, self.day)) + self._suspended(cash.id)
        ours -= sum(amount for _, amount, _ in missing.values())
        return {} if ours == theirs else {BALANCE: (CNY, ours, theirs)}

    def _suspended(self, cash: int) -> int:
        """Return the cash that suspense entries dated after the day bring, which are all about lines before that."""
        e, p = journal_entry.c, posting.c
        signed = total(p.amount, p.debit == cash) - total(p.amount, p.credit == cash)
        same = sa.and_(e.entry_id == p.entry_id, e.holder_id == p.holder_id)
        query = sa.select(signed).join_from(journal_entry, posting, same)
        booked = e.book == self.book.code, e.value_date > self.day, e.holder_id == HOUSE, e.kind == ENTRY
        amount: int = self.connection.execute(query.where(*booked)).scalar_one()
        return amount


def open_items(connection: sa.Connection, book: Fund, on: date | None = None) -> list[items.Item]:
    """Return the items that no line of the bank belongs to, as of the end of a day (None: of all that is booked).

    They begin with the days of the first statement.
    """
    since = first_day(connection, book) or book.opened_on
    last = on or balances.last_date(connection, book.code) or since
    return items.read(connection, book, since, last, on)
