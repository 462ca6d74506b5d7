"""The product against the independent model, in any order of commands and days, and proof that it would notice.

`tests.simulation` says what is compared; here it is driven by seeds and by hypothesis, on both databases. A failure
prints the seed and the commands, hypothesis the shrunken ones.

FAULTS are mistakes that somebody could make in the product. Each is planted while the program runs, by changing a
line of a function, and has to be found from a fixed seed on within a bounded number of steps:

    cutoff included                      an order of exactly 15:00:00 belongs to the day that ends there
    taken back at the cutoff             a payment of exactly 15:00:00 takes money back from the order
    taken back after a booked cutoff     a payment dated back takes money back that is applied for already
    the day read in any zone             natural days are read in the zone of the caller's instant
    a cut trade date accepted            an order joins the trade date that was cut last
    a closed day accepted                an order is dated into the day that was closed last
    a repeat refused after the close     a request asked again is judged like a new one
    the merchant not compared            the same payment to another merchant passes as a repeat
    the last terms for all               an order is judged by the newest terms, not by those of its instant
    suspension ends early                the last day of a suspension is open
    the cap forgets redeeming            shares under a standard redemption do not count for the holding cap
    a limit for each order               instant transfers-out of a day are not added up
    payments count as transfers          payments use up the daily limits of transfers
    a fen over the bound                 facility and quota let one fen more pass
    facility never released              paying the advancer makes no room
    refunds not counted                  refunds of a payment are not added up
    refunds without limit                a refund is held against the payment alone
    a refund refunded                    what is no payment is refunded
    oldest money first                   money in transit is spent in the order it came
    equal instants turned round          of orders of one instant the earlier booked is spent first
    late money apart from shares         money that became shares unbooked does not stand with the shares
    money of a later instant             a payment dated back spends what came in after it
    shares of a later day                a payment dated back spends shares of a later value date
    the fund's order of use ignored      without a word of the caller, always the unconfirmed first
    advancer redeems at once             on the payment's trade date, also before the shares are confirmed
    advancer redeems a day early         what is due on a trade date goes with the one before
    claims not returned                  the advancer never gets what was paid from unbooked shares
    claims served last                   of a part, claims come after what passed in transit
    latest payment served first          of a part, the advancer's later payments come first
    shortfall kept at a confirmation     confirmed shares do not repay a shortfall
    shortfall kept at an income          income does not repay a shortfall
    income rounded                       the pool's own total is rounded, not cut
    the rest not handed out              what cutting leaves over is nobody's
    ties to the higher number            of equal fractions the higher number gets the fen
    control total ignored                the pool's own total is taken always
    income on shares spent that day      holdings are those of the end of the day before
    redeeming earns nothing              shares under a standard redemption stop earning at once
    advancer's income earns nothing      the advancer's income shares do not earn
    negative income of what is there now shares that come later pay for a day on which there are none
    the first figure kept                a figure that is replaced stays in force
    a distributed figure replaced        also when its day is distributed
    a missing figure is zero             a day without a figure is distributed as nothing
    cutoff waits for the close           a late figure stops the next cutoff
    close without the income before      a day is closed although the one before is not distributed
    ten days looked back                 steps of more than ten days ago count as never done
    merchants paid twice                 settlement pays merchants double
    merchants paid a day early           settlement pays for the payments of the day itself
    customers paid a day late            rejected and redeemed money waits for the next settlement
"""

from __future__ import annotations
import __future__

import ast
import inspect
import tempfile
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

import calendars
from ledger import bulk, journal
from tests import postgres
from tests.simulation import VARIANTS, Copies, Databases, Differs, Files, Simulation, Street, Variant, simulate
from wallet import (
    confirmation,
    counter,
    day,
    distribution,
    figures,
    limits,
    orders,
    redemption,
    requests,
    settlement,
    subscription,
)
from wallet.rules import fund, income, spending

T = TypeVar("T")


