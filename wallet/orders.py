"""Customer orders and the advances made on them: the only writer of `customer_order` and `advance`.

An order is the business fact behind a journal entry and carries its number. What changes in it (what remains,
what passed to the advancer, what was refunded, its state) follows from later entries and can be re-derived.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from ledger.schema import journal_entry
from wallet.rules.orders import FIRST, SUBSCRIPTIONS, Kind, State, step
from wallet.rules.spending import Sources, Transit
from wallet.schema import advance, customer_order

_O = customer_order.c
_TRANSIT = sa.select(_O.entry_id, _O.at, _O.trade_date, _O.remaining, _O.passed_to_advancer).where(
    _O.holder_id == sa.bindparam("holder"),
    _O.status == sa.text("'accepted'"),
    _O.kind.in_(list(SUBSCRIPTIONS)),
    _O.remaining > 0,
    _O.at <= sa.bindparam("at", type_=_O.at.type),
)
_USE = (
    sa.update(customer_order)
    .where(_O.holder_id == sa.bindparam("holder"), _O.entry_id == sa.bindparam("order"))
    .values(
        remaining=_O.remaining - sa.bindparam("used"),
        passed_to_advancer=_O.passed_to_advancer + sa.bindparam("passed"),
        status=sa.bindparam("new_status"),
    )
)


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order that was just accepted. Units: `amount` in fen."""

    holder_id: int
    entry_id: int
    kind: Kind
    at: datetime
    amount: int
    merchant: str | None = None
    payment: int | None = None
    trade_date: date | None = None


def add(connection: sa.Connection, book: str, orders: Sequence[NewOrder]) -> None:
    """Write accepted orders, each in the first state of its kind."""
    connection.execute(
        sa.insert(customer_order),
        [
            {
                "holder_id": o.holder_id,
                "entry_id": o.entry_id,
                "book": book,
                "kind": str(o.kind),
                "at": o.at,
                "amount": o.amount,
                "remaining": o.amount if o.kind in SUBSCRIPTIONS or o.kind is Kind.TRANSFER_OUT_STANDARD else 0,
                "passed_to_advancer": 0,
                "merchant": o.merchant,
                "payment": o.payment,
                "refunded": 0,
                "trade_date": o.trade_date,
                "status": str(FIRST[o.kind]),
            }
            for o in orders
        ],
    )


def in_transit(
    connection: sa.Connection, holder_id: int, at: datetime
) -> list[sa.Row[tuple[int, datetime, date, int, int]]]:
    """Return the open orders of a holder whose money had arrived at `at`."""
    return list(connection.execute(_TRANSIT, {"holder": holder_id, "at": at}))


def use(connection: sa.Connection, holder_id: int, sources: Sources) -> None:
    """Take what a payment uses from the orders it comes from."""
    rows = [_used(holder_id, order, part, 0) for order, part in sources.taken_back]
    rows += [_used(holder_id, order, part, part) for order, part in sources.passed]
    if rows:
        connection.execute(_USE, sorted(rows, key=lambda row: row["order"]))


def _used(holder_id: int, order: Transit, part: int, passed: int) -> dict[str, int | str]:
    gone = not order.applied and part == order.remaining and not order.passed
    status = step(State.ACCEPTED, State.TAKEN_BACK) if gone else State.ACCEPTED
    return {"holder": holder_id, "order": order.entry_id, "used": part, "passed": passed, "new_status": str(status)}


def add_advances(
    connection: sa.Connection,
    book: str,
    holder_id: int,
    payment: int,
    value_date: date,
    parts: Iterable[tuple[int, int, date]],
) -> None:
    """Write what the advancer paid for `payment`. Shape: parts of (source order or 0, fen, trade date to redeem on)."""
    rows = [
        {
            "holder_id": holder_id,
            "payment": payment,
            "source": source,
            "book": book,
            "amount": amount,
            "shares": None if source else amount,
            "value_date": value_date,
            "redeem_on": redeem_on,
        }
        for source, amount, redeem_on in parts
    ]
    if rows:
        connection.execute(sa.insert(advance), rows)


def by_entry(connection: sa.Connection, holder_id: int, entry_id: int) -> sa.Row[tuple[object, ...]]:
    """Return the order of a journal entry."""
    return connection.execute(sa.select(customer_order).where(_O.holder_id == holder_id, _O.entry_id == entry_id)).one()


