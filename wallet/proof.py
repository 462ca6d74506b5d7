"""The prove step of a day: the books held to the invariants of the rule book, section 6.

It is quick, and looks at one day; `wallet.audit` recomputes everything.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import sqlalchemy as sa

from ledger import balances, gates
from ledger.balances import balance_of
from ledger.expressions import total
from ledger.schema import account_total, balance
from wallet import limits
from wallet.errors import FundwalletError
from wallet.rules.amounts import show_amount
from wallet.rules.fund import Fund

_OUTSTANDING = ("advancer_shares", "advancer_in_transit", "advancer_payable")


class ProofFailed(FundwalletError):
    """The books of a day do not hold an invariant."""

    code = "proof_failed"

    def __init__(self, day: date, problems: list[str]) -> None:
        self.day, self.problems = day, problems
        super().__init__(f"the books of {day} do not prove: {'; '.join(problems)}")


def outstanding(book: Fund, totals: dict[int, balances.Turnover]) -> int:
    """Return the advance outstanding, in fen: shares, money in transit and cash owed to the advancer."""
    return sum(balance_of(book.chart[code], totals) for code in _OUTSTANDING)


def prove_day(connection: sa.Connection, book: Fund, day: date) -> None:
    """Hold a day to the invariants. Raises: ProofFailed."""
    problems = [problem for prove in PROOFS for problem in prove(connection, book, day)]
    if problems:
        raise ProofFailed(day, problems)


def _trial_balance(connection: sa.Connection, book: Fund, day: date) -> list[str]:
    """The day's totals are its postings, and debits equal credits in each unit."""
    t, problems = account_total.c, []
    stored = {
        row.account_id: (row.debits, row.credits)
        for row in connection.execute(sa.select(account_total).where(t.book == book.code, t.value_date == day))
    }
    moved = balances.turnover(connection, book.code, day, day)
    for account in book.chart:
        turnover = moved.get(account.id, balances.Turnover())
        if stored.get(account.id) != (turnover.debits, turnover.credits):
            problems.append(f"totals of {account.code} differ from its postings")
    for unit in sorted({a.unit for a in book.chart}):
        debits = sum(stored.get(a.id, (0, 0))[0] for a in book.chart if a.unit == unit)
        credits = sum(stored.get(a.id, (0, 0))[1] for a in book.chart if a.unit == unit)
        if debits != credits:
            problems.append(f"{unit}: debits {debits}, credits {credits}")
    return problems


def _register(connection: sa.Connection, book: Fund, day: date) -> list[str]:
    """Register = shares + redeeming + advancer shares + advancer income shares - shortfall."""
    as_of = balances.totals(connection, book.code, day)
    parts = ("shares", "redeeming", "advancer_shares", "advancer_income_shares")
    held = sum(balance_of(book.chart[code], as_of) for code in parts) - balance_of(book.chart["shortfall"], as_of)
    register = balance_of(book.chart["register"], as_of)
    return [] if register == held else [f"register {show_amount(register)}, holders {show_amount(held)}"]


def _settled(connection: sa.Connection, book: Fund, day: date) -> list[str]:
    """Nothing is left payable or receivable towards fund, advancer and customers after a trading day's settlement."""
    if not book.calendar.is_trading_day(day):
        return []
    as_of = balances.totals(connection, book.code, day)
    codes = ("subscription_payable", "redemption_receivable", "advancer_payable", "customer_payable")
    left = [(code, balance_of(book.chart[code], as_of)) for code in codes]
    return [f"{code} {show_amount(amount)} after settlement" for code, amount in left if amount]


def _control_accounts(connection: sa.Connection, book: Fund, _day: date) -> list[str]:
    """The balances per holder add up to their control accounts, everything booked counted."""
    now = balances.totals(connection, book.code)
    sums = sa.select(balance.c.account_id, total(balance.c.amount).label("amount")).group_by(balance.c.account_id)
    held: dict[int, Any] = {row.account_id: row.amount for row in connection.execute(sums)}
    return [
        f"{a.code}: control account {show_amount(balance_of(a, now))}, holders {show_amount(held.get(a.id, 0))}"
        for a in book.chart
        if a.per_holder and balance_of(a, now) != held.get(a.id, 0)
    ]


def _advances(connection: sa.Connection, book: Fund, _day: date) -> list[str]:
    """The facility's use is the advance outstanding."""
    used = limits.used(connection, book.code, limits.FACILITY)
    owed = outstanding(book, balances.totals(connection, book.code))
    return [] if used == owed else [f"facility: {show_amount(used)} used, {show_amount(owed)} outstanding"]


def _closed(connection: sa.Connection, book: Fund, day: date) -> list[str]:
    """The gate is closed through the day."""
    closed, _ = gates.read(connection, book.code)
    return [] if closed >= day else [f"the gate is closed only through {closed}"]


PROOFS: tuple[Callable[[sa.Connection, Fund, date], list[str]], ...] = (
    _closed,
    _trial_balance,
    _register,
    _settled,
    _control_accounts,
    _advances,
)
