"""Many orders at once: the same outcomes and the same books as one after another, whatever they are."""

from __future__ import annotations

import random
import threading
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa

from tests.desk import OPERATIONS, Desk, Row, at, free_terms
from wallet import facade
from wallet.errors import FacilityExhausted, FundwalletError, InsufficientFunds, InvalidRequest
from wallet.facade import MANY, Payment, Receipt, Refund, TransferIn, TransferOut, order_many
from wallet.requests import Order
from wallet.schema import customer_order, limit_slot

WALLETS = ("alice", "bob", "carol")
TERMS = [
    free_terms(
        minimum=5,
        holding_cap=60_00,
        transfer_in_daily=40_00,
        quota_daily=75_00,
        instant_daily=20_00,
        facility=30_00,
        suspended=((at("09-20 00:00").date(), at("09-20 00:00").date()),),
    )
]
INSTANTS = ["09-17 09:00", "09-17 14:59:59", "09-17 15:00", "09-17 23:59", "09-18 00:00", "09-18 10:00", "09-20 10:00"]
INSTANTS += ["09-16 10:00", "09-15 10:00", "2027-01-01 10:00"]
AMOUNTS = (1, 4, 5, 7_00, 10_00, 15_00, 29_99, 45_00)


def any_order(dice: random.Random, made: list[Order]) -> Order:
    """Return an order at random: of any kind, for any wallet, at any instant, at times one that was made before."""
    if made and dice.random() < 0.08:
        return dice.choice(made)
    name = dice.choice(made).request_id if made and dice.random() < 0.05 else f"r{len(made)}"
    common: dict[str, Any] = {
        "wallet": dice.choice((*WALLETS, *WALLETS, *WALLETS, "nobody")),
        "amount": dice.choice(AMOUNTS),
        "request_id": name,
        "at": at(dice.choice(INSTANTS[: dice.choice((4, 6, 7, 10))])),
    }
    use: dict[str, Any] = {"order_of_use": dice.choice((None, "unconfirmed_first", "confirmed_first"))}
    payments = [order.request_id for order in made if isinstance(order, Payment)]
    kind = dice.random()
    if kind < 0.35:
        return TransferIn(**common)
    if kind < 0.65:
        return Payment(**common, **use, merchant=dice.choice(("shop", "inn")))
    if kind < 0.75:
        return Refund(**common, payment=dice.choice((*payments, "r0")))
    return TransferOut(**common, kind="standard" if kind < 0.85 else "instant", **(use if kind >= 0.85 else {}))


def one(desk: Desk, order: Order) -> tuple[Receipt | None, str | None]:
    """Take one order and return its receipt or why it was refused."""
    try:
        return desk.ask(OPERATIONS[type(order)], order), None
    except FundwalletError as error:
        return None, f"{error.code}: {error}"


def many(desk: Desk, requests: list[Order]) -> list[tuple[Receipt | None, str | None]]:
    """Take many orders in one transaction."""
    outcomes = desk.ask(order_many, requests)
    return [(o.receipt, f"{o.refusal.code}: {o.refusal}" if o.refusal else None) for o in outcomes]


def books(desk: Desk) -> dict[str, list[Row]]:
    """Return all rows; of the slots, what they hold together."""
    rows = desk.dump()
    used: dict[str, int] = {}
    for _, name, _, fen in rows.pop("limit_slot"):
        used[name] = used.get(name, 0) + fen
    return rows | {"limit_slot": sorted((name, fen) for name, fen in used.items() if fen)}


@pytest.fixture
def two(database_url: str, engine_kind: str, request: pytest.FixtureRequest, tmp_path_factory: Any) -> Any:
    """Give two equal books, with 09-16 closed and shares for alice."""
    second = f"sqlite:///{tmp_path_factory.mktemp('second')}/books.db"
    if engine_kind == "postgresql":
        second = request.getfixturevalue("postgres_server").create_database()
    desks = [Desk.open(url, terms=TERMS, wallets=WALLETS) for url in (database_url, second)]
    for desk in desks:
        desk.transfer_in("alice", 30_00, "09-16 10:00", "first")
        desk.publish("09-16", "09-20")
        desk.run("09-17", at("09-17 00:00"))
    yield desks
    for desk in desks:
        desk.engine.dispose()


