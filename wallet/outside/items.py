"""What the bank is expected to do: open items, each a movement of cash that was booked, under a reference of its own.

They are not stored but read out of the journal, so nothing can differ from it. A reference goes with the payment from
end to end and comes back with the bank's line:

T<entry>                a transfer-in
O<entry>, V<entry>      an instant transfer-out: what the customer gets, what the advancer gives
P<entry>-<holder>       a pay-out to a customer
M<entry>                an entry by hand, or its reversal
FI, FO, AI, AO, MI, MO and the day as YYYYMMDD   what settling a day moves: fund, advancer, merchants, in or out

Units: fen, positive what comes in.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ledger import gates, journal
from ledger.expressions import plain_rows, total
from ledger.model import HOUSE
from ledger.schema import journal_entry, posting
from wallet import entries, settlement
from wallet.errors import FundwalletError, InvalidRequest, reason
from wallet.outside import links, statements
from wallet.outside.schema import bank_match
from wallet.rules.amounts import show_amount
from wallet.rules.fund import Fund
from wallet.rules.orders import Kind
from wallet.schema import wallet

REFERENCE = re.compile(
    r"[TOVM](?P<entry>[1-9][0-9]{0,17})|P(?P<paid>[1-9][0-9]{0,17})-(?P<holder>[1-9][0-9]{0,17})"
    r"|[FAM][IO](?P<day>[0-9]{8})",
    re.ASCII,
)
WHAT = {
    "T": "transfer in",
    "O": "instant transfer out, to the customer",
    "V": "instant transfer out, from the advancer",
    "P": "pay out",
    "M": "by hand",
    "FI": "from the fund",
    "FO": "to the fund",
    "AI": "from the advancer",
    "AO": "to the advancer",
    "MI": "from merchants",
    "MO": "to merchants",
}
"""What a reference begins with, and what that stands for."""

PARTIES = {
    "V": "advancer",
    "FI": "fund",
    "FO": "fund",
    "AI": "advancer",
    "AO": "advancer",
    "MI": "merchants",
    "MO": "merchants",
}
"""Whom the bank knows as the other side, by the same; otherwise it is the customer, or nobody."""

_E, _P, _W = journal_entry.c, posting.c, wallet.c


@dataclass(frozen=True, slots=True)
class Item:
    """What the bank is to do or did: from or to whom; `wallet` where it is a customer."""

    reference: str
    day: date
    amount: int
    what: str
    wallet: str | None
    memo: str | None


@dataclass(frozen=True, slots=True)
class Exported:
    """A file of items for the bank."""

    file: str
    day: date
    items: int


class DayNotClosed(FundwalletError):
    """More may be booked on the day."""

    code = "day_not_closed"

    def __init__(self, day: date, closed_through: date) -> None:
        self.day, self.closed_through = day, closed_through
        super().__init__(f"{day} is not closed yet, only {closed_through} is: more cash may be booked on it")


def what(reference: str) -> str:
    """Return what an item is, in words."""
    return WHAT[_kind(reference)]


def is_house(reference: str) -> bool:
    """Tell whether an item is between the house and fund, advancer or merchants."""
    return reference[0] in "FAM"


def _kind(reference: str) -> str:
    return reference[:2] if reference[1].isalpha() else reference[:1]


def booked(book: Fund, own: Any, paid: Any = None, settled: Any = None) -> sa.Subquery:
    """Return (reference, day, amount, entry_id, holder_id, memo) of the cash that entries book.

    Which entries: `own` of orders and by hand, `paid` of pay-outs, `settled` of settlements; None leaves those out.
    """
    cash = book.chart["cash"].id
    amount = sa.case((_P.debit == cash, _P.amount), else_=-_P.amount)
    here = _E.book == book.code, sa.or_(_P.debit == cash, _P.credit == cash)
    same = sa.and_(_E.entry_id == _P.entry_id, _E.holder_id == _P.holder_id)
    letter = sa.case(
        (_E.kind == str(Kind.TRANSFER_IN), "T"),
        (_E.kind.in_([entries.ENTRY, journal.REVERSAL]), "M"),
        (_P.debit == cash, "V"),
        else_="O",
    )
    facts = _E.value_date.label("day"), amount.label("amount"), _E.entry_id, _P.holder_id, _E.memo
    kinds = [str(Kind.TRANSFER_IN), str(Kind.TRANSFER_OUT_INSTANT), entries.ENTRY, journal.REVERSAL]
    reference = letter.concat(sa.cast(_E.entry_id, sa.Text)).label("reference")
    parts = [sa.select(reference, *facts).join(posting, same).where(*here, _E.kind.in_(kinds), own)]
    if paid is not None:
        numbers = sa.cast(_E.entry_id, sa.Text).concat("-").concat(sa.cast(_P.holder_id, sa.Text))
        each = sa.select(sa.literal("P").concat(numbers).label("reference"), *facts)
        joined = each.join(posting, _E.entry_id == _P.entry_id)
        parts.append(joined.where(*here, _E.kind == settlement.PAY_OUT, _E.holder_id == HOUSE, paid))
    if settled is not None:
        facts = _E.value_date.label("day"), total(amount).label("amount"), _E.entry_id, _P.holder_id, _E.memo
        sums = sa.select(_settled(book, cash).label("reference"), *facts).join(posting, same)
        of_each = sums.where(*here, _E.kind == settlement.ENTRY, _E.holder_id == HOUSE, settled)
        parts.append(of_each.group_by(sa.text("reference"), _E.value_date, _E.entry_id, _P.holder_id, _E.memo))
    return sa.union_all(*parts).subquery()


def _settled(book: Fund, cash: int) -> sa.ColumnElement[str]:
    """Return the reference of a settlement's posting: with whom, in or out, and the day."""
    with_fund = [book.chart[code].id for code in ("subscription_payable", "redemption_receivable")]
    other = sa.case((_P.debit == cash, _P.credit), else_=_P.debit)
    party = sa.case((other.in_(with_fund), "F"), (other == book.chart["merchant_payable"].id, "M"), else_="A")
    year, month, of_month = (sa.cast(sa.extract(part, _E.value_date), sa.Integer) for part in ("year", "month", "day"))
    number = sa.cast(year * 10_000 + month * 100 + of_month, sa.Text)
    return party.concat(sa.case((_P.debit == cash, "I"), else_="O")).concat(number)


