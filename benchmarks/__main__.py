"""`python -m benchmarks [NAME …]`: run benchmarks, show what they measured. A target missed is no failure."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

import benchmarks
from benchmarks.harness import REGISTRY, ROUNDS, Record, perform, prepared

HEADS = "name,engine,size,rate,unit,raw,median s,spread s,ratio,rows,peak MiB,B/row,target,met"
COLUMNS = tuple(HEADS.split(","))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for and print it; return the exit code, 0 also where a target is missed."""
    benchmarks.load()
    parser = _parser()
    asked = parser.parse_args(arguments)
    names = asked.names or list(REGISTRY)
    if unknown := [name for name in names if name not in REGISTRY]:
        parser.error(f"no benchmark {unknown[0]!r}; there are {', '.join(REGISTRY)}")
    if asked.db and len(names) > 1:
        parser.error("--db names one empty database: ask for one benchmark at a time")
    records = []
    with prepared(asked.size, asked.days, asked.rounds, asked.db) as run:
        for record in perform(names, run, lambda text: print(text, file=sys.stderr, flush=True)):
            records.append(record)
    if asked.json:
        print(json.dumps([record.document() for record in records], ensure_ascii=False, indent=2))
    else:
        print(table(records))
        for record in records:
            _tell(record, asked.profile)
    return 0


def table(records: Sequence[Record]) -> str:
    """Return the records as a table for people."""
    rows = [COLUMNS, *(_row(record) for record in records)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(COLUMNS))]
    left = {0, 1, 4, 12, 13}
    lines = [
        "  ".join(
            f"{cell:<{w}}" if n in left else f"{cell:>{w}}" for n, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join([lines[0], "─" * max(map(len, lines)), *lines[1:]])


def _row(record: Record) -> tuple[str, ...]:
    low, high = record.spread or (None, None)
    met = "–" if record.met is None else "yes" if record.met else "NO"
    return (
        record.name,
        record.engine,
        f"{record.size:,}",
        _figure(record.rate),
        record.unit,
        _figure(record.raw_rate),
        _figure(record.median),
        f"{_figure(low)}–{_figure(high)}",
        _figure(record.ratio),
        "–" if record.rows is None else f"{record.rows:,}",
        _figure(record.peak_rss_mib),
        _figure(record.bytes_per_row),
        record.target or "–",
        met,
    )


def _figure(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _tell(record: Record, profile: bool) -> None:
    """Print what does not fit the table: a note, and where the time went."""
    if record.note:
        print(f"{record.name}: {record.note}")
    if profile:
        for what, seconds in sorted(record.profile.items(), key=lambda item: -item[1]):
            print(f"{record.name}: {seconds:9.3f} s  {what}")


def _parser() -> argparse.ArgumentParser:
    width = max(len(name) for name in REGISTRY)
    each = "\n".join(f"  {b.name:<{width}}  {b.says} (size {b.size:,})" for b in REGISTRY.values())
    parser = argparse.ArgumentParser(
        "python -m benchmarks",
        description="Measure what is claimed about speed, each beside the raw database in the same run.",
        epilog=f"benchmarks:\n{each}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="which ones; all without a name, which takes long")
    parser.add_argument("--size", type=_positive, help="wallets of each book (orders of confirm), instead of the usual")
    parser.add_argument("--days", type=_positive, help="days of the books that need a history, instead of the usual")
    parser.add_argument(
        "--rounds", type=_positive, default=ROUNDS, help=f"rounds of product and raw in turn ({ROUNDS})"
    )
    parser.add_argument("--db", metavar="URL", help="an empty database to build in, for one benchmark")
    parser.add_argument("--json", action="store_true", help="print a list of records instead of a table")
    parser.add_argument("--profile", action="store_true", help="print seconds by statement below the table")
    return parser


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
