"""A storm: many processes pay out of the same wallets while the day is run, on a real database.

Customers' clocks follow one simulated instant that the conductor moves on; it stops at midnights and cutoffs no longer
than anywhere else, so orders race with confirm, cutoff, close and distribute. Each process keeps what it was answered,
and how long it waited. Afterwards everything is checked; `replay` puts the accepted orders through the model.
"""

from __future__ import annotations

import multiprocessing as mp
import random
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from multiprocessing.sharedctypes import Synchronized
from typing import Any, Literal

import sqlalchemy as sa

from ledger.schema import book_gate, journal_entry
from tests.desk import SHANGHAI, Desk
from tests.model import Model, sample_terms
from wallet import facade, limits
from wallet.audit.model import CUTOFF
from wallet.confirmation import ENTRY as CONFIRMATION
from wallet.distribution import ENTRY as INCOME
from wallet.facade import Fund, FundwalletError
from wallet.rules.spending import OrderOfUse
from wallet.schema import customer_order

FIRST = datetime(2013, 9, 16, 9, tzinfo=SHANGHAI)
MERCHANT = "the one merchant"
LATE = 0.05  # of the orders: an hour old when they arrive


@dataclass
class Storm:
    """What a storm left: accepted requests, refusals by code, the longest wait in seconds, orders a second."""

    accepted: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    longest: float = 0.0
    seconds: float = 0.0
    day_runs: int = 0
    cuts: dict[date, int] = field(default_factory=dict)  # by trade date: the last entry booked before its cutoff

    @property
    def rate(self) -> float:
        """Return accepted orders a second."""
        return len(self.accepted) / self.seconds


def rage(url: str, processes: int, seconds: float, wallets: int = 50, seed: int = 1) -> Storm:
    """Let `processes` customers' processes rage for `seconds`, while this one moves the clock and runs the days."""
    context = mp.get_context("spawn")
    clock = context.Value("q", _micro(FIRST))
    answers: Any = context.Queue()
    stop = context.Event()
    workers = [
        context.Process(target=_customers, args=(url, seed * 1000 + n, wallets, clock, stop, answers))
        for n in range(processes)
    ]
    for worker in workers:
        worker.start()
    storm = Storm()
    for _ in workers:
        answers.get(timeout=60)  # one "ready" of each
    began = time.monotonic()
    _conduct(url, clock, began + seconds, storm)
    stop.set()
    storm.seconds = time.monotonic() - began
    for _ in workers:
        accepted, refused, longest = answers.get(timeout=60)
        storm.accepted += accepted
        storm.refused += refused
        storm.longest = max(storm.longest, longest)
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0, "a customer's process failed"
    return storm


def _conduct(url: str, clock: Synchronized[int], until: float, storm: Storm) -> None:
    """Move the simulated clock, an hour at a time, and run the day whenever a step may be due."""
    engine = facade.connect(url)
    with facade.reading(engine) as connection:
        book = facade.load(connection)
    sa.event.listen(engine, "commit", lambda connection: _note_cut(connection, storm.cuts))
    now = FIRST
    while time.monotonic() < until or (storm.day_runs < 2 and time.monotonic() < until + 60):
        time.sleep(0.05)
        now += timedelta(hours=1)
        clock.value = _micro(now)
        if now.hour in (0, 15):
            time.sleep(0.05)
            facade.run_day(engine, book, now.date(), now)
            storm.day_runs += 1
    engine.dispose()


def _note_cut(connection: sa.Connection, cuts: dict[date, int]) -> None:
    """Note where in the journal a cutoff stands: its transaction, about to commit, has waited for all orders before."""
    cut = connection.execute(
        sa.select(sa.func.max(book_gate.c.cut_through, type_=book_gate.c.cut_through.type))
    ).scalar_one()
    if cut not in cuts:
        cuts[cut] = connection.execute(sa.select(sa.func.max(journal_entry.c.entry_id))).scalar_one() or 0


