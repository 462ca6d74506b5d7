"""What is used of a bound is kept in slots; whatever they hold, the total fits the bound of the instant."""

from __future__ import annotations

import random
from datetime import date

import pytest
import sqlalchemy as sa

from tests.desk import Desk, free_terms
from wallet import limits
from wallet.facade import Fund
from wallet.limits import Need
from wallet.schema import limit_slot

SLOTS = 4


class Limit:
    """A limit of four slots, used by the holders 1, 2 and 3 one after another."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        desk.ask(lambda connection, book: limits.create(connection, book.code, "some", range(SLOTS)))

    def take(self, holder_id: int, amount: int, bound: int) -> bool:
        """Use an amount, as orders do: out of a slot where that has room, else out of all of them."""

        def taken(connection: sa.Connection, book: Fund) -> bool:
            if amount > bound:
                return False
            need = Need(bound)
            need.add(holder_id % SLOTS, amount, bound)
            if limits.take(connection, book.code, {"some": need}):
                return True
            fits = limits.lock(connection, book.code, ["some"])["some"] + amount <= bound
            if fits:
                limits.add(connection, book.code, {"some": amount})
            return fits

        return self.desk.ask(taken)

    def release(self, amount: int) -> None:
        self.desk.ask(lambda c, book: limits.release(c, book.code, "some", amount))

    @property
    def used(self) -> int:
        return self.desk.ask(lambda c, book: limits.used(c, book.code, "some"))

    @property
    def slots(self) -> list[int]:
        return [row.used for row in self.desk.rows(limit_slot, limit_slot.c.name == "some")]


@pytest.fixture
def limit(desk: Desk) -> Limit:
    return Limit(desk)


def test_one_holder_may_use_all_of_a_bound_and_no_fen_more(limit: Limit) -> None:
    assert limit.take(1, 99, 100)
    assert not limit.take(2, 2, 100)
    assert limit.take(2, 1, 100)
    assert not limit.take(3, 1, 100)
    assert limit.used == 100
    assert (sum(limit.slots), max(limit.slots) - min(limit.slots)) == (100, len(limit.slots) > 4)


def test_what_is_given_back_can_be_used_again(limit: Limit) -> None:
    assert limit.take(1, 100, 100)
    limit.release(70)
    assert limit.used == 30
    assert not limit.take(2, 71, 100)
    assert limit.take(2, 70, 100)
    limit.release(0)
    assert limit.used == 100


def test_more_than_is_used_is_never_given_back(limit: Limit) -> None:
    assert limit.take(1, 10, 100)
    with pytest.raises(AssertionError):
        limit.release(11)
    assert limit.used == 10


def test_a_bound_that_was_lowered_holds_for_the_total(limit: Limit) -> None:
    assert limit.take(1, 20, 100)
    assert limit.take(2, 20, 100)
    assert not limit.take(3, 10, 40), "its own slot has room, the bound has none"
    assert limit.used == 40


@pytest.mark.parametrize("seed", range(3))
def test_a_random_walk_is_judged_by_the_total_alone(limit: Limit, seed: int) -> None:
    dice, used = random.Random(seed), 0
    for _ in range(60):
        holder_id, amount, bound = dice.randint(1, 3), dice.randint(1, 30), dice.choice([60, 100, 120])
        if dice.random() < 0.2:
            amount = dice.randint(0, used)
            limit.release(amount)
            used -= amount
        else:
            fits = used + amount <= bound
            assert limit.take(holder_id, amount, bound) is fits, (used, amount, bound, limit.slots)
            used += amount if fits else 0
        assert limit.used == used


def test_creating_again_changes_nothing(limit: Limit) -> None:
    assert limit.take(1, 10, 100)
    before = limit.slots
    limit.desk.ask(lambda connection, book: limits.create(connection, book.code, "some", range(SLOTS)))
    assert limit.slots == before


def test_a_limit_never_used_has_nothing_used(desk: Desk) -> None:
    assert desk.ask(lambda c, book: limits.used(c, book.code, limits.quota(date(2013, 9, 16)))) == 0
    with pytest.raises(sa.exc.IntegrityError), desk.engine.begin() as connection:
        connection.execute(sa.update(limit_slot).values(used=-1))


def test_a_facility_lowered_by_later_terms_counts_what_is_outstanding(database_url: str) -> None:
    terms = [free_terms(facility=16_00), free_terms("09-18", facility=10_00)]
    desk = Desk.open(database_url, terms=terms, wallets=["alice", "bob"])
    for wallet in ("alice", "bob"):
        desk.transfer_in(wallet, 100_00, "09-16 10:00")
        desk.pay(wallet, 5_00, "09-17 23:59:59")
    with desk.refuses("facility_exhausted"):
        desk.pay("bob", 1, "09-18 00:00")
    desk.pay("bob", 6_00, "09-17 23:59:59")
