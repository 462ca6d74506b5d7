"""The independent model itself: a fortnight worked by hand, the corners of the rules, and random days."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial

import pytest

from tests.model import STEPS, Model, Receipt, sample_terms, seven_day, seven_day_monthly
from wallet.audit.model import ADVANCER, ONE_DAY, PER_HOLDER, ZONE, Refused, Terms, allocate

FIRST, LAST = date(2013, 9, 2), date(2013, 11, 29)
# The Mid-Autumn and National Day holidays of 2013, as far as they fall on weekdays.
CLOSED = {date(2013, 9, 19), date(2013, 9, 20), *(date(2013, 10, day) for day in (1, 2, 3, 4, 7))}
DAYS = [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]
TRADING_DAYS = [day for day in DAYS if day.weekday() < 5 and day not in CLOSED]
OPENED = date(2013, 9, 16)
TERMS = sample_terms()[0]

# Published by fund 000198: income per 10,000 shares in 1e-4 yuan, seven-day annualised yield.
PUBLISHED = {
    date(2013, 9, 10): (14214, "4.979"),
    date(2013, 9, 11): (12527, "4.989"),
    date(2013, 9, 12): (12598, "5.001"),
    date(2013, 9, 13): (13805, "4.932"),
    date(2013, 9, 14): (12613, "4.943"),
    date(2013, 9, 15): (12611, "4.956"),
    date(2013, 9, 16): (14143, "4.942"),
    date(2013, 9, 17): (12495, "4.848"),
    date(2013, 9, 18): (13366, "4.894"),
    date(2013, 9, 19): (12594, "4.893"),
    date(2013, 9, 20): (12592, "4.827"),
    date(2013, 9, 21): (12569, "4.825"),
    date(2013, 9, 22): (12567, "4.822"),
    date(2013, 9, 23): (12346, "4.724"),
    date(2013, 9, 24): (13281, "4.767"),
    date(2013, 9, 25): (13895, "4.796"),
}


def at(text: str) -> datetime:
    """An instant of 2013 by the fund's clock, as 09-16 10:00."""
    return datetime.fromisoformat(f"2013-{text}").replace(tzinfo=ZONE)


def day(text: str) -> date:
    return date.fromisoformat(f"2013-{text}")


def open_books(*names: str, opened_on: date = OPENED, terms: Sequence[Terms] = (TERMS,)) -> Model:
    books = Model(TRADING_DAYS, FIRST, LAST, opened_on, terms)
    for name in names:
        books.open_wallet(name, datetime(opened_on.year, opened_on.month, opened_on.day, 9, tzinfo=ZONE))
    return books


def end_of(model: Model, through: date) -> str | None:
    """Run the days up to one, at noon of the next; return what blocked."""
    noon = datetime(through.year, through.month, through.day, 12, tzinfo=ZONE) + ONE_DAY
    _, blocked = model.run(through, noon)
    model.check()
    return blocked


def refusal(command: Callable[[], object]) -> str:
    """Name the code a command is refused with; nothing of it may stay behind."""
    with pytest.raises(Refused) as caught:
        command()
    return caught.value.code


# The worked example


def test_a_fortnight_worked_by_hand() -> None:
    books = open_books("alice", "bob", "carol")
    alice, bob, carol = 1, 2, 3
    commands: dict[str, list[Callable[[], Receipt]]] = {
        "09-16": [
            lambda: books.transfer_in(alice, 10_000_00, "a1", at("09-16 10:00:00")),
            lambda: books.transfer_in(bob, 3_333_33, "b1", at("09-16 14:59:59")),
            lambda: books.transfer_in(carol, 89_28, "c1", at("09-16 15:00:00")),
        ],
        "09-18": [
            lambda: books.pay(alice, 1_234_56, "shop", "a2", at("09-18 09:30")),
            lambda: books.transfer_out(bob, 1_000_00, "standard", "b2", at("09-18 14:00")),
            lambda: books.transfer_in(bob, 500_00, "b3", at("09-18 16:00")),
        ],
        "09-20": [lambda: books.pay(bob, 200_00, "shop", "b4", at("09-20 12:00"))],
        "09-23": [lambda: books.pay(bob, 100_00, "shop", "b5", at("09-23 16:00"))],
    }
    dates = {
        "a1": ("09-16", "09-17"),
        "b1": ("09-16", "09-17"),
        "c1": ("09-17", "09-18"),
        "b2": ("09-18", "09-23"),
        "b3": ("09-23", "09-24"),
    }
    # pool, whole, left over; alice; bob's shares, redeeming, in transit; carol; the advancer's income
    expected = {
        "09-17": (13_333_33, 1_66, 1, 10_001_25, (3_333_74, 0, 0), 0, 0),
        "09-18": (13_424_27, 1_79, 1, 8_767_86, (2_334_19, 1_000_00, 500_00), 89_29, 16),
        "09-19": (13_426_06, 1_69, 2, 8_768_96, (2_334_61, 1_000_00, 500_00), 89_30, 16),
        "09-22": (13_431_12, 1_68, 1, 8_772_26, (2_335_87, 1_000_00, 300_00), 89_33, 15),
        "09-23": (11_198_24, 1_38, 1, 8_773_34, (2_336_16, 0, 200_00), 89_34, 0),
        "09-24": (11_499_62, 1_52, 1, 8_774_50, (2_536_50, 0, 0), 89_35, 1),
        "09-25": (11_401_14, 1_58, 1, 8_775_72, (2_536_85, 0, 0), 89_36, 0),
    }
    today = OPENED
    while today <= day("09-25"):
        text = f"{today:%m-%d}"
        for command in commands.get(text, []):
            receipt = command()
            books.check()
            if receipt["request_id"] in dates:
                asked, confirmed = dates[receipt["request_id"]]
                assert receipt["trade_date"] == day(asked)
                assert receipt["confirmation_date"] == day(confirmed)
        books.announce(today, PUBLISHED[today][0])
        assert end_of(books, today) is None
        if text in expected:
            pool, whole, left_over, alices, bobs, carols, advancers = expected[text]
            handed = books.distribution(today)
            assert (handed["pool"], handed["whole"], handed["left_over"]) == (pool, whole, left_over), text
            hers = books.show(bob)
            assert books.show(alice)["shares"] == alices, text
            assert (hers["shares"], hers["redeeming"], hers["in_transit"]) == bobs, text
            assert books.show(carol)["shares"] == carols, text
            assert books.incomes[today].get(ADVANCER, 0) == advancers, text
        if text == "09-17":
            assert books.show(carol)["in_transit"] == 89_28
        today += ONE_DAY
    assert books.requests[bob, "b4"].receipt["status"] == "done"
    assert books.show(alice, on=day("09-18"))["yesterday_income"] == 1_25
    assert books.show(alice)["cumulative_income"] == 8_775_72 - 10_000_00 + 1_234_56
    assert books.show(alice)["as_of"] == day("09-26")


