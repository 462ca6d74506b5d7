"""Files of orders: refused whole where a line cannot be read, taken in portions, and never anything twice."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ledger.schema import journal_entry
from tests import power
from tests.desk import SHANGHAI, Desk, at
from tests.shell import Shell
from wallet import facade, order_files
from wallet.errors import FileBusy, InvalidRequest, ResultExists
from wallet.order_files import COLUMNS, OrderFile

NOW = at("09-16 12:00")
ROWS = [
    {"operation": "transfer_in", "wallet": "alice", "amount": "100.00", "request": "r1", "at": "2013-09-16T10:00:00"},
    {"operation": "pay", "wallet": "alice", "amount": "30.5", "request": "r2", "merchant": "茶馆 𠀀"},
    {"operation": "pay", "wallet": "alice", "amount": "500", "request": "r3", "merchant": "shop"},
    {"operation": "refund", "wallet": "alice", "amount": "0.50", "request": "r4", "payment": "r2"},
    {"operation": "transfer_out_instant", "wallet": "alice", "amount": "1", "request": "r5"},
    {"operation": "transfer_out_standard", "wallet": "alice", "amount": "1", "request": "r6"},
    {"operation": "pay", "wallet": "nobody", "amount": "1", "request": "r7", "merchant": "shop"},
    {"operation": "transfer_in", "wallet": "alice", "amount": "100.00", "request": "r1"},
]
TOLD = [
    ("r1", "accepted", "", "2013-09-16", "2013-09-17"),
    ("r2", "accepted", "", "", ""),
    ("r3", "refused", "insufficient_funds: 500.00 wanted, 69.50 available", "", ""),
    ("r4", "accepted", "", "2013-09-16", "2013-09-17"),
    ("r5", "accepted", "", "", ""),
    ("r6", "refused", "insufficient_funds: 1.00 wanted, 0.00 available", "", ""),
    ("r7", "refused", "unknown_wallet: there is no wallet nobody", "", ""),
    ("r1", "repeated", "", "2013-09-16", "2013-09-17"),
]


def written(path: Path, rows: list[dict[str, str]]) -> Path:
    """Write rows as the file's name says."""
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
        return path
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        table.writerows(rows)
    return path


def checked(path: Path) -> OrderFile:
    return OrderFile.check(path, NOW, SHANGHAI)


