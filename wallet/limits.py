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

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from wallet.schema import limit_slot

FACILITY = "facility"
"""Its slots are made with the book; those of a quota like them, when the first order needs it."""

_slots = limit_slot.alias("slots")
_BOUND = sa.bindparam("bound", type_=limit_slot.c.used.type)
_SHARES = (
    sa.select(sa.case((sa.func.max(_slots.c.used) * sa.func.count() <= _BOUND, sa.func.count())))
    .where(_slots.c.book == sa.bindparam("of_book"), _slots.c.name == sa.bindparam("limit"))
    .scalar_subquery()
)
"""How many slots share the bound; null when one of them holds more than its share, as after a bound was lowered:
then only the total can tell."""
_TAKEN = limit_slot.c.used + sa.bindparam("amount", type_=limit_slot.c.used.type)
_TAKE = (
    sa.update(limit_slot)
    .where(
        limit_slot.c.book == sa.bindparam("of_book"),
        limit_slot.c.name == sa.bindparam("limit"),
        limit_slot.c.slot == sa.bindparam("number"),
        _BOUND >= _TAKEN * _SHARES,
    )
    .values(used=_TAKEN)
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
    attempt = connection.begin_nested()
    fits = all(_take(connection, book, name, need) for name, need in sorted(needs.items()))
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


def _take(connection: sa.Connection, book: str, name: str, need: Need) -> bool:
    _create_missing(connection, book, name)
    common = {"of_book": book, "limit": name, "bound": need.bound}
    return all(
        connection.execute(_TAKE, {**common, "number": slot, "amount": amount}).rowcount
        for slot, amount in sorted(need.by_slot.items())
    )


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
