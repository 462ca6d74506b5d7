"""Corrections from outside: confirmations that are taken back, figures that are published again."""

from __future__ import annotations

import pytest

from ledger.schema import journal_entry
from tests import linked
from tests.desk import Desk, at, day, free_terms
from wallet import facade
from wallet.approvals import Proposal
from wallet.schema import announcement, customer_order, distribution

CONFIRMED = {"alice": 100_00, "bob": 2020_00}


def confirmed(desk: Desk) -> Desk:
    """Link a book and confirm what alice and bob applied for on 09-16; the next files are sent, and there."""
    linked.link(desk, tolerance=10**10)
    for wallet, amount in CONFIRMED.items():
        desk.transfer_in(wallet, amount, "09-16 10:00", "in")
    desk.run("09-16", at("09-16 15:00"))
    for trade_date, answered in (("09-16", "09-17"), ("09-17", "09-18"), ("09-18", "09-23")):
        linked.file(desk, "03", trade_date)
        linked.file(desk, "04", answered)
    for wallet, amount in CONFIRMED.items():
        linked.say(desk, "09-17", wallet, "in", amount)
    desk.run("09-17", at("09-17 12:00"))
    for each in ("09-17", "09-18", "09-19"):
        linked.file(desk, "05", each)
    return desk


def taken_back(desk: Desk, on: str = "09-18") -> None:
    """Say that alice's confirmation is taken back."""
    linked.say(desk, on, "alice", "in", 100_00, code="145", original="1")


def proposals(desk: Desk) -> list[Proposal]:
    with facade.reading(desk.engine) as connection:
        return facade.proposals(connection, desk.book, decided=True)


# Confirmations


def test_a_confirmation_taken_back_is_money_back_and_shares_or_a_shortfall(desk: Desk) -> None:
    confirmed(desk)
    desk.pay("alice", 30_00, "09-17 16:00")
    taken_back(desk)
    linked.say(desk, "09-18", None, "09-17", 0)
    desk.run("09-18", at("09-18 12:00"))
    assert desk.postings("confirmation_reversed", "09-18") == [
        ("subscription_payable", "in_transit", "alice", 100_00),
        ("in_transit", "customer_payable", "alice", 100_00),
        ("shares", "register", "alice", 70_00),
        ("shortfall", "register", "alice", 30_00),
    ]
    assert desk.postings("pay_out", "09-18") == [("customer_payable", "cash", "alice", 100_00)]
    assert ("cash", "subscription_payable", "house", 100_00) in desk.postings("settlement", "09-18")
    assert desk.holding("alice") == {
        "shares": 0,
        "redeeming": 0,
        "in_transit": 0,
        "customer_payable": 0,
        "shortfall": 30_00,
    }
    order = desk.rows(customer_order, customer_order.c.kind == "transfer_in")[0]
    assert (order.status, order.confirmed) == ("confirmed", 100_00)
    with facade.reading(desk.engine) as connection:
        kinds = [line.kind for line in facade.statement(connection, desk.book, "alice").lines]
    assert kinds.count("confirmation_reversed") > 0 < kinds.count("confirmation")


def test_it_is_booked_once_whoever_runs_how_often(desk: Desk) -> None:
    confirmed(desk)
    taken_back(desk)
    linked.run_losing_every_commit(desk, "09-18", at("09-18 12:00"), chunk_size=1)
    assert len(desk.rows(journal_entry, journal_entry.c.kind == "confirmation_reversed")) == 1
    before = desk.dump()
    desk.run("09-18", at("09-18 12:00"))
    assert desk.dump() == before


