"""Races of orders: two clients at one wallet, one request, one payment or one bound, held where it is decided.

The first client has done its work and not committed; the second one must wait, and must then be answered as if it
had come later. `test_ledger_races` has the races of batches, `test_races_day` those with the steps of the day.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ledger.schema import journal_entry
from tests import rendezvous
from tests.conftest import MADE
from tests.desk import Desk, at, day, free_terms
from tests.rendezvous import PATIENCE, Client, refusal
from wallet import limits
from wallet.schema import wallet as wallets

QUOTA, INSTANT, FACILITY = 500_00, 100_00, 40_00
TERMS = free_terms(quota_daily=QUOTA, instant_daily=INSTANT, facility=FACILITY)
NOON, EVENING = "09-16 12:00", "09-16 16:00"
NEXT = "09-17 10:00"

on_postgresql = pytest.mark.parametrize("engine_kind", ["postgresql"], indirect=True)


MADE["bounded"] = lambda url: Desk.open(url, terms=[TERMS], wallets=("alice", "bob", "carol"))


@pytest.fixture
def desk(copy_of: Callable[[str], Desk]) -> Desk:
    """Give a book whose terms bound what all use together, with the wallets alice, bob and carol."""
    return copy_of("bounded")


@pytest.fixture
def shares(desk: Desk) -> Desk:
    """Give alice and bob 100.00 in shares each, on 09-17."""
    for wallet in ("alice", "bob"):
        desk.transfer_in(wallet, 100_00, "09-16 10:00", "in")
    desk.run("09-17", at("09-17 00:00"))
    return desk


@pytest.fixture
def bought(desk: Desk) -> Desk:
    """Let alice put in 400.00 and pay 100.00 of it, under "bought"."""
    desk.transfer_in("alice", 400_00, "09-16 10:00", "in")
    desk.pay("alice", 100_00, "09-16 11:00", "bought")
    return desk


def used(desk: Desk, name: str = limits.FACILITY) -> int:
    return desk.ask(lambda connection, book: limits.used(connection, book.code, name))


def entries(desk: Desk) -> int:
    return len(desk.rows(journal_entry))


# Wallets


def test_a_wallet_opened_twice_at_once_is_opened_once(desk: Desk, first: Client, second: Client) -> None:
    with first.holds(first.desk.open_wallet, "dora") as opened_first:
        again = second.starts(second.desk.open_wallet, "dora")
        second.waits_for(first, at="FROM holder")
    assert refusal(again) == "wallet_exists"
    assert [(row.holder_id, row.reference) for row in desk.rows(wallets)][3:] == [(opened_first.result(), "dora")]
    desk.transfer_in("dora", 100_00, NOON)
    assert desk.holding("dora")["in_transit"] == 100_00
    assert not desk.verify()


def test_a_wallet_whose_opening_is_given_up_is_opened_by_the_next(desk: Desk, first: Client, second: Client) -> None:
    with first.holds(first.desk.open_wallet, "dora"):
        again = second.starts(second.desk.open_wallet, "dora")
        second.waits_for(first, at="FROM holder")
        first.gives_up()
    assert again.result(PATIENCE) == 4
    assert not desk.verify()


def test_two_wallets_opened_at_once_are_two_wallets(desk: Desk, first: Client, second: Client) -> None:
    with first.holds(first.desk.open_wallet, "dora"):
        other = second.starts(second.desk.open_wallet, "erin")
        second.waits_for(first, at="FROM holder")
    assert other.result(PATIENCE) == 5
    assert [(row.holder_id, row.reference) for row in desk.rows(wallets)][3:] == [(4, "dora"), (5, "erin")]
    assert not desk.verify()


def test_the_first_money_of_a_wallet_is_spent_once(desk: Desk, first: Client, second: Client) -> None:
    desk.open_wallet("dora")
    desk.transfer_in("dora", 100_00, "09-16 10:00")
    with first.holds(first.desk.pay, "dora", 60_00, NOON):
        paid = second.starts(second.desk.pay, "dora", 60_00, NOON)
        second.waits_for(first, at="FROM holder")
    assert refusal(paid) == "insufficient_funds"
    assert desk.holding("dora")["in_transit"] == 40_00
    assert not desk.verify()


def test_a_payment_that_is_given_up_leaves_its_money_to_the_next(desk: Desk, first: Client, second: Client) -> None:
    desk.transfer_in("alice", 100_00, "09-16 10:00")
    with first.holds(first.desk.pay, "alice", 60_00, NOON, "first"):
        paid = second.starts(second.desk.pay, "alice", 60_00, NOON, "second")
        second.waits_for(first, at="FROM holder")
        first.gives_up()
    assert paid.result(PATIENCE).amount == 60_00
    assert (desk.holding("alice")["in_transit"], desk.postings("first")) == (40_00, [])
    assert not desk.verify()


def test_money_on_its_way_into_a_new_wallet_can_be_paid_as_soon_as_it_is_booked(
    desk: Desk, first: Client, second: Client
) -> None:
    desk.open_wallet("dora")
    with first.holds(first.desk.transfer_in, "dora", 100_00, "09-16 10:00"):
        paid = second.starts(second.desk.pay, "dora", 60_00, NOON)
        second.waits_for(first, at="FROM holder")
    assert paid.result(PATIENCE).amount == 60_00
    assert desk.holding("dora")["in_transit"] == 40_00
    assert not desk.verify()


def test_of_two_transfers_into_one_wallet_at_once_none_is_lost(desk: Desk, first: Client, second: Client) -> None:
    with first.holds(first.desk.transfer_in, "alice", 100_00, NOON):
        other = second.starts(second.desk.transfer_in, "alice", 30_00, NOON)
        second.waits_for(first, at="FROM holder")
    assert other.result(PATIENCE).amount == 30_00
    assert desk.holding("alice")["in_transit"] == 130_00
    assert not desk.verify()


# One request twice

Asks = Callable[[Desk], Any]
SAME: dict[str, Asks] = {
    "all there is left is paid": lambda desk: desk.pay("alice", 300_00, NOON, "same"),
    "the quota is nearly used up": lambda desk: desk.transfer_in("alice", 100_00, NOON, "same"),
    "most of a payment is refunded": lambda desk: desk.refund("alice", "bought", 60_00, NOON, "same"),
    "the daily bound is nearly used up": lambda desk: desk.transfer_out("alice", 60_00, "instant", NOON, "same"),
}


@pytest.mark.parametrize("ask", SAME.values(), ids=SAME.keys())
def test_the_same_request_twice_at_once_is_booked_once_and_answered_twice(
    bought: Desk, first: Client, second: Client, ask: Asks
) -> None:
    """What the first one leaves is not enough for the second, which is answered all the same."""
    before = entries(bought)
    second.stops_before(rendezvous.COMMIT)
    with first.holds(ask, first.desk) as answer:
        again = second.starts(ask, second.desk)
        second.waits_for(first, at="FROM holder")
    second.is_stopped()
    booked = bought.dump()
    second.goes_on()
    assert again.result(PATIENCE) == answer.result()
    assert bought.dump() == booked
    assert entries(bought) == before + 1
    assert not bought.verify()


def test_other_content_under_the_same_id_at_once_is_a_conflict(bought: Desk, first: Client, second: Client) -> None:
    with first.holds(first.desk.pay, "alice", 10_00, NOON, "same"):
        other = second.starts(second.desk.pay, "alice", 11_00, NOON, "same")
        second.waits_for(first, at="FROM holder")
    assert refusal(other) == "request_conflict"
    assert bought.holding("alice")["in_transit"] == 290_00
    assert not bought.verify()


# Refunds


@pytest.mark.parametrize(
    ("payment", "amount", "code"),
    [
        ("bought", 100_00, "refund_exceeds_payment"),
        ("bought", 40_01, "refund_exceeds_payment"),
        ("back", 60_00, "not_refundable"),
    ],
)
def test_what_a_refund_in_flight_gives_back_is_not_given_back_again(
    bought: Desk, first: Client, second: Client, payment: str, amount: int, code: str
) -> None:
    second.stops_before(rendezvous.COMMIT)
    with first.holds(first.desk.refund, "alice", "bought", 60_00, NOON, "back"):
        again = second.starts(second.desk.refund, "alice", payment, amount, NOON, "again")
        second.waits_for(first, at="FROM holder")
    second.is_stopped()
    booked = bought.dump()
    second.goes_on()
    assert refusal(again) == code
    assert bought.dump() == booked
    assert bought.holding("alice")["in_transit"] == 360_00
    assert not bought.verify()


def test_two_parts_of_one_payment_are_refunded_at_once(bought: Desk, first: Client, second: Client) -> None:
    with first.holds(first.desk.refund, "alice", "bought", 60_00, NOON):
        other = second.starts(second.desk.refund, "alice", "bought", 40_00, NOON)
        second.waits_for(first, at="FROM holder")
    assert other.result(PATIENCE).amount == 40_00
    assert bought.holding("alice")["in_transit"] == 400_00
    assert not bought.verify()


# Bounds


def test_the_daily_bound_of_a_wallet_is_not_passed_by_two_at_once(bought: Desk, first: Client, second: Client) -> None:
    with first.holds(first.desk.transfer_out, "alice", 60_00, "instant", NOON):
        other = second.starts(second.desk.transfer_out, "alice", 40_01, "instant", NOON)
        second.waits_for(first, at="FROM holder")
    assert refusal(other) == "daily_instant_exceeded"
    assert bought.holding("alice")["in_transit"] == 240_00
    assert not bought.verify()


@pytest.mark.parametrize("used_before", [0, 1_00], ids=["first of the day", "later"])
def test_the_quota_of_the_day_is_not_passed_by_two_wallets_at_once(
    desk: Desk, first: Client, second: Client, used_before: int
) -> None:
    """The first transfer-in of a day makes the quota's rows."""
    if used_before:
        desk.transfer_in("carol", used_before, NOON)
    with first.holds(first.desk.transfer_in, "alice", 300_00, NOON):
        other = second.starts(second.desk.transfer_in, "bob", QUOTA - 300_00 - used_before + 1, NOON)
        second.waits_for(first, at="limit_slot")
    assert refusal(other) == "quota_exceeded"
    assert used(desk, limits.quota(day("09-16"))) == 300_00 + used_before
    assert (desk.holding("alice")["in_transit"], desk.holding("bob")["in_transit"]) == (300_00, 0)
    assert not desk.verify()