# Pure rules


def test_the_published_yields_come_out() -> None:
    days = sorted(PUBLISHED)
    for last in range(6, len(days)):
        rates = [PUBLISHED[each][0] for each in days[last - 6 : last + 1]]
        assert seven_day(rates) == Decimal(PUBLISHED[days[last]][1]), days[last]


def test_yields_of_fewer_days_of_none_and_of_the_monthly_kind() -> None:
    assert seven_day([0] * 7) == Decimal("0.000")
    assert seven_day([10_000]) == Decimal("3.717")  # 1.0001 ** 365
    assert seven_day([-10_000]) == Decimal("-3.584")
    assert seven_day_monthly([10_000] * 7) == Decimal("3.650")
    assert seven_day_monthly([1, 0]) == Decimal("0.000")  # 0.0001825
    assert seven_day_monthly([14, 2]) == Decimal("0.003")  # 0.00292


@pytest.mark.parametrize(
    ("holdings", "rate", "total", "parts"),
    [
        pytest.param({1: 89_28}, 11_200, None, {1: 0}, id="not yet a fen"),
        pytest.param({1: 89_29}, 11_200, None, {1: 1}, id="the first fen"),
        pytest.param({0: 50_00, 1: 50_00}, 10_000, None, {0: 1, 1: 0}, id="the advancer wins ties"),
        pytest.param({2: 50_00, 1: 50_00}, 10_000, None, {1: 1, 2: 0}, id="then the lower number"),
        pytest.param({1: 40_00, 2: 60_00}, 10_000, None, {1: 0, 2: 1}, id="the larger fraction first"),
        pytest.param({1: 150_00, 2: 150_00}, 10_000, 4, {1: 2, 2: 2}, id="a total above the pool's own"),
        pytest.param({1: 150_00, 2: 150_00}, 10_000, 2, {1: 1, 2: 1}, id="a total below it"),
        pytest.param({1: 150_00, 2: 150_00}, -10_000, None, {1: -2, 2: -1}, id="a negative day"),
        pytest.param({1: 150_00, 2: 150_00}, -10_000, -2, {1: -1, 2: -1}, id="its total with the sign"),
        pytest.param({1: 150_00, 2: 150_00}, -10_000, 2, {1: -1, 2: -1}, id="its total without"),
        pytest.param({1: 150_00}, 0, None, {1: 0}, id="nothing"),
        pytest.param({}, 10_000, None, {}, id="nobody"),
    ],
)
def test_income_is_cut_and_the_rest_handed_out(
    holdings: dict[int, int], rate: int, total: int | None, parts: dict[int, int]
) -> None:
    assert allocate(holdings, rate, total) == parts


@pytest.mark.parametrize(
    ("holdings", "rate", "total"),
    [
        ({1: 150_00, 2: 150_00}, 10_000, 1),
        ({1: 150_00, 2: 150_00}, 10_000, 5),
        ({1: 100_00, 2: 150_00}, 10_000, 4),  # wallet 1 has nothing cut: a fen more is a whole fen away
        ({1: 100_00}, 10_000, -1),
        ({1: 100_00}, 0, 1),
        ({}, 10_000, 1),
    ],
)
def test_a_control_total_a_fen_away_for_anyone_is_refused(holdings: dict[int, int], rate: int, total: int) -> None:
    assert refusal(lambda: allocate(holdings, rate, total)) == "control_total_misfit"


@pytest.mark.parametrize(
    ("instant", "asked", "confirmed"),
    [
        ("09-13 14:59:59.999999", "09-13", "09-16"),
        ("09-13 15:00:00", "09-16", "09-17"),
        ("09-14 10:00", "09-16", "09-17"),
        ("09-18 10:00", "09-18", "09-23"),
        ("09-18 15:00", "09-23", "09-24"),
        ("09-30 15:00", "10-08", "10-09"),
    ],
)
def test_trade_and_confirmation_dates(instant: str, asked: str, confirmed: str) -> None:
    receipt = open_books("a", opened_on=FIRST).transfer_in(1, 1_00, "in", at(instant))
    assert (receipt["trade_date"], receipt["confirmation_date"]) == (day(asked), day(confirmed))