@pytest.mark.parametrize("seed", [*range(5, 13), *(pytest.param(n, marks=pytest.mark.slow) for n in range(13, 80))])
def test_many_at_once_are_taken_like_one_after_another(two: list[Desk], seed: int) -> None:
    singly, together = two
    dice = random.Random(seed)
    made: list[Order] = []
    for _ in range(70):
        made.append(any_order(dice, made))
    told = [one(singly, order) for order in made]
    cuts = sorted({0, *(dice.randrange(len(made)) for _ in range(dice.randrange(3))), len(made)})
    answered = [answer for start, end in pairwise(cuts) for answer in many(together, made[start:end])]
    for order, mine, theirs in zip(made, told, answered, strict=True):
        assert mine == theirs, order
    assert books(singly) == books(together)
    for desk in two:
        desk.run("09-18")
        assert not desk.verify()
    assert books(singly) == books(together)


def test_outcomes_say_what_was_accepted_repeated_and_refused(desk: Desk) -> None:
    orders: list[Order] = [
        TransferIn(wallet="alice", amount=10_00, request_id="in", at=at("09-16 10:00")),
        Payment(wallet="alice", amount=10_01, request_id="too much", merchant="shop", at=at("09-16 10:01")),
        TransferIn(wallet="alice", amount=10_00, request_id="in", at=at("09-16 10:02")),
        Payment(wallet="nobody", amount=1, request_id="r", merchant="shop", at=at("09-16 10:03")),
        Payment(wallet="alice", amount=10_00, request_id="all", merchant="shop", at=at("09-16 10:04")),
    ]
    told = desk.ask(order_many, orders)
    assert [bool(outcome.receipt) for outcome in told] == [True, False, True, False, True]
    assert [outcome.repeated for outcome in told] == [False, False, True, False, False]
    assert [outcome.refusal.code for outcome in told if outcome.refusal] == ["insufficient_funds", "unknown_wallet"]
    assert told[0].receipt == told[2].receipt
    assert all(outcome.repeated for outcome in desk.ask(order_many, [orders[0], orders[4]]))
    assert not desk.verify()


@pytest.mark.parametrize(
    ("many_of", "kind"),
    [
        (facade.transfer_in_many, {"model": TransferIn}),
        (facade.pay_many, {"model": Payment, "merchant": "shop"}),
        (facade.refund_many, {"model": Refund, "payment": "paid"}),
        (facade.transfer_out_many, {"model": TransferOut, "kind": "instant"}),
    ],
)
def test_each_kind_has_its_own_many(desk: Desk, many_of: Any, kind: dict[str, Any]) -> None:
    desk.transfer_in("alice", 100, "09-16 09:00")
    desk.pay("alice", 10, "09-16 09:30", "paid")
    fen = 1_00 if many_of is facade.transfer_in_many else 5
    model, said = kind["model"], {name: value for name, value in kind.items() if name != "model"}
    orders = [
        model(wallet="alice", amount=fen, request_id=f"of many {n}", at=at("09-16 10:00"), **said) for n in (1, 2)
    ]
    assert [outcome.receipt.amount for outcome in desk.ask(many_of, orders)] == [fen, fen]
    assert not desk.verify()


def test_none_at_all_and_too_many(desk: Desk) -> None:
    assert desk.ask(order_many, []) == []
    order = Payment(wallet="alice", amount=1, request_id="r", merchant="shop", at=at("09-16 10:00"))
    with pytest.raises(InvalidRequest, match="10001 at once, 10000 at most"):
        desk.ask(order_many, [order] * (MANY + 1))
    with desk.engine.connect() as connection, pytest.raises(FundwalletError) as refused:
        order_many(connection, desk.book, [order])
    assert refused.value.code == "no_transaction"


