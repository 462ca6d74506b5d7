"""Money in: transfers-in and refunds, in transit until their confirmation date. Source: rule book, section 3."""

from __future__ import annotations

from wallet import limits
from wallet.counter import Counter, Receipt, Visit
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
from wallet.requests import Refund, TransferIn
from wallet.rules import manual
from wallet.rules.fund import Terms
from wallet.rules.orders import Kind


def transfer_in(counter: Counter, request: TransferIn) -> Receipt:
    """Take cash in; it is owed in transit at once and becomes shares on the confirmation date.

    Raises: UnknownWallet, RequestConflict, OutsideCalendar, BeforeOpening, DayClosed, TradeDateCut,
    PurchasesSuspended, BelowMinimum, HoldingCapExceeded, DailyTransferInExceeded, QuotaExceeded.
    """
    visit = counter.receive(request, applies=True)
    if isinstance(visit, Receipt):
        return visit
    trade_date = visit.open_trade_date()
    _check_terms(visit, visit.book.terms_on(visit.day))
    return visit.accept(Kind.TRANSFER_IN, [(manual.TRANSFER_IN, request.amount)], applied_on=trade_date)


def refund(counter: Counter, request: Refund) -> Receipt:
    """Take a merchant's refund of a payment: a new transfer-in now, free of minimum, caps, quota and suspension.

    Raises: UnknownWallet, RequestConflict, OutsideCalendar, BeforeOpening, DayClosed, UnknownPayment,
    NotRefundable, RefundExceedsPayment, TradeDateCut.
    """
    visit = counter.receive(request, applies=True)
    if isinstance(visit, Receipt):
        return visit
    payment = visit.order_of(request.payment)
    if payment is None or payment.at > request.at:
        raise UnknownPayment(request.payment)
    if payment.kind != Kind.PAYMENT:
        raise NotRefundable(request.payment, payment.kind)
    if request.amount > (left := payment.amount - visit.refunded(payment)):
        raise RefundExceedsPayment(request.amount, left)
    trade_date = visit.open_trade_date()
    return visit.accept(
        Kind.REFUND,
        [(manual.REFUND, request.amount)],
        merchant=payment.merchant,
        payment=payment,
        applied_on=trade_date,
    )


def _check_terms(visit: Visit, terms: Terms) -> None:
    """Hold a transfer-in against the terms of its instant; the quota is used up last, as nothing refuses after it."""
    amount, day = visit.request.amount, visit.day
    if terms.is_suspended(day):
        raise PurchasesSuspended(day)
    if amount < terms.minimum:
        raise BelowMinimum(amount, terms.minimum)
    if terms.holding_cap is not None:
        holding = sum(visit.balance(code) for code in ("shares", "redeeming", "in_transit"))
        if holding + amount > terms.holding_cap:
            raise HoldingCapExceeded(amount, terms.holding_cap, holding)
    if terms.transfer_in_daily is not None:
        before = visit.accepted_today(Kind.TRANSFER_IN)
        if before + amount > terms.transfer_in_daily:
            raise DailyTransferInExceeded(amount, terms.transfer_in_daily, before)
    if terms.quota_daily is not None:
        used = visit.take(limits.quota(day), amount, terms.quota_daily)
        if used is not None:
            raise QuotaExceeded(amount, terms.quota_daily, used)
