"""Races with the day: an order in flight meets each step, each step meets an order, and two runs meet each other.

One side is held before it commits; the other waits for as long as its wallet, or its day, is being worked on, and
is then answered as if it had come later. Who is not concerned does not wait at all.
"""

from __future__ import annotations

import pytest

from ledger.schema import account_total
from tests import busy_book, rendezvous
from tests.desk import Desk, Row, at, day
from tests.rendezvous import COMMIT, PATIENCE, Client, refusal
from wallet.distribution import ENTRY as INCOME

CHUNK = 2  # holders of a chunk: alice and bob, or the house and alice; never carol
MORNING = at("09-17 00:00")


@pytest.fixture
def transit(desk: Desk) -> Desk:
    """Let alice put in 100.00 on 09-16, under "in"; nothing is cut yet."""
    desk.transfer_in("alice", 100_00, "09-16 10:00", "in")
    return desk


@pytest.fixture
def applied(transit: Desk) -> Desk:
    """Finish 09-16: what alice put in is next to be confirmed."""
    transit.run("09-16")
    return transit


@pytest.fixture
def closed(desk: Desk) -> Desk:
    """Give each wallet 10,000.00 in shares; 09-17 is closed and waits for its figure."""
    for wallet in ("alice", "bob", "carol"):
        desk.transfer_in(wallet, 10_000_00, "09-16 10:00")
    desk.run("09-17")
    return desk


# The confirmation


@pytest.mark.parametrize(("paid_on", "shares_on_confirmation"), [("09-17", 70_00), ("09-18", 100_00)])
def test_a_confirmation_waits_for_a_payment_of_the_money_it_confirms(
    applied: Desk, first: Client, second: Client, paid_on: str, shares_on_confirmation: int
) -> None:
    """What was paid the day after is a claim: returned from the shares on that day."""
    with first.holds(first.desk.pay, "alice", 30_00, f"{paid_on} 10:00", "paid"):
        run = second.starts(second.desk.run, "09-17", MORNING)
        second.waits_for(first, at="FROM holder")
    run.result(PATIENCE)
    assert applied.postings("paid") == [
        ("in_transit", "advancer_in_transit", "alice", 30_00),
        ("advancer_receivable", "merchant_payable", "alice", 30_00),
    ]
    assert applied.holding("alice", "09-17")["shares"] == shares_on_confirmation
    assert applied.holding("alice", "09-18")["shares"] == 70_00
    assert applied.house()["advancer_shares"] == 30_00
    assert applied.holding("alice")["in_transit"] == 0
    assert not applied.verify()


def test_a_payment_waits_for_the_confirmation_of_its_money_and_then_takes_shares(
    applied: Desk, first: Client, second: Client
) -> None:
    with first.holds_before("UPDATE day_chunk .*confirm", first.desk.run, "09-17", MORNING):
        paid = second.starts(second.desk.pay, "alice", 30_00, "09-17 10:00", "paid")
        second.waits_for(first, at="FROM holder")
    assert paid.result(PATIENCE).amount == 30_00
    assert applied.postings("paid") == [
        ("advancer_receivable", "merchant_payable", "alice", 30_00),
        ("shares", "advancer_shares", "alice", 30_00),
    ]
    assert (applied.holding("alice")["shares"], applied.house()["advancer_shares"]) == (70_00, 30_00)
    assert not applied.verify()


def test_a_transfer_in_and_the_confirmation_of_an_earlier_one_are_both_kept(
    applied: Desk, first: Client, second: Client
) -> None:
    with first.holds_before("UPDATE day_chunk .*confirm", first.desk.run, "09-17", MORNING):
        put_in = second.starts(second.desk.transfer_in, "alice", 7_00, "09-17 10:00")
        second.waits_for(first, at="FROM holder")
    put_in.result(PATIENCE)
    held = applied.holding("alice")
    assert (held["shares"], held["in_transit"]) == (100_00, 7_00)
    assert not applied.verify()


