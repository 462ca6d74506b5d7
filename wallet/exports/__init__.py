"""Exports of the books that other programs can check: journals with balance assertions, and tables.

`events` reads the journal once, in order, in bounded memory; each format turns its events into bytes. Postings come
from the journal, balances from what is stored beside it (`account_total`, `balance`): so whoever adds up the export
checks the one against the other. The same books give the same bytes on either engine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import BinaryIO, Literal, get_args

import sqlalchemy as sa

from wallet.errors import InvalidRequest
from wallet.exports import journals, rows
from wallet.exports.events import Booking, Choice, Event, Standing, read, scope_of
from wallet.progress import Progress
from wallet.rules.fund import Fund

Form = Literal["beancount", "hledger", "ledger", "csv", "jsonl", "parquet"]

WRITERS: dict[Form, Callable[[Fund, Iterable[Event], BinaryIO], None]] = {
    "beancount": journals.write_beancount,
    "hledger": journals.write_hledger,
    "ledger": journals.write_ledger,
    "csv": rows.write_csv,
    "jsonl": rows.write_jsonl,
    "parquet": rows.write_parquet,
}


@dataclass(frozen=True, slots=True)
class Export:
    """What is to be exported: entries dated `first` to `last`, both inclusive, None being no bound.

    `wallets`: "all" of them one by one, "none" (control accounts only), or the references of those wanted; the rest
    is summed up as `Others`.
    """

    form: Form
    first: date | None = None
    last: date | None = None
    wallets: Choice = "all"


@dataclass(frozen=True, slots=True)
class Exported:
    """What was exported: the days, and how many postings and balances are told of them."""

    format: str
    first: date
    last: date
    postings: int
    balances: int


def export(
    connection: sa.Connection, book: Fund, wanted: Export, stream: BinaryIO, progress: Progress = lambda *_: None
) -> Exported:
    """Write an export to a stream that is open for bytes, and return what it holds.

    The connection should see one state of the database throughout, as that of `facade.reading` does.
    Raises, before anything is written: InvalidRequest (an unknown format, one whose module is not installed, `first`
    after `last`), OutsideCalendar, BeforeOpening, UnknownWallet.
    """
    check(wanted.form)
    scope = scope_of(connection, book, wanted.first, wanted.last, wanted.wallets)
    told: Counter[str] = Counter()
    WRITERS[wanted.form](book, _counted(read(scope, progress), told), stream)
    return Exported(wanted.form, scope.first, scope.last, told["postings"], told["balances"])


def check(form: str) -> None:
    """Refuse a format that is not known or whose module is not installed. Raises: InvalidRequest."""
    if form not in get_args(Form):
        raise InvalidRequest(f"format {form!r}", f"expected one of {', '.join(get_args(Form))}")
    if form == "parquet":
        rows.check_parquet()


def _counted(events: Iterable[Event], told: Counter[str]) -> Iterator[Event]:
    for event in events:
        match event:
            case Booking(moves=moves):
                told["postings"] += len(moves)
            case Standing(opening=False, amounts=amounts):
                told["balances"] += len(amounts)
        yield event
