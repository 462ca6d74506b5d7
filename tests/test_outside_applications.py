"""What goes to the transfer agent: which orders and payments, for how much, on which day, and always the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa

from ledger import journal
from ledger.model import HOUSE, Entry, Request
from ledger.schema import journal_entry, posting
from tests.desk import Desk, at, day
from wallet import facade
from wallet.outside import applications, files, links
from wallet.outside.applications import RECORDS
from wallet.outside.files import APPLIED, MOVED, OutsideFile
from wallet.outside.links import Link
from wallet.outside.schema import answer, link
from wallet.rules import manual
from wallet.schema import customer_order
from wallet.transfer_agent import layout

LINK = Link(day("09-16"), "WALLET", "TA")
TOLD = ("AppSheetSerialNo", "BusinessCode", "TAAccountID", "ApplicationAmount", "ApplicationVol")


def records(desk: Desk, kind: str, text: str, advancer: int = 0) -> list[dict[str, Any]]:
    """Return the records of a file, their number checked."""
    with facade.reading(desk.engine) as connection:
        asked = connection, desk.book
        blocks = list(applications.columns(*asked, LINK, kind, day(text), advancer))
        count = applications.count(*asked, kind, day(text), advancer)
    made = [dict(zip(block, row, strict=True)) for block in blocks for row in zip(*block.values(), strict=True)]
    assert len(made) == count
    return made


def told(desk: Desk, kind: str, text: str, advancer: int = 0) -> list[tuple[Any, ...]]:
    """Return of each record the number in its serial, code, holder, and the fen or hundredths applied for."""
    return [
        (
            int(row["AppSheetSerialNo"][8:]),
            row["BusinessCode"],
            int(row["TAAccountID"]),
            row.get("ApplicationAmount", 0) or row["ApplicationVol"],
        )
        for row in records(desk, kind, text, advancer)
    ]


def number_of(desk: Desk, request_id: str) -> int:
    """Return the entry of a request."""
    query = sa.select(journal_entry.c.entry_id).where(journal_entry.c.request_id == request_id)
    with facade.reading(desk.engine) as connection:
        return int(connection.execute(query).scalar_one())


def connect(desk: Desk, text: str = "09-16") -> None:
    """Connect the book after the fact."""
    with desk.engine.begin() as connection:
        connection.execute(sa.insert(link).values(links.row_of(desk.book, Link(day(text)))))


def answered(desk: Desk, application: int, holder: int, code: str, text: str, confirmed: int, final: int = 1) -> None:
    """Store an answer of the transfer agent."""
    row = {
        "holder_id": holder,
        "application": application,
        "business_code": code,
        "confirmation_date": day(text),
        "book": desk.book.code,
        "applied": confirmed,
        "confirmed": confirmed,
        "return_code": "0000",
        "final": final,
        "ta_serial": f"{application}{code}{holder}",
        "file": 1,
    }
    with desk.engine.begin() as connection:
        connection.execute(sa.insert(answer).values(row))


def sent(desk: Desk, text: str, advancer: int) -> None:
    """Write down that the applications of a trade date were sent."""

    def write(connection: sa.Connection, book: facade.Fund) -> None:
        file = OutsideFile(f"03 of {text}", APPLIED, day(text), day(text), 1, b"", advancer)
        files.write(connection, book, files.next_number(connection, book), file, b"", at("09-16 15:00"))

    desk.ask(write)


def redeems(desk: Desk, text: str, since: str = "09-16") -> int:
    with facade.reading(desk.engine) as connection:
        return applications.advancer_redeems(connection, desk.book, day(text), day(since))


# Applications


def test_purchases_and_redemptions_of_a_trade_date_in_the_order_of_their_numbers(desk: Desk) -> None:
    desk.transfer_in("bob", 500_00, "09-16 10:00")
    desk.transfer_in("carol", 300_00, "09-16 15:00", "late")
    desk.publish("09-16", "09-30", 0)
    desk.run("09-17", at("09-17 00:00"))
    desk.transfer_out("bob", 120_50, "standard", "09-17 14:59:59", "out")
    desk.transfer_in("alice", 1_00, "09-17 09:00:01", "early")
    desk.transfer_in("alice", 1_00, "09-17 15:00", "next")
    desk.run("09-17", at("09-17 15:00"))
    late, out, early = (number_of(desk, name) for name in ("late", "out", "early"))
    assert told(desk, APPLIED, "09-17") == [(late, "022", 3, 300_00), (out, "024", 2, 120_50), (early, "022", 1, 1_00)]
    assert [row["TransactionTime"] for row in records(desk, APPLIED, "09-17")] == ["150000", "145959", "090001"]
    assert {row["TransactionDate"] for row in records(desk, APPLIED, "09-17")} == {"20130917"}


def test_a_record_of_each_kind_as_it_is_filled(desk: Desk) -> None:
    desk.transfer_in("alice", 500_00, "09-16 10:00")
    desk.publish("09-16", "09-30", 0)
    desk.run("09-17", at("09-17 00:00"))
    desk.transfer_in("bob", 300_00, "09-17 10:00", "in")
    desk.transfer_out("alice", 7_00, "standard", "09-17 10:00", "out")
    both = {
        "FundCode": "000198",
        "TransactionDate": "20130917",
        "DistributorCode": "WALLET",
        "BranchCode": "WALLET",
        "CurrencyType": "156",
        "ShareClass": "0",
        "ChargeType": "0",
    }
    bought = both | {
        "AppSheetSerialNo": f"20130917{number_of(desk, 'in'):016}",
        "TransactionTime": "100000",
        "TransactionAccountID": "00000000000000002",
        "TAAccountID": "000000000002",
        "ApplicationVol": 0,
        "ApplicationAmount": 300_00,
        "BusinessCode": "022",
        "LargeRedemptionFlag": "",
    }
    redeemed = bought | {
        "AppSheetSerialNo": f"20130917{number_of(desk, 'out'):016}",
        "TransactionAccountID": "00000000000000001",
        "TAAccountID": "000000000001",
        "ApplicationVol": 7_00,
        "ApplicationAmount": 0,
        "BusinessCode": "024",
        "LargeRedemptionFlag": "1",
    }
    advancer = redeemed | {
        "AppSheetSerialNo": "201309170000000000000000",
        "TransactionTime": "150000",
        "TransactionAccountID": "00000000000000000",
        "TAAccountID": "000000000000",
        "ApplicationVol": 9_99,
    }
    assert records(desk, APPLIED, "09-17", 9_99) == [advancer, bought, redeemed]


@pytest.mark.parametrize("kind", [APPLIED, MOVED])
def test_every_field_that_the_standard_requires_is_filled(busy_desk: Desk, kind: str) -> None:
    rows = [row for text in ("09-17", "09-18") for row in records(busy_desk, kind, text, 0 if kind == MOVED else 1_00)]
    assert {row["BusinessCode"] for row in rows} == ({"098"} if kind == MOVED else {"022", "024"})
    for row in rows:
        assert tuple(row) == applications.FIELDS[kind] or set(row) == set(applications.FIELDS[kind])
        empty = [name for name in layout.required(row["BusinessCode"]) if row[name] == ""]
        assert not empty


def test_what_was_taken_back_before_the_cutoff_is_not_applied_for(desk: Desk) -> None:
    desk.transfer_in("alice", 500_00, "09-16 10:00", "whole")
    desk.transfer_in("bob", 500_00, "09-16 10:00", "part")
    desk.transfer_in("carol", 500_00, "09-16 10:00", "passed")
    desk.pay("alice", 500_00, "09-16 11:00")
    desk.pay("bob", 499_99, "09-16 14:59:59")
    desk.run("09-16", at("09-16 15:00"))
    part, passed = number_of(desk, "part"), number_of(desk, "passed")
    before = told(desk, APPLIED, "09-16")
    assert before == [(part, "022", 2, 1), (passed, "022", 3, 500_00)]
    desk.pay("carol", 200_00, "09-16 14:00"), "booked after the cutoff: it passes to the advancer"
    desk.pay("carol", 300_00, "09-16 16:00")
    desk.pay("bob", 1, "09-17 16:00")
    assert told(desk, APPLIED, "09-16") == before
    desk.publish("09-16", "09-30", -1_0000)
    desk.run("09-18")
    assert told(desk, APPLIED, "09-16") == before


def test_orders_of_a_closed_weekend_belong_to_the_trading_day_after_it(desk: Desk) -> None:
    desk.transfer_in("alice", 1_00, "09-18 15:00", "thursday")
    desk.transfer_in("bob", 2_00, "09-21 23:59:59", "saturday")
    desk.transfer_in("carol", 3_00, "09-23 14:59:59", "monday")
    desk.transfer_in("carol", 4_00, "09-18 14:59:59", "before")
    assert [row[2:] for row in told(desk, APPLIED, "09-23")] == [(1, 1_00), (2, 2_00), (3, 3_00)]
    assert [row["TransactionTime"] for row in records(desk, APPLIED, "09-23")] == ["150000", "235959", "145959"]
    assert [row[2:] for row in told(desk, APPLIED, "09-18")] == [(3, 4_00)]


def test_a_trade_date_without_orders(desk: Desk) -> None:
    assert (records(desk, APPLIED, "09-16"), records(desk, MOVED, "09-16")) == ([], [])


def test_records_come_in_blocks(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applications, "RECORDS", 2)
    for n in range(5):
        desk.transfer_in("alice", 1_00 + n, "09-16 10:00")
    with facade.reading(desk.engine) as connection:
        blocks = list(applications.columns(connection, desk.book, LINK, APPLIED, day("09-16"), 1))
    assert [len(block["FundCode"]) for block in blocks] == [1, 2, 2, 1]
    assert RECORDS == 10_000


def confirmed(desk: Desk, text: str, debits: Sequence[str]) -> Counter[int]:
    """Return by holder what the confirmations dated a day debited to some accounts."""
    e, p = journal_entry.c, posting.c
    numbers = [desk.book.chart[code].id for code in debits]
    query = (
        sa.select(p.holder_id, p.amount)
        .join(journal_entry, e.entry_id == p.entry_id)
        .where(e.kind == "confirmation", e.value_date == day(text), p.debit.in_(numbers))
    )
    found: Counter[int] = Counter()
    with facade.reading(desk.engine) as connection:
        for holder, amount in connection.execute(query):
            found[holder] += amount
    return found


@pytest.mark.parametrize(("trade_date", "confirmation_date"), [("09-16", "09-17"), ("09-17", "09-18")])
def test_applied_for_is_what_is_confirmed_or_rejected(busy_desk: Desk, trade_date: str, confirmation_date: str) -> None:
    bought: Counter[int] = Counter()
    redeemed: Counter[int] = Counter()
    for _, code, holder, amount in told(busy_desk, APPLIED, trade_date):
        (bought if code == "022" else redeemed)[holder] += amount
    assert bought
    money = ("in_transit", "advancer_in_transit")
    assert bought == confirmed(busy_desk, confirmation_date, money)
    assert redeemed == confirmed(busy_desk, confirmation_date, ["redeeming"])


# Quick transfers


def passed(desk: Desk, on: date) -> Counter[int]:
    """Return by holder what the postings of a day credited to the advancer's shares, redemptions left out."""
    e, p = journal_entry.c, posting.c
    query = (
        sa.select(p.holder_id, p.amount)
        .join(journal_entry, e.entry_id == p.entry_id)
        .where(e.value_date == on, p.credit == desk.book.chart["advancer_shares"].id)
    )
    found: Counter[int] = Counter()
    with facade.reading(desk.engine) as connection:
        for holder, amount in connection.execute(query):
            found[holder] += amount
    return found


