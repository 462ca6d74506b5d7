"""The day's end: income handed out, orders confirmed, what they cost in time, memory and bytes."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from itertools import islice

import sqlalchemy as sa

from benchmarks import books, raw
from benchmarks.harness import SQLITE, Missing, Record, Run, Target, benchmark, engine_of, in_child, middle
from benchmarks.servers import durable
from benchmarks.stopwatch import Watch
from ledger.schema import posting
from wallet import facade
from wallet.facade import Fund
from wallet.schema import day_chunk

DAYS = 400
A_FEW_DAYS = 5
"""So many days are taken together where one day alone would say little."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What one step of one day took, the entries it made, and by how many bytes the database grew meanwhile."""

    seconds: float
    entries: list[int]
    grown: int
    profile: dict[str, float]


@benchmark(
    "distribute",
    "income of one day handed out exactly and booked, against INSERT…SELECT of the same postings",
    size=1_000_000,
    target=Target("ratio", 4.0, True, "time ≤ 4 × raw"),
)
def distribute(run: Run, size: int) -> Record:
    """Distribute a day per round, right after it was closed; only the distribute step is counted."""
    return _distribute("distribute", run, run.database("distribute"), size)


@benchmark(
    "distribute-pg",
    "the same on PostgreSQL, on a durable server of its own",
    size=1_000_000,
    target=Target("ratio", 4.0, True, "time ≤ 4 × raw"),
)
def distribute_pg(run: Run, size: int) -> Record:
    """Distribute on the PostgreSQL that was given, or on one that is started for it."""
    with durable(run) as url:
        return _distribute("distribute-pg", run, url, size)


@benchmark(
    "distribute-history",
    "the distribute step in a book of 400 days against the same in a book of one day",
    size=100_000,
    target=Target("ratio", 1.2, True, "old book ≤ 1.2 × new book"),
)
def distribute_history(run: Run, size: int) -> Record:
    """Distribute in turn a day of a new book and of one whose every day was run by the product, then the next ones."""
    if run.url is not None:
        raise Missing("needs two databases; give no --db")
    old, new, done = history(run, size), run.database("new"), run.days or DAYS
    in_child(books.build, new, size, True)
    in_child(_run_days, new, 1)
    early, late, peaks = [], [], []
    for number in range(run.rounds):
        early.append(in_child(_distribute_next, new, 1 + number)[0])
        stage, peak = in_child(_distribute_next, old, done + number)
        late.append(stage)
        peaks.append(peak)
    as_raw = [(stage.seconds, size) for stage in early]
    record = _record("distribute-history", old, size, late, as_raw, "wallets/s")
    return replace(record, peak_rss_mib=_most(peaks), note=f"raw: the same on day 2, measured: on day {done + 1}")


@benchmark(
    "confirm",
    "an order of every wallet confirmed, against INSERT…SELECT of the same postings, two an order",
    size=1_000_000,
    target=Target("ratio", 5.0, True, "time ≤ 5 × raw"),
)
def confirm(run: Run, size: int) -> Record:
    """Confirm, per round, one transfer-in of every wallet; only the confirm step is counted."""
    url = run.database("confirm")
    in_child(books.build, url, size, False)
    stages, raws, peaks = [], [], []
    for number in range(run.rounds):
        in_child(_order_all, url, size, number)
        stage, peak = in_child(_confirm_next, url, number)
        stages.append(stage)
        raws.append(in_child(raw.copy_postings, url, stage.entries)[0])
        peaks.append(peak)
    return replace(_record("confirm", url, size, stages, raws, "orders/s"), peak_rss_mib=_most(peaks))


@benchmark(
    "memory",
    "peak memory of the process that distributes",
    size=10_000_000,
    target=Target("rate", 1024.0, True, "≤ 1024 MiB"),
)
def memory(run: Run, size: int) -> Record:
    """Distribute one day in a process that has built nothing."""
    url = run.database("memory")
    in_child(books.build, url, size, True)
    stage, peak = in_child(_distribute_next, url, 0)
    figure = f"the distribute step took {stage.seconds:.1f} s"
    return Record("memory", engine_of(url), size, rate=peak, unit="MiB", peak_rss_mib=peak, rows=size, note=figure)


@benchmark(
    "bytes",
    "growth of the SQLite file per wallet and distributed day",
    size=100_000,
    target=Target("rate", 24.0, True, "≤ 24 bytes"),
)
def growth(run: Run, size: int) -> Record:
    """Run some days on which nothing else happens and divide what the file has grown by wallets and days."""
    url = run.database("bytes")
    if engine_of(url) != SQLITE:
        raise Missing("bytes are those of a SQLite file; give no --db, or a SQLite one")
    in_child(books.build, url, size, True)
    days = run.days or A_FEW_DAYS
    (grown, rows), peak = in_child(_grow, url, days)
    each = grown / size / days
    record = Record("bytes", SQLITE, size, rate=each, unit="bytes a wallet and day", peak_rss_mib=peak)
    return replace(record, bytes_per_row=grown / rows, rows=rows, note=f"over {days} days")