# Confirmations booked late


def late_books(paid: int = 30_00, order_of_use: str | None = None) -> Model:
    """100.00 of trade date Monday, confirmed Tuesday; on Wednesday some is paid, and no step was run."""
    books = open_books("a")
    books.transfer_in(1, 100_00, "in", at("09-16 10:00"))
    books.pay(1, paid, "shop", "pay", at("09-18 10:00"), order_of_use)
    books.check()
    return books


def test_a_payment_after_the_confirmation_date_is_paid_from_the_shares_the_money_became() -> None:
    books = late_books()
    assert books.balance("advancer_in_transit") == 30_00
    books.run(day("09-18"), at("09-18 12:00"))
    books.check()
    assert books.balance("shares", 1, day("09-17")) == 100_00  # in full, dated the confirmation date
    assert books.balance("shares", 1, day("09-18")) == 70_00  # and the move dated the payment's day
    assert books.balance("advancer_shares", on=day("09-17")) == 0
    assert books.balance("advancer_shares", on=day("09-18")) == 30_00
    assert books.balance("advancer_in_transit", on=day("09-17")) == 0
    assert books.balance("advancer_in_transit") == books.balance("in_transit") == 0
    books.announce(day("09-17"), 10_000)
    books.announce(day("09-18"), 10_000)
    assert end_of(books, day("09-18")) is None
    assert books.incomes[day("09-17")] == {ADVANCER: 0, 1: 1}
    assert books.pool(day("09-18")) == 100_01
    books.run(day("09-23"), at("09-23 01:00"))  # the advancer asked on the payment's trade date, 09-18
    assert books.balance("advancer_shares") == books.advance_outstanding() == 0


@pytest.mark.parametrize(
    ("confirmed", "shares", "advancer_shares", "status"),
    [
        (100_00, 70_00, 30_00, "confirmed"),
        (80_00, 70_00, 10_00, "part_confirmed"),
        (40_00, 40_00, 0, "part_confirmed"),
        (0, 0, 0, "rejected"),
    ],
)
def test_of_a_part_the_customer_is_served_before_a_claim(
    confirmed: int, shares: int, advancer_shares: int, status: str
) -> None:
    books = late_books()
    books.record_outcome(1, "in", confirmed)
    books.run(day("09-17"), at("09-18 12:00"))
    books.check()
    assert books.balance("shares", 1) == shares
    assert books.balance("advancer_shares") == advancer_shares
    assert books.requests[1, "in"].status == status
    # The rest came back as cash and was paid out, to the advancer first for her part of it.
    paid_out = [(move.debit, move.amount) for move in books.movements if move.kind == "settlement"]
    back = {"advancer_payable": 30_00 - advancer_shares, "customer_payable": 70_00 - shares}
    assert [pair for pair in paid_out if pair[0] in back] == [pair for pair in back.items() if pair[1]]


def test_passed_money_is_served_last_and_earliest_payment_first() -> None:
    books = open_books("a")
    books.transfer_in(1, 100_00, "in", at("09-16 10:00"))
    books.pay(1, 20_00, "shop", "claim", at("09-18 10:00"))
    books.pay(1, 10_00, "shop", "second", at("09-17 16:00"))
    books.pay(1, 25_00, "shop", "first", at("09-16 15:00"))
    books.record_outcome(1, "in", 70_00)
    books.run(day("09-17"), at("09-17 23:00"))
    books.check()
    assert books.balance("shares", 1, day("09-17")) == 65_00  # her 45.00 and the claim of 20.00
    assert books.balance("shares", 1) == 45_00
    assert [(each.spending.request_id, each.amount) for each in books.advances] == [("claim", 20_00), ("first", 5_00)]


def test_money_that_became_shares_stands_with_the_shares_in_the_order_of_use() -> None:
    for order_of_use, late, live in (("unconfirmed_first", 90_00, 0), ("confirmed_first", 40_00, 50_00)):
        books = open_books("a")
        books.transfer_in(1, 100_00, "late", at("09-16 10:00"))
        books.transfer_in(1, 50_00, "live", at("09-18 10:00"))
        books.pay(1, 60_00, "shop", "pay", at("09-18 11:00"), order_of_use)
        books.check()
        assert (books.requests[1, "late"].remaining, books.requests[1, "live"].remaining) == (late, live)


