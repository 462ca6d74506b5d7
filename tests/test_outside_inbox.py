"""What a linked book's day waits for, and takes from a directory when it needs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import agent_files as agent
from tests import statement_files as statements
from tests.desk import Desk, at, day
from tests.shell import Shell
from wallet import facade
from wallet.day import DayStatus
from wallet.facade import Inbox
from wallet.outside import links
from wallet.outside.links import Link
from wallet.outside.schema import outside_file

T, C = day("09-16"), day("09-17")


def run(desk: Desk, directory: Path, through: str, when: str, *bank: Path) -> DayStatus:
    return desk.run(through, at(when), inbox=Inbox(directory, bank))


def status(desk: Desk, when: str) -> DayStatus:
    with facade.reading(desk.engine) as connection:
        return facade.day_status(connection, desk.book, at(when))


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """Give the transfer agent's directory, empty."""
    directory = tmp_path / "ta"
    directory.mkdir()
    return directory


def put(there: Path, kind: str, on: str, *records: agent.Record) -> Path:
    """Put a file of a day there, and the index that lists all of that day."""
    data = agent.put(there, kind, day(on), records)
    names = sorted(
        path for path in there.iterdir() if path.name.startswith("OFD") and agent.digits(day(on)) in path.name
    )
    agent.put_index(there, day(on), *names)
    return data


def test_a_book_goes_on_as_what_it_waits_for_comes(desk: Desk, there: Path, tmp_path: Path) -> None:
    desk.transfer_in("alice", 4040_00, "09-16 10:00", "in")
    assert run(desk, there, "09-17", "09-17 09:00").blocked_by == "confirm 2013-09-17: 03 for 2013-09-16 not sent"
    with facade.reading(desk.engine) as connection:
        assert links.versions(connection, desk.book) == [Link(T)]
    agent.sent(desk, "03", T)
    waiting = "confirm 2013-09-17: 04 for 2013-09-17 not received"
    assert run(desk, there, "09-17", "09-17 09:00").blocked_by == waiting
    assert status(desk, "09-17 09:00").blocked_by == waiting
    number = agent.entries(desk)["in"]
    put(there, "04", "09-17", agent.answer("122", 1, T, number, 4040_00, 4040_00))
    assert run(desk, there, "09-17", "09-17 09:00").blocked_by is None
    assert desk.holding("alice")["shares"] == 4040_00
    waiting = "distribute 2013-09-17: 06 and 07 for 2013-09-17 not received"
    assert run(desk, there, "09-17", "09-18 00:00").blocked_by == waiting
    assert status(desk, "09-18 00:00").blocked_by == waiting
    put(there, "07", "09-17", figure(1_0000))
    waiting = "distribute 2013-09-17: 06 for 2013-09-17 not received"
    assert run(desk, there, "09-17", "09-18 00:00").blocked_by == waiting
    put(there, "06", "09-17", agent.earned(1, 4040_00, 40))
    bank = statements.csv(tmp_path / "bank.csv", "2013-09-16", last="2013-09-16")
    waiting = "reconcile 2013-09-17: 05 and bank statement for 2013-09-17 not received"
    assert run(desk, there, "09-17", "09-18 00:00", bank).blocked_by == waiting
    put(there, "05", "09-17", agent.held(1, 4040_00))
    bank = statements.csv(tmp_path / "bank of 17.csv", "2013-09-17", statements.Told(0))
    ended = run(desk, there, "09-18", "09-19 00:00", bank)
    assert dict(ended.days)[C] | {"reconcile": "done", "prove": "done"} == dict(ended.days)[C]
    told = "close 2013-09-18: break 1 (cash of T1: ours 4040.00, theirs 0.00) and 1 more are above the tolerance 0.00"
    assert ended.blocked_by == told, "the bank has not told of what came in"


