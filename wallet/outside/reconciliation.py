"""The reconcile step: the books of a closed day against what transfer agent, fund and bank say of it.

Each comparison returns its differences by subject, or None where there is nothing to compare with. A total is compared
only by what the single differences do not explain, so that each fault is one break. All figures are as of the end of
the day, whatever was booked since. Set-based: memory grows with what differs, not with the holders. Breaks are written
last of all. Source: rule book, section 6, "Always true".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from ledger import balances, bulk, gates
from ledger.balances import balance_of
from ledger.database import reading
from ledger.expressions import total
from ledger.model import HOUSE
from ledger.schema import holder, journal_entry, posting
from wallet import distribution, limits, proof, steps
from wallet.errors import FundwalletError
from wallet.outside import bank, breaks, files
from wallet.outside.breaks import Break, Difference
from wallet.outside.schema import agent_cash, agent_figure, agent_shares, answer, outside_file
from wallet.retries import transact
from wallet.rules.chart import CNY
from wallet.rules.fund import Fund
from wallet.rules.orders import SUBSCRIPTIONS, State
from wallet.schema import customer_order, wallet
from wallet.schema import distribution as distributed

STEP, DONE = "reconcile", "done"
INCOME_DIFFERENCE = "income_difference"
"""The kind of the entries that book what the transfer agent's income differs by."""

HELD = ("shares", "redeeming", "shortfall")
"""The accounts that are a customer's shares in the register: the last counts against the others."""

PAID = {"122": -1, "124": 1, "145": 1}
"""Confirmations that cash follows, by business code, and which way: 1 is from the fund to us."""

Differences = dict[str, Difference]
Found = dict[str, Differences | None]
"""Differences by kind; None where there is nothing to compare with."""

_O, _A, _S, _W = customer_order.c, answer.c, agent_shares.c, wallet.c


class NotReconciled(FundwalletError):
    """The day is not reconciled, or no day is."""

    code = "not_reconciled"

    def __init__(self, day: date | None) -> None:
        self.day = day
        what = "no day is reconciled yet" if day is None else f"{day} is not reconciled"
        super().__init__(f"{what}: `fundwallet day run` does it once what it needs is there")


@dataclass(frozen=True, slots=True)
class Outcome:
    """A reconciled day, with every break that something became of on that day, or that was there and still is."""

    fund: str
    day: date
    breaks: list[Break]


def compare(connection: sa.Connection, book: Fund, day: date) -> Found:
    """Return what of a closed day differs from the files of the transfer agent, by kind; nothing is written.

    It may take seconds, so `connection` had better be one that only reads, and sees one state throughout.
    """
    return {kind: differences(connection, book, day) for kind, differences in COMPARISONS}


def write_down(connection: sa.Connection, book: Fund, day: date, at: datetime, found: Found) -> None:
    """Match the bank's lines, and write down as breaks what differs; done again it changes nothing.

    The day is the last closed one: what the bank's lines leave over is booked on the next. Raises: NoTransaction.
    """
    for kind, differences in (found | _cash(connection, book, day, at)).items():
        if differences is not None:
            breaks.observe(connection, book, day, at, kind, differences)


def run(engine: sa.Engine, book: Fund, day: date | None, at: datetime) -> Outcome:
    """Return what the reconciliation of a day found (None: of the last one), done again if it is the last closed day.

    Raises: NotReconciled.
    """
    with reading(engine) as connection:
        chosen = day or max(steps.days_with(connection, book, STEP), default=None)
        if chosen is None or steps.state(connection, book, chosen, STEP) != DONE:
            raise NotReconciled(day)
        found = compare(connection, book, chosen) if _is_last(connection, book, chosen) else None

    def conclude(connection: sa.Connection) -> Outcome:
        steps.lock(connection, book)
        if found is not None and _is_last(connection, book, chosen):
            write_down(connection, book, chosen, at, found)
        return Outcome(book.code, chosen, breaks.of_day(connection, book, chosen))

    return transact(engine, conclude)


def _is_last(connection: sa.Connection, book: Fund, day: date) -> bool:
    """Tell whether no later day is closed."""
    return day == gates.read(connection, book.code)[0]


def _cash(connection: sa.Connection, book: Fund, day: date, at: datetime) -> Found:
    """Match the bank's lines, and return the items that no line paid, and the lines that no item explains."""
    matched = bank.match(connection, book, day, at)
    return {"cash": matched.items, "bank_line": matched.lines}


