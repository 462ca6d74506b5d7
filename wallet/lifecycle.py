"""What became of a wallet's orders around one day: when they arrived, what was used of them, when they were confirmed.

An order says what was asked for, and when. What came of it is told by the postings: how much payments took back
(always from the newest order before its cutoff), how much passed to the advancer, whether the confirmation is booked.
What orders and advances have stored of it is compared, never trusted. Reads only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa

from calendars import Closure
from ledger.balances import Movement
from ledger.schema import journal_entry
from wallet import confirmation, steps
from wallet.errors import OutsideCalendar
from wallet.outside import links
from wallet.outside.schema import answer
from wallet.rules.amounts import show_amount
from wallet.rules.explanation import Received, closed_days, received
from wallet.rules.fund import Fund
from wallet.rules.orders import REDEEMED_OR_SUBSCRIBED, SUBSCRIPTIONS, Kind, State
from wallet.schema import advance, customer_order

_SPENT = (Kind.PAYMENT, Kind.TRANSFER_OUT_INSTANT)
_CODES = (confirmation.SUBSCRIBED, confirmation.REDEEMED)
_O, _A, _E, _N = customer_order.c, advance.c, journal_entry.c, answer.c

Found = tuple[str, str, str, str]
"""What, where, stored, derived."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What the transfer agent confirmed of an order on a day, by its file; without `final` the rest is carried over."""

    day: date
    confirmed: int
    return_code: str
    final: bool


@dataclass(frozen=True, slots=True)
class Application:
    """An order that the transfer agent answers, as of the end of the day that is explained.

    `waited`, `waited_on`: the closed days before its trade date, and from there to its confirmation date. A
    subscription earns from `income_from`, first seen on `income_seen`; shares that leave earn through `earns_through`.
    Units: fen; `taken_back`, `passed` (to the advancer) and `open` (still in transit, or redeeming) as of the day,
    `applied` in the end. Once the confirmation is booked: `confirmed` of that, `own` of it hers, `returned` to her.
    `answers`: what files said of it that is booked, of a trade date that is answered in files; the last one is the day
    of its confirmation then.
    """

    request_id: str
    kind: Kind
    amount: int
    refund_of: str | None
    at: datetime
    received: Received
    trade_date: date
    waited: list[Closure]
    confirmation_date: date
    waited_on: list[Closure]
    income_from: date | None
    income_seen: date | None
    earns_through: date | None
    taken_back: int
    passed: int
    open: int
    applied: int
    confirmed: int | None
    own: int | None
    returned: int | None
    return_code: str | None
    answers: list[Answered]


@dataclass(frozen=True, slots=True)
class Redemption:
    """A payment or an instant transfer-out of the day.

    Units: fen; `taken_back` from orders before their cutoff, `passed` to the advancer while in transit, the rest out
    of `shares`; the last two are `advanced` by the advancer.
    """

    request_id: str
    kind: Kind
    amount: int
    merchant: str | None
    at: datetime
    taken_back: int
    passed: int
    shares: int
    advanced: int


@dataclass(frozen=True, slots=True)
class Spent:
    """What an instant redemption took, by its postings."""

    entry_id: int
    at: datetime
    value_date: date
    taken_back: int
    passed: int
    shares: int


@dataclass(frozen=True, slots=True)
class Use:
    """A part of an order in transit that was taken back, or that passed to the advancer."""

    order: int
    value_date: date
    taken_back: int
    passed: int


