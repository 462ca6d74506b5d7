"""A wallet's day, explained: what it held, what it earned and why, what became of its orders. Reads only.

Everything follows from postings, published figures and what orders asked for, by the rules; then it is compared with
what is stored, and each difference is a fact of its own. What concerns all holders (the whole, the threshold of the
largest remainders) is taken as it was written down: only `verify` recomputes it.

Units: fen, hundredths of a share; text is the terminal's business.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa

from calendars import Closure
from ledger import balances, gates
from ledger.balances import Movement
from ledger.model import HOUSE
from wallet import distribution, steps, wallets
from wallet.errors import BeforeOpening, InvalidRequest
from wallet.lifecycle import Application, Found, Lifecycle, Redemption
from wallet.outside import files, inbox
from wallet.outside.schema import agent_income
from wallet.reports import HELD, Holding
from wallet.rules.amounts import show_amount, show_figure
from wallet.rules.explanation import Share, closed_days, share
from wallet.rules.fund import Fund
from wallet.rules.income import Allocation
from wallet.schema import announcement, wallet
from wallet.schema import distribution as distributed

KEPT = (*HELD, "shortfall")
OF_INCOME = (distribution.ENTRY, distribution.DIFFERENCE, distribution.CORRECTED)


@dataclass(frozen=True, slots=True)
class Move:
    """What one entry did to the wallet's accounts, signed; `request_id` is None for the steps of the day."""

    kind: str
    booked_at: datetime
    request_id: str | None
    shares: int
    redeeming: int
    in_transit: int
    customer_payable: int
    shortfall: int


@dataclass(frozen=True, slots=True)
class Published:
    """One version of a day's figure; the last one holds, unless it came when the income was distributed already.

    Units: as `figures.Figure`.
    """

    version: int
    income_per_10k: int
    seven_day: int | None
    control_total: int | None
    source: str


class Known(StrEnum):
    """How much of a day's income is known."""

    DAY_OPEN = "day_not_closed"
    NO_FIGURE = "no_figure"
    UNDISTRIBUTED = "not_distributed"
    DISTRIBUTED = "distributed"


@dataclass(frozen=True, slots=True)
class Everyone:
    """How the income of all holders was handed out, as it was written down. Units: `threshold` in 1e-8 fen.

    A fen of `left_over` went to every remainder above `threshold`, and of those equal to it to the numbers up to
    `last_tie`; both are None where cutting left nothing over.
    """

    pool: int
    whole: int
    left_over: int
    threshold: int | None
    last_tie: int | None


@dataclass(frozen=True, slots=True)
class Income:
    """What the wallet earned for the day, and how: by `version` of the figures. None: not known yet, does not apply.

    `credited`: what is booked, dated `credited_on`; of a loss `shortfall` is the part that was no longer there, of a
    gain `repaid` what repaid an earlier one. By the transfer agent's record it is `by_agent`; `difference` is what that
    is more than `credited`, booked beside it. `corrected`: what figures that were published again brought later.
    `cumulative`: all income dated up to `credited_on`.
    """

    known: Known
    figures: list[Published]
    version: int | None
    earning: int
    part: Share | None
    everyone: Everyone | None
    income: int | None
    credited: int
    credited_on: date
    shortfall: int
    repaid: int
    by_agent: int | None
    difference: int
    corrected: int
    cumulative: int


@dataclass(frozen=True, slots=True)
class Difference:
    """Something stored that does not follow from postings, figures and rules."""

    what: str
    where: str
    stored: str
    derived: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """One day of one wallet; `number` decides ties, `closed` is why there was no trading on the day."""

    wallet: str
    number: int
    fund: str
    day: date
    closed: Closure | None
    purchases_suspended: bool
    is_closed: bool
    before: Holding
    moves: list[Move]
    held: Holding
    shortfall_before: int
    shortfall: int
    income: Income
    applications: list[Application]
    redemptions: list[Redemption]
    differences: list[Difference]


