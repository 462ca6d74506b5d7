"""Random books of the savings club, kept on paper: a list of movements, and sums over it.

What the ledger computes from balances, totals and later postings, is computed here by adding up from the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from typing import NamedTuple

import sqlalchemy as sa
from hypothesis import strategies as st

from ledger import bulk, journal
from ledger.bulk import BulkEntry
from ledger.expressions import least
from ledger.model import HOUSE, Side
from ledger.schema import balance
from tests.small_ledger import BOOK, BY_CODE, CHART, HOLDERS, entry, on

LAST_DAY = 6
DEBITED_AND_CREDITED = (
    ("cash", "savings"),
    ("cash", "savings"),
    ("cash", "fees"),
    ("savings", "frozen"),
    ("frozen", "savings"),
    ("savings", "fees"),
    ("owed", "fees"),
    ("savings", "owed"),
    ("issued", "points"),
    ("points", "issued"),
)


class Moved(NamedTuple):
    """One posting on paper; `day` is the number of its value date."""

    day: int
    entry: int
    holder: int
    debit: str
    credit: str
    amount: int


class Bonus(NamedTuple):
    """A bulk entry: `rate` points for every ten of savings, and a fee of as much as `rate`, for a range of holders."""

    day: int
    first: int
    last: int
    rate: int


class Own(NamedTuple):
    """An entry of one holder: pairs of accounts with the amount wished for, cut to what she has."""

    day: int
    holder: int
    moves: list[tuple[tuple[str, str], int]]


@dataclass
class Paper:
    """All that was booked, in order."""

    moved: list[Moved] = field(default_factory=list)
    entries: int = 0

    def balance(self, code: str, holder: int | None = None, day: int = LAST_DAY) -> int:
        """Add up an account as of the end of a day, of one holder or of all."""
        debits, credits = self.turnover(code, 0, day, holder)
        return debits - credits if BY_CODE[code].normal_side is Side.DEBIT else credits - debits

    def turnover(self, code: str, first: int, last: int, holder: int | None = None) -> tuple[int, int]:
        """Add up the debits and the credits of an account over days."""
        found = [m for m in self.moved if first <= m.day <= last and holder in (None, m.holder)]
        return sum(m.amount for m in found if m.debit == code), sum(m.amount for m in found if m.credit == code)

    def of(self, holder: int, first: int, last: int) -> list[tuple[int, int, str, str, int]]:
        """Return a holder's postings over days, by day and entry."""
        found = [m for m in self.moved if m.holder == holder and first <= m.day <= last]
        return [(m.day, m.entry, m.debit, m.credit, m.amount) for m in sorted(found, key=lambda m: (m.day, m.entry))]

    def add(self, day: int, holder: int, debit: str, credit: str, wished: int) -> int:
        """Move as much of an amount as leaves no balance per holder below zero, and return it."""
        amount = wished
        if BY_CODE[debit].per_holder and BY_CODE[debit].normal_side is Side.CREDIT:
            amount = min(amount, self.balance(debit, holder))
        if BY_CODE[credit].per_holder and BY_CODE[credit].normal_side is Side.DEBIT:
            amount = min(amount, self.balance(credit, holder))
        if amount:
            self.moved.append(Moved(day, self.entries + 1, holder, debit, credit, amount))
        return amount


def write(connection: sa.Connection, events: Sequence[Own | Bonus]) -> Paper:
    """Write events into the ledger and onto paper; entries are numbered as on paper in a fresh database."""
    paper = Paper()
    for event in events:
        if isinstance(event, Bonus):
            _write_bonus(connection, paper, event)
            continue
        done = [(*pair, paper.add(event.day, event.holder, *pair, wished)) for pair, wished in event.moves]
        if text := "; ".join(f"Dr {debit} Cr {credit} {amount}" for debit, credit, amount in done if amount):
            paper.entries += 1
            journal.post(connection, BOOK, entry(text, f"r{paper.entries}", event.holder, on(event.day)))
    return paper


def _write_bonus(connection: sa.Connection, paper: Paper, bonus: Bonus) -> None:
    day, first, last, rate = bonus
    savings = {holder: paper.balance("savings", holder) for holder in range(first, last + 1)}
    for holder, saved in savings.items():
        paper.add(day, holder, "issued", "points", saved * rate // 10)
        paper.add(day, holder, "savings", "fees", min(saved, rate))
    paper.entries += 1
    booked_at = datetime.combine(on(day), time(12), UTC)
    facts = BulkEntry(f"bonus {paper.entries}", "bonus", on(day), booked_at, first, last)
    number = bulk.write_entry(connection, BOOK, facts)
    saved_now = (
        sa.select(balance.c.holder_id, balance.c.amount)
        .where(balance.c.account_id == BY_CODE["savings"].id, balance.c.holder_id.between(first, last))
        .subquery()
    )
    lines = bulk.event_lines(
        saved_now.c.holder_id,
        [
            ([(BY_CODE["issued"].id, BY_CODE["points"].id)], saved_now.c.amount * rate // 10),
            ([(BY_CODE["savings"].id, BY_CODE["fees"].id)], least(saved_now.c.amount, rate)),
        ],
    )
    written = bulk.write_postings(connection, number, lines)
    assert written == sum(m.entry == paper.entries for m in paper.moved)
    bulk.move_balances(connection, [number], first, last, CHART)


DAYS = st.integers(1, LAST_DAY)
AMOUNTS = st.integers(1, 300)
OWN = st.builds(
    Own,
    DAYS,
    st.sampled_from(HOLDERS),
    st.lists(st.tuples(st.sampled_from(DEBITED_AND_CREDITED), AMOUNTS), min_size=1, max_size=3),
)
BONUS = st.builds(
    lambda day, ends, rate: Bonus(day, min(ends), max(ends), rate),
    DAYS,
    st.tuples(st.sampled_from(HOLDERS), st.sampled_from(HOLDERS)),
    st.integers(0, 30),
)
EVENTS = st.lists(OWN | OWN | OWN | BONUS, max_size=15)
OPENING = [Own(1, holder, [(("cash", "savings"), 200)]) for holder in HOLDERS if holder != HOUSE]
