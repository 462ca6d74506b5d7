"""Files of the transfer agent are taken: each exactly once, whole or not at all.

A data file counts when a complete index in its directory lists it, and all that this index lists is there or known. One
transaction takes one file, holding the book's steps: so of two who import at once the second finds the file known, and
no step of the day begins meanwhile. Answers are only stored here; the confirm step of their day books them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from ledger.database import reading, require_transaction
from ledger.rows import Rows
from wallet import approvals, figures, steps
from wallet.changes import ReplacedFigures
from wallet.errors import FigureDistributed, FundwalletError, InvalidRequest, reason
from wallet.figures import Figure
from wallet.outside import answers, contents, files, links, records, staging
from wallet.outside.contents import Expected
from wallet.outside.files import FileChanged, OutsideFile
from wallet.progress import Progress, silent
from wallet.retries import transact
from wallet.rules.fund import Fund
from wallet.transfer_agent import datafile, indexfile
from wallet.transfer_agent.datafile import Block, DataFile
from wallet.transfer_agent.errors import MalformedFile
from wallet.transfer_agent.names import DATA, Name, parse_name

LARGEST_SUM = 2**62
"""What the amounts of one column may add up to, so that any database can add them."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A file that was taken, that was known already (`new` is false), or that is `waiting`, and for what."""

    name: str
    kind: str
    day: date
    records: int
    new: bool
    waiting: str | None = None


class FileTooLate(FundwalletError):
    """What the file says is booked without it already."""

    code = "file_too_late"

    def __init__(self, kind: str, day: date, done: str) -> None:
        self.kind, self.day = kind, day
        super().__init__(f"{kind} for {day}: its {done}")


@dataclass(frozen=True, slots=True)
class Kind:
    """How files of a type are taken: what reads a block, where its rows are staged, which columns it cannot do without.

    `step`, `done`: the step that books what the file says, and what it has done; None: it is never too late. `adds`: a
    column whose sum is the file's control; `traded`: it is about the answers to a trade date.
    """

    read: Callable[[Block, Expected], Rows]
    place: sa.Table
    needs: tuple[str, ...]
    step: str | None = None
    done: str = ""
    adds: int | None = None
    traded: bool = False


_ANSWER = ("AppSheetSerialNo", "BusinessCode", "ConfirmedVol", "ReturnCode", "TASerialNO", "TransactionAccountID")
_FIGURE = ("FundIncome", "FundIncomeFlag", "Yield", "YieldFlag", "FundDayIncome", "FundDayIncomeFlag")
_BOOKED, _DISTRIBUTED = "confirmations are booked", "income is distributed"

KINDS: dict[str, Kind] = {
    "04": Kind(contents.answers, answers.STAGED, (*_ANSWER, "ConfirmedAmount"), "confirm", _BOOKED, traded=True),
    "05": Kind(contents.shares, records.STAGED["05"], (), adds=2),
    "06": Kind(contents.income, records.STAGED["06"], (), "distribute", _DISTRIBUTED, adds=3),
    "07": Kind(contents.figures, records.STAGED["07"], _FIGURE),
    "25": Kind(contents.cash, records.STAGED["25"], (), adds=4, traded=True),
    "34": Kind(contents.answers, answers.STAGED, _ANSWER),
    "35": Kind(contents.shares, records.STAGED["05"], (), adds=2),
}


def take_directory(
    engine: sa.Engine,
    book: Fund,
    directory: Path,
    at: datetime,
    progress: Progress = silent,
    kinds: Collection[str] | None = None,
    through: date | None = None,
) -> list[Taken]:
    """Take the files of a directory by day and type, each in its own transaction; those before a bad one stay taken.

    With `kinds` only files of these types, about days up to `through`, and none whose name is known; one that comes too
    late is passed over, so that a file that nothing waited for does not hold up a later day.
    Shape: files in the order they were taken, then those that wait.
    Raises: InvalidRequest (the directory cannot be read), and for each file what `take` raises.
    """
    with reading(engine) as connection:
        known, sides = files.names(connection, book), links.versions(connection, book)
    codes = {(side.transfer_agent, side.distributor) for side in sides}
    ready, waiting = _found(directory, codes, known)
    if kinds is not None:
        ready = [n for n in ready if n.file_type in kinds and str(n) not in known and (not through or n.day <= through)]
    ready.sort(key=lambda name: (name.day, str(name.file_type), str(name)))
    taken = []
    for done, name in enumerate(ready, 1):
        try:
            taken.append(transact(engine, partial(take, book=book, path=directory / str(name), at=at)))
        except FileTooLate:
            if kinds is None:
                raise
        progress("files", done, len(ready))
    return taken + waiting


def take(connection: sa.Connection, book: Fund, path: Path, at: datetime) -> Taken:
    """Take one file: all of it, or nothing; a file taken before is no news.

    Raises: NoTransaction, MalformedFile (its name), FileChanged, OutsideCalendar, NotLinked, FileTooLate, MalformedFile
    (naming line, field, what was found and what was expected), InvalidRequest (it cannot be read).
    """
    require_transaction(connection)
    name = parse_name(path.name)
    if name.file_type not in KINDS:
        raise MalformedFile(path.name, None, "name", path.name, f"a type out of {', '.join(KINDS)}")
    number = files.next_number(connection, book)
    try:
        content = files.digest_of(path)
        if (known := files.named(connection, book, path.name)) is not None:
            if known.digest != content:
                raise FileChanged(path.name)
            return Taken(path.name, known.kind, known.day, known.records, new=False)
        with datafile.open_file(path) as data:
            control = _take_records(connection, book, data, number, at)
        if files.digest_of(path) != content:
            raise MalformedFile(path.name, None, "file", "changing", "a file that nobody writes to")
    except OSError as error:
        raise InvalidRequest(str(path), f"cannot be read: {reason(error)}") from None
    kind, day = name.file_type, name.day
    file = OutsideFile(path.name, kind, day, day, data.records, content, control)
    kept = records.content_digest(connection, book, number, kind, day)
    files.write(connection, book, number, file, kept, at)
    return Taken(path.name, kind, day, data.records, new=True)