def _shares(connection: sa.Connection, book: Fund, day: date) -> Differences | None:
    """Shares against file 05: the advancer's, each customer's, those of accounts that nobody has, and the total."""
    if files.of_day(connection, book, "05", day) is None:
        return None
    as_of = balances.totals(connection, book.code, day)
    told = sa.and_(_S.book == book.code, _S.day == day, _S.kind == "05")
    known = sa.select(holder.c.holder_id).where(holder.c.book == book.code)
    found = _named(book, [(HOUSE, None, *_advancer(connection, book, day, as_of))])
    for chunk in steps.ranges(connection, known, steps.CHUNK):
        mine = bulk.as_of(connection, book.code, [book.chart[code] for code in HELD], day, chunk.first, chunk.last)
        same = sa.and_(_S.holder_id == mine.c.holder_id, _S.holder_id.between(chunk.first, chunk.last), told)
        theirs = sa.func.coalesce(_S.total, 0)
        rows = sa.select(mine.c.holder_id, _W.reference, mine.c.amount, theirs).select_from(
            mine.outerjoin(agent_shares, same).join(wallet, _W.holder_id == mine.c.holder_id)
        )
        found |= _named(book, connection.execute(rows.where(mine.c.amount != theirs).order_by(mine.c.holder_id)))
    last = sa.select(sa.func.max(holder.c.holder_id)).scalar_subquery()  # wallets are numbered without a gap
    nobody = sa.select(_S.holder_id, sa.null(), sa.literal(0), _S.total).where(told, _S.holder_id > last)
    found |= _named(book, connection.execute(nobody.order_by(_S.holder_id)))
    explained = sum(ours - theirs for _, ours, theirs in found.values())
    whole: int = connection.execute(sa.select(total(_S.total)).where(told)).scalar_one()
    found |= _of(book.code, {"total": (balance_of(book.chart["register"], as_of), whole + explained)})
    return _quick_shares(connection, book, day) | found


def _advancer(connection: sa.Connection, book: Fund, day: date, as_of: dict[int, Any]) -> tuple[int, int]:
    """Return the advancer's shares, by the books and by file 05."""
    shortfall = book.chart["shortfall"]
    ours = sum(balance_of(book.chart[code], as_of) for code in distribution.ADVANCER)
    ours -= balances.as_of(connection, book.code, HOUSE, [shortfall], day)[shortfall.id]
    here = _S.holder_id == HOUSE, _S.day == day, _S.kind == "05"
    return ours, connection.execute(sa.select(_S.total).where(*here)).scalar() or 0


def _quick_shares(connection: sa.Connection, book: Fund, day: date) -> Differences:
    """Shares against file 35, where it says another figure than 05; whose 05 agrees with the books has ours there."""
    quick = agent_shares.alias("quick")
    same = sa.and_(_S.holder_id == quick.c.holder_id, _S.day == quick.c.day, _S.kind == "05")
    ours = sa.func.coalesce(_S.total, 0)
    rows = sa.select(quick.c.holder_id, _W.reference, ours, quick.c.total).select_from(
        quick.outerjoin(agent_shares, same).outerjoin(wallet, _W.holder_id == quick.c.holder_id)
    )
    here = quick.c.book == book.code, quick.c.day == day, quick.c.kind == "35", quick.c.total != ours
    return _named(book, connection.execute(rows.where(*here).order_by(quick.c.holder_id)))


def _in_transit(connection: sa.Connection, book: Fund, day: date) -> Differences:
    """What is still in transit of trade dates that are confirmed: by then it should be nothing."""
    rest = _unanswered(connection, book, day, _O.remaining + _O.passed_to_advancer, _O.kind.in_(list(SUBSCRIPTIONS)))
    return _of(CNY, {f"trade date {trade_date}": (amount, 0) for trade_date, amount in rest.items()})


def _redeeming(connection: sa.Connection, book: Fund, day: date) -> Differences:
    """Redemptions of confirmed trade dates that were never answered, the advancer's included."""
    earlier = answer.alias("earlier").c
    answered = sa.exists().where(
        earlier.holder_id == _O.holder_id,
        earlier.application == _O.entry_id,
        earlier.business_code == "124",
        earlier.confirmation_date <= day,
    )
    rest = _unanswered(connection, book, day, _O.amount, _O.kind.not_in(list(SUBSCRIPTIONS)), ~answered)
    found = {f"trade date {trade_date}": (amount, 0) for trade_date, amount in rest.items()}
    f, last = outside_file.c, _last_confirmed(book, day)
    if last is not None:
        of_advancer = _A.book == book.code, _A.holder_id == HOUSE, _A.confirmation_date <= day
        known = set(connection.execute(sa.select(_A.application).where(*of_advancer)).scalars())
        sent = sa.select(f.day, f.control).where(f.fund == book.code, f.kind == "03", f.day <= last)
        for trade_date, applied in connection.execute(sent.order_by(f.day)):
            if int(f"{trade_date:%Y%m%d}") not in known:
                found[f"advancer, trade date {trade_date}"] = applied, 0
    return _of(book.code, found)


def _unanswered(
    connection: sa.Connection, book: Fund, day: date, amount: Any, *which: sa.ColumnElement[bool]
) -> dict[date, int]:
    """Return how much of some applications was open as of the end of `day`, by trade date, of those due by then.

    Those that are open now were open then; those answered later were, too.
    """
    last = _last_confirmed(book, day)
    if last is None:
        return {}
    later = sa.select(_A.holder_id, _A.application).where(
        _A.book == book.code, _A.confirmation_date > day, _A.business_code.in_(["122", "124"])
    )
    is_open = _O.status == sa.literal_column(f"'{State.ACCEPTED}'")
    since = later.distinct().subquery()
    answered = sa.and_(since.c.holder_id == _O.holder_id, since.c.application == _O.entry_id)
    here = _O.book == book.code, _O.trade_date <= last, *which
    parts = sa.union_all(
        sa.select(_O.trade_date, amount.label("amount")).where(is_open, *here),
        sa.select(_O.trade_date, amount).join_from(since, customer_order, answered).where(~is_open, *here),
    ).subquery()
    sums = sa.select(parts.c.trade_date, total(parts.c.amount)).group_by(parts.c.trade_date)
    return {row[0]: row[1] for row in connection.execute(sums.order_by(parts.c.trade_date))}


