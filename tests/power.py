"""Power cuts: a process works on a book and is killed, and what must be true of the book after that.

`play` is the work: a script of orders and day runs, the same in every run, acknowledged in a diary that outlives its
writer. Two more works are endless and run at once: `be_customers` and `keep_days`. Any work, being a function of
an engine and a diary, is killed by `killed_at` just before or just after its n-th COMMIT, and by `killed_amid` at
some moment. `Aftermath` holds the book that is left to what the diaries say.

The processes are forked off one that has everything imported, which is quicker than to begin anew each time.
"""

from __future__ import annotations

import json
import multiprocessing as mp
import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import count
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Literal

import pytest
import sqlalchemy as sa

from ledger.database import READING
from ledger.model import HOUSE
from ledger.schema import journal_entry
from tests import postgres
from tests.busy_book import TERMS
from tests.desk import OPERATIONS, Desk, Row, at, day
from wallet import facade
from wallet.facade import Fund
from wallet.requests import Order
from wallet.schema import customer_order

CHUNK = 3  # holders of a chunk, so that twelve wallets make several
WALLETS = tuple(f"w{n}" for n in range(1, 13))


@dataclass(frozen=True)
class Run:
    """Run the days through a date, with everything due at an instant."""

    through: str
    when: str


Step = Order | Run
Moment = Literal["before", "after"]


def order(kind: type[Order], wallet: str, amount: int, when: str, name: str, /, **more: Any) -> Order:
    """Return a request of `amount` fen; payments go to the one shop there is."""
    if kind is facade.Payment:
        more["merchant"] = "shop"
    return kind(wallet=wallet, amount=amount, at=at(when), request_id=name, **more)


FIRST: tuple[Order, ...] = tuple(
    order(facade.TransferIn, wallet, 10_000_00 + 1_11 * n, "09-16 09:30", f"first-{wallet}")
    for n, wallet in enumerate(WALLETS)
)
SCRIPT: tuple[Step, ...] = (
    order(facade.Payment, "w1", 120_00, "09-16 10:00", "taken back"),
    order(facade.TransferIn, "w2", 55_55, "09-16 11:00", "more"),
    order(facade.TransferOut, "w3", 70_00, "09-16 14:00", "out of transit", kind="instant"),
    Run("09-16", "09-16 15:00"),
    order(facade.Payment, "w4", 33_33, "09-16 16:00", "passed"),
    order(facade.Refund, "w1", 20_00, "09-16 17:00", "refund", payment="taken back"),
    Run("09-17", "09-17 00:00"),
    order(facade.TransferOut, "w5", 1_000_00, "09-17 09:00", "redeemed", kind="standard"),
    order(facade.TransferOut, "w8", 3_33, "09-17 09:10", "redeemed too", kind="standard"),
    order(facade.Payment, "w6", 400_00, "09-17 10:00", "from shares"),
    order(facade.TransferIn, "w7", 99_99, "09-17 11:00", "more for w7"),
    order(facade.Payment, "w7", 99_00, "09-17 12:00", "shares first", order_of_use="confirmed_first"),
    Run("09-17", "09-17 15:00"),
    order(facade.TransferOut, "w9", 12_34, "09-17 16:00", "out of shares", kind="instant"),
    order(facade.Refund, "w6", 10_00, "09-17 17:00", "refund of shares", payment="from shares"),
    Run("09-18", "09-18 00:00"),
    order(facade.Payment, "w10", 7_77, "09-18 10:00", "pay w10"),
    order(facade.TransferIn, "w11", 1_00, "09-18 11:00", "more for w11"),
    order(facade.TransferOut, "w12", 500_00, "09-18 12:00", "redeemed over the holiday", kind="standard"),
    Run("09-18", "09-18 15:00"),
    order(facade.Payment, "w1", 5_00, "09-18 20:00", "pay again"),
    Run("09-18", "09-19 00:00"),
)


def base(url: str) -> Desk:
    """Open the book in an empty database: twelve wallets with money in transit, every figure announced."""
    desk = Desk.open(url, terms=TERMS, wallets=WALLETS)
    desk.publish("09-16", "10-20")
    for each in FIRST:
        desk.ask(OPERATIONS[type(each)], each)
    desk.engine.dispose()
    return desk


@dataclass(frozen=True)
class Bench:
    """Where copies of the base are made and thrown away: a directory, or a server of PostgreSQL."""

    directory: Path
    server: postgres.Server | None
    original: str
    numbers: Iterator[int]

    @classmethod
    def set_up(cls, directory: Path, server: postgres.Server | None = None) -> Bench:
        """Make the base once; with a server there, else in a file."""
        url = server.create_database() if server else f"sqlite:///{directory / 'base.db'}"
        base(url)
        return cls(directory, server, url, count(1))

    @contextmanager
    def copy(self) -> Iterator[str]:
        """Give the URL of a copy."""
        if self.server:
            url = self.server.create_database(self.original)
            yield url
            self.server.drop_database(url)
            return
        file = self.directory / f"{next(self.numbers)}.db"
        shutil.copy(self.directory / "base.db", file)
        yield f"sqlite:///{file}"
        for left in self.directory.glob(f"{file.name}*"):
            left.unlink()

    def new_diary(self) -> Diary:
        """Return an empty diary."""
        return Diary(str(self.directory / f"{next(self.numbers)}.diary"))


