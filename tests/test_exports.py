"""Exports as rows: the whole journal and nothing else, adding up to what is stored, the same on both engines."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, cast, get_args

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from ledger.schema import account_total, balance, journal_entry, posting
from tests import busy_book, postgres
from tests.desk import SHANGHAI, Desk, day
from tests.shell import ROOT, Shell
from wallet import facade
from wallet.exports import Form
from wallet.exports.events import Place
from wallet.exports.names import account_name, commodity, component
from wallet.exports.rows import COLUMNS
from wallet.rules.amounts import show_amount
from wallet.rules.chart import chart
from wallet.rules.parsing import parse_amount

Row = dict[str, Any]

DAYS = [("", ""), ("09-16", "09-17"), ("09-18", ""), ("09-18", "09-18"), ("09-20", "09-22"), ("09-23", "2013-12-31")]
CHOICES: list[Any] = ["all", "none", ["bob", "alice"]]


def export(desk: Desk, form: str, wallets: Any = "all", days: tuple[str, str] = ("", "")) -> bytes:
    """Return an export."""
    first, last = (day(text) if text else None for text in days)
    stream = io.BytesIO()
    with facade.reading(desk.engine) as connection:
        told = facade.export(connection, desk.book, facade.Export(cast("Form", form), first, last, wallets), stream)
    if form == "csv":
        found = Counter(row["record"] for row in of_csv(stream.getvalue()))
        assert (told.postings, told.balances) == (found["posting"], found["balance"])
    return stream.getvalue()


def of_csv(data: bytes) -> list[Row]:
    """Read rows back: whole numbers, amounts in minor units, nothing as None."""
    return [read(row) for row in csv.DictReader(io.StringIO(data.decode(), newline=""), strict=True)]


def of_jsonl(data: bytes) -> list[Row]:
    """Read rows back from JSON lines."""
    return [read(json.loads(line)) for line in data.decode().splitlines()]


def of_parquet(data: bytes) -> list[Row]:
    """Read rows back from Parquet."""
    rows: list[Row] = parquet.read_table(io.BytesIO(data)).to_pylist()
    return [row | {"booked_at": row["booked_at"].astimezone(SHANGHAI)} if row["booked_at"] else row for row in rows]


def read(row: Row) -> Row:
    """Return a row of text with its cells as what they stand for."""
    read: Row = {name: None if value in ("", None) else value for name, value in row.items()}
    read |= {name: int(read[name]) for name in ("entry", "line", "reverses", "number") if read[name] is not None}
    read["amount"] = signed(read["amount"])
    read["value_date"] = date.fromisoformat(read["value_date"])
    if read["booked_at"]:
        read["booked_at"] = datetime.fromisoformat(read["booked_at"])
    return read


def signed(text: str) -> int:
    """Return an amount in minor units."""
    return 0 if text == "0.00" else -parse_amount(text[1:]) if text.startswith("-") else parse_amount(text)


def disagreements(rows: list[Row]) -> list[Row]:
    """Add up openings and postings, row by row, and return the balances that say otherwise."""
    held: Counter[tuple[str, str, int | None]] = Counter()
    per_holder = {a.code for a in chart("000198") if a.per_holder}
    wrong = []

    def move(row: Row, account: str, amount: int) -> None:
        where = (row["held_by"], row["number"]) if account in per_holder else ("control", None)
        held[account, *where] += amount

    for row in rows:
        if row["record"] == "posting":
            move(row, row["debit"], row["amount"])
            move(row, row["credit"], -row["amount"])
        elif row["record"] == "opening":
            move(row, row["account"], row["amount"])
        else:
            account, by = row["account"], row["held_by"]
            whole = sum(amount for (code, *_), amount in held.items() if code == account)
            derived = whole if by == "control" else held[account, by, row["number"]]
            wrong += [row] if derived != row["amount"] else []
    return wrong


@pytest.mark.parametrize("days", DAYS)
@pytest.mark.parametrize("wallets", CHOICES)
def test_rows_add_up_to_every_balance(busy_desk: Desk, wallets: Any, days: tuple[str, str]) -> None:
    rows = of_csv(export(busy_desk, "csv", wallets, days))
    assert disagreements(rows) == []
    told = {row["value_date"] for row in rows if row["record"] == "balance" and row["held_by"] == "control"}
    first, last = day(days[0] or "09-16"), min(day(days[1] or "09-23"), day("09-23"))
    closed = {row.value_date for row in busy_desk.rows(account_total)}
    assert told == {each for each in closed if first - timedelta(1) <= each <= last} | {last}
    assert ("wallet" in {row["held_by"] for row in rows}) == (wallets != "none")


@pytest.mark.parametrize("wallets", CHOICES)
@pytest.mark.parametrize("through", ["09-18", "09-23"])
def test_the_last_balances_are_the_trial_balance(busy_desk: Desk, wallets: Any, through: str) -> None:
    rows = of_csv(export(busy_desk, "csv", wallets, ("09-17", through)))
    signs = {a.code: a.signed(1, 0) for a in busy_desk.book.chart}
    last = [row for row in rows if row["record"] == "balance" and row["held_by"] == "control"][-len(signs) :]
    told = {row["account"]: signs[row["account"]] * row["amount"] for row in last if row["amount"]}
    assert told == busy_desk.house(through)


def test_the_last_balances_of_wallets_are_those_that_they_see(busy_desk: Desk) -> None:
    rows = of_csv(export(busy_desk, "csv", days=("09-18", "09-19")))
    hers = [row for row in rows if row["record"] == "balance" and row["held_by"] == "wallet"]
    told = {(row["wallet"], row["account"]): abs(row["amount"]) for row in hers if row["amount"]}
    held = {(w, code): fen for w in busy_book.WALLETS for code, fen in busy_desk.holding(w, "09-19").items() if fen}
    assert told == held
    per_holder = {a.code for a in busy_desk.book.chart if a.per_holder}
    moved = {(row["wallet"], row[side]) for row in rows for side in ("debit", "credit") if row[side] in per_holder}
    assert {(w, code) for w, code in moved if w} <= {(row["wallet"], row["account"]) for row in hers}


def test_every_posting_is_told_once_with_all_its_facts(busy_desk: Desk) -> None:
    rows = [row for row in of_csv(export(busy_desk, "csv")) if row["record"] == "posting"]
    code = {a.id: a.code for a in busy_desk.book.chart}
    entries = {e.entry_id: e for e in busy_desk.rows(journal_entry)}
    right = []
    for p in busy_desk.rows(posting):
        e = entries[p.entry_id]
        facts = e.value_date, e.booked_at, e.kind, e.request_id, e.reverses, e.memo
        right.append((p.entry_id, p.line, *facts, p.holder_id or None, code[p.debit], code[p.credit], p.amount))
    facts_of = ("entry", "line", "value_date", "booked_at", "kind", "request_id", "reverses", "memo")
    told = [tuple(row[name] for name in (*facts_of, "number", "debit", "credit", "amount")) for row in rows]
    assert sorted(told, key=repr) == sorted(right, key=repr)
    assert [row["wallet"] for row in rows] == [busy_book.WALLETS[n - 1] if (n := r["number"]) else None for r in rows]
    order = [(row["value_date"], row["entry"]) for row in rows]
    assert order == sorted(order)


def test_what_is_summed_up_is_the_same_money(busy_desk: Desk) -> None:
    def by_entry(wallets: Any) -> Counter[tuple[Any, ...]]:
        found: Counter[tuple[Any, ...]] = Counter()
        for row in of_csv(export(busy_desk, "csv", wallets)):
            if row["record"] == "posting":
                found[row["entry"], row["debit"], row["credit"]] += row["amount"]
        return found

    assert by_entry("all") == by_entry("none") == by_entry(["carol"]) == by_entry([])


@pytest.mark.parametrize("wallets", CHOICES)
def test_all_kinds_of_rows_say_the_same(busy_desk: Desk, wallets: Any) -> None:
    rows = of_csv(export(busy_desk, "csv", wallets, ("09-18", "")))
    assert of_jsonl(export(busy_desk, "jsonl", wallets, ("09-18", ""))) == rows
    assert of_parquet(export(busy_desk, "parquet", wallets, ("09-18", ""))) == rows
    assert tuple(rows[0]) == COLUMNS


def test_both_engines_export_the_same_bytes(postgres_server: postgres.Server, tmp_path: Path) -> None:
    desks = [busy_book.filled(url) for url in (f"sqlite:///{tmp_path / 'b.db'}", postgres_server.create_database())]
    for desk in desks:
        desk.run("09-19", chunk_size=2)
        busy_book.reopen(desk)
    for form in get_args(Form):
        for wallets in CHOICES:
            for days in DAYS[:3]:
                one, other = (export(desk, form, wallets, days) for desk in desks)
                assert one == other, (form, wallets, days)
    for desk in desks:
        desk.engine.dispose()


def test_a_balance_that_is_not_the_journals_is_seen(filled_desk: Desk) -> None:
    with filled_desk.engine.begin() as connection:
        shares = filled_desk.book.chart["shares"].id
        of_bob = balance.c.holder_id == 2, balance.c.account_id == shares
        connection.execute(sa.update(balance).where(*of_bob).values(amount=balance.c.amount + 1))
    wrong = disagreements(of_csv(export(filled_desk, "csv")))
    assert [(row["account"], row["wallet"]) for row in wrong] == [("shares", "bob")]


@pytest.mark.parametrize("form", get_args(Form))
def test_an_empty_book_can_be_exported(database_url: str, form: str) -> None:
    desk = Desk.open(database_url)
    assert export(desk, form)
    assert disagreements(of_csv(export(desk, "csv"))) == []
    desk.engine.dispose()


REFUSALS = [
    (facade.Export(cast("Form", "pdf"), day("2031-01-01"), wallets=["zed"]), "invalid_request", "format 'pdf'"),
    (facade.Export("csv", day("2031-01-01"), day("2013-01-02"), ["zed"]), "outside_calendar", "2031-01-01"),
    (facade.Export("csv", day("09-18"), day("09-15"), ["zed"]), "before_opening", "2013-09-15"),
    (facade.Export("csv", day("09-18"), day("09-17"), ["zed"]), "invalid_request", "2013-09-18 is after 2013-09-17"),
    (facade.Export("csv", wallets=["zed"] * 10_001), "invalid_request", "10001 are named"),
    (facade.Export("csv", wallets=["bob", "zed"]), "unknown_wallet", "zed"),
]


@pytest.mark.parametrize(("wanted", "code", "said"), REFUSALS, ids=lambda value: value if type(value) is str else "")
def test_refusals_in_order(desk: Desk, wanted: facade.Export, code: str, said: str) -> None:
    stream = io.BytesIO()
    with facade.reading(desk.engine) as connection, pytest.raises(facade.FundwalletError, match=said) as refused:
        facade.export(connection, desk.book, wanted, stream)
    assert refused.value.code == code
    assert stream.getvalue() == b""


# Names


def back(name: str) -> str:
    """Return the reference that a name stands for, read from the left."""
    return re.sub(r"--|-([0-9a-f]+)-", lambda m: chr(int(m[1], 16)) if m[1] else "-", name[1:])


@given(st.text(st.sampled_from("ab2d- :") | st.characters(exclude_categories=["Cs"]), min_size=1))
def test_names_of_wallets_can_be_undone(reference: str) -> None:
    name = component(reference)
    assert re.fullmatch(r"W[A-Za-z0-9-]+", name)
    assert back(name) == reference


@pytest.mark.parametrize(
    ("reference", "name"),
    [("alice", "Walice"), ("customer-0001", "Wcustomer--0001"), ("a b", "Wa-20-b"), ("张", "W-5f20-"), ("-", "W--")],
)
def test_names_of_wallets(reference: str, name: str) -> None:
    assert component(reference) == name
    assert account_name(chart("000198")["shares"], Place(1, reference)) == f"Liabilities:Shares:{name}"
    assert account_name(chart("000198")["advancer_shares"], Place(1, reference)) == "Liabilities:AdvancerShares"


@pytest.mark.parametrize(
    ("unit", "name"), [("CNY", "CNY"), ("000198", "F000198"), ("NY", "FNY"), ("基金 1", "FUND"), ("x" * 9, "FUND")]
)
def test_names_of_commodities(unit: str, name: str) -> None:
    assert commodity(unit) == name


# The command


def test_the_command_prints_what_the_library_writes(busy_desk: Desk) -> None:
    shell = Shell(busy_desk.engine.url.render_as_string(hide_password=False))
    for form in ("beancount", "hledger", "ledger", "csv", "jsonl"):
        ended = shell.run("export", "--format", form, "--from", "2013-09-18", "--wallets", "bob,alice")
        assert (ended.code, ended.err) == (0, "")
        assert ended.out.encode() == export(busy_desk, form, ["bob", "alice"], ("09-18", ""))


def test_the_command_writes_a_new_file(busy_desk: Desk, tmp_path: Path) -> None:
    shell = Shell(busy_desk.engine.url.render_as_string(hide_password=False))
    for form in get_args(Form):
        file = tmp_path / f"export.{form}"
        told = shell.run("--json", "export", "--format", form, "--to", "2013-09-18", "--out", str(file))
        assert told.code == 0
        assert list(told.document) == ["file", "format", "from", "to", "postings", "balances"]
        assert (told.document["from"], told.document["to"]) == ("2013-09-16", "2013-09-18")
        assert file.read_bytes() == export(busy_desk, form, "all", ("", "09-18"))
    assert len(list(tmp_path.glob("*export*"))) == len(get_args(Form))


def test_wallets_with_commas_and_those_called_all_or_none(desk: Desk) -> None:
    for name in ("all", "none", "a,b"):
        desk.open_wallet(name)
        desk.transfer_in(name, 100_00, "09-16 10:00")
    shell = Shell(desk.engine.url.render_as_string(hide_password=False))
    for typed, meant in (
        ('"all"', {"all"}),
        ('"a,b",none', {"a,b", "none"}),
        ("none", set()),
        ("all", {"all", "none", "a,b"}),
    ):
        rows = of_csv(shell.run("export", "--format", "csv", "--wallets", typed).out.encode())
        assert {row["wallet"] for row in rows if row["wallet"]} == meant


def test_what_the_command_refuses(desk: Desk, tmp_path: Path) -> None:
    shell = Shell(desk.engine.url.render_as_string(hide_password=False))
    there = tmp_path / "there"
    there.write_text("kept")
    csv_of = ("export", "--format", "csv")
    taken = "needs a file, standard output is taken"
    for words, code, said in (
        ((*csv_of, "--out", str(there)), 1, f"{there} exists, nothing is written over it: say another name"),
        ((*csv_of, "--out", str(tmp_path / "no" / "x")), 2, "cannot be written: No such file or directory"),
        ((*csv_of, "--wallets", "bob,zed", "--out", str(tmp_path / "x")), 1, "there is no wallet zed"),
        ((*csv_of, "--from", "2013-09-18", "--to", "2013-09-17"), 2, "2013-09-18 is after 2013-09-17"),
        (("export", "--format", "parquet"), 2, f"parquet {taken}"),
        (("--json", *csv_of), 2, f"--json {taken}"),
        ((*csv_of, "--wallets", ""), 2, "names no wallet: say all, none or a list"),
        (("export",), 2, "--format"),
    ):
        ended = shell.refused(*words)
        assert ended[0] == code, words
        assert said in ended[1]
    assert there.read_text() == "kept"
    assert sorted(path.name for path in tmp_path.iterdir() if "there" not in path.name) in ([], ["quiet.db"])


def test_parquet_without_its_module_is_refused(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    shell = Shell(desk.engine.url.render_as_string(hide_password=False))
    code, said = shell.refused("export", "--format", "parquet", "--out", str(tmp_path / "x"))
    assert (code, said) == (
        2,
        "format parquet: needs pyarrow, which is not installed: pip install 'fundwallet[parquet]'",
    )


def test_a_file_is_there_whole_or_not_at_all(busy_desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks while it is written sees no file of that name, and what fails midway leaves none."""
    seen: list[list[str]] = []

    def interrupted(whole: int) -> Callable[[int], str]:
        def show(fen: int) -> str:
            seen.append([path.name for path in tmp_path.glob("out*")])
            if len(seen) == whole:
                raise OSError(28, "No space left on device")
            return show_amount(fen)

        return show

    monkeypatch.setattr("wallet.exports.rows.show_amount", interrupted(50))
    shell = Shell(busy_desk.engine.url.render_as_string(hide_password=False))
    ended = shell.run("export", "--format", "csv", "--out", str(tmp_path / "out"))
    assert ended.code == 2
    assert ended.err == f"fundwallet: {tmp_path / 'out'} cannot be written: No space left on device\n"
    assert all(name.endswith(".part") for names in seen for name in names)
    assert list(tmp_path.glob("out*")) == []


def test_a_file_made_meanwhile_is_kept(busy_desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"

    def show(fen: int) -> str:
        out.write_text("another's")
        return show_amount(fen)

    monkeypatch.setattr("wallet.exports.rows.show_amount", show)
    shell = Shell(busy_desk.engine.url.render_as_string(hide_password=False))
    ended = shell.run("export", "--format", "csv", "--out", str(out))
    assert (ended.code, ended.err) == (1, f"fundwallet: {out} exists, nothing is written over it: say another name\n")
    assert out.read_text() == "another's"
    assert list(tmp_path.glob("out.*")) == []


def test_standard_output_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    desk = busy_book.filled(f"sqlite:///{tmp_path / 'fundwallet.db'}")
    desk.engine.dispose()
    command = [
        sys.executable,
        "-c",
        "import cli; cli.main()",
        "--db",
        str(desk.engine.url),
        "export",
        "--format",
        "csv",
    ]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, cwd=ROOT, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        2,
        "fundwallet: standard output cannot be written: No space left on device\n",
    )
