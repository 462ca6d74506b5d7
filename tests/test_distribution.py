"""The distribute step: who earns for a day, how much to the fen, and what a negative day takes."""

from __future__ import annotations

import random

import numpy as np
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ledger import journal
from ledger.model import Entry, Posting, Request, digest
from tests.desk import Desk, at, day
from wallet import distribution as distribution_step
from wallet import facade
from wallet.audit import model
from wallet.distribution import decided
from wallet.rules.income import allocate, amounts, parts
from wallet.schema import day_chunk, distribution

# When income is first seen


def first_dates(desk: Desk, kind: str, wallets: list[str], days: list[str]) -> dict[str, str]:
    """Return for each wallet the first of the days on which an entry of the kind moves something of hers."""
    found: dict[str, str] = {}
    for on in days:
        for *_, wallet, _ in desk.postings(kind, on):
            found.setdefault(wallet, on)
    return {wallet: found[wallet] for wallet in wallets}


def test_income_is_first_seen_two_trading_or_calendar_days_later(database_url: str) -> None:
    """The table of the rule book, section 2: each row with the first and the last second of its span."""
    rows = [
        ("10-11 15:00:00", "10-14 14:59:59", "10-15", "10-16"),  # Fri 15:00 to Mon 15:00
        ("10-14 15:00:00", "10-15 14:59:59", "10-16", "10-17"),
        ("10-15 15:00:00", "10-16 14:59:59", "10-17", "10-18"),
        ("10-16 15:00:00", "10-17 14:59:59", "10-18", "10-19"),  # confirmed on Friday, seen on Saturday
        ("10-17 15:00:00", "10-18 14:59:59", "10-21", "10-22"),  # confirmed on Monday
    ]
    wallets = [instant for row in rows for instant in row[:2]]
    desk = Desk.open(database_url, day("10-11"), wallets=wallets)
    for instant in wallets:
        desk.transfer_in(instant, 1_000_000_00, instant)
    desk.publish("10-11", "10-22")
    desk.run("10-21")
    days = [f"10-{n}" for n in range(11, 24)]
    assert first_dates(desk, "confirmation", wallets, days) == {w: row[2] for row in rows for w in row[:2]}
    assert first_dates(desk, "income", wallets, days) == {w: row[3] for row in rows for w in row[:2]}


def test_over_mid_autumn_income_begins_when_the_exchange_opens(desk: Desk) -> None:
    receipt = desk.transfer_in("alice", 1_000_000_00, "09-18 10:00")
    assert (receipt.trade_date, receipt.confirmation_date) == (day("09-18"), day("09-23"))
    desk.publish("09-23", "09-23")
    desk.run("09-23")
    days = [f"09-{n}" for n in range(18, 25)]
    assert first_dates(desk, "income", ["alice"], days) == {"alice": "09-24"}


def test_shares_under_redemption_earn_until_they_leave_and_spent_shares_do_not(database_url: str) -> None:
    """Redeemed on Friday before 15:00: Friday, Saturday and Sunday are earned. Spent on Friday: nothing of Friday."""
    desk = Desk.open(database_url, day("10-16"), wallets=["redeems", "spends"])
    for wallet in ("redeems", "spends"):
        desk.transfer_in(wallet, 10_000_00, "10-16 10:00")
    desk.publish("10-16", "10-21", 1_0000)
    desk.run("10-17")
    desk.transfer_out("redeems", 10_000_00, "standard", "10-18 14:59:59")
    desk.pay("spends", 10_000_00, "10-18 00:00", "paid")
    desk.run("10-21")
    income = {
        wallet: [on for on in ("10-18", "10-19", "10-20", "10-21", "10-22") if (wallet, 1_00) in earned(desk, on)]
        for wallet in ("redeems", "spends")
    }
    assert income == {"redeems": ["10-18", "10-19", "10-20", "10-21"], "spends": ["10-18"]}
    assert ("house", 1_00) in earned(desk, "10-19"), "the advancer holds them from the payment on"


def earned(desk: Desk, on: str) -> list[tuple[str, int]]:
    """Return (holder, amount) of the income dated a day."""
    return [(holder, amount) for debit, _, holder, amount in desk.postings("income", on) if debit == "register"]


# To the fen


def test_89_29_earns_the_first_fen_and_89_28_none(desk: Desk) -> None:
    desk.transfer_in("alice", 89_28, "09-16 10:00")
    desk.transfer_in("bob", 89_29, "09-16 10:00")
    desk.announce("09-17", 1_1200)
    desk.run("09-17")
    assert earned(desk, "09-18") == [("bob", 1)]


def test_nothing_is_booked_for_a_zero_figure(desk: Desk) -> None:
    desk.transfer_in("alice", 1_000_000_00, "09-16 10:00")
    desk.publish("09-16", "09-18", 0)
    desk.run("09-18")
    assert desk.postings("income") == []
    assert [(row.whole, row.pool) for row in desk.rows(distribution)] == [(0, 1_000_000_00), (0, 1_000_000_00)]


