"""The journal as a stream of events, read in order with bounded memory: what every format is made of.

`Begin` once; `Standing` with the opening balances; `Booking` by value date and entry, and after the bookings of each
closed day the `Standing` of the control accounts; in the end that of every wallet. `Used` comes before an account of a
wallet is first told of. Amounts are whole minor units, positive on the debit side.

Postings are summed by the database where no detail is wanted. Memory: a byte for each wallet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any, Literal

import sqlalchemy as sa

from ledger import balances
from ledger.balances import Turnover
from ledger.expressions import total
from ledger.model import Account, Side
from ledger.schema import account_total, balance, journal_entry, posting
from wallet import wallets
from wallet.errors import BeforeOpening, InvalidRequest, UnknownWallet
from wallet.progress import Progress
from wallet.rules.fund import Fund
from wallet.schema import wallet

_E, _P, _B, _T = journal_entry.c, posting.c, balance.c, account_total.c

Choice = Literal["all", "none"] | Sequence[str]

CONTROL, OTHERS = -2, -1
"""Numbers of the places that are no wallet: the control accounts, and the sum of all wallets that are not told of."""

ROWS_AHEAD = 10_000
MOST_WALLETS = 10_000
"""So many wallets may be named; a database takes no more values in one question."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What is read: the days, both inclusive, and the numbers of the wallets told of (None: all, empty: none)."""

    connection: sa.Connection
    book: Fund
    first: date
    last: date
    chosen: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where the accounts per holder are kept: wallet `number` opened as `reference`, OTHERS, or CONTROL."""

    number: int
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What a journal entry says beside its postings."""

    entry: int
    kind: str
    value_date: date
    booked_at: datetime
    request_id: str
    reverses: int | None
    memo: str | None


@dataclass(frozen=True, slots=True)
class Move:
    """One posting, or the sum of those of an entry between two accounts; `line` is the (first) posting's number."""

    line: int
    debit: Account
    credit: Account
    amount: int


