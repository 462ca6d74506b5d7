"""Money out: what payments and transfers-out book, where the money comes from, and in which order they are refused."""

from __future__ import annotations

from datetime import date

import pytest

from tests.desk import Desk, at, day, free_terms
from wallet.rules.orders import Kind
from wallet.rules.spending import OrderOfUse
from wallet.schema import advance, customer_order, limit_slot


def facility_used(desk: Desk) -> int:
    return sum(slot.used for slot in desk.rows(limit_slot, limit_slot.c.name == "facility"))


@pytest.fixture
def three_moneys(desk: Desk) -> Desk:
    """Give each wallet 100.00 in shares, 20.00 applied for from 15:00 of 09-17 on, and 30.00 that is not yet."""
    for wallet in ("alice", "bob", "carol"):
        desk.transfer_in(wallet, 100_00, "09-16 10:00", "shares")
        desk.transfer_in(wallet, 20_00, "09-17 10:00", "applied")
    desk.run("09-17", at("09-17 00:00"))
    for wallet in ("alice", "bob", "carol"):
        desk.transfer_in(wallet, 30_00, "09-17 16:00", "unapplied")
    return desk


# What is booked


def test_a_payment_takes_back_then_passes_on_then_redeems(three_moneys: Desk) -> None:
    for wallet, amount in (("alice", 30_00), ("bob", 50_00), ("carol", 120_00)):
        receipt = three_moneys.pay(wallet, amount, "09-17 17:00", "paid")
        assert (receipt.kind, receipt.status) == (Kind.PAYMENT, "done")
        assert (receipt.trade_date, receipt.confirmation_date) == (None, None)
    assert three_moneys.postings("paid") == [
        ("in_transit", "merchant_payable", "alice", 30_00),
        ("in_transit", "merchant_payable", "bob", 30_00),
        ("in_transit", "advancer_in_transit", "bob", 20_00),
        ("advancer_receivable", "merchant_payable", "bob", 20_00),
        ("in_transit", "merchant_payable", "carol", 30_00),
        ("in_transit", "advancer_in_transit", "carol", 20_00),
        ("advancer_receivable", "merchant_payable", "carol", 20_00),
        ("advancer_receivable", "merchant_payable", "carol", 70_00),
        ("shares", "advancer_shares", "carol", 70_00),
    ]


def test_an_instant_transfer_out_is_paid_to_the_customer_at_once(three_moneys: Desk) -> None:
    three_moneys.transfer_out("alice", 120_00, "instant", "09-17 17:00", "out")
    assert three_moneys.postings("out") == [
        ("in_transit", "customer_payable", "alice", 30_00),
        ("in_transit", "advancer_in_transit", "alice", 20_00),
        ("advancer_receivable", "customer_payable", "alice", 20_00),
        ("advancer_receivable", "customer_payable", "alice", 70_00),
        ("shares", "advancer_shares", "alice", 70_00),
        ("cash", "advancer_receivable", "alice", 90_00),
        ("customer_payable", "cash", "alice", 120_00),
    ]
    assert three_moneys.holding("alice")["customer_payable"] == 0


def test_a_standard_transfer_out_freezes_shares_only(three_moneys: Desk) -> None:
    with three_moneys.refuses("insufficient_funds"):
        three_moneys.transfer_out("alice", 100_01, "standard", "09-17 17:00")
    receipt = three_moneys.transfer_out("alice", 100_00, "standard", "09-17 17:00", "out")
    assert three_moneys.postings("out") == [("shares", "redeeming", "alice", 100_00)]
    assert (receipt.trade_date, receipt.confirmation_date) == (day("09-18"), day("09-23"))


def test_what_the_advancer_paid_is_kept_by_source_with_the_day_it_redeems(three_moneys: Desk) -> None:
    three_moneys.pay("alice", 120_00, "09-17 17:00")
    advances = [(row.source > 0, row.amount, row.shares, row.redeem_on) for row in three_moneys.rows(advance)]
    assert advances == [(False, 70_00, 70_00, day("09-18")), (True, 20_00, None, day("09-18"))]
    assert facility_used(three_moneys) == 90_00, "what is taken back needs no advance"


