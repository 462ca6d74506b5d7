"""What orders and advances must say if the ledger is right; `wallet.records` looks at everything else.

Each check compares a stored fact with what follows from entries, postings and inputs, set-based where it can be.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa

from ledger.expressions import total
from ledger.model import HOUSE, digest
from ledger.schema import balance, journal_entry, posting
from wallet import confirmation, steps
from wallet.replay import Findings
from wallet.rules import manual
from wallet.rules.fund import Fund
from wallet.rules.orders import FIRST, SUBSCRIPTIONS, Kind, State
from wallet.schema import advance, customer_order

_O, _A, _E, _P = customer_order.c, advance.c, journal_entry.c, posting.c
_SUBSCRIBED = _O.kind.in_(list(SUBSCRIPTIONS))
_OPERATION = {
    Kind.TRANSFER_IN: "TransferIn",
    Kind.PAYMENT: "Payment",
    Kind.REFUND: "Refund",
    Kind.TRANSFER_OUT_INSTANT: "TransferOut",
    Kind.TRANSFER_OUT_STANDARD: "TransferOut",
}

Sums = dict[tuple[int, ...], int]


def _sums(connection: sa.Connection, keys: Sequence[Any], amount: Any, *where: Any, source: Any = None) -> Sums:
    """Return sums by key, zeros left out."""
    query = sa.select(*keys, total(amount).label("sum_")).where(*where).group_by(*keys)
    rows = connection.execute(query if source is None else query.select_from(source))
    return {tuple(row[:-1]): row[-1] for row in rows if row[-1]}


def _compare(findings: Findings, stored: Sums, derived: Sums, what: str) -> None:
    for place in stored.keys() | derived.keys():
        told, right = stored.get(place, 0), derived.get(place, 0)
        findings.expect(told == right, f"{what} {place}: stored {told}, derived {right}")


def _postings(connection: sa.Connection, book: Fund, debit: str, credit: str, *where: Any) -> Sums:
    """Return the postings from `debit` to `credit` by (entry, holder)."""
    moved = _P.debit == book.chart[debit].id, _P.credit == book.chart[credit].id
    return _sums(connection, (_P.entry_id, _P.holder_id), _P.amount, *moved, *where, source=posting)


def orders_and_entries(connection: sa.Connection, book: Fund) -> Findings:
    """Every order has its entry and every entry of an order its order: kind, instant, content and amount."""
    findings = Findings("orders equal their entries")
    same = sa.and_(_E.entry_id == _O.entry_id, _E.holder_id == _O.holder_id)
    payment = customer_order.alias("payment")
    paid = journal_entry.alias("paid")
    query = (
        sa.select(
            customer_order,
            _E.kind.label("entry_kind"),
            _E.value_date,
            _E.booked_at,
            _E.digest,
            paid.c.request_id.label("paid"),
        )
        .join_from(customer_order, journal_entry, same, isouter=True)
        .join(payment, sa.and_(payment.c.holder_id == _O.holder_id, payment.c.entry_id == _O.payment), isouter=True)
        .join(
            paid, sa.and_(paid.c.holder_id == payment.c.holder_id, paid.c.entry_id == payment.c.entry_id), isouter=True
        )
    )
    for row in connection.execute(query, execution_options={"yield_per": 10_000}):
        place = f"order {row.entry_id} of holder {row.holder_id}"
        if row.entry_kind is None:
            findings.expect(False, f"{place} has no entry")
            continue
        findings.expect(_is_its_entry(book, row), f"{place} differs from its entry")
    missing = (
        sa.select(_E.entry_id, _E.holder_id)
        .join_from(journal_entry, customer_order, same, isouter=True)
        .where(_E.book == book.code, _E.kind.in_([str(kind) for kind in Kind]), _O.entry_id.is_(None))
    )
    for row in connection.execute(missing):
        findings.expect(False, f"entry {row.entry_id} of holder {row.holder_id} has no order")
    return findings


def _is_its_entry(book: Fund, row: sa.Row[Any]) -> bool:
    """Tell whether an order says what its entry says: kind, book, instant, content and trade date."""
    kind = Kind(row.kind)
    extra: tuple[str | None, ...] = (row.merchant,) if kind is Kind.PAYMENT else ()
    extra = (row.paid,) if kind is Kind.REFUND else extra
    extra = (kind.removeprefix("transfer_out_"),) if _OPERATION[kind] == "TransferOut" else extra
    content = digest(_OPERATION[kind], row.holder_id, row.amount, *extra)
    trade_date = book.calendar.trade_date(row.at, book.cutoff) if FIRST[kind] is State.ACCEPTED else None
    changed = trade_date != row.trade_date and (
        trade_date is None or row.trade_date is None or book.calendar.is_trading_day(row.trade_date)
    )
    dated = row.booked_at == row.at and row.value_date == book.calendar.local_date(row.at)
    named = row.entry_kind == row.kind and row.book == book.code
    return bool(named and dated and bytes(row.digest) == content and not changed)


def order_postings(connection: sa.Connection, book: Fund) -> Findings:
    """Every posting of an order's entry follows from the order's amount and the advances made on it."""
    findings = Findings("the postings of orders follow from amounts and advances")
    by = (_A.payment, _A.holder_id)
    shares = _sums(connection, by, _A.amount, _A.source == 0)
    passed = _sums(connection, by, _A.amount, _A.source > 0)
    derived: Sums = {}
    orders = sa.select(_O.entry_id, _O.holder_id, _O.kind, _O.amount)
    for order in connection.execute(orders, execution_options={"yield_per": 10_000}):
        place = order.entry_id, order.holder_id
        events = _events(Kind(order.kind), order.amount, passed.get(place, 0), shares.get(place, 0))
        for p in manual.book(book.chart, *events):
            key = (*place, p.debit.id, p.credit.id)
            derived[key] = derived.get(key, 0) + p.amount
    same = sa.and_(_P.entry_id == _O.entry_id, _P.holder_id == _O.holder_id)
    keys = (_P.entry_id, _P.holder_id, _P.debit, _P.credit)
    stored = _sums(connection, keys, _P.amount, source=posting.join(customer_order, same))
    _compare(findings, stored, derived, "posting (entry, holder, debit, credit)")
    return findings


def _events(kind: Kind, amount: int, passed: int, shares: int) -> list[tuple[manual.Event, int]]:
    """Return what an order books, by the rule book's section 6."""
    back = max(0, amount - passed - shares)
    match kind:
        case Kind.TRANSFER_IN:
            return [(manual.TRANSFER_IN, amount)]
        case Kind.REFUND:
            return [(manual.REFUND, amount)]
        case Kind.TRANSFER_OUT_STANDARD:
            return [(manual.REDEMPTION_ASKED, amount)]
        case Kind.PAYMENT:
            events = (manual.TAKEN_BACK_TO_PAY, manual.PASSED_TO_PAY, manual.SHARES_TO_PAY)
            return list(zip(events, (back, passed, shares), strict=True))
        case Kind.TRANSFER_OUT_INSTANT:
            events = (manual.TAKEN_BACK_TO_CUSTOMER, manual.PASSED_TO_CUSTOMER, manual.SHARES_TO_CUSTOMER)
            at_once = [(manual.CASH_FROM_ADVANCER, passed + shares), (manual.PAID_TO_CUSTOMER, amount)]
            return [*zip(events, (back, passed, shares), strict=True), *at_once]


