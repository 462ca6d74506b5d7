"""The transfer agent's files at the command line: connect, export, and the list of what went to and fro."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.shell import Shell

DATA, INDEX = "OFD_WALLET_TA_20130916_03.TXT", "OFI_WALLET_TA_20130916.TXT"
QUICK, QUICK_INDEX = "OFD_WALLET_TA_20130917_33.TXT", "OFT_WALLET_TA_20130917.TXT"
AT = ("--at", "2013-09-16T15:10:00")


@pytest.fixture
def shell(database_url: str) -> Shell:
    """Give a book of 09-16 with alice and her first order."""
    shell = Shell(database_url)
    shell.do("init --opened-on 2013-09-16")
    shell.do("wallet open alice --at 2013-09-16T09:00:00")
    shell.do("transfer-in alice 100 --request in --at 2013-09-16T10:00:00")
    return shell


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Give an empty directory."""
    directory = tmp_path / "out_going"
    directory.mkdir()
    return directory


def cut(shell: Shell) -> None:
    shell.do("day run --through 2013-09-16 --at 2013-09-16T15:00:00")


def test_applications_are_sent_once_and_again(shell: Shell, out: Path) -> None:
    cut(shell)
    export = f"ta export --date 2013-09-16 --dir {out} --at 2013-09-16T15:10:00"
    told = {
        "file": DATA,
        "index": INDEX,
        "kind": "03",
        "date": "2013-09-16",
        "records": 1,
        "advancer": "0.00",
        "new": True,
    }
    assert shell.do(export) == told
    files = {path.name: path.read_bytes() for path in out.iterdir()}
    assert sorted(files) == [DATA, INDEX]
    assert shell.do(export) == told | {"new": False}
    assert {path.name: path.read_bytes() for path in out.iterdir()} == files
    assert shell.do("ta files") == [
        {
            "number": 1,
            "name": DATA,
            "kind": "03",
            "from": "2013-09-16",
            "to": "2013-09-16",
            "records": 1,
            "received_at": "2013-09-16T15:10:00+08:00",
        }
    ]
    trail = [(row["command"], row["arguments"][:2], row["outcome"]) for row in shell.do("audit trail")]
    assert trail[-2:] == [("ta export", ["--date", "2013-09-16"], "done")] * 2


def test_names_are_shown_as_they_are(shell: Shell, out: Path) -> None:
    cut(shell)
    ended = shell.run("ta", "export", "--date", "2013-09-16", "--dir", str(out), *AT)
    assert ended.code == 0
    assert f"file      {DATA}\nindex     {INDEX}\n" in ended.out
    assert DATA in shell.run("ta", "files").out
    assert shell.run("--json", "ta", "files", "--from", "2013-09-17").document == []
    assert shell.run("--json", "ta", "files", "--to", "2013-09-15").document == []


def test_quick_transfers_of_a_closed_day(shell: Shell, out: Path) -> None:
    shell.do("announce 2013-09-16 1.2")
    shell.do("announce 2013-09-17 1.2")
    shell.do("day run --through 2013-09-17 --at 2013-09-17T00:00:00")
    shell.do("ta connect --from 2013-09-17")
    shell.do("pay alice 30 --merchant shop --request p --at 2013-09-17T10:00:00")
    words = ("ta", "export", "--quick", "--day", "2013-09-17", "--dir", str(out), *AT)
    assert shell.refused(*words) == (1, "2013-09-17 is not closed yet: its quick transfers are not complete")
    assert shell.run("day", "run", "--through", "2013-09-17", "--at", "2013-09-18T00:00:00").code == 3, "06 is missing"
    told = shell.run("--json", *words).document
    assert (told["file"], told["index"], told["kind"], told["records"]) == (QUICK, QUICK_INDEX, "33", 1)
    assert shell.run(*words).code == 0


