"""The counter at which orders arrive, one or many, in their order; each is judged on what those before it left.

open    find the wallets, lock them, recall what was answered before, read what orders in transit there are
visit   an order at its turn: the services judge it by the rules of its kind and accept it, or raise
take    what was accepted needs of the facility and of quotas, summed up and locked last of all
write   entries, orders, advances: nothing has been written before, so whatever is refused has changed nothing

The order of checks is the same for all operations: unknown wallet, then a repeat (answered as the first time,
whatever has happened since) or a conflict, then the instant. What is left to the services are their own rules.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import sqlalchemy as sa

from ledger import balances, journal
from ledger.database import require_transaction
from ledger.journal import Hold
from ledger.model import Entry, Request, lowest_since
from wallet import limits, orders, wallets
from wallet.errors import TradeDateCut, UnknownWallet
from wallet.limits import Need
from wallet.orders import InTransit, Known, NewOrder
from wallet.requests import Order
from wallet.rules import manual
from wallet.rules.fund import Fund
from wallet.rules.manual import Event
from wallet.rules.orders import FIRST, REDEEMED_OR_SUBSCRIBED, SUBSCRIPTIONS, Kind
from wallet.rules.spending import Sources


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a customer is answered; a repeat gets the same receipt. Units: `amount` in fen, `at` in the fund's zone."""

    request_id: str
    kind: Kind
    wallet: str
    amount: int
    status: str
    at: datetime
    trade_date: date | None
    confirmation_date: date | None


