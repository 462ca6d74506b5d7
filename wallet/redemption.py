"""Money out: payments, instant and standard transfers-out. Source: rule book, section 3.

A payment is an instant redemption: what is not simply taken back from an order before its cutoff, the advancer
pays, and takes over the customer's shares or the money on its way to become shares.
"""

from __future__ import annotations

from wallet import limits
from wallet.counter import Counter, Receipt, Visit
from wallet.errors import DailyInstantExceeded, FacilityExhausted, InsufficientFunds
from wallet.requests import Payment, TransferOut
from wallet.rules import manual
from wallet.rules.manual import Event
from wallet.rules.orders import Kind
from wallet.rules.spending import OrderOfUse, Sources, Transit, choose


def pay(counter: Counter, request: Payment) -> Receipt:
    """Pay a merchant at once, out of money in transit and shares.

    Raises: UnknownWallet, RequestConflict, OutsideCalendar, BeforeOpening, DayClosed, InsufficientFunds,
    FacilityExhausted.
    """
    visit = counter.receive(request, applies=False)
    if isinstance(visit, Receipt):
        return visit
    sources = _sources(visit, request.order_of_use)
    _take_facility(visit, sources.advance)
    events = (manual.TAKEN_BACK_TO_PAY, manual.PASSED_TO_PAY, manual.SHARES_TO_PAY)
    return visit.accept(Kind.PAYMENT, _movements(sources, events), merchant=request.merchant, sources=sources)


def transfer_out(counter: Counter, request: TransferOut) -> Receipt:
    """Pay out to the customer's own cash: `instant` at once, `standard` when her shares have been redeemed.

    Raises: UnknownWallet, RequestConflict, OutsideCalendar, BeforeOpening, DayClosed; then instant:
    DailyInstantExceeded, InsufficientFunds, FacilityExhausted; standard: TradeDateCut, InsufficientFunds.
    """
    visit = counter.receive(request, applies=request.kind == "standard")
    if isinstance(visit, Receipt):
        return visit
    return _standard(visit) if request.kind == "standard" else _instant(visit, request)


def _instant(visit: Visit, request: TransferOut) -> Receipt:
    bound, amount = visit.book.terms_on(visit.day).instant_daily, request.amount
    if bound is not None:
        before = visit.accepted_today(Kind.TRANSFER_OUT_INSTANT)
        if before + amount > bound:
            raise DailyInstantExceeded(amount, bound, before)
    sources = _sources(visit, request.order_of_use)
    _take_facility(visit, sources.advance)
    events = (manual.TAKEN_BACK_TO_CUSTOMER, manual.PASSED_TO_CUSTOMER, manual.SHARES_TO_CUSTOMER)
    movements = _movements(sources, events)
    movements += [(manual.CASH_FROM_ADVANCER, sources.advance), (manual.PAID_TO_CUSTOMER, amount)]
    return visit.accept(Kind.TRANSFER_OUT_INSTANT, movements, sources=sources)


def _standard(visit: Visit) -> Receipt:
    trade_date = visit.open_trade_date()
    amount, available = visit.request.amount, visit.spendable("shares")
    if amount > available:
        raise InsufficientFunds(amount, available)
    return visit.accept(Kind.TRANSFER_OUT_STANDARD, [(manual.REDEMPTION_ASKED, amount)], applied_on=trade_date)


def _sources(visit: Visit, order_of_use: OrderOfUse | None) -> Sources:
    """Return where the amount comes from: an order is applied for from its cutoff on, by instant or once booked."""
    book, at, cut_through = visit.book, visit.request.at, visit.counter.held.cut_through
    transit = [
        Transit(
            entry_id=order.entry_id,
            at=order.at,
            trade_date=order.trade_date,
            remaining=order.remaining,
            passed=order.passed_to_advancer,
            applied=order.trade_date <= cut_through or not book.is_before_cutoff(at, order.trade_date),
            late=visit.day > book.confirmation_date(order.trade_date),
        )
        for order in visit.in_transit()
    ]
    chosen = order_of_use or book.terms_on(visit.day).order_of_use
    return choose(visit.request.amount, transit, visit.spendable("shares"), chosen)


def _take_facility(visit: Visit, advance: int) -> None:
    """Let the advancer pay `advance`; nothing refuses after it."""
    if not advance:
        return
    bound = visit.book.terms_on(visit.day).facility
    used = visit.take(limits.FACILITY, advance, bound)
    if used is not None:
        raise FacilityExhausted(advance, bound, used)


def _movements(sources: Sources, events: tuple[Event, Event, Event]) -> list[tuple[Event, int]]:
    taken_back, passed, from_shares = events
    return [(taken_back, sources.from_orders), (passed, sources.from_applications), (from_shares, sources.shares)]
