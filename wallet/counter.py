"""The counter at which every order arrives: find the wallet, lock it, recall, and date the order.

The order of checks is the same for all operations: unknown wallet, then a repeat (answered as the first time,
whatever has happened since) or a conflict, then the instant. What is left to the services are their own rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from ledger import balances, journal
from ledger.database import require_transaction
from ledger.journal import Hold
from ledger.model import Entry, Posting, Request, lowest_since
from wallet import orders, wallets
from wallet.errors import TradeDateCut
from wallet.requests import Order
from wallet.rules.fund import Fund
from wallet.rules.orders import FIRST, SUBSCRIPTIONS, Kind


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


@dataclass(frozen=True, slots=True)
class Visit:
    """An order at the counter: its wallet is locked, it was not answered before, its day is open."""

    connection: sa.Connection
    book: Fund
    request: Order
    asked: Request
    held: Hold
    day: date
    trade_date: date

    def balance(self, code: str) -> int:
        """Return what the wallet has in an account, everything booked counted."""
        return self.held.balances[self.asked.holder_id, self.book.chart[code].id]

    def spendable(self, code: str) -> int:
        """Return the lowest balance over the order's day and all days after it."""
        later = balances.later(self.connection, self.book.code, self.asked.holder_id, self.day)
        acc = self.book.chart[code]
        moves = [(m.value_date, balances.signed(m, acc)) for m in later]
        return max(0, lowest_since(self.balance(code), moves, self.day))

    def open_trade_date(self) -> date:
        """Return the trade date that the order is applied for on. Raises: TradeDateCut."""
        if self.trade_date <= self.held.cut_through:
            raise TradeDateCut(self.trade_date)
        return self.trade_date

    def post(self, kind: Kind, postings: tuple[Posting, ...]) -> int:
        """Post the order's entry and return its number."""
        entry = Entry(self.asked, str(kind), self.day, self.request.at, postings)
        return self.held.write([entry])[0].entry_id


def receive(connection: sa.Connection, book: Fund, request: Order, *, applies: bool) -> Visit | Receipt:
    """Return the visit of a new order, or the receipt of one that was answered before.

    `applies`: the order becomes an application, so its confirmation date must be known too.
    Raises: NoTransaction, UnknownWallet, RequestConflict, OutsideCalendar, BeforeOpening, DayClosed.
    """
    require_transaction(connection)
    holder_id = wallets.find(connection, book, request.wallet)
    asked = Request(holder_id, request.request_id, request.content_digest(holder_id))
    held = journal.hold(connection, book.code, [asked])
    if (known := held.recall(asked)) is not None:
        return _first_receipt(connection, book, request, known.entry_id, holder_id)
    trade_date = book.trade_date(request.at)
    if applies:
        book.confirmation_date(trade_date)
    day = book.day(request.at)
    held.require_open(day)
    return Visit(connection, book, request, asked, held, day, trade_date)


def lock(connection: sa.Connection, book: Fund, wallet: str) -> tuple[Hold, int]:
    """Lock a wallet for a change that is no request, and return the hold with the wallet's number.

    Raises: NoTransaction, UnknownWallet.
    """
    require_transaction(connection)
    holder_id = wallets.find(connection, book, wallet)
    return journal.hold(connection, book.code, [Request(holder_id, "", b"")]), holder_id


def receipt(book: Fund, request: Order, kind: Kind, at: datetime, trade_date: date | None) -> Receipt:
    """Return the receipt of an accepted order."""
    subscribed_or_redeemed = trade_date if kind in (*SUBSCRIPTIONS, Kind.TRANSFER_OUT_STANDARD) else None
    confirmation = book.confirmation_date(subscribed_or_redeemed) if subscribed_or_redeemed else None
    return Receipt(
        request.request_id,
        kind,
        request.wallet,
        request.amount,
        str(FIRST[kind]),
        at.astimezone(book.calendar.zone),
        subscribed_or_redeemed,
        confirmation,
    )


def _first_receipt(connection: sa.Connection, book: Fund, request: Order, entry_id: int, holder_id: int) -> Receipt:
    order = orders.by_entry(connection, holder_id, entry_id)
    return receipt(book, request, Kind(order.kind), order.at, order.trade_date)
