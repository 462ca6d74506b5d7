"""The states of an order: a table of what may follow what, and nothing else."""

from __future__ import annotations

import pytest

from wallet.rules.orders import FIRST, STEPS, SUBSCRIPTIONS, Kind, State, step

BEGINS = {
    "transfer_in": "accepted",
    "refund": "accepted",
    "transfer_out_standard": "accepted",
    "payment": "done",
    "transfer_out_instant": "done",
}
ALLOWED = {
    ("accepted", "taken_back"),
    ("accepted", "confirmed"),
    ("accepted", "part_confirmed"),
    ("accepted", "rejected"),
}


def test_every_kind_begins_in_its_first_state() -> None:
    assert {str(kind): str(state) for kind, state in FIRST.items()} == BEGINS
    assert set(FIRST) == set(Kind)
    assert SUBSCRIPTIONS == (Kind.TRANSFER_IN, Kind.REFUND)


@pytest.mark.parametrize("to", State)
@pytest.mark.parametrize("state", State)
def test_a_step_that_is_not_in_the_table_raises(state: State, to: State) -> None:
    if (state, to) in ALLOWED:
        assert step(state, to) is to
    else:
        with pytest.raises(AssertionError, match=f"from {state} to {to}"):
            step(state, to)


def test_every_state_is_in_the_table_and_can_be_reached() -> None:
    assert set(STEPS) == set(State)
    assert {*FIRST.values(), *(to for targets in STEPS.values() for to in targets)} == set(State)