@pytest.mark.parametrize("given_up", [False, True], ids=["taken", "given up"])
def test_the_quota_of_the_day_can_be_used_to_the_last_fen(
    desk: Desk, first: Client, second: Client, given_up: bool
) -> None:
    with first.holds(first.desk.transfer_in, "alice", 300_00, NOON):
        other = second.starts(second.desk.transfer_in, "bob", QUOTA if given_up else 200_00, NOON)
        second.waits_for(first, at="limit_slot")
        if given_up:
            first.gives_up()
    other.result(PATIENCE)
    assert used(desk, limits.quota(day("09-16"))) == QUOTA
    assert not desk.verify()


@pytest.mark.parametrize(
    ("one", "given_up", "another", "code"),
    [
        (30_00, False, 10_01, "facility_exhausted"),
        (30_00, False, 10_00, None),
        (30_00, True, FACILITY, None),
        (2_00, False, FACILITY - 2_00 + 1, "facility_exhausted"),
        (2_00, False, FACILITY - 2_00, None),
    ],
)
def test_the_facility_is_used_to_the_last_fen_and_never_passed_by_two_at_once(
    shares: Desk, first: Client, second: Client, one: int, given_up: bool, another: int, code: str | None
) -> None:
    """A slot's share is 2.50 on PostgreSQL: 2.00 is taken from a slot, more from all of them."""
    with first.holds(first.desk.pay, "alice", one, NEXT):
        paid = second.starts(second.desk.pay, "bob", another, NEXT)
        second.waits_for(first, at="limit_slot")
        if given_up:
            first.gives_up()
    if code is None:
        assert paid.result(PATIENCE).amount == another
    else:
        assert refusal(paid) == code
    spent = (0 if given_up else one, another if code is None else 0)
    assert (shares.holding("alice")["shares"], shares.holding("bob")["shares"]) == tuple(100_00 - s for s in spent)
    assert used(shares) == sum(spent) <= FACILITY
    assert not shares.verify()


