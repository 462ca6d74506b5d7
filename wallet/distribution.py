"""The distribute step: the income of day D on the holdings as of the end of D, dated D+1. Source: rule book, section 3.

1. D is closed, so the holdings as of D are fixed whatever D+1 does: balances now less the postings dated later.
2. One pass over all holdings decides the whole and who gets the fen that cutting left over; it is written down.
3. Chunks of holders: postings by INSERT…SELECT with the same formula, balances moved by those postings.
4. The postings must add up to the whole.

In a book that is linked to a transfer agent its records of the day are there too. They say which whole is handed out;
where they differ from what is handed out so, they win: each chunk books the difference of each holder by its name.

The only writer of `distribution`. Payments of D+1 may run at any moment in between.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from ledger import balances, bulk
from ledger.bulk import BulkEntry
from ledger.expressions import columns, least, total
from ledger.model import HOUSE
from ledger.schema import balance, holder, journal_entry, posting
from wallet import figures, steps
from wallet.errors import ControlTotalMismatch
from wallet.figures import Figure
from wallet.outside import breaks, links
from wallet.outside.schema import agent_figure, agent_income
from wallet.rules import manual
from wallet.rules.chart import Chart
from wallet.rules.fund import Fund
from wallet.rules.income import METHOD, SCALE, Allocation, allocate, amounts
from wallet.rules.manual import Event
from wallet.schema import distribution, wallet
from wallet.steps import Chunk

STEP = "distribute"
ENTRY = "income"
DIFFERENCE = "income_difference"
CORRECTED = "income_corrected"
ADVANCER = ("advancer_shares", "advancer_income_shares")

Numbers = NDArray[np.int64]


def pool(connection: sa.Connection, book: Fund, day: date) -> int:
    """Return the shares that earn on `day`, the advancer's included, in hundredths."""
    as_of = balances.totals(connection, book.code, day)
    return sum(balances.balance_of(book.chart[code], as_of) for code in ("shares", "redeeming", *ADVANCER))


def is_idle(connection: sa.Connection, book: Fund, day: date) -> bool:
    """Tell whether `day` has no income to hand out: nobody holds shares, and nobody says otherwise."""
    announced = figures.of_day(connection, book, day)
    told = announced is not None and announced[1].control_total
    return not told and pool(connection, book, day) == 0 and not _income_of_record(connection, book, day)[0]


def decide(connection: sa.Connection, book: Fund, day: date, version: int, figure: Figure, size: int) -> list[Chunk]:
    """Write down how the income of `day` is handed out, and return the chunks of `size` holders; needs the day closed.

    In a linked book the whole is the one that leaves the fewest holders different from the transfer agent's records;
    if it is not the announced one it is announced, as the figure's next version.
    Raises: ControlTotalMismatch.
    """
    linked = links.on(connection, book, day) is not None
    chunks, (holders, holdings, *theirs) = _everybody(connection, book, day, size, beside_record=linked)
    result = allocate(holders, holdings, figure.income_per_10k, figure.control_total)
    if linked:
        chosen, result = _closest(connection, figure, result, holders, holdings, theirs[0])
        version += figures.announce(connection, book, [chosen], replace=True, approved=True)
    connection.execute(
        sa.insert(distribution).values(
            fund=book.code,
            day=day,
            income_per_10k=figure.income_per_10k,
            version=version,
            method=METHOD,
            pool=result.pool,
            advancer_holding=int(holdings[0]),
            whole=result.whole,
            cut=result.cut,
            threshold=result.threshold,
            last_tie=result.last_tie,
        )
    )
    return chunks if result.whole or (linked and theirs[0].any()) else []


def distribute(connection: sa.Connection, book: Fund, day: date, booked_at: datetime, chunk: Chunk) -> int:
    """Book one chunk of the income of `day`, dated the next day, and return the entry."""
    rate, advancer, allocation = decided(connection, book, day)
    value_date = day + timedelta(1)
    bulk.lock(connection, book.code, chunk.first, chunk.last)
    key = f"income {book.code} {day} {chunk.number}"
    entry = BulkEntry(key, ENTRY, value_date, booked_at, chunk.first, chunk.last)
    entry_id = bulk.write_entry(connection, book.code, entry)
    parts = _parts(_holdings(connection, book, day, chunk), rate, allocation)
    if rate > 0:
        lines = _credits(connection, book, chunk, parts)
    else:
        lines = _debits(connection, book, value_date, chunk, parts)
    bulk.write_postings(connection, entry_id, bulk.event_lines(parts.c.holder_id, lines))
    if chunk.first == HOUSE:
        _advancer(connection, book, entry_id, rate, _part_of(HOUSE, advancer, rate, allocation))
    bulk.move_balances(connection, [entry_id], chunk.first, chunk.last, book.chart)
    if links.on(connection, book, day) is not None:
        _book_differences(connection, book, day, booked_at, chunk, entry_id)
    return entry_id


