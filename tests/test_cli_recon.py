"""Breaks at the command line: what a clerk reads, explains and resolves, and what is refused."""

from __future__ import annotations

import pytest

from tests.desk import Desk
from tests.outside_records import connect, reconciled, tell_answer, tell_cash, tell_shares
from tests.shell import Shell

LI, WANG = ("--operator", "李明"), ("--operator", "王芳")
AT = ("--at", "2013-09-18T09:00:00")
NAME = "爱丽丝 𠮷"


@pytest.fixture
def shell(database_url: str) -> Shell:
    """Give a book closed through 09-17 with two breaks, of one wallet's shares and of cash."""
    shell = Shell(database_url)
    shell.do("init --opened-on 2013-09-16")
    assert shell.run("wallet", "open", NAME, "--at", "2013-09-16T09:00:00").code == 0
    request = ("--request", "in", "--at", "2013-09-16T09:00:00")
    assert shell.run("transfer-in", NAME, "1234.56", *request).code == 0
    shell.do("announce 2013-09-16 1.2")
    shell.do("announce 2013-09-17 1.2")
    shell.do("day run --through 2013-09-17 --at 2013-09-18T00:00:00")
    desk = Desk.at(database_url)
    connect(desk, "09-16")
    reconciled(desk, "09-17")
    tell_shares(desk, "09-17", {NAME: 1_234_55})
    tell_answer(desk, NAME, 1, "122", "09-17", 1_234_56)
    tell_cash(desk, "09-17", {"122": -1_234_00})
    desk.engine.dispose()
    told = shell.do("recon run --at 2013-09-18T08:00:00")
    assert (told["fund"], told["date"], [each["number"] for each in told["breaks"]]) == ("000198", "2013-09-17", [1, 2])
    return shell


SHARES = {
    "number": 1,
    "kind": "shares",
    "subject": f"wallet {NAME}",
    "since": "2013-09-17",
    "unit": "000198",
    "ours": "1234.56",
    "theirs": "1234.55",
    "difference": "0.01",
    "state": "open",
    "operator": "reconciliation",
    "note": None,
}
CLEARING = SHARES | {
    "number": 2,
    "kind": "clearing",
    "subject": "122 of 2013-09-17",
    "unit": "CNY",
    "ours": "-1234.56",
    "theirs": "-1234.00",
    "difference": "-0.56",
}


def test_breaks_are_listed_explained_and_resolved(shell: Shell) -> None:
    assert shell.do("recon breaks") == [SHARES, CLEARING]
    ended = shell.run(*LI, "--json", "recon", "explain", "1", "--note", "一分钱 𠮷", *AT)
    explained = SHARES | {"state": "explained", "operator": "李明", "note": "一分钱 𠮷"}
    assert (ended.code, ended.document, ended.err) == (0, explained, "")
    assert shell.run(*LI, "--json", "recon", "explain", "1", "--note", "一分钱 𠮷").document == explained
    ended = shell.run(*WANG, "--json", "recon", "resolve", "2", *AT)
    resolved = CLEARING | {"state": "resolved", "operator": "王芳"}
    assert ended.document == resolved
    assert shell.run(*WANG, "--json", "recon", "resolve", "2").document == resolved
    assert shell.do("recon breaks") == [explained]
    assert shell.do("recon breaks --state open") == []
    assert shell.do("recon breaks --state resolved") == [resolved]
    assert shell.do("recon breaks --state all") == [explained, resolved]
    assert shell.do("recon breaks --state all --kind clearing") == [resolved]
    opened = {"number": 1, "date": "2013-09-17", "state": "open", "ours": "1234.56", "theirs": "1234.55"}
    opened |= {"at": "2013-09-18T08:00:00+08:00", "operator": "reconciliation", "note": None}
    said = opened | {"number": 3, "date": "2013-09-18", "state": "explained", "at": "2013-09-18T09:00:00+08:00"}
    said |= {"operator": "李明", "note": "一分钱 𠮷"}
    assert shell.do("recon show 1") == explained | {"events": [opened, said]}
    trail = [(row["operator"], row["command"], row["arguments"], row["outcome"]) for row in shell.do("audit trail")]
    assert trail[-4] == ("李明", "recon explain", ["1", "--note", "一分钱 𠮷", *AT], "done")
    assert trail[-1] == ("王芳", "recon resolve", ["2"], "done")


