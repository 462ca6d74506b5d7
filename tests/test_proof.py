"""Verification and the prove step: a single changed fen in any table is found, and its place is named."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from ledger.schema import account_total, balance, journal_entry, metadata, posting
from tests.busy_book import failing
from tests.desk import Desk, day
from wallet import facade, proof
from wallet.schema import advance, customer_order, day_chunk

NUMBERS_OF_THINGS = {"reverses", "first_holder", "last_holder", "payment", "redeemed_by", "confirmed_by", "entry_id"}
"""Whole-number columns that are no amounts: they name entries and holders."""

AMOUNTS = [
    column
    for table in metadata.tables.values()
    for column in table.columns
    if isinstance(column.type, sa.BigInteger) and not column.primary_key and column.name not in NUMBERS_OF_THINGS
]


def some(rows: Sequence[Any], number: int | None) -> Sequence[Any]:
    """Return so many rows, spread over all of them; None: every one."""
    return rows if number is None or len(rows) <= number else [rows[n * len(rows) // number] for n in range(number)]


def where(table: sa.Table, row: sa.Row[Any]) -> list[sa.ColumnElement[bool]]:
    return [key == row._mapping[key.name] for key in table.primary_key.columns]


def names_the_place(row: sa.Row[Any], details: str) -> bool:
    """Tell whether the holder, the day or the name that the row is about stands in the findings."""
    keys = [row._mapping.get(name) for name in ("holder_id", "value_date", "day", "valid_from", "name")]
    return any(re.search(rf"\b{re.escape(str(key))}\b", details) for key in keys if key is not None)


def one_fen_more(desk: Desk, column: sa.Column[Any], row: sa.Row[Any]) -> dict[str, str]:
    """Change an amount by a fen, up or, where the table refuses that, down; return what is found."""
    table: Any = column.table
    stored = row._mapping[column.name]
    for amount in (1,) if stored is None else (stored + 1, stored - 1):
        try:
            return failing(desk, sa.update(table).where(*where(table, row)).values({column.name: amount}))
        except sa.exc.IntegrityError:
            pass
    return {"the table itself": f"refuses any other amount than {stored} in {tuple(row)}"}


def test_the_book_is_clean_as_it_is(busy_desk: Desk) -> None:
    with facade.reading(busy_desk.engine) as connection:
        checks = facade.verify(connection, busy_desk.book)
    assert [(check.name, check.detail) for check in checks if not check.ok] == []
    assert all(check.checked for check in checks), "each check has something to look at in this book"


def test_every_amount_of_every_table_is_looked_at() -> None:
    tables = {column.table.name for column in AMOUNTS}
    assert tables == {
        "posting", "balance", "account_total", "fund_terms", "customer_order", "advance", "limit_slot",
        "announcement", "distribution",
    }  # fmt: skip
    assert len(AMOUNTS) == 29


@pytest.mark.parametrize("column", AMOUNTS, ids=str)
def test_a_changed_fen_is_found(busy_desk: Desk, column: sa.Column[Any]) -> None:
    number = 3 if busy_desk.engine.dialect.name == "sqlite" else 1
    for row in some(falsifiable(busy_desk, column), number):
        found = one_fen_more(busy_desk, column, row)
        assert found, f"{column} of {tuple(row)}"
        assert names_the_place(row, str(found)), (tuple(row), found)


@pytest.mark.slow
@pytest.mark.parametrize("column", AMOUNTS, ids=str)
def test_a_changed_fen_is_found_in_every_row(busy_desk: Desk, column: sa.Column[Any]) -> None:
    for row in falsifiable(busy_desk, column):
        assert one_fen_more(busy_desk, column, row), f"{column} of {tuple(row)}"


def falsifiable(desk: Desk, column: sa.Column[Any]) -> Sequence[sa.Row[Any]]:
    """Return the rows whose amount follows from something: the outcome of an open order is the agent's word."""
    table: Any = column.table
    if column is customer_order.c.outcome:
        return desk.rows(customer_order, sa.not_(customer_order.c.status == "accepted"))
    return desk.rows(table)