def correct(connection: sa.Connection, book: Fund, figure: Figure, booked_at: datetime, value_date: date) -> int:
    """Announce another figure of a distributed day, and book what everybody has more or less by it; return the entry.

    One entry, dated `value_date`: by holder the income by this figure less that by the one before, both on the
    holdings as of the end of the figure's day. What was booked stays, the transfer agent's differences too.
    Raises: InvalidFigure, ControlTotalMismatch.
    """
    known = figures.of_day(connection, book, figure.day)
    assert known is not None, figure.day
    version, before = known
    figures.announce(connection, book, [figure], replace=True, approved=True, distributed=True)
    chunks, (holders, holdings) = _everybody(connection, book, figure.day, steps.CHUNK)
    sides = [
        (f.income_per_10k, allocate(holders, holdings, f.income_per_10k, f.control_total)) for f in (before, figure)
    ]
    key = f"income corrected {book.code} {figure.day} v{version + 1}"
    entry = BulkEntry(key, CORRECTED, value_date, booked_at, chunks[0].first, chunks[-1].last)
    entry_id = bulk.write_entry(connection, book.code, entry)
    old, new = [_sign(r) * _part_of(HOUSE, int(holdings[0]), r, allocation) for r, allocation in sides]
    house = new - old
    for chunk in chunks:
        bulk.lock(connection, book.code, chunk.first, chunk.last)
        held = _holdings(connection, book, figure.day, chunk)
        was, now = [_sign(r) * _amount(held, r, allocation) for r, allocation in sides]
        more = sa.select(held.c.holder_id, (now - was).label("amount")).cte("more")
        _write_signed(connection, book, entry_id, value_date, chunk, more, house)
    return entry_id


def decided(connection: sa.Connection, book: Fund, day: date) -> tuple[int, int, Allocation]:
    """Return the figure, the advancer's holding and the allocation that were written down for `day`."""
    d = distribution.c
    row = connection.execute(sa.select(distribution).where(d.fund == book.code, d.day == day)).one()
    return (
        row.income_per_10k,
        row.advancer_holding,
        Allocation(row.pool, row.whole, row.cut, row.threshold, row.last_tie),
    )


def is_decided(connection: sa.Connection, book: Fund, day: date) -> bool:
    """Tell whether the distribution of `day` is written down."""
    d = distribution.c
    return connection.execute(sa.select(d.day).where(d.fund == book.code, d.day == day)).first() is not None


def check(connection: sa.Connection, book: Fund, day: date) -> None:
    """Assert that the postings of a distributed day add up to the whole, with differences to the agent's."""
    rate, _, allocation = decided(connection, book, day)
    numbers = [entry_id for _, entry_id in steps.chunks(connection, book, day, STEP)]
    e, p = journal_entry.c, posting.c
    moved = sa.select(total(credited(book)))
    booked = connection.execute(moved.where(p.entry_id.in_(numbers))).scalar_one()
    whole = _sign(rate) * allocation.whole
    assert booked == whole, f"income of {day}: {booked} booked of {whole}"
    if links.on(connection, book, day) is not None:
        dated = e.book == book.code, e.value_date == day + timedelta(1), e.holder_id == HOUSE, e.kind == DIFFERENCE
        differences = moved.where(p.entry_id.in_(sa.select(e.entry_id).where(*dated)))
        booked += connection.execute(differences).scalar_one()
        theirs = _income_of_record(connection, book, day)[1]
        assert booked == theirs, f"income of {day}: {booked} booked, {theirs} by the transfer agent"


def credited(book: Fund) -> sa.ColumnElement[int]:
    """Return the income that a posting credits, negative where it takes it: what it does to the register."""
    p, register = posting.c, book.chart["register"].id
    return sa.case((p.debit == register, p.amount), (p.credit == register, -p.amount), else_=0)


def _everybody(
    connection: sa.Connection, book: Fund, day: date, size: int, *, beside_record: bool = False
) -> tuple[list[Chunk], tuple[Numbers, ...]]:
    """Return chunks over all holders, and holders with their holdings as of `day`, the advancer, holder 0, first.

    Beside the holdings stands, if asked for, the income that the transfer agent's records give each of them.
    """
    chunks = steps.ranges(connection, sa.select(holder.c.holder_id).where(holder.c.book == book.code), size)
    as_of, i = balances.totals(connection, book.code, day), agent_income.c
    house = [HOUSE, sum(balances.balance_of(book.chart[code], as_of) for code in ADVANCER)]
    if beside_record:
        theirs = sa.select(total(i.income)).where(i.holder_id == HOUSE, i.day == day)
        house.append(connection.execute(theirs).scalar_one())
    parts = []
    for chunk in chunks:
        held = _holdings(connection, book, day, chunk)
        query = sa.select(held)
        if beside_record:
            same = sa.and_(i.holder_id == held.c.holder_id, i.day == day)
            query = query.add_columns(sa.func.coalesce(i.income, 0)).join(agent_income, same, isouter=True)
        parts.append(columns(connection, query))
    return chunks, tuple(
        np.concatenate(cells) for cells in zip(([np.array([n], np.int64) for n in house]), *parts, strict=True)
    )


