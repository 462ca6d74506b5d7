"""A season of the wallet, for show: customers around Mid-Autumn and National Day 2013, on the published figures.

Everything follows from the seed: who tops up when, what is paid where, what is sent back. Nothing asks the clock.
Orders are booked in one transaction for each part of a day, the day itself at its end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from importlib.resources import as_file, files
from random import Random
from typing import Any

import sqlalchemy as sa

from calendars import TradingCalendar
from wallet import facade
from wallet.errors import InsufficientFunds, InvalidRequest, LimitExceeded
from wallet.facade import Check, Figure, Fund, Payment, Receipt, Refund, TransferIn, TransferOut
from wallet.progress import Progress
from wallet.reports import DayView, Statement, TrialBalance
from wallet.requests import Order

MOST_WALLETS = 100_000
PARTS_OF_DAY = ((9, 12), (12, 15), (15, 22))
"""First hour and the hour after the last; the cutoff at 15:00 lies between two parts."""

MERCHANTS = ("bakery", "bookshop", "cinema", "grocer", "railway", "teahouse")
JOINING_DAYS = 3
TOP_UP, PAY, PAY_ON_A_CLOSED_DAY, TRANSFER_OUT, SEND_BACK = 0.008, 0.025, 0.045, 0.006, 0.06
"""Chances of one wallet in one part of a day; the last, of one payment."""

Wish = tuple[Callable[..., Receipt], Order]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to play: how many wallets, from which day through which, and the seed of all chance."""

    wallets: int
    first: date
    last: date
    seed: int


@dataclass(frozen=True, slots=True)
class Season:
    """What came of a plan. `orders` counts the accepted ones by kind; `refused` were those without money or room."""

    fund: str
    plan: Plan
    orders: dict[str, int]
    refused: int
    days: list[DayView]
    statement: Statement
    trial_balance: TrialBalance
    checks: list[Check]


@dataclass(slots=True)
class _Town:
    """The customers and their habits: what they did by kind, and the refunds they will get."""

    book: Fund
    rng: Random
    made: int = 0
    refused: int = 0
    done: dict[str, Counter[str]] = field(default_factory=dict)
    refunds: dict[date, list[tuple[str, str, int]]] = field(default_factory=dict)

    def below(self, bound: int) -> int:
        return int(self.rng.random() * bound)

    def amount(self, low: int, high: int) -> int:
        """Return an amount between two of whole yuan, in fen, a small one more likely than a large one."""
        chance = self.rng.random()
        return low * 100 + int((high - low) * 100 * chance * chance * chance)

    def words(self, wallet: str, amount: int, what: str, day: date, hours: tuple[int, int]) -> dict[str, Any]:
        """Return what every order says, at a moment between two hours."""
        self.made += 1
        at = self.book.instant(day, time(hours[0])) + timedelta(seconds=self.below((hours[1] - hours[0]) * 3600))
        return {"wallet": wallet, "amount": amount, "request_id": f"{what}-{self.made}", "at": at}


def play(engine: sa.Engine, plan: Plan, progress: Progress, calendar: TradingCalendar | None = None) -> Season:
    """Play a plan in an empty database and return what came of it.

    Raises: InvalidRequest (a plan beyond the published figures), OutsideCalendar, BookExists.
    """
    figures = _figures(plan)
    with engine.begin() as connection:
        book = facade.create(connection, plan.first, calendar=calendar)
        facade.announce(connection, book, figures)
        names = [f"customer-{n:04}" for n in range(1, plan.wallets + 1)]
        opened_at = book.instant(plan.first, time(0))
        facade.open_wallets(connection, book, [facade.Opening(wallet=name, at=opened_at) for name in names])
    town = _Town(book, Random(plan.seed))
    joining = {name: plan.first + timedelta(town.below(JOINING_DAYS)) for name in names}
    days = _days(plan)
    for number, day in enumerate(days, 1):
        for hours in PARTS_OF_DAY:
            wishes = sorted(_wishes(town, joining, day, hours), key=lambda wish: wish[1].at)
            with engine.begin() as connection:
                for operation, order in wishes:
                    _serve(connection, town, operation, order)
        status = facade.run_day(engine, book, day, book.instant(day + timedelta(1), time(0)))
        assert status.blocked_by is status.failed_by is None, status
        progress("days", number, len(days))
    busiest = max(names, key=lambda name: len(town.done.get(name, ())))
    with facade.reading(engine) as connection:
        return _season(connection, town, plan, busiest, progress)


