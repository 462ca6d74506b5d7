"""The confirm step of a linked book: exactly the orders that the transfer agent answers, as it answers them."""

from __future__ import annotations

import pytest

from tests import linked
from tests.desk import Desk, at, day
from wallet.schema import advance, customer_order

Line = tuple[str, str, str, int]


def blocked(desk: Desk, through: str, when: str) -> str | None:
    return desk.run(through, at(when), chunk_size=2).blocked_by


def statuses(desk: Desk) -> list[tuple[str, int | None, str | None, int]]:
    """Return state, what was confirmed, the return code and what remains of each application."""
    rows = desk.rows(customer_order, customer_order.c.trade_date.is_not(None))
    return [(row.status, row.confirmed, row.return_code, row.remaining) for row in rows]


@pytest.fixture
def sent(desk: Desk) -> Desk:
    """Give a linked book: alice, bob and carol applied for 100.00 each on 09-16, in a file that was sent."""
    linked.link(desk)
    for wallet in ("alice", "bob", "carol"):
        desk.transfer_in(wallet, 100_00, "09-16 10:00", "in")
    desk.pay("bob", 40_00, "09-16 16:00", "paid")
    desk.run("09-16", at("09-16 15:00"))
    linked.file(desk, "03", "09-16")
    return desk


def test_what_is_missing_is_named_and_stops_only_its_own_chain(desk: Desk) -> None:
    linked.link(desk)
    desk.transfer_in("alice", 100_00, "09-16 10:00", "in")
    assert blocked(desk, "09-17", "09-17 16:00") == "confirm 2013-09-17: 03 for 2013-09-16 not sent"
    linked.file(desk, "03", "09-16")
    status = desk.run("09-18", at("09-18 16:00"))
    assert status.blocked_by == "confirm 2013-09-17: 04 for 2013-09-17 not received"
    states = {(f"{each:%m-%d}", name): state for each, of_day in status.days for name, state in of_day.items()}
    assert [states["09-17", name] for name in ("confirm", "settle", "cutoff", "close")] == [
        "blocked",
        "waiting",
        "done",
        "waiting",
    ]
    assert [states["09-18", name] for name in ("confirm", "settle", "cutoff")] == ["waiting", "waiting", "done"]
    assert desk.postings("confirmation") == []


def test_only_what_is_answered_is_confirmed_and_as_it_is_answered(sent: Desk) -> None:
    linked.file(sent, "04", "09-17")
    linked.say(sent, "09-17", "alice", "in", 100_00)
    linked.say(sent, "09-17", "bob", "in", 75_00, return_code="9999")
    assert blocked(sent, "09-17", "09-17 00:00") is None
    assert statuses(sent) == [
        ("confirmed", 100_00, "0000", 100_00),
        ("part_confirmed", 75_00, "9999", 60_00),
        ("accepted", None, None, 100_00),
    ]
    assert [(row.amount, row.shares) for row in sent.rows(advance)] == [(40_00, 15_00)]
    assert sent.postings("confirmation") == [
        ("in_transit", "subscription_payable", "alice", 100_00),
        ("register", "shares", "alice", 100_00),
        ("in_transit", "subscription_payable", "bob", 60_00),
        ("register", "shares", "bob", 60_00),
        ("advancer_in_transit", "subscription_payable", "bob", 15_00),
        ("register", "advancer_shares", "bob", 15_00),
        ("advancer_in_transit", "advancer_payable", "bob", 25_00),
    ]
    assert sent.house("09-17")["in_transit"] == 100_00


def test_an_order_that_a_later_file_answers_is_confirmed_on_its_day(sent: Desk) -> None:
    linked.file(sent, "04", "09-17")
    linked.file(sent, "04", "09-18")
    linked.say(sent, "09-17", "alice", "in", 100_00)
    linked.say(sent, "09-18", "bob", "in", 100_00)
    linked.say(sent, "09-18", "carol", "in", 0, return_code="1111")
    sent.pay("bob", 5_00, "09-18 10:00", "between")
    sent.pay("bob", 7_00, "09-23 10:00", "late")
    sent.run("09-18", at("09-18 16:00"))
    assert [row.status for row in sent.rows(customer_order, customer_order.c.kind == "transfer_in")] == [
        "confirmed",
        "confirmed",
        "rejected",
    ]
    assert sent.postings("confirmation", "09-18") == [
        ("in_transit", "subscription_payable", "bob", 55_00),
        ("register", "shares", "bob", 55_00),
        ("advancer_in_transit", "subscription_payable", "bob", 45_00),
        ("register", "advancer_shares", "bob", 45_00),
        ("in_transit", "customer_payable", "carol", 100_00),
    ]
    assert [line[3] for line in sent.postings("claim_returned", "09-23")] == [7_00, 7_00]
    assert {row.redeemed_by for row in sent.rows(advance)} == {None}, "a later trade date redeems them"
    assert sent.postings("advancer_adjusted") == []
    assert sent.postings("pay_out", "09-18") == [("customer_payable", "cash", "carol", 100_00)]


def test_an_outcome_is_not_said_by_hand_where_files_say_it(sent: Desk) -> None:
    with sent.refuses("not_open"):
        sent.record_outcome("alice", "in", 0)