def transit(connection: sa.Connection, book: Fund) -> Findings:
    """What remains in transit, was taken back, refunded and confirmed is what the postings say."""
    findings = Findings("money in transit, refunds and confirmations equal the postings")
    mine = (_O.holder_id,)
    open_ = _O.status == str(State.ACCEPTED)
    remaining = _sums(connection, mine, _O.remaining, open_, _SUBSCRIBED)
    in_transit = balance.c.account_id == book.chart["in_transit"].id
    _compare(findings, remaining, _sums(connection, (balance.c.holder_id,), balance.c.amount, in_transit), "in transit")
    redeeming = balance.c.account_id == book.chart["redeeming"].id
    frozen = _sums(connection, mine, _O.remaining, open_, _O.kind == str(Kind.TRANSFER_OUT_STANDARD))
    _compare(findings, frozen, _sums(connection, (balance.c.holder_id,), balance.c.amount, redeeming), "redeeming")
    taken = _sums(connection, mine, _O.amount - _O.remaining - _O.passed_to_advancer, _SUBSCRIBED)
    back = [book.chart[code].id for code in ("merchant_payable", "customer_payable")]
    same = sa.and_(_E.entry_id == _P.entry_id, _E.holder_id == _P.holder_id)
    spent = _E.kind.in_([str(Kind.PAYMENT), str(Kind.TRANSFER_OUT_INSTANT)])
    lines = spent, _P.debit == book.chart["in_transit"].id, _P.credit.in_(back)
    source = posting.join(journal_entry, same)
    _compare(findings, taken, _sums(connection, (_P.holder_id,), _P.amount, *lines, source=source), "taken back")
    kept = _O.kind == str(Kind.TRANSFER_OUT_STANDARD)
    _compare(findings, _sums(connection, mine, _O.remaining, kept), _sums(connection, mine, _O.amount, kept), "frozen")
    unspent = _O.remaining + _O.passed_to_advancer
    others = _O.kind.in_([str(Kind.PAYMENT), str(Kind.TRANSFER_OUT_INSTANT)])
    _compare(findings, _sums(connection, mine, unspent, others), {}, "remaining of a done order")
    refunds = customer_order.alias("refunds")
    refunded = _sums(
        connection, (refunds.c.payment, refunds.c.holder_id), refunds.c.amount, refunds.c.payment.is_not(None)
    )
    _compare(findings, _sums(connection, (_O.entry_id, _O.holder_id), _O.refunded), refunded, "refunded of")
    _confirmed(connection, book, findings)
    return findings


