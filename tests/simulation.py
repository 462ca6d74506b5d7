"""The product beside the independent model: the same commands to both, and the same answers and books wanted.

A `Simulation` holds one real book and one model of it. Each command is given to both; whatever they answer, receipt
or refusal, has to be the same, and so have all balances after it. What a day has distributed is compared when it
is, the past every few steps, and now and then both sides prove themselves.

Commands are chosen one by one from what the books look like by then: amounts at the edge of what is held or
allowed, instants at the edge of a day or a cutoff, days that run late, figures that are missing. The choices come
from a `Choice`: from hypothesis, which shrinks them, or from `Dice` with a seed. Either way the seed and the
commands so far stand in the message when the two sides differ.

What is reached is counted in `Simulation.events`: commands, their refusals, and states that are worth a visit.
`python -m tests.simulation FIRST LAST STEPS` runs seeds and prints what each reaches that none before it did.

Two differences are meant. The control total of a negative figure carries the figure's sign here. An outcome is
taken for applications only: of an order that is not cut, is not open, or never is one, it is refused as not_open.
"""

from __future__ import annotations

import dataclasses
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from itertools import combinations
from math import gcd
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa

from ledger.schema import balance, book_gate, journal_entry, posting
from tests import model as expected
from tests.model import Model
from tests.postgres import Server
from wallet import facade
from wallet.audit.model import (
    CUTOFF,
    HERS,
    HOLDING_TIMES_RATE,
    ONE_DAY,
    SPENDINGS,
    SUBSCRIPTIONS,
    ZONE,
    Refused,
    Terms,
    allocate,
)
from wallet.rules.spending import OrderOfUse
from wallet.schema import customer_order, limit_slot

T = TypeVar("T")
CALENDAR = facade.load_calendar()
YEARS = range(CALENDAR.first.year, CALENDAR.last.year + 1)
TRADING_DAYS = [day for year in YEARS for day in CALENDAR.trading_days(year)]
NAMES = ("alice", "bob", "carol", "dave", "erin")
STRANGER, NOBODY = "mallory", 99  # a wallet that is never opened: its name here, its number in the model
MIDNIGHT = time(0)
END = datetime.combine(CALENDAR.last + ONE_DAY, time(12), ZONE)


# -- what is simulated ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Variant:
    """A fund's terms, where in the calendar its book opens, and how often its days are run."""

    name: str
    opened_on: date
    terms: tuple[Terms, ...]
    late: bool = False


def _terms(day: date, **terms: Any) -> Terms:
    free: dict[str, Any] = dict.fromkeys(("holding_cap", "transfer_in_daily", "quota_daily", "instant_daily"))
    return Terms(day, **{"minimum": 1_00, "facility": 1_000_000_00, **free, **terms})


_AUTUMN, _SPRING = date(2013, 9, 16), date(2024, 2, 6)
_LIMITED = _terms(_AUTUMN, holding_cap=1_500_00, transfer_in_daily=800_00, quota_daily=1_000_00, instant_daily=300_00)
VARIANTS = (
    Variant("the sample over Mid-Autumn", _AUTUMN, expected.sample_terms()),
    Variant(
        "a small facility",
        _AUTUMN,
        (
            _terms(_AUTUMN, facility=500_00, instant_daily=300_00),
            _terms(date(2013, 9, 18), facility=200_00, instant_daily=100_00),
            _terms(date(2013, 9, 24), facility=700_00, order_of_use="confirmed_first"),
        ),
    ),
    Variant(
        "limits, a quota, a suspension",
        _AUTUMN,
        (
            replace(_LIMITED, suspended=((date(2013, 9, 17), date(2013, 9, 18)),)),
            replace(
                _LIMITED,
                valid_from=date(2013, 9, 20),
                minimum=5_00,
                holding_cap=900_00,
                quota_daily=600_00,
                suspended=((date(2013, 9, 23), date(2013, 9, 23)),),
            ),
            replace(_LIMITED, valid_from=date(2013, 9, 25), transfer_in_daily=None, holding_cap=None),
        ),
    ),
    Variant("days run late", _AUTUMN, (_terms(_AUTUMN, facility=2_000_00),), late=True),
    Variant(
        "shares first over Spring Festival",  # eleven days between two trading days
        _SPRING,
        (
            _terms(_SPRING, order_of_use="confirmed_first", facility=3_000_00),
            _terms(date(2024, 2, 15), order_of_use="confirmed_first", facility=900_00),
        ),
    ),
    Variant("the end of the calendar", date(2026, 12, 21), (_terms(date(2026, 12, 1)),)),
)


_HELD = sa.select(balance)
_MOVED = sa.select(
    posting.c.debit, posting.c.credit, sa.cast(sa.func.sum(posting.c.amount), sa.BigInteger).label("amount")
).group_by(posting.c.debit, posting.c.credit)
_USED = sa.select(limit_slot.c.used).where(limit_slot.c.name == "facility")
_STAND = sa.select(book_gate.c.closed_through, book_gate.c.cut_through)


class Databases(Protocol):
    """Where books come from: a fresh one of a variant, and the end of it."""

    def fresh(self, variant: Variant) -> str:
        """Return the address of a database that holds the variant's book and nothing else."""

    def drop(self, url: str) -> None:
        """Forget the database of an address."""


