"""What may be asked of a wallet: strict at the edge, no coercion, and what makes a repeat the same request."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.desk import at
from wallet.errors import InvalidRequest
from wallet.requests import Opening, Order, Payment, Refund, TransferIn, TransferOut
from wallet.rules.spending import OrderOfUse

NOON = at("09-16 12:00")
TRANSFER_IN: dict[str, Any] = {"wallet": "alice", "amount": 100_00, "request_id": "r1", "at": NOON}
VALID: list[tuple[type[Any], dict[str, Any]]] = [
    (TransferIn, TRANSFER_IN),
    (Payment, TRANSFER_IN | {"merchant": "shop"}),
    (Refund, TRANSFER_IN | {"payment": "p1"}),
    (TransferOut, TRANSFER_IN | {"kind": "instant"}),
    (TransferOut, TRANSFER_IN | {"kind": "standard"}),
]
ORDERS = pytest.mark.parametrize(("order", "facts"), VALID, ids=lambda case: getattr(case, "__name__", ""))


def refused(ask: Callable[[], object]) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        ask()
    assert caught.value.code == "invalid_request"
    assert str(caught.value).isprintable()
    return caught.value


@ORDERS
def test_a_request_holds_what_was_said(order: type[Order], facts: dict[str, Any]) -> None:
    request = order(**facts)
    assert {name: getattr(request, name) for name in facts} == facts


@ORDERS
@pytest.mark.parametrize("amount", [0, -1, 10**13 + 1, True, 12.0, "12", 12.5, None, float("nan")])
def test_an_amount_is_a_whole_number_of_fen_within_bounds(
    order: type[Order], facts: dict[str, Any], amount: object
) -> None:
    assert refused(lambda: order(**facts | {"amount": amount})).field == "amount"


@pytest.mark.parametrize("amount", [1, 10**13])
def test_the_bounds_of_an_amount_are_allowed(amount: int) -> None:
    assert TransferIn(**TRANSFER_IN | {"amount": amount}).amount == amount


BAD_TEXTS = [
    "",
    " ",
    " a",
    "a ",
    "\u3000a",
    "a\u00a0",
    "a\n",
    "\ta",
    "a\nb",
    "a\x00b",
    "a\x7fb",
    "a\u0085b",
    "a\u200bb",  # no width
    "a\u202eb",  # turns the direction
    "a\u2028b",
    "\ud800",  # half a character
    "x" * 201,
    1,
    None,
    b"a",
    ["a"],
]


@pytest.mark.parametrize("text", BAD_TEXTS)
def test_texts_are_short_and_plain(text: object) -> None:
    for order, facts, field in (
        (TransferIn, TRANSFER_IN, "wallet"),
        (TransferIn, TRANSFER_IN, "request_id"),
        (Payment, VALID[1][1], "merchant"),
        (Refund, VALID[2][1], "payment"),
    ):
        assert refused(lambda: order(**facts | {field: text})).field == field  # noqa: B023
    assert refused(lambda: Opening(wallet=text, at=NOON)).field == "wallet"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["a", "x" * 200, "支付宝 钱包", "é", "a b", "-", "0", "👩\u20e3", "'; DROP TABLE wallet"]
)
def test_any_other_text_is_taken_as_it_is(text: str) -> None:
    assert TransferIn(**TRANSFER_IN | {"wallet": text, "request_id": text}).wallet == text


@ORDERS
@pytest.mark.parametrize(
    "instant", [NOON.replace(tzinfo=None), "2013-09-16T12:00:00+08:00", 1_379_304_000, date(2013, 9, 16), None]
)
def test_an_instant_has_a_zone(order: type[Order], facts: dict[str, Any], instant: object) -> None:
    assert refused(lambda: order(**facts | {"at": instant})).field == "at"


@ORDERS
def test_nothing_is_left_out_and_nothing_is_added(order: type[Order], facts: dict[str, Any]) -> None:
    for field in facts:
        assert refused(lambda: order(**{k: v for k, v in facts.items() if k != field})).field == field  # noqa: B023
    assert refused(lambda: order(**facts | {"memo": "x"})).field == "memo"


@ORDERS
def test_a_request_is_never_changed(order: type[Order], facts: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="frozen"):
        order(**facts).amount = 1


@ORDERS
def test_other_ways_in_are_as_strict(order: type[Order], facts: dict[str, Any]) -> None:
    assert order.model_validate(facts) == order(**facts)
    refused(lambda: order.model_validate(facts | {"amount": "12"}))


def test_kinds_and_orders_of_use_are_words_of_a_list() -> None:
    for kind in ("Instant", "", None, "fast"):
        assert refused(lambda: TransferOut(**VALID[3][1] | {"kind": kind})).field == "kind"  # noqa: B023
    for order, facts in VALID[1], VALID[3]:
        for word in OrderOfUse:
            assert vars(order(**facts, order_of_use=str(word)))["order_of_use"] is word
        assert vars(order(**facts))["order_of_use"] is None
        assert refused(lambda: order(**facts, order_of_use="newest_first")).field == "order_of_use"  # noqa: B023


# What makes a repeat the same request


def test_content_is_operation_wallet_amount_and_counterpart() -> None:
    contents = [
        TransferIn(**TRANSFER_IN),
        TransferIn(**TRANSFER_IN | {"amount": 100_01}),
        Payment(**VALID[1][1]),
        Payment(**VALID[1][1] | {"merchant": "other"}),
        Payment(**VALID[1][1] | {"merchant": "p1"}),
        Refund(**VALID[2][1]),
        Refund(**VALID[2][1] | {"payment": "p2"}),
        TransferOut(**VALID[3][1]),
        TransferOut(**VALID[4][1]),
    ]
    digests = {request.content_digest(holder) for request in contents for holder in (1, 2)}
    assert len(digests) == 2 * len(contents)


@ORDERS
def test_the_instant_and_the_order_of_use_are_no_content(order: type[Order], facts: dict[str, Any]) -> None:
    later = facts | {"at": NOON.astimezone(UTC) + timedelta(3)}
    assert order(**later).content_digest(1) == order(**facts).content_digest(1)
    if order in (Payment, TransferOut):
        other = order(**facts | {"order_of_use": "confirmed_first"})
        assert other.content_digest(1) == order(**facts).content_digest(1)


def test_digests_of_requests_are_the_same_in_every_version() -> None:
    """They stand in the journal: a repeat after an upgrade must still be recognized."""
    assert [order(**facts).content_digest(1).hex() for order, facts in VALID] == [
        "7bb950ea1df658fede0b475e5e514e9b",
        "1b2c2ce85a1f36356fc2d795df5f1415",
        "59eb5aa93cea864a002ba671191449fe",
        "d0b45037ecd4904ca6f0615d7189dc38",
        "5ad810bab63b0f69f73dfed62a4005ee",
    ]


@given(st.datetimes(timezones=st.integers(-14, 14).map(lambda h: timezone(timedelta(hours=h)))))
def test_any_instant_with_a_zone_is_taken_as_it_is(instant: datetime) -> None:
    assert TransferIn(**TRANSFER_IN | {"at": instant}).at == instant