def answer_all(desk: Desk) -> None:
    """Store an answer for each confirmed purchase, as the transfer agent would have given it."""
    connect(desk)
    with facade.reading(desk.engine) as connection:
        e, o = journal_entry.c, customer_order.c
        rows = connection.execute(
            sa.select(o.holder_id, o.entry_id, o.confirmed, e.value_date)
            .join(journal_entry, sa.and_(e.entry_id == o.confirmed_by, e.holder_id == HOUSE))
            .where(o.kind.in_(["transfer_in", "refund"]))
        ).all()
    for row in rows:
        answered(desk, row.entry_id, row.holder_id, "122", str(row.value_date), row.confirmed)


@pytest.mark.parametrize("linked", [False, True])
def test_every_day_the_quick_transfers_are_what_the_books_gave_the_advancer(
    copy_of: Callable[[str], Desk], linked: bool
) -> None:
    desk = copy_of("busy")
    if linked:
        answer_all(desk)
    seen = 0
    for text in ("09-16", "09-17", "09-18", "09-19", "09-20", "09-21", "09-22", "09-23"):
        moved: Counter[int] = Counter()
        for _, _, holder, shares in (rows := told(desk, MOVED, text)):
            moved[holder] += shares
        assert moved == passed(desk, day(text)), text
        assert [row[0] for row in rows] == sorted({row[0] for row in rows}), "a payment once"
        seen += len(rows)
    assert seen >= 8


