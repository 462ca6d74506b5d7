"""Kinds of orders and the states they pass through; any other step raises.

An order whose trade date is cut is an application to the transfer agent; that is a fact of the date, not a
state of the order.
"""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What an order asks for."""

    TRANSFER_IN = "transfer_in"
    PAYMENT = "payment"
    REFUND = "refund"
    TRANSFER_OUT_INSTANT = "transfer_out_instant"
    TRANSFER_OUT_STANDARD = "transfer_out_standard"


SUBSCRIPTIONS = (Kind.TRANSFER_IN, Kind.REFUND)
"""Kinds whose money is in transit until it is confirmed."""

REDEEMED_OR_SUBSCRIBED = (*SUBSCRIPTIONS, Kind.TRANSFER_OUT_STANDARD)
"""Kinds that the transfer agent answers: they have a trade date and a confirmation date."""


class State(StrEnum):
    """Where an order stands."""

    ACCEPTED = "accepted"
    TAKEN_BACK = "taken_back"
    CONFIRMED = "confirmed"
    PART_CONFIRMED = "part_confirmed"
    REJECTED = "rejected"
    DONE = "done"


FIRST: dict[Kind, State] = {
    Kind.TRANSFER_IN: State.ACCEPTED,
    Kind.REFUND: State.ACCEPTED,
    Kind.TRANSFER_OUT_STANDARD: State.ACCEPTED,
    Kind.PAYMENT: State.DONE,
    Kind.TRANSFER_OUT_INSTANT: State.DONE,
}
"""The state in which an order of each kind begins."""

STEPS: dict[State, tuple[State, ...]] = {
    State.ACCEPTED: (State.TAKEN_BACK, State.CONFIRMED, State.PART_CONFIRMED, State.REJECTED),
    State.TAKEN_BACK: (),
    State.CONFIRMED: (),
    State.PART_CONFIRMED: (),
    State.REJECTED: (),
    State.DONE: (),
}


def step(state: State, to: State) -> State:
    """Return `to` if an order may go there from `state`. Raises: AssertionError, a defect of the caller."""
    assert to in STEPS[state], f"an order never goes from {state} to {to}"
    return to
