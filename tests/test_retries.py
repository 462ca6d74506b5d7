"""The thin layer that owns transactions: what the database rolled back is tried again, a few times, nothing else is."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, OperationalError

from ledger.schema import balance
from tests.desk import Desk, at
from wallet import facade
from wallet.errors import InsufficientFunds
from wallet.facade import transact
from wallet.schema import day_chunk


class Failing:
    """Fails as the database does, as often as it is told to, and then succeeds."""

    def __init__(self, error: Callable[[], BaseException], times: int) -> None:
        self.error, self.times, self.calls = error, times, 0

    def __call__(self, *_: object) -> str:
        self.calls += 1
        if self.calls <= self.times:
            raise self.error()
        return "done"


class Coded(Exception):
    """What a driver raises, with its code."""

    def __init__(self, sqlstate: str) -> None:
        self.sqlstate = sqlstate


def _sqlite(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = code
    return error


def _wrapped(orig: BaseException) -> DBAPIError:
    return OperationalError("UPDATE", {}, orig)


PASSING = [Coded("40001"), Coded("40P01"), _sqlite(5), _sqlite(6), _sqlite(517), _sqlite(261)]
LASTING = [Coded("08006"), Coded("23505"), Coded("57P01"), _sqlite(13), _sqlite(8), _sqlite(1), Coded("")]


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Collect the pauses instead of making them."""
    made: list[float] = []
    monkeypatch.setattr("wallet.retries.time.sleep", made.append)
    return made


@pytest.mark.parametrize("error", PASSING, ids=repr)
def test_what_may_pass_is_tried_five_times_with_pauses_in_between(error: Exception, pauses: list[float]) -> None:
    engine = sa.create_engine("sqlite://")
    work = Failing(lambda: _wrapped(error), 4)
    assert transact(engine, work) == "done"
    assert work.calls == 5
    assert len(pauses) == 4
    assert all(0 <= pause <= 0.02 * 2**n for n, pause in enumerate(pauses, 1))
    stubborn = Failing(lambda: _wrapped(error), 9)
    with pytest.raises(DBAPIError):
        transact(engine, stubborn)
    assert stubborn.calls == 5


@pytest.mark.parametrize("error", [*map(_wrapped, LASTING), InsufficientFunds(5, 1), ValueError()], ids=repr)
def test_what_lasts_is_not_tried_again(error: Exception, pauses: list[float]) -> None:
    engine = sa.create_engine("sqlite://")
    work = Failing(lambda: error, 1)
    with pytest.raises(type(error)):
        transact(engine, work)
    assert (work.calls, pauses) == (1, [])


def test_each_attempt_begins_anew(desk: Desk) -> None:
    attempts: list[int] = []

    def work(connection: sa.Connection) -> str:
        request = facade.TransferIn(wallet="alice", amount=100_00, request_id="once", at=at("09-16 10:00"))
        facade.transfer_in(connection, desk.book, request)
        attempts.append(connection.execute(sa.select(sa.func.sum(balance.c.amount))).scalar_one())
        if len(attempts) < 3:
            raise _wrapped(Coded("40001"))
        return "done"

    assert transact(desk.engine, work) == "done"
    assert attempts == [100_00] * 3
    assert desk.holding("alice")["in_transit"] == 100_00


def test_a_real_deadlock_is_tried_again(desk: Desk) -> None:
    """Two that lock the same rows in opposite order: PostgreSQL ends one, and it passes the second time."""
    if desk.engine.dialect.name != "postgresql":
        pytest.skip("SQLite has one writer, so no deadlock")
    meet, done, calls = threading.Barrier(2, timeout=20), [], []

    def work(order: tuple[int, int]) -> Callable[[sa.Connection], None]:
        def locked(connection: sa.Connection) -> None:
            calls.append(order)
            for n, holder_id in enumerate(order):
                one = sa.select(balance).where(balance.c.holder_id == holder_id).with_for_update()
                connection.execute(one)
                if n == 0 and len(calls) <= 2:
                    meet.wait()

        return locked

    def run(order: tuple[int, int]) -> None:
        transact(desk.engine, work(order))
        done.append(order)

    threads = [threading.Thread(target=run, args=(order,)) for order in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(done) == [(1, 2), (2, 1)]
    assert len(calls) == 3


def test_a_file_that_is_busy_too_long_says_so(tmp_path: Path, pauses: list[float]) -> None:
    desk = Desk.open(f"sqlite:///{tmp_path / 'books.db'}")
    impatient = facade.connect(desk.engine.url)
    sa.event.listen(impatient, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout = 1"))
    with desk.engine.begin(), pytest.raises(OperationalError, match="database is locked"):
        transact(impatient, lambda connection: None)
    assert len(pauses) == 4
    transact(impatient, lambda connection: None)
    for engine in (impatient, desk.engine):
        engine.dispose()


def test_each_chunk_of_a_day_is_tried_again(filled_desk: Desk, pauses: list[float]) -> None:
    chunks: list[bool] = []

    def fail(connection: sa.Connection, element: object, *_: object) -> None:
        if isinstance(element, sa.Update) and element.table is day_chunk:
            chunks.append(len(chunks) % 2 == 0)
            if chunks[-1]:
                raise _wrapped(Coded("40P01"))

    sa.event.listen(filled_desk.engine, "before_execute", fail)
    status = filled_desk.run("09-19", chunk_size=1)
    assert status.days[-1][1]["prove"] == "done"
    assert len(pauses) == sum(chunks) > 5, "each chunk has its own attempts"
    assert not filled_desk.verify()
