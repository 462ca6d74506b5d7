"""Reconciliation: each planted difference is exactly one break, and nothing else is."""

from __future__ import annotations

import random

import pytest
import sqlalchemy as sa

from ledger import journal
from ledger.model import Entry, Request
from tests.desk import Desk, at, day, free_terms
from tests.outside_records import (
    as_number,
    connect,
    entry_of,
    holder,
    reconciled,
    tell_answer,
    tell_cash,
    tell_figure,
    tell_shares,
    told,
)
from tests.rendezvous import PATIENCE, Client
from wallet import facade, steps
from wallet.facade import reading
from wallet.outside import reconciliation
from wallet.outside.reconciliation import Outcome
from wallet.outside.schema import break_event
from wallet.rules import manual
from wallet.schema import customer_order, limit_slot

FUND = "000198"


@pytest.fixture
def alone(desk: Desk) -> Desk:
    """Close 09-18 with 300.35, 200.20 and 0 of shares, of which bob's 50.00 are redeeming, and 40.00 of the advancer's.

    Carol's 7.00 are in transit, and 09-19 has begun: income, a payment, and a transfer-in are dated then.
    """
    desk.transfer_in("alice", 340_01, "09-16 10:00", "a")
    desk.transfer_in("bob", 200_00, "09-16 10:00", "b")
    desk.publish("09-16", "09-20", 10_0000)
    desk.run("09-17", at("09-18 00:00"))
    desk.pay("alice", 40_00, "09-18 10:00", "paid")
    desk.transfer_out("bob", 50_00, "standard", "09-18 10:00", "out")
    desk.transfer_in("carol", 7_00, "09-18 10:00", "c")
    desk.run("09-18", at("09-19 00:00"))
    desk.pay("bob", 10_00, "09-19 10:00")
    desk.transfer_in("alice", 5_00, "09-19 10:00", "late")
    return desk


@pytest.fixture
def held(alone: Desk) -> Desk:
    """Give that book as one whose trade dates were all sent in files."""
    connect(alone, "09-16")
    return alone


HELD = {"alice": 300_35, "bob": 200_20, "advancer": 40_00}
"""In hundredths, at the end of 09-18: 0.1 % came as the income of 09-17, cut."""


def differences(desk: Desk, text: str = "09-18") -> dict[str, dict[str, tuple[int, int]]]:
    """Compare a day, and return ours and theirs by kind and subject, of kinds where anything differs."""
    with reading(desk.engine) as connection:
        found = reconciliation.compare(connection, desk.book, day(text))
    return {kind: {subject: figures[1:] for subject, figures in each.items()} for kind, each in found.items() if each}


def write_down(desk: Desk, text: str) -> list[tuple[str, str, int, int, str]]:
    """Reconcile a day, and return what is not resolved then."""
    with reading(desk.engine) as connection:
        found = reconciliation.compare(connection, desk.book, day(text))
    desk.ask(reconciliation.write_down, day(text), at(f"{text} 23:59"), found)
    with reading(desk.engine) as connection:
        standing = facade.find_breaks(connection, desk.book)
    return [(b.kind, b.subject, b.ours, b.theirs, b.unit) for b in standing]


def run(desk: Desk, text: str | None = None) -> Outcome:
    return facade.reconcile(desk.engine, desk.book, day(text) if text else None, at("09-19 12:00"))


# Shares


def test_without_records_there_is_nothing_to_compare_with(held: Desk) -> None:
    with reading(held.engine) as connection:
        found = reconciliation.compare(connection, held.book, day("09-18"))
    assert found == {
        "shares": None,
        "in_transit": {},
        "redeeming": {},
        "advance": {},
        "clearing": None,
        "income_total": {},
    }
    assert write_down(held, "09-18") == []


def test_registers_that_agree_make_no_break(held: Desk) -> None:
    tell_shares(held, "09-18", HELD)
    tell_shares(held, "09-18", {"alice": 300_35, "carol": 0}, "35")
    assert differences(held) == {}
    assert write_down(held, "09-18") == []


