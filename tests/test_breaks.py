"""Breaks: one for each difference as long as it lasts, with everything that became of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from ledger.errors import NoTransaction
from tests.desk import Desk, at, day
from tests.outside_records import connect
from tests.rendezvous import PATIENCE, Client, refusal
from wallet import facade
from wallet.facade import Break, reading
from wallet.outside import breaks
from wallet.outside.breaks import Difference
from wallet.outside.schema import break_event, recon_break

SHARES = "000198"
ALICE, BOB = "wallet alice", "wallet 鲍勃 𠮷"
LI, WANG = "李明", "王芳"
NOON = at("09-18 12:00")


def differ(ours: int, theirs: int) -> Difference:
    return SHARES, ours, theirs


def observe(desk: Desk, text: str, kind: str = "shares", /, **differences: Difference) -> None:
    named = {ALICE if name == "alice" else BOB: figures for name, figures in differences.items()}
    desk.ask(breaks.observe, day(text), at(f"{text} 23:00"), kind, named)


def explain(desk: Desk, number: int, operator: str = LI, note: str = "为什么", when: datetime = NOON) -> Break:
    return desk.ask(facade.explain_break, number, operator, when, note)


def resolve(desk: Desk, number: int, operator: str = LI, note: str | None = None) -> Break:
    return desk.ask(facade.resolve_break, number, operator, NOON, note)


def events(desk: Desk, number: int) -> list[tuple[Any, ...]]:
    with reading(desk.engine) as connection:
        found = facade.break_history(connection, number)
    return [(f"{e.day:%m-%d}", e.state, e.ours, e.theirs, e.operator, e.note) for e in found]


def stand(desk: Desk, *states: str) -> list[tuple[int, str, str, int, int]]:
    with reading(desk.engine) as connection:
        found = facade.find_breaks(connection, desk.book, states or ("open", "explained"))
    return [(b.number, b.subject, b.state, b.ours, b.theirs) for b in found]


def blocking(desk: Desk, text: str) -> str | None:
    with reading(desk.engine) as connection:
        return breaks.blocking(connection, desk.book, day(text))


SEEN = ("09-16", "open", 500, 400, "reconciliation", None)


def test_a_difference_that_lasts_is_one_break(desk: Desk) -> None:
    observe(desk, "09-16", alice=differ(500, 400))
    before = desk.dump()
    observe(desk, "09-16", alice=differ(500, 400))
    observe(desk, "09-17", alice=differ(500, 400))
    assert desk.dump() == before
    observe(desk, "09-18", alice=differ(510, 410))
    observe(desk, "09-19", alice=differ(510, 500))
    assert stand(desk) == [(1, ALICE, "open", 510, 500)]
    assert events(desk, 1) == [
        SEEN,
        ("09-18", "open", 510, 410, "reconciliation", None),
        ("09-19", "open", 510, 500, "reconciliation", None),
    ]
    (row,) = desk.rows(recon_break)
    assert (row.since, row.ours, row.theirs, row.unit, row.kind) == (day("09-16"), 500, 400, SHARES, "shares")


def test_what_no_longer_differs_is_resolved_by_itself_and_a_new_break_when_it_differs_again(desk: Desk) -> None:
    observe(desk, "09-16", alice=differ(500, 400), bob=differ(-1, 0))
    observe(desk, "09-17", bob=differ(-1, 0))
    assert stand(desk) == [(2, BOB, "open", -1, 0)]
    assert events(desk, 1) == [SEEN, ("09-17", "resolved", 500, 400, "reconciliation", None)]
    observe(desk, "09-17", bob=differ(-1, 0))
    observe(desk, "09-18", bob=differ(-1, 0), alice=differ(500, 400))
    assert stand(desk) == [(2, BOB, "open", -1, 0), (3, ALICE, "open", 500, 400)]
    observe(desk, "09-19")
    assert stand(desk) == []
    assert [row.number for row in desk.rows(recon_break)] == [1, 2, 3]
    assert [row.number for row in desk.rows(break_event)] == [1, 2, 3, 4, 5, 6]


def test_kinds_do_not_meet(desk: Desk) -> None:
    observe(desk, "09-16", alice=differ(500, 400))
    observe(desk, "09-16", "redeeming", alice=differ(5, 0))
    observe(desk, "09-17", "redeeming")
    assert stand(desk) == [(1, ALICE, "open", 500, 400)]


def test_an_explained_break_stays_so_until_its_difference_changes(desk: Desk) -> None:
    observe(desk, "09-16", alice=differ(500, 400))
    assert explain(desk, 1).state == "explained"
    observe(desk, "09-17", alice=differ(510, 410))
    assert stand(desk) == [(1, ALICE, "explained", 510, 410)]
    observe(desk, "09-18", alice=differ(511, 410))
    assert events(desk, 1) == [
        SEEN,
        ("09-18", "explained", 500, 400, LI, "为什么"),
        ("09-17", "explained", 510, 410, "reconciliation", None),
        ("09-18", "open", 511, 410, "reconciliation", None),
    ]
    explain(desk, 1, WANG, "又")
    observe(desk, "09-19")
    assert stand(desk, "resolved") == [(1, ALICE, "resolved", 511, 410)]


def test_a_break_of_a_single_day_waits_for_an_operator(desk: Desk) -> None:
    observe(desk, "09-16", "income", alice=differ(5, 4))
    observe(desk, "09-16", "income", bob=differ(7, 4))
    observe(desk, "09-17", "income")
    assert [row[0] for row in stand(desk)] == [1, 2]
    assert resolve(desk, 1, note="改好了").note == "改好了"
    before = desk.dump()
    observe(desk, "09-16", "income", alice=differ(5, 4), bob=differ(7, 4))
    assert desk.dump() == before, "seen again as it was resolved"
    observe(desk, "09-16", "income", alice=differ(6, 4), bob=differ(8, 4))
    assert stand(desk) == [(2, BOB, "open", 8, 4), (3, ALICE, "open", 6, 4)]
    assert stand(desk, "resolved") == [(1, ALICE, "resolved", 5, 4)]
    observe(desk, "09-16", "income", alice=differ(6, 4))
    assert len(desk.rows(recon_break)) == 3, "the last break of a subject counts"


def test_the_same_said_twice_is_answered_as_it_is(desk: Desk) -> None:
    observe(desk, "09-16", "income", alice=differ(5, 4))
    told = explain(desk, 1)
    before = desk.dump()
    assert explain(desk, 1, when=at("09-19 12:00")) == told
    assert explain(desk, 1, f"  {LI} ", " 为什么 ") == told
    assert desk.dump() == before
    assert explain(desk, 1, WANG).operator == WANG
    assert explain(desk, 1, WANG, "more").note == "more"
    done = resolve(desk, 1, WANG)
    assert resolve(desk, 1, WANG) == done
    assert [(event[1], event[4], event[5]) for event in events(desk, 1)] == [
        ("open", "reconciliation", None),
        ("explained", LI, "为什么"),
        ("explained", WANG, "为什么"),
        ("explained", WANG, "more"),
        ("resolved", WANG, None),
    ]


def test_refusals_in_order(desk: Desk) -> None:
    observe(desk, "09-16", alice=differ(500, 400))
    observe(desk, "09-16", "clearing", alice=differ(1, 0))
    with desk.engine.connect() as connection, pytest.raises(NoTransaction):
        facade.explain_break(connection, desk.book, 1, LI, NOON, "note")
    for note in ("", "  ", "x" * 201, "two\nlines", "\u202e"):
        with desk.refuses("invalid_request"):
            explain(desk, 1, note=note)
        with desk.refuses("invalid_request"):
            resolve(desk, 99, note=note)
    for operator in ("", "x" * 201, "a\tb", "reconciliation", " reconciliation "):
        with desk.refuses("invalid_request"):
            explain(desk, 99, operator)
    for number in (0, -1, 3, 2**63 - 1, 2**63, 10**30):
        with desk.refuses("unknown_break"):
            explain(desk, number)
        with desk.refuses("unknown_break"):
            resolve(desk, number)
    with desk.refuses("still_differs"):
        resolve(desk, 1)
    resolve(desk, 2)
    with desk.refuses("break_resolved"):
        explain(desk, 2)
    with desk.refuses("break_resolved"):
        resolve(desk, 2, WANG)
    with desk.refuses("break_resolved"):
        resolve(desk, 2, note="more")
    longest = explain(desk, 1, "操" * 200, "𠮷" * 200)
    assert (longest.operator, longest.note) == ("操" * 200, "𠮷" * 200)


def test_a_break_of_another_book_is_nobodys_here(desk: Desk) -> None:
    observe(desk, "09-16", alice=differ(500, 400))
    desk.book = replace(desk.book, code="000001")
    assert stand(desk) == []
    with desk.refuses("unknown_break"):
        explain(desk, 1)
    observe(desk, "09-17", alice=differ(500, 400))
    assert stand(desk) == [(2, ALICE, "open", 500, 400)]
    observe(desk, "09-18")
    desk.book = replace(desk.book, code=SHARES)
    assert stand(desk) == [(1, ALICE, "open", 500, 400)]


def test_open_breaks_above_the_tolerance_block(desk: Desk) -> None:
    observe(desk, "09-17", alice=differ(500, 400))
    assert blocking(desk, "09-17") is None, "not linked"
    connect(desk, "09-17", tolerance=99)
    assert blocking(desk, "09-16") is None
    assert blocking(desk, "09-17") == (
        "break 1 (shares of wallet alice: ours 5.00, theirs 4.00) is above the tolerance 0.99"
    )
    observe(desk, "09-18", alice=differ(500, 599), bob=differ(0, 100))
    assert blocking(desk, "09-17") is None, "within the tolerance; bob's is of the next day"
    assert blocking(desk, "09-18") == (f"break 2 (shares of {BOB}: ours 0.00, theirs 1.00) is above the tolerance 0.99")
    observe(desk, "09-18", alice=differ(500, 601), bob=differ(0, 100))
    assert blocking(desk, "09-18") == (
        "break 1 (shares of wallet alice: ours 5.00, theirs 6.01) and 1 more are above the tolerance 0.99"
    )
    explain(desk, 1)
    explain(desk, 2)
    assert blocking(desk, "09-18") is None
    observe(desk, "09-18", bob=differ(0, 101))
    assert blocking(desk, "09-18") is not None, "it changed after it was explained"


def test_what_is_rolled_back_leaves_no_gap(desk: Desk) -> None:
    observe(desk, "09-16", alice=differ(500, 400))
    with desk.engine.begin() as connection:
        breaks.observe(connection, desk.book, day("09-17"), NOON, "shares", {BOB: differ(1, 2)})
        connection.rollback()
    observe(desk, "09-17", alice=differ(500, 400), bob=differ(1, 2))
    assert [(row.number, row.subject) for row in desk.rows(recon_break)] == [(1, ALICE), (2, BOB)]
    assert [(row.number, row._mapping["break"]) for row in desk.rows(break_event)] == [(1, 1), (2, 2)]


def test_many_at_once(desk: Desk) -> None:
    """More than one statement's worth, of both sorts of kinds."""
    many = {f"wallet w{number}": differ(number, 0) for number in range(1, 12_001)}
    for kind in ("shares", "income"):
        desk.ask(breaks.observe, day("09-16"), NOON, kind, many)
        desk.ask(breaks.observe, day("09-17"), NOON, kind, many)
    assert len(desk.rows(break_event)) == len(desk.rows(recon_break)) == 24_000
    desk.ask(breaks.observe, day("09-18"), NOON, "shares", {})
    assert len(stand(desk, "resolved")) == 12_000


