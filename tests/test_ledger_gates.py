"""The gates: what is closed stays closed, and nobody in flight is dated into a day that was closed meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillWaiting

import pytest
import sqlalchemy as sa

from ledger import gates
from ledger.database import reading
from ledger.errors import DayClosed
from ledger.journal import hold, post
from ledger.schema import book_gate
from tests.small_ledger import BOOK, GATES, entry, on, opened, request


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    yield from opened(database_url)


def marks(connection: sa.Connection, book: str = BOOK) -> list[tuple[object, ...]]:
    g = book_gate.c
    rows = connection.execute(sa.select(g.gate, g.closed_through, g.cut_through).where(g.book == book).order_by(g.gate))
    return [tuple(row) for row in rows]


def test_a_new_book_is_closed_and_cut_up_to_the_day_before_it(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        assert marks(connection) == [(0, on(0), on(0)), (1, on(0), on(0))]
        assert gates.read(connection, BOOK) == (on(0), on(0))


def test_closing_and_cutting_pass_every_gate_of_the_book(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        gates.create(connection, "other", 1, on(0))
        gates.cut(connection, BOOK, on(2))
        gates.close(connection, BOOK, on(1))
        assert marks(connection) == [(number, on(1), on(2)) for number in range(GATES)]
        assert gates.read(connection, BOOK) == (on(1), on(2))
        assert marks(connection, "other") == [(0, on(0), on(0))]


def test_a_day_once_closed_is_never_opened_again(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        for day in (5, 3):
            gates.close(connection, BOOK, on(day))
            gates.cut(connection, BOOK, on(day + 1))
        assert gates.read(connection, BOOK) == (on(5), on(6))


def test_a_close_that_reached_one_gate_holds_for_its_holders_only(engine: sa.Engine) -> None:
    """The state that others see while a close waits for the second gate: what is read is what holds everywhere."""
    with engine.begin() as connection:
        passed = sa.update(book_gate).where(book_gate.c.gate == 0).values(closed_through=on(1), cut_through=on(1))
        connection.execute(passed)
        assert gates.read(connection, BOOK) == (on(0), on(0))
        with pytest.raises(DayClosed):
            post(connection, BOOK, entry("Dr cash Cr savings 1", "r", holder=2))
        assert post(connection, BOOK, entry("Dr cash Cr savings 1", "r", holder=1)).value_date == on(1)
        both = hold(connection, BOOK, [request("r", 1), request("r", 2)])
        assert (both.closed_through, both.cut_through) == (on(1), on(1))


def test_a_close_waits_for_the_order_in_flight_and_is_seen_by_the_next(engine: sa.Engine) -> None:
    def close() -> None:
        with engine.begin() as connection:
            gates.close(connection, BOOK, on(1))

    with ThreadPoolExecutor(1) as elsewhere:
        with engine.begin() as in_flight:
            post(in_flight, BOOK, entry("Dr cash Cr savings 100", "first"))
            closing = elsewhere.submit(close)
            with pytest.raises(StillWaiting):
                closing.result(timeout=0.3)
            with reading(engine) as reader:
                assert gates.read(reader, BOOK) == (on(0), on(0))
        closing.result(timeout=30)
    with engine.connect() as connection, connection.begin(), pytest.raises(DayClosed):
        post(connection, BOOK, entry("Dr cash Cr savings 100", "second"))


@pytest.mark.parametrize("engine_kind", ["postgresql"], indirect=True)
def test_orders_of_one_gate_do_not_wait_for_each_other(engine: sa.Engine) -> None:
    """Holders 1 and 3 share a gate; on SQLite there is one writer at a time."""
    with engine.begin() as one, engine.begin() as other:
        other.exec_driver_sql("SET LOCAL lock_timeout = '5s'")
        post(one, BOOK, entry("Dr cash Cr savings 1", "r", holder=1))
        post(other, BOOK, entry("Dr cash Cr savings 1", "r", holder=3))