@pytest.mark.parametrize(
    ("told_otherwise", "subject", "ours", "theirs"),
    [
        ({"alice": 300_34}, "wallet alice", 300_35, 300_34),
        ({"bob": 200_21}, "wallet bob", 200_20, 200_21),
        ({"carol": 1}, "wallet carol", 0, 1),
        ({"advancer": 0}, "advancer", 40_00, 0),
        ({"4711": 10**13}, "account 000000004711", 0, 10**13),
        ({"bob": -1}, "wallet bob", 200_20, -1),
    ],
)
def test_a_register_that_differs_in_one_account(
    held: Desk, told_otherwise: dict[str, int], subject: str, ours: int, theirs: int
) -> None:
    tell_shares(held, "09-18", HELD | told_otherwise)
    assert differences(held) == {"shares": {subject: (ours, theirs)}}
    assert write_down(held, "09-18") == [("shares", subject, ours, theirs, FUND)]
    assert write_down(held, "09-18") == [("shares", subject, ours, theirs, FUND)]


@pytest.mark.parametrize("missing", ["alice", "advancer"])
def test_an_account_that_the_register_leaves_out(held: Desk, missing: str) -> None:
    tell_shares(held, "09-18", {wallet: n for wallet, n in HELD.items() if wallet != missing})
    name = missing if missing == "advancer" else f"wallet {missing}"
    assert differences(held) == {"shares": {name: (HELD[missing], 0)}}


def test_a_register_without_records_and_one_of_another_day(held: Desk) -> None:
    tell_shares(held, "09-17", HELD)
    assert differences(held) == {}, "nothing came for 09-18"
    tell_shares(held, "09-18", {})
    subjects = {"wallet alice", "wallet bob", "advancer"}
    assert differences(held)["shares"].keys() == subjects


def test_quick_shares_differ_where_05_agrees(held: Desk) -> None:
    tell_shares(held, "09-18", HELD | {"bob": 1})
    tell_shares(held, "09-18", {"alice": 0, "bob": 2, "advancer": 40_00, "99": 3}, "35")
    assert differences(held)["shares"] == {
        "wallet alice": (300_35, 0),
        "wallet bob": (200_20, 1),
        "account 000000000099": (0, 3),
    }


def test_a_shortfall_counts_against_the_shares(desk: Desk) -> None:
    """Alice spends all on 09-18; the loss of 09-17 is dated then, and she no longer has it."""
    desk.transfer_in("alice", 100_00, "09-16 10:00")
    desk.announce("09-16", 0)
    desk.announce("09-17", -10_0000)
    desk.run("09-16")
    desk.run("09-17", at("09-17 23:59"))
    desk.pay("alice", 100_00, "09-18 10:00")
    desk.announce("09-18", 0)
    desk.run("09-18", at("09-19 00:00"))
    assert desk.holding("alice")["shortfall"] == 10
    tell_shares(desk, "09-18", {"alice": -10, "advancer": 100_00})
    assert differences(desk) == {}
    tell_shares(desk, "09-17", {"alice": 100_00})
    assert differences(desk, "09-17") == {}


def test_the_total_is_compared_by_what_the_holders_do_not_explain(held: Desk) -> None:
    """A register account that is not its holders' sum is a break of its own: here a holder's balance was changed."""
    tell_shares(held, "09-18", HELD)
    with held.engine.begin() as connection:
        connection.execute(sa.text("UPDATE balance SET amount = amount + 3 WHERE holder_id = 1 AND account_id = 22"))
    assert differences(held)["shares"] == {"wallet alice": (300_38, 300_35), "total": (540_55, 540_58)}


def test_a_shortfall_of_the_advancer_counts_against_its_shares(held: Desk) -> None:
    tell_shares(held, "09-18", HELD)
    with held.engine.begin() as connection:
        connection.execute(sa.text("UPDATE balance SET amount = 3 WHERE holder_id = 0 AND account_id = 24"))
    assert differences(held)["shares"] == {"advancer": (39_97, 40_00), "total": (540_55, 540_52)}


