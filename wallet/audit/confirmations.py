"""When what a holder asked for was confirmed: the confirm step's entries, as the journal has them.

A trade date that is worked without files is confirmed as a whole. Of one that is worked with files each order is
confirmed on the day of its answer.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from ledger.model import HOUSE
from ledger.schema import journal_entry
from wallet import confirmation, steps
from wallet.audit.sources import Audit
from wallet.outside import links


@dataclass(frozen=True, slots=True)
class Confirmed:
    """One chunk of the confirmations of `day`, which answers the orders of trade dates through `trade_date`."""

    entry_id: int
    day: date
    trade_date: date
    number: str
    first: int
    last: int


class Confirmations:
    """The entries of the confirm step by day; none of them answers anything on the opening day.

    What a book brought in as confirmed on the day it opened belongs to no order of its own.
    """

    def __init__(self, audit: Audit) -> None:
        self.book, e = audit.book, journal_entry.c
        self.last_cut = max(steps.days_with(audit.inputs, audit.book, "cutoff"), default=date.min)
        days = steps.days_with(audit.inputs, audit.book, confirmation.STEP)
        self.last = days[-1] if days else None
        self.answered = self.book.previous_trade_date(days[-1]) if days else None
        self.linked = min((version.valid_from for version in links.versions(audit.inputs, audit.book)), default=None)
        self.by_day: dict[date, list[Confirmed]] = {}
        self.claims: dict[str, int] = {}
        mine = e.book == self.book.code, e.holder_id == HOUSE
        kinds = e.kind.in_((confirmation.ENTRY, confirmation.CLAIMS))
        query = sa.select(e.entry_id, e.kind, e.value_date, e.request_id, e.first_holder, e.last_holder)
        for row in audit.inputs.execute(query.where(*mine, kinds, self.replayed(e)).order_by(e.first_holder)):
            if row.kind == confirmation.CLAIMS:
                self.claims[row.request_id] = row.entry_id
            elif (trade_date := self.book.previous_trade_date(row.value_date)) is not None:
                number = row.request_id.rpartition(" ")[2]
                chunk = Confirmed(row.entry_id, row.value_date, trade_date, number, row.first_holder, row.last_holder)
                self.by_day.setdefault(row.value_date, []).append(chunk)
        self.days = sorted(self.by_day)
        self.trade_dates = [self.by_day[day][0].trade_date for day in self.days]

    def replayed(self, e: Any) -> sa.ColumnElement[bool]:
        """Return the condition of the entries that are held against orders."""
        condition: sa.ColumnElement[bool] = sa.and_(e.value_date > self.book.opened_on, e.first_holder.is_not(None))
        return condition

    def of(self, holder_id: int, trade_date: date, after: int) -> Confirmed | None:
        """Return the first chunk of a holder, booked after an entry, that answers a trade date, if one has."""
        for n in range(bisect_left(self.trade_dates, trade_date), len(self.days)):
            for chunk in self.by_day[self.days[n]]:
                if chunk.first <= holder_id <= chunk.last and chunk.entry_id > after:
                    return chunk
        return None

    def in_files(self, trade_date: date) -> bool:
        """Tell whether a trade date is answered in files."""
        return self.linked is not None and trade_date >= self.linked

    def on(self, holder_id: int, day: date) -> Confirmed | None:
        """Return the chunk of a holder in the confirmations of a day, if there is one."""
        return next((c for c in self.by_day.get(day, ()) if c.first <= holder_id <= c.last), None)

    def claim(self, chunk: Confirmed, paid_on: date) -> int:
        """Return the entry that returns a chunk's claims of a day; 0 if there is none."""
        return self.claims.get(f"claims {self.book.code} {chunk.day} {chunk.number} {paid_on}", 0)
