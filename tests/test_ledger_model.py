"""The ledger's values: what cannot be written down, digests that never collide, the lowest balance from a day on."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.model import HOUSE, LARGEST, Account, Entry, Posting, Side, digest, lowest_since, postings_digest
from tests.small_ledger import BY_CODE, FIRST_DAY, lines, on, request

CASH, SAVINGS, POINTS = BY_CODE["cash"], BY_CODE["savings"], BY_CODE["points"]


def test_the_house_is_holder_0_and_no_amount_is_above_a_hundred_billion_yuan() -> None:
    assert HOUSE == 0
    assert LARGEST == 100_000_000_000_00


@pytest.mark.parametrize(("side", "balance"), [(Side.DEBIT, 30), (Side.CREDIT, -30)])
def test_a_balance_is_positive_on_the_normal_side(side: Side, balance: int) -> None:
    assert Account(1, "any", "CNY", side).signed(debits=100, credits=70) == balance


@pytest.mark.parametrize("amount", [0, -1, True, 1.0, "1", None])
def test_a_posting_has_a_positive_whole_amount(amount: Any) -> None:
    with pytest.raises(AssertionError):
        Posting(CASH, SAVINGS, amount)


def test_a_posting_has_two_accounts_of_one_unit() -> None:
    with pytest.raises(AssertionError):
        Posting(CASH, POINTS, 1)
    with pytest.raises(AssertionError):
        Posting(CASH, CASH, 1)


def test_an_entry_has_postings_and_an_instant_with_a_zone() -> None:
    noon = datetime(2013, 9, 16, 12, tzinfo=UTC)
    with pytest.raises(AssertionError):
        Entry(request("r"), "moved", FIRST_DAY, noon, ())
    with pytest.raises(AssertionError):
        Entry(request("r"), "moved", FIRST_DAY, noon.replace(tzinfo=None), lines("Dr cash Cr savings 1"))


def test_what_an_entry_does_to_its_holder_is_signed_to_each_account_s_normal_side() -> None:
    moved = lines("Dr cash Cr savings 7; Dr savings Cr frozen 5; Dr owed Cr savings 3; Dr issued Cr points 2")
    entry = Entry(request("r"), "moved", FIRST_DAY, datetime(2013, 9, 16, 12, tzinfo=UTC), moved)
    assert entry.changes() == {
        BY_CODE["savings"].id: 7 - 5 + 3,
        BY_CODE["frozen"].id: 5,
        BY_CODE["owed"].id: 3,
        POINTS.id: 2,
    }
    back = Entry(
        request("r"),
        "moved",
        FIRST_DAY,
        datetime(2013, 9, 16, 12, tzinfo=UTC),
        lines("Dr frozen Cr owed 4; Dr frozen Cr owed 1"),
    )
    assert back.changes() == {BY_CODE["frozen"].id: -5, BY_CODE["owed"].id: -5}


# Digests


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("ab", "c"), ("a", "bc")),
        (("ab", "c"), ("abc",)),
        (("a", ""), ("a",)),
        (("",), ()),
        (("", ""), ("",)),
        ((1,), ("1",)),
        ((None,), ("",)),
        ((None,), (0,)),
        ((None,), ("None",)),
        ((None,), ()),
        ((12, 3), (1, 23)),
        ((-1,), (1,)),
        (("a", "b"), ("b", "a")),
        (("asb",), ("a", "b")),
        (("ain1",), ("a", None, 1)),
        (("s\0\0\0\1a",), ("s", "a")),
        (("支付",), ("支", "付")),
        (("é",), ("e\u0301",)),
    ],
)
def test_different_contents_have_different_digests(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    assert digest(*one) != digest(*other)


CONTENT = st.lists(st.none() | st.integers(-20, 20) | st.text(st.sampled_from("ins01é支\0"), max_size=4), max_size=4)


@given(st.lists(CONTENT, min_size=2, max_size=12, unique_by=repr))
def test_no_two_contents_share_a_digest(contents: list[list[str | int | None]]) -> None:
    assert all(digest(*one) != digest(*other) for one, other in combinations(contents, 2))


def test_digests_are_the_same_in_every_version() -> None:
    assert digest().hex() == "cae66941d9efbd404e4d88758ea67670"
    assert digest("Payment", 1, 1_00, "超市 é", None).hex() == "24094f8b601889f655d891ffe4cc2f66"
    postings = lines("Dr cash Cr savings 100; Dr issued Cr points 7")
    assert postings_digest("moved", FIRST_DAY, postings).hex() == "a1e024c21d6498d0ccdd2528d719d3f5"


def test_the_content_of_a_house_entry_is_its_kind_day_and_postings_in_order() -> None:
    def of(text: str, kind: str = "moved", day: date = FIRST_DAY) -> bytes:
        return postings_digest(kind, day, lines(text))

    assert of("Dr cash Cr savings 1; Dr savings Cr fees 2") == of("Dr cash Cr savings 1; Dr savings Cr fees 2")
    different = {
        of("Dr cash Cr savings 1; Dr savings Cr fees 2"),
        of("Dr savings Cr fees 2; Dr cash Cr savings 1"),
        of("Dr savings Cr cash 1; Dr savings Cr fees 2"),
        of("Dr cash Cr savings 2; Dr savings Cr fees 1"),
        of("Dr cash Cr savings 1"),
        of("Dr cash Cr savings 1", kind="other"),
        of("Dr cash Cr savings 1", day=on(2)),
    }
    assert len(different) == 7


# The lowest balance from a day on


@pytest.mark.parametrize(
    ("balance", "later", "lowest"),
    [
        (100, [], 100),
        (100, [(1, +100)], 100),  # dated the day itself: it was there by the end of it
        (100, [(2, +100)], 0),  # came only the day after
        (100, [(2, -50)], 100),  # the day itself ended with 150, and less is there now
        (100, [(2, -50), (3, +80)], 20),
        (100, [(3, +80), (2, -50)], 20),  # in whatever order
        (100, [(2, +80), (2, -80)], 100),  # a day counts by its end
        (0, [(2, -50), (3, -50)], 0),
        (0, [(2, +50)], -50),  # the books are broken already: said, not hidden
    ],
)
def test_the_lowest_balance_from_day_1_on(balance: int, later: list[tuple[int, int]], lowest: int) -> None:
    assert lowest_since(balance, [(on(number), amount) for number, amount in later], on(1)) == lowest


@given(st.integers(-1000, 1000), st.lists(st.tuples(st.integers(1, 12), st.integers(-500, 500)), max_size=30))
def test_the_lowest_balance_is_the_lowest_of_all_days(opening: int, moves: list[tuple[int, int]]) -> None:
    def end_of(number: int) -> int:
        return opening + sum(amount for moved, amount in moves if moved <= number)

    dated = [(on(number), amount) for number, amount in moves]
    for number in range(14):
        expected = min(end_of(later) for later in range(number, 14))
        assert lowest_since(end_of(13), dated, on(number)) == expected
