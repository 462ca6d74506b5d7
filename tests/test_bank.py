"""The bank: statements taken once, lines matched to open items, what is left on the suspense account."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from ledger.errors import NoTransaction
from ledger.schema import journal_entry
from tests.desk import Desk, at, day
from tests.rendezvous import Client
from tests.statement_files import Told, camt, csv
from wallet import facade
from wallet.errors import InvalidRequest
from wallet.outside import bank, bank_lines, items
from wallet.outside.bank import Matched
from wallet.outside.items import Item
from wallet.outside.schema import bank_line, bank_match, outside_file, recon_break

CNY = "CNY"
AT = at("09-30 10:00")


@pytest.fixture
def played(desk: Desk) -> Desk:
    """Give a book closed through 09-16: T1 of 1,000.00, T2 of 500.00, and a payment that settling 09-17 pays out."""
    desk.publish("09-16", "09-30")
    desk.transfer_in("alice", 1_000_00, "09-16 10:00")
    desk.transfer_in("bob", 500_00, "09-16 10:00")
    desk.pay("alice", 100_00, "09-16 11:00")
    desk.run("09-16", at("09-17 00:00"))
    return desk


def taken(desk: Desk, path: Path) -> bank_lines.Taken:
    return desk.ask(bank.take, path, AT)


def match(desk: Desk, text: str) -> Matched:
    return desk.ask(bank.match, day(text), AT)


def told(tmp_path: Path, desk: Desk, text: str, *lines: Told, opening: int = 0) -> Matched:
    """Take a statement of a day with these lines, and match it."""
    taken(desk, csv(tmp_path / f"{text}.csv", f"2013-{text}", *lines, opening=opening))
    return match(desk, text)


def suspense(desk: Desk) -> list[tuple[str, str, int]]:
    return [(debit, credit, amount) for debit, credit, _, amount in desk.postings("suspense")]


def remember(desk: Desk, text: str, found: Matched) -> None:
    """Write down what an earlier day left open, as its reconciliation does."""
    with desk.engine.begin() as connection:
        number = connection.execute(sa.select(sa.func.count()).select_from(recon_break)).scalar_one()
        for subject, (unit, ours, theirs) in found.items.items():
            number += 1
            facts = {"number": number, "fund": desk.book.code, "kind": "cash", "subject": subject, "unit": unit}
            row = facts | {"since": day(text), "ours": ours, "theirs": theirs}
            connection.execute(sa.insert(recon_break).values(row))


def of_day(desk: Desk, text: str) -> dict[str, int]:
    with facade.reading(desk.engine) as connection:
        return {i.reference: i.amount for i in items.read(connection, desk.book, day(text), day(text), None)}


# Items


def test_items_follow_from_the_cash_that_was_booked(desk: Desk) -> None:
    desk.publish("09-16", "09-20")
    desk.transfer_in("alice", 1_000_00, "09-16 10:00")
    desk.transfer_in("bob", 500_00, "09-16 10:00")
    desk.pay("alice", 100_00, "09-16 11:00")
    desk.run("09-17", at("09-17 12:00"))
    desk.transfer_out("bob", 200_00, "standard", "09-17 12:00")
    desk.transfer_out("bob", 30_00, "instant", "09-17 12:00")
    desk.pay("bob", 20_00, "09-17 13:00")
    desk.run("09-18", at("09-19 00:00"))
    add = facade.ManualEntry(debit="cash", credit="merchant_payable", amount=9_00, memo="利", request_id="m1")
    entry = desk.ask(facade.ask, add, "li", at("09-19 18:00"))[0].entry
    back = facade.Reversal(reverses=entry, why="wrong", request_id="m2")  # type: ignore[arg-type]
    reversal = desk.ask(facade.ask, back, "li", at("09-19 18:00"))[0].entry
    assert of_day(desk, "09-16") == {"T1": 1_000_00, "T2": 500_00}
    found = of_day(desk, "09-17")
    out = next(reference for reference in found if reference.startswith("O"))
    assert found == {"FO20130917": -1_400_00, "MO20130917": -100_00, out: -30_00, f"V{out[1:]}": 30_00}
    found = of_day(desk, "09-18")
    paid = next(reference for reference in found if reference.startswith("P"))
    assert paid.endswith("-2")
    assert found == {
        "FI20130918": 250_00,
        "AO20130918": -50_00,
        "AI20130918": 20_00,
        "MO20130918": -20_00,
        paid: -200_00,
    }
    assert of_day(desk, "09-19") == {f"M{entry}": 9_00, f"M{reversal}": -9_00}
    everything = [of_day(desk, text) for text in ("09-16", "09-17", "09-18", "09-19")]
    assert sum(amount for each in everything for amount in each.values()) == desk.house().get("cash", 0)
    with facade.reading(desk.engine) as connection:
        every = {ref: amount for each in everything for ref, amount in each.items()}
        assert (
            items.named(connection, desk.book, [*every, "T3", "P1-2", "X", "T0", "FI20139999"], day("09-19")) == every
        )
        early = items.named(connection, desk.book, every, day("09-16"))
        assert early == everything[0]
        first = items.read(connection, desk.book, day("09-17"), day("09-17"), None)[-1]
        assert first == Item(f"V{out[1:]}", day("09-17"), 30_00, "instant transfer out, from the advancer", "bob", None)


def test_references_are_short_and_plain(desk: Desk) -> None:
    for reference in (f"T{10**18 - 1}", f"P{10**16}-{10**15}", "FI20130917", "M1", "O1", "V1"):
        assert items.REFERENCE.fullmatch(reference)
        assert len(reference) <= 35
        assert items.what(reference)
    for reference in ("", "T", "T0", "T01", "t1", "T１", "T1 ", "P1", "P1-0", "FI2013091", "F1", "TI20130917", "M-1"):
        assert not items.REFERENCE.fullmatch(reference), reference


def test_export_writes_a_closed_day_and_the_same_again(played: Desk, tmp_path: Path) -> None:
    def export(text: str, directory: Path = tmp_path) -> items.Exported:
        with facade.reading(played.engine) as connection:
            return items.export(connection, played.book, day(text), directory)

    done = export("09-16")
    path = tmp_path / "BANK_WALLET_20130916.csv"
    assert done == items.Exported(str(path), day("09-16"), 2)
    assert path.read_bytes() == (
        b"day,amount,reference,counterparty,text\r\n"
        b"2013-09-16,1000.00,T1,alice,transfer in\r\n2013-09-16,500.00,T2,bob,transfer in\r\n"
    )
    before = path.read_bytes()
    path.write_text("something else")
    assert export("09-16") == done
    assert path.read_bytes() == before
    with pytest.raises(items.DayNotClosed, match="2013-09-17 is not closed yet, only 2013-09-16 is"):
        export("09-17")
    with pytest.raises(InvalidRequest, match="cannot be written"):
        export("09-16", tmp_path / "nowhere")
    assert [each.name for each in tmp_path.iterdir() if ".db" not in each.name] == [path.name]


# Taking


def test_a_statement_is_taken_once(played: Desk, tmp_path: Path) -> None:
    path = camt(tmp_path / "s.xml", "2013-09-16", Told(1_000_00, "T1"), Told(-1, None, None, "余额 fee"))
    first = taken(played, path)
    assert first == bank_lines.Taken("s.xml", "bank", day("09-16"), day("09-16"), 2, new=True)
    before = played.dump()
    again = taken(played, path)
    assert (again.new, again.records) == (False, 2)
    assert played.dump() == before
    row = played.rows(outside_file)[0]
    assert (row.number, row.kind, row.records, row.control, row.received_at) == (1, "bank", 2, 999_99, AT)
    lines = [(r.statement, r.line, r.day, r.amount, r.reference, r.text) for r in played.rows(bank_line)]
    assert lines == [("S1", 1, day("09-16"), 1_000_00, "T1", None), ("S1", 2, day("09-16"), -1, None, "余额 fee")]
    with facade.reading(played.engine) as connection:
        stored = bank_lines.content_digest(connection, played.book, 1, day("09-16"), day("09-16"))
    assert bytes(row.content) == stored


def test_what_has_no_place_is_refused(played: Desk, tmp_path: Path) -> None:
    taken(played, camt(tmp_path / "s.xml", "2013-09-16", Told(1_000_00, "T1")))
    with played.refuses("file_changed"):
        taken(played, camt(tmp_path / "s.xml", "2013-09-16", Told(1_000_00, "T2")))
    with played.refuses("statement_overlaps"):
        taken(played, camt(tmp_path / "t.xml", "2013-09-16", identity="S2"))
    with played.refuses("statement_known"):
        taken(played, camt(tmp_path / "u.xml", "2013-09-17"))
    with played.refuses("before_opening"):
        taken(played, camt(tmp_path / "v.xml", "2013-09-15", identity="S3"))
    with played.refuses("outside_calendar"):
        taken(played, camt(tmp_path / "w.xml", "2099-09-15", identity="S3"))
    with played.refuses("bad_statement"):
        path = camt(tmp_path / "x.xml", "2013-09-17", *[Told(1)] * 20_001, identity="S3")
        path.write_text(path.read_text().replace("200.01", "200.02"))
        taken(played, path)
    with played.refuses("invalid_request"):
        taken(played, tmp_path / "none.xml")
    overlapping = csv(tmp_path / "long.csv", "2013-09-17", last="2013-09-20")
    assert taken(played, overlapping).last == day("09-20")
    with played.refuses("statement_overlaps"):
        taken(played, csv(tmp_path / "in.csv", "2013-09-18"))
    with facade.reading(played.engine) as connection:
        covered = [bank.is_covered(connection, played.book, day("09-15") + timedelta(n)) for n in range(7)]
    assert covered == [False, True, True, True, True, True, False]


def test_no_statement_is_taken_about_days_that_are_matched(desk: Desk, tmp_path: Path) -> None:
    desk.publish("09-16", "09-30")
    desk.run("09-18", at("09-19 00:00"))
    assert told(tmp_path, desk, "09-17", Told(1)).lines == {"statement 09-17.csv line 1": (CNY, 0, 1)}
    with desk.refuses("day_matched"):
        taken(desk, csv(tmp_path / "early.csv", "2013-09-16", Told(1)))
    assert told(tmp_path, desk, "09-18", Told(1), opening=1).lines == {"statement 09-18.csv line 1": (CNY, 0, 1)}


def test_two_who_take_the_same_statement_take_it_once(
    desk: Desk, first: Client, second: Client, tmp_path: Path
) -> None:
    path = csv(tmp_path / "s.csv", "2013-09-16", Told(1))
    with first.holds(first.desk.ask, bank.take, path, AT):
        answer = second.starts(second.desk.ask, bank.take, path, AT)
        second.waits_for(first, "FROM fund")
    assert not answer.result().new
    assert len(desk.rows(bank_line)) == 1


# Matching


def test_lines_that_say_what_was_booked_leave_nothing_open(played: Desk, tmp_path: Path) -> None:
    outcome = told(tmp_path, played, "09-16", Told(500_00, "T2"), Told(1_000_00, "T1"))
    assert outcome == Matched({}, {})
    assert [(row.line, row.part, row.item, row.amount, row.day) for row in played.rows(bank_match)] == [
        (1, 1, "T2", 500_00, day("09-16")),
        (2, 1, "T1", 1_000_00, day("09-16")),
    ]
    before = played.dump()
    assert match(played, "09-16") == Matched({}, {})
    assert played.dump() == before
    assert suspense(played) == []


def test_an_item_without_a_line_is_open_until_its_line_comes(played: Desk, tmp_path: Path) -> None:
    outcome = told(tmp_path, played, "09-16", Told(1_000_00, "T1"))
    assert outcome == Matched({"T2": (CNY, 500_00, 0)}, {})
    assert match(played, "09-16") == outcome
    remember(played, "09-16", outcome)
    played.run("09-17", at("09-18 00:00"))
    settled = [Told(-1_400_00, "FO20130917"), Told(-100_00, "MO20130917")]
    waiting = told(tmp_path, played, "09-17", *settled, opening=1_000_00)
    assert waiting == outcome
    assert match(played, "09-17") == outcome
    played.run("09-18", at("09-19 00:00"))
    late = told(tmp_path, played, "09-18", Told(500_00, "T2"), opening=-500_00)
    assert late == Matched({}, {})
    assert match(played, "09-18") == Matched({}, {})
    assert suspense(played) == []
    row = played.rows(bank_match, bank_match.c.item == "T2")[0]
    assert (row.day, row.statement) == (day("09-18"), "09-18.csv")


def test_another_amount_closes_the_item_and_leaves_the_rest_in_suspense(played: Desk, tmp_path: Path) -> None:
    outcome = told(tmp_path, played, "09-16", Told(999_99, "T1"), Told(500_03, "T2"))
    assert outcome == Matched({}, {"T1": (CNY, 1_000_00, 999_99), "T2": (CNY, 500_00, 500_03)})
    assert suspense(played) == [("suspense", "cash", 1), ("cash", "suspense", 3)]
    entry = played.rows(journal_entry, journal_entry.c.kind == bank.ENTRY)[0]
    assert (entry.value_date, entry.booked_at, entry.holder_id) == (day("09-17"), AT, 0)
    assert entry.request_id == "suspense 000198 09-16.csv 1"
    with facade.reading(played.engine) as connection:
        lines = bank.lines(connection, played.book, None, None)
    assert [(line.item, line.matched, line.suspense) for line in lines] == [("T1", 1_000_00, -1), ("T2", 500_00, 3)]
    assert lines[0].entry == entry.entry_id
    before = played.dump()
    assert match(played, "09-16") == outcome
    assert played.dump() == before


def test_a_second_line_and_a_reversal_go_to_suspense(played: Desk, tmp_path: Path) -> None:
    lines = [Told(1_000_00, "T1"), Told(500_00, "T2"), Told(1_000_00, "T1"), Told(-500_00, "T2")]
    outcome = told(tmp_path, played, "09-16", *lines)
    assert outcome == Matched({}, {"T1": (CNY, 1_000_00, 2_000_00), "T2": (CNY, 500_00, 0)})
    assert suspense(played) == [("cash", "suspense", 1_000_00), ("suspense", "cash", 500_00)]
    played.run("09-17", at("09-18 00:00"))
    settled = [Told(-1_400_00, "FO20130917"), Told(-100_00, "MO20130917"), Told(500_00, "T2"), Told(-1, "T1")]
    corrected = told(tmp_path, played, "09-17", *settled, opening=2_000_00)
    assert corrected == Matched({}, {"T1": (CNY, 1_000_00, 1_999_99)}), "T2 is as booked again"


def test_lines_that_belong_to_nothing(played: Desk, tmp_path: Path) -> None:
    foreign = [Told(1, None), Told(-2, "INV 7/2013"), Told(3, "T99"), Told(4, "余额" * 1_000), Told(5, "FI20130916")]
    others = [Told(6, "P1-1"), Told(7, "T1-1"), Told(8, "T" + "9" * 17), Told(0, "T1"), Told(0)]
    outcome = told(tmp_path, played, "09-16", *foreign, *others, Told(1_000_00, "T1"), Told(500_00, "T2"))
    amounts = [1, -2, 3, 4, 5, 6, 7, 8]
    assert outcome.lines == {f"statement 09-16.csv line {n}": (CNY, 0, a) for n, a in enumerate(amounts, 1)}
    assert outcome.items == {}
    assert len(suspense(played)) == 8
    parts = [(row.line, row.item, row.amount, row.entry_id) for row in played.rows(bank_match)]
    assert (9, None, 0, None) in parts, "a line of nothing is nobody's"
    assert len(parts) == 12
    assert played.house()["suspense"] == sum(amounts)


def test_a_line_without_a_reference_finds_the_only_item_of_its_amount(played: Desk, tmp_path: Path) -> None:
    told(tmp_path, played, "09-16", Told(1_000_00, "T1"), Told(500_00, "T2"))
    played.transfer_in("carol", 1_400_00, "09-17 12:00")
    played.run("09-17", at("09-18 00:00"))
    lines = [Told(-1_400_00, "BANK-17"), Told(-100_00), Told(1_400_00)]
    outcome = told(tmp_path, played, "09-17", *lines, opening=1_500_00)
    reference = next(name for name in of_day(played, "09-17") if name.startswith("T"))
    assert outcome.items == {reference: (CNY, 1_400_00, 0)}, "customers are known by their reference only"
    assert outcome.lines == {"statement 09-17.csv line 3": (CNY, 0, 1_400_00)}
    assert [row.item for row in played.rows(bank_match, bank_match.c.statement == "09-17.csv")] == [
        "FO20130917",
        "MO20130917",
        None,
    ]


def test_what_could_be_either_of_two_goes_to_suspense(played: Desk, tmp_path: Path) -> None:
    told(tmp_path, played, "09-16", Told(1_000_00, "T1"), Told(500_00, "T2"))
    for number in (1, 2):
        add = facade.ManualEntry(debit="cash", credit="suspense", amount=9_00, memo="x", request_id=f"m{number}")
        played.ask(facade.ask, add, "li", at("09-17 10:00"))
    played.run("09-17", at("09-18 00:00"))
    lines = [Told(9_00), Told(-1_400_00), Told(-1_400_00), Told(-100_00)]
    outcome = told(tmp_path, played, "09-17", *lines, opening=1_500_00)
    assert set(outcome.lines) == {f"statement 09-17.csv line {n}" for n in (1, 2, 3)}
    assert {name[0] for name in outcome.items} == {"M", "F"}
    assert len(outcome.items) == 3


def test_an_item_that_was_missing_is_found_by_its_amount_later(played: Desk, tmp_path: Path) -> None:
    told(tmp_path, played, "09-16", Told(1_000_00, "T1"), Told(500_00, "T2"))
    played.run("09-17", at("09-18 00:00"))
    missing = told(tmp_path, played, "09-17", Told(-1_400_00, "FO20130917"), opening=1_500_00)
    assert missing.items == {"MO20130917": (CNY, -100_00, 0)}
    remember(played, "09-17", missing)
    played.run("09-18", at("09-19 00:00"))
    assert told(tmp_path, played, "09-18", Told(-100_00, "ours?"), opening=100_00) == Matched({}, {})


def test_the_balance_is_held_against_the_cash_account(played: Desk, tmp_path: Path) -> None:
    lines = Told(1_000_00, "T1"), Told(500_00, "T2")
    outcome = told(tmp_path, played, "09-16", *lines, Told(7), opening=30)
    assert outcome.items == {"balance": (CNY, 1_500_07, 1_500_37)}
    remember(played, "09-16", outcome)
    played.run("09-17", at("09-18 00:00"))
    path = csv(
        tmp_path / "two.csv",
        "2013-09-17",
        Told(-1_400_00),
        Told(1, None, "2013-09-18"),
        opening=1_500_37,
        last="2013-09-18",
    )
    taken(played, path)
    outcome = match(played, "09-17")
    assert outcome.items == {"balance": (CNY, 100_07, 100_37), "MO20130917": (CNY, -100_00, 0)}
    assert match(played, "09-17") == outcome


def test_days_before_the_first_statement_are_nobodys_business(played: Desk, tmp_path: Path) -> None:
    assert match(played, "09-16") == Matched({}, {})
    played.run("09-17", at("09-18 00:00"))
    assert match(played, "09-17") == Matched({}, {})
    played.run("09-18", at("09-19 00:00"))
    path = csv(tmp_path / "s.csv", "2013-09-17", Told(-1_400_00, "FO20130917"), opening=1_500_00, last="2013-09-18")
    taken(played, path)
    assert match(played, "09-16") == Matched({}, {})
    assert match(played, "09-18") == Matched({"MO20130917": (CNY, -100_00, 0)}, {})
    with facade.reading(played.engine) as connection:
        assert [item.reference for item in bank.open_items(connection, played.book)] == ["MO20130917"]
        assert [item.reference for item in bank.open_items(connection, played.book, day("09-17"))] == [
            "FO20130917",
            "MO20130917",
        ], "matched on 09-18 only"


def test_what_is_late_and_names_an_item_of_long_ago_is_matched(played: Desk, tmp_path: Path) -> None:
    played.run("09-18", at("09-19 00:00"))
    outcome = told(tmp_path, played, "09-18", Told(1_000_00, "T1"), opening=500_00)
    assert outcome == Matched({"balance": (CNY, 0, 1_500_00)}, {})
    assert played.rows(bank_match)[0].item == "T1"


def test_suspense_is_cleared_by_hand_and_the_bank_expected_to_pay_it_back(played: Desk, tmp_path: Path) -> None:
    told(tmp_path, played, "09-16", Told(1_000_00, "T1"), Told(500_00, "T2"), Told(50_00), Told(20_00))
    back = facade.ManualEntry(debit="suspense", credit="cash", amount=50_00, memo="x", request_id="m1")
    entry = played.ask(facade.ask, back, "li", at("09-17 10:00"))[0].entry
    fee = facade.ManualEntry(debit="suspense", credit="merchant_payable", amount=20_00, memo="x", request_id="m2")
    played.ask(facade.ask, fee, "li", at("09-17 10:00"))
    assert "suspense" not in played.house()
    assert of_day(played, "09-17") == {f"M{entry}": -50_00}
    played.run("09-17", at("09-18 00:00"))
    lines = [Told(-1_400_00), Told(-100_00), Told(-50_00, f"M{entry}")]
    assert told(tmp_path, played, "09-17", *lines, opening=1_570_00) == Matched({}, {})
    assert played.verify() == []


def test_the_books_prove_with_a_suspense_account(played: Desk, tmp_path: Path) -> None:
    told(tmp_path, played, "09-16", Told(1_000_00, "T1"), Told(499_00, "T2"), Told(-3))
    status = played.run("09-18", at("09-19 00:00"))
    assert status.failed_by is None
    assert played.house("09-18")["suspense"] == -1_03
    assert played.verify() == []


def test_many_lines_are_looked_at_a_few_at_a_time(
    played: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bank, "FEW", 2)
    lines = [Told(n, "T1" if n % 3 else None) for n in range(1, 12)]
    outcome = told(tmp_path, played, "09-16", *lines, Told(500_00, "T2"))
    assert outcome.lines["T1"] == (CNY, 1_000_00, sum(n for n in range(1, 12) if n % 3))
    assert len(outcome.lines) == 4
    parts = played.rows(bank_match)
    for number, each in enumerate([*lines, Told(500_00)], 1):
        assert sum(row.amount for row in parts if row.line == number) == each.amount
    assert played.house()["suspense"] == sum(t.amount for t in lines) - 1_000_00


def test_interrupted_it_has_done_nothing(played: Desk, tmp_path: Path) -> None:
    path = csv(tmp_path / "s.csv", "2013-09-16", Told(999_00, "T1"), Told(5))
    works: list[Callable[[sa.Connection], object]] = [
        lambda connection: bank.take(connection, played.book, path, AT),
        lambda connection: bank.match(connection, played.book, day("09-16"), AT),
    ]
    for work in works:
        before = played.dump()
        with played.engine.connect() as connection, connection.begin() as transaction:
            work(connection)
            transaction.rollback()
        assert played.dump() == before
        with played.engine.begin() as connection:
            work(connection)
        assert played.dump() != before
    for work in works:
        with played.engine.connect() as connection, pytest.raises(NoTransaction):
            work(connection)