class Lifecycle:
    """The orders of one wallet that matter on a day: made on it, in transit on it, confirmed on it."""

    def __init__(self, connection: sa.Connection, book: Fund, holder_id: int, day: date, moves: list[Movement]) -> None:
        self.book, self.day, self.moves = book, day, moves
        rows = _read(connection, book, holder_id, day)
        self.applied = [row for row in rows if row.kind in REDEEMED_OR_SUBSCRIBED]
        self.spent_on = [row for row in rows if row.kind in _SPENT and _day(book, row.at) == day]
        self.spent = {spent.entry_id: spent for spent in self._spent()}
        since = min([day, *(_day(book, row.at) for row in self.applied)])
        mine = sa.select(advance).where(_A.holder_id == holder_id, _A.value_date >= since)
        self.advances = connection.execute(mine).all()
        self.confirmed = {(m.value_date, m.debit) for m in moves if m.kind == confirmation.ENTRY}
        self.linked = min((version.valid_from for version in links.versions(connection, book)), default=date.max)
        self.answers = _answers(connection, book, holder_id, since)
        self.uses: dict[int, list[Use]] = {}
        for use in (*self._taken_back(), *(Use(a.source, a.value_date, 0, a.amount) for a in self.advances)):
            self.uses.setdefault(use.order, []).append(use)
        self.applications = [self._application(row) for row in self.applied if self._matters(row)]

    def redemptions(self) -> list[Redemption]:
        """Return the payments and instant transfers-out of the day, in the order in which they were booked."""
        nothing = Spent(0, datetime.min, self.day, 0, 0, 0)
        found = [(row, self.spent.get(row.entry_id, nothing)) for row in self.spent_on]
        return [
            Redemption(
                request_id=row.request_id,
                kind=Kind(row.kind),
                amount=row.amount,
                merchant=row.merchant,
                at=row.at,
                taken_back=spent.taken_back,
                passed=spent.passed,
                shares=spent.shares,
                advanced=spent.passed + spent.shares,
            )
            for row, spent in found
        ]

    def differences(self, in_transit: int, redeeming: int) -> Iterator[Found]:
        """Yield what is stored otherwise than it follows, given what the wallet had at the end of the day."""
        for row, application in zip(filter(self._matters, self.applied), self.applications, strict=True):
            where = f"order {row.request_id}"
            for what, stored, derived in self._stored(row, application):
                if stored != derived:
                    yield what, where, _text(stored), _text(derived)
        for what, told, follows in self._sums(in_transit, redeeming):
            if told != follows:
                yield what, f"on {self.day}", show_amount(told), show_amount(follows)
        for row in self.spent_on:
            yield from self._unlike_advances(row)

    def _sums(self, in_transit: int, redeeming: int) -> Iterator[tuple[str, int, int]]:
        """Yield what the postings say of all orders together, beside what follows order by order."""
        bought = [a for a in self.applications if a.kind in SUBSCRIPTIONS]
        sold = [a for a in self.applications if a.kind not in SUBSCRIPTIONS]
        yield "in transit", in_transit, sum(a.open for a in bought)
        yield "redeeming", redeeming, sum(a.open for a in sold)
        redeemed = [answer.confirmed for a in sold for answer in a.answers if answer.day == self.day]
        bought, sold = ([a for a in each if a.confirmation_date == self.day] for each in (bought, sold))
        for what, line, parts in (
            ("confirmed", ("register", "shares"), [a.own for a in bought]),
            ("given back", ("in_transit", "customer_payable"), [a.returned for a in bought]),
            ("redeemed", ("redeeming", "register"), redeemed + [a.own for a in sold if not a.answers]),
            ("not redeemed", ("redeeming", "shares"), [a.returned for a in sold]),
        ):
            sides = tuple(self.book.chart[code].id for code in line)
            mine = [m for m in self.moves if m.kind == confirmation.ENTRY and m.value_date == self.day]
            yield what, sum(m.amount for m in mine if (m.debit, m.credit) == sides), sum(part or 0 for part in parts)

    def _spent(self) -> Iterator[Spent]:
        """Yield what each instant redemption took, in the order in which they were booked."""
        chart, entries = self.book.chart, dict[int, list[Movement]]()
        for move in self.moves:
            if move.kind in _SPENT:
                entries.setdefault(move.entry_id, []).append(move)
        in_transit, shares, passed = (chart[code].id for code in ("in_transit", "shares", "advancer_in_transit"))
        for entry_id, lines in sorted(entries.items()):
            transit = [m for m in lines if m.debit == in_transit]
            to_advancer = sum(m.amount for m in transit if m.credit == passed)
            back = sum(m.amount for m in transit) - to_advancer
            from_shares = sum(m.amount for m in lines if m.debit == shares)
            yield Spent(entry_id, lines[0].booked_at, lines[0].value_date, back, to_advancer, from_shares)

    def _taken_back(self) -> Iterator[Use]:
        """Yield which orders payments took back: of those before their cutoff, the newest first.

        Those are of the payment's own trade date, so it does not matter that orders of other days are not here.
        """
        left = {row.entry_id: row.amount for row in self.applied if row.kind in SUBSCRIPTIONS}
        newest_first = sorted(self.applied, key=lambda row: (row.at, row.entry_id), reverse=True)
        for spent in self.spent.values():
            wanted = spent.taken_back
            for row in newest_first:
                there = row.entry_id < spent.entry_id and row.at <= spent.at
                if wanted and there and self.book.is_before_cutoff(spent.at, row.trade_date):
                    part = min(wanted, left.get(row.entry_id, 0))
                    left[row.entry_id] = left.get(row.entry_id, 0) - part
                    wanted -= part
                    yield Use(row.entry_id, spent.value_date, part, 0)

    def _matters(self, row: Any) -> bool:
        """Tell whether an order was made by the end of the day and was open on it, or is still."""
        if _day(self.book, row.at) > self.day:
            return False
        confirmed_on = self._confirmed_on(row)
        return _day(self.book, row.at) == self.day or confirmed_on >= self.day or not self._is_confirmed(row)

    def _answered(self, row: Any) -> list[Answered]:
        """Return what files said of an order that is booked."""
        return self.answers.get(row.entry_id, [])

    def _confirmed_on(self, row: Any) -> date:
        """Return the confirmation date of an order: of its final answer, or else the trading day after its trade date.

        Raises: OutsideCalendar.
        """
        final = next((answer.day for answer in self._answered(row) if answer.final), None)
        return final or self.book.confirmation_date(row.trade_date)

    def _is_confirmed(self, row: Any) -> bool:
        """Tell whether the confirmation of an application is booked: that of a wallet's trade date is one entry."""
        if row.trade_date >= self.linked:
            return any(answer.final for answer in self._answered(row))
        codes = ("in_transit", "advancer_in_transit") if row.kind in SUBSCRIPTIONS else ("redeeming",)
        on = self.book.confirmation_date(row.trade_date)
        booked = any((on, self.book.chart[code].id) in self.confirmed for code in codes)
        return booked and self._applied_for(row) > 0

    def _used(self, row: Any, through: date) -> tuple[int, int]:
        """Return what was taken back of an order and what passed to the advancer, dated up to a day."""
        uses = [use for use in self.uses.get(row.entry_id, ()) if use.value_date <= through]
        return sum(use.taken_back for use in uses), sum(use.passed for use in uses)

    def _applied_for(self, row: Any) -> int:
        """Return what is applied for of an order: all but what was taken back."""
        amount: int = row.amount
        return amount - self._used(row, date.max)[0]

    def _application(self, row: Any) -> Application:
        book, calendar, kind = self.book, self.book.calendar, Kind(row.kind)
        made, confirmed_on, answers = _day(book, row.at), self._confirmed_on(row), self._answered(row)
        how = received(book, row.at)
        taken_back, passed = self._used(row, self.day)
        is_confirmed, applied = self._is_confirmed(row), self._applied_for(row)
        confirmed = own = returned = None
        if is_confirmed:
            confirmed = applied if row.outcome is None else row.outcome
            confirmed = sum(answer.confirmed for answer in answers) if answers else confirmed
            own = min(confirmed, row.amount - sum(self._used(row, confirmed_on)))
            returned = max(0, row.amount - sum(self._used(row, date.max)) - confirmed)
        is_done = is_confirmed and confirmed_on <= self.day
        carried = sum(answer.confirmed for answer in answers if answer.day <= self.day)
        earns = confirmed_on if kind in SUBSCRIPTIONS else None
        return Application(
            request_id=row.request_id,
            kind=kind,
            amount=row.amount,
            refund_of=row.refund_of,
            at=row.at,
            received=how,
            trade_date=row.trade_date,
            waited=closed_days(calendar, made, row.trade_date - timedelta(1)),
            confirmation_date=confirmed_on,
            waited_on=closed_days(calendar, row.trade_date + timedelta(1), confirmed_on - timedelta(1)),
            income_from=earns,
            income_seen=earns and earns + timedelta(1),
            earns_through=None if earns or (answers and not is_confirmed) else confirmed_on - timedelta(1),
            taken_back=taken_back,
            passed=passed,
            open=0 if is_done else row.amount - taken_back - passed - carried,
            applied=applied,
            confirmed=confirmed,
            own=own,
            returned=returned,
            return_code=row.return_code,
            answers=answers,
        )

    def _stored(self, row: Any, application: Application) -> Iterator[tuple[str, Any, Any]]:
        """Yield what an order has stored beside what follows."""
        trade_date = self.book.trade_date(row.at)
        if self.book.calendar.is_trading_day(row.trade_date):  # else it was closed after the order was accepted
            yield "trade date", row.trade_date, trade_date
        taken_back, passed = self._used(row, date.max)
        carried = [answer.confirmed for answer in application.answers if not answer.final]
        yield "remaining", row.remaining, row.amount - taken_back - passed - sum(carried)
        yield "passed to the advancer", row.passed_to_advancer, passed
        is_open = application.confirmed is None and carried
        yield "confirmed", row.confirmed, sum(carried) if is_open else application.confirmed
        if row.trade_date >= self.linked:
            final = [(answer.confirmed, answer.return_code) for answer in application.answers if answer.final]
            told = None if row.outcome is None else (row.outcome, row.return_code)
            yield "answer", told, next(iter(final), None)
        state = State.TAKEN_BACK if not application.applied else State.ACCEPTED
        if application.confirmed is not None:
            in_full, in_part = application.confirmed == application.applied, application.confirmed > 0
            state = State.CONFIRMED if in_full else State.PART_CONFIRMED if in_part else State.REJECTED
        yield "state", row.status, str(state)

    def _unlike_advances(self, row: Any) -> Iterator[Found]:
        """Yield what the parts of an instant redemption, by its postings, do not make of its amount and advances."""
        spent, where = self.spent.get(row.entry_id), f"order {row.request_id}"
        parts = (spent.taken_back, spent.passed, spent.shares) if spent else (0, 0, 0)
        if row.amount != sum(parts):
            yield "amount", where, show_amount(row.amount), show_amount(sum(parts))
        mine = [a for a in self.advances if a.payment == row.entry_id]
        for what, stored, derived in (
            ("advance in transit", sum(a.amount for a in mine if a.source), parts[1]),
            ("advance on shares", sum(a.amount for a in mine if not a.source), parts[2]),
        ):
            if stored != derived:
                yield what, where, show_amount(stored), show_amount(derived)