def history(run: Run, size: int) -> str:
    """Return a book of `size` wallets, each day of which was run by the product; it is built once a run."""
    days = run.days or DAYS
    key = ("history", size, days)
    if key not in run.kept:
        url = run.database(f"history-{size}-{days}")
        in_child(books.build, url, size, True)
        in_child(_run_days, url, days)
        run.kept[key] = url
    return str(run.kept[key])


def _distribute(name: str, run: Run, url: str, size: int) -> Record:
    in_child(books.build, url, size, True)
    stages, raws, peaks = [], [], []
    for number in range(run.rounds):
        stage, peak = in_child(_distribute_next, url, number)
        stages.append(stage)
        raws.append(in_child(raw.copy_postings, url, stage.entries)[0])
        peaks.append(peak)
    return replace(_record(name, url, size, stages, raws, "wallets/s"), peak_rss_mib=_most(peaks))


def _record(name: str, url: str, size: int, stages: list[Stage], raws: list[tuple[float, int]], unit: str) -> Record:
    """Return the record of rounds in which product and raw wrote the same rows in turn."""
    product, spread = middle([stage.seconds for stage in stages])
    plain, _ = middle([seconds for seconds, _ in raws])
    rows = raws[0][1]
    typical = min(stages, key=lambda stage: abs(stage.seconds - product))
    return Record(
        name,
        engine_of(url),
        size,
        rate=size / product,
        unit=unit,
        raw_rate=size / plain,
        ratio=statistics.median(s.seconds / r for s, (r, _) in zip(stages, raws, strict=True)),
        bytes_per_row=statistics.median(stage.grown for stage in stages) / rows,
        median=product,
        spread=spread,
        raw_median=plain,
        rows=rows,
        profile=typical.profile,
    )


def _distribute_next(url: str, number: int) -> Stage:
    """Distribute day `number` of a book, 0 being its first: all before it is run, and its figure announced."""
    engine = facade.connect(url)
    book = books.load(engine)
    day = book.opened_on + timedelta(number)
    at = books.end_of(book, day)
    blocked = facade.run_day(engine, book, day, at).blocked_by
    assert blocked, f"{day} waits for no figure"
    books.announce(engine, book, 1, day)
    return _measured(engine, book, day, at, "distribute")


def _order_all(url: str, size: int, number: int) -> None:
    """Let every wallet order on trading day `number`, and run that day and all before the next trading day."""
    engine = facade.connect(url)
    book = books.load(engine)
    trade_date, following = islice(books.trading_days(book), number, number + 2)
    books.transfer_in(engine, book, size, trade_date)
    books.announce(engine, book, (following - trade_date).days, trade_date)
    last = following - timedelta(1)
    blocked = facade.run_day(engine, book, last, books.end_of(book, last)).blocked_by
    assert blocked is None, blocked
    engine.dispose()


def _confirm_next(url: str, number: int) -> Stage:
    """Confirm what was ordered on trading day `number`."""
    engine = facade.connect(url)
    book = books.load(engine)
    day = next(islice(books.trading_days(book), number + 1, None))
    return _measured(engine, book, day, book.instant(day, time(0)), "confirm")


def _measured(engine: sa.Engine, book: Fund, day: date, at: datetime, step: str) -> Stage:
    """Run what is due at `at`, of which `step` comes first, and return what that step took."""
    before = books.stored_bytes(engine)
    watch = Watch(engine)
    watch.start()
    facade.run_day(engine, book, day, at)
    watch.stop()
    c = day_chunk.c
    with facade.reading(engine) as connection:
        rows = connection.execute(sa.select(c.entry_id).where(c.fund == book.code, c.day == day, c.step == step))
        entries = list(rows.scalars())
    grown = books.stored_bytes(engine) - before
    engine.dispose()
    return Stage(watch.steps[day, step], entries, grown, watch.profiles[day, step])


def _run_days(url: str, days: int) -> None:
    """Run the first days of a book."""
    engine = facade.connect(url)
    _run_more(engine, days)
    engine.dispose()


def _grow(url: str, days: int) -> tuple[int, int]:
    """Run days after the first and return by how much the file has grown, and the postings that were written."""
    engine = facade.connect(url)
    counted = sa.select(sa.func.count()).select_from(posting)
    _run_more(engine, 1)
    with facade.reading(engine) as connection:
        before, rows = books.stored_bytes(engine), connection.execute(counted).scalar_one()
    _run_more(engine, days, 1)
    with facade.reading(engine) as connection:
        written = connection.execute(counted).scalar_one() - rows
    return books.stored_bytes(engine) - before, written


def _run_more(engine: sa.Engine, days: int, done: int = 0) -> None:
    """Run the next days of a book of which some are done."""
    book = books.load(engine)
    books.announce(engine, book, days, book.opened_on + timedelta(done))
    last = book.opened_on + timedelta(done + days - 1)
    status = facade.run_day(engine, book, last, books.end_of(book, last))
    assert (status.blocked_by, status.failed_by) == (None, None), status


def _most(peaks: list[float | None]) -> float | None:
    return max((peak for peak in peaks if peak is not None), default=None)