def dated(book: Fund, first: date, last: date) -> sa.Subquery:
    """Return what `booked` does, of all cash dated from `first` to `last`."""
    within = _E.value_date.between(first, last)
    return booked(book, within, within, within)


def named(connection: sa.Connection, book: Fund, references: Iterable[str], through: date) -> dict[str, int]:
    """Return the amounts of those references that belong to an item dated `through` or before."""
    found = [match for reference in references if (match := REFERENCE.fullmatch(reference))]
    if not found:
        return {}
    single, paid, holders = ({int(m[name]) for m in found if m[name]} for name in ("entry", "paid", "holder"))
    days = {day for m in found if m["day"] and (day := _day_of(m["day"]))}
    known = _E.value_date <= through
    items = booked(
        book,
        sa.and_(known, _E.entry_id.in_(single)),
        sa.and_(known, _E.entry_id.in_(paid), _P.holder_id.in_(holders)),
        sa.and_(known, _E.value_date.in_(days)),
    )
    wanted = {m[0] for m in found}
    rows = connection.execute(sa.select(items.c.reference, items.c.amount))
    return {row.reference: row.amount for row in rows if row.reference in wanted}


def _day_of(digits: str) -> date | None:
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None


def unmatched(items: sa.Subquery, book: Fund, on: date | None = None) -> sa.Select[Any]:
    """Return the select of those `items` that no line of the bank belongs to, on a day (None: until now)."""
    m = bank_match.c
    same = m.fund == book.code, m.item == items.c.reference, m.entry_id.is_(None)
    there = sa.exists().where(*same) if on is None else sa.exists().where(*same, m.day <= on)
    return sa.select(items).where(~there)


def export(connection: sa.Connection, book: Fund, day: date, directory: Path) -> Exported:
    """Write the items of a closed day into a file of its own, for the bank: there whole or not at all.

    Written again it is the same to the byte. Raises: DayNotClosed, InvalidRequest (it cannot be written).
    """
    closed, _ = gates.read(connection, book.code)
    if day > closed:
        raise DayNotClosed(day, closed)
    link = links.on(connection, book, day)
    distributor = links.DISTRIBUTOR if link is None else link.distributor
    path = directory / f"BANK_{distributor}_{day:%Y%m%d}.csv"
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    count = 0
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file, lineterminator="\r\n")
            rows.writerow(statements.COLUMNS)
            for item in _read(connection, sa.select(dated(book, day, day))):
                count += 1
                rows.writerow([item.day, show_amount(item.amount), item.reference, _counterparty(item), _text(item)])
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise InvalidRequest(str(path), f"cannot be written: {reason(error)}") from None
    finally:
        with suppress(OSError):
            part.unlink()
    return Exported(str(path), day, count)


def read(connection: sa.Connection, book: Fund, first: date, last: date, on: date | None) -> list[Item]:
    """Return the items dated from `first` to `last` that no line of the bank belongs to, on a day (None: until now)."""
    return list(_read(connection, unmatched(dated(book, first, last), book, on)))


def _read(connection: sa.Connection, items: sa.Select[Any]) -> Iterator[Item]:
    """Yield items in the order of their days, then as they were booked."""
    each = items.subquery()
    i = each.c
    query = sa.select(i.reference, i.day, i.amount, _W.reference, i.memo).join_from(
        each, wallet, _W.holder_id == i.holder_id, isouter=True
    )
    ordered = query.order_by(i.day, i.entry_id, i.holder_id, i.reference)
    for reference, day, amount, owner, memo in plain_rows(connection, ordered):
        yield Item(reference, day, amount, what(reference), owner, memo)


def _counterparty(item: Item) -> str:
    return PARTIES.get(_kind(item.reference)) or item.wallet or ""


def _text(item: Item) -> str:
    return item.what if item.memo is None else f"{item.what}: {item.memo}"
