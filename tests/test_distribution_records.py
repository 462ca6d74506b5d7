"""The distribute step of a linked book: our own income and the transfer agent's, which wins where they differ."""

from __future__ import annotations

import pytest

from ledger.schema import journal_entry
from tests import linked
from tests.desk import Desk, at, day
from tests.rendezvous import PATIENCE, Client
from wallet.outside.schema import recon_break
from wallet.schema import announcement, distribution

MIDNIGHT = at("09-18 00:00")


@pytest.fixture
def earning(desk: Desk) -> Desk:
    """Give a linked book on whose 09-17 alice, bob and carol have earned 30.3, 40.4 and 20.2 fen by 1.0000."""
    linked.link(desk)
    for wallet, amount in (("alice", 3030_00), ("bob", 4040_00), ("carol", 2020_00)):
        desk.transfer_in(wallet, amount, "09-16 10:00", "in")
    desk.run("09-16", at("09-16 15:00"))
    linked.file(desk, "03", "09-16")
    linked.file(desk, "04", "09-17")
    for wallet, amount in (("alice", 3030_00), ("bob", 4040_00), ("carol", 2020_00)):
        linked.say(desk, "09-17", wallet, "in", amount)
    linked.file(desk, "03", "09-17")
    desk.run("09-17", at("09-17 16:00"))
    return desk


def earned(desk: Desk, kind: str, on: str = "09-18") -> dict[str, int]:
    """Return what entries of a kind, dated a day, moved of each holder's register."""
    moved: dict[str, int] = {}
    for debit, credit, holder, amount in desk.postings(kind, on):
        sign = (debit == "register") - (credit == "register")
        moved[holder] = moved.get(holder, 0) + sign * amount
    return {holder: amount for holder, amount in moved.items() if amount}


def breaks(desk: Desk) -> list[tuple[str, str, int, int]]:
    return [(row.kind, row.subject, row.ours, row.theirs) for row in desk.rows(recon_break)]


def test_income_waits_for_the_figure_and_the_records(earning: Desk) -> None:
    named = "distribute 2013-09-17: 06 and 07 for 2013-09-17 not received"
    assert earning.run("09-17", MIDNIGHT).blocked_by == named
    earning.announce("09-17", 1_0000)
    assert earning.run("09-17", MIDNIGHT).blocked_by == "distribute 2013-09-17: 06 for 2013-09-17 not received"
    assert earning.postings("income") == []


def test_the_sum_of_the_records_is_the_whole_where_that_leaves_no_difference(earning: Desk) -> None:
    """Nine tenths of a fen are left over: we would keep them in the pot, the agent gives one fen to bob."""
    earning.announce("09-17", 1_0000)
    linked.income(earning, "09-17", alice=30, bob=41, carol=20)
    earning.run("09-17", MIDNIGHT)
    assert earned(earning, "income") == {"alice": 30, "bob": 41, "carol": 20}
    assert [(row.version, row.whole, row.last_tie) for row in earning.rows(distribution)] == [(2, 91, 2)]
    told = [(row.version, row.income_per_10k, row.control_total, row.source) for row in earning.rows(announcement)]
    assert told == [(1, 1_0000, None, "announced by hand"), (2, 1_0000, 91, "06 of 2013-09-17")]
    assert earning.postings("income_difference") == []
    assert breaks(earning) == []


def test_one_wrong_record_is_one_difference_and_one_break(earning: Desk) -> None:
    """By the records' sum two more would differ: our own computation stays, and what is posted is named."""
    earning.announce("09-17", 1_0000)
    linked.income(earning, "09-17", alice=32, bob=40, carol=20)
    earning.run("09-17", MIDNIGHT)
    assert earned(earning, "income") == {"alice": 30, "bob": 40, "carol": 20}
    assert earning.postings("income_difference", "09-18") == [("register", "shares", "alice", 2)]
    assert breaks(earning) == [("income", "wallet alice on 2013-09-17", 30, 32)]
    assert earning.holding("alice")["shares"] == 3030_00 + 32
    assert [row.version for row in earning.rows(announcement)] == [1]


def test_the_fund_s_own_income_is_the_whole_where_all_its_shares_are_here(earning: Desk) -> None:
    """One of the agent's records is wrong, but the fund says what it has handed out: so only that one differs."""
    earning.announce("09-17", 1_0000)
    linked.figure(earning, "09-17", 1_0000, 9090_00, 91)
    linked.income(earning, "09-17", alice=34, bob=41, carol=20)
    earning.run("09-17", MIDNIGHT)
    assert earned(earning, "income") == {"alice": 30, "bob": 41, "carol": 20}
    assert earning.rows(announcement)[-1].source == "07 of 2013-09-17"
    assert breaks(earning) == [("income", "wallet alice on 2013-09-17", 30, 34)]


def test_who_is_missing_in_the_records_has_no_income_and_who_stands_there_has(earning: Desk) -> None:
    earning.announce("09-17", 1_0000)
    linked.income(earning, "09-17", alice=30, carol=20, advancer=7)
    earning.run("09-17", MIDNIGHT)
    assert earning.postings("income_difference") == [
        ("register", "advancer_income_shares", "house", 7),
        ("shares", "register", "bob", 40),
    ]
    assert {who: ours - theirs for _, who, ours, theirs in breaks(earning)} == {
        "advancer on 2013-09-17": -7,
        "wallet bob on 2013-09-17": 40,
    }


