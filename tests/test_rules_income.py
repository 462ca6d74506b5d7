"""The income of one day: cut to the fen, the rest handed out, always the same and against the model's own method."""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet.audit import model
from wallet.errors import ControlTotalMismatch
from wallet.rules.income import NOBODY, SCALE, Allocation, allocate, amounts, parts

Book = dict[int, int]
"""Holdings by holder, in hundredths of a share."""


def arrays(book: Book) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], np.ndarray[tuple[int], np.dtype[np.int64]]]:
    return np.array(list(book), np.int64), np.array(list(book.values()), np.int64)


def handed_out(book: Book, rate: int, control_total: int | None = None) -> tuple[Allocation, Book]:
    """Return the allocation and every holder's part of it, signed as the figure."""
    holders, holdings = arrays(book)
    allocation = allocate(holders, holdings, rate, control_total)
    each = amounts(holders, holdings, rate, allocation)
    sign = -1 if rate < 0 else 1
    return allocation, {holder: sign * int(part) for holder, part in zip(book, each, strict=True)}


def bounds(book: Book, rate: int) -> tuple[int, int]:
    """Return the lowest and the highest control total that move nobody by a fen: all cut, and all rounded up."""
    exact = [Fraction(held * abs(rate), 10**8) for held in book.values()]
    return sum(int(e) for e in exact), sum(-int(-e // 1) for e in exact)


# By hand


@pytest.mark.parametrize(
    ("book", "rate", "expected"),
    [
        ({1: 89_28}, 11200, {1: 0}),  # the check points of the rule book: 0.999936 fen …
        ({1: 89_29}, 11200, {1: 1}),  # … and 1.000048
        ({1: 89_28, 2: 89_28}, 11200, {1: 1, 2: 0}),  # together 1.99; a tie goes to the lower number
        ({2: 89_28, 1: 89_28}, 11200, {2: 0, 1: 1}),
        ({0: 89_28, 1: 89_28}, 11200, {0: 1, 1: 0}),  # the advancer wins ties
        ({1: 50_00, 2: 89_28}, 11200, {1: 0, 2: 1}),  # 0.56 and 0.999936: the larger cut fraction first
        ({1: 10_000_00, 2: 20_000_00}, 14143, {1: 141, 2: 283}),  # 141.43 and 282.86 make 424.29
        ({1: 10_000_00, 2: 3_333_33, 3: 89_28}, 14143, {1: 141, 2: 47, 3: 1}),  # 141.43, 47.14, 1.26
        ({1: 0, 2: 0}, 14143, {1: 0, 2: 0}),
        ({}, 14143, {}),
        ({1: 10_000_00}, 0, {1: 0}),
        ({1: 10_000_00}, -14143, {1: -141}),
    ],
)
def test_by_hand(book: Book, rate: int, expected: Book) -> None:
    assert handed_out(book, rate)[1] == expected


def test_what_is_written_down_of_a_day() -> None:
    assert handed_out({3: 89_28, 1: 89_28, 2: 50_00}, 11200)[0] == Allocation(
        pool=228_56, whole=2, cut=0, threshold=99_993_600, last_tie=3
    )
    exactly = handed_out({1: 10_000_00}, 10_000)[0]
    assert exactly == Allocation(pool=10_000_00, whole=100, cut=100, threshold=SCALE, last_tie=NOBODY)
    assert exactly.left_over == 0


def test_nobody_with_an_exact_part_gets_more() -> None:
    """A whole part has no cut fraction, so it is never rounded up, and cannot make up a control total."""
    book = {1: 100_00 * 100, 2: 1}
    assert handed_out(book, 10_000, 101)[1] == {1: 100, 2: 1}
    with pytest.raises(ControlTotalMismatch):
        handed_out(book, 10_000, 102)


def test_a_control_total_is_taken_as_the_whole() -> None:
    book = {1: 89_28, 2: 89_28, 3: 50_00}
    assert [handed_out(book, 11200, total)[1] for total in (0, 1, 2, 3)] == [
        {1: 0, 2: 0, 3: 0},
        {1: 1, 2: 0, 3: 0},
        {1: 1, 2: 1, 3: 0},
        {1: 1, 2: 1, 3: 1},
    ]


def test_a_control_total_of_a_negative_figure_may_come_without_its_sign() -> None:
    book = {1: 89_28, 2: 89_28, 3: 50_00}
    for total in range(4):
        assert handed_out(book, -11200, total) == handed_out(book, -11200, -total)


@pytest.mark.parametrize(("rate", "total"), [(11200, -1), (11200, 4), (-11200, 4), (-11200, -4), (0, 1), (0, -1)])
def test_a_control_total_off_by_a_fen_is_refused_with_the_bounds(rate: int, total: int) -> None:
    with pytest.raises(ControlTotalMismatch) as caught:
        handed_out({1: 89_28, 2: 89_28, 3: 50_00}, rate, total)
    expected = {11200: (0, 3), -11200: (-3, 0), 0: (0, 0)}[rate]
    assert (caught.value.control_total, caught.value.lowest, caught.value.highest) == (total, *expected)


def test_over_a_year_nothing_is_left_behind() -> None:
    """Cut only, a holder loses half a fen a day, and small holders never earn; handed out, all of it arrives."""
    chance = random.Random(2013)
    book = {n: chance.randrange(1, 200_00) for n in range(1, 201)}
    rates = [chance.randrange(11_000, 13_000) for _ in range(365)]
    whole = cut = 0
    earned = dict.fromkeys(book, 0)
    for rate in rates:
        allocation, day = handed_out(book, rate)
        whole, cut = whole + allocation.whole, cut + allocation.cut
        earned = {holder: earned[holder] + part for holder, part in day.items()}
    exact = Fraction(sum(book.values()) * sum(rates), 10**8)
    assert sum(earned.values()) == whole
    assert exact - 365 < whole <= exact
    assert whole - cut > 100 * len(book)


# Properties


@st.composite
def books(draw: st.DrawFn) -> Book:
    """Draw holdings with ties, zeros and sometimes one that nearly fills 64 bits; the pool always fits."""
    holding = st.one_of(
        st.integers(0, 200_00), st.sampled_from([0, 1, 89_28, 89_29, 10**8, 10**13]), st.integers(0, 10**13)
    )
    few = draw(st.lists(holding, max_size=5))
    holdings = draw(st.lists(st.sampled_from(few) | holding, max_size=12)) if few else []
    if draw(st.booleans()):
        holdings.append(draw(st.integers(9 * 10**18 - 10**6, 9 * 10**18)))
    numbers = draw(st.lists(st.integers(0, 10**9), min_size=len(holdings), max_size=len(holdings), unique=True))
    return dict(zip(numbers, holdings, strict=True))


RATES = st.one_of(
    st.integers(-(10**6) + 1, 10**6 - 1), st.sampled_from([0, 1, -1, 11200, 12000, 10_000, 10**6 - 1, 1 - 10**6])
)


@st.composite
def days(draw: st.DrawFn) -> tuple[Book, int, int | None]:
    """Draw a book, a figure, and no control total or one within its bounds, often at the very bound."""
    book, rate = draw(books()), draw(RATES)
    lowest, highest = bounds(book, rate)
    total = draw(st.none() | st.sampled_from([lowest, highest]) | st.integers(lowest, highest))
    return book, rate, total if total is None or rate >= 0 else -total


@given(days())
def test_the_parts_add_up_and_none_is_off_by_a_fen(case: tuple[Book, int, int | None]) -> None:
    book, rate, total = case
    allocation, each = handed_out(book, rate, total)
    whole = sum(book.values()) * abs(rate) // SCALE if total is None else abs(total)
    assert sum(map(abs, each.values())) == allocation.whole == whole
    assert allocation.pool == sum(book.values())
    assert allocation.left_over >= 0
    for holder, held in book.items():
        assert abs(each[holder] * SCALE - held * rate) < SCALE


@given(days())
def test_the_model_hands_it_out_alike(case: tuple[Book, int, int | None]) -> None:
    book, rate, total = case
    assert handed_out(book, rate, total)[1] == model.allocate(book, rate, total)


@given(days(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(case: tuple[Book, int, int | None], chance: random.Random) -> None:
    book, rate, total = case
    rows = list(book.items())
    chance.shuffle(rows)
    assert handed_out(dict(rows), rate, total) == handed_out(book, rate, total)


@given(days())
def test_a_negative_day_mirrors_a_positive_one(case: tuple[Book, int, int | None]) -> None:
    book, rate, total = case
    allocation, each = handed_out(book, rate, total)
    mirrored, other = handed_out(book, -rate, None if total is None else -total)
    assert other == {holder: -part for holder, part in each.items()}
    assert mirrored == allocation


@given(books(), RATES)
def test_control_totals_are_refused_by_one_fen_on_either_side(book: Book, rate: int) -> None:
    lowest, highest = bounds(book, rate)
    sign = -1 if rate < 0 else 1
    below = lowest - 1 if rate >= 0 or lowest else highest + 1  # a loss of less than nothing is a loss without its sign
    for total in (below, highest + 1):
        with pytest.raises(ControlTotalMismatch) as caught:
            handed_out(book, rate, sign * total)
        assert sorted((sign * lowest, sign * highest)) == [caught.value.lowest, caught.value.highest]


@given(st.integers(0, 2**63 - 1), RATES)
def test_one_holding_is_split_without_leaving_64_bits(holding: int, rate: int) -> None:
    cut, fraction = parts(np.array([holding], np.int64), rate)
    assert int(cut[0]) * SCALE + int(fraction[0]) == holding * abs(rate)
    assert 0 <= int(fraction[0]) < SCALE


# Many


def random_book(chance: random.Random) -> Book:
    sizes: list[Callable[[], int]] = [
        lambda: chance.randrange(200_00),
        lambda: chance.choice([0, 89_28, 89_29, 10**8]),
        lambda: chance.randrange(10 ** chance.randrange(1, 14)),
    ]
    count = chance.randrange(9)
    return {number: chance.choice(sizes)() for number in chance.sample(range(50), count)}


@pytest.mark.slow
def test_a_hundred_thousand_random_days() -> None:
    for seed in range(100_000):
        chance = random.Random(seed)
        book, rate = random_book(chance), chance.randrange(1 - 10**6, 10**6)
        lowest, highest = bounds(book, rate)
        total = chance.choice([None, lowest, highest, chance.randint(lowest, highest)])
        signed = total if total is None or rate >= 0 else -total
        assert handed_out(book, rate, signed)[1] == model.allocate(book, rate, signed), f"seed {seed}"


@pytest.mark.slow
def test_ten_million_holders_get_what_the_largest_cut_fractions_are_due() -> None:
    """In Python's whole numbers: whoever gets a fen more has one of the largest fractions, and they are so many."""
    size, rate, chance = 10**7, 1_1999, np.random.default_rng(198)
    holdings = chance.integers(0, 10**11, size)
    holdings[:: 10**4] = 89_28  # a thousand of them tie
    holders = chance.permutation(size)
    allocation = allocate(holders, holdings, rate)
    exact = [held * rate for held in holdings.tolist()]
    assert allocation.whole == sum(exact) // SCALE
    assert allocation.cut == sum(fen // SCALE for fen in exact)
    last, more = (-allocation.threshold, allocation.last_tie), 0
    each = amounts(holders, holdings, rate, allocation).tolist()
    for holder, fen, part in zip(holders.tolist(), exact, each, strict=True):
        due = (-(fen % SCALE), holder) <= last
        assert part == fen // SCALE + due, holder
        more += due
    assert more == allocation.left_over
