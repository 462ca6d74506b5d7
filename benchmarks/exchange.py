"""What reading a file of the exchange format takes: every column of a million share balances, against its bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.harness import Record, Run, Target, benchmark, in_child, middle
from wallet.transfer_agent import datafile
from wallet.transfer_agent.datafile import BLOCK, Header
from wallet.transfer_agent.layout import FIELDS

COLUMNS = tuple(name for name, field in FIELDS["05"].items() if field.required)
HEADER = Header("TA", "WALLET", date(2013, 9, 16), "05", "TA", "WALLET", COLUMNS)


@benchmark(
    "parse",
    "reading a file of share balances, every column into Python's values, against reading its bytes",
    size=1_000_000,
    target=Target("rate", 100_000.0, False, "≥ 100,000 records/s, peak ≤ 256 MiB", peak_mib=256.0),
)
def parse(run: Run, size: int) -> Record:
    """Write a file 05 once, then read it by the product and by bytes in turn."""
    path = run.home / datafile.name_of(HEADER)
    in_child(_write, path, size)
    products, raws, peaks = [], [], []
    for _ in range(run.rounds):
        (seconds, records), peak = in_child(_parse, path)
        assert records == size, (records, size)
        products.append(seconds)
        peaks.append(peak or 0.0)
        raws.append(in_child(_bytes, path)[0])
    (median, spread), (plain, _) = middle(products), middle(raws)
    width = path.stat().st_size / size
    record = Record(
        "parse", "none", size, size / median, "records/s", size / plain, plain / median, max(peaks), width, rows=size
    )
    return replace(record, median=median, spread=spread, raw_median=plain)


def _write(path: Path, size: int) -> None:
    with path.open("wb") as stream:
        datafile.write(stream, HEADER, size, _blocks(size))


def _blocks(size: int) -> Iterator[dict[str, Any]]:
    """Yield the balances of so many holders."""
    same = {"TransactionCfmDate": "20130916", "FundCode": "000198", "DistributorCode": "WALLET"}
    same |= {"BranchCode": "WALLET", "ShareClass": "0", "DetailFlag": "0"}
    for begin in range(1, size + 1, BLOCK):
        holders = np.arange(begin, min(begin + BLOCK, size + 1))
        shares = holders * 7919 % 10**10
        block: dict[str, Any] = {name: [text] * len(holders) for name, text in same.items()}
        block |= {"AvailableVol": shares, "TotalVolOfDistributorInTA": shares}
        block["TransactionAccountID"] = [f"{holder:017}" for holder in holders.tolist()]
        block["TAAccountID"] = [f"{holder:012}" for holder in holders.tolist()]
        yield block


def _parse(path: Path) -> tuple[float, int]:
    """Return the seconds that reading every value takes, and how many records there were."""
    begin, records = perf_counter(), 0
    with datafile.open_file(path) as data:
        for block in data.blocks():
            records += sum(1 for _ in block.rows(COLUMNS))
    return perf_counter() - begin, records


def _bytes(path: Path) -> float:
    """Return the seconds that reading the bytes takes, in parts of a block's size."""
    begin = perf_counter()
    with path.open("rb") as stream:
        while stream.read(BLOCK * 97):
            pass
    return perf_counter() - begin