def result_of(path: Path) -> list[tuple[str, ...]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [(r["request"], r["outcome"], r["reason"], r["trade_date"], r["confirmation_date"]) for r in rows]


def silent(*_: object) -> None:
    """Show no progress."""


@pytest.mark.parametrize("name", ["orders.csv", "orders.jsonl"])
def test_a_file_is_taken_and_told_line_by_line(desk: Desk, tmp_path: Path, name: str) -> None:
    file = checked(written(tmp_path / name, ROWS))
    told: list[Any] = []
    result = tmp_path / "result.csv"
    summary = facade.take_file(desk.engine, desk.book, file, result, lambda *progress: told.append(progress))
    assert (summary.orders, summary.accepted, summary.repeated, summary.refused) == (8, 4, 1, 3)
    assert result_of(result) == TOLD
    assert told == [("orders", 8, 8)]
    assert sorted(each.name for each in tmp_path.glob("*.part")) == []
    assert desk.holding("alice")["in_transit"] == 69_00
    assert not desk.verify()


def test_a_spreadsheet_s_mark_and_columns_in_any_order_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes("\ufeffrequest,amount,wallet,operation\r\nr,1.00,alice,transfer_in\r\n".encode())
    [(number, order)] = checked(path).lines()
    assert (number, order) == (2, facade.TransferIn(wallet="alice", amount=1_00, request_id="r", at=NOW))


GOOD = "operation,wallet,amount,request,at,merchant,payment,order_of_use\n"
BAD: list[tuple[str, str, str]] = [
    ("a.csv", "", "line 1: expected columns"),
    ("a.csv", "operation,wallet,amount\n", "line 1: expected columns"),
    ("a.csv", "operation,wallet,amount,request,colour\n", "line 1: expected columns"),
    ("a.csv", "operation,wallet,amount,request,request\n", "line 1: expected columns"),
    ("a.csv", GOOD, "holds no orders"),
    ("a.csv", GOOD + "pay,alice,1.00,r,,shop,,\npay,alice,1.0", "line 3: expected 8 columns, found 3"),
    ("a.csv", GOOD + 'pay,"alice,1.00', "line 2: unexpected end of data"),
    ("a.csv", GOOD + "steal,alice,1.00,r,,,,\n", "line 2: operation: expected one of transfer_in, pay"),
    ("a.csv", GOOD + "pay,alice,1.001,r,,shop,,\n", "line 2: amount '1.001'"),
    ("a.csv", GOOD + "pay,alice,-1,r,,shop,,\n", "line 2: amount '-1'"),
    ("a.csv", GOOD + "pay,alice,1,r,,,,\n", "line 2: merchant: is missing"),
    ("a.csv", GOOD + "pay,,1,r,,shop,,\n", "line 2: wallet: is missing"),
    ("a.csv", GOOD + "pay,alice,1,r,,shop,paid,\n", "line 2: payment: does not belong to pay"),
    ("a.csv", GOOD + "pay,alice,1,r,yesterday,shop,,\n", "line 2: instant 'yesterday'"),
    ("a.csv", GOOD + "pay,alice,1,r,,shop,,newest\n", "line 2: order_of_use"),
    ("a.csv", GOOD + f"pay,{'x' * 201},1,r,,shop,,\n", "line 2: wallet: String should have at most 200"),
    ("a.csv", GOOD + "pay,a\tb,1,r,,shop,,\n", "line 2: wallet: control characters"),
    ("a.jsonl", '{"operation": "pay"', "line 1: is no JSON"),
    ("a.jsonl", "\n", "line 1: is no JSON"),
    ("a.jsonl", "[]\n", "line 1: expected an object"),
    ("a.jsonl", '{"amount": "1.00", "amount": "2.00"}\n', "line 1: is no JSON: a key stands there twice"),
    ("a.jsonl", "[" * 100_000, "line 1: is no JSON"),
    ("a.jsonl", '{"amount": 1}\n', "line 1: expected an object whose values are all text"),
    (
        "a.jsonl",
        '{"operation": "pay", "wallet": "a", "amount": "1", "request": "r", "merchant": "m", "x": "y"}',
        "line 1: x:",
    ),
]


@pytest.mark.parametrize(("name", "text", "told"), BAD, ids=[f"{n}-{told}" for n, (_, _, told) in enumerate(BAD)])
def test_a_file_that_cannot_be_read_to_its_end_says_where(name: str, text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidRequest) as refused:
        checked(path)
    assert told in str(refused.value)
    assert str(path) in str(refused.value)


def test_a_file_in_another_encoding_or_not_there_says_so(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(GOOD.encode() + "pay,茶馆,1,r,,shop,,\n".encode("gb18030"))
    for wrong in (path, tmp_path / "none.csv", tmp_path):
        with pytest.raises(InvalidRequest, match="cannot be read"):
            checked(wrong)


# Interrupted, repeated, two at once

MANY = [
    {"operation": "transfer_in", "wallet": "alice", "amount": "10.00", "request": f"in {n}"}
    if n % 3 == 0
    else {
        "operation": "pay",
        "wallet": ("alice", "bob")[n % 2],
        "amount": "4.00",
        "request": f"paid {n}",
        "merchant": "m",
    }
    for n in range(23)
]


def in_small_portions(engine: sa.Engine, _diary: power.Diary) -> None:
    """Take the file that lies beside the diary, four orders in a transaction, as a process that is killed."""
    order_files.PORTION = 4
    directory = Path(_diary.path).parent
    with facade.reading(engine) as connection:
        book = facade.load(connection)
    facade.take_file(engine, book, checked(directory / "orders.csv"), directory / "result.csv", silent)


@pytest.fixture
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_files, "PORTION", 4)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("number", [1, 2, 3, 6])
def test_a_run_that_is_killed_goes_on_where_it_stopped(
    desk: Desk, tmp_path: Path, small_portions: None, number: int, moment: power.Moment
) -> None:
    """What was refused stays refused, also where it would be accepted by now."""
    plain = Desk.open(f"sqlite:///{tmp_path / 'plain.db'}", wallets=("alice", "bob", "carol"))
    file = checked(written(tmp_path / "orders.csv", MANY))
    facade.take_file(plain.engine, plain.book, file, tmp_path / "plain.csv", silent)
    url = desk.engine.url.render_as_string(hide_password=False)
    power.killed_at(url, in_small_portions, power.Diary(str(tmp_path / "diary")), number, moment)
    assert not (tmp_path / "result.csv").exists()
    for part in tmp_path.glob("result.csv.*.part"):
        with part.open("ab") as torn:
            torn.write(b"17,half a li")
    facade.take_file(desk.engine, desk.book, file, tmp_path / "result.csv", silent)
    assert result_of(tmp_path / "result.csv") == result_of(tmp_path / "plain.csv")
    assert desk.dump()["posting"] == plain.dump()["posting"]
    assert not desk.verify()
    plain.engine.dispose()


def test_what_another_booked_meanwhile_is_not_taken_for_a_commit(
    desk: Desk, tmp_path: Path, small_portions: None
) -> None:
    """Killed before its commit, a portion is done again, also when somebody has typed its first order by hand."""
    file = checked(written(tmp_path / "orders.csv", MANY))
    url = desk.engine.url.render_as_string(hide_password=False)
    power.killed_at(url, in_small_portions, power.Diary(str(tmp_path / "diary")), 2, "before")
    fifth = list(file.lines())[4][1]
    assert isinstance(fifth, facade.Payment)
    desk.ask(facade.pay, fifth)
    facade.take_file(desk.engine, desk.book, file, tmp_path / "result.csv", silent)
    told = {row[0]: row[1] for row in result_of(tmp_path / "result.csv")}
    assert told[fifth.request_id] == "repeated"
    booked = {row.request_id for row in desk.rows(journal_entry)}
    assert {name for name, outcome in told.items() if outcome != "refused"} <= booked
    assert not desk.verify()


def test_a_result_that_cannot_be_written_is_refused_before_anything_is_booked(desk: Desk, tmp_path: Path) -> None:
    file = checked(written(tmp_path / "orders.csv", ROWS))
    for place in (tmp_path / "nowhere" / "result.csv", tmp_path / "orders.csv" / "result.csv"):
        with desk.refuses("invalid_request"):
            facade.take_file(desk.engine, desk.book, file, place, silent)


def test_a_result_that_is_there_is_never_written_over(desk: Desk, tmp_path: Path) -> None:
    file = checked(written(tmp_path / "orders.csv", ROWS))
    facade.take_file(desk.engine, desk.book, file, tmp_path / "result.csv", silent)
    before = (tmp_path / "result.csv").read_bytes()
    with desk.refuses("result_exists"):
        facade.take_file(desk.engine, desk.book, file, tmp_path / "result.csv", silent)
    assert (tmp_path / "result.csv").read_bytes() == before
    again = facade.take_file(desk.engine, desk.book, file, tmp_path / "again.csv", silent)
    assert (again.accepted, again.repeated, again.refused) == (0, 5, 3)
    assert issubclass(ResultExists, facade.FundwalletError)


@pytest.mark.skipif(os.name != "posix", reason="files are locked where the system can")
def test_of_two_runs_at_once_the_second_is_refused(desk: Desk, tmp_path: Path, small_portions: None) -> None:
    file = checked(written(tmp_path / "orders.csv", MANY))

    def begin_again(*_: object) -> None:
        with pytest.raises(FileBusy):
            facade.take_file(desk.engine, desk.book, file, tmp_path / "result.csv", silent)

    facade.take_file(desk.engine, desk.book, file, tmp_path / "result.csv", begin_again)
    assert not desk.verify()


def test_a_changed_file_is_another_file(desk: Desk, tmp_path: Path, small_portions: None) -> None:
    path = written(tmp_path / "orders.csv", MANY[:8])

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        facade.take_file(desk.engine, desk.book, checked(path), tmp_path / "result.csv", stop)
    changed = checked(written(path, MANY))
    summary = facade.take_file(desk.engine, desk.book, changed, tmp_path / "result.csv", silent)
    assert summary.repeated > 0
    assert len(result_of(tmp_path / "result.csv")) == len(MANY)


def test_the_command_takes_a_file_and_names_its_result(database_url: str, tmp_path: Path) -> None:
    shell = Shell(database_url)
    shell.do("init --opened-on 2013-09-16")
    shell.do("wallet open alice --at 2013-09-16T09:00:00")
    path = written(tmp_path / "orders.csv", ROWS)
    told = shell.do(f"batch {path} --at 2013-09-16T12:00:00")
    result = f"{path}.result.csv"
    assert told == {"file": str(path), "result": result, "orders": 8, "accepted": 4, "repeated": 1, "refused": 3}
    assert result_of(Path(result)) == TOLD
    assert shell.refused("batch", str(path))[0] == 1
    assert "accepted" in shell.run("batch", str(path), "--result", str(tmp_path / "again.csv")).out
    path.write_text("nothing")
    code, line = shell.refused("batch", str(path))
    assert code == 2
    assert "line 1" in line
