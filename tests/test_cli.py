"""The command line, command by command: what `--json` holds, how commands end, what a person sees."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer

import cli
from tests.shell import Shell, process

FIGURES = Path(__file__).resolve().parent.parent / "wallet" / "data" / "000198_2013H2.csv"
HELD = {"shares", "redeeming", "in_transit", "customer_payable"}
RECEIPT = {"request_id", "kind", "wallet", "amount", "status", "at", "trade_date", "confirmation_date"}
STEPS = ["confirm", "settle", "cutoff", "close", "distribute", "reconcile", "prove"]


@pytest.fixture
def shell(database_url: str) -> Shell:
    """Give a shell in front of a book of 2013-09-16 with all figures, the wallets alice and bob, and some orders."""
    shell = Shell(database_url)
    shell.do("init --opened-on 2013-09-16")
    shell.do(f"announce --csv {FIGURES}")
    shell.do("wallet open alice --at 2013-09-16T09:00:00")
    shell.do("wallet open bob --at 2013-09-16T09:30:00")
    shell.do("transfer-in alice 1000 --request r1 --at 2013-09-16T10:00:00")
    return shell


# What --json holds


def test_init_and_wallet_open(shell: Shell) -> None:
    assert shell.do("wallet open carol --at 2013-09-16T01:00:00Z") == {
        "wallet": "carol",
        "number": 3,
        "fund": "000198",
        "at": "2013-09-16T09:00:00+08:00",
    }


def test_receipts(shell: Shell) -> None:
    shell.do("day run --through 2013-09-17")
    paid = shell.do("pay alice 10.50 --merchant shop --request p1 --at 2013-09-18T09:00:00")
    assert paid == {
        "request_id": "p1",
        "kind": "payment",
        "wallet": "alice",
        "amount": "10.50",
        "status": "done",
        "at": "2013-09-18T09:00:00+08:00",
        "trade_date": None,
        "confirmation_date": None,
    }
    refunded = shell.do("refund alice p1 0.50 --request p2 --at 2013-09-18T10:00:00")
    assert (refunded["kind"], refunded["trade_date"]) == ("refund", "2013-09-18")
    assert refunded["confirmation_date"] == "2013-09-23"
    instant = shell.do("transfer-out alice 20 --instant --request p3 --at 2013-09-18T10:00:00")
    assert (instant["kind"], instant["status"], instant["trade_date"]) == ("transfer_out_instant", "done", None)
    standard = shell.do("transfer-out alice 30 --standard --request p4 --at 2013-09-18T10:00:00")
    assert (standard["kind"], standard["status"]) == ("transfer_out_standard", "accepted")
    for receipt in (paid, refunded, instant, standard):
        assert receipt.keys() >= RECEIPT
    again = shell.do("refund alice p1 0.50 --request p2 --at 2013-09-20T10:00:00")
    assert again == refunded


def test_order_of_use_is_the_callers(shell: Shell) -> None:
    shell.do("day run --through 2013-09-17")
    shell.do("transfer-in alice 100 --request r2 --at 2013-09-18T09:00:00")
    use = "--merchant shop --at 2013-09-18T09:30:00 --order-of-use"
    shell.do(f"pay alice 60 --request p1 {use} confirmed_first")
    assert shell.do("wallet show alice")["in_transit"] == "100.00"
    shell.do(f"transfer-out alice 60 --instant --request p2 {use.replace('--merchant shop', '')} unconfirmed_first")
    assert shell.do("wallet show alice")["in_transit"] == "40.00"


def test_wallet_show(shell: Shell) -> None:
    shell.do("day run --through 2013-09-17")
    view = shell.do("wallet show alice")
    assert view.keys() >= HELD | {"wallet", "fund", "total", "yesterday_income", "cumulative_income", "as_of"}
    assert (view["shares"], view["total"]) == ("1000.12", "1000.12")
    assert (view["yesterday_income"], view["cumulative_income"]) == ("0.12", "0.12")
    assert view["as_of"] == "2013-09-18"
    before = shell.do("wallet show alice --on 2013-09-17")
    assert (before["shares"], before["yesterday_income"], before["as_of"]) == ("1000.00", "0.00", "2013-09-17")


def test_wallet_statement(shell: Shell) -> None:
    shell.do("day run --through 2013-09-17")
    told = shell.do("wallet statement alice")
    assert told["opening"].keys() >= HELD
    assert set(told["opening"].values()) == {"0.00"}
    assert told["closing"]["shares"] == "1000.12"
    keys = {"value_date", "booked_at", "kind", "request_id", "account", "amount", "unit", "shares_after"}
    assert all(line.keys() >= keys for line in told["lines"])
    assert [(line["kind"], line["amount"], line["unit"], line["shares_after"]) for line in told["lines"]] == [
        ("transfer_in", "1000.00", "CNY", "0.00"),
        ("confirmation", "-1000.00", "CNY", "0.00"),
        ("confirmation", "1000.00", "000198", "1000.00"),
        ("income", "0.12", "000198", "1000.12"),
    ]
    part = shell.do("wallet statement alice --from 2013-09-18 --to 2013-09-18")
    assert [line["kind"] for line in part["lines"]] == ["income"]
    assert part["opening"]["shares"] == "1000.00"


def test_day_run_and_status(shell: Shell) -> None:
    ran = shell.do("day run --through 2013-09-17 --at 2013-09-17T15:00:00")
    assert ran.keys() >= {"fund", "days", "next_step", "blocked_by", "failed_by"}
    assert [day["date"] for day in ran["days"]] == ["2013-09-16", "2013-09-17"]
    assert all(list(day["steps"]) == STEPS for day in ran["days"])
    assert ran["days"][1]["steps"] == dict.fromkeys(STEPS[:3], "done") | dict.fromkeys(STEPS[3:], "not due")
    assert ran["next_step"] == "close 2013-09-17"
    assert shell.do("day status --at 2013-09-17T15:00:00")["days"][-1] == ran["days"][-1]


def test_day_run_through_defaults_to_the_day_of_at(shell: Shell) -> None:
    ran = shell.do("day run --at 2013-09-17T16:30:00Z")  # 00:30 of the 18th in Shanghai
    assert [day["date"] for day in ran["days"]] == ["2013-09-16", "2013-09-17", "2013-09-18"]


@pytest.mark.parametrize(("at", "booked_at"), [("", "00:00:00"), ("--at 2013-09-18T07:30:00", "07:30:00")])
def test_steps_are_booked_when_they_were_due_unless_at_is_given(shell: Shell, at: str, booked_at: str) -> None:
    shell.do(f"day run --through 2013-09-17 {at}")
    lines = shell.do("wallet statement alice")["lines"]
    assert lines[-1]["kind"] == "income"
    assert lines[-1]["booked_at"] == f"2013-09-18T{booked_at}+08:00"


def test_report_day(shell: Shell) -> None:
    shell.do("day run --through 2013-09-17")
    assert shell.do("report day 2013-09-17") == {
        "date": "2013-09-17",
        "is_trading_day": True,
        "income_per_10k": "1.2495",
        "seven_day": "4.848",
        "pool_shares": "1000.00",
        "distributed": "0.12",
        "left_over": "0.00",
        "holders_paid": 1,
        "transfers_in": "0.00",
        "payments": "0.00",
        "refunds": "0.00",
        "transfers_out": "0.00",
        "advance_outstanding": "0.00",
    }
    later = shell.do("report day 2013-09-19")
    assert (later["is_trading_day"], later["distributed"], later["holders_paid"]) == (False, None, None)


def test_report_trial_balance(shell: Shell) -> None:
    trial = shell.do("report trial-balance --on 2013-09-16")
    assert trial["on"] == "2013-09-16"
    assert set(trial["units"]) == {"CNY", "000198"}
    yuan = trial["units"]["CNY"]
    assert (yuan["debits"], yuan["credits"]) == ("1000.00", "1000.00")
    assert yuan["accounts"][0] == {"account": "cash", "debits": "1000.00", "credits": "0.00", "balance": "1000.00"}


def test_report_yields_shows_published_and_computed(shell: Shell) -> None:
    lines = shell.do("report yields")
    assert len(lines) == 184
    assert lines[0] == {
        "date": "2013-07-01",
        "income_per_10k": "1.5787",
        "seven_day_published": "6.307",
        "seven_day_computed": "5.931",  # one day's income only: the six before it are not announced
    }
    assert all(line["seven_day_published"] == line["seven_day_computed"] for line in lines[6:])
    assert shell.do("report yields --from 2013-09-16 --to 2013-09-18") == lines[77:80]


def test_verify(shell: Shell) -> None:
    outcome = shell.do("verify")
    assert outcome["ok"] is True
    assert all(check.keys() >= {"name", "ok", "checked", "detail"} for check in outcome["checks"])


def test_announce(shell: Shell) -> None:
    assert shell.do(f"announce --csv {FIGURES}") == {"fund": "000198", "announced": 184, "new": 0, "proposal": None}
    line = "announce 2014-01-01 -0.5000 --seven-day -1.5 --control-total 0.01"
    assert shell.do(line)["new"] == 1
    assert shell.do(line)["new"] == 0
    assert shell.do("announce 2014-01-01 1.7 --replace")["new"] == 1
    last = shell.do("report yields --from 2014-01-01")
    assert (last[0]["income_per_10k"], last[0]["seven_day_published"]) == ("1.7000", None)


def test_calendar_needs_no_database(tmp_path: Path) -> None:
    shell = Shell(f"sqlite:///{tmp_path / 'none.db'}")
    assert shell.do("calendar trade-date 2013-09-18T15:00:00") == {
        "at": "2013-09-18T15:00:00+08:00",
        "trade_date": "2013-09-23",
        "confirmation_date": "2013-09-24",
        "income_from": "2013-09-24",
        "income_seen": "2013-09-25",
    }
    friday = shell.do("calendar trade-date 2013-09-13T16:00:00")
    assert (friday["income_from"], friday["income_seen"]) == ("2013-09-17", "2013-09-18")
    year = shell.do("calendar show 2013")
    assert (year["market"], year["year"], len(year["trading_days"])) == ("shanghai", 2013, 238)
    assert year["closed"][0].items() >= {"date": "2013-01-01", "reason": "New Year's Day"}.items()
    assert not (tmp_path / "none.db").exists()


# How commands end


def test_a_blocked_day_ends_with_3_and_says_by_what(database_url: str) -> None:
    shell = Shell(database_url)
    shell.do("init --opened-on 2013-09-16")
    shell.do("wallet open alice --at 2013-09-16T09:00:00")
    shell.do("transfer-in alice 1000 --request r1 --at 2013-09-16T10:00:00")
    ended = shell.run("--json", "day", "run", "--through", "2013-09-18")
    assert ended.code == 3
    assert ended.err == "fundwallet: blocked: distribute 2013-09-17: no figure announced for 2013-09-17\n"
    states = {day["date"]: day["steps"] for day in ended.document["days"]}
    assert states["2013-09-17"]["distribute"] == "blocked"
    assert states["2013-09-18"]["cutoff"] == "done"
    assert ended.document["blocked_by"] == shell.do("day status")["blocked_by"]
    shell.do("announce 2013-09-17 1.2495")
    shell.do("announce 2013-09-18 1.3366")
    assert shell.do("day run --through 2013-09-18")["blocked_by"] is None


def test_a_repeat_prints_the_same_bytes(shell: Shell) -> None:
    line = ["--json", "transfer-in", "alice", "5", "--request", "again", "--at", "2013-09-16T02:00:00Z"]
    first = shell.run(*line)
    shell.do("day run --through 2013-09-18")
    assert shell.run(*line) == first


def test_main_ends_the_process_with_the_exit_code(tmp_path: Path) -> None:
    assert process("--version", directory=tmp_path).code == 0
    ended = process("wallet", "show", "alice", directory=tmp_path)
    assert (ended.code, ended.out) == (9, "")
    assert ended.err == "fundwallet: there is no database fundwallet.db: create it with `fundwallet init`\n"
    assert list(tmp_path.iterdir()) == []


def test_the_environment_names_database_and_calendar(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'other.db'}"
    more = tmp_path / "more.toml"
    more.write_text('market = "shanghai"\nclosed = [{ first = 2013-09-18, last = 2013-09-18, reason = "Typhoon" }]\n')
    set_up = {"FUNDWALLET_DB": url, "FUNDWALLET_CALENDAR": str(more)}
    assert process("init", "--opened-on", "2013-09-16", directory=tmp_path, **set_up).code == 0
    assert (tmp_path / "other.db").exists()
    ended = process("--json", "calendar", "trade-date", "2013-09-18T10:00:00", directory=tmp_path, **set_up)
    assert ended.document["trade_date"] == "2013-09-23"
    assert ended.document["confirmation_date"] == "2013-09-24"
    without = process("--json", "calendar", "trade-date", "2013-09-18T10:00:00", directory=tmp_path)
    assert without.document["trade_date"] == "2013-09-18"


# What a person sees


def test_numbers_are_grouped_and_nothing_is_cut_in_a_pipe(shell: Shell) -> None:
    long = "r" * 200
    shell.do(f"transfer-in bob 888888.88 --request {long} --at 2013-09-16T10:00:00")
    shown = shell.run("wallet", "statement", "bob").out
    assert long in shown
    assert "+888,888.88" in shown
    assert "888,888.88" in shell.run("wallet", "show", "bob").out


def test_references_are_shown_as_they_are(shell: Shell) -> None:
    for reference in ("张三", "[red]bold[/red]", "1234.5", ":smile:", "back\\slash", "a b", "ü" * 200):
        assert shell.run("wallet", "open", reference, "--at", "2013-09-16T10:00:00").code == 0
        assert reference in shell.run("wallet", "show", reference).out
        assert json.loads(shell.run("--json", "wallet", "show", reference).out)["wallet"] == reference
        assert reference in shell.run("wallet", "statement", reference).out


SEEN = {
    "wallet show alice": "total              1,000.00",
    "day run --through 2013-09-17": "2013-09-17   Tue   done",
    "day status --at 2013-09-18T16:00:00": "Next step: confirm 2013-09-18",
    "report day 2013-09-16": "date                 2013-09-16 Mon",
    "report trial-balance": "total                    1,000.12   1,000.12",
    "report yields": "2013-07-01   Mon              1.5787               6.307              5.931   differs",
    "verify": "ok   balances equal the postings",
    "calendar show 2013": "2013-09-19   Thu   Mid-Autumn Festival",
    "calendar trade-date 2013-09-18T10:00:00": "income from        2013-09-23 Mon",
}


def test_every_report_has_a_text(shell: Shell) -> None:
    for line, seen in SEEN.items():
        ended = shell.run(*line.split())
        assert (ended.code, ended.err) == (0, ""), line
        assert seen in ended.out, line


def test_text_needs_no_unicode_terminal(tmp_path: Path) -> None:
    ended = process("calendar", "show", "2013", directory=tmp_path, PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.isascii()
    refused = process("wallet", "show", "张三", directory=tmp_path, PYTHONIOENCODING="ascii")
    assert len(refused.err.splitlines()) == 1


# Help


def commands(command: Any, words: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """List the words of every group and command."""
    below = getattr(command, "commands", {})
    return [words, *(found for name, c in below.items() for found in commands(c, (*words, name)))]


@pytest.mark.parametrize("words", commands(typer.main.get_command(cli.app)), ids=" ".join)
def test_every_command_has_help(words: tuple[str, ...], tmp_path: Path) -> None:
    ended = Shell(f"sqlite:///{tmp_path / 'none.db'}").run(*words, "--help")
    assert ended.code == 0
    assert ended.out.startswith(f"Usage: {' '.join(['fundwallet', *words])} ")
    assert "..." not in ended.out.partition("Commands:")[2], "a summary is too long for one line"


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    assert process("--help", directory=tmp_path).code == 0
    ended = process("--help", directory=tmp_path, PYTHONPROFILEIMPORTTIME="1")
    imported = {line.rpartition("|")[2].strip() for line in ended.err.splitlines()}
    assert "wallet.console.terminal" in imported
    assert not {"sqlalchemy", "pydantic", "numpy", "rich.table", "wallet.facade"} & imported
