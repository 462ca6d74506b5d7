"""The benchmarks run, say what they measured, and start from books that are right; how fast they are is not tested."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import benchmarks
from benchmarks import __main__ as program
from benchmarks import books, day, exchange, files, raw, reads, sealing, stopwatch
from benchmarks.harness import REGISTRY, Record, Run, Target, perform
from ledger.schema import balance, holder, journal_entry, posting
from tests import postgres
from wallet import facade
from wallet.audit.model import allocate
from wallet.facade import Fund
from wallet.schema import customer_order, wallet

ROOT = Path(__file__).resolve().parent.parent
ASKED_FOR = {"name", "engine", "size", "rate", "unit", "raw_rate", "ratio", "peak_rss_mib", "bytes_per_row"}
MORE = {"median", "spread", "raw_median", "rows", "target", "met", "note", "profile"}
NAMES = ["distribute", "distribute-pg", "distribute-history", "confirm", "memory", "bytes"]
NAMES += ["statement", "balance-as-of", "verify", "seal", "seal-income", "parse", "import-05", "import-05-pg", "help"]
NO_RAW = {"memory", "bytes"}

benchmarks.load()


@pytest.fixture
def small_books(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the parts of which books are built be small enough for several of each."""
    for name, size in (("THROUGH_THE_DOOR", 30), ("CHUNK", 40), ("PART", 50), ("ORDERS_A_STATEMENT", 70)):
        monkeypatch.setattr(books, name, size)


@pytest.fixture
def in_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the phases of a benchmark here, which is quicker; their peak memory means nothing then."""

    def here(work: Callable[..., object], *arguments: Any) -> tuple[object, float]:
        return work(*arguments), 1.0

    for module in (day, exchange, files, reads, sealing):
        monkeypatch.setattr(module, "in_child", here)
    monkeypatch.setattr("benchmarks.terminal.TIMES", 1)


def built(url: str, size: int, shares: bool = True) -> tuple[sa.Engine, Fund]:
    """Build a book of `size` wallets."""
    engine = facade.connect(url)
    book = books.create(engine, size)
    if shares:
        books.give_shares(engine, book, size)
    return engine, book


def rows(engine: sa.Engine, table: sa.Table) -> list[tuple[Any, ...]]:
    """Return the rows of a table by its key."""
    with facade.reading(engine) as connection:
        return [tuple(row) for row in connection.execute(sa.select(table).order_by(*table.primary_key))]


def wrong(engine: sa.Engine) -> list[facade.Check]:
    """Return the checks of the book's verification that found something wrong."""
    with facade.reading(engine) as connection:
        return [check for check in facade.verify(connection, facade.load(connection)) if not check.ok]


# What is told


def test_all_benchmarks_are_registered() -> None:
    assert set(NAMES) <= set(REGISTRY)


@pytest.mark.usefixtures("in_one_process")
def test_every_benchmark_writes_its_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_server: postgres.Server
) -> None:
    @contextmanager
    def running(*, durable: bool) -> Iterator[postgres.Server]:
        assert durable, "what is measured waits for the disk"
        yield postgres_server

    monkeypatch.setattr(postgres, "running", running)
    records = {record.name: record for record in perform(NAMES, Run(tmp_path, size=60, days=3, rounds=2))}
    assert list(records) == NAMES
    for name, record in records.items():
        document = record.document()
        assert document.keys() == ASKED_FOR | MORE
        assert json.loads(json.dumps(document)) == document
        assert record.rate is not None
        assert record.rate > 0, name
        assert record.unit, name
        assert record.met is not None, name
        assert (record.ratio is None) == (name in NO_RAW), name
        if record.spread is not None and record.median is not None:
            assert record.spread[0] <= record.median <= record.spread[1], name
    assert {r.name: r.engine for r in records.values() if r.engine != "sqlite"} == {
        "distribute-pg": "postgresql",
        "parse": "none",
        "import-05-pg": "postgresql",
        "help": "none",
    }
    assert [records[name].rows for name in ("distribute", "distribute-pg", "confirm")] == [60, 60, 120]
    assert records["distribute"].profile.keys() >= {"INSERT INTO posting", stopwatch.COMMIT, stopwatch.ELSEWHERE}
    assert "distribute-history" in program.table(list(records.values()))


