"""What steps and gates must say of the days: none left out, none before what it needs. Source: rule book, section 7."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from ledger.schema import book_gate
from wallet.audit.findings import NOTHING, ROW, Findings
from wallet.audit.provenance import DAYS
from wallet.audit.sources import Audit
from wallet.outside import links
from wallet.rules.fund import Fund
from wallet.schema import VERSION, day_step, fundwallet_version

STEPS = ("confirm", "settle", "cutoff", "close", "distribute", "reconcile", "prove")
ON_TRADING_DAYS = ("confirm", "cutoff")
DONE, NO_RECORD = "done", "skipped: no outside record"
"""What is written down of a step that is complete; the second of a reconciliation that had nothing to look at."""

ONE = timedelta(1)


def needs(book: Fund, day: date, step: str, linked: date | None = None) -> Iterator[tuple[date, str]]:
    """Yield what must be written down before a step, days before the opening included.

    From the day on from which the book is linked, a day is reconciled before the next one is closed.
    """
    match step:
        case "confirm" | "cutoff":
            if (previous := book.previous_trade_date(day)) is not None:
                yield previous, "cutoff"
        case "settle":
            yield day, "confirm"
        case "close":
            yield from ((day, "cutoff"), (day, "settle"), (day - ONE, "close"), (day - ONE, "distribute"))
            if linked is not None and day > linked:
                yield day - ONE, "reconcile"
        case "distribute" | "reconcile":
            yield day, "close"
        case "prove":
            yield from ((day, each) for each in STEPS[:-1])


def days(audit: Audit) -> list[Findings]:
    """Hold the steps against each other, and derive their states and where the gates stand."""
    findings, book, s = Findings(DAYS), audit.book, day_step.c
    query = sa.select(s.fund, s.day, s.step).where(audit.within(s.day)).order_by(s.day, s.step)
    rows = audit.inputs.execute(query).all()
    written = {(row.day, row.step) for row in rows if row.fund == book.code}
    for row in rows:
        known = row.fund == book.code and row.step in STEPS and row.day >= book.opened_on
        findings.expect(
            "day_step", f"{row.step} {row.day}", ROW, ROW if known and _applies(book, row.day, row.step) else NOTHING
        )
    linked = min((version.valid_from for version in links.versions(audit.inputs, book)), default=None)
    for day, step in sorted(_right(book, written, linked) - written):
        findings.add("day_step", f"{step} {day}", NOTHING, ROW)
    early = _reconciled_before_the_link(audit, linked)
    derived = [(row.fund, row.day, row.step, _state(row, linked, early)) for row in rows]
    derived.sort()
    columns = ["fund", "day", "step", "state"]
    audit.compare(findings, day_step, derived, lambda row: f"{row[2]} {row[1]}", audit.within(s.day), columns=columns)
    if audit.through is None:
        _gates(audit, findings, written, linked)
    findings.compare(
        "fundwallet_version",
        ["version_num"],
        1,
        audit.rows(fundwallet_version, ["version_num"]),
        [(VERSION,)],
        lambda row: f"version {row[0]}",
    )
    return [findings]


def _applies(book: Fund, day: date, step: str) -> bool:
    return step not in ON_TRADING_DAYS or book.calendar.is_trading_day(day)


def _state(row: Any, linked: date | None, early: set[date]) -> str:
    """Return what is written down of a step that is complete."""
    without = linked is None or row.day < linked or row.day in early
    return NO_RECORD if row.step == "reconcile" and without else DONE


def _reconciled_before_the_link(audit: Audit, linked: date | None) -> set[date]:
    """Return the days that were over when the book was linked: a trade date may be, as long as it is not confirmed.

    Nothing but what is stored tells which.
    """
    s = day_step.c
    if linked is None or linked >= audit.book.calendar.last:
        return set()
    before = s.day >= linked, s.day < audit.book.confirmation_date(linked)
    skipped = s.step == "reconcile", s.state == NO_RECORD, s.fund == audit.book.code
    return set(audit.stored.execute(sa.select(s.day).where(*before, *skipped)).scalars())


def _right(book: Fund, written: set[tuple[date, str]], linked: date | None) -> set[tuple[date, str]]:
    """Return the steps that must be written down, given the last day of each and what each needs."""
    right: set[tuple[date, str]] = set()
    for step in STEPS:
        last = max((day for day, name in written if name == step), default=book.opened_on - ONE)
        right |= {(book.opened_on + ONE * n, step) for n in range((last - book.opened_on).days + 1)}
    for day, step in sorted(written):
        if step in STEPS and book.calendar.first <= day <= book.calendar.last:
            right |= set(needs(book, day, step, linked))
    return {(day, step) for day, step in right if day >= book.opened_on and _applies(book, day, step)}


def _gates(audit: Audit, findings: Findings, written: set[tuple[date, str]], linked: date | None) -> None:
    """Derive where every gate stands. A close that was begun has moved them, and is not written down yet."""
    book, before = audit.book, audit.book.opened_on - ONE
    closed = max((day for day, step in written if step == "close"), default=before)
    cut = max((day for day, step in written if step == "cutoff"), default=before)
    stored = list(audit.rows(book_gate, ["book", "gate", "closed_through", "cut_through"]))
    following = closed + ONE
    known = book.calendar.first <= following <= book.calendar.last
    may = known and all(
        need in written or need[0] < book.opened_on or not _applies(book, *need)
        for need in needs(book, following, "close", linked)
    )
    if may and stored and all(row[2] == following for row in stored):
        closed = following
    derived = [(book.code, gate, closed, cut) for gate in range(audit.gates)]
    audit.compare(findings, book_gate, derived, lambda row: f"gate {row[1]}")
    findings.checked -= len(stored) - 1  # they are one fact, however many the engine has
