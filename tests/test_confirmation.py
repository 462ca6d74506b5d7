"""The confirm step: what becomes of applications on T+1, in full, in part, rejected, and booked late."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.schema import journal_entry
from tests.desk import Desk, at
from wallet.schema import advance, customer_order

Line = tuple[str, str, str, int]


def of(wallet: str, *lines: tuple[str, str, int]) -> list[Line]:
    """Return the posting lines of one wallet."""
    return [(debit, credit, wallet, amount) for debit, credit, amount in lines]


# Subscriptions


def test_orders_of_a_trade_date_are_confirmed_on_the_next(desk: Desk) -> None:
    desk.transfer_in("alice", 100_00, "09-16 10:00")
    desk.transfer_in("alice", 50_00, "09-16 14:59:59")
    desk.transfer_in("alice", 20_00, "09-16 15:00")
    desk.transfer_in("bob", 7_00, "09-16 10:00")
    desk.run("09-17", at("09-17 00:00"))
    confirmed = [
        ("in_transit", "subscription_payable", "alice", 150_00),
        ("register", "shares", "alice", 150_00),
        ("in_transit", "subscription_payable", "bob", 7_00),
        ("register", "shares", "bob", 7_00),
    ]
    assert desk.postings("confirmation") == desk.postings("confirmation", "09-17") == confirmed
    assert [row.status for row in desk.rows(customer_order)] == ["confirmed", "confirmed", "accepted", "confirmed"]


def test_a_part_serves_the_customer_first_and_what_is_rejected_repays_the_advancer_first(database_url: str) -> None:
    """Each wallet applied for 100.00, of which 40.00 passed to the advancer; its name is what is confirmed."""
    own_60 = ("in_transit", "subscription_payable", 60_00), ("register", "shares", 60_00)
    expected = {
        "100": of(
            "100",
            *own_60,
            ("advancer_in_transit", "subscription_payable", 40_00),
            ("register", "advancer_shares", 40_00),
        ),
        "75": of(
            "75",
            *own_60,
            ("advancer_in_transit", "subscription_payable", 15_00),
            ("register", "advancer_shares", 15_00),
            ("advancer_in_transit", "advancer_payable", 25_00),
        ),
        "60": of("60", *own_60, ("advancer_in_transit", "advancer_payable", 40_00)),
        "45": of(
            "45",
            ("in_transit", "subscription_payable", 45_00),
            ("register", "shares", 45_00),
            ("in_transit", "customer_payable", 15_00),
            ("advancer_in_transit", "advancer_payable", 40_00),
        ),
        "0": of("0", ("in_transit", "customer_payable", 60_00), ("advancer_in_transit", "advancer_payable", 40_00)),
    }
    desk = Desk.open(database_url, wallets=list(expected))
    for wallet in expected:
        desk.transfer_in(wallet, 100_00, "09-16 10:00", "in")
        desk.pay(wallet, 40_00, "09-16 15:00")
    desk.run("09-16", at("09-16 15:00"))
    for wallet in expected:
        desk.record_outcome(wallet, "in", int(wallet) * 100)
    desk.run("09-17", at("09-17 00:00"))
    assert desk.postings("confirmation") == [line for lines in expected.values() for line in lines]
    subscribed = desk.rows(customer_order, customer_order.c.kind == "transfer_in")
    assert [order.status for order in subscribed] == ["confirmed", *3 * ["part_confirmed"], "rejected"]
    assert [order.confirmed for order in subscribed] == [int(wallet) * 100 for wallet in expected]
    assert not desk.verify()


def test_of_what_passed_to_the_advancer_the_earliest_payment_is_served_first(desk: Desk) -> None:
    desk.transfer_in("alice", 100_00, "09-16 10:00", "in")
    desk.pay("alice", 10_00, "09-16 17:00")
    desk.pay("alice", 30_00, "09-16 16:00")
    desk.run("09-16", at("09-16 15:00"))
    desk.record_outcome("alice", "in", 75_00)
    desk.run("09-17", at("09-17 00:00"))
    assert [(row.amount, row.shares) for row in desk.rows(advance)] == [(10_00, 0), (30_00, 15_00)]


# Claims: paid after the confirmation date, booked before the confirmation


@pytest.fixture
def late(desk: Desk) -> Desk:
    """Give alice an order of 100.00 confirmed on 09-17, of which 20.00 passed before, and which is booked late."""
    desk.transfer_in("alice", 100_00, "09-16 10:00", "in")
    desk.pay("alice", 20_00, "09-16 15:00")
    desk.run("09-16", at("09-16 15:00"))
    return desk


def test_a_claim_is_returned_on_the_day_of_its_payment(late: Desk) -> None:
    late.pay("alice", 25_00, "09-20 10:00")
    late.pay("alice", 5_00, "09-18 10:00")
    late.run("09-17", at("09-20 12:00"))
    assert late.postings("confirmation") == of(
        "alice",
        ("in_transit", "subscription_payable", 80_00),
        ("register", "shares", 80_00),
        ("advancer_in_transit", "subscription_payable", 20_00),
        ("register", "advancer_shares", 20_00),
    )
    for paid_on, amount in (("09-18", 5_00), ("09-20", 25_00)):
        returned = of("alice", ("advancer_in_transit", "in_transit", amount), ("shares", "advancer_shares", amount))
        assert late.postings("claim_returned", paid_on) == returned
    assert [late.holding("alice", on)["shares"] for on in ("09-17", "09-18", "09-20")] == [80_00, 75_00, 50_00]
    assert not late.verify()


def test_a_payment_on_the_confirmation_date_is_no_claim(late: Desk) -> None:
    late.pay("alice", 30_00, "09-17 23:59:59")
    late.run("09-17", at("09-18 00:00"))
    assert late.postings("claim_returned") == []
    assert late.holding("alice", "09-17")["shares"] == 50_00


def test_of_a_part_a_claim_comes_after_the_customer_and_before_what_passed(database_url: str) -> None:
    """Of 100.00 applied for, 20.00 passed to the advancer, 30.00 is a claim; a wallet's name is what is confirmed."""
    keys = [
        ("register", "shares"),
        ("register", "advancer_shares"),
        ("advancer_in_transit", "advancer_payable"),
        ("in_transit", "customer_payable"),
    ]
    expected = {"85": [80_00, 5_00, 15_00, 0], "70": [70_00, 0, 30_00, 0], "40": [40_00, 0, 50_00, 10_00]}
    desk = Desk.open(database_url, wallets=list(expected))
    for wallet in expected:
        desk.transfer_in(wallet, 100_00, "09-16 10:00", "in")
        desk.pay(wallet, 20_00, "09-16 15:00")
    desk.run("09-16", at("09-16 15:00"))
    for wallet in expected:
        desk.pay(wallet, 30_00, "09-18 10:00")
        desk.record_outcome(wallet, "in", int(wallet) * 100)
    desk.run("09-17", at("09-18 12:00"))
    booked = {(debit, credit, holder): amount for debit, credit, holder, amount in desk.postings("confirmation")}
    for wallet, amounts in expected.items():
        assert [booked.get((*key, wallet), 0) for key in keys] == amounts
    claims = [line for line in desk.postings("claim_returned") if line[1] == "in_transit"]
    assert claims == [
        ("advancer_in_transit", "in_transit", "85", 30_00),
        ("advancer_in_transit", "in_transit", "70", 20_00),
    ]
    assert not desk.verify()