@on_postgresql
def test_payments_with_room_in_slots_of_their_own_do_not_wait_for_each_other(
    shares: Desk, first: Client, second: Client
) -> None:
    with first.holds(first.desk.pay, "alice", 2_50, NEXT):
        assert second.starts(second.desk.pay, "bob", 2_50, NEXT).result(PATIENCE)
    assert used(shares) == 5_00
    assert not shares.verify()


@on_postgresql
def test_who_found_a_slot_filled_meanwhile_does_not_keep_it_from_who_locks_them_all(
    shares: Desk, first: Client, second: Client, third: Client
) -> None:
    """Bob and the eighteenth wallet share a slot; alice needs more than hers has, and locks all, theirs after hers."""
    for number in range(4, 19):
        shares.open_wallet(f"wallet {number}")
    shares.transfer_in("wallet 18", 100_00, NEXT)
    with first.holds(first.desk.pay, "bob", 2_50, NEXT):
        same_slot = second.starts(second.desk.pay, "wallet 18", 1_00, "09-17 16:00")
        second.waits_for(first, at="UPDATE limit_slot")
        all_slots = third.starts(third.desk.pay, "alice", 3_00, NEXT)
        third.waits_for(second, at="FROM limit_slot")
    assert same_slot.result(PATIENCE)
    assert all_slots.result(PATIENCE)
    assert used(shares) == 6_50
    assert not shares.verify()