def test_a_record_of_a_quick_transfer_as_it_is_filled(desk: Desk) -> None:
    desk.transfer_in("bob", 500_00, "09-16 10:00")
    desk.publish("09-16", "09-30", 0)
    desk.run("09-18", at("09-18 15:00"))
    desk.pay("bob", 30_05, "09-21 23:00:09", "paid")
    assert records(desk, MOVED, "09-21") == [
        {
            "AppSheetSerialNo": f"20130921{number_of(desk, 'paid'):016}",
            "FundCode": "000198",
            "TransactionDate": "20130923",
            "TransactionTime": "230009",
            "TransactionAccountID": "00000000000000002",
            "DistributorCode": "WALLET",
            "ApplicationVol": 30_05,
            "BusinessCode": "098",
            "TAAccountID": "000000000002",
            "CurrencyType": "156",
            "BranchCode": "WALLET",
            "ShareClass": "0",
            "IndividualOrInstitution": "1",
            "OriginalAppDate": "20130921",
            "TargetDistributorCode": "WALLET",
            "TargetBranchCode": "WALLET",
            "TargetTransactionAccountID": "00000000000000000",
            "TargetTAAccountID": "000000000000",
        }
    ]
    assert told(desk, MOVED, "09-20") == told(desk, MOVED, "09-22") == []