def _holdings(connection: sa.Connection, book: Fund, day: date, chunk: Chunk) -> sa.Subquery:
    """Return (holder_id, amount): shares and redeeming of a chunk's customers as of the end of `day`."""
    earning = [book.chart["shares"], book.chart["redeeming"]]
    return bulk.as_of(connection, book.code, earning, day, chunk.first, chunk.last)


def _closest(
    connection: sa.Connection, figure: Figure, ours: Allocation, holders: Numbers, holdings: Numbers, theirs: Numbers
) -> tuple[Figure, Allocation]:
    """Return the figure with that control total, and its allocation, by which the fewest holders differ from `theirs`.

    Asked are the figure as it is, the fund's income of the day where all its shares are in these books, and the sum
    of the records; of equal ones the first.
    """
    f, rate = agent_figure.c, figure.income_per_10k
    published = sa.select(f.day_income).where(f.day == figure.day, f.total_shares == ours.pool).order_by(f.file.desc())
    totals = [("07", connection.execute(published.limit(1)).scalar()), ("06", int(theirs.sum()))]
    choices = [(figure, ours)]
    for source, control in totals:
        if control is None or control * rate < 0:
            continue
        told = replace(figure, control_total=control, source=f"{source} of {figure.day}")
        with suppress(ControlTotalMismatch):
            choices.append((told, allocate(holders, holdings, rate, control)))
    return min(choices, key=lambda choice: _differing(holders, holdings, rate, choice[1], theirs))


def _differing(holders: Numbers, holdings: Numbers, rate: int, allocation: Allocation, theirs: Numbers) -> int:
    return int(np.count_nonzero(_sign(rate) * amounts(holders, holdings, rate, allocation) != theirs))


def _income_of_record(connection: sa.Connection, book: Fund, day: date) -> tuple[bool, int]:
    """Tell whether the transfer agent's records give anybody income of `day`, and how much in all."""
    i = agent_income.c
    query = sa.select(sa.func.count(), total(i.income)).where(i.book == book.code, i.day == day, i.income != 0)
    count, income = connection.execute(query).one()
    return count > 0, income


def _book_differences(
    connection: sa.Connection, book: Fund, day: date, booked_at: datetime, chunk: Chunk, entry_id: int
) -> None:
    """Book what the records give holders of a chunk more or less than its entry of income did; each is a break."""
    i, p, nothing = agent_income.c, posting.c, sa.literal(0, sa.BigInteger)
    ours = sa.select(p.holder_id, credited(book).label("ours"), nothing.label("theirs"))
    theirs = sa.select(i.holder_id, nothing, i.income).where(i.book == book.code, i.day == day)
    each = sa.union_all(
        ours.where(p.entry_id == entry_id, p.holder_id.between(chunk.first, chunk.last)),
        theirs.where(i.holder_id.between(chunk.first, chunk.last)),
    ).subquery()
    sums = sa.select(each.c.holder_id, total(each.c.ours).label("ours"), total(each.c.theirs).label("theirs"))
    unlike = sums.group_by(each.c.holder_id).having(total(each.c.ours) != total(each.c.theirs)).cte("unlike")
    u = unlike.c
    named = sa.select(unlike, wallet.c.reference).join(wallet, wallet.c.holder_id == u.holder_id, isouter=True)
    found = connection.execute(named.order_by(u.holder_id)).all()
    if not found:
        return
    value_date = day + timedelta(1)
    key = f"income difference {book.code} {day} {chunk.number}"
    entry = BulkEntry(key, DIFFERENCE, value_date, booked_at, chunk.first, chunk.last)
    number = bulk.write_entry(connection, book.code, entry)
    more = sa.select(u.holder_id, (u.theirs - u.ours).label("amount")).where(u.holder_id > HOUSE).cte("more")
    house = next((row.theirs - row.ours for row in found if row.holder_id == HOUSE), 0)
    _write_signed(connection, book, number, value_date, chunk, more, house)
    whose = ("advancer" if row.reference is None else f"wallet {row.reference}" for row in found)
    seen = {f"{who} on {day}": (book.code, row.ours, row.theirs) for who, row in zip(whose, found, strict=True)}
    breaks.observe(connection, book, day, booked_at, "income", seen)


