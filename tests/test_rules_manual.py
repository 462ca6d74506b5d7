"""The accounting manual against the table of the rule book, row by row."""

from __future__ import annotations

import pytest

from ledger.model import Side
from wallet.rules import manual
from wallet.rules.chart import CNY, chart
from wallet.rules.manual import Event, book

CHART = chart("000198")

# Rule book, section 6. (w): kept per wallet.
TABLE = """
TRANSFER_IN               | CNY    | Dr cash · Cr in transit (w)
TAKEN_BACK_TO_PAY         | CNY    | Dr in transit (w) · Cr merchant payable
TAKEN_BACK_TO_CUSTOMER    | CNY    | Dr in transit (w) · Cr customer payable (w)
PASSED_TO_PAY             | CNY    | Dr in transit (w) · Cr advancer in transit
                          | CNY    | Dr advancer receivable · Cr merchant payable
PASSED_TO_CUSTOMER        | CNY    | Dr in transit (w) · Cr advancer in transit
                          | CNY    | Dr advancer receivable · Cr customer payable (w)
SHARES_TO_PAY             | CNY    | Dr advancer receivable · Cr merchant payable
                          | shares | Dr shares (w) · Cr advancer shares
SHARES_TO_CUSTOMER        | CNY    | Dr advancer receivable · Cr customer payable (w)
                          | shares | Dr shares (w) · Cr advancer shares
SUBSCRIPTION_CONFIRMED    | CNY    | Dr in transit (w) · Cr subscription payable
                          | shares | Dr register · Cr shares (w)
ADVANCER_CONFIRMED        | CNY    | Dr advancer in transit · Cr subscription payable
                          | shares | Dr register · Cr advancer shares
CLAIM_RETURNED            | CNY    | Dr advancer in transit · Cr in transit (w)
                          | shares | Dr shares (w) · Cr advancer shares
SUBSCRIPTION_REJECTED     | CNY    | Dr in transit (w) · Cr customer payable (w)
SUBSCRIPTION_TAKEN_BACK   | CNY    | Dr subscription payable · Cr in transit (w)
ADVANCER_REJECTED         | CNY    | Dr advancer in transit · Cr advancer payable
REDEMPTION_ASKED          | shares | Dr shares (w) · Cr redeeming (w)
REDEMPTION_CONFIRMED      | CNY    | Dr redemption receivable · Cr customer payable (w)
                          | shares | Dr redeeming (w) · Cr register
REDEMPTION_REJECTED       | shares | Dr redeeming (w) · Cr shares (w)
ADVANCER_REDEEMED         | CNY    | Dr redemption receivable · Cr advancer payable
                          | shares | Dr advancer shares · Cr register
ADVANCER_REDEMPTION_LEFT  | CNY    | Dr advancer payable · Cr redemption receivable
                          | shares | Dr register · Cr advancer shares
INCOME                    | shares | Dr register · Cr shares (w)
ADVANCER_INCOME           | shares | Dr register · Cr advancer income shares
NEGATIVE_INCOME           | shares | Dr shares (w) · Cr register
SHORTFALL                 | shares | Dr shortfall (w) · Cr register
SHORTFALL_REPAID          | shares | Dr shares (w) · Cr shortfall (w)
ADVANCER_NEGATIVE_INCOME  | shares | Dr advancer income shares · Cr register
ADVANCER_SHORTFALL_REPAID | shares | Dr advancer income shares · Cr shortfall (w)
CASH_TO_FUND              | CNY    | Dr subscription payable · Cr cash
CASH_BACK_FROM_FUND       | CNY    | Dr cash · Cr subscription payable
CASH_FROM_FUND            | CNY    | Dr cash · Cr redemption receivable
CASH_FROM_ADVANCER        | CNY    | Dr cash · Cr advancer receivable
CASH_TO_ADVANCER          | CNY    | Dr advancer payable · Cr cash
PAID_TO_CUSTOMER          | CNY    | Dr customer payable (w) · Cr cash
PAID_TO_MERCHANTS         | CNY    | Dr merchant payable · Cr cash
REFUND                    | CNY    | Dr merchant payable · Cr in transit (w)
SUSPENSE_IN               | CNY    | Dr cash · Cr suspense
SUSPENSE_OUT              | CNY    | Dr suspense · Cr cash
"""
EVENTS: dict[str, Event] = {name: value for name, value in vars(manual).items() if name.isupper() and name != "BY_HAND"}


def rows() -> dict[str, list[tuple[str, str]]]:
    """Read the table: for every event its lines, each with its unit; a line without a name goes on with the last."""
    found: dict[str, list[tuple[str, str]]] = {}
    name = ""
    for line in TABLE.strip().splitlines():
        first, unit, words = (cell.strip() for cell in line.split("|"))
        assert first not in found, first
        name = first or name
        found.setdefault(name, []).append((unit, words))
    return found


def in_words(debit: str, credit: str) -> str:
    """Write one line as the rule book does."""

    def account(code: str) -> str:
        return code.replace("_", " ") + (" (w)" if CHART[code].per_holder else "")

    return f"Dr {account(debit)} · Cr {account(credit)}"


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_books_what_the_rule_book_says(name: str) -> None:
    booked = []
    for debit, credit in EVENTS[name]:
        assert CHART[debit].unit == CHART[credit].unit
        booked.append((CNY if CHART[debit].unit == CNY else "shares", in_words(debit, credit)))
    assert booked == rows()[name]


def test_the_manual_and_the_table_hold_the_same_events() -> None:
    assert sorted(rows()) == sorted(EVENTS)


@pytest.mark.parametrize("name", EVENTS)
def test_no_event_parts_the_register_from_what_stands_behind_it(name: str) -> None:
    """Register = shares + redeeming + advancer shares + advancer income shares - shortfall, before and after."""
    change = dict.fromkeys((a.code for a in CHART), 0)
    for p in book(CHART, (EVENTS[name], 7)):
        change[p.debit.code] += p.debit.signed(p.amount, 0)
        change[p.credit.code] += p.credit.signed(0, p.amount)
    behind = sum(change[code] for code in ("shares", "redeeming", "advancer_shares", "advancer_income_shares"))
    assert change["register"] == behind - change["shortfall"]
    assets = sum(change[a.code] for a in CHART if a.unit == CNY and a.normal_side is Side.DEBIT)
    assert assets == sum(change[a.code] for a in CHART if a.unit == CNY and a.normal_side is Side.CREDIT)


def test_postings_are_made_in_order_and_nothing_of_an_amount_of_zero() -> None:
    postings = book(CHART, (manual.SHARES_TO_PAY, 30), (manual.TAKEN_BACK_TO_PAY, 0), (manual.TRANSFER_IN, 5))
    assert [(p.debit.code, p.credit.code, p.amount) for p in postings] == [
        ("advancer_receivable", "merchant_payable", 30),
        ("shares", "advancer_shares", 30),
        ("cash", "in_transit", 5),
    ]
    assert book(CHART) == ()


def test_a_negative_amount_is_a_defect() -> None:
    with pytest.raises(AssertionError):
        book(CHART, (manual.TRANSFER_IN, -1))