def test_random_plants_in_chunks(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "CHUNK", 3)
    chance, names = random.Random(6), ["alice", "bob", "carol", *(f"w{n}" for n in range(14))]
    for name in names[3:]:
        desk.open_wallet(name)
    for name in names:
        desk.transfer_in(name, chance.randint(1_00, 10**7), "09-16 10:00")
    desk.publish("09-16", "09-18", 1_1234)
    desk.run("09-17", at("09-18 00:00"))
    for name in chance.sample(names, 6):
        desk.pay(name, chance.randint(1, 1_00), "09-18 10:00")
    desk.run("09-18", at("09-19 00:00"))
    right = {name: desk.holding(name, "09-18")["shares"] for name in names}
    right["advancer"] = desk.house("09-18")["advancer_shares"]
    wrong = {name: right[name] + chance.choice([-1, 1, 10**6]) for name in chance.sample(names, 5)}
    wrong |= {str(number): 1 for number in (100, 10**12 - 1)}
    tell_shares(desk, "09-18", right | wrong)
    subjects = {
        f"account {int(n):012d}" if n.isdigit() else f"wallet {n}": (right.get(n, 0), w) for n, w in wrong.items()
    }
    assert differences(desk) == {"shares": subjects}


# In transit, redeeming


def reopen(desk: Desk, request_id: str) -> int:
    """Make an application one that was never answered, and return its entry."""
    entry = entry_of(desk, request_id)
    with desk.engine.begin() as connection:
        changed = {"status": "accepted", "confirmed": None, "confirmed_by": None}
        connection.execute(sa.update(customer_order).where(customer_order.c.entry_id == entry).values(changed))
    return entry


def test_what_is_not_confirmed_in_time_is_in_transit_by_trade_date(alone: Desk) -> None:
    alone.run("09-23", at("09-24 00:00"))
    connect(alone, "09-16")
    for request_id in ("a", "b", "c"):
        reopen(alone, request_id)
    first, second = {"trade date 2013-09-16": (540_01, 0)}, {"trade date 2013-09-18": (7_00, 0)}
    assert differences(alone, "09-16") == {}, "due the day after"
    assert differences(alone, "09-17") == {"in_transit": first}
    assert differences(alone, "09-22") == {"in_transit": first}
    assert differences(alone, "09-23") == {"in_transit": first | second}
    assert write_down(alone, "09-23") == [
        ("in_transit", "trade date 2013-09-16", 540_01, 0, "CNY"),
        ("in_transit", "trade date 2013-09-18", 7_00, 0, "CNY"),
    ]


def test_what_was_answered_later_was_in_transit_till_then(held: Desk) -> None:
    entry = entry_of(held, "a")
    tell_answer(held, "alice", entry, "122", "09-18", 340_01)
    assert differences(held, "09-17") == {"in_transit": {"trade date 2013-09-16": (340_01, 0)}}
    assert differences(held, "09-18") == {}


def test_redemptions_never_answered(alone: Desk) -> None:
    alone.run("09-23", at("09-24 00:00"))
    connect(alone, "09-16")
    entry = entry_of(alone, "out")
    assert differences(alone, "09-23") == {}
    tell_answer(alone, "bob", entry, "124", "09-24", 50_00)
    assert differences(alone, "09-23") == {"redeeming": {"trade date 2013-09-18": (50_00, 0)}}
    reopen(alone, "out")
    assert differences(alone, "09-23") == {"redeeming": {"trade date 2013-09-18": (50_00, 0)}}
    assert write_down(alone, "09-23") == [("redeeming", "trade date 2013-09-18", 50_00, 0, FUND)]
    tell_answer(alone, "bob", entry, "124", "09-23", 20_00, final=0)
    assert differences(alone, "09-23") == {}, "carried over, not forgotten"


def test_an_application_of_the_advancer_never_answered(alone: Desk) -> None:
    alone.run("09-23", at("09-24 00:00"))
    connect(alone, "09-16")
    told(alone, "03", "09-17", control=0)
    told(alone, "03", "09-18", control=40_00)
    assert differences(alone, "09-18") == {}
    tell_answer(alone, "advancer", as_number(day("09-18")), "124", "09-24", 40_00)
    assert differences(alone, "09-23") == {"redeeming": {"advancer, trade date 2013-09-18": (40_00, 0)}}
    assert differences(alone, "09-23") != differences(alone, "09-22") == {}
    tell_answer(alone, "advancer", as_number(day("09-18")), "124", "09-23", 0, final=0)
    assert differences(alone, "09-23") == {}


# Advance, clearing, income


def test_the_use_of_the_facility_is_the_advance_outstanding(held: Desk) -> None:
    with held.engine.begin() as connection:
        connection.execute(sa.update(limit_slot).where(limit_slot.c.slot == 0).values(used=limit_slot.c.used + 1))
    assert differences(held) == {"advance": {"the facility's slots": (50_00, 50_01)}}


