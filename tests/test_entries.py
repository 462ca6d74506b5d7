"""Manual entries and reversals: only where nothing else explains the accounts, never below zero, once, and proved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from ledger.model import LARGEST
from ledger.schema import journal_entry
from tests.busy_book import failing
from tests.desk import Desk, at, day
from tests.rendezvous import Client, refusal
from wallet import entries, facade
from wallet.approvals import Applied
from wallet.rules import manual
from wallet.rules.chart import chart

NOON = "09-18 12:00"


@pytest.fixture
def desk(copy_of: Callable[[str], Desk]) -> Desk:
    """Give a book with 100.00 shares of alice since 09-17, run through 09-17, whose figures are announced."""
    desk = copy_of("quiet")
    desk.publish("09-16", "09-25")
    desk.transfer_in("alice", 100_00, "09-16 10:00", "in")
    desk.run("09-17")
    assert desk.holding("alice")["shares"] == 100_01
    return desk


def post(desk: Desk, debit: str, credit: str, amount: int, when: str = NOON, **said: Any) -> int:
    """Post by hand and return the entry's number."""
    said = {"memo": "更正", "request_id": "m1"} | said
    change = facade.ManualEntry(debit=debit, credit=credit, amount=amount, **said)
    return _entry(desk.ask(facade.ask, change, "li", at(when))[0])


def reverse(desk: Desk, entry: int, when: str = NOON, why: str = "记错了", request_id: str = "r1") -> int:
    """Reverse an entry and return the reversal's number."""
    change = facade.Reversal(reverses=entry, why=why, request_id=request_id)
    return _entry(desk.ask(facade.ask, change, "li", at(when))[0])


def _entry(applied: Applied) -> int:
    assert applied.entry is not None
    return applied.entry


def add_shares(desk: Desk, amount: int, when: str = NOON, **said: Any) -> int:
    return post(desk, "register", "shares", amount, when, wallet="alice", **said)


def take_shares(desk: Desk, amount: int, when: str = NOON, **said: Any) -> int:
    return post(desk, "shares", "register", amount, when, wallet="alice", **said)


def proves(desk: Desk, through: str = "09-23") -> bool:
    """Verify, run the days, with every one of them proved, and verify again."""
    before = desk.verify()
    states = [steps["prove"] for _, steps in desk.run(through).days]
    return not before and not desk.verify() and set(states) == {"done"}


@pytest.mark.parametrize(("debit", "credit"), manual.BY_HAND)
def test_what_may_be_booked_by_hand_verifies_and_proves_and_so_does_its_reversal(
    desk: Desk, debit: str, credit: str
) -> None:
    wallet = "alice" if "shares" in (debit, credit) else None
    posted = post(desk, debit, credit, 1_23, wallet=wallet)
    assert desk.postings("m1" if wallet else "manual m1") == [(debit, credit, wallet or "house", 1_23)]
    assert proves(desk, "09-18")
    reverse(desk, posted, "09-19 12:00")
    assert desk.postings("r1" if wallet else "manual r1") == [(credit, debit, wallet or "house", 1_23)]
    assert proves(desk)


PAIRS = [(a.code, b.code) for a in chart("000198") for b in chart("000198")]
PAIRS += [("cash", "nothing"), ("现金", "cash")]


@pytest.mark.parametrize("engine_kind", ["sqlite"], indirect=True)
def test_nothing_else_is_booked_by_hand(engine_kind: str, desk: Desk) -> None:
    assert engine_kind == "sqlite", "where the database does not matter"
    for debit, credit in set(PAIRS) - set(manual.BY_HAND):
        for wallet in (None, "alice"):
            with pytest.raises(entries.NotByHand, match=f"{debit} to {credit} is not booked by hand"):
                post(desk, debit, credit, 1, wallet=wallet)
    assert desk.rows(journal_entry, journal_entry.c.kind == entries.ENTRY) == []


def test_refusals_come_in_their_order(desk: Desk) -> None:
    with desk.refuses("not_by_hand"):
        post(desk, "cash", "in_transit", 1, wallet="nobody")
    for debit, credit, wallet in (("cash", "merchant_payable", "nobody"), ("register", "shares", None)):
        with desk.refuses("invalid_request"):
            post(desk, debit, credit, 1, wallet=wallet)
    with desk.refuses("unknown_wallet"):
        post(desk, "register", "shares", 1, "2050-01-01 10:00", wallet="nobody")
    with desk.refuses("outside_calendar"):
        add_shares(desk, 1, "2050-01-01 10:00")
    with desk.refuses("before_opening"):
        add_shares(desk, 1, "09-15 10:00")
    with desk.refuses("invalid_request"):
        add_shares(desk, 1, NOON, day=day("09-19"))
    with desk.refuses("request_conflict"):
        add_shares(desk, 1, request_id="in")
    with desk.refuses("before_opening"):
        add_shares(desk, 1, day=day("09-15"))
    with desk.refuses("day_closed"):
        take_shares(desk, LARGEST, day=day("09-17"))
    with desk.refuses("insufficient_funds"):
        take_shares(desk, 100_02)
    assert take_shares(desk, 100_01)
    assert desk.holding("alice")["shares"] == 0