def _last_confirmed(book: Fund, day: date) -> date | None:
    """Return the last trade date whose confirmation date is `day` or before; None before the first of the book."""
    return book.previous_trade_date(book.calendar.previous_or_same(day))


def _advance(connection: sa.Connection, book: Fund, day: date) -> Differences:
    """The advance outstanding against what the facility's slots say, both as of now, and against the facility."""
    now = proof.outstanding(book, balances.totals(connection, book.code))
    figures = {"the facility's slots": (now, limits.used(connection, book.code, limits.FACILITY))}
    outstanding = proof.outstanding(book, balances.totals(connection, book.code, day))
    if outstanding > (facility := book.terms_on(day).facility):
        figures["the facility"] = outstanding, facility
    return _of(CNY, figures)


def _clearing(connection: sa.Connection, book: Fund, day: date) -> Differences | None:
    """The cash that file 25 announces against what was confirmed, by business code; positive is from the fund to us."""
    if files.of_day(connection, book, "25", day) is None:
        return None
    c = agent_cash.c
    confirmed = sa.select(_A.business_code, total(_A.confirmed)).where(
        _A.book == book.code, _A.confirmation_date == day, _A.business_code.in_(list(PAID))
    )
    told = sa.select(c.business_code, total(c.amount)).where(c.fund == book.code, c.day == day)
    ours = {code: PAID[code] * amount for code, amount in connection.execute(confirmed.group_by(_A.business_code))}
    theirs = {row[0]: row[1] for row in connection.execute(told.group_by(c.business_code))}
    codes = sorted(ours.keys() | theirs.keys())
    return _of(CNY, {f"{code} of {day}": (ours.get(code, 0), theirs.get(code, 0)) for code in codes})


def _income_total(connection: sa.Connection, book: Fund, day: date) -> Differences | None:
    """The whole income of `day`, as it was booked, against file 06; and against 07 where the fund is all ours.

    What 07 says is right by our own computation or by what was booked in the end: per holder a break tells already
    what these two differ by.
    """
    if steps.state(connection, book, day, distribution.STEP) is None:
        return None
    d, f, e, p = distributed.c, agent_figure.c, journal_entry.c, posting.c
    row = connection.execute(sa.select(distributed).where(d.fund == book.code, d.day == day)).one_or_none()
    pool, computed = (0, 0) if row is None else (row.pool, row.whole if row.income_per_10k >= 0 else -row.whole)
    named = e.book == book.code, e.value_date == day + timedelta(1), e.kind == INCOME_DIFFERENCE
    register = sa.case((p.debit == book.chart["register"].id, p.amount), else_=-p.amount)
    moved = p.debit == book.chart["register"].id, p.credit == book.chart["register"].id
    differences = sa.select(total(register, sa.or_(*moved))).join_from(journal_entry, posting, p.entry_id == e.entry_id)
    booked = computed + connection.execute(differences.where(*named)).scalar_one()
    found: dict[str, tuple[int, int]] = {}
    if (told := files.of_day(connection, book, "06", day)) is not None:
        found[f"06 of {day}"] = booked, told.control
    here = f.fund == book.code, f.day == day, f.income_per_10k == (0 if row is None else row.income_per_10k)
    figure = connection.execute(sa.select(agent_figure).where(*here).order_by(f.file.desc()).limit(1)).one_or_none()
    if figure is not None and figure.total_shares == pool and figure.day_income != computed:
        found[f"07 of {day}"] = booked, figure.day_income
    return _of(book.code, found)


def _named(book: Fund, rows: Iterable[Any]) -> Differences:
    """Return differences of shares by whose they are, from rows of (holder, reference, ours, theirs)."""
    found = {}
    for number, reference, ours, theirs in rows:
        own = f"wallet {reference}" if reference is not None else f"account {number:012d}"
        found["advancer" if number == HOUSE else own] = ours, theirs
    return _of(book.code, found)


def _of(unit: str, figures: dict[str, tuple[int, int]]) -> Differences:
    """Return what of some figures, ours and theirs by subject, differs."""
    return {subject: (unit, ours, theirs) for subject, (ours, theirs) in figures.items() if ours != theirs}


COMPARISONS: tuple[tuple[str, Callable[[sa.Connection, Fund, date], Differences | None]], ...] = (
    ("shares", _shares),
    ("in_transit", _in_transit),
    ("redeeming", _redeeming),
    ("advance", _advance),
    ("clearing", _clearing),
    ("income_total", _income_total),
)
