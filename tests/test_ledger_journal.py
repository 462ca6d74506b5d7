"""The one door for writing: what is posted, what is refused in which order, and that a refusal leaves nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from ledger import balances, bulk, gates, journal
from ledger.database import reading
from ledger.errors import (
    AlreadyReversed,
    DayClosed,
    InsufficientBalance,
    LedgerError,
    NoTransaction,
    RequestConflict,
    UnknownEntry,
    UnknownHolder,
)
from ledger.journal import hold, next_entry_id, post, post_all, reverse
from ledger.model import HOUSE, Entry, Posted
from ledger.schema import journal_entry
from tests import docstrings
from tests.small_ledger import BOOK, CHART, GATES, entry, everything, held, lines, on, opened, request, written

NOON = datetime.combine(on(1), time(12), UTC)


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    yield from opened(database_url)


@pytest.fixture
def connection(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Give a transaction in which holder 1 has saved 100, by entry 1 under the request "saved"."""
    with engine.begin() as begun:
        assert post(begun, BOOK, entry("Dr cash Cr savings 100", "saved")).entry_id == 1
        yield begun


def refused(connection: sa.Connection, call: Callable[[], object], error: type[LedgerError]) -> Any:
    """Return the refusal of a call that must leave everything as it was."""
    before = everything(connection)
    with pytest.raises(error) as caught:
        call()
    assert type(caught.value) is error
    assert everything(connection) == before
    return caught.value


# Writing


def test_entries_are_written_as_they_were_made(connection: sa.Connection) -> None:
    answers = post_all(
        connection,
        BOOK,
        [
            entry("Dr savings Cr frozen 30; Dr savings Cr fees 2", "froze", kind="freeze"),
            entry("Dr cash Cr savings 500; Dr issued Cr points 5", "saved", holder=2, day=on(2)),
            entry("Dr cash Cr fees 7", "sold a form", holder=HOUSE),
        ],
    )
    assert [(a.entry_id, a.holder_id, a.kind, a.value_date, a.repeated) for a in answers] == [
        (2, 1, "freeze", on(1), False),
        (3, 2, "moved", on(2), False),
        (4, HOUSE, "moved", on(1), False),
    ]
    assert [written(connection, number) for number in (1, 2, 3, 4)] == [
        "Dr cash Cr savings 100",
        "Dr savings Cr frozen 30; Dr savings Cr fees 2",
        "Dr cash Cr savings 500; Dr issued Cr points 5",
        "Dr cash Cr fees 7",
    ]
    assert held(connection, 1) == {"savings": 68, "frozen": 30}
    assert held(connection, 2) == {"savings": 500, "points": 5}
    assert held(connection, HOUSE) == {}


def test_an_entry_keeps_its_facts(connection: sa.Connection) -> None:
    asked = request("r", content="支付")
    answer = post(connection, BOOK, Entry(asked, "fee", on(3), NOON, lines("Dr savings Cr fees 1"), memo="三月"))
    row = connection.execute(sa.select(journal_entry).where(journal_entry.c.entry_id == answer.entry_id)).one()
    assert tuple(row) == (2, 1, BOOK, "fee", on(3), NOON, "r", asked.digest, None, "三月", None, None)


def test_an_account_whose_debit_side_is_normal_grows_by_debits(connection: sa.Connection) -> None:
    post(connection, BOOK, entry("Dr owed Cr fees 40", "fee on credit"))
    assert held(connection) == {"savings": 100, "owed": 40}
    post(connection, BOOK, entry("Dr savings Cr owed 40", "fee paid"))
    assert held(connection) == {"savings": 60}
    refused(
        connection, lambda: post(connection, BOOK, entry("Dr savings Cr owed 1", "paid too much")), InsufficientBalance
    )


def test_nothing_to_post_is_no_mistake(connection: sa.Connection) -> None:
    assert post_all(connection, BOOK, []) == []


def test_numbers_of_entries_are_new_and_ascend(connection: sa.Connection) -> None:
    first = post(connection, BOOK, entry("Dr cash Cr savings 1", "r")).entry_id
    answers = post_all(connection, BOOK, [entry("Dr cash Cr savings 1", f"r {n}") for n in range(3)])
    assert first < answers[0].entry_id < answers[1].entry_id < answers[2].entry_id
    assert next_entry_id(connection) > answers[2].entry_id


