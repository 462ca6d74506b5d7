"""What people ask the books: a wallet, its statement, a day, the trial balance, yields. Reads only.

Units: fen, hundredths of a share, figures as in `wallet.figures`; text is the terminal's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from ledger import balances, gates
from ledger.balances import Movement, Turnover
from ledger.expressions import total
from ledger.model import HOUSE, Account
from ledger.schema import journal_entry, posting
from wallet import distribution, figures, proof, steps, wallets
from wallet.errors import BeforeOpening, InvalidRequest
from wallet.rules.fund import Fund
from wallet.rules.orders import Kind
from wallet.schema import customer_order

INCOME = [distribution.ENTRY, distribution.DIFFERENCE]
"""Entries that book the income of a day, dated the next one; later corrections are dated when they are made."""

HELD = ("shares", "redeeming", "in_transit", "customer_payable")


@dataclass(frozen=True, slots=True)
class Holding:
    """What a wallet holds, in fen and hundredths of a share."""

    shares: int
    redeeming: int
    in_transit: int
    customer_payable: int

    @property
    def total(self) -> int:
        """Return all of it, a share being worth 1.00."""
        return self.shares + self.redeeming + self.in_transit + self.customer_payable


@dataclass(frozen=True, slots=True)
class WalletView:
    """A wallet as of the end of `as_of` (or, without a day asked for, everything booked)."""

    wallet: str
    fund: str
    holding: Holding
    shortfall: int
    yesterday_income: int
    cumulative_income: int
    as_of: date


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One movement of one of the wallet's accounts; `amount` is signed, `shares_after` what shares she has then."""

    value_date: date
    booked_at: datetime
    kind: str
    request_id: str | None
    account: str
    amount: int
    unit: str
    shares_after: int


@dataclass(frozen=True, slots=True)
class Statement:
    """A wallet's movements between two balances; opening plus lines is closing, account by account."""

    wallet: str
    first: date
    last: date
    opening: Holding
    lines: list[StatementLine]
    closing: Holding


@dataclass(frozen=True, slots=True)
class DayView:
    """One day: its figure, its income, what was asked that day. Null where nothing is published or distributed."""

    day: date
    is_trading_day: bool
    income_per_10k: int | None
    seven_day: int | None
    pool_shares: int
    distributed: int | None
    left_over: int | None
    holders_paid: int | None
    transfers_in: int
    payments: int
    refunds: int
    transfers_out: int
    advance_outstanding: int


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """Turnover and balance of every account of the book as of the end of `on`, by unit."""

    on: date
    units: dict[str, list[tuple[Account, Turnover, int]]]


@dataclass(frozen=True, slots=True)
class YieldLine:
    """One day's published figure beside the seven-day yield computed from the figures."""

    day: date
    income_per_10k: int
    seven_day_published: int | None
    seven_day_computed: int | None


def show_wallet(connection: sa.Connection, book: Fund, reference: str, on: date | None = None) -> WalletView:
    """Return a wallet: everything booked, or as of the end of `on` (so with the income of the day before).

    Raises: UnknownWallet, OutsideCalendar, BeforeOpening.
    """
    holder_id = wallets.find(connection, book, reference)
    if on is not None:
        _known(book, on)
    chart = book.chart
    if on is None:
        now = balances.of_holder(connection, holder_id)
    else:
        now = balances.as_of(connection, book.code, holder_id, chart, on)
    closed, _ = gates.read(connection, book.code)
    income = _income(connection, book, holder_id, on, INCOME)
    corrected = _income(connection, book, holder_id, on, [distribution.CORRECTED])
    if on is None:
        done = steps.days_with(connection, book, distribution.STEP)
        yesterday = income.get(done[-1] + timedelta(1), 0) if done else 0
    else:
        yesterday = income.get(on, 0)
    return WalletView(
        wallet=reference,
        fund=book.code,
        holding=Holding(*(now[chart[code].id] for code in HELD)),
        shortfall=now[chart["shortfall"].id],
        yesterday_income=yesterday,
        cumulative_income=sum(income.values()) + sum(corrected.values()),
        as_of=on or closed + timedelta(1),
    )


def statement(
    connection: sa.Connection, book: Fund, reference: str, first: date | None = None, last: date | None = None
) -> Statement:
    """Return a wallet's statement from `first` (default: the opening) to `last` (default: everything booked).

    Shape: lines by value date and booking; one for each account of hers that an entry moves.
    Raises: UnknownWallet, OutsideCalendar, BeforeOpening, InvalidRequest (`first` after `last`).
    """
    holder_id = wallets.find(connection, book, reference)
    latest = max(balances.last_date(connection, book.code) or book.opened_on, book.opened_on)
    begin, end = first or book.opened_on, last or max(latest, first or latest)
    for day in (first, last):
        if day is not None:
            _known(book, day)
    if begin > end:
        raise InvalidRequest("dates", f"{begin} is after {end}")
    chart = {a.id: a for a in book.chart}
    opening = balances.as_of(connection, book.code, holder_id, book.chart, begin - timedelta(1))
    running = dict(opening)
    lines: list[StatementLine] = []
    moves = balances.movements(connection, book.code, holder_id, begin, min(end, latest))
    for entry in _by_entry(moves):
        for number, amount in _net(entry, chart, running).items():
            running[number] += amount
            lines.append(_line(entry[0], chart[number], amount, running[book.chart["shares"].id]))
    held = [book.chart[code].id for code in HELD]
    return Statement(
        reference, begin, end, Holding(*(opening[n] for n in held)), lines, Holding(*(running[n] for n in held))
    )