def test_an_advance_above_the_facility(database_url: str) -> None:
    low = free_terms("09-18", facility=39_99)
    desk = Desk.open(database_url, terms=[free_terms("09-16"), low], wallets=["alice"])
    desk.transfer_in("alice", 100_00, "09-16 10:00")
    desk.publish("09-16", "09-18", 0)
    desk.run("09-17", at("09-17 23:00"))
    desk.pay("alice", 40_00, "09-17 16:00")
    desk.run("09-18", at("09-19 00:00"))
    assert differences(desk, "09-17") == {}
    assert differences(desk) == {"advance": {"the facility": (40_00, 39_99)}}


def test_clearing_by_business_code(held: Desk) -> None:
    tell_answer(held, "alice", 1, "122", "09-17", 340_01)
    tell_answer(held, "bob", 2, "122", "09-17", 200_00)
    tell_answer(held, "bob", 3, "124", "09-17", 7_00)
    tell_answer(held, "advancer", 4, "124", "09-17", 3_00)
    tell_answer(held, "bob", 5, "198", "09-17", 9_00)
    assert differences(held, "09-17") == {}, "no file came"
    tell_cash(held, "09-17", {"122": -540_01, "124": 10_00})
    assert differences(held, "09-17") == {}
    tell_answer(held, "bob", 6, "145", "09-17", 1_00)
    assert differences(held, "09-17") == {"clearing": {"145 of 2013-09-17": (1_00, 0)}}


@pytest.mark.parametrize(
    ("amounts", "found"),
    [
        ({"122": -7_00, "124": 3_00}, {}),
        ({"122": 7_00, "124": 3_00}, {"122 of 2013-09-18": (-7_00, 7_00)}),
        ({"122": -7_01, "124": 3_00}, {"122 of 2013-09-18": (-7_00, -7_01)}),
        ({"122": -7_00}, {"124 of 2013-09-18": (3_00, 0)}),
        ({"122": -7_00, "124": 3_00, "143": 1}, {"143 of 2013-09-18": (0, 1)}),
        ({}, {"122 of 2013-09-18": (-7_00, 0), "124 of 2013-09-18": (3_00, 0)}),
    ],
)
def test_clearing_that_differs(held: Desk, amounts: dict[str, int], found: dict[str, tuple[int, int]]) -> None:
    tell_answer(held, "alice", 1, "122", "09-18", 7_00)
    tell_answer(held, "bob", 2, "124", "09-18", 3_00)
    tell_cash(held, "09-18", amounts)
    assert differences(held) == ({"clearing": found} if found else {})


def test_the_income_of_a_day_in_total(held: Desk) -> None:
    told(held, "06", "09-18", control=54)
    assert differences(held) == {}
    told(held, "06", "09-18", control=55)
    assert differences(held) == {"income_total": {"06 of 2013-09-18": (54, 55)}}


@pytest.mark.parametrize(
    ("total_shares", "day_income", "differs"),
    [(540_55, 54, False), (540_55, 53, True), (540_56, 53, False), (540_55, -54, True)],
)
def test_the_income_that_the_fund_tells(held: Desk, total_shares: int, day_income: int, differs: bool) -> None:
    tell_figure(held, "09-18", 1, 1)
    tell_figure(held, "09-18", total_shares, day_income)
    found = {"income_total": {"07 of 2013-09-18": (54, day_income)}}
    assert differences(held) == (found if differs else {})


def test_a_total_counts_what_was_booked_besides(held: Desk) -> None:
    """Alice got two fen more by file 06: her own break says so, and 07 may say the one or the other."""

    def book(connection: sa.Connection, fund: facade.Fund) -> None:
        events = (manual.INCOME, 3), (manual.NEGATIVE_INCOME, 1), (manual.SHORTFALL_REPAID, 1)
        asked = Request(holder(held, "alice"), "income difference", b"digest")
        facts = "income_difference", day("09-19"), at("09-20 00:00"), manual.book(fund.chart, *events)
        journal.post(connection, fund.code, Entry(asked, *facts))

    with held.engine.begin() as connection:
        connection.execute(sa.text("UPDATE balance SET amount = 1 WHERE holder_id = 1 AND account_id = 24"))
    held.ask(book)
    told(held, "06", "09-18", control=56)
    for day_income in (54, 56):
        tell_figure(held, "09-18", 540_55, day_income)
        assert differences(held) == {}
    tell_figure(held, "09-18", 540_55, 55)
    assert differences(held) == {"income_total": {"07 of 2013-09-18": (56, 55)}}
    tell_figure(held, "09-18", 540_55, 55, rate=1_2000)
    assert differences(held) == {"income_total": {"07 of 2013-09-18": (56, 55)}}, "not the figure that was distributed"