@pytest.mark.parametrize("seed", range(12))
def test_late_steps_make_the_same_books_as_timely_ones(seed: int) -> None:
    """Where all is confirmed in full and there is enough of everything, it does not matter when steps run.

    Only on a confirmation date itself it does, for who spends shares first: until it is booked, the money
    passes as money in transit. So here shares are spent first on closed days only.
    """
    chance = random.Random(seed)
    instants = [at("09-16 00:00") + timedelta(minutes=chance.randrange(15 * 24 * 60)) for _ in range(40)]
    books = {"timely": open_books("a"), "late": open_books("a")}
    for model in books.values():
        model.transfer_in(1, 10_000_00, "start", at("09-16 00:00"))
    for number, instant in enumerate(sorted(instants)):
        amount, kind = chance.randrange(1_00, 50_00), chance.choice(["in", "pay", "instant"])
        use = None if instant.date() in TRADING_DAYS else "confirmed_first"
        books["timely"].run(day("09-30"), instant)
        for model in books.values():
            if kind == "in":
                model.transfer_in(1, amount, f"r{number}", instant)
            elif kind == "pay":
                model.pay(1, amount, "shop", f"r{number}", instant, use)
            else:
                model.transfer_out(1, amount, kind, f"r{number}", instant, use)
            model.check()
    for each in DAYS:
        for model in books.values():
            model.announce(each, 13_000)
    for model in books.values():
        assert end_of(model, day("10-09")) is None
    for each in DAYS:
        for account in (*PER_HOLDER, "advancer_shares", "advancer_income_shares", "cash", "register"):
            timely, late = (model.balance(account, on=each) for model in books.values())
            assert timely == late, (account, each)
    assert books["timely"].incomes == books["late"].incomes


# Spending


def test_the_cutoff_decides_between_a_take_back_and_an_advance() -> None:
    books = open_books("a")
    books.transfer_in(1, 100_00, "in", at("09-16 10:00"))
    books.pay(1, 10_00, "shop", "before", at("09-16 14:59:59"))
    assert (books.advance_outstanding(), books.balance("merchant_payable")) == (0, 10_00)
    books.pay(1, 20_00, "shop", "at", at("09-16 15:00:00"))
    assert books.advance_outstanding() == books.balance("advancer_receivable") == 20_00
    books.run(day("09-16"), at("09-16 15:00:00"))
    books.pay(1, 5_00, "shop", "cut", at("09-16 14:59:59"))  # the cutoff is booked: applied for
    assert books.advance_outstanding() == 25_00
    books.check()


def test_an_order_taken_back_in_whole_is_never_confirmed() -> None:
    books = open_books("a")
    books.transfer_in(1, 10_00, "in", at("09-16 10:00"))
    books.transfer_out(1, 10_00, "instant", "out", at("09-16 11:00"))
    assert books.requests[1, "in"].status == "taken_back"
    books.run(day("09-17"), at("09-17 12:00"))
    books.check()
    assert books.requests[1, "in"].status == "taken_back"
    assert books.snapshot() == {}
    assert books.balance("cash") == books.balance("register") == 0


def test_newest_money_is_spent_first_and_never_money_of_a_later_instant() -> None:
    books = open_books("a")
    books.transfer_in(1, 10_00, "old", at("09-16 10:00"))
    books.transfer_in(1, 10_00, "new", at("09-16 11:00"))
    books.transfer_in(1, 10_00, "new too", at("09-16 11:00"))
    books.transfer_in(1, 10_00, "later", at("09-16 11:01"))
    books.pay(1, 25_00, "shop", "pay", at("09-16 11:00"))
    left = [books.requests[1, name].remaining for name in ("old", "new", "new too", "later")]
    assert left == [5_00, 0, 0, 10_00]
    assert refusal(lambda: books.pay(1, 5_01, "shop", "more", at("09-16 11:00"))) == "insufficient_funds"


def test_shares_spent_or_confirmed_later_are_not_there_earlier() -> None:
    books = open_books("a")
    books.transfer_in(1, 10_00, "in", at("09-16 10:00"))
    books.transfer_in(1, 5_00, "in2", at("09-18 10:00"))
    books.run(day("09-23"), at("09-23 12:00"))  # the figure of 09-17 is missing, so 09-18 is still open
    assert books.balance("shares", 1) == 15_00
    early = at("09-18 16:00")
    assert refusal(lambda: books.pay(1, 10_01, "shop", "p1", early)) == "insufficient_funds"
    books.pay(1, 8_00, "shop", "later", at("09-24 10:00"))
    assert refusal(lambda: books.pay(1, 7_01, "shop", "p1", early)) == "insufficient_funds"
    books.pay(1, 7_00, "shop", "p1", early)
    assert books.balance("shares", 1) == 0
    books.check()


def test_the_facility_limits_advances_and_room_comes_back_when_the_advancer_is_paid() -> None:
    books = open_books("a", terms=[replace(TERMS, facility=50_00)])
    books.transfer_in(1, 100_00, "in", at("09-16 10:00"))
    books.run(day("09-17"), at("09-17 09:00"))
    books.pay(1, 30_00, "shop", "p1", at("09-17 10:00"))
    code = refusal(lambda: books.transfer_out(1, 20_01, "instant", "o1", at("09-17 10:00")))
    assert code == "facility_exhausted"
    books.transfer_out(1, 20_00, "instant", "o1", at("09-17 10:00"))
    assert books.advance_outstanding() == 50_00
    assert refusal(lambda: books.pay(1, 1, "shop", "p2", at("09-17 11:00"))) == "facility_exhausted"
    books.transfer_in(1, 5_00, "in2", at("09-17 11:00"))
    books.pay(1, 5_00, "shop", "p3", at("09-17 12:00"))  # taken back: needs no advance
    books.run(day("09-18"), at("09-18 00:00"))  # both were asked on 09-17
    assert books.advance_outstanding() == 0
    books.pay(1, 1, "shop", "p2", at("09-18 11:00"))
    books.check()