def _read(connection: sa.Connection, book: Fund, holder_id: int, day: date) -> Sequence[sa.Row[Any]]:
    """Return the orders that may matter, all of a trade date or none, in the order in which they were booked."""
    begin, end = (book.instant(each, time(0)) for each in (day, day + timedelta(1)))
    open_ = sa.select(sa.func.min(_O.trade_date, type_=_O.trade_date.type)).where(
        _O.holder_id == holder_id, _O.status == sa.text("'accepted'")
    )
    late = (
        sa.select(sa.func.min(_O.trade_date, type_=_O.trade_date.type))
        .join(answer, sa.and_(_N.holder_id == _O.holder_id, _N.application == _O.entry_id))
        .where(_O.holder_id == holder_id, _N.confirmation_date >= day, _N.business_code.in_(_CODES))
    )
    oldest = [connection.execute(query).scalar() or day for query in (open_, late)]
    first = min(*oldest, book.previous_trade_date(day) or book.opened_on)
    try:
        last = book.confirmation_date(day)
    except OutsideCalendar:
        last = book.calendar.last
    paid = journal_entry.alias("paid")
    query = (
        sa.select(customer_order, _E.request_id, paid.c.request_id.label("refund_of"))
        .join_from(customer_order, journal_entry, sa.and_(_E.holder_id == _O.holder_id, _E.entry_id == _O.entry_id))
        .join(paid, sa.and_(paid.c.holder_id == _O.holder_id, paid.c.entry_id == _O.payment), isouter=True)
        .where(
            _O.holder_id == holder_id, sa.or_(_O.trade_date.between(first, last), sa.and_(_O.at >= begin, _O.at < end))
        )
        .order_by(_O.entry_id)
    )
    return connection.execute(query).all()


def _answers(connection: sa.Connection, book: Fund, holder_id: int, since: date) -> dict[int, list[Answered]]:
    """Return what files said of a wallet's orders that is booked, by order, days ascending."""
    query = (
        sa.select(_N.application, _N.confirmation_date, _N.confirmed, _N.return_code, _N.final)
        .where(_N.holder_id == holder_id, _N.business_code.in_(_CODES), _N.confirmation_date >= since)
        .order_by(_N.confirmation_date)
    )
    found: dict[int, list[Answered]] = {}
    for application, day, confirmed, code, final in connection.execute(query).all():
        if steps.is_booked(connection, book, day, confirmation.STEP, holder_id):
            found.setdefault(application, []).append(Answered(day, confirmed, code, bool(final)))
    return found


def _day(book: Fund, at: datetime) -> date:
    return book.calendar.local_date(at)


def _text(value: Any) -> str:
    return show_amount(value) if isinstance(value, int) else str(value)
