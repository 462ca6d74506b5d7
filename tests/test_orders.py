"""Orders and advances: what is kept of them, and what the tables themselves refuse."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from ledger.journal import hold
from ledger.model import Request
from tests.desk import Desk, at, day
from wallet import orders
from wallet.rules.orders import Kind
from wallet.schema import advance, customer_order


def test_orders_are_kept_as_they_were_accepted(desk: Desk) -> None:
    desk.transfer_in("alice", 100, "09-16 10:00")
    desk.pay("alice", 60, "09-16 15:00", "paid", merchant="tea house")
    desk.refund("alice", "paid", 25, "09-16 16:00")
    kept = [
        (o.kind, o.amount, o.remaining, o.passed_to_advancer, o.merchant, o.payment, o.refunded, o.trade_date, o.status)
        for o in desk.rows(customer_order)
    ]
    paid = desk.rows(customer_order)[1].entry_id
    assert kept == [
        ("transfer_in", 100, 40, 60, None, None, 0, day("09-16"), "accepted"),
        ("payment", 60, 0, 0, "tea house", None, 25, None, "done"),
        ("refund", 25, 25, 0, "tea house", paid, 0, day("09-17"), "accepted"),
    ]


def test_an_order_is_found_by_its_request_and_wallet(desk: Desk) -> None:
    desk.transfer_in("alice", 100, "09-16 10:00", "in")
    found = desk.ask(lambda connection, _: orders.by_request(connection, 1, "in"))
    assert found is not None
    assert found.amount == 100
    assert desk.ask(lambda connection, _: orders.by_request(connection, 2, "in")) is None


def test_accepted_amounts_count_by_wallet_day_and_kind(desk: Desk) -> None:
    desk.transfer_in("alice", 100, "09-16 00:00")
    desk.transfer_in("alice", 300, "09-16 23:59:59")
    desk.transfer_in("alice", 700, "09-17 00:00")
    desk.transfer_in("bob", 1000, "09-16 12:00")
    desk.transfer_out("alice", 5, "instant", "09-16 12:00")

    def accepted(holder_id: int, on: str, kind: Kind) -> int:
        return desk.ask(lambda connection, book: orders.accepted_on(connection, book.code, holder_id, day(on), kind))

    assert [accepted(1, on, Kind.TRANSFER_IN) for on in ("09-15", "09-16", "09-17")] == [0, 400, 700]
    assert accepted(1, "09-16", Kind.TRANSFER_OUT_INSTANT) == 5
    assert accepted(1, "09-16", Kind.PAYMENT) == 0


def test_the_tables_refuse_what_cannot_be(desk: Desk) -> None:
    desk.transfer_in("alice", 100, "09-16 10:00")
    desk.pay("alice", 60, "09-16 15:00")
    for table, column, value in [
        (customer_order, "amount", 0),
        (customer_order, "remaining", -1),
        (customer_order, "remaining", 101),
        (customer_order, "passed_to_advancer", 61),
        (customer_order, "refunded", 101),
        (advance, "amount", 0),
        (advance, "shares", 61),
        (advance, "shares", -1),
    ]:
        with pytest.raises(sa.exc.IntegrityError), desk.engine.begin() as connection:
            connection.execute(sa.update(table).values({column: value}))


def test_an_order_confirmed_is_used_no_more(desk: Desk) -> None:
    desk.transfer_in("alice", 100, "09-16 10:00")
    desk.run("09-17", at("09-17 00:00"))
    held = desk.ask(lambda c, _: hold(c, "000198", [Request(1, "", b"")], alongside=orders.in_transit))
    assert orders.read_transit(held.alongside) == {}
    [order] = desk.rows(customer_order)
    assert (order.status, order.outcome, order.confirmed) == ("confirmed", None, 100)
    assert order.confirmed_by is not None
