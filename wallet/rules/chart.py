"""The chart of accounts of a fund's book. Source: rule book, section 6.

Two units never mix: CNY in fen, shares of the fund in hundredths.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from ledger.model import Account, Side

CNY = "CNY"

_DEBIT, _CREDIT = Side.DEBIT, Side.CREDIT
_MONEY: tuple[tuple[int, str, Side, bool], ...] = (
    (1, "cash", _DEBIT, False),
    (2, "in_transit", _CREDIT, True),
    (3, "customer_payable", _CREDIT, True),
    (4, "merchant_payable", _CREDIT, False),
    (5, "advancer_receivable", _DEBIT, False),
    (6, "advancer_in_transit", _CREDIT, False),
    (7, "advancer_payable", _CREDIT, False),
    (8, "subscription_payable", _CREDIT, False),
    (9, "redemption_receivable", _DEBIT, False),
    (10, "suspense", _CREDIT, False),
)
_SHARES: tuple[tuple[int, str, Side, bool], ...] = (
    (21, "register", _DEBIT, False),
    (22, "shares", _CREDIT, True),
    (23, "redeeming", _CREDIT, True),
    (24, "shortfall", _DEBIT, True),
    (25, "advancer_shares", _CREDIT, False),
    (26, "advancer_income_shares", _CREDIT, False),
)


@dataclass(frozen=True, slots=True)
class Chart:
    """The accounts of one book, by code; iterates in the order of their numbers."""

    accounts: dict[str, Account]

    def __getitem__(self, code: str) -> Account:
        return self.accounts[code]

    def __iter__(self) -> Iterator[Account]:
        return iter(self.accounts.values())


@lru_cache
def chart(fund: str) -> Chart:
    """Return the chart of a fund's book; share accounts are in the fund's own unit."""
    rows = [(CNY, row) for row in _MONEY] + [(fund, row) for row in _SHARES]
    return Chart({code: Account(number, code, unit, side, kept) for unit, (number, code, side, kept) in rows})
