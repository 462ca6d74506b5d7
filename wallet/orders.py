"""Customer orders and the advances made on them: the only writer of `customer_order` and `advance`.

An order is the business fact behind a journal entry and carries its number. What changes in it (what remains,
what passed to the advancer, what was refunded, its state) follows from later entries and can be re-derived.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from ledger.rows import Rows, Statement
from ledger.schema import EPOCH, journal_entry
from wallet.outside.schema import answer
from wallet.rules.orders import FIRST, REDEEMED_OR_SUBSCRIBED, SUBSCRIPTIONS, Kind, State, step
from wallet.schema import advance, customer_order

_O = customer_order.c
_THIS = _O.holder_id, _O.entry_id
_USE = Statement(
    sa.update(customer_order),
    (*_THIS, _O.amount.label("used"), _O.amount.label("passed"), _O.status),
    lambda update, row: update.where(_O.holder_id == row.holder_id, _O.entry_id == row.entry_id).values(
        remaining=_O.remaining - row.used, passed_to_advancer=_O.passed_to_advancer + row.passed, status=row.status
    ),
)
_REFUND = Statement(
    sa.update(customer_order),
    (*_THIS, _O.amount.label("refund")),
    lambda update, row: update.where(_O.holder_id == row.holder_id, _O.entry_id == row.entry_id).values(
        refunded=_O.refunded + row.refund
    ),
)
_ADD = Statement(
    sa.insert(customer_order),
    (
        _O.holder_id,
        _O.entry_id,
        _O.book,
        _O.kind,
        _O.at,
        _O.amount,
        _O.remaining,
        _O.passed_to_advancer,
        _O.merchant,
        _O.payment,
        _O.refunded,
        _O.trade_date,
        _O.status,
    ),
)
_A = advance.c
_ADVANCE = Statement(
    sa.insert(advance),
    (_A.holder_id, _A.payment, _A.source, _A.book, _A.amount, _A.shares, _A.value_date, _A.redeem_on),
)


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order that was just accepted, dated `day`. Units: `amount` in fen."""

    holder_id: int
    entry_id: int
    kind: Kind
    day: date
    at: datetime
    amount: int
    merchant: str | None = None
    payment: int | None = None
    trade_date: date | None = None
    refunded: int = 0


@dataclass(slots=True)
class InTransit:
    """An order whose money is in transit, and how much still is; `used`, `passed`: since it was read. Units: fen."""

    holder_id: int
    entry_id: int
    at: datetime
    trade_date: date
    remaining: int
    passed_to_advancer: int
    used: int = 0
    passed: int = 0

    def use(self, part: int, *, passes: bool) -> None:
        """Take a part of it, which goes back or passes to the advancer."""
        self.remaining -= part
        self.used += part
        if passes:
            self.passed_to_advancer += part
            self.passed += part

    @property
    def status(self) -> str:
        """Return its state after what was used."""
        gone = not self.remaining and not self.passed_to_advancer
        return str(step(State.ACCEPTED, State.TAKEN_BACK) if gone else State.ACCEPTED)


@dataclass(frozen=True, slots=True)
class Advance:
    """What the advancer paid for one payment out of one source: an order's entry, or 0 for shares. Units: fen."""

    holder_id: int
    payment: int
    source: int
    amount: int
    redeem_on: date
    value_date: date


Known = Any
"""An order that is known: a row of the table, or a NewOrder."""


def written(
    book: str,
    accepted: Iterable[NewOrder],
    transit: Iterable[InTransit],
    refunded: Mapping[tuple[int, int], int],
    advances: Iterable[Advance],
) -> list[tuple[Statement, Rows]]:
    """Return what is to be written of accepted orders, of what they used, refunded, and had the advancer pay.

    An order is written once: those just accepted as later ones have left them. Shape: `refunded` by (holder, payment).
    """
    new, used = (
        {(o.holder_id, o.entry_id): o for o in accepted},
        {(o.holder_id, o.entry_id): o for o in transit if o.used},
    )
    rows: Rows = []
    for key, o in new.items():
        left = used.get(key)
        applied = o.amount if o.kind in REDEEMED_OR_SUBSCRIBED else 0
        rows.append(
            [
                o.holder_id,
                o.entry_id,
                book,
                str(o.kind),
                o.at,
                o.amount,
                left.remaining if left else applied,
                left.passed_to_advancer if left else 0,
                o.merchant,
                o.payment,
                refunded.get(key, 0),
                o.trade_date,
                left.status if left else str(FIRST[o.kind]),
            ]
        )
    before: Rows = [[*key, o.used, o.passed, o.status] for key, o in sorted(used.items()) if key not in new]
    refunds: Rows = [[*key, fen] for key, fen in sorted(refunded.items()) if key not in new]
    paid: Rows = [
        [a.holder_id, a.payment, a.source, book, a.amount, None if a.source else a.amount, a.value_date, a.redeem_on]
        for a in advances
    ]
    return [(_ADD, rows), (_USE, before), (_REFUND, refunds), (_ADVANCE, paid)]


