"""What goes to the transfer agent: the applications of a trade date, the quick transfers of a calendar day.

Orders of a cut trade date and payments of a closed day are fixed, so asked again the same rows come in the same order.
They come as columns of the files 03 and 33, a bounded number of records at a time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, time
from typing import Any, Final

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from ledger import balances
from ledger.expressions import batches, total
from ledger.model import HOUSE
from ledger.schema import journal_entry
from wallet import steps
from wallet.outside import links
from wallet.outside.files import APPLIED, MOVED
from wallet.outside.links import Link
from wallet.outside.schema import answer, outside_file
from wallet.rules.fund import Fund
from wallet.rules.orders import SUBSCRIPTIONS
from wallet.schema import advance, customer_order

SUBSCRIBE, REDEEM, MOVE = "022", "024", "098"
SUBSCRIBED, REDEEMED = "122", "124"
"""Business codes: of applications, and of the answers to the first two."""

CURRENCY: Final = "156"
RECORDS: Final = 10_000

Columns = Mapping[str, list[str] | NDArray[np.int64]]
"""Some records by the names of their fields: texts, and numbers in fen or hundredths of a share."""

EACH: Final = (
    *("AppSheetSerialNo", "FundCode", "TransactionDate", "TransactionTime", "TransactionAccountID"),
    *("DistributorCode", "ApplicationVol", "BusinessCode", "TAAccountID", "CurrencyType", "BranchCode", "ShareClass"),
)
FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    APPLIED: (*EACH, "ApplicationAmount", "LargeRedemptionFlag", "ChargeType"),
    MOVED: (
        *(*EACH, "IndividualOrInstitution", "OriginalAppDate", "TargetDistributorCode", "TargetBranchCode"),
        *("TargetTransactionAccountID", "TargetTAAccountID"),
    ),
}
"""The columns of each file, in their order."""

_O, _A, _E = customer_order.c, advance.c, journal_entry.c
_AT = sa.type_coerce(_O.at, sa.BigInteger)


def count(connection: sa.Connection, book: Fund, kind: str, day: date, advancer: int = 0) -> int:
    """Return how many records `columns` yields."""
    rows = _orders(book, day) if kind == APPLIED else _moves(connection, book, day)
    counted: int = connection.execute(sa.select(sa.func.count()).select_from(rows.subquery())).scalar_one()
    return counted + (advancer > 0)


def columns(
    connection: sa.Connection, book: Fund, link: Link, kind: str, day: date, advancer: int = 0
) -> Iterator[Columns]:
    """Yield the records of a file of trade date, or calendar day, `day`, in the order of their serials.

    Units: `advancer`, what the advancer redeems on the trade date, in hundredths of a share.
    Raises: OutsideCalendar.
    """
    fill = {APPLIED: _application, MOVED: _move}[kind]
    if advancer:
        cutoff = int(book.instant(day, book.cutoff).timestamp()) * 1_000_000
        yield fill(book, link, day, np.array([[0, HOUSE, cutoff, advancer, 0]]))
    query = _orders(book, day) if kind == APPLIED else _moves(connection, book, day)
    for rows in batches(connection, query.order_by(query.selected_columns[0])):
        for start in range(0, len(rows), RECORDS):
            yield fill(book, link, day, rows[start : start + RECORDS])


def advancer_redeems(connection: sa.Connection, book: Fund, trade_date: date, since: date) -> int:
    """Return what the advancer applies for on a trade date, in hundredths of a share.

    All that it holds, but what it redeems later, what was redeemed without files before `since`, the first trade date
    of the link, and what is on its way: so shares that the transfer agent did not confirm are applied for again.
    """
    in_time = _A.redeem_on.between(since, trade_date)
    other = sa.select(total(_A.shares)).where(
        _A.book == book.code, _A.redeemed_by.is_(None), _A.shares.is_not(None), sa.not_(in_time)
    )
    held = balances.balance_of(book.chart["advancer_shares"], balances.totals(connection, book.code))
    return max(0, held - int(connection.execute(other).scalar_one()) - _underway(connection, book))


def _underway(connection: sa.Connection, book: Fund) -> int:
    """Return what the advancer has applied for and may still be, or is, confirmed but not booked."""
    f, a = outside_file.c, answer.c
    sent = sa.select(f.day, f.control).where(f.fund == book.code, f.kind == APPLIED)
    expected: dict[int, int] = {int(f"{day:%Y%m%d}"): control for day, control in connection.execute(sent)}
    booked_through = max(steps.days_with(connection, book, "confirm"), default=date.min)
    told: defaultdict[int, int] = defaultdict(int)
    booked = 0
    answers = sa.select(answer).where(a.holder_id == HOUSE, a.book == book.code, a.business_code == REDEEMED)
    for row in connection.execute(answers.order_by(a.confirmation_date)):
        told[row.application] += row.confirmed
        if row.confirmation_date <= booked_through:
            booked += row.confirmed
        if row.final:
            expected[row.application] = told[row.application]
    return sum(expected.values()) - booked


def _orders(book: Fund, trade_date: date) -> sa.Select[Any]:
    """Select number, holder, instant, shares, and money of what is applied for; an order taken back is not.

    An order of a trade date is dated from the trade date before on: so no more than these days are read.
    """
    subscribed = _O.kind.in_(list(SUBSCRIPTIONS))
    applies = sa.case((subscribed, _O.remaining + _O.passed_to_advancer), else_=_O.amount)
    money = sa.case((subscribed, applies), else_=0)
    return (
        sa.select(_O.entry_id, _O.holder_id, _AT, applies - money, money)
        .select_from(journal_entry)
        .join(customer_order, sa.and_(_O.holder_id == _E.holder_id, _O.entry_id == _E.entry_id))
        .where(
            _E.book == book.code,
            _E.value_date.between(book.previous_trade_date(trade_date) or book.opened_on, trade_date),
            _O.trade_date == trade_date,
            applies > 0,
        )
    )


def _moves(connection: sa.Connection, book: Fund, day: date) -> sa.Select[Any]:
    """Select number, holder, instant and shares of each payment that the advancer takes shares over for on `day`."""
    parts = sa.union_all(_paid_on(book, day), *_confirmed_on(connection, book, day)).subquery()
    shares = total(parts.c.shares).label("shares")
    of_payment = sa.select(parts.c.holder_id, parts.c.payment, shares).group_by(parts.c.holder_id, parts.c.payment)
    p = of_payment.subquery()
    same = sa.and_(_O.holder_id == p.c.holder_id, _O.entry_id == p.c.payment)
    return sa.select(p.c.payment, p.c.holder_id, _AT, p.c.shares).join(customer_order, same)


def _paid_on(book: Fund, day: date) -> sa.Select[Any]:
    """Select what was paid on `day` from shares, or from money in transit that was confirmed by then."""
    confirming = journal_entry.alias("confirming")
    return (
        sa.select(_A.holder_id, _A.payment, _A.shares)
        .select_from(journal_entry)
        .join(advance, sa.and_(_A.holder_id == _E.holder_id, _A.payment == _E.entry_id))
        .outerjoin(customer_order, sa.and_(_O.holder_id == _A.holder_id, _O.entry_id == _A.source))
        .outerjoin(confirming, sa.and_(confirming.c.entry_id == _O.confirmed_by, confirming.c.holder_id == HOUSE))
        .where(_E.book == book.code, _E.value_date == day, _A.shares > 0)
        .where(sa.or_(_A.source == 0, confirming.c.value_date <= day))
    )


def _confirmed_on(connection: sa.Connection, book: Fund, day: date) -> list[sa.Select[Any]]:
    """Select what was paid before from money in transit that is confirmed on `day`, if anything can be."""
    trade_date = book.previous_trade_date(day)
    if trade_date is None or not book.calendar.is_trading_day(day):
        return []
    if links.on(connection, book, trade_date) is None:
        source = _orders(book, trade_date).with_only_columns(_O.holder_id, _O.entry_id)
    else:
        a = answer.c
        answered = a.book == book.code, a.confirmation_date == day, a.business_code == SUBSCRIBED
        source = sa.select(a.holder_id, a.application.label("entry_id")).where(*answered)
    s = source.subquery()
    same = sa.and_(_A.holder_id == s.c.holder_id, _A.payment > s.c.entry_id, _A.source == s.c.entry_id)
    paid = sa.select(_A.holder_id, _A.payment, _A.shares).select_from(s).join(advance, same)
    return [paid.where(_A.value_date < day, _A.shares > 0)]


def _application(book: Fund, link: Link, trade_date: date, rows: NDArray[np.int64]) -> Columns:
    """Return records of file 03 from number, holder, instant, shares, money; what is no purchase is a redemption."""
    money = rows[:, 4]
    buys = (money > 0).tolist()
    return _each(book, link, trade_date, trade_date, rows) | {
        "BusinessCode": [SUBSCRIBE if buy else REDEEM for buy in buys],
        "ApplicationAmount": money,
        "LargeRedemptionFlag": ["" if buy else "1" for buy in buys],
        "ChargeType": ["0"] * len(rows),
    }


def _move(book: Fund, link: Link, day: date, rows: NDArray[np.int64]) -> Columns:
    """Return records of file 33 from number, holder, instant, shares."""
    trade_date, houses = book.trade_date(book.instant(day, time(0))), np.full(len(rows), HOUSE)
    return _each(book, link, day, trade_date, rows) | {
        "BusinessCode": [MOVE] * len(rows),
        "IndividualOrInstitution": ["1"] * len(rows),
        "OriginalAppDate": [_digits(day)] * len(rows),
        "TargetDistributorCode": [link.distributor] * len(rows),
        "TargetBranchCode": [link.distributor] * len(rows),
        "TargetTransactionAccountID": _texts(houses, 17),
        "TargetTAAccountID": _texts(houses, 12),
    }


def _each(
    book: Fund, link: Link, day: date, trade_date: date, rows: NDArray[np.int64]
) -> dict[str, list[str] | NDArray[np.int64]]:
    """Return what all records have, but the business code; `day` begins the serial."""
    number, holder, at, shares = rows.T[:4]
    return {
        "AppSheetSerialNo": _texts(number, 16, _digits(day)),
        "FundCode": [book.code] * len(rows),
        "TransactionDate": [_digits(trade_date)] * len(rows),
        "TransactionTime": _texts(_clock(book, trade_date, at), 6),
        "TransactionAccountID": _texts(holder, 17),
        "DistributorCode": [link.distributor] * len(rows),
        "ApplicationVol": shares,
        "TAAccountID": _texts(holder, 12),
        "CurrencyType": [CURRENCY] * len(rows),
        "BranchCode": [link.distributor] * len(rows),
        "ShareClass": ["0"] * len(rows),
    }


def _clock(book: Fund, day: date, at: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return HHMMSS of instants in the fund's zone, by its offset on `day`: Shanghai has kept one since 1991."""
    offset = book.instant(day, book.cutoff).utcoffset()
    assert offset is not None
    seconds = (at // 1_000_000 + int(offset.total_seconds())) % 86_400
    return seconds // 3600 * 10_000 + seconds // 60 % 60 * 100 + seconds % 60


def _digits(day: date) -> str:
    return f"{day:%Y%m%d}"


def _texts(numbers: NDArray[np.int64], width: int, before: str = "") -> list[str]:
    return [f"{before}{number:0{width}}" for number in numbers.tolist()]