def test_a_hold_may_be_written_to_more_than_once(connection: sa.Connection) -> None:
    asked = request("half", content="Dr savings Cr fees 60")
    holding = hold(connection, BOOK, [asked])
    assert holding.recall(asked) is None
    assert (holding.closed_through, holding.cut_through) == (on(0), on(0))
    first = holding.add(entry("Dr savings Cr fees 60", "half"))
    holding.write()
    again = holding.recall(asked)
    assert again == Posted(first.entry_id, 1, "moved", on(1), NOON, True)
    holding.numbers.append(next_entry_id(connection))
    error = refused(connection, lambda: holding.add(entry("Dr savings Cr fees 41", "other half")), InsufficientBalance)
    assert (error.available, error.wanted) == (40, 41)
    holding.add(entry("Dr savings Cr fees 40", "other half"))
    holding.write()
    holding.write()
    assert held(connection) == {}


@pytest.mark.parametrize("engine_kind", ["postgresql"], indirect=True)
def test_posting_goes_through_its_phases_in_order(engine: sa.Engine) -> None:
    """Lock, recall, check, write; every lock in ascending order, whatever order the entries come in."""
    said: list[tuple[str, Any]] = []
    batch = [entry("Dr cash Cr savings 5; Dr savings Cr frozen 2", "r", holder) for holder in (3, 1, 2)]
    sa.event.listen(engine, "before_cursor_execute", lambda *event: said.append((event[2], event[3])))
    with engine.begin() as connection:
        post_all(connection, BOOK, batch)
    phases = [
        r"SELECT holder.* ORDER BY holder.holder_id FOR NO KEY UPDATE",
        r"WITH passed AS .* ORDER BY book_gate.gate FOR SHARE OF book_gate\) .* journal_entry .*balance .*nextval",
        r"WITH .*UPDATE balance .* >= .*INSERT INTO journal_entry .*INSERT INTO posting",
    ]
    assert len(said) == len(phases)
    for phase, (statement, _) in zip(phases, said, strict=True):
        assert re.search(phase, " ".join(statement.split())), statement
    moved = list(zip(said[-1][1]["w0_holder_id"], said[-1][1]["w0_account_id"], strict=True))
    assert moved == sorted(moved)
    assert len(moved) == 6


# All or none


@pytest.mark.parametrize(
    ("last", "error"),
    [
        (entry("Dr savings Cr fees 1", "r3", holder=9), UnknownHolder),
        (entry("Dr cash Cr savings 101", "saved"), RequestConflict),
        (entry("Dr savings Cr fees 1", "r3", day=on(0)), DayClosed),
        (entry("Dr savings Cr fees 100", "r3"), InsufficientBalance),
    ],
)
def test_a_refused_entry_at_the_end_of_a_batch_leaves_nothing_behind(
    engine: sa.Engine, last: Entry, error: type[LedgerError]
) -> None:
    with engine.begin() as connection:
        post(connection, BOOK, entry("Dr cash Cr savings 100", "saved"))
    with reading(engine) as connection:
        before = everything(connection)
    good = [entry("Dr savings Cr fees 1", "r1"), entry("Dr cash Cr savings 50", "r2", holder=2)]
    with engine.begin() as connection, pytest.raises(error):
        post_all(connection, BOOK, [*good, last])
    with engine.begin() as connection:
        with suppress(LedgerError):  # the caller goes on, and commits
            post_all(connection, BOOK, [*good, last])
        assert everything(connection) == before
        connection.commit()
    with reading(engine) as connection:
        assert everything(connection) == before


def test_a_balance_is_used_up_to_the_last_unit_and_not_by_one_more(connection: sa.Connection) -> None:
    error = refused(
        connection, lambda: post(connection, BOOK, entry("Dr savings Cr fees 101", "r")), InsufficientBalance
    )
    assert (error.holder_id, error.account, error.available, error.wanted) == (1, "savings", 100, 101)
    post(connection, BOOK, entry("Dr savings Cr fees 100", "r"))
    assert held(connection) == {}


