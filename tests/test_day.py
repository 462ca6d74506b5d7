"""The day: every step once, in order, when it is due; interrupted anywhere and run again, the same books."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from ledger.schema import account_total, book_gate
from tests import busy_book
from tests.desk import LATE, SHANGHAI, Desk, Row, at, day
from wallet import facade
from wallet.day import STEPS, DayStatus
from wallet.schema import day_step

Made = Callable[[str, str], Desk]

ROOT = Path(__file__).resolve().parent.parent
NAMES = ["confirm", "settle", "cutoff", "close", "distribute", "reconcile", "prove"]
CHUNK = 2  # holders of a chunk, so that few wallets make several


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Row]]:
    """Give every row of the busy book, run through 09-19 at once."""
    desk = busy_book.filled(f"sqlite:///{tmp_path_factory.mktemp('at once')}/books.db")
    desk.run("09-19", chunk_size=CHUNK)
    return comparable(desk)


def comparable(desk: Desk) -> dict[str, list[Row]]:
    """Return every row of every table but those whose number depends on the engine: gates and slots."""
    return {name: rows for name, rows in desk.dump().items() if name not in ("holder", "book_gate", "limit_slot")}


def states(status: DayStatus) -> dict[str, list[str]]:
    """Return the states of each day's steps in order, by "MM-DD"."""
    return {f"{each:%m-%d}": [of_day[name] for name in NAMES] for each, of_day in status.days}


DONE_ALL = ["done", "done", "done", "done", "done", "skipped: no outside record", "done"]


# Once and in order


def test_the_day_read_top_to_bottom() -> None:
    assert [step.name for step in STEPS] == NAMES
    assert [step.name for step in STEPS if step.trading_days_only] == ["confirm", "cutoff"]


def test_every_step_is_done_once_and_booked_when_it_was_due(filled_desk: Desk) -> None:
    desk = filled_desk
    status = desk.run("09-19", chunk_size=CHUNK)
    assert (status.blocked_by, status.failed_by) == (None, None)
    closed_day = ["not a trading day", "done", "not a trading day", *DONE_ALL[3:]]
    assert states(status) == {"09-17": DONE_ALL, "09-18": DONE_ALL, "09-19": closed_day}
    due = {(row.day, row.step): row.booked_at for row in desk.rows(day_step)}
    for each in ("09-17", "09-18"):
        midnight, cutoff, after = at(f"{each} 00:00"), at(f"{each} 15:00"), at(f"{each} 00:00") + timedelta(1)
        assert [due[day(each), name] for name in NAMES] == [midnight, midnight, cutoff, *4 * [after]]
    assert (day("09-19"), "cutoff") not in due
    before = desk.dump()
    assert desk.run("09-19").next_step == "settle 2013-09-20"
    assert desk.dump() == before
    assert not desk.verify()


def test_an_instant_given_is_what_steps_are_booked_at(desk: Desk) -> None:
    desk.run("09-17", booked_at=at("09-30 12:00"))
    assert {row.booked_at for row in desk.rows(day_step)} == {at("09-30 12:00")}


def test_run_in_pieces_makes_the_same_books_as_at_once(filled_desk: Desk, uninterrupted: dict[str, list[Row]]) -> None:
    desk = filled_desk
    moment = at("09-17 15:00")
    while moment <= at("09-20 00:00"):
        desk.run("09-19", moment, chunk_size=CHUNK)
        moment += timedelta(hours=3)
    assert comparable(desk) == uninterrupted


def test_progress_is_told(desk: Desk) -> None:
    told: list[tuple[str, int, int]] = []
    desk.transfer_in("alice", 100_00, "09-16 10:00")
    desk.run("09-17", progress=lambda *each: told.append(each))
    assert ("confirm 2013-09-17", 1, 1) in told
    assert [each for each in told if each[0] == "days"] == [("days", 1, 2), ("days", 2, 2)]


# Interrupted anywhere