@dataclass(frozen=True)
class Diary:
    """What a process wrote down: each line is in the hands of the operating system before the next thing is done."""

    path: str

    def write(self, *words: str) -> None:
        """Append a line."""
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(file, (json.dumps(words) + "\n").encode())
        os.close(file)

    def lines(self, kind: str) -> list[list[str]]:
        """Return what follows `kind` in its lines."""
        whole = Path(self.path).read_text(encoding="utf-8") if Path(self.path).exists() else ""
        return [words[1:] for words in map(json.loads, whole.splitlines()) if words[0] == kind]

    @property
    def asked(self) -> list[str]:
        """What was about to be asked, by request id."""
        return [name for (name,) in self.lines("asking")]

    @property
    def answered(self) -> dict[str, str]:
        """The receipts that came back from a committed transaction, by request id."""
        return dict(self.lines("answered"))


Work = Callable[[sa.Engine, Diary], None]
NOWHERE = Diary(os.devnull)


def ask(engine: sa.Engine, book: Fund, asked: Order, diary: Diary = NOWHERE) -> str:
    """Ask for one thing in a transaction of its own, acknowledge it when that is committed, and return the receipt."""
    diary.write("asking", asked.request_id)
    with engine.begin() as connection:
        receipt = OPERATIONS[type(asked)](connection, book, asked)
    diary.write("answered", asked.request_id, repr(receipt))
    return repr(receipt)


def do(engine: sa.Engine, book: Fund, step: Step, diary: Diary = NOWHERE) -> str | None:
    """Do one step of the script, and return the receipt of an order."""
    if isinstance(step, Run):
        done = facade.run_day(engine, book, day(step.through), at(step.when), chunk_size=CHUNK)
        assert (done.blocked_by, done.failed_by) == (None, None)
        return None
    return ask(engine, book, step, diary)


def book_of(engine: sa.Engine) -> Fund:
    """Return the book that the database holds."""
    with facade.reading(engine) as connection:
        return facade.load(connection)


def play(engine: sa.Engine, diary: Diary) -> None:
    """Do the whole script."""
    book = book_of(engine)
    for step in SCRIPT:
        do(engine, book, step, diary)


def customers_order(seed: int, number: int) -> Order:
    """Return the n-th order of endless customers, all on the first day of the holiday."""
    rng = random.Random(f"{seed} {number // 4}")
    wallet, amount, kind = rng.choice(WALLETS), rng.randrange(1_00, 20_00), number % 4
    when, name = f"09-19 {10 + number % 4}:00", f"{seed}-{number}"
    if kind == 0:
        return order(facade.TransferIn, wallet, amount, when, name)
    if kind == 1:
        return order(facade.Payment, wallet, amount, when, name)
    if kind == 2:
        return order(facade.Refund, wallet, 1_00, when, name, payment=f"{seed}-{number - 1}")
    return order(facade.TransferOut, wallet, amount, when, name, kind="instant")


def be_customers(engine: sa.Engine, diary: Diary, seed: int) -> None:
    """Ask for one thing after the other, for ever."""
    book = book_of(engine)
    for number in count():
        ask(engine, book, customers_order(seed, number), diary)


def keep_days(engine: sa.Engine, diary: Diary) -> None:
    """Run the days before the holiday, while customers ask on its first day."""
    do(engine, book_of(engine), Run("09-18", "09-19 00:00"), diary)


# Processes and how they end


def count_commits(engine: sa.Engine) -> list[int]:
    """Return a list that grows by one with every COMMIT of a writing transaction."""
    commits: list[int] = []

    def note(connection: sa.Connection) -> None:
        if not connection.get_execution_options().get(READING):
            commits.append(len(commits) + 1)

    sa.event.listen(engine, "commit", note)
    return commits


def _die_at_commit(engine: sa.Engine, number: int, moment: Moment) -> None:
    """Kill this process just before or just after the COMMIT of its n-th writing transaction."""
    commits, commit = count_commits(engine), engine.dialect.do_commit

    def do_commit(connection: Any) -> None:
        if moment == "before" and len(commits) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        commit(connection)
        if len(commits) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    engine.dialect.do_commit = do_commit  # type: ignore[method-assign, assignment]


def _live(url: str, work: Work, diary: Diary, number: int, moment: Moment) -> None:
    """Work in a process of its own, with an engine of its own."""
    engine = facade.connect(url)
    if number:
        _die_at_commit(engine, number, moment)
    diary.write("began")
    try:
        work(engine, diary)
    except sa.exc.OperationalError as error:
        diary.write("lost", str(error.orig))