def _figures(plan: Plan) -> list[Figure]:
    """Return the published figures through the plan's last day. Raises: InvalidRequest."""
    if not 1 <= plan.wallets <= MOST_WALLETS:
        raise InvalidRequest(f"{plan.wallets} wallets", f"the demo makes 1 to {MOST_WALLETS}")
    with as_file(files("wallet") / "data" / "000198_2013H2.csv") as path:
        published = facade.read_csv(path, facade.SAMPLE_FUND)
    first, last = published[0].day, published[-1].day
    if not first <= plan.first <= plan.last <= last:
        raise InvalidRequest(f"days {plan.first} through {plan.last}", f"figures are known from {first} through {last}")
    return [figure for figure in published if figure.day <= plan.last]


def _days(plan: Plan) -> list[date]:
    return [plan.first + timedelta(n) for n in range((plan.last - plan.first).days + 1)]


def _wishes(town: _Town, joining: dict[str, date], day: date, hours: tuple[int, int]) -> Iterator[Wish]:
    """Yield what the customers want in a part of a day, in no order of time."""
    if hours is PARTS_OF_DAY[0]:
        for name in (name for name, on in joining.items() if on == day):
            yield facade.transfer_in, TransferIn(**town.words(name, town.amount(400, 20_000), "top-up", day, hours))
    if hours is PARTS_OF_DAY[1]:
        for name, payment, amount in town.refunds.pop(day, []):
            yield facade.refund, Refund(**town.words(name, amount, "refund", day, hours), payment=payment)
    pays = PAY if town.book.calendar.is_trading_day(day) else PAY_ON_A_CLOSED_DAY
    for name in (name for name, on in joining.items() if on < day):
        if town.rng.random() < TOP_UP:
            yield facade.transfer_in, TransferIn(**town.words(name, town.amount(50, 5_000), "top-up", day, hours))
        if town.rng.random() < pays:
            merchant = MERCHANTS[town.below(len(MERCHANTS))]
            yield facade.pay, Payment(**town.words(name, town.amount(5, 800), "pay", day, hours), merchant=merchant)
        if town.rng.random() < TRANSFER_OUT:
            words = town.words(name, town.amount(50, 4_000), "out", day, hours)
            yield facade.transfer_out, TransferOut(**words, kind="instant" if town.below(2) else "standard")


def _serve(connection: sa.Connection, town: _Town, operation: Callable[..., Receipt], order: Order) -> None:
    """Ask for one order; one that is refused leaves nothing behind, and the transaction goes on."""
    try:
        receipt = operation(connection, town.book, order)
    except (InsufficientFunds, LimitExceeded):
        town.refused += 1
        return
    town.done.setdefault(order.wallet, Counter())[str(receipt.kind)] += 1
    if isinstance(order, Payment) and town.rng.random() < SEND_BACK:
        back_on = order.at.date() + timedelta(1 + town.below(3))
        part = order.amount if town.below(2) else max(1, order.amount // 2)
        town.refunds.setdefault(back_on, []).append((order.wallet, order.request_id, part))


def _season(connection: sa.Connection, town: _Town, plan: Plan, busiest: str, progress: Progress) -> Season:
    orders: Counter[str] = sum(town.done.values(), Counter())
    return Season(
        town.book.code,
        plan,
        dict(sorted(orders.items())),
        town.refused,
        [facade.report_day(connection, town.book, day) for day in _days(plan)],
        facade.statement(connection, town.book, busiest),
        facade.trial_balance(connection, town.book),
        facade.verify(connection, town.book, progress),
    )
