"""A directory of files: what is ready, in which order, what waits; two who import at once; and the command."""

from __future__ import annotations

import multiprocessing as mp
import os
import signal
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests import agent_files as ta
from tests.agent_files import LATER, Agent, C, T, figure, rows
from tests.desk import Desk, at, day
from tests.rendezvous import COMMIT, PATIENCE, Client
from tests.shell import Shell
from wallet import facade, steps
from wallet.errors import FundwalletError
from wallet.outside import taking
from wallet.outside.schema import agent_income, agent_shares, answer, outside_file


@pytest.fixture
def agent(desk: Desk, tmp_path: Path) -> Agent:
    """Give a book with a transfer-in of each wallet on 09-16, cut off and sent, and a directory for files."""
    return Agent.of(desk, tmp_path)


def batch(agent: Agent) -> list[Path]:
    """Write the batch of 09-17: confirmations, and the register and income of 09-16."""
    return [
        ta.put(agent.directory, "05", C, [ta.held(1, 100_00), ta.held(2, 20_00)]),
        ta.put(agent.directory, "04", C, agent.confirmed()),
        ta.put(agent.directory, "07", T, [figure("09-16", 1_00000)]),
        ta.put(agent.directory, "06", T, []),
    ]


def names(taken: list[taking.Taken]) -> list[tuple[str, bool, str | None]]:
    """Return type, novelty and what is waited for."""
    return [(each.kind, each.new, each.waiting) for each in taken]


# Batches


def test_a_batch_is_taken_by_day_and_type(agent: Agent) -> None:
    ta.put_index(agent.directory, C, *batch(agent))
    taken = [(each.kind, each.day) for each in agent.take_all()]
    assert taken == [("06", T), ("07", T), ("04", C), ("05", C)]
    assert names(agent.take_all()) == [(kind, False, None) for kind in ("06", "07", "04", "05")]


def test_a_file_waits_for_the_index_that_lists_it(agent: Agent) -> None:
    files = batch(agent)
    assert {each.waiting for each in agent.take_all()} == {"an index that lists it"}
    index = ta.put_index(agent.directory, C, *files)
    whole = index.read_bytes()
    index.write_bytes(whole[:-3])
    assert ("OFI", False, "the end of the index") in names(agent.take_all())
    assert len(agent.desk.rows(outside_file)) == 1
    index.write_bytes(whole)
    assert all(each.new for each in agent.take_all())


def test_a_batch_waits_until_all_of_it_is_there(agent: Agent) -> None:
    files = batch(agent)
    index = ta.put_index(agent.directory, C, *files)
    late = files[3].rename(agent.directory / "late")
    told = {each.name: each.waiting for each in agent.take_all()}
    assert told == {path.name: f"{files[3].name}, which {index.name} lists too" for path in files[:3]} | {
        files[3].name: f"the file, which {index.name} lists"
    }
    late.rename(files[3])
    agent.take_all()
    files[3].unlink()  # what was taken may go
    assert names(agent.take_all()) == [(kind, False, None) for kind in ("07", "04", "05")]


def test_files_of_others_and_our_own_are_passed_over(agent: Agent) -> None:
    ours = ta.put(agent.directory, "05", C, [], creator="WALLET", receiver="TA")
    (agent.directory / "readme.txt").write_text("no file of the format")
    (agent.directory / "OFI_WALLET_TA_20130917.TXT").write_text("our own index")
    (agent.directory / "OFI_OTHER_WALLET_20130917.TXT").write_text("of another agent")
    assert agent.take_all() == []
    assert ours.exists()


def test_a_type_that_is_not_read_is_named(agent: Agent) -> None:
    name = "OFD_TA_WALLET_20130917_26.TXT"
    (agent.directory / name).write_bytes(b"")
    ta.put_index(agent.directory, C, agent.directory / name)
    assert [(each.name, each.waiting) for each in agent.take_all()] == [
        (name, "nothing: files of this type are not read")
    ]


def test_an_index_that_is_wrong_is_refused(agent: Agent) -> None:
    index = ta.put_index(agent.directory, C, *batch(agent))
    index.write_bytes(index.read_bytes().replace(b"\r\n004\r\n", b"\r\n005\r\n"))
    with pytest.raises(FundwalletError, match="line 11, file name: found 'OFDCFEND'"):
        agent.take_all()


