"""What the records around the ledger must say: holders, figures, terms, settlements, chunks, quotas.

Inputs are held against each other and against their digests; what follows from them is derived and compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import sqlalchemy as sa

from ledger.expressions import plain_rows, total
from ledger.model import HOUSE, Posting, digest, postings_digest
from ledger.schema import holder, journal_entry, posting
from wallet import book as books
from wallet import confirmation, distribution, figures, limits, settlement
from wallet.audit.agent_income import corrections
from wallet.audit.findings import NOTHING, ROW, Cells, Findings
from wallet.audit.provenance import CHUNKS, FACILITY, HOLDERS, HOUSE_ENTRIES, INPUTS, QUOTAS
from wallet.audit.sources import Audit
from wallet.figures import Figure
from wallet.outside import bank, links
from wallet.outside.schema import link
from wallet.rules.fund import Fund
from wallet.rules.orders import Kind
from wallet.schema import announcement, customer_order, day_chunk, day_step, fund_terms, limit_slot, wallet

_O, _E, _P, _C = customer_order.c, journal_entry.c, posting.c, day_chunk.c

CHUNK_KEYS = {confirmation.STEP: "confirm", settlement.STEP: "pay out", distribution.STEP: "income"}
"""How the request id of a step's bulk entries begins."""


HOUSE_KEYS = {settlement.ENTRY: "settle", confirmation.ADJUSTED: "advancer", bank.ENTRY: "suspense"}
"""How the request id of an entry of the house begins."""


def holders(audit: Audit) -> list[Findings]:
    """Derive every holder from its wallet; the house is holder 0."""
    findings = Findings(HOLDERS)

    def derived() -> Iterator[Cells]:
        yield HOUSE, audit.book.code, 0
        query = sa.select(wallet.c.holder_id, wallet.c.book).order_by(wallet.c.holder_id)
        for number, (holder_id, code) in enumerate(plain_rows(audit.inputs, query), 1):
            if holder_id != number:
                findings.add("wallet.holder_id", f"wallet {holder_id}", holder_id, f"{number}, without a gap")
            yield holder_id, code, holder_id % audit.gates

    audit.compare(findings, holder, derived(), lambda row: f"holder {row[0]}")
    return [findings]


def house_entries(audit: Audit) -> list[Findings]:
    """Hold the postings of settlements, adjustments and suspense against the digest they were written with."""
    findings, read = Findings(HOUSE_ENTRIES), audit.inputs
    accounts = {a.id: a for a in audit.book.chart}
    house = sa.select(journal_entry).where(_E.book == audit.book.code, _E.kind.in_(HOUSE_KEYS))
    for entry in read.execute(house.order_by(_E.entry_id)).all():
        rows = read.execute(
            sa.select(posting).where(_P.entry_id == entry.entry_id, _P.holder_id == entry.holder_id).order_by(_P.line)
        ).all()
        at = f"{entry.kind} of {entry.value_date}"
        try:
            lines = [Posting(accounts[row.debit], accounts[row.credit], row.amount) for row in rows]
        except (KeyError, AssertionError):
            lines = []
        right = postings_digest(entry.kind, entry.value_date, lines)
        findings.expect("journal_entry.digest", at, bytes(entry.digest).hex(), right.hex())
        findings.expect("posting.line", at, [row.line for row in rows], list(range(1, len(rows) + 1)))
        findings.expect("journal_entry", at, *_key_and_span(entry, _key(audit.book, entry)))
    return [findings]


def _key(book: Fund, entry: Any) -> str:
    """Return the natural key of a house entry; which line of the bank is on suspense, the lines' check says."""
    begin = f"{HOUSE_KEYS[entry.kind]} {book.code} "
    if entry.kind == bank.ENTRY and str(entry.request_id).startswith(begin):
        return str(entry.request_id)
    return f"{begin}{entry.value_date}"


def _key_and_span(entry: Any, key: str) -> tuple[Cells, Cells]:
    """Return what a house entry says beside its content, and what it must say."""
    stored = entry.holder_id, entry.request_id, entry.reverses, entry.memo, entry.first_holder, entry.last_holder
    return stored, (HOUSE, key, None, None, None, None)


