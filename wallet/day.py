"""The day: its steps in order, each done exactly once, each in its own transactions. Source: rule book, section 7.

STEPS is the day, read top to bottom. `run` does every step that is due, day by day; what blocks stops its own
chain only, and nothing is done before its time. A step that was interrupted anywhere is run again as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial

import sqlalchemy as sa

from ledger import balances, gates
from ledger.database import reading
from wallet import confirmation, distribution, figures, proof, settlement, steps
from wallet.audit import seals
from wallet.errors import ControlTotalMismatch
from wallet.progress import Progress, silent
from wallet.proof import ProofFailed
from wallet.retries import transact
from wallet.rules.fund import Fund
from wallet.steps import CHUNK, Chunk

DONE, NOT_DUE, WAITING, BLOCKED, FAILED = "done", "not due", "waiting", "blocked", "failed"
DUE = "due"
CLOSED_DAY = "not a trading day"
NO_RECORD = "skipped: no outside record"


class Blocked(Exception):
    """A step misses something from outside; it is tried again with the next run."""


@dataclass(frozen=True, slots=True)
class Job:
    """One step of one day at work: the engine, the book, when it is booked, how progress is told."""

    engine: sa.Engine
    book: Fund
    day: date
    step: str
    booked_at: datetime
    progress: Progress = silent
    chunk_size: int = CHUNK


@dataclass(frozen=True, slots=True)
class Step:
    """One step: when it is due (days after D, time of day), what must be done before, and what it does.

    `needs` yields the (day, step) pairs that must be done first.
    """

    name: str
    trading_days_only: bool
    due: tuple[int, time]
    needs: Callable[[Fund, date], Iterator[tuple[date, str]]]
    run: Callable[[Job], None]

    def due_at(self, book: Fund, day: date) -> datetime:
        """Return the instant from which the step of `day` may run."""
        return book.instant(day + timedelta(self.due[0]), self.due[1])


def _once(job: Job, work: Callable[[sa.Connection], object], state: str = DONE) -> None:
    """Do what completes a step and write the step down, in one transaction."""

    def do(connection: sa.Connection) -> None:
        if steps.begin(connection, job.book, job.day, job.step):
            work(connection)
            steps.finish(connection, job.book, job.day, job.step, job.booked_at, state)

    transact(job.engine, do)


def _in_chunks(
    job: Job,
    step: str,
    plan: Callable[[sa.Connection], list[Chunk]],
    work: Callable[[sa.Connection, Fund, date, datetime, Chunk], int],
) -> None:
    """Plan a step's chunks once, then do those that are not done, each in its own transaction."""

    def planned(connection: sa.Connection) -> list[tuple[Chunk, int | None]]:
        if not steps.begin(connection, job.book, job.day, job.step):
            return []
        if not steps.chunks(connection, job.book, job.day, step):
            steps.plan(connection, job.book, job.day, step, plan(connection))
        return steps.chunks(connection, job.book, job.day, step)

    def do(connection: sa.Connection, chunk: Chunk) -> None:
        if steps.begin_chunk(connection, job.book, job.day, step, chunk):
            entry_id = work(connection, job.book, job.day, job.booked_at, chunk)
            steps.finish_chunk(connection, job.book, job.day, step, chunk, entry_id)

    chunks = transact(job.engine, planned)
    for chunk, entry_id in chunks:
        if entry_id is None:
            transact(job.engine, partial(do, chunk=chunk))
        job.progress(f"{step} {job.day}", chunk.number, len(chunks))


def _confirm(job: Job) -> None:
    _in_chunks(
        job, job.step, partial(confirmation.plan, book=job.book, day=job.day, size=job.chunk_size), confirmation.confirm
    )
    _write_down(job)


def _settle(job: Job) -> None:
    if job.book.calendar.is_trading_day(job.day):
        plan = partial(settlement.plan, book=job.book, day=job.day, size=job.chunk_size)
        _in_chunks(job, job.step, plan, settlement.pay_out)
    _once(job, lambda connection: settlement.settle_house(connection, job.book, job.day, job.booked_at))


def _cutoff(job: Job) -> None:
    _once(job, lambda connection: gates.cut(connection, job.book.code, job.day))


