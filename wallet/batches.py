"""Orders as callers give them: one, or many in one transaction. The counter takes them, the services judge them.

One is the case of many: the same rules, the same idempotency, the same few statements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from wallet import limits, redemption, subscription
from wallet.counter import Counter, Receipt
from wallet.errors import FundwalletError, InvalidRequest
from wallet.requests import Order, Payment, Refund, TransferIn, TransferOut
from wallet.rules.fund import Fund

MANY = 10_000
"""Orders in one call at most: what two engines take as parameters of one statement."""

SERVICES: dict[type[Order], Callable[[Counter, Any], Receipt]] = {
    TransferIn: subscription.transfer_in,
    Payment: redemption.pay,
    Refund: subscription.refund,
    TransferOut: redemption.transfer_out,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one order of many: its receipt, or why it was refused; `repeated`: it was answered before."""

    receipt: Receipt | None
    refusal: FundwalletError | None = None
    repeated: bool = False


def order_many(
    connection: sa.Connection, book: Fund, requests: Sequence[Order], *, all_or_none: bool = False
) -> list[Outcome]:
    """Take orders of any kinds in one transaction, those of a wallet in the order given; each is judged by itself.

    Shape: an outcome for each request, in their order; a refused one has changed nothing. With `all_or_none` the
    first refusal is raised, and nothing was written.
    Raises: NoTransaction, InvalidRequest (more than MANY); with `all_or_none` whatever an order may be refused for.
    """
    if len(requests) > MANY:
        raise InvalidRequest("orders", f"{len(requests)} at once, {MANY} at most")
    counter, outcomes = _judge(connection, book, requests, {}, all_or_none)
    if not limits.take(connection, book.code, counter.needs):
        in_force = limits.lock(connection, book.code, counter.needs)
        counter, outcomes = _judge(connection, book, requests, in_force, all_or_none)
        limits.add(connection, book.code, {name: need.total for name, need in counter.needs.items()})
    counter.write()
    return outcomes


def transfer_in(connection: sa.Connection, book: Fund, request: TransferIn) -> Receipt:
    """Take cash in; it is owed in transit at once and becomes shares on the confirmation date.

    Raises: NoTransaction, UnknownWallet, RequestConflict, OutsideCalendar, BeforeOpening, DayClosed, TradeDateCut,
    PurchasesSuspended, BelowMinimum, HoldingCapExceeded, DailyTransferInExceeded, QuotaExceeded.
    """
    return _one(connection, book, TransferIn, request)


def pay(connection: sa.Connection, book: Fund, request: Payment) -> Receipt:
    """Pay a merchant at once, out of money in transit and shares.

    Raises: NoTransaction, UnknownWallet, RequestConflict, OutsideCalendar, BeforeOpening, DayClosed,
    InsufficientFunds, FacilityExhausted.
    """
    return _one(connection, book, Payment, request)


def refund(connection: sa.Connection, book: Fund, request: Refund) -> Receipt:
    """Take a merchant's refund of a payment: a new transfer-in now, free of minimum, caps, quota and suspension.

    Raises: NoTransaction, UnknownWallet, RequestConflict, OutsideCalendar, BeforeOpening, DayClosed, UnknownPayment,
    NotRefundable, RefundExceedsPayment, TradeDateCut.
    """
    return _one(connection, book, Refund, request)


def transfer_out(connection: sa.Connection, book: Fund, request: TransferOut) -> Receipt:
    """Pay out to the customer's own cash: `instant` at once, `standard` when her shares have been redeemed.

    Raises: NoTransaction, UnknownWallet, RequestConflict, OutsideCalendar, BeforeOpening, DayClosed; then instant:
    DailyInstantExceeded, InsufficientFunds, FacilityExhausted; standard: TradeDateCut, InsufficientFunds.
    """
    return _one(connection, book, TransferOut, request)


def transfer_in_many(connection: sa.Connection, book: Fund, requests: Sequence[TransferIn]) -> list[Outcome]:
    """Take many transfers-in, as `order_many` does."""
    return _many(connection, book, TransferIn, requests)


def pay_many(connection: sa.Connection, book: Fund, requests: Sequence[Payment]) -> list[Outcome]:
    """Make many payments, as `order_many` does."""
    return _many(connection, book, Payment, requests)


def refund_many(connection: sa.Connection, book: Fund, requests: Sequence[Refund]) -> list[Outcome]:
    """Take many refunds, as `order_many` does."""
    return _many(connection, book, Refund, requests)


def transfer_out_many(connection: sa.Connection, book: Fund, requests: Sequence[TransferOut]) -> list[Outcome]:
    """Make many transfers-out, as `order_many` does."""
    return _many(connection, book, TransferOut, requests)


def _many(connection: sa.Connection, book: Fund, kind: type[Order], requests: Sequence[Order]) -> list[Outcome]:
    assert all(isinstance(request, kind) for request in requests), f"not all of them are a {kind.__name__}"
    return order_many(connection, book, requests)


def _one(connection: sa.Connection, book: Fund, kind: type[Order], request: Order) -> Receipt:
    assert isinstance(request, kind), request
    receipt = order_many(connection, book, [request], all_or_none=True)[0].receipt
    assert receipt is not None
    return receipt


def _judge(
    connection: sa.Connection, book: Fund, requests: Sequence[Order], in_force: dict[str, int], all_or_none: bool
) -> tuple[Counter, list[Outcome]]:
    counter = Counter.open(connection, book, requests, in_force)
    outcomes = []
    for request in requests:
        before = len(counter.held.added)
        try:
            receipt = SERVICES[type(request)](counter, request)
        except FundwalletError as refusal:
            if all_or_none:
                raise
            outcomes.append(Outcome(None, refusal))
        else:
            outcomes.append(Outcome(receipt, repeated=len(counter.held.added) == before))
    return counter, outcomes