def test_a_confirmation_waits_for_a_transfer_in_and_leaves_it_alone(
    applied: Desk, first: Client, second: Client
) -> None:
    with first.holds(first.desk.transfer_in, "alice", 7_00, "09-17 10:00"):
        run = second.starts(second.desk.run, "09-17", MORNING)
        second.waits_for(first, at="FROM holder")
    run.result(PATIENCE)
    held = applied.holding("alice")
    assert (held["shares"], held["in_transit"]) == (100_00, 7_00)
    assert not applied.verify()


def test_an_outcome_that_comes_while_its_order_is_being_confirmed_comes_too_late(
    applied: Desk, first: Client, second: Client
) -> None:
    with first.holds_before("UPDATE day_chunk .*confirm", first.desk.run, "09-17", MORNING):
        recorded = second.starts(second.desk.record_outcome, "alice", "in", 40_00)
        second.waits_for(first, at="FROM holder")
    assert refusal(recorded) == "not_open"
    assert applied.holding("alice")["shares"] == 100_00
    assert not applied.verify()


def test_a_confirmation_waits_for_the_outcome_that_is_being_recorded(
    applied: Desk, first: Client, second: Client
) -> None:
    with first.holds(first.desk.record_outcome, "alice", "in", 40_00):
        run = second.starts(second.desk.run, "09-17", MORNING)
        second.waits_for(first, at="FROM holder")
    run.result(PATIENCE)
    held = applied.holding("alice")
    assert (held["shares"], held["in_transit"]) == (40_00, 0)
    assert applied.postings("pay_out") == [("customer_payable", "cash", "alice", 60_00)]
    assert not applied.verify()


# The cutoff


def test_a_cutoff_waits_for_the_payment_before_it_which_takes_its_order_back(
    transit: Desk, first: Client, second: Client
) -> None:
    with first.holds(first.desk.pay, "alice", 30_00, "09-16 14:59:59", "paid"):
        run = second.starts(second.desk.run, "09-16", at("09-16 15:00"))
        second.waits_for(first, at="UPDATE book_gate")
    run.result(PATIENCE)
    assert transit.postings("paid") == [("in_transit", "merchant_payable", "alice", 30_00)]
    transit.run("09-17", MORNING)
    assert (transit.holding("alice")["shares"], transit.house().get("advancer_shares")) == (70_00, None)
    assert not transit.verify()


def test_orders_behind_the_cutoff_find_their_trade_date_cut(
    transit: Desk, first: Client, second: Client, third: Client
) -> None:
    """Their instants are before 15:00, but they are not booked before the cutoff is."""
    with first.holds_before("INSERT INTO day_step .*cutoff", first.desk.run, "09-16", at("09-16 15:00")):
        paid = second.starts(second.desk.pay, "alice", 30_00, "09-16 14:59:59", "paid")
        second.waits_for(first, at="FROM book_gate")
        put_in = third.starts(third.desk.transfer_in, "bob", 30_00, "09-16 14:59:59")
        third.waits_for(first, at="FROM book_gate")
    assert paid.result(PATIENCE).amount == 30_00
    assert refusal(put_in) == "trade_date_cut"
    assert transit.postings("paid") == [
        ("in_transit", "advancer_in_transit", "alice", 30_00),
        ("advancer_receivable", "merchant_payable", "alice", 30_00),
    ]
    transit.run("09-17", MORNING)
    assert (transit.holding("alice")["shares"], transit.house()["advancer_shares"]) == (70_00, 30_00)
    assert transit.holding("bob")["in_transit"] == 0
    assert not transit.verify()


# The close