def _customers(url: str, seed: int, wallets: int, clock: Synchronized[int], stop: Any, answers: Any) -> None:
    """Be many customers in one process: ask at random, keep what was answered."""
    rng = random.Random(seed)
    engine = facade.connect(url)
    with facade.reading(engine) as connection:
        book = facade.load(connection)
    accepted: list[str] = []
    paid: list[tuple[str, str]] = []
    refused: Counter[str] = Counter()
    longest = 0.0
    answers.put("ready")
    number = 0
    while not stop.is_set():
        number += 1
        request_id = f"{seed}-{number}"
        at = datetime.fromtimestamp(clock.value / 1_000_000, SHANGHAI) + timedelta(microseconds=rng.randrange(10**6))
        at -= timedelta(hours=rng.random() < LATE)
        wallet = f"w{rng.randrange(wallets)}"
        began = time.monotonic()
        try:
            with engine.begin() as connection:
                kind = _ask(connection, book, rng, wallet, request_id, at, paid)
            accepted.append(request_id)
            if kind == "payment":
                paid.append((wallet, request_id))
        except FundwalletError as refusal:
            refused[refusal.code] += 1
        except sa.exc.OperationalError as error:
            refused[f"the database: {error.orig}"] += 1
        longest = max(longest, time.monotonic() - began)
    answers.put((accepted, refused, longest))
    engine.dispose()


def _ask(
    connection: sa.Connection,
    book: Fund,
    rng: random.Random,
    wallet: str,
    request_id: str,
    at: datetime,
    paid: list[tuple[str, str]],
) -> str:
    """Ask for one random thing and return its kind."""
    amount = rng.choice((1, 10_00, rng.randrange(1, 500_00), rng.randrange(1, 5_000_00)))
    what = rng.random()
    if what < 0.30:
        amount += 100_00
        return facade.transfer_in(
            connection, book, facade.TransferIn(wallet=wallet, amount=amount, request_id=request_id, at=at)
        ).kind
    if what < 0.75:
        use = order_of_use(request_id)
        payment = facade.Payment(
            wallet=wallet, amount=amount, merchant=MERCHANT, request_id=request_id, at=at, order_of_use=use
        )
        return facade.pay(connection, book, payment).kind
    if what < 0.85 and paid:
        wallet, payment_id = rng.choice(paid)
        refund = facade.Refund(wallet=wallet, payment=payment_id, amount=amount, request_id=request_id, at=at)
        return facade.refund(connection, book, refund).kind
    kind: Literal["instant", "standard"] = rng.choice(("instant", "standard"))
    out = facade.TransferOut(wallet=wallet, amount=amount, kind=kind, request_id=request_id, at=at)
    return facade.transfer_out(connection, book, out).kind


def prepare(url: str, wallets: int = 50, facility: int | None = None) -> Desk:
    """Open a book with figures and `wallets` wallets."""
    terms = facade.SAMPLE_TERMS
    if facility is not None:
        terms = tuple(replace(version, facility=facility) for version in terms)
    desk = Desk.open(url, terms=terms, wallets=[f"w{n}" for n in range(wallets)])
    for back in range(60):
        desk.announce((date(2013, 9, 16) + timedelta(back)).isoformat(), 12_345 + 17 * back)
    return desk


def check(desk: Desk, storm: Storm) -> None:
    """Assert that every acknowledged request is there once, no other is, and that everything proves."""
    with facade.reading(desk.engine) as connection:
        e, o = journal_entry.c, customer_order.c
        same = sa.and_(e.entry_id == o.entry_id, e.holder_id == o.holder_id)
        booked = list(connection.execute(sa.select(e.request_id).join(customer_order, same)).scalars())
        used = limits.used(connection, desk.book.code, limits.FACILITY)
    assert sorted(booked) == sorted(storm.accepted), "acknowledged and booked differ"
    assert not [why for why in storm.refused if why.startswith("the database")], storm.refused
    assert used <= desk.book.terms[0].facility
    assert not desk.verify()


