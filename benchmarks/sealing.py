"""What sealing a day of a million postings takes: of income alone, and of as many orders as income."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import timedelta
from time import perf_counter

import psycopg

from benchmarks import books, raw
from benchmarks.harness import SQLITE, Record, Run, Target, benchmark, engine_of, in_child, middle
from wallet import facade
from wallet.audit import seals

QUICK = Target("rate", 10.0, True, "≤ 10 s a million postings, peak ≤ 1024 MiB", peak_mib=1024.0)


@benchmark(
    "seal",
    "sealing a day of one posting an order and one of income a wallet, against reading the postings",
    size=500_000,
    target=QUICK,
)
def seal(run: Run, size: int) -> Record:
    """Seal a day on which every wallet transferred in and got income: two postings and an order each."""
    return _sealed("seal", run, size, orders=True)


@benchmark(
    "seal-income",
    "sealing a day on which only income is booked, a posting a wallet, against reading the postings",
    size=1_000_000,
    target=QUICK,
)
def seal_income(run: Run, size: int) -> Record:
    """Seal a day of bulk entries alone."""
    return _sealed("seal-income", run, size, orders=False)


def _sealed(name: str, run: Run, size: int, *, orders: bool) -> Record:
    url = run.database(name)
    in_child(books.build, url, size, True)
    in_child(_second_day, url, size, orders)
    products, raws, peaks = [], [], []
    for _ in range(run.rounds):
        (seconds, postings, entries), peak = in_child(_seal, url)
        products.append(seconds)
        peaks.append(peak or 0.0)
        read, rows = in_child(_read, url)[0]
        assert rows == postings, (rows, postings)
        raws.append(read)
    (median, spread), (plain, _) = middle(products), middle(raws)
    note = f"{entries:,} entries"
    record = Record(
        name, engine_of(url), size, median, "s", plain, median / plain, max(peaks), rows=postings, note=note
    )
    return replace(record, median=median, spread=spread, raw_median=plain)


def _second_day(url: str, size: int, orders: bool) -> None:
    """Run the first two days of a book; on the second every wallet transfers in, if `orders` says so."""
    engine = facade.connect(url)
    book = books.load(engine)
    books.announce(engine, book, 2)
    second = book.opened_on + timedelta(1)
    if orders:
        books.transfer_in(engine, book, size, second)
    facade.run_day(engine, book, second, books.end_of(book, second))
    engine.dispose()


def _seal(url: str) -> tuple[float, int, int]:
    """Return the seconds that the last seal takes to be made again, its postings, its entries."""
    engine = facade.connect(url)
    book = books.load(engine)
    with facade.reading(engine) as connection:
        before, last = seals.all_seals(connection, book)[-2:]
        begin = perf_counter()
        made = seals.digest(connection, seals.span_of(book, before, last), before)
        taken = perf_counter() - begin
    engine.dispose()
    assert made == last
    return taken, made.postings, made.entries


def _read(url: str) -> tuple[float, int]:
    """Return the seconds that the plain driver takes to give the second day's postings, and how many they are."""
    mark = "?" if engine_of(url) == SQLITE else "%s"
    day = books.OPENED_ON + timedelta(1)
    query = (
        "SELECT entry_id, holder_id, line, debit, credit, amount FROM posting WHERE entry_id IN "
        f"(SELECT entry_id FROM journal_entry WHERE value_date = {mark}) ORDER BY entry_id, holder_id, line"
    )
    begin, rows = perf_counter(), 0
    if engine_of(url) == SQLITE:
        plain = sqlite3.connect(raw.sqlite_file(url))
        cursor = plain.execute(query, (day.isoformat(),))
        while part := cursor.fetchmany(100_000):
            rows += len(part)
        plain.close()
    else:
        with psycopg.connect(raw.postgresql(url)) as server, server.cursor("postings") as streamed:
            streamed.execute(query.encode(), (day,))
            while part := streamed.fetchmany(100_000):
                rows += len(part)
    return perf_counter() - begin, rows
