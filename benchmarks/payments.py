"""Payments: one by one, in batches, and by many clients of a server, beside the same row writes without the product.

On SQLite two equal books are built. The product pays out of one; what it wrote there is read back and written into
the other by the plain driver, one prepared statement a row, in transactions of the same size. Both have the product's
tables with their keys, checks and guards, and its settings. On PostgreSQL the measure is pgbench's TPC-B-like script on
the same server, in alternation.
"""

from __future__ import annotations

import multiprocessing as mp
import os
import random
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import sqlalchemy as sa

from benchmarks import books
from benchmarks.harness import SQLITE, Missing, Record, Run, Target, benchmark, engine_of, in_child, middle
from benchmarks.raw import sqlite_file
from benchmarks.servers import durable
from ledger.schema import journal_entry
from wallet import book as opening
from wallet import facade
from wallet.facade import Fund, Payment

SINGLES, BATCHES, BATCH = 500, 20, 1_000
CLIENTS, HOT = 8, 1_000
"""So many clients; and the number of the wallet that all of them pay out of where one is asked for."""

SECONDS = 10
PGBENCH_PLACES = ("/usr/lib/postgresql/*/bin/pgbench", "/usr/pgsql-*/bin/pgbench")

Write = tuple[str, tuple[Any, ...]]


@benchmark(
    "pay-single",
    "one payment, one commit, against the same row writes and commit",
    size=100_000,
    target=Target("ratio", 0.5, False, "rate ≥ 0.5 × raw"),
)
def pay_single(run: Run, size: int) -> Record:
    """Pay with a commit each."""
    return _in_turn("pay-single", run, size, 1, SINGLES)


@benchmark(
    "pay-batch",
    "payments in batches of 1,000, against a row-by-row loop of prepared statements",
    size=100_000,
    target=Target("ratio", 1.0, False, "rate ≥ 1.0 × raw"),
)
def pay_batch(run: Run, size: int) -> Record:
    """Pay by `pay_many`, a thousand in one transaction."""
    return _in_turn("pay-batch", run, size, BATCH, BATCHES)


@benchmark(
    "pay-pg",
    "8 client processes on a durable PostgreSQL, against pgbench's TPC-B-like script there",
    size=1_000_000,
    target=Target("ratio", 0.75, False, "rate ≥ 0.75 × pgbench"),
)
def pay_pg(run: Run, size: int) -> Record:
    """Let clients pay out of any wallet for some seconds, and pgbench do its transactions, in turn."""
    pgbench = _pgbench()
    with durable(run) as url:
        in_child(books.build, url, size, True)
        subprocess.run([*pgbench, "-i", "-q", "-s", "50", *_database(url)], check=True, capture_output=True)
        product, raw = [], []
        for number in range(run.rounds):
            product.append(_storm(url, (1, size), number))
            raw.append(_tpcb(pgbench, url))
    (rate, _), (plain, _) = middle(product), middle(raw)
    record = Record("pay-pg", "postgresql", size, rate=rate, unit="payments/s", raw_rate=plain, ratio=rate / plain)
    return replace(record, rows=round(rate * SECONDS), note=f"{CLIENTS} clients, {SECONDS} s a round, raw is pgbench")


@benchmark(
    "pay-pg-hot",
    "16 facility slots against 1, 8 clients; and one wallet that all of them pay out of",
    size=100_000,
    target=Target("ratio", 2.0, False, "16 slots ≥ 2 × 1 slot"),
)
def pay_pg_hot(run: Run, size: int) -> Record:
    """Pay with the slots of a usual book and with one slot, in turn; then all clients out of one wallet."""
    if run.url is not None:
        raise Missing("needs two databases; give no --db")
    many, one, hot = [], [], []
    with durable(run) as url, durable(run) as narrow:
        in_child(books.build, url, size, True)
        in_child(_build_with_one_slot, narrow, size)
        for number in range(run.rounds):
            many.append(_storm(url, (1, size), number))
            one.append(_storm(narrow, (1, size), number))
            hot.append(_storm(url, (HOT, HOT), run.rounds + number))
    (rate, _), (plain, _), (single, _) = middle(many), middle(one), middle(hot)
    record = Record("pay-pg-hot", "postgresql", size, rate=rate, unit="payments/s", raw_rate=plain, ratio=rate / plain)
    return replace(record, note=f"raw: one slot; one wallet paid from by {CLIENTS} clients: {single:,.0f} payments/s")


