"""Races of batches: two clients post to the same holders at once, in any order, with the same request or too much."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from ledger import bulk
from ledger.database import reading
from ledger.errors import LedgerError
from ledger.journal import post_all
from ledger.model import Posted
from ledger.schema import holder
from tests.rendezvous import PATIENCE, Client, refusal
from tests.small_ledger import BOOK, entry, everything, held, opened


@pytest.fixture
def clerks(database_url: str) -> Iterator[list[Client]]:
    """Give three clients of the savings club, where the holders 1 and 2 have saved 100 each."""
    for engine in opened(database_url):
        with engine.begin() as connection:
            post_all(connection, BOOK, [entry("Dr cash Cr savings 100", "saved", number) for number in (1, 2)])
            # Rows that lie in order and are read by their key come in order also to whoever forgets to ask for it.
            connection.execute(sa.update(holder).where(holder.c.holder_id == 1).values(gate=holder.c.gate))
        made = [Client(engine.url, enable_indexscan="off", enable_bitmapscan="off") for _ in range(3)]
        yield made
        for each in made:
            each.close()


def spend(clerk: Client, request_id: str, *amounts: tuple[int, int]) -> list[Posted]:
    """Post a batch of (holder, amount) in a transaction of its own, committed also when it is refused."""
    batch = [entry(f"Dr savings Cr fees {amount}", request_id, number) for number, amount in amounts]
    with clerk.engine.begin() as connection:
        try:
            return post_all(connection, BOOK, batch)
        except LedgerError as error:
            refused = error
    raise refused


def work_on_all(clerk: Client, *_: object) -> None:
    """Do a chunk of all holders."""
    with clerk.engine.begin() as connection:
        bulk.lock(connection, BOOK, 0, 3)


def saved(clerk: Client) -> list[int]:
    with reading(clerk.engine) as connection:
        return [held(connection, number).get("savings", 0) for number in (1, 2)]


UP, DOWN = (spend, (1, 20), (2, 20)), (spend, (2, 20), (1, 20))
ALL = (work_on_all,)


@pytest.mark.parametrize(
    ("one", "another"), [(DOWN, UP), (ALL, UP), (DOWN, ALL)], ids=["batches", "chunk first", "chunk second"]
)
def test_batches_and_chunks_over_the_same_holders_in_any_order_do_not_block_each_other(
    clerks: list[Client], one: tuple[Any, ...], another: tuple[Any, ...]
) -> None:
    """Holder 2 is busy: who has come to it has holder 1 already, so the other waits there and holds nothing."""
    first, second, third = clerks
    with first.holds(spend, first, "busy", (2, 10)):
        done = [second.starts(one[0], second, "one", *one[1:])]
        second.waits_for(first, at="FROM holder")
        done.append(third.starts(another[0], third, "another", *another[1:]))
        third.waits_for(second, at="FROM holder")
    for each in done:
        each.result(PATIENCE)
    spent = 20 * ((one is not ALL) + (another is not ALL))
    assert saved(first) == [100 - spent, 90 - spent]


def test_the_same_request_twice_in_each_of_two_batches_at_once_is_booked_once(clerks: list[Client]) -> None:
    first, second, _ = clerks
    with first.holds(spend, first, "same", (1, 60), (1, 60)) as answer:
        again = second.starts(spend, second, "same", (1, 60), (1, 60))
        second.waits_for(first, at="FROM holder")
    booked, repeated = answer.result(), again.result(PATIENCE)
    assert [each.repeated for each in (*booked, *repeated)] == [False, True, True, True]
    assert len({each.entry_id for each in (*booked, *repeated)}) == 1
    assert saved(first) == [40, 100]


def test_a_batch_whose_last_item_has_become_too_much_leaves_nothing(clerks: list[Client]) -> None:
    first, second, _ = clerks
    second.stops_before()
    with first.holds(spend, first, "spent", (2, 80)):
        batch = second.starts(spend, second, "batch", (1, 10), (2, 30))
        second.waits_for(first, at="FROM holder")
    second.is_stopped()
    with reading(first.engine) as connection:
        before = everything(connection)
    second.goes_on()
    assert refusal(batch) == "insufficient_balance"
    with reading(first.engine) as connection:
        assert everything(connection) == before
    assert saved(first) == [100, 20]