@pytest.fixture(scope="module")
def files() -> Iterator[Files]:
    """Give SQLite files, in memory where the machine lends some."""
    memory = postgres.MEMORY if postgres.MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(dir=memory) as directory:
        yield Files(Path(directory))


@pytest.fixture(scope="module")
def copies(postgres_server: postgres.Server) -> Copies:
    """Give databases of PostgreSQL."""
    return Copies(postgres_server)


# -- by seeds --------------------------------------------------------------------------------------------------------

# Chosen so that together they reach everything below: see `python -m tests.simulation`.
SEEDS = (15, 42, 38, 19, 9, 24, 1, 58, 68, 132)
STEPS = 200

REFUSALS = {
    "Open": "before_opening outside_calendar wallet_exists",
    "TransferIn": "invalid_request unknown_wallet request_conflict outside_calendar before_opening day_closed"
    " trade_date_cut purchases_suspended below_minimum holding_cap_exceeded daily_transfer_in_exceeded quota_exceeded",
    "Pay": "invalid_request unknown_wallet request_conflict outside_calendar before_opening day_closed"
    " insufficient_funds facility_exhausted",
    "TransferOut": "invalid_request unknown_wallet request_conflict outside_calendar before_opening day_closed"
    " trade_date_cut daily_instant_exceeded insufficient_funds facility_exhausted",
    "Refund": "invalid_request unknown_wallet request_conflict outside_calendar before_opening day_closed"
    " unknown_payment not_refundable refund_exceeds_payment trade_date_cut",
    "Announce": "invalid_figure outside_calendar figure_distributed figure_announced",
    "RecordOutcome": "unknown_wallet unknown_order not_open",
    "RunDays": "outside_calendar before_opening",
}
STATES = {
    "transfer_in taken_back",
    "transfer_in confirmed",
    "transfer_in part_confirmed",
    "transfer_in rejected",
    "refund taken_back",
    "refund confirmed",
    "refund part_confirmed",
    "refund rejected",
    "transfer_out_standard confirmed",
    "transfer_out_standard part_confirmed",
    "transfer_out_standard rejected",
    "money in transit taken back",
    "money in transit passed to the advancer",
    "rejected money repays the advancer",
    "paid before a cutoff that is booked",
    "paid after a confirmation date that is not booked",
    "a claim returned",
    "a claim cut short",
    "the facility used to the last fen",
    "the merchants owe",
    "an order at exactly 15:00:00",
    "an order dated back into an open day",
    "a repeat answered",
    "a repeat answered after its day was closed",
    "a figure announced again",
    "a figure replaced",
    "a day of income",
    "a day of negative income",
    "a day without income",
    "a day without holders",
    "a day blocked, no figure",
    "a day blocked by its control total",
    "a control total kept",
    "a tie for the last fen",
    "a shortfall of a customer",
    "a shortfall of the advancer",
    "a shortfall repaid by income",
    "a shortfall repaid by a confirmation",
    "a shortfall repaid by a rejected redemption",
    "days run at exactly 00:00:00",
    "days run at exactly 14:59:59",
    "days run at exactly 15:00:00",
    "a run interrupted and done again",
}


def _simulate_all(databases: Databases, seeds: Iterable[int], steps: int) -> Counter[str]:
    return sum((simulate(databases, seed, steps) for seed in seeds), Counter[str]())


def test_fixed_seeds_agree_and_reach_everything(files: Files) -> None:
    reached = _simulate_all(files, SEEDS, STEPS)
    wanted = {f"{command} refused: {code}" for command, codes in REFUSALS.items() for code in codes.split()}
    missed = (wanted | REFUSALS.keys() | STATES) - set(reached)
    assert not missed, f"not reached: {sorted(missed)}"


@pytest.mark.parametrize("seed", range(2))
def test_postgresql_agrees(copies: Copies, seed: int) -> None:
    simulate(copies, seed, 60)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1_000, 1_012))
