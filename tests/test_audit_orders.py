"""What orders and advances must say: replayed holder by holder, each difference is told with its place."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from ledger.schema import journal_entry, posting
from tests.busy_book import failing
from tests.desk import Desk, at, day
from wallet.audit.provenance import ADVANCES, ORDER_POSTINGS, ORDERS, TRANSIT
from wallet.schema import advance, customer_order

_O, _A, _E, _P = customer_order.c, advance.c, journal_entry.c, posting.c


def of(desk: Desk, request_id: str) -> Any:
    """Return the entry that is booked under a request id."""
    return desk.rows(journal_entry, _E.request_id == request_id)[0]


def test_an_order_has_the_content_the_instant_and_the_day_of_its_entry(busy_desk: Desk) -> None:
    entry = of(busy_desk, "bob paid")
    mine = _O.entry_id == entry.entry_id
    place = f"order {entry.entry_id} of holder {entry.holder_id}"
    late, changed = entry.booked_at + timedelta(seconds=1), sa.update(customer_order).where(mine)
    digest = failing(busy_desk, sa.update(journal_entry).where(_E.entry_id == entry.entry_id).values(digest=b"other"))
    assert digest[ORDERS].startswith(f"journal_entry.digest of {place}: stored {b'other'.hex()}, derived ")
    told = {"book": ("another book", "000198"), "at": (late, entry.booked_at), "kind": ("gift", "payment")}
    for name, (stored, derived) in told.items():
        found = failing(busy_desk, changed.values({name: stored}))
        assert found == {ORDERS: f"customer_order.{name} of {place}: stored {stored}, derived {derived}"}
    moved = failing(
        busy_desk, sa.update(journal_entry).where(_E.entry_id == entry.entry_id).values(value_date=day("09-23"))
    )
    assert moved[ORDERS] == f"journal_entry.value_date of {place}: stored 2013-09-23, derived 2013-09-16"


def test_the_merchant_of_a_payment_is_part_of_its_content_and_its_refunds_name_the_same(busy_desk: Desk) -> None:
    paid, back = (
        of(busy_desk, "bob paid"),
        busy_desk.rows(customer_order, _O.payment.is_not(None), _O.holder_id == 2)[0],
    )
    found = failing(busy_desk, sa.update(customer_order).where(_O.entry_id == paid.entry_id).values(merchant="other"))
    assert f"journal_entry.digest of order {paid.entry_id} of holder 2" in found[ORDERS]
    assert f"customer_order.merchant of order {back.entry_id} of holder 2: stored shop, derived other" in found[ORDERS]


def test_orders_and_entries_go_in_pairs(busy_desk: Desk) -> None:
    entry = of(busy_desk, "bob paid")
    place = f"order {entry.entry_id} of holder {entry.holder_id}"
    lost = failing(busy_desk, sa.delete(customer_order).where(_O.entry_id == entry.entry_id))
    assert lost[ORDERS].endswith(f"customer_order of {place}: stored nothing, derived a row")
    lost = failing(busy_desk, sa.delete(journal_entry).where(_E.entry_id == entry.entry_id))
    assert f"journal_entry of {place}: stored nothing, derived a row" in lost[ORDERS]


def test_the_cash_of_an_instant_transfer_out_is_held_against_its_advances(busy_desk: Desk) -> None:
    """On an open day no total is written yet, and nothing but the order tells how much cash came in."""
    [line] = busy_desk.rows(posting, _P.debit == 1, _P.credit == 5, _P.holder_id == 3)
    wrong = sa.update(posting).where(_P.entry_id == line.entry_id, _P.line == line.line).values(amount=line.amount + 1)
    stored, derived = (1, 5, 1201, line.line), (1, 5, 1200, line.line)
    said = f"posting of order {line.entry_id} of holder 3: stored {stored}, derived {derived}"
    assert failing(busy_desk, wrong) == {ORDER_POSTINGS: said}


def test_an_order_s_state_follows_from_what_was_confirmed(busy_desk: Desk) -> None:
    [order] = busy_desk.rows(customer_order, _O.status == "part_confirmed", _O.holder_id == 4)
    place, changed = (
        f"order {order.entry_id} of holder 4",
        sa.update(customer_order).where(_O.entry_id == order.entry_id),
    )
    found = failing(busy_desk, changed.values(status="confirmed"))
    assert found == {TRANSIT: f"customer_order.status of {place}: stored confirmed, derived part_confirmed"}
    answered = failing(busy_desk, changed.values(outcome=1))
    assert "posting of entry" in answered[TRANSIT], "what the agent said is not what was booked"
    assert "advance.shares of payment 16 of holder 4 out of 11" in answered[ADVANCES]
    too_much = failing(busy_desk, changed.values(outcome=order.amount))
    assert f"customer_order.outcome of {place}: stored 50001, derived 0 to 40001" in too_much[TRANSIT]


def test_an_outcome_is_for_an_application_that_is_cut(busy_desk: Desk) -> None:
    paid = of(busy_desk, "dora paid").entry_id
    answer = {"outcome": 1, "return_code": "0000"}
    found = failing(busy_desk, sa.update(customer_order).where(_O.entry_id == paid).values(answer))
    assert found == {TRANSIT: f"customer_order.outcome of order {paid} of holder 4: stored 1, derived None"}


def test_an_order_whose_date_is_confirmed_is_open_no_more(busy_desk: Desk) -> None:
    [order] = busy_desk.rows(customer_order, _O.status == "rejected")
    open_again = {"status": "accepted", "outcome": None, "confirmed": None, "confirmed_by": None}
    found = failing(busy_desk, sa.update(customer_order).where(_O.entry_id == order.entry_id).values(open_again))
    told = f"customer_order.status of order {order.entry_id} of holder 5: stored accepted, derived confirmed"
    assert told in found[TRANSIT]


@pytest.mark.parametrize(("column", "days"), [("value_date", 1), ("redeem_on", -1)])
def test_an_advance_is_dated_by_its_payment(busy_desk: Desk, column: str, days: int) -> None:
    row = busy_desk.rows(advance, _A.redeemed_by.is_(None))[0]
    right = getattr(row, column)
    wrong = sa.update(advance).where(_A.payment == row.payment, _A.source == row.source)
    place = f"payment {row.payment} of holder {row.holder_id} out of {row.source}"
    said = f"advance.{column} of {place}: stored {right + timedelta(days)}, derived {right}"
    assert failing(busy_desk, wrong.values({column: right + timedelta(days)})) == {ADVANCES: said}


def test_rows_that_cannot_even_be_read_are_a_finding(busy_desk: Desk) -> None:
    kinds = [sa.update(t).where(t.c.entry_id == 1).values(kind="gift") for t in (customer_order, journal_entry)]
    found = failing(busy_desk, *kinds)
    assert found["replay orders"].endswith("derived ValueError(\"'gift' is not a valid Kind\")")


# What no row tells: the caller's own order of use, and the cutoff that was booked at the moment of a payment


def test_a_caller_s_own_order_of_use_is_told_by_the_advances(desk: Desk) -> None:
    """Two orders could have been used, and the journal says the same of both: either is right, another is not."""
    desk.transfer_in("alice", 100_00, "09-16 10:00", "old")
    desk.run("09-16", at("09-16 15:00"))
    desk.transfer_in("alice", 100_00, "09-18 10:00", "new")
    desk.pay("alice", 30_00, "09-18 16:00", "paid", order_of_use="confirmed_first")
    desk.pay("alice", 20_00, "09-18 16:00", "paid too", order_of_use="unconfirmed_first")
    old, new, paid = (of(desk, name).entry_id for name in ("old", "new", "paid"))
    sources = [(row.payment, row.source, row.amount) for row in desk.rows(advance)]
    assert sources == [(paid, old, 30_00), (paid + 1, new, 20_00)]
    assert not desk.verify()
    mine = _A.payment == paid
    assert ADVANCES in failing(desk, sa.update(advance).where(mine).values(amount=29_99))
    other = failing(desk, sa.update(advance).where(mine).values(source=new))
    assert f"customer_order.remaining of order {old} of holder 1: stored 7000, derived 10000" in other[TRANSIT]


def test_money_taken_back_and_money_passed_are_told_apart_by_the_journal(desk: Desk) -> None:
    """A payment dated before a cutoff that was booked already takes what is applied for, and no row says when."""
    desk.transfer_in("alice", 100_00, "09-16 10:00")
    desk.pay("alice", 10_00, "09-16 11:00")
    desk.run("09-16", at("09-16 15:00"))
    desk.transfer_in("alice", 50_00, "09-16 16:00")
    desk.pay("alice", 20_00, "09-16 12:00")
    desk.pay("alice", 60_00, "09-16 17:00")
    assert [row.amount for row in desk.rows(advance)] == [20_00, 10_00]
    assert not desk.verify()


def test_an_advance_booked_after_a_confirmation_is_redeemed_by_the_next(desk: Desk) -> None:
    """It is dated a day that no figure lets close, and was due when a chunk was confirmed that did not know of it."""
    desk.transfer_in("alice", 100_00, "09-16 10:00")
    desk.run("09-18", at("09-18 00:00"))
    desk.transfer_in("alice", 50_00, "09-18 10:00")
    desk.run("09-23", at("09-23 00:00"))
    desk.pay("alice", 20_00, "09-18 12:00", order_of_use="confirmed_first")
    assert [row.redeemed_by for row in desk.rows(advance)] == [None]
    assert not desk.verify()
    desk.transfer_in("alice", 50_00, "09-23 10:00")
    desk.publish("09-17", "09-24")
    desk.run("09-24", at("09-24 00:00"))
    assert all(row.redeemed_by for row in desk.rows(advance))
    assert not desk.verify()
