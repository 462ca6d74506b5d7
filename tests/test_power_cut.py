"""Power cuts, full disks and lost connections: what was acknowledged is there once, and nothing is half done.

The lane that always runs takes a sample of the moments; the slow one takes every COMMIT of the script, and more.
"""

from __future__ import annotations

import random
import re
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ledger.database import READING
from ledger.schema import metadata
from tests import postgres, power
from tests.desk import OPERATIONS, Desk, at
from tests.power import SCRIPT, Bench, Moment, Run, Step, Uninterrupted, Work
from tests.shell import Shell
from wallet import facade
from wallet.day import STEPS

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="nothing is killed here as by a power cut")

RANDOM_KILLS = 40
CRASHES = 12


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Give copies of the book that is worked on, on a server that keeps what it committed."""
    server = request.getfixturevalue("durable_postgres_server") if request.param == "postgresql" else None
    return Bench.set_up(tmp_path_factory.mktemp("power"), server)


@pytest.fixture(scope="module")
def whole(bench: Bench) -> Uninterrupted:
    """Give what the script makes when nothing happens."""
    with bench.copy() as url:
        return Uninterrupted.run(url)


# A power cut


def cut_at(bench: Bench, whole: Uninterrupted, number: int, moment: Moment) -> None:
    """Kill the script at its n-th COMMIT, restart, and hold what is there to what was acknowledged."""
    with bench.copy() as url:
        diary = bench.new_diary()
        power.killed_at(url, power.play, diary, number, moment)
        desk = power.reopened(url)
        pending = set(diary.asked) - set(diary.answered)
        assert power.check_what_is_left(desk, [diary]) == (pending if moment == "after" else set()), (number, moment)
        power.finish(desk, diary, whole)
        desk.engine.dispose()


def cut_amid(bench: Bench, whole: Uninterrupted, seed: int) -> bool:
    """Kill the script at some moment, restart, and do the same; tell whether a request was left in between."""
    with bench.copy() as url:
        diary = bench.new_diary()
        power.killed_amid(url, [(power.play, diary)], random.Random(seed).uniform(0, whole.seconds))
        desk = power.reopened(url)
        power.check_what_is_left(desk, [diary])
        power.finish(desk, diary, whole)
        desk.engine.dispose()
        return len(diary.asked) > len(diary.answered)


def cut_amid_crowd(bench: Bench, seed: int, longest: float) -> int:
    """Kill two crowds of customers and the keeper of the days together; return how much was acknowledged."""
    with bench.copy() as url:
        diaries = {seed * 2 + n: bench.new_diary() for n in range(2)}
        works: list[tuple[Work, power.Diary]] = [
            (partial(power.be_customers, seed=each), diary) for each, diary in diaries.items()
        ]
        keeper = (power.keep_days, bench.new_diary())
        power.killed_amid(url, [*works, keeper], random.Random(seed).uniform(0, longest))
        desk = power.reopened(url)
        power.check_what_is_left(desk, diaries.values())
        power.finish_holiday(desk, diaries)
        desk.engine.dispose()
        return sum(len(diary.answered) for diary in diaries.values())


def told(bench: Bench, what: str, began: float) -> None:
    """Print the figures of a long test."""
    print(f"\n{'postgresql' if bench.server else 'sqlite'}: {what}, {time.monotonic() - began:.0f} s")


def some_seed() -> int:
    """Return a new seed, printed for whoever has to see the same failure again."""
    seed = random.randrange(10**6)
    print(f"\nseed {seed}")
    return seed


def test_a_power_cut_at_some_commits_loses_nothing(bench: Bench, whole: Uninterrupted) -> None:
    moments: list[Moment] = ["before", "after"]
    for place in range(5):
        cut_at(bench, whole, 1 + place * (whole.commits - 1) // 4, moments[place % 2])


def test_a_power_cut_at_some_moment_loses_nothing(bench: Bench, whole: Uninterrupted) -> None:
    seed = some_seed()
    cut_amid(bench, whole, seed)
    for n in range(2):
        cut_amid_crowd(bench, seed + n, whole.seconds)


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_power_cut_at_every_commit_loses_nothing(bench: Bench, whole: Uninterrupted, moment: Moment) -> None:
    began = time.monotonic()
    for number in range(1, whole.commits + 1):
        cut_at(bench, whole, number, moment)
    told(bench, f"{whole.commits} kills just {moment} a COMMIT", began)


@pytest.mark.slow
def test_power_cuts_at_random_moments_lose_nothing(bench: Bench, whole: Uninterrupted) -> None:
    began, seed = time.monotonic(), some_seed()
    between = sum(cut_amid(bench, whole, seed + n) for n in range(RANDOM_KILLS))
    told(bench, f"{RANDOM_KILLS} kills at random moments, {between} amid a request", began)


@pytest.mark.slow
def test_power_cuts_amid_a_crowd_lose_nothing(bench: Bench, whole: Uninterrupted) -> None:
    began, seed = time.monotonic(), some_seed()
    answered = sum(cut_amid_crowd(bench, seed + n, 1.5 * whole.seconds) for n in range(RANDOM_KILLS))
    told(bench, f"{RANDOM_KILLS} kills amid customers and the day, {answered} requests acknowledged", began)


@pytest.fixture
def own_server(durable_postgres_server: postgres.Server) -> Iterator[postgres.Server]:
    """Give a server that no other test uses, so that it may be stopped."""
    del durable_postgres_server  # asked for so that the test fails or is skipped where there is none
    programs = postgres.of_the_distribution() or postgres.of_the_wheel()
    if programs is None:
        pytest.skip("the server that is here is not ours to stop")
    with postgres.running(durable=True, programs=programs) as server:
        yield server


def crash_amid(bench: Bench, server: postgres.Server, whole: Uninterrupted, seed: int) -> bool:
    """Stop the server under the script or under a crowd, start it again; tell whether a request was left in between.

    The book is made anew: PostgreSQL turns the sequences of a copied database back if it crashes before a checkpoint.
    """
    url = server.create_database()
    power.base(url)
    diaries = {seed * 2 + n: bench.new_diary() for n in range(2)}
    works: list[tuple[Work, power.Diary]] = [(power.play, bench.new_diary())]
    if seed % 2:
        works = [(partial(power.be_customers, seed=each), diary) for each, diary in diaries.items()]
        works.append((power.keep_days, bench.new_diary()))
    processes = [power.start(url, work, diary) for work, diary in works]
    time.sleep(random.Random(seed).uniform(0, whole.seconds))
    server.crash()
    for process in processes:
        process.join(30)
        assert process.exitcode == 0, "a process did not end when its server was gone"
    server.start()
    desk = power.reopened(url)
    power.check_what_is_left(desk, [diary for _, diary in works])
    if seed % 2:
        assert all(diary.lines("lost") for diary in diaries.values())
        power.finish_holiday(desk, diaries)
    else:
        power.finish(desk, works[0][1], whole)
    desk.engine.dispose()
    server.drop_database(url)
    return any(len(diary.asked) > len(diary.answered) for _, diary in works)


@pytest.mark.slow
def test_a_server_that_crashes_loses_nothing(own_server: postgres.Server, tmp_path: Path) -> None:
    bench, began, seed = Bench.set_up(tmp_path, own_server), time.monotonic(), some_seed()
    with bench.copy() as url:
        whole = Uninterrupted.run(url)
    between = sum(crash_amid(bench, own_server, whole, seed + n) for n in range(CRASHES))
    told(bench, f"{CRASHES} crashes of the server, {between} amid a request", began)


# A disk that is full, a connection that is lost

ORDERS = {kind.__name__ for kind in OPERATIONS}
DAY_STEPS = {step.name for step in STEPS}
DAYS = tuple(Run(f"10-{n:02}", f"10-{n + 1:02} 00:00") for n in range(1, 19))


def name_of(desk: Desk, step: Step) -> str:
    """Return what is being done: an order's operation, or the day's step that is next."""
    if not isinstance(step, Run):
        return type(step).__name__
    with facade.reading(desk.engine) as connection:
        following = facade.day_status(connection, desk.book, at(step.when)).next_step
    assert following is not None
    return following.split()[0]


class Fault:
    """What goes wrong in each writing transaction, at its first place, then at its second … until it gets through."""

    says: str

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.place = 0
        self.before: object = None
        self.failed = Counter[str]()
        sa.event.listen(desk.engine, "begin", self._begin)

    def insist(self, step: Step) -> None:
        """Do a step as often as it takes; each time it fails nothing of the transaction that failed may be left."""
        while True:
            try:
                power.do(self.desk.engine, self.desk.book, step)
                return
            except sa.exc.OperationalError as error:
                said = str(error.orig)
            assert re.search(self.says, said), said
            assert self.state() == self.before
            self.failed[name_of(self.desk, step)] += 1
            self.place += 1

    def state(self) -> object:
        """Return what is another with every change that is committed."""
        raise NotImplementedError

    def prepare(self, connection: sa.Connection) -> None:
        """Prepare what goes wrong in a transaction."""
        raise NotImplementedError

    def _begin(self, connection: sa.Connection) -> None:
        if not connection.get_execution_options().get(READING):
            now = self.state()
            if now != self.before:  # else it is tried again, maybe after transactions that had nothing to do
                self.before, self.place = now, 0
            self.prepare(connection)


class FullDisk(Fault):
    """A database that may not grow: in a transaction's first attempt not at all, in each further one a page more."""

    says = "^database or disk is full$"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.outside = sa.create_engine(desk.engine.url).connect()

    def state(self) -> object:
        return self.outside.exec_driver_sql("PRAGMA data_version").scalar_one()

    def prepare(self, connection: sa.Connection) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + self.place}")