def test_instant_transfers_out_count_whole_per_natural_day_and_payments_do_not() -> None:
    books = open_books("a", terms=[replace(TERMS, instant_daily=50_00)])
    books.transfer_in(1, 200_00, "in", at("09-16 10:00"))
    books.pay(1, 60_00, "shop", "pay", at("09-16 11:00"))
    books.transfer_out(1, 50_00, "instant", "o1", at("09-16 12:00"))
    code = refusal(lambda: books.transfer_out(1, 1, "instant", "o2", at("09-16 23:59:59")))
    assert code == "daily_instant_exceeded"
    books.transfer_out(1, 50_00, "instant", "o2", at("09-17 00:00"))
    assert books.balance("customer_payable") == 0
    books.check()


# Negative income


def test_what_a_holder_no_longer_has_becomes_a_shortfall_repaid_from_the_next_shares() -> None:
    books = open_books("a", "b")
    books.transfer_in(1, 10_000_00, "a", at("09-16 10:00"))
    books.transfer_in(2, 10_000_00, "b", at("09-16 10:00"))
    books.run(day("09-17"), at("09-17 23:00"))
    books.pay(1, 9_999_70, "shop", "pay", at("09-18 09:00"))
    books.transfer_in(1, 20_00, "again", at("09-18 10:00"))
    books.announce(day("09-17"), -10_000)
    assert end_of(books, day("09-17")) is None
    assert books.incomes[day("09-17")] == {ADVANCER: 0, 1: -1_00, 2: -1_00}
    assert books.balance("shares", 1) == 0
    assert books.balance("shortfall", 1) == 70
    assert books.balance("shares", 2) == 9_999_00
    assert books.show(1)["yesterday_income"] == books.show(1)["cumulative_income"] == -1_00
    for each in ("09-18", "09-19", "09-20", "09-21", "09-22"):
        books.announce(day(each), 0)
    assert end_of(books, day("09-22")) is None
    books.run(day("09-23"), at("09-23 10:00"))
    books.check()
    assert books.balance("shortfall", 1, day("09-22")) == 70
    assert books.balance("shortfall", 1) == 0
    assert books.balance("shares", 1) == 19_30


def test_positive_income_repays_a_shortfall_as_far_as_it_goes() -> None:
    books = open_books("a")
    books.transfer_in(1, 1_000_00, "in", at("09-16 10:00"))
    books.run(day("09-17"), at("09-17 23:00"))
    books.transfer_out(1, 1_000_00, "standard", "out", at("09-18 09:00"))
    books.announce(day("09-17"), -30_000)
    books.announce(day("09-18"), 20_000)
    books.announce(day("09-19"), 20_000)
    assert end_of(books, day("09-17")) is None
    assert books.balance("shortfall", 1) == 30  # what is under redemption is not taken from
    assert end_of(books, day("09-18")) is None
    assert (books.balance("shortfall", 1), books.balance("shares", 1)) == (10, 0)
    assert end_of(books, day("09-19")) is None
    assert (books.balance("shortfall", 1), books.balance("shares", 1)) == (0, 10)


def test_the_advancer_bears_negative_income_of_its_own() -> None:
    books = open_books("a")
    books.transfer_in(1, 2_000_00, "in", at("09-16 10:00"))
    books.run(day("09-17"), at("09-17 12:00"))
    books.pay(1, 1_000_00, "shop", "pay", at("09-18 16:00"))
    rates = {"09-17": 0, "09-18": 10_000, "09-19": -30_000, "09-20": 20_000, "09-21": 20_000}
    seen = []
    for text, rate in rates.items():
        books.announce(day(text), rate)
        assert end_of(books, day(text)) is None
        seen.append((books.balance("advancer_income_shares"), books.balance("shortfall", ADVANCER)))
    assert seen == [(0, 0), (10, 0), (0, 20), (0, 0), (20, 0)]


# Outcomes


@pytest.mark.parametrize(("confirmed", "shares", "advancers"), [(35_00, 35_00, 0), (80_00, 70_00, 10_00)])
def test_a_part_of_a_subscription_serves_the_customer_first(confirmed: int, shares: int, advancers: int) -> None:
    books = open_books("a")
    books.transfer_in(1, 100_00, "in", at("09-16 10:00"))
    books.pay(1, 30_00, "shop", "pay", at("09-16 16:00"))
    books.record_outcome(1, "in", confirmed)
    books.run(day("09-17"), at("09-17 00:00"))
    books.check()
    assert books.balance("shares", 1) == shares
    assert books.balance("advancer_shares") == books.advance_outstanding() == advancers
    assert books.requests[1, "in"].status == "part_confirmed"
    assert refusal(lambda: books.record_outcome(1, "in", 1)) == "already_confirmed"


def test_a_rejected_redemption_gives_the_shares_back() -> None:
    books = open_books("a")
    books.transfer_in(1, 100_00, "in", at("09-16 10:00"))
    books.run(day("09-17"), at("09-17 12:00"))
    books.transfer_out(1, 60_00, "standard", "o1", at("09-17 13:00"))
    books.transfer_out(1, 40_00, "standard", "o2", at("09-17 13:00"))
    code = refusal(lambda: books.transfer_out(1, 1, "standard", "o3", at("09-17 13:00")))
    assert code == "insufficient_funds"
    assert refusal(lambda: books.record_outcome(1, "o1", 60_01)) == "invalid_outcome"
    books.record_outcome(1, "o1", 0)
    books.record_outcome(1, "o2", 25_00)
    books.run(day("09-18"), at("09-18 12:00"))
    books.check()
    assert (books.balance("shares", 1), books.balance("redeeming", 1)) == (75_00, 0)
    assert books.balance("register") == 75_00
    assert [books.requests[1, name].status for name in ("o1", "o2")] == ["rejected", "part_confirmed"]


