"""What people ask the books: a wallet now and as of a day, its statement, a day, the trial balance, yields."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from itertools import pairwise

import pytest
import sqlalchemy as sa

from ledger.schema import journal_entry, posting
from tests import busy_book
from tests.desk import Desk, day
from wallet import facade
from wallet.facade import Figure
from wallet.reports import HELD, DayView, Holding, Statement, WalletView, report_day

DAYS = [date(2013, 9, n) for n in range(16, 24)]


def show(desk: Desk, wallet: str, on: date | None = None) -> WalletView:
    with facade.reading(desk.engine) as connection:
        return facade.show_wallet(connection, desk.book, wallet, on)


def statement(desk: Desk, wallet: str, first: date | None = None, last: date | None = None) -> Statement:
    with facade.reading(desk.engine) as connection:
        return facade.statement(connection, desk.book, wallet, first, last)


def of_day(desk: Desk, on: date) -> DayView:
    with facade.reading(desk.engine) as connection:
        return report_day(connection, desk.book, on)


def summed(desk: Desk, *where: sa.ColumnElement[bool]) -> dict[str, int]:
    """Add up postings by account, positive on each account's normal side: the plainest way to a balance."""
    chart = {account.id: account for account in desk.book.chart}
    lines = sa.select(posting).join(journal_entry, journal_entry.c.entry_id == posting.c.entry_id).where(*where)
    sums: dict[str, int] = defaultdict(int)
    with facade.reading(desk.engine) as connection:
        for row in connection.execute(lines):
            sums[chart[row.debit].code] += chart[row.debit].signed(row.amount, 0)
            sums[chart[row.credit].code] += chart[row.credit].signed(0, row.amount)
    return sums


def holding_of(sums: dict[str, int]) -> Holding:
    return Holding(*(sums[code] for code in HELD))


# A wallet


@pytest.mark.parametrize("wallet", busy_book.WALLETS)
def test_a_wallet_as_of_any_day_is_the_sum_of_its_postings(busy_desk: Desk, wallet: str) -> None:
    mine = posting.c.holder_id == busy_book.WALLETS.index(wallet) + 1
    now = show(busy_desk, wallet)
    assert now.holding == holding_of(summed(busy_desk, mine))
    assert now.as_of == day("09-21"), "the first day that is not closed"
    income = mine, journal_entry.c.kind == "income"
    for on in DAYS:
        view = show(busy_desk, wallet, on)
        sums = summed(busy_desk, mine, journal_entry.c.value_date <= on)
        assert (view.holding, view.shortfall, view.as_of) == (holding_of(sums), sums["shortfall"], on)
        assert view.holding.total == sum(sums[code] for code in HELD)
        assert view.yesterday_income == summed(busy_desk, *income, journal_entry.c.value_date == on)["register"]
        assert view.cumulative_income == summed(busy_desk, *income, journal_entry.c.value_date <= on)["register"]


def test_yesterday_s_income_is_that_of_the_last_distributed_day(desk: Desk) -> None:
    desk.transfer_in("alice", 1_000_000_00, "09-16 10:00")
    assert (show(desk, "alice").yesterday_income, show(desk, "alice").as_of) == (0, day("09-16"))
    desk.publish("09-17", "09-18")
    desk.announce("09-19", -1_0000)
    for through, income, so_far in [("09-17", 120_00, 120_00), ("09-18", 120_01, 240_01), ("09-19", -100_02, 139_99)]:
        desk.run(through)
        view = show(desk, "alice")
        assert (view.yesterday_income, view.cumulative_income) == (income, so_far)
        assert view.as_of == day(through) + timedelta(1)
    desk.announce("09-20", 0)
    desk.run("09-20")
    assert show(desk, "alice").yesterday_income == 0
    assert show(desk, "alice", day("09-18")).yesterday_income == 120_00
    assert show(desk, "bob").cumulative_income == 0


# A statement


