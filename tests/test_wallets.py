"""Wallets: opened under the host's reference, numbered without a gap, all or none."""

from __future__ import annotations

import pytest

from ledger.schema import balance
from tests.desk import Desk, at
from wallet import facade
from wallet.facade import Opening
from wallet.schema import wallet
from wallet.wallets import find


def opening(reference: str, when: str = "09-16 10:00") -> Opening:
    return Opening(wallet=reference, at=at(when))


def test_wallets_are_numbered_in_order_of_opening(desk: Desk) -> None:
    assert desk.ask(facade.open_wallets, [opening("客户-9"), opening("A"), opening("a")]) == [4, 5, 6]
    assert desk.ask(facade.open_wallet, opening("b")) == 7
    assert desk.ask(facade.open_wallets, []) == []
    assert [desk.ask(find, name) for name in ("客户-9", "A", "a", "b")] == [4, 5, 6, 7]


def test_a_wallet_begins_with_every_balance_at_zero(desk: Desk) -> None:
    codes = {account.id: account.code for account in desk.book.chart}
    rows = desk.rows(balance, balance.c.holder_id == 1)
    assert {codes[row.account_id]: row.amount for row in rows} == dict.fromkeys(desk.holding("alice"), 0)


def test_refusals_of_openings_come_in_their_order_and_none_is_opened(desk: Desk) -> None:
    for when, code in [
        ("2012-12-31 10:00", "outside_calendar"),
        ("2027-01-01 10:00", "outside_calendar"),
        ("09-15 23:59:59", "before_opening"),
        ("09-16 00:00", "wallet_exists"),
    ]:
        with desk.refuses(code):
            desk.ask(facade.open_wallets, [opening("new"), opening("alice", when), opening("new")])
    with desk.refuses("wallet_exists"):
        desk.ask(facade.open_wallets, [opening("new"), opening("newer"), opening("new")])


def test_an_opening_keeps_its_instant_and_orders_are_not_held_against_it(desk: Desk) -> None:
    desk.ask(facade.open_wallet, opening("dora", "09-18 10:00"))
    assert [row.opened_at for row in desk.rows(wallet)][-1] == at("09-18 10:00")
    desk.transfer_in("dora", 1_00, "09-16 10:00")


def test_a_wallet_may_be_opened_when_days_are_closed(desk: Desk) -> None:
    desk.run("09-18")
    desk.ask(facade.open_wallet, opening("dora", "09-17 10:00"))
    desk.transfer_in("dora", 1_00, "09-19 10:00")
    assert not desk.verify()


@pytest.mark.slow
def test_many_wallets_at_once(desk: Desk) -> None:
    many = [opening(f"customer {n}") for n in range(25_000)]
    assert desk.ask(facade.open_wallets, many) == list(range(4, 25_004))
    with desk.refuses("wallet_exists"):
        desk.ask(facade.open_wallets, [*(opening(f"other {n}") for n in range(12_000)), many[-1]])
