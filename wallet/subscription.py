"""Money in: transfers-in and refunds, in transit until their confirmation date. Source: rule book, section 3."""

from __future__ import annotations

import sqlalchemy as sa

from wallet import limits, orders
from wallet.book import GATES
from wallet.counter import Receipt, Visit, receipt, receive
from wallet.errors import (
    BelowMinimum,
    DailyTransferInExceeded,
    HoldingCapExceeded,
    NotRefundable,
    PurchasesSuspended,
    QuotaExceeded,
    RefundExceedsPayment,
    UnknownPayment,
)
from wallet.orders import NewOrder
from wallet.requests import Refund, TransferIn
from wallet.rules import manual
from wallet.rules.fund import Fund, Terms
from wallet.rules.orders import Kind


def transfer_in(connection: sa.Connection, book: Fund, request: TransferIn) -> Receipt:
    """Take cash in; it is owed in transit at once and becomes shares on the confirmation date.

    Raises: NoTransaction, UnknownWallet, RequestConflict, OutsideCalendar, BeforeOpening, DayClosed, TradeDateCut,
    PurchasesSuspended, BelowMinimum, HoldingCapExceeded, DailyTransferInExceeded, QuotaExceeded.
    """
    visit = receive(connection, book, request, applies=True)
    if isinstance(visit, Receipt):
        return visit
    trade_date = visit.open_trade_date()
    _check_terms(visit, book.terms_on(visit.day))
    entry_id = visit.post(Kind.TRANSFER_IN, manual.book(book.chart, (manual.TRANSFER_IN, request.amount)))
    order = NewOrder(
        visit.asked.holder_id, entry_id, Kind.TRANSFER_IN, request.at, request.amount, trade_date=trade_date
    )
    orders.add(connection, book.code, [order])
    return receipt(book, request, Kind.TRANSFER_IN, request.at, trade_date)


def refund(connection: sa.Connection, book: Fund, request: Refund) -> Receipt:
    """Take a merchant's refund of a payment: a new transfer-in now, free of minimum, caps, quota and suspension.

    Raises: NoTransaction, UnknownWallet, RequestConflict, OutsideCalendar, BeforeOpening, DayClosed, UnknownPayment,
    NotRefundable, RefundExceedsPayment, TradeDateCut.
    """
    visit = receive(connection, book, request, applies=True)
    if isinstance(visit, Receipt):
        return visit
    holder_id = visit.asked.holder_id
    payment = orders.by_request(connection, holder_id, request.payment)
    if payment is None or payment.at > request.at:
        raise UnknownPayment(request.payment)
    if payment.kind != Kind.PAYMENT:
        raise NotRefundable(request.payment, payment.kind)
    if request.amount > payment.amount - payment.refunded:
        raise RefundExceedsPayment(request.amount, payment.amount - payment.refunded)
    trade_date = visit.open_trade_date()
    entry_id = visit.post(Kind.REFUND, manual.book(book.chart, (manual.REFUND, request.amount)))
    order = NewOrder(
        holder_id,
        entry_id,
        Kind.REFUND,
        request.at,
        request.amount,
        merchant=payment.merchant,
        payment=payment.entry_id,
        trade_date=trade_date,
    )
    orders.add(connection, book.code, [order])
    orders.add_refund(connection, holder_id, payment.entry_id, request.amount)
    return receipt(book, request, Kind.REFUND, request.at, trade_date)


def _check_terms(visit: Visit, terms: Terms) -> None:
    """Hold a transfer-in against the terms of its instant; the quota is used up last, as nothing refuses after it."""
    amount, day = visit.request.amount, visit.day
    connection, book = visit.connection, visit.book
    if terms.is_suspended(day):
        raise PurchasesSuspended(day)
    if amount < terms.minimum:
        raise BelowMinimum(amount, terms.minimum)
    if terms.holding_cap is not None:
        holding = sum(visit.balance(code) for code in ("shares", "redeeming", "in_transit"))
        if holding + amount > terms.holding_cap:
            raise HoldingCapExceeded(amount, terms.holding_cap, holding)
    if terms.transfer_in_daily is not None:
        before = orders.accepted_on(connection, book.code, visit.asked.holder_id, day, Kind.TRANSFER_IN)
        if before + amount > terms.transfer_in_daily:
            raise DailyTransferInExceeded(amount, terms.transfer_in_daily, before)
    if terms.quota_daily is not None:
        name, bound = limits.quota(day), terms.quota_daily
        if amount <= bound:
            limits.create(connection, book.code, name, GATES[connection.dialect.name])
        if not limits.take(connection, book.code, name, visit.asked.holder_id, amount, bound):
            raise QuotaExceeded(amount, bound, limits.used(connection, book.code, name))