@pytest.mark.parametrize("table", [journal_entry, posting, customer_order, advance, balance, day_chunk], ids=str)
def test_a_row_too_few_or_too_many_is_found(busy_desk: Desk, table: sa.Table) -> None:
    number = 3 if busy_desk.engine.dialect.name == "sqlite" else 1
    for row in some(busy_desk.rows(table), number):
        for statement in too_few_and_too_many(table, row):
            assert failing(busy_desk, statement), f"{statement} of {tuple(row)}"


@pytest.mark.slow
@pytest.mark.parametrize("table", [journal_entry, posting, customer_order, advance, balance, day_chunk], ids=str)
def test_any_row_too_few_or_too_many_is_found(busy_desk: Desk, table: sa.Table) -> None:
    for row in busy_desk.rows(table):
        for statement in too_few_and_too_many(table, row):
            assert failing(busy_desk, statement), f"{statement} of {tuple(row)}"


def too_few_and_too_many(table: sa.Table, row: sa.Row[Any]) -> Iterator[sa.Executable]:
    """Delete a row; insert it again under another key, for each column of the key."""
    yield sa.delete(table).where(*where(table, row))
    again = {"request_id": f"{row.request_id} again"} if table is journal_entry else {}
    for key in table.primary_key.columns:
        yield sa.insert(table).values(dict(row._mapping) | again | {key.name: another(row._mapping[key.name])})


def another(key: Any) -> Any:
    """Return a key that no row has."""
    if isinstance(key, date):
        return key + timedelta(300)
    return key + 1_000 if isinstance(key, int) else f"{key} again"


# The prove step


@pytest.fixture
def proved(desk: Desk) -> Desk:
    """Give a book whose day 09-17 is closed and proves."""
    desk.transfer_in("alice", 1_000_000_00, "09-16 10:00")
    desk.announce("09-17", 1_2000)
    desk.run("09-17")
    return desk


def problems(desk: Desk, statement: sa.Executable, on: str = "09-17") -> list[str]:
    """Falsify something and return why the day does not prove."""
    with desk.engine.begin() as connection:
        connection.execute(statement)
    with facade.reading(desk.engine) as connection, pytest.raises(proof.ProofFailed) as failed:
        proof.prove_day(connection, desk.book, day(on))
    assert failed.value.code == "proof_failed"
    return failed.value.problems


def test_a_day_that_is_right_proves_again_at_any_time(proved: Desk) -> None:
    proved.pay("alice", 7_00, "09-18 10:00")
    with facade.reading(proved.engine) as connection:
        proof.prove_day(connection, proved.book, day("09-17"))


def test_a_balance_off_its_control_account_fails_the_proof(proved: Desk) -> None:
    shares = balance.c.holder_id == 1, balance.c.account_id == proved.book.chart["shares"].id
    said = problems(proved, sa.update(balance).where(*shares).values(amount=balance.c.amount - 1))
    assert said == ["shares: control account 1000120.00, holders 1000119.99"]


def test_totals_off_their_postings_fail_the_proof(proved: Desk) -> None:
    cash = account_total.c.value_date == day("09-17"), account_total.c.account_id == proved.book.chart["cash"].id
    said = problems(proved, sa.update(account_total).where(*cash).values(debits=account_total.c.debits + 1))
    assert said == ["totals of cash differ from its postings", "CNY: debits 200000001, credits 200000000"]


def test_a_facility_off_the_advances_fails_the_proof(proved: Desk) -> None:
    slots = metadata.tables["limit_slot"]
    said = problems(proved, sa.update(slots).where(slots.c.slot == 0).values(used=1))
    assert said == ["facility: 0.01 used, 0.00 outstanding"]


def test_a_day_that_is_not_closed_does_not_prove(proved: Desk) -> None:
    gates = metadata.tables["book_gate"]
    said = problems(proved, sa.update(gates).values(closed_through=day("09-16")))
    assert said == ["the gate is closed only through 2013-09-16"]
