"""The commands of the database, typed: its version, its upgrade, the script for whoever upgrades it by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from tests import version_1
from tests.shell import Shell, dump
from wallet.schema import VERSION

BROUGHT = [
    {"version": "0002", "brings": "who is running the day, and since when"},
    {"version": "0003", "brings": "seals, the trail of commands, and approvals by a second operator"},
    {"version": "0004", "brings": "the transfer agent and the bank: files, answers, statements, breaks"},
]


@pytest.fixture
def old(database_url: str) -> Shell:
    """Give the command line of a filled database of version 1."""
    version_1.load(database_url)
    return Shell(database_url)


def test_an_old_database_is_seen_upgraded_and_used(old: Shell, engine_kind: str, tmp_path: Path) -> None:
    code, line = old.refused("wallet", "show", "alice")
    assert code == 9
    assert (
        line
        == "this database is of schema version 0001, this program needs 0004: upgrade it with `fundwallet db upgrade`"
    )
    assert old.do("db status") == {"version": "0001", "needed": VERSION, "pending": BROUGHT}
    before = dump(old.url)
    told = old.do("db upgrade")
    backup = str(tmp_path / "books.db-0001.backup") if engine_kind == "sqlite" else None
    assert told == {"from": "0001", "to": VERSION, "applied": BROUGHT, "backup": backup}
    if backup is not None:
        assert dump(f"sqlite:///{backup}") == before
    assert old.do("db status") == {"version": VERSION, "needed": VERSION, "pending": []}
    assert old.do("verify")["ok"]
    assert old.do("wallet show alice")["fund"] == "000198"


def test_an_upgrade_done_twice_copies_nothing(old: Shell, tmp_path: Path) -> None:
    old.do("db upgrade")
    there = sorted(tmp_path.iterdir())
    assert old.do("db upgrade") == {"from": VERSION, "to": VERSION, "applied": [], "backup": None}
    assert sorted(tmp_path.iterdir()) == there


def test_what_a_person_reads(old: Shell) -> None:
    assert old.run("db", "status").out.splitlines() == [
        "version  0001",
        "needed   0004",
        "Pending: 0002, who is running the day, and since when",
        "Pending: 0003, seals, the trail of commands, and approvals by a second operator",
        "Pending: 0004, the transfer agent and the bank: files, answers, statements, breaks",
    ]
    told = old.run("db", "upgrade").out.splitlines()
    assert told[:2] == ["from    0001", "to      0004"]
    assert told[-3] == "Applied: 0002, who is running the day, and since when"


def test_the_script_is_that_of_the_database_or_of_the_version_named(old: Shell) -> None:
    script = old.do("db sql")
    assert (script["from"], script["to"]) == ("0001", VERSION)
    assert old.do("db sql --from 0001") == script
    assert old.run("db", "sql").out.strip() == script["sql"].strip()
    version_1.execute(old.url, old.run("db", "sql").out)
    assert old.do("db sql")["sql"] == ""
    assert old.do("verify")["ok"]
    assert "CREATE TABLE posting" in old.do("db sql --from base")["sql"]
    code, line = old.refused("db", "sql", "--from", "7")
    assert code == 2
    assert "7 is no schema version that this program knows" in line


def test_the_script_of_an_empty_database_makes_room_for_a_book(database_url: str) -> None:
    shell = Shell(database_url)
    whole = shell.do("db sql --from base")
    if database_url.startswith("postgresql"):
        assert shell.do("db sql") == whole
    version_1.execute(database_url, whole["sql"])
    assert shell.refused("wallet", "show", "alice")[0] == 1
    assert shell.do("init --opened-on 2013-09-16")["fund"] == "000198"
    assert shell.do("verify")["ok"]
    assert shell.refused("init")[1] == "this database is not empty: it holds the book of 000198 already"


def test_refusals(database_url: str, tmp_path: Path) -> None:
    missing = Shell(f"sqlite:///{tmp_path / 'none.db'}")
    for words in ("status", "upgrade", "sql"):
        ended = missing.run("db", words)
        assert (ended.code, ended.out) == (9, "")
        assert "there is no database" in ended.err
    shell = Shell(database_url)
    engine = sa.create_engine(database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE somebodys (thing INTEGER)")
    assert shell.refused("db", "upgrade")[0] == shell.refused("db", "status")[0] == 1
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE somebodys")
    engine.dispose()
    shell.do("init --opened-on 2013-09-16")
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE fundwallet_version SET version_num = '9999'")
    engine.dispose()
    for words in ("status", "upgrade", "sql"):
        code, line = shell.refused("db", words)
        assert code == 9
        assert "schema version 9999" in line
    assert "use the fundwallet that wrote it" in line