def test_a_connection_and_a_later_one(shell: Shell) -> None:
    told = {"from": "2013-09-16", "distributor": "WALLET", "transfer_agent": "TA", "tolerance": "0.00", "new": True}
    assert shell.do("ta connect --from 2013-09-16") == told
    assert shell.do("ta connect --from 2013-09-16 --tolerance 0") == told | {"new": False}
    codes = "--distributor 378 --transfer-agent 98 --tolerance 0.05"
    assert shell.do(f"ta connect --from 2013-09-17 {codes}") == {
        "from": "2013-09-17",
        "distributor": "378",
        "transfer_agent": "98",
        "tolerance": "0.05",
        "new": True,
    }


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ("--from 2013-09-19", 1, "the book cannot be connected from 2013-09-19: it is not a trading day"),
        ("--from 2013-09-13", 1, "the book cannot be connected from 2013-09-13: the first trade date that is not"),
        ("--from 2031-01-02", 1, "2031-01-02"),
        ("--from yesterday", 2, "yesterday"),
        ("--from 2013-09-16 --tolerance -1", 2, "amount '-1'"),
        ("--from 2013-09-16 --tolerance 0.001", 2, "amount '0.001'"),
        ("--from 2013-09-16 --distributor 钱包", 2, "distributor: a code has 1 to 9 letters and digits"),
        ("--from 2013-09-16 --transfer-agent WALLET", 2, "transfer agent: it needs another code than the distributor"),
        ("", 2, "Missing option '--from'"),
    ],
)
def test_refused_connections(shell: Shell, words: str, code: int, told: str) -> None:
    ended = shell.refused("ta", "connect", *words.split())
    assert ended[0] == code
    assert told in ended[1]


@pytest.mark.parametrize(
    "words",
    [
        "",
        "--date 2013-09-16 --quick",
        "--date 2013-09-16 --quick --day 2013-09-16",
        "--date 2013-09-16 --day 2013-09-16",
        "--quick",
        "--day 2013-09-16",
    ],
)
def test_exactly_one_way_is_said(shell: Shell, out: Path, words: str) -> None:
    code, told = shell.refused("ta", "export", *words.split(), "--dir", str(out))
    assert code == 2
    assert "--date DATE | --quick --day DATE" in told
    assert list(out.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ("--date 2013-09-17", 1, "trade date 2013-09-17 is not cut yet: its applications are not complete"),
        ("--date 2013-09-13", 1, "2013-09-13 is before the books were opened on 2013-09-16"),
        ("--date 2013-09-21", 2, "trade date: 2013-09-21 is not a trading day"),
        ("--date 2031-01-02", 1, "2031-01-02"),
        ("--date 2013-9-16", 2, "2013-9-16"),
        ("--quick --day 2013-09-16", 1, "2013-09-16 is not closed yet: its quick transfers are not complete"),
    ],
)
def test_refused_exports(shell: Shell, out: Path, words: str, code: int, told: str) -> None:
    cut(shell)
    ended = shell.refused("ta", "export", *words.split(), "--dir", str(out))
    assert ended[0] == code
    assert told in ended[1]
    assert list(out.iterdir()) == []


def test_the_trail_tells_of_a_refused_export_once(shell: Shell, out: Path) -> None:
    shell.refused("ta", "export", "--date", "2013-09-17", "--dir", str(out))
    cut(shell)
    (out / DATA).write_text("something else")
    code, told = shell.refused("ta", "export", "--date", "2013-09-16", "--dir", str(out))
    assert (code, told) == (1, f"{out / DATA} holds something else: move it away, or say another directory")
    outcomes = [row["outcome"] for row in shell.do("audit trail") if row["command"] == "ta export"]
    assert outcomes == ["trade_date_open", "name_taken"]


def test_a_directory_that_cannot_be_written(shell: Shell, out: Path) -> None:
    cut(shell)
    export = ("ta", "export", "--date", "2013-09-16", "--dir")
    assert shell.refused(*export, str(out / "no")) == (2, f"{out / 'no'} cannot be written: No such file or directory")
    (out / "file").write_text("")
    assert shell.refused(*export, str(out / "file")) == (2, f"{out / 'file'} cannot be written: Not a directory")
    if os.geteuid() != 0:
        out.chmod(0o500)
        assert shell.refused(*export, str(out)) == (2, f"{out} cannot be written: Permission denied")
