"""Orders and advances replayed, holder by holder: what each must say follows from the journal and the orders' inputs.

An order's inputs are what was asked (kind, instant, amount, merchant, payment referred to) and what the transfer agent
answered. What a payment took from which order is not among them: the journal says how much was taken back and how much
passed to the advancer, and the rule of use says from where. Pure rules used: `spending.choose`, the accounting manual,
the states of orders, the calendar.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import groupby
from operator import itemgetter

import sqlalchemy as sa

from ledger.expressions import plain_rows
from ledger.model import HOUSE
from ledger.schema import journal_entry, posting
from wallet import confirmation
from wallet.audit.confirmations import Confirmations
from wallet.audit.findings import NOTHING, ROW, Cells, Findings
from wallet.audit.order_lives import Life
from wallet.audit.order_rows import ANSWERS, LATER, Answer, Order
from wallet.audit.provenance import ADVANCES, ORDER_POSTINGS, ORDERS, TRANSIT
from wallet.audit.sources import Audit
from wallet.outside.schema import answer
from wallet.rules.orders import Kind
from wallet.schema import advance, customer_order

_O, _A, _E, _P, _N = customer_order.c, advance.c, journal_entry.c, posting.c, answer.c
_STATE = ("holder_id", "entry_id", *LATER)
_ADVANCE = tuple(_A.keys())

OF_ORDER, ENTRY_LINE, CONFIRMED_LINE, ANSWER, STORED, STORED_ADVANCE = range(6)
"""What is read of each holder, side by side."""


def replay_orders(audit: Audit) -> list[Findings]:
    """Replay the orders of every holder and compare orders, their postings, and advances."""
    content, lines, states, advances = map(Findings, (ORDERS, ORDER_POSTINGS, TRANSIT, ADVANCES))
    confirmations = Confirmations(audit)
    found = content, lines, states
    for holder_id, mine in groupby(_sides(audit, confirmations), key=itemgetter(0)):
        sides: tuple[list[Cells], ...] = tuple([] for _ in range(6))
        for row in mine:
            sides[row[1]].append(row[2])
        life = Life(audit.book, confirmations, holder_id, sides[STORED_ADVANCE], found)
        orders = [Order(*row) for row in sides[OF_ORDER]]
        answers = [Answer(*row) for row in sides[ANSWER]]
        life.live(orders, _by_entry(sides[ENTRY_LINE]), _by_entry(sides[CONFIRMED_LINE]), answers)
        derived = audit.kept(customer_order, _STATE, [order.state(holder_id) for order in orders])
        states.compare("customer_order", _STATE, 2, sides[STORED], derived, _order)
        made = audit.kept(advance, _ADVANCE, life.advances(audit.book.code))
        advances.compare("advance", _ADVANCE, 3, sides[STORED_ADVANCE], made, _advance)
    _entries_without_orders(audit, content)
    return [content, lines, states, advances]


def _order(row: Cells) -> str:
    return f"order {row[1]} of holder {row[0]}"


def _advance(row: Cells) -> str:
    return f"payment {row[1]} of holder {row[0]} out of {row[2]}"


def _by_entry(lines: Sequence[Cells]) -> dict[int, list[Cells]]:
    """Return (debit, credit, amount, line) by entry."""
    found: defaultdict[int, list[Cells]] = defaultdict(list)
    for entry_id, *line in lines:
        found[entry_id].append(tuple(line))
    return found


def _sides(audit: Audit, confirmations: Confirmations) -> Iterator[tuple[int, int, Cells]]:
    """Yield (holder, what it is, row): orders with their entries, postings, and what is stored, by holder."""
    same = sa.and_(_E.entry_id == _O.entry_id, _E.holder_id == _O.holder_id)
    of_entry = (_E.kind, _E.book, _E.value_date, _E.booked_at, _E.request_id, _E.digest)
    asked = (_O.holder_id, _O.entry_id, _O.book, _O.kind, _O.at, _O.amount, _O.merchant, _O.payment, _O.trade_date)
    unused = (_E.reverses, _E.memo, _E.first_holder, _E.last_holder)
    plain = sa.case((sa.and_(*(c.is_(None) for c in unused)), 1), else_=0)
    orders = (
        sa.select(*asked, _O.outcome, _O.return_code, *(c.label(f"of_{c.name}") for c in of_entry), plain)
        .join_from(customer_order, journal_entry, same, isouter=True)
        .order_by(_O.holder_id, _O.entry_id)
    )
    line = (_P.holder_id, _P.entry_id, _P.debit, _P.credit, _P.amount, _P.line)
    booked = sa.and_(_P.entry_id == _O.entry_id, _P.holder_id == _O.holder_id)
    of_orders = sa.select(*line).join_from(customer_order, posting, booked).order_by(_O.holder_id, _O.entry_id, _P.line)
    bulk = _E.holder_id == HOUSE, _E.kind.in_((confirmation.ENTRY, confirmation.CLAIMS)), confirmations.replayed(_E)
    span = sa.and_(_P.entry_id == _E.entry_id, _P.holder_id.between(_E.first_holder, _E.last_holder))
    confirmed = (
        sa.select(*line).join_from(journal_entry, posting, span).where(*bulk).order_by(_P.holder_id, _P.entry_id)
    )
    told = (_N.holder_id, _N.application, _N.business_code, _N.confirmation_date, _N.applied)
    answers = (
        sa.select(*told, _N.confirmed, _N.return_code, _N.final)
        .where(_N.holder_id > HOUSE, _N.business_code.in_(ANSWERS))
        .order_by(_N.holder_id, _N.confirmation_date, _N.application)
    )
    return merge(
        ((row[0], OF_ORDER, row[1:]) for row in plain_rows(audit.inputs, orders)),
        ((row[0], ENTRY_LINE, row[1:]) for row in plain_rows(audit.inputs, of_orders)),
        ((row[0], CONFIRMED_LINE, row[1:]) for row in plain_rows(audit.inputs, confirmed)),
        ((row[0], ANSWER, row[1:]) for row in plain_rows(audit.inputs, answers)),
        ((row[0], STORED, row) for row in audit.rows(customer_order, _STATE)),
        ((row[0], STORED_ADVANCE, row) for row in audit.rows(advance, _ADVANCE)),
        key=itemgetter(0),
    )


def _entries_without_orders(audit: Audit, content: Findings) -> None:
    same = sa.and_(_E.entry_id == _O.entry_id, _E.holder_id == _O.holder_id)
    missing = (
        sa.select(_E.entry_id, _E.holder_id)
        .join_from(journal_entry, customer_order, same, isouter=True)
        .where(_E.book == audit.book.code, _E.kind.in_([str(kind) for kind in Kind]), _O.entry_id.is_(None))
    )
    for row in audit.inputs.execute(missing):
        content.add("customer_order", f"order {row.entry_id} of holder {row.holder_id}", NOTHING, ROW)