class Files:
    """SQLite files in a directory of their own; a variant's book is made once and copied."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.templates, self.made = directory, dict[str, Path](), 0

    def fresh(self, variant: Variant) -> str:
        """Return the address of a copy."""
        if variant.name not in self.templates:
            self.templates[variant.name] = self.directory / f"template{len(self.templates)}.db"
            prepare(f"sqlite:///{self.templates[variant.name]}", variant)
        self.made += 1
        path = self.directory / f"book{self.made}.db"
        shutil.copyfile(self.templates[variant.name], path)
        return f"sqlite:///{path}"

    def drop(self, url: str) -> None:
        """Remove the file."""
        Path(url.removeprefix("sqlite:///")).unlink()


class Copies:
    """Databases of a PostgreSQL server; a variant's book is made once and copied."""

    def __init__(self, server: Server) -> None:
        self.server, self.templates = server, dict[str, str]()

    def fresh(self, variant: Variant) -> str:
        """Return the address of a copy."""
        if variant.name not in self.templates:
            self.templates[variant.name] = self.server.create_database()
            prepare(self.templates[variant.name], variant)
        return self.server.create_database(self.templates[variant.name])

    def drop(self, url: str) -> None:
        """Drop the copy."""
        self.server.drop_database(url)


class Choice(Protocol):
    """Whoever decides what happens next."""

    def pick(self, options: Sequence[T], /) -> T:
        """Return one of the options."""