def test_an_advance_is_redeemed_no_earlier_than_its_shares_are_confirmed(desk: Desk) -> None:
    desk.transfer_in("alice", 100_00, "09-17 16:00")
    desk.pay("alice", 60_00, "09-18 15:00")
    [row] = desk.rows(advance)
    assert row.redeem_on == day("09-23"), "the payment's trade date and the confirmation date of its money"
    desk.pay("alice", 40_00, "09-23 15:00")
    assert [row.redeem_on for row in desk.rows(advance)] == [day("09-23"), day("09-24")]


# Order of use


def test_unconfirmed_money_goes_first_the_newest_before_all(desk: Desk) -> None:
    desk.transfer_in("alice", 100_00, "09-16 10:00")
    desk.run("09-17", at("09-17 00:00"))
    for request_id, when in [("b", "09-17 11:00"), ("a", "09-17 10:00"), ("c", "09-17 11:00")]:
        desk.transfer_in("alice", 10_00, when, request_id)
    left = []
    for n in range(3):
        desk.pay("alice", 10_00, "09-17 12:00", f"p{n}")
        left.append([row.remaining for row in desk.rows(customer_order, customer_order.c.trade_date == day("09-17"))])
    assert left == [[10_00, 10_00, 0], [0, 10_00, 0], [0, 0, 0]], "of equal instants the later booked"
    assert desk.holding("alice")["shares"] == 100_00


def test_confirmed_first_is_a_term_that_a_caller_may_override(database_url: str) -> None:
    terms = [free_terms(), free_terms("09-18", order_of_use=OrderOfUse.CONFIRMED_FIRST)]
    desk = Desk.open(database_url, terms=terms, wallets=["alice"])
    desk.transfer_in("alice", 50_00, "09-16 10:00")
    desk.run("09-17", at("09-17 00:00"))
    desk.transfer_in("alice", 20_00, "09-17 16:00")
    desk.transfer_in("alice", 30_00, "09-17 17:00")

    def used(when: str, order_of_use: str | None, amount: int = 10_00) -> set[str]:
        request_id = desk.pay("alice", amount, when, order_of_use=order_of_use).request_id
        return {debit for debit, _, holder, _ in desk.postings(request_id)} - {"advancer_receivable"}

    assert used("09-17 23:59:59", None) == {"in_transit"}
    assert used("09-17 23:59:59", "confirmed_first") == {"shares"}
    assert used("09-18 00:00", None) == {"shares"}
    assert used("09-18 00:00", "unconfirmed_first") == {"in_transit"}
    assert used("09-18 00:00", None, 31_00) == {"shares", "in_transit"}
    open_orders = desk.rows(customer_order, customer_order.c.status == "accepted")
    assert [row.remaining for row in open_orders] == [20_00, 9_00], "after the shares the newest order first"


def test_an_instant_transfer_out_follows_the_order_of_use_too(three_moneys: Desk) -> None:
    three_moneys.transfer_out("alice", 10_00, "instant", "09-17 17:00", "out", order_of_use="confirmed_first")
    assert ("shares", "advancer_shares", "alice", 10_00) in three_moneys.postings("out")


def test_money_of_a_later_instant_is_not_there_yet(desk: Desk) -> None:
    desk.transfer_in("alice", 10_00, "09-16 11:00:01")
    with desk.refuses("insufficient_funds"):
        desk.pay("alice", 10_00, "09-16 11:00")
    desk.pay("alice", 10_00, "09-16 11:00:01")


def test_shares_that_leave_later_are_not_there_before(desk: Desk) -> None:
    desk.transfer_in("alice", 100_00, "09-16 10:00")
    desk.run("09-17", at("09-17 00:00"))
    desk.pay("alice", 70_00, "09-20 10:00")
    with desk.refuses("insufficient_funds"):
        desk.pay("alice", 30_01, "09-18 10:00")
    with desk.refuses("insufficient_funds"):
        desk.transfer_out("alice", 30_01, "standard", "09-18 10:00")
    desk.pay("alice", 30_00, "09-18 10:00")


def test_shares_that_come_later_are_not_there_before(desk: Desk) -> None:
    desk.transfer_in("alice", 100_00, "09-16 10:00")
    desk.transfer_in("bob", 20_00, "09-18 10:00")
    desk.run("09-23", at("09-23 00:00"))  # without the figure for 09-17 nothing later is closed
    with desk.refuses("insufficient_funds"):
        desk.pay("bob", 1, "09-22 23:59:59")
    desk.pay("bob", 20_00, "09-23 00:00")