def test_interrupted_before_every_single_commit_the_books_are_the_same(
    filled_desk: Desk, uninterrupted: dict[str, list[Row]]
) -> None:
    """Each run gets one commit further than the last one, and loses the next."""
    desk = filled_desk
    before, number, lost = desk.dump(), 1, 0
    while desk.run_until_commit(number, "09-19", chunk_size=CHUNK):
        after, lost = desk.dump(), lost + 1
        before, number = after, number + 1 if after == before else 2
    assert lost > 35
    assert comparable(desk) == uninterrupted
    assert not desk.verify()


def copied(made: Desk, path: Path) -> str:
    """Copy a book on SQLite and return the copy's address."""
    return f"sqlite:///{shutil.copy(str(made.engine.url.database), path)}"


def interrupted_once(made: Desk, folder: Path, number: int) -> dict[str, list[Row]] | None:
    """Fail before one commit, run to the end, and return every row; None if there is no such commit."""
    desk = Desk(facade.connect(copied(made, folder / f"{number}.db")), made.book)
    came_to_that = desk.run_until_commit(number, "09-19", chunk_size=CHUNK)
    desk.run("09-19", chunk_size=CHUNK)
    rows = comparable(desk)
    desk.engine.dispose()
    return rows if came_to_that else None


def test_interrupted_once_the_books_are_the_same(
    made_once: Made, tmp_path: Path, uninterrupted: dict[str, list[Row]]
) -> None:
    for number in (7, 19, 33):
        assert interrupted_once(made_once("filled", "sqlite"), tmp_path, number) == uninterrupted, number


@pytest.mark.slow
def test_interrupted_once_at_any_commit_the_books_are_the_same(
    made_once: Made, tmp_path: Path, uninterrupted: dict[str, list[Row]]
) -> None:
    made, number = made_once("filled", "sqlite"), 1
    while (rows := interrupted_once(made, tmp_path, number)) is not None:
        assert rows == uninterrupted, number
        number += 1
    assert number > 35


CHILD = """
import sys
from datetime import date
from tests.desk import LATE
from wallet import facade
engine = facade.connect(sys.argv[1])
with facade.reading(engine) as connection:
    book = facade.load(connection)
told = lambda *each: print(*each, flush=True)
facade.run_day(engine, book, date(2013, 9, 19), LATE, chunk_size=2, progress=told)
"""


