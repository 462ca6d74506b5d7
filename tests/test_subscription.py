"""Money in: what a transfer-in and a refund book, which terms judge them, and in which order they are refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.desk import Desk, at, day, free_terms
from wallet.facade import TransferIn, transfer_in
from wallet.rules.fund import SAMPLE_TERMS
from wallet.rules.orders import Kind
from wallet.schema import customer_order, limit_slot

# What is booked


def test_a_transfer_in_is_cash_owed_in_transit(desk: Desk) -> None:
    receipt = desk.transfer_in("alice", 100_00, "09-16 10:00", "in")
    assert desk.postings("in") == [("cash", "in_transit", "alice", 100_00)]
    assert (receipt.kind, receipt.status, receipt.amount) == (Kind.TRANSFER_IN, "accepted", 100_00)
    assert (receipt.trade_date, receipt.confirmation_date) == (day("09-16"), day("09-17"))
    assert desk.holding("alice")["in_transit"] == 100_00


def test_a_refund_comes_from_the_merchant_and_is_in_transit_anew(desk: Desk) -> None:
    desk.transfer_in("alice", 100_00, "09-16 10:00")
    desk.pay("alice", 60_00, "09-16 11:00", "paid")
    receipt = desk.refund("alice", "paid", 25_00, "09-16 15:00", "back")
    assert desk.postings("back") == [("merchant_payable", "in_transit", "alice", 25_00)]
    assert (receipt.trade_date, receipt.confirmation_date) == (day("09-17"), day("09-18"))


def test_a_merchant_who_was_paid_out_owes_a_refund_until_the_next_payment(desk: Desk) -> None:
    desk.transfer_in("alice", 100_00, "09-16 10:00")
    desk.pay("alice", 60_00, "09-16 11:00", "paid")
    desk.run("09-17")
    assert desk.postings("settlement", "09-17")[0] == ("merchant_payable", "cash", "house", 60_00)
    desk.refund("alice", "paid", 25_00, "09-18 10:00")
    assert desk.house()["merchant_payable"] == -25_00
    desk.pay("alice", 40_00, "09-18 11:00")
    desk.run("09-19")
    assert ("merchant_payable", "cash", "house", 15_00) in desk.postings("settlement", "09-19")
    assert "merchant_payable" not in desk.house()


# Refunds of one payment


def test_refunds_of_one_payment_add_up_to_no_more_than_the_payment(desk: Desk) -> None:
    desk.transfer_in("alice", 100_00, "09-16 10:00")
    desk.pay("alice", 60_00, "09-16 11:00", "paid")
    desk.refund("alice", "paid", 35_00, "09-16 12:00")
    with desk.refuses("refund_exceeds_payment"):
        desk.refund("alice", "paid", 25_01, "09-16 12:00")
    desk.refund("alice", "paid", 25_00, "09-16 12:00")
    with desk.refuses("refund_exceeds_payment"):
        desk.refund("alice", "paid", 1, "09-16 12:00")
    [refunded] = [row.refunded for row in desk.rows(customer_order, customer_order.c.kind == "payment")]
    assert refunded == 60_00


def test_a_payment_is_refunded_to_its_own_wallet_only(desk: Desk) -> None:
    desk.transfer_in("alice", 100_00, "09-16 10:00")
    desk.pay("alice", 60_00, "09-16 11:00", "paid")
    with desk.refuses("unknown_payment"):
        desk.refund("bob", "paid", 1, "09-16 12:00")


# The order of refusals: each request breaks the rule it is refused by, and every later one too.


def test_refusals_of_a_transfer_in_come_in_their_order(database_url: str) -> None:
    everything = free_terms(
        "09-17", suspended=((day("09-17"), day("09-17")),), minimum=100, holding_cap=50, transfer_in_daily=50,
        quota_daily=50,
    )  # fmt: skip
    versions = [
        free_terms(),
        everything,
        replace(everything, valid_from=day("09-19"), minimum=1),
        replace(everything, valid_from=day("09-20"), minimum=1, holding_cap=None),
        replace(everything, valid_from=day("09-21"), minimum=1, holding_cap=None, transfer_in_daily=None),
        free_terms("09-22"),
    ]
    desk = Desk.open(database_url, terms=versions, wallets=["alice"])
    desk.transfer_in("alice", 40, "09-16 10:00", "used")
    desk.run("09-17", at("09-17 15:00"))
    for wallet, request_id, when, code in [
        ("nobody", "used", "2012-06-01 10:00", "unknown_wallet"),
        ("alice", "used", "2012-06-01 10:00", "request_conflict"),
        ("alice", "new", "2012-06-01 10:00", "outside_calendar"),
        ("alice", "new", "09-15 23:59:59", "before_opening"),
        ("alice", "new", "09-16 10:00", "day_closed"),
        ("alice", "new", "09-17 10:00", "trade_date_cut"),
        ("alice", "new", "09-17 15:00", "purchases_suspended"),
        ("alice", "new", "09-18 10:00", "below_minimum"),
        ("alice", "new", "09-19 10:00", "holding_cap_exceeded"),
        ("alice", "new", "09-20 10:00", "daily_transfer_in_exceeded"),
        ("alice", "new", "09-21 10:00", "quota_exceeded"),
    ]:
        with desk.refuses(code):
            desk.transfer_in(wallet, 60, when, request_id)
    desk.transfer_in("alice", 60, "09-22 10:00", "new")


def test_refusals_of_a_refund_come_in_their_order(desk: Desk) -> None:
    desk.transfer_in("alice", 100_00, "09-16 10:00", "in")
    desk.pay("alice", 60_00, "09-16 11:00", "paid")
    desk.pay("alice", 10_00, "09-17 10:00:01", "paid later")
    desk.run("09-17", at("09-17 15:00"))
    for wallet, request_id, payment, amount, when, code in [
        ("nobody", "in", "none", 60_01, "2012-06-01 10:00", "unknown_wallet"),
        ("alice", "in", "none", 60_01, "2012-06-01 10:00", "request_conflict"),
        ("alice", "new", "none", 60_01, "2012-06-01 10:00", "outside_calendar"),
        ("alice", "new", "none", 60_01, "09-15 10:00", "before_opening"),
        ("alice", "new", "none", 60_01, "09-16 10:00", "day_closed"),
        ("alice", "new", "none", 60_01, "09-17 10:00", "unknown_payment"),
        ("alice", "new", "paid later", 60_01, "09-17 10:00", "unknown_payment"),
        ("alice", "new", "in", 60_01, "09-17 10:00", "not_refundable"),
        ("alice", "new", "paid", 60_01, "09-17 10:00", "refund_exceeds_payment"),
        ("alice", "new", "paid", 60_00, "09-17 10:00", "trade_date_cut"),
    ]:
        with desk.refuses(code):
            desk.refund(wallet, payment, amount, when, request_id)
    desk.refund("alice", "paid", 60_00, "09-17 15:00", "new")
    with desk.refuses("not_refundable"):
        desk.refund("alice", "new", 60_00, "09-17 15:00", "a refund of the refund")


# Terms are dated


def test_the_daily_limit_begins_within_the_life_of_a_book(database_url: str) -> None:
    desk = Desk.open(database_url, date(2017, 12, 7), wallets=["alice", "bob"])
    desk.transfer_in("alice", 60_000_00, "2017-12-07 23:59:59")
    with desk.refuses("daily_transfer_in_exceeded"):
        desk.transfer_in("alice", 20_000_01, "2017-12-08 00:00")
    desk.transfer_in("alice", 20_000_00, "2017-12-08 00:00")
    with desk.refuses("daily_transfer_in_exceeded"):
        desk.transfer_in("alice", 1_00, "2017-12-08 23:59:59")
    desk.transfer_in("bob", 20_000_00, "2017-12-08 10:00")
    desk.transfer_in("alice", 20_000_00, "2017-12-09 00:00")
    with desk.refuses("holding_cap_exceeded"):
        desk.transfer_in("alice", 1_00, "2017-12-10 10:00")


@pytest.mark.parametrize(
    ("opened_on", "cap"),
    [("2013-06-03", 1_000_000_00), ("2017-05-27", 250_000_00), ("2017-08-14", 100_000_00), ("2019-04-09", 100_000_00)],
)
def test_the_sample_holding_caps(opened_on: str, cap: int, tmp_path: Path) -> None:
    one_version = [replace(t, transfer_in_daily=None) for t in SAMPLE_TERMS]
    desk = Desk.open(f"sqlite:///{tmp_path}/books.db", day(opened_on), one_version, ["alice"])
    with desk.refuses("holding_cap_exceeded"):
        desk.transfer_in("alice", cap + 1, f"{opened_on} 10:00")
    desk.transfer_in("alice", cap, f"{opened_on} 10:00")


def test_the_last_terms_know_no_cap(database_url: str) -> None:
    desk = Desk.open(database_url, date(2019, 4, 9), wallets=["alice"])
    with desk.refuses("daily_transfer_in_exceeded"):
        desk.transfer_in("alice", 20_000_01, "2019-04-09 10:00")
    desk.transfer_in("alice", 10_000_000_00, "2019-04-10 00:00")


def test_the_holding_cap_looks_at_shares_redeeming_and_in_transit_but_not_at_income(database_url: str) -> None:
    desk = Desk.open(database_url, terms=[free_terms(holding_cap=100_000_00)], wallets=["alice"])
    desk.transfer_in("alice", 60_000_00, "09-16 10:00")
    desk.publish("09-16", "09-17")
    desk.run("09-17")
    desk.transfer_out("alice", 20_000_00, "standard", "09-18 10:00")
    desk.transfer_in("alice", 30_000_00, "09-18 10:00")
    assert desk.holding("alice") == {
        "shares": 40_007_20, "redeeming": 20_000_00, "in_transit": 30_000_00, "customer_payable": 0, "shortfall": 0,
    }  # fmt: skip
    with desk.refuses("holding_cap_exceeded"):
        desk.transfer_in("alice", 9_992_81, "09-18 10:00")
    desk.transfer_in("alice", 9_992_80, "09-18 10:00")
    desk.publish("09-18", "09-18")
    desk.run("09-18")
    assert desk.holding("alice")["shares"] == 40_014_40, "income is never capped"


def test_what_was_spent_leaves_room_under_the_cap_but_not_under_the_daily_limit(database_url: str) -> None:
    desk = Desk.open(database_url, terms=[free_terms(holding_cap=100, transfer_in_daily=150)], wallets=["alice"])
    desk.transfer_in("alice", 100, "09-16 10:00")
    desk.pay("alice", 100, "09-16 10:01")
    desk.transfer_in("alice", 50, "09-16 10:02")
    with desk.refuses("daily_transfer_in_exceeded"):
        desk.transfer_in("alice", 1, "09-16 10:03")


def test_the_quota_counts_the_transfers_in_of_all_wallets_on_a_natural_day(database_url: str) -> None:
    desk = Desk.open(database_url, terms=[free_terms(quota_daily=100)], wallets=["alice", "bob"])
    with desk.refuses("quota_exceeded"):
        desk.transfer_in("alice", 101, "09-16 10:00")
    desk.transfer_in("alice", 70, "09-16 00:00")
    desk.pay("alice", 50, "09-16 11:00", "paid")
    desk.refund("alice", "paid", 50, "09-16 12:00")
    with desk.refuses("quota_exceeded"):
        desk.transfer_in("bob", 31, "09-16 23:59:59")
    desk.transfer_in("bob", 30, "09-16 23:59:59")
    desk.transfer_in("bob", 100, "09-17 00:00")
    assert sum(slot.used for slot in desk.rows(limit_slot, limit_slot.c.name.startswith("quota"))) == 200


def test_purchases_are_suspended_from_the_first_to_the_last_day_and_nothing_else_is(database_url: str) -> None:
    suspended = free_terms(suspended=((day("09-17"), day("09-18")),))
    desk = Desk.open(database_url, terms=[suspended], wallets=["alice"])
    desk.transfer_in("alice", 100, "09-16 23:59:59")
    for when in ("09-17 00:00", "09-18 23:59:59"):
        with desk.refuses("purchases_suspended"):
            desk.transfer_in("alice", 100, when)
    desk.pay("alice", 60, "09-17 10:00", "paid")
    desk.refund("alice", "paid", 60, "09-17 11:00")
    desk.transfer_out("alice", 60, "instant", "09-17 12:00")
    desk.transfer_in("alice", 100, "09-19 00:00")


def test_minimum_caps_and_quota_are_not_for_refunds(database_url: str) -> None:
    strict = free_terms("09-17", minimum=100, holding_cap=1, transfer_in_daily=1, quota_daily=1)
    desk = Desk.open(database_url, terms=[free_terms(), strict], wallets=["alice"])
    desk.transfer_in("alice", 500, "09-16 10:00")
    desk.pay("alice", 300, "09-16 11:00", "paid")
    with desk.refuses("below_minimum"):
        desk.transfer_in("alice", 99, "09-17 10:00")
    desk.refund("alice", "paid", 1, "09-17 10:00")
    desk.refund("alice", "paid", 299, "09-17 10:00")


def test_the_natural_day_is_the_fund_s_whatever_the_zone_of_the_instant(database_url: str) -> None:
    desk = Desk.open(database_url, date(2017, 12, 7), wallets=["alice"])
    midnight = datetime(2017, 12, 7, 16, tzinfo=UTC)
    too_much: dict[str, Any] = {"wallet": "alice", "amount": 20_000_01}
    with desk.refuses("daily_transfer_in_exceeded"):
        desk.ask(transfer_in, TransferIn(request_id="8th", at=midnight, **too_much))
    desk.ask(transfer_in, TransferIn(request_id="7th", at=midnight - timedelta(seconds=1), **too_much))


def test_the_table_itself_refuses_more_refunds_than_the_payment(desk: Desk) -> None:
    desk.transfer_in("alice", 100, "09-16 10:00")
    desk.pay("alice", 60, "09-16 11:00")
    with pytest.raises(sa.exc.IntegrityError), desk.engine.begin() as connection:
        connection.execute(sa.update(customer_order).values(refunded=61))
