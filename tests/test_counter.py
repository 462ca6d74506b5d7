"""The counter: the same request twice, what is checked before all else, and the dates of an order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.desk import Desk, at, day, free_terms
from wallet import facade
from wallet.facade import Payment, Receipt, Refund, TransferIn, TransferOut
from wallet.wallets import find

Operation = Callable[..., Receipt]

FIVE: list[tuple[Operation, type[Any], dict[str, Any]]] = [
    (facade.transfer_in, TransferIn, {"amount": 500, "request_id": "in"}),
    (facade.pay, Payment, {"amount": 60, "request_id": "paid", "merchant": "shop"}),
    (facade.refund, Refund, {"amount": 20, "request_id": "back", "payment": "paid"}),
    (facade.transfer_out, TransferOut, {"amount": 30, "request_id": "instant", "kind": "instant"}),
    (facade.transfer_out, TransferOut, {"amount": 40, "request_id": "standard", "kind": "standard"}),
]


@pytest.fixture
def five_done(database_url: str) -> tuple[Desk, list[Receipt]]:
    """Do one operation of each kind on 09-17, for a wallet with 100.00 in shares; from 09-18 on nothing is allowed."""
    nothing = free_terms("09-18", minimum=10**13, holding_cap=1, transfer_in_daily=1, quota_daily=1, instant_daily=1)
    desk = Desk.open(database_url, terms=[free_terms(), nothing], wallets=["alice", "bob"])
    desk.transfer_in("alice", 100_00, "09-16 10:00")
    desk.run("09-17", at("09-17 00:00"))
    return desk, [desk.ask(do, model(wallet="alice", at=at("09-17 10:00"), **content)) for do, model, content in FIVE]


# The same request twice


def test_the_same_request_gets_the_same_receipt_whatever_has_happened_since(
    five_done: tuple[Desk, list[Receipt]],
) -> None:
    desk, receipts = five_done
    desk.publish("09-16", "09-18")
    desk.run("09-18")
    before = desk.dump()
    for (do, model, content), first in zip(FIVE, receipts, strict=True):
        for when in ("09-17 10:00", "09-18 10:00", "2026-12-31 20:00", "2012-01-01 10:00"):
            again = desk.ask(do, model(wallet="alice", at=at(when), **content))
            assert again == first
            assert str(again.at) == str(first.at) == "2013-09-17 10:00:00+08:00"
    assert desk.dump() == before


def test_other_content_under_the_same_id_is_a_conflict(five_done: tuple[Desk, list[Receipt]]) -> None:
    desk, _ = five_done
    others: list[tuple[str, Operation, type[Any], dict[str, Any]]] = [
        ("in", facade.transfer_in, TransferIn, {"amount": 501}),
        ("in", facade.pay, Payment, {"amount": 500, "merchant": "shop"}),
        ("paid", facade.pay, Payment, {"amount": 61, "merchant": "shop"}),
        ("paid", facade.pay, Payment, {"amount": 60, "merchant": "another shop"}),
        ("paid", facade.transfer_in, TransferIn, {"amount": 60}),
        ("back", facade.refund, Refund, {"amount": 20, "payment": "another"}),
        ("back", facade.refund, Refund, {"amount": 21, "payment": "paid"}),
        ("instant", facade.transfer_out, TransferOut, {"amount": 30, "kind": "standard"}),
        ("standard", facade.transfer_out, TransferOut, {"amount": 40, "kind": "instant"}),
    ]
    for request_id, do, model, content in others:
        with desk.refuses("request_conflict"):
            desk.ask(do, model(wallet="alice", request_id=request_id, at=at("09-17 10:00"), **content))


def test_instant_and_order_of_use_are_no_content_and_ids_belong_to_a_wallet(desk: Desk) -> None:
    desk.transfer_in("alice", 500, "09-16 10:00", "same")
    desk.transfer_in("bob", 500, "09-16 10:00", "same")
    first = desk.pay("alice", 10, "09-16 10:00", "paid")
    assert desk.pay("alice", 10, "09-16 11:00", "paid", order_of_use="confirmed_first") == first
    assert desk.holding("alice")["in_transit"] == 490


def test_a_refusal_is_not_remembered(desk: Desk) -> None:
    with desk.refuses("insufficient_funds"):
        desk.pay("alice", 100, "09-16 10:00", "paid")
    desk.transfer_in("alice", 500, "09-16 10:00")
    desk.pay("alice", 200, "09-16 10:00", "paid")
    assert desk.holding("alice")["in_transit"] == 300


def test_a_repeat_within_one_transaction_is_one_order(desk: Desk) -> None:
    request = TransferIn(wallet="alice", amount=500, request_id="in", at=at("09-16 10:00"))
    with desk.engine.begin() as connection:
        first = facade.transfer_in(connection, desk.book, request)
        assert facade.transfer_in(connection, desk.book, request) == first
    assert desk.postings("in") == [("cash", "in_transit", "alice", 500)]


# Before all else


def test_without_a_transaction_nothing_is_even_looked_at(desk: Desk) -> None:
    requests = [(do, model(wallet="nobody", at=at("09-16 10:00"), **content)) for do, model, content in FIVE]
    figures = (facade.announce, [facade.Figure(day("2012-01-01"), 10**9)])
    opening = (facade.open_wallet, facade.Opening(wallet="alice", at=at("2012-01-01 10:00")))
    outcome = (facade.record_outcome, "nobody", "none", -1)
    for operation, *arguments in (*requests, figures, opening, outcome):
        with desk.engine.connect() as connection, pytest.raises(facade.FundwalletError) as refused:
            operation(connection, desk.book, *arguments)  # type: ignore[operator]
        assert refused.value.code == "no_transaction"


def test_a_wallet_is_found_by_its_reference_alone(desk: Desk) -> None:
    for reference in ("ALICE", "alice ", "al%", "", "1"):
        with desk.engine.begin() as connection, pytest.raises(facade.FundwalletError) as refused:
            find(connection, desk.book, reference)
        assert refused.value.code == "unknown_wallet"


# Dates


def test_an_order_belongs_to_a_trade_date_by_its_instant(desk: Desk) -> None:
    for when, trade_date, confirmation_date in [
        ("09-16 00:00:00", "09-16", "09-17"),
        ("09-16 14:59:59", "09-16", "09-17"),
        ("09-16 15:00:00", "09-17", "09-18"),
        ("09-18 14:59:59", "09-18", "09-23"),
        ("09-18 15:00:00", "09-23", "09-24"),
        ("09-22 23:59:59", "09-23", "09-24"),
        ("2014-05-02 15:00", "2014-05-05", "2014-05-06"),  # Sunday 05-04 was a working day and no trading day
    ]:
        receipt = desk.transfer_in("alice", 500, when)
        assert (receipt.trade_date, receipt.confirmation_date) == (day(trade_date), day(confirmation_date))


def test_on_the_last_day_of_the_calendar_only_what_needs_no_later_day_is_accepted(database_url: str) -> None:
    desk = Desk.open(database_url, day("2026-12-29"), wallets=["alice"])
    desk.transfer_in("alice", 100_00, "2026-12-29 10:00")
    desk.transfer_in("alice", 100_00, "2026-12-30 14:59:59")
    desk.publish("2026-12-29", "2026-12-31")
    desk.run("2026-12-30")
    with desk.refuses("outside_calendar"):  # it would be confirmed in 2027
        desk.transfer_in("alice", 100_00, "2026-12-31 10:00")
    with desk.refuses("outside_calendar"):
        desk.transfer_out("alice", 1_00, "standard", "2026-12-31 10:00")
    desk.pay("alice", 40_00, "2026-12-31 14:59:59")
    with desk.refuses("outside_calendar"):  # the advancer could not redeem it
        desk.pay("alice", 1, "2026-12-31 15:00")
    status = desk.run("2026-12-31")
    assert (status.next_step, status.blocked_by) == (None, None)
    assert not desk.verify()