class Dice:
    """Chance with a seed."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)

    def pick(self, options: Sequence[T], /) -> T:
        """Return any of the options."""
        return self.chance.choice(options)


class Differs(AssertionError):
    """The product and the model do not agree, or the product broke down; `steps` were taken by then."""

    def __init__(self, message: str, steps: int) -> None:
        super().__init__(message)
        self.steps = steps


def simulate(databases: Databases, seed: int, steps: int) -> Counter[str]:
    """Take steps by chance, in the variant that the seed falls on, and return what was reached. Raises: Differs."""
    variant = VARIANTS[seed % len(VARIANTS)]
    url = databases.fresh(variant)
    simulation = Simulation(url, variant, seed)
    try:
        street = Street(simulation, Dice(seed))
        street.begin()
        while len(simulation.log) < steps:
            street.step()
        simulation.prove()
    finally:
        simulation.close()
        databases.drop(url)
    return simulation.events


# -- the commands, as the product hears them and as the model does -------------------------------------------------


@dataclass(frozen=True)
class Order:
    """What all orders of a wallet have; a subclass adds its own facts."""

    wallet: str
    amount: int
    request_id: str
    at: datetime


@dataclass(frozen=True)
class TransferIn(Order):
    def ask(self, connection: sa.Connection, book: facade.Fund) -> object:
        return facade.transfer_in(connection, book, facade.TransferIn(**_fields(self)))

    def expect(self, model: Model) -> object:
        return model.transfer_in(_number(model, self.wallet), self.amount, self.request_id, self.at)


@dataclass(frozen=True)
class Pay(Order):
    merchant: str
    order_of_use: str | None = None

    def ask(self, connection: sa.Connection, book: facade.Fund) -> object:
        return facade.pay(connection, book, facade.Payment(**_fields(self)))

    def expect(self, model: Model) -> object:
        number = _number(model, self.wallet)
        return model.pay(number, self.amount, self.merchant, self.request_id, self.at, self.order_of_use)


@dataclass(frozen=True)
class Refund(Order):
    payment: str

    def ask(self, connection: sa.Connection, book: facade.Fund) -> object:
        return facade.refund(connection, book, facade.Refund(**_fields(self)))

    def expect(self, model: Model) -> object:
        return model.refund(_number(model, self.wallet), self.payment, self.amount, self.request_id, self.at)


@dataclass(frozen=True)
class TransferOut(Order):
    kind: str
    order_of_use: str | None = None

    def ask(self, connection: sa.Connection, book: facade.Fund) -> object:
        return facade.transfer_out(connection, book, facade.TransferOut(**_fields(self)))

    def expect(self, model: Model) -> object:
        number = _number(model, self.wallet)
        return model.transfer_out(number, self.amount, self.kind, self.request_id, self.at, self.order_of_use)


@dataclass(frozen=True)
class Open:
    wallet: str
    at: datetime

    def ask(self, connection: sa.Connection, book: facade.Fund) -> object:
        return facade.open_wallet(connection, book, facade.Opening(**_fields(self)))

    def expect(self, model: Model) -> object:
        return model.open_wallet(self.wallet, self.at)


@dataclass(frozen=True)
class Announce:
    day: date
    rate: int
    control_total: int | None
    replace: bool

    def ask(self, connection: sa.Connection, book: facade.Fund) -> object:
        figure = facade.Figure(self.day, self.rate, None, self.control_total)
        facade.announce(connection, book, [figure], replace=self.replace)
        return None

    def expect(self, model: Model) -> object:
        model.announce(self.day, self.rate, self.control_total, self.replace)
        return None


@dataclass(frozen=True)
class RecordOutcome:
    wallet: str
    request_id: str
    confirmed: int

    def ask(self, connection: sa.Connection, book: facade.Fund) -> object:
        facade.record_outcome(connection, book, self.wallet, self.request_id, self.confirmed)
        return None

    def expect(self, model: Model) -> object:
        number = _number(model, self.wallet)
        if number == NOBODY:
            raise Refused("unknown_wallet")
        order = model.requests.get((number, self.request_id))
        if order and (order.status != "accepted" or order.trade_date > model.cut_through):
            raise Refused("not_open")
        try:
            model.record_outcome(number, self.request_id, self.confirmed)
        except Refused as refusal:
            raise Refused("not_open" if order else refusal.code) from None
        return None


@dataclass(frozen=True)
class RunDays:
    """Run the days through one; not a command on a connection, since each step has its own transactions.

    With `interrupted` the run is broken off that many transactions or days on, and then done again.
    """

    through: date
    at: datetime
    chunk_size: int = 20_000
    interrupted: int = 0


class _Interrupted(Exception):
    pass


Command = TransferIn | Pay | Refund | TransferOut | Open | Announce | RecordOutcome | RunDays


def _fields(command: Any) -> dict[str, Any]:
    return {field.name: getattr(command, field.name) for field in dataclasses.fields(command)}


def _number(model: Model, name: str) -> int:
    return model.wallets.get(name, NOBODY)


# -- both sides ----------------------------------------------------------------------------------------------------


class Simulation:
    """One book, made by `prepare`, and its model, from the opening on."""

    def __init__(self, url: str, variant: Variant, seed: int | str = "chosen by hypothesis") -> None:
        self.variant, self.seed = variant, seed
        self.engine = facade.connect(url)
        with facade.reading(self.engine) as connection:
            self.book = facade.load(connection)
        self.model = Model(TRADING_DAYS, CALENDAR.first, CALENDAR.last, variant.opened_on, variant.terms)
        self.now = datetime.combine(variant.opened_on, time(9), ZONE)
        self.log: list[Command] = []
        self.events: Counter[str] = Counter()
        self.accepted: list[TransferIn | Pay | Refund | TransferOut] = []
        self.refused_ids: list[str] = []
        for name in NAMES[:3]:
            self.do(Open(name, self.now))

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()

    def do(self, command: Command) -> None:
        """Give a command to both sides and compare what they answer, and their books."""
        self.log.append(command)
        before = _Before(self.model)
        with self._naming_the_place():
            told, right = self._both(command)
            self._same(f"answer to {command}", told, right)
            self._compare_now()
            for day in sorted(set(self.model.distributions) - before.distributed):
                self._compare_distribution(day)
        if isinstance(command, Order):
            if not isinstance(told, dict):
                self.refused_ids.append(command.request_id)
            elif len(self.model.requests) > len(before.passed):
                self.accepted.append(command)
        before.count(command, told, self.model, self.events)

    def look_back(self, day: date, name: str) -> None:
        """Compare a day of the past and a wallet's statement up to it, and the orders as they stand."""
        with self._naming_the_place(), facade.reading(self.engine) as connection:
            self._compare_day(connection, day, [name])
            self._compare_statement(connection, name, day)
            self._compare_orders(connection)

    def prove(self) -> None:
        """Let both sides prove themselves."""
        with self._naming_the_place():
            with facade.reading(self.engine) as connection:
                wrong = [check for check in facade.verify(connection, self.book) if not check.ok]
            self._same("verify", wrong, [])
            self.model.check()

    @contextmanager
    def _naming_the_place(self) -> Iterator[None]:
        """Say with whatever goes wrong how it came to that."""
        try:
            yield
        except Differs:
            raise
        except Exception as error:
            raise self._differs(f"{type(error).__name__}: {error}") from error

    def _both(self, command: Command) -> tuple[object, object]:
        if isinstance(command, RunDays):
            told = _answer(lambda: self._run(command))
            return told, _answer(lambda: self._expect_run(command, told))
        right = _answer(lambda: command.expect(self.model))
        # The refusal is caught inside, so the transaction is committed: a refusal must leave nothing behind.
        with self.engine.begin() as connection:
            told = _answer(lambda: command.ask(connection, self.book))
        if isinstance(told, facade.Receipt) and isinstance(right, dict):
            right = {**right, "wallet": NAMES[right["wallet"] - 1]}
            return dataclasses.asdict(told), right
        return told, right

    def _run(self, command: RunDays) -> object:
        left = command.interrupted

        def interrupt(_what: str, _done: int, _of: int) -> None:
            nonlocal left
            left -= 1
            if not left:
                raise _Interrupted

        run = partial(facade.run_day, self.engine, self.book, command.through, command.at)
        if command.interrupted:
            with suppress(_Interrupted):
                run(progress=interrupt)
        done = run(chunk_size=command.chunk_size)
        states = {(day, step): state for day, steps in done.days for step, state in steps.items()}
        with facade.reading(self.engine) as connection:
            later = facade.day_status(connection, self.book, command.at)
        for day, steps in later.days:
            for step, state in steps.items():
                # Without doing it nobody knows whether a control total fits: then it is due.
                same = states.get((day, step), state) if state != "due" else "due"
                self._same(f"state of {step} {day} when asked again", state, same)
        return states, done.blocked_by is not None, done.failed_by

    def _expect_run(self, command: RunDays, told: object) -> object:
        """Return what the model says of the days that were not proved before: of those the product has to tell.

        A run that was interrupted has proved some of them already, and tells the rest when it is done again.
        """
        first = self._first_unproved()
        states, blocked = self.model.run(command.through, command.at)
        if command.interrupted and isinstance(told, tuple):
            begun = min((day for day, _ in told[0]), default=command.through + ONE_DAY)
            first = begun if first < begun <= self._first_unproved() else first
        return {(day, step): state for day, step, state in states if day >= first}, blocked is not None, None

    def _first_unproved(self) -> date:
        day = self.variant.opened_on
        while (day, "prove") in self.model.states:
            day += ONE_DAY
        return day

    # -- comparing -------------------------------------------------------------------------------------------------

    def _compare_now(self) -> None:
        """Compare every balance of every holder and of the house, the gates, and what is used of the facility."""
        model, chart = self.model, {account.id: account for account in self.book.chart}
        with facade.reading(self.engine) as connection:
            held = {(row.holder_id, row.account_id): row.amount for row in connection.execute(_HELD)}
            moved = connection.execute(_MOVED).all()
            used = sum(row.used for row in connection.execute(_USED))
            stand = {tuple(row) for row in connection.execute(_STAND)}
        kept = [account for account in chart.values() if account.per_holder]
        wanted = {(n, each.id): model.balance(each.code, n) for n in model.wallets.values() for each in kept}
        wanted |= {(0, each.id): model.balance("shortfall", 0) for each in kept if each.code == "shortfall"}
        self._same("balances of holders", held, wanted)
        house = {account.code: 0 for account in chart.values()}
        for row in moved:
            house[chart[row.debit].code] += chart[row.debit].signed(row.amount, 0)
            house[chart[row.credit].code] += chart[row.credit].signed(0, row.amount)
        self._same("balances of the house", house, {code: model.balance(code) for code in house})
        self._same("use of the facility", used, model.advance_outstanding())
        self._same("gates", stand, {(model.closed_through, model.cut_through)})

    def _compare_distribution(self, day: date) -> None:
        """Compare what a day's income came to, and what each holder got of it."""
        with facade.reading(self.engine) as connection:
            self._compare_day(connection, day, [])
            register = self.book.chart["register"].id
            income = dict.fromkeys([0, *self.model.wallets.values()], 0)
            lines = (
                sa.select(posting.c.holder_id, posting.c.debit, posting.c.credit, posting.c.amount)
                .join(journal_entry, journal_entry.c.entry_id == posting.c.entry_id)
                .where(journal_entry.c.kind == "income", journal_entry.c.value_date == day + ONE_DAY)
            )
            for row in connection.execute(lines):
                income[row.holder_id] += row.amount * ((row.debit == register) - (row.credit == register))
        self._same(f"income of {day}", income, {n: self.model.incomes[day].get(n, 0) for n in income})

    def _compare_day(self, connection: sa.Connection, day: date, names: Sequence[str]) -> None:
        """Compare the report of a day, the trial balance, and what some hold as of its end and with all booked."""
        model = self.model
        told = facade.report_day(connection, self.book, day)
        made = [(order.kind, order.amount) for order in model.made[day]]
        asked = {kind: sum(amount for of, amount in made if of.startswith(kind)) for kind in (*KINDS, "transfer_out")}
        given = model.distributions.get(day)
        figure = model.figures.get(day)
        right = (
            figure[-1][0] if figure else None,
            model.pool(day),
            given and given["whole"],
            given and given["left_over"],
            given and given["holders_paid"],
            *(asked[kind] for kind in ("transfer_in", "payment", "refund", "transfer_out")),
            model.advance_outstanding(day),
        )
        income = (told.income_per_10k, told.pool_shares, told.distributed, told.left_over, told.holders_paid)
        orders = (told.transfers_in, told.payments, told.refunds, told.transfers_out, told.advance_outstanding)
        self._same(f"report of {day}", income + orders, right)
        trial = facade.trial_balance(connection, self.book, day)
        balanced = {account.code: amount for rows in trial.units.values() for account, _, amount in rows}
        self._same(f"trial balance of {day}", balanced, {code: model.balance(code, on=day) for code in balanced})
        for name in names:
            number = model.wallets[name]
            for on in (day, None):
                view = facade.show_wallet(connection, self.book, name, on)
                shown: dict[str, object] = {**dataclasses.asdict(view.holding), "total": view.holding.total}
                shown |= {"yesterday_income": view.yesterday_income, "cumulative_income": view.cumulative_income}
                shown |= {"as_of": view.as_of}
                self._same(f"{name} as of {on}", shown, dict(model.show(number, on)))
                self._same(f"shortfall of {name}", view.shortfall, model.balance("shortfall", number, on))

    def _compare_statement(self, connection: sa.Connection, name: str, day: date) -> None:
        """Compare a wallet's movements day by day up to a day, from a week before."""
        number, first = self.model.wallets[name], max(self.variant.opened_on, day - timedelta(7))
        told = facade.statement(connection, self.book, name, first, day)
        running = dataclasses.asdict(told.opening)
        for each in (first - ONE_DAY + n * ONE_DAY for n in range((day - first).days + 2)):
            for line in told.lines:
                if line.value_date == each and line.account in running:
                    running[line.account] += line.amount
            right = {account: self.model.balance(account, number, each) for account in HERS}
            self._same(f"statement of {name}, {each}", running, right)
        self._same(f"closing of {name}", dataclasses.asdict(told.closing), running)

    def _compare_orders(self, connection: sa.Connection) -> None:
        """Compare the state of every order, what of it is open, and what was refunded."""
        order, entry = customer_order.c, journal_entry.c
        rows = connection.execute(
            sa.select(customer_order, entry.request_id).join(
                journal_entry, sa.and_(entry.holder_id == order.holder_id, entry.entry_id == order.entry_id)
            )
        )
        told = {}
        for row in rows:
            left = (row.remaining, row.passed_to_advancer) if row.status == "accepted" else (0, 0)
            told[row.holder_id, row.request_id] = row.status, *left, row.refunded
        right = {}
        for key, each in self.model.requests.items():
            right[key] = each.status, each.remaining, each.applied - each.remaining, each.refunded
        self._same("orders", told, right)

    def _same(self, what: str, told: object, right: object) -> None:
        if told == right:
            return
        if isinstance(told, dict) and isinstance(right, dict):
            places = [key for key in told.keys() | right.keys() if told.get(key) != right.get(key)]
            told, right = ({key: side.get(key) for key in places} for side in (told, right))
        raise self._differs(f"{what}: the product says {told}, the model {right}")

    def _differs(self, problem: str) -> Differs:
        lines = [f"{number:4} {command}" for number, command in enumerate(self.log, 1)]
        place = f"seed {self.seed}, {self.variant.name}, step {len(self.log)}"
        return Differs("\n".join([problem, place, *lines]), len(self.log))