def by_request(connection: sa.Connection, holder_id: int, request_id: str) -> sa.Row[tuple[object, ...]] | None:
    """Return the order a holder made under a request id."""
    e = journal_entry.c
    return connection.execute(
        sa.select(customer_order)
        .join(journal_entry, sa.and_(e.holder_id == _O.holder_id, e.entry_id == _O.entry_id))
        .where(e.holder_id == holder_id, e.request_id == request_id)
    ).one_or_none()


def add_refund(connection: sa.Connection, holder_id: int, payment: int, amount: int) -> None:
    """Count a refund against its payment; the table refuses more than the payment."""
    connection.execute(
        sa.update(customer_order)
        .where(_O.holder_id == holder_id, _O.entry_id == payment)
        .values(refunded=_O.refunded + amount)
    )


def record_outcome(
    connection: sa.Connection, holder_id: int, entry_id: int, outcome: int, return_code: str | None
) -> None:
    """Write down what the transfer agent said of an application that is not confirmed yet."""
    connection.execute(
        sa.update(customer_order)
        .where(_O.holder_id == holder_id, _O.entry_id == entry_id)
        .values(outcome=outcome, return_code=return_code)
    )


def accepted_on(connection: sa.Connection, book: str, holder_id: int, day: date, kind: Kind) -> int:
    """Return the whole amounts of a kind that a holder's orders dated `day` were accepted for, in fen."""
    e = journal_entry.c
    total = (
        sa.select(sa.func.coalesce(sa.func.sum(_O.amount), 0))
        .join(journal_entry, sa.and_(e.holder_id == _O.holder_id, e.entry_id == _O.entry_id))
        .where(e.book == book, e.value_date == day, e.holder_id == holder_id, _O.kind == str(kind))
    )
    return int(connection.execute(total).scalar_one())


def allot(connection: sa.Connection, day: date, applications: Sequence[sa.ColumnElement[bool]]) -> None:
    """Give the advances out of confirmed orders their shares: what is confirmed beyond the customer's own part.

    Claims (paid after the confirmation date `day`) come first, then the rest, each earliest payment first.
    """
    a, paid = advance.c, customer_order.alias("paid")
    before = sa.func.coalesce(
        sa.func.sum(a.amount).over(
            partition_by=[a.holder_id, a.source],
            order_by=[(a.value_date <= day), paid.c.at, a.payment],
            rows=(None, -1),
        ),
        0,
    )
    beyond = sa.func.coalesce(_O.outcome, _O.remaining + _O.passed_to_advancer) - _O.remaining
    left = (
        sa.select(a.holder_id, a.payment, a.source, a.amount, (beyond - before).label("left"))
        .join(customer_order, sa.and_(_O.holder_id == a.holder_id, _O.entry_id == a.source))
        .join(paid, sa.and_(paid.c.holder_id == a.holder_id, paid.c.entry_id == a.payment))
        .where(*applications)
        .subquery()
    )
    shares = sa.case((left.c.left <= 0, 0), (left.c.left < left.c.amount, left.c.left), else_=left.c.amount)
    connection.execute(
        sa.update(advance)
        .where(a.holder_id == left.c.holder_id, a.payment == left.c.payment, a.source == left.c.source)
        .values(shares=sa.cast(shares, sa.BigInteger))
    )


def redeem(connection: sa.Connection, entry_id: int, due: Sequence[sa.ColumnElement[bool]]) -> None:
    """Mark the advances whose shares an entry redeems."""
    connection.execute(sa.update(advance).where(*due).values(redeemed_by=entry_id))


def confirm(connection: sa.Connection, entry_id: int, applications: Sequence[sa.ColumnElement[bool]]) -> None:
    """Mark the orders that an entry confirms, in full, in part or not at all."""
    applied = _O.remaining + _O.passed_to_advancer
    confirmed = sa.func.coalesce(_O.outcome, applied)
    status = sa.case(
        (confirmed == applied, str(step(State.ACCEPTED, State.CONFIRMED))),
        (confirmed > 0, str(step(State.ACCEPTED, State.PART_CONFIRMED))),
        else_=str(step(State.ACCEPTED, State.REJECTED)),
    )
    connection.execute(
        sa.update(customer_order).where(*applications).values(status=status, confirmed=confirmed, confirmed_by=entry_id)
    )