def in_transit(asked: sa.FromClause) -> sa.Select[Any]:
    """Return a SELECT of the open orders whose money is in transit, of the holders asked for, as InTransit has them."""
    return sa.select(_O.holder_id, _O.entry_id, _O.at, _O.trade_date, _O.remaining, _O.passed_to_advancer).where(
        _O.holder_id.in_(sa.select(asked.c.holder_id)),
        _O.status == sa.text("'accepted'"),
        sa.or_(*[_O.kind == str(kind) for kind in sorted(SUBSCRIPTIONS)]),
        _O.remaining > 0,
    )


def read_transit(rows: Iterable[Sequence[Any]]) -> dict[int, list[InTransit]]:
    """Return orders in transit by holder, from the rows of `in_transit` as they come alongside a hold."""
    found: dict[int, list[InTransit]] = {}
    for holder_id, entry_id, at, trade_date, remaining, passed in rows:
        instant, day = EPOCH + timedelta(microseconds=at), date.fromisoformat(trade_date)
        found.setdefault(holder_id, []).append(InTransit(holder_id, entry_id, instant, day, remaining, passed))
    return found


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


def record_answers(connection: sa.Connection, answers: Sequence[sa.ColumnElement[bool]]) -> None:
    """Write what the transfer agent's final answers say into the open orders that they answer."""
    connection.execute(
        sa.update(customer_order)
        .where(_O.status == sa.text("'accepted'"), *_answered_by(answers))
        .values(outcome=answer.c.confirmed, return_code=answer.c.return_code)
    )


def carry_over(connection: sa.Connection, answers: Sequence[sa.ColumnElement[bool]]) -> None:
    """Take what answers confirm from open orders whose rest is carried over, and is answered again."""
    confirmed = answer.c.confirmed
    connection.execute(
        sa.update(customer_order)
        .where(_O.status == sa.text("'accepted'"), *_answered_by(answers))
        .values(remaining=_O.remaining - confirmed, confirmed=sa.func.coalesce(_O.confirmed, 0) + confirmed)
    )


def redeem(connection: sa.Connection, entry_id: int, due: Sequence[sa.ColumnElement[bool]]) -> None:
    """Mark the advances whose shares an entry redeems."""
    connection.execute(sa.update(advance).where(*due).values(redeemed_by=entry_id))


def confirm(connection: sa.Connection, entry_id: int, applications: Sequence[sa.ColumnElement[bool]]) -> None:
    """Mark the orders that an entry confirms, in full, in part or not at all; what was confirmed before counts."""
    applied = _O.remaining + _O.passed_to_advancer
    before = sa.func.coalesce(_O.confirmed, 0)
    confirmed = before + sa.func.coalesce(_O.outcome, applied)
    status = sa.case(
        (confirmed == before + applied, str(step(State.ACCEPTED, State.CONFIRMED))),
        (confirmed > 0, str(step(State.ACCEPTED, State.PART_CONFIRMED))),
        else_=str(step(State.ACCEPTED, State.REJECTED)),
    )
    connection.execute(
        sa.update(customer_order).where(*applications).values(status=status, confirmed=confirmed, confirmed_by=entry_id)
    )


def _answered_by(answers: Sequence[sa.ColumnElement[bool]]) -> tuple[sa.ColumnElement[bool], ...]:
    return _O.holder_id == answer.c.holder_id, _O.entry_id == answer.c.application, *answers
