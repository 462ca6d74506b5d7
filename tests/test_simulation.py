"""The product against the independent model, in any order of commands and days, and proof that it would notice.

`tests.simulation` says what is compared; here it is driven by seeds and by hypothesis, on both databases. FAULTS are
mistakes that somebody could make in the product. Each is planted while the program runs, by changing a line of its
source, and the simulation has to find it, with the same few seeds every time.
"""

from __future__ import annotations
import __future__

import ast
import inspect
import tempfile
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
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

# Chosen so that together they reach everything below: `python -m tests.simulation` prints what each seed reaches.
SEEDS = (0, 1, 2, 3, 4, 5)
STEPS = 200

REACHED = """
"""


def test_fixed_seeds_agree_and_reach_everything(files: Files) -> None:
    reached = Counter[str]()
    for seed in SEEDS:
        reached += simulate(files, seed, STEPS)
    missed = {line for line in REACHED.split("\n") if line} - set(reached)
    assert not missed, f"not reached: {sorted(missed)}"


@pytest.mark.parametrize("seed", range(2))
def test_postgresql_agrees(copies: Copies, seed: int) -> None:
    simulate(copies, seed, 60)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1_000, 1_024))
def test_many_seeds_agree_over_weeks(files: Files, seed: int) -> None:
    simulate(files, seed, 1_000)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2_000, 2_006))
def test_postgresql_agrees_over_weeks(copies: Copies, seed: int) -> None:
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

FAULT_STEPS = 100  # of each seed
Edit = tuple[FunctionType, str, str]


@dataclass(frozen=True)
class Fault:
    """Lines of the product changed for the worse: functions, with a text of each and what stands there instead."""

    name: str
    edits: tuple[Edit, ...]


def _fault(name: str, *edits: Any) -> Fault:
    return Fault(name, tuple(zip(edits[::3], edits[1::3], edits[2::3], strict=True)))


