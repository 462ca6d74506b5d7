"""Two operators at the command line: what one asks for, what the other decides, and the trail of all of it."""

from __future__ import annotations

import pytest

from tests.shell import Shell

AT = ("--at", "2013-09-18T12:00:00")
NEXT = ("--at", "2013-09-19T12:00:00")
LI, WANG = ("--operator", "李明"), ("--operator", "王芳")


@pytest.fixture
def shell(database_url: str) -> Shell:
    """Give a book with alice, run through 09-18, whose terms want a second operator for everything from 09-19 on."""
    shell = Shell(database_url)
    shell.do("init --opened-on 2013-09-16")
    shell.do("wallet open alice --at 2013-09-16T09:00:00")
    shell.do("transfer-in alice 100 --request in --at 2013-09-16T09:00:00")
    for day in ("16", "17", "18", "19"):
        shell.do(f"announce 2013-09-{day} 1.2")
    names = "manual_entry reversal changed_terms replaced_figures"
    ended = shell.run(*LI, "--json", "terms", "change", "--valid-from", "2013-09-19", "--four-eyes", names, *AT)
    assert ended.code == 0, ended.err
    assert ended.document["four_eyes"] == names.split()
    shell.do("day run --through 2013-09-18 --at 2013-09-19T00:00:00")
    return shell


def test_an_entry_is_proposed_approved_and_reversed(shell: Shell) -> None:
    words = ["entry", "post", "register", "shares", "1.50", "--wallet", "alice", "--memo", "补", "--request", "m1"]
    ended = shell.run(*LI, "--json", *words, *NEXT)
    assert (ended.code, ended.err) == (0, "")
    assert ended.document == {
        "operation": "manual_entry",
        "proposal": 1,
        "status": "waiting",
        "entry": None,
        "debit": "register",
        "credit": "shares",
        "amount": "1.50",
        "wallet": "alice",
        "memo": "补",
        "request_id": "m1",
        "date": None,
    }
    assert [each["number"] for each in shell.do("proposals")] == [1]
    assert shell.refused(*LI, "approve", "1", *NEXT) == (
        1,
        "proposal 1 was made by 李明: another operator has to decide on it",
    )
    done = shell.run(*WANG, "--json", "approve", "1", *NEXT).document
    assert (done["verdict"], done["decided_by"], done["arguments"]["amount"]) == ("approved", "王芳", "1.50")
    assert shell.do("proposals") == []
    again = shell.run(*LI, "--json", *words, *NEXT).document
    assert (again["status"], again["entry"], again["date"]) == ("applied", done["entry"], "2013-09-19")
    ended = shell.run(*WANG, "--json", "entry", "reverse", str(done["entry"]), "--why", "错", "--request", "r1", *NEXT)
    assert (ended.document["proposal"], ended.document["reverses"], ended.document["entry"]) == (2, done["entry"], None)
    assert shell.run(*LI, "reject", "2", "--why", "没有错，对的", *NEXT).code == 0
    told = shell.do("proposals --all")
    assert [(each["verdict"], each["why"]) for each in told] == [("approved", None), ("rejected", "没有错，对的")]
    trail = [(row["operator"], row["command"], row["outcome"], row["entries"]) for row in shell.do("audit trail")[-5:]]
    assert trail == [
        ("李明", "approve", "same_operator", ""),
        ("王芳", "approve", "done", str(done["entry"])),
        ("李明", "entry post", "done", ""),
        ("王芳", "entry reverse", "done", ""),
        ("李明", "reject", "done", ""),
    ]
    assert shell.do("verify")["ok"]


def test_a_figure_is_replaced_by_two(shell: Shell) -> None:
    told = {"fund": "000198", "announced": 1}
    assert shell.do("announce 2013-09-20 1.1 --replace") == told | {"new": 1, "proposal": None}
    ended = shell.run(*LI, "--json", "announce", "2013-09-20", "1.3", "--replace")
    assert ended.document == told | {"new": 0, "proposal": 1}
    assert shell.do("report yields")[-1]["income_per_10k"] == "1.1000"
    figure = shell.do("proposals")[0]["arguments"]["published"][0]
    assert (figure["date"], figure["income_per_10k"]) == ("2013-09-20", "1.3000")
    assert shell.run(*WANG, "approve", "1").code == 0
    assert shell.do("report yields")[-1]["income_per_10k"] == "1.3000"


