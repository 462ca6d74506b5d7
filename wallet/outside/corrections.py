"""What the transfer agent or the fund says otherwise later: posted as entries of their own, never as an edit.

A confirmation that is taken back (business code 145) leaves order and advances as they are: the customer gets her
money back and owes the shares that she no longer has; what passed to the advancer stays with it. A figure that is
published again for a day that is distributed changes the income of everybody by the difference.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

import sqlalchemy as sa

from ledger import balances, bulk, gates
from ledger.bulk import BulkEntry
from ledger.model import lowest_since
from ledger.schema import journal_entry
from wallet import distribution, figures, settlement, steps, wallets
from wallet.changes import Change, ReplacedFigures, TakenBackConfirmation
from wallet.errors import InvalidRequest
from wallet.figures import Figure
from wallet.outside.schema import CORRECTS, agent_figure, answer
from wallet.rules import manual
from wallet.rules.fund import Fund
from wallet.schema import announcement, proposal, wallet
from wallet.schema import distribution as distributed

TAKEN_BACK = "145"
"""The business code of a forced decrease, which takes a confirmation back. Source: GB/T 39595, version 2.1."""

REPUBLISHED = "07, published again"


def waiting(connection: sa.Connection, book: Fund, day: date) -> list[Change]:
    """Return the corrections received for days up to `day` that are neither booked nor proposed, in order."""
    found = [*_taken_back(connection, book, day), *_republished(connection, book)]
    p = proposal.c
    proposed = sa.select(p.operation, p.arguments).where(p.book == book.code)
    known = {tuple(row) for row in connection.execute(proposed)} if found else set()
    return [change for change in found if (change.operation, change.arguments()) not in known]


def take_back(connection: sa.Connection, book: Fund, change: TakenBackConfirmation, at: datetime) -> int | None:
    """Book that the transfer agent takes a confirmation back, and return the entry; None if that was done before.

    Dated the answer's day, or the first trading day after it whose settlement has not begun: that pays it out.
    Raises: UnknownWallet, InvalidRequest (no such answer), OutsideCalendar.
    """
    holder_id, a = wallets.find(connection, book, change.wallet), answer.c
    facts = a.confirmation_date == change.confirmation_date, a.ta_serial == change.ta_serial
    told = a.holder_id == holder_id, a.business_code == TAKEN_BACK, a.confirmed == change.amount
    if connection.execute(sa.select(a.file).where(a.book == book.code, *facts, *told)).first() is None:
        raise InvalidRequest("ta_serial", "no file takes such a confirmation back")
    steps.lock(connection, book)
    if _is_booked(connection, book, key := _key(book, change.confirmation_date, change.ta_serial)):
        return None
    bulk.lock(connection, book.code, holder_id, holder_id)
    value_date = _first_unsettled(connection, book, change.confirmation_date)
    entry = BulkEntry(key, settlement.TAKEN_BACK, value_date, at, holder_id, holder_id)
    number = bulk.write_entry(connection, book.code, entry)
    shares = book.chart["shares"]
    later = balances.later(connection, book.code, holder_id, value_date)
    moves = [(m.value_date, balances.signed(m, shares)) for m in later]
    there = lowest_since(balances.of_holder(connection, holder_id)[shares.id], moves, value_date)
    hers = min(change.amount, max(0, there))
    movements = [
        (manual.SUBSCRIPTION_TAKEN_BACK, change.amount),
        (manual.SUBSCRIPTION_REJECTED, change.amount),
        (manual.NEGATIVE_INCOME, hers),
        (manual.SHORTFALL, change.amount - hers),
    ]
    bulk.write_own_postings(connection, number, holder_id, manual.book(book.chart, *movements))
    bulk.move_balances(connection, [number], holder_id, holder_id, book.chart)
    return number


def correct_income(connection: sa.Connection, book: Fund, figure: Figure, at: datetime) -> int | None:
    """Announce another figure of a distributed day and book the differences, dated the first open day; None if known.

    Raises: InvalidRequest (a day that is not distributed), InvalidFigure, ControlTotalMismatch.
    """
    steps.lock(connection, book)
    if not distribution.is_decided(connection, book, figure.day):
        raise InvalidRequest("figure", f"the income of {figure.day} is not distributed")
    known = figures.of_day(connection, book, figure.day)
    if known is None or known[1].facts() == figure.facts():
        return None
    first_open = gates.read(connection, book.code)[0] + timedelta(1)
    return distribution.correct(connection, book, figure, at, first_open)


def _taken_back(connection: sa.Connection, book: Fund, day: date) -> list[TakenBackConfirmation]:
    a = answer.c
    query = (
        sa.select(a.confirmation_date, a.ta_serial, a.original, a.confirmed, wallet.c.reference)
        .join(wallet, wallet.c.holder_id == a.holder_id)
        .where(a.book == book.code, CORRECTS, a.business_code == TAKEN_BACK, a.confirmation_date <= day)
        .order_by(a.confirmation_date, a.ta_serial)
    )
    return [
        TakenBackConfirmation(
            wallet=row.reference,
            amount=row.confirmed,
            confirmation_date=row.confirmation_date,
            ta_serial=row.ta_serial,
            original=row.original,
        )
        for row in connection.execute(query).all()
        if not _is_booked(connection, book, _key(book, row.confirmation_date, row.ta_serial))
    ]


def _republished(connection: sa.Connection, book: Fund) -> list[ReplacedFigures]:
    """Return the figures of files that say another income of a distributed day than the figure that holds."""
    f, n, later, newer = agent_figure.c, announcement.c, agent_figure.alias(), announcement.alias()
    last = sa.select(sa.func.max(later.c.file)).where(later.c.fund == f.fund, later.c.day == f.day).scalar_subquery()
    holds = sa.select(sa.func.max(newer.c.version)).where(newer.c.fund == n.fund, newer.c.day == n.day)
    query = (
        sa.select(f.day, f.income_per_10k, f.seven_day)
        .join(distributed, sa.and_(distributed.c.fund == f.fund, distributed.c.day == f.day))
        .join(announcement, sa.and_(n.fund == f.fund, n.day == f.day, n.version == holds.scalar_subquery()))
        .where(f.fund == book.code, f.file == last, f.income_per_10k != n.income_per_10k)
        .order_by(f.day)
    )
    told = [Figure(row.day, row.income_per_10k, row.seven_day, None, REPUBLISHED) for row in connection.execute(query)]
    return [ReplacedFigures.of([figure], distributed=True) for figure in told]


def _key(book: Fund, day: date, ta_serial: str) -> str:
    return f"reversal {book.code} {day} {ta_serial}"


def _is_booked(connection: sa.Connection, book: Fund, key: str) -> bool:
    e = journal_entry.c
    same = e.holder_id == 0, e.request_id == key, e.book == book.code
    return connection.execute(sa.select(e.entry_id).where(*same)).first() is not None


def _first_unsettled(connection: sa.Connection, book: Fund, day: date) -> date:
    """Return the first trading day from `day` on whose settlement has not begun. Raises: OutsideCalendar."""
    day = max(day, gates.read(connection, book.code)[0] + timedelta(1))
    day = book.calendar.next_or_same(book.known(day))
    while steps.state(connection, book, day, settlement.STEP) or steps.chunks(connection, book, day, settlement.STEP):
        day = book.confirmation_date(day)
    return day