class LostConnection(Fault):
    """A connection that is ended from outside: after a transaction's first change, then just before its COMMIT."""

    says = "terminating connection due to administrator command|server closed the connection"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.outside = sa.create_engine(desk.engine.url, isolation_level="AUTOCOMMIT").connect()
        self.is_changed = False
        sa.event.listen(desk.engine, "after_cursor_execute", self._executed)
        sa.event.listen(desk.engine, "commit", self._commit)

    def state(self) -> object:
        """Return the place and the writing transaction of every row that is there."""
        rows = "SELECT count(*), sum(hashtext(ctid::text || xmin::text)) FROM"
        each = " UNION ALL ".join(f"{rows} {table}" for table in metadata.tables)
        return self.outside.exec_driver_sql(each).all()

    def prepare(self, connection: sa.Connection) -> None:
        self.is_changed = False

    def _executed(self, connection: sa.Connection, cursor: Any, statement: str, *_: object) -> None:
        if not self.is_changed and statement.startswith(("UPDATE", "INSERT", "WITH done")) and cursor.rowcount:
            self.is_changed = True
            if self.place == 0:
                self._lose(connection)

    def _commit(self, connection: sa.Connection) -> None:
        if self.place == 1 and self.is_changed and not connection.get_execution_options().get(READING):
            self._lose(connection)

    def _lose(self, connection: sa.Connection) -> None:
        process = connection.connection.driver_connection.info.backend_pid  # type: ignore[union-attr]
        self.outside.execute(sa.select(sa.func.pg_terminate_backend(process)))
        there = sa.text("SELECT count(*) FROM pg_stat_activity WHERE pid = :process")
        while self.outside.scalar(there, {"process": process}):  # the server's own waiting takes 0.1 s
            time.sleep(0.001)


