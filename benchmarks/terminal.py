"""The command line: how long a person waits before anything is said."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from benchmarks.harness import Record, Run, Target, benchmark, middle

TIMES = 5
"""Processes of each kind in a round."""

ROOT = Path(__file__).resolve().parent.parent
HELP = ("-c", "import cli; cli.main()", "--help")
NOTHING = ("-c", "pass")


@benchmark(
    "help",
    "`fundwallet --help` from start to end, against an interpreter that does nothing",
    size=1,
    target=Target("rate", 0.4, True, "≤ 0.4 s"),
)
def show_help(run: Run, _size: int) -> Record:
    """Start processes of both kinds in turn; what stands in no database needs no size."""
    _seconds(HELP)
    pairs = [(_seconds(HELP), _seconds(NOTHING)) for _ in range(run.rounds * TIMES)]
    (median, spread), (plain, _) = middle([p for p, _ in pairs]), middle([r for _, r in pairs])
    return Record(
        "help",
        "none",
        1,
        rate=median,
        unit="s",
        raw_rate=plain,
        ratio=median / plain,
        median=median,
        spread=spread,
        raw_median=plain,
    )


def _seconds(arguments: Sequence[str]) -> float:
    begin = perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return perf_counter() - begin
