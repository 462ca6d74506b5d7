"""What differs from the books by the transfer agent's word: each entry that says so follows from an answer."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import date
from typing import Any

import sqlalchemy as sa

from ledger.expressions import total
from ledger.model import HOUSE
from ledger.schema import journal_entry, posting
from wallet import confirmation, settlement, steps
from wallet.audit.findings import NOTHING, ROW, Cells, Findings
from wallet.audit.provenance import CORRECTIONS
from wallet.audit.sources import Audit
from wallet.changes import TakenBackConfirmation
from wallet.outside import links
from wallet.outside.corrections import TAKEN_BACK
from wallet.outside.schema import answer, outside_file
from wallet.rules import manual
from wallet.rules.fund import Fund
from wallet.rules.manual import Event
from wallet.schema import proposal

_E, _P, _N, _F = journal_entry.c, posting.c, answer.c, outside_file.c

APPLIED = "03"


def outside_corrections(audit: Audit) -> list[Findings]:
    """Derive what the advancer's redemptions, and confirmations that were taken back, have to book."""
    findings = Findings(CORRECTIONS)
    linked = min((version.valid_from for version in links.versions(audit.inputs, audit.book)), default=None)
    _advancer(audit, findings, linked)
    _taken_back(audit, findings)
    return [findings]


def _advancer(audit: Audit, findings: Findings, linked: date | None) -> None:
    """Hold what was redeemed for the advancer on each day against what was confirmed of its applications."""
    book, read = audit.book, audit.inputs
    confirmed = _confirmed(audit, findings)
    booked = _booked(audit, confirmation.ADJUSTED)
    days = [day for day in steps.days_with(read, book, confirmation.STEP) if _is_linked(book, linked, day)]
    due = _redeemed(audit, linked) if days else {}
    for day in days:
        more = confirmed.pop(day, 0) - due.get(day, 0)
        right = _lines(book, (manual.ADVANCER_REDEEMED, max(0, more)), (manual.ADVANCER_REDEMPTION_LEFT, max(0, -more)))
        [key, *lines] = booked.pop(day, [f"advancer {book.code} {day}"])
        findings.expect("journal_entry", f"the advancer's adjustment of {day}", key, f"advancer {book.code} {day}")
        findings.expect("posting", f"the advancer's adjustment of {day}", lines, right)
    last = days[-1] if days else date.min
    for day in sorted(booked.keys() | {day for day in confirmed if day <= last}):
        findings.add("journal_entry", f"the advancer's adjustment of {day}", ROW, NOTHING)


def _is_linked(book: Fund, linked: date | None, day: date) -> bool:
    trade_date = book.previous_trade_date(day)
    return linked is not None and trade_date is not None and trade_date >= linked


def _confirmed(audit: Audit, findings: Findings) -> dict[date, int]:
    """Return what answers confirm of the advancer's redemptions by day, each held against its application."""
    read = audit.inputs
    sent = sa.select(_F.day, _F.control).where(_F.fund == audit.book.code, _F.kind == APPLIED)
    left = {int(f"{row.day:%Y%m%d}"): (row.control, row.control) for row in read.execute(sent)}
    found: defaultdict[date, int] = defaultdict(int)
    query = sa.select(answer).where(_N.holder_id == HOUSE).order_by(_N.confirmation_date, _N.application)
    for row in read.execute(query):
        at = f"application {row.application} of the advancer on {row.confirmation_date}"
        applied, rest = left.get(row.application, (None, 0))
        fits = 0 <= row.confirmed <= rest
        told = row.business_code, row.applied, fits
        findings.expect("answer", at, told, (confirmation.REDEEMED, applied, True))
        left[row.application] = applied or 0, 0 if row.final else rest - row.confirmed
        found[row.confirmation_date] += row.confirmed
    return found


def _redeemed(audit: Audit, linked: date | None) -> dict[date, int]:
    """Return what the confirmations of each day redeemed for the advancer."""
    chart = audit.book.chart
    line = _P.debit == chart["advancer_shares"].id, _P.credit == chart["register"].id
    mine = _E.book == audit.book.code, _E.holder_id == HOUSE, _E.kind == confirmation.ENTRY
    sums = sa.select(_E.value_date, total(_P.amount).label("shares")).join(posting, _P.entry_id == _E.entry_id)
    query = sums.where(*mine, _E.value_date > linked, *line).group_by(_E.value_date)
    return {row.value_date: row.shares for row in audit.inputs.execute(query)}