def test_many_steps_agree(files: Files, seed: int) -> None:
    simulate(files, seed, 1_000)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2_000, 2_006))
def test_many_steps_agree_on_postgresql(copies: Copies, seed: int) -> None:
    simulate(copies, seed, 500)


# -- by hypothesis ---------------------------------------------------------------------------------------------------


class Drawn:
    """Choices that hypothesis makes and shrinks."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data

    def pick(self, options: Sequence[T], /) -> T:
        """Return one of the options."""
        return self.data.draw(st.sampled_from(options))


class Books(RuleBasedStateMachine):
    """Any command at any time, in any variant."""

    databases: ClassVar[Databases]

    @initialize(variant=st.sampled_from(VARIANTS), data=st.data())
    def begin(self, variant: Variant, data: st.DataObject) -> None:
        self.url = self.databases.fresh(variant)
        self.simulation = Simulation(self.url, variant)
        self._street(data).begin()

    @rule(data=st.data())
    def open_wallet(self, data: st.DataObject) -> None:
        self._street(data).open_wallet()

    @rule(data=st.data())
    def transfer_in(self, data: st.DataObject) -> None:
        self._street(data).transfer_in()

    @rule(data=st.data())
    def pay(self, data: st.DataObject) -> None:
        self._street(data).pay()

    @rule(data=st.data())
    def refund(self, data: st.DataObject) -> None:
        self._street(data).refund()

    @rule(data=st.data())
    def transfer_out(self, data: st.DataObject) -> None:
        self._street(data).transfer_out()

    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        self._street(data).repeat()

    @rule(data=st.data())
    def announce(self, data: st.DataObject) -> None:
        self._street(data).announce()

    @rule(data=st.data())
    def record_outcome(self, data: st.DataObject) -> None:
        self._street(data).record_outcome()

    @rule(data=st.data())
    def run_days(self, data: st.DataObject) -> None:
        self._street(data).run_days()

    @rule(data=st.data())
    def end_day(self, data: st.DataObject) -> None:
        self._street(data).end_day()

    @rule(data=st.data())
    def look_back(self, data: st.DataObject) -> None:
        self._street(data).look_back()

    def teardown(self) -> None:
        if hasattr(self, "simulation"):
            try:
                self.simulation.prove()
            finally:
                self.simulation.close()
                self.databases.drop(self.url)

    def _street(self, data: st.DataObject) -> Street:
        return Street(self.simulation, Drawn(data))


def _explore(databases: Databases, examples: int, steps: int) -> None:
    machine = type("BooksOnOneDatabase", (Books,), {"databases": databases})
    slowly = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
    run_state_machine_as_test(
        machine, settings=settings(max_examples=examples, stateful_step_count=steps, suppress_health_check=slowly)
    )


def test_any_order_of_commands(files: Files) -> None:
    _explore(files, examples=20, steps=30)


def test_any_order_of_commands_on_postgresql(copies: Copies) -> None:
    _explore(copies, examples=4, steps=20)


@pytest.mark.slow
def test_any_long_order_of_commands(files: Files) -> None:
    _explore(files, examples=150, steps=80)


# -- faults ----------------------------------------------------------------------------------------------------------

FAULT_STEPS, FAULT_SEEDS = 150, 20  # a fault has to be found within so many steps of so many seeds
Edit = tuple[FunctionType, str, str]  # a function, a text in it, what stands there instead


@dataclass(frozen=True)
class Fault:
    """A mistake, and the first seed to look for it with: one that finds it, as long as nothing else changes."""

    seed: int
    name: str
    edits: tuple[Edit, ...]


def _fault(seed: int, name: str, *edits: Any) -> Fault:
    return Fault(seed, name, tuple(zip(edits[::3], edits[1::3], edits[2::3], strict=True)))


FAULTS = [
    _fault(
        1, "cutoff included", calendars.TradingCalendar.trade_date, "local.time() < cutoff", "local.time() <= cutoff"
    ),
    _fault(4, "taken back at the cutoff", fund.Fund.is_before_cutoff, "at < self", "at <= self"),
    _fault(0, "taken back after a booked cutoff", redemption._sources, "order.trade_date <= cut_through or", ""),
    _fault(0, "the day read in any zone", fund.Fund.day, "self.calendar.local_date(at)", "at.date()"),
    _fault(0, "a cut trade date accepted", counter.Visit.open_trade_date, "<=", "<"),
    _fault(1, "a closed day accepted", journal.Hold.require_open, "<=", "<"),
    _fault(
        0,
        "a repeat refused after the close",
        counter.Counter.receive,
        "    if (known",
        "    self.held.require_open(self.book.day(request.at))\n    if (known",
    ),
    _fault(0, "the merchant not compared", requests.Payment.content, "(self.merchant,)", "()"),
    _fault(0, "the last terms for all", fund.Fund.terms_on, "if terms.valid_from <= day", ""),
    _fault(2, "suspension ends early", fund.Terms.is_suspended, "<= last", "< last"),
    _fault(24, "the cap forgets redeeming", subscription._check_terms, '"redeeming", ', ""),
    _fault(14, "a limit for each order", redemption._instant, "before + amount > bound", "amount > bound"),
    _fault(
        1,
        "payments count as transfers",
        orders.accepted_on,
        "_O.kind == str(kind)",
        '_O.kind.in_([str(kind), "payment"])',
    ),
    _fault(7, "a fen over the bound", counter.Visit.take, "+ amount > bound:", "+ amount > bound + 1:"),
    _fault(0, "facility never released", limits.release, "if amount:", "if False:"),
    _fault(0, "refunds not counted", orders.written, "[*key, fen]", "[*key, 0]"),
    _fault(
        2, "refunds without limit", subscription.refund, "payment.amount - visit.refunded(payment)", "payment.amount"
    ),
    _fault(0, "a refund refunded", subscription.refund, "if payment.kind != Kind.PAYMENT", "if False"),
    _fault(0, "oldest money first", spending.choose, "reverse=True", "reverse=False"),
    _fault(
        5, "equal instants turned round", spending.choose, "(order.at, order.entry_id)", "(order.at, -order.entry_id)"
    ),
    _fault(
        6, "late money apart from shares", spending.choose, "in_order.sort(key=lambda order: not order.late)", "pass"
    ),
    _fault(0, "money of a later instant", counter.Visit.in_transit, "and order.at <= self.request.at", ""),
    _fault(
        6, "shares of a later day", counter.Visit.spendable, "max(0, lowest_since(balance, moves, self.day))", "balance"
    ),
    _fault(4, "the fund's order of use ignored", redemption._sources, "book.terms_on(visit.day).order_of_use", "None"),
    _fault(
        0,
        "advancer redeems at once",
        counter.Visit._advances,
        "max(self.trade_date, self.book.confirmation_date(source.trade_date))",
        "self.trade_date",
    ),
    _fault(
        0,
        "advancer redeems a day early",
        confirmation.plan,
        "_due(book, trade_date)",
        "_due(book, day)",
        confirmation._work,
        "_due(book, trade_date)",
        "_due(book, day)",
    ),
    _fault(
        0,
        "claims not returned",
        confirmation.confirm,
        "*_return_claims(connection, book, day, booked_at, chunk, work.applications)",
        "",
    ),
    _fault(0, "claims served last", orders.allot, "a.value_date <= day", "a.value_date > day"),
    _fault(52, "latest payment served first", orders.allot, "paid.c.at,", "paid.c.at.desc(),"),
    _fault(
        1,
        "shortfall kept at a confirmation",
        confirmation._lines,
        'repaid = least(c["own"] + c["unredeemed"]',
        'repaid = least(c["unredeemed"]',
    ),
    _fault(
        0,
        "shortfall kept at an income",
        distribution._credits,
        ", (_accounts(chart, manual.SHORTFALL_REPAID), repaid)",
        "",
    ),
    _fault(
        0,
        "income rounded",
        income.allocate,
        "int(fraction.sum()) // SCALE",
        "(int(fraction.sum()) + SCALE // 2) // SCALE",
    ),
    _fault(0, "the rest not handed out", income.allocate, "int(fraction.sum()) // SCALE", "0"),
    _fault(
        12,
        "ties to the higher number",
        income.allocate,
        "np.sort(holders[fraction == threshold])",
        "np.sort(holders[fraction == threshold])[::-1]",
        income.amounts,
        "holders <=",
        "holders >=",
        distribution._amount,
        "holder_id >",
        "holder_id <",
    ),
    _fault(0, "control total ignored", income.allocate, "if control_total is not None", "if False"),
    _fault(
        0, "income on shares spent that day", distribution._holdings, "earning, day,", "earning, day - timedelta(1),"
    ),
    _fault(0, "redeeming earns nothing", distribution._holdings, ', book.chart["redeeming"]', ""),
    _fault(
        0,
        "advancer's income earns nothing",
        distribution._everybody,
        "for code in ADVANCER",
        "for code in ADVANCER[:1]",
    ),
    _fault(24, "negative income of what is there now", bulk.lowest_since, "most.c.most > 0", "most.c.most > 10**12"),
    _fault(0, "the first figure kept", figures._latest, "a.version.desc()", "a.version"),
    _fault(
        0,
        "a distributed figure replaced",
        figures.announce,
        "if version and not distributed and _distributed(connection, book, figure.day)",
        "if False",
    ),
    _fault(
        0,
        "a missing figure is zero",
        distribution.is_idle,
        "pool(connection, book, day) == 0",
        "(announced is None or pool(connection, book, day) == 0)",
    ),
    _fault(
        0,
        "cutoff waits for the close",
        day._for_cutoff,
        'yield previous, "cutoff"',
        'yield day - timedelta(1), "close"',
    ),
    _fault(0, "close without the income before", day._for_close, ', "distribute"', ', "close"'),
    _fault(16, "ten days looked back", day._written, "min(previous, first - timedelta(1))", "first - timedelta(10)"),
    _fault(
        0,
        "merchants paid twice",
        settlement.house_postings,
        "PAID_TO_MERCHANTS, max(0,",
        "PAID_TO_MERCHANTS, 2 * max(0,",
    ),
    _fault(0, "merchants paid a day early", settlement.house_postings, "day - timedelta(1)", "day"),
    _fault(
        0, "customers paid a day late", settlement._owed, "e.value_date == day", "e.value_date == day - timedelta(1)"
    ),
]


def _plant(patch: pytest.MonkeyPatch, fault: Fault) -> None:
    """Change the code of the functions, for whoever calls them and by whatever name."""
    for function, old, new in fault.edits:
        source = textwrap.dedent(inspect.getsource(function))
        assert source.count(old) == 1, f"{fault.name}: {function.__qualname__} does not say {old!r} once"
        tree = ast.parse(source.replace(old, new))
        code = compile(tree, f"<{fault.name}>", "exec", __future__.annotations.compiler_flag, dont_inherit=True)
        namespace: dict[str, Any] = {}
        exec(code, dict(function.__globals__), namespace)
        patch.setattr(function, "__code__", namespace[function.__name__].__code__)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_simulation_finds(fault: Fault, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    _plant(monkeypatch, fault)
    with pytest.raises(Differs):
        _simulate_all(files, range(fault.seed, fault.seed + FAULT_SEEDS), FAULT_STEPS)


def test_every_fault_is_told_above() -> None:
    table = (__doc__ or "").split("steps:\n\n")[1].splitlines()
    told = [line.strip()[: len(fault.name)] for line, fault in zip(table, FAULTS, strict=True)]
    assert told == [fault.name for fault in FAULTS]
