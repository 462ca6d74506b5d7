"""The bank at the command line: statements in, items out, and what is shown of both."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.desk import Desk, at, day
from tests.shell import Shell
from tests.statement_files import Told, camt, csv
from wallet.outside import bank


@pytest.fixture
def shell(desk: Desk) -> Shell:
    desk.publish("09-16", "09-30")
    desk.transfer_in("alice", 1_000_00, "09-16 10:00")
    desk.transfer_in("bob", 500_00, "09-16 10:00")
    desk.run("09-16", at("09-17 00:00"))
    return Shell(desk.engine.url.render_as_string(hide_password=False))


def test_a_statement_is_imported_and_its_lines_are_shown(shell: Shell, desk: Desk, tmp_path: Path) -> None:
    path = camt(tmp_path / "s.xml", "2013-09-16", Told(1_000_00, "T1"), Told(-1_05, None, None, "费 [b]\x85"))
    document = {"file": "s.xml", "kind": "bank", "from": "2013-09-16", "to": "2013-09-16", "records": 2, "new": True}
    assert shell.do(f"bank import {path}") == document
    assert shell.do(f"bank import {path}") == document | {"new": False}
    before = shell.do("bank lines")
    assert [line["reconciled"] for line in before] == [None, None]
    assert [item["reference"] for item in shell.do("bank items")] == ["T1", "T2"]
    desk.ask(bank.match, day("09-16"), at("09-17 01:00"))
    lines = shell.do("bank lines --from 2013-09-16 --to 2013-09-16")
    assert lines[0] == {
        "date": "2013-09-16",
        "statement": "S1",
        "line": 1,
        "amount": "1000.00",
        "reference": "T1",
        "counterparty": None,
        "text": None,
        "item": "T1",
        "matched": "1000.00",
        "suspense": "0.00",
        "entry": None,
        "reconciled": "2013-09-16",
    }
    assert (lines[1]["suspense"], lines[1]["matched"], lines[1]["item"]) == ("-1.05", "0.00", None)
    assert shell.do("bank lines --from 2013-09-17") == []
    assert shell.do("bank items") == [
        {
            "reference": "T2",
            "date": "2013-09-16",
            "amount": "500.00",
            "what": "transfer in",
            "wallet": "bob",
            "memo": None,
        }
    ]
    assert shell.do("bank items --on 2013-09-15") == []
    shown = shell.run("bank", "lines").out
    assert "费 [b]" in shown
    assert shell.run("bank", "items").out.splitlines()[2].split() == [
        *("2013-09-16", "Mon", "T2", "500.00", "transfer", "in", "bob")
    ]
    row = ["2013-09-16", "Mon", "S1", "2", "-1.05", "0.00", "-1.05", str(lines[1]["entry"]), "费", "[b]"]
    assert shown.splitlines()[3].split() == row
    trail = shell.do("audit trail")
    assert [(row["command"], row["outcome"]) for row in trail] == [("bank import", "done")] * 2


def test_what_the_bank_is_to_do_is_exported(shell: Shell, tmp_path: Path) -> None:
    told = shell.do(f"bank export --day 2013-09-16 --dir {tmp_path}")
    path = tmp_path / "BANK_WALLET_20130916.csv"
    assert told == {"file": str(path), "date": "2013-09-16", "items": 2}
    before = path.read_bytes()
    assert str(path) in shell.run("bank", "export", "--day", "2013-09-16", "--dir", str(tmp_path)).out
    assert path.read_bytes() == before


def test_refusals_are_one_line(shell: Shell, tmp_path: Path) -> None:
    path = csv(tmp_path / "s.csv", "2013-09-16", Told(1))
    path.write_text(path.read_text().replace("0.01,,", "0.1.1,,"))
    code, line = shell.refused("bank", "import", str(path))
    assert (code, line) == (1, "s.csv line 3, amount: found '0.1.1', expected an amount like 100.05 or -100.05")
    code, line = shell.refused("bank", "import", str(tmp_path / "none.xml"))
    assert (code, line) == (2, f"{tmp_path / 'none.xml'}: cannot be read: No such file or directory")
    code, line = shell.refused("bank", "export", "--day", "2013-09-17", "--dir", str(tmp_path))
    assert (code, line) == (1, "2013-09-17 is not closed yet, only 2013-09-16 is: more cash may be booked on it")
    code, line = shell.refused("bank", "export", "--day", "2013-09-16", "--dir", str(path))
    assert code == 2
    assert "cannot be written" in line