@pytest.mark.parametrize("wallet", busy_book.WALLETS)
def test_opening_and_lines_make_the_closing_for_any_window(busy_desk: Desk, wallet: str) -> None:
    number = busy_book.WALLETS.index(wallet) + 1
    for first, last in [(a, b) for a in (DAYS[0], DAYS[2], DAYS[4]) for b in (DAYS[0], DAYS[2], DAYS[-1]) if a <= b]:
        shown = statement(busy_desk, wallet, first, last)
        mine = posting.c.holder_id == number
        assert shown.opening == holding_of(summed(busy_desk, mine, journal_entry.c.value_date < first))
        assert shown.closing == holding_of(summed(busy_desk, mine, journal_entry.c.value_date <= last))
        running = {code: getattr(shown.opening, code) for code in HELD} | {"shortfall": 0}
        for line in shown.lines:
            running[line.account] += line.amount
            assert line.shares_after == running["shares"]
            assert first <= line.value_date <= last
        assert {code: running[code] for code in HELD} == {code: getattr(shown.closing, code) for code in HELD}


def test_a_statement_begins_with_the_book_and_ends_with_the_last_entry(busy_desk: Desk) -> None:
    whole = statement(busy_desk, "dora")
    assert (whole.first, whole.last, whole.opening) == (day("09-16"), day("09-23"), Holding(0, 0, 0, 0))
    assert whole.closing == show(busy_desk, "dora").holding
    assert all(a.value_date <= b.value_date for a, b in pairwise(whole.lines))


def test_the_lines_of_a_statement_read_like_the_life_of_a_share(desk: Desk) -> None:
    desk.transfer_in("alice", 1_000_000_00, "09-16 10:00", "in")
    desk.publish("09-17", "09-18")
    desk.run("09-17")
    desk.pay("alice", 400_000_00, "09-18 10:00", "paid")
    desk.run("09-18")
    lines = statement(desk, "alice").lines
    assert [(f"{x.value_date:%m-%d}", x.kind, x.request_id, x.account, x.amount, x.shares_after) for x in lines] == [
        ("09-16", "transfer_in", "in", "in_transit", 1_000_000_00, 0),
        ("09-17", "confirmation", None, "in_transit", -1_000_000_00, 0),
        ("09-17", "confirmation", None, "shares", 1_000_000_00, 1_000_000_00),
        ("09-18", "income", None, "shares", 120_00, 1_000_120_00),
        ("09-18", "payment", "paid", "shares", -400_000_00, 600_120_00),
        ("09-19", "income", None, "shares", 72_01, 600_192_01),
    ]
    assert {line.unit for line in lines} == {"CNY", "000198"}


# A day


def test_a_day_is_told_as_its_postings_add_up(busy_desk: Desk) -> None:
    sums = {on: summed(busy_desk, journal_entry.c.value_date <= on) for on in DAYS}
    orders = {
        "transfers_in": [("transfer_in", "cash", 1)],
        "payments": [("payment", "merchant_payable", 1)],
        "refunds": [("refund", "merchant_payable", -1)],
        "transfers_out": [("transfer_out_standard", "redeeming", 1), ("transfer_out_instant", "cash", -1)],
    }
    for on in DAYS:
        told = of_day(busy_desk, on)
        for name, kinds in orders.items():
            expected = 0
            for kind, account, sign in kinds:
                dated = journal_entry.c.value_date == on, journal_entry.c.kind == kind
                expected += sign * summed(busy_desk, *dated)[account]
                if kind == "transfer_out_instant":  # the advancer's cash comes in as the customer's goes out
                    lines = [x for x in busy_desk.postings(kind, f"{on}") if x[0] == "cash"]
                    expected += sum(amount for *_, amount in lines)
            assert getattr(told, name) == expected, (name, on)
        held = ("shares", "redeeming", "advancer_shares", "advancer_income_shares")
        assert told.pool_shares == sum(sums[on][code] for code in held)
        assert told.advance_outstanding == sum(
            sums[on][code] for code in ("advancer_shares", "advancer_in_transit", "advancer_payable")
        )
        assert told.is_trading_day is (on.day in (16, 17, 18, 23))