def test_a_redemption_is_carried_over_until_its_rest_is_answered(sent: Desk) -> None:
    linked.file(sent, "04", "09-17")
    for wallet in ("alice", "bob", "carol"):
        linked.say(sent, "09-17", wallet, "in", 100_00)
    sent.run("09-17", at("09-17 00:00"))
    for wallet in ("alice", "bob", "carol"):
        sent.transfer_out(wallet, 50_00, "standard", "09-17 10:00", "out")
    sent.publish("09-16", "09-30", 0)
    for trade_date, confirmed in (("09-17", "09-18"), ("09-18", "09-23"), ("09-23", "09-24")):
        linked.file(sent, "03", trade_date, 40_00 if trade_date == "09-17" else 0)
        linked.file(sent, "04", confirmed)
    linked.say(sent, "09-18", None, "09-17", 40_00)
    for wallet in ("alice", "bob"):
        linked.say(sent, "09-18", wallet, "out", 20_00, final=False)
        linked.say(sent, "09-23", wallet, "out", 10_00, final=False)
    linked.say(sent, "09-18", "carol", "out", 50_00)
    linked.say(sent, "09-24", "alice", "out", 20_00)
    linked.say(sent, "09-24", "bob", "out", 5_00, return_code="9999")
    redemptions = customer_order.c.kind == "transfer_out_standard"
    sent.run("09-18", at("09-18 12:00"))
    held = [(row.status, row.remaining, row.confirmed, row.outcome) for row in sent.rows(customer_order, redemptions)]
    assert held == [
        ("accepted", 30_00, 20_00, None),
        ("accepted", 30_00, 20_00, None),
        ("confirmed", 50_00, 50_00, 50_00),
    ]
    assert sent.postings("pay_out", "09-18") == [
        ("customer_payable", "cash", wallet, amount)
        for wallet, amount in (("alice", 20_00), ("bob", 20_00), ("carol", 50_00))
    ]
    sent.run("09-24", at("09-24 12:00"))
    ended = [(row.status, row.remaining, row.confirmed) for row in sent.rows(customer_order, redemptions)]
    assert ended == [("confirmed", 20_00, 50_00), ("part_confirmed", 20_00, 35_00), ("confirmed", 50_00, 50_00)]
    assert sent.holding("alice") | {"shares": 50_00, "redeeming": 0} == sent.holding("alice")
    assert sent.holding("bob") | {"shares": 25_00, "redeeming": 0} == sent.holding("bob")


# The advancer


@pytest.mark.parametrize("confirmed", [60_00, 90_00, 0])
def test_of_the_advancer_the_books_hold_what_the_agent_confirms(sent: Desk, confirmed: int) -> None:
    """90.00 of its shares are due: 40.00 that passed to it in transit and 50.00 that were paid from shares."""
    linked.file(sent, "04", "09-17")
    for wallet in ("alice", "bob", "carol"):
        linked.say(sent, "09-17", wallet, "in", 100_00)
    sent.run("09-17", at("09-17 00:00"))
    sent.pay("alice", 50_00, "09-17 10:00", "shares")
    sent.publish("09-16", "09-30", 0)
    for each in ("09-16", "09-17"):
        linked.income(sent, each)
    sent.run("09-17", at("09-17 15:00"))
    linked.file(sent, "03", "09-17", 90_00)
    linked.file(sent, "04", "09-18")
    linked.say(sent, "09-18", None, "09-17", confirmed)
    sent.run("09-18", at("09-18 12:00"))
    left, house = 90_00 - confirmed, "house"
    less = [("advancer_payable", "redemption_receivable", house, left), ("register", "advancer_shares", house, left)]
    assert sent.postings("advancer_adjusted", "09-18") == (less if left else [])
    assert sent.house("09-18").get("advancer_shares", 0) == left
    linked.file(sent, "03", "09-18", left)
    linked.file(sent, "04", "09-23")
    linked.say(sent, "09-23", None, "09-18", left)
    sent.run("09-23", at("09-23 12:00"))
    more = [("redemption_receivable", "advancer_payable", house, left), ("advancer_shares", "register", house, left)]
    assert sent.postings("advancer_adjusted", "09-23") == (more if left else [])
    payables = {"redemption_receivable", "advancer_payable", "customer_payable", "advancer_shares"}
    assert not payables & sent.house("09-23").keys()


def test_nothing_waits_for_a_file_when_nothing_was_applied_for(desk: Desk) -> None:
    linked.link(desk)
    desk.transfer_in("alice", 1_00, "09-16 10:00", "in")
    desk.pay("alice", 1_00, "09-16 11:00")
    assert blocked(desk, "09-17", "09-17 00:00") is None
    assert [row.status for row in desk.rows(customer_order)] == ["taken_back", "done"]


def test_interrupted_before_every_commit_the_confirmations_are_the_same(sent: Desk) -> None:
    linked.file(sent, "04", "09-17")
    linked.say(sent, "09-17", "alice", "in", 100_00)
    linked.say(sent, "09-17", "bob", "in", 75_00)
    linked.say(sent, "09-17", "carol", "in", 0)
    linked.run_losing_every_commit(sent, "09-17", at("09-17 12:00"), chunk_size=1)
    assert [row.status for row in sent.rows(customer_order, customer_order.c.trade_date == day("09-16"))] == [
        "confirmed",
        "part_confirmed",
        "rejected",
    ]
    assert len(sent.postings("confirmation")) == 8