def test_reconciled_again_nothing_changes(shell: Shell) -> None:
    told = shell.do("recon run")
    assert told["breaks"] == [SHARES, CLEARING]
    assert shell.do("recon run --date 2013-09-17") == told
    assert [event["number"] for event in shell.do("recon show 2")["events"]] == [2]
    assert [row["outcome"] for row in shell.do("audit trail")[-2:]] == ["begun", "done"]


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (("show", "9"), 1, "there is no break 9"),
        (("show", "0"), 1, "there is no break 0"),
        (("show", "x"), 2, "Invalid value for 'ID'"),
        (("explain", "9", "--note", "n"), 1, "there is no break 9"),
        (("explain", "1"), 2, "Missing option '--note'"),
        (("explain", "1", "--note", " "), 2, "note"),
        (("explain", "1", "--note", "长" * 201), 2, "note: String should have at most 200 characters"),
        (("resolve", "1"), 1, "break 1 still differs by 0.01: explain it; the reconciliation of a day on which it no"),
        (("breaks", "--kind", "coins"), 2, "it is one of shares, in_transit, redeeming, advance, cash, bank_line"),
        (("breaks", "--state", "shut"), 2, "'shut' is not one of"),
        (("run", "--date", "2013-09-16"), 1, "2013-09-16 is not reconciled: `fundwallet day run` does it once"),
        (("run", "--date", "2013-09-18"), 1, "2013-09-18 is not reconciled"),
        (("run", "--date", "yesterday"), 2, "date"),
    ],
)
def test_refusals(shell: Shell, words: tuple[str, ...], code: int, line: str) -> None:
    found = shell.refused("recon", *words)
    assert found[0] == code, found
    assert line in found[1], found


def test_what_is_resolved_stays_so(shell: Shell) -> None:
    assert shell.run(*LI, "recon", "resolve", "2", "--note", "补到了").code == 0
    assert shell.refused(*WANG, "recon", "resolve", "2")[1] == "break 2 is resolved already, by 李明"
    assert shell.refused(*LI, "recon", "explain", "2", "--note", "又")[1] == "break 2 is resolved already, by 李明"
    resolved = CLEARING | {"state": "resolved", "operator": "李明", "note": "补到了"}
    assert shell.do("recon run")["breaks"] == [SHARES, resolved], "as it stands now"


def test_what_a_person_reads(shell: Shell) -> None:
    shell.run(*LI, "recon", "explain", "1", "--note", "一分钱", *AT)
    (heading, _, row, _) = shell.run("recon", "breaks").out.splitlines()
    headings = "Number|Kind|Subject|Since|Ours|Theirs|Difference|Unit|State|By|Note"
    assert "|".join(heading.split()) == headings
    assert row.split()[:2] == ["1", "shares"]
    said = "2013-09-17|1,234.56|1,234.55|0.01|000198|explained|李明|一分钱"
    assert "|".join(row.split()[-8:]) == said
    told = shell.run("recon", "show", "1").out.splitlines()
    assert f"subject     wallet {NAME}" in told
    event = "2013-09-18|explained|1,234.56|1,234.55|2013-09-18|09:00:00|李明|一分钱"
    assert "|".join(told[-1].split()) == event
    assert shell.run("recon", "run").out.splitlines()[0] == "Reconciliation of 2013-09-17 Tue"
    assert "state       explained" in shell.run(*LI, "recon", "explain", "2", "--note", "n").out.splitlines()


def test_a_day_without_breaks(database_url: str) -> None:
    shell = Shell(database_url)
    shell.do("init --opened-on 2013-09-16")
    assert shell.refused("recon", "run")[1].startswith("no day is reconciled yet: `fundwallet day run`")
    shell.do("day run --through 2013-09-16 --at 2013-09-17T00:00:00")
    assert shell.refused("recon", "run")[1].startswith("no day is reconciled yet")
    desk = Desk.at(database_url)
    connect(desk, "09-16")
    reconciled(desk, "09-16")
    desk.engine.dispose()
    assert shell.do("recon run")["breaks"] == []
    assert shell.run("recon", "run").out == "Reconciliation of 2013-09-16 Mon: no breaks\n"
    assert shell.run("recon", "breaks").out.splitlines()[0].startswith("Number")
