"""One holder's orders lived again, one by one: what was taken from each, what was confirmed, what it booked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from ledger.model import digest
from wallet.audit.confirmations import Confirmations, Confirmed
from wallet.audit.findings import NOTHING, ROW, Cells, Findings
from wallet.audit.order_rows import REDEEMED, SUBSCRIBED, Answer, Order, Part
from wallet.errors import InsufficientFunds
from wallet.rules import manual
from wallet.rules.fund import Fund
from wallet.rules.manual import Event
from wallet.rules.orders import FIRST, REDEEMED_OR_SUBSCRIBED, SUBSCRIPTIONS, Kind, State
from wallet.rules.spending import OrderOfUse, Sources, Transit, choose

SATURDAY = 5

Lines = dict[int, list[Cells]]
"""(debit, credit, amount, line) by entry."""

_OPERATION = {
    Kind.TRANSFER_IN: "TransferIn",
    Kind.PAYMENT: "Payment",
    Kind.REFUND: "Refund",
    Kind.TRANSFER_OUT_INSTANT: "TransferOut",
    Kind.TRANSFER_OUT_STANDARD: "TransferOut",
}
_SPENT: dict[Kind, tuple[Event, Event, Event]] = {
    Kind.PAYMENT: (manual.TAKEN_BACK_TO_PAY, manual.PASSED_TO_PAY, manual.SHARES_TO_PAY),
    Kind.TRANSFER_OUT_INSTANT: (manual.TAKEN_BACK_TO_CUSTOMER, manual.PASSED_TO_CUSTOMER, manual.SHARES_TO_CUSTOMER),
}
_BOOKED = {
    Kind.TRANSFER_IN: manual.TRANSFER_IN,
    Kind.REFUND: manual.REFUND,
    Kind.TRANSFER_OUT_STANDARD: manual.REDEMPTION_ASKED,
}


@dataclass(slots=True)
class Life:
    """One holder; `stored` are her stored advances, asked only for what no rule tells: a caller's own order of use."""

    book: Fund
    confirmations: Confirmations
    holder_id: int
    stored: list[Cells]
    found: tuple[Findings, Findings, Findings]
    orders: dict[int, Order] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    expected: defaultdict[tuple[int, int, int], int] = field(default_factory=lambda: defaultdict(int))

    def live(self, orders: Sequence[Order], lines: Lines, confirmed: Lines, answers: Sequence[Answer] = ()) -> None:
        """Live through the orders, in the order in which they were booked, and the answers by day."""
        told: defaultdict[int, list[Answer]] = defaultdict(list)
        for answer in answers:
            told[answer.application].append(answer)
        for order in orders:
            self.orders[order.entry_id] = order
            self._accept(order, lines.get(order.entry_id, []), told.get(order.entry_id, []))
        for order in orders:
            self._confirm(order, told.pop(order.entry_id, []))
        for application in told:
            self.found[2].add("answer", f"application {application} of holder {self.holder_id}", ROW, NOTHING)
        for part in self.parts:
            self._redeem(part)
        self._compare_confirmed(confirmed)

    def advances(self, book: str) -> list[Cells]:
        """Return the advances as they must be stored, in the order of their key."""
        rows = [
            (
                self.holder_id,
                p.order.entry_id,
                p.source.entry_id if p.source else 0,
                book,
                p.amount,
                p.shares,
                p.order.value_date,
                p.redeem_on,
                p.redeemed.entry_id if p.redeemed else None,
            )
            for p in self.parts
        ]
        return sorted(rows, key=lambda row: row[:3])

    def _place(self, order: Order) -> str:
        return f"order {order.entry_id} of holder {self.holder_id}"

    # What was asked

    def _accept(self, order: Order, lines: list[Cells], answers: list[Answer]) -> None:
        self._compare_with_entry(order)
        kind = order.kind
        order.status = str(FIRST[kind])
        if kind in REDEEMED_OR_SUBSCRIBED:
            order.remaining = order.amount
            order.trade_date = order.trade_date or self.book.trade_date(order.at)
            order.by = self._confirmed_by(order, order.trade_date, answers)
        paid = self.orders.get(order.payment) if order.payment is not None else None
        if paid is not None:
            paid.refunded += order.amount
        if kind in _SPENT:
            self._spend(order, kind, lines)
        else:
            self._compare_lines(order, [(_BOOKED[kind], order.amount)], lines)

    def _confirmed_by(self, order: Order, trade_date: date, answers: list[Answer]) -> Confirmed | None:
        """Return the entry that confirms an order in the end."""
        if not self.confirmations.in_files(trade_date):
            return self.confirmations.of(self.holder_id, trade_date, order.entry_id)
        final = next((answer for answer in answers if answer.final), None)
        return self.confirmations.on(self.holder_id, final.day) if final else None

    def _compare_with_entry(self, order: Order) -> None:
        """Hold an order against its entry, its trade date against its instant, a refund against its payment."""
        content, at, book = self.found[0], self._place(order), self.book
        content.checked += 1
        if order.of_kind is None:
            content.add("journal_entry", at, NOTHING, ROW)
            order.value_date = book.calendar.local_date(order.at)
            return
        if order.asked != order.of_kind:
            content.add("customer_order.kind", at, order.asked, order.of_kind)
            order.asked = order.of_kind if order.of_kind in set(Kind) else order.asked
        kind = order.kind
        paid = self.orders.get(order.payment) if order.payment is not None else None
        extra: tuple[str | None, ...] = (order.merchant,) if kind is Kind.PAYMENT else ()
        extra = (paid.request_id if paid else None,) if kind is Kind.REFUND else extra
        extra = (kind.removeprefix("transfer_out_"),) if _OPERATION[kind] == "TransferOut" else extra
        trade_date = book.calendar.trade_date(order.at, book.cutoff) if kind in REDEEMED_OR_SUBSCRIBED else None
        if trade_date and order.trade_date and self._was_trading(order.trade_date, trade_date):
            trade_date = order.trade_date
        merchant = order.merchant if kind is Kind.PAYMENT else paid.merchant if paid else None
        refers = order.payment if kind is Kind.REFUND and paid and paid.kind is Kind.PAYMENT else None
        right = digest(_OPERATION[kind], self.holder_id, order.amount, *extra)
        for what, stored, derived in (
            ("customer_order.book", order.book, book.code),
            ("customer_order.at", order.at, order.booked_at),
            ("customer_order.merchant", order.merchant, merchant),
            ("customer_order.payment", order.payment, refers),
            ("customer_order.trade_date", order.trade_date, trade_date),
            ("customer_order.return_code", order.return_code is None, order.outcome is None),
            ("journal_entry.book", order.of_book, book.code),
            ("journal_entry.value_date", order.value_date, book.calendar.local_date(order.at)),
            ("journal_entry.digest", bytes(order.of_digest).hex(), right.hex()),
            ("journal_entry.reverses, memo or holders", order.plain, 1),
        ):
            if stored != derived:
                content.add(what, at, stored, derived)

    def _spend(self, order: Order, kind: Kind, lines: list[Cells]) -> None:
        """Take what a payment used from where the rule of use has it, given what its entry says was used."""
        chart = self.book.chart
        passed = self._sum(lines, chart["in_transit"].id, chart["advancer_in_transit"].id)
        shares = self._sum(lines, chart["shares"].id, chart["advancer_shares"].id)
        back = order.amount - passed - shares
        movements = list(zip(_SPENT[kind], (back, passed, shares), strict=True))
        if kind is Kind.TRANSFER_OUT_INSTANT:
            movements += [(manual.CASH_FROM_ADVANCER, passed + shares), (manual.PAID_TO_CUSTOMER, order.amount)]
        self._compare_lines(order, movements if back >= 0 else [], lines)
        trade_date = self.book.trade_date(order.at)
        sources = self._sources(order, back, passed, shares)
        if sources is None:
            used = f"{back} taken back, {passed} passed, {shares} shares"
            self.found[2].add("money in transit", self._place(order), used, "no such use")
            return
        for source, part in (*sources.taken_back, *sources.passed):
            self.orders[source.entry_id].remaining -= part
        for source, part in sources.passed:
            origin = self.orders[source.entry_id]
            origin.passed += part
            redeem_on = max(trade_date, self.book.confirmation_date(source.trade_date))
            self.parts.append(Part(order, origin, part, self._as_it_was(order, source.entry_id, redeem_on)))
        if shares:
            self.parts.append(Part(order, None, shares, self._as_it_was(order, 0, trade_date), shares))

    def _sources(self, order: Order, back: int, passed: int, shares: int) -> Sources | None:
        """Return the one use of money in transit that fits the journal; None if none does.

        Neither a caller's own order of use nor the cutoff that was booked at that moment are kept, so each is tried.
        Where several fit, the advances say which it was.
        """
        in_transit = [o for o in self.orders.values() if self._in_transit(o, order)]
        fitting: list[Sources] = []
        for use in OrderOfUse:
            for cut in sorted({date.min, *(o.trade_date for o in in_transit if o.trade_date)}):
                transit = [self._transit(o, order, cut) for o in in_transit]
                try:
                    chosen = choose(order.amount, transit, shares, use)
                except InsufficientFunds:
                    return None
                if (chosen.from_orders, chosen.from_applications, chosen.shares) == (back, passed, shares):
                    fitting.append(chosen)
        told = {row[2]: row[4] for row in self.stored if row[1] == order.entry_id and row[2]}
        said = [s for s in fitting if {t.entry_id: part for t, part in s.passed} == told]
        return next(iter(said or fitting), None)

    def _in_transit(self, source: Order, order: Order) -> bool:
        booked = source.by is None or source.by.entry_id > order.entry_id
        return source.kind in SUBSCRIPTIONS and source.remaining > 0 and source.at <= order.at and booked

    def _transit(self, source: Order, order: Order, cut: date) -> Transit:
        assert source.trade_date is not None, source
        return Transit(
            entry_id=source.entry_id,
            at=source.at,
            trade_date=source.trade_date,
            remaining=source.remaining,
            passed=source.passed,
            applied=source.trade_date <= cut or not self.book.is_before_cutoff(order.at, source.trade_date),
            late=order.value_date > self.book.confirmation_date(source.trade_date),
        )

    def _as_it_was(self, order: Order, source: int, redeem_on: date) -> date:
        """Return the stored date where that may have been right when it was written."""
        told: Any = next((row[7] for row in self.stored if row[1:3] == (order.entry_id, source)), redeem_on)
        return told if self._was_trading(told, redeem_on) else redeem_on

    def _was_trading(self, told: date, right: date) -> bool:
        """Tell whether a day may have been the right trading day before the exchange was closed on it."""
        calendar = self.book.calendar
        closed = told < right and told.weekday() < SATURDAY and told >= calendar.first
        return closed and not calendar.is_trading_day(told) and calendar.next(told) == right

    def _compare_lines(self, order: Order, movements: list[tuple[Event, int]], lines: list[Cells]) -> None:
        """Compare the postings of an order's entry with what the accounting manual has for it."""
        right = [(p.debit.id, p.credit.id, p.amount) for p in manual.book(self.book.chart, *movements)]
        derived = [(*line, number) for number, line in enumerate(right, 1)]
        self.found[1].checked += max(1, len(derived))
        if lines != derived:
            for n in range(max(len(lines), len(derived))):
                told, line = (side[n] if n < len(side) else None for side in (lines, derived))
                if told != line:
                    self.found[1].add("posting", self._place(order), told, line)

    @staticmethod
    def _sum(lines: list[Cells], debit: int, credit: int) -> int:
        return sum(amount for from_, to, amount, _ in lines if (from_, to) == (debit, credit))

    # What was answered

    def _confirm(self, order: Order, answers: list[Answer]) -> None:
        """Confirm an order by the entry that answers it, and allot what is beyond the customer's own part."""
        states, at = self.found[2], self._place(order)
        applied = order.remaining + order.passed
        open_ = order.kind in REDEEMED_OR_SUBSCRIBED and applied > 0
        if order.kind in SUBSCRIPTIONS and not applied:
            order.status = str(State.TAKEN_BACK)
        in_files = order.trade_date is not None and self.confirmations.in_files(order.trade_date)
        if in_files or answers:
            self._carry_over(order, answers if open_ and in_files else [], answers)
            applied = order.remaining + order.passed
        answerable = open_ and order.trade_date is not None and order.trade_date <= self.confirmations.last_cut
        if order.outcome is not None and not (answerable and 0 <= order.outcome <= applied):
            states.add("customer_order.outcome", at, order.outcome, f"0 to {applied}" if answerable else None)
        if not open_ or order.by is None:
            answered = date.min if in_files else self.confirmations.answered
            if open_ and answered is not None and order.trade_date is not None and order.trade_date <= answered:
                states.add("confirmation", at, NOTHING, "an entry")
            return
        before = order.confirmed or 0
        outcome = applied if order.outcome is None else order.outcome
        order.confirmed = before + outcome
        full = State.CONFIRMED if outcome == applied else State.PART_CONFIRMED
        order.status = str(full if order.confirmed > 0 else State.REJECTED)
        if order.kind is Kind.TRANSFER_OUT_STANDARD:
            self._expect(order.by.entry_id, manual.REDEMPTION_CONFIRMED, outcome)
            self._expect(order.by.entry_id, manual.REDEMPTION_REJECTED, order.remaining - outcome)
            return
        own = min(order.confirmed, order.remaining)
        self._expect(order.by.entry_id, manual.SUBSCRIPTION_CONFIRMED, own)
        self._expect(order.by.entry_id, manual.SUBSCRIPTION_REJECTED, order.remaining - own)
        self._allot(order, order.by, order.confirmed - order.remaining)

    def _carry_over(self, order: Order, answers: list[Answer], told: list[Answer]) -> None:
        """Redeem what answers confirm while the rest is carried over; the final one must be what the order says."""
        states, at, applied = self.found[2], self._place(order), order.remaining + order.passed
        code, final = (SUBSCRIBED if order.kind in SUBSCRIPTIONS else REDEEMED), None
        for answer in told:
            place, left = f"{at} on {answer.day}", order.remaining + order.passed
            fits = answer in answers and final is None and (answer.final or code == REDEEMED)
            right = (code, applied, True) if fits else NOTHING
            states.expect("answer", place, (answer.business_code, answer.applied, answer.confirmed <= left), right)
            booked = self.confirmations.on(self.holder_id, answer.day)
            if booked is None:
                if self.confirmations.last is not None and answer.day <= self.confirmations.last:
                    states.add("confirmation", place, NOTHING, "an entry")
            elif answer.final:
                final = answer
            elif fits:
                self._expect(booked.entry_id, manual.REDEMPTION_CONFIRMED, answer.confirmed)
                order.remaining -= answer.confirmed
                order.confirmed = (order.confirmed or 0) + answer.confirmed
        said = (final.confirmed, final.return_code) if final else (None, None)
        states.expect("customer_order.outcome", at, (order.outcome, order.return_code), said)

    def _allot(self, order: Order, by: Confirmed, left: int) -> None:
        """Give the advancer what is confirmed beyond her own part: claims first, then each earliest payment."""
        mine = [part for part in self.parts if part.source is order]
        for part in sorted(mine, key=lambda p: (p.order.value_date <= by.day, p.order.at, p.order.entry_id)):
            part.shares = min(max(left, 0), part.amount)
            left -= part.amount
            if part.order.value_date > by.day:
                self._expect(by.entry_id, manual.SUBSCRIPTION_CONFIRMED, part.shares)
                self._expect(self.confirmations.claim(by, part.order.value_date), manual.CLAIM_RETURNED, part.shares)
            else:
                self._expect(by.entry_id, manual.ADVANCER_CONFIRMED, part.shares)
            self._expect(by.entry_id, manual.ADVANCER_REJECTED, part.amount - part.shares)

    def _redeem(self, part: Part) -> None:
        """Find the entry that redeems an advance: the first that was due once its shares were there."""
        if part.shares is None:
            return
        since = part.source.by.entry_id if part.source and part.source.by else 0
        if part.source and part.source.trade_date and not self.confirmations.in_files(part.source.trade_date):
            since -= 1
        after = max(part.order.entry_id, since)
        part.redeemed = self.confirmations.of(self.holder_id, part.redeem_on, after)
        if part.redeemed is not None:
            self._expect(part.redeemed.entry_id, manual.ADVANCER_REDEEMED, part.shares)

    def _expect(self, entry_id: int, event: Event, amount: int) -> None:
        if amount:
            for debit, credit in event:
                self.expected[entry_id, self.book.chart[debit].id, self.book.chart[credit].id] += amount

    def _compare_confirmed(self, lines: Lines) -> None:
        """Compare the postings of confirmations; of what is credited, a shortfall may be repaid at once."""
        repaid = (self.book.chart["shares"].id, self.book.chart["shortfall"].id)
        stored: defaultdict[tuple[int, int, int], int] = defaultdict(int)
        for entry_id, debit, credit, amount in self._flat(lines):
            if (debit, credit) != repaid:
                stored[entry_id, debit, credit] += amount
        for key in sorted(stored.keys() | self.expected.keys()):
            at = f"entry {key[0]} of holder {self.holder_id}, {key[1]} to {key[2]}"
            self.found[2].expect("posting", at, stored.get(key, 0), self.expected.get(key, 0))

    @staticmethod
    def _flat(lines: Lines) -> Iterator[tuple[int, int, int, int]]:
        return ((entry_id, *line[:3]) for entry_id, of in lines.items() for line in of)
