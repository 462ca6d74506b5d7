"""Hypothesis strategies that draw from a book: holders, days, orders. For the properties, and for an auditor's own.

    from hypothesis import given, settings
    from wallet.audit import strategies

    def test_mine(audited_book, sampled):
        def check(wallet):
            assert audited_book.changes(wallet).balance("shares") < 100_000_00
        sampled(strategies.wallets(audited_book), check)

What is drawn are numbers and dates, so an example says by itself where to look.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from wallet.audit.books import Book
from wallet.audit.model import ADVANCER, ONE_DAY, REDEMPTION, SPENDINGS, SUBSCRIPTIONS


def holders(book: Book) -> SearchStrategy[int]:
    """Draw a holder's number, the advancer's 0 included."""
    return st.integers(ADVANCER, book.last_holder)


def wallets(book: Book) -> SearchStrategy[int]:
    """Draw the number of a wallet; nothing is drawn from a book that has none."""
    return st.integers(1, book.last_holder) if book.last_holder else st.nothing()


def days(book: Book) -> SearchStrategy[date]:
    """Draw a day from the one before the opening to the one after the last posting."""
    return st.dates(book.opened_on - ONE_DAY, book.last_day + ONE_DAY)


def holder_days(book: Book, among: Sequence[date]) -> SearchStrategy[tuple[int, date]]:
    """Draw a holder and one of some days."""
    return st.tuples(holders(book), st.sampled_from(among))


def wallet_days(book: Book) -> SearchStrategy[tuple[int, date]]:
    """Draw a wallet and a day."""
    return st.tuples(wallets(book), days(book))


def orders(book: Book) -> SearchStrategy[int]:
    """Draw the entry of an order."""
    [found] = book.rows("SELECT MAX(entry_id) AS last FROM customer_order")
    if found.last is None:
        return st.nothing()
    kinds = ", ".join(f"'{kind}'" for kind in (*SUBSCRIPTIONS, *SPENDINGS, REDEMPTION))
    asked = f"""SELECT entry_id FROM journal_entry WHERE entry_id >= :number AND kind IN ({kinds})
        ORDER BY entry_id LIMIT 1"""
    return st.integers(1, found.last).map(lambda number: int(next(book.rows(asked, number=number)).entry_id))