def test_a_payment_is_refunded_by_orders_of_its_own_batch(desk: Desk) -> None:
    desk.transfer_in("alice", 50_00, "09-16 10:00")
    back = [("part", 10_00), ("too much", 20_01), ("rest", 20_00), ("a fen more", 1)]
    made: list[Order] = [
        Payment(wallet="alice", amount=30_00, merchant="shop", request_id="bought", at=at("09-16 10:01")),
        *[
            Refund(wallet="alice", payment="bought", amount=fen, request_id=name, at=at("09-16 10:02"))
            for name, fen in back
        ],
    ]
    outcomes = desk.ask(order_many, made)
    assert [outcome.refusal is None for outcome in outcomes] == [True, True, False, True, False]
    with desk.refuses("refund_exceeds_payment"):
        desk.ask(
            facade.refund, Refund(wallet="alice", payment="bought", amount=1, request_id="x", at=at("09-16 10:03"))
        )
    assert [order.refunded for order in desk.rows(customer_order) if order.kind == "payment"] == [30_00]
    assert not desk.verify()


def test_the_most_that_one_call_takes_is_taken(desk: Desk) -> None:
    orders = [
        TransferIn(wallet=WALLETS[n % 3], amount=1_00, request_id=f"of many {n}", at=at("09-16 10:00"))
        for n in range(MANY)
    ]
    assert all(outcome.receipt for outcome in desk.ask(order_many, orders))
    assert all(outcome.repeated for outcome in desk.ask(order_many, orders))
    assert desk.house()["in_transit"] == MANY * 1_00
    assert not desk.verify()


@pytest.mark.parametrize("operation", [facade.pay, facade.refund, facade.transfer_out])
def test_an_operation_takes_its_own_requests_alone(desk: Desk, operation: Any) -> None:
    """Nothing is transferred in by who asks for a payment, whatever the request is."""
    request: Any = TransferIn(wallet="alice", amount=1_00, request_id="in", at=at("09-16 10:00"))
    before = desk.dump()
    many_of = getattr(facade, f"{operation.__name__}_many")
    with pytest.raises(AssertionError):
        desk.ask(operation, request)
    with pytest.raises(AssertionError):
        desk.ask(many_of, [request])
    assert desk.dump() == before


def test_all_or_none_is_none_where_one_is_refused(database_url: str) -> None:
    desk = Desk.open(database_url, terms=[free_terms(facility=5_00)], wallets=WALLETS)
    desk.transfer_in("alice", 10_00, "09-16 10:00")
    desk.run("09-17", at("09-17 00:00"))

    def pay(*amounts: int) -> list[Order]:
        return [
            Payment(wallet="alice", amount=fen, request_id=f"r{fen}", merchant="shop", at=at("09-17 10:00"))
            for fen in amounts
        ]

    for amounts, code in (((1_00, 10_00), "insufficient_funds"), ((3_00, 2_01), "facility_exhausted")):
        with desk.refuses(code):
            desk.ask(order_many, pay(*amounts), all_or_none=True)
    assert len(desk.ask(order_many, pay(3_00, 2_00), all_or_none=True)) == 2
    assert not desk.verify()


def test_the_facility_is_used_to_the_last_fen_by_a_batch(database_url: str) -> None:
    """Slots that have no room are evened out; what the first payments leave decides which of the others pass."""
    desk = Desk.open(database_url, terms=[free_terms(facility=10_00)], wallets=[f"w{n}" for n in range(40)])
    for n in range(40):
        desk.transfer_in(f"w{n}", 10_00, "09-16 10:00")
    desk.run("09-17", at("09-17 00:00"))
    amounts = [4_00, 3_00, 4_00, 2_00, 2_00, 1_00, 1]
    orders = [
        Payment(wallet=f"w{n}", amount=fen, request_id="paid", merchant="shop", at=at("09-17 10:00"))
        for n, fen in enumerate(amounts)
    ]
    outcomes = desk.ask(order_many, orders)
    assert [outcome.receipt is not None for outcome in outcomes] == [True, True, False, True, False, True, False]
    refusal = outcomes[4].refusal
    assert isinstance(refusal, FacilityExhausted)
    assert (refusal.used, refusal.bound) == (9_00, 10_00)
    assert desk.house()["advancer_shares"] == 10_00
    assert not desk.verify()