KINDS = (*SUBSCRIPTIONS, *SPENDINGS, "transfer_out_standard")


def prepare(url: str, variant: Variant) -> None:
    """Make the book of a variant in an empty database."""
    terms = [
        facade.Terms(**{**_fields(version), "order_of_use": OrderOfUse(version.order_of_use)})
        for version in variant.terms
    ]
    engine = facade.connect(url)
    with engine.begin() as connection:
        facade.create(connection, variant.opened_on, terms=terms)
    engine.dispose()


def _answer(call: Callable[[], object]) -> object:
    """Return what a side answers: its result, or the code of its refusal."""
    try:
        return call()
    except (facade.FundwalletError, Refused) as refusal:
        return f"refused: {refusal.code}"


# -- what was reached ----------------------------------------------------------------------------------------------


_CAUSES = {"income": "by income", "redemption_rejected": "by a rejected redemption"}


class _Before:
    """What the model looked like before a command, to tell afterwards what the command came to."""

    def __init__(self, model: Model) -> None:
        self.booked = len(model.movements)
        self.distributed = set(model.distributions)
        self.latest = max((day for day, orders in model.made.items() if orders), default=date.min)
        self.closed_through = model.closed_through
        self.passed = {key: len(order.passed) for key, order in model.requests.items()}
        open_ = {key: order for key, order in model.requests.items() if order.status == "accepted"}
        self.open = {key: (order, order.outcome, order.remaining) for key, order in open_.items()}
        self.claimed = {key: sum(claim.amount for claim in order.claims) for key, order in open_.items()}
        self.versions = {day: len(versions) for day, versions in model.figures.items()}

    def count(self, command: Command, told: object, model: Model, events: Counter[str]) -> None:
        """Count what happened since."""
        name = type(command).__name__
        if isinstance(told, str) and told.startswith("refused: "):
            events[f"{name} {told}"] += 1
            return
        events[name] += 1
        found = [*self._movements(model), *self._orders(model), *self._days(model)]
        if isinstance(command, RunDays):
            found += self._run(command, model)
        elif isinstance(command, Order):
            found += self._order(command, model)
        elif isinstance(command, Announce) and self.versions.get(command.day):
            again = len(model.figures[command.day]) == self.versions[command.day]
            found.append("a figure announced again" if again else "a figure replaced")
        events.update(found)

    def _movements(self, model: Model) -> Iterator[str]:
        cause = ""
        for movement in model.movements[self.booked :]:
            spent = movement.kind in SPENDINGS and movement.debit == "in_transit"
            if spent and movement.credit == "advancer_in_transit":
                yield "money in transit passed to the advancer"
            elif spent:
                yield "money in transit taken back"
            if movement.debit == "advancer_in_transit" and movement.credit == "advancer_payable":
                yield "rejected money repays the advancer"
            if movement.debit == "shortfall":
                yield "a shortfall of the advancer" if movement.holder == 0 else "a shortfall of a customer"
            if movement.kind == "shortfall_repaid":
                yield f"a shortfall repaid {_CAUSES.get(cause, 'by a confirmation')}"
            cause = movement.kind
        if model.balance("merchant_payable") < 0:
            yield "the merchants owe"
        if model.advance_outstanding() in {version.facility for version in model.terms}:
            yield "the facility used to the last fen"

    def _orders(self, model: Model) -> Iterator[str]:
        for key, (order, outcome, remaining) in self.open.items():
            if order.status != "accepted":
                yield f"{order.kind} {order.status}"
            if order.confirmed and self.claimed[key]:
                yield "a claim returned"
                if outcome is not None and outcome < remaining + self.claimed[key]:
                    yield "a claim cut short"
            elif not order.confirmed and sum(claim.amount for claim in order.claims) > self.claimed[key]:
                yield "paid after a confirmation date that is not booked"
        for key, order in model.requests.items():
            before_cutoff = datetime.combine(order.trade_date, CUTOFF, ZONE) if order.passed else order.at
            fresh = order.passed[self.passed.get(key, 0) :]
            if any(advance.spending.at < before_cutoff for advance in fresh):
                yield "paid before a cutoff that is booked"

    def _days(self, model: Model) -> Iterator[str]:
        for day in set(model.distributions) - self.distributed:
            given, parts = model.distributions[day], model.incomes[day]
            if not given["pool"]:
                yield "a day without holders"
            elif not given["rate"]:
                yield "a day without income"
            else:
                yield "a day of negative income" if given["rate"] < 0 else "a day of income"
                if _ties(model.holdings(day), given["rate"], parts):
                    yield "a tie for the last fen"
                if model.figures[day][-1][1] is not None:
                    yield "a control total kept"

    def _run(self, command: RunDays, model: Model) -> Iterator[str]:
        clock = command.at.astimezone(ZONE).time()
        if clock in (MIDNIGHT, CUTOFF, time(14, 59, 59)):
            yield f"days run at exactly {clock}"
        if command.interrupted and len(model.movements) > self.booked:
            yield "a run interrupted and done again"
        undecided = model.closed_through
        if undecided not in model.distributions and undecided >= model.opened_on:
            yield "a day blocked by its control total" if undecided in model.figures else "a day blocked, no figure"

    def _order(self, command: Order, model: Model) -> Iterator[str]:
        order = model.requests[_number(model, command.wallet), command.request_id]
        if order.number <= len(self.passed):
            yield "a repeat answered"
            if order.day <= self.closed_through:
                yield "a repeat answered after its day was closed"
        elif order.day < self.latest:
            yield "an order dated back into an open day"
        elif order.at.astimezone(ZONE).time() == CUTOFF:
            yield "an order at exactly 15:00:00"