def explain(
    connection: sa.Connection, book: Fund, reference: str, day: date, *, today: date | None = None
) -> Explanation:
    """Return what `day` was for one wallet, and why.

    Shape: moves, applications and redemptions in the order in which they were booked.
    Raises: UnknownWallet, OutsideCalendar, BeforeOpening, InvalidRequest (a day after `today`, or before the wallet
    was opened and anything was booked for it).
    """
    number = wallets.find(connection, book, reference)
    if book.known(day) < book.opened_on:
        raise BeforeOpening(day, book.opened_on)
    if today is not None and day > today:
        raise InvalidRequest("date", f"{day} is in the future, today is {today}")
    latest = balances.last_date(connection, book.code) or book.opened_on
    moves = balances.movements(connection, book.code, number, book.opened_on, latest)
    opened_at = connection.execute(sa.select(wallet.c.opened_at).where(wallet.c.holder_id == number)).scalar_one()
    opened_on = book.calendar.local_date(opened_at)
    if day < opened_on and not any(move.value_date <= day for move in moves):
        raise InvalidRequest("date", f"{day} is before the wallet was opened on {opened_on}")
    of_day = [m for m in moves if m.value_date == day]
    before = _kept(book, [m for m in moves if m.value_date < day])
    held = {code: before[code] + moved for code, moved in _kept(book, of_day).items()}
    is_closed = day <= gates.read(connection, book.code)[0]
    income, wrong = _income(connection, book, number, day, moves, held, is_closed=is_closed)
    orders = Lifecycle(connection, book, number, day, moves)
    wrong += orders.differences(held["in_transit"], held["redeeming"])
    return Explanation(
        wallet=reference,
        number=number,
        fund=book.code,
        day=day,
        closed=next(iter(closed_days(book.calendar, day, day)), None),
        purchases_suspended=book.terms_on(day).is_suspended(day),
        is_closed=is_closed,
        before=_holding(before),
        moves=_moves(book, of_day),
        held=_holding(held),
        shortfall_before=before["shortfall"],
        shortfall=held["shortfall"],
        income=income,
        applications=orders.applications,
        redemptions=orders.redemptions(),
        differences=[Difference(*found) for found in (*_unlike_balances(connection, book, number, moves), *wrong)],
    )


def _kept(book: Fund, moves: Sequence[Movement]) -> dict[str, int]:
    return {code: sum(balances.signed(m, book.chart[code]) for m in moves) for code in KEPT}


def _holding(kept: dict[str, int]) -> Holding:
    return Holding(*(kept[code] for code in HELD))


def _moves(book: Fund, moves: Sequence[Movement]) -> list[Move]:
    """Return what each entry of a day did, those that only moved what is not hers left out."""
    entries: dict[int, list[Movement]] = {}
    for move in moves:
        entries.setdefault(move.entry_id, []).append(move)
    each = [(entry[0], _kept(book, entry)) for entry in entries.values()]
    return [
        Move(first.kind, first.booked_at, None if first.owner == HOUSE else first.request_id, **net)
        for first, net in each
        if any(net.values())
    ]


