"""Wallets, drawn: balances as of any day, statements, and whole lives replayed from their orders."""

from __future__ import annotations

from typing import Any

from wallet.audit import strategies
from wallet.audit.books import Book
from wallet.audit.life import Life
from wallet.audit.model import BY_HAND, HERS, INCOMES, PER_HOLDER, Changes, income, local_day
from wallet.audit.plugin import Sampled
from wallet.audit.properties import none_of


def test_a_balance_as_of_any_day_follows_from_postings(audited_book: Book, sampled: Sampled) -> None:
    """Drawn: a wallet and a day; the balance now less what is dated later is the sum until then, never negative."""
    book = audited_book

    def check(drawn: Any) -> None:
        holder, day = drawn
        changes = book.changes(holder)
        asked = "SELECT account_id, amount FROM balance WHERE holder_id = :holder"
        now = {book.accounts[row.account_id]: row.amount for row in book.rows(asked, holder=holder)}
        assert set(now) == set(PER_HOLDER), f"holder {holder} has balances of {sorted(now)}"
        for code, amount in now.items():
            later = changes.balance(code) - changes.balance(code, day)
            as_of = changes.balance(code, day)
            assert amount - later == as_of >= 0, f"{code} of holder {holder} as of {day}: {amount - later}, {as_of}"

    sampled(strategies.wallet_days(book), check)


def test_a_statement_adds_up(audited_book: Book, sampled: Sampled) -> None:
    """Drawn: a wallet and a day; what her orders brought and took, her income and the pay-outs make what she has."""
    book = audited_book

    def check(drawn: Any) -> None:
        holder, day = drawn
        movements = [movement for movement in book.movements(holder) if movement.value_date <= day]
        changes = Changes(movements)
        sign = {"transfer_in": 1, "refund": 1, "payment": -1, "transfer_out_instant": -1}
        orders = book.orders("WHERE o.holder_id = :holder", holder=holder)
        moved = sum(sign.get(order.kind, 0) * order.amount for order in orders if local_day(order.at) <= day)
        moved -= sum(movement.amount for movement in movements if movement.kind == "pay_out")
        moved += sum(income(movement) for movement in movements if movement.kind in INCOMES)
        by_hand = Changes(movement for movement in movements if movement.kind in BY_HAND)
        moved += sum(by_hand.balance(code) for code in HERS) - by_hand.balance("shortfall")
        held = sum(changes.balance(code) for code in HERS) - changes.balance("shortfall")
        assert held == moved, f"holder {holder} as of {day}: {held} held, orders, income and pay-outs make {moved}"

    sampled(strategies.wallet_days(book), check)


def test_a_wallets_life_follows_from_its_orders(audited_book: Book, sampled: Sampled) -> None:
    """Drawn: a wallet; where each payment took its money, what was confirmed, what the advancer redeemed."""
    sampled(strategies.wallets(audited_book), lambda holder: none_of(Life(audited_book, holder).problems()))
