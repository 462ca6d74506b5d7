"""The accounting manual: what each event books, as (debit, credit) lines of one amount each.

Live entries are made from it by `book`, bulk entries read the same lines into SQL: one table serves both.
Source: rule book, section 6.
"""

from __future__ import annotations

from ledger.model import Posting
from wallet.rules.chart import Chart

Event = tuple[tuple[str, str], ...]
"""Lines of one event: each a debit account and a credit account, all of the event's amount."""

TRANSFER_IN: Event = (("cash", "in_transit"),)
REFUND: Event = (("merchant_payable", "in_transit"),)

TAKEN_BACK_TO_PAY: Event = (("in_transit", "merchant_payable"),)
TAKEN_BACK_TO_CUSTOMER: Event = (("in_transit", "customer_payable"),)
PASSED_TO_PAY: Event = (("in_transit", "advancer_in_transit"), ("advancer_receivable", "merchant_payable"))
PASSED_TO_CUSTOMER: Event = (("in_transit", "advancer_in_transit"), ("advancer_receivable", "customer_payable"))
SHARES_TO_PAY: Event = (("advancer_receivable", "merchant_payable"), ("shares", "advancer_shares"))
SHARES_TO_CUSTOMER: Event = (("advancer_receivable", "customer_payable"), ("shares", "advancer_shares"))

SUBSCRIPTION_CONFIRMED: Event = (("in_transit", "subscription_payable"), ("register", "shares"))
ADVANCER_CONFIRMED: Event = (("advancer_in_transit", "subscription_payable"), ("register", "advancer_shares"))
CLAIM_RETURNED: Event = (("advancer_in_transit", "in_transit"), ("shares", "advancer_shares"))
SUBSCRIPTION_REJECTED: Event = (("in_transit", "customer_payable"),)
SUBSCRIPTION_TAKEN_BACK: Event = (("subscription_payable", "in_transit"),)
ADVANCER_REJECTED: Event = (("advancer_in_transit", "advancer_payable"),)

REDEMPTION_ASKED: Event = (("shares", "redeeming"),)
REDEMPTION_CONFIRMED: Event = (("redemption_receivable", "customer_payable"), ("redeeming", "register"))
REDEMPTION_REJECTED: Event = (("redeeming", "shares"),)
ADVANCER_REDEEMED: Event = (("redemption_receivable", "advancer_payable"), ("advancer_shares", "register"))
ADVANCER_REDEMPTION_LEFT: Event = (("advancer_payable", "redemption_receivable"), ("register", "advancer_shares"))

INCOME: Event = (("register", "shares"),)
ADVANCER_INCOME: Event = (("register", "advancer_income_shares"),)
NEGATIVE_INCOME: Event = (("shares", "register"),)
ADVANCER_NEGATIVE_INCOME: Event = (("advancer_income_shares", "register"),)
SHORTFALL: Event = (("shortfall", "register"),)
SHORTFALL_REPAID: Event = (("shares", "shortfall"),)
ADVANCER_SHORTFALL_REPAID: Event = (("advancer_income_shares", "shortfall"),)

CASH_TO_FUND: Event = (("subscription_payable", "cash"),)
CASH_BACK_FROM_FUND: Event = (("cash", "subscription_payable"),)
CASH_FROM_FUND: Event = (("cash", "redemption_receivable"),)
CASH_FROM_ADVANCER: Event = (("cash", "advancer_receivable"),)
CASH_TO_ADVANCER: Event = (("advancer_payable", "cash"),)
PAID_TO_CUSTOMER: Event = (("customer_payable", "cash"),)
PAID_TO_MERCHANTS: Event = (("merchant_payable", "cash"),)

SUSPENSE_IN: Event = (("cash", "suspense"),)
SUSPENSE_OUT: Event = (("suspense", "cash"),)

BY_HAND: tuple[tuple[str, str], ...] = (
    ("cash", "merchant_payable"),
    ("merchant_payable", "cash"),
    ("suspense", "merchant_payable"),
    ("merchant_payable", "suspense"),
    ("cash", "suspense"),
    ("suspense", "cash"),
    ("register", "shares"),
    ("shares", "register"),
)
"""What may be booked by hand, as (debit, credit): only where nothing but the entry itself explains the accounts.

Orders explain what is in transit and redeeming, advances what the advancer claims and is owed, and a settlement has to
leave the payables and receivables towards fund, advancer and customers at zero. What the bank told and nothing of ours
explains waits on the suspense account, until somebody knows whose it is.
"""


def book(chart: Chart, *movements: tuple[Event, int]) -> tuple[Posting, ...]:
    """Return the postings of events with their amounts, in order; an amount of zero books nothing."""
    return tuple(
        Posting(chart[debit], chart[credit], amount) for event, amount in movements if amount for debit, credit in event
    )