def test_income_waits_for_its_distribution(desk: Desk) -> None:
    desk.transfer_in("alice", 100_00, "09-16 10:00")
    desk.run("09-17", at("09-18 00:00"))
    told(desk, "06", "09-17", control=1)
    assert differences(desk, "09-17") == {}
    desk.announce("09-17", -10_0000)
    desk.announce("09-16", 0)
    desk.run("09-17", at("09-18 00:00"))
    assert differences(desk, "09-17") == {"income_total": {"06 of 2013-09-17": (-10, 1)}}


# Again and again


def test_a_break_that_lasts_and_ends(held: Desk) -> None:
    tell_shares(held, "09-17", {"alice": 340_01, "bob": 199_00})
    assert write_down(held, "09-17") == [("shares", "wallet bob", 200_00, 199_00, FUND)]
    tell_shares(held, "09-18", HELD | {"bob": 199_20})
    assert write_down(held, "09-18") == [("shares", "wallet bob", 200_20, 199_20, FUND)]
    held.run("09-19", at("09-20 00:00"))
    right = {wallet: held.holding(wallet, "09-19")["shares"] for wallet in ("alice", "bob")}
    right["bob"] += held.holding("bob", "09-19")["redeeming"]
    house = held.house("09-19")
    right["advancer"] = house["advancer_shares"] + house["advancer_income_shares"]
    tell_shares(held, "09-19", right)
    assert write_down(held, "09-19") == []
    with reading(held.engine) as connection:
        days = [(event.day, event.state) for event in facade.break_history(connection, 1)]
    assert days == [(day("09-17"), "open"), (day("09-18"), "open"), (day("09-19"), "resolved")]


def test_the_last_closed_day_is_reconciled_again_and_an_earlier_one_is_shown(held: Desk) -> None:
    with held.refuses("not_reconciled"):
        run(held, "09-18")
    with held.refuses("not_reconciled"):
        run(held, "09-19")
    tell_shares(held, "09-17", {"alice": 340_01, "bob": 199_00})
    reconciled(held, "09-17")
    assert run(held, "09-17").breaks == [], "09-18 is closed"
    reconciled(held, "09-18")
    tell_shares(held, "09-18", HELD | {"bob": 199_20})
    found = run(held)
    assert (found.fund, found.day) == (FUND, day("09-18"))
    assert [(b.number, b.subject, b.since) for b in found.breaks] == [(1, "wallet bob", day("09-18"))]
    before = held.dump()
    assert run(held) == found
    assert held.dump() == before
    assert run(held, "09-17").breaks == []


def test_a_book_of_no_reconciled_day(desk: Desk) -> None:
    with desk.refuses("not_reconciled"):
        run(desk)


def test_breaks_are_written_whole_or_not_at_all(held: Desk) -> None:
    tell_shares(held, "09-18", HELD | {"bob": 1, "alice": 2})
    with reading(held.engine) as connection:
        found = reconciliation.compare(connection, held.book, day("09-18"))
    before = held.dump()
    with held.engine.begin() as connection:
        reconciliation.write_down(connection, held.book, day("09-18"), at("09-19 00:00"), found)
        connection.rollback()
    assert held.dump() == before


def test_two_who_reconcile_again_at_once(held: Desk, first: Client, second: Client) -> None:
    reconciled(held, "09-18")
    tell_shares(held, "09-18", HELD | {"bob": 1})
    with first.holds(run, first.desk) as one:
        other = second.starts(run, second.desk)
        second.waits_for(first, at="FROM fund")
    assert other.result(PATIENCE) == one.result(PATIENCE)
    assert [each.number for each in one.result().breaks] == [1]
    assert len(held.rows(break_event)) == 1
