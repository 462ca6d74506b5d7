"""A wallet's day, explained: every number of the explanations here was worked out by hand.

The fortnight of the README is played once on each engine; what it does not show has books of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa

from ledger.schema import balance, posting
from tests import busy_book, linked, linked_book, test_worked_example
from tests.desk import Desk, at, day, free_terms
from tests.shell import Shell
from wallet import facade
from wallet.explain import Known
from wallet.facade import Explanation
from wallet.rules.explanation import Extra, Received
from wallet.schema import advance, announcement, customer_order, distribution


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def fortnight(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """Give the fortnight of the README, run through 2013-09-25."""
    server = request.getfixturevalue("postgres_server") if request.param == "postgresql" else None
    url = server.create_database() if server else f"sqlite:///{tmp_path_factory.mktemp('fortnight') / 'books.db'}"
    shell = Shell(url)
    test_worked_example.play(shell)
    yield shell
    if server:
        server.drop_database(url)


def explained(desk: Desk, wallet: str, on: str) -> Explanation:
    with facade.reading(desk.engine) as connection:
        return facade.explain(connection, desk.book, wallet, day(on))


# Income, to the fen. Columns: earning, figure, exact, cut, cut off, why, a fen more, income, income so far

INCOME = {
    "alice 09-16": "0.00     | 1.4143 | 0.0000000000 0.00 0.0000000000 | -                      | 0.00  0.00",
    "alice 09-17": "10000.00 | 1.2495 | 1.2495000000 1.24 0.0095000000 | tie_won           0.01 | 1.25  1.25",
    "bob   09-17": "3333.33  | 1.2495 | 0.4164995835 0.41 0.0064995835 | remainder_smaller 0.00 | 0.41  0.41",
    "carol 09-17": "0.00     | 1.2495 | 0.0000000000 0.00 0.0000000000 | remainder_smaller 0.00 | 0.00  0.00",
    "alice 09-18": "8766.69  | 1.3366 | 1.1717557854 1.17 0.0017557854 | remainder_smaller 0.00 | 1.17  2.42",
    "bob   09-18": "3333.74  | 1.3366 | 0.4455876884 0.44 0.0055876884 | tie_won           0.01 | 0.45  0.86",
    "carol 09-18": "89.28    | 1.3366 | 0.0119331648 0.01 0.0019331648 | remainder_smaller 0.00 | 0.01  0.01",
    "alice 09-19": "8767.86  | 1.2594 | 1.1042242884 1.10 0.0042242884 | remainder_smaller 0.00 | 1.10  3.52",
    "bob   09-19": "3334.19  | 1.2594 | 0.4199078886 0.41 0.0099078886 | remainder_larger  0.01 | 0.42  1.28",
    "carol 09-19": "89.29    | 1.2594 | 0.0112451826 0.01 0.0012451826 | remainder_smaller 0.00 | 0.01  0.02",
    "bob   09-23": "2335.87  | 1.2346 | 0.2883865102 0.28 0.0083865102 | tie_won           0.01 | 0.29  2.83",
    "alice 09-25": "8774.50  | 1.3895 | 1.2192167750 1.21 0.0092167750 | tie_won           0.01 | 1.22  10.28",
}


@pytest.mark.parametrize("case", INCOME)
def test_income_is_told_with_all_decimals(fortnight: Shell, case: str) -> None:
    wallet, on = case.split()
    told = fortnight.do(f"explain {wallet} --date 2013-{on}")
    income, part = told["income"], told["income"]["part"]
    assert (income["known"], told["differences"]) == ("distributed", [])
    why = [part["why"], part["extra"]] if part["why"] else ["-"]
    numbers = [income["earning"], "|", income["figures"][-1]["income_per_10k"], "|"]
    numbers += [part["exact"], part["cut"], part["remainder"], "|", *why, "|"]
    numbers += [income["credited"], income["cumulative"]]
    assert " ".join(numbers) == " ".join(INCOME[case].split())
    assert income["income"] in (None, income["credited"])
    assert date.fromisoformat(income["credited_on"]) == day(on) + timedelta(1)


# pool, whole, left over, threshold, last of equal ones: the advancer's 1234.72 got the second fen of 09-19
EVERYONE = {
    "09-16": None,
    "09-17": ("13333.33", "1.66", "0.01", "0.0095000000", 1),
    "09-18": ("13424.27", "1.79", "0.01", "0.0055876884", 2),
    "09-19": ("13426.06", "1.69", "0.02", "0.0055006368", 0),
}


@pytest.mark.parametrize("on", EVERYONE)
def test_what_all_holders_had_is_told_beside_it(fortnight: Shell, on: str) -> None:
    told = fortnight.do(f"explain carol --date 2013-{on}")["income"]["everyone"]
    assert (tuple(told.values()) if told else None) == EVERYONE[on]


def test_a_day_that_nobody_earned_for_needs_no_part(desk: Desk) -> None:
    desk.run("09-16")
    told = explained(desk, "alice", "09-16").income
    assert (told.known, told.figures, told.part, told.income, told.credited) == (Known.DISTRIBUTED, [], None, None, 0)


# What was held, and how it came


def test_moves_lead_from_the_day_before_to_the_day(fortnight: Shell) -> None:
    told = fortnight.do("explain bob --date 2013-09-23")
    accounts = ("shares", "redeeming", "in_transit", "customer_payable")
    moves = [(m["kind"], m["request_id"], *(m[account] for account in accounts)) for m in told["moves"]]
    assert tuple(told["before"].values()) == ("2335.45", "1000.00", "300.00", "0.00", "3635.45")
    assert sorted(moves, key=str) == [
        ("confirmation", None, "0.00", "-1000.00", "0.00", "1000.00"),
        ("income", None, "0.42", "0.00", "0.00", "0.00"),
        ("pay_out", None, "0.00", "0.00", "0.00", "-1000.00"),
        ("payment", "b5", "0.00", "0.00", "-100.00", "0.00"),
    ]
    assert tuple(told["held"].values()) == ("2335.87", "0.00", "200.00", "0.00", "2535.87")


@pytest.mark.parametrize("wallet", ["alice", "bob", "carol"])
def test_a_day_begins_as_the_day_before_ended(fortnight: Shell, wallet: str) -> None:
    days = [fortnight.do(f"explain {wallet} --date 2013-09-{n}") for n in range(16, 27)]
    for before, after in pairwise(days):
        assert after["before"] == before["held"]
        view = fortnight.do(f"wallet show {wallet} --on {before['date']}")
        assert before["held"] == {key: view[key] for key in before["held"]}
        income = [m["shares"] for m in after["moves"] if m["kind"] == "income"]
        assert income == [before["income"]["credited"]] * (before["income"]["credited"] != "0.00")


# Dates


def test_one_second_makes_a_day_and_the_page_says_why(fortnight: Shell) -> None:
    [early] = fortnight.do("explain bob --date 2013-09-16")["applications"]
    [late] = fortnight.do("explain carol --date 2013-09-16")["applications"]
    dates = ("at", "received", "trade_date", "confirmation_date", "income_from", "income_seen", "earns_through")
    assert [early[key] for key in dates] == [
        *("2013-09-16T14:59:59+08:00", "before_cutoff"),
        *("2013-09-16", "2013-09-17", "2013-09-17", "2013-09-18", None),
    ]
    assert [late[key] for key in dates] == [
        *("2013-09-16T15:00:00+08:00", "from_cutoff_on"),
        *("2013-09-17", "2013-09-18", "2013-09-18", "2013-09-19", None),
    ]
    assert early["waited"] == late["waited"] == early["waited_on"] == late["waited_on"] == []


def test_closed_days_are_told_with_reason_and_notice(fortnight: Shell) -> None:
    out, back_in = fortnight.do("explain bob --date 2013-09-18")["applications"]
    festival = ("Mid-Autumn Festival", "Guobanfa mingdian [2012] No. 33")
    closed: list[tuple[str, str, str | None]] = [("2013-09-19", *festival), ("2013-09-20", *festival)]
    closed += [("2013-09-21", "weekend", None), ("2013-09-22", "weekend", None)]
    for order, key in ((out, "waited_on"), (back_in, "waited")):
        assert [tuple(each.values()) for each in order[key]] == closed
    assert (out["waited"], back_in["waited_on"]) == ([], [])
    assert (out["trade_date"], out["confirmation_date"], out["earns_through"]) == (
        "2013-09-18",
        "2013-09-23",
        "2013-09-22",
    )
    assert (out["income_from"], out["income_seen"]) == (None, None)
    assert (back_in["trade_date"], back_in["confirmation_date"]) == ("2013-09-23", "2013-09-24")
    assert fortnight.do("explain bob --date 2013-09-20")["closed"]["reason"] == "Mid-Autumn Festival"
    assert fortnight.do("explain bob --date 2013-09-18")["closed"] is None


def test_over_national_day_an_order_waits_a_week_and_weekends_are_weekends(database_url: str) -> None:
    desk = Desk.open(database_url, day("09-27"), wallets=["alice"])
    desk.transfer_in("alice", 100_00, "09-30 14:59:59", "early")
    desk.transfer_in("alice", 100_00, "09-30 15:00:00", "late")
    desk.transfer_in("alice", 100_00, "10-05 10:00:00", "saturday")
    told = {a.request_id: a for on in ("09-30", "10-05") for a in explained(desk, "alice", on).applications}
    early, late, saturday = told["early"], told["late"], told["saturday"]
    week = [day("10-01") + timedelta(n) for n in range(7)]
    assert (early.trade_date, early.confirmation_date) == (day("09-30"), day("10-08"))
    assert (late.trade_date, late.confirmation_date) == (day("10-08"), day("10-09"))
    assert ([c.day for c in early.waited_on], [c.day for c in late.waited]) == (week, week)
    assert (early.waited, late.waited_on) == ([], [])
    assert {c.reason for c in early.waited_on} == {"National Day", "weekend"}
    assert [c.day for c in early.waited_on if c.reason == "weekend"] == [day("10-05"), day("10-06")]
    assert (saturday.received, saturday.trade_date) == (Received.ON_CLOSED_DAY, day("10-08"))
    assert [c.day for c in saturday.waited] == [day("10-05"), day("10-06"), day("10-07")]


def test_an_order_is_told_from_the_day_it_is_made_to_the_day_it_is_confirmed(fortnight: Shell) -> None:
    days = {
        n: [a["request_id"] for a in fortnight.do(f"explain bob --date 2013-09-{n}")["applications"]]
        for n in range(16, 26)
    }
    assert days == {16: ["b1"], 17: ["b1"], 18: ["b2", "b3"]} | {n: ["b2", "b3"] for n in range(19, 24)} | {
        24: ["b3"],
        25: [],
    }


# Money spent


def test_payments_tell_where_the_money_came_from(fortnight: Shell) -> None:
    parts = ("taken_back", "passed", "shares", "advanced")
    for wallet, on, right in (
        ("alice", "18", ("0.00", "0.00", "1234.56", "1234.56")),
        ("bob", "20", ("200.00", "0.00", "0.00", "0.00")),
        ("bob", "23", ("0.00", "100.00", "0.00", "100.00")),
    ):
        told = fortnight.do(f"explain {wallet} --date 2013-09-{on}")
        [payment] = told["redemptions"]
        assert tuple(payment[key] for key in parts) == right
        assert (payment["kind"], payment["merchant"]) == ("payment", "shop")
    used = {
        n: [
            fortnight.do(f"explain bob --date 2013-09-{n}")["applications"][-1][key]
            for key in ("taken_back", "passed", "open")
        ]
        for n in (18, 20, 23, 24)
    }
    assert used == {
        18: ["0.00", "0.00", "500.00"],
        20: ["200.00", "0.00", "300.00"],
        23: ["200.00", "100.00", "200.00"],
        24: ["200.00", "100.00", "0.00"],
    }


def test_an_instant_transfer_out_of_everything_there_is(desk: Desk) -> None:
    desk.transfer_in("alice", 100_00, "09-16 10:00", "old")
    desk.publish("09-17", "09-18")
    desk.run("09-17", at("09-17 00:00"))
    desk.transfer_in("alice", 30_00, "09-17 10:00", "mine")
    desk.transfer_in("alice", 20_00, "09-17 16:00", "newest")
    desk.transfer_out("alice", 149_99, "instant", "09-17 17:00", "all but one")
    told = explained(desk, "alice", "09-17")
    [out] = told.redemptions
    assert (out.taken_back, out.passed, out.shares, out.advanced) == (20_00, 30_00, 99_99, 129_99)
    assert [(a.request_id, a.taken_back, a.passed, a.open) for a in told.applications] == [
        ("old", 0, 0, 0),
        ("mine", 0, 30_00, 0),
        ("newest", 20_00, 0, 0),
    ]
    assert (told.held.shares, told.held.total, told.differences) == (1, 1, [])
    assert told.applications[2].applied == 0, "nothing of it is left to confirm"
    desk.run("09-18")
    told = explained(desk, "alice", "09-18")
    assert [(a.request_id, a.confirmed, a.own) for a in told.applications] == [
        ("mine", 30_00, 0),
        ("newest", None, None),
    ]
    assert told.differences == []


def test_payments_take_back_from_the_newest_order_that_was_there(desk: Desk) -> None:
    desk.transfer_in("alice", 100_00, "09-16 10:00", "at ten")
    desk.transfer_in("alice", 50_00, "09-16 12:00", "at noon")
    desk.pay("alice", 30_00, "09-16 11:00")
    desk.transfer_in("alice", 20_00, "09-16 10:30", "booked late")
    desk.pay("alice", 60_00, "09-16 13:00")
    desk.pay("alice", 5_00, "09-16 10:15")
    told = explained(desk, "alice", "09-16")
    assert {a.request_id: (a.taken_back, a.open) for a in told.applications} == {
        "at ten": (35_00, 65_00),
        "booked late": (10_00, 10_00),
        "at noon": (50_00, 0),
    }
    assert told.differences == []


def test_what_is_late_stays_open_until_it_is_booked(desk: Desk) -> None:
    """The books lag: on 09-19 the confirmation of 09-18 is not booked, and 40.00 passes to the advancer that day."""
    desk.transfer_in("alice", 100_00, "09-17 10:00", "in")
    desk.run("09-17", at("09-17 15:00"))
    desk.pay("alice", 10_00, "09-17 16:00")
    desk.pay("alice", 40_00, "09-19 10:00")
    [late] = explained(desk, "alice", "09-19").applications
    assert (late.confirmation_date, late.confirmed, late.passed, late.open) == (day("09-18"), None, 50_00, 50_00)
    page = Shell(desk.engine.url.render_as_string(hide_password=False)).run("explain", "alice", "--date", "2013-09-19")
    assert "  Due, and not booked yet, on the trading day after that, 2013-09-18 Wed.\n" in page.out
    desk.publish("09-17", "09-19")
    desk.run("09-19")
    [booked] = explained(desk, "alice", "09-18").applications
    assert (booked.confirmed, booked.own, booked.returned, booked.open) == (100_00, 90_00, 0, 0)
    told = explained(desk, "alice", "09-19")
    assert (told.applications, told.held.shares, told.differences) == ([], 50_01, [])


def test_what_is_confirmed_in_part_or_not_at_all(desk: Desk) -> None:
    for wallet in ("alice", "bob"):
        desk.transfer_in(wallet, 500_00, "09-16 10:00", "in")
    desk.pay("alice", 200_00, "09-16 16:00")
    desk.publish("09-16", "09-18")
    desk.run("09-16")
    desk.record_outcome("alice", "in", 350_00)
    desk.record_outcome("bob", "in", 0)
    assert explained(desk, "alice", "09-17").applications[0].confirmed is None, "recorded, but not booked yet"
    desk.run("09-17")
    [alice], [bob] = (explained(desk, wallet, "09-17").applications for wallet in ("alice", "bob"))
    assert (alice.applied, alice.confirmed, alice.own, alice.returned) == (500_00, 350_00, 300_00, 0)
    assert (bob.applied, bob.confirmed, bob.own, bob.returned, bob.return_code) == (500_00, 0, 0, 500_00, "0000")
    assert explained(desk, "bob", "09-17").differences == []


# Fen more and less


def test_of_equal_remainders_the_lower_number_gets_the_fen(desk: Desk) -> None:
    """At 1.0000 each 66.66 is 0.006666 exactly; together 0.019998, of which 0.01 is handed out."""
    for wallet in ("alice", "bob", "carol"):
        desk.transfer_in(wallet, 66_66, "09-16 10:00")
    desk.announce("09-17", 1_0000)
    desk.announce("09-18", 1_0000, 2)
    desk.announce("09-19", 1_0000, 0)
    desk.run("09-19")
    for on, right in (
        ("09-17", [(Extra.TIE_WON, 1), (Extra.TIE_LOST, 0), (Extra.TIE_LOST, 0)]),
        ("09-18", [(Extra.LARGER, 1), (Extra.TIE_WON, 1), (Extra.TIE_LOST, 0)]),
        ("09-19", [(Extra.NOTHING_LEFT, 0)] * 3),
    ):
        told = [explained(desk, wallet, on).income for wallet in ("alice", "bob", "carol")]
        parts = [income.part for income in told]
        assert [(part.why, part.extra) for part in parts if part] == right, on
        assert [income.credited for income in told] == [extra for _, extra in right]
    assert told[0].everyone is not None
    assert (told[0].everyone.threshold, told[0].everyone.last_tie, told[0].everyone.left_over) == (None, None, 0)


def test_a_loss_beyond_what_is_left_is_a_shortfall_that_income_repays(desk: Desk) -> None:
    """Of 20,000.00 half is being redeemed, and goes on earning, and all but 0.50 of the rest is spent."""
    desk.transfer_in("alice", 20_000_00, "09-16 10:00")
    desk.run("09-17", at("09-18 00:00"))
    desk.transfer_out("alice", 10_000_00, "standard", "09-18 10:00")
    desk.pay("alice", 9_999_50, "09-18 11:00")
    desk.announce("09-17", -1_2345)
    desk.publish("09-18", "09-20", 1_0000)
    desk.run("09-20")
    loss = explained(desk, "alice", "09-17").income
    assert loss.part is not None
    assert (loss.part.exact, loss.part.cut, loss.part.remainder) == (-2_46_90000000, -2_46, 90000000)
    assert (loss.part.why, loss.income, loss.credited, loss.shortfall) == (Extra.NOTHING_LEFT, -2_46, -2_46, 1_96)
    days = [explained(desk, "alice", f"09-{n}") for n in (18, 19, 20)]
    assert [(told.shortfall_before, told.shortfall, told.held.shares) for told in days] == [
        *((0, 1_96, 0), (1_96, 96, 0), (96, 0, 4))
    ]
    assert [(told.income.income, told.income.repaid, told.income.cumulative) for told in days] == [
        *((1_00, 1_00, -1_46), (1_00, 96, -46), (1_00, 0, 54))
    ]
    assert [(move.shares, move.shortfall) for move in days[0].moves if move.kind == "income"] == [(-50, 1_96)]
    assert [difference for told in days for difference in told.differences] == []


def test_a_replaced_figure_is_told_with_the_one_that_holds(desk: Desk) -> None:
    desk.transfer_in("alice", 10_000_00, "09-16 10:00")
    desk.announce("09-17", 1_1111)
    desk.announce("09-17", 1_2222, replace=True)
    desk.run("09-17")
    told = explained(desk, "alice", "09-17").income
    assert [(figure.version, figure.income_per_10k) for figure in told.figures] == [(1, 1_1111), (2, 1_2222)]
    assert (told.part and told.part.exact, told.credited) == (1_2222000000, 1_22)


# What is not known yet


def test_what_is_not_known_yet_is_said(desk: Desk) -> None:
    desk.transfer_in("alice", 10_000_00, "09-16 10:00")

    def known() -> tuple[Known, bool, int | None, int | None, int]:
        told = explained(desk, "alice", "09-17")
        part = told.income.part
        cut = part.cut if part else None
        return told.income.known, told.is_closed, cut, told.income.income, told.income.credited

    assert known() == (Known.DAY_OPEN, False, None, None, 0)
    desk.run("09-17", at("09-17 00:00"))
    assert known() == (Known.DAY_OPEN, False, None, None, 0)
    desk.run("09-17")
    assert known() == (Known.NO_FIGURE, True, None, None, 0)
    desk.announce("09-17", 1_2495)
    assert known() == (Known.UNDISTRIBUTED, True, 1_24, None, 0)
    assert desk.run_until_commit(2, "09-17"), "decided, but not booked"
    assert known() == (Known.UNDISTRIBUTED, True, 1_24, 1_24, 0)
    desk.run("09-17")
    assert known() == (Known.DISTRIBUTED, True, 1_24, 1_24, 1_24)
    assert explained(desk, "alice", "09-17").differences == []


def test_an_interrupted_distribution_is_booked_for_some(desk: Desk) -> None:
    for wallet in ("alice", "bob", "carol"):
        desk.transfer_in(wallet, 10_000_00, "09-16 10:00")
    desk.announce("09-17", 1_0000)
    states = []
    for _ in range(30):
        desk.run_until_commit(3, "09-17", chunk_size=1)
        told = [explained(desk, wallet, "09-17") for wallet in ("alice", "bob", "carol")]
        states.append([each.income.known.value for each in told])
        assert [each.differences for each in told] == [[], [], []]
    assert ["distributed", "not_distributed", "not_distributed"] in states
    assert ["distributed", "distributed", "not_distributed"] in states
    assert [explained(desk, wallet, "09-17").income.known for wallet in ("alice", "carol")] == [Known.DISTRIBUTED] * 2


# Refusals


def test_what_cannot_be_explained_is_refused(desk: Desk) -> None:
    late = facade.Opening(wallet="late", at=at("09-18 10:00"))
    desk.ask(facade.open_wallet, late)

    def ask(wallet: str, on: str, **options: Any) -> Explanation:
        return desk.ask(facade.explain, wallet, day(on), **options)

    for wallet, on, code in (
        ("nobody", "2050-01-01", "unknown_wallet"),
        ("alice", "2050-01-01", "outside_calendar"),
        ("alice", "09-15", "before_opening"),
        ("late", "09-17", "invalid_request"),
    ):
        with desk.refuses(code):
            ask(wallet, on)
    with desk.refuses("invalid_request"):
        ask("alice", "09-18", today=day("09-17"))
    assert ask("alice", "09-17", today=day("09-17")).held.total == 0
    assert ask("late", "09-18").held.total == 0
    desk.transfer_in("late", 5_00, "09-17 10:00")
    assert ask("late", "09-17").held.in_transit == 5_00, "its instant lies before the opening, and it is there"


# What is stored is compared, never trusted

A = busy_book.WALLETS.index


@pytest.mark.parametrize("wallet", busy_book.WALLETS)
def test_a_sound_book_is_explained_without_a_difference(busy_desk: Desk, wallet: str) -> None:
    for on in range(16, 25):
        assert explained(busy_desk, wallet, f"09-{on}").differences == []


def of(table: sa.Table, **cells: Any) -> Any:
    where = [table.c[name] == value for name, value in cells.items()]
    return sa.update(table).where(*where)


ORDER = {"holder_id": 4, "amount": 500_01}
FALSIFIED: dict[str, tuple[Any, str, str, tuple[str, str]]] = {
    "a balance": (of(balance, holder_id=4, account_id=22).values(amount=1), "dora", "09-19", ("shares", "balance")),
    "an order's remaining": (
        of(customer_order, **ORDER).values(remaining=1),
        "dora",
        "09-17",
        ("remaining", "order second"),
    ),
    "what passed": (
        of(customer_order, **ORDER).values(passed_to_advancer=1),
        *("dora", "09-17", ("passed to the advancer", "order second")),
    ),
    "what was confirmed": (
        of(customer_order, **ORDER).values(confirmed=1),
        "dora",
        "09-18",
        ("confirmed", "order second"),
    ),
    "a state": (of(customer_order, **ORDER).values(status="rejected"), "dora", "09-18", ("state", "order second")),
    "a trade date": (
        of(customer_order, holder_id=4, amount=30_00).values(trade_date=day("09-17")),
        *("dora", "09-17", ("trade date", "order r15")),
    ),
    "an advance": (
        of(advance, holder_id=4, amount=200_00).values(amount=200_01),
        "dora",
        "09-17",
        ("advance in transit", "order r14"),
    ),
    "an advance on shares": (
        of(advance, holder_id=2, source=0, amount=33_33).values(amount=33_34),
        *("bob", "09-19", ("advance on shares", "order r20")),
    ),
    "an amount": (
        of(customer_order, holder_id=2, amount=33_33).values(amount=33_34),
        "bob",
        "09-19",
        ("amount", "order r20"),
    ),
    "a figure": (
        of(announcement, day=day("09-18")).values(income_per_10k=1_2001),
        *("bob", "09-18", ("figure", "distribution of 2013-09-18")),
    ),
    "the threshold": (
        of(distribution, day=day("09-18")).values(threshold=99_999_999),
        *("bob", "09-18", ("income", "dated 2013-09-19")),
    ),
    "income": (
        of(posting, holder_id=2, amount=118_74).values(amount=118_75),
        *("bob", "09-18", ("income", "dated 2013-09-19")),
    ),
    "a confirmation": (
        of(posting, holder_id=4, debit=21, amount=200_01).values(amount=200_02),
        *("dora", "09-18", ("confirmed", "on 2013-09-18")),
    ),
    "money in transit": (
        of(posting, holder_id=4, credit=2, amount=500_01).values(amount=500_02),
        *("dora", "09-17", ("in transit", "on 2013-09-17")),
    ),
}


@pytest.mark.parametrize("case", FALSIFIED)
def test_what_was_falsified_is_named(busy_desk: Desk, case: str) -> None:
    statement, wallet, on, named = FALSIFIED[case]
    with busy_book.falsified(busy_desk, statement) as connection:
        told = facade.explain(connection, busy_desk.book, wallet, day(on))
    assert named in [(difference.what, difference.where) for difference in told.differences]
    assert all(difference.stored != difference.derived for difference in told.differences)


# The page

PAGE = """\
Wallet bob on 2013-09-23 Mon

                             Shares   Redeeming   In transit   Customer payable
