"""Files to the transfer agent: written to the end beside their names, written down, and only then given their names.

What was written down is decided: whatever happens after that, asking again gives the same bytes. The data file gets its
name first and the index last, since a data file counts only once an index lists it. Nothing is written over.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from threading import get_ident
from typing import BinaryIO

import sqlalchemy as sa

from ledger import gates
from ledger.database import reading
from wallet import retries, steps
from wallet.errors import BeforeOpening, FundwalletError, InvalidRequest, shortened
from wallet.outside import applications, files, links
from wallet.outside.files import APPLIED, MOVED, FileChanged, OutsideFile
from wallet.outside.links import Link
from wallet.rules.fund import Fund
from wallet.transfer_agent import datafile, indexfile
from wallet.transfer_agent.datafile import Header
from wallet.transfer_agent.indexfile import Index

INDEXES = {APPLIED: "OFI", MOVED: "OFT"}

Work = Callable[[sa.Connection], bool]


class TradeDateOpen(FundwalletError):
    """The cutoff of the trade date is not booked: its orders are not complete."""

    code = "trade_date_open"

    def __init__(self, trade_date: date) -> None:
        self.trade_date = trade_date
        super().__init__(f"trade date {trade_date} is not cut yet: its applications are not complete")


class DayOpen(FundwalletError):
    """The calendar day is not closed: payments may still be dated in it."""

    code = "day_open"

    def __init__(self, day: date) -> None:
        self.day = day
        super().__init__(f"{day} is not closed yet: its quick transfers are not complete")


class NameTaken(FundwalletError):
    """Something else has the name of a file that is to be sent."""

    code = "name_taken"

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"{path} holds something else: move it away, or say another directory")


class ExportOvertaken(FundwalletError):
    """Another export or another link came first while the file was written."""

    code = "overtaken"
    retryable = True

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"{shortened(name)} was overtaken by another command: export it again")


@dataclass(frozen=True, slots=True)
class Sent:
    """A file that was sent with its index; `new`: it was not before. Units: `advancer` in hundredths of a share."""

    file: str
    index: str
    kind: str
    day: date
    records: int
    advancer: int
    new: bool


def send(
    engine: sa.Engine,
    book: Fund,
    kind: str,
    day: date,
    directory: Path,
    at: datetime,
    with_rows: Callable[[Work], Work] = lambda work: work,
) -> Sent:
    """Write the applications of a trade date (kind "03") or the quick transfers of a calendar day ("33") for the agent.

    A book that was never connected is connected from the trade date. Repeated it writes the same bytes, or leaves them.
    `with_rows` may add rows of the caller's own to the transaction that writes down what is sent.
    Raises: OutsideCalendar, BeforeOpening, InvalidRequest (no trading day), TradeDateOpen or DayOpen, NotLinked or
    LinkTooLate, MalformedFile (a code of the fund that the format does not hold), FileChanged, NameTaken,
    ExportOvertaken; OSError (the directory).
    """
    with reading(engine) as connection:
        link = _ready(connection, book, kind, day)
    head = Header(link.distributor, link.transfer_agent, day, kind, "", "", applications.FIELDS[kind])
    data = directory / datafile.name_of(head)
    index = Index(link.distributor, link.transfer_agent, day, (data.name,), INDEXES[kind])
    listing = directory / indexfile.name_of(index)
    with _beside(data) as data_part, _beside(listing) as listing_part:
        with reading(engine) as connection:
            file = _written(connection, book, link, head, data_part)
        _write(listing_part, lambda stream: indexfile.write(stream, index))
        for part, target in ((data_part, data), (listing_part, listing)):
            if target.exists() and files.digest_of(target) != files.digest_of(part):
                raise NameTaken(target)
        new = retries.transact(engine, with_rows(lambda connection: _write_down(connection, book, link, file, at)))
        _name(data_part, data)
        _name(listing_part, listing)
    return Sent(data.name, listing.name, kind, day, file.records, file.control, new)


def _ready(connection: sa.Connection, book: Fund, kind: str, day: date) -> Link:
    """Return the link that holds on a day whose applications, or quick transfers, are complete."""
    if book.known(day) < book.opened_on:
        raise BeforeOpening(day, book.opened_on)
    closed, cut = gates.read(connection, book.code)
    if kind == MOVED:
        if day > closed:
            raise DayOpen(day)
        return links.require(connection, book, day)
    if not book.calendar.is_trading_day(day):
        raise InvalidRequest("trade date", f"{day} is not a trading day")
    if day > cut:
        raise TradeDateOpen(day)
    if links.versions(connection, book):
        return links.require(connection, book, day)
    links.check(connection, book, link := Link(day))
    return link


def _written(connection: sa.Connection, book: Fund, link: Link, head: Header, part: Path) -> OutsideFile:
    """Write the data file: as it was sent, if it was. Raises: FileChanged."""
    kind, day, name = head.file_type, head.day, datafile.name_of(head)
    known, advancer = files.named(connection, book, name), 0
    if known is not None:
        advancer = known.control
    elif kind == APPLIED:
        first = next(iter(links.versions(connection, book)), link)
        advancer = applications.advancer_redeems(connection, book, day, first.valid_from)
    count = applications.count(connection, book, kind, day, advancer)
    columns = applications.columns(connection, book, link, kind, day, advancer)
    _write(part, lambda stream: datafile.write(stream, head, count, columns))
    file = OutsideFile(name, kind, day, day, count, files.digest_of(part), advancer)
    if known is not None and known.digest != file.digest:
        raise FileChanged(name)
    return file


def _write_down(connection: sa.Connection, book: Fund, link: Link, file: OutsideFile, at: datetime) -> bool:
    """Write down that a file is sent, and tell whether it is new. Raises: LinkTooLate, ExportOvertaken."""
    steps.lock(connection, book)
    if not links.versions(connection, book):
        links.connect(connection, book, link)
    known = files.named(connection, book, file.name)
    if links.on(connection, book, file.day) != link or (known is not None and known.digest != file.digest):
        raise ExportOvertaken(file.name)
    if known is None:
        number = files.next_number(connection, book)
        files.write(connection, book, number, file, file.digest, at)
    return known is None


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """Give a name beside `target`, which nothing has in the end."""
    part = target.with_name(f"{target.name}.{os.getpid()}.{get_ident()}.part")
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


def _write(part: Path, content: Callable[[BinaryIO], None]) -> None:
    with part.open("wb") as stream:
        content(stream)
        stream.flush()
        os.fsync(stream.fileno())


def _name(part: Path, target: Path) -> None:
    """Give a file its name, for good; if that is there it is the same."""
    if not target.exists():
        part.replace(target)
    directory = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
