"""What orders and advances must say: each check finds what is wrong, and names the place."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from ledger.schema import journal_entry, posting
from tests.busy_book import failing
from tests.desk import Desk, day
from wallet.schema import advance, customer_order

_O, _A, _E, _P = customer_order.c, advance.c, journal_entry.c, posting.c


def of(desk: Desk, request_id: str) -> Any:
    """Return the entry that is booked under a request id."""
    return desk.rows(journal_entry, _E.request_id == request_id)[0]


def test_an_order_has_the_content_the_instant_and_the_day_of_its_entry(busy_desk: Desk) -> None:
    entry = of(busy_desk, "dora paid")
    mine = _O.entry_id == entry.entry_id
    said = {"orders equal their entries": f"order {entry.entry_id} of holder {entry.holder_id} differs from its entry"}
    for change in (
        sa.update(customer_order).where(mine).values(merchant="another shop"),
        sa.update(customer_order).where(mine).values(at=entry.booked_at + timedelta(seconds=1)),
        sa.update(customer_order).where(mine).values(book="another book"),
        sa.update(journal_entry).where(_E.entry_id == entry.entry_id).values(digest=b"another content"),
    ):
        assert failing(busy_desk, change) == said
    moved = sa.update(journal_entry).where(_E.entry_id == entry.entry_id).values(value_date=day("09-23"))
    assert said.items() <= failing(busy_desk, moved).items()


def test_orders_and_entries_go_in_pairs(busy_desk: Desk) -> None:
    entry = of(busy_desk, "bob paid")
    place = f"{entry.entry_id} of holder {entry.holder_id}"
    lost = failing(busy_desk, sa.delete(customer_order).where(_O.entry_id == entry.entry_id))
    assert lost["orders equal their entries"].endswith(f"entry {place} has no order")
    lost = failing(busy_desk, sa.delete(journal_entry).where(_E.entry_id == entry.entry_id))
    assert f"order {place} has no entry" in lost["orders equal their entries"]


def test_the_cash_of_an_instant_transfer_out_is_held_against_its_advances(busy_desk: Desk) -> None:
    """On an open day no total is written yet, and nothing but the order tells how much cash came in."""
    [line] = busy_desk.rows(posting, _P.debit == 1, _P.credit == 5, _P.holder_id == 3)
    wrong = sa.update(posting).where(_P.entry_id == line.entry_id, _P.line == line.line).values(amount=line.amount + 1)
    place = f"posting (entry, holder, debit, credit) ({line.entry_id}, 3, 1, 5)"
    said = {"the postings of orders follow from amounts and advances": f"{place}: stored 1201, derived 1200"}
    assert failing(busy_desk, wrong) == said


def test_an_order_s_state_follows_from_what_was_confirmed(busy_desk: Desk) -> None:
    [order] = busy_desk.rows(customer_order, _O.status == "part_confirmed", _O.holder_id == 4)
    name = "money in transit, refunds and confirmations equal the postings"
    said = {name: f"order {order.entry_id} of holder 4 is in a wrong state"}
    assert failing(busy_desk, sa.update(customer_order).where(_O.entry_id == order.entry_id).values(outcome=1)) == said
    wrong = sa.update(customer_order).where(_O.entry_id == order.entry_id).values(status="confirmed")
    assert failing(busy_desk, wrong) == said


def test_an_order_whose_date_is_confirmed_is_open_no_more(busy_desk: Desk) -> None:
    [order] = busy_desk.rows(customer_order, _O.status == "rejected")
    open_again = {"status": "accepted", "outcome": None, "confirmed": None, "confirmed_by": None}
    found = failing(busy_desk, sa.update(customer_order).where(_O.entry_id == order.entry_id).values(open_again))
    assert f"order {order.entry_id} is not confirmed although its date is" in str(found)


@pytest.mark.parametrize(("column", "days"), [("value_date", 1), ("redeem_on", -1)])
def test_an_advance_is_dated_by_its_payment(busy_desk: Desk, column: str, days: int) -> None:
    row = busy_desk.rows(advance, _A.redeemed_by.is_(None))[0]
    changed = {column: getattr(row, column) + timedelta(days)}
    wrong = sa.update(advance).where(_A.payment == row.payment, _A.source == row.source).values(changed)
    place = f"advance of payment {row.payment} of holder {row.holder_id} out of {row.source}"
    assert failing(busy_desk, wrong) == {"advances equal the postings": f"{place}: other dates"}


def test_rows_that_cannot_even_be_read_are_a_finding(busy_desk: Desk) -> None:
    found = failing(busy_desk, sa.update(customer_order).where(_O.entry_id == 1).values(kind="gift"))
    assert found["orders and entries"] == "cannot be read: ValueError(\"'gift' is not a valid Kind\")"