# Requests


def test_a_repeat_gives_the_first_receipt_and_other_content_is_a_conflict() -> None:
    books = open_books("a", "b")
    first = books.transfer_in(1, 10_00, "r1", at("09-16 10:00"))
    paid = books.pay(1, 5_00, "shop", "r2", at("09-16 11:00"))
    assert end_of(books, day("09-16")) is None
    books.terms = [replace(TERMS, minimum=1_000_00)]
    booked = len(books.movements)
    assert books.transfer_in(1, 10_00, "r1", at("09-17 16:00")) == first
    assert books.pay(1, 5_00, "shop", "r2", at("01-01 10:00"), "confirmed_first") == paid
    assert len(books.movements) == booked
    again = at("09-17 10:00")
    conflicts: list[Callable[[], object]] = [
        lambda: books.transfer_in(1, 10_01, "r1", again),
        lambda: books.pay(1, 10_00, "shop", "r1", again),
        lambda: books.pay(1, 5_00, "other shop", "r2", again),
        lambda: books.transfer_out(1, 5_00, "instant", "r2", again),
        lambda: books.transfer_out(1, 5_00, "standard", "r2", again),
        lambda: books.refund(1, "r2", 5_00, "r2", again),
    ]
    assert {refusal(command) for command in conflicts} == {"request_conflict"}
    assert refusal(lambda: books.pay(2, 5_00, "shop", "r2", again)) == "insufficient_funds"  # ids are hers


def test_refusals_common_to_all_come_in_their_order() -> None:
    books = open_books("a")
    books.transfer_in(1, 10_00, "r1", at("09-16 10:00"))
    assert end_of(books, day("09-16")) is None
    now, closed = at("09-17 10:00"), at("09-16 10:00")
    before, outside = at("09-13 10:00"), at("08-01 10:00")
    naive = datetime(2013, 9, 17, 10)
    for amount, request_id, instant in (
        (0, "r", now),
        (10**13 + 1, "r", now),
        (1, "", now),
        (1, " r", now),
        (1, "r\n1", now),
        (1, "r" * 201, now),
        (1, "r", naive),
    ):
        assert refusal(partial(books.transfer_in, 9, amount, request_id, instant)) == ("invalid_request")
    assert refusal(lambda: books.pay(9, 1, "shop", "r", now, "newest_first")) == "invalid_request"
    assert refusal(lambda: books.transfer_out(9, 1, "slow", "r", now)) == "invalid_request"
    for wallet in (0, 2):
        assert refusal(partial(books.pay, wallet, 1, "shop", "r1", outside)) == "unknown_wallet"
    assert refusal(lambda: books.pay(1, 1, "shop", "r1", outside)) == "request_conflict"
    assert refusal(lambda: books.pay(1, 1, "shop", "r", outside)) == "outside_calendar"
    assert refusal(lambda: books.pay(1, 1, "shop", "r", at("11-29 15:00"))) == "outside_calendar"
    assert refusal(lambda: books.transfer_in(1, 1, "r", at("11-29 10:00"))) == "outside_calendar"
    assert refusal(lambda: books.pay(1, 1, "shop", "r", before)) == "before_opening"
    assert refusal(lambda: books.pay(1, 100_00, "shop", "r", closed)) == "day_closed"
    assert refusal(lambda: books.pay(1, 100_00, "shop", "r", now)) == "insufficient_funds"
    assert refusal(lambda: books.open_wallet("a", outside)) == "outside_calendar"
    assert refusal(lambda: books.open_wallet("a", before)) == "before_opening"
    assert refusal(lambda: books.open_wallet("a", now)) == "wallet_exists"
    books.check()


def test_refusals_of_a_transfer_in_come_in_their_order() -> None:
    books = open_books("a", "b")
    books.transfer_in(2, 30_00, "other", at("09-17 09:00"))
    books.transfer_in(1, 60_00, "early", at("09-17 09:00"))
    books.run(day("09-16"), at("09-16 15:00"))
    holiday = (day("09-17"), day("09-18"))
    terms = replace(TERMS, minimum=5_00, holding_cap=100_00, transfer_in_daily=90_00, quota_daily=110_00, suspended=())
    books.terms = [replace(terms, suspended=(holiday,))]
    noon = at("09-17 12:00")
    assert refusal(lambda: books.transfer_in(1, 1, "r", at("09-16 14:00"))) == "trade_date_cut"
    assert refusal(lambda: books.transfer_out(1, 1, "standard", "r", at("09-16 14:00"))) == "trade_date_cut"
    assert refusal(lambda: books.transfer_in(1, 1, "r", noon)) == "purchases_suspended"
    books.terms = [replace(terms, suspended=((at("09-17 12:00:01"), at("09-17 13:00")),))]
    assert refusal(lambda: books.transfer_in(1, 4_99, "r", noon)) == "below_minimum"
    assert refusal(lambda: books.transfer_in(1, 40_01, "r", noon)) == "holding_cap_exceeded"
    assert refusal(lambda: books.transfer_in(1, 40_00, "r", noon)) == "daily_transfer_in_exceeded"
    assert refusal(lambda: books.transfer_in(1, 20_01, "r", noon)) == "quota_exceeded"
    books.transfer_in(1, 20_00, "r", noon)
    assert refusal(lambda: books.transfer_in(1, 5_00, "r2", at("09-17 12:00:01"))) == "purchases_suspended"
    books.transfer_in(1, 20_00, "r2", at("09-18 12:00:01"))
    books.check()


