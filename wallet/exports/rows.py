"""Tables for everything else: CSV, JSON lines, Parquet. One row a posting, an opening balance, or a balance to compare.

The rows of `record` posting and opening, added up account by account, are those of `record` balance.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from datetime import date, datetime, tzinfo
from importlib.util import find_spec
from itertools import islice
from typing import Any, BinaryIO

from wallet.errors import InvalidRequest
from wallet.exports.events import CONTROL, OTHERS, Booking, Event, Place, Standing
from wallet.rules.amounts import show_amount
from wallet.rules.fund import Fund

COLUMNS = (
    "record",
    "entry",
    "line",
    "value_date",
    "booked_at",
    "kind",
    "request_id",
    "reverses",
    "memo",
    "held_by",
    "number",
    "wallet",
    "debit",
    "credit",
    "account",
    "unit",
    "amount",
)
"""`record`: posting (with debit and credit), opening or balance (with account); the amount of a balance is positive on
the debit side, and counts all wallets where `held_by` is control. `held_by`: control, others, or wallet, with the
wallet's `number` and reference. `line`: the posting's number in its entry, the first one's where several are summed."""

ROWS_A_GROUP = 50_000

Row = tuple[Any, ...]


def write_csv(book: Fund, events: Iterable[Event], stream: BinaryIO) -> None:
    """Write rows as CSV in UTF-8 with a heading; amounts with two decimals, nothing for what there is not."""
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
    try:
        out = csv.writer(text, lineterminator="\n")
        out.writerow(COLUMNS)
        out.writerows(_as_text(row, book.calendar.zone) for row in _rows(events))
    finally:
        text.detach()


def write_jsonl(book: Fund, events: Iterable[Event], stream: BinaryIO) -> None:
    """Write rows as JSON objects, one a line, in UTF-8; amounts are strings with two decimals."""
    for row in _rows(events):
        document = dict(zip(COLUMNS, _as_text(row, book.calendar.zone), strict=True))
        stream.write((json.dumps(document, ensure_ascii=False) + "\n").encode())


def write_parquet(_book: Fund, events: Iterable[Event], stream: BinaryIO) -> None:
    """Write rows as Parquet: amounts as int64 in minor units, dates and instants as such."""
    import pyarrow as pa
    from pyarrow import parquet

    kinds = {"entry": pa.int64(), "line": pa.int16(), "value_date": pa.date32(), "number": pa.int64()}
    kinds |= {"booked_at": pa.timestamp("us", tz="UTC"), "reverses": pa.int64(), "amount": pa.int64()}
    schema = pa.schema([pa.field(name, kinds.get(name, pa.string())) for name in COLUMNS])
    rows = _rows(events)
    with parquet.ParquetWriter(stream, schema) as writer:
        while group := list(islice(rows, ROWS_A_GROUP)):
            columns = [
                pa.array(values, field.type) for values, field in zip(zip(*group, strict=True), schema, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))


def check_parquet() -> None:
    """Refuse Parquet where its module is not installed. Raises: InvalidRequest."""
    if find_spec("pyarrow") is None:
        raise InvalidRequest(
            "format parquet", "needs pyarrow, which is not installed: pip install 'fundwallet[parquet]'"
        )


def _rows(events: Iterable[Event]) -> Iterator[Row]:
    for event in events:
        match event:
            case Booking(f, place, moves):
                said = f.value_date, f.booked_at, f.kind, f.request_id, f.reverses, f.memo, *_held_by(place)
                for move in moves:
                    sides = move.debit.code, move.credit.code, None, move.debit.unit
                    yield "posting", f.entry, move.line, *said, *sides, move.amount
            case Standing(day, place, amounts, opening):
                record = "opening" if opening else "balance"
                for account, amount in amounts:
                    if amount or not opening:
                        head = record, None, None, day, None, None, None, None, None
                        yield *head, *_held_by(place), None, None, account.code, account.unit, amount


def _held_by(place: Place) -> tuple[str, int | None, str | None]:
    if place.reference is None:
        return {CONTROL: "control", OTHERS: "others"}[place.number], None, None
    return "wallet", place.number, place.reference


def _as_text(row: Row, zone: tzinfo) -> Iterator[Any]:
    """Yield a row's cells for text: dates and instants in ISO, the amount with its decimals."""
    *cells, amount = row
    for cell in cells:
        if isinstance(cell, datetime):
            yield cell.astimezone(zone).isoformat()
        else:
            yield cell.isoformat() if isinstance(cell, date) else cell
    yield show_amount(amount)