# The cutoff


PASSED = [
    ("in_transit", "advancer_in_transit", "alice", 20_00),
    ("advancer_receivable", "merchant_payable", "alice", 20_00),
]


def test_money_passes_to_the_advancer_from_the_cutoff_on(desk: Desk) -> None:
    desk.transfer_in("alice", 50_00, "09-17 14:59:59")
    desk.pay("alice", 10_00, "09-17 14:59:59", "before")
    desk.pay("alice", 20_00, "09-17 15:00:00", "at")
    desk.pay("alice", 20_00, "09-18 23:59:59", "after")
    assert desk.postings("before") == [("in_transit", "merchant_payable", "alice", 10_00)]
    assert desk.postings("at") == desk.postings("after") == PASSED


def test_a_payment_before_a_booked_cutoff_treats_the_money_as_applied_for(desk: Desk) -> None:
    desk.transfer_in("alice", 20_00, "09-17 10:00")
    desk.run("09-17", at("09-17 15:00"))
    desk.pay("alice", 20_00, "09-17 14:59:59", "paid")
    assert desk.postings("paid") == PASSED


def test_an_order_spent_in_whole_before_its_cutoff_is_taken_back_for_good(desk: Desk) -> None:
    desk.transfer_in("alice", 20_00, "09-17 10:00", "whole")
    desk.pay("alice", 19_99, "09-17 11:00")
    [order] = desk.rows(customer_order, customer_order.c.trade_date.is_not(None))
    assert order.status == "accepted"
    desk.pay("alice", 1, "09-17 11:00")
    [order] = desk.rows(customer_order, customer_order.c.trade_date.is_not(None))
    assert order.status == "taken_back"
    desk.run("09-18", at("09-18 12:00"))
    assert desk.postings("confirmation") == []
    with desk.refuses("not_open"):
        desk.record_outcome("alice", "whole", 0)


# Limits


def test_the_instant_limit_counts_whole_amounts_of_a_natural_day_and_no_payments(database_url: str) -> None:
    desk = Desk.open(database_url, terms=[free_terms(instant_daily=100_00)], wallets=["alice", "bob"])
    desk.transfer_in("alice", 500_00, "09-16 10:00")
    desk.transfer_in("bob", 500_00, "09-16 10:00")
    desk.pay("alice", 200_00, "09-16 11:00")
    desk.transfer_out("alice", 60_00, "instant", "09-16 12:00", "taken back, not advanced")
    with desk.refuses("daily_instant_exceeded"):
        desk.transfer_out("alice", 40_01, "instant", "09-16 23:59:59")
    desk.transfer_out("alice", 40_00, "instant", "09-16 23:59:59")
    desk.transfer_out("bob", 100_00, "instant", "09-16 23:59:59")
    desk.transfer_out("alice", 100_00, "instant", "09-17 00:00")
    with desk.refuses("daily_instant_exceeded"):
        desk.transfer_out("alice", 1, "instant", "09-17 00:00")


def test_the_sample_instant_limit_was_lowered_on_2018_06_06(database_url: str) -> None:
    desk = Desk.open(database_url, date(2018, 6, 5), wallets=["alice"])
    desk.transfer_in("alice", 20_000_00, "2018-06-05 10:00")
    desk.transfer_in("alice", 20_000_00, "2018-06-06 10:00")
    with desk.refuses("daily_instant_exceeded"):
        desk.transfer_out("alice", 10_000_01, "instant", "2018-06-06 10:00")
    desk.transfer_out("alice", 20_000_00, "instant", "2018-06-05 10:00")
    desk.transfer_out("alice", 10_000_00, "instant", "2018-06-06 10:00")


