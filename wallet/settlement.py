"""The settle step: the cash that moves on a day, booked when it is due. Source: rule book, section 7, "Stand-alone".

Every day the advancer's cash for payments dated before the day comes in and their merchants are paid; on trading
days what was confirmed is settled with the fund and the advancer, and customers get what is owed to them.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

import sqlalchemy as sa

from ledger import balances, bulk, journal
from ledger.bulk import BulkEntry
from ledger.expressions import total
from ledger.model import HOUSE, Entry, Posting, Request, postings_digest
from ledger.schema import journal_entry, posting
from wallet import confirmation, limits, steps
from wallet.rules import manual
from wallet.rules.fund import Fund
from wallet.steps import Chunk

STEP = "settle"
ENTRY = "settlement"
PAY_OUT = "pay_out"
TAKEN_BACK = "confirmation_reversed"
"""Entries that, beside confirmations, make cash payable to customers."""


def settle_house(connection: sa.Connection, book: Fund, day: date, booked_at: datetime) -> None:
    """Book the house's cash of `day`, and give the facility back what the advancer is paid."""
    kind, postings = ENTRY, house_postings(connection, book, day)
    if not postings:
        return
    asked = Request(HOUSE, f"settle {book.code} {day}", postings_digest(kind, day, postings))
    journal.post(connection, book.code, Entry(asked, kind, day, booked_at, postings))
    to_advancer = book.chart["advancer_payable"]
    repaid = sum(p.amount for p in postings if p.debit == to_advancer)
    limits.release(connection, book.code, limits.FACILITY, repaid)


def house_postings(connection: sa.Connection, book: Fund, day: date) -> tuple[Posting, ...]:
    """Return the house's cash movements of `day`, from the balances as of the day before and of the day."""
    before = balances.totals(connection, book.code, day - timedelta(1))
    movements = [
        (manual.CASH_FROM_ADVANCER, balances.balance_of(book.chart["advancer_receivable"], before)),
        (manual.PAID_TO_MERCHANTS, max(0, balances.balance_of(book.chart["merchant_payable"], before))),
    ]
    if book.calendar.is_trading_day(day):
        today = balances.totals(connection, book.code, day)
        to_fund = balances.balance_of(book.chart["subscription_payable"], today)
        movements += [
            (manual.CASH_TO_FUND, max(0, to_fund)),
            (manual.CASH_BACK_FROM_FUND, max(0, -to_fund)),
            (manual.CASH_FROM_FUND, balances.balance_of(book.chart["redemption_receivable"], today)),
            (manual.CASH_TO_ADVANCER, balances.balance_of(book.chart["advancer_payable"], today)),
        ]
    return manual.book(book.chart, *movements)


def plan(connection: sa.Connection, book: Fund, day: date, size: int) -> list[Chunk]:
    """Return the chunks, of `size` customers each, who are owed cash by the confirmations of `day`."""
    return steps.ranges(connection, sa.select(_owed(book, day).c.holder_id), size)


def pay_out(connection: sa.Connection, book: Fund, day: date, booked_at: datetime, chunk: Chunk) -> int:
    """Pay one chunk of customers what the confirmations of `day` made payable, and return the entry."""
    bulk.lock(connection, book.code, chunk.first, chunk.last)
    key = f"pay out {book.code} {day} {chunk.number}"
    entry = BulkEntry(key, PAY_OUT, day, booked_at, chunk.first, chunk.last)
    entry_id = bulk.write_entry(connection, book.code, entry)
    owed = _owed(book, day, chunk)
    accounts = [(book.chart[debit].id, book.chart[credit].id) for debit, credit in manual.PAID_TO_CUSTOMER]
    bulk.write_postings(connection, entry_id, bulk.event_lines(owed.c.holder_id, [(accounts, owed.c.amount)]))
    bulk.move_balances(connection, [entry_id], chunk.first, chunk.last, book.chart)
    return entry_id


def _owed(book: Fund, day: date, chunk: Chunk | None = None) -> sa.CTE:
    """Return who is owed how much by the confirmations of `day`."""
    e, p = journal_entry.c, posting.c
    query = (
        sa.select(p.holder_id, total(p.amount).label("amount"))
        .join(journal_entry, e.entry_id == p.entry_id)
        .where(
            e.book == book.code,
            e.value_date == day,
            e.holder_id == HOUSE,
            e.kind.in_([confirmation.ENTRY, TAKEN_BACK]),
            p.credit == book.chart["customer_payable"].id,
        )
        .group_by(p.holder_id)
    )
    if chunk is not None:
        query = query.where(p.holder_id.between(chunk.first, chunk.last))
    return query.cte("owed")
