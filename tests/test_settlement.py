"""The settle step, stand-alone: which cash moves on which day."""

from __future__ import annotations

import pytest

from tests.desk import Desk, at


@pytest.fixture
def busy(desk: Desk) -> Desk:
    """Give alice and bob shares, and orders of every kind on 09-18, the last trading day before the holiday."""
    desk.transfer_in("alice", 500_00, "09-16 10:00")
    desk.transfer_in("bob", 500_00, "09-16 10:00")
    desk.publish("09-16", "09-24", 0)
    desk.run("09-17")
    desk.pay("alice", 40_00, "09-18 10:00", "paid")
    desk.pay("bob", 7_00, "09-18 16:00")
    desk.transfer_out("bob", 30_00, "standard", "09-18 10:00", "out")
    desk.transfer_out("alice", 25_00, "instant", "09-18 10:00")
    desk.transfer_in("alice", 11_00, "09-18 10:00", "in")
    return desk


def test_confirmed_subscriptions_are_paid_to_the_fund_on_their_confirmation_date(busy: Desk) -> None:
    assert busy.postings("settlement", "09-17") == [("subscription_payable", "cash", "house", 1_000_00)]


def test_payments_of_a_day_are_settled_the_next_day_on_closed_days_too(busy: Desk) -> None:
    busy.run("09-19", at("09-19 00:00"))
    assert busy.postings("settlement", "09-18") == []
    assert busy.postings("settlement", "09-19") == [
        ("cash", "advancer_receivable", "house", 47_00),
        ("merchant_payable", "cash", "house", 47_00),
    ]
    busy.run("09-22")
    assert busy.postings("settlement", "09-20") == []


def test_fund_advancer_and_customers_are_settled_on_trading_days(busy: Desk) -> None:
    busy.run("09-23", at("09-23 00:00"))
    assert busy.postings("settlement", "09-23") == [
        ("subscription_payable", "cash", "house", 11_00),
        ("cash", "redemption_receivable", "house", 95_00),
        ("advancer_payable", "cash", "house", 65_00),
    ]
    assert busy.postings("pay_out") == [("customer_payable", "cash", "bob", 30_00)]
    owed = {"subscription_payable", "redemption_receivable", "advancer_payable", "customer_payable"}
    assert not owed & set(busy.house("09-23"))
    assert busy.house()["advancer_shares"] == 7_00, "paid after 15:00, so redeemed for 09-23"


def test_rejected_money_is_paid_out_to_the_customer(busy: Desk) -> None:
    busy.run("09-18", at("09-18 15:00"))
    busy.record_outcome("alice", "in", 4_00)
    busy.run("09-23", at("09-23 00:00"))
    assert busy.postings("pay_out") == [
        ("customer_payable", "cash", "alice", 7_00),
        ("customer_payable", "cash", "bob", 30_00),
    ]


def test_a_merchant_s_debit_balance_is_kept_until_payments_cover_it(busy: Desk) -> None:
    busy.run("09-19")
    busy.refund("alice", "paid", 40_00, "09-20 10:00")
    busy.pay("bob", 15_00, "09-21 10:00")
    busy.run("09-22")
    assert busy.postings("settlement", "09-22") == [("cash", "advancer_receivable", "house", 15_00)]
    assert busy.house()["merchant_payable"] == -25_00
    busy.pay("bob", 30_00, "09-23 10:00")
    busy.run("09-24", at("09-24 00:00"))
    assert ("merchant_payable", "cash", "house", 5_00) in busy.postings("settlement", "09-24")


def test_a_payment_that_arrives_after_its_settlement_is_settled_with_the_next(busy: Desk) -> None:
    busy.run("09-19", at("09-19 00:00"))
    busy.pay("bob", 3_00, "09-19 00:00")
    busy.run("09-20", at("09-20 00:00"))
    assert busy.postings("settlement", "09-20") == [
        ("cash", "advancer_receivable", "house", 3_00),
        ("merchant_payable", "cash", "house", 3_00),
    ]
