"""What is and what was: against the same books kept on paper, on every day, with and without written totals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import balances
from ledger.balances import Movement, Turnover, balance_of, totals, turnover, write_totals
from ledger.journal import post, post_all
from ledger.schema import account_total
from tests.paper_book import EVENTS, LAST_DAY, OPENING, Bonus, Own, Paper, write
from tests.small_ledger import BOOK, BY_CODE, CHART, GATES, HOLDERS, entry, held, on, opened

FEW = settings(
    max_examples=settings().max_examples // 7,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
CODES = {acc.id: acc.code for acc in CHART}
PER_HOLDER = [acc for acc in CHART if acc.per_holder]


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    yield from opened(database_url)


def shown(movements: list[Movement], first_entry: int) -> list[tuple[int, int, str, str, int]]:
    """Return movements as paper has them, entries counted from 1."""
    return [
        ((m.value_date - on(1)).days + 1, m.entry_id - first_entry + 1, CODES[m.debit], CODES[m.credit], m.amount)
        for m in movements
    ]


def numbered(connection: sa.Connection) -> int:
    """Return the number of the first entry: on PostgreSQL what is rolled back leaves a gap."""
    found = connection.exec_driver_sql("SELECT min(entry_id) FROM journal_entry").scalar()
    return int(found or 1)


@FEW
@given(EVENTS)
def test_a_balance_as_of_a_day_is_what_was_booked_by_then(engine: sa.Engine, events: list[Own | Bonus]) -> None:
    with engine.connect() as connection, connection.begin() as transaction:
        paper = write(connection, [*OPENING, *events])
        for holder in HOLDERS:
            now = balances.of_holder(connection, holder)
            assert now == {acc.id: paper.balance(acc.code, holder) for acc in PER_HOLDER}
            for day in range(LAST_DAY + 2):
                as_of = balances.as_of(connection, BOOK, holder, CHART, on(day))
                assert as_of == {acc.id: paper.balance(acc.code, holder, day) for acc in PER_HOLDER}
        transaction.rollback()


@FEW
@given(EVENTS, st.integers(1, LAST_DAY), st.integers(0, LAST_DAY))
def test_a_statement_holds_the_postings_of_its_days(
    engine: sa.Engine, events: list[Own | Bonus], first: int, length: int
) -> None:
    last = first + length
    with engine.connect() as connection, connection.begin() as transaction:
        paper = write(connection, [*OPENING, *events])
        start = numbered(connection)
        for holder in HOLDERS:
            found = balances.movements(connection, BOOK, holder, on(first), on(last))
            assert shown(found, start) == paper.of(holder, first, last)
            assert {m.owner for m in found} <= {0, holder}
            bonuses = balances.movements(connection, BOOK, holder, on(first), on(last), kinds=["bonus"])
            assert bonuses == [m for m in found if m.kind == "bonus"]
            later = balances.later(connection, BOOK, holder, on(first))
            assert shown(later, start) == paper.of(holder, first + 1, LAST_DAY)
        transaction.rollback()


@FEW
@given(EVENTS, st.integers(0, LAST_DAY))
def test_totals_are_those_of_closed_days_and_the_postings_since(
    engine: sa.Engine, events: list[Own | Bonus], closed: int
) -> None:
    with engine.connect() as connection, connection.begin() as transaction:
        paper = write(connection, [*OPENING, *events])
        for day in range(1, closed + 1):
            write_totals(connection, BOOK, CHART, on(day))
        assert balances.totalled_through(connection, BOOK) == (on(closed) if closed else None)
        for day in (None, *range(LAST_DAY + 2)):
            through = LAST_DAY if day is None else day
            as_of = totals(connection, BOOK, None if day is None else on(day))
            for acc in CHART:
                moved = as_of.get(acc.id, Turnover())
                assert (moved.debits, moved.credits) == paper.turnover(acc.code, 0, through)
                assert balance_of(acc, as_of) == paper.balance(acc.code, day=through)
            since = turnover(connection, BOOK, on(closed), None if day is None else on(day))
            for acc in CHART:
                moved = since.get(acc.id, Turnover())
                assert (moved.debits, moved.credits) == paper.turnover(acc.code, closed, through)
        transaction.rollback()


def test_totals_of_a_day_are_written_once_with_a_row_for_every_account(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        post(connection, BOOK, entry("Dr cash Cr savings 100; Dr savings Cr fees 2", "r"))
        write_totals(connection, BOOK, CHART, on(1))
        rows = connection.execute(sa.select(account_total).order_by(account_total.c.account_id)).all()
    assert [tuple(row) for row in rows] == [
        (BOOK, on(1), BY_CODE["cash"].id, 100, 0),
        (BOOK, on(1), BY_CODE["fees"].id, 0, 2),
        (BOOK, on(1), BY_CODE["savings"].id, 2, 100),
        *((BOOK, on(1), number, 0, 0) for number in (4, 5, 6, 7)),
    ]
    with engine.connect() as connection, connection.begin(), pytest.raises(sa.exc.IntegrityError):
        write_totals(connection, BOOK, CHART, on(1))


def test_a_movement_tells_its_entry(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        answer = post(connection, BOOK, entry("Dr cash Cr savings 100", "r", holder=2, day=on(3), kind="saved"))
        found = balances.movements(connection, BOOK, 2, on(3), on(3))
        noon = datetime.combine(on(3), time(12), UTC)
        assert found == [Movement(answer.entry_id, 2, "saved", on(3), noon, "r", 1, 3, 100)]
        signs = {code: balances.signed(found[0], BY_CODE[code]) for code in ("cash", "savings", "fees")}
        assert signs == {"cash": 100, "savings": 100, "fees": 0}
        assert balances.movements(connection, BOOK, 2, on(1), on(2)) == []
        assert balances.movements(connection, BOOK, 2, on(4), on(3)) == []


@pytest.mark.parametrize("engine_kind", ["sqlite"], indirect=True)
def test_the_bulk_entries_that_hold_a_holder_are_read_from_their_index_alone(engine: sa.Engine) -> None:
    asked: list[tuple[str, Any]] = []
    sa.event.listen(engine, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
    with engine.begin() as connection:
        balances.movements(connection, BOOK, 1, on(1), on(2))
        statement, parameters = asked[-1]
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
    assert any("SEARCH spans USING COVERING INDEX journal_entry_spans" in row.detail for row in plan), plan


def test_books_do_not_see_each_other(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        balances.create_holders(connection, "other", [4], GATES, CHART)
        connection.execute(
            sa.text("INSERT INTO book_gate SELECT 'other', gate, closed_through, cut_through FROM book_gate")
        )
        post(connection, BOOK, entry("Dr cash Cr savings 100", "r"))
        assert totals(connection, "other") == {}
        assert balances.last_date(connection, "other") is None
        assert balances.totalled_through(connection, "other") is None
        post(connection, "other", entry("Dr cash Cr savings 7", "r", holder=4, day=on(2)))
        write_totals(connection, "other", CHART, on(2))
        assert balances.totalled_through(connection, BOOK) is None
        assert balances.last_date(connection, BOOK) == on(1)
        assert balance_of(BY_CODE["savings"], totals(connection, BOOK)) == 100
        assert balance_of(BY_CODE["savings"], totals(connection, "other")) == 7


def test_a_statement_over_years_is_asked_in_parts(engine: sa.Engine) -> None:
    days = [1, 500, 501, 502, 1000, 1001, 1500]
    with engine.begin() as connection:
        post_all(connection, BOOK, [entry("Dr cash Cr savings 1", f"r{n}", day=on(n)) for n in days])
        found = balances.movements(connection, BOOK, 1, on(1), on(1500))
        assert [m.value_date for m in found] == [on(n) for n in days]
        assert len(balances.movements(connection, BOOK, 1, on(2), on(1001))) == 5
        assert balances.as_of(connection, BOOK, 1, CHART, on(1000))[BY_CODE["savings"].id] == 5


def test_holders_begin_with_nothing_in_every_account_they_have(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        balances.create_holders(connection, BOOK, [7, 8], GATES, CHART)
        assert balances.of_holder(connection, 8) == {acc.id: 0 for acc in PER_HOLDER}
        assert balances.of_holder(connection, 9) == {}
        post(connection, BOOK, entry("Dr cash Cr savings 5", "r", holder=8))
        assert held(connection, 8) == {"savings": 5}
        balances.create_holders(connection, BOOK, [10], GATES, [BY_CODE["cash"]])
        assert balances.of_holder(connection, 10) == {}
        balances.create_holders(connection, BOOK, [], GATES, CHART)
    with engine.connect() as connection, connection.begin(), pytest.raises(sa.exc.IntegrityError):
        balances.create_holders(connection, BOOK, [7], GATES, CHART)


def test_paper_adds_up_by_hand() -> None:
    paper = Paper()
    assert [paper.add(1, 1, "cash", "savings", 100), paper.add(2, 1, "savings", "fees", 130)] == [100, 100]
    assert [paper.balance("savings", 1, day) for day in (0, 1, 2)] == [0, 100, 0]
    assert paper.balance("cash") == paper.balance("fees") == 100