def test_a_late_run_makes_the_same_balances_of_every_day_as_a_timely_one(database_url: str, tmp_path: Path) -> None:
    def orders(desk: Desk, each_evening: Callable[[str], object]) -> None:
        desk.publish("09-16", "09-24")
        desk.transfer_in("alice", 100_000_00, "09-16 10:00")
        desk.transfer_in("bob", 70_000_00, "09-16 10:00")
        each_evening("09-16")
        desk.transfer_in("bob", 5_000_00, "09-17 12:00")
        desk.pay("alice", 999_99, "09-17 13:00", "paid")
        each_evening("09-17")
        desk.pay("alice", 33_333_33, "09-18 09:00")
        desk.transfer_out("bob", 7_77, "instant", "09-18 15:00")
        desk.refund("alice", "paid", 500_00, "09-18 15:00")
        each_evening("09-18")
        desk.pay("bob", 72_000_00, "09-20 10:00")
        desk.pay("alice", 1, "09-20 10:00")
        desk.run("09-24")

    def evening(text: str) -> None:
        timely.run(text, at(f"{text} 23:59"))

    def only_the_cutoff(text: str) -> None:
        """The transfer agent's file is late: the cutoffs are booked, the confirmations are not."""
        if text == "09-16":
            late.run(text, at(f"{text} 23:59"))

    timely = Desk.open(f"sqlite:///{tmp_path}/timely.db", wallets=["alice", "bob"])
    orders(timely, evening)
    late = Desk.open(database_url, wallets=["alice", "bob"])
    orders(late, only_the_cutoff)
    assert late.postings("claim_returned") != []
    for each in range(17, 22):
        on = f"09-{each}"
        assert late.house(on) == timely.house(on), on
        assert [late.holding(w, on) for w in ("alice", "bob")] == [timely.holding(w, on) for w in ("alice", "bob")], on
    assert not late.verify() + timely.verify()