def _income(
    connection: sa.Connection,
    book: Fund,
    number: int,
    day: date,
    moves: Sequence[Movement],
    held: dict[str, int],
    *,
    is_closed: bool,
) -> tuple[Income, list[Found]]:
    """Return the income of `day`, and what of it is stored otherwise than it follows."""
    figures_of_day = _figures(connection, book, day)
    version, stored_rate, allocation = _decided(connection, book, day)
    used = next((f for f in figures_of_day if f.version == version), figures_of_day[-1] if figures_of_day else None)
    rate = used.income_per_10k if used else 0
    is_booked = steps.is_booked(connection, book, day, distribution.STEP, number)
    earning, next_day = held["shares"] + held["redeeming"], day + timedelta(1)
    part = share(number, earning, rate, allocation) if figures_of_day else None
    known = Known.DISTRIBUTED if is_booked else Known.UNDISTRIBUTED if part else Known.NO_FIGURE
    mine = [m for m in moves if m.kind in OF_INCOME]
    dated = [m for m in mine if m.value_date == next_day and m.kind != distribution.CORRECTED]
    corrected = [m for m in mine if m.kind == distribution.CORRECTED and f" {day} v" in f"{m.request_id}"]
    owed = _kept(book, dated)["shortfall"]

    def sum_of(of: Sequence[Movement], *kinds: str) -> int:
        return sum(balances.signed(m, book.chart["register"]) for m in of if m.kind in kinds)

    income = Income(
        known=known if is_closed else Known.DAY_OPEN,
        figures=figures_of_day,
        version=used.version if used else None,
        earning=earning,
        part=part,
        everyone=_everyone(rate, allocation) if allocation else None,
        income=part.cut + part.extra if part and part.extra is not None else None,
        credited=sum_of(dated, distribution.ENTRY),
        credited_on=next_day,
        shortfall=max(0, owed),
        repaid=max(0, -owed),
        by_agent=_by_agent(connection, book, day, number),
        difference=sum_of(dated, distribution.DIFFERENCE),
        corrected=sum_of(corrected, distribution.CORRECTED),
        cumulative=sum_of([m for m in mine if m.value_date <= next_day], *OF_INCOME),
    )
    return income, _wrong(day, income, stored_rate if allocation else rate, rate, is_booked=is_booked)


def _wrong(day: date, income: Income, stored_rate: int, rate: int, *, is_booked: bool) -> list[Found]:
    """Return what of a day's income is stored otherwise than it follows."""
    wrong: list[Found] = []
    if stored_rate != rate:
        wrong.append(("figure", f"distribution of {day}", show_figure(stored_rate), show_figure(rate)))
    right = (income.income or 0) if is_booked else 0
    theirs = income.credited if income.by_agent is None or not is_booked else income.by_agent
    for what, booked, derived in (
        ("income", income.credited, right),
        ("income difference", income.difference, theirs - income.credited),
    ):
        if booked != derived:
            wrong.append((what, f"dated {income.credited_on}", show_amount(booked), show_amount(derived)))
    return wrong


def _by_agent(connection: sa.Connection, book: Fund, day: date, number: int) -> int | None:
    """Return a wallet's income by the transfer agent's record of a day; None if there is no record."""
    if files.of_day(connection, book, inbox.INCOME, day) is None:
        return None
    i = agent_income.c
    told: int | None = connection.execute(sa.select(i.income).where(i.holder_id == number, i.day == day)).scalar()
    return told or 0


def _figures(connection: sa.Connection, book: Fund, day: date) -> list[Published]:
    a = announcement.c
    query = (
        sa.select(a.version, a.income_per_10k, a.seven_day, a.control_total, a.source)
        .where(a.fund == book.code, a.day == day)
        .order_by(a.version)
    )
    return [Published(*row) for row in connection.execute(query)]


def _decided(connection: sa.Connection, book: Fund, day: date) -> tuple[int, int, Allocation | None]:
    """Return the version and the figure by which a day is distributed, and the allocation; 0, 0 and None before."""
    if not distribution.is_decided(connection, book, day):
        return 0, 0, None
    d = distributed.c
    version = connection.execute(sa.select(d.version).where(d.fund == book.code, d.day == day)).scalar_one()
    rate, _, allocation = distribution.decided(connection, book, day)
    return version, rate, allocation


def _everyone(rate: int, allocation: Allocation) -> Everyone:
    whole, left_over = allocation.whole, allocation.left_over
    ends = (allocation.threshold, allocation.last_tie) if left_over else (None, None)
    return Everyone(allocation.pool, -whole if rate < 0 else whole, left_over, *ends)


def _unlike_balances(connection: sa.Connection, book: Fund, number: int, moves: Sequence[Movement]) -> Iterator[Found]:
    """Yield the balances, everything booked counted, that are not the sums of their postings."""
    stored = balances.of_holder(connection, number)
    for code, derived in _kept(book, moves).items():
        told = stored[book.chart[code].id]
        if told != derived:
            yield code, "balance", show_amount(told), show_amount(derived)
