"""How quickly a file of the transfer agent is read, and taken into the books."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import psycopg
import sqlalchemy as sa
from sqlalchemy.schema import CreateTable

from benchmarks import books, raw
from benchmarks.harness import SQLITE, Record, Run, Target, benchmark, engine_of, in_child, middle
from benchmarks.servers import durable
from wallet import facade
from wallet.outside import links, taking
from wallet.outside.links import Link
from wallet.outside.schema import agent_shares
from wallet.transfer_agent import datafile
from wallet.transfer_agent.datafile import BLOCK, Header
from wallet.transfer_agent.layout import FIELDS

TAKEN = Target("rate", 30_000.0, False, "≥ 30,000 records applied/s, peak ≤ 512 MiB", peak_mib=512.0)
COLUMNS = tuple(name for name, field in FIELDS["05"].items() if field.required)
ACCOUNTS = 1_000
"""Wallets of the book: shares of accounts that nobody knows are kept as well, and cost the same."""


@benchmark(
    "import-05", "a file 05 of so many accounts, against plain inserts of its rows", size=1_000_000, target=TAKEN
)
def import_05(run: Run, size: int) -> Record:
    """Take the shares of a day."""
    return _imported("import-05", run.database("import-05"), run, size)


@benchmark("import-05-pg", "the same on a durable PostgreSQL of its own", size=1_000_000, target=TAKEN)
def import_05_pg(run: Run, size: int) -> Record:
    """Take the shares of a day on PostgreSQL."""
    with durable(run) as url:
        return _imported("import-05-pg", url, run, size)


def _imported(name: str, url: str, run: Run, size: int) -> Record:
    in_child(_build, url)
    parsed, taken, plain, peaks = [], [], [], []
    for number in range(run.rounds):
        path = in_child(_write, run.home, books.OPENED_ON + timedelta(number), size)[0]
        parsed.append(in_child(_parse, path)[0])
        seconds, peak = in_child(_take, url, path)
        taken.append(seconds)
        peaks.append(peak or 0.0)
        plain.append(in_child(_insert, url, size)[0])
        path.unlink()
    (median, spread), (reading, _), (inserting, _) = middle(taken), middle(parsed), middle(plain)
    return Record(
        name,
        engine_of(url),
        size,
        rate=size / median,
        unit="records/s",
        raw_rate=size / inserting,
        ratio=inserting / median,
        peak_rss_mib=max(peaks),
        median=median,
        spread=spread,
        raw_median=inserting,
        rows=size,
        note=f"{size / reading:,.0f} records/s parsed, every column",
    )


def _build(url: str) -> None:
    engine = facade.connect(url)
    book = books.create(engine, ACCOUNTS)
    with engine.begin() as connection:
        links.connect(connection, book, Link(book.opened_on))
    engine.dispose()


def _write(home: Path, day: date, size: int) -> Path:
    """Write a file 05 of a day and return its path."""
    head = Header("TA", "WALLET", day, "05", "TA", "WALLET", COLUMNS)
    path = home / datafile.name_of(head)
    with path.open("wb") as stream:
        datafile.write(stream, head, size, _columns(day, size))
    return path


def _columns(day: date, size: int) -> Iterator[dict[str, Any]]:
    same = {"FundCode": "000198", "DistributorCode": "WALLET", "BranchCode": "WALLET", "ShareClass": "0"}
    same |= {"DetailFlag": "0", "TransactionCfmDate": f"{day:%Y%m%d}"}
    for first in range(1, size + 1, BLOCK):
        numbers = range(first, min(first + BLOCK, size + 1))
        shares = books.holding_of(np.array(numbers, np.int64))
        block: dict[str, Any] = {name: [value] * len(numbers) for name, value in same.items()}
        block |= {"AvailableVol": shares, "TotalVolOfDistributorInTA": shares}
        block["TransactionAccountID"] = [f"{number:017}" for number in numbers]
        yield block | {"TAAccountID": [f"{number:012}" for number in numbers]}


def _parse(path: Path) -> float:
    """Return the seconds that it takes to read every column of a file."""
    begin = perf_counter()
    with datafile.open_file(path) as data:
        for block in data.blocks():
            for field in data.header.columns:
                _ = block.numbers(field.name) if field.kind == "N" else block.texts(field.name)
    return perf_counter() - begin


def _take(url: str, path: Path) -> float:
    """Return the seconds that it takes to take a file, commit included."""
    engine = facade.connect(url)
    book = books.load(engine)
    begin = perf_counter()
    with engine.begin() as connection:
        assert taking.take(connection, book, path, books.book_begin(book)).new
    taken = perf_counter() - begin
    engine.dispose()
    return taken


def _insert(url: str, size: int) -> float:
    """Return the seconds that the plain driver takes to write the last file's rows into an empty table like theirs."""
    copy = agent_shares.to_metadata(sa.MetaData(), name="raw_shares")
    engine = sa.create_mock_engine(url, lambda *_: None)
    make = [str(CreateTable(copy).compile(dialect=engine.dialect))]
    make += ["CREATE INDEX raw_shares_dated ON raw_shares (book, day, holder_id)"]
    last = "SELECT * FROM agent_shares WHERE day = (SELECT max(day) FROM agent_shares) ORDER BY holder_id"
    if engine_of(url) == SQLITE:
        file = raw.sqlite_file(url).with_suffix(".raw.db")
        with closing(sqlite3.connect(raw.sqlite_file(url))) as source:
            rows = source.execute(last).fetchall()
        with closing(sqlite3.connect(file, isolation_level=None)) as plain:
            for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", *make):
                plain.execute(statement)
            begin = perf_counter()
            plain.execute("BEGIN IMMEDIATE")
            plain.executemany(f"INSERT INTO raw_shares VALUES ({','.join('?' * len(rows[0]))})", rows)
            plain.execute("COMMIT")
            taken = perf_counter() - begin
        file.unlink()
    else:
        with psycopg.connect(raw.postgresql(url), autocommit=True) as server:
            rows = server.execute(last.encode()).fetchall()
            for statement in ("DROP TABLE IF EXISTS raw_shares", *make, "CHECKPOINT"):
                server.execute(statement.encode())
            begin = perf_counter()
            marks = ",".join(["%s"] * len(rows[0]))
            with server.transaction(), server.cursor() as cursor:
                cursor.executemany(f"INSERT INTO raw_shares VALUES ({marks})".encode(), rows)
            taken = perf_counter() - begin
    assert len(rows) == size
    return taken