def test_the_facility_refuses_without_a_trace_and_has_room_when_the_advancer_is_paid(database_url: str) -> None:
    desk = Desk.open(database_url, terms=[free_terms(facility=100_00)], wallets=["alice", "bob"])
    desk.transfer_in("alice", 300_00, "09-16 10:00")
    desk.transfer_in("bob", 300_00, "09-16 10:00")
    desk.run("09-17", at("09-17 00:00"))
    desk.pay("alice", 60_00, "09-17 10:00")
    with desk.refuses("facility_exhausted"):
        desk.pay("bob", 40_01, "09-17 10:00")
    with desk.refuses("facility_exhausted"):
        desk.transfer_out("bob", 40_01, "instant", "09-17 10:00")
    desk.pay("bob", 40_00, "09-17 10:00")
    assert facility_used(desk) == 100_00
    desk.transfer_out("bob", 100_00, "standard", "09-17 10:00")
    desk.transfer_in("bob", 10_00, "09-17 16:00")
    desk.pay("bob", 10_00, "09-17 16:00")
    desk.run("09-18", at("09-18 00:00"))
    assert facility_used(desk) == 0
    desk.pay("alice", 100_00, "09-18 10:00")


def test_over_a_long_holiday_the_facility_is_what_limits(database_url: str) -> None:
    desk = Desk.open(database_url, day("09-26"), [free_terms(facility=100_00)], ["alice"])
    desk.transfer_in("alice", 300_00, "09-26 10:00")
    desk.publish("09-26", "10-09")
    desk.run("09-29")
    desk.pay("alice", 70_00, "09-30 14:59:59")
    desk.pay("alice", 30_00, "09-30 15:00")
    desk.run("10-06")
    with desk.refuses("facility_exhausted"):
        desk.pay("alice", 1, "10-07 10:00")
    desk.run("10-08", at("10-08 00:00"))
    assert facility_used(desk) == 30_00, "redeemed for 09-30, confirmed on the first trading day"
    desk.pay("alice", 70_00, "10-08 10:00")
    desk.run("10-09", at("10-09 00:00"))
    assert facility_used(desk) == 0, "of 10-08 are both the payment at 15:00 and the one of that day"


# The order of refusals


def test_refusals_of_a_payment_come_in_their_order(database_url: str) -> None:
    desk = Desk.open(database_url, terms=[free_terms(facility=50)], wallets=["alice"])
    desk.transfer_in("alice", 100, "09-16 10:00", "used")
    desk.run("09-17", at("09-17 15:00"))
    for wallet, request_id, amount, when, code in [
        ("nobody", "used", 101, "2012-06-01 10:00", "unknown_wallet"),
        ("alice", "used", 101, "2012-06-01 10:00", "request_conflict"),
        ("alice", "new", 101, "2012-06-01 10:00", "outside_calendar"),
        ("alice", "new", 101, "09-15 10:00", "before_opening"),
        ("alice", "new", 101, "09-16 10:00", "day_closed"),
        ("alice", "new", 101, "09-17 10:00", "insufficient_funds"),
        ("alice", "new", 51, "09-17 10:00", "facility_exhausted"),
    ]:
        with desk.refuses(code):
            desk.pay(wallet, amount, when, request_id)
    desk.pay("alice", 50, "09-17 10:00", "new")


def test_refusals_of_transfers_out_come_in_their_order(database_url: str) -> None:
    terms = [free_terms(instant_daily=90, facility=50), free_terms("09-18", facility=50)]
    desk = Desk.open(database_url, terms=terms, wallets=["alice"])
    desk.transfer_in("alice", 100, "09-16 10:00", "used")
    desk.run("09-17", at("09-17 15:00"))
    common = [
        ("nobody", "used", 101, "2012-06-01 10:00", "unknown_wallet"),
        ("alice", "used", 101, "2012-06-01 10:00", "request_conflict"),
        ("alice", "new", 101, "2012-06-01 10:00", "outside_calendar"),
        ("alice", "new", 101, "09-15 10:00", "before_opening"),
        ("alice", "new", 101, "09-16 10:00", "day_closed"),
    ]
    instant = [
        ("alice", "new", 101, "09-17 10:00", "daily_instant_exceeded"),
        ("alice", "new", 101, "09-18 10:00", "insufficient_funds"),
        ("alice", "new", 51, "09-18 10:00", "facility_exhausted"),
    ]
    standard = [
        ("alice", "new", 101, "09-17 10:00", "trade_date_cut"),
        ("alice", "new", 101, "09-17 15:00", "insufficient_funds"),
    ]
    for kind, own in (("instant", instant), ("standard", standard)):
        for wallet, request_id, amount, when, code in common + own:
            with desk.refuses(code):
                desk.transfer_out(wallet, amount, kind, when, request_id)
