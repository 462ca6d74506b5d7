"""Bulk entries against plain Python: the postings of many holders, the balances they move, the lowest since a day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time
from operator import mul

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings

from ledger import bulk
from ledger.bulk import BulkEntry
from ledger.journal import post
from ledger.schema import journal_entry
from tests.paper_book import EVENTS, LAST_DAY, OPENING, Bonus, Own, write
from tests.small_ledger import BOOK, BY_CODE, CHART, entry, everything, held, lines, on, opened, written

FEW = settings(
    max_examples=settings().max_examples // 7,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
NOON = datetime.combine(on(1), time(12), UTC)
BONUS = BulkEntry("bonus of day 1", "bonus", on(1), NOON, 1, 3)


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    yield from opened(database_url)


@pytest.fixture
def connection(engine: sa.Engine) -> Iterator[sa.Connection]:
    with engine.begin() as begun:
        yield begun


def rows(*table: tuple[int, int, int]) -> sa.Subquery:
    """Return a relation of holders with two amounts each."""
    each = [
        sa.select(*(sa.literal(value, sa.BigInteger).label(name) for name, value in zip("hab", row, strict=True)))
        for row in table
    ]
    return sa.union_all(*each).subquery()


def accounts(*pairs: tuple[str, str]) -> list[tuple[int, int]]:
    return [(BY_CODE[debit].id, BY_CODE[credit].id) for debit, credit in pairs]


def test_a_bulk_entry_says_whom_it_spans_and_is_booked_once(connection: sa.Connection) -> None:
    number = bulk.write_entry(connection, BOOK, BONUS)
    row = connection.execute(sa.select(journal_entry)).one()
    assert (row.entry_id, row.holder_id, row.request_id, row.first_holder, row.last_holder) == (
        number,
        0,
        "bonus of day 1",
        1,
        3,
    )
    assert (row.book, row.kind, row.value_date, row.booked_at) == (BOOK, "bonus", on(1), NOON)
    with pytest.raises(sa.exc.IntegrityError), connection.begin_nested():
        bulk.write_entry(connection, BOOK, BONUS)


def test_each_holder_gets_the_lines_of_every_movement_that_is_not_zero(connection: sa.Connection) -> None:
    number = bulk.write_entry(connection, BOOK, BONUS)
    amounts = rows((1, 100, 7), (2, 50, 0), (3, 0, 0))
    movements = [
        (accounts(("cash", "savings"), ("issued", "points")), amounts.c.a),
        (accounts(("savings", "fees")), amounts.c.b),
    ]
    assert bulk.write_postings(connection, number, bulk.event_lines(amounts.c.h, movements)) == 5
    assert written(connection, number) == (
        "Dr cash Cr savings 100; Dr issued Cr points 100; Dr savings Cr fees 7; "
        "Dr cash Cr savings 50; Dr issued Cr points 50"
    )
    assert held(connection, 1) == {}
    bulk.move_balances(connection, [number], 1, 3, CHART)
    assert [held(connection, n) for n in (1, 2, 3)] == [
        {"savings": 93, "points": 100},
        {"savings": 50, "points": 50},
        {},
    ]


def test_balances_move_by_the_postings_of_the_range_and_of_the_entries_named(connection: sa.Connection) -> None:
    numbers = [bulk.write_entry(connection, BOOK, BulkEntry(f"b{n}", "bonus", on(1), NOON, 1, 3)) for n in range(3)]
    for number, amount in zip(numbers, (1, 10, 100), strict=True):
        for holder in (1, 2, 3):
            bulk.write_own_postings(connection, number, holder, lines(f"Dr cash Cr savings {amount}"))
    bulk.move_balances(connection, numbers[:2], 1, 2, CHART)
    assert [held(connection, n) for n in (1, 2, 3)] == [{"savings": 11}, {"savings": 11}, {}]


def test_debits_and_credits_of_one_account_move_it_once_by_their_sum(connection: sa.Connection) -> None:
    number = bulk.write_entry(connection, BOOK, BONUS)
    postings = lines("Dr cash Cr savings 100; Dr savings Cr frozen 60; Dr owed Cr fees 9; Dr savings Cr owed 4")
    bulk.write_own_postings(connection, number, 2, postings)
    bulk.move_balances(connection, [number], 1, 3, CHART)
    assert held(connection, 2) == {"savings": 36, "frozen": 60, "owed": 5}


def test_one_line_of_an_entry_may_move_other_accounts_of_other_holders(connection: sa.Connection) -> None:
    number = bulk.write_entry(connection, BOOK, BONUS)
    for holder, text in ((1, "Dr cash Cr savings 100"), (2, "Dr issued Cr points 7"), (3, "Dr owed Cr savings 9")):
        bulk.write_own_postings(connection, number, holder, lines(text))
    bulk.move_balances(connection, [number], 1, 3, CHART)
    assert [held(connection, n) for n in (1, 2, 3)] == [{"savings": 100}, {"points": 7}, {"savings": 9, "owed": 9}]


def test_what_is_taken_may_come_from_what_is_given_by_a_later_line_or_entry(connection: sa.Connection) -> None:
    numbers = [bulk.write_entry(connection, BOOK, BulkEntry(f"b{n}", "bonus", on(1), NOON, 1, 3)) for n in range(2)]
    bulk.write_own_postings(connection, numbers[0], 1, lines("Dr savings Cr fees 7; Dr cash Cr savings 4"))
    bulk.write_own_postings(connection, numbers[1], 1, lines("Dr cash Cr savings 3"))
    bulk.move_balances(connection, numbers, 1, 3, CHART)
    assert held(connection, 1) == {}


def test_nobody_is_moved_below_zero(connection: sa.Connection) -> None:
    post(connection, BOOK, entry("Dr cash Cr savings 10", "r"))
    before = everything(connection)
    with connection.begin_nested() as savepoint:
        number = bulk.write_entry(connection, BOOK, BONUS)
        bulk.write_own_postings(connection, number, 1, lines("Dr savings Cr fees 11"))
        with pytest.raises(sa.exc.IntegrityError, match="balance_amount"):
            bulk.move_balances(connection, [number], 1, 3, CHART)
        savepoint.rollback()
    assert everything(connection) == before


def test_an_entry_without_postings_moves_nothing(connection: sa.Connection) -> None:
    number = bulk.write_entry(connection, BOOK, BONUS)
    bulk.write_own_postings(connection, number, 1, ())
    nothing = rows((1, 0, 0), (2, 0, 0))
    movements = [(accounts(("cash", "savings")), nothing.c.a)]
    assert bulk.write_postings(connection, number, bulk.event_lines(nothing.c.h, movements)) == 0
    bulk.move_balances(connection, [number], 1, 3, CHART)
    assert [held(connection, n) for n in (1, 2, 3)] == [{}, {}, {}]


def test_the_lowest_balance_by_hand_is_never_below_zero(connection: sa.Connection) -> None:
    """Holder 1 spent on day 2 what she got on day 4; holder 2 has less now than on any day before; holder 3 nothing."""
    post(connection, BOOK, entry("Dr cash Cr savings 100", "got", day=on(1)))
    post(connection, BOOK, entry("Dr cash Cr savings 50", "got later", day=on(4)))
    post(connection, BOOK, entry("Dr savings Cr fees 130", "spent", day=on(2)))
    post(connection, BOOK, entry("Dr cash Cr savings 100", "got", holder=2, day=on(1)))
    post(connection, BOOK, entry("Dr savings Cr fees 30", "spent", holder=2, day=on(3)))
    for day, expected in ((1, [0, 70, 0]), (2, [0, 70, 0]), (3, [0, 70, 0]), (4, [20, 70, 0]), (9, [20, 70, 0])):
        found = bulk.lowest_since(connection, BOOK, BY_CODE["savings"], on(day), 1, 3)
        assert connection.scalars(sa.select(found.c.lowest).order_by(found.c.holder_id)).all() == expected


@FEW
@given(EVENTS)
def test_what_holders_had_as_of_a_day_is_what_was_booked_by_then(engine: sa.Engine, events: list[Own | Bonus]) -> None:
    """In one account, and in two together; one of the other side counts against the first."""
    with engine.connect() as connection, connection.begin() as transaction:
        paper = write(connection, [*OPENING, *events])
        for codes in (["savings"], ["owed"], ["savings", "frozen"], ["savings", "owed"]):
            signs = [-1 if code == "owed" != codes[0] else 1 for code in codes]
            for day in range(LAST_DAY + 2):
                found = bulk.as_of(connection, BOOK, [BY_CODE[code] for code in codes], on(day), 0, 2)
                held = {holder: [paper.balance(code, holder, day) for code in codes] for holder in (1, 2)}
                expected = {holder: sum(map(mul, signs, amounts)) for holder, amounts in held.items()}
                assert {row.holder_id: row.amount for row in connection.execute(sa.select(found))} == expected
        transaction.rollback()


@FEW
@given(EVENTS)
def test_the_lowest_balance_is_the_lowest_of_all_days(engine: sa.Engine, events: list[Own | Bonus]) -> None:
    with engine.connect() as connection, connection.begin() as transaction:
        paper = write(connection, [*OPENING, *events])
        for code in ("savings", "owed"):
            acc = BY_CODE[code]
            for day in range(LAST_DAY + 2):
                for first, last in ((1, 3), (2, 2)):
                    found = bulk.lowest_since(connection, BOOK, acc, on(day), first, last)
                    lowest = {row.holder_id: row.lowest for row in connection.execute(sa.select(found))}
                    expected = {
                        holder: max(0, min(paper.balance(code, holder, d) for d in range(day, LAST_DAY + 2)))
                        for holder in range(first, last + 1)
                    }
                    assert lowest == expected
        transaction.rollback()


@pytest.mark.parametrize("engine_kind", ["postgresql"], indirect=True)
def test_a_locked_range_is_locked_and_nobody_else(engine: sa.Engine) -> None:
    with engine.begin() as one, engine.begin() as other:
        bulk.lock(one, BOOK, 1, 2)
        other.exec_driver_sql("SET LOCAL lock_timeout = '200ms'")
        post(other, BOOK, entry("Dr cash Cr savings 1", "r", holder=3))
        with pytest.raises(sa.exc.OperationalError, match="lock timeout"):
            post(other, BOOK, entry("Dr cash Cr savings 1", "r", holder=2))
        other.rollback()