def figures_and_terms(audit: Audit) -> list[Findings]:
    """Hold figures and terms against the digests they were written with."""
    findings, book = Findings(INPUTS), audit.book
    versions: dict[date, int] = {}
    query = sa.select(announcement).order_by(announcement.c.day, announcement.c.version)
    for row in audit.inputs.execute(query):
        versions[row.day] = versions.get(row.day, 0) + 1
        figure = Figure(row.day, row.income_per_10k, row.seven_day, row.control_total, row.source)
        right = figures.row_of(book, figure, versions[row.day])
        at = f"figure for {row.day}, version {row.version}"
        told = row.fund, row.version, bytes(row.digest).hex()
        findings.expect("announcement", at, told, (right["fund"], right["version"], right["digest"].hex()))
    stored = audit.inputs.execute(sa.select(fund_terms).order_by(fund_terms.c.valid_from)).all()
    findings.expect("fund_terms", "versions", len(stored), len(book.terms))
    begun = bool(stored) and stored[0].valid_from <= book.opened_on
    findings.expect("fund_terms", "the opening day", ROW if begun else NOTHING, ROW)
    for row in stored:
        terms = books.terms_row(book.code, books.terms_of(row))
        said = row.fund, bytes(row.digest).hex()
        findings.expect("fund_terms", f"terms from {row.valid_from}", said, (terms["fund"], terms["digest"].hex()))
    for row in audit.inputs.execute(sa.select(link).order_by(link.c.valid_from)):
        version = links.row_of(book, links.link_of(row))
        said = row.fund, bytes(row.digest).hex()
        findings.expect("link", f"link from {row.valid_from}", said, (version["fund"], version["digest"].hex()))
    return [findings]


def quotas(audit: Audit) -> list[Findings]:
    """Derive what is used of a day's quota from the transfers-in of that day."""
    findings, book = Findings(QUOTAS), audit.book
    same = sa.and_(_E.entry_id == _O.entry_id, _E.holder_id == _O.holder_id)
    query = sa.select(_E.value_date, total(_O.amount).label("amount")).join_from(journal_entry, customer_order, same)
    taken = query.where(_E.book == book.code, _O.kind == str(Kind.TRANSFER_IN)).group_by(_E.value_date)
    right = {
        limits.quota(row.value_date): row.amount
        for row in audit.inputs.execute(taken)
        if book.terms_on(row.value_date).quota_daily is not None
    }
    slots = _slots(audit)
    for name in sorted({*right, *slots} - {limits.FACILITY}):
        if name not in right and not _is_quota(book, name):
            findings.add("limit_slot", name, ROW, NOTHING)
        _compare_limit(audit, findings, name, slots.get(name, []), right.get(name, 0))
    return [findings]


def _is_quota(book: Fund, name: str) -> bool:
    """Tell whether a limit is the quota of a day that has one; orders that were refused may have left it unused."""
    try:
        day = date.fromisoformat(name.removeprefix("quota "))
    except ValueError:
        return False
    return name == limits.quota(day) and day >= book.opened_on and book.terms_on(day).quota_daily is not None


def facility(audit: Audit, outstanding: int) -> Findings:
    """Derive what is used of the facility: the advance outstanding, which the postings add up to."""
    findings = Findings(FACILITY)
    _compare_limit(audit, findings, limits.FACILITY, _slots(audit).get(limits.FACILITY, []), outstanding)
    return findings


def _slots(audit: Audit) -> dict[str, list[Cells]]:
    """Return the stored slots of every limit, by name."""
    found: dict[str, list[Cells]] = {}
    for row in audit.rows(limit_slot, ["book", "name", "slot", "used"]):
        found.setdefault(row[1], []).append(row)
    return found


def _compare_limit(audit: Audit, findings: Findings, name: str, stored: list[Cells], used: int) -> None:
    """Compare the sum over the slots; which slot holds how much follows from nothing.

    A quota of which nothing is used may have no slots. The book made anew gets the sum evened out.
    """
    findings.expect("limit_slot.used", name, sum(row[3] for row in stored), used)
    slots = [(audit.book.code, slot) for slot in range(audit.gates)]
    if stored or used or name == limits.FACILITY:
        findings.expect("limit_slot", f"slots of {name}", [(row[0], row[2]) for row in stored], slots)
        share, rest = divmod(used, audit.gates)
        derived = [(code, name, slot, share + (slot < rest)) for code, slot in slots]
        list(audit.kept(limit_slot, ["book", "name", "slot", "used"], derived))