def test_the_same_request_twice_is_one_entry(desk: Desk) -> None:
    posted = add_shares(desk, 5)
    before = desk.dump()
    assert add_shares(desk, 5, "09-19 12:00") == add_shares(desk, 5, day=day("09-18")) == posted
    assert desk.dump() == before
    for changed in ({"amount": 6}, {"amount": 5, "memo": "another"}, {"amount": 5, "day": day("09-19")}):
        with desk.refuses("request_conflict"):
            add_shares(desk, when="09-19 12:00", **changed)
    taken = reverse(desk, posted)
    assert reverse(desk, posted, "09-19 12:00") == taken
    with desk.refuses("request_conflict"):
        reverse(desk, posted, why="another")


def test_only_a_manual_entry_is_reversed_and_only_once(desk: Desk) -> None:
    posted = add_shares(desk, 5)
    taken = reverse(desk, posted)
    with desk.refuses("already_reversed"):
        reverse(desk, posted, request_id="r2")
    for other in (taken, 1, 2, 3, 99, 2**62):
        with desk.refuses("not_reversible"):
            reverse(desk, other, request_id="r2")
    assert proves(desk)


def test_a_reversal_takes_no_more_than_there_is(desk: Desk) -> None:
    posted = add_shares(desk, 50_00)
    desk.pay("alice", 120_00, "09-18 13:00")
    with desk.refuses("insufficient_funds"):
        reverse(desk, posted, "09-18 14:00")
    assert proves(desk)


def test_what_comes_later_is_not_taken_earlier(desk: Desk) -> None:
    """As of every day she has at least nothing: what is added on 09-19 does not help on 09-18."""
    add_shares(desk, 50_00, "09-19 10:00")
    with desk.refuses("insufficient_funds"):
        take_shares(desk, 100_02, "09-19 12:00", day=day("09-18"), request_id="m2")
    take_shares(desk, 100_01, "09-19 12:00", day=day("09-18"), request_id="m2")
    assert desk.holding("alice", "09-18")["shares"] == 0
    assert proves(desk)


@pytest.mark.parametrize("amount", [1, LARGEST - 100_01])
def test_one_fen_and_the_largest(desk: Desk, amount: int) -> None:
    post(desk, "cash", "merchant_payable", amount)
    add_shares(desk, amount, request_id="m2")
    assert proves(desk, "09-18")


def test_a_request_of_the_house_cannot_take_the_key_of_a_step(desk: Desk) -> None:
    post(desk, "merchant_payable", "cash", 5, request_id="settle 000198 2013-09-18")
    post(desk, "merchant_payable", "cash", 5, request_id="settle 000198 2013-09-19")
    desk.pay("alice", 5_00, "09-18 13:00")
    assert proves(desk)


def test_statement_and_report_tell_of_it(desk: Desk) -> None:
    reverse(desk, add_shares(desk, 5_00), "09-19 12:00")
    desk.run("09-19")
    with facade.reading(desk.engine) as connection:
        lines = facade.statement(connection, desk.book, "alice", day("09-18")).lines
        told = [(line.kind, line.request_id, line.amount) for line in lines if line.kind != "income"]
        view = facade.show_wallet(connection, desk.book, "alice")
        report = facade.report_day(connection, desk.book, day("09-18"))
    assert told == [("manual_entry", "m1", 5_00), ("reversal", "r1", -5_00)]
    assert view.cumulative_income == view.holding.shares - 100_00
    assert report.pool_shares == 105_01


def test_two_reversals_at_once_are_one(desk: Desk, first: Client, second: Client) -> None:
    posted = add_shares(desk, 5)
    with first.holds(reverse, first.desk, posted):
        other = second.starts(reverse, second.desk, posted, request_id="r2")
        second.waits_for(first, "FROM holder")
    assert refusal(other) == "already_reversed"
    assert proves(desk)


def test_the_same_entry_twice_at_once_is_one(desk: Desk, first: Client, second: Client) -> None:
    with first.holds(post, first.desk, "cash", "merchant_payable", 5) as booked:
        other = second.starts(post, second.desk, "cash", "merchant_payable", 5)
        second.waits_for(first, "FROM holder")
    assert other.result() == booked.result()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE posting SET amount = amount + 1 WHERE entry_id = {entry}",
        "UPDATE posting SET debit = 4, credit = 1 WHERE entry_id = {entry}",
        "UPDATE journal_entry SET memo = 'another' WHERE entry_id = {entry}",
        "DELETE FROM posting WHERE entry_id = {entry}",
        "UPDATE journal_entry SET kind = 'manual_entry' WHERE kind = 'reversal'",
        "UPDATE journal_entry SET reverses = 1 WHERE kind = 'reversal'",
        "DELETE FROM journal_entry WHERE entry_id = {entry}",
    ],
)
def test_a_changed_entry_is_found(desk: Desk, change: str) -> None:
    posted = post(desk, "cash", "merchant_payable", 5)
    reverse(desk, posted)
    found = failing(desk, sa.text(change.format(entry=posted)))
    assert "manual entries equal their digests and approvals" in found
