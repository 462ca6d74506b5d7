"""Many writers at once: short in the default lane, a minute each in the slow one; both print what they measured."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
import sqlalchemy as sa

from benchmarks import books
from tests import storm as storms
from tests.desk import Desk
from wallet import facade

SHORT, LONG = 6.0, 60.0
WALLETS = 60_000
"""Three chunks of the usual size."""


def _deadlocks(desk: Desk) -> int:
    if desk.engine.dialect.name != "postgresql":
        return 0
    query = sa.text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    with desk.engine.connect() as connection:
        return int(connection.execute(query).scalar_one())


def _storm(url: str, seconds: float, facility: int | None = None) -> None:
    desk = storms.prepare(url, facility=facility)
    before = _deadlocks(desk)
    processes = 8 if desk.engine.dialect.name == "postgresql" else 4
    storm = storms.rage(url, processes, seconds)
    print(
        f"\n{desk.engine.dialect.name}: {processes} processes, {storm.rate:.0f} orders/s accepted, "
        f"{storm.day_runs} day runs, longest wait {storm.longest * 1000:.0f} ms, refused {dict(storm.refused)}"
    )
    storms.check(desk, storm)
    assert storm.day_runs >= 2
    assert _deadlocks(desk) == before
    storms.replay(desk, storm)
    desk.engine.dispose()


def test_short_storm(database_url: str) -> None:
    _storm(database_url, SHORT)


def test_short_storm_with_a_small_facility(database_url: str) -> None:
    _storm(database_url, SHORT, facility=20_000_00)


@pytest.mark.slow
def test_a_minute_of_storm(database_url: str) -> None:
    _storm(database_url, LONG)


@pytest.mark.slow
def test_customers_pay_while_whole_chunks_are_worked(database_url: str) -> None:
    """Print the longest wait of a payment while chunks of the usual 20,000 wallets are confirmed and given income."""
    books.build(database_url, WALLETS, True)
    desk = Desk(facade.connect(database_url), books.load(facade.connect(database_url)))
    first = desk.book.opened_on
    books.announce(desk.engine, desk.book, 6)
    facade.run_day(desk.engine, desk.book, first, books.end_of(desk.book, first))
    day = first + timedelta(1)
    books.transfer_in(desk.engine, desk.book, WALLETS, day)
    done, waits = threading.Event(), list[float]()

    def be_customer(which: int) -> None:
        engine = facade.connect(database_url)
        number = 0
        while not done.is_set():
            number += 1
            order = facade.Payment(
                wallet=f"w{(number * 7_919 + which) % WALLETS + 1}",
                amount=1,
                merchant="shop",
                request_id=f"{which}-{number}",
                at=books.order_time(desk.book, first + timedelta(4)),
            )
            began = time.monotonic()
            facade.transact(engine, lambda connection: facade.pay(connection, desk.book, order))  # noqa: B023
            waits.append(time.monotonic() - began)
        engine.dispose()

    customers = [threading.Thread(target=be_customer, args=(which,)) for which in range(2)]
    for customer in customers:
        customer.start()
    through = first + timedelta(4)
    facade.run_day(desk.engine, desk.book, through, books.end_of(desk.book, first + timedelta(3)))
    done.set()
    for customer in customers:
        customer.join()
    print(f"\n{desk.engine.dialect.name}: {len(waits)} payments meanwhile, longest wait {max(waits) * 1000:.0f} ms")
    assert not desk.verify()
    assert len(waits) > 2
    desk.engine.dispose()