def test_a_batch_is_judged_in_its_order(connection: sa.Connection) -> None:
    """Two that fit alone but not together are refused; one may spend what another brought before it."""
    first, second = entry("Dr savings Cr fees 60", "r1"), entry("Dr savings Cr fees 41", "r2")
    missing = entry("Dr cash Cr savings 1", "r3")
    for batch in ([first, second], [first, second, missing]):
        refused(connection, lambda: post_all(connection, BOOK, batch), InsufficientBalance)  # noqa: B023
    post_all(connection, BOOK, [first, missing, second])
    assert held(connection) == {}


def test_a_movement_between_two_accounts_of_a_holder_needs_the_first_one(connection: sa.Connection) -> None:
    refused(connection, lambda: post(connection, BOOK, entry("Dr frozen Cr savings 1", "r")), InsufficientBalance)


# The same request twice


def test_the_same_request_twice_is_one_request(engine: sa.Engine) -> None:
    first = entry("Dr cash Cr savings 100", "saved")
    with engine.begin() as connection:
        answer = post(connection, BOOK, first)
    with engine.begin() as connection:
        before = everything(connection)
        later = Entry(first.request, "moved", on(3), NOON + timedelta(2), first.postings)
        again = post(connection, BOOK, later)
        assert everything(connection) == before
    assert again == Posted(answer.entry_id, 1, "moved", on(1), NOON, True)
    assert not answer.repeated


def test_a_repeat_is_answered_whatever_has_happened_since(connection: sa.Connection) -> None:
    post(connection, BOOK, entry("Dr savings Cr fees 100", "spent"))
    gates.close(connection, BOOK, on(5))
    again = post_all(
        connection, BOOK, [entry("Dr savings Cr fees 100", "spent"), entry("Dr cash Cr savings 100", "saved")]
    )
    assert [(a.entry_id, a.repeated) for a in again] == [(2, True), (1, True)]
    assert held(connection) == {}


def test_another_content_under_a_used_id_is_a_conflict(connection: sa.Connection) -> None:
    for other in ("Dr cash Cr savings 101", "Dr cash Cr fees 100"):
        error = refused(connection, lambda: post(connection, BOOK, entry(other, "saved")), RequestConflict)  # noqa: B023
        assert error.request_id == "saved"


def test_the_same_key_twice_in_one_batch_is_one_entry(connection: sa.Connection) -> None:
    batch = [
        entry("Dr savings Cr fees 60", "r"),
        entry("Dr cash Cr savings 1", "s"),
        entry("Dr savings Cr fees 60", "r"),
    ]
    first, other, again = post_all(connection, BOOK, batch)
    assert (first.repeated, other.repeated, again.repeated) == (False, False, True)
    assert first.entry_id == again.entry_id
    assert held(connection) == {"savings": 41}


def test_the_same_key_twice_in_one_batch_with_other_content_is_a_conflict(connection: sa.Connection) -> None:
    batch = [entry("Dr savings Cr fees 60", "r"), entry("Dr savings Cr fees 61", "r")]
    refused(connection, lambda: post_all(connection, BOOK, batch), RequestConflict)


def test_an_id_belongs_to_its_holder(connection: sa.Connection) -> None:
    answers = post_all(connection, BOOK, [entry("Dr cash Cr savings 5", "saved", holder) for holder in (2, HOUSE)])
    assert not any(a.repeated for a in answers)
    assert held(connection, 2) == {"savings": 5}


# Refusals, in order


def test_refusals_come_in_the_order_that_is_written_down(connection: sa.Connection, engine: sa.Engine) -> None:
    wrong = {
        UnknownHolder: entry("Dr savings Cr fees 1", "r1", holder=9),
        RequestConflict: entry("Dr cash Cr savings 101", "saved"),
        DayClosed: entry("Dr savings Cr fees 1", "r2", day=on(0)),
        InsufficientBalance: entry("Dr savings Cr fees 1000", "r3"),
    }
    assert docstrings.refusals(post_all.__doc__) == ["NoTransaction", *(error.__name__ for error in wrong)]
    with engine.execution_options(fundwallet_reading=True).connect() as not_begun, pytest.raises(NoTransaction):
        post_all(not_begun, BOOK, list(wrong.values()))
    errors, entries = list(wrong), list(wrong.values())
    for n, error in enumerate(errors):
        refused(connection, lambda: post_all(connection, BOOK, entries[n:][::-1]), error)  # noqa: B023