def replay(desk: Desk, storm: Storm, wallets: int = 50) -> None:
    """Put the accepted orders through the independent model in journal order, and compare every wallet.

    A cutoff writes no entry, so where it stands among them is the storm's to know: a payment of 14:59 that arrived
    after it takes nothing back.
    """
    calendar = desk.book.calendar
    days = [day for year in (2013, 2014) for day in calendar.trading_days(year)]
    terms = [replace(version, facility=10**13) for version in sample_terms()]
    model = Model(days, calendar.first, calendar.last, desk.book.opened_on, terms)
    for n in range(wallets):
        model.open_wallet(f"w{n}", FIRST)
    for back in range(60):
        model.announce(date(2013, 9, 16) + timedelta(back), 12_345 + 17 * back)
    cuts = sorted((entry_id, day) for day, entry_id in storm.cuts.items() if day >= desk.book.opened_on)
    for event in _history(desk):
        while cuts and cuts[0][0] < event.entry_id:
            model.run(cuts[0][1], datetime.combine(cuts.pop(0)[1], CUTOFF, SHANGHAI))
        if event.kind in (CONFIRMATION, INCOME):
            midnight = datetime.combine(event.value_date, datetime.min.time(), SHANGHAI)
            model.run(event.value_date - timedelta(event.kind == INCOME), midnight)
            continue
        _repeat(model, event)
    through = _last_day(desk)
    model.run(through, datetime.combine(through + timedelta(1), datetime.min.time(), SHANGHAI))
    model.check()
    for n in range(wallets):
        mine, theirs = desk.holding(f"w{n}", through.isoformat()), model.show(n + 1, through)
        for code in ("shares", "redeeming", "in_transit", "customer_payable"):
            assert mine[code] == theirs[code], (n, code, mine, theirs)


def _last_day(desk: Desk) -> date:
    with facade.reading(desk.engine) as connection:
        return max(day for day, _ in facade.day_status(connection, desk.book, FIRST + timedelta(999)).days)


def _history(desk: Desk) -> list[Any]:
    e, o = journal_entry.c, customer_order.c
    paid = journal_entry.alias("paid")
    query = (
        sa.select(
            e.entry_id,
            e.holder_id,
            e.kind,
            e.value_date,
            e.request_id,
            o.at,
            o.amount,
            o.merchant,
            paid.c.request_id.label("payment"),
        )
        .join_from(
            journal_entry, customer_order, sa.and_(e.entry_id == o.entry_id, e.holder_id == o.holder_id), isouter=True
        )
        .join(paid, sa.and_(paid.c.entry_id == o.payment, paid.c.holder_id == o.holder_id), isouter=True)
        .where(sa.or_(o.entry_id.is_not(None), e.kind.in_([CONFIRMATION, INCOME])))
        .order_by(e.entry_id)
    )
    with facade.reading(desk.engine) as connection:
        return list(connection.execute(query))


def _repeat(model: Model, event: Any) -> None:
    holder, amount, name, at = event.holder_id, event.amount, event.request_id, event.at.astimezone(SHANGHAI)
    if event.kind == "transfer_in":
        model.transfer_in(holder, amount, name, at)
    elif event.kind == "payment":
        model.pay(holder, amount, event.merchant, name, at, order_of_use(name))
    elif event.kind == "refund":
        model.refund(holder, event.payment, amount, name, at)
    else:
        model.transfer_out(holder, amount, event.kind.removeprefix("transfer_out_"), name, at)


def order_of_use(request_id: str) -> OrderOfUse | None:
    """Return the order of use that a request asks for; it is no part of the books, so it follows from the name."""
    return OrderOfUse.CONFIRMED_FIRST if request_id.endswith(("1", "2", "3")) else None


def _micro(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000)
