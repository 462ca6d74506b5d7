"""The chart of accounts: its numbers stand in every posting ever made, so they are written down here once more."""

from __future__ import annotations

from ledger.model import Side
from wallet.rules.chart import CNY, chart

D, C = Side.DEBIT, Side.CREDIT

# number, account, in money or in shares, normal side, kept per wallet
EXPECTED = [
    (1, "cash", CNY, D, False),
    (2, "in_transit", CNY, C, True),
    (3, "customer_payable", CNY, C, True),
    (4, "merchant_payable", CNY, C, False),
    (5, "advancer_receivable", CNY, D, False),
    (6, "advancer_in_transit", CNY, C, False),
    (7, "advancer_payable", CNY, C, False),
    (8, "subscription_payable", CNY, C, False),
    (9, "redemption_receivable", CNY, D, False),
    (10, "suspense", CNY, C, False),
    (21, "register", "000198", D, False),
    (22, "shares", "000198", C, True),
    (23, "redeeming", "000198", C, True),
    (24, "shortfall", "000198", D, True),
    (25, "advancer_shares", "000198", C, False),
    (26, "advancer_income_shares", "000198", C, False),
]


def test_the_chart_never_changes() -> None:
    assert [(a.id, a.code, a.unit, a.normal_side, a.per_holder) for a in chart("000198")] == EXPECTED


def test_an_account_is_found_by_its_code_and_numbered_once() -> None:
    accounts = list(chart("000198"))
    assert len({a.id for a in accounts}) == len({a.code for a in accounts}) == len(accounts)
    assert all(chart("000198")[a.code] is a for a in accounts)


def test_shares_are_in_the_unit_of_their_fund_and_money_is_not() -> None:
    one, other = chart("000198"), chart("000343")
    assert one["shares"].unit == "000198"
    assert other["shares"].unit == "000343"
    assert one["cash"] == other["cash"]
    assert one["shares"] != other["shares"]
