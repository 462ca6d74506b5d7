"""What people ask the books, once they are long: a statement, a past balance, the whole verification."""

from __future__ import annotations

import sqlite3
import statistics
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from time import perf_counter
from typing import Any

import psycopg
import sqlalchemy as sa

from benchmarks import raw
from benchmarks.day import history
from benchmarks.harness import SQLITE, Record, Run, Target, benchmark, engine_of, in_child, middle
from ledger.schema import journal_entry, posting
from wallet import facade
from wallet.facade import Fund

YEAR = 365
ASKED = 20
"""So many wallets are asked about in each round, spread over the book."""

VERIFIED_DAYS = 30

Ask = Callable[[sa.Connection, Fund, str], object]
Query = Callable[[int], object]


@benchmark(
    "statement",
    "a year's statement of one wallet in a book of 400 days, against its postings by key",
    size=100_000,
    target=Target("rate", 50.0, True, "≤ 50 ms"),
)
def statement(run: Run, size: int) -> Record:
    """Ask for the last year of some wallets, one after the other."""
    return _asked("statement", run, size, YEAR)


@benchmark(
    "balance-as-of",
    "what one wallet held at the end of a past day, same book, against its later postings by key",
    size=100_000,
    target=Target("rate", 20.0, True, "≤ 20 ms"),
)
def balance_as_of(run: Run, size: int) -> Record:
    """Ask what some wallets held on the first day, which is farthest from now."""
    return _asked("balance-as-of", run, size, None)


@benchmark(
    "verify",
    "the whole book recomputed, 30 days, against one sum over the postings",
    size=1_000_000,
    target=Target("rate", 60.0, True, "≤ 60 s, peak ≤ 1024 MiB", peak_mib=1024.0),
)
def verify(run: Run, size: int) -> Record:
    """Verify a book whose every day was run; the target's second half is the peak memory."""
    verified = replace(run, days=run.days or VERIFIED_DAYS)
    url = history(verified, size)
    products, raws, peaks = [], [], []
    for _ in range(run.rounds):
        seconds, peak = in_child(_verify, url)
        products.append(seconds)
        peaks.append(peak or 0.0)
        raws.append(in_child(_sum_postings, url)[0])
    median, spread = middle(products)
    plain, _ = middle([seconds for seconds, _ in raws])
    rows, note, most = raws[0][1], f"{verified.days} days", max(peaks)
    record = Record("verify", engine_of(url), size, median, "s", plain, median / plain, most, rows=rows, note=note)
    return replace(record, median=median, spread=spread, raw_median=plain)


def _asked(name: str, run: Run, size: int, days: int | None) -> Record:
    """Ask for some wallets, one after the other, the product first for one and the raw database first for the next."""
    url = history(run, size)
    (products, raws, rows), peak = in_child(_ask, url, size, run.rounds, days)
    (median, spread), (plain, _) = middle(products), middle(raws)
    record = Record(name, engine_of(url), size, 1e3 * median, "ms", 1e3 * plain, median / plain, peak, rows=rows)
    return replace(record, median=median, spread=spread, raw_median=plain)


def _ask(url: str, size: int, rounds: int, days: int | None) -> tuple[list[float], list[float], int]:
    """Return the seconds of every call of product and raw, and the rows behind one call."""
    engine = facade.connect(url)
    with facade.reading(engine) as connection:
        book = facade.load(connection)
        last = connection.execute(sa.select(sa.func.max(journal_entry.c.value_date, type_=sa.Date()))).scalar_one()
    last = date.fromisoformat(f"{last}")
    first = book.opened_on if days is None else max(book.opened_on, last - timedelta(days - 1))
    ask: Ask = partial(_show, day=first) if days is None else partial(_statement, first=first, last=last)
    begin = first + timedelta(1) if days is None else first
    numbers = [1 + n * (size - 1) // max(1, ASKED - 1) for n in range(ASKED)]
    entries = {n: _entries(engine, n, begin, last) for n in numbers}
    query, close = _raw(url, entries)
    products: list[float] = []
    raws: list[float] = []
    with facade.reading(engine) as connection:
        ask(connection, book, f"w{numbers[0]}")
        for turn in range(rounds):
            for place, n in enumerate(numbers):
                both = [(products, partial(ask, connection, book, f"w{n}")), (raws, partial(query, n))]
                for seconds, work in both if (turn + place) % 2 else both[::-1]:
                    seconds.append(_timed(work))
    close()
    engine.dispose()
    return products, raws, statistics.median_low([len(each) for each in entries.values()])


def _show(connection: sa.Connection, book: Fund, wallet: str, day: date) -> object:
    return facade.show_wallet(connection, book, wallet, on=day)


def _statement(connection: sa.Connection, book: Fund, wallet: str, first: date, last: date) -> object:
    return facade.statement(connection, book, wallet, first, last)


def _timed(work: Callable[[], object]) -> float:
    begin = perf_counter()
    work()
    return perf_counter() - begin


def _entries(engine: sa.Engine, number: int, first: date, last: date) -> list[int]:
    """Return the entries dated from `first` to `last` that move a wallet."""
    e, p = journal_entry.c, posting.c
    mine = sa.and_(p.entry_id == e.entry_id, p.holder_id == number)
    query = sa.select(e.entry_id).distinct().join(posting, mine).where(e.value_date.between(first, last))
    bulk = query.where(e.holder_id.in_([0, number]), sa.or_(e.first_holder.is_(None), e.first_holder <= number))
    with facade.reading(engine) as connection:
        return list(connection.execute(bulk).scalars())


def _raw(url: str, entries: dict[int, list[int]]) -> tuple[Query, Callable[[], object]]:
    """Return a function that reads a wallet's balances and postings by key through the plain driver, and its end."""
    balances = "SELECT account_id, amount FROM balance WHERE holder_id = "
    lines = "SELECT entry_id, line, debit, credit, amount FROM posting WHERE holder_id = "
    if engine_of(url) == SQLITE:
        plain = sqlite3.connect(raw.sqlite_file(url))

        def ask(n: int) -> Any:
            places = ",".join("?" * len(entries[n]))
            held = plain.execute(f"{balances}?", (n,)).fetchall()
            return held, plain.execute(f"{lines}? AND entry_id IN ({places})", (n, *entries[n])).fetchall()

        return ask, plain.close
    server = psycopg.connect(raw.postgresql(url), autocommit=True)

    def ask_server(n: int) -> Any:
        held = server.execute(f"{balances}%s".encode(), (n,)).fetchall()
        return held, server.execute(f"{lines}%s AND entry_id = ANY(%s)".encode(), (n, entries[n])).fetchall()

    return ask_server, server.close


def _verify(url: str) -> float:
    engine = facade.connect(url)
    begin = perf_counter()
    with facade.reading(engine) as connection:
        wrong = [check for check in facade.verify(connection, facade.load(connection)) if not check.ok]
    taken = perf_counter() - begin
    assert not wrong, wrong
    engine.dispose()
    return taken


def _sum_postings(url: str) -> tuple[float, int]:
    """Return what one pass over all postings takes in the raw database, and how many there are."""
    query = "SELECT debit, credit, count(*), sum(amount) FROM posting GROUP BY debit, credit"
    begin = perf_counter()
    if engine_of(url) == SQLITE:
        plain = sqlite3.connect(raw.sqlite_file(url))
        rows = plain.execute(query).fetchall()
        plain.close()
    else:
        with psycopg.connect(raw.postgresql(url)) as server:
            rows = server.execute(query.encode()).fetchall()
    return perf_counter() - begin, sum(row[2] for row in rows)