def test_where_the_terms_want_it_another_operator_approves_and_the_next_settlement_pays(database_url: str) -> None:
    terms = [free_terms(four_eyes=("taken_back_confirmations",))]
    desk = confirmed(Desk.open(database_url, terms=terms, wallets=("alice", "bob")))
    taken_back(desk)
    desk.run("09-18", at("09-18 12:00"))
    [waiting] = proposals(desk)
    assert (waiting.operation, waiting.proposed_by, waiting.entry) == ("taken_back_confirmations", "day", None)
    assert waiting.arguments == {
        "wallet": "alice",
        "amount": 100_00,
        "confirmation_date": "2013-09-18",
        "ta_serial": "3",
        "original": "1",
    }
    assert desk.postings("confirmation_reversed") == []
    decided = desk.ask(facade.approve, waiting.number, "zhang", at("09-18 14:00"))
    [entry] = desk.rows(journal_entry, journal_entry.c.kind == "confirmation_reversed")
    assert (entry.entry_id, entry.value_date) == (decided.entry, day("09-23")), "09-18 is settled already"
    before = desk.dump()
    assert desk.ask(facade.approve, waiting.number, "zhang", at("09-18 15:00")) == decided
    assert desk.dump() == before
    linked.file(desk, "03", "09-17")
    desk.publish("09-16", "09-30", 0)
    for each in ("09-16", "09-17", "09-18", "09-19", "09-20", "09-21", "09-22"):
        linked.income(desk, each)
        linked.file(desk, "05", each)
    status = desk.run("09-23", at("09-23 12:00"))
    assert (status.blocked_by, status.failed_by) == (None, None)
    assert desk.postings("pay_out", "09-23") == [("customer_payable", "cash", "alice", 100_00)]


def test_what_was_rejected_is_not_proposed_again(database_url: str) -> None:
    terms = [free_terms(four_eyes=("taken_back_confirmations",))]
    desk = confirmed(Desk.open(database_url, terms=terms, wallets=("alice", "bob")))
    taken_back(desk)
    desk.run("09-18", at("09-18 12:00"))
    desk.ask(facade.reject, proposals(desk)[0].number, "zhang", at("09-18 14:00"), "not ours")
    desk.run("09-23", at("09-23 12:00"))
    assert [each.verdict for each in proposals(desk)] == ["rejected"]
    assert desk.postings("confirmation_reversed") == []


# Figures


def republished(desk: Desk, income_per_10k: int = 1_5000) -> None:
    """Distribute 09-17 by 1.0000, then let the fund say that it was something else."""
    desk.announce("09-17", 1_0000)
    linked.income(desk, "09-17", alice=1, bob=20)
    desk.run("09-17", at("09-18 00:00"))
    linked.figure(desk, "09-17", income_per_10k)
    desk.announce("09-18", 1_0000)
    linked.income(desk, "09-18", alice=1, bob=20)
    desk.run("09-18", at("09-19 00:00"))


@pytest.mark.parametrize(
    ("income_per_10k", "expected"),
    [
        (1_5000, [("register", "shares", "bob", 10)]),
        (0, [("shares", "register", "alice", 1), ("shares", "register", "bob", 20)]),
        (-1_0000, [("shares", "register", "alice", 2), ("shares", "register", "bob", 40)]),
    ],
)
def test_a_figure_published_again_corrects_everybody_s_income(
    desk: Desk, income_per_10k: int, expected: list[tuple[str, str, str, int]]
) -> None:
    confirmed(desk)
    republished(desk, income_per_10k)
    assert desk.postings("income_corrected") == desk.postings("income_corrected", "09-18") == expected
    [entry] = desk.rows(journal_entry, journal_entry.c.kind == "income_corrected")
    assert (entry.request_id, entry.first_holder) == ("income corrected 000198 2013-09-17 v2", 0)
    assert desk.rows(announcement, announcement.c.day == day("09-17"))[-1].income_per_10k == income_per_10k
    assert desk.rows(distribution)[0].version == 1
    before = desk.dump()
    desk.run("09-18", at("09-19 00:00"))
    assert desk.dump() == before


def test_where_the_terms_want_it_another_operator_approves_the_figure(database_url: str) -> None:
    terms = [free_terms(four_eyes=("replaced_figures",))]
    desk = confirmed(Desk.open(database_url, terms=terms, wallets=("alice", "bob")))
    republished(desk)
    [waiting] = proposals(desk)
    assert waiting.arguments["distributed"] is True
    assert desk.postings("income_corrected") == []
    decided = desk.ask(facade.approve, waiting.number, "zhang", at("09-19 10:00"))
    [entry] = desk.rows(journal_entry, journal_entry.c.kind == "income_corrected")
    assert (decided.entry, entry.value_date) == (entry.entry_id, day("09-19"))