def test_a_refund_is_a_new_transfer_in_within_its_payment() -> None:
    books = open_books("a", "b", terms=[replace(TERMS, holding_cap=100_00)])
    books.transfer_in(1, 100_00, "in", at("09-16 10:00"))
    books.pay(1, 60_00, "shop", "pay", at("09-16 11:00"))
    receipt = books.refund(1, "pay", 40_00, "back", at("09-18 16:00"))
    assert (receipt["trade_date"], receipt["confirmation_date"]) == (day("09-23"), day("09-24"))
    assert (receipt["kind"], receipt["status"]) == ("refund", "accepted")
    books.transfer_in(1, 20_00, "full", at("09-18 16:30"))
    books.refund(1, "pay", 20_00, "back too", at("09-18 17:00"))  # no cap holds, nor the minimum
    later = at("09-18 18:00")
    assert refusal(lambda: books.refund(1, "none", 1, "r", later)) == "unknown_payment"
    assert refusal(lambda: books.refund(2, "pay", 1, "r", later)) == "unknown_payment"
    assert refusal(lambda: books.refund(1, "pay", 1, "r", at("09-16 10:59"))) == "unknown_payment"
    assert refusal(lambda: books.refund(1, "in", 1, "r", later)) == "not_refundable"
    assert refusal(lambda: books.refund(1, "back", 1, "r", later)) == "not_refundable"
    books.run(day("09-16"), at("09-16 15:00"))
    cut = at("09-16 14:00")
    assert refusal(lambda: books.refund(1, "pay", 1, "r", cut)) == "refund_exceeds_payment"
    books.requests[1, "pay"].refunded -= 1
    assert refusal(lambda: books.refund(1, "pay", 1, "r", cut)) == "trade_date_cut"
    assert books.balance("merchant_payable") == 0
    books.check()


def test_a_merchant_who_owes_is_paid_less_the_next_time() -> None:
    books = open_books("a")
    books.transfer_in(1, 100_00, "in", at("09-16 10:00"))
    books.pay(1, 30_00, "shop", "p1", at("09-16 11:00"))
    books.run(day("09-17"), at("09-17 10:00"))
    books.refund(1, "p1", 30_00, "back", at("09-17 11:00"))
    assert books.balance("merchant_payable") == -30_00
    books.run(day("09-18"), at("09-18 01:00"))
    assert books.balance("merchant_payable") == -30_00
    books.pay(1, 50_00, "shop", "p2", at("09-18 11:00"))
    books.run(day("09-19"), at("09-19 01:00"))
    assert books.balance("merchant_payable") == 0
    assert books.balance("cash", on=day("09-18")) - books.balance("cash") == 20_00 - 50_00
    books.check()


# The day


def states_of(states: list[tuple[date, str, str]], text: str) -> list[str]:
    return [state for each, _, state in states if each == day(text)]


def test_steps_are_done_when_they_are_due_and_not_before() -> None:
    books = open_books("a")
    skipped = "skipped: no outside record"
    states, blocked = books.run(day("09-18"), at("09-17 14:59:59"))
    assert blocked is None
    assert states_of(states, "09-16") == ["done"] * 5 + [skipped, "done"]
    assert states_of(states, "09-17") == ["done"] * 2 + ["not due"] * 5
    states, _ = books.run(day("09-18"), at("09-17 15:00"))
    assert states_of(states, "09-17") == ["done"] * 3 + ["not due"] * 4
    assert states_of(states, "09-18") == ["not due"] * 7
    states, _ = books.run(day("09-19"), at("09-20 00:00"))
    closed = "not a trading day"
    assert states_of(states, "09-19") == [closed, "done", closed, "done", "done", skipped, "done"]
    assert [step for _, step, _ in states[:7]] == list(STEPS)
    assert refusal(lambda: books.run(date(2014, 1, 1), at("09-20 00:00"))) == "outside_calendar"


def test_a_missing_figure_blocks_its_own_chain_only() -> None:
    books = open_books("a")
    books.transfer_in(1, 10_000_00, "in", at("09-16 10:00"))
    states, blocked = books.run(day("09-18"), at("09-19 00:00"))
    books.check()
    assert blocked == "2013-09-17 distribute: no figure is announced"
    skipped = "skipped: no outside record"
    assert states_of(states, "09-16")[4] == "done"  # nobody held shares: no figure is needed
    assert states_of(states, "09-17") == ["done"] * 4 + ["blocked", skipped, "waiting"]
    assert states_of(states, "09-18") == ["done"] * 3 + ["waiting"] * 4
    books.pay(1, 100_00, "shop", "still open", at("09-18 16:00"))
    books.announce(day("09-17"), 12_495, control_total=99)
    _, blocked = books.run(day("09-18"), at("09-19 00:00"))
    assert blocked is not None
    assert blocked.startswith("2013-09-17 distribute: control_total_misfit")
    books.announce(day("09-17"), 12_495, control_total=1_25, replace=True)
    _, blocked = books.run(day("09-18"), at("09-19 00:00"))
    assert blocked == "2013-09-18 distribute: no figure is announced"
    assert books.show(1)["yesterday_income"] == 1_25
    assert refusal(lambda: books.pay(1, 1, "shop", "r", at("09-18 16:00"))) == "day_closed"
    books.check()


