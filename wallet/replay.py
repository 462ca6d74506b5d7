"""The ledger replayed from its postings, day by day, beside what is stored: the auditor's second look.

One pass over all postings in the order of their value dates keeps every holder's balances in arrays. After each
day it is compared what the books say of that day: turnover, balances, and the income that the day's holdings earn.
Memory is bounded by the holders, not by history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from ledger import balances
from ledger.expressions import batches
from ledger.model import HOUSE
from ledger.schema import account_total, balance, holder, journal_entry, posting
from wallet import distribution, figures, steps
from wallet.errors import ControlTotalMismatch
from wallet.rules.fund import Fund
from wallet.rules.income import allocate, amounts
from wallet.schema import distribution as distribution_table

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""

Array = NDArray[np.int64]
INCOME_COLUMN = 4


@dataclass(slots=True)
class Findings:
    """What one check looked at and what it found wrong; the first few places are kept."""

    name: str
    checked: int = 0
    wrong: int = 0
    places: list[str] = field(default_factory=list)

    def expect(self, fine: bool, place: str) -> None:
        """Count one thing that was looked at."""
        self.checked += 1
        if not fine:
            self.wrong += 1
            if len(self.places) < 5:
                self.places.append(place)

    def expect_all(self, ids: Array, stored: Array, derived: Array, what: str) -> None:
        """Compare two arrays; `ids` name the places."""
        self.checked += len(ids)
        differing = np.flatnonzero(stored != derived)
        self.wrong += len(differing)
        for n in differing[: max(0, 5 - len(self.places))]:
            self.places.append(f"{what} of holder {ids[n]}: stored {stored[n]}, derived {derived[n]}")


class Replay:
    """The state of the replay; `run` makes the findings."""

    def __init__(self, connection: sa.Connection, book: Fund) -> None:
        self.connection, self.book, self.chart = connection, book, book.chart
        last = connection.execute(sa.select(sa.func.max(holder.c.holder_id))).scalar_one()
        self.holders = np.arange(last + 1, dtype=np.int64)
        self.kept = {a.id: np.zeros(last + 1, np.int64) for a in self.chart if a.per_holder}
        self.house = {a.id: 0 for a in self.chart}
        self.expected: Array | None = None
        self.turnover = Findings("turnover of closed days equals the postings")
        self.never_negative = Findings("no balance per holder is negative as of any day")
        self.income = Findings("income follows from figures and holdings")
        self.register = Findings("register equals the shares of all holders")
        self.settled = Findings("payables towards fund, advancer and customers are zero after settlement")
        self.balances = Findings("balances equal the postings")
        self.units = Findings("every posting stays within one unit and one entry")

    def run(self, progress: Progress) -> list[Findings]:
        """Replay the whole book and return the findings."""
        first = self.book.opened_on
        last = balances.last_date(self.connection, self.book.code) or first
        through = balances.totalled_through(self.connection, self.book.code)
        settled = set(steps.days_with(self.connection, self.book, "settle"))
        stored = self._stored_totals()
        days = [first + timedelta(n) for n in range((max(last, through or first) - first).days + 1)]
        for number, day in enumerate(days, 1):
            moved, booked_income = self._apply(day)
            if through is not None and day <= through:
                self._compare_turnover(day, moved, stored.pop(day, {}))
            self._compare_income(day, booked_income)
            self._check_day(day, day in settled)
            progress("verify", number, len(days))
        for day in stored:
            self.turnover.expect(False, f"totals of {day}, a day that is not closed")
        self._compare_balances()
        return [self.units, self.balances, self.never_negative, self.turnover, self.register, self.income, self.settled]

    def _apply(self, day: date) -> tuple[dict[int, tuple[int, int]], Array]:
        """Add the postings dated `day`; return the turnover by account id and the income booked per holder."""
        known = np.array(sorted(self.house))
        unit_of = np.array([self._units()[number] for number in known])
        turnover = {number: [0, 0] for number in self.house}
        income = np.zeros_like(self.holders)
        register = self.chart["register"].id
        for rows in self._postings(day):
            holders, debit, credit, amount = (rows[:, n] for n in range(4))
            fits = np.isin(debit, known) & np.isin(credit, known) & (holders < len(self.holders)) & (holders >= 0)
            fine = fits.copy()
            fine[fits] = unit_of[np.searchsorted(known, debit[fits])] == unit_of[np.searchsorted(known, credit[fits])]
            self.units.checked += len(rows)
            for n in np.flatnonzero(~fine):
                self.units.checked -= 1
                self.units.expect(False, f"a posting of holder {holders[n]} dated {day}")
            rows = rows[fits]
            holders, debit, credit, amount = (rows[:, n] for n in range(4))
            for side, column in enumerate((debit, credit)):
                for number in np.unique(column):
                    here = column == number
                    turnover[int(number)][side] += int(amount[here].sum())
                    if int(number) in self.kept:
                        account = next(a for a in self.chart if a.id == number)
                        sign = account.signed(1, 0) if side == 0 else account.signed(0, 1)
                        np.add.at(self.kept[int(number)], holders[here], sign * amount[here])
            of_income = (rows[:, INCOME_COLUMN] == 1) & ((debit == register) | (credit == register))
            sign_of = np.where(debit[of_income] == register, 1, -1)
            np.add.at(income, holders[of_income], sign_of * amount[of_income])
        for account in self.chart:
            self.house[account.id] += account.signed(*turnover[account.id])
        return {number: (debits, credits) for number, (debits, credits) in turnover.items()}, income

    def _postings(self, day: date) -> Iterator[Array]:
        e, p = journal_entry.c, posting.c
        is_income = sa.case((e.kind == distribution.ENTRY, 1), else_=0)
        dated = e.book == self.book.code, e.value_date == day
        chosen = sa.select(p.holder_id, p.debit, p.credit, p.amount, is_income)
        same_holder = sa.and_(e.entry_id == p.entry_id, e.holder_id == p.holder_id)
        spanned = sa.and_(e.entry_id == p.entry_id, p.holder_id.between(e.first_holder, e.last_holder))
        yield from batches(
            self.connection, chosen.join(journal_entry, same_holder).where(*dated, e.first_holder.is_(None))
        )
        bulk = (*dated, e.holder_id == HOUSE, e.first_holder.is_not(None))
        yield from batches(self.connection, chosen.join(journal_entry, spanned).where(*bulk))

    def _units(self) -> dict[int, int]:
        units = sorted({a.unit for a in self.chart})
        return {a.id: units.index(a.unit) for a in self.chart}

    def _stored_totals(self) -> dict[date, dict[int, tuple[int, int]]]:
        t = account_total.c
        found: dict[date, dict[int, tuple[int, int]]] = {}
        for row in self.connection.execute(sa.select(account_total).where(t.book == self.book.code)):
            found.setdefault(row.value_date, {})[row.account_id] = row.debits, row.credits
        return found

    def _compare_turnover(
        self, day: date, moved: dict[int, tuple[int, int]], stored: dict[int, tuple[int, int]]
    ) -> None:
        for account in self.chart:
            told = stored.get(account.id)
            place = f"{account.code} on {day}: stored {told}, derived {moved[account.id]}"
            self.turnover.expect(told == moved[account.id], place)

    def _compare_income(self, day: date, booked: Array) -> None:
        """Compare the income dated `day` with what the day before earned, then work out what `day` earns."""
        expected = np.zeros_like(booked) if self.expected is None else self.expected
        self.income.expect_all(self.holders, booked, expected, f"income dated {day}")
        d = distribution_table.c
        row = self.connection.execute(
            sa.select(distribution_table).where(d.fund == self.book.code, d.day == day)
        ).one_or_none()
        self.expected = None
        if row is None:
            return
        known = figures.of_day(self.connection, self.book, day)
        holdings = self.kept[self.chart["shares"].id] + self.kept[self.chart["redeeming"].id]
        holdings[HOUSE] = sum(self.house[self.chart[code].id] for code in distribution.ADVANCER)
        rate, control_total = (known[1].income_per_10k, known[1].control_total) if known else (0, None)
        try:
            derived = allocate(self.holders, holdings, rate, control_total)
        except ControlTotalMismatch as error:
            self.income.expect(False, f"distribution of {day}: {error}")
            return
        told: tuple[int, ...] = (row.version, row.income_per_10k, row.advancer_holding, row.pool, row.whole, row.cut)
        told += (row.threshold, row.last_tie)
        right: tuple[int, ...] = (
            known[0] if known else 0,
            rate,
            int(holdings[HOUSE]),
            derived.pool,
            derived.whole,
            derived.cut,
        )
        right += (derived.threshold, derived.last_tie)
        self.income.expect(told == right, f"distribution of {day}: stored {told}, derived {right}")
        sign = -1 if rate < 0 else 1
        if steps.state(self.connection, self.book, day, distribution.STEP) is not None:
            self.expected = sign * amounts(self.holders, holdings, rate, derived)
        else:
            self.expected = self._begun(day, sign * amounts(self.holders, holdings, rate, derived))

    def _begun(self, day: date, whole: Array) -> Array:
        """Return the expected income of a distribution that was interrupted: only of the chunks that are done."""
        part = np.zeros_like(whole)
        for chunk, entry_id in steps.chunks(self.connection, self.book, day, distribution.STEP):
            if entry_id is not None:
                part[chunk.first : chunk.last + 1] = whole[chunk.first : chunk.last + 1]
        return part

    def _check_day(self, day: date, settled: bool) -> None:
        for number, kept in self.kept.items():
            self.never_negative.checked += len(kept)
            for n in np.flatnonzero(kept < 0)[:5]:
                code = next(a.code for a in self.chart if a.id == number)
                self.never_negative.wrong += 1
                self.never_negative.places.append(f"{code} of holder {n} as of {day}: {kept[n]}")
        held = sum(self.house[self.chart[code].id] for code in ("shares", "redeeming", *distribution.ADVANCER))
        derived = held - self.house[self.chart["shortfall"].id]
        register = self.house[self.chart["register"].id]
        self.register.expect(register == derived, f"register as of {day}: {register}, holders have {derived}")
        if settled and self.book.calendar.is_trading_day(day):
            for code in ("subscription_payable", "redemption_receivable", "advancer_payable", "customer_payable"):
                left = self.house[self.chart[code].id]
                self.settled.expect(left == 0, f"{code} as of {day}: {left}")

    def _compare_balances(self) -> None:
        seen = {number: np.full(len(self.holders), -1, np.int64) for number in self.kept}
        for rows in batches(self.connection, sa.select(balance.c.holder_id, balance.c.account_id, balance.c.amount)):
            for number, told in seen.items():
                here = rows[(rows[:, 1] == number) & (rows[:, 0] < len(told))]
                told[here[:, 0]] = here[:, 2]
            strange = ~np.isin(rows[:, 1], list(seen)) | (rows[:, 0] >= len(self.holders))
            for row in rows[strange]:
                self.balances.expect(False, f"a balance of holder {row[0]} in account {row[1]}")
        shortfall = self.chart["shortfall"].id
        for number, told in seen.items():
            begin = HOUSE if number == shortfall else HOUSE + 1
            code: Any = next(a.code for a in self.chart if a.id == number)
            self.balances.expect_all(self.holders[begin:], told[begin:], self.kept[number][begin:], code)