@dataclass(frozen=True, slots=True)
class Begin:
    """The days of the export; everything before `first` is told as opening balances, dated the day before it."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Used:
    """An account of a place is told of for the first time, on a day."""

    day: date
    account: Account
    place: Place


@dataclass(frozen=True, slots=True)
class Booking:
    """The postings of one entry in one place; a bulk entry is as many bookings as it has wallets told of."""

    facts: Facts
    place: Place
    moves: tuple[Move, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """Balances as of the end of a day; those of CONTROL count all places together, but not in an `opening`."""

    day: date
    place: Place
    amounts: tuple[tuple[Account, int], ...]
    opening: bool = False


Event = Begin | Used | Booking | Standing


def scope_of(connection: sa.Connection, book: Fund, first: date | None, last: date | None, choice: Choice) -> Scope:
    """Return what is to be read; no day after the last one with an entry or a close is.

    Raises: OutsideCalendar, BeforeOpening, InvalidRequest (`first` after `last`, too many wallets), UnknownWallet.
    """
    for day in (first, last):
        if day is not None and book.known(day) < book.opened_on:
            raise BeforeOpening(day, book.opened_on)
    begin = first or book.opened_on
    if last is not None and begin > last:
        raise InvalidRequest("dates", f"{begin} is after {last}")
    known = balances.last_date(connection, book.code), balances.totalled_through(connection, book.code)
    latest = max([book.opened_on, *(day for day in known if day is not None)])
    end = max(min(last or latest, latest), begin - timedelta(1))
    return Scope(connection, book, begin, end, _chosen(connection, book, choice))


def _chosen(connection: sa.Connection, book: Fund, choice: Choice) -> tuple[int, ...] | None:
    if choice in ("all", "none"):
        return None if choice == "all" else ()
    if len(choice) > MOST_WALLETS:
        raise InvalidRequest("wallets", f"{len(choice)} are named, at most {MOST_WALLETS} can be: export all of them")
    found = wallets.find_all(connection, book, choice)
    for reference in choice:
        if reference not in found:
            raise UnknownWallet(reference)
    return tuple(sorted(found.values()))


def read(scope: Scope, progress: Progress = lambda *_: None) -> Iterator[Event]:
    """Yield the events of a scope in order."""
    yield Begin(scope.first, scope.last)
    yield from _announced(scope, _all_of(scope, progress))


def _all_of(scope: Scope, progress: Progress) -> Iterator[Booking | Standing]:
    before = scope.first - timedelta(1)
    through = balances.totalled_through(scope.connection, scope.book.code) or date.min
    standing = balances.totals(scope.connection, scope.book.code, before)
    if scope.first > scope.book.opened_on:
        yield from _opening(scope, before)
        if before <= through:
            yield _control(scope, before, standing)
    days = [scope.first + timedelta(n) for n in range((scope.last - scope.first).days + 1)]
    for number, day in enumerate(days, 1):
        yield from _bookings(scope, day)
        if day <= through:
            _add_totals(scope, day, standing)
            yield _control(scope, day, standing)
        progress("days", number, len(days))
    if scope.last > through:
        yield _control(scope, scope.last, balances.totals(scope.connection, scope.book.code, scope.last))
    if scope.chosen != ():
        yield from _closing(scope)


def _announced(scope: Scope, events: Iterable[Booking | Standing]) -> Iterator[Event]:
    """Put a `Used` before the first event of each account per holder, and leave out zeros of those never used."""
    last = scope.connection.execute(sa.select(sa.func.max(wallet.c.holder_id))).scalar() or 0
    bit = {a.id: 1 << n for n, a in enumerate(a for a in scope.book.chart if a.per_holder)}
    seen = bytearray(last + 1 - CONTROL)
    for event in events:
        place = event.place
        if place.number == CONTROL:
            yield event
            continue
        known = seen[place.number - CONTROL]
        if isinstance(event, Booking):
            day = event.facts.value_date
            touched = [side for move in event.moves for side in (move.debit, move.credit) if side.per_holder]
        else:
            day, amounts = event.day, tuple(a for a in event.amounts if a[1] or known & bit[a[0].id])
            touched, event = [a for a, _ in amounts], Standing(event.day, place, amounts, event.opening)
        for account in touched:
            if not known & bit[account.id]:
                known |= bit[account.id]
                yield Used(day, account, place)
        seen[place.number - CONTROL] = known
        if isinstance(event, Booking) or event.amounts:
            yield event


def _is_wallet(scope: Scope, holder_id: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    """Return what joins a wallet that is told of to a holder."""
    is_hers = wallet.c.holder_id == holder_id
    return is_hers if scope.chosen is None else sa.and_(is_hers, wallet.c.holder_id.in_(scope.chosen))


def _place(scope: Scope, per_holder: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    """Return the number of the place of a row that a wallet told of was joined to, if there is one."""
    if scope.chosen == ():
        return sa.literal(CONTROL, sa.BigInteger)
    return sa.func.coalesce(wallet.c.holder_id, sa.case((per_holder, OTHERS), else_=CONTROL))


def _kept(scope: Scope) -> list[int]:
    return [a.id for a in scope.book.chart if a.per_holder]


def _bookings(scope: Scope, day: date) -> Iterator[Booking]:
    """Yield the bookings of a day, by entry and place."""
    kept = _kept(scope)
    place = _place(scope, sa.or_(_P.debit.in_(kept), _P.credit.in_(kept)))
    each = (
        sa.select(_E.entry_id, _E.kind, _E.booked_at, _E.request_id, _E.reverses, _E.memo)
        .add_columns(place.label("place"), wallet.c.reference, _P.line, _P.debit, _P.credit, _P.amount)
        .join_from(journal_entry, posting, _of_entry())
        .outerjoin(wallet, _is_wallet(scope, _P.holder_id))
        .where(_E.book == scope.book.code, _E.value_date == day)
        .subquery()
    )
    *by, line, debit, credit, amount = each.c
    if scope.chosen is None:
        query = sa.select(each).order_by(each.c.entry_id, each.c.place, line)
    else:
        first = sa.func.min(line).label("first")
        query = sa.select(*by, first, debit, credit, total(amount)).group_by(*by, debit, credit)
        query = query.order_by(each.c.entry_id, each.c.place, first, debit, credit)
    accounts = {a.id: a for a in scope.book.chart}
    rows = scope.connection.execute(query, execution_options={"yield_per": ROWS_AHEAD})
    for (entry, kind, booked_at, *said), of_entry in groupby(rows, itemgetter(*range(6))):
        facts = Facts(entry, kind, day, booked_at, *said)
        for (number, reference), moves in groupby(of_entry, itemgetter(6, 7)):
            told = tuple(Move(n, accounts[debit], accounts[credit], fen) for *_, n, debit, credit, fen in moves)
            yield Booking(facts, Place(number, reference), told)


def _of_entry() -> sa.ColumnElement[bool]:
    """Return what joins an entry to its postings: its holder's, or those of the holders that it spans."""
    spanned = sa.and_(_E.first_holder.is_not(None), _P.holder_id.between(_E.first_holder, _E.last_holder))
    return sa.and_(_P.entry_id == _E.entry_id, sa.or_(_P.holder_id == _E.holder_id, spanned))