def _confirmed(connection: sa.Connection, book: Fund, findings: Findings) -> None:
    """Compare what orders say was confirmed with the postings of the entries that confirmed them."""
    open_ = _O.status == str(State.ACCEPTED)
    by = (_O.confirmed_by, _O.holder_id)
    done = _O.confirmed_by.is_not(None)
    subscribed = _sums(connection, by, _O.confirmed, done, _SUBSCRIBED)
    payable = book.chart["subscription_payable"].id
    to_fund = _sums(connection, (_P.entry_id, _P.holder_id), _P.amount, _P.credit == payable, source=posting)
    _compare(findings, subscribed, to_fund, "subscriptions confirmed by (entry, holder)")
    redeemed = _sums(connection, by, _O.confirmed, done, sa.not_(_SUBSCRIBED))
    _compare(findings, redeemed, _postings(connection, book, "redeeming", "register"), "redemptions confirmed")
    trade_date = _O.trade_date
    applied = _O.remaining + _O.passed_to_advancer
    state = sa.case(
        (_O.confirmed == applied, str(State.CONFIRMED)),
        (_O.confirmed > 0, str(State.PART_CONFIRMED)),
        else_=str(State.REJECTED),
    )
    taken_back = sa.and_(_O.status == str(State.TAKEN_BACK), applied == 0, _SUBSCRIBED)
    first = sa.case(*[(_O.kind == str(kind), str(begin)) for kind, begin in FIRST.items()], else_="")
    fine = sa.case(
        (done, sa.and_(_O.status == state, _O.confirmed == sa.func.coalesce(_O.outcome, applied))),
        (_O.confirmed.is_not(None), sa.false()),
        (_O.status == str(State.TAKEN_BACK), sa.and_(taken_back, _O.outcome.is_(None))),
        else_=sa.and_(_O.status == first, sa.or_(open_, _O.outcome.is_(None))),
    )
    for row in connection.execute(sa.select(_O.entry_id, _O.holder_id).where(sa.not_(fine))):
        findings.expect(False, f"order {row.entry_id} of holder {row.holder_id} is in a wrong state")
    confirmed_days = steps.days_with(connection, book, confirmation.STEP)
    if confirmed_days:
        through = book.previous_trade_date(confirmed_days[-1])
        late = sa.select(_O.entry_id).where(_O.status == str(State.ACCEPTED), trade_date <= (through or date.min))
        for entry_id in connection.execute(late).scalars():
            findings.expect(False, f"order {entry_id} is not confirmed although its date is")