@cache
def _launcher() -> Any:
    """Start the process that forks the others, with one thread and no engine, and return its context."""
    from multiprocessing import forkserver  # which not every system has

    context = mp.get_context("forkserver")
    context.set_forkserver_preload(["psycopg", "tests.power"])
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("OPENBLAS_NUM_THREADS", "1")
        forkserver.ensure_running()
    return context


def start(url: str, work: Work, diary: Diary, number: int = 0, moment: Moment = "before") -> BaseProcess:
    """Start a process and return it when it has begun to work."""
    process: BaseProcess = _launcher().Process(target=_live, args=(url, work, diary, number, moment), daemon=True)
    process.start()
    while not diary.lines("began"):
        assert process.exitcode in (None, -signal.SIGKILL), "the process failed before it began"
        time.sleep(0.001)
    return process


def killed_at(url: str, work: Work, diary: Diary, number: int, moment: Moment) -> None:
    """Work in a process that is killed just before or just after its n-th COMMIT."""
    process = start(url, work, diary, number, moment)
    process.join(60)
    assert process.exitcode == -signal.SIGKILL, f"the process ended with {process.exitcode}"


def killed_amid(url: str, works: Sequence[tuple[Work, Diary]], delay: float) -> None:
    """Work in processes that are killed together, some seconds after they began."""
    processes = [start(url, work, diary) for work, diary in works]
    time.sleep(delay)
    for process in processes:
        process.kill()
    for process in processes:
        process.join(60)
        assert process.exitcode in (-signal.SIGKILL, 0), f"a process failed with {process.exitcode}"


# What is left


@dataclass(frozen=True)
class Uninterrupted:
    """What the script makes when nothing happens: every row, every receipt, the COMMITs, and how long it takes."""

    dump: dict[str, list[Row]]
    receipts: dict[str, str]
    commits: int
    seconds: float

    @classmethod
    def run(cls, url: str) -> Uninterrupted:
        """Do the script once."""
        desk = reopened(url)
        commits, began, receipts = count_commits(desk.engine), time.monotonic(), {}
        for step in SCRIPT:
            receipt = do(desk.engine, desk.book, step)
            if receipt and not isinstance(step, Run):
                receipts[step.request_id] = receipt
        seconds = time.monotonic() - began
        assert not (wrong := desk.verify()), wrong
        made = cls(desk.dump(), receipts, len(commits), seconds)
        desk.engine.dispose()
        return made


def reopened(url: str) -> Desk:
    """Open the book with a new engine, as after a restart."""
    engine = facade.connect(url)
    return Desk(engine, book_of(engine))


def booked(desk: Desk) -> Counter[str]:
    """Return how often each request is in the books, those of the base left out; an entry has its order or is none."""
    e, o = journal_entry.c, customer_order.c
    with facade.reading(desk.engine) as connection:
        entries = sa.select(e.holder_id, e.entry_id, e.request_id).where(e.holder_id != HOUSE)
        names = {(row.holder_id, row.entry_id): row.request_id for row in connection.execute(entries)}
        orders = connection.execute(sa.select(o.holder_id, o.entry_id)).all()
    assert sorted(map(tuple, orders)) == sorted(names), "an entry without its order"
    return Counter(names.values()) - Counter(each.request_id for each in FIRST)


def check_what_is_left(desk: Desk, diaries: Iterable[Diary]) -> set[str]:
    """Assert that what was acknowledged is there once, that nothing else is but what was being asked; return that."""
    there, answered, pending = booked(desk), set[str](), set[str]()
    for diary in diaries:
        answered |= set(diary.answered)
        pending |= set(diary.asked) - set(diary.answered)
    assert set(there.values()) <= {1}, "something is there twice"
    assert answered <= set(there), f"acknowledged and lost: {answered - set(there)}"
    assert set(there) <= answered | pending, f"never asked for: {set(there) - answered - pending}"
    assert not (wrong := desk.verify()), wrong
    return set(there) & pending


def finish(desk: Desk, diary: Diary, whole: Uninterrupted) -> None:
    """Ask for everything again, finish the days, and assert that the books are as if nothing had happened."""
    answered = diary.answered
    for step in SCRIPT:
        receipt = do(desk.engine, desk.book, step)
        if receipt and not isinstance(step, Run):
            assert receipt == whole.receipts[step.request_id] == answered.get(step.request_id, receipt), receipt
    assert booked(desk) == Counter(whole.receipts.keys()), "booked and asked differ"
    assert not (wrong := desk.verify()), wrong
    assert desk.dump() == whole.dump, "the books are not the same"


def finish_holiday(desk: Desk, diaries: dict[int, Diary]) -> None:
    """Ask the customers' orders again, by seed, finish the days, and assert that each is there once."""
    asked = Counter[str]()
    for seed, diary in diaries.items():
        asked += Counter(diary.asked)
        for number, name in enumerate(diary.asked):
            receipt = ask(desk.engine, desk.book, customers_order(seed, number))
            assert receipt == diary.answered.get(name, receipt), receipt
    do(desk.engine, desk.book, Run("09-18", "09-19 00:00"))
    assert booked(desk) == asked, "booked and asked differ"
    assert not (wrong := desk.verify()), wrong
