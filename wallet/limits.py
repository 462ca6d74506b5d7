"""What the house may use up of one bound: the advancer's facility, a day's quota. The only writer of `limit_slot`.

What is used is kept in slots, so that two payments need not wait for one row; a slot's bound is its share of
the bound at the instant. Orders take from the slots of their holders' gates, a batch the sum for each slot; where that
has no room, all slots are locked in ascending order, and what is used is evened out. The total can never exceed the
bound. The first attempt is made in a savepoint: PostgreSQL keeps the lock of a row that an UPDATE waited for and then
found without room, and whoever goes on to lock all slots in order must hold none of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ledger.rows import Statement, write
from wallet.schema import limit_slot

FACILITY = "facility"
"""Its slots are made with the book; those of a quota like them, when the first order needs it."""

_slots = limit_slot.alias("slots")


def _if_it_fits(update: sa.Update, row: Any) -> sa.Update:
    """Use `amount` of a slot's share of the bound.

    There is no share when one of the slots holds more than its own, as after a bound was lowered: then only the total
    can tell.
    """
    s = limit_slot.c
    shares = (
        sa.select(sa.case((sa.func.max(_slots.c.used) * sa.func.count() <= row.bound, sa.func.count())))
        .where(_slots.c.book == row.book, _slots.c.name == row.name)
        .scalar_subquery()
    )
    taken = s.used + row.amount
    here = s.book == row.book, s.name == row.name, s.slot == row.slot
    return update.where(*here, row.bound >= taken * shares).values(used=taken)


_TAKE = Statement(
    sa.update(limit_slot),
    (*limit_slot.primary_key, limit_slot.c.used.label("amount"), limit_slot.c.used.label("bound")),
    _if_it_fits,
)


@dataclass(slots=True)
class Need:
    """What orders need of one limit: in total and by slot, and the lowest bound that any of them has. Units: fen."""

    bound: int
    total: int = 0
    by_slot: dict[int, int] = field(default_factory=dict)

    def add(self, slot: int, amount: int, bound: int) -> None:
        """Count what one more order needs."""
        self.bound = min(self.bound, bound)
        self.total += amount
        self.by_slot[slot] = self.by_slot.get(slot, 0) + amount


def quota(day: date) -> str:
    """Return the name of the whole product's quota of a natural day."""
    return f"quota {day.isoformat()}"


def create(connection: sa.Connection, book: str, name: str, slots: Iterable[int]) -> None:
    """Create the empty slots of a limit; those that are there stay as they are."""
    new = [{"book": book, "name": name, "slot": slot, "used": 0} for slot in slots]
    connection.execute(_insert(connection).on_conflict_do_nothing(), new)


def used(connection: sa.Connection, book: str, name: str) -> int:
    """Return what is used of a limit, in fen; 0 for one never used."""
    total = sa.select(sa.func.coalesce(sa.func.sum(limit_slot.c.used), 0))
    return int(connection.execute(total.where(limit_slot.c.book == book, limit_slot.c.name == name)).scalar_one())


def take(connection: sa.Connection, book: str, needs: Mapping[str, Need]) -> bool:
    """Use what is needed if all of it fits into its slots; tell whether it did. If not, nothing is used or locked."""
    if not needs:
        return True
    if connection.dialect.name == "sqlite" and sum(len(need.by_slot) for need in needs.values()) == 1:
        return _take(connection, book, needs)  # one slot that is not used, and nobody else to lock it
    attempt = connection.begin_nested()
    fits = _take(connection, book, needs)
    attempt.commit() if fits else attempt.rollback()
    return fits


def lock(connection: sa.Connection, book: str, names: Iterable[str]) -> dict[str, int]:
    """Lock all slots of limits until the transaction ends, and return what is used of each, in fen."""
    used = {}
    for name in sorted(names):
        _create_missing(connection, book, name)
        used[name] = sum(slot.used for slot in _locked(connection, book, name))
    return used


def add(connection: sa.Connection, book: str, changes: Mapping[str, int]) -> None:
    """Change what is used of limits, by fen, and spread each total over all slots; the caller has seen that it fits."""
    for name, change in sorted(changes.items()):
        slots = _locked(connection, book, name)
        total = sum(slot.used for slot in slots) + change
        assert total >= 0, (name, change)
        share, rest = divmod(total, len(slots))
        for place, slot in enumerate(slots):
            here = limit_slot.c.book == book, limit_slot.c.name == name, limit_slot.c.slot == slot.slot
            if (changed := share + (place < rest)) != slot.used:
                connection.execute(sa.update(limit_slot).where(*here).values(used=changed))


def release(connection: sa.Connection, book: str, name: str, amount: int) -> None:
    """Give back `amount` of the limit. Units: fen."""
    if amount:
        add(connection, book, {name: -amount})


def _take(connection: sa.Connection, book: str, needs: Mapping[str, Need]) -> bool:
    for name, need in sorted(needs.items()):
        _create_missing(connection, book, name)
        for slot, amount in sorted(need.by_slot.items()):
            if write(connection, (_TAKE, [[book, name, slot, amount, need.bound]])) == [0]:
                return False
    return True


def _create_missing(connection: sa.Connection, book: str, name: str) -> None:
    """Create the slots of a quota like those of the facility; those that are there stay as they are."""
    if name != FACILITY:
        s = limit_slot.c
        like = sa.select(s.book, sa.literal(name), s.slot, sa.literal(0)).where(s.book == book, s.name == FACILITY)
        rows = _insert(connection).from_select(["book", "name", "slot", "used"], like.order_by(s.slot))
        connection.execute(rows.on_conflict_do_nothing())


def _insert(connection: sa.Connection) -> postgresql.Insert | sqlite.Insert:
    return (postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert)(limit_slot)


def _locked(connection: sa.Connection, book: str, name: str) -> list[sa.Row[tuple[int, int]]]:
    s = limit_slot.c
    query = sa.select(s.slot, s.used).where(s.book == book, s.name == name).order_by(s.slot)
    return list(connection.execute(query.with_for_update()))