def test_where_one_limit_has_no_room_the_others_are_not_used(database_url: str) -> None:
    """The facility fits, the quota does not: the transfer-in is refused, and the payment is counted once."""
    desk = Desk.open(database_url, terms=[free_terms(facility=10_00, quota_daily=50_00)], wallets=WALLETS)
    desk.transfer_in("alice", 40_00, "09-16 10:00")
    desk.run("09-17", at("09-17 00:00"))
    orders: list[Order] = [
        Payment(wallet="alice", amount=6_00, request_id="paid", merchant="shop", at=at("09-17 10:00")),
        TransferIn(wallet="bob", amount=50_01, request_id="too much", at=at("09-17 10:00")),
        TransferIn(wallet="bob", amount=40_00, request_id="fits", at=at("09-17 10:00")),
        TransferIn(wallet="carol", amount=10_01, request_id="no more", at=at("09-17 10:00")),
    ]
    outcomes = desk.ask(order_many, orders)
    assert [outcome.receipt is not None for outcome in outcomes] == [True, False, True, False]
    assert sum(row.used for row in desk.rows(limit_slot, limit_slot.c.name == "facility")) == 6_00
    assert not desk.verify()
    desk.pay("alice", 4_00, "09-17 11:00")
    with desk.refuses("facility_exhausted"):
        desk.pay("alice", 1, "09-17 11:00")


def test_batches_over_the_same_wallets_in_opposite_order_do_not_deadlock(desk: Desk) -> None:
    for wallet in WALLETS:
        desk.transfer_in(wallet, 1_000_00, "09-16 09:00")
    failed: list[BaseException] = []

    def work(which: int) -> None:
        for n in range(20):
            orders = [
                Payment(wallet=w, amount=1, request_id=f"{which}-{n}", merchant="shop", at=at("09-16 10:00"))
                for w in WALLETS[:: 1 if which else -1]
            ]
            try:
                desk.ask(order_many, orders)
            except Exception as error:
                failed.append(error)

    threads = [threading.Thread(target=work, args=(which,)) for which in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed
    assert [desk.holding(wallet)["in_transit"] for wallet in WALLETS] == [1_000_00 - 60] * 3
    assert not desk.verify()


def test_statements_do_not_grow_with_the_orders(desk: Desk) -> None:
    for wallet in WALLETS:
        desk.transfer_in(wallet, 1_000_00, "09-16 09:00")
    said: list[str] = []
    sa.event.listen(desk.engine, "before_cursor_execute", lambda *event: said.append(event[2]))
    counts = []
    for size in (1, 3):
        said.clear()
        orders = [
            Payment(wallet=w, amount=1, request_id=f"{size}", merchant="shop", at=at("09-16 10:00") + timedelta(0, n))
            for n, w in enumerate(WALLETS[:size])
        ]
        assert all(outcome.receipt for outcome in desk.ask(order_many, orders))
        counts.append(len(said))
    assert counts[0] == counts[1] <= 14


def test_a_refusal_is_an_error_like_any_other(desk: Desk) -> None:
    order = Payment(wallet="alice", amount=1, request_id="r", merchant="shop", at=at("09-16 10:00"))
    [outcome] = desk.ask(order_many, [order])
    assert isinstance(outcome.refusal, InsufficientFunds)
    assert (outcome.refusal.amount, outcome.refusal.available) == (1, 0)
