"""What the bank said, held against the books: every line is an item's, or stands on the suspense account."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter
from typing import Any

import sqlalchemy as sa

from ledger.model import HOUSE
from ledger.schema import journal_entry, posting
from wallet import steps
from wallet.audit.findings import NOTHING, ROW, Findings
from wallet.audit.provenance import BANK
from wallet.audit.sources import Audit
from wallet.outside import bank, items
from wallet.outside.schema import bank_line, bank_match
from wallet.rules import manual

_L, _M, _E, _P = bank_line.c, bank_match.c, journal_entry.c, posting.c
_SAME = sa.and_(_M.fund == _L.fund, _M.statement == _L.statement, _M.line == _L.line)


def bank_matches(audit: Audit) -> list[Findings]:
    """The parts of a line add up to it; one is an item's and as large, the other is the suspense account's entry."""
    findings = Findings(BANK)
    _parts(audit, findings)
    _items(audit, findings)
    _suspense(audit, findings)
    return [findings]


def _parts(audit: Audit, findings: Findings) -> None:
    """Hold the parts of each line against it. Lines of a day that was matched have parts, all of the same day."""
    read = audit.inputs
    first = read.execute(sa.select(sa.func.min(_M.day, type_=_M.day.type))).scalar()
    told = sa.select(sa.func.max(_L.day, type_=_L.day.type)).join_from(bank_line, bank_match, _SAME)
    through = read.execute(told).scalar()
    if through is not None:
        through = max(through, *steps.days_with(read, audit.book, "reconcile", since=through))
    query = sa.select(_L.statement, _L.line, _L.day, _L.amount.label("whole"), _M.part, _M.item, _M.amount)
    query = query.add_columns(_M.day.label("on"), _M.entry_id).join_from(bank_line, bank_match, _SAME, isouter=True)
    ordered = query.order_by(_L.statement, _L.line, _M.part)
    for (statement, line), found in groupby(read.execute(ordered), attrgetter("statement", "line")):
        parts, at = list(found), f"line {line} of statement {statement}"
        day, whole = parts[0].day, parts[0].whole
        if parts[0].part is None:
            if through is not None and day <= through:
                findings.expect("bank_match", at, NOTHING, ROW)
            continue
        assert first is not None, parts
        stored = [(part.part, part.on) for part in parts]
        findings.expect("bank_match", at, stored, [(n, max(day, first)) for n in range(1, len(parts) + 1)])
        findings.expect("bank_match.amount", at, sum(part.amount for part in parts), whole)
        kinds = [_kind(part) for part in parts]
        findings.expect("bank_match.item", at, kinds, _right(kinds, whole))
    strays = sa.select(_M.statement, _M.line).where(~sa.exists().where(_SAME, _L.fund == audit.book.code))
    for row in read.execute(strays):
        findings.add("bank_match", f"line {row.line} of statement {row.statement}", ROW, NOTHING)


def _kind(part: Any) -> str:
    if part.entry_id is not None:
        return "suspense"
    return "nothing" if part.item is None else "item"


def _right(kinds: list[str], whole: int) -> list[str]:
    """Return what the parts of a line may be, nearest to what they are."""
    may = [["item"], ["suspense"], ["item", "suspense"]] if whole else [["nothing"], ["item", "suspense"]]
    return kinds if kinds in may else may[0]


def _items(audit: Audit, findings: Findings) -> None:
    """An item is matched once, by a part as large as it is."""
    each = items.dated(audit.book, audit.book.opened_on, audit.book.calendar.last).c
    matched = _M.item.is_not(None), _M.entry_id.is_(None)
    query = sa.select(_M.item, _M.amount, each.amount.label("booked"), each.day, _M.day.label("on")).join_from(
        bank_match, each.amount.table, each.reference == _M.item, isouter=True
    )
    before: str | None = None
    for row in audit.inputs.execute(query.where(*matched).order_by(_M.item)):
        at = f"item {row.item}"
        findings.expect("bank_match", at, ROW if row.item != before else "two rows", ROW)
        right = row.booked if row.day is not None and row.day <= row.on else NOTHING
        findings.expect("bank_match.amount", at, row.amount, right)
        before = row.item


def _suspense(audit: Audit, findings: Findings) -> None:
    """Every part on the suspense account has its entry, of its amount, and every such entry its part."""
    code = audit.book.code
    booked = {entry.entry_id: entry for entry in _booked(audit)}
    named = sa.select(bank_match).where(_M.entry_id.is_not(None)).order_by(_M.statement, _M.line, _M.part)
    for part in audit.inputs.execute(named):
        at = f"line {part.line} of statement {part.statement}, part {part.part}"
        entry = booked.pop(part.entry_id, None)
        event = manual.SUSPENSE_IN if part.amount > 0 else manual.SUSPENSE_OUT
        [(debit, credit)] = event
        key = f"suspense {code} {part.statement} {part.line}"
        right = (part.fund, key, audit.book.chart[debit].id, audit.book.chart[credit].id, abs(part.amount), True)
        dated = entry is not None and entry.value_date > part.day
        told = (code, entry.request_id, entry.debit, entry.credit, entry.amount, dated) if entry else NOTHING
        findings.expect("bank_match.entry_id", at, told, right)
    for number in booked:
        findings.add("journal_entry", f"suspense entry {number}", ROW, NOTHING)


def _booked(audit: Audit) -> Iterator[Any]:
    own = sa.and_(_P.entry_id == _E.entry_id, _P.holder_id == _E.holder_id)
    query = sa.select(_E.entry_id, _E.request_id, _E.value_date, _P.debit, _P.credit, _P.amount)
    of_kind = _E.book == audit.book.code, _E.holder_id == HOUSE, _E.kind == bank.ENTRY
    yield from audit.inputs.execute(query.join(posting, own).where(*of_kind).order_by(_E.entry_id))
