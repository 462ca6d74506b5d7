"""Entries made and taken back by hand: what a bookkeeper corrects, between the accounts that the manual allows for it.

A manual entry is one posting. Those of a wallet stand under its number and its request ids, those of the house under
holder 0. Neither may leave a wallet with less than nothing as of any day.
"""

from __future__ import annotations

from datetime import date, datetime

import sqlalchemy as sa

from ledger import balances, journal
from ledger.database import require_transaction
from ledger.errors import AlreadyReversed, RequestConflict
from ledger.journal import Hold
from ledger.model import HOUSE, Account, Entry, Posted, Posting, Request, digest, lowest_since
from ledger.schema import journal_entry, posting
from wallet import wallets
from wallet.changes import ManualEntry, Reversal
from wallet.errors import FundwalletError, InsufficientFunds, InvalidRequest, shortened
from wallet.rules import manual
from wallet.rules.fund import Fund

ENTRY = "manual_entry"


class NotByHand(FundwalletError):
    """Something else than the entry itself explains these accounts, so nothing is booked between them by hand."""

    code = "not_by_hand"

    def __init__(self, debit: str, credit: str) -> None:
        self.debit, self.credit = debit, credit
        super().__init__(
            f"{shortened(debit)} to {shortened(credit)} is not booked by hand: only cash, merchant_payable and"
            " suspense are, and a wallet's shares and register"
        )


class NotReversible(FundwalletError):
    """Only a manual entry is reversed by hand."""

    code = "not_reversible"

    def __init__(self, entry_id: int, kind: str | None) -> None:
        self.entry_id, self.kind = entry_id, kind
        what = f"entry {entry_id} is a {kind}" if kind else f"there is no entry {entry_id}"
        super().__init__(f"{what}: only a manual entry can be reversed")


def post(connection: sa.Connection, book: Fund, request: ManualEntry, at: datetime) -> Posted:
    """Post a manual entry, dated the day that it names, else the day of `at`.

    Raises: NoTransaction, NotByHand, InvalidRequest (a wallet that is missing or needless, a day to come),
    UnknownWallet, OutsideCalendar, BeforeOpening, RequestConflict, DayClosed, InsufficientFunds.
    """
    require_transaction(connection)
    if (request.debit, request.credit) not in manual.BY_HAND:
        raise NotByHand(request.debit, request.credit)
    made = Posting(book.chart[request.debit], book.chart[request.credit], request.amount)
    if (request.wallet is not None) != (made.debit.per_holder or made.credit.per_holder):
        raise InvalidRequest("wallet", "one belongs to an entry of shares, and to no other")
    holder_id = HOUSE if request.wallet is None else wallets.find(connection, book, request.wallet)
    day = book.day(at)
    if request.day is not None and request.day > day:
        raise InvalidRequest("date", f"{request.day} is to come: an entry is dated {day} or before")
    asked = _asked(holder_id, request.request_id, entry_digest(holder_id, made, request.memo))
    held = journal.hold(connection, book.code, [asked])
    if (known := held.recall(asked)) is not None:
        if request.day not in (None, known.value_date):
            raise RequestConflict(request.request_id)
        return known
    value_date = request.day or day
    book.day(book.instant(value_date, at.time().min))
    held.require_open(value_date)
    _require(held, book, holder_id, made, value_date)
    answer = held.add(Entry(asked, ENTRY, value_date, at, (made,), request.memo))
    held.write()
    return answer


def reverse(connection: sa.Connection, book: Fund, request: Reversal, at: datetime) -> Posted:
    """Take a manual entry back by the mirrored one, dated the day of `at`.

    Raises: NoTransaction, NotReversible, OutsideCalendar, BeforeOpening, RequestConflict, AlreadyReversed, DayClosed,
    InsufficientFunds.
    """
    require_transaction(connection)
    e, p = journal_entry.c, posting.c
    own = sa.and_(e.entry_id == p.entry_id, e.holder_id == p.holder_id)
    query = sa.select(e.holder_id, e.kind, p.debit, p.credit, p.amount).join(posting, own)
    found = connection.execute(query.where(e.entry_id == request.reverses, e.book == book.code)).first()
    if found is None or found.kind != ENTRY:
        raise NotReversible(request.reverses, found.kind if found else None)
    day, chart = book.day(at), {a.id: a for a in book.chart}
    content = reversal_digest(found.holder_id, request.reverses, request.why)
    asked = _asked(found.holder_id, request.request_id, content)
    held = journal.hold(connection, book.code, [asked])
    if (known := held.recall(asked)) is not None:
        return known
    same = e.holder_id == found.holder_id, e.reverses == request.reverses
    if connection.execute(sa.select(e.entry_id).where(*same)).first() is not None:
        raise AlreadyReversed(found.holder_id, request.reverses)
    held.require_open(day)
    _require(held, book, found.holder_id, Posting(chart[found.credit], chart[found.debit], found.amount), day)
    return journal.reverse(connection, book.code, asked, request.reverses, day, at, request.why)


def entry_digest(holder_id: int, made: Posting, memo: str | None) -> bytes:
    """Return the digest of a manual entry's content."""
    return digest(ENTRY, holder_id, made.debit.code, made.credit.code, made.amount, memo)


def reversal_digest(holder_id: int, entry_id: int, why: str | None) -> bytes:
    """Return the digest of a reversal's content."""
    return digest(journal.REVERSAL, holder_id, entry_id, why)


def _asked(holder_id: int, request_id: str, content: bytes) -> Request:
    """Return the request; those of the house are kept apart from the keys of the day's steps."""
    return Request(holder_id, f"manual {request_id}" if holder_id == HOUSE else request_id, content)


def _require(held: Hold, book: Fund, holder_id: int, made: Posting, day: date) -> None:
    """Refuse to take from a wallet what it does not hold as of the end of `day` and of every later one."""
    account = made.debit
    if account.per_holder:
        available = _available(held, book, holder_id, account, day)
        if made.amount > available:
            raise InsufficientFunds(made.amount, available)


def _available(held: Hold, book: Fund, holder_id: int, account: Account, day: date) -> int:
    later = balances.later(held.connection, book.code, holder_id, day)
    moves = [(m.value_date, balances.signed(m, account)) for m in later]
    return max(0, lowest_since(held.balances[holder_id, account.id], moves, day))
