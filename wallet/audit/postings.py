"""The postings replayed day by day, beside what the books say of each day: the auditor's second look.

One pass over all postings in the order of their value dates keeps every holder's balances in arrays. After each day
it is known what the day's turnover was, what its holdings earn, and which totals and decisions must be stored.
Memory is bounded by the holders, not by history. Pure rules used: the chart, and how income is handed out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, timedelta

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from ledger.expressions import batches
from ledger.model import HOUSE, Account
from ledger.schema import account, account_total, balance, journal_entry, posting
from wallet import distribution, steps
from wallet.audit.agent_income import AgentIncome
from wallet.audit.findings import NOTHING, ROW, Cells, Findings
from wallet.audit.sources import Audit
from wallet.errors import ControlTotalMismatch
from wallet.figures import Figure
from wallet.progress import Progress
from wallet.rules.income import METHOD, Allocation, allocate, amounts
from wallet.schema import day_chunk, wallet
from wallet.schema import distribution as distribution_table

Array = NDArray[np.int64]
Turnovers = dict[int, list[int]]
Income = dict[str, Array]
"""By kind of entry, what each holder has of it."""

DIFFERENCE, CORRECTED = distribution.DIFFERENCE, distribution.CORRECTED
OF_INCOME = (distribution.ENTRY, DIFFERENCE, CORRECTED)

OUTSTANDING = ("advancer_shares", "advancer_in_transit", "advancer_payable")
SETTLED = ("subscription_payable", "redemption_receivable", "advancer_payable", "customer_payable")


class Postings:
    """The state of the pass; `run` makes the findings, and leaves what everything booked adds up to."""

    def __init__(self, audit: Audit) -> None:
        self.audit, self.book, self.chart = audit, audit.book, audit.book.chart
        last = audit.inputs.execute(sa.select(sa.func.coalesce(sa.func.max(wallet.c.holder_id), 0))).scalar_one()
        self.holders = np.arange(last + 1, dtype=np.int64)
        self.accounts = {a.id: a for a in self.chart}
        self.kept = {a.id: np.zeros(last + 1, np.int64) for a in self.chart if a.per_holder}
        self.house = {a.id: 0 for a in self.chart}
        self.seen = 0
        self.done = {step: set(steps.days_with(audit.inputs, audit.book, step)) for step in ("close", "settle")}
        self.handed_out = set(steps.days_with(audit.inputs, audit.book, distribution.STEP))
        self.agent = AgentIncome(audit)
        self.due: defaultdict[date, Income] = defaultdict(dict)
        self.totals: list[Cells] = []
        self.decisions: list[Cells] = []
        self.units = Findings("every posting stays within one unit and one entry")
        self.balances = Findings("balances equal the postings")
        self.never_negative = Findings("no balance per holder is negative as of any day")
        self.turnover = Findings("turnover of closed days equals the postings")
        self.register = Findings("register equals the shares of all holders")
        self.income = Findings("income follows from figures and holdings")
        self.settled = Findings("payables towards fund, advancer and customers are zero after settlement")

    def run(self, progress: Progress) -> list[Findings]:
        """Replay the postings and return the findings."""
        self._compare_chart()
        days = self._days()
        for number, day in enumerate(days, 1):
            booked = self._apply(day)
            self._compare_income(day, booked)
            self._earn(day)
            self._check_day(day)
            progress("verify", number, len(days))
        for day in sorted(self.due) if self.audit.through is None else ():
            self._compare_income(day, {})
        self._compare_days()
        self._look_for_strays()
        checks = [self.units, self.never_negative, self.turnover, self.register, self.income, self.settled]
        if self.audit.through is None:
            self.audit.compare(self.balances, balance, self._derived_balances(), self._place)
            checks.insert(1, self.balances)
        return checks

    def outstanding(self) -> int:
        """Return the advance outstanding of everything booked, in fen."""
        return sum(self.house[self.chart[code].id] for code in OUTSTANDING)

    def _days(self) -> list[date]:
        """Return every day on which something is dated, was closed or handed out, and the day after."""
        e = journal_entry.c
        dated = self.audit.inputs.execute(sa.select(e.value_date).distinct().where(e.book == self.book.code)).scalars()
        stepped = self.done["close"] | self.handed_out
        days = {*dated, *stepped, *(day + timedelta(1) for day in stepped), self.book.opened_on}
        return sorted(day for day in days if self.audit.through is None or day <= self.audit.through)

    def _compare_chart(self) -> None:
        rows = [(a.id, a.code, a.unit, str(a.normal_side), int(a.per_holder)) for a in self.chart]
        self.audit.compare(self.units, account, rows, lambda row: f"account {row[0]}, {row[1]}")

    def _apply(self, day: date) -> Income:
        """Add the postings dated `day` and keep its turnover; return the income booked per holder, by kind of entry."""
        turnover: Turnovers = {number: [0, 0] for number in self.house}
        income: Income = {}
        for kind, rows in self._batches(day):
            self.seen += len(rows)
            self.units.checked += len(rows)
            holders, debit, credit, amount = self._within_units(rows, day)
            for side, named in enumerate((debit, credit)):
                for number in np.unique(named).tolist():
                    here = named == number
                    moved, who = (amount, holders) if here.all() else (amount[here], holders[here])
                    turnover[number][side] += int(moved.sum())
                    if number in self.kept:
                        _add(self.kept[number], who, moved, self.accounts[number].signed(1 - side, side))
            if kind in OF_INCOME:
                register, booked = self.chart["register"].id, income.setdefault(kind, np.zeros_like(self.holders))
                _add(booked, holders[debit == register], amount[debit == register], 1)
                _add(booked, holders[credit == register], amount[credit == register], -1)
        for a in self.chart:
            self.house[a.id] += a.signed(*turnover[a.id])
        if day in self.done["close"]:
            self.totals += [(self.book.code, day, a.id, *turnover[a.id]) for a in self.chart]
        return income

    def _within_units(self, rows: Array, day: date) -> tuple[Array, Array, Array, Array]:
        """Return the columns of the postings that can be applied; what is off the chart, or across units, is told."""
        holders, debit, credit, amount = rows.T
        pairs = np.unique(debit * 2**16 + credit) if len(rows) else ()
        known = all(self._fits(*divmod(int(pair), 2**16)) for pair in pairs)
        small = bool(len(rows)) and int(debit.max()) < 2**15 and 0 <= int(credit.min()) <= int(credit.max()) < 2**15
        inside = not len(rows) or (small and int(holders.min()) >= 0 and int(holders.max()) < len(self.holders))
        if known and inside:
            return holders, debit, credit, amount
        fine = np.array([self._fits(d, c) and 0 <= h < len(self.holders) for h, d, c, _ in rows.tolist()], np.bool_)
        for holder_id, from_, to, fen in rows[~fine].tolist():
            self.units.add("posting", f"holder {holder_id} dated {day}", f"{fen} from {from_} to {to}", NOTHING)
        applied = np.array(
            [{d, c} <= self.accounts.keys() and 0 <= h < len(self.holders) for h, d, c, _ in rows.tolist()]
        )
        return tuple(rows[applied].T)

    def _fits(self, debit: int, credit: int) -> bool:
        known = self.accounts.keys()
        return debit in known and credit in known and self.accounts[debit].unit == self.accounts[credit].unit

    def _batches(self, day: date) -> Iterator[tuple[str, Array]]:
        """Yield (holder, debit, credit, amount) of the postings dated `day`, and of bulk entries the kind.

        Bulk entries are read one by one, which needs no join.
        """
        e, p, read = journal_entry.c, posting.c, self.audit.inputs
        chosen = sa.select(p.holder_id, p.debit, p.credit, p.amount)
        dated = e.book == self.book.code, e.value_date == day
        own = sa.and_(e.entry_id == p.entry_id, e.holder_id == p.holder_id)
        for rows in batches(read, chosen.join(journal_entry, own).where(*dated, e.first_holder.is_(None))):
            yield "", rows
        bulk = sa.select(e.entry_id, e.kind, e.first_holder, e.last_holder)
        for entry in read.execute(bulk.where(*dated, e.holder_id == HOUSE, e.first_holder.is_not(None))).all():
            span = p.holder_id.between(entry.first_holder, entry.last_holder)
            for rows in batches(read, chosen.where(p.entry_id == entry.entry_id, span)):
                yield entry.kind, rows

    def _compare_income(self, day: date, booked: Income) -> None:
        """Compare the income dated `day`, by kind of entry, with what earlier days earned."""
        due, nothing = self.due.pop(day, {}), np.zeros_like(self.holders)
        for kind in sorted({distribution.ENTRY, *booked, *due}):
            told, right = (of.get(kind, nothing) for of in (booked, due))
            self.income.checked += len(told)
            for n in np.flatnonzero(told != right).tolist():
                self.income.add(kind, f"holder {n} dated {day}", int(told[n]), int(right[n]))

    def _earn(self, day: date) -> None:
        """Work out what `day` earns, whatever the balances become later."""
        parts = steps.chunks(self.audit.inputs, self.book, day, distribution.STEP)
        if day not in self.done["close"] and not parts:
            return
        version, versions, corrected = self.agent.figures(day)
        holdings = self.kept[self.chart["shares"].id] + self.kept[self.chart["redeeming"].id]
        holdings[HOUSE] = sum(self.house[self.chart[code].id] for code in distribution.ADVANCER)
        theirs = self.agent.told(day, self.holders)
        held = holdings.any() or (theirs is not None and theirs.any())
        if not version:
            if held and (day in self.handed_out or parts):
                self.income.add("announcement", str(day), NOTHING, "a figure")
        elif held or versions[version].control_total:
            earned = self._decide(day, holdings, version, versions[version])
            if earned is not None:
                self._due(day, earned, theirs)
                self._correct(day, holdings, earned, [(on, versions[each]) for each, on in corrected.items()])

    def _decide(self, day: date, holdings: Array, version: int, figure: Figure) -> Array | None:
        """Keep how the income of `day` is handed out, and return it; None where the figure does not fit."""
        rate = figure.income_per_10k
        try:
            right = allocate(self.holders, holdings, rate, figure.control_total)
        except ControlTotalMismatch as error:
            if day in self.handed_out:
                self.income.add("announcement.control_total", str(day), figure.control_total, str(error))
            return None
        told = (right.pool, int(holdings[HOUSE]), right.whole, right.cut, right.threshold, right.last_tie)
        self.decisions.append((self.book.code, day, rate, version, METHOD, *told))
        return _signed(self.holders, holdings, rate, right)

    def _due(self, day: date, earned: Array, theirs: Array | None) -> None:
        """Keep what of a day's income must be booked by now, and by how much the transfer agent's records differ."""
        due = {distribution.ENTRY: earned}
        if theirs is not None:
            due[DIFFERENCE] = theirs - earned
        if day not in self.handed_out:  # interrupted, or not begun: only of the chunks that are done
            booked = np.zeros_like(self.holders, np.bool_)
            for first, last in self._booked_chunks(day):
                booked[first : last + 1] = True
            due = {kind: np.where(booked, amount, 0) for kind, amount in due.items()}
        self.due[day + timedelta(1)] |= due

    def _correct(self, day: date, holdings: Array, before: Array, later: Iterable[tuple[date, Figure]]) -> None:
        """Keep what figures that were published after the distribution bring, each less the one before it."""
        for on, figure in later:
            try:
                right = allocate(self.holders, holdings, figure.income_per_10k, figure.control_total)
            except ControlTotalMismatch as error:
                self.income.add("announcement.control_total", str(day), figure.control_total, str(error))
                continue
            now = _signed(self.holders, holdings, figure.income_per_10k, right)
            due = self.due[on]
            due[CORRECTED] = due.get(CORRECTED, np.zeros_like(now)) + now - before
            before = now

    def _booked_chunks(self, day: date) -> list[tuple[int, int]]:
        """Return the ranges of the chunks of a distribution that have an entry."""
        e, c = journal_entry.c, day_chunk.c
        name = sa.literal(f"income {self.book.code} {day} ").concat(sa.cast(c.number, sa.Text))
        booked = sa.and_(e.holder_id == HOUSE, e.request_id == name)
        query = sa.select(c.first_holder, c.last_holder).join(journal_entry, booked)
        here = c.fund == self.book.code, c.day == day, c.step == distribution.STEP
        return [(row.first_holder, row.last_holder) for row in self.audit.inputs.execute(query.where(*here))]

    def _check_day(self, day: date) -> None:
        for number, held in self.kept.items():
            self.never_negative.checked += len(held)
            if len(held) and int(held.min()) < 0:
                for n in np.flatnonzero(held < 0).tolist():
                    at = f"{self.accounts[number].code} of holder {n} as of {day}"
                    self.never_negative.add("balance", at, int(held[n]), "0 or more")
        held_shares = sum(self._now(code) for code in ("shares", "redeeming", *distribution.ADVANCER))
        self.register.expect("register", str(day), self._now("register"), held_shares - self._now("shortfall"))
        if day in self.done["settle"] and self.book.calendar.is_trading_day(day):
            for code in SETTLED:
                self.settled.expect(code, str(day), self._now(code), 0)

    def _now(self, code: str) -> int:
        return self.house[self.chart[code].id]

    def _compare_days(self) -> None:
        """Compare the totals of closed days, and what was decided of their income.

        A closed day may have been decided without any other trace yet: then the decision may be there or not.
        """
        t, d = account_total.c, distribution_table.c
        codes = {a.id: a.code for a in self.chart}
        self.audit.compare(
            self.turnover,
            account_total,
            self.totals,
            lambda row: f"{codes.get(row[2], row[2])} on {row[1]}",
            self.audit.within(t.value_date),
        )
        stored = {row[1] for row in self.audit.rows(distribution_table, ["fund", "day"])}
        chunked = set(
            self.audit.inputs.execute(sa.select(day_chunk.c.day).where(day_chunk.c.step == distribution.STEP)).scalars()
        )
        begun = stored | self.handed_out | chunked
        decided = [row for row in self.decisions if row[1] in begun]
        within = self.audit.within(d.day)
        self.audit.compare(self.income, distribution_table, decided, lambda row: str(row[1]), within)

    def _look_for_strays(self) -> None:
        """Tell the postings that no entry of the book holds."""
        e, p, read = journal_entry.c, posting.c, self.audit.inputs
        if read.execute(sa.select(sa.func.count()).select_from(posting)).scalar_one() == self.seen:
            return
        bulk = sa.and_(e.holder_id == HOUSE, p.holder_id.between(e.first_holder, e.last_holder))
        theirs = sa.or_(sa.and_(e.holder_id == p.holder_id, e.first_holder.is_(None)), bulk)
        known = sa.exists().where(e.entry_id == p.entry_id, theirs, e.book == self.book.code)
        for row in read.execute(sa.select(p.entry_id, p.holder_id, p.line).where(~known)):
            at = f"entry {row.entry_id} of holder {row.holder_id}, line {row.line}"
            self.units.add("posting", at, ROW, "an entry")

    def _place(self, row: Cells) -> str:
        known: Account | None = self.accounts.get(row[1])
        return f"{known.code if known else row[1]} of holder {row[0]}"

    def _derived_balances(self) -> Iterator[Cells]:
        """Yield (holder, account, amount); the house has nothing but a shortfall."""
        shortfall = self.chart["shortfall"].id
        yield HOUSE, shortfall, int(self.kept[shortfall][HOUSE])
        numbers = sorted(self.kept)
        for start in range(1, len(self.holders), 50_000):
            part = slice(start, start + 50_000)
            held = np.stack([self.kept[number][part] for number in numbers], axis=1).ravel()
            who = np.repeat(self.holders[part], len(numbers))
            what = np.tile(np.array(numbers, np.int64), len(self.holders[part]))
            yield from zip(who.tolist(), what.tolist(), held.tolist(), strict=True)


def _signed(holders: Array, holdings: Array, rate: int, right: Allocation) -> Array:
    """Return everybody's income, negative where it is taken away."""
    return (-1 if rate < 0 else 1) * amounts(holders, holdings, rate, right)


def _add(to: Array, holders: Array, moved: Array, sign: int) -> None:
    """Add amounts to holders' cells; where each holder stands once, in order, that needs no slower way."""
    change = moved if sign == 1 else sign * moved
    if len(holders) and bool((holders[1:] > holders[:-1]).all()):
        to[holders] += change
    else:
        np.add.at(to, holders, change)