@pytest.fixture
def split(desk: Desk) -> Desk:
    """Give alice shares and two orders of 09-17, and let her make two payments after the cutoff out of all of them."""
    desk.publish("09-16", "09-30", 0)
    desk.transfer_in("alice", 100_00, "09-16 09:00")
    desk.transfer_in("alice", 10_00, "09-16 15:00", "one")
    desk.transfer_in("alice", 20_00, "09-17 10:00", "two")
    desk.run("09-17", at("09-17 15:00"))
    desk.pay("alice", 25_00, "09-17 16:00", "small")
    desk.pay("alice", 40_00, "09-17 17:00", "large")
    return desk


def test_one_payment_passes_on_each_day_that_its_sources_become_shares(split: Desk) -> None:
    small, large = number_of(split, "small"), number_of(split, "large")
    assert told(split, MOVED, "09-17") == [(large, "098", 1, 35_00)]
    split.record_outcome("alice", "two", 12_00)
    split.run("09-18", at("09-18 15:00"))
    for linked in (False, True):
        if linked:
            answer_all(split)
        assert told(split, MOVED, "09-17") == [(large, "098", 1, 35_00)], "the rest became shares later"
        assert told(split, MOVED, "09-18") == [(small, "098", 1, 17_00), (large, "098", 1, 5_00)], (
            "two orders, one record"
        )
    assert [row["AppSheetSerialNo"] for row in records(split, MOVED, "09-18")] == [
        f"20130918{small:016}",
        f"20130918{large:016}",
    ]
    assert [row["TransactionTime"] for row in records(split, MOVED, "09-18")] == ["160000", "170000"]


def test_money_that_is_rejected_never_passes(split: Desk) -> None:
    split.record_outcome("alice", "one", 0)
    split.record_outcome("alice", "two", 0)
    split.run("09-18", at("09-18 15:00"))
    assert told(split, MOVED, "09-18") == []
    answer_all(split)
    assert told(split, MOVED, "09-18") == []


def test_only_answers_to_purchases_confirm_money_in_transit(split: Desk) -> None:
    one = number_of(split, "one")
    split.run("09-18", at("09-18 15:00"))
    connect(split)
    answered(split, one, 1, "145", "09-18", 10_00)
    assert told(split, MOVED, "09-18") == []
    answered(split, one, 1, "122", "09-18", 10_00)
    assert [row[3] for row in told(split, MOVED, "09-18")] == [5_00, 5_00]