───────────────────────────────────────────────────────────────────────────────
held before                2,335.45    1,000.00       300.00               0.00
income of the day before      +0.42
payment b5                                           -100.00
confirmation                          -1,000.00                       +1,000.00
pay out                                                               -1,000.00
held at its end            2,335.87        0.00       200.00               0.00

Income of 2013-09-23 Mon
  Published: 1.2346 per 10,000 shares, version 1.
  Earning: 2,335.87 shares.
  Exact:       2,335.87 × 1.2346 ÷ 10,000 = 0.2883865102
  Cut to 0.01: 0.28
  All holders together: 11,198.24 shares, income 1.38, cut to 0.01.
  Cutting every part left 0.01 over. It goes out a fen each to the largest parts cut off, of equal ones to the lower wallet number first.
  The last fen went to 0.0083865102 cut off from wallet number 2. That is this wallet: a fen more.
  So 0.29 is credited, as shares dated 2013-09-24 Tue.
  Income so far, this day's included: 2.83.

Transfer out standard b2: 1,000.00, 2013-09-18 Wed 14:00:00
  Received before 15:00 on a trading day, so its trade date is that day, 2013-09-18 Wed.
  Confirmed on the trading day after that, 2013-09-23 Mon.
  Closed in between: 2013-09-19 Thu to 2013-09-20 Fri, Mid-Autumn Festival (Guobanfa mingdian [2012] No. 33); 2013-09-21 Sat to 2013-09-22 Sun, weekend.
  The shares earn through 2013-09-22 Sun; they leave and are paid out on 2013-09-23 Mon.

