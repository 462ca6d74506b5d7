"""What the house may use up of one bound: the advancer's facility, a day's quota. The only writer of `limit_slot`.

What is used is kept in slots, so that two payments need not wait for one row; a slot's bound is its share of
the bound at the instant. A payment takes from the slot of its holder's gate; when that has no room, all slots
are locked in ascending order and evened out. The total can never exceed the bound. The attempt on the first slot
is made in a savepoint: PostgreSQL keeps the lock of a row that an UPDATE waited for and then found without room,
and whoever goes on to lock all slots in order must hold none of them.
"""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ledger.schema import holder
from wallet.schema import limit_slot

FACILITY = "facility"


_slots = limit_slot.alias("slots")
_BOUND = sa.bindparam("bound", type_=limit_slot.c.used.type)
_SHARES = (
    sa.select(sa.case((sa.func.max(_slots.c.used) * sa.func.count() <= _BOUND, sa.func.count())))
    .where(_slots.c.book == sa.bindparam("of_book"), _slots.c.name == sa.bindparam("limit"))
    .scalar_subquery()
)
"""How many slots share the bound; null when one of them holds more than its share, as after a bound was lowered:
then only the total can tell."""
_GATE = sa.select(holder.c.gate).where(holder.c.holder_id == sa.bindparam("holder")).scalar_subquery()
_TAKEN = limit_slot.c.used + sa.bindparam("amount", type_=limit_slot.c.used.type)
_TAKE = (
    sa.update(limit_slot)
    .where(
        limit_slot.c.book == sa.bindparam("of_book"),
        limit_slot.c.name == sa.bindparam("limit"),
        limit_slot.c.slot == _GATE,
        _BOUND >= _TAKEN * _SHARES,
    )
    .values(used=_TAKEN)
)


def quota(day: date) -> str:
    """Return the name of the whole product's quota of a natural day."""
    return f"quota {day.isoformat()}"


def create(connection: sa.Connection, book: str, name: str, slots: int) -> None:
    """Create the empty slots of a limit; those that are there stay as they are."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    new = [{"book": book, "name": name, "slot": slot, "used": 0} for slot in range(slots)]
    connection.execute(insert(limit_slot).on_conflict_do_nothing(), new)


def used(connection: sa.Connection, book: str, name: str) -> int:
    """Return what is used of a limit, in fen; 0 for one never used."""
    total = sa.select(sa.func.coalesce(sa.func.sum(limit_slot.c.used), 0))
    return int(connection.execute(total.where(limit_slot.c.book == book, limit_slot.c.name == name)).scalar_one())


def take(connection: sa.Connection, book: str, name: str, holder_id: int, amount: int, bound: int) -> bool:
    """Use `amount` of the limit if it fits within `bound`; tell whether it did. Units: fen."""
    attempt = connection.begin_nested() if connection.dialect.name == "postgresql" else None
    taken = connection.execute(
        _TAKE, {"of_book": book, "limit": name, "holder": holder_id, "amount": amount, "bound": bound}
    )
    if attempt is not None:
        attempt.commit() if taken.rowcount else attempt.rollback()
    return taken.rowcount == 1 or _even_out(connection, book, name, amount, bound)


def release(connection: sa.Connection, book: str, name: str, amount: int) -> None:
    """Give back `amount` of the limit. Units: fen."""
    if amount:
        assert _even_out(connection, book, name, -amount, None), (name, amount)


def _even_out(connection: sa.Connection, book: str, name: str, amount: int, bound: int | None) -> bool:
    """Add `amount` to what is used and spread the total over all slots, unless it would exceed `bound`."""
    here = limit_slot.c.book == book, limit_slot.c.name == name
    slots = connection.execute(
        sa.select(limit_slot.c.slot, limit_slot.c.used).where(*here).order_by(limit_slot.c.slot).with_for_update()
    ).all()
    total = sum(slot.used for slot in slots) + amount
    if total < 0 or (bound is not None and total > bound):
        return False
    share, rest = divmod(total, len(slots))
    for number, slot in enumerate(slots):
        changed = share + (number < rest)
        if changed != slot.used:
            connection.execute(sa.update(limit_slot).where(*here, limit_slot.c.slot == slot.slot).values(used=changed))
    return True