def _take_records(connection: sa.Connection, book: Fund, data: DataFile, number: int, at: datetime) -> int:
    """Check and write the records of a file, and return its control."""
    file, type_, day = data.file, data.header.file_type, data.header.day
    kind = KINDS[type_]
    expected = _expected(connection, book, data)
    if missing := [field for field in kind.needs if field not in data.header.fields]:
        raise MalformedFile(file, 10, "field names", f"{len(data.header.fields)} fields", f"also {missing[0]}")
    sums = [0]
    with staging.staged(connection, kind.place, _blocks(data, kind, expected, sums)):
        if kind.place is answers.STAGED:
            answers.check(connection, book, file, day)
            answers.add(connection, book, number, day)
        else:
            records.check(connection, book, file, type_)
            records.add(connection, book, number, type_, day)
        if type_ == "07":
            _announce(connection, book, file, at)
    return sums[0] if type_ == "06" else 0


def _expected(connection: sa.Connection, book: Fund, data: DataFile) -> Expected:
    """Return what the records have to fit, once the header fits the book and the day waits for the file."""
    file, head = data.file, data.header
    kind, day = KINDS[head.file_type], book.known(head.day)
    if kind.traded and not book.calendar.is_trading_day(day):
        raise MalformedFile(file, 5, "date", head.day.isoformat(), "a trading day")
    link = links.require(connection, book, (book.previous_trade_date(day) or day) if kind.traded else day)
    for line, field, found, right in (
        (3, "creator", head.creator, link.transfer_agent),
        (4, "receiver", head.receiver, link.distributor),
    ):
        if found != right:
            raise MalformedFile(file, line, field, found, repr(right))
    if (
        kind.step
        and data.records
        and (steps.state(connection, book, day, kind.step) or steps.chunks(connection, book, day, kind.step))
    ):
        raise FileTooLate(head.file_type, day, kind.done)
    sent = {of: files.days(connection, book, of) for of in (files.APPLIED, files.MOVED)}
    return Expected(book, link, head.file_type, day, sent)


def _blocks(data: DataFile, kind: Kind, expected: Expected, sums: list[int]) -> Iterator[Rows]:
    """Yield the rows of each block, and add up what is to be added up."""
    for block in data.blocks():
        rows = kind.read(block, expected)
        if kind.adds is not None:
            sums[0] += sum(row[kind.adds] for row in rows)
            if abs(sums[0]) >= LARGEST_SUM:
                raise MalformedFile(data.file, block.where(len(block) - 1), "records", str(sums[0]), "a smaller sum")
        yield rows


def _announce(connection: sa.Connection, book: Fund, file: str, at: datetime) -> None:
    """Announce staged figures: known income is no news, other replaces it, if need be once a second operator agrees.

    Of a day that is distributed already the figure is only kept.
    """
    f = records.STAGED["07"].c
    told = connection.execute(sa.select(f.day, f.income_per_10k, f.seven_day).order_by(f.day)).all()
    for day, income, seven_day in told:
        known, source = figures.of_day(connection, book, day), f"07 {file}"
        if known is None or known[1].income_per_10k != income:
            change = ReplacedFigures.of([Figure(day, income, seven_day, source=source)])
            try:
                approvals.ask(connection, book, change, source, at)
            except FigureDistributed:
                continue


def _found(directory: Path, codes: set[tuple[str, str]], known: set[str]) -> tuple[list[Name], list[Taken]]:
    """Return the files of complete batches, and what waits.

    An index that does not end is still being written. Raises: InvalidRequest, MalformedFile (an index).
    """
    try:
        there = {path.name for path in directory.iterdir() if path.is_file()}
        batches = {index: _listed(directory / index) for index in sorted(there) if _is_ours(index, codes, data=False)}
    except OSError as error:
        raise InvalidRequest(str(directory), f"cannot be read: {reason(error)}") from None
    ready: dict[str, Name] = {}
    waits = {name: "an index that lists it" for name in there if _is_ours(name, codes, data=True)}
    for index, listed in batches.items():
        missing = [name for name in listed or () if name not in there and name not in known]
        for name in listed or ():
            if name in missing:
                waits[name] = f"the file, which {index} lists"
            elif missing:
                waits[name] = f"{missing[0]}, which {index} lists too"
            elif name in there and parse_name(name).file_type in KINDS:
                ready[name] = parse_name(name)
            elif name in there:
                waits[name] = "nothing: files of this type are not read"
        if listed is None:
            waits[index] = "the end of the index"
    names = {name: parse_name(name) for name in sorted(waits.keys() - ready.keys() - known)}
    waiting = [Taken(name, n.file_type or n.prefix, n.day, 0, False, waits[name]) for name, n in names.items()]
    return list(ready.values()), waiting


def _is_ours(file: str, codes: set[tuple[str, str]], *, data: bool) -> bool:
    """Tell whether a name is that of a data file, or of an index, from a transfer agent of ours to us."""
    try:
        name = parse_name(file)
    except MalformedFile:
        return False
    return (name.creator, name.receiver) in codes and (name.prefix == DATA) is data


def _listed(index: Path) -> tuple[str, ...] | None:
    """Return the files that an index lists; None where it does not end yet."""
    with index.open("rb") as stream:
        stream.seek(max(0, stream.seek(0, 2) - 10))
        if stream.read() != b"OFDCFEND\r\n":
            return None
    return indexfile.read(index).files
