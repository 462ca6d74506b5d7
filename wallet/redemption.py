"""Money out: payments, instant and standard transfers-out. Source: rule book, section 3.

A payment is an instant redemption: what is not simply taken back from an order before its cutoff, the advancer
pays, and takes over the customer's shares or the money on its way to become shares.
"""

from __future__ import annotations

import sqlalchemy as sa

from wallet import limits, orders
from wallet.counter import Receipt, Visit, receipt, receive
from wallet.errors import DailyInstantExceeded, FacilityExhausted, InsufficientFunds
from wallet.orders import NewOrder
from wallet.requests import Payment, TransferOut
from wallet.rules import manual
from wallet.rules.fund import Fund
from wallet.rules.manual import Event
from wallet.rules.orders import Kind
from wallet.rules.spending import OrderOfUse, Sources, Transit, choose


def pay(connection: sa.Connection, book: Fund, request: Payment) -> Receipt:
    """Pay a merchant at once, out of money in transit and shares.

    Raises: NoTransaction, UnknownWallet, RequestConflict, OutsideCalendar, BeforeOpening, DayClosed,
    InsufficientFunds, FacilityExhausted.
    """
    visit = receive(connection, book, request, applies=False)
    if isinstance(visit, Receipt):
        return visit
    sources = _sources(visit, request.order_of_use)
    _take_facility(visit, sources.advance)
    events = (manual.TAKEN_BACK_TO_PAY, manual.PASSED_TO_PAY, manual.SHARES_TO_PAY)
    _spend(visit, Kind.PAYMENT, sources, _movements(sources, events), request.merchant)
    return receipt(book, request, Kind.PAYMENT, request.at, None)


def transfer_out(connection: sa.Connection, book: Fund, request: TransferOut) -> Receipt:
    """Pay out to the customer's own cash: `instant` at once, `standard` when her shares have been redeemed.

    Raises: NoTransaction, UnknownWallet, RequestConflict, OutsideCalendar, BeforeOpening, DayClosed; then instant:
    DailyInstantExceeded, InsufficientFunds, FacilityExhausted; standard: TradeDateCut, InsufficientFunds.
    """
    visit = receive(connection, book, request, applies=request.kind == "standard")
    if isinstance(visit, Receipt):
        return visit
    return _standard(visit) if request.kind == "standard" else _instant(visit, request)


def _instant(visit: Visit, request: TransferOut) -> Receipt:
    bound, amount = visit.book.terms_on(visit.day).instant_daily, request.amount
    if bound is not None:
        before = orders.accepted_on(
            visit.connection, visit.book.code, visit.asked.holder_id, visit.day, Kind.TRANSFER_OUT_INSTANT
        )
        if before + amount > bound:
            raise DailyInstantExceeded(amount, bound, before)
    sources = _sources(visit, request.order_of_use)
    _take_facility(visit, sources.advance)
    events = (manual.TAKEN_BACK_TO_CUSTOMER, manual.PASSED_TO_CUSTOMER, manual.SHARES_TO_CUSTOMER)
    movements = _movements(sources, events)
    movements += [(manual.CASH_FROM_ADVANCER, sources.advance), (manual.PAID_TO_CUSTOMER, amount)]
    _spend(visit, Kind.TRANSFER_OUT_INSTANT, sources, movements, None)
    return receipt(visit.book, request, Kind.TRANSFER_OUT_INSTANT, request.at, None)


def _standard(visit: Visit) -> Receipt:
    trade_date = visit.open_trade_date()
    amount, available = visit.request.amount, visit.spendable("shares")
    if amount > available:
        raise InsufficientFunds(amount, available)
    kind = Kind.TRANSFER_OUT_STANDARD
    entry_id = visit.post(kind, manual.book(visit.book.chart, (manual.REDEMPTION_ASKED, amount)))
    order = NewOrder(visit.asked.holder_id, entry_id, kind, visit.request.at, amount, trade_date=trade_date)
    orders.add(visit.connection, visit.book.code, [order])
    return receipt(visit.book, visit.request, kind, visit.request.at, trade_date)


def _sources(visit: Visit, order_of_use: OrderOfUse | None) -> Sources:
    """Return where the amount comes from: an order is applied for from its cutoff on, by instant or once booked."""
    book, at = visit.book, visit.request.at
    transit = [
        Transit(
            entry_id=order.entry_id,
            at=order.at,
            trade_date=order.trade_date,
            remaining=order.remaining,
            passed=order.passed_to_advancer,
            applied=order.trade_date <= visit.held.cut_through or not book.is_before_cutoff(at, order.trade_date),
            late=visit.day > book.confirmation_date(order.trade_date),
        )
        for order in orders.in_transit(visit.connection, visit.asked.holder_id, at)
    ]
    chosen = order_of_use or book.terms_on(visit.day).order_of_use
    return choose(visit.request.amount, transit, visit.spendable("shares"), chosen)


def _take_facility(visit: Visit, advance: int) -> None:
    """Let the advancer pay `advance`; nothing refuses after it."""
    if not advance:
        return
    bound, code = visit.book.terms_on(visit.day).facility, visit.book.code
    if not limits.take(visit.connection, code, limits.FACILITY, visit.asked.holder_id, advance, bound):
        raise FacilityExhausted(advance, bound, limits.used(visit.connection, code, limits.FACILITY))


def _movements(sources: Sources, events: tuple[Event, Event, Event]) -> list[tuple[Event, int]]:
    taken_back, passed, from_shares = events
    return [(taken_back, sources.from_orders), (passed, sources.from_applications), (from_shares, sources.shares)]


def _spend(
    visit: Visit, kind: Kind, sources: Sources, movements: list[tuple[Event, int]], merchant: str | None
) -> None:
    """Book what the sources give, and note which trade date the advancer redeems each part on."""
    connection, book, holder_id = visit.connection, visit.book, visit.asked.holder_id
    entry_id = visit.post(kind, manual.book(book.chart, *movements))
    orders.add(
        connection, book.code, [NewOrder(holder_id, entry_id, kind, visit.request.at, visit.request.amount, merchant)]
    )
    orders.use(connection, holder_id, sources)
    if not sources.advance:
        return
    paid_on = visit.trade_date
    parts = [(o.entry_id, part, max(paid_on, book.confirmation_date(o.trade_date))) for o, part in sources.passed]
    if sources.shares:
        parts.append((0, sources.shares, paid_on))
    orders.add_advances(connection, book.code, holder_id, entry_id, visit.day, parts)