def _close(job: Job) -> None:
    transact(job.engine, lambda connection: gates.close(connection, job.book.code, job.day))
    _once(job, lambda connection: balances.write_totals(connection, job.book.code, job.book.chart, job.day))


def _distribute(job: Job) -> None:
    with reading(job.engine) as connection:
        announced = figures.of_day(connection, job.book, job.day)
        nobody = distribution.pool(connection, job.book, job.day) == 0
    if nobody and (announced is None or not announced[1].control_total):
        _write_down(job)
        return
    if announced is None:
        raise Blocked(f"no figure announced for {job.day}")

    def plan(connection: sa.Connection) -> list[Chunk]:
        if distribution.is_decided(connection, job.book, job.day):
            return []
        known = figures.of_day(connection, job.book, job.day)
        assert known is not None, job.day
        return distribution.decide(connection, job.book, job.day, *known, job.chunk_size)

    try:
        _in_chunks(job, job.step, plan, distribution.distribute)
    except ControlTotalMismatch as error:
        raise Blocked(str(error)) from error
    _once(job, lambda connection: distribution.check(connection, job.book, job.day))


def _reconcile(job: Job) -> None:
    _write_down(job, NO_RECORD)


def _prove(job: Job) -> None:
    with reading(job.engine) as connection:
        proof.prove_day(connection, job.book, job.day)
    _write_down(job)


def _write_down(job: Job, state: str = DONE) -> None:
    _once(job, lambda _: None, state)


def _for_confirm(book: Fund, day: date) -> Iterator[tuple[date, str]]:
    previous = book.previous_trade_date(day)
    if previous is not None:
        yield previous, "cutoff"


def _for_settle(book: Fund, day: date) -> Iterator[tuple[date, str]]:
    yield day, "confirm"


def _for_cutoff(book: Fund, day: date) -> Iterator[tuple[date, str]]:
    yield from _for_confirm(book, day)


def _for_close(_book: Fund, day: date) -> Iterator[tuple[date, str]]:
    yield day, "cutoff"
    yield day, "settle"
    yield day - timedelta(1), "close"
    yield day - timedelta(1), "distribute"


def _for_distribute(_book: Fund, day: date) -> Iterator[tuple[date, str]]:
    yield day, "close"


def _for_prove(_book: Fund, day: date) -> Iterator[tuple[date, str]]:
    yield from ((day, step.name) for step in STEPS[:-1])


_MIDNIGHT, _AFTER = (0, time(0)), (1, time(0))

STEPS: tuple[Step, ...] = (
    Step("confirm", True, _MIDNIGHT, _for_confirm, _confirm),
    Step("settle", False, _MIDNIGHT, _for_settle, _settle),
    Step("cutoff", True, (0, time(15)), _for_cutoff, _cutoff),
    Step("close", False, _AFTER, _for_close, _close),
    Step("distribute", False, _AFTER, _for_distribute, _distribute),
    Step("reconcile", False, _AFTER, _for_distribute, _reconcile),
    Step("prove", False, _AFTER, _for_prove, _prove),
)


@dataclass(frozen=True, slots=True)
class DayStatus:
    """How far days are: the states of their steps, the next step, what blocks and which day did not prove."""

    fund: str
    days: list[tuple[date, dict[str, str]]]
    next_step: str | None
    blocked_by: str | None
    failed_by: str | None = None


def run(
    engine: sa.Engine,
    book: Fund,
    through: date,
    at: datetime,
    *,
    booked_at: datetime | None = None,
    progress: Progress = silent,
    chunk_size: int = CHUNK,
) -> DayStatus:
    """Do, in order, every step of the days up to `through` that is due at `at`, and tell how far the days are.

    `booked_at` of each step is the one given, else the time it was due, so the same commands make the same books.
    Customers wait for at most one transaction over `chunk_size` holders.
    A step that blocks or a proof that fails stops only what needs it. In the end everything that is proved is sealed,
    also what an older version proved, or a run that was stopped before its seals.
    Raises: OutsideCalendar, BeforeOpening (of `through`).
    """
    _known(book, through)
    with reading(engine) as connection:
        first = _first_unproved(connection, book)
        done = _written(connection, book, first)
    states: dict[date, dict[str, str]] = {}
    problems: dict[str, str] = {}
    span = max(0, (through - first).days + 1)
    for day in (first + timedelta(n) for n in range(span)):
        states[day] = {}
        for step in STEPS:
            state = _state(book, step, day, at, done)
            if state is None:
                when = booked_at or step.due_at(book, day)
                state, why = _do(Job(engine, book, day, step.name, when, progress, chunk_size), step)
                if why is None:
                    done[day, step.name] = state
                else:
                    problems.setdefault(state, f"{step.name} {day}: {why}")
            states[day][step.name] = state
        progress("days", (day - first).days + 1, span)
    seals.seal_days(engine, book, progress)
    following = _next_step(book, states, max(through, first - timedelta(1)))
    return DayStatus(book.code, list(states.items()), following, problems.get(BLOCKED), problems.get(FAILED))


