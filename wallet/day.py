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
from wallet import approvals, confirmation, distribution, figures, proof, settlement, steps
from wallet.audit import seals
from wallet.errors import ControlTotalMismatch, FundwalletError
from wallet.outside import corrections, links, reconciliation
from wallet.outside.inbox import NOWHERE, Inbox, missing
from wallet.progress import Progress, silent
from wallet.proof import ProofFailed
from wallet.retries import transact
from wallet.rules.fund import Fund
from wallet.steps import CHUNK, Chunk

DONE, NOT_DUE, WAITING, BLOCKED, FAILED = "done", "not due", "waiting", "blocked", "failed"
DUE = "due"
CLOSED_DAY = "not a trading day"
NO_RECORD = "skipped: no outside record"

OPERATOR = "day"
"""Who proposes what files correct, where the terms want a second operator for it."""


class Blocked(Exception):
    """A step misses something from outside; it is tried again with the next run."""


@dataclass(frozen=True, slots=True)
class Job:
    """One step of one day at work: the engine, the book, when it is booked, how progress is told, where files are."""

    engine: sa.Engine
    book: Fund
    day: date
    step: str
    booked_at: datetime
    progress: Progress = silent
    chunk_size: int = CHUNK
    inbox: Inbox = NOWHERE


@dataclass(frozen=True, slots=True)
class Step:
    """One step: when it is due (days after D, time of day), what must be done before, and what it does.

    `needs` yields the (day, step) pairs that must be done first; `run` returns the state that it leaves.
    """

    name: str
    trading_days_only: bool
    due: tuple[int, time]
    needs: Callable[[Fund, date], Iterator[tuple[date, str]]]
    run: Callable[[Job], str]

    def due_at(self, book: Fund, day: date) -> datetime:
        """Return the instant from which the step of `day` may run."""
        return book.instant(day + timedelta(self.due[0]), self.due[1])


def _begin(connection: sa.Connection, job: Job) -> bool:
    """Lock the book's steps and tell whether this one is still to be done. Raises: Blocked, naming what is missing."""
    if not steps.begin(connection, job.book, job.day, job.step):
        return False
    if why := missing(connection, job.book, job.step, job.day, job.inbox):
        raise Blocked(why)
    return True


def _once(job: Job, work: Callable[[sa.Connection], object], state: str = DONE) -> str:
    """Do what completes a step and write the step down, in one transaction; return the state."""

    def do(connection: sa.Connection) -> None:
        if _begin(connection, job):
            work(connection)
            steps.finish(connection, job.book, job.day, job.step, job.booked_at, state)

    transact(job.engine, do)
    return state


def _in_chunks(
    job: Job,
    step: str,
    plan: Callable[[sa.Connection], list[Chunk]],
    work: Callable[[sa.Connection, Fund, date, datetime, Chunk], int],
) -> None:
    """Plan a step's chunks once, then do those that are not done, each in its own transaction."""

    def planned(connection: sa.Connection) -> list[tuple[Chunk, int | None]]:
        if not _begin(connection, job):
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


def _correct(job: Job) -> None:
    """Book what files correct, or propose it, each in its own transaction."""
    with reading(job.engine) as connection:
        waiting = corrections.waiting(connection, job.book, job.day)
    for change in waiting:
        ask = partial(approvals.ask, book=job.book, change=change, operator=OPERATOR, at=job.booked_at)
        transact(job.engine, ask)


def _confirm(job: Job) -> str:
    plan = partial(confirmation.plan, book=job.book, day=job.day, size=job.chunk_size)
    _in_chunks(job, job.step, plan, confirmation.confirm)
    _correct(job)
    return _once(job, lambda connection: confirmation.adjust_advancer(connection, job.book, job.day, job.booked_at))


def _settle(job: Job) -> str:
    if job.book.calendar.is_trading_day(job.day):
        plan = partial(settlement.plan, book=job.book, day=job.day, size=job.chunk_size)
        _in_chunks(job, job.step, plan, settlement.pay_out)
    return _once(job, lambda connection: settlement.settle_house(connection, job.book, job.day, job.booked_at))


def _cutoff(job: Job) -> str:
    return _once(job, lambda connection: gates.cut(connection, job.book.code, job.day))