@pytest.mark.parametrize("given_up", [False, True], ids=["booked", "given up"])
def test_an_order_is_wholly_in_a_day_before_its_close_or_refused(
    transit: Desk, first: Client, second: Client, third: Client, given_up: bool
) -> None:
    transit.run("09-16", at("09-16 15:00"))
    transit.transfer_in("bob", 50_00, "09-16 16:00")
    second.stops_before(COMMIT)
    with first.holds(first.desk.pay, "alice", 30_00, "09-16 23:59:59", "in time"):
        run = second.starts(second.desk.run, "09-16")
        second.waits_for(first, at="UPDATE book_gate")
        if given_up:
            first.gives_up()
    second.is_stopped()
    late = third.starts(third.desk.pay, "bob", 10_00, "09-16 23:59:59", "late")
    third.waits_for(second, at="FROM book_gate")
    second.goes_on()
    run.result(PATIENCE)
    assert refusal(late) == "day_closed"
    assert transit.postings("late") == []
    assert (transit.holding("alice")["in_transit"], transit.holding("bob")["in_transit"]) == (
        100_00 if given_up else 70_00,
        50_00,
    )
    merchants = transit.book.chart["merchant_payable"].id
    totals = transit.rows(account_total, account_total.c.account_id == merchants, account_total.c.credits > 0)
    assert [(row.value_date, row.credits) for row in totals] == ([] if given_up else [(day("09-16"), 30_00)])
    assert not transit.verify()


# The distribution


@pytest.mark.parametrize(("figure", "left", "shortfall"), [(1_2000, 1_20, 0), (-1_2000, 0, 1_20)])
def test_income_waits_for_a_payment_of_its_holder_and_is_counted_on_the_day_before_it(
    closed: Desk, first: Client, second: Client, figure: int, left: int, shortfall: int
) -> None:
    """Of a negative figure only what is there from its value date on can be taken; here that is nothing."""
    closed.announce("09-17", figure)
    with first.holds(first.desk.pay, "alice", 10_000_00, "09-18 10:00"):
        run = second.starts(second.desk.run, "09-17")
        second.waits_for(first, at="FROM holder")
    run.result(PATIENCE)
    held = closed.holding("alice")
    assert (held["shares"], held["shortfall"]) == (left, shortfall)
    assert closed.holding("bob")["shares"] == 10_000_00 + figure // 100
    assert not closed.verify()


@pytest.mark.parametrize(
    ("figure", "amount", "code", "left"),
    [(1_2000, 10_001_20, None, 0), (-1_2000, 9_998_81, "insufficient_funds", 9_998_80)],
)
def test_a_payment_waits_for_the_income_of_its_holder_and_counts_it(
    closed: Desk, first: Client, second: Client, figure: int, amount: int, code: str | None, left: int
) -> None:
    closed.announce("09-17", figure)
    with first.holds_before("UPDATE balance", first.desk.run, "09-17"):
        paid = second.starts(second.desk.pay, "alice", amount, "09-18 10:00")
        second.waits_for(first, at="FROM holder")
    assert (refusal(paid) if code else paid.result(PATIENCE).amount) == (code or amount)
    assert (closed.holding("alice")["shares"], closed.holding("alice")["shortfall"]) == (left, 0)
    assert not closed.verify()


def test_income_started_from_two_engines_at_once_is_booked_once(closed: Desk, first: Client, second: Client) -> None:
    closed.announce("09-17", 1_2000)
    with first.holds_before("UPDATE balance", first.desk.run, "09-17", chunk_size=1) as one:
        another = second.starts(second.desk.run, "09-17", chunk_size=3)
        second.waits_for(first, at="FROM day_chunk")
    assert another.result(PATIENCE) == one.result()
    assert closed.postings(INCOME) == [("register", "shares", wallet, 1_20) for wallet in ("alice", "bob", "carol")]
    assert [closed.holding(wallet)["shares"] for wallet in ("alice", "bob", "carol")] == 3 * [10_001_20]
    assert not closed.verify()


# Two runs


@pytest.fixture(scope="module")
def run_once(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Row]]:
    """Give every row of the busy book, run through 09-19 by one run alone."""
    desk = busy_book.filled(f"sqlite:///{tmp_path_factory.mktemp('once')}/books.db")
    desk.run("09-19", chunk_size=CHUNK)
    return comparable(desk)


def comparable(desk: Desk) -> dict[str, list[Row]]:
    """Return every row of every table but those whose number depends on the engine: gates and slots."""
    return {name: rows for name, rows in desk.dump().items() if name not in ("holder", "book_gate", "limit_slot")}