def test_a_day_s_income_is_told_when_it_is_distributed(busy_desk: Desk) -> None:
    nobody, negative, controlled, plain, ahead = (of_day(busy_desk, each) for each in DAYS[:5])
    assert (nobody.income_per_10k, nobody.distributed, nobody.left_over, nobody.holders_paid) == (None, 0, 0, 0)
    for told, income, on in ((negative, -1_2345, "09-18"), (controlled, 1_2000, "09-19"), (plain, 1_3333, "09-20")):
        booked = [line for line in busy_desk.postings("income", on) if "register" in line[:2]]
        sign = -1 if income < 0 else 1
        assert told.income_per_10k == income
        assert told.distributed == sign * sum(amount for *_, amount in booked)
        assert told.holders_paid == len({holder for *_, holder, _ in booked} - {"house"})
    assert controlled.distributed == 358_93
    assert (ahead.income_per_10k, ahead.distributed, ahead.left_over, ahead.holders_paid) == (None, None, None, None)


def test_what_cutting_left_over_is_told(desk: Desk) -> None:
    for wallet in ("alice", "bob", "carol"):
        desk.transfer_in(wallet, 60_00, "09-16 10:00")
    desk.announce("09-17", 1_0000)
    desk.run("09-17")
    told = of_day(desk, day("09-17"))
    assert (told.distributed, told.left_over, told.holders_paid) == (1, 1, 1), "1.8 fen in all, 0.6 each"


def test_a_published_yield_is_shown_or_else_the_computed_one(desk: Desk) -> None:
    desk.ask(facade.announce, [Figure(day("09-16"), 1_2000, 4_567), Figure(day("09-17"), 1_2000)])
    assert of_day(desk, day("09-16")).seven_day == 4_567
    assert of_day(desk, day("09-17")).seven_day == 4_477
    assert of_day(desk, day("09-18")).seven_day is None
    with facade.reading(desk.engine) as connection:
        lines = facade.yields(connection, desk.book)
        assert [(x.day, x.seven_day_published, x.seven_day_computed) for x in lines] == [
            (day("09-16"), 4_567, 4_477),
            (day("09-17"), None, 4_477),
        ]
        assert facade.yields(connection, desk.book, day("09-17"), day("09-17")) == lines[1:]


# The trial balance


def test_debits_equal_credits_on_every_day_and_balances_are_the_postings(busy_desk: Desk) -> None:
    with facade.reading(busy_desk.engine) as connection:
        for on in (*DAYS, None):
            trial = facade.trial_balance(connection, busy_desk.book, on)
            assert trial.on == (on or day("09-23"))
            assert set(trial.units) == {"CNY", "000198"}
            sums = summed(busy_desk, *[journal_entry.c.value_date <= on] if on else [])
            for rows in trial.units.values():
                assert sum(t.debits for _, t, _ in rows) == sum(t.credits for _, t, _ in rows)
                assert {account.code: balance for account, _, balance in rows} == {
                    account.code: sums[account.code] for account, _, _ in rows
                }


# Refusals


def test_refusals_of_questions_come_in_their_order(desk: Desk) -> None:
    outside, before, fine = date(2012, 1, 1), day("09-15"), day("09-16")
    for first, last, wallet, code in [
        (outside, before, "nobody", "unknown_wallet"),
        (outside, before, "alice", "outside_calendar"),
        (before, day("09-14"), "alice", "before_opening"),
        (day("09-17"), fine, "alice", "invalid_request"),
    ]:
        with desk.refuses(code):
            statement(desk, wallet, first, last)
    for on, wallet, code in [
        (outside, "nobody", "unknown_wallet"),
        (outside, "alice", "outside_calendar"),
        (before, "alice", "before_opening"),
    ]:
        with desk.refuses(code):
            show(desk, wallet, on)
    for on, code in [(outside, "outside_calendar"), (before, "before_opening")]:
        with desk.refuses(code):
            of_day(desk, on)
        with desk.refuses(code):
            desk.house(f"{on}")


def test_a_book_without_an_entry_answers_too(desk: Desk) -> None:
    empty = statement(desk, "alice")
    assert (empty.first, empty.last, empty.lines) == (day("09-16"), day("09-16"), [])
    assert statement(desk, "alice", day("09-20")).last == day("09-20")
    assert show(desk, "alice", day("2026-12-31")).holding == Holding(0, 0, 0, 0)
    assert of_day(desk, day("09-16")).pool_shares == 0
    assert desk.house() == {}
    assert desk.holding("alice", "09-16")["shares"] == 0
