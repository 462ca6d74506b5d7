"""How a benchmark is declared, run and written down; knows neither books nor SQL.

Every measured phase runs in a process of its own, so that one phase's peak memory does not count for another, and
product and raw take turns within one run, so that both meet the same machine. Times are `time.perf_counter`'s.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import sqlalchemy as sa

P = ParamSpec("P")
Result = TypeVar("Result")

ROUNDS = 3
SQLITE, POSTGRESQL = "sqlite", "postgresql"


class Missing(Exception):
    """Something that a benchmark needs is not on this machine, or cannot be had in this run; the text says what."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked of a benchmark: `of` is "ratio" or "rate", and it is to be at most or at least `bound`.

    `peak_mib` bounds the peak memory beside it.
    """

    of: str
    bound: float
    at_most: bool
    says: str
    peak_mib: float | None = None

    def met(self, record: Record) -> bool | None:
        """Tell whether a record reaches the target; None when it has no such figure."""
        value = record.ratio if self.of == "ratio" else record.rate
        if value is None:
            return None
        if self.peak_mib is not None and (record.peak_rss_mib or 0.0) > self.peak_mib:
            return False
        return value <= self.bound if self.at_most else value >= self.bound


@dataclass(frozen=True, slots=True)
class Record:
    """One benchmark's outcome.

    Units: `rate` and `raw_rate` in `unit`; `median`, `spread` (least and most) and `raw_median` in seconds of one
    round; `ratio` is what the target speaks of: the product's time by the raw time where less is better ("at most"),
    the product's rate by the raw rate where more is better ("at least"); `rows` are those of one round.
    `profile` gives seconds by statement, of the median round.
    """

    name: str
    engine: str
    size: int
    rate: float | None = None
    unit: str = ""
    raw_rate: float | None = None
    ratio: float | None = None
    peak_rss_mib: float | None = None
    bytes_per_row: float | None = None
    median: float | None = None
    spread: tuple[float, float] | None = None
    raw_median: float | None = None
    rows: int | None = None
    target: str | None = None
    met: bool | None = None
    note: str | None = None
    profile: dict[str, float] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Return the record as JSON can hold it, figures rounded to what they are worth."""
        return {key: _rounded(value) for key, value in asdict(self).items()}


@dataclass(slots=True)
class Run:
    """One run of some benchmarks: what was asked for, and the directory that its data lives in.

    `kept` holds what one benchmark built and another of the same run may use again.
    """

    home: Path
    size: int | None = None
    days: int | None = None
    rounds: int = ROUNDS
    url: str | None = None
    kept: dict[tuple[object, ...], Any] = field(default_factory=dict)

    def database(self, name: str) -> str:
        """Return the address of the empty database to build in: the one given, or a new SQLite file."""
        return self.url or f"sqlite:///{self.home / name}.db"


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A registered benchmark: its name, one line about it, its usual size, its target, and how it is run."""

    name: str
    says: str
    size: int
    target: Target | None
    run: Callable[[Run, int], Record]


REGISTRY: dict[str, Benchmark] = {}


def benchmark(
    name: str, says: str, *, size: int, target: Target | None = None
) -> Callable[[Callable[[Run, int], Record]], Callable[[Run, int], Record]]:
    """Register a function of a run and a size as the benchmark `name`."""

    def register(function: Callable[[Run, int], Record]) -> Callable[[Run, int], Record]:
        assert name not in REGISTRY, name
        REGISTRY[name] = Benchmark(name, says, size, target, function)
        return function

    return register


def perform(names: Sequence[str], settings: Run, told: Callable[[str], None] = lambda _: None) -> Iterator[Record]:
    """Run benchmarks one after the other and yield their records; `told` hears what is being done."""
    for name in names:
        asked = REGISTRY[name]
        size = settings.size or asked.size
        told(f"{name}: size {size:,}")
        try:
            record = asked.run(settings, size)
        except Missing as reason:
            record = Record(name, engine_of(settings.url), size, note=str(reason))
        if asked.target is not None:
            record = replace(record, target=asked.target.says, met=asked.target.met(record))
        yield record


@contextmanager
def prepared(
    size: int | None = None, days: int | None = None, rounds: int = ROUNDS, url: str | None = None
) -> Iterator[Run]:
    """Yield a run with a temporary directory, which is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as home:
        yield Run(Path(home), size, days, rounds, url)


def in_child(work: Callable[P, Result], *arguments: P.args, **options: P.kwargs) -> tuple[Result, float | None]:
    """Run `work` in a new process and return what it returned with the process's peak memory in MiB."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        result = pool.submit(work, *arguments, **options).result()
        return result, pool.submit(peak_rss_mib).result()


def peak_rss_mib() -> float | None:
    """Return the most memory this process has held, in MiB; None where the system does not tell."""
    try:
        import resource
    except ImportError:
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**20 if sys.platform == "darwin" else 2**10)


def engine_of(url: str | None) -> str:
    """Return the name of the database engine behind an address; SQLite where none is given."""
    return SQLITE if url is None else sa.make_url(url).get_backend_name()


def middle(seconds: Sequence[float]) -> tuple[float, tuple[float, float]]:
    """Return the median of some times and their spread, the least and the most."""
    return statistics.median(seconds), (min(seconds), max(seconds))


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, tuple | list) else value