# One after the other, on SQLite


def _in_turn(name: str, run: Run, size: int, batch: int, times: int) -> Record:
    url = run.database(name)
    if engine_of(url) != SQLITE:
        raise Missing("is measured on SQLite; give no --db, or a SQLite one")
    in_child(_build_settled, url, size)
    copy = sqlite_file(url).with_suffix(".raw.db")
    shutil.copy(sqlite_file(url), copy)
    in_child(_pay, url, size, -1, batch, times)  # so that neither side meets a cold file
    product, raw, peaks = [], [], []
    for number in range(run.rounds):
        (seconds, writes), peak = in_child(_pay, url, size, number, batch, times)
        product.append(seconds)
        peaks.append(peak or 0.0)
        raw.append(in_child(_write, copy, writes)[0])
    (taken, spread), (plain, _) = middle(product), middle(raw)
    payments = batch * times
    return Record(
        name,
        SQLITE,
        size,
        rate=payments / taken,
        unit="payments/s",
        raw_rate=payments / plain,
        ratio=plain / taken,
        peak_rss_mib=max(peaks),
        median=taken,
        spread=spread,
        raw_median=plain,
        rows=payments,
        note=f"{taken / payments * 1e6:.0f} µs a payment, raw {plain / payments * 1e6:.0f} µs",
    )


def _build_settled(url: str, size: int) -> None:
    """Build a book whose first day is over, so that all holdings are there to be paid out of."""
    books.build(url, size, True)
    engine = facade.connect(url)
    book = books.load(engine)
    books.announce(engine, book, 1)
    facade.run_day(engine, book, book.opened_on, books.end_of(book, book.opened_on))
    engine.dispose()
    with closing(sqlite3.connect(sqlite_file(url))) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _pay(url: str, size: int, number: int, batch: int, times: int) -> tuple[float, list[list[Write]]]:
    """Pay `times` batches out of wallets at random; return the seconds and, by transaction, what was written."""
    engine = facade.connect(url)
    book = books.load(engine)
    dice = random.Random(number)
    with engine.begin() as connection:
        last = connection.execute(sa.select(sa.func.max(journal_entry.c.entry_id))).scalar_one()
    seconds = 0.0
    for n in range(times):
        orders = [_payment(book, dice, size, f"{number}-{n}-{m}") for m in range(batch)]
        begin = perf_counter()
        with engine.begin() as connection:
            if batch == 1:
                facade.pay(connection, book, orders[0])
            else:
                assert all(outcome.receipt for outcome in facade.pay_many(connection, book, orders))
        seconds += perf_counter() - begin
    engine.dispose()
    return seconds, list(_written(sqlite_file(url), book, last, batch))


def _payment(book: Fund, dice: random.Random, size: int, name: str) -> Payment:
    at = books.order_time(book, book.opened_on + timedelta(1))
    wallet = f"w{dice.randint(1, size)}"
    return Payment(wallet=wallet, amount=dice.randint(1, 500), merchant="shop", request_id=name, at=at)


def _written(file: Path, book: Fund, last: int, batch: int) -> Iterator[list[Write]]:
    """Yield the row writes of every payment after entry `last`, by transaction of `batch` payments."""
    kept = {account.id: account for account in book.chart if account.per_holder}
    with closing(sqlite3.connect(file)) as connection:
        entries = connection.execute("SELECT * FROM journal_entry WHERE entry_id > ? ORDER BY entry_id", (last,))
        writes: list[Write] = []
        for done, entry in enumerate(entries.fetchall(), 1):
            writes.append((_insert("journal_entry", entry), entry))
            key = entry[:2]
            for line in connection.execute("SELECT * FROM posting WHERE entry_id = ? AND holder_id = ?", key):
                writes.append((_insert("posting", line), line))
                for number, debits, credits in ((line[3], line[5], 0), (line[4], 0, line[5])):
                    if number in kept:
                        change = kept[number].signed(debits, credits)
                        writes.append((_MOVE, (change, key[1], number, change)))
            for table, column in (("customer_order", "entry_id"), ("advance", "payment")):
                query = f"SELECT * FROM {table} WHERE {column} = ? AND holder_id = ?"
                writes += [(_insert(table, row), row) for row in connection.execute(query, key)]
            advanced = connection.execute("SELECT sum(amount) FROM advance WHERE payment = ? AND holder_id = ?", key)
            writes.append((_SLOT, (advanced.fetchone()[0],)))
            if done % batch == 0:
                yield writes
                writes = []