def killed(url: str, lines: int) -> bool:
    """Run the days in another process, kill it after some lines of progress, and tell whether it still ran."""
    child = subprocess.Popen([sys.executable, "-c", CHILD, url], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    for _ in range(lines):
        child.stdout.readline()
    child.kill()
    child.communicate()
    return child.returncode != 0


def test_killed_in_the_middle_the_books_are_the_same(
    made_once: Made, tmp_path: Path, uninterrupted: dict[str, list[Row]]
) -> None:
    made = made_once("filled", "sqlite")
    desk = Desk(facade.connect(copied(made, tmp_path / "books.db")), made.book)
    for lines in (1, 4):
        assert killed(str(desk.engine.url), lines)
    desk.run("09-19", chunk_size=CHUNK)
    assert comparable(desk) == uninterrupted


@pytest.mark.slow
@pytest.mark.parametrize("lines", range(1, 13))
def test_killed_anywhere_the_books_are_the_same(
    made_once: Made, tmp_path: Path, uninterrupted: dict[str, list[Row]], lines: int
) -> None:
    made = made_once("filled", "sqlite")
    desk = Desk(facade.connect(copied(made, tmp_path / "books.db")), made.book)
    assert killed(str(desk.engine.url), lines)
    desk.run("09-19", chunk_size=CHUNK)
    assert comparable(desk) == uninterrupted
    assert not desk.verify()


# What blocks stops its own chain only


def test_a_missing_figure_blocks_distribution_and_what_is_closed_after_it(desk: Desk) -> None:
    desk.transfer_in("alice", 100_000_00, "09-16 10:00")
    desk.announce("09-18", 1_2000)
    status = desk.run("09-23")
    assert status.blocked_by == "distribute 2013-09-17: no figure announced for 2013-09-17"
    assert status.next_step == "distribute 2013-09-17"
    waits = ["waiting"] * 4
    assert states(status) == {
        "09-16": DONE_ALL,
        "09-17": ["done", "done", "done", "done", "blocked", DONE_ALL[5], "waiting"],
        "09-18": ["done", "done", "done", *waits],
        **{f"09-{n}": ["not a trading day", "done", "not a trading day", *waits] for n in range(19, 23)},
        "09-23": ["done", "done", "done", *waits],
    }
    desk.transfer_in("alice", 1_00, "09-23 15:00")
    desk.publish("09-19", "09-23")
    desk.announce("09-17", 1_2000)
    status = desk.run("09-23")
    assert (status.blocked_by, status.next_step) == (None, "confirm 2013-09-24")
    assert not desk.verify()


def test_a_day_on_which_nobody_holds_shares_needs_no_figure(desk: Desk) -> None:
    desk.transfer_in("alice", 100_00, "09-18 16:00")
    status = desk.run("09-23")
    assert status.blocked_by is None
    desk.announce("09-24", 0)
    assert desk.run("09-24").blocked_by is None
    desk.pay("alice", 100_00, "09-25 10:00")
    assert desk.run("09-25").blocked_by == "distribute 2013-09-25: no figure announced for 2013-09-25"


def test_a_control_total_although_nobody_holds_shares_blocks_until_it_is_replaced(desk: Desk) -> None:
    desk.announce("09-16", 1_2000, 5)
    said = "control total 0.05 does not belong to the holdings: they allow 0.00 to 0.00"
    assert desk.run("09-17").blocked_by == f"distribute 2013-09-16: {said}"
    desk.announce("09-16", 1_2000, 0, replace=True)
    assert desk.run("09-17").blocked_by is None


def test_figures_may_stand_there_before_their_day(desk: Desk) -> None:
    desk.publish("09-16", "09-24")
    desk.transfer_in("alice", 1_000_000_00, "09-16 10:00")
    assert desk.run("09-17", at("09-17 23:59")).next_step == "close 2013-09-17"
    assert desk.postings("income") == []
    desk.run("09-23")
    assert len(desk.postings("income")) == 7


# Not before its time


def test_nothing_is_done_before_its_time(desk: Desk) -> None:
    not_due = "not due"
    for when, done in [("09-16 00:00", 2), ("09-16 14:59:59", 2), ("09-16 15:00", 3), ("09-16 23:59:59", 3)]:
        status = desk.run("09-17", at(when))
        expected = [*DONE_ALL[:done], *[not_due] * (6 - done), "not due"]
        assert states(status) == {"09-16": expected, "09-17": 7 * [not_due]}
        assert status.next_step == f"{NAMES[done]} 2013-09-16"
    status = desk.run("09-17", at("09-17 00:00"))
    assert states(status) == {"09-16": DONE_ALL, "09-17": ["done", "done", *5 * [not_due]]}


def test_status_tells_the_same_without_doing_anything(desk: Desk) -> None:
    def told(when: str) -> tuple[dict[str, list[str]], str | None, str | None]:
        before = desk.dump()
        with facade.reading(desk.engine) as connection:
            status = facade.day_status(connection, desk.book, at(when))
        assert desk.dump() == before
        return states(status), status.next_step, status.blocked_by

    desk.transfer_in("alice", 100_00, "09-16 10:00")
    assert told("09-15 10:00") == ({"09-16": ["not due"] * 7}, "confirm 2013-09-16", None)
    waiting = ["due", "waiting", "due", "waiting", "waiting", "waiting", "waiting"]
    assert told("09-18 10:00") == ({"09-16": waiting}, "confirm 2013-09-16", None)
    desk.run("09-17")
    by_day, next_step, blocked_by = told("09-18 10:00")
    assert by_day["09-17"] == ["done", "done", "done", "done", "blocked", DONE_ALL[5], "waiting"]
    assert next_step == "distribute 2013-09-17"
    assert blocked_by == "distribute 2013-09-17: no figure announced for 2013-09-17"
    desk.announce("09-17", 1_2000)
    by_day, next_step, blocked_by = told("09-18 10:00")
    assert (by_day["09-17"][4], next_step, blocked_by) == ("due", "distribute 2013-09-17", None)


def test_refusals_of_a_run_come_in_their_order(desk: Desk) -> None:
    for through, code in [("2012-12-31", "outside_calendar"), ("09-15", "before_opening")]:
        with desk.refuses(code):
            desk.run(through)


def test_day_after_day_over_one_of_the_longest_holidays(tmp_path: Path) -> None:
    """Eleven days lie between the trading days around it, and every run begins where the last one ended."""
    opened_on, through = "2023-09-28", "2023-10-10"
    desk = Desk.open(f"sqlite:///{tmp_path}/books.db", day(opened_on), wallets=["alice"])
    desk.transfer_in("alice", 1_000_00, f"{opened_on} 10:00")
    desk.publish(opened_on, through)
    each = day(opened_on)
    while each <= day(through):
        status = desk.run(each.isoformat(), datetime.combine(each + timedelta(1), datetime.min.time(), SHANGHAI))
        assert status.next_step is not None
        assert status.next_step.endswith(str(each + timedelta(1)))
        each += timedelta(1)


def test_after_the_last_day_of_the_calendar_there_is_nothing_to_do(database_url: str) -> None:
    desk = Desk.open(database_url, date(2026, 12, 30), wallets=["alice"])
    for _ in range(2):
        assert desk.run("2026-12-31").next_step is None
    with facade.reading(desk.engine) as connection:
        status = facade.day_status(connection, desk.book, LATE)
    assert status.next_step is None
    assert [each for each, _ in status.days] == [date(2026, 12, 31)]


# Customers never stop


def test_orders_arrive_while_yesterday_is_being_closed(filled_desk: Desk) -> None:
    """Wherever the run has stopped: an order of today is accepted, one of the day behind the gate is refused."""
    desk = filled_desk
    number = 1
    while desk.run_until_commit(number, "09-17", chunk_size=CHUNK):
        when = f"10:00:{number:02}"
        desk.pay("carol", 1_00, f"09-18 {when}")
        desk.transfer_in("carol", 2_00, f"09-18 {when}")
        if desk.rows(book_gate)[0].closed_through < day("09-17"):
            desk.pay("carol", 1_00, f"09-17 {when}")
        else:
            with desk.refuses("day_closed"):
                desk.pay("carol", 1_00, f"09-17 {when}")
        number += 1
    assert number > 5
    assert not desk.verify()
    desk.run("09-19")
    assert not desk.verify()


def test_a_gate_that_is_closed_holds_although_its_totals_are_not_written(desk: Desk) -> None:
    desk.transfer_in("alice", 100_00, "09-16 10:00")
    assert desk.run_until_commit(7, "09-16")
    assert (desk.rows(account_total), desk.rows(book_gate)[0].closed_through) == ([], day("09-16"))
    with desk.refuses("day_closed"):
        desk.pay("alice", 1_00, "09-16 23:59:59")
    desk.pay("alice", 1_00, "09-17 00:00")
    assert not desk.verify()
    desk.run("09-16")
    assert len(desk.rows(account_total)) == len(list(desk.book.chart))


# A day that does not prove


def test_a_day_that_does_not_prove_says_why_and_is_not_written_down(desk: Desk) -> None:
    desk.transfer_in("alice", 100_00, "09-16 10:00")
    with desk.engine.begin() as connection:
        connection.execute(sa.update(account_total.metadata.tables["balance"]).values(amount=1))
    status = desk.run("09-16")
    assert states(status)["09-16"][-1] == "failed"
    assert status.failed_by is not None
    assert status.failed_by.startswith("prove 2013-09-16: in_transit: control account 100.00, holders 0.03")
    assert status.next_step == "prove 2013-09-16"
    assert not desk.rows(day_step, day_step.c.step == "prove")
