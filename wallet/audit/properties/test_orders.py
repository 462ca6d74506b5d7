"""Orders: their dates follow from calendar and instant, their amounts from and into postings, each counted once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from wallet.audit import strategies
from wallet.audit.books import Book, day_of, instant_of
from wallet.audit.model import SPENDINGS, SUBSCRIPTIONS, local_day
from wallet.audit.plugin import Sampled
from wallet.audit.properties import none_of

SUBSCRIBED = "o.kind IN ('transfer_in', 'refund')"
_SAME = "o.entry_id = {0}.entry_id AND o.holder_id = {0}.holder_id"


def _differing(book: Book, keys: str, *halves: str, **parameters: Any) -> Iterator[str]:
    """Yield where two sums by `keys` differ; each half selects the keys and an `amount`, the second one negative."""
    both = " UNION ALL ".join(halves)
    asked = f"SELECT {keys}, SUM(amount) AS off FROM ({both}) AS t GROUP BY {keys} HAVING SUM(amount) <> 0"
    for row in book.rows(asked, **parameters):
        yield f"{keys} {tuple(row)[:-1]}: {int(row.off):+} fen"


def test_every_order_is_an_entry_and_every_entry_of_an_order_an_order(audited_book: Book) -> None:
    """Under the same number, of the same kind."""
    alone = audited_book.rows(
        f"""SELECT o.entry_id FROM customer_order o LEFT JOIN journal_entry e ON {_SAME.format("e")}
        WHERE e.kind IS NULL OR e.kind <> o.kind OR e.book <> o.book"""
    )
    none_of(f"order {row.entry_id} has no entry of its kind" for row in alone)
    kinds = ", ".join(f"'{kind}'" for kind in (*SUBSCRIPTIONS, *SPENDINGS, "transfer_out_standard"))
    lost = audited_book.rows(
        f"""SELECT e.entry_id FROM journal_entry e LEFT JOIN customer_order o ON {_SAME.format("e")}
        WHERE e.kind IN ({kinds}) AND o.entry_id IS NULL"""
    )
    none_of(f"entry {row.entry_id} has no order" for row in lost)


def test_every_order_moved_its_amount(audited_book: Book) -> None:
    """Its entry credits what its kind credits with exactly the amount that was asked for."""
    number = audited_book.number
    rows = audited_book.rows(
        f"""SELECT o.entry_id, o.amount, COALESCE(SUM(p.amount), 0) AS moved
        FROM customer_order o LEFT JOIN posting p ON {_SAME.format("p")} AND p.credit = CASE o.kind
            WHEN 'payment' THEN CAST(:merchant AS SMALLINT) WHEN 'transfer_out_instant' THEN CAST(:customer AS SMALLINT)
            WHEN 'transfer_out_standard' THEN CAST(:redeeming AS SMALLINT) ELSE CAST(:transit AS SMALLINT) END
        GROUP BY o.entry_id, o.holder_id, o.amount HAVING COALESCE(SUM(p.amount), 0) <> o.amount""",
        merchant=number["merchant_payable"],
        customer=number["customer_payable"],
        redeeming=number["redeeming"],
        transit=number["in_transit"],
    )
    none_of(f"order {row.entry_id} asked for {row.amount}, its entry moved {row.moved}" for row in rows)


def test_every_order_is_dated_the_day_of_its_instant(audited_book: Book) -> None:
    """The entry's value date is the natural day of the instant in the fund's zone, and it is booked at that instant."""
    none_of(_dated(audited_book))


def _dated(book: Book) -> Iterator[str]:
    asked = "SELECT o.entry_id, o.at, e.value_date, e.booked_at FROM customer_order o JOIN journal_entry e ON "
    for row in book.rows(asked + _SAME.format("e")):
        at = instant_of(row.at)
        assert at is not None
        if day_of(row.value_date) != local_day(at) or row.booked_at != row.at:
            yield f"order {row.entry_id} of {at.isoformat()} is dated {row.value_date}"


def test_every_order_has_the_trade_date_of_its_instant(audited_book: Book) -> None:
    """Before 15:00:00 of a trading day that day, else the next trading day; payments have none."""
    none_of(_trade_dates(audited_book))


def _trade_dates(book: Book) -> Iterator[str]:
    for row in book.rows("SELECT entry_id, kind, at, trade_date FROM customer_order"):
        at = instant_of(row.at)
        assert at is not None
        right = None if row.kind in SPENDINGS else book.calendar.trade_date(at)
        if day_of(row.trade_date) != right:
            yield f"order {row.entry_id} of {at.isoformat()} has trade date {row.trade_date}, right is {right}"


def test_every_order_was_confirmed_on_the_trading_day_after_its_trade_date(audited_book: Book) -> None:
    """The entry that confirms an order is dated T+1, and once that day is confirmed, no order of T is open.

    Where trade dates are answered in files, it is dated the day of the final answer.
    """
    rows = audited_book.rows(
        """SELECT o.trade_date, e.value_date, e.kind, a.confirmation_date AS answered, MIN(o.entry_id) AS entry
        FROM customer_order o LEFT JOIN journal_entry e ON e.entry_id = o.confirmed_by
        LEFT JOIN answer a ON a.holder_id = o.holder_id AND a.application = o.entry_id
            AND a.business_code IN ('122', '124') AND a.final = 1
        WHERE o.confirmed_by IS NOT NULL GROUP BY o.trade_date, e.value_date, e.kind, a.confirmation_date"""
    )
    none_of(
        f"order {row.entry} of trade date {row.trade_date} was confirmed on {row.value_date}"
        for row in rows
        if row.kind != "confirmation" or day_of(row.value_date) != _confirmed_on(audited_book, row)
    )
    confirmed = audited_book.steps.get("confirm", [])
    through = audited_book.calendar.before(confirmed[-1]) if confirmed else None
    left = audited_book.rows(
        "SELECT entry_id, trade_date FROM customer_order WHERE status = 'accepted' AND trade_date <= :through",
        through=through or date.min,
    )
    none_of(
        f"order {row.entry_id} of trade date {row.trade_date} is not confirmed"
        for row in left
        if not audited_book.in_files(day_of(row.trade_date))
    )


def _confirmed_on(book: Book, row: Any) -> date | None:
    """Return when an order is confirmed: the day of its final answer, or the trading day after its trade date."""
    trade_date = day_of(row.trade_date)
    answered: date | None = day_of(row.answered)
    return answered if book.in_files(trade_date) else book.calendar.after(trade_date)


def test_every_answer_was_booked_on_its_day(audited_book: Book) -> None:
    """What the transfer agent confirmed is what its order has; answers of days that are confirmed are all booked."""
    confirmed = audited_book.steps.get("confirm", [])
    rows = audited_book.rows(
        """SELECT o.entry_id, o.kind, o.status, o.confirmed, o.outcome, o.trade_date, SUM(a.confirmed) AS told,
            MAX(a.final) AS final, MIN(a.business_code) AS code,
            SUM(CASE WHEN a.final = 1 THEN a.confirmed ELSE 0 END) AS last
        FROM answer a LEFT JOIN customer_order o ON o.holder_id = a.holder_id AND o.entry_id = a.application
        WHERE a.holder_id > 0 AND a.business_code IN ('122', '124') AND a.confirmation_date <= :last
        GROUP BY a.holder_id, a.application, o.entry_id, o.kind, o.status, o.confirmed, o.outcome, o.trade_date""",
        last=confirmed[-1] if confirmed else date.min,
    )
    none_of(
        f"order {row.entry_id}: {row.told} was answered, {row.confirmed} is confirmed, it is {row.status}"
        for row in rows
        if row.entry_id is None
        or (row.code == "122") != (row.kind in SUBSCRIPTIONS)
        or row.confirmed != row.told
        or (row.status == "accepted") == bool(row.final)
        or (row.final and row.outcome != row.last)
        or not audited_book.in_files(day_of(row.trade_date))
    )


def test_money_in_transit_is_that_of_open_orders(audited_book: Book) -> None:
    """By wallet; so that of a trade date is zero once that date is confirmed."""
    open_ = (
        f"SELECT o.holder_id, o.remaining AS amount FROM customer_order o WHERE o.status = 'accepted' AND {SUBSCRIBED}"
    )
    stored = "SELECT holder_id, -amount AS amount FROM balance WHERE account_id = :account"
    none_of(_differing(audited_book, "holder_id", open_, stored, account=audited_book.number["in_transit"]))


def test_shares_under_redemption_are_those_of_open_orders(audited_book: Book) -> None:
    """By wallet."""
    open_ = """SELECT o.holder_id, o.remaining AS amount FROM customer_order o
        WHERE o.status = 'accepted' AND o.kind = 'transfer_out_standard'"""
    stored = "SELECT holder_id, -amount AS amount FROM balance WHERE account_id = :account"
    none_of(_differing(audited_book, "holder_id", open_, stored, account=audited_book.number["redeeming"]))


def test_what_was_confirmed_became_shares_or_cash(audited_book: Book) -> None:
    """Of subscriptions what went to the fund, by entry and wallet; of redemptions what left the register, by wallet."""
    keys = "entry_id, holder_id"
    confirmed = "SELECT o.confirmed_by AS entry_id, o.holder_id, o.confirmed AS amount FROM customer_order o"
    posted = "SELECT entry_id, holder_id, -amount AS amount FROM posting WHERE"
    done = "WHERE o.confirmed_by IS NOT NULL AND"
    number = audited_book.number
    subscribed = f"{confirmed} {done} {SUBSCRIBED}", f"{posted} credit = :payable AND debit <> :cash"
    payable = {"payable": number["subscription_payable"], "cash": number["cash"]}
    none_of(_differing(audited_book, keys, *subscribed, **payable))
    accounts = {"redeeming": number["redeeming"], "register": number["register"]}
    redeemed = (
        f"SELECT o.holder_id, o.confirmed AS amount FROM customer_order o WHERE o.confirmed > 0 AND NOT {SUBSCRIBED}",
        "SELECT holder_id, -amount AS amount FROM posting WHERE debit = :redeeming AND credit = :register",
    )
    none_of(_differing(audited_book, "holder_id", *redeemed, **accounts))
    rows = audited_book.rows(
        """SELECT entry_id FROM customer_order WHERE confirmed_by IS NOT NULL AND (confirmed IS NULL
            OR confirmed <> COALESCE(outcome, remaining + passed_to_advancer)
                + CASE WHEN kind = 'transfer_out_standard' THEN amount - remaining ELSE 0 END
            OR outcome < 0 OR outcome > remaining + passed_to_advancer)"""
    )
    none_of(f"order {row.entry_id} is confirmed for something else than its outcome" for row in rows)


def test_refunds_never_exceed_their_payment(audited_book: Book) -> None:
    """All refunds of a payment add up to no more than it, and only payments of the same wallet are refunded."""
    rows = audited_book.rows(
        """SELECT r.holder_id, r.payment, SUM(r.amount) AS back, MAX(p.amount) AS paid, MAX(p.kind) AS kind,
            MAX(p.refunded) AS told
        FROM customer_order r LEFT JOIN customer_order p ON p.entry_id = r.payment AND p.holder_id = r.holder_id
        WHERE r.kind = 'refund' GROUP BY r.holder_id, r.payment
        HAVING MAX(p.amount) IS NULL OR SUM(r.amount) > MAX(p.amount) OR MAX(p.kind) <> 'payment'
            OR SUM(r.amount) <> MAX(p.refunded)"""
    )
    none_of(f"{row.kind} {row.payment} of {row.paid}: {row.back} refunded, {row.told} noted" for row in rows)


def test_the_advancer_has_what_passed_to_it(audited_book: Book) -> None:
    """By payment and wallet: shares sold and money in transit passed; by order: what passed of it."""
    passed = "SELECT entry_id, holder_id, -amount AS amount FROM posting WHERE debit = :debit AND credit = :credit"
    claims = "AND entry_id NOT IN (SELECT entry_id FROM journal_entry WHERE kind = 'claim_returned')"
    noted = "SELECT payment AS entry_id, holder_id, amount FROM advance WHERE source"
    for which, pair in (("= 0", ("shares", "advancer_shares")), ("> 0", ("in_transit", "advancer_in_transit"))):
        debit, credit = (audited_book.number[code] for code in pair)
        halves = f"{noted} {which}", f"{passed} {claims}"
        none_of(_differing(audited_book, "entry_id, holder_id", *halves, debit=debit, credit=credit))
    by_order = "SELECT source AS entry_id, holder_id, amount FROM advance WHERE source > 0"
    stored = "SELECT entry_id, holder_id, -passed_to_advancer AS amount FROM customer_order"
    none_of(_differing(audited_book, "entry_id, holder_id", by_order, stored))


def test_the_advancer_redeems_on_the_later_of_trade_and_confirmation_date(audited_book: Book) -> None:
    """The payment's trade date, or the confirmation date of the money it came from; paid on the trading day after."""
    none_of(_redemptions(audited_book))