_MOVE = "UPDATE balance SET amount = amount + ? WHERE holder_id = ? AND account_id = ? AND amount + ? >= 0"
_SLOT = "UPDATE limit_slot SET used = used + ? WHERE name = 'facility' AND slot = 0"


def _insert(table: str, row: Sequence[Any]) -> str:
    return f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})"


def _write(file: Path, transactions: Sequence[Sequence[Write]]) -> float:
    """Write the same rows by the plain driver, one statement a row; return the seconds."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "recursive_triggers = ON"):
            connection.execute(f"PRAGMA {pragma}")
        begin = perf_counter()
        for writes in transactions:
            connection.execute("BEGIN IMMEDIATE")
            for text, values in writes:
                connection.execute(text, values)
            connection.execute("COMMIT")
        return perf_counter() - begin


# Many clients, on PostgreSQL


def _storm(url: str, wallets: tuple[int, int], seed: int) -> float:
    """Let clients pay for some seconds and return payments a second."""
    context = mp.get_context("spawn")
    ready, go, stop = context.Barrier(CLIENTS + 1), context.Event(), context.Event()
    counts: Any = context.Queue()
    clients = [
        context.Process(target=_client, args=(url, wallets, seed * CLIENTS + n, ready, go, stop, counts))
        for n in range(CLIENTS)
    ]
    for client in clients:
        client.start()
    ready.wait(120)
    begin = perf_counter()
    go.set()
    sleep(SECONDS)
    stop.set()
    done = sum(counts.get(timeout=120) for _ in clients)
    seconds = perf_counter() - begin
    for client in clients:
        client.join()
    return float(done / seconds)


def _client(url: str, wallets: tuple[int, int], seed: int, ready: Any, go: Any, stop: Any, counts: Any) -> None:
    """Pay a fen out of one of `wallets` (from, to) at a time, each in a transaction of its own."""
    engine = facade.connect(url)
    book = books.load(engine)
    at = books.order_time(book, book.opened_on + timedelta(1))
    dice, done = random.Random(seed), 0

    def pay(name: str) -> None:
        wallet = f"w{dice.randint(*wallets)}"
        order = Payment(wallet=wallet, amount=1, merchant="shop", request_id=f"{name} {seed} {os.getpid()}", at=at)
        facade.transact(engine, lambda connection: facade.pay(connection, book, order))

    for number in range(20):
        pay(f"warm {number}")
    ready.wait(120)
    go.wait()
    while not stop.is_set():
        done += 1
        pay(f"{done}")
    counts.put(done)
    engine.dispose()


def _build_with_one_slot(url: str, size: int) -> None:
    opening.GATES["postgresql"] = 1
    books.build(url, size, True)


def _pgbench() -> list[str]:
    found = shutil.which("pgbench")
    places = sorted(str(path) for pattern in PGBENCH_PLACES for path in Path("/").glob(pattern[1:]))
    if found is None and not places:
        raise Missing("needs pgbench, which comes with the PostgreSQL package of the distribution")
    return [found or places[-1]]


def _database(url: str) -> list[str]:
    """Return the options that name a database to PostgreSQL's own programs."""
    parsed = sa.make_url(url)
    host = parsed.query.get("host") or parsed.host or "localhost"
    options = ["-h", str(host), "-p", str(parsed.query.get("port") or parsed.port or 5432)]
    return [*options, *(["-U", parsed.username] if parsed.username else []), str(parsed.database)]


def _tpcb(pgbench: Sequence[str], url: str) -> float:
    """Run pgbench's TPC-B-like script and return transactions a second."""
    clients = ["-c", str(CLIENTS), "-j", "2", "-M", "prepared", "-T", str(SECONDS)]
    done = subprocess.run([*pgbench, *clients, *_database(url)], check=True, capture_output=True, text=True)
    told = re.search(r"tps = ([0-9.]+)", done.stdout)
    assert told is not None, done.stdout
    return float(told[1])
