"""What came from outside: rows held against the digest of their file, breaks against their events."""

from __future__ import annotations

from datetime import date
from typing import Any

import sqlalchemy as sa

from wallet.audit.findings import NOTHING, ROW, Findings
from wallet.audit.provenance import BREAKS, FILES
from wallet.audit.sources import Audit
from wallet.outside import bank_lines, files, records
from wallet.outside.breaks import EXPLAINED, OPEN, RESOLVED
from wallet.outside.schema import (
    agent_cash,
    agent_figure,
    agent_income,
    agent_shares,
    answer,
    bank_line,
    break_event,
    outside_file,
    recon_break,
)

MADE_OF = {
    "04": answer,
    "34": answer,
    "05": agent_shares,
    "35": agent_shares,
    "06": agent_income,
    "07": agent_figure,
    "25": agent_cash,
    files.BANK: bank_line,
}
"""By kind of a file that was received the table of its rows."""

SENT = ("03", "33")

_F, _B, _E = outside_file.c, recon_break.c, break_event.c


def outside_files(audit: Audit) -> list[Findings]:
    """Recompute the digest of each file's rows; every row is of a file of its kind, about its day."""
    findings, read = Findings(FILES), audit.inputs
    for place, row in enumerate(read.execute(sa.select(outside_file).order_by(_F.number)).all(), 1):
        at = f"file {row.number}"
        findings.expect("outside_file", at, (row.number, row.fund), (place, audit.book.code))
        known = row.kind in MADE_OF or row.kind in SENT
        findings.expect("outside_file.kind", at, row.kind, row.kind if known else NOTHING)
        if known:
            findings.expect("outside_file.content", at, bytes(row.content).hex(), _content(audit, row).hex())
    for table in dict.fromkeys(MADE_OF.values()):
        kinds = [kind for kind, of in MADE_OF.items() if of is table]
        same = _F.number == table.c.file, _F.kind.in_(kinds), _F.fund == _owner(table)
        dated = _dated(table)
        about = same if dated is None else (*same, dated.between(_F.first_day, _F.day))
        strays = sa.select(table.c.file, sa.func.count().label("rows")).where(~sa.exists().where(*about))
        for stray in read.execute(strays.group_by(table.c.file)):
            at = f"{stray.rows} rows of file {stray.file}"
            findings.add(table.name, at, ROW, f"a file of {' or '.join(kinds)} about them")
    return [findings]


def _content(audit: Audit, file: Any) -> bytes:
    """Return the digest of what a file left; of one that was sent that of its bytes."""
    if file.kind in SENT:
        return bytes(file.digest)
    if file.kind == files.BANK:
        return bank_lines.content_digest(audit.inputs, audit.book, file.number, file.first_day, file.day)
    return records.content_digest(audit.inputs, audit.book, file.number, file.kind, file.day)


def _owner(table: sa.Table) -> sa.Column[Any]:
    return table.c.book if "book" in table.c else table.c.fund


def _dated(table: sa.Table) -> sa.Column[Any] | None:
    """Return the column that holds the day of a row's file; a file of figures may tell those of any day."""
    return None if table is agent_figure else table.c.get("confirmation_date", table.c.get("day"))


def breaks(audit: Audit) -> list[Findings]:
    """A break is opened by its first event, on the day and with the figures that it was first seen with."""
    findings, read = Findings(BREAKS), audit.inputs
    opened: dict[int, tuple[str, date, int, int]] = {}
    resolved: set[int] = set()
    for place, event in enumerate(read.execute(sa.select(break_event).order_by(_E.number)), 1):
        number, at = event[1], f"event {event.number} of break {event[1]}"
        findings.expect("break_event.number", at, event.number, place)
        known = event.state in (OPEN, EXPLAINED, RESOLVED) and number not in resolved
        findings.expect("break_event.state", at, event.state, event.state if known else NOTHING)
        opened.setdefault(number, (event.state, event.day, event.ours, event.theirs))
        resolved |= {number} if event.state == RESOLVED else set()
    for place, row in enumerate(read.execute(sa.select(recon_break).order_by(_B.number)), 1):
        at, fund = f"break {row.number}", audit.book.code
        findings.expect("recon_break", at, (row.number, row.fund), (place, fund))
        first = OPEN, row.since, row.ours, row.theirs
        findings.expect("break_event", f"{at}, the first", opened.pop(row.number, NOTHING), first)
    for number in opened:
        findings.add("break_event", f"break {number}", ROW, NOTHING)
    return [findings]