def test_terms_are_changed_by_two_and_shown(shell: Shell) -> None:
    words = "terms change --valid-from 2013-09-23 --minimum 5 --holding-cap none --quota-daily 1000 --instant-daily 7"
    words += " --facility 99 --order-of-use confirmed_first --transfer-in-daily 50 --four-eyes none"
    ended = shell.run(*LI, "--json", *words.split(), "--suspended", "2013-09-30 2013-10-01..2013-10-02", *NEXT)
    assert ended.document["status"] == "waiting"
    assert shell.run(*WANG, "approve", "1", *NEXT).code == 0
    version = next(each for each in shell.do("terms show") if each["valid_from"] == "2013-09-23")
    assert version == {
        "valid_from": "2013-09-23",
        "minimum": "5.00",
        "holding_cap": None,
        "transfer_in_daily": "50.00",
        "quota_daily": "1000.00",
        "instant_daily": "7.00",
        "facility": "99.00",
        "order_of_use": "confirmed_first",
        "suspended": [["2013-09-30", "2013-09-30"], ["2013-10-01", "2013-10-02"]],
        "four_eyes": [],
    }
    assert shell.do("verify")["ok"]


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        ("approve 9", 1, "there is no proposal 9"),
        ("approve x", 2, "Invalid value for 'NUMBER'"),
        ("reject 9 --why \t", 2, "why"),
        ("entry post cash in_transit 5 --memo m --request r", 1, "is not booked by hand"),
        ("entry post cash merchant_payable -5 --memo m --request r", 2, "No such option"),
        ("entry post cash merchant_payable 1.001 --memo m --request r", 2, "amount"),
        ("entry post cash merchant_payable 5 --memo m --request r --date 2013-09-18", 1, "2013-09-18 is closed"),
        ("entry reverse 1 --why w --request r", 1, "entry 1 is a transfer_in: only a manual entry can be reversed"),
        ("entry reverse 99 --why w --request r", 1, "there is no entry 99: only a manual entry can be reversed"),
        ("terms change --valid-from 2013-09-19 --minimum 5", 1, "other terms are valid from 2013-09-19 already"),
        ("terms change --valid-from 2013-09-18 --minimum 5", 1, "come too late"),
        ("terms change --valid-from 2013-09-23", 2, "say what is to change"),
        ("terms change --valid-from 2013-09-23 --minimum none", 2, "amount 'none'"),
        ("terms change --valid-from 2013-09-23 --four-eyes everything", 2, "everything is none of"),
        ("terms change --valid-from 2013-09-23 --suspended 2013-09-30..2013-09-29", 2, "is after"),
        ("terms change --valid-from 2013-09-23 --suspended soon", 2, "date"),
    ],
)
def test_refusals(shell: Shell, words: str, code: int, line: str) -> None:
    typed = words.split(" ") + ([] if words.startswith("proposals") else list(NEXT))
    found = shell.refused(*WANG, *typed)
    assert found[0] == code, found
    assert line in found[1], found


def test_what_a_person_reads(shell: Shell) -> None:
    ended = shell.run(
        *LI, "entry", "post", "cash", "merchant_payable", "5", "--memo", "手续费", "--request", "m", *NEXT
    )
    assert "status      waiting" in ended.out.splitlines()
    told = shell.run("proposals").out
    assert "manual entry: amount 5.00, credit merchant_payable, debit cash, memo 手续费, request id m" in told
    assert "李明" in told
    told = shell.run(*WANG, "reject", "1", "--why", "不对").out
    assert "why          不对" in told.splitlines()
    assert "rejected by 王芳" in shell.run("proposals", "--all").out
    assert (
        "four eyes          manual_entry, reversal, changed_terms, replaced_figures" in shell.run("terms", "show").out
    )
    assert shell.run("proposals").code == 0