def test_the_command_prints_a_list_of_records_and_fails_for_no_missed_target() -> None:
    done = run("distribute", "--size", "40", "--rounds", "1", "--json")
    assert done.returncode == 0, done.stderr
    (record,) = json.loads(done.stdout)
    assert record["name"] == "distribute"
    assert record["size"] == 40
    assert 20 < record["peak_rss_mib"] < 500


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--help"], "peak memory of the process that distributes"),
        (["distribute-everything"], "no benchmark 'distribute-everything'; there are distribute,"),
        (["--db", "sqlite:///books.db"], "ask for one benchmark at a time"),
        (["distribute", "--size", "0"], "'0' is no whole number above 0"),
    ],
)
def test_the_command_says_what_there_is(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        program.main(arguments)
    assert ended.value.code == (0 if arguments == ["--help"] else 2)
    told = capsys.readouterr()
    assert said in " ".join((told.out + told.err).split())


def test_what_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def running(*, durable: bool) -> Iterator[postgres.Server]:
        raise postgres.NoServer("no PostgreSQL here")
        yield

    monkeypatch.setattr(postgres, "running", running)
    (record,) = perform(["distribute-pg"], Run(tmp_path, size=10))
    assert (record.note, record.rate, record.met) == ("no PostgreSQL here", None, None)
    assert "distribute-pg" in program.table([record])


@pytest.mark.parametrize(
    ("target", "ratio", "peak", "met"),
    [
        (Target("ratio", 4.0, True, ""), 4.0, None, True),
        (Target("ratio", 4.0, True, ""), 4.1, None, False),
        (Target("ratio", 0.5, False, ""), 0.4, None, False),
        (Target("ratio", 0.5, False, ""), None, None, None),
        (Target("ratio", 4.0, True, "", peak_mib=10.0), 1.0, 11.0, False),
    ],
)
def test_a_target_is_met_or_not(target: Target, ratio: float | None, peak: float | None, met: bool | None) -> None:
    assert target.met(Record("any", "sqlite", 1, ratio=ratio, peak_rss_mib=peak)) is met


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("WITH parts AS (SELECT a FROM balance) INSERT INTO posting (a) SELECT a FROM parts", "INSERT INTO posting"),
        ("UPDATE balance SET amount = 1 FROM (SELECT 1) WHERE 1 = 1", "UPDATE balance"),
        ("SELECT holder.holder_id FROM holder ORDER BY 1 FOR NO KEY UPDATE", "SELECT holder"),
        ("SELECT x FROM (SELECT 1 FROM balance) AS b", "SELECT balance"),
        ("SELECT 1", "SELECT"),
    ],
)
def test_statements_have_short_names(statement: str, name: str) -> None:
    assert stopwatch.named(statement) == name


# The books that are measured


@pytest.mark.usefixtures("small_books")
def test_wallets_and_orders_are_written_as_the_product_writes_them(database_url: str, tmp_path: Path) -> None:
    engine, book = built(database_url, 120, shares=False)
    books.transfer_in(engine, book, 120, book.opened_on)
    at = books.order_time(book, book.opened_on)
    plain = facade.connect(f"sqlite:///{tmp_path / 'plain.db'}")
    with plain.begin() as connection:
        facade.create(connection, book.opened_on)
        begin = books.book_begin(book)
        facade.open_wallets(connection, book, [facade.Opening(wallet=f"w{n}", at=begin) for n in range(1, 121)])
    with plain.begin() as connection:
        for n in range(1, 121):
            order = facade.TransferIn(
                wallet=f"w{n}", amount=books.amount_of(n), request_id=f"in {book.opened_on}", at=at
            )
            facade.transfer_in(connection, book, order)
    for table in (wallet, balance, journal_entry, posting, customer_order):
        assert rows(engine, table) == rows(plain, table), table.name
    on_one_gate = [row[:2] for row in rows(engine, holder)]
    assert on_one_gate == [row[:2] for row in rows(plain, holder)]
    gates = 16 if engine.dialect.name == "postgresql" else 1
    assert [row[2] for row in rows(engine, holder)] == [n % gates for n in range(121)]
    engine.dispose()


@pytest.mark.usefixtures("small_books")
def test_nothing_is_wrong_with_a_built_book(database_url: str) -> None:
    engine, book = built(database_url, 150)
    assert not wrong(engine)
    first, second = islice(books.trading_days(book), 2)
    books.transfer_in(engine, book, 150, first)
    books.announce(engine, book, 4)
    last = second + timedelta(2)
    assert facade.run_day(engine, book, last, books.end_of(book, last)).next_step == f"confirm {last + timedelta(1)}"
    assert not wrong(engine)
    with facade.reading(engine) as connection:
        assert facade.show_wallet(connection, book, "w150").holding.shares > 2 * books.holding_of(150)
    engine.dispose()


@pytest.mark.usefixtures("small_books")
def test_the_raw_table_has_the_key_and_the_checks_of_posting_and_gets_its_rows(database_url: str) -> None:
    engine, _ = built(database_url, 100)
    assert raw.copy_postings(database_url, [2, 3])[1] == 60
    for constraint in ("PRIMARY KEY (entry_id, holder_id, line)", "CHECK (amount > 0)", "CHECK (debit <> credit)"):
        assert constraint in raw.table(engine.dialect.name)
    assert raw.table("sqlite").split()[-3:] == ["WITHOUT", "ROWID,", "STRICT"]
    engine.dispose()


def test_the_hand_out_over_a_hundred_thousand_wallets_is_that_of_the_plain_reference(tmp_path: Path) -> None:
    size = 100_000
    url = f"sqlite:///{tmp_path / 'books.db'}"
    engine, book = built(url, size)
    stage = day._distribute_next(url, 0)
    held = {n: books.holding_of(n) for n in range(1, size + 1)}
    right = allocate({0: 0} | held, books.rate_of(book.opened_on))
    with facade.reading(engine) as connection:
        p = posting.c
        query = sa.select(p.holder_id, p.amount).where(p.entry_id.in_(stage.entries))
        assert dict(tuple(row) for row in connection.execute(query)) == {n: part for n, part in right.items() if part}
    engine.dispose()


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the benchmarks as a command."""
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
