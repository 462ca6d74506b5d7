"""What the transfer agent and the fund said of income beside the figure of the day: records, and later figures."""

from __future__ import annotations

import re
from datetime import date

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from ledger.expressions import batches
from ledger.model import HOUSE
from ledger.schema import journal_entry
from wallet.audit.sources import Audit
from wallet.distribution import CORRECTED
from wallet.figures import Figure
from wallet.outside.schema import agent_income, outside_file
from wallet.rules.fund import Fund
from wallet.schema import announcement

INCOME_FILE = "06"

Array = NDArray[np.int64]


def corrections(connection: sa.Connection, book: Fund, *dated: sa.ColumnElement[bool]) -> dict[tuple[date, int], date]:
    """Return when distributed income was corrected, by the day and the version of the figure that corrected it."""
    e = journal_entry.c
    house = e.book == book.code, e.holder_id == HOUSE, e.kind == CORRECTED
    query = sa.select(e.request_id, e.value_date).where(*house, *dated)
    key = re.compile(rf"income corrected {re.escape(book.code)} (\d{{4}}-\d\d-\d\d) v(\d+)")
    read = ((key.fullmatch(row.request_id), row.value_date) for row in connection.execute(query))
    return {(date.fromisoformat(told[1]), int(told[2])): on for told, on in read if told}


class AgentIncome:
    """What there is beside the figures, by the day that was earned."""

    def __init__(self, audit: Audit) -> None:
        self.book, self.read = audit.book, audit.inputs
        self.corrections = corrections(audit.inputs, audit.book)
        f = outside_file.c
        told = sa.select(f.day).where(f.fund == audit.book.code, f.kind == INCOME_FILE)
        self.days = set(audit.inputs.execute(told).scalars())

    def figures(self, day: date) -> tuple[int, dict[int, Figure], dict[int, date]]:
        """Return the version by which a day is distributed (0: none), all of them, and when later ones correct it."""
        a = announcement.c
        rows = self.read.execute(sa.select(announcement).where(a.fund == self.book.code, a.day == day)).all()
        versions = {
            row.version: Figure(day, row.income_per_10k, row.seven_day, row.control_total, row.source) for row in rows
        }
        corrected = {
            version: on for (of, version), on in sorted(self.corrections.items()) if of == day and version in versions
        }
        return max((version for version in versions if version not in corrected), default=0), versions, corrected

    def told(self, day: date, holders: Array) -> Array | None:
        """Return what the records give each holder for a day; None if there are none."""
        if day not in self.days:
            return None
        i, found = agent_income.c, np.zeros_like(holders)
        query = sa.select(i.holder_id, i.income).where(i.book == self.book.code, i.day == day)
        for rows in batches(self.read, query.where(i.holder_id.between(HOUSE, len(holders) - 1))):
            found[rows[:, 0]] = rows[:, 1]
        return found