def chunks(audit: Audit) -> list[Findings]:
    """Derive which chunks are done from the bulk entries; others are explained in other ways."""
    findings, read = Findings(CHUNKS), audit.inputs
    planned: dict[str, Any] = {}
    query = sa.select(_C.fund, _C.day, _C.step, _C.number, _C.first_holder, _C.last_holder).order_by(
        _C.fund, _C.day, _C.step, _C.number
    )
    before: Any = None
    for chunk in read.execute(query.where(audit.within(_C.day))):
        at = f"{chunk.step} {chunk.day}, chunk {chunk.number}"
        follows = before is not None and before[:3] == chunk[:3]
        place = (before.number + 1, before.last_holder + 1) if follows else (1, chunk.first_holder)
        findings.expect("day_chunk", at, (chunk.number, chunk.first_holder), place)
        planned[f"{CHUNK_KEYS.get(chunk.step, chunk.step)} {chunk.fund} {chunk.day} {chunk.number}"] = chunk
        before = chunk
    entries = _bulk_entries(audit, findings, planned)
    done = {(row.day, row.step) for row in read.execute(sa.select(day_step.c.day, day_step.c.step))}
    for key in planned.keys() - entries.keys():
        if (planned[key].day, planned[key].step) in done and not _later(audit, planned[key]):
            findings.add("journal_entry", key, NOTHING, ROW)
    derived = [
        (c.fund, c.day, c.step, c.number, entries.get(key)) for key, c in planned.items() if not _later(audit, c)
    ]
    audit.compare(
        findings,
        day_chunk,
        derived,
        lambda row: f"{row[2]} {row[1]}, chunk {row[3]}",
        *_booked_by(audit),
        columns=["fund", "day", "step", "number", "entry_id"],
    )
    return [findings]


def _booked_by(audit: Audit) -> list[sa.ColumnElement[bool]]:
    """Return the condition of the chunks that book within the days that are looked at."""
    if audit.through is None:
        return []
    return [_C.day <= audit.through, sa.not_(sa.and_(_C.step == distribution.STEP, _C.day == audit.through))]


def _later(audit: Audit, chunk: Any) -> bool:
    """Tell whether a chunk books on a day that is not looked at: income is dated the day after."""
    return bool(chunk.step == distribution.STEP and chunk.day == audit.through)


def _bulk_entries(audit: Audit, findings: Findings, planned: dict[str, Any]) -> dict[str, int]:
    """Return the entries of chunks by their natural key, held against the plan and against their digests."""
    found: dict[str, int] = {}
    booked = sa.exists().where(_P.entry_id == _E.entry_id).label("booked")
    bulk = sa.select(journal_entry, booked).where(_E.book == audit.book.code, _E.first_holder.is_not(None))
    for e in audit.inputs.execute(bulk):
        at = f"bulk entry {e.entry_id} of holder {e.holder_id}, {e.request_id}"
        chunk = planned.get(e.request_id)
        if e.kind in (confirmation.CLAIMS, distribution.CORRECTED, settlement.TAKEN_BACK):
            findings.expect("journal_entry", at, ROW if _is_explained(audit, e) else NOTHING, ROW)
        elif e.kind == distribution.DIFFERENCE:
            of = planned.get(e.request_id.replace("income difference", "income", 1))
            span = (of.first_holder, of.last_holder) if of else NOTHING
            findings.expect("day_chunk", at, span, (e.first_holder, e.last_holder))
        elif chunk is None:
            findings.add("day_chunk", at, NOTHING, ROW)
        else:
            span = chunk.first_holder, chunk.last_holder
            findings.expect("day_chunk", at, span, (e.first_holder, e.last_holder))
            found[e.request_id] = e.entry_id
        content = digest(e.kind, e.value_date.isoformat(), e.first_holder, e.last_holder)
        findings.expect("journal_entry.digest", at, bytes(e.digest).hex(), content.hex())
        findings.expect("journal_entry", at, (e.holder_id, e.reverses, e.memo), (HOUSE, None, None))
    return found


def _is_explained(audit: Audit, entry: Any) -> bool:
    """Tell whether a bulk entry that is no chunk's is what its natural key says; what it books other checks derive."""
    if entry.kind == confirmation.CLAIMS:
        key = str(entry.request_id)
        return bool(entry.booked) and key.startswith("claims ") and key.endswith(f" {entry.value_date}")
    if entry.kind == settlement.TAKEN_BACK:
        return bool(entry.booked) and entry.first_holder == entry.last_holder
    return entry.value_date in corrections(audit.inputs, audit.book, _E.entry_id == entry.entry_id).values()