def test_only_the_types_and_days_that_are_asked_for_are_taken(agent: Agent) -> None:
    files = batch(agent)
    ta.put_index(agent.directory, C, *files)
    assert [each.kind for each in agent.take_all(kinds=("04", "06"), through=T)] == ["06"]
    assert [each.kind for each in agent.take_all(kinds=("04", "06"), through=C)] == ["04"]
    files[1].write_bytes(b"its name is known: nobody looks into it")
    assert agent.take_all(kinds=("04", "06")) == []


def test_for_a_step_a_file_that_comes_too_late_is_passed_over(agent: Agent) -> None:
    ta.put_index(agent.directory, C, *batch(agent))
    agent.desk.ask(steps.finish, C, "confirm", ta.RECEIVED, "done")
    assert [each.kind for each in agent.take_all(kinds=("04", "05"))] == ["05"]
    with pytest.raises(FundwalletError, match="its confirmations are booked"):
        agent.take_all()


def test_files_before_a_bad_one_stay_taken(agent: Agent) -> None:
    files = batch(agent)
    ta.put(agent.directory, "04", C, [ta.answer("122", 1, T, 999, 1, 1)])
    ta.put_index(agent.directory, C, *files)
    with pytest.raises(FundwalletError, match="AppSheetSerialNo"):
        agent.take_all()
    assert [row.kind for row in agent.desk.rows(outside_file)] == ["03", "06", "07"]
    assert not agent.desk.rows(answer)
    assert not agent.desk.rows(agent_shares)


def test_a_directory_that_cannot_be_read_is_refused(agent: Agent, tmp_path: Path) -> None:
    with pytest.raises(FundwalletError, match="cannot be read"):
        taking.take_directory(agent.desk.engine, agent.desk.book, tmp_path / "none", ta.RECEIVED)


# At once


def test_of_two_who_import_at_once_the_second_finds_the_file_known(agent: Agent, first: Client, second: Client) -> None:
    path = ta.put(agent.directory, "06", C, [ta.earned(1, 100_00, 2)])
    with first.holds(first.desk.ask, taking.take, path, ta.RECEIVED) as took:
        other = second.starts(second.desk.ask, taking.take, path, ta.RECEIVED)
        second.waits_for(first, at="FROM fund")
    assert took.result(PATIENCE).new
    assert not other.result(PATIENCE).new
    assert rows(agent.desk, agent_income, "holder_id", "income") == [(1, 2)]


def test_an_import_that_gives_up_leaves_the_file_to_the_next(agent: Agent, first: Client, second: Client) -> None:
    path = ta.put(agent.directory, "06", C, [ta.earned(1, 100_00, 2)])
    with first.holds(first.desk.ask, taking.take, path, ta.RECEIVED):
        other = second.starts(second.desk.ask, taking.take, path, ta.RECEIVED)
        second.waits_for(first, at="FROM fund")
        first.gives_up()
    assert other.result(PATIENCE).new
    assert rows(agent.desk, agent_income, "holder_id", "income") == [(1, 2)]
    assert [row.number for row in agent.desk.rows(outside_file)] == [1, 2]


def test_a_step_waits_for_the_file_that_is_being_taken(agent: Agent, first: Client, second: Client) -> None:
    path = ta.put(agent.directory, "04", C, agent.confirmed())
    with first.holds(first.desk.ask, taking.take, path, ta.RECEIVED):
        run = second.starts(second.desk.run, "09-17", at("09-17 00:00"))
        second.waits_for(first, at="FROM fund")
    run.result(PATIENCE)


def test_a_payment_does_not_wait_for_a_file(agent: Agent, first: Client) -> None:
    if agent.desk.engine.dialect.name == "sqlite":
        pytest.skip("one writer at a time")
    path = ta.put(agent.directory, "04", C, agent.confirmed())
    with first.holds(first.desk.ask, taking.take, path, ta.RECEIVED):
        agent.desk.pay("alice", 1_00, "09-17 10:00")
        agent.desk.ask(facade.record, facade.Act("op", "host", ta.RECEIVED, "pay"))


def import_all(url: str, directory: Path, ready: object) -> None:
    """Import a directory in a process of its own."""
    desk = Desk.at(url)
    ready.wait(PATIENCE)  # type: ignore[attr-defined]
    taking.take_directory(desk.engine, desk.book, directory, ta.RECEIVED)
    os._exit(0)