def _ties(holdings: dict[int, int], rate: int, parts: dict[int, int]) -> bool:
    """Tell whether of equal cut fractions one got the fen and the other did not."""
    given: dict[int, set[bool]] = {}
    for holder, held in holdings.items():
        cut, fraction = divmod(held * abs(rate), HOLDING_TIMES_RATE)
        given.setdefault(fraction, set()).add(abs(parts[holder]) > cut)
    return any(len(got) == 2 for got in given.values())


# -- what is asked -------------------------------------------------------------------------------------------------

EDGES = (MIDNIGHT, time(14, 59, 59), CUTOFF, time(14, 59, 59, 999_999), time(23, 59, 59, 999_999))
RATES = (12_495, 11_200, 300_001, 0, -12_345, -300_001, 999_999, -999_999, 5_000, 2_000, 1)
AMOUNTS = (250_00, 100_00, 89_28, 89_29, 333_33, 1_000_00, 10_000_00)


class Street:
    """What customers, merchants, the fund and the house ask of the books, one command at a time."""

    def __init__(self, simulation: Simulation, choice: Choice) -> None:
        self.simulation, self.model, self.choice = simulation, simulation.model, choice

    def do(self, command: Command) -> None:
        """Give the command to both sides."""
        self.simulation.do(command)

    def begin(self) -> None:
        """Bring everybody the same money before the first cutoff: the second day has holders, and its fen a tie."""
        amount = self.pick((250_00, 100_00, 333_33))
        for number, name in enumerate(self.model.wallets):
            self.do(TransferIn(name, amount, f"first{number}", self.simulation.now))

    def open_wallet(self) -> None:
        """Open the next wallet, or one that is open, or one before the books."""
        opened = len(self.model.wallets)
        if opened == len(NAMES) or self._once_in(4):
            if opened:
                self.do(Open(self.pick(NAMES[:opened]), self.simulation.now))
            return
        self.do(Open(NAMES[opened], self._far() if self._once_in(5) else self.simulation.now))

    def transfer_in(self) -> None:
        """Bring money in."""
        name, at = self._wallet(), self._instant()
        number, day = _number(self.model, name), at.astimezone(ZONE).date()
        terms = self._terms(day)
        mine = [each for each in self.model.made[day] if each.kind == "transfer_in"]
        hers = sum(each.amount for each in mine if each.wallet == number)
        held = sum(self.model.balance(code, number) for code in ("shares", "redeeming", "in_transit"))
        rooms = [(terms.holding_cap, held), (terms.transfer_in_daily, hers)]
        rooms.append((terms.quota_daily, sum(each.amount for each in mine)))
        edges = [bound - used for bound, used in rooms if bound is not None]
        if self._once_in(6):
            edges += [terms.minimum, terms.minimum - 1]
        if mine and self._once_in(2):
            edges += [mine[-1].amount] * 3  # equal holdings make ties
        self.do(TransferIn(name, self._amount([*edges, *(edge + 1 for edge in edges)]), self._id(), at))

    def pay(self) -> None:
        """Pay a merchant."""
        name, at = self._wallet(rich=True), self._instant()
        use = self.pick((None, *expected.ORDERS_OF_USE))
        self.do(Pay(name, self._amount(self._spendable(name, at)), self._id(), at, self.pick(("shop", "inn")), use))

    def refund(self) -> None:
        """Give money back for a payment, or for what is none."""
        name, at = self._wallet(), self._instant()
        mine = self.model.orders[_number(self.model, name)]
        payments = [order for order in mine if order.kind == "payment"]
        edges: list[int] = []
        if payments and not self._once_in(6):
            paid = self.pick(payments)
            left = paid.amount - paid.refunded
            payment, edges = paid.request_id, [left, left, left + 1, left // 2]
        else:
            others = list(self.model.requests.values()) if self._once_in(3) else mine
            payment = self.pick([order.request_id for order in others] or ["nothing"])
        self.do(Refund(name, self._amount(edges), self._id(), at, payment))

    def transfer_out(self) -> None:
        """Take money out, at once or by a standard redemption."""
        name, at, kind = self._wallet(rich=True), self._instant(), self.pick(("instant", "instant", "standard"))
        if kind == "instant":
            amount, use = self._amount(self._spendable(name, at)), self.pick((None, *expected.ORDERS_OF_USE))
        else:
            number = _number(self.model, name)
            shares = self.model.lowest("shares", number, at.astimezone(ZONE).date())
            edges = [shares, shares + 1, shares // 2, shares // 3, shares // 7, *self._above_others(number)]
            amount, use = self._amount(edges), None
        self.do(TransferOut(name, amount, self._id(), at, kind, use))

    def repeat(self) -> None:
        """Ask again what was accepted before, with the same content or with other content."""
        if not self.simulation.accepted:
            return
        again = replace(self.pick(self.simulation.accepted), at=self._instant())
        if self._once_in(2):
            if isinstance(again, Pay):
                again = self.pick((replace(again, merchant="bar"), replace(again, amount=again.amount + 1)))
            elif isinstance(again, TransferOut):
                again = replace(again, kind="standard" if again.kind == "instant" else "instant")
            else:
                again = Pay(again.wallet, again.amount, again.request_id, again.at, "shop")
        elif isinstance(again, Pay | TransferOut):
            again = replace(again, order_of_use=self.pick(expected.ORDERS_OF_USE))
        self.do(again)

    def announce(self) -> None:
        """Publish a figure: mostly for the day that waits for one, else for any other."""
        model, day = self.model, self._undistributed()
        ahead = self.pick((0, 0, 0, 0, 1, 1, 2, 5, -1, -3))
        day += timedelta(ahead)
        if self._once_in(12):
            day = self.pick((CALENDAR.last + ONE_DAY, CALENDAR.first - ONE_DAY))
        rate = 10**6 if self._once_in(30) else self._rate(day)
        if day in model.figures and self._once_in(3):
            rate = model.figures[day][-1][0]
        waits = day in model.figures and day <= model.closed_through
        replaces = self.pick((False, True, True, True) if waits else (False, False, True))
        self.do(Announce(day, rate, self._control_total(day, rate), replaces))

    def record_outcome(self) -> None:
        """Answer for an application as the transfer agent does, or for what is none."""
        model = self.model
        applied = [o for o in model.requests.values() if o.status == "accepted" and o.trade_date <= model.cut_through]
        applied += [o for o in applied if o.kind != "transfer_in" or len(o.passed + o.claims) > 1] * 4
        known = applied if applied and not self._once_in(5) else list(model.requests.values())
        if not known or self._once_in(15):
            self.do(RecordOutcome(self.pick((*NAMES[: len(model.wallets)], STRANGER)), "nothing", 1))
            return
        order = self.pick(known)
        own, whole = order.remaining, order.applied
        confirmed = self.pick((whole // 2, 0, own, own + (whole - own) // 2, whole - 1, whole, whole + 1, 1, -1))
        self.do(RecordOutcome(NAMES[order.wallet - 1], order.request_id, confirmed))

    def run_days(self) -> None:
        """Run the days, early or late, at any instant."""
        at = self._instant()
        if self._once_in(4):  # as if the house had slept since a cutoff
            following = [day for day in TRADING_DAYS if day > self.model.cut_through][:1]
            at = min([at, *(datetime.combine(day, CUTOFF, ZONE) for day in following)])
        latest = self.simulation.now.date() + timedelta(self.pick((0, 0, 0, -1, -2, 1, 3)))
        through = max(min(latest, CALENDAR.last), self.model.opened_on)
        if self._once_in(20):
            through = self.pick((CALENDAR.last + ONE_DAY, self.model.opened_on - ONE_DAY))
        self.do(RunDays(through, at, self.pick((20_000, 1, 2)), self.pick((0, 0, *range(1, 12)))))

    def end_day(self) -> None:
        """Run the days up to today or yesterday, and publish what turns out to be missing."""
        today = self.simulation.now.date()
        through = min(today - timedelta(self.pick((0, 0, 1))), CALENDAR.last)
        if through < self.model.opened_on:
            return
        self.do(RunDays(through, self.simulation.now))
        for _ in range(self.pick((1, 2, 5))):
            day = self._undistributed()
            if day >= today or day in self.model.figures:
                return
            self.do(Announce(day, self._rate(day), None, False))
            self.do(RunDays(through, self.simulation.now))

    def look_back(self) -> None:
        """Compare some day of the past."""
        first, last = self.model.opened_on, min(self.simulation.now.date() + ONE_DAY, CALENDAR.last)
        day = first + timedelta(self.pick(range((last - first).days + 1)))
        if self.model.wallets:
            self.simulation.look_back(day, self.pick(list(self.model.wallets)))

    def step(self) -> None:
        """Do anything: what customers ask is frequent, what the house does is rare."""
        house = (self.announce, self.announce, self.record_outcome, self.record_outcome, self.open_wallet)
        days = (self.run_days,) if self.simulation.variant.late else (self.run_days, self.run_days, self.end_day)
        money = (self.transfer_in,) * 5 + (self.pay,) * 6 + (self.transfer_out,) * 4 + (self.refund,) * 2
        self.pick((*house, *days, *money, self.repeat, self.repeat))()
        made = len(self.simulation.log)
        if made % 8 == 0:
            self.look_back()
        if made % 50 == 0:
            self.simulation.prove()

    # -- the details -----------------------------------------------------------------------------------------------

    def pick(self, options: Sequence[T]) -> T:
        """Return one of the options."""
        return self.choice.pick(options)

    def _once_in(self, times: int) -> bool:
        return self.pick(range(times)) == times - 1

    def _id(self) -> str:
        """Name a request: anew, as one that was refused and so is not remembered, or as anybody's."""
        if self.simulation.refused_ids and self._once_in(10):
            return self.pick(self.simulation.refused_ids[-5:])
        if self.simulation.accepted and self._once_in(15):
            return self.pick(self.simulation.accepted).request_id
        return f"r{len(self.simulation.log) + 1}"

    def _wallet(self, *, rich: bool = False) -> str:
        """Choose a wallet, the first ones more often; a rich one holds something, as far as there is one."""
        if self._once_in(60):
            return STRANGER
        opened = list(self.model.wallets.items())
        opened += opened[:1] * 4 + opened[3:]  # the second and the third stay equal for a while
        held = [name for name, n in opened if any(self.model.balance(code, n) for code in ("shares", "in_transit"))]
        return self.pick(held if rich and held and not self._once_in(8) else [name for name, _ in opened])

    def _instant(self) -> datetime:
        """Let some time pass, or name an instant around: mostly forwards, at times at an edge, back or far off."""
        simulation = self.simulation
        match self.pick(("on",) * 7 + ("edge",) * 3 + ("back",) * 2 + ("off",)):
            case "on":
                minutes = self.pick((24, 40, 60)) * 60 if self._once_in(20) else self.pick((0, 1, 30, 120, 300, 700))
                simulation.now = min(simulation.now + timedelta(minutes=minutes), END)
                at = simulation.now
            case "edge":
                today = simulation.now.date()
                day = self.pick((today, today, today + ONE_DAY, today - ONE_DAY, self.model.cut_through))
                at = datetime.combine(day, self.pick(EDGES), ZONE)
            case "back":
                at = simulation.now - timedelta(hours=self.pick((1, 6, 20, 30, 75)))
            case _:
                at = self._far() if self._once_in(4) else simulation.now
        return at.astimezone(UTC) if self._once_in(10) else at

    def _far(self) -> datetime:
        days = (self.model.opened_on - ONE_DAY, CALENDAR.first - ONE_DAY, CALENDAR.last + ONE_DAY)
        return datetime.combine(self.pick(days), time(12), ZONE)

    def _amount(self, edges: Sequence[int]) -> int:
        """Return an amount: one that matters just now, or any."""
        known = [edge for edge in edges if edge > 0]
        if known and not self._once_in(6):
            return self.pick(known)
        return self.pick((0, 1, 10**13, 10**13 + 1)) if self._once_in(25) else self.pick(AMOUNTS)

    def _spendable(self, name: str, at: datetime) -> list[int]:
        """Return amounts around what a wallet can spend, and what the house lets it."""
        number, day = _number(self.model, name), at.astimezone(ZONE).date()
        shares = self.model.lowest("shares", number, day)
        transit = [o.remaining for o in self.model.orders[number] if o.kind in SUBSCRIPTIONS and o.at <= at]
        whole, terms = shares + sum(transit), self._terms(day)
        room = terms.facility - self.model.advance_outstanding()
        edges = [whole // 9, whole // 5, whole // 3, whole, whole + 1, shares, shares // 2, shares // 4, *transit[-1:]]
        edges += [*self._above_others(number), *(edge for edge in (room, room + 1) if edge <= whole + 1)]
        if terms.instant_daily is not None:
            mine = [o for o in self.model.made[day] if o.wallet == number and o.kind == "transfer_out_instant"]
            left = terms.instant_daily - sum(o.amount for o in mine)
            edges += [edge for edge in (left, left + 1) if edge <= whole + 1]
        return edges

    def _above_others(self, number: int) -> list[int]:
        """Return what a wallet has more than others: spent, it leaves equal holdings, and a tie may come of them."""
        shares = {each: self.model.balance("shares", each) for each in self.model.wallets.values()}
        mine = shares.get(number, 0)
        return [mine - other for each, other in shares.items() if each != number and 0 < other < mine]

    def _terms(self, day: date) -> Terms:
        known = [version for version in self.simulation.variant.terms if version.valid_from <= day]
        return known[-1] if known else self.simulation.variant.terms[0]

    def _undistributed(self) -> date:
        day = self.model.opened_on
        while day in self.model.distributions:
            day += ONE_DAY
        return day

    def _rate(self, day: date) -> int:
        """Return a figure: any, or one at which two holders have the same cut fraction."""
        held = {holder: each for holder, each in self.model.holdings(day).items() if each}
        whole = HOLDING_TIMES_RATE
        steps = {whole // gcd(a - b, whole) for a, b in combinations(held.values(), 2)}
        even = [rate for step in steps for rate in range(step, 10**6, max(step, 10**6 // 20 // step * step))]
        even = [rate for rate in even if _ties(held, rate, allocate(held, rate))]
        return self.pick(even) if even and self._once_in(3) else self.pick(RATES)

    def _control_total(self, day: date, rate: int) -> int | None:
        """Return a control total, signed as the figure: at the edge of what the holdings of the day allow."""
        if not self._once_in(3 if day <= self.model.closed_through else 12):
            return None
        exact = [held * abs(rate) for held in self.model.holdings(day).values()]
        lowest = sum(each // HOLDING_TIMES_RATE for each in exact)
        highest = sum(-(-each // HOLDING_TIMES_RATE) for each in exact)
        total = self.pick((lowest, highest, (lowest + highest) // 2, (lowest + highest) // 2, highest + 1, lowest - 1))
        return -total if rate < 0 else total


def _tell(first: int, last: int, steps: int) -> None:
    """Print what each seed reaches that none before it did."""
    seen: set[str] = set()
    with TemporaryDirectory() as directory:
        files = Files(Path(directory))
        for seed in range(first, last):
            fresh = set(simulate(files, seed, steps)) - seen
            seen |= fresh
            print(f"{seed}: {', '.join(sorted(fresh))}")


if __name__ == "__main__":
    _tell(*(int(argument) for argument in sys.argv[1:4]))