def test_everything_that_writes_wants_a_transaction(engine: sa.Engine) -> None:
    e = entry("Dr cash Cr savings 1", "r")
    bulk_entry = bulk.BulkEntry("b", "bonus", on(1), NOON, 1, 3)
    calls: list[Callable[[sa.Connection], object]] = [
        lambda c: post(c, BOOK, e),
        lambda c: post_all(c, BOOK, []),
        lambda c: hold(c, BOOK, [e.request]),
        lambda c: reverse(c, BOOK, e.request, 1, on(1), NOON),
        lambda c: bulk.lock(c, BOOK, 1, 3),
        lambda c: bulk.write_entry(c, BOOK, bulk_entry),
        lambda c: gates.close(c, BOOK, on(1)),
        lambda c: gates.cut(c, BOOK, on(1)),
        lambda c: balances.create_holders(c, BOOK, [4], GATES, CHART),
        lambda c: balances.write_totals(c, BOOK, CHART, on(1)),
    ]
    with engine.connect() as connection:
        for call in calls:
            with pytest.raises(NoTransaction):
                call(connection)


def test_the_day_after_the_closed_one_is_open(connection: sa.Connection) -> None:
    gates.close(connection, BOOK, on(2))
    error = refused(
        connection, lambda: post(connection, BOOK, entry("Dr savings Cr fees 1", "r", day=on(2))), DayClosed
    )
    assert (error.value_date, error.closed_through) == (on(2), on(2))
    assert post(connection, BOOK, entry("Dr savings Cr fees 1", "r", day=on(3))).value_date == on(3)


def test_a_holder_of_another_book_is_unknown(connection: sa.Connection) -> None:
    gates.create(connection, "other", 1, on(0))
    balances.create_holders(connection, "other", [4, 5], 1, CHART)
    batch = [entry("Dr cash Cr savings 1", "r", holder) for holder in (5, 1, 4)]
    error = refused(connection, lambda: post_all(connection, BOOK, batch), UnknownHolder)
    assert (error.book, error.holder_id) == (BOOK, 4)


# Reversal


def test_a_reversal_mirrors_the_postings_and_keeps_the_history(connection: sa.Connection) -> None:
    post(connection, BOOK, entry("Dr savings Cr frozen 30; Dr savings Cr fees 2", "froze"))
    answer = reverse(connection, BOOK, request("undo"), 2, on(4), NOON)
    assert (answer.kind, answer.value_date, answer.repeated) == ("reversal", on(4), False)
    assert [written(connection, number) for number in (2, answer.entry_id)] == [
        "Dr savings Cr frozen 30; Dr savings Cr fees 2",
        "Dr frozen Cr savings 30; Dr fees Cr savings 2",
    ]
    e = journal_entry.c
    assert connection.execute(sa.select(e.reverses).where(e.entry_id == answer.entry_id)).scalar_one() == 2
    assert held(connection) == {"savings": 100}


def test_the_house_reverses_its_own_entry(connection: sa.Connection) -> None:
    post(connection, BOOK, entry("Dr cash Cr fees 7", "sold", holder=HOUSE))
    assert written(connection, reverse(connection, BOOK, request("undo", HOUSE), 2, on(1), NOON).entry_id) == (
        "Dr fees Cr cash 7"
    )


def test_the_same_reversal_asked_twice_is_one(connection: sa.Connection) -> None:
    answer = reverse(connection, BOOK, request("undo"), 1, on(2), NOON)
    gates.close(connection, BOOK, on(9))
    again = reverse(connection, BOOK, request("undo"), 1, on(3), NOON + timedelta(1))
    assert again == Posted(answer.entry_id, 1, "reversal", on(2), NOON, True)
    assert held(connection) == {}


def test_an_entry_is_reversed_once_and_a_reversal_never(connection: sa.Connection) -> None:
    answer = reverse(connection, BOOK, request("undo"), 1, on(1), NOON)
    for number in (1, answer.entry_id):
        error = refused(
            connection,
            lambda: reverse(connection, BOOK, request("undo again"), number, on(1), NOON),  # noqa: B023
            AlreadyReversed,
        )
        assert (error.holder_id, error.entry_id) == (1, number)


