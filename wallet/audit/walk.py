"""One walk over all postings of a book, day by day: what everybody holds, and what it earns.

Memory is bounded by the holders, time by the postings; every holder of every day is looked at, none is sampled.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from itertools import groupby
from operator import itemgetter

from wallet.audit.books import Book, day_of
from wallet.audit.model import (
    ACCOUNTS,
    ADVANCER,
    CORRECTED,
    DIFFERENCE,
    INCOME,
    INCOMES,
    ONE_DAY,
    PER_HOLDER,
    Refused,
    allocate,
)

Posting = tuple[object, int, int, int, int, str]
"""Value date, holder, debit, credit, amount, kind of entry."""

PER_REGISTER = ("shares", "redeeming", "shortfall")

Income = dict[str, dict[int, int]]
"""By kind of entry and holder."""

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
        self.register: list[str] = []
        self._book = book
        self._sides = {n: ACCOUNTS[code][1] for code, n in book.number.items() if code in ACCOUNTS}
        self._kept = {book.number[code]: defaultdict[int, int](int) for code in PER_HOLDER}
        self._due: defaultdict[date, dict[str, dict[int, int]]] = defaultdict(dict)
        self._advancer = {book.number[code]: 0 for code in ("advancer_shares", "advancer_income_shares")}
        self._go()
        self._compare_balances()

    def _go(self) -> None:
        postings = self._book.rows(_DATED, book=self._book.code)
        dated = ((day_of(day), rows) for day, rows in groupby(postings, itemgetter(0)))
        day, rows = next(dated, (None, []))
        distributed, reconciled = (set(self._book.steps.get(step, ())) for step in ("distribute", "reconcile"))
        today = self._book.opened_on
        while today <= self._book.last_day:
            booked: Income = {}
            if day == today:
                booked = self._apply(today, rows)
                day, rows = next(dated, (None, []))
            self._compare_income(today, booked, complete=today - ONE_DAY in distributed)
            self._earn(today, distributed)
            if today in reconciled:
                self._compare_register(today)
            today += ONE_DAY

    def _apply(self, today: date, rows: Iterable[Posting]) -> Income:
        """Add a day's postings; return by kind the income booked by holder, signed as what the register gained."""
        income: Income = {kind: defaultdict(int) for kind in INCOMES}
        touched: set[tuple[int, int]] = set()
        register = self._book.number["register"]
        for _, holder, debit, credit, amount, kind in rows:
            for account, sign in ((debit, 1), (credit, -1)):
                if account in self._kept:
                    self._kept[account][holder] += sign * self._sides[account] * amount
                    touched.add((account, holder))
                elif account in self._advancer:
                    self._advancer[account] += sign * self._sides[account] * amount
                elif account == register and kind in income:
                    income[kind][holder] += sign * amount
        for account, holder in touched:
            if (left := self._kept[account][holder]) < 0:
                self.negative.append(f"{self._book.accounts[account]} of holder {holder} as of {today}: {left}")
        return income

    def _earn(self, day: date, distributed: set[date]) -> None:
        """Work out what each holder earns for `day`, if the books can say anything of it, and when it is booked."""
        figure = self._book.figures.get(day)
        if day not in distributed and figure is None:
            return
        shares, redeeming = (self._kept[self._book.number[code]] for code in ("shares", "redeeming"))
        holdings = {holder: shares[holder] + redeeming.get(holder, 0) for holder in list(shares)}
        holdings |= {holder: held for holder, held in redeeming.items() if holder not in holdings}
        holdings[ADVANCER] = sum(self._advancer.values())
        _, rate, control_total = figure or (0, 0, None)
        if figure is None and any(holdings.values()):
            self.whole.append(f"the income of {day} is distributed, and no figure was announced for it")
        try:
            earned = allocate(holdings, rate, control_total)
            self._due[day + ONE_DAY][INCOME] = earned
            if (told := self._book.records(day)) is not None:
                self._due[day + ONE_DAY][DIFFERENCE] = _less(told, earned)
            for on, version in self._book.corrections.get(day, ()):
                now = allocate(holdings, *self._book.published[day][version])
                due = self._due[on].setdefault(CORRECTED, {})
                for holder, more in _less(now, earned).items():
                    due[holder] = due.get(holder, 0) + more
                earned = now
        except Refused as refusal:
            if day in distributed:
                self.whole.append(f"the income of {day}: {refusal}")

    def _compare_income(self, today: date, booked: Income, *, complete: bool) -> None:
        """Compare the income dated `today` with what earlier days earned, as far as it is handed out."""
        due = self._due.pop(today, {})
        for kind in INCOMES:
            told, right = booked.get(kind, {}), due.get(kind, {})
            whole = complete or kind == CORRECTED
            for holder in told.keys() | right.keys() if whole else told.keys():
                if told.get(holder, 0) != right.get(holder, 0):
                    what = f"{kind} of holder {holder} dated {today}"
                    self.income.append(f"{what}: booked {told.get(holder, 0)}, earned {right.get(holder, 0)}")
            if whole and sum(told.values()) != sum(right.values()):
                sums = f"booked {sum(told.values())} in all, earned {sum(right.values())}"
                self.whole.append(f"{kind} dated {today}: {sums}")

    def _compare_register(self, day: date) -> None:
        """Compare what everybody holds as of a day with the transfer agent's register: what differs has a break."""
        told = self._book.register(day)
        if told is None:
            return
        shares, redeeming, shortfall = (self._kept[self._book.number[code]] for code in PER_REGISTER)
        held = {h: shares.get(h, 0) + redeeming.get(h, 0) - shortfall.get(h, 0) for h in self._book.subjects}
        held[ADVANCER] += sum(self._advancer.values())
        for holder in held.keys() | told.keys():
            ours, theirs = held.get(holder, 0), told.get(holder, 0)
            spans = self._book.breaks.get(self._book.subjects.get(holder, ""), ())
            if ours != theirs and holder in held and not any(since <= day < until for since, until in spans):
                self.register.append(f"holder {holder} as of {day}: {ours} in the books, {theirs} in the register")

    def _compare_balances(self) -> None:
        for row in self._book.rows("SELECT holder_id, account_id, amount FROM balance"):
            due = self._kept.get(row.account_id, {}).pop(row.holder_id, 0)
            if row.amount != due:
                code = self._book.accounts.get(row.account_id, row.account_id)
                self.balances.append(f"{code} of holder {row.holder_id}: stored {row.amount}, postings make {due}")
        for account, left in self._kept.items():
            lost = (f"{self._book.accounts[account]} of holder {h}: no balance is stored" for h, n in left.items() if n)
            self.balances.extend(lost)


def _less(these: Mapping[int, int], those: Mapping[int, int]) -> dict[int, int]:
    """Return by how much the first are more, where they are not equal."""
    less = {holder: these.get(holder, 0) - those.get(holder, 0) for holder in these.keys() | those.keys()}
    return {holder: amount for holder, amount in less.items() if amount}