def figure(income_per_10k: int) -> agent.Record:
    return {"FundIncome": income_per_10k * 10, "Yield": 4421, "TotalFundVol": 0, "UpdateDate": "20130917"}


def test_a_difference_keeps_the_next_day_open_until_it_is_explained(desk: Desk, there: Path) -> None:
    desk.ask(links.connect, Link(T))
    desk.transfer_in("alice", 4040_00, "09-16 10:00", "in")
    desk.run("09-16", at("09-16 15:00"))
    agent.sent(desk, "03", T)
    put(there, "04", "09-17", agent.answer("122", 1, T, agent.entries(desk)["in"], 4040_00, 4040_00))
    put(there, "07", "09-17", figure(1_0000))
    put(there, "06", "09-17", agent.earned(1, 4040_00, 40))
    put(there, "05", "09-17", agent.held(1, 4039_00))
    desk.publish("09-18", "09-18", 0)
    ended = run(desk, there, "09-18", "09-19 00:00")
    told = (
        "close 2013-09-18: break 1 (shares of wallet alice: ours 4040.00, theirs 4039.00) is above the tolerance 0.00"
    )
    assert ended.blocked_by == told
    assert status(desk, "09-19 00:00").blocked_by == told
    from wallet.outside import breaks

    desk.ask(breaks.explain, 1, "li", at("09-19 09:00"), "a record of theirs is late")
    ended = run(desk, there, "09-18", "09-19 10:00")
    assert dict(ended.days)[day("09-18")]["close"] == "done"


def test_a_bad_file_blocks_the_step_that_needs_it_by_its_line(desk: Desk, there: Path) -> None:
    desk.ask(links.connect, Link(T))
    desk.transfer_in("alice", 100_00, "09-16 10:00", "in")
    desk.run("09-16", at("09-16 15:00"))
    agent.sent(desk, "03", T)
    put(there, "04", "09-17", agent.answer("122", 1, T, agent.entries(desk)["in"], 100_00, 100_01))
    before = desk.dump()["outside_file"]
    blocked = run(desk, there, "09-17", "09-17 09:00").blocked_by
    assert blocked is not None
    assert blocked.startswith("confirm 2013-09-17: OFD_TA_WALLET_20130917_04.TXT line ")
    assert desk.dump()["outside_file"] == before


def test_without_a_link_nothing_is_looked_for(desk: Desk, tmp_path: Path) -> None:
    desk.transfer_in("alice", 100_00, "09-16 10:00")
    assert desk.run("09-16", inbox=Inbox(None, (tmp_path / "no such statement",))).blocked_by is None
    assert desk.rows(outside_file) == []


def test_a_directory_that_is_not_there_is_named(desk: Desk, tmp_path: Path) -> None:
    blocked = run(desk, tmp_path / "nowhere", "09-17", "09-17 09:00").blocked_by
    assert blocked is not None
    assert "nowhere" in blocked


def test_the_command_takes_the_directory_and_statements(desk: Desk, there: Path) -> None:
    desk.transfer_in("alice", 100_00, "09-16 10:00", "in")
    desk.run("09-16", at("09-16 15:00"))
    shell = Shell(desk.engine.url.render_as_string(hide_password=False))
    words = ["day", "run", "--ta-dir", str(there), "--through", "2013-09-17", "--at", "2013-09-17T09:00:00+08:00"]
    for missing in ("03 for 2013-09-16 not sent", "04 for 2013-09-17 not received"):
        ended = shell.run(*words)
        line = f"fundwallet: blocked: confirm 2013-09-17: {missing}"
        assert (ended.code, ended.err.splitlines()[-1]) == (3, line)
        if "03" in missing:
            agent.sent(desk, "03", T)
    put(there, "04", "09-17", agent.answer("122", 1, T, agent.entries(desk)["in"], 100_00, 40_00, ReturnCode="0000"))
    assert shell.run(*words).code == 0
    assert desk.holding("alice")["shares"] == 40_00
