"""Two operators: one runs the day, the other is told who and since when; a dead one's place is free at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.desk import OPENED_ON, Desk, at
from tests.shell import ROOT, Shell
from wallet import facade
from wallet.errors import DayBusy
from wallet.facade import Operator
from wallet.schema import day_operator

LI, WU = Operator("li on desk-1", at("09-17 00:00:01")), Operator("wu on desk-2", at("09-17 00:00:02"))

# Takes the day, says so, and keeps it until somebody kills it or closes its input.
HOLDER = """
import sys
from datetime import datetime
from wallet import facade
engine = facade.connect(sys.argv[1])
with facade.reading(engine) as connection:
    book = facade.load(connection)
with facade.working(engine, book, facade.Operator("li on desk-1", datetime.fromisoformat("2013-09-17T00:00:01+08:00"))):
    print("working", flush=True)
    sys.stdin.read()
"""


def _another_process(url: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "working\n"
    return process


def test_the_second_is_told_who_works_and_since_when(desk: Desk) -> None:
    second = facade.connect(desk.engine.url)
    with facade.working(desk.engine, desk.book, LI):
        with pytest.raises(DayBusy) as refused, facade.working(second, desk.book, WU):
            pytest.fail("both work")
        assert (refused.value.operator, refused.value.since) == (LI.name, LI.since)
        assert str(refused.value) == "the day is being run by li on desk-1 since 2013-09-17T00:00:01+08:00"
        desk.run("09-16")
    assert desk.rows(day_operator) == []
    with facade.working(second, desk.book, WU):
        assert [row.operator for row in desk.rows(day_operator)] == [WU.name]
    second.dispose()


def test_who_failed_leaves_the_day_to_the_next(desk: Desk) -> None:
    with pytest.raises(ZeroDivisionError), facade.working(desk.engine, desk.book, LI):
        raise ZeroDivisionError
    with facade.working(desk.engine, desk.book, WU):
        assert [row.operator for row in desk.rows(day_operator)] == [WU.name]


def test_the_day_of_one_who_was_killed_is_taken_over(desk: Desk, database_url: str) -> None:
    url = desk.engine.url.render_as_string(hide_password=False)
    dead = _another_process(url)
    with pytest.raises(DayBusy, match="li on desk-1"), facade.working(desk.engine, desk.book, WU):
        pytest.fail("both work")
    dead.send_signal(signal.SIGKILL)
    dead.wait()
    _wait_until_free(desk)
    assert [row.operator for row in desk.rows(day_operator)] == [LI.name], "the dead one's mark is still there"
    with facade.working(desk.engine, desk.book, WU):
        assert [row.operator for row in desk.rows(day_operator)] == [WU.name]


def test_the_command_says_who_works_and_changes_nothing(database_url: str) -> None:
    shell = Shell(database_url)
    shell.do("init --opened-on 2013-09-16")
    other = _another_process(database_url)
    try:
        code, line = shell.refused("day", "run", "--through", "2013-09-16")
        assert code == 1
        assert line == "the day is being run by li on desk-1 since 2013-09-17T00:00:01+08:00"
        assert shell.do("day status --at 2013-09-17T12:00:00")["next_step"] == "confirm 2013-09-16"
    finally:
        other.communicate("")
    assert shell.do("day run --through 2013-09-16")["next_step"] == "confirm 2013-09-17"


@pytest.mark.parametrize(("option", "variable", "told"), [("wu", "chen", "wu"), (None, "chen", "chen")])
def test_the_command_signs_with_name_machine_and_process(
    database_url: str, option: str | None, variable: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = Shell(database_url)
    signed: list[str] = []
    shell.do("init --opened-on 2013-09-16")
    monkeypatch.setenv("FUNDWALLET_OPERATOR", variable)

    def look(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        if statement.startswith("INSERT INTO day_operator"):
            signed.append(repr(parameters))

    sa.event.listen(sa.Engine, "before_cursor_execute", look)
    try:
        shell.do(f"{f'--operator {option} ' if option else ''}day run --through 2013-09-16")
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", look)
    assert len(signed) == 1
    assert f"'{told} on {os.uname().nodename}, process {os.getpid()}'" in signed[0]


def test_who_lost_the_lock_does_not_sign_off_the_next(desk: Desk) -> None:
    if desk.engine.dialect.name != "postgresql":
        pytest.skip("a file's lock is lost with its process only")
    with facade.working(desk.engine, desk.book, LI):
        with desk.engine.connect() as connection:
            end = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
            connection.execute(sa.text(end))
        _wait_until_free(desk)
        second = facade.connect(desk.engine.url)
        wu = facade.working(second, desk.book, WU)
        wu.__enter__()
    assert [row.operator for row in desk.rows(day_operator)] == [WU.name]
    with pytest.raises(DayBusy, match="wu on desk-2"), facade.working(desk.engine, desk.book, LI):
        pytest.fail("both work")
    wu.__exit__(None, None, None)
    assert desk.rows(day_operator) == []
    second.dispose()


def test_the_lock_s_file_is_for_whoever_may_write_the_books(tmp_path: Path) -> None:
    desk = Desk.open(f"sqlite:///{tmp_path / 'books.db'}")
    (tmp_path / "books.db").chmod(0o660)
    with facade.working(desk.engine, desk.book, LI):
        assert (tmp_path / "books.db-day-000198").stat().st_mode & 0o777 == 0o660
    (tmp_path / "books.db-day-000198").unlink()
    (tmp_path / "books.db-day-000198").mkdir()
    with pytest.raises(IsADirectoryError), facade.working(desk.engine, desk.book, LI):
        pytest.fail("works without a lock")
    desk.engine.dispose()


def test_books_in_two_schemas_have_two_days(database_url: str) -> None:
    if not database_url.startswith("postgresql"):
        pytest.skip("SQLite has no schemas")
    desks = []
    for schema in ("one", "Two"):
        with facade.connect(database_url).begin() as connection:
            connection.execute(sa.text(f'CREATE SCHEMA "{schema}"'))
        url = sa.make_url(database_url).update_query_dict({"options": f'-csearch_path="{schema}"'})
        desks.append(Desk.open(url.render_as_string(hide_password=False)))
    first, second = desks
    with facade.working(first.engine, first.book, LI), facade.working(second.engine, second.book, WU):
        assert [row.operator for row in first.rows(day_operator)] == [LI.name]
        assert [row.operator for row in second.rows(day_operator)] == [WU.name]


def test_books_in_memory_are_not_held_and_files_are_named_in_any_way(tmp_path: Path) -> None:
    memory = facade.connect("sqlite://")
    with memory.begin() as connection:
        book = facade.create(connection, OPENED_ON)
    with facade.working(memory, book, LI):
        facade.run_day(memory, book, OPENED_ON, at("09-16 00:00") + timedelta(1))
    file = Desk.open(f"sqlite:///file:{tmp_path / 'books.db'}?uri=true")
    with facade.working(file.engine, file.book, LI):
        assert (tmp_path / "books.db-day-000198").is_file()
    for engine in (memory, file.engine):
        engine.dispose()


def _wait_until_free(desk: Desk) -> None:
    """Wait until the server has noticed that its client is gone; the lock of a file is gone with its process."""
    if desk.engine.dialect.name == "postgresql":
        held = sa.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted")
        with desk.engine.connect() as connection:
            for _ in range(2000):
                if connection.execute(held).scalar_one() == 0:
                    break
                connection.execute(sa.text("SELECT pg_sleep(0.01)"))