def test_only_an_entry_of_ones_own_can_be_reversed(connection: sa.Connection) -> None:
    """Not a bulk entry either: it concerns many holders."""
    bulk_entry = bulk.write_entry(connection, BOOK, bulk.BulkEntry("bonus", "bonus", on(1), NOON, 1, 3))
    for holder, number in ((2, 1), (1, 99), (1, bulk_entry), (HOUSE, bulk_entry)):
        error = refused(
            connection,
            lambda: reverse(connection, BOOK, request("undo", holder), number, on(1), NOON),  # noqa: B023
            UnknownEntry,
        )
        assert (error.holder_id, error.entry_id) == (holder, number)


def test_refusals_of_a_reversal_come_in_the_order_that_is_written_down(
    connection: sa.Connection, engine: sa.Engine
) -> None:
    post(connection, BOOK, entry("Dr savings Cr fees 99", "spent"))
    post(connection, BOOK, entry("Dr cash Cr savings 5", "given", holder=2))
    reverse(connection, BOOK, request("undone", 2), 3, on(1), NOON)
    wrong = {
        UnknownHolder: (request("r", 9), 99, on(0)),
        RequestConflict: (request("spent"), 99, on(0)),
        UnknownEntry: (request("r", 2), 99, on(0)),
        AlreadyReversed: (request("r", 2), 3, on(0)),
        DayClosed: (request("r"), 1, on(0)),
        InsufficientBalance: (request("r"), 1, on(1)),
    }
    assert docstrings.refusals(reverse.__doc__) == ["NoTransaction", *(error.__name__ for error in wrong)]
    with engine.execution_options(fundwallet_reading=True).connect() as not_begun, pytest.raises(NoTransaction):
        reverse(not_begun, BOOK, request("r", 9), 99, on(0), NOON)
    for error, (asked, number, value_date) in wrong.items():
        refused(connection, lambda: reverse(connection, BOOK, asked, number, value_date, NOON), error)  # noqa: B023


# Many at once


def at_once(engine: sa.Engine, batches: list[list[Entry]]) -> list[list[Posted] | LedgerError]:
    """Post each batch in a thread and a transaction of its own."""

    def work(batch: list[Entry]) -> list[Posted] | LedgerError:
        try:
            with engine.begin() as connection:
                return post_all(connection, BOOK, batch)
        except LedgerError as error:
            return error

    with ThreadPoolExecutor(4) as threads:
        return list(threads.map(work, batches))


def test_the_same_money_is_not_spent_twice(engine: sa.Engine) -> None:
    at_once(engine, [[entry("Dr cash Cr savings 100", "saved")]])
    answers = at_once(engine, [[entry("Dr savings Cr fees 30", f"r{n}")] for n in range(12)])
    assert sum(isinstance(answer, InsufficientBalance) for answer in answers) == 9
    with reading(engine) as connection:
        assert held(connection) == {"savings": 10}


def test_the_same_request_at_the_same_time_is_one_request(engine: sa.Engine) -> None:
    answers = at_once(engine, [[entry("Dr cash Cr savings 100", "saved")]] * 12)
    posted = [answer[0] for answer in answers if isinstance(answer, list)]
    assert len(posted) == 12
    assert sorted(p.repeated for p in posted) == [False] + [True] * 11
    assert len({p.entry_id for p in posted}) == 1
    with reading(engine) as connection:
        assert held(connection) == {"savings": 100}


def test_batches_in_any_order_of_holders_do_not_block_each_other(engine: sa.Engine) -> None:
    batches = [
        [entry("Dr cash Cr savings 1", f"r{n}", holder) for holder in order]
        for n, order in enumerate([(1, 2, 3), (3, 2, 1), (2, 3, 1), (3, 1, 2)] * 10)
    ]
    assert all(isinstance(answer, list) for answer in at_once(engine, batches))
    with reading(engine) as connection:
        assert [held(connection, holder) for holder in (1, 2, 3)] == [{"savings": 40}] * 3


def test_the_chart_is_stored_as_it_is(connection: sa.Connection) -> None:
    assert tuple(journal.accounts(connection)) == CHART