# Redemptions


def test_a_standard_redemption_in_full_in_part_and_rejected(desk: Desk) -> None:
    wallets = {"alice": 100_00, "bob": 30_00, "carol": 0}
    for wallet in wallets:
        desk.transfer_in(wallet, 100_00, "09-16 10:00")
    desk.run("09-17", at("09-17 00:00"))
    for wallet in wallets:
        desk.transfer_out(wallet, 100_00, "standard", "09-17 10:00", "out")
    desk.run("09-17", at("09-17 15:00"))
    for wallet, confirmed in wallets.items():
        desk.record_outcome(wallet, "out", confirmed)
    desk.run("09-18", at("09-18 00:00"))
    assert desk.postings("confirmation", "09-18") == [
        ("redemption_receivable", "customer_payable", "alice", 100_00),
        ("redeeming", "register", "alice", 100_00),
        ("redemption_receivable", "customer_payable", "bob", 30_00),
        ("redeeming", "register", "bob", 30_00),
        ("redeeming", "shares", "bob", 70_00),
        ("redeeming", "shares", "carol", 100_00),
    ]
    assert not desk.verify()


def test_the_advancer_redeems_when_the_payment_s_trade_date_is_confirmed(desk: Desk) -> None:
    desk.transfer_in("alice", 100_00, "09-16 10:00")
    desk.run("09-17", at("09-17 00:00"))
    desk.pay("alice", 30_00, "09-17 14:59:59")
    desk.pay("alice", 20_00, "09-17 15:00")
    desk.run("09-23", at("09-23 00:00"))
    for on, amount in (("09-18", 30_00), ("09-23", 20_00)):
        redeemed = of(
            "alice", ("redemption_receivable", "advancer_payable", amount), ("advancer_shares", "register", amount)
        )
        assert desk.postings("confirmation", on) == redeemed


def test_the_advancer_redeems_what_passed_to_it_a_trade_date_after_its_confirmation(desk: Desk) -> None:
    desk.transfer_in("alice", 100_00, "09-16 10:00")
    desk.pay("alice", 30_00, "09-16 15:00")
    desk.run("09-18", at("09-18 00:00"))
    redeemed = of("alice", ("redemption_receivable", "advancer_payable", 30_00), ("advancer_shares", "register", 30_00))
    assert desk.postings("confirmation", "09-18") == redeemed