FAULTS = [
    _fault("cutoff included", calendars.TradingCalendar.trade_date, "local.time() < cutoff", "local.time() <= cutoff"),
    _fault("taken back at the cutoff", fund.Fund.is_before_cutoff, "at < self", "at <= self"),
    _fault(
        "taken back after a booked cutoff", redemption._sources, "order.trade_date <= visit.held.cut_through or", ""
    ),
    _fault("the day read in any zone", fund.Fund.day, "self.calendar.local_date(at)", "at.date()"),
    _fault("a cut trade date accepted", counter.Visit.open_trade_date, "<=", "<"),
    _fault("a closed day accepted", journal.Hold.require_open, "<=", "<"),
    _fault(
        "a repeat refused after the close",
        counter.receive,
        "    if (known",
        "    held.require_open(book.day(request.at))\n    if (known",
    ),
    _fault("the merchant not compared", requests.Payment.content, "(self.merchant,)", "()"),
    _fault("the last terms for all", fund.Fund.terms_on, "if terms.valid_from <= day", ""),
    _fault("suspension ends early", fund.Terms.is_suspended, "<= last", "< last"),
    _fault("the cap forgets redeeming", subscription._check_terms, '"redeeming", ', ""),
    _fault("a limit for each order", redemption._instant, "before + amount > bound", "amount > bound"),
    _fault(
        "payments count as transfers", orders.accepted_on, "_O.kind == str(kind)", '_O.kind.in_([str(kind), "payment"])'
    ),
    _fault("a fen over the bound", limits._even_out, "total > bound", "total > bound + 1"),
    _fault("facility never released", limits.release, "if amount:", "if False:"),
    _fault("refunds not counted", orders.add_refund, "_O.refunded + amount", "_O.refunded"),
    _fault(
        "refunds without limit",
        subscription.refund,
        "if request.amount > payment.amount - payment.refunded",
        "if request.amount > payment.amount",
    ),
    _fault("a refund refunded", subscription.refund, "if payment.kind != Kind.PAYMENT", "if False"),
    _fault("oldest money first", spending.choose, "reverse=True", "reverse=False"),
    _fault("equal instants turned round", spending.choose, "(order.at, order.entry_id)", "(order.at, -order.entry_id)"),
    _fault("late money apart from shares", spending.choose, "in_order.sort(key=lambda order: not order.late)", "pass"),
    _fault("money of a later instant", orders.in_transit, '"at": at', '"at": at.replace(year=at.year + 1)'),
    _fault(
        "shares of a later day",
        counter.Visit.spendable,
        "max(0, lowest_since(self.balance(code), moves, self.day))",
        "self.balance(code)",
    ),
    _fault("the fund's order of use ignored", redemption._sources, "book.terms_on(visit.day).order_of_use", "None"),
    _fault(
        "advancer redeems at once", redemption._spend, "max(paid_on, book.confirmation_date(o.trade_date))", "paid_on"
    ),
    _fault(
        "advancer redeems a day early",
        confirmation.plan,
        "_due(book, trade_date)",
        "_due(book, day)",
        confirmation.confirm,
        "_due(book, trade_date)",
        "_due(book, day)",
    ),
    _fault(
        "claims not returned",
        confirmation.confirm,
        "*_return_claims(connection, book, day, booked_at, chunk, applications)",
        "",
    ),
    _fault("claims served last", orders.allot, "a.value_date <= day", "a.value_date > day"),
    _fault("latest payment served first", orders.allot, "paid.c.at,", "paid.c.at.desc(),"),
    _fault(
        "shortfall kept at a confirmation",
        confirmation._lines,
        'sums.c[f"c{own}"] + sums.c[f"c{unredeemed}"]\n',
        'sums.c[f"c{unredeemed}"]\n',
    ),
    _fault(
        "shortfall kept at an income",
        distribution._credits,
        ", (_accounts(chart, manual.SHORTFALL_REPAID), repaid)",
        "",
    ),
    _fault(
        "income rounded", income.allocate, "int(fraction.sum()) // SCALE", "(int(fraction.sum()) + SCALE // 2) // SCALE"
    ),
    _fault("the rest not handed out", income.allocate, "int(fraction.sum()) // SCALE", "0"),
    _fault(
        "ties to the higher number",
        income.allocate,
        "np.sort(holders[fraction == threshold])",
        "np.sort(holders[fraction == threshold])[::-1]",
        income.amounts,
        "holders <=",
        "holders >=",
        distribution._parts,
        "holder_id <=",
        "holder_id >=",
    ),
    _fault("control total ignored", income.allocate, "if control_total is not None", "if False"),
    _fault("income on shares spent that day", distribution._holdings, "earning, day,", "earning, day - timedelta(1),"),
    _fault("redeeming earns nothing", distribution._holdings, ', book.chart["redeeming"]', ""),
    _fault("advancer's income earns nothing", distribution.decide, "for code in ADVANCER", "for code in ADVANCER[:1]"),
    _fault("negative income of what is there now", bulk.lowest_since, "most.c.most > 0", "most.c.most > 10**12"),
    _fault("the first figure kept", figures._latest, "a.version.desc()", "a.version"),
    _fault(
        "a distributed figure replaced",
        figures.announce,
        "if version and _distributed(connection, book, figure.day)",
        "if False",
    ),
    _fault(
        "a missing figure is zero",
        day._distribute,
        'raise Blocked(f"no figure announced for {job.day}")',
        "return _write_down(job)",
    ),
    _fault(
        "cutoff waits for the close",
        day._for_cutoff,
        "yield from _for_confirm(book, day)",
        'yield day - timedelta(1), "close"',
    ),
    _fault("close without the income before", day._for_close, ', "distribute"', ', "close"'),
    _fault("ten days looked back", day._written, "min(previous, first - timedelta(1))", "first - timedelta(10)"),
    _fault("merchants paid twice", settlement.house_postings, "max(0,", "2 * max(0,"),
    _fault("merchants paid a day early", settlement.house_postings, "day - timedelta(1)", "day"),
    _fault("customers paid a day late", settlement._owed, "e.value_date == day", "e.value_date == day - timedelta(1)"),
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


def _steps_to_find(databases: Databases, seeds: Sequence[int], steps: int) -> int | None:
    """Return how many steps were taken until the two sides differed, None if they never did."""
    taken = 0
    for seed in seeds:
        try:
            simulate(databases, seed, steps)
        except Differs as found:
            return taken + found.steps
        taken += steps
    return None
