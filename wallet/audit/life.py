"""One wallet's life, replayed from its orders: what each entry must have booked, beside what it booked.

The orders' amounts and instants, the terms and the calendar are the inputs, and what the transfer agent said; where
the money of a payment came from, what was confirmed to whom and what the advancer redeems is worked out again.
Income and cash are taken as they are booked; other properties look at them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from typing import NamedTuple

from wallet.audit.books import Book, Order
from wallet.audit.model import SPENDINGS, SUBSCRIPTIONS, Changes, Movement, Source, in_force, local_day, sources

Pairs = Counter[tuple[str, str]]
"""Amounts by (debit, credit)."""


class Advanced(NamedTuple):
    """What the advancer paid for one spending out of one order."""

    spending: Order
    amount: int


@dataclass
class Open:
    """An order that the transfer agent has not answered: what is still hers, and what passed to the advancer.

    `carried`: what answers confirmed of it while the rest was carried over.
    """

    order: Order
    trade_date: date
    confirmation_date: date
    remaining: int
    passed: list[Advanced] = field(default_factory=list)
    carried: int = 0


class Life:
    """The state of one wallet; `problems` tells where an entry booked something else."""

    def __init__(self, book: Book, holder: int) -> None:
        self.book, self.holder = book, holder
        self.changes = Changes()
        self.open: dict[int, Open] = {}
        self.answered: list[Open] = []
        self.due: list[tuple[date, int]] = []
        self.cut = set(book.steps.get("cutoff", ()))
        where = "WHERE o.holder_id = :holder"
        self.answers = book.answers(holder)
        self.orders = {order.entry: order for order in book.orders(where, holder=holder)}

    def problems(self) -> Iterator[str]:
        """Yield what is wrong, entry by entry in the order of booking."""
        for entry, movements in groupby(self.book.movements(self.holder), lambda movement: movement.entry):
            lines = list(movements)
            booked: Pairs = Counter()
            for line in lines:
                booked[line.debit, line.credit] += line.amount
            ways = self._ways(entry, lines)
            if ways is not None and booked not in ways:
                right = " or ".join(_show(way) for way in ways) or "nothing"
                what = f"entry {entry} of holder {self.holder}, {lines[0].kind}"
                yield f"{what}: booked {_show(booked)}, right is {right}"
            for line in lines:
                self.changes.add(line)
        yield from self._left()

    def _ways(self, entry: int, lines: list[Movement]) -> list[Pairs] | None:
        """Return what an entry may book; None for one that this replay does not judge."""
        order = self.orders.get(entry)
        if order is None:
            return [self._confirmed(lines[0].value_date)] if lines[0].kind == "confirmation" else None
        if order.kind in SPENDINGS:
            return self._spent(order, lines)
        trade_date = self.book.calendar.trade_date(order.at)
        self.open[entry] = Open(order, trade_date, self.book.calendar.after(trade_date), order.amount)
        pair = {"transfer_in": ("cash", "in_transit"), "refund": ("merchant_payable", "in_transit")}
        return [Counter({pair.get(order.kind, ("shares", "redeeming")): order.amount})]

    def _spent(self, order: Order, lines: list[Movement]) -> list[Pairs]:
        """Work out a payment or an instant transfer-out; the order of use may be the caller's, so both are right.

        An order is applied for from its cutoff on; by an instant before it, if the cutoff was booked already.
        """
        day = local_day(order.at)
        shares = max(0, self.changes.lowest("shares", day))
        waiting = [each for each in self.open.values() if each.order.kind in SUBSCRIPTIONS and each.remaining]
        waiting = [each for each in waiting if each.order.at <= order.at]
        by_instant = {each.trade_date for each in waiting if self.book.calendar.trade_date(order.at) > each.trade_date}
        early = sorted({each.trade_date for each in waiting if each.trade_date in self.cut} - by_instant)
        uses = sorted({"unconfirmed_first", "confirmed_first"} - {self._use(day)})
        ways = []
        for use in (self._use(day), *uses):
            for cut in ([], *([*early[: n + 1]] for n in range(len(early)))):
                applied = by_instant | set(cut)
                transit = [self._source(each, day, applied) for each in waiting]
                plan = sources(order.amount, transit, shares, use)
                ways.append((self._pairs(order, plan or []), plan or []))
        booked: Pairs = Counter()
        for line in lines:
            booked[line.debit, line.credit] += line.amount
        for pairs, plan in ways:
            if pairs == booked:
                self._take(order, plan)
                return [pairs]
        return [ways[0][0]]

    def _use(self, day: date) -> str:
        return in_force(self.book.terms, day).order_of_use

    def _source(self, each: Open, day: date, applied: set[date]) -> Source:
        late = day > each.confirmation_date
        return Source(each.order.entry, each.order.at, each.remaining, each.trade_date in applied, late)

    def _pairs(self, order: Order, plan: list[tuple[Source | None, int]]) -> Pairs:
        payable = "merchant_payable" if order.kind == "payment" else "customer_payable"
        pairs: Pairs = Counter()
        for source, part in plan:
            if source is not None and not source.applied:
                pairs["in_transit", payable] += part
                continue
            taken = ("shares", "advancer_shares") if source is None else ("in_transit", "advancer_in_transit")
            pairs[taken] += part
            pairs["advancer_receivable", payable] += part
        if order.kind != "payment":
            pairs["cash", "advancer_receivable"] += pairs["advancer_receivable", payable]
            pairs[payable, "cash"] += order.amount
        return +pairs

    def _take(self, order: Order, plan: list[tuple[Source | None, int]]) -> None:
        trade_date = self.book.calendar.trade_date(order.at)
        for source, part in plan:
            if source is None:
                self.due.append((trade_date, part))
                continue
            self.open[source.order].remaining -= part
            if source.applied:
                self.open[source.order].passed.append(Advanced(order, part))

    def _confirmed(self, day: date) -> Pairs:
        """Work out what a day confirms: her own part first, then what she paid after `day`, then what passed before."""
        before = self.book.calendar.before(day) or date.min
        pairs: Pairs = Counter()
        credited = 0
        for entry in [entry for entry, each in self.open.items() if each.trade_date <= before]:
            if self._is_answered(self.open[entry], day, pairs):
                self.answered.append(self.open.pop(entry))
                credited += self._answer(self.answered[-1], day, pairs)
        redeemed = sum(shares for on, shares in self.due if on <= before)
        self.due = [(on, shares) for on, shares in self.due if on > before]
        pairs["redemption_receivable", "advancer_payable"] += redeemed
        pairs["advancer_shares", "register"] += redeemed
        pairs["shares", "shortfall"] += min(credited, self.changes.balance("shortfall"))
        return +pairs

    def _is_answered(self, each: Open, day: date, pairs: Pairs) -> bool:
        """Tell whether a day answers an order in the end; book what it confirms while the rest is carried over."""
        if not self.book.in_files(each.trade_date):
            return True
        for answer in self.answers.get(each.order.entry, ()):
            if answer.day == day and not answer.final:
                pairs["redemption_receivable", "customer_payable"] += answer.confirmed
                pairs["redeeming", "register"] += answer.confirmed
                each.remaining -= answer.confirmed
                each.carried += answer.confirmed
            elif answer.day == day:
                return True
        return False

    def _answer(self, each: Open, day: date, pairs: Pairs) -> int:
        """Book one answer of the transfer agent, and return what is credited to her own shares."""
        applied = each.remaining + sum(advanced.amount for advanced in each.passed)
        confirmed = applied if each.order.outcome is None else each.order.outcome
        own = min(each.remaining, confirmed)
        if each.order.kind not in SUBSCRIPTIONS:
            pairs["redemption_receivable", "customer_payable"] += own
            pairs["redeeming", "register"] += own
            pairs["redeeming", "shares"] += each.remaining - own
            return each.remaining - own
        left, hers = confirmed - own, own
        for advanced in sorted(
            each.passed, key=lambda a: (local_day(a.spending.at) <= day, a.spending.at, a.spending.entry)
        ):
            got = min(advanced.amount, left)
            left -= got
            self.due.append((max(self.book.calendar.trade_date(advanced.spending.at), day), got))
            claim = local_day(advanced.spending.at) > day
            hers += got if claim else 0
            pairs["advancer_in_transit", "subscription_payable"] += 0 if claim else got
            pairs["register", "advancer_shares"] += 0 if claim else got
            pairs["advancer_in_transit", "advancer_payable"] += advanced.amount - got
        pairs["in_transit", "subscription_payable"] += hers
        pairs["register", "shares"] += hers
        pairs["in_transit", "customer_payable"] += each.remaining - own
        return own

    def _left(self) -> Iterator[str]:
        """Yield orders of which other parts are stored than the spendings left to her and to the advancer."""
        for each in (*self.answered, *self.open.values()):
            entry, passed = each.order.entry, sum(advanced.amount for advanced in each.passed)
            if (each.order.remaining, each.order.passed) != (each.remaining, passed):
                stored = f"{each.order.remaining} remaining, {each.order.passed} passed"
                yield f"order {entry}: stored {stored}; right are {each.remaining} and {passed}"
            if (right := self._status(each, each.remaining + passed)) != each.order.status:
                yield f"order {entry} is {each.order.status}, right is {right}"

    def _status(self, each: Open, applied: int) -> str:
        if not applied:
            return "taken_back"
        if each.order.entry in self.open:
            return "accepted"
        confirmed = applied if each.order.outcome is None else each.order.outcome
        return "confirmed" if confirmed == applied else "part_confirmed" if confirmed + each.carried else "rejected"


def _show(pairs: Pairs) -> str:
    return ", ".join(f"{debit} to {credit} {amount}" for (debit, credit), amount in sorted(pairs.items()))
