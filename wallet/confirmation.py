"""The confirm step: what trade date T asked for becomes shares and cash on T+1. Source: rule book, sections 3 and 6.

Stand-alone, every application is confirmed in full unless an outcome was recorded for it. In a book that is linked to
a transfer agent exactly those are worked that its answers of the day name, and by these answers; the others wait.
Of a part the customer's own share is served first, then what she paid after the confirmation date while its booking
was late (claims), then what passed to the advancer before. The same pass redeems the advancer's shares that are due;
what the agent confirmed of them otherwise is booked once, when all chunks are.

Set-based, in chunks of holders: the holders are locked first, so the statements of a chunk see the same orders.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from ledger import bulk, journal
from ledger.bulk import BulkEntry
from ledger.expressions import least, total
from ledger.model import HOUSE, Entry, Request, postings_digest
from ledger.schema import balance, posting
from wallet import counter, orders, steps
from wallet.errors import NotOpen, UnknownOrder
from wallet.outside import links
from wallet.outside.schema import answer
from wallet.rules import manual
from wallet.rules.fund import Fund
from wallet.rules.manual import Event
from wallet.rules.orders import SUBSCRIPTIONS
from wallet.schema import advance, customer_order
from wallet.steps import Chunk

CELLS = ("own", "claims", "passed", "rejected", "passed_rejected", "redeemed", "unredeemed", "due_shares")
"""What is summed up per holder: her own part, what the advancer took over before and after, what was refused."""

REFUSED = {"rejected", "passed_rejected", "unredeemed"}
"""Of these, what there is only where an outcome was recorded."""

Lines = sa.CompoundSelect[Any]
Cells = dict[str, Any]
Where = tuple[sa.ColumnElement[bool], ...]

STEP = "confirm"
ENTRY = "confirmation"
CLAIMS = "claim_returned"
ADJUSTED = "advancer_adjusted"

SUBSCRIBED, REDEEMED = "122", "124"
"""Business codes of the answers to subscriptions and redemptions. Source: GB/T 39595, version 2.1."""

_O, _A, _S = customer_order.c, advance.c, answer.c
_SUBSCRIBED = _O.kind.in_(list(SUBSCRIPTIONS))
_APPLIED = _O.remaining + _O.passed_to_advancer
_CONFIRMED = sa.func.coalesce(_O.outcome, _APPLIED)
_OWN = least(_CONFIRMED, _O.remaining)


@dataclass(frozen=True, slots=True)
class Work:
    """What one chunk works on, as conditions: orders, advances that are due, answers after which the rest waits on."""

    applications: Where
    due: Where
    carried: Where | None = None


def record_outcome(
    connection: sa.Connection, book: Fund, wallet: str, request_id: str, confirmed: int, return_code: str = "0000"
) -> None:
    """Record what the transfer agent confirmed of one application, before its confirmation is booked.

    Units: `confirmed` in fen, from 0 (rejected) to the amount applied for; of a redemption, hundredths of a share.
    Raises: NoTransaction, UnknownWallet, UnknownOrder, NotOpen (also where files say it).
    """
    held, holder_id = counter.lock(connection, book, wallet)
    order = orders.by_request(connection, holder_id, request_id)
    if order is None:
        raise UnknownOrder(request_id)
    if order.status != "accepted" or order.trade_date is None:
        raise NotOpen(request_id, f"it is {order.status}")
    if order.trade_date > held.cut_through:
        raise NotOpen(request_id, f"its trade date {order.trade_date} is not cut yet")
    if links.on(connection, book, order.trade_date) is not None:
        raise NotOpen(request_id, "the transfer agent's file says what is confirmed")
    if not 0 <= confirmed <= order.remaining + order.passed_to_advancer:
        raise NotOpen(request_id, "more is confirmed than was applied for")
    orders.record_outcome(connection, holder_id, order.entry_id, confirmed, return_code)


def plan(connection: sa.Connection, book: Fund, day: date, size: int) -> list[Chunk]:
    """Return the chunks, of `size` holders each, that have something to be confirmed on `day`."""
    trade_date = book.previous_trade_date(day)
    if trade_date is None:
        return []
    applied = sa.select(_O.holder_id).where(*_applications(book, trade_date))
    if links.on(connection, book, trade_date) is not None:
        named = _O.holder_id == _S.holder_id, _O.entry_id == _S.application
        applied = applied.where(*named, *_answers(book, day), _S.holder_id > HOUSE)
    due = sa.select(_A.holder_id).where(*_due(book, trade_date))
    return steps.ranges(connection, sa.union(applied, due), size)


def waits(connection: sa.Connection, book: Fund, trade_date: date) -> bool:
    """Tell whether any application of a trade date or an earlier one is open, or shares of the advancer are due."""
    some = _applications(book, trade_date), _due(book, trade_date)
    return any(_any(connection, table, where) for table, where in zip((customer_order, advance), some, strict=True))


def confirm(connection: sa.Connection, book: Fund, day: date, booked_at: datetime, chunk: Chunk) -> int:
    """Book one chunk of the confirmations of `day` and return its entry."""
    bulk.lock(connection, book.code, chunk.first, chunk.last)
    work = _work(connection, book, day, chunk)
    orders.allot(connection, day, work.applications)
    entry = BulkEntry(f"confirm {book.code} {day} {chunk.number}", ENTRY, day, booked_at, chunk.first, chunk.last)
    entry_id = bulk.write_entry(connection, book.code, entry)
    bulk.write_postings(connection, entry_id, _lines(connection, book, day, chunk, work))
    entries = [entry_id, *_return_claims(connection, book, day, booked_at, chunk, work.applications)]
    orders.redeem(connection, entry_id, work.due)
    orders.confirm(connection, entry_id, work.applications)
    if work.carried is not None:
        orders.carry_over(connection, work.carried)
    bulk.move_balances(connection, entries, chunk.first, chunk.last, book.chart)
    return entry_id


def adjust_advancer(connection: sa.Connection, book: Fund, day: date, booked_at: datetime) -> None:
    """Book by how much the transfer agent confirmed more or less of the advancer's shares than were due on `day`.

    All chunks are done. What it left is applied for again, so the books hold what the agent's register holds.
    """
    trade_date = book.previous_trade_date(day)
    if trade_date is None or links.on(connection, book, trade_date) is None:
        return
    confirmed = sa.select(total(_S.confirmed)).where(*_answers(book, day), _S.holder_id == HOUSE)
    entries = [entry_id for _, entry_id in steps.chunks(connection, book, day, STEP)]
    held, register, p = book.chart["advancer_shares"].id, book.chart["register"].id, posting.c
    left = sa.select(total(p.amount)).where(p.entry_id.in_(entries), p.debit == held, p.credit == register)
    more = connection.execute(confirmed).scalar_one() - connection.execute(left).scalar_one()
    postings = manual.book(
        book.chart, (manual.ADVANCER_REDEEMED, max(0, more)), (manual.ADVANCER_REDEMPTION_LEFT, max(0, -more))
    )
    if postings:
        asked = Request(HOUSE, f"advancer {book.code} {day}", postings_digest(ADJUSTED, day, postings))
        journal.post(connection, book.code, Entry(asked, ADJUSTED, day, booked_at, postings))


def _applications(book: Fund, trade_date: date) -> Where:
    return _O.book == book.code, _O.status == sa.text("'accepted'"), _O.trade_date <= trade_date


def _answers(book: Fund, day: date) -> Where:
    return _S.book == book.code, _S.confirmation_date == day, _S.business_code.in_([SUBSCRIBED, REDEEMED])


def _due(book: Fund, trade_date: date) -> Where:
    return _A.book == book.code, _A.redeemed_by.is_(None), _A.redeem_on <= trade_date, _A.shares.is_not(None)


def _work(connection: sa.Connection, book: Fund, day: date, chunk: Chunk) -> Work:
    """Return what a chunk works on; in a linked book, once the answers are written into the orders that they answer.

    There an order may be answered after its advances are due: these are redeemed by a later trade date.
    """
    trade_date = book.previous_trade_date(day)
    assert trade_date is not None, day
    applications = (*_applications(book, trade_date), _O.holder_id.between(chunk.first, chunk.last))
    due = (*_due(book, trade_date), _A.holder_id.between(chunk.first, chunk.last))
    if links.on(connection, book, trade_date) is None:
        return Work(applications, due)
    answered = (*_answers(book, day), _S.holder_id.between(max(chunk.first, HOUSE + 1), chunk.last))
    orders.record_answers(connection, (*answered, _S.final == 1))
    source = customer_order.alias("source")
    same = source.c.holder_id == _A.holder_id, source.c.entry_id == _A.source
    waits = sa.exists().where(*same, source.c.status == sa.text("'accepted'"))
    return Work((*applications, _O.outcome.is_not(None)), (*due, sa.not_(waits)), (*answered, _S.final == 0))


def _lines(connection: sa.Connection, book: Fund, day: date, chunk: Chunk, work: Work) -> Lines:
    """Return the postings of one chunk: per holder the sums of what is confirmed, rejected and redeemed.

    Only what happens in the chunk, whose holders are locked, stands in the statement.
    """
    parts = _happening(connection, day, work)
    happens = [name for name in CELLS if any(name in cells for *_, cells in parts)]
    each = sa.union_all(*(_part(happens, *part) for part in parts)).subquery()
    sums = (
        sa.select(each.c.holder_id, *(total(each.c[name]).label(name) for name in happens))
        .group_by(each.c.holder_id)
        .cte("work")
    )
    owing = bulk.any_balance(connection, book.chart["shortfall"], chunk.first, chunk.last)
    owed = sa.select(balance.c.amount).where(
        balance.c.holder_id == sums.c.holder_id, balance.c.account_id == book.chart["shortfall"].id
    )
    c = {name: sums.c.get(name, sa.literal(0, sa.BigInteger)) for name in CELLS}
    repaid = least(c["own"] + c["unredeemed"], owed.scalar_subquery())
    events: list[tuple[set[str], Event, Any]] = [
        ({"own", "claims"}, manual.SUBSCRIPTION_CONFIRMED, c["own"] + c["claims"]),
        ({"passed"}, manual.ADVANCER_CONFIRMED, c["passed"]),
        ({"rejected"}, manual.SUBSCRIPTION_REJECTED, c["rejected"]),
        ({"passed_rejected"}, manual.ADVANCER_REJECTED, c["passed_rejected"]),
        ({"redeemed"}, manual.REDEMPTION_CONFIRMED, c["redeemed"]),
        ({"unredeemed"}, manual.REDEMPTION_REJECTED, c["unredeemed"]),
        ({"due_shares"}, manual.ADVANCER_REDEEMED, c["due_shares"]),
        ({"own", "unredeemed"} if owing else set(), manual.SHORTFALL_REPAID, repaid),
    ]
    chosen = [(_accounts(book, event), amount) for of, event, amount in events if of.intersection(happens)]
    return bulk.event_lines(sums.c.holder_id, chosen)


def _happening(connection: sa.Connection, day: date, work: Work) -> list[tuple[Any, Any, Any, Cells]]:
    """Return what is to be done, each as holder, source, condition, and the cells that it fills."""
    applications, due, carried = work.applications, work.due, work.carried
    subscribed, redeeming, answered = connection.execute(
        sa.select(
            sa.func.count(sa.case((_SUBSCRIBED, 1))),
            sa.func.count(sa.case((sa.not_(_SUBSCRIBED), 1))),
            sa.func.count(_O.outcome),
        ).where(*applications)
    ).one()
    with_source = advance.join(customer_order, sa.and_(_O.holder_id == _A.holder_id, _O.entry_id == _A.source))
    of_subscriptions = {"own": _OWN, "rejected": _O.remaining - _OWN}
    of_redemptions = {"redeemed": _CONFIRMED, "unredeemed": _APPLIED - _CONFIRMED}
    of_advances = {
        "claims": sa.case((_A.value_date > day, _A.shares), else_=0),
        "passed": sa.case((_A.value_date > day, 0), else_=_A.shares),
        "passed_rejected": _A.amount - _A.shares,
    }
    parts: list[tuple[bool, Any, Any, Any, Cells]] = [
        (subscribed > 0, _O.holder_id, customer_order, (*applications, _SUBSCRIBED), of_subscriptions),
        (redeeming > 0, _O.holder_id, customer_order, (*applications, sa.not_(_SUBSCRIBED)), of_redemptions),
        (_any(connection, with_source, applications), _A.holder_id, with_source, applications, of_advances),
        (_any(connection, advance, due), _A.holder_id, advance, due, {"due_shares": _A.shares}),
    ]
    if carried is not None:
        there = _any(connection, answer, carried)
        parts.append((there, _S.holder_id, answer, carried, {"redeemed": _S.confirmed}))
    none = set() if answered else REFUSED
    return [
        (of, source, where, {name: amount for name, amount in cells.items() if name not in none})
        for there, of, source, where, cells in parts
        if there
    ]


def _part(happens: list[str], holder: Any, source: Any, where: Any, amounts: Cells) -> Any:
    cells = [amounts.get(name, sa.literal(0, sa.BigInteger)).label(name) for name in happens]
    return sa.select(holder.label("holder_id"), *cells).select_from(source).where(*where)


def _any(connection: sa.Connection, source: Any, where: Any) -> bool:
    return connection.execute(sa.select(sa.literal(1)).select_from(source).where(*where).limit(1)).first() is not None


def _return_claims(
    connection: sa.Connection, book: Fund, day: date, booked_at: datetime, chunk: Chunk, applications: Any
) -> list[int]:
    """Book, dated each payment's day, what customers paid from shares that were theirs but not booked yet."""
    with_source = advance.join(customer_order, sa.and_(_O.holder_id == _A.holder_id, _O.entry_id == _A.source))
    late = (*applications, _A.value_date > day, _A.shares > 0)
    paid_on = connection.execute(
        sa.select(_A.value_date).select_from(with_source).where(*late).distinct().order_by(_A.value_date)
    ).scalars()
    entries = []
    for value_date in paid_on.all():
        key = f"claims {book.code} {day} {chunk.number} {value_date}"
        entry = BulkEntry(key, CLAIMS, value_date, booked_at, chunk.first, chunk.last)
        entries.append(bulk.write_entry(connection, book.code, entry))
        sums = (
            sa.select(_A.holder_id, total(_A.shares).label("shares"))
            .select_from(with_source)
            .where(*late, _A.value_date == value_date)
            .group_by(_A.holder_id)
            .cte("claims")
        )
        lines = bulk.event_lines(sums.c.holder_id, [(_accounts(book, manual.CLAIM_RETURNED), sums.c.shares)])
        bulk.write_postings(connection, entries[-1], lines)
    return entries


def _accounts(book: Fund, event: Event) -> list[tuple[int, int]]:
    return [(book.chart[debit].id, book.chart[credit].id) for debit, credit in event]