def report_day(connection: sa.Connection, book: Fund, day: date) -> DayView:
    """Return what is to be told of one day. Raises: OutsideCalendar, BeforeOpening."""
    _known(book, day)
    published = figures.between(connection, book, day - timedelta(6), day)
    figure = published.get(day)
    seven_day = figure.seven_day if figure else None
    if figure and seven_day is None:
        seven_day = figures.computed_seven_day(published, day)
    as_of = balances.totals(connection, book.code, day)
    distributed, left_over, holders_paid = _distributed(connection, book, day)
    asked = _asked(connection, book, day)
    return DayView(
        day=day,
        is_trading_day=book.calendar.is_trading_day(day),
        income_per_10k=figure.income_per_10k if figure else None,
        seven_day=seven_day,
        pool_shares=distribution.pool(connection, book, day),
        distributed=distributed,
        left_over=left_over,
        holders_paid=holders_paid,
        transfers_in=asked.get(Kind.TRANSFER_IN, 0),
        payments=asked.get(Kind.PAYMENT, 0),
        refunds=asked.get(Kind.REFUND, 0),
        transfers_out=asked.get(Kind.TRANSFER_OUT_INSTANT, 0) + asked.get(Kind.TRANSFER_OUT_STANDARD, 0),
        advance_outstanding=proof.outstanding(book, as_of),
    )


def trial_balance(connection: sa.Connection, book: Fund, on: date | None = None) -> TrialBalance:
    """Return the trial balance as of the end of `on` (default: everything booked).

    Raises: OutsideCalendar, BeforeOpening.
    """
    if on is not None:
        _known(book, on)
    turnovers = balances.totals(connection, book.code, on)
    units: dict[str, list[tuple[Account, Turnover, int]]] = {}
    for account in book.chart:
        moved = turnovers.get(account.id, Turnover())
        units.setdefault(account.unit, []).append((account, moved, balances.balance_of(account, turnovers)))
    latest = balances.last_date(connection, book.code) or book.opened_on
    return TrialBalance(on or latest, units)


def yields(
    connection: sa.Connection, book: Fund, first: date | None = None, last: date | None = None
) -> list[YieldLine]:
    """Return the announced days from `first` to `last`, with the seven-day yield as published and as computed."""
    published = figures.between(connection, book, first - timedelta(6) if first else None, last)
    return [
        YieldLine(day, figure.income_per_10k, figure.seven_day, figures.computed_seven_day(published, day))
        for day, figure in published.items()
        if first is None or day >= first
    ]


def _known(book: Fund, day: date) -> None:
    book.known(day)
    if day < book.opened_on:
        raise BeforeOpening(day, book.opened_on)


def _income(
    connection: sa.Connection, book: Fund, holder_id: int, on: date | None, kinds: list[str]
) -> dict[date, int]:
    """Return a holder's income by value date, of some kinds of entries, negative where shares were taken away."""
    latest = balances.last_date(connection, book.code) or book.opened_on
    register = book.chart["register"]
    income: dict[date, int] = {}
    last = min(latest, on) if on else latest
    for m in balances.movements(connection, book.code, holder_id, book.opened_on, last, kinds):
        income[m.value_date] = income.get(m.value_date, 0) + balances.signed(m, register)
    return income


def _by_entry(moves: list[Movement]) -> list[list[Movement]]:
    entries: dict[int, list[Movement]] = {}
    for move in moves:
        entries.setdefault(move.entry_id, []).append(move)
    return list(entries.values())


def _net(entry: list[Movement], chart: dict[int, Account], kept: dict[int, int]) -> dict[int, int]:
    """Return what an entry does to the accounts of the holder, those that end where they were left out."""
    net: dict[int, int] = {}
    for move in entry:
        for number in (move.debit, move.credit):
            if number in kept:
                net[number] = net.get(number, 0) + balances.signed(move, chart[number])
    return {number: amount for number, amount in net.items() if amount}


def _line(move: Movement, account: Account, amount: int, shares_after: int) -> StatementLine:
    own = None if move.owner == HOUSE else move.request_id
    return StatementLine(
        move.value_date, move.booked_at, move.kind, own, account.code, amount, account.unit, shares_after
    )


def _distributed(connection: sa.Connection, book: Fund, day: date) -> tuple[int | None, int | None, int | None]:
    """Return what was booked (signed), the fen handed out beyond the cut parts, and how many wallets have income."""
    if steps.state(connection, book, day, distribution.STEP) is None:
        return None, None, None
    if not distribution.is_decided(connection, book, day):
        return 0, 0, 0
    _, _, allocation = distribution.decided(connection, book, day)
    register, p, e = book.chart["register"].id, posting.c, journal_entry.c
    wallets_of = sa.case((p.holder_id > HOUSE, p.holder_id))
    booked, paid = connection.execute(
        sa.select(total(distribution.credited(book)), sa.func.count(wallets_of.distinct()))
        .join(journal_entry, e.entry_id == p.entry_id)
        .where(
            e.book == book.code,
            e.value_date == day + timedelta(1),
            e.holder_id == HOUSE,
            e.kind.in_(INCOME),
            sa.or_(p.debit == register, p.credit == register),
        )
    ).one()
    return booked, allocation.left_over, paid


def _asked(connection: sa.Connection, book: Fund, day: date) -> dict[str, int]:
    """Return the accepted amounts of orders dated `day`, by kind."""
    e, o = journal_entry.c, customer_order.c
    rows = connection.execute(
        sa.select(o.kind, total(o.amount).label("amount"))
        .join(journal_entry, sa.and_(e.holder_id == o.holder_id, e.entry_id == o.entry_id))
        .where(e.book == book.code, e.value_date == day)
        .group_by(o.kind)
    )
    return {row.kind: row.amount for row in rows}