def test_two_processes_import_a_directory_at_once(agent: Agent) -> None:
    ta.put_index(agent.directory, C, *batch(agent))
    context = mp.get_context("spawn")
    ready = context.Barrier(2)
    url = agent.desk.engine.url.render_as_string(hide_password=False)
    both = [context.Process(target=import_all, args=(url, agent.directory, ready)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(PATIENCE)
    assert [process.exitcode for process in both] == [0, 0]
    assert [row.kind for row in agent.desk.rows(outside_file)] == ["03", "06", "07", "04", "05"]
    assert len(agent.desk.rows(answer)) == 3


def import_and_die(url: str, path: Path, statement: str) -> None:
    """Take a file in a process that is killed before a statement."""
    desk = Desk.at(url)

    def die(_connection: object, _cursor: object, text: str, *_more: object) -> None:
        if text.startswith(statement):
            os.kill(os.getpid(), signal.SIGKILL)

    def die_at_commit(connection: sa.Connection) -> None:
        if statement == COMMIT and connection.in_transaction():
            os.kill(os.getpid(), signal.SIGKILL)

    sa.event.listen(desk.engine, "before_cursor_execute", die)
    sa.event.listen(desk.engine, "commit", die_at_commit)
    desk.ask(taking.take, path, ta.RECEIVED)


@pytest.mark.parametrize("statement", ["INSERT INTO answer", "INSERT INTO outside_file", COMMIT])
def test_whoever_is_killed_leaves_nothing(agent: Agent, statement: str) -> None:
    path = ta.put(agent.directory, "04", C, agent.confirmed())
    before = agent.desk.dump()
    url = agent.desk.engine.url.render_as_string(hide_password=False)
    process = mp.get_context("spawn").Process(target=import_and_die, args=(url, path, statement))
    process.start()
    process.join(PATIENCE)
    assert process.exitcode == -signal.SIGKILL
    assert agent.desk.dump() == before
    assert agent.take(path).new


# The command


@pytest.fixture
def shell(agent: Agent) -> Shell:
    """Give the command line for the book."""
    return Shell(agent.desk.engine.url.render_as_string(hide_password=False))


def test_the_command_lists_what_it_took(agent: Agent, shell: Shell) -> None:
    files = batch(agent)
    ta.put_index(agent.directory, C, *files[:2])
    asked = f"ta import --dir {agent.directory} --at 2013-09-17T08:00"
    told = shell.do(asked)
    assert told[0] == {
        "name": files[1].name,
        "kind": "04",
        "date": "2013-09-17",
        "records": 3,
        "new": True,
        "waiting": None,
    }
    assert [(each["kind"], each["new"], each["waiting"]) for each in told[1:]] == [
        ("05", True, None),
        ("06", False, "an index that lists it"),
        ("07", False, "an index that lists it"),
    ]
    assert [each["new"] for each in shell.do(asked)] == [False] * 4
    received = {row.received_at for row in agent.desk.rows(outside_file) if row.kind != "03"}
    assert received == {at("09-17 08:00")}
    shown = " ".join(shell.run(*asked.split()).out.split())
    assert f"{files[1].name} 04 2013-09-17 3 known" in shown
    assert "waiting: an index that lists it" in shown


def test_the_command_refuses_a_bad_file_with_one_line(agent: Agent, shell: Shell) -> None:
    path = ta.put(agent.directory, "05", C, [ta.held(1, 1), ta.held(1, 2)])
    ta.put_index(agent.directory, C, path)
    line = len(ta.columns_of("05")) + 13
    told = f"{path.name} line {line}, TransactionAccountID: found '1', expected each account once, details aside"
    assert shell.refused("ta", "import", "--dir", str(agent.directory)) == (1, told)
    with facade.reading(agent.desk.engine) as connection:
        assert facade.read_trail(connection, agent.desk.book)[-1].outcome == "malformed_file"


def test_the_command_wants_a_directory(agent: Agent, shell: Shell) -> None:
    assert shell.run("ta", "import", "--dir", str(agent.directory / "none")).code == 2
    empty = shell.run("ta", "import", "--dir", str(agent.directory))
    assert (empty.code, empty.out) == (0, "There is nothing to take.\n")


def test_late_days_are_taken_in_order(agent: Agent) -> None:
    late = ta.put(agent.directory, "05", LATER, [])
    early = ta.put(agent.directory, "35", day("09-16"), [])
    ta.put_index(agent.directory, LATER, late)
    ta.put_index(agent.directory, C, early, prefix="OFB")
    assert [each.kind for each in agent.take_all()] == ["35", "05"]