def test_a_control_total_says_how_many_fen_are_handed_out(desk: Desk) -> None:
    """Exact shares are 0.3, 0.4 and 0.2 fen: without a total nobody gets one, with one the largest go first."""
    for wallet, amount in (("alice", 30_00), ("bob", 40_00), ("carol", 20_00)):
        desk.transfer_in(wallet, amount, "09-16 10:00")
    for control_total in (4, -1):
        desk.announce("09-17", 1_0000, control_total, replace=True)
        told = f"distribute 2013-09-17: control total {control_total / 100:.2f} does not belong to the holdings"
        blocked = desk.run("09-17").blocked_by
        assert blocked == f"{told}: they allow 0.00 to 0.03"
        assert desk.postings("income") == []
    desk.announce("09-17", 1_0000, 2, replace=True)
    desk.announce("09-18", 1_0000, 1)
    desk.announce("09-19", 1_0000)
    assert desk.run("09-19").blocked_by is None
    assert [earned(desk, on) for on in ("09-18", "09-19", "09-20")] == [[("alice", 1), ("bob", 1)], [("bob", 1)], []]


def holdings_of_many(desk: Desk, dice: random.Random, wallets: int) -> dict[int, int]:
    """Give each of many new wallets random shares on 09-16, many of them equal, and return all holdings."""
    held = {
        n: dice.choice([1, 89_28, 89_29, dice.randint(1, 10**6), dice.randint(1, 10**11)])
        for n in range(1, wallets + 1)
    }
    register, shares = desk.book.chart["register"], desk.book.chart["shares"]
    opened = at("09-16 00:00")
    desk.ask(facade.open_wallets, [facade.Opening(wallet=f"w{n}", at=opened) for n in held])
    entries = [
        Entry(
            Request(n, "take over", digest(n)), "take_over", day("09-16"), opened, (Posting(register, shares, amount),)
        )
        for n, amount in held.items()
    ]
    desk.ask(lambda connection, book: journal.post_all(connection, book.code, entries))
    return {0: 0} | held


def booked(desk: Desk, value_date: str) -> dict[int, int]:
    """Return the income booked per wallet number, signed."""
    sign = {"register": 1, "shares": -1, "shortfall": -1}
    income: dict[int, int] = {}
    for debit, _, holder, amount in desk.postings("income", value_date):
        number = int(holder.removeprefix("w"))
        income[number] = income.get(number, 0) + sign[debit] * amount
    return income


def test_three_thousand_random_holdings_earn_what_the_model_says(database_url: str) -> None:
    desk = Desk.open(database_url)
    held = holdings_of_many(desk, random.Random(198), 3_000)
    for on, next_day, rate, commits in (("09-16", "09-17", 1_1999, 12), ("09-17", "09-18", -3_4567, 12)):
        desk.announce(on, rate)
        assert desk.run_until_commit(commits, on, chunk_size=500)
        assert 0 < len(desk.postings("income", next_day)) < 3_000, "interrupted between two chunks"
        desk.run(on, chunk_size=77)
        expected = {holder: income for holder, income in model.allocate(held, rate).items() if income}
        assert booked(desk, next_day) == expected
        held = {holder: amount + expected.get(holder, 0) for holder, amount in held.items()}
        chunks = desk.rows(day_chunk, day_chunk.c.step == "distribute", day_chunk.c.day == day(on))
        assert len(chunks) == 7, "3,001 holders, as planned before the first chunk"
    assert not desk.verify()


@settings(max_examples=settings().max_examples // 3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from([0, 1, 89_28, 10**8, 10**13]) | st.integers(0, 10**13), min_size=1, max_size=9),
    st.sampled_from([1, 1_1200, 1_0000, 10**6 - 1]) | st.integers(1, 10**6 - 1),
    st.floats(0, 1),
)
@example([10_000_00, 89_28], 1_0000, 0.0)  # a whole part, and nothing handed out beyond the cut parts
def test_the_formula_in_sql_is_that_of_the_rules(desk: Desk, held: list[int], rate: int, part: float) -> None:
    holders, holdings = np.arange(len(held)), np.array(held, np.int64)
    cut, fraction = parts(holdings, rate)
    control_total = int(cut.sum()) + int(part * np.count_nonzero(fraction))
    allocation = allocate(holders, holdings, rate, control_total)
    of_each = [[sa.literal(n, sa.BigInteger), sa.literal(amount, sa.BigInteger)] for n, amount in enumerate(held)]
    rows = [sa.select(n.label("holder_id"), amount.label("amount")) for n, amount in of_each]
    formula = distribution_step._parts(sa.union_all(*rows).subquery(), rate, allocation)
    found = desk.ask(lambda connection, _: connection.execute(sa.select(formula)).all())
    assert dict(tuple(row) for row in found) == dict(enumerate(amounts(holders, holdings, rate, allocation).tolist()))


# What is decided does not depend on what happens meanwhile