def test_two_operators_explain_one_break(desk: Desk, first: Client, second: Client) -> None:
    observe(desk, "09-16", alice=differ(500, 400))
    with first.holds(explain, first.desk, 1, LI, "one"):
        other = second.starts(explain, second.desk, 1, WANG, "two")
        second.waits_for(first, at="pg_advisory")
    assert other.result(PATIENCE).note == "two"
    assert [event[4:] for event in events(desk, 1)] == [("reconciliation", None), (LI, "one"), (WANG, "two")]


def test_two_operators_resolve_one_break(desk: Desk, first: Client, second: Client) -> None:
    observe(desk, "09-16", "income", alice=differ(5, 4))
    with first.holds(resolve, first.desk, 1, LI):
        other = second.starts(resolve, second.desk, 1, WANG)
        second.waits_for(first, at="pg_advisory")
    assert refusal(other) == "break_resolved"
    assert [row.number for row in desk.rows(break_event)] == [1, 2]


def test_an_operator_explains_what_reconciliation_is_changing(desk: Desk, first: Client, second: Client) -> None:
    observe(desk, "09-16", alice=differ(500, 400))
    with first.holds(observe, first.desk, "09-17", alice=differ(500, 300), bob=differ(1, 2)):
        other = second.starts(explain, second.desk, 1)
        second.waits_for(first, at="pg_advisory")
    assert (other.result(PATIENCE).ours, other.result(PATIENCE).theirs) == (500, 300)
    assert [row.number for row in desk.rows(break_event)] == [1, 2, 3, 4]
