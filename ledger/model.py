"""The ledger's values: accounts, postings, entries. Pure: no database, no clock.

An unbalanced entry cannot be written down: a posting has one debit account, one credit account and one
positive amount of the one unit that both accounts share.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

HOUSE = 0
"""The holder of the house's own and of bulk entries."""

LARGEST = 10**13
"""No amount is larger, in minor units: 100 billion yuan. 900,000 of them still add up inside 64 bits."""


class Side(StrEnum):
    """The two sides of an account."""

    DEBIT = "debit"
    CREDIT = "credit"


@dataclass(frozen=True, slots=True)
class Account:
    """One account of the chart; `per_holder` ones have a balance row for every holder, never below zero."""

    id: int
    code: str
    unit: str
    normal_side: Side
    per_holder: bool = False

    def signed(self, debits: int, credits: int) -> int:
        """Return the balance that these turnovers make, positive on the normal side."""
        return debits - credits if self.normal_side is Side.DEBIT else credits - debits


@dataclass(frozen=True, slots=True)
class Posting:
    """One movement. Units: `amount` in minor units of the accounts' unit."""

    debit: Account
    credit: Account
    amount: int

    def __post_init__(self) -> None:
        assert type(self.amount) is int, self
        assert self.amount > 0, self
        assert self.debit.unit == self.credit.unit, self
        assert self.debit.id != self.credit.id, self


@dataclass(frozen=True, slots=True)
class Request:
    """Who asks, under which id, for what: `digest` is the content's."""

    holder_id: int
    request_id: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """Postings that happen together, dated `value_date`, for one holder (or the house)."""

    request: Request
    kind: str
    value_date: date
    booked_at: datetime
    postings: tuple[Posting, ...]
    memo: str | None = None
    reverses: int | None = None

    def __post_init__(self) -> None:
        assert self.postings, self
        assert self.booked_at.tzinfo is not None, self

    def changes(self) -> dict[int, int]:
        """Return what the entry does to its holder's balances by account id, signed to each account's normal side."""
        changes: dict[int, int] = {}
        for p in self.postings:
            if p.debit.per_holder:
                changes[p.debit.id] = changes.get(p.debit.id, 0) + p.debit.signed(p.amount, 0)
            if p.credit.per_holder:
                changes[p.credit.id] = changes.get(p.credit.id, 0) + p.credit.signed(0, p.amount)
        return changes


@dataclass(frozen=True, slots=True)
class Posted:
    """What the journal answers; `repeated` when the request had been answered before."""

    entry_id: int
    holder_id: int
    kind: str
    value_date: date
    booked_at: datetime
    repeated: bool


def digest(*content: str | int | None) -> bytes:
    """Return the digest of a request's content: typed and length-prefixed, so no two contents share a text."""
    parts = []
    for item in content:
        mark, data = b"n", b""
        if isinstance(item, int):
            mark, data = b"i", str(item).encode()
        elif isinstance(item, str):
            mark, data = b"s", item.encode()
        parts += [mark, len(data).to_bytes(4, "big"), data]
    return hashlib.blake2b(b"".join(parts), digest_size=16).digest()


def postings_digest(kind: str, value_date: date, postings: Iterable[Posting]) -> bytes:
    """Return the digest of a house entry, whose content is its postings."""
    flat = [part for p in postings for part in (p.debit.code, p.credit.code, p.amount)]
    return digest(kind, value_date.isoformat(), *flat)


def lowest_since(balance: int, later: Iterable[tuple[date, int]], day: date) -> int:
    """Return the lowest end-of-day balance over `day` and all days after it.

    `balance` counts everything booked; `later` holds the signed movements with their dates, in any order. A
    movement dated `day` may take no more than this, or the balance as of some day would become negative.
    """
    by_day: dict[date, int] = {}
    for value_date, amount in later:
        if value_date > day:
            by_day[value_date] = by_day.get(value_date, 0) + amount
    lowest = balance
    for value_date in sorted(by_day, reverse=True):
        balance -= by_day[value_date]
        lowest = min(lowest, balance)
    return lowest
