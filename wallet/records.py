"""What the records around the ledger must say: figures, terms, quotas, holders, settlements, steps and chunks.

The sibling of `wallet.evidence`: each check compares a stored fact with what follows from others.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import sqlalchemy as sa

from ledger import journal
from ledger.expressions import total
from ledger.model import HOUSE, Posting, digest, postings_digest
from ledger.schema import balance, book_gate, holder, journal_entry, posting
from wallet import book as books
from wallet import confirmation, distribution, figures, limits, settlement, steps
from wallet.figures import Figure
from wallet.replay import Findings
from wallet.rules.fund import Fund
from wallet.rules.orders import Kind
from wallet.schema import announcement, customer_order, day_chunk, day_step, fund_terms, limit_slot, wallet
from wallet.schema import distribution as distribution_table

_O, _E, _P = customer_order.c, journal_entry.c, posting.c

CHUNK_KEYS = {confirmation.STEP: "confirm", settlement.STEP: "pay out", distribution.STEP: "income"}
"""How the request id of a step's bulk entries begins."""

EVERY_DAY = ("settle", "close", "distribute", "reconcile", "prove")
ON_TRADING_DAYS = ("confirm", "cutoff")


def house_entries(connection: sa.Connection, book: Fund) -> Findings:
    """A settlement's postings are those it was written with."""
    findings = Findings("house entries equal their digests")
    chart = {a.id: a for a in journal.accounts(connection)}
    findings.expect(list(chart.values()) == list(book.chart), "the chart of accounts differs from the program's")
    if findings.wrong:
        return findings
    entries = connection.execute(
        sa.select(journal_entry).where(_E.book == book.code, _E.kind == settlement.ENTRY)
    ).all()
    for entry in entries:
        rows = connection.execute(
            sa.select(posting).where(_P.entry_id == entry.entry_id, _P.holder_id == entry.holder_id).order_by(_P.line)
        )
        lines = [Posting(chart[row.debit], chart[row.credit], row.amount) for row in rows]
        right = postings_digest(entry.kind, entry.value_date, lines)
        findings.expect(bytes(entry.digest) == right, f"settlement of {entry.value_date} differs from its digest")
    return findings


def inputs(connection: sa.Connection, book: Fund) -> Findings:
    """Figures and terms are as they were written."""
    findings = Findings("figures and terms equal their digests")
    versions: dict[date, int] = {}
    query = sa.select(announcement).order_by(announcement.c.day, announcement.c.version)
    for row in connection.execute(query):
        versions[row.day] = versions.get(row.day, 0) + 1
        figure = Figure(row.day, row.income_per_10k, row.seven_day, row.control_total, row.source)
        right = figures.row_of(book, figure, versions[row.day])["digest"]
        fine = bytes(row.digest) == right and row.version == versions[row.day]
        findings.expect(fine, f"figure for {row.day}, version {row.version}, was changed")
    stored = connection.execute(sa.select(fund_terms).order_by(fund_terms.c.valid_from)).all()
    findings.expect(len(stored) == len(book.terms), f"{len(stored)} versions of the terms, {len(book.terms)} in use")
    for row in stored:
        right = books.terms_row(book.code, books.terms_of(row))["digest"]
        findings.expect(bytes(row.digest) == right, f"terms valid from {row.valid_from} were changed")
    return findings


def quotas(connection: sa.Connection, book: Fund) -> Findings:
    """A day's quota is used by the transfers-in of that day."""
    findings = Findings("quotas equal the transfers-in of their days")
    same = sa.and_(_E.entry_id == _O.entry_id, _E.holder_id == _O.holder_id)
    query = sa.select(_E.value_date, total(_O.amount).label("amount")).join_from(journal_entry, customer_order, same)
    taken = query.where(_E.book == book.code, _O.kind == str(Kind.TRANSFER_IN)).group_by(_E.value_date)
    right = {
        limits.quota(row.value_date): row.amount
        for row in connection.execute(taken)
        if book.terms_on(row.value_date).quota_daily is not None
    }
    used = sa.select(limit_slot.c.name, total(limit_slot.c.used).label("used")).group_by(limit_slot.c.name)
    told = {row.name: row.used for row in connection.execute(used) if row.name != limits.FACILITY}
    for name in right.keys() | told.keys():
        said, derived = told.get(name, 0), right.get(name, 0)
        findings.expect(said == derived, f"{name}: {said} used, {derived} taken in")
    return findings