# Shortfalls are repaid by what is credited


def owing(desk: Desk, shortfall: int = 120_00) -> None:
    """Let alice spend all her shares on 09-18, while a negative income of 09-17 is not booked."""
    desk.transfer_in("alice", 1_000_000_00, "09-16 10:00")
    desk.run("09-17", at("09-17 00:00"))
    desk.announce("09-17", -1_2000)
    desk.transfer_out("alice", 30_00, "standard", "09-18 10:00", "out")
    desk.pay("alice", 999_970_00, "09-18 10:00")
    desk.run("09-17")
    assert desk.holding("alice")["shortfall"] == shortfall


def test_a_confirmation_repays_a_shortfall_with_her_own_part(desk: Desk) -> None:
    owing(desk)
    desk.transfer_in("alice", 50_00, "09-18 11:00")
    desk.run("09-23", at("09-23 00:00"))
    repaid = [line for line in desk.postings("confirmation", "09-23") if line[1] == "shortfall"]
    assert repaid == [("shares", "shortfall", "alice", 50_00)]
    assert (desk.holding("alice")["shares"], desk.holding("alice")["shortfall"]) == (0, 70_00)
    assert not desk.verify()


def test_a_rejected_redemption_repays_a_shortfall(desk: Desk) -> None:
    owing(desk)
    desk.run("09-18", at("09-18 15:00"))
    desk.record_outcome("alice", "out", 0)
    desk.run("09-23", at("09-23 00:00"))
    assert desk.postings("confirmation", "09-23")[:1] == [("redeeming", "shares", "alice", 30_00)]
    assert (desk.holding("alice")["shares"], desk.holding("alice")["shortfall"]) == (0, 90_00)


def test_a_claim_goes_to_the_advancer_and_repays_no_shortfall(desk: Desk) -> None:
    owing(desk)
    desk.transfer_in("alice", 50_00, "09-18 11:00")
    desk.run("09-18", at("09-18 15:00"))
    desk.pay("alice", 35_00, "09-24 10:00")
    desk.run("09-23", at("09-24 12:00"))
    assert ("shares", "shortfall", "alice", 15_00) in desk.postings("confirmation", "09-23")
    assert desk.postings("claim_returned")[1] == ("shares", "advancer_shares", "alice", 35_00)
    assert not desk.verify()


# Outcomes


def test_refusals_of_an_outcome_come_in_their_order(desk: Desk) -> None:
    desk.transfer_in("alice", 100, "09-16 10:00", "confirmed")
    desk.run("09-17", at("09-17 00:00"))
    desk.pay("alice", 10, "09-17 10:00", "paid")
    desk.transfer_in("alice", 100, "09-17 10:00", "open")
    with desk.refuses("not_open"):
        desk.record_outcome("alice", "open", 100)  # not cut yet
    desk.run("09-17", at("09-17 15:00"))
    for wallet, request_id, confirmed, code in [
        ("nobody", "none", 101, "unknown_wallet"),
        ("alice", "none", 101, "unknown_order"),
        ("bob", "open", 101, "unknown_order"),
        ("alice", "paid", 101, "not_open"),
        ("alice", "confirmed", 101, "not_open"),
        ("alice", "open", 101, "not_open"),
        ("alice", "open", -1, "not_open"),
    ]:
        with desk.refuses(code):
            desk.record_outcome(wallet, request_id, confirmed)
    desk.record_outcome("alice", "open", 40)
    desk.record_outcome("alice", "open", 60)
    desk.run("09-18", at("09-18 00:00"))
    assert ("register", "shares", "alice", 60) in desk.postings("confirmation", "09-18"), "the last word counts"


def test_a_day_on_which_nothing_is_confirmed_has_no_entry(desk: Desk) -> None:
    desk.run("09-18")
    assert desk.rows(journal_entry) == []