def _write_signed(
    connection: sa.Connection, book: Fund, entry_id: int, value_date: date, chunk: Chunk, more: sa.CTE, house: int
) -> None:
    """Post what customers of a chunk get more, or less if negative, and the advancer `house`; move the balances."""
    bulk.write_postings(
        connection, entry_id, bulk.event_lines(more.c.holder_id, _credits(connection, book, chunk, more))
    )
    less = sa.select(more.c.holder_id, (-more.c.amount).label("amount")).cte("less")
    lines = bulk.event_lines(less.c.holder_id, _debits(connection, book, value_date, chunk, less))
    bulk.write_postings(connection, entry_id, lines)
    if chunk.first == HOUSE:
        _advancer(connection, book, entry_id, house, abs(house))
    bulk.move_balances(connection, [entry_id], chunk.first, chunk.last, book.chart)


def _parts(holdings: sa.Subquery, rate: int, allocation: Allocation) -> sa.CTE:
    """Return (holder_id, amount): everybody's income, without sign."""
    return sa.select(holdings.c.holder_id, _amount(holdings, rate, allocation).label("amount")).cte("parts")


def _amount(holdings: sa.Subquery, rate: int, allocation: Allocation) -> Any:
    """Return the formula of `rules.income` in SQL.

    Whose cut fraction is due a fen more is carried over the fen by what is added to it before it is cut.
    """
    scale: Any = sa.literal_column(str(SCALE), sa.BigInteger)
    figure: Any = sa.literal_column(str(abs(rate)), sa.BigInteger)
    added = SCALE - min(allocation.threshold, SCALE - 1)
    tie_lost = sa.case((holdings.c.holder_id > allocation.last_tie, 1), else_=0)
    low = (holdings.c.amount % scale) * figure + added - tie_lost
    return (holdings.c.amount // scale) * figure + low // scale


def _credits(
    connection: sa.Connection, book: Fund, chunk: Chunk, parts: sa.CTE
) -> list[tuple[list[tuple[int, int]], Any]]:
    """Return what a positive figure credits; where somebody of the chunk owes, shortfalls are repaid out of it."""
    chart = book.chart
    credited = (_accounts(chart, manual.INCOME), parts.c.amount)
    if not bulk.any_balance(connection, chart["shortfall"], chunk.first, chunk.last):
        return [credited]
    owed = sa.select(balance.c.amount).where(
        balance.c.holder_id == parts.c.holder_id, balance.c.account_id == chart["shortfall"].id
    )
    repaid = least(parts.c.amount, owed.scalar_subquery())
    return [credited, (_accounts(chart, manual.SHORTFALL_REPAID), repaid)]


def _debits(
    connection: sa.Connection, book: Fund, value_date: date, chunk: Chunk, parts: sa.CTE
) -> list[tuple[list[tuple[int, int]], Any]]:
    """Return what a negative figure takes: shares as far as they are there from its value date on, then shortfall."""
    there = bulk.lowest_since(connection, book.code, book.chart["shares"], value_date, chunk.first, chunk.last)
    available = sa.select(there.c.lowest).where(there.c.holder_id == parts.c.holder_id).scalar_subquery()
    taken = least(parts.c.amount, available)
    return [
        (_accounts(book.chart, manual.NEGATIVE_INCOME), taken),
        (_accounts(book.chart, manual.SHORTFALL), parts.c.amount - taken),
    ]


def _advancer(connection: sa.Connection, book: Fund, entry_id: int, rate: int, amount: int) -> None:
    """Book the advancer's own part in an entry of the first chunk."""
    chart = book.chart
    owed = balances.of_holder(connection, HOUSE)[chart["shortfall"].id]
    if rate > 0:
        movements = [(manual.ADVANCER_INCOME, amount), (manual.ADVANCER_SHORTFALL_REPAID, min(amount, owed))]
    else:
        now = balances.totals(connection, book.code)
        taken = min(amount, max(0, balances.balance_of(chart["advancer_income_shares"], now)))
        movements = [(manual.ADVANCER_NEGATIVE_INCOME, taken), (manual.SHORTFALL, amount - taken)]
    bulk.write_own_postings(connection, entry_id, HOUSE, manual.book(chart, *movements))


def _part_of(holder_id: int, holding: int, rate: int, allocation: Allocation) -> int:
    """Return one holder's income in fen, without sign."""
    one = amounts(np.array([holder_id], np.int64), np.array([holding], np.int64), rate, allocation)
    return int(one[0])


def _sign(rate: int) -> int:
    return -1 if rate < 0 else 1


def _accounts(chart: Chart, event: Event) -> list[tuple[int, int]]:
    return [(chart[debit].id, chart[credit].id) for debit, credit in event]