# What the advancer redeems


@pytest.fixture
def advanced(desk: Desk) -> Desk:
    """Let the advancer take over shares: 30.00 on 09-17 before and 7.00 after the cutoff, 5.00 out of an order."""
    desk.publish("09-16", "09-30", 0)
    desk.transfer_in("bob", 500_00, "09-16 10:00")
    desk.transfer_in("alice", 20_00, "09-17 10:00")
    desk.run("09-17", at("09-17 00:00"))
    desk.pay("bob", 30_00, "09-17 14:00")
    desk.pay("bob", 7_00, "09-17 15:00")
    desk.run("09-17", at("09-17 15:00"))
    desk.pay("alice", 5_00, "09-17 16:00")
    return desk


def test_the_advancer_redeems_what_is_due(advanced: Desk) -> None:
    assert (redeems(advanced, "09-16"), redeems(advanced, "09-17"), redeems(advanced, "09-18")) == (0, 30_00, 37_00)
    advanced.run("09-18", at("09-18 00:00"))
    assert redeems(advanced, "09-18") == 12_00, "30.00 are redeemed, 5.00 are known"


def test_it_redeems_nothing_twice(advanced: Desk) -> None:
    sent(advanced, "09-17", 30_00)
    assert redeems(advanced, "09-17") == 0
    assert redeems(advanced, "09-18") == 7_00
    answered(advanced, 20130917, HOUSE, "124", "09-18", 30_00)
    assert redeems(advanced, "09-18") == 7_00, "it is answered, but not booked"
    advanced.run("09-18", at("09-18 00:00"))
    assert redeems(advanced, "09-18") == 12_00


def adjust(desk: Desk, text: str, shares: int) -> None:
    """Book what the transfer agent left unconfirmed of the advancer's redemption, as the confirm step does."""
    back = tuple((credit, debit) for debit, credit in manual.ADVANCER_REDEEMED)
    asked = Request(HOUSE, f"advancer {text}", b"")
    entry = Entry(
        asked, "advancer_adjusted", day(text), at(f"{text} 00:00"), manual.book(desk.book.chart, (back, shares))
    )
    with desk.engine.begin() as connection:
        journal.post(connection, desk.book.code, entry)


def test_what_was_left_unconfirmed_is_applied_for_again(advanced: Desk) -> None:
    sent(advanced, "09-17", 30_00)
    answered(advanced, 20130917, HOUSE, "124", "09-18", 18_00)
    assert redeems(advanced, "09-18") == 7_00 + 12_00
    advanced.run("09-18", at("09-18 00:00"))
    adjust(advanced, "09-18", 12_00)
    assert redeems(advanced, "09-18") == 12_00 + 12_00


def test_what_is_carried_over_is_not_applied_for_again(advanced: Desk) -> None:
    sent(advanced, "09-17", 30_00)
    answered(advanced, 20130917, HOUSE, "124", "09-18", 18_00, final=0)
    advanced.run("09-18", at("09-18 00:00"))
    adjust(advanced, "09-18", 12_00)
    assert redeems(advanced, "09-18") == 12_00
    sent(advanced, "09-18", 12_00)
    answered(advanced, 20130917, HOUSE, "124", "09-23", 10_00)
    assert redeems(advanced, "09-23") == 2_00, "of 12.00 carried over 2.00 were left"


def test_a_payment_booked_after_the_file_was_sent_is_applied_for_the_next_time(advanced: Desk) -> None:
    sent(advanced, "09-17", 30_00)
    advanced.pay("bob", 3_00, "09-17 11:00")
    assert redeems(advanced, "09-18") == 10_00
    answered(advanced, 20130917, HOUSE, "124", "09-18", 30_00)
    advanced.run("09-18", at("09-18 00:00"))
    adjust(advanced, "09-18", 3_00)
    assert redeems(advanced, "09-18") == 15_00


def test_what_is_redeemed_without_files_is_not_applied_for(advanced: Desk) -> None:
    assert redeems(advanced, "09-18", since="09-18") == 7_00


def test_never_less_than_nothing(advanced: Desk) -> None:
    sent(advanced, "09-17", 99_00)
    assert redeems(advanced, "09-18") == 0
