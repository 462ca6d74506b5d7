"""A book in which everything has happened: the ground on which runs are interrupted and rows are falsified.

Every kind of order, before and after cutoffs; parts, rejections, claims, advances; figures positive, negative,
replaced and with a control total; every term of the fund in force. `fill` leaves it with 09-17 cut and 09-16
closed, everything else to be run through 09-19 (09-19 to 09-22 the exchange is closed); `reopen` adds orders.
`failing` falsifies rows of it and tells which checks of the verification see it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from ledger.schema import APPEND_ONLY
from tests.desk import Desk, at, free_terms
from wallet import facade
from wallet.audit import seals
from wallet.facade import Check, Fund
from wallet.schema import KEPT

Audit = Callable[[sa.Connection, Fund], list[Check]]

WALLETS = ("alice", "bob", "carol", "dora", "erin")
TERMS = [
    free_terms(
        minimum=1_00,
        holding_cap=10**10,
        transfer_in_daily=10**10,
        quota_daily=10**11,
        instant_daily=10**10,
        facility=10**11,
    )
]


def filled(url: str) -> Desk:
    """Open the book in an empty database and fill it."""
    desk = Desk.open(url, terms=TERMS, wallets=WALLETS)
    fill(desk)
    return desk


def busy(url: str) -> Desk:
    """Open the book, fill it, run it through 09-19 and add orders to the open days."""
    desk = filled(url)
    desk.run("09-19", chunk_size=2)
    reopen(desk)
    correct(desk)
    return desk


def fill(desk: Desk) -> None:
    """Make the orders of 09-16 to 09-19, with 09-17 cut and nothing of it confirmed."""
    for wallet in ("alice", "bob", "carol"):
        desk.transfer_in(wallet, 1_000_000_00, "09-16 10:00")
    desk.pay("bob", 300_00, "09-16 16:00", "bob paid")
    desk.transfer_out("carol", 40_00, "instant", "09-16 14:00")
    desk.announce("09-17", 1_1000)
    desk.announce("09-17", -1_2345, replace=True)
    desk.announce("09-18", 1_2000, 358_93)
    desk.announce("09-19", 1_3333)
    desk.run("09-17", at("09-17 00:00"))
    for wallet in WALLETS:
        desk.transfer_in(wallet, 500_01, "09-17 10:00", "second")
    desk.transfer_out("bob", 10_000_00, "standard", "09-17 10:00", "out")
    desk.transfer_out("carol", 7_00, "standard", "09-17 10:00", "out")
    desk.pay("dora", 100_00, "09-17 12:00", "dora paid")
    desk.pay("dora", 200_00, "09-17 15:00")
    desk.refund("dora", "dora paid", 30_00, "09-17 16:00")
    desk.run("09-17", at("09-17 15:00"))
    desk.record_outcome("dora", "second", 250_00)
    desk.record_outcome("erin", "second", 0)
    desk.record_outcome("carol", "out", 3_00)
    desk.pay("alice", 1_000_000_00, "09-18 10:00", order_of_use="confirmed_first")
    desk.pay("dora", 50_00, "09-19 10:00")
    desk.transfer_out("bob", 600_00, "instant", "09-18 11:00")
    desk.refund("bob", "bob paid", 120_00, "09-18 12:00")
    desk.pay("bob", 33_33, "09-19 12:00", order_of_use="confirmed_first")


def reopen(desk: Desk) -> None:
    """Add orders to days that are open after 09-19 was run: in transit, taken back, passed, advanced, redeeming."""
    desk.transfer_in("alice", 80_00, "09-20 10:00")
    desk.pay("alice", 10_00, "09-21 10:00", "alice paid")
    desk.refund("alice", "alice paid", 4_00, "09-22 10:00")
    desk.transfer_out("bob", 55_00, "standard", "09-22 10:00")
    desk.pay("bob", 20_00, "09-22 12:00", order_of_use="confirmed_first")
    desk.run("09-23", at("09-23 15:00"))
    desk.pay("alice", 5_00, "09-23 16:00")
    desk.transfer_out("carol", 12_00, "instant", "09-23 17:00", order_of_use="confirmed_first")


def correct(desk: Desk) -> None:
    """Post an entry by hand and take it back. (Which was rehearsed, so on PostgreSQL a number is left out.)"""
    added = facade.ManualEntry(
        debit="register", credit="shares", amount=9_00, wallet="erin", memo="补", request_id="m1"
    )
    done, _ = desk.ask(facade.ask, added, "li", at("09-23 18:00"))
    assert done.entry is not None
    desk.ask(facade.ask, facade.Reversal(reverses=done.entry, why="错", request_id="m2"), "li", at("09-23 18:00"))


def failing(desk: Desk, *statements: sa.Executable) -> dict[str, str]:
    """Falsify rows as `audited` does and return the details of the checks that fail."""
    return {check.name: check.detail for check in audited(desk, *statements)}


def audited(desk: Desk, *statements: sa.Executable, audit: Audit = facade.verify) -> list[Check]:
    """Go around the guards and falsify rows; return the checks of an audit that fail, but for that of the seals.

    Any change breaks those. Nothing of it stays.

    Raises IntegrityError where a table itself refuses.
    """
    with falsified(desk, *statements) as connection:
        checks = audit(connection, facade.load(connection, desk.book.calendar))
    return [check for check in checks if not check.ok and check.name != seals.CHECK]


@contextmanager
def falsified(desk: Desk, *statements: sa.Executable) -> Iterator[sa.Connection]:
    """Go around the guards, falsify rows, and give the connection that sees it. Nothing of it stays."""
    with desk.engine.connect() as connection, connection.begin() as transaction:
        _drop_guards(connection)
        for statement in statements:
            connection.execute(statement)
        yield connection
        transaction.rollback()


def _drop_guards(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        for table in (*APPEND_ONLY, *KEPT):
            connection.exec_driver_sql(f"ALTER TABLE {table.name} DISABLE TRIGGER USER")
        return
    triggers = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'")
    for name in triggers.scalars().all():
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
