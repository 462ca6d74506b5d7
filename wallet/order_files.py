"""Files of orders, and what became of each: read line by line, taken in portions, never anything twice.

A file is CSV with a header, or a JSON object a line. Its keys, all text, are those of COLUMNS: the first four are
needed, the others where the operation has them. It is read once to the end before anything is booked.

Each portion is one transaction. Its outcomes are on disk before it is committed, so whoever is killed finds on the next
run how far the file was done: a portion whose outcomes are whole was committed if the orders it accepted are booked.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import accumulate, islice
from pathlib import Path
from typing import Any, BinaryIO

import sqlalchemy as sa

from ledger.database import reading
from wallet import orders, wallets
from wallet.batches import Outcome, order_many
from wallet.errors import FileBusy, InvalidRequest, ResultExists, reason
from wallet.progress import Progress
from wallet.requests import Order, Payment, Refund, TransferIn, TransferOut
from wallet.retries import transact
from wallet.rules.fund import Fund
from wallet.rules.parsing import parse_amount, parse_instant

PORTION = 1_000
COLUMNS = ("operation", "wallet", "amount", "request", "at", "merchant", "payment", "order_of_use")
NEEDED = COLUMNS[:4]
OPERATIONS: dict[str, tuple[Callable[..., Order], tuple[str, ...], tuple[str, ...]]] = {
    "transfer_in": (TransferIn, (), ()),
    "pay": (Payment, ("merchant",), ("order_of_use",)),
    "refund": (Refund, ("payment",), ()),
    "transfer_out_instant": (lambda **said: TransferOut(kind="instant", **said), (), ("order_of_use",)),
    "transfer_out_standard": (lambda **said: TransferOut(kind="standard", **said), (), ()),
}
"""By operation: what it makes, and which columns it needs or may have beside the first four and `at`."""

RESULT = ("line", "request", "wallet", "outcome", "reason", "trade_date", "confirmation_date")

Line = tuple[int, Order]


@dataclass(frozen=True, slots=True)
class OrderFile:
    """A file that can be read to its end: how many orders it holds, and the digest of its bytes."""

    path: Path
    at: datetime
    zone: tzinfo
    orders: int
    digest: str

    @classmethod
    def check(cls, path: Path, at: datetime, zone: tzinfo) -> OrderFile:
        """Read a file to its end; `at` is the instant of lines that name none.

        Raises: InvalidRequest naming the line and what is wrong with it, the file when it cannot be read.
        """
        number = sum(1 for _ in _lines(path, at, zone))
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if not number:
            raise InvalidRequest(str(path), "holds no orders")
        return cls(path, at, zone, number, digest)

    def lines(self) -> Iterator[Line]:
        """Yield the number of each line with its order."""
        return _lines(self.path, self.at, self.zone)


@dataclass(frozen=True, slots=True)
class Summary:
    """How a file went: how many orders there are, and what became of them."""

    file: str
    result: str
    orders: int
    accepted: int
    repeated: int
    refused: int


def take(engine: sa.Engine, book: Fund, file: OrderFile, result: Path, progress: Progress) -> Summary:
    """Take the orders of a file in portions, and write what became of each to `result`, a CSV file of RESULT.

    Until all is done the outcomes stand in a file beside it, from which an interrupted run goes on.
    Raises: ResultExists, InvalidRequest (no file can be made there), FileBusy.
    """
    if result.exists():
        raise ResultExists(str(result))
    part = result.with_name(f"{result.name}.{file.digest[:16]}.part")
    try:
        opened = part.open("a+b")
    except OSError as error:
        raise InvalidRequest(str(part), f"cannot be written: {reason(error)}") from None
    with opened as outcomes:
        if not _locked(outcomes):
            raise FileBusy(str(file.path))
        done = _resume(engine, book, outcomes, file.orders)
        lines = islice(file.lines(), done, None)
        while portion := list(islice(lines, PORTION)):
            _take_portion(engine, book, portion, outcomes)
            done += len(portion)
            progress("orders", done, file.orders)
        count = Counter(row[3] for row in _rows(outcomes)[0])
        part.rename(result)
    return Summary(str(file.path), str(result), file.orders, count["accepted"], count["repeated"], count["refused"])


def _take_portion(engine: sa.Engine, book: Fund, portion: Sequence[Line], outcomes: BinaryIO) -> None:
    start = outcomes.seek(0, os.SEEK_END)

    def work(connection: sa.Connection) -> None:
        answers = order_many(connection, book, [order for _, order in portion])
        text = io.StringIO(newline="")
        rows = csv.writer(text, lineterminator="\n")
        rows.writerows([RESULT] if not start else [])
        rows.writerows(_told(line, answer) for line, answer in zip(portion, answers, strict=True))
        outcomes.truncate(start)
        outcomes.write(text.getvalue().encode())
        outcomes.flush()
        os.fsync(outcomes.fileno())

    transact(engine, work)


def _told(line: Line, outcome: Outcome) -> tuple[object, ...]:
    number, order = line
    who = number, order.request_id, order.wallet
    if outcome.receipt is None:
        assert outcome.refusal is not None
        return *who, "refused", f"{outcome.refusal.code}: {outcome.refusal}", "", ""
    dates = outcome.receipt.trade_date or "", outcome.receipt.confirmation_date or ""
    return *who, "repeated" if outcome.repeated else "accepted", "", *dates


def _resume(engine: sa.Engine, book: Fund, outcomes: BinaryIO, expected: int) -> int:
    """Return how many orders are done, and cut off the outcomes of a portion that was not committed."""
    rows, ends = _rows(outcomes)
    done = len(rows) if len(rows) == expected else len(rows) // PORTION * PORTION
    last = max(0, (done - 1) // PORTION * PORTION)
    accepted = [row for row in rows[last:done] if row[3] == "accepted"]
    with reading(engine) as connection:
        holders = wallets.find_all(connection, book, [row[2] for row in accepted])
        if any(orders.by_request(connection, holders[row[2]], row[1]) is None for row in accepted):
            done = last
    outcomes.truncate(ends[done] if done else 0)
    return done


def _rows(outcomes: BinaryIO) -> tuple[list[list[str]], list[int]]:
    """Return the whole lines of outcomes, and where the heading and each of them ends, in bytes."""
    outcomes.seek(0)
    whole = [line for line in outcomes if line.endswith(b"\n")]
    rows = list(csv.reader(line.decode() for line in whole))
    return rows[1:], list(accumulate(len(line) for line in whole))


def _locked(outcomes: BinaryIO) -> bool:
    """Lock a file until it is closed, where the system can; tell whether it was free."""
    try:
        import fcntl
    except ModuleNotFoundError:
        return True
    try:
        fcntl.flock(outcomes, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lines(path: Path, at: datetime, zone: tzinfo) -> Iterator[Line]:
    rows = _objects(path) if path.suffix in (".jsonl", ".ndjson") else _table(path)
    try:
        for number, row in rows:
            try:
                yield number, _order(row, at, zone)
            except InvalidRequest as error:
                raise InvalidRequest(f"{path} line {number}", str(error)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(str(path), f"cannot be read: {reason(error)}") from None


def _table(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file, strict=True)
        try:
            heading = next(rows, [])
            if len(set(heading)) < len(heading) or not set(NEEDED) <= set(heading) <= set(COLUMNS):
                raise InvalidRequest(
                    f"{path} line 1", f"expected columns out of {','.join(COLUMNS)}, the first four at least"
                )
            for row in rows:
                if len(row) != len(heading):
                    place = f"{path} line {rows.line_num}"
                    raise InvalidRequest(place, f"expected {len(heading)} columns, found {len(row)}")
                yield rows.line_num, {name: value for name, value in zip(heading, row, strict=True) if value}
        except csv.Error as error:
            raise InvalidRequest(f"{path} line {rows.line_num}", str(error)) from None


def _objects(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                row = json.loads(line, object_pairs_hook=_once_each)
            except (ValueError, RecursionError) as error:
                raise InvalidRequest(f"{path} line {number}", f"is no JSON: {error}") from None
            if not isinstance(row, dict) or not all(isinstance(value, str) for value in row.values()):
                raise InvalidRequest(f"{path} line {number}", "expected an object whose values are all text")
            yield number, row


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON, none of whose keys stands there twice. Raises: ValueError."""
    if len(row := dict(pairs)) < len(pairs):
        raise ValueError("a key stands there twice")
    return row


def _order(row: dict[str, str], at: datetime, zone: tzinfo) -> Order:
    make, needed, allowed = OPERATIONS.get(row.get("operation", ""), (None, (), ()))
    if make is None:
        raise InvalidRequest("operation", f"expected one of {', '.join(OPERATIONS)}")
    if missing := [name for name in (*NEEDED, *needed) if name not in row]:
        raise InvalidRequest(missing[0], "is missing")
    if extra := sorted(row.keys() - {*NEEDED, "at", *needed, *allowed}):
        raise InvalidRequest(extra[0], f"does not belong to {row['operation']}")
    said: dict[str, Any] = {name: row[name] for name in (*needed, *allowed) if name in row}
    when = parse_instant(row["at"], zone) if "at" in row else at
    return make(wallet=row["wallet"], amount=parse_amount(row["amount"]), request_id=row["request"], at=when, **said)
