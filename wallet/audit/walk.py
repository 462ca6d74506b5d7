"""One walk over all postings of a book, day by day: what everybody holds, and what it earns.

Memory is bounded by the holders, time by the postings; every holder of every day is looked at, none is sampled.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from itertools import groupby
from operator import itemgetter

from wallet.audit.books import Book, day_of
from wallet.audit.model import ACCOUNTS, ADVANCER, ONE_DAY, PER_HOLDER, Refused, allocate

Posting = tuple[object, int, int, int, int, str]
"""Value date, holder, debit, credit, amount, kind of entry."""

_DATED = """
    SELECT e.value_date, p.holder_id, p.debit, p.credit, p.amount, e.kind
    FROM journal_entry e JOIN posting p ON p.entry_id = e.entry_id WHERE e.book = :book ORDER BY e.value_date"""


class Walk:
    """What was found wrong on the way; every list says where, and what was booked and what follows."""

    def __init__(self, book: Book) -> None:
        self.negative: list[str] = []
        self.income: list[str] = []
        self.whole: list[str] = []
        self.balances: list[str] = []
        self._book = book
        self._sides = {n: ACCOUNTS[code][1] for code, n in book.number.items() if code in ACCOUNTS}
        self._kept = {book.number[code]: defaultdict[int, int](int) for code in PER_HOLDER}
        self._advancer = {book.number[code]: 0 for code in ("advancer_shares", "advancer_income_shares")}
        self._go()
        self._compare_balances()

    def _go(self) -> None:
        expected: dict[int, int] | None = {}
        postings = self._book.rows(_DATED, book=self._book.code)
        dated = ((day_of(day), rows) for day, rows in groupby(postings, itemgetter(0)))
        day, rows = next(dated, (None, []))
        distributed = set(self._book.steps.get("distribute", ()))
        today = self._book.opened_on
        while today <= self._book.last_day:
            booked: dict[int, int] = {}
            if day == today:
                booked = self._apply(today, rows)
                day, rows = next(dated, (None, []))
            self._compare_income(today, booked, expected, complete=today - ONE_DAY in distributed)
            expected = self._earned(today, distributed)
            today += ONE_DAY

    def _apply(self, today: date, rows: Iterable[Posting]) -> dict[int, int]:
        """Add a day's postings; return the income booked by holder, signed as what the register gained."""
        income: defaultdict[int, int] = defaultdict(int)
        touched: set[tuple[int, int]] = set()
        register = self._book.number["register"]
        for _, holder, debit, credit, amount, kind in rows:
            for account, sign in ((debit, 1), (credit, -1)):
                if account in self._kept:
                    self._kept[account][holder] += sign * self._sides[account] * amount
                    touched.add((account, holder))
                elif account in self._advancer:
                    self._advancer[account] += sign * self._sides[account] * amount
                elif account == register and kind == "income":
                    income[holder] += sign * amount
        for account, holder in touched:
            if (left := self._kept[account][holder]) < 0:
                self.negative.append(f"{self._book.accounts[account]} of holder {holder} as of {today}: {left}")
        return income

    def _earned(self, day: date, distributed: set[date]) -> dict[int, int] | None:
        """Return what each holder earns for `day`; None where the books can say nothing of it."""
        figure = self._book.figures.get(day)
        if day not in distributed and figure is None:
            return None
        shares, redeeming = (self._kept[self._book.number[code]] for code in ("shares", "redeeming"))
        holdings = {holder: shares[holder] + redeeming.get(holder, 0) for holder in list(shares)}
        holdings |= {holder: held for holder, held in redeeming.items() if holder not in holdings}
        holdings[ADVANCER] = sum(self._advancer.values())
        _, rate, control_total = figure or (0, 0, None)
        if figure is None and any(holdings.values()):
            self.whole.append(f"the income of {day} is distributed, and no figure was announced for it")
        try:
            return allocate(holdings, rate, control_total)
        except Refused as refusal:
            if day in distributed:
                self.whole.append(f"the income of {day}: {refusal}")
            return None

    def _compare_income(
        self, today: date, booked: dict[int, int], expected: dict[int, int] | None, *, complete: bool
    ) -> None:
        """Compare the income dated `today` with what was earned the day before, as far as it is handed out."""
        right = expected or {}
        for holder in booked.keys() | right.keys() if complete else booked.keys():
            told, due = booked.get(holder, 0), right.get(holder, 0)
            if told != due:
                self.income.append(f"income of holder {holder} dated {today}: booked {told}, earned {due}")
        told, due = sum(booked.values()), sum(right.values())
        if complete and told != due:
            self.whole.append(f"income dated {today}: booked {told} in all, earned {due}")

    def _compare_balances(self) -> None:
        for row in self._book.rows("SELECT holder_id, account_id, amount FROM balance"):
            due = self._kept.get(row.account_id, {}).pop(row.holder_id, 0)
            if row.amount != due:
                code = self._book.accounts.get(row.account_id, row.account_id)
                self.balances.append(f"{code} of holder {row.holder_id}: stored {row.amount}, postings make {due}")
        for account, left in self._kept.items():
            lost = (f"{self._book.accounts[account]} of holder {h}: no balance is stored" for h, n in left.items() if n)
            self.balances.extend(lost)