def holders_and_wallets(connection: sa.Connection, book: Fund) -> Findings:
    """Every holder but the house is one wallet, with all its balances."""
    findings = Findings("every wallet is a holder, numbered without a gap")
    kept = {a.id for a in book.chart if a.per_holder}
    count = connection.execute(sa.select(sa.func.count()).select_from(wallet)).scalar_one()
    last = connection.execute(sa.select(sa.func.max(holder.c.holder_id))).scalar_one()
    rows = connection.execute(sa.select(sa.func.count()).select_from(balance)).scalar_one()
    findings.expect(count == last, f"{count} wallets, {last} holders")
    holders = connection.execute(sa.select(sa.func.count()).select_from(holder)).scalar_one()
    findings.expect(holders == last + 1, f"{holders} holders, numbered through {last}")
    findings.expect(rows == last * len(kept) + 1, f"{rows} balances of {last} holders")
    lost = sa.select(wallet.c.holder_id).where(
        ~sa.exists().where(holder.c.holder_id == wallet.c.holder_id, holder.c.book == wallet.c.book)
    )
    for holder_id in connection.execute(lost).scalars():
        findings.expect(False, f"wallet {holder_id} is no holder")
    stray = sa.select(_P.entry_id, _P.holder_id).where(
        ~sa.exists().where(
            _E.entry_id == _P.entry_id,
            sa.or_(
                _E.holder_id == _P.holder_id,
                sa.and_(_E.holder_id == HOUSE, _P.holder_id.between(_E.first_holder, _E.last_holder)),
            ),
        )
    )
    for row in connection.execute(stray.limit(5)):
        findings.expect(False, f"a posting of entry {row.entry_id} for holder {row.holder_id} has no entry")
    return findings


def days(connection: sa.Connection, book: Fund) -> Findings:
    """Gates and steps tell the same of the days, and no day was left out."""
    findings = Findings("gates and steps agree")
    gate = sa.select(book_gate.c.closed_through, book_gate.c.cut_through).where(book_gate.c.book == book.code)
    stands = {tuple(row) for row in connection.execute(gate)}
    findings.expect(len(stands) == 1, f"the gates stand at {sorted(stands)}")
    if not stands:
        return findings
    closed, cut = min(stands)
    before = book.opened_on - timedelta(1)
    findings.expect(cut == max([before, *steps.days_with(connection, book, "cutoff")]), f"cut through {cut}")
    last_closed = max([before, *steps.days_with(connection, book, "close")])
    findings.expect(closed in (last_closed, last_closed + timedelta(1)), f"closed through {closed}")
    for step in EVERY_DAY:
        done = steps.days_with(connection, book, step)
        right = [book.opened_on + timedelta(n) for n in range(len(done))]
        findings.expect(done == right, f"{step} is written down for {len(done)} days, not all in a row")
    for step in ON_TRADING_DAYS:
        written = set(steps.days_with(connection, book, step))
        for day in (book.opened_on + timedelta(n) for n in range((max({before} | written) - before).days)):
            left_out = book.calendar.is_trading_day(day) and day not in written
            findings.expect(not left_out, f"{step} {day} is not written down")
    unfinished = (
        sa.select(day_chunk.c.step, day_chunk.c.day)
        .join(day_step, sa.and_(day_step.c.day == day_chunk.c.day, day_step.c.step == day_chunk.c.step))
        .where(day_chunk.c.entry_id.is_(None))
    )
    for row in connection.execute(unfinished):
        findings.expect(False, f"{row.step} {row.day} is done, one of its chunks is not")
    ahead = sa.select(distribution_table.c.day).where(distribution_table.c.day > closed)
    for day in connection.execute(ahead).scalars():
        findings.expect(False, f"the income of {day} is decided, the day is not closed")
    return findings


def bulk_entries(connection: sa.Connection, book: Fund) -> Findings:
    """Every bulk entry is that of one chunk, or returns claims; every chunk that is done has its entry."""
    findings = Findings("bulk entries equal their chunks")
    chunks: dict[int, tuple[str, int, int]] = {}
    for c in connection.execute(sa.select(day_chunk).where(day_chunk.c.entry_id.is_not(None))):
        findings.expect(c.entry_id not in chunks, f"entry {c.entry_id} is the work of two chunks")
        key = f"{CHUNK_KEYS.get(c.step, c.step)} {c.fund} {c.day} {c.number}"
        chunks[c.entry_id] = key, c.first_holder, c.last_holder
    booked = sa.exists().where(_P.entry_id == _E.entry_id).label("booked")
    bulk = sa.select(journal_entry, booked).where(_E.book == book.code, _E.first_holder.is_not(None))
    for e in connection.execute(bulk):
        content = digest(e.kind, e.value_date.isoformat(), e.first_holder, e.last_holder)
        of_chunk = chunks.pop(e.entry_id, None) == (e.request_id, e.first_holder, e.last_holder)
        fine = (e.booked and e.request_id.startswith("claims ")) if e.kind == confirmation.CLAIMS else of_chunk
        place = f"bulk entry {e.entry_id} of holder {e.holder_id}, {e.request_id}"
        findings.expect(
            fine and e.holder_id == HOUSE and bytes(e.digest) == content, f"{place}: differs from its chunk"
        )
    for key, *_ in chunks.values():
        findings.expect(False, f"{key}: the chunk is done, but has no entry")
    return findings


RECORDS: tuple[Callable[[sa.Connection, Fund], Findings], ...] = (
    house_entries,
    inputs,
    quotas,
    holders_and_wallets,
    days,
    bulk_entries,
)