def _taken_back(audit: Audit, findings: Findings) -> None:
    """A confirmation that is taken back is one of hers, whole; its money is returned, its shares are taken or owed."""
    book, read = audit.book, audit.inputs
    confirmed_through = max(steps.days_with(read, book, confirmation.STEP), default=date.min)
    booked = _reversals(audit)
    for row in read.execute(sa.select(answer).where(_N.business_code == TAKEN_BACK).order_by(_N.confirmation_date)):
        at = f"what {row.ta_serial} of {row.confirmation_date} takes back"
        of = _N.holder_id == row.holder_id, _N.application == row.application, _N.ta_serial == row.original
        original = sa.select(_N.confirmed).where(*of, _N.business_code == confirmation.SUBSCRIBED)
        before = read.execute(original.where(_N.confirmation_date < row.confirmation_date)).scalar()
        findings.expect("answer", at, (row.confirmed, row.applied), (before, before))
        entry = booked.pop(f"reversal {book.code} {row.confirmation_date} {row.ta_serial}", None)
        if entry is not None:
            dated, lines, holders = entry
            findings.expect("journal_entry", at, holders, (row.holder_id, row.holder_id))
            fits = dated >= row.confirmation_date and book.calendar.is_trading_day(dated)
            findings.expect("journal_entry.value_date", at, dated, dated if fits else "a trading day from then on")
            findings.expect("posting", at, lines, _reversal(book, row.confirmed, lines))
        elif row.confirmation_date <= confirmed_through and not _is_proposed(audit, row):
            findings.add("journal_entry", at, NOTHING, ROW)
    for key in booked:
        findings.add("journal_entry", key, ROW, NOTHING)


def _reversal(book: Fund, amount: int, lines: list[Cells]) -> list[Cells]:
    """Return what is booked of a reversal; how much of the shares was still there is taken from what was booked."""
    [(debit, credit)] = manual.NEGATIVE_INCOME
    taken = sum(fen for *pair, fen in lines if pair == [book.chart[debit].id, book.chart[credit].id])
    there = min(taken, amount)
    money = (manual.SUBSCRIPTION_TAKEN_BACK, amount), (manual.SUBSCRIPTION_REJECTED, amount)
    return _lines(book, *money, (manual.NEGATIVE_INCOME, there), (manual.SHORTFALL, amount - there))


def _is_proposed(audit: Audit, row: Any) -> bool:
    """Tell whether a second operator is asked, or was, for what an answer takes back."""
    asked = sa.select(proposal.c.arguments).where(proposal.c.operation == TakenBackConfirmation.operation)
    return any(json.loads(told).get("ta_serial") == row.ta_serial for told in audit.inputs.execute(asked).scalars())


def _booked(audit: Audit, kind: str) -> dict[date, list[Any]]:
    """Return, by value date, the natural key of the house's entries of a kind and their lines."""
    own = sa.and_(_P.entry_id == _E.entry_id, _P.holder_id == _E.holder_id)
    query = sa.select(_E.value_date, _E.request_id, _P.debit, _P.credit, _P.amount).join(posting, own)
    found: dict[date, list[Any]] = {}
    for day, key, *line in audit.inputs.execute(query.where(*_house(audit, kind)).order_by(_E.entry_id, _P.line)):
        found.setdefault(day, [key]).append(tuple(line))
    return found


def _reversals(audit: Audit) -> dict[str, tuple[date, list[Cells], Cells]]:
    """Return, by natural key, the day, the lines and the holders of the entries that take a confirmation back."""
    of_holder = sa.and_(_P.entry_id == _E.entry_id, _P.holder_id == _E.first_holder)
    query = sa.select(_E.request_id, _E.value_date, _E.first_holder, _E.last_holder, _P.debit, _P.credit, _P.amount)
    found: dict[str, tuple[date, list[Cells], Cells]] = {}
    rows = audit.inputs.execute(
        query.join(posting, of_holder).where(*_house(audit, settlement.TAKEN_BACK)).order_by(_E.entry_id, _P.line)
    )
    for key, day, first, last, *line in rows:
        found.setdefault(key, (day, [], (first, last)))[1].append(tuple(line))
    return found


def _house(audit: Audit, kind: str) -> tuple[sa.ColumnElement[bool], ...]:
    return _E.book == audit.book.code, _E.holder_id == HOUSE, _E.kind == kind


def _lines(book: Fund, *movements: tuple[Event, int]) -> list[Cells]:
    return [(p.debit.id, p.credit.id, p.amount) for p in manual.book(book.chart, *movements)]
