"""Exports judged by the programs that they are made for: accepted as they are, refused with one fen changed."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

import pytest
import sqlalchemy as sa
from beancount import loader

from ledger.schema import account_total, balance
from tests import busy_book
from tests.checkers import COMMANDS, complaints, run
from tests.desk import Desk, day, free_terms
from wallet import facade

PROGRAMS = sorted(COMMANDS)

UGLY = (
    "plain",
    "a b",
    "a  b",
    "a-b",
    "a--b",
    "a-20-b",
    "a:b",
    "a;b",
    'say "a"',
    "back\\slash",
    "张三",
    "Ünïcode",
    "😀" * 200,
    "n" * 200,
    "date:2012-01-01",
    "x, date:2012-01-01",
    "[2012-01-01]",
    "[=2012-01-01]",
    ":tag:",
    "entry: 99",
    "Others",
    "all",
    "-",
    "%2C",
    "(1) * !",
    "{0.01 CNY}",
    "= 1 CNY",
    "| note",
    "@ 2 CNY",
    "#tag ^link",
    "a\u00a0b",
    "a\u3000b",
    "e\u0301",
)

Choice = Any


def exported(desk: Desk, file: Path, form: str, wallets: Choice = "all", first: str = "", last: str = "") -> Path:
    """Write an export to a file."""
    begin, end = (day(text) if text else None for text in (first, last))
    wanted = facade.Export(cast("Any", form), begin, end, wallets)
    with facade.reading(desk.engine) as connection, file.open("wb") as stream:
        facade.export(connection, desk.book, wanted, stream)
    return file


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Give the busy book on SQLite: the other engine's exports are the same, byte by byte."""
    opened = busy_book.filled(f"sqlite:///{tmp_path_factory.mktemp('exports')}/books.db")
    opened.run("09-19", chunk_size=2)
    busy_book.reopen(opened)
    busy_book.correct(opened)
    return opened