def test_payments_of_the_next_day_change_nothing_of_a_day_s_income(desk: Desk) -> None:
    desk.transfer_in("alice", 1_000_000_00, "09-16 10:00")
    desk.transfer_in("bob", 500_000_00, "09-16 10:00")
    desk.run("09-17")
    desk.pay("alice", 1_000_000_00, "09-18 10:00")
    desk.transfer_out("bob", 100_000_00, "standard", "09-18 10:00")
    desk.transfer_in("bob", 77_00, "09-18 10:00")
    desk.announce("09-17", 1_2000)
    desk.run("09-17")
    assert earned(desk, "09-18") == [("alice", 120_00), ("bob", 60_00)]
    assert desk.holding("alice")["shares"] == 120_00


def test_the_advancer_keeps_its_income_and_it_earns_but_is_not_redeemed(desk: Desk) -> None:
    desk.transfer_in("alice", 1_000_000_00, "09-16 10:00")
    desk.publish("09-16", "09-17", 0)
    desk.publish("09-18", "09-23")
    desk.run("09-17")
    desk.pay("alice", 1_000_000_00, "09-18 10:00")
    desk.run("09-23")
    while_waiting = [120_00, 120_01, 120_02, 120_04, 120_05]
    assert [earned(desk, f"09-{n}") for n in range(19, 24)] == [[("house", income)] for income in while_waiting]
    assert earned(desk, "09-24") == [("house", 7)], "redeemed on 09-23, but for what it earned"
    assert desk.house()["advancer_income_shares"] == sum(while_waiting) + 7
    assert "advancer_shares" not in desk.house()


# Negative income


def test_a_negative_figure_takes_shares_and_what_is_missing_becomes_a_shortfall(desk: Desk) -> None:
    """120.00 are to be taken of each: alice has them, bob has 50.00 left on the value date, carol nothing."""
    for wallet in ("alice", "bob", "carol"):
        desk.transfer_in(wallet, 1_000_000_00, "09-16 10:00")
    desk.run("09-17")
    desk.pay("bob", 999_950_00, "09-18 10:00")
    desk.pay("carol", 1_000_000_00, "09-20 10:00")  # spent on a later day: not hers to give on 09-18 either
    desk.announce("09-17", -1_2000)
    desk.run("09-17")
    assert desk.postings("income") == [
        ("shares", "register", "alice", 120_00),
        ("shares", "register", "bob", 50_00),
        ("shortfall", "register", "bob", 70_00),
        ("shortfall", "register", "carol", 120_00),
    ]
    assert not desk.verify()


def test_income_repays_a_shortfall_as_far_as_it_goes(desk: Desk) -> None:
    for wallet in ("alice", "bob"):
        desk.transfer_in(wallet, 1_000_000_00, "09-16 10:00")
    desk.run("09-17")
    desk.transfer_out("alice", 900_000_00, "standard", "09-18 10:00")
    desk.pay("alice", 100_000_00, "09-18 10:00")
    desk.announce("09-17", -1_2000)
    desk.announce("09-18", 1_0000)
    desk.announce("09-19", 1_0000)
    desk.run("09-19")
    repaid = [line for line in desk.postings("income") if line[1] == "shortfall"]
    assert repaid == [("shares", "shortfall", "alice", 90_00), ("shares", "shortfall", "alice", 30_00)]
    assert desk.holding("alice") == {
        "shares": 60_00, "redeeming": 900_000_00, "in_transit": 0, "customer_payable": 0, "shortfall": 0,
    }  # fmt: skip
    assert not desk.verify()


def test_the_advancer_s_part_of_a_negative_day_comes_from_its_income_then_is_owed_then_repaid(desk: Desk) -> None:
    desk.transfer_in("alice", 1_000_000_00, "09-16 10:00")
    desk.publish("09-16", "09-17", 0)
    desk.run("09-17")
    desk.pay("alice", 1_000_000_00, "09-18 10:00")
    for on, income in (("09-18", 1_0000), ("09-19", -3_0000), ("09-20", 1_0000), ("09-21", 2_0000)):
        desk.announce(on, income)
    desk.run("09-21")
    assert [line for n in range(19, 23) for line in desk.postings("income", f"09-{n}")] == [
        ("register", "advancer_income_shares", "house", 100_00),
        ("advancer_income_shares", "register", "house", 100_00),
        ("shortfall", "register", "house", 200_03),
        ("register", "advancer_income_shares", "house", 100_00),
        ("advancer_income_shares", "shortfall", "house", 100_00),
        ("register", "advancer_income_shares", "house", 200_00),
        ("advancer_income_shares", "shortfall", "house", 100_03),
    ]
    assert not desk.verify()


def test_what_was_decided_is_written_down(desk: Desk) -> None:
    desk.transfer_in("alice", 30_00, "09-16 10:00")
    desk.announce("09-17", 1_0000, 1)
    desk.run("09-17")
    rate, advancer, allocation = desk.ask(decided, day("09-17"))
    assert (rate, advancer, allocation.pool, allocation.whole, allocation.cut) == (1_0000, 0, 30_00, 1, 0)
    assert (allocation.threshold, allocation.last_tie, allocation.left_over) == (30_000_000, 1, 1)