def _close(job: Job) -> str:
    def close(connection: sa.Connection) -> None:
        if _begin(connection, job):
            gates.close(connection, job.book.code, job.day)

    transact(job.engine, close)
    return _once(job, lambda connection: balances.write_totals(connection, job.book.code, job.book.chart, job.day))


def _distribute(job: Job) -> str:
    with reading(job.engine) as connection:
        is_idle = distribution.is_idle(connection, job.book, job.day)

    def plan(connection: sa.Connection) -> list[Chunk]:
        if distribution.is_decided(connection, job.book, job.day):
            return []
        known = figures.of_day(connection, job.book, job.day)
        assert known is not None, job.day
        return distribution.decide(connection, job.book, job.day, *known, job.chunk_size)

    def check(connection: sa.Connection) -> None:
        if not is_idle:
            distribution.check(connection, job.book, job.day)

    if not is_idle:
        try:
            _in_chunks(job, job.step, plan, distribution.distribute)
        except ControlTotalMismatch as error:
            raise Blocked(str(error)) from error
    _correct(job)
    return _once(job, check)


def _reconcile(job: Job) -> str:
    with reading(job.engine) as connection:
        is_linked = links.on(connection, job.book, job.day) is not None
        if why := missing(connection, job.book, job.step, job.day, job.inbox):
            raise Blocked(why)
    if not is_linked:
        return _write_down(job, NO_RECORD)
    with reading(job.engine) as connection:
        found = reconciliation.compare(connection, job.book, job.day)
    return _once(job, lambda connection: reconciliation.write_down(connection, job.book, job.day, job.booked_at, found))


def _prove(job: Job) -> str:
    with reading(job.engine) as connection:
        proof.prove_day(connection, job.book, job.day)
    return _write_down(job)


def _write_down(job: Job, state: str = DONE) -> str:
    return _once(job, lambda _: None, state)


def _for_confirm(book: Fund, day: date) -> Iterator[tuple[date, str]]:
    previous = book.previous_trade_date(day)
    if previous is not None:
        yield previous, "cutoff"
        yield previous, "confirm"


def _for_settle(_book: Fund, day: date) -> Iterator[tuple[date, str]]:
    yield day, "confirm"
    yield day - timedelta(1), "settle"


def _for_cutoff(book: Fund, day: date) -> Iterator[tuple[date, str]]:
    previous = book.previous_trade_date(day)
    if previous is not None:
        yield previous, "cutoff"


def _for_close(_book: Fund, day: date) -> Iterator[tuple[date, str]]:
    yield day, "cutoff"
    yield day, "settle"
    yield from ((day - timedelta(1), name) for name in ("close", "distribute", "reconcile"))


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
    inbox: Inbox = NOWHERE,
) -> DayStatus:
    """Do, in order, every step of the days up to `through` that is due at `at`, and tell how far the days are.

    `booked_at` of each step is the one given, else the time it was due, so the same commands make the same books.
    Customers wait for at most one transaction over `chunk_size` holders. `inbox`: where files are taken from.
    A step that blocks or a proof that fails stops only what needs it. In the end everything that is proved is sealed,
    also what an older version proved, or a run that was stopped before its seals.
    Raises: OutsideCalendar, BeforeOpening (of `through`).
    """
    _known(book, through)
    inbox.link(engine, book)
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
                state, why = _do(Job(engine, book, day, step.name, when, progress, chunk_size, inbox), step, at)
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

    Nothing is done. A step that is due and misses something from outside says so.
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
        for name in (name for name, state in states[day].items() if state == DUE):
            if why := missing(connection, book, name, day):
                states[day][name] = BLOCKED
                blocked = blocked or f"{name} {day}: {why}"
    return DayStatus(book.code, list(states.items()), _next_step(book, states, last), blocked)


def _do(job: Job, step: Step, at: datetime) -> tuple[str, str | None]:
    """Take what files there are for a step, run it, and return the state that it left, with the reason if not done."""
    try:
        job.inbox.fetch(job.engine, job.book, job.step, job.day, at, job.progress)
    except (FundwalletError, OSError) as refused:
        return BLOCKED, str(refused)
    try:
        return step.run(job), None
    except Blocked as reason:
        return BLOCKED, str(reason)
    except ProofFailed as failure:
        return FAILED, "; ".join(failure.problems)


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


def _known(book: Fund, day: date) -> None:
    book.day(book.instant(day, time(0)))