def _opening(scope: Scope, day: date) -> Iterator[Standing]:
    """Yield what the postings dated up to `day` add up to, by place."""
    accounts = [a.id for a in scope.book.chart]
    yield from _standings(scope, day, _moved(scope, accounts, 1, _E.value_date <= day), opening=True)


def _closing(scope: Scope) -> Iterator[Standing]:
    """Yield the stored balance of every wallet less the postings dated after the last day, by place."""
    kept = _kept(scope)
    debit = [a.id for a in scope.book.chart if a.normal_side is Side.DEBIT]
    stored = (
        sa.select(
            sa.func.coalesce(wallet.c.holder_id, OTHERS).label("place"),
            wallet.c.reference,
            _B.account_id.label("account"),
            sa.case((_B.account_id.in_(debit), _B.amount), else_=-_B.amount).label("amount"),
        )
        .join_from(balance, wallet, _is_wallet(scope, _B.holder_id), isouter=True)
        .where(_B.account_id.in_(kept))
    )
    parts = [stored]
    if (balances.last_date(scope.connection, scope.book.code) or scope.last) > scope.last:
        parts += _moved(scope, kept, -1, _E.value_date > scope.last)
    yield from _standings(scope, scope.last, parts)


def _moved(scope: Scope, accounts: list[int], sign: int, dated: sa.ColumnElement[bool]) -> list[sa.Select[Any]]:
    """Return selects of (place, reference, account, amount), both sides of the postings of some dates."""
    kept = _kept(scope)
    return [
        sa.select(
            sa.case((side.in_(kept), _place(scope, sa.true())), else_=CONTROL).label("place"),
            sa.case((side.in_(kept), wallet.c.reference)).label("reference"),
            side.label("account"),
            (signed * _P.amount).label("amount"),
        )
        .join_from(journal_entry, posting, _of_entry())
        .outerjoin(wallet, _is_wallet(scope, _P.holder_id))
        .where(_E.book == scope.book.code, dated, side.in_(accounts))
        for side, signed in ((_P.debit, sign), (_P.credit, -sign))
    ]


def _standings(scope: Scope, day: date, parts: list[sa.Select[Any]], *, opening: bool = False) -> Iterator[Standing]:
    each = sa.union_all(*parts).subquery()
    place = each.c.place, each.c.reference, each.c.account
    query = sa.select(*place, total(each.c.amount)).group_by(*place).order_by(each.c.place, each.c.account)
    accounts = {a.id: a for a in scope.book.chart}
    rows = scope.connection.execute(query, execution_options={"yield_per": ROWS_AHEAD})
    for (number, reference), of_place in groupby(rows, key=lambda row: tuple(row[:2])):
        amounts = tuple((accounts[account], amount) for *_, account, amount in of_place)
        yield Standing(day, Place(number, reference), amounts, opening)


def _control(scope: Scope, day: date, turnovers: dict[int, Turnover]) -> Standing:
    """Return every account's balance as of the end of a day, from its turnover since the opening."""
    moved = ((a, turnovers.get(a.id, Turnover())) for a in scope.book.chart)
    return Standing(day, Place(CONTROL), tuple((a, turnover.debits - turnover.credits) for a, turnover in moved))


def _add_totals(scope: Scope, day: date, turnovers: dict[int, Turnover]) -> None:
    """Add the stored totals of a closed day."""
    for row in scope.connection.execute(
        sa.select(_T.account_id, _T.debits, _T.credits).where(_T.book == scope.book.code, _T.value_date == day)
    ):
        turnovers[row.account_id] = turnovers.get(row.account_id, Turnover()) + Turnover(row.debits, row.credits)
