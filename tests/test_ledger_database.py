"""Engines as a ledger needs them: no lost updates, one state for readers, and no transaction of our own."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
import sqlalchemy as sa

from ledger.database import configure, connect, reading, require_transaction
from ledger.errors import NoTransaction

COUNTER = sa.table("counter", sa.column("n", sa.BigInteger))
ROUNDS = 100
sqlite_only = pytest.mark.parametrize("engine_kind", ["sqlite"], indirect=True)
postgresql_only = pytest.mark.parametrize("engine_kind", ["postgresql"], indirect=True)


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    """Give an engine on a database with one counter at zero."""
    ours = connect(database_url)
    with ours.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE counter (n BIGINT NOT NULL)")
        connection.execute(sa.insert(COUNTER).values(n=0))
    yield ours
    ours.dispose()


def count(connection: sa.Connection) -> int:
    return int(connection.execute(sa.select(COUNTER.c.n)).scalar_one())


def read_add_and_write(connection: sa.Connection) -> None:
    """Do what must not be done without a lock: compute the new value outside of the database."""
    seen = count(connection)
    connection.execute(sa.update(COUNTER).values(n=seen + 1))


# SQLite


@sqlite_only
def test_two_threads_lose_no_update(engine: sa.Engine) -> None:
    def work() -> None:
        for _ in range(ROUNDS):
            with engine.begin() as connection:
                read_add_and_write(connection)

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(work), threads.submit(work)]:
            done.result()
    with reading(engine) as connection:
        assert count(connection) == 2 * ROUNDS


@sqlite_only
def test_with_the_defaults_of_sqlite_half_of_the_updates_survive(engine: sa.Engine) -> None:
    """The trap itself: both transactions read before either writes, and nobody is told."""
    plain = sa.create_engine(engine.url)
    both_have_read = Barrier(2)

    def work() -> None:
        for _ in range(ROUNDS):
            with plain.begin() as connection:
                seen = count(connection)
                both_have_read.wait(30)
                connection.execute(sa.update(COUNTER).values(n=seen + 1))
            both_have_read.wait(30)

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(work), threads.submit(work)]:
            done.result()
    plain.dispose()
    with reading(engine) as connection:
        assert count(connection) == ROUNDS  # of 200 that were answered "done"


@sqlite_only
def test_a_writing_transaction_takes_the_lock_when_it_begins(engine: sa.Engine) -> None:
    impatient = sqlite3.connect(str(engine.url.database), timeout=0, isolation_level=None)
    with engine.begin(), pytest.raises(sqlite3.OperationalError, match="locked"):
        impatient.execute("BEGIN IMMEDIATE")
    impatient.execute("BEGIN IMMEDIATE")
    impatient.close()


@sqlite_only
def test_every_connection_is_set_up(engine: sa.Engine) -> None:
    expected = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "recursive_triggers": 1}
    host = configure(sa.create_engine(engine.url))
    for each in (engine, host):
        with reading(each) as one, reading(each) as other:
            for connection in (one, other):
                found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in expected}
                assert found == expected
                assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one() >= 10_000
    host.dispose()


@sqlite_only
def test_a_reader_takes_no_lock_that_a_writer_feels(engine: sa.Engine) -> None:
    impatient = sqlite3.connect(str(engine.url.database), timeout=0, isolation_level=None)
    with reading(engine) as connection:
        assert count(connection) == 0
        impatient.execute("BEGIN IMMEDIATE")
        impatient.execute("UPDATE counter SET n = 1")
        impatient.execute("COMMIT")
        assert count(connection) == 0
    impatient.close()


# Both engines


def test_a_reader_sees_one_state_throughout(engine: sa.Engine) -> None:
    with reading(engine) as reader:
        assert count(reader) == 0
        with engine.begin() as writer:
            writer.execute(sa.update(COUNTER).values(n=7))
        assert count(reader) == 0
    with reading(engine) as reader:
        assert count(reader) == 7


def test_readers_do_not_wait_for_a_writer(engine: sa.Engine) -> None:
    with engine.begin() as writer:
        writer.execute(sa.update(COUNTER).values(n=7))
        with reading(engine) as reader:
            assert count(reader) == 0


def test_after_reading_the_connection_is_as_it_was(database_url: str, engine: sa.Engine) -> None:
    single = configure(sa.create_engine(database_url, pool_size=1, max_overflow=0, poolclass=sa.QueuePool))
    with reading(single) as connection:
        count(connection)
    with single.begin() as connection:
        read_add_and_write(connection)
    with reading(single) as connection:
        assert count(connection) == 1
    single.dispose()


def test_the_caller_owns_the_transaction(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        with pytest.raises(NoTransaction):
            require_transaction(connection)
        with connection.begin():
            require_transaction(connection)
        with pytest.raises(NoTransaction):
            require_transaction(connection)


def test_making_an_engine_opens_nothing(tmp_path: Path) -> None:
    connect(f"sqlite:///{tmp_path / 'none.db'}")
    assert not list(tmp_path.iterdir())


# PostgreSQL


@postgresql_only
def test_reading_is_repeatable_and_read_only(engine: sa.Engine) -> None:
    with reading(engine) as connection:
        assert connection.exec_driver_sql("SHOW transaction_isolation").scalar() == "repeatable read"
        assert connection.exec_driver_sql("SHOW transaction_read_only").scalar() == "on"
        with pytest.raises(sa.exc.DBAPIError, match="read-only"):
            connection.execute(sa.update(COUNTER).values(n=1))


@postgresql_only
def test_writing_is_read_committed_whatever_the_server_says(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f'ALTER DATABASE "{engine.url.database}" SET default_transaction_isolation TO serializable'
        )
    engine.dispose()
    with engine.begin() as connection:
        assert connection.exec_driver_sql("SHOW default_transaction_isolation").scalar() == "serializable"
        assert connection.exec_driver_sql("SHOW transaction_isolation").scalar() == "read committed"