def test_what_the_agent_takes_and_is_spent_becomes_a_shortfall_that_its_next_difference_repays(earning: Desk) -> None:
    earning.announce("09-17", 1_0000)
    linked.income(earning, "09-17", alice=-100, bob=40, carol=20)
    earning.run("09-17", at("09-17 23:59"))
    earning.pay("alice", 3029_50, "09-18 00:00")
    earning.run("09-17", at("09-18 00:30"))
    assert earning.postings("income_difference", "09-18") == [
        ("shares", "register", "alice", 80),
        ("shortfall", "register", "alice", 50),
    ]
    assert earning.holding("alice") == {
        "shares": 0,
        "redeeming": 0,
        "in_transit": 0,
        "customer_payable": 0,
        "shortfall": 50,
    }
    linked.file(earning, "04", "09-18")
    earning.announce("09-18", 1_0000)
    linked.income(earning, "09-18", alice=80, bob=40, carol=20, advancer=30)
    linked.file(earning, "05", "09-17")
    with_breaks_explained(earning)
    earning.run("09-18", at("09-19 00:30"))
    repaid = [line for line in earning.postings("income_difference", "09-19") if line[2] == "alice"]
    assert repaid == [("register", "shares", "alice", 80), ("shares", "shortfall", "alice", 50)]


def with_breaks_explained(desk: Desk) -> None:
    """Let everything that differs be explained."""
    from wallet.outside import breaks as service

    desk.run("09-17", at("09-18 00:30"))
    for each in desk.rows(recon_break):
        desk.ask(service.explain, each.number, "li", at("09-18 09:00"), "known")


def test_a_negative_figure_and_a_record_that_takes_more(earning: Desk) -> None:
    earning.announce("09-17", -1_0000)
    linked.income(earning, "09-17", alice=-30, bob=-42, carol=-19)
    earning.run("09-17", MIDNIGHT)
    assert earned(earning, "income") == {"alice": -30, "bob": -40, "carol": -20}
    assert earning.postings("income_difference") == [
        ("shares", "register", "bob", 2),
        ("register", "shares", "carol", 1),
    ]


def test_income_by_the_records_alone_is_booked_although_ours_is_nothing(earning: Desk) -> None:
    earning.announce("09-17", 0)
    linked.income(earning, "09-17", carol=3)
    earning.run("09-17", MIDNIGHT, chunk_size=1)
    assert earned(earning, "income") == {}
    assert earned(earning, "income_difference") == {"carol": 3}
    entries = earning.rows(journal_entry, journal_entry.c.kind == "income_difference")
    assert [(row.request_id, row.value_date) for row in entries] == [
        ("income difference 000198 2013-09-17 4", day("09-18"))
    ]


def test_nobody_holds_shares_and_nothing_is_needed(desk: Desk) -> None:
    linked.link(desk)
    status = desk.run("09-16", at("09-17 00:00"))
    assert (status.blocked_by, desk.rows(distribution)) == (None, [])


def test_interrupted_before_every_commit_the_income_is_the_same(earning: Desk) -> None:
    earning.announce("09-17", 1_0000)
    linked.income(earning, "09-17", alice=32, bob=40, carol=19)
    linked.run_losing_every_commit(earning, "09-17", MIDNIGHT, chunk_size=1)
    assert earned(earning, "income") == {"alice": 30, "bob": 40, "carol": 20}
    assert earned(earning, "income_difference") == {"alice": 2, "carol": -1}
    assert len(breaks(earning)) == 2


@pytest.mark.parametrize(
    ("place", "waits_at"),
    [
        ("INSERT INTO announcement", "FROM fund"),
        ("INSERT INTO recon_break", "FROM day_chunk"),
        ("INSERT INTO day_step .*distribute", "FROM fund"),
    ],
)
def test_two_runs_at_once_book_one_income_and_one_difference(
    earning: Desk, first: Client, second: Client, place: str, waits_at: str
) -> None:
    earning.announce("09-17", 1_0000)
    linked.income(earning, "09-17", alice=34, bob=41, carol=20)
    linked.figure(earning, "09-17", 1_0000, 9090_00, 91)
    with first.holds_before(place, first.desk.run, "09-17", MIDNIGHT) as one:
        another = second.starts(second.desk.run, "09-17", MIDNIGHT)
        second.waits_for(first, at=waits_at)
    assert another.result(PATIENCE).blocked_by == one.result().blocked_by
    assert earned(earning, "income") == {"alice": 30, "bob": 41, "carol": 20}
    assert earned(earning, "income_difference") == {"alice": 4}
    assert [row.version for row in earning.rows(announcement)] == [1, 2]
    assert len(breaks(earning)) == 1


def test_the_fund_s_own_income_counts_nothing_where_others_hold_its_shares_too(earning: Desk) -> None:
    earning.announce("09-17", 1_0000)
    linked.figure(earning, "09-17", 1_0000, 9090_01, 91)
    linked.income(earning, "09-17", alice=34, bob=41, carol=20)
    earning.run("09-17", MIDNIGHT)
    assert earned(earning, "income") == {"alice": 30, "bob": 40, "carol": 20}
    assert earned(earning, "income_difference") == {"alice": 4, "bob": 1}