def test_a_full_disk_stops_any_transaction_anywhere_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "base.db") as file:
        file.execute("PRAGMA page_size = 512")  # so that hardly any transaction finds all the room it needs
        file.execute("PRAGMA journal_mode = WAL")
    bench = Bench.set_up(tmp_path)
    with bench.copy() as url:
        whole = Uninterrupted.run(url)
    with bench.copy() as url:
        fault = FullDisk(power.reopened(url))
        for step in SCRIPT:
            fault.insist(step)
        assert fault.desk.dump() == whole.dump
        for n in range(100):
            if not set(fault.failed) >= ORDERS:
                fault.insist(power.customers_order(0, n))
        for step in DAYS:
            if not set(fault.failed) >= ORDERS | DAY_STEPS:
                fault.insist(step)
        assert set(fault.failed) == ORDERS | DAY_STEPS, fault.failed
        assert not fault.desk.verify()
        fault.outside.close()
        fault.desk.engine.dispose()


def test_a_command_says_in_one_line_that_the_disk_is_full(tmp_path: Path) -> None:
    desk = power.base(f"sqlite:///{tmp_path / 'base.db'}")
    shell = Shell(desk.engine.url.render_as_string())

    def transfer_in(n: int) -> list[str]:
        return ["transfer-in", "w1", "5.00", "--request", f"r{n}", "--at", "2013-09-16T10:00:00"]

    def fill(connection: sa.Connection) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")  # which is taken for as many as there are

    sa.event.listen(sa.Engine, "begin", fill)
    try:
        accepted = next(n for n in range(1000) if shell.run(*transfer_in(n)).code != 0)
        code, line = shell.refused(*transfer_in(accepted))
        ended = shell.run("day", "run", "--through", "2013-10-18")
    finally:
        sa.event.remove(sa.Engine, "begin", fill)
    says = f"the database {desk.engine.url.database} cannot be used: database or disk is full"
    assert (code, line) == (9, says)
    assert (ended.code, ended.out, ended.err) == (9, "", f"fundwallet: {says}\n")
    assert power.booked(desk) == Counter(f"r{n}" for n in range(accepted))
    shell.do("day run --through 2013-09-18")
    assert not desk.verify()
    desk.engine.dispose()


def test_a_lost_connection_leaves_nothing_half_done_and_the_engine_goes_on(
    postgres_server: postgres.Server, tmp_path: Path
) -> None:
    bench = Bench.set_up(tmp_path, postgres_server)
    with bench.copy() as url:
        whole = Uninterrupted.run(url)
    with bench.copy() as url:
        fault = LostConnection(power.reopened(url))
        for step in SCRIPT:
            fault.insist(step)
        assert fault.desk.dump() == whole.dump
        assert not fault.desk.verify()
        assert set(fault.failed) == ORDERS | DAY_STEPS, fault.failed
        assert min(fault.failed.values()) >= 2
        fault.outside.close()
        fault.desk.engine.dispose()
