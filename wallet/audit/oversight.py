"""What was done by hand, and by whom: manual entries, approvals and the trail must be whole and agree."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from ledger.journal import REVERSAL
from ledger.model import Posting
from ledger.schema import journal_entry, posting
from wallet import entries
from wallet.approvals import APPROVED, REJECTED
from wallet.audit.agent_income import corrections
from wallet.audit.findings import Findings
from wallet.audit.provenance import BY_HAND, DECISIONS
from wallet.audit.sources import Audit
from wallet.changes import ReplacedFigures, TakenBackConfirmation
from wallet.rules import manual
from wallet.schema import decision, proposal, trail

_E, _P = journal_entry.c, posting.c


def manual_entries(audit: Audit) -> list[Findings]:
    """A manual entry is as it was asked for, a reversal mirrors it, and a second operator approved what needed it."""
    findings, book = Findings(BY_HAND), audit.book
    accounts = {a.id: a for a in book.chart}
    approved = set(audit.inputs.execute(sa.select(decision.c.entry_id)).scalars())
    own = sa.and_(_P.entry_id == _E.entry_id, _P.holder_id == _E.holder_id)
    made = sa.select(journal_entry, _P.debit, _P.credit, _P.amount).join(posting, own, isouter=True)
    kinds = _E.kind.in_((entries.ENTRY, REVERSAL))
    by_hand = _E.book == book.code, sa.or_(kinds, _E.reverses.is_not(None), _E.memo.is_not(None))
    lines: dict[int, tuple[int, int, int]] = {}
    for e in audit.inputs.execute(made.where(*by_hand).order_by(_E.entry_id)):
        at, of = f"{e.kind} {e.entry_id} of holder {e.holder_id}", lines.get(e.reverses)
        if e.amount is None or e.entry_id in lines:
            findings.expect("posting", at, "none" if e.amount is None else "several", "one")
            continue
        lines[e.entry_id] = e.debit, e.credit, e.amount
        findings.expect("journal_entry.kind", at, e.kind, entries.ENTRY if e.reverses is None else REVERSAL)
        findings.expect("journal_entry.last_holder", at, (e.first_holder, e.last_holder), (None, None))
        if e.reverses is not None:
            booked_on = book.calendar.local_date(e.booked_at)
            findings.expect("journal_entry.value_date", at, e.value_date, booked_on)
            mirrored = of and (of[1], of[0], of[2])
            findings.expect("posting", at, lines[e.entry_id], mirrored)
            right = entries.reversal_digest(e.holder_id, e.reverses, e.memo)
        else:
            pair = accounts[e.debit].code, accounts[e.credit].code
            findings.expect("posting", at, pair, pair if pair in manual.BY_HAND else "a pair that is moved by hand")
            right = entries.entry_digest(e.holder_id, Posting(accounts[e.debit], accounts[e.credit], e.amount), e.memo)
        findings.expect("journal_entry.digest", at, bytes(e.digest).hex(), right.hex())
        needed = book.needs_approval(e.kind, book.calendar.local_date(e.booked_at))
        findings.expect("decision", at, e.entry_id in approved, needed or e.entry_id in approved)
    return [findings]


def approvals(audit: Audit) -> list[Findings]:
    """What was proposed was decided once, by another operator; nothing is missing where numbers are without a gap."""
    findings, read = Findings(DECISIONS), audit.inputs
    for table in (trail, proposal, decision):
        count, last = read.execute(sa.select(sa.func.count(), sa.func.max(table.c.number))).one()
        findings.expect(f"{table.name}.number", "its last row", last or 0, count)
    entry = sa.select(_E.request_id).where(_E.entry_id == decision.c.entry_id).limit(1).scalar_subquery()
    of_proposal = proposal.c.proposed_by, proposal.c.operation, proposal.c.arguments
    query = sa.select(decision, *of_proposal, entry.label("request_id"))
    for d in read.execute(query.join(proposal, proposal.c.number == decision.c.proposal, isouter=True)):
        at = f"decision {d.number} on proposal {d.proposal}"
        fine = d.proposed_by not in (None, d.decided_by) and d.verdict in (APPROVED, REJECTED)
        findings.expect(
            "decision.decided_by",
            at,
            (d.verdict, d.decided_by),
            (d.verdict, d.decided_by) if fine else f"a verdict of another than {d.proposed_by}",
        )
        keys = _keys(audit, d.operation, json.loads(d.arguments)) if d.arguments and d.verdict == APPROVED else []
        right = d.request_id if d.request_id in keys else (keys[0] if keys else None)
        findings.expect("decision.entry_id", at, d.request_id if keys else d.entry_id, right)
    return [findings]


def _keys(audit: Audit, operation: str, asked: dict[str, Any]) -> list[str]:
    """Return the request ids that the entry of an approved operation may have; none, where it makes no entry."""
    if operation == TakenBackConfirmation.operation:
        return [f"reversal {audit.book.code} {asked['confirmation_date']} {asked['ta_serial']}"]
    if operation == ReplacedFigures.operation and asked.get("distributed"):
        day = asked["published"][0]["day"]
        made = (version for of, version in corrections(audit.inputs, audit.book) if of.isoformat() == day)
        return [f"income corrected {audit.book.code} {day} v{version}" for version in made] or ["a correction"]
    key = asked.get("request_id")
    return [key, f"manual {key}"] if key else []