def test_figures_may_be_replaced_until_they_are_distributed() -> None:
    books = open_books("a")
    books.transfer_in(1, 10_000_00, "in", at("09-16 10:00"))
    asked = day("09-17")
    books.announce(asked, 12_495)
    books.announce(asked, 12_495)
    assert refusal(lambda: books.announce(asked, 10**6)) == "invalid_figure"
    assert refusal(lambda: books.announce(date(2014, 1, 1), 1)) == "outside_calendar"
    assert refusal(lambda: books.announce(asked, 12_496)) == "figure_announced"
    books.announce(asked, 12_496, replace=True)
    assert books.figures[asked] == [(12_495, None), (12_496, None)]
    assert end_of(books, asked) is None
    assert books.distribution(asked)["rate"] == 12_496
    books.announce(asked, 12_496)
    for again in (False, True):
        assert refusal(partial(books.announce, asked, 1, replace=again)) == "figure_distributed"


def test_running_again_changes_nothing() -> None:
    books = late_books()
    books.run(day("09-18"), at("09-18 12:00"))
    booked = len(books.movements)
    books.run(day("09-18"), at("09-18 12:00"))
    assert len(books.movements) == booked


# Random days


class Walk:
    """A seeded random walk: instants jump back, steps run late, figures come late or wrong."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        limits = replace(TERMS, facility=3_000_00, instant_daily=400_00, holding_cap=20_000_00)
        self.books = open_books("a", "b", "c", "d", terms=[limits])
        self.now = at("09-16 09:00")
        self.requests: list[tuple[int, str]] = []
        self.outcomes: dict[str, int] = {}

    def step(self) -> None:
        self.now += timedelta(minutes=self.chance.choice([0, 1, 20, 90, 240]))
        action = self.chance.choice([self.order, self.order, self.order, self.run, self.announce, self.answer])
        try:
            action()
            outcome = action.__name__
        except Refused as refusal:
            outcome = refusal.code
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1

    def order(self) -> None:
        instant = self.now - timedelta(hours=self.chance.choice([0, 0, 0, 1, 9, 30, 60]))
        wallet, request_id = self.chance.randint(1, 4), f"r{self.chance.randrange(10**6)}"
        amount = self.chance.choice([1, 1_00, 77_77, 250_00, 1_000_00])
        use = self.chance.choice([None, "unconfirmed_first", "confirmed_first"])
        self.requests.append((wallet, request_id))
        kind = self.chance.choice(["in", "in", "pay", "pay", "instant", "standard", "refund"])
        if kind == "in":
            self.books.transfer_in(wallet, amount, request_id, instant)
        elif kind == "pay":
            self.books.pay(wallet, amount, "shop", request_id, instant, use)
        elif kind == "refund":
            payment = self.chance.choice([paid for owner, paid in self.requests if owner == wallet])
            self.books.refund(wallet, payment, amount, request_id, instant)
        else:
            self.books.transfer_out(wallet, amount, kind, request_id, instant, use)

    def run(self) -> None:
        if self.chance.random() < 0.3:
            self.books.run(self.now.date(), self.now)

    def announce(self) -> None:
        ahead = self.books.closed_through + timedelta(days=self.chance.choice([0, 0, 0, 1, 2]))
        rate = self.chance.choice([0, 12_495, 99_999, 300_001, -12_345, -300_001])
        total = self.chance.choice([None, None, None, 1])
        self.books.announce(ahead, rate, total, replace=self.chance.random() < 0.5)

    def answer(self) -> None:
        """Answer for a trade date that is cut but not confirmed, as the transfer agent would."""
        asked = self.books.asked[self.books.cut_through]
        if asked:
            order = self.chance.choice(asked)
            confirmed = self.chance.choice([0, order.applied // 3, order.applied])
            self.books.record_outcome(order.wallet, order.request_id, confirmed)


@pytest.mark.parametrize("seed", range(8))
def test_every_invariant_holds_after_every_step_of_a_random_walk(seed: int) -> None:
    walk = Walk(seed)
    for _ in range(400):
        walk.step()
        walk.books.check()


def test_the_random_walk_goes_everywhere() -> None:
    seen: set[str] = set()
    kinds: set[str] = set()
    for seed in range(8):
        walk = Walk(seed)
        for _ in range(400):
            walk.step()
        seen |= set(walk.outcomes)
        kinds |= {movement.kind for movement in walk.books.movements}
        kinds |= {movement.debit for movement in walk.books.movements}
    assert {"facility_exhausted", "insufficient_funds", "day_closed", "trade_date_cut"} <= seen
    assert {"daily_instant_exceeded", "refund_exceeds_payment", "figure_announced"} <= seen
    assert {"claim_returned", "shortfall", "shortfall_repaid", "redemption_rejected"} <= kinds
    assert {"subscription_rejected", "advancer_redemption", "advancer_income_shares"} <= kinds


def test_the_same_commands_make_the_same_books() -> None:
    first, second = Walk(99), Walk(99)
    for _ in range(300):
        first.step()
        second.step()
    assert first.books.movements == second.books.movements