def advances(connection: sa.Connection, book: Fund) -> Findings:
    """The advancer's claims and shares are what the postings passed to it."""
    findings = Findings("advances equal the postings")
    by = (_A.payment, _A.holder_id)
    from_shares = _sums(connection, by, _A.amount, _A.source == 0)
    claims = sa.exists().where(_E.entry_id == _P.entry_id, _E.holder_id == HOUSE, _E.kind == confirmation.CLAIMS)
    passed = _postings(connection, book, "shares", "advancer_shares", sa.not_(claims))
    _compare(findings, from_shares, passed, "advance on shares (entry, holder)")
    in_transit = _sums(connection, by, _A.amount, _A.source > 0)
    _compare(
        findings, in_transit, _postings(connection, book, "in_transit", "advancer_in_transit"), "advance in transit"
    )
    taken = _sums(connection, (_O.entry_id, _O.holder_id), _O.passed_to_advancer)
    _compare(findings, taken, _sums(connection, (_A.source, _A.holder_id), _A.amount, _A.source > 0), "passed of order")
    redeemed = _sums(connection, (_A.redeemed_by, _A.holder_id), _A.shares, _A.redeemed_by.is_not(None))
    _compare(findings, redeemed, _postings(connection, book, "advancer_shares", "register"), "advance redeemed")
    mine = (_A.holder_id,)
    allotted = _sums(connection, mine, _A.shares, _A.source > 0)
    gained = _by_holder(_postings(connection, book, "register", "advancer_shares"))
    for place, amount in _by_holder(_postings(connection, book, "shares", "advancer_shares", claims)).items():
        gained[place] = gained.get(place, 0) + amount
    _compare(findings, allotted, gained, "shares of the advancer through holder")
    other = sa.select(_A.payment, _A.holder_id).where(_A.source == 0, _A.shares.is_distinct_from(_A.amount))
    for row in connection.execute(other):
        findings.expect(False, f"advance on shares of payment {row.payment} of holder {row.holder_id} has other shares")
    _dates_of_advances(connection, book, findings)
    return findings


def _dates_of_advances(connection: sa.Connection, book: Fund, findings: Findings) -> None:
    """Compare the dates of advances with their payments and with the orders that they came from."""
    paid = sa.and_(_E.entry_id == _A.payment, _E.holder_id == _A.holder_id)
    source = sa.and_(_O.entry_id == _A.source, _O.holder_id == _A.holder_id)
    query = (
        sa.select(advance, _E.value_date.label("paid_on"), _E.booked_at, _O.trade_date)
        .join_from(advance, journal_entry, paid)
        .join(customer_order, source, isouter=True)
    )
    for row in connection.execute(query, execution_options={"yield_per": 10_000}):
        right = book.trade_date(row.booked_at)
        if row.trade_date is not None:
            right = max(right, book.confirmation_date(row.trade_date))
        fine = row.redeem_on == right or not book.calendar.is_trading_day(row.redeem_on)
        place = f"advance of payment {row.payment} of holder {row.holder_id} out of {row.source}"
        findings.expect(fine and row.value_date == row.paid_on and row.book == book.code, f"{place}: other dates")


def _by_holder(sums: Sums) -> Sums:
    result: Sums = {}
    for (_, holder_id), amount in sums.items():
        result[(holder_id,)] = result.get((holder_id,), 0) + amount
    return result


EVIDENCE: tuple[Callable[[sa.Connection, Fund], Findings], ...] = (
    orders_and_entries,
    order_postings,
    transit,
    advances,
)
