"""The whole verification, and the replay into an empty database: the checks, one after the other, in one snapshot.

`verify` reads the inputs where they stand; `replay` copies them, and nothing else, into a book made anew, derives
everything else there, and compares. The checks are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace as changed
from datetime import date, time
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa

from ledger.database import connect, reading
from ledger.schema import book_gate
from wallet.audit import bank, corrections, outside, oversight, records, seals
from wallet.audit.days import days
from wallet.audit.findings import Check, Findings
from wallet.audit.inputs import copy
from wallet.audit.orders import replay_orders
from wallet.audit.postings import Postings
from wallet.audit.sources import Audit
from wallet.book import GATES
from wallet.errors import FundwalletError, InvalidRequest, reason
from wallet.progress import Progress, silent
from wallet.rules.fund import Fund

Examine = Callable[[Audit], list[Findings]]

DATED: tuple[Examine, ...] = (records.house_entries, records.figures_and_terms, records.chunks, days)
"""What can be said of the days through any day."""

STANDING: tuple[Examine, ...] = (
    replay_orders,
    records.holders,
    records.quotas,
    oversight.manual_entries,
    oversight.approvals,
    outside.outside_files,
    outside.breaks,
    bank.bank_matches,
    corrections.outside_corrections,
)
"""What stands as of now only: an order of an earlier day may have been confirmed since."""


UNREADABLE: tuple[type[Exception], ...] = (
    ValueError,
    LookupError,
    AssertionError,
    TypeError,
    OverflowError,
    StopIteration,
    RuntimeError,
    FundwalletError,
)
"""What rows that no program wrote make of a check."""


def verify(connection: sa.Connection, book: Fund, progress: Progress = silent) -> list[Check]:
    """Recompute the whole book in one snapshot, and its seals, and return the outcome of every check."""
    audit = Audit(book, connection, connection, _gates(connection))
    checks = _examine(audit, progress)
    checks += _readable(lambda _: [seals.verify(connection, book, progress)], audit, seals.CHECK)
    return [findings.outcome() for findings in checks]


def replay(
    connection: sa.Connection,
    book: Fund,
    through: date | None = None,
    into: Path | None = None,
    progress: Progress = silent,
) -> list[Check]:
    """Make the book anew from its inputs in an empty SQLite database, and compare what is derived with what is stored.

    `through`: as of the end of that day. `into`: the file to make it in, which must not be there yet; None: one that is
    gone afterwards. As of a past day nothing is kept, as balances are derived as of now only. The caller's connection
    reads one snapshot throughout.
    Raises: OutsideCalendar, BeforeOpening (of `through`), InvalidRequest (of `into`).
    """
    if through is not None:
        book.day(book.instant(through, time(0)))
        if into is not None:
            raise InvalidRequest("into", "as of a past day no whole book is made that could be kept")
    if into is not None:
        try:
            into.open("xb").close()
        except OSError as error:
            raise InvalidRequest(str(into), reason(error)) from None
        return _replayed(connection, book, through, into, progress)
    with TemporaryDirectory() as scratch:
        return _replayed(connection, book, through, Path(scratch) / "replay.db", progress)


def _replayed(
    connection: sa.Connection, book: Fund, through: date | None, file: Path, progress: Progress
) -> list[Check]:
    engine = connect(sa.URL.create("sqlite", database=str(file)))
    audit = Audit(book, connection, connection, _gates(connection), through)
    try:
        with engine.begin() as empty:
            copy(audit, empty, progress)
        with reading(engine) as inputs, engine.begin() as rebuilt:
            checks = _examine(changed(audit, inputs=inputs, rebuilt=rebuilt), progress)
            return [findings.outcome() for findings in checks]
    finally:
        engine.dispose()


def _examine(audit: Audit, progress: Progress) -> list[Findings]:
    postings = Postings(audit)
    checks = _readable(lambda _: postings.run(progress), audit, "postings")
    for examine in DATED if audit.through is not None else (*STANDING, *DATED):
        checks += _readable(examine, audit, examine.__name__.replace("_", " "))
    if audit.through is None:
        checks.append(records.facility(audit, postings.outstanding()))
    return checks


def _gates(connection: sa.Connection) -> int:
    """Return how many gates the book has: as many as its engine takes, or as the one that it was made anew from."""
    there = connection.execute(sa.select(sa.func.count()).select_from(book_gate)).scalar_one()
    return there if there in GATES.values() else GATES[connection.dialect.name]


def _readable(examine: Examine, audit: Audit, name: str) -> list[Findings]:
    """Return what a check finds; rows so wrong that they cannot even be read are a finding too."""
    try:
        return examine(audit)
    except UNREADABLE as error:
        findings = Findings(name)
        findings.add("rows", name, "cannot be read", repr(error))
        return [findings]