@pytest.mark.parametrize(
    ("place", "waits_at"),
    [
        ("INSERT INTO day_chunk .*distribute", "FROM fund"),
        ("INSERT INTO posting", "FROM day_chunk"),
        ("UPDATE day_chunk .*confirm", "FROM day_chunk"),
        ("INSERT INTO day_step .*settle", "FROM fund"),
        ("INSERT INTO day_step .*cutoff", "FROM fund"),
    ],
)
def test_two_runs_at_once_make_the_books_of_one(
    filled_desk: Desk, run_once: dict[str, list[Row]], place: str, waits_at: str
) -> None:
    """The second begins where the first one is, and both run on to the end side by side."""
    for first in rendezvous.client(filled_desk):
        for second in rendezvous.client(filled_desk):
            with first.holds_before(place, first.desk.run, "09-19", chunk_size=CHUNK) as one:
                another = second.starts(second.desk.run, "09-19", chunk_size=CHUNK)
                second.waits_for(first, at=waits_at)
            assert another.result(PATIENCE).next_step == one.result().next_step == "settle 2013-09-20"
    assert comparable(filled_desk) == run_once
    assert not filled_desk.verify()


# Customers who are not concerned


@pytest.fixture
def evening(desk: Desk) -> Desk:
    """Give each wallet 10,000.00 in shares, and orders of 09-17 for every step; 09-17 is cut, not closed."""
    for wallet in ("alice", "bob", "carol"):
        desk.transfer_in(wallet, 10_000_00, "09-16 10:00")
    desk.run("09-17", MORNING)
    for wallet in ("alice", "bob", "carol"):
        desk.transfer_out(wallet, 20_00, "standard", "09-17 10:00")
    desk.pay("alice", 5_00, "09-17 10:00")
    desk.announce("09-17", 1_2000)
    desk.run("09-17", at("09-17 15:00"))
    return desk


STOPS: list[tuple[str, str | None]] = [
    (COMMIT, "FROM book_gate"),  # of the close; its totals are written after it
    ("INSERT INTO day_step .*close", None),
    ("INSERT INTO day_chunk .*distribute", None),
    ("UPDATE day_chunk .*distribute", None),
    ("INSERT INTO day_step .*distribute", None),
    ("INSERT INTO day_step .*prove", None),
    ("INSERT INTO day_chunk .*confirm", None),
    ("UPDATE day_chunk .*confirm", None),
    ("INSERT INTO day_step .*confirm", None),
    ("INSERT INTO day_chunk .*settle", None),
    ("UPDATE day_chunk .*settle", None),
    ("INSERT INTO day_step .*settle", "limit_slot"),  # the facility gets back what the advancer is paid
    ("INSERT INTO day_step .*cutoff", "FROM book_gate"),
]
"""Where the evening of 09-17 and 09-18 are stopped, each with everything done but not committed, and where a payment
waits meanwhile that is in no chunk at work."""


@pytest.mark.parametrize("engine_kind", ["postgresql"], indirect=True)
def test_no_step_locks_out_who_is_not_in_its_chunk(evening: Desk, first: Client, second: Client) -> None:
    """Only close, cutoff and giving back the facility concern everybody: each a short transaction of its own."""
    first.stops_before(STOPS[0][0])
    run = first.starts(first.desk.run, "09-18", at("09-18 15:00"), chunk_size=CHUNK)
    for (place, waits_at), (following, _) in zip(STOPS, [*STOPS[1:], ("nowhere else", None)], strict=True):
        first.is_stopped()
        paid = second.starts(second.desk.pay, "carol", 10_00, "09-19 10:00", place, order_of_use="confirmed_first")
        if waits_at is None:
            assert paid.result(PATIENCE).amount == 10_00
        else:
            second.waits_for(first, at=waits_at)
        first.stops_before(following)
        first.goes_on()
        assert paid.result(PATIENCE).amount == 10_00
        assert evening.postings(place) == [
            ("advancer_receivable", "merchant_payable", "carol", 10_00),
            ("shares", "advancer_shares", "carol", 10_00),
        ]
    assert run.result(PATIENCE).next_step == "close 2013-09-18"
    assert evening.holding("carol")["shares"] == 10_000_00 - 20_00 + 1_20 - 10_00 * len(STOPS)
    assert not evening.verify()