@pytest.fixture(scope="module")
def ugly(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Give a book whose wallets and requests have names that mean something elsewhere."""
    url = f"sqlite:///{tmp_path_factory.mktemp('ugly')}/books.db"
    opened = Desk.open(url, terms=[free_terms()], wallets=UGLY)
    for number, name in enumerate(UGLY, 1):
        opened.transfer_in(name, 100_00 * number, "09-16 10:00", name)
    opened.publish("09-16", "09-18")
    opened.run("09-17")
    for name in UGLY:
        opened.pay(name, 1_01, "09-18 10:00")
    return opened


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("wallets", ["all", "none", ["bob", "alice"]])
@pytest.mark.parametrize("days", [("", ""), ("09-16", "09-17"), ("09-18", ""), ("09-18", "09-18"), ("09-23", "09-23")])
def test_the_busy_book_is_accepted(
    busy: Desk, tmp_path: Path, program: str, wallets: Choice, days: tuple[str, str]
) -> None:
    file = exported(busy, tmp_path / "journal", program, wallets, *days)
    assert complaints(program, file) == ""


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("wallets", ["all", UGLY, UGLY[1:2]])
def test_ugly_names_are_accepted(ugly: Desk, tmp_path: Path, program: str, wallets: Choice) -> None:
    assert complaints(program, exported(ugly, tmp_path / "journal", program, wallets)) == ""
    assert complaints(program, exported(ugly, tmp_path / "later", program, wallets, "09-17")) == ""


TRANSACTION = re.compile(r"\d{4}-\d\d-\d\d \* .+\n(?: +.+\n)+")
POSTING = re.compile(r"\n +[A-Z]\w+:[\w:-]+  (-?\d+\.\d\d) \S+(?=\n)")


def one_fen_more(text: str, places: list[re.Match[str]]) -> str:
    """Add one fen to amounts, and take one from every second one, so that a transaction still balances."""
    for number, place in reversed(list(enumerate(places))):
        group = place.re.groups
        fen = int(place[group].replace(".", "")) + (-1 if number % 2 else 1)
        sign, fen = ("-", -fen) if fen < 0 else ("", fen)
        start, end = place.span(group)
        text = f"{text[:start]}{sign}{fen // 100}.{fen % 100:02}{text[end:]}"
    return text


def spread(things: list[Any], number: int) -> list[Any]:
    """Return so many things, from the first to the last."""
    return [things[n * (len(things) - 1) // (number - 1)] for n in range(number)]


def couples(things: list[Any]) -> list[list[Any]]:
    """Return the first with the second, the third with the fourth, and so on."""
    return [list(couple) for couple in zip(things[::2], things[1::2], strict=True)]


ASSERTED: dict[str, Callable[[str], list[re.Match[str]]]] = {
    "beancount": lambda text: list(re.finditer(r" balance \S+  (-?\d+\.\d\d) ~", text)),
    "hledger": lambda text: list(re.finditer(r" ==\*? (-?\d+\.\d\d) ", text)),
    "ledger": lambda text: list(re.finditer(r"total == \{(-?\d+\.\d\d) ", text)),
}


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("wallets", ["all", "none", ["bob"]])
def test_one_changed_fen_is_refused(busy: Desk, tmp_path: Path, program: str, wallets: Choice) -> None:
    text = exported(busy, tmp_path / "journal", program, wallets, "09-18").read_text(encoding="utf-8")
    postings = list(POSTING.finditer(text))
    transactions = [list(of_one) for _, of_one in groupby(postings, key=lambda p: text.rfind("\n\n", 0, p.start()))]
    opening = next(t for t in transactions if "opening" in text[text.rfind("\n\n", 0, t[0].start()) : t[0].start()])
    booked = [pair for t in transactions if "booked" in text[t[0].start() - 99 : t[0].start()] for pair in couples(t)]
    wrong = {
        "one side of a posting": spread([[place] for place in postings], 4),
        "both sides": spread(booked, 6),
        "two opening balances": [[place for place in opening if place[0].endswith("CNY")][:2]],
        "a balance": spread([[place] for place in ASSERTED[program](text)], 4),
    }
    for what, cases in wrong.items():
        for case in cases:
            changed = tmp_path / "changed"
            changed.write_text(one_fen_more(text, case), encoding="utf-8")
            assert complaints(program, changed), f"{what}: {[place[0] for place in case]}"


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_transaction_left_out_is_refused(busy: Desk, tmp_path: Path, program: str) -> None:
    text = exported(busy, tmp_path / "journal", program).read_text(encoding="utf-8")
    booked = [place for place in TRANSACTION.finditer(text) if " booked: " in place[0]]
    assert len(booked) > 30
    for place in spread(booked, 5):
        changed = tmp_path / "changed"
        changed.write_text(text[: place.start()] + text[place.end() :], encoding="utf-8")
        assert complaints(program, changed), place[0]


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(
    "falsified",
    [
        sa.update(balance)
        .where(balance.c.holder_id == 2, balance.c.account_id == 22)
        .values(amount=balance.c.amount + 1),
        sa.update(account_total)
        .where(account_total.c.value_date == day("09-18"), account_total.c.account_id == 1)
        .values(debits=account_total.c.debits + 1),
    ],
    ids=["balance", "account_total"],
)
def test_a_stored_balance_that_is_not_the_journals_is_refused(
    tmp_path: Path, program: str, falsified: sa.Update
) -> None:
    desk = busy_book.filled(f"sqlite:///{tmp_path / 'books.db'}")
    desk.run("09-19")
    with desk.engine.begin() as connection:
        assert connection.execute(falsified).rowcount == 1
    assert complaints(program, exported(desk, tmp_path / "journal", program))


def test_beancount_reads_back_what_was_exported(ugly: Desk, tmp_path: Path) -> None:
    read: tuple[list[Any], list[Any], Any] = loader.load_file(str(exported(ugly, tmp_path / "journal", "beancount")))
    entries, errors, _ = read
    assert errors == []
    opened = {entry.account: entry.meta["wallet"] for entry in entries if "wallet" in entry.meta}
    assert set(opened.values()) == set(UGLY)
    assert len(opened) == len({(account.rpartition(":")[0], wallet) for account, wallet in opened.items()})
    asked = [entry for entry in entries if getattr(entry, "narration", "") == "transfer_in"]
    assert [entry.meta["request"] for entry in asked] == list(UGLY)
    assert [int(entry.meta["entry"]) for entry in asked] == list(range(1, len(UGLY) + 1))
    assert {entry.meta["booked"] for entry in asked} == {"2013-09-16T10:00:00+08:00"}
    hers = [entry.postings[1].account for entry in asked]
    assert [opened[account] for account in hers] == list(UGLY)


def test_hledger_reads_back_what_was_exported(ugly: Desk, tmp_path: Path) -> None:
    file = str(exported(ugly, tmp_path / "journal", "hledger"))
    accounts = run(["hledger", "-f", file, "accounts", "Liabilities:Shares:W"]).stdout.splitlines()
    assert len(set(accounts)) == len(UGLY)
    requests = run(["hledger", "-f", file, "tags", "--values", "request", "desc:transfer_in"]).stdout.splitlines()
    assert {unquote(text) for text in requests} == set(UGLY)
    wallets = {unquote(text) for text in re.findall(r"; wallet: (.+)\n", Path(file).read_text(encoding="utf-8"))}
    assert wallets == set(UGLY)
    dates = run(["hledger", "-f", file, "register", "-O", "csv", "cur:CNY"]).stdout
    assert '"2012-' not in dates


def test_ledger_reads_back_what_was_exported(ugly: Desk, tmp_path: Path) -> None:
    file = str(exported(ugly, tmp_path / "journal", "ledger"))
    told = r"%(account)	%(date)	%(tag('request'))\n"
    lines = run(["ledger", "-f", file, "register", "^Liabilities:InTransit:W", "--format", told]).stdout.splitlines()
    rows = [line.split("\t") for line in lines]
    assert {unquote(request) for *_, request in rows} >= set(UGLY)
    assert len({account for account, *_ in rows}) == len(UGLY)
    assert {date for _, date, _ in rows} == {"2013/09/16", "2013/09/17"}
