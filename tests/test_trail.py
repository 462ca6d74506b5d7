"""Who did what: every command that was to change something leaves its row, with the change or alone."""

from __future__ import annotations

import platform
import subprocess
import sys
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from ledger.journal import note, noting
from tests.desk import OPENED_ON, SHANGHAI, Desk, Interrupted, at, day
from tests.rendezvous import Client
from tests.shell import ROOT, Shell, dump
from wallet import facade, trail
from wallet.console.outcomes import from_the_command
from wallet.facade import Act, FundwalletError
from wallet.schema import trail as table

MORNING = ("--at", "2013-09-16T09:00:00")
LI = Act("li", "counter-1", at("09-16 09:00"), "pay", ("alice", "5"))


@pytest.fixture
def shell(database_url: str) -> Shell:
    """Give the command line of a book of 2013-09-16 with alice, who put in 100.00."""
    shell = Shell(database_url)
    shell.do("init --opened-on 2013-09-16")
    shell.do("wallet open alice --at 2013-09-16T09:00:00")
    shell.do("transfer-in alice 100 --request in --at 2013-09-16T09:00:00")
    return shell


def rows(shell: Shell, *options: str) -> list[dict[str, Any]]:
    """Return the trail as the command prints it."""
    ended = shell.run("--json", "audit", "trail", *options)
    assert ended.code == 0, ended.err
    document: list[dict[str, Any]] = ended.document
    return document


def last(shell: Shell) -> dict[str, Any]:
    return rows(shell)[-1]


def test_a_command_leaves_who_where_what_and_which_entries(shell: Shell) -> None:
    made = shell.run("--operator", " 李明 ", "pay", "alice", "5", "--merchant", "茶馆", "--request", "p", *MORNING)
    assert made.code == 0, made.err
    row = last(shell)
    assert row.pop("at").endswith("+08:00")
    assert row == {
        "number": 4,
        "operator": "李明",
        "host": platform.node(),
        "command": "pay",
        "arguments": ["alice", "5", "--merchant", "茶馆", "--request", "p", *MORNING],
        "began": None,
        "outcome": "done",
        "entries": "2",
    }
    assert [row["command"] for row in rows(shell)] == ["init", "wallet open", "transfer-in", "pay"]
    assert [row["number"] for row in rows(shell)] == [1, 2, 3, 4]


def test_a_repeat_is_recorded_too_and_made_no_entry(shell: Shell) -> None:
    shell.do("transfer-in alice 100 --request in --at 2013-09-16T10:00:00")
    assert (last(shell)["number"], last(shell)["outcome"], last(shell)["entries"]) == (4, "done", "")