def _redemptions(book: Book) -> Iterator[str]:
    calendar = book.calendar
    rows = book.rows(
        """SELECT a.payment, a.source, a.redeem_on, a.redeemed_by, e.value_date AS redeemed_on, p.at, s.trade_date,
            (SELECT MAX(n.confirmation_date) FROM answer n WHERE n.holder_id = a.holder_id
                AND n.application = a.source AND n.business_code = '122') AS answered
        FROM advance a JOIN customer_order p ON p.entry_id = a.payment AND p.holder_id = a.holder_id
        LEFT JOIN customer_order s ON s.entry_id = a.source AND s.holder_id = a.holder_id
        LEFT JOIN journal_entry e ON e.entry_id = a.redeemed_by"""
    )
    for row in rows:
        at, day = instant_of(row.at), day_of(row.redeem_on)
        assert at is not None
        right = calendar.trade_date(at)
        if row.source:
            right = max(right, calendar.after(day_of(row.trade_date)))
        if day != right:
            yield f"advance of payment {row.payment} out of {row.source} is redeemed on {day}, right is {right}"
        if row.source and book.in_files(day_of(row.trade_date)) and row.answered is not None:
            right = max(right, day_of(row.answered))  # a late answer: its shares are redeemed after that
        if row.redeemed_by is not None and day_of(row.redeemed_on) != calendar.after(right):
            yield f"advance of payment {row.payment} out of {row.source} was confirmed on {row.redeemed_on}"


def test_an_order_earns_from_its_confirmation_date_on(audited_book: Book, sampled: Sampled) -> None:
    """Drawn: an order; its money is in transit until T+1 by calendar and instant, and shares from that day on."""
    book = audited_book

    def check(drawn: int) -> None:
        order = book.order(drawn)
        assert order is not None
        if order.kind not in SUBSCRIPTIONS or not order.confirmed:
            return
        trade_date = book.calendar.trade_date(order.at)
        day = book.calendar.after(trade_date)
        if book.in_files(trade_date):
            day = next(answer.day for answer in book.answers(order.holder)[order.entry] if answer.final)
        became = [m for m in book.movements(order.holder) if m.entry == order.confirmed_by]
        credited = sum(m.amount for m in became if m.debit == "register")
        assert credited >= order.confirmed, f"order {drawn}: {credited} became shares of {order.confirmed} confirmed"
        assert {m.value_date for m in became} == {day}, f"order {drawn} earns from {day} on"

    sampled(strategies.orders(book), check)