@dataclass
class Counter:
    """Orders that came together: their wallets are locked, and what was accepted of them is kept until `write`.

    `in_force`: what is used of each limit, known once the limits are locked; before that every need is assumed to fit.
    """

    connection: sa.Connection
    book: Fund
    holders: dict[str, int]
    held: Hold
    in_transit: dict[int, list[InTransit]]
    in_force: dict[str, int]
    later: dict[int, list[balances.Movement]] = field(default_factory=dict)
    moves: defaultdict[int, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    needs: dict[str, Need] = field(default_factory=dict)
    accepted: dict[int, dict[str, NewOrder]] = field(default_factory=dict)
    refunded: defaultdict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    advances: list[orders.Advance] = field(default_factory=list)

    @classmethod
    def open(
        cls, connection: sa.Connection, book: Fund, requests: Sequence[Order], in_force: dict[str, int]
    ) -> Counter:
        """Lock the wallets of `requests` and read what judging them needs; unknown ones are refused at their turn.

        Raises: NoTransaction.
        """
        require_transaction(connection)
        holders, gates = wallets.lock_all(connection, book, (request.wallet for request in requests))
        asked = [Request(holders[r.wallet], r.request_id, b"") for r in requests if r.wallet in holders]
        held = journal.hold(connection, book.code, asked, gates, orders.in_transit)
        return cls(connection, book, holders, held, orders.read_transit(held.alongside), in_force)

    def receive(self, request: Order, *, applies: bool) -> Visit | Receipt:
        """Return the visit of a new order, or the receipt of one that was answered before.

        `applies`: the order becomes an application, so its confirmation date must be known too.
        Raises: UnknownWallet, RequestConflict, OutsideCalendar, BeforeOpening, DayClosed.
        """
        holder_id = self.holders.get(request.wallet)
        if holder_id is None:
            raise UnknownWallet(request.wallet)
        asked = Request(holder_id, request.request_id, request.content_digest(holder_id))
        if (known := self.held.recall(asked)) is not None:
            first: Known = self.accepted.get(holder_id, {}).get(request.request_id) or orders.by_entry(
                self.connection, holder_id, known.entry_id
            )
            return receipt(self.book, request, Kind(first.kind), first.at, first.trade_date)
        trade_date = self.book.trade_date(request.at)
        if applies:
            self.book.confirmation_date(trade_date)
        day = self.book.day(request.at)
        self.held.require_open(day)
        return Visit(self, request, asked, day, trade_date)

    def write(self) -> None:
        """Write what was accepted."""
        accepted = (order for made in self.accepted.values() for order in made.values())
        transit = (order for of_holder in self.in_transit.values() for order in of_holder)
        self.held.write(*orders.written(self.book.code, accepted, transit, self.refunded, self.advances))


@dataclass(frozen=True, slots=True)
class Visit:
    """An order at the counter: its wallet is locked, it was not answered before, its day is open."""

    counter: Counter
    request: Order
    asked: Request
    day: date
    trade_date: date

    @property
    def book(self) -> Fund:
        """Return the fund's book."""
        return self.counter.book

    def balance(self, code: str) -> int:
        """Return what the wallet has in an account, everything booked counted."""
        return self.counter.held.balances[self.asked.holder_id, self.book.chart[code].id]

    def spendable(self, code: str) -> int:
        """Return the lowest balance over the order's day and all days after it."""
        balance = self.balance(code)
        if self.counter.held.last_date <= self.day:
            return max(0, balance)
        acc = self.book.chart[code]
        moves = [(m.value_date, balances.signed(m, acc)) for m in self._later()]
        moves += [(e.value_date, e.changes().get(acc.id, 0)) for e in self.counter.moves[self.asked.holder_id]]
        return max(0, lowest_since(balance, moves, self.day))

    def _later(self) -> list[balances.Movement]:
        """Return what was booked before this counter opened, dated after the opening of the oldest open day."""
        counter, holder_id = self.counter, self.asked.holder_id
        if holder_id not in counter.later:
            closed = counter.held.closed_through
            counter.later[holder_id] = balances.later(counter.connection, self.book.code, holder_id, closed)
        return counter.later[holder_id]

    def open_trade_date(self) -> date:
        """Return the trade date that the order is applied for on. Raises: TradeDateCut."""
        if self.trade_date <= self.counter.held.cut_through:
            raise TradeDateCut(self.trade_date)
        return self.trade_date

    def in_transit(self) -> list[InTransit]:
        """Return the wallet's orders whose money had arrived when this one was made and is still in transit."""
        arrived = self.counter.in_transit.get(self.asked.holder_id, ())
        return [order for order in arrived if order.remaining and order.at <= self.request.at]

    def order_of(self, request_id: str) -> Known | None:
        """Return the wallet's order of a request id, those at this counter included."""
        made = self.counter.accepted.get(self.asked.holder_id, {}).get(request_id)
        return made or orders.by_request(self.counter.connection, self.asked.holder_id, request_id)

    def refunded(self, payment: Known) -> int:
        """Return what was refunded of a payment, in fen."""
        before: int = payment.refunded
        return before + self.counter.refunded.get((self.asked.holder_id, payment.entry_id), 0)

    def accepted_today(self, kind: Kind) -> int:
        """Return the whole amounts of a kind that the wallet's orders of the day were accepted for, in fen."""
        counter, holder_id = self.counter, self.asked.holder_id
        here = sum(
            o.amount for o in counter.accepted.get(holder_id, {}).values() if (o.kind, o.day) == (kind, self.day)
        )
        return here + orders.accepted_on(counter.connection, self.book.code, holder_id, self.day, kind)

    def take(self, limit: str, amount: int, bound: int) -> int | None:
        """Use `amount` of a limit, the last thing that can be refused; return what is used if that leaves no room."""
        counter = self.counter
        need, used = counter.needs.get(limit) or Need(bound), counter.in_force.get(limit)
        if amount > bound and used is None:
            used = limits.used(counter.connection, self.book.code, limit)
        if used is not None and used + need.total + amount > bound:
            return used + need.total
        need.add(counter.held.gates[self.asked.holder_id], amount, bound)
        counter.needs[limit] = need
        return None

    def accept(
        self,
        kind: Kind,
        movements: Sequence[tuple[Event, int]],
        *,
        merchant: str | None = None,
        payment: Known | None = None,
        applied_on: date | None = None,
        sources: Sources | None = None,
    ) -> Receipt:
        """Accept the order: what it books, which orders its money comes from, what the advancer pays for it."""
        counter, request, holder_id = self.counter, self.request, self.asked.holder_id
        entry = Entry(self.asked, str(kind), self.day, request.at, manual.book(self.book.chart, *movements))
        number = counter.held.add(entry).entry_id
        counter.moves[holder_id].append(entry)
        paid = payment.entry_id if payment is not None else None
        order = NewOrder(holder_id, number, kind, self.day, request.at, request.amount, merchant, paid, applied_on)
        counter.accepted.setdefault(holder_id, {})[request.request_id] = order
        if paid is not None:
            counter.refunded[holder_id, paid] += request.amount
        if kind in SUBSCRIPTIONS and applied_on is not None:
            arrived = InTransit(holder_id, number, request.at, applied_on, request.amount, 0)
            counter.in_transit.setdefault(holder_id, []).append(arrived)
        if sources is not None:
            counter.advances += self._advances(number, sources)
        return receipt(self.book, request, kind, request.at, applied_on)

    def _advances(self, number: int, sources: Sources) -> list[orders.Advance]:
        """Return what the advancer pays, source by source, and take the sources from the orders in transit."""
        holder_id = self.asked.holder_id
        transit = {order.entry_id: order for order in self.counter.in_transit.get(holder_id, ())}
        for source, part in sources.taken_back:
            transit[source.entry_id].use(part, passes=False)
        parts = []
        for source, part in sources.passed:
            transit[source.entry_id].use(part, passes=True)
            redeem_on = max(self.trade_date, self.book.confirmation_date(source.trade_date))
            parts.append((source.entry_id, part, redeem_on))
        if sources.shares:
            parts.append((0, sources.shares, self.trade_date))
        return [orders.Advance(holder_id, number, *part, self.day) for part in parts]


def lock(connection: sa.Connection, book: Fund, wallet: str) -> tuple[Hold, int]:
    """Lock a wallet for a change that is no request, and return the hold with the wallet's number.

    Raises: NoTransaction, UnknownWallet.
    """
    require_transaction(connection)
    holder_id = wallets.find(connection, book, wallet)
    return journal.hold(connection, book.code, [Request(holder_id, "", b"")], numbered=False), holder_id


def receipt(book: Fund, request: Order, kind: Kind, at: datetime, trade_date: date | None) -> Receipt:
    """Return the receipt of an accepted order."""
    applied_on = trade_date if kind in REDEEMED_OR_SUBSCRIBED else None
    confirmation = book.confirmation_date(applied_on) if applied_on else None
    return Receipt(
        request.request_id,
        kind,
        request.wallet,
        request.amount,
        str(FIRST[kind]),
        at.astimezone(book.calendar.zone),
        applied_on,
        confirmation,
    )