def test_the_operator_comes_from_the_environment_else_from_the_system(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUNDWALLET_OPERATOR", "王芳")
    shell.do("announce 2013-09-16 1.2")
    assert last(shell)["operator"] == "王芳"
    monkeypatch.delenv("FUNDWALLET_OPERATOR")
    monkeypatch.setenv("LOGNAME", "zhang")
    shell.do("announce 2013-09-17 1.2")
    assert last(shell)["operator"] == "zhang"
    assert [row["command"] for row in rows(shell, "--operator", "王芳")] == ["announce"]


@pytest.mark.parametrize("name", ["a\nb", "x" * 201, "\u202eil"])
def test_a_name_that_is_none_changes_nothing(shell: Shell, name: str) -> None:
    code, line = shell.refused("--operator", name, "announce", "2013-09-16", "1.2")
    assert (code, line.split(":")[0]) == (2, "operator")


def test_a_refusal_is_recorded_by_its_code_and_changes_nothing_else(shell: Shell) -> None:
    shell.refused("pay", "alice", "100.01", "--merchant", "m", "--request", "p", *MORNING)
    assert (last(shell)["command"], last(shell)["outcome"], last(shell)["entries"]) == ("pay", "insufficient_funds", "")
    shell.refused("init", "--opened-on", "2013-09-16")
    assert (last(shell)["command"], last(shell)["outcome"]) == ("init", "book_exists")
    shell.refused("demo", "--wallets", "5")
    assert (last(shell)["command"], last(shell)["outcome"]) == ("demo", "book_exists")
    assert last(shell)["number"] == 6


def test_what_cannot_be_read_and_what_only_reads_is_not_recorded(shell: Shell) -> None:
    before = rows(shell)
    shell.refused("pay", "alice", "1.001", "--merchant", "m", "--request", "p", *MORNING)
    shell.refused("pay", "alice", "5")
    shell.refused("announce", "2013-09-16", "1.2", "--csv", "x.csv")
    shell.refused("wallet", "show", "nobody")
    shell.do("verify")
    shell.do("wallet show alice")
    assert rows(shell) == before


def test_a_refusal_without_a_book_is_a_refusal(database_url: str) -> None:
    engine = sa.create_engine(database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE somebodys (thing INTEGER)")
    engine.dispose()
    code, line = Shell(database_url).refused("wallet", "open", "alice")
    assert (code, line) == (1, "this database holds no book: create one with `fundwallet init`")


def test_secrets_are_left_out(shell: Shell) -> None:
    shell.do("wallet open postgresql://me:hush@host/books --at 2013-09-16T09:00:00")
    assert last(shell)["arguments"][0] == "postgresql://host/books"
    command_line = [
        "--db",
        "postgresql://me:hush@host/books",
        "--json",
        "--calendar=x",
        "--operator",
        "li",
        "pay",
        "--db",
    ]
    assert from_the_command(command_line) == ("pay", "--db")
    assert from_the_command(["--json"]) == from_the_command(["--db"]) == ()
    assert "hush" not in str(dump(shell.url)["trail"])


def test_words_that_are_no_text_are_recorded_as_what_they_are(shell: Shell) -> None:
    assert shell.run("batch", "/nowhere/\udcff.csv").code == 2
    shell.refused("pay", "\udcff", "5", "--merchant", "m", "--request", "p", *MORNING)


def test_a_run_of_the_day_has_two_rows_and_all_its_entries(shell: Shell) -> None:
    shell.do("announce 2013-09-16 1.2")
    shell.do("day run --through 2013-09-17 --at 2013-09-17T00:00:00")
    begun, done = rows(shell)[-2:]
    assert (begun["outcome"], begun["began"], begun["entries"]) == ("begun", None, "")
    assert (done["outcome"], done["began"], done["entries"]) == ("done", begun["number"], "2-3")
    assert shell.run("day", "run", "--through", "2013-09-18", "--at", "2013-09-18T00:00:00").code == 3
    blocked = "blocked: distribute 2013-09-17: no figure announced for 2013-09-17"
    assert (last(shell)["outcome"], last(shell)["began"]) == (blocked, begun["number"] + 2)
    assert shell.run("day", "run", "--through", "2013-09-15").code == 1
    assert (last(shell)["outcome"], last(shell)["entries"]) == ("before_opening", "")


def test_a_file_of_orders_has_two_rows_and_all_its_entries(shell: Shell, tmp_path: Any) -> None:
    file = tmp_path / "订单.csv"
    lines = [f"pay,alice,1,p{n},m,2013-09-16T10:00:00" for n in range(3)] + ["pay,alice,99,q,m,2013-09-16T10:00:00"]
    file.write_text("\n".join(["operation,wallet,amount,request,merchant,at", *lines]), encoding="utf-8")
    shell.run("batch", str(file))
    begun, done = rows(shell)[-2:]
    assert (begun["command"], begun["arguments"], begun["outcome"]) == ("batch", [str(file)], "begun")
    assert (done["outcome"], done["began"], done["entries"]) == ("done", begun["number"], "2-4")
    assert shell.run("batch", str(file)).code == 1
    assert last(shell)["outcome"] == "result_exists"


KILLED = """
import os, signal, sqlalchemy as sa, cli
commits = []
def die(connection):
    commits.append(1)
    if not connection.get_execution_options().get("fundwallet_reading") and len(commits) > {after}:
        os.kill(os.getpid(), signal.SIGKILL)
sa.event.listen(sa.engine.Engine, "commit", die)
cli.run({words})
"""


def killed(shell: Shell, after: int, *words: str) -> None:
    """Run a command in a process that is killed just before a commit after so many, those of reads included."""
    script = KILLED.format(after=after, words=["--db", shell.url, *words])
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, check=False)
    assert ended.returncode == -9


def test_a_kill_is_seen_as_a_beginning_without_an_end(shell: Shell) -> None:
    shell.do("announce 2013-09-16 1.2")
    killed(shell, 8, "day", "run", "--through", "2013-09-17", "--at", "2013-09-17T00:00:00")
    assert (last(shell)["command"], last(shell)["outcome"]) == ("day run", "begun")
    begun = last(shell)["number"]
    shell.do("day run --through 2013-09-17 --at 2013-09-17T00:00:00")
    assert [row["began"] for row in rows(shell)[-3:]] == [None, None, begun + 1]
    assert shell.do("verify")["ok"]


def test_change_and_row_are_committed_together_or_not_at_all(shell: Shell) -> None:
    before = dump(shell.url)
    killed(shell, 0, "pay", "alice", "5", "--merchant", "m", "--request", "p", *MORNING)
    assert dump(shell.url) == before
    with sa.create_engine(shell.url).begin() as connection:
        connection.exec_driver_sql("ALTER TABLE trail RENAME TO hidden")
    ended = shell.run("pay", "alice", "5", "--merchant", "m", "--request", "p", *MORNING)
    assert ended.code == 9
    ended = shell.run("pay", "alice", "500", "--merchant", "m", "--request", "p", *MORNING)
    assert (ended.code, ended.err) == (1, "fundwallet: 500.00 wanted, 100.00 available\n"), "the refusal is the news"
    with sa.create_engine(shell.url).begin() as connection:
        connection.exec_driver_sql("ALTER TABLE hidden RENAME TO trail")
    assert dump(shell.url) == before


def test_an_upgrade_and_its_repeat_are_recorded(shell: Shell) -> None:
    shell.do("db upgrade")
    assert (last(shell)["command"], last(shell)["outcome"]) == ("db upgrade", "done")


def test_what_a_person_reads(shell: Shell) -> None:
    shell.run("--operator", "李明", "pay", "alice", "500", "--merchant", "a b", "--request", "p", *MORNING)
    text = shell.run("audit", "trail", "--operator", "李明").out
    assert "pay alice 500 --merchant 'a b' --request p" in text
    assert f"李明 on {platform.node()}" in text
    assert "insufficient_funds" in text


# The library


def record(desk: Desk, *arguments: Any, **options: Any) -> int:
    return desk.ask(trail.record, *arguments, **options)


def test_days_are_those_of_the_fund_s_zone(desk: Desk) -> None:
    midnight = at("09-17 00:00")
    for moment in (midnight - timedelta(microseconds=1), midnight, midnight + timedelta(days=1)):
        record(desk, Act("li", "h", moment.astimezone(SHANGHAI), "pay"))
    for first, until, numbers in (("09-17", "09-17", [2]), (None, "09-16", [1]), ("09-17", None, [2, 3])):
        days = day(first) if first else None, day(until) if until else None
        with facade.reading(desk.engine) as connection:
            assert [step.number for step in facade.read_trail(connection, desk.book, None, *days)] == numbers


def test_ranges_are_compact() -> None:
    with noting() as made:
        note([17, 20, 21])
        note([22, 19])
        with noting():
            note([20])
    assert trail.ranges(made) == "17 20-22 19-20"
    note([5])
    assert trail.ranges([]) == ""


def test_what_is_rolled_back_is_not_noted(desk: Desk) -> None:
    attempts: list[sa.Connection] = []

    def work(connection: sa.Connection) -> None:
        note([len(attempts) + 1])
        attempts.append(connection)
        if len(attempts) == 1:
            raise sa.exc.OperationalError("", {}, Busy())

    with noting() as made:
        facade.transact(desk.engine, work)
        with suppress(Interrupted), noting():
            note([99])
            raise Interrupted
    assert made == [range(2, 3)]


class Busy(Exception):
    """What PostgreSQL says of a deadlock; may_pass asks for no more."""

    sqlstate = "40P01"


def test_refusals_come_in_their_order(desk: Desk) -> None:
    with desk.engine.connect() as connection, pytest.raises(FundwalletError) as refused:
        trail.record(connection, desk.book, LI)
    assert refused.value.code == "no_transaction"
    with desk.refuses("invalid_request"):
        record(desk, Act(" ", "h", at("09-16 09:00"), "pay"))


def test_numbers_have_no_gap_and_stand_in_the_order_of_the_commits(desk: Desk, first: Client, second: Client) -> None:
    with first.holds(record, first.desk, LI):
        later = second.starts(record, second.desk, LI)
        second.waits_for(first, "pg_advisory_xact_lock")
    assert later.result() == 2
    with first.holds(record, first.desk, LI):
        later = second.starts(record, second.desk, LI)
        second.waits_for(first, "pg_advisory_xact_lock")
        first.gives_up()
    assert later.result() == 3
    assert [row.number for row in desk.rows(table)] == [1, 2, 3]


def test_the_trail_is_the_last_lock(desk: Desk, first: Client, second: Client) -> None:
    """Whoever waits for the trail holds nothing that the day's steps wait for while they write into it."""
    desk.transfer_in("alice", 100_00, "09-16 10:00", "in")

    def pay(mine: Desk) -> int:
        request = facade.Payment(wallet="alice", amount=1_00, merchant="m", request_id="p", at=at("09-16 11:00"))
        with mine.engine.begin() as connection:
            facade.pay(connection, mine.book, request)
            return facade.record(connection, mine.book, LI)

    with first.holds(pay, first.desk):
        cut = second.starts(second.desk.run, "09-16", at("09-16 15:00"))
        second.waits_for(first, "UPDATE book_gate")
    assert cut.result().days[0][1]["cutoff"] == "done"
    assert day("09-16") == OPENED_ON
