"""Where the money of a payment comes from: the order of use, newest money first, and not a fen too much."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.desk import at, day
from wallet.errors import InsufficientFunds
from wallet.rules.spending import OrderOfUse, Sources, Transit, choose

UNCONFIRMED, CONFIRMED = OrderOfUse.UNCONFIRMED_FIRST, OrderOfUse.CONFIRMED_FIRST


def order(number: int, when: str, remaining: int, applied: bool = False, late: bool = False) -> Transit:
    return Transit(number, at(when), day(when[:5]), remaining, 0, applied, late)


def used(sources: Sources) -> tuple[list[tuple[int, int]], list[tuple[int, int]], int]:
    """Return (order, fen) taken back, (order, fen) passed to the advancer, and the shares."""
    return (
        [(o.entry_id, part) for o, part in sources.taken_back],
        [(o.entry_id, part) for o, part in sources.passed],
        sources.shares,
    )


# Monday's order is with the transfer agent already; two of Tuesday are not; one more came at the same instant.
BOOK = [
    order(4, "09-16 10:00", 100, applied=True),
    order(5, "09-17 09:00", 200),
    order(7, "09-17 11:00", 300),
    order(6, "09-17 11:00", 400),
]


@pytest.mark.parametrize(
    ("amount", "order_of_use", "taken_back", "passed", "shares"),
    [
        (1, UNCONFIRMED, [(7, 1)], [], 0),  # newest first; of equal instants the later booked
        (300, UNCONFIRMED, [(7, 300)], [], 0),
        (301, UNCONFIRMED, [(7, 300), (6, 1)], [], 0),
        (900, UNCONFIRMED, [(7, 300), (6, 400), (5, 200)], [], 0),
        (901, UNCONFIRMED, [(7, 300), (6, 400), (5, 200)], [(4, 1)], 0),
        (1000, UNCONFIRMED, [(7, 300), (6, 400), (5, 200)], [(4, 100)], 0),
        (1001, UNCONFIRMED, [(7, 300), (6, 400), (5, 200)], [(4, 100)], 1),
        (1050, UNCONFIRMED, [(7, 300), (6, 400), (5, 200)], [(4, 100)], 50),
        (1, CONFIRMED, [], [], 1),
        (50, CONFIRMED, [], [], 50),
        (51, CONFIRMED, [(7, 1)], [], 50),
        (1050, CONFIRMED, [(7, 300), (6, 400), (5, 200)], [(4, 100)], 50),
    ],
)
def test_by_hand(
    amount: int, order_of_use: OrderOfUse, taken_back: list[tuple[int, int]], passed: list[tuple[int, int]], shares: int
) -> None:
    sources = choose(amount, BOOK, 50, order_of_use)
    assert used(sources) == (taken_back, passed, shares)
    assert sources.from_orders == sum(part for _, part in taken_back)
    assert sources.from_applications == sum(part for _, part in passed)
    assert sources.advance == sources.from_applications + shares


@pytest.mark.parametrize("order_of_use", OrderOfUse)
def test_one_fen_more_than_there_is(order_of_use: OrderOfUse) -> None:
    with pytest.raises(InsufficientFunds) as caught:
        choose(1051, BOOK, 50, order_of_use)
    assert (caught.value.amount, caught.value.available) == (1051, 1050)
    with pytest.raises(InsufficientFunds):
        choose(1, [], 0, order_of_use)


def test_money_that_became_shares_counts_as_shares() -> None:
    """Its confirmation date is past, only the booking is late: after other money in transit, or before it."""
    late = order(4, "09-16 10:00", 100, applied=True, late=True)
    fresh = order(9, "09-18 10:00", 100)
    assert used(choose(150, [late, fresh], 50, UNCONFIRMED)) == ([(9, 100)], [(4, 50)], 0)
    assert used(choose(100, [late, fresh], 50, CONFIRMED)) == ([], [(4, 50)], 50)
    assert used(choose(151, [late, fresh], 50, CONFIRMED)) == ([(9, 1)], [(4, 100)], 50)


def test_an_order_with_nothing_left_is_no_source() -> None:
    assert used(choose(10, [order(1, "09-17 09:00", 0), order(2, "09-16 09:00", 10)], 0, UNCONFIRMED)) == (
        [(2, 10)],
        [],
        0,
    )


def test_the_words_that_a_caller_may_say() -> None:
    assert [str(word) for word in OrderOfUse] == ["unconfirmed_first", "confirmed_first"]


MONDAY = datetime(2013, 9, 16, tzinfo=UTC)
TRANSIT = st.lists(
    st.builds(
        lambda number, hour, remaining, applied, late: Transit(
            number, MONDAY + timedelta(hours=hour), MONDAY.date(), remaining, 0, applied or late, late
        ),
        st.integers(1, 10**6),
        st.integers(0, 5),
        st.integers(0, 50),
        st.booleans(),
        st.booleans(),
    ),
    max_size=8,
    unique_by=lambda o: o.entry_id,
)


@given(st.integers(1, 450), TRANSIT, st.integers(0, 60), st.sampled_from(OrderOfUse))
def test_every_fen_is_taken_from_one_place_in_the_order_of_use(
    amount: int, transit: list[Transit], shares: int, order_of_use: OrderOfUse
) -> None:
    available = shares + sum(o.remaining for o in transit)
    if amount > available:
        with pytest.raises(InsufficientFunds):
            choose(amount, transit, shares, order_of_use)
        return
    sources = choose(amount, transit, shares, order_of_use)
    parts = dict((*sources.taken_back, *sources.passed))
    assert sources.from_orders + sources.advance == amount
    assert len(parts) == len(sources.taken_back) + len(sources.passed)
    assert all(0 < part <= o.remaining and o in transit for o, part in parts.items())
    assert all(o.applied for o, _ in sources.passed)
    assert not any(o.applied for o, _ in sources.taken_back)

    newest_first = sorted(transit, key=lambda o: (o.at, o.entry_id))[::-1]
    in_turn: list[tuple[int, int]] = [(parts.get(o, 0), o.remaining) for o in newest_first]
    if order_of_use is CONFIRMED:
        in_turn = [(parts.get(o, 0), o.remaining) for o in newest_first if o.late]
        in_turn = [(sources.shares, shares), *in_turn]
        in_turn += [(parts.get(o, 0), o.remaining) for o in newest_first if not o.late]
    else:
        in_turn += [(sources.shares, shares)]
    touched_last = max(n for n, (part, _) in enumerate(in_turn) if part)
    assert all(part == there for part, there in in_turn[:touched_last])


@given(st.integers(1, 450), TRANSIT.flatmap(lambda t: st.tuples(st.just(t), st.permutations(t))))
def test_the_order_of_the_rows_does_not_matter(amount: int, both: tuple[list[Transit], list[Transit]]) -> None:
    assert choose(amount, both[0], 450, UNCONFIRMED) == choose(amount, both[1], 450, UNCONFIRMED)
