"""The prove step: a day whose books do not hold the invariants is not done, and what is wrong is named."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from ledger.schema import account_total, balance, metadata
from tests.desk import Desk, day
from wallet import facade, proof


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
