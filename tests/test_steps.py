"""Steps and chunks: written down in the transaction that does them, so done once or not at all."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from ledger.schema import holder
from tests.desk import Desk, at, day
from wallet import steps
from wallet.steps import Chunk

DAY = day("09-16")


def test_ranges_hold_at_most_so_many_holders_and_leave_none_out(desk: Desk) -> None:
    nobody = sa.select(holder.c.holder_id).where(sa.false())
    for numbers, size, expected in [
        ([], 2, []),
        ([5], 2, [(5, 5)]),
        ([1, 2, 3, 4], 2, [(1, 2), (3, 4)]),
        ([1, 2, 3, 4, 5], 2, [(1, 2), (3, 4), (5, 5)]),
        ([1, 7, 8, 100, 101], 2, [(1, 7), (8, 100), (101, 101)]),
        ([1, 7, 50, 100], 2, [(1, 49), (50, 100)]),
        ([1, 7, 8, 100, 101], 9, [(1, 101)]),
        ([3, 3, 3, 4], 1, [(3, 3), (4, 4)]),
    ]:
        holders = sa.union_all(nobody, *(sa.select(sa.literal(n, sa.BigInteger)) for n in numbers))
        chunks = desk.ask(lambda connection, _, holders=holders, size=size: steps.ranges(connection, holders, size))
        assert [(c.first, c.last) for c in chunks] == expected
        assert [c.number for c in chunks] == list(range(1, len(expected) + 1))


def test_a_step_is_written_down_once(desk: Desk) -> None:
    assert desk.ask(steps.begin, DAY, "close")
    assert desk.ask(steps.state, DAY, "close") is None
    desk.ask(steps.finish, DAY, "close", at("09-17 00:00"), "done")
    assert not desk.ask(steps.begin, DAY, "close")
    assert desk.ask(steps.state, DAY, "close") == "done"
    assert desk.ask(steps.written, DAY) == {(DAY, "close"): "done"}
    assert desk.ask(steps.written, day("09-17")) == {}
    assert desk.ask(steps.days_with, "close") == [DAY]
    with pytest.raises(sa.exc.IntegrityError):
        desk.ask(steps.finish, DAY, "close", at("09-17 00:00"), "done")


def test_a_planned_chunk_is_begun_until_it_is_finished(desk: Desk) -> None:
    first, second = Chunk(1, 1, 2), Chunk(2, 3, 3)
    desk.ask(steps.plan, DAY, "confirm", [first, second])
    assert desk.ask(steps.chunks, DAY, "confirm") == [(first, None), (second, None)]
    assert desk.ask(steps.begin_chunk, DAY, "confirm", first)
    desk.ask(steps.finish_chunk, DAY, "confirm", first, 77)
    assert not desk.ask(steps.begin_chunk, DAY, "confirm", first)
    assert desk.ask(steps.chunks, DAY, "confirm") == [(first, 77), (second, None)]
    with pytest.raises(sa.exc.IntegrityError):
        desk.ask(steps.plan, DAY, "confirm", [second])