def status(connection: sa.Connection, book: Fund, at: datetime) -> DayStatus:
    """Tell how far the days are: from the last proved day to the last one with any step, or the first to be done.

    Nothing is done. A step that is due and blocked by a missing figure says so.
    """
    first = _first_unproved(connection, book)
    done = _written(connection, book, first)
    begun = [day for day, _ in done if day > first]
    last = min(max([first, *begun]), book.calendar.last)
    start = max(book.opened_on, first - timedelta(1))
    states: dict[date, dict[str, str]] = {}
    blocked = None
    for day in (start + timedelta(n) for n in range((last - start).days + 1)):
        states[day] = {step.name: _state(book, step, day, at, done) or DUE for step in STEPS}
        if states[day]["distribute"] == DUE and _misses_figure(connection, book, day):
            states[day]["distribute"] = BLOCKED
            blocked = blocked or f"distribute {day}: no figure announced for {day}"
    return DayStatus(book.code, list(states.items()), _next_step(book, states, last), blocked)


def _do(job: Job, step: Step) -> tuple[str, str | None]:
    """Run one step and return the state that it left, with the reason when it is not done."""
    try:
        step.run(job)
    except Blocked as reason:
        return BLOCKED, str(reason)
    except ProofFailed as failure:
        return FAILED, "; ".join(failure.problems)
    return (NO_RECORD if step.name == "reconcile" else DONE), None


def _state(book: Fund, step: Step, day: date, at: datetime, done: dict[tuple[date, str], str]) -> str | None:
    """Return the state of a step that is not to be run now; None for one that is due and has all it needs."""
    if step.trading_days_only and not book.calendar.is_trading_day(day):
        return CLOSED_DAY
    if (day, step.name) in done:
        return done[day, step.name]
    if at < step.due_at(book, day):
        return NOT_DUE
    for needed_day, name in step.needs(book, day):
        needed = next(s for s in STEPS if s.name == name)
        applies = not needed.trading_days_only or book.calendar.is_trading_day(needed_day)
        if needed_day >= book.opened_on and applies and (needed_day, name) not in done:
            return WAITING
    return None


def _next_step(book: Fund, states: dict[date, dict[str, str]], last: date) -> str | None:
    """Return the first step that is not done, or the first of the day after `last`."""
    for day, of_day in states.items():
        for name, state in of_day.items():
            if state in (NOT_DUE, WAITING, BLOCKED, FAILED, DUE):
                return f"{name} {day}"
    following = last + timedelta(1)
    if following > book.calendar.last:
        return None
    step = STEPS[0] if book.calendar.is_trading_day(following) else STEPS[1]
    return f"{step.name} {following}"


def _first_unproved(connection: sa.Connection, book: Fund) -> date:
    day = book.opened_on
    for proved in steps.days_with(connection, book, STEPS[-1].name):
        if proved != day:
            break
        day += timedelta(1)
    return day


def _written(connection: sa.Connection, book: Fund, first: date) -> dict[tuple[date, str], str]:
    """Return what is written down since the trade date before `first`: no step from `first` on needs an earlier one."""
    previous = book.previous_trade_date(min(first, book.calendar.last)) or book.opened_on
    return steps.written(connection, book, min(previous, first - timedelta(1)))


def _misses_figure(connection: sa.Connection, book: Fund, day: date) -> bool:
    return figures.of_day(connection, book, day) is None and distribution.pool(connection, book, day) > 0


def _known(book: Fund, day: date) -> None:
    book.day(book.instant(day, time(0)))