Transfer in b3: 500.00, 2013-09-18 Wed 16:00:00
  Received at 15:00 or later, so its trade date is the next trading day, 2013-09-23 Mon.
  Closed in between: 2013-09-19 Thu to 2013-09-20 Fri, Mid-Autumn Festival (Guobanfa mingdian [2012] No. 33); 2013-09-21 Sat to 2013-09-22 Sun, weekend.
  Confirmed on the trading day after that, 2013-09-24 Tue.
  It earns from 2013-09-24 Tue, first seen on 2013-09-25 Wed.
  At the end of 2013-09-23 Mon: 200.00 taken back, 100.00 passed to the advancer, 200.00 still in transit.

Payment b5: 100.00 to shop, 2013-09-23 Mon 16:00:00
  100.00 from money in transit, after its cutoff: advanced by the advancer.
"""  # noqa: E501


def test_the_page_reads_like_this(fortnight: Shell) -> None:
    ended = fortnight.run("explain", "bob", "--date", "2013-09-23")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == PAGE


def test_a_page_tells_what_is_not_so_usual(busy_desk: Desk) -> None:
    url = busy_desk.engine.url.render_as_string(hide_password=False)
    for wallet, on, lines in (
        (
            "alice",
            "09-17",
            [
                "Published: -1.2345 per 10,000 shares, version 2, which replaced 1.1000.",
                "So 123.45 is taken away, as shares dated 2013-09-18 Wed.",
                "Of that 123.45 was no longer there: a shortfall, repaid from the next shares.",
            ],
        ),
        (
            "dora",
            "09-18",
            [
                "All holders together: 2,991,036.73 shares, income 358.93, the whole that the fund gave.",
                "The last fen went to 0.0051872000 cut off from wallet number 1. "
                "Here 0.0040012000 was cut off, which is less: no fen more.",
                "Of 400.01 only 250.00 was confirmed, return code 0000.",
                "The customer got 200.01 of it.",
                "At the end of 2013-09-18 Wed: 100.00 taken back, 200.00 passed to the advancer.",
            ],
        ),
        (
            "erin",
            "09-18",
            ["Of 500.01 only 0.00 was confirmed, return code 0000.", "The customer got 0.00 of it, and 500.01 back."],
        ),
        ("dora", "09-19", ["There is no trading on this day: Mid-Autumn Festival (Guobanfa mingdian [2012] No. 33)."]),
        ("bob", "09-17", ["Earning: 999,700.00 shares, 10,000.00 of them redeeming."]),
        (
            "alice",
            "09-21",
            ["Payment alice paid: 10.00 to shop, 2013-09-21 Sat 10:00:00", "No figure is published for this day yet."],
        ),
    ):
        ended = Shell(url).run("explain", wallet, "--date", f"2013-{on}")
        assert (ended.code, ended.err) == (0, "")
        told = [line.strip() for line in ended.out.splitlines()]
        assert [line for line in lines if line not in told] == [], ended.out
    shortfall = Shell(url).run("explain", "alice", "--date", "2013-09-18").out.splitlines()
    assert shortfall[2].split() == ["Shares", "Redeeming", "In", "transit", "Customer", "payable", "Shortfall"]
    assert shortfall[6].split() == ["income", "of", "the", "day", "before", "+123.45"]


def test_a_difference_ends_the_command_with_8(desk: Desk) -> None:
    desk.transfer_in("alice", 100_00, "09-16 10:00", "in")
    with desk.engine.begin() as connection:
        connection.execute(sa.update(customer_order).values(remaining=99_99))
    shell = Shell(desk.engine.url.render_as_string(hide_password=False))
    ended = shell.run("explain", "alice", "--date", "2013-09-16")
    assert (ended.code, ended.err) == (8, "fundwallet: 1 thing stored differs from what follows by the rules\n")
    assert ended.out.endswith("rules\n  remaining, order in: stored 99.99, derived 100.00\n")
    told = shell.run("--json", "explain", "alice", "--date", "2013-09-16").document["differences"]
    assert told == [{"what": "remaining", "where": "order in", "stored": "99.99", "derived": "100.00"}]


def test_refusals_are_one_line(fortnight: Shell) -> None:
    for words, code, line in (
        ("alice --date 2013-9-16", 2, "date "),
        ("alice --date 2013-09-15", 1, "2013-09-15 is before the books were opened on 2013-09-16"),
        ("alice --date 2050-01-01", 1, "2050-01-01 is after 2026-12-31"),
        ("alice --date 2026-12-31", 2, "date: 2026-12-31 is in the future, today is "),
        ("nobody --date 2013-09-16", 1, "there is no wallet nobody"),
        ("alice", 2, "Missing option '--date'"),
    ):
        ended = fortnight.refused("explain", *words.split())
        assert ended[0] == code, ended
        assert ended[1].startswith(line), ended


def test_names_of_any_kind_are_told_whole(desk: Desk) -> None:
    name, merchant, request = "客户 " + "x" * 100, "茶馆 " + "y" * 100, "请求-" + "z" * 100
    desk.open_wallet(name)
    desk.transfer_in(name, 100_00, "09-16 10:00:00.999999")
    desk.pay(name, 1_00, "09-16 11:00", request, merchant)
    out = Shell(desk.engine.url.render_as_string(hide_password=False)).run("explain", name, "--date", "2013-09-16").out
    assert f"Payment {request}: 1.00 to {merchant}, 2013-09-16 Mon 11:00:00\n" in out
    assert "2013-09-16 Mon 10:00:00.999999\n" in out
    assert out.startswith(f"Wallet {name} on 2013-09-16 Mon\n")


def test_suspended_purchases_are_told(database_url: str) -> None:
    """Refunds are not suspended, so a refund of such a day is in transit like any other."""
    desk = Desk.open(database_url, terms=[free_terms(suspended=((day("09-17"), day("09-18")),))], wallets=["alice"])
    desk.transfer_in("alice", 100_00, "09-16 10:00")
    desk.pay("alice", 10_00, "09-16 11:00", "paid")
    desk.refund("alice", "paid", 4_00, "09-17 11:00", "back")
    told = explained(desk, "alice", "09-17")
    assert told.purchases_suspended
    assert [(a.kind, a.refund_of, a.trade_date) for a in told.applications][1:] == [("refund", "paid", day("09-17"))]
    assert not explained(desk, "alice", "09-16").purchases_suspended
    url = desk.engine.url.render_as_string(hide_password=False)
    assert "\nPurchases are suspended on this day.\n" in Shell(url).run("explain", "alice", "--date", "2013-09-17").out


# A book that works with files


def test_nothing_differs_in_a_book_that_works_with_files(linked_desk: Desk) -> None:
    for wallet in linked_book.WALLETS:
        for n in range(16, 26):
            told = explained(linked_desk, wallet, f"09-{n}")
            assert told.differences == [], (wallet, n)


def test_an_order_is_confirmed_when_its_file_says_so(linked_desk: Desk) -> None:
    """Two days after its trade date; until then nothing is said to be confirmed late or missing."""
    for on, is_open in (("09-16", 20_000), ("09-17", 18_000), ("09-18", 0)):
        [late] = explained(linked_desk, "dora", on).applications
        assert (late.confirmation_date, late.income_from, late.open) == (day("09-18"), day("09-18"), is_open)
        assert (late.confirmed, late.own, late.returned) == (20_000, 18_000, 0)
    [rejected, *_] = explained(linked_desk, "carol", "09-17").applications
    assert (rejected.confirmed, rejected.returned, rejected.return_code) == (0, 300_00, "2004")


def test_a_redemption_that_is_carried_over_is_told_day_by_day(linked_desk: Desk) -> None:
    told = {}
    for on in ("09-17", "09-18", "09-22", "09-23"):
        [told[on]] = [a for a in explained(linked_desk, linked_book.ALICE, on).applications if a.request_id == "out"]
    assert [each.open for each in told.values()] == [300_00, 200_00, 200_00, 0]
    assert [(a.day, a.confirmed, a.final) for a in told["09-17"].answers] == [
        (day("09-18"), 100_00, False),
        (day("09-23"), 150_00, True),
    ]
    assert (told["09-23"].confirmed, told["09-23"].own, told["09-23"].returned) == (250_00, 250_00, 50_00)


def test_the_rest_of_a_redemption_waits_for_the_next_answer(desk: Desk) -> None:
    linked.link(desk)
    desk.transfer_in("alice", 100_00, "09-16 10:00", "in")
    desk.publish("09-16", "09-18", 0)
    for kind, on in (("03", "09-16"), ("04", "09-17"), ("03", "09-17"), ("04", "09-18")):
        linked.file(desk, kind, on)
    desk.run("09-16", at("09-16 15:00"))
    linked.say(desk, "09-17", "alice", "in", 100_00)
    desk.run("09-17", at("09-17 00:00"))
    desk.transfer_out("alice", 50_00, "standard", "09-17 10:00", "out")
    linked.income(desk, "09-17")
    desk.run("09-17", at("09-17 15:00"))
    linked.say(desk, "09-18", "alice", "out", 20_00, final=False)
    desk.run("09-18", at("09-18 00:00"))
    [waits] = [a for a in explained(desk, "alice", "09-18").applications if a.request_id == "out"]
    assert (waits.open, waits.confirmed, waits.earns_through) == (30_00, None, None)
    page = (
        Shell(desk.engine.url.render_as_string(hide_password=False)).run("explain", "alice", "--date", "2013-09-18").out
    )
    told = [line.strip() for line in page.splitlines()]
    first = told.index("On 2013-09-18 Wed 20.00 was confirmed, and the rest carried over.")
    assert told[first + 1 : first + 3] == [
        "The rest waits for the transfer agent's next answer.",
        "What is left of it earns until it leaves.",
    ]


def test_what_the_agent_and_a_later_figure_say_is_told_beside_the_income(linked_desk: Desk) -> None:
    differs = explained(linked_desk, linked_book.ALICE, "09-17").income
    assert (differs.credited, differs.by_agent, differs.difference, differs.cumulative) == (11, 16, 5, 16)
    again = explained(linked_desk, linked_book.CAROL, "09-18").income
    assert [figure.version for figure in again.figures] == [1, 2]
    assert (again.version, again.credited, again.by_agent, again.difference) == (1, 0, 0, 0)
    assert again.corrected == 1
    shell = Shell(linked_desk.engine.url.render_as_string(hide_password=False))
    page = shell.run("explain", linked_book.ALICE, "--date", "2013-09-17").out
    assert "The transfer agent's record says 0.16, and holds: +0.05 is booked beside it" in page
    page = shell.run("explain", linked_book.CAROL, "--date", "2013-09-18").out
    assert "The figure was published again later: that brought +0.01." in page
    page = shell.run("explain", linked_book.ALICE, "--date", "2013-09-23").out
    assert "On 2013-09-18 Wed 100.00 was confirmed, and the rest carried over." in page
    assert "The rest earns through 2013-09-22 Sun; it leaves and is paid out on 2013-09-23 Mon." in page


def test_what_is_falsified_in_a_book_that_works_with_files_is_told(linked_desk: Desk) -> None:
    for wallet, on, statement in (
        ("dora", "09-18", "UPDATE answer SET confirmed = confirmed - 1 WHERE ta_serial = 'S5'"),
        (linked_book.ALICE, "09-18", "UPDATE answer SET confirmed = confirmed - 1 WHERE final = 0 AND holder_id = 1"),
        (linked_book.ALICE, "09-17", "UPDATE agent_income SET income = income + 1 WHERE holder_id = 1"),
        ("dora", "09-18", "UPDATE customer_order SET return_code = '0001' WHERE holder_id = 4"),
    ):
        with busy_book.falsified(linked_desk, sa.text(statement)) as connection:
            told = facade.explain(connection, linked_desk.book, wallet, day(on))
        assert told.differences, statement
