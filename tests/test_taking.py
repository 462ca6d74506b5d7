"""Files of the transfer agent are taken once, whole or not at all, and only where they fit the books."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests import agent_files as ta
from tests.agent_files import LATER, Agent, C, T, figure, rows
from tests.desk import Desk, at, day
from wallet import facade, steps
from wallet.outside.schema import agent_cash, agent_figure, agent_income, agent_shares, answer, outside_file
from wallet.outside.taking import Taken
from wallet.schema import announcement
from wallet.steps import Chunk


@pytest.fixture
def agent(desk: Desk, tmp_path: Path) -> Agent:
    """Give a book with a transfer-in of each wallet on 09-16, cut off and sent, and a directory for files."""
    return Agent.of(desk, tmp_path)


# What is stored


def test_answers_are_stored_as_they_were_told(agent: Agent) -> None:
    path = ta.put(agent.directory, "04", C, agent.confirmed())
    assert agent.take(path) == Taken(path.name, "04", C, 3, new=True)
    told = rows(agent.desk, answer, "holder_id", "application", "applied", "confirmed", "return_code", "final", "file")
    entry = ta.entries(agent.desk)
    assert told == [
        (1, entry["a"], 100_00, 100_00, "0000", 1, 2),
        (2, entry["b"], 50_00, 20_00, "0000", 1, 2),
        (3, entry["c"], 7_00, 0, "0307", 1, 2),
    ]
    of = ("book", "business_code", "confirmation_date", "ta_serial", "original")
    assert rows(agent.desk, answer, *of)[0] == ("000198", "122", C, "04000000000000000001", None)


def test_a_payment_after_the_cutoff_leaves_what_was_applied_for(agent: Agent) -> None:
    agent.desk.pay("alice", 30_00, "09-16 20:00")
    assert agent.take(ta.put(agent.directory, "04", C, agent.confirmed())).new


def test_the_register_is_stored_with_accounts_nobody_knows_and_without_details(agent: Agent) -> None:
    records = [ta.held(1, 100_00, 10_00), ta.held(0, 5), ta.held(99_999, 1_00), ta.held(1, 60_00, DetailFlag="1")]
    assert agent.take(ta.put(agent.directory, "05", C, records)).records == 4
    kept = [(0, C, "05", 5, 0), (1, C, "05", 100_00, 10_00), (99_999, C, "05", 1_00, 0)]
    assert rows(agent.desk, agent_shares, "holder_id", "day", "kind", "total", "frozen") == kept
    agent.take(ta.put(agent.directory, "35", C, records))
    assert len(rows(agent.desk, agent_shares, "file")) == 6


def test_income_is_stored_with_its_sum_as_control(agent: Agent) -> None:
    agent.take(ta.put(agent.directory, "06", C, [ta.earned(1, 100_00, -2), ta.earned(2, 20_00, 5), ta.earned(0, 0, 0)]))
    of = ("holder_id", "day", "basis", "income")
    assert rows(agent.desk, agent_income, *of) == [(0, C, 0, 0), (1, C, 100_00, -2), (2, C, 20_00, 5)]
    assert rows(agent.desk, outside_file, "kind", "control")[-1] == ("06", 3)


def test_figures_are_stored_and_announced(agent: Agent) -> None:
    path = ta.put(agent.directory, "07", C, [figure("09-17", 1_23450), figure("09-16", 1_00000, FundIncomeFlag="1")])
    agent.take(path)
    of = ("day", "income_per_10k", "seven_day", "total_shares", "day_income")
    assert rows(agent.desk, agent_figure, *of) == [(T, -1_0000, 4421, 10**15, 12_00), (C, 1_2345, 4421, 10**15, 12_00)]
    told = rows(agent.desk, announcement, "day", "version", "income_per_10k", "seven_day", "control_total", "source")
    assert told == [(T, 1, -1_0000, 4421, None, f"07 {path.name}"), (C, 1, 1_2345, 4421, None, f"07 {path.name}")]


def announced(desk: Desk, on: date) -> list[tuple[Any, ...]]:
    """Return what is announced for a day: version, income, who said so."""
    told = desk.rows(announcement, announcement.c.day == on)
    return [(row.version, row.income_per_10k, row.source[:2]) for row in told]


def test_a_figure_that_is_known_is_no_news(agent: Agent) -> None:
    agent.desk.announce("09-17", 1_2345, control_total=7)
    agent.take(ta.put(agent.directory, "07", C, [figure("09-17", 1_23450)]))
    assert announced(agent.desk, C) == [(1, 1_2345, "an")]
    assert len(agent.desk.rows(agent_figure)) == 1


def test_another_figure_replaces_the_one_by_hand(agent: Agent) -> None:
    agent.desk.announce("09-17", 1_2344)
    agent.take(ta.put(agent.directory, "07", C, [figure("09-17", 1_23450)]))
    assert announced(agent.desk, C) == [(1, 1_2344, "an"), (2, 1_2345, "07")]


def test_another_figure_of_a_distributed_day_is_only_kept(agent: Agent) -> None:
    agent.desk.announce("09-17", 1_2344)
    agent.desk.ask(steps.finish, C, "distribute", ta.RECEIVED, "done")
    agent.take(ta.put(agent.directory, "07", C, [figure("09-17", 1_23450)]))
    assert announced(agent.desk, C) == [(1, 1_2344, "an")]
    assert rows(agent.desk, agent_figure, "day", "income_per_10k") == [(C, 1_2345)]


def test_another_figure_waits_for_a_second_operator(agent: Agent) -> None:
    terms = facade.ChangedTerms(valid_from=C, four_eyes=("replaced_figures",))
    agent.desk.ask(facade.ask, terms, "ann", at("09-16 17:00"))
    agent.desk = Desk.at(agent.desk.engine.url.render_as_string(hide_password=False))
    agent.desk.announce("09-18", 1_2344)
    agent.take(ta.put(agent.directory, "07", LATER, [figure("09-18", 1_23450), figure("09-17", 1_00000)]))
    assert announced(agent.desk, LATER) == [(1, 1_2344, "an")]
    assert announced(agent.desk, C) == [(1, 1_0000, "07")]
    with facade.reading(agent.desk.engine) as connection:
        waiting = facade.proposals(connection, agent.desk.book)
    assert [(each.operation, each.proposed_by[:6]) for each in waiting] == [("replaced_figures", "07 OFD")]


def test_cash_is_positive_where_we_receive_it(agent: Agent) -> None:
    def cleared(number: int, code: str, amount: int, flag: str, **more: Any) -> ta.Record:
        days = {"TransactionDate": ta.digits(T), "PayDate": ta.digits(LATER), "CalculateDate": ta.digits(C)}
        row = {"SequenceNO": f"{number}", "BusinessCode": code, "ConfirmedAmount": amount, "ReceOrPayFlag": flag}
        return days | row | more

    records = [cleared(1, "122", 120_00, "1"), cleared(2, "124", 9_00, "0"), cleared(3, "124", 1, "0", DetailFlag="1")]
    agent.take(ta.put(agent.directory, "25", C, records))
    of = ("day", "sequence", "trade_date", "business_code", "amount", "pay_date")
    kept = [(C, "1", T, "122", -120_00, LATER), (C, "2", T, "124", 9_00, LATER)]
    assert rows(agent.desk, agent_cash, *of) == kept


def test_a_file_without_records_is_a_file(agent: Agent) -> None:
    for kind in ("04", "05", "06", "07", "25", "34", "35"):
        assert agent.take(ta.put(agent.directory, kind, C, [])).records == 0
    assert len(rows(agent.desk, outside_file, "name")) == 8


# Once


def test_a_file_is_taken_once(agent: Agent) -> None:
    path = ta.put(agent.directory, "04", C, agent.confirmed())
    agent.take(path)
    before = agent.desk.dump()
    assert agent.take(path) == Taken(path.name, "04", C, 3, new=False)
    assert agent.desk.dump() == before


def test_another_file_under_the_same_name_is_refused(agent: Agent) -> None:
    agent.take(ta.put(agent.directory, "05", C, [ta.held(1, 100_00)]))
    path = ta.put(agent.directory, "05", C, [ta.held(1, 100_01)])
    assert agent.refuses(path) == "differs from the file that was taken or sent under this name before"


# Carried over, taken back, passed on


def answered(agent: Agent, on: str, *records: ta.Record, kind: str = "04") -> Path:
    """Write the answers of a day."""
    return ta.put(agent.directory, kind, day(on), records)


def test_a_redemption_is_carried_over_until_its_final_answer(agent: Agent) -> None:
    agent.confirm()
    agent.desk.transfer_out("alice", 90_00, "standard", "09-17 10:00", "out")
    agent.desk.run("09-17", at("09-17 16:00"))
    ta.sent(agent.desk, "03", C)
    entry = agent.entry("out")

    def part(confirmed: int, finish: str, serial: str) -> ta.Record:
        more = {"BusinessFinishFlag": finish, "TASerialNO": serial}
        return ta.answer("124", 1, C, entry, 90_00, confirmed, **more)

    agent.take(answered(agent, "09-18", part(30_00, "0", "1")))
    too_much = answered(agent, "09-23", part(60_01, "0", "2"))
    assert agent.refuses(too_much).endswith("ConfirmedVol: found '60.01', expected 60.00")
    agent.take(answered(agent, "09-24", part(10_00, "1", "4")))
    agent.take(answered(agent, "09-23", part(50_00, "0", "3")))
    told = rows(agent.desk, answer, "confirmation_date", "confirmed", "final", "business_code")
    told = [row[:3] for row in told if row[3] == "124"]
    assert told == [(LATER, 30_00, 0), (day("09-23"), 50_00, 0), (day("09-24"), 10_00, 1)]
    final = "expected an application whose answers this one can follow"
    assert final in agent.refuses(answered(agent, "09-25", part(0, "0", "5")))
    assert final in agent.refuses(answered(agent, "09-25", part(0, "1", "5")))


def test_a_final_answer_before_another_one_is_refused(agent: Agent) -> None:
    ta.sent(agent.desk, "03", C, control=80_00)
    carried = ta.answer("124", 0, C, 0, 80_00, 30_00, BusinessFinishFlag="0")
    agent.take(answered(agent, "09-23", carried))
    assert "can follow" in agent.refuses(answered(agent, "09-18", carried | {"BusinessFinishFlag": "1"}))
    agent.take(answered(agent, "09-18", carried))


def test_the_advancer_is_answered_as_it_applied(agent: Agent) -> None:
    ta.sent(agent.desk, "03", C, control=80_00)
    whole = ta.answer("124", 0, C, 0, 80_00, 80_00)
    wrong = agent.refuses(answered(agent, "09-18", whole | {"ApplicationVol": 80_01}))
    assert wrong.endswith("ApplicationVol: found '80.01', expected 80.00")
    subscribed = answered(agent, "09-18", ta.answer("122", 0, C, 0, 80_00, 80_00))
    assert agent.refuses(subscribed).endswith("BusinessCode: found '122', expected '124' of the advancer")
    agent.take(answered(agent, "09-18", whole))
    assert rows(agent.desk, answer, "holder_id", "application", "confirmed") == [(0, 20130917, 80_00)]


def test_nothing_is_answered_to_the_advancer_that_did_not_apply(agent: Agent) -> None:
    path = answered(agent, "09-17", ta.answer("124", 0, T, 0, 80_00, 80_00))
    assert agent.refuses(path).endswith("ApplicationVol: found '80.00', expected 0.00")


def test_a_confirmation_is_taken_back_once_and_whole(agent: Agent) -> None:
    agent.take(ta.put(agent.directory, "04", C, agent.confirmed()))
    serial = {"OriginalSerialNo": "04000000000000000002", "OriginalCfmDate": ta.digits(C), "AppSheetSerialNo": ""}
    back = ta.answer("145", 2, T, 0, 0, 20_00, TransactionDate="", **serial)
    original = "expected a confirmation 122 of this account on OriginalCfmDate, before this file, that still holds"
    for cells, line in (
        ({"ConfirmedVol": 19_99}, "ConfirmedVol: found '19.99', expected 20.00, all of it"),
        ({"ConfirmedVol": 0}, "ConfirmedVol: found '0.00', expected more than 0.00"),
        ({"OriginalCfmDate": "20130918"}, f"OriginalSerialNo: found '04000000000000000002', {original}"),
        ({"OriginalSerialNo": "7"}, f"OriginalSerialNo: found '7', {original}"),
        ({"OriginalSerialNo": ""}, "OriginalSerialNo: found '', expected the serial of the confirmation that is"),
        ({"OriginalCfmDate": ""}, "OriginalCfmDate: found '', expected a day YYYYMMDD"),
        (ta.account(1), f"OriginalSerialNo: found '04000000000000000002', {original}"),
    ):
        assert line in agent.refuses(answered(agent, "09-18", back | cells))
    agent.take(answered(agent, "09-18", back))
    of = ("holder_id", "application", "business_code", "applied", "confirmed", "original")
    taken_back = (2, agent.entry("b"), "145", 20_00, 20_00, "04000000000000000002")
    assert taken_back in rows(agent.desk, answer, *of)
    assert original in agent.refuses(answered(agent, "09-23", back))


def test_a_quick_transfer_is_answered_as_it_was_asked(agent: Agent) -> None:
    desk = agent.desk
    desk.pay("bob", 10_00, "09-16 20:00", "p")
    agent.confirm(ConfirmedVol=50_00, ConfirmedAmount=50_00)
    desk.pay("alice", 5_00, "09-17 10:00", "q")
    desk.run("09-17", at("09-17 16:00"))
    desk.pay("alice", 30_00, "09-17 18:00", "r")
    ta.sent(desk, "33", C)
    path = agent.directory

    def quick(holder: int, request: str, applied: int, confirmed: int, **more: Any) -> ta.Record:
        dated = {"OriginalAppDate": ta.digits(C), "ConfirmedAmount": 0}
        return ta.answer("198", holder, C, agent.entry(request), applied, confirmed, **dated, **more)

    answers = [quick(2, "p", 10_00, 10_00), quick(1, "r", 30_00, 0, ReturnCode="0001")]
    assert agent.refuses(ta.put(path, "34", C, changed(answers, 1, ApplicationVol=30_01))).endswith(
        "ApplicationVol: found '30.01', expected 30.00"
    )
    missing = agent.refuses(ta.put(path, "34", C, [*answers, quick(3, "r", 1, 1)]))
    assert "expected a payment of this account whose shares passed to the advancer that day" in missing
    wrong = agent.refuses(ta.put(path, "34", C, changed(answers, 0, OriginalAppDate="20130916")))
    assert wrong.endswith("OriginalAppDate: found '20130916', expected '20130917'")
    wrong = agent.refuses(ta.put(path, "34", C, changed(answers, 0, BusinessCode="124")))
    assert wrong.endswith("BusinessCode: found '124', expected one of '198'")
    agent.take(ta.put(path, "34", C, answers))
    told = rows(desk, answer, "holder_id", "business_code", "confirmation_date", "confirmed")
    assert [row for row in told if row[1] == "198"] == [(1, "198", C, 0), (2, "198", C, 10_00)]
    again = ta.put(path, "04", LATER, answers, creator="TA")
    assert "can follow" in agent.refuses(again)


# Refused


def changed(records: list[ta.Record], number: int, **cells: Any) -> list[ta.Record]:
    """Return records, one of them changed."""
    return [record | cells if n == number else record for n, record in enumerate(records)]


BAD_ANSWERS: list[tuple[dict[str, Any], str]] = [
    ({"FundCode": "000199"}, "FundCode: found '000199', expected '000198'"),
    ({"DistributorCode": "TA"}, "DistributorCode: found 'TA', expected 'WALLET'"),
    ({"TransactionCfmDate": "20130918"}, "TransactionCfmDate: found '20130918', expected '20130917'"),
    ({"BusinessCode": "142"}, "BusinessCode: found '142', expected one of '122', '124', '145', '198'"),
    ({"BusinessCode": ""}, "BusinessCode: found '', expected one of '122', '124', '145', '198'"),
    ({"TransactionAccountID": "2"}, "TransactionAccountID: found '2', expected an account of 17 digits"),
    ({"TAAccountID": "000000000003"}, "TAAccountID: found '000000000003', expected '000000000002'"),
    ({"AppSheetSerialNo": "1"}, "AppSheetSerialNo: found '1', expected an application of 24 digits"),
    (
        {"AppSheetSerialNo": "201309130000000000000002"},
        "AppSheetSerialNo: found '201309130000000000000002', expected an application that was sent in a file 03",
    ),
    (
        {"AppSheetSerialNo": "201309160000000000000000"},
        "AppSheetSerialNo: found '201309160000000000000000', expected the advancer's application has the number 0, "
        "others do not",
    ),
    ({"TransactionDate": "20130917"}, "TransactionDate: found '20130917', expected '20130916'"),
    ({"ApplicationAmount": 49_99}, "ApplicationAmount: found '49.99', expected 50.00"),
    ({"ApplicationAmount": 0, "ApplicationVol": 50_00}, "ApplicationAmount: found '0.00', expected more than 0.00"),
    ({"ConfirmedAmount": 20_01}, "ConfirmedAmount: found '20.01', expected 20.00, a share is 1.00"),
    ({"ConfirmedVol": 50_01, "ConfirmedAmount": 50_01}, "ConfirmedVol: found '50.01', expected at most 50.00"),
    (
        {"ConfirmedVol": -1, "ConfirmedAmount": -1},
        "ConfirmedVol: found '-0.01', expected an amount from 0.00 to 100000000000.00",
    ),
    ({"ReturnCode": "0307"}, "ConfirmedVol: found '20.00', expected 0.00 with return code 0307"),
    ({"ReturnCode": "9999"}, "ReturnCode: found '9999', expected a return code of the standard"),
    ({"ReturnCode": ""}, "ReturnCode: found '', expected a return code of the standard"),
    ({"BusinessFinishFlag": "0"}, "BusinessFinishFlag: found '0', expected '1': only a redemption is carried over"),
    ({"TASerialNO": ""}, "TASerialNO: found '', expected a serial"),
    (
        {"TASerialNO": "04000000000000000001"},
        "TASerialNO: found '04000000000000000001', expected each serial once a day",
    ),
]


@pytest.mark.parametrize(("cells", "line"), BAD_ANSWERS, ids=lambda value: str(value)[:40])
def test_an_answer_that_does_not_fit_is_named(agent: Agent, cells: dict[str, Any], line: str) -> None:
    path = ta.put(agent.directory, "04", C, changed(agent.confirmed(), 1, **cells))
    assert agent.refuses(path) == f"line {len(ta.columns_of('04')) + 13}, {line}"


def test_an_answer_to_nothing_that_was_asked_is_refused(agent: Agent) -> None:
    def refused(**cells: Any) -> str:
        return agent.refuses(ta.put(agent.directory, "04", C, changed(agent.confirmed(), 1, **cells))).partition(", ")[
            2
        ]

    expected = "expected an application of this account and day that is open"
    a = agent.entry("a")
    assert refused(AppSheetSerialNo=ta.application(T, 999)) == f"AppSheetSerialNo: found '999', {expected}"
    assert refused(AppSheetSerialNo=ta.application(T, a)) == f"AppSheetSerialNo: found '{a}', {expected}"
    b = {"BusinessCode": "124", "ApplicationVol": 50_00}
    assert refused(**b) == f"AppSheetSerialNo: found '{agent.entry('b')}', {expected}"


def test_an_order_that_was_taken_back_has_no_answer(agent: Agent, tmp_path: Path) -> None:
    desk = agent.desk
    desk.transfer_in("alice", 5_00, "09-17 10:00", "d")
    desk.pay("alice", 5_00, "09-17 11:00")
    desk.run("09-17", at("09-17 16:00"))
    ta.sent(desk, "03", C)
    path = ta.put(tmp_path, "04", LATER, [ta.answer("122", 1, C, agent.entry("d"), 5_00, 5_00)])
    assert "that is open" in agent.refuses(path)


def test_an_application_is_answered_once_a_day(agent: Agent) -> None:
    entry = agent.entry("a")
    path = ta.put(agent.directory, "04", C, agent.confirmed(ta.answer("122", 1, T, entry, 100_00, 1)))
    assert agent.refuses(path).endswith(f"AppSheetSerialNo: found '{entry}', expected each application once a day")


TOO_LATE = {"04": ("confirm", "confirmations are booked"), "06": ("distribute", "income is distributed")}


@pytest.mark.parametrize("kind", TOO_LATE)
def test_a_file_comes_before_the_step_that_books_it(agent: Agent, kind: str) -> None:
    step, done = TOO_LATE[kind]
    other = next(step for step, _ in TOO_LATE.values() if step != TOO_LATE[kind][0])
    path = ta.put(agent.directory, kind, C, [{"FundCode": "000199"}])
    agent.desk.ask(steps.finish, C, other, ta.RECEIVED, "done")
    assert agent.refuses(path).startswith("line ")
    agent.desk.ask(steps.finish, C, step, ta.RECEIVED, "done")
    assert agent.refuses(path) == f"{kind} for 2013-09-17: its {done}"
    assert agent.take(ta.put(agent.directory, kind, C, [])).new


def test_what_books_nothing_is_never_too_late(agent: Agent) -> None:
    agent.desk.ask(steps.finish, C, "reconcile", ta.RECEIVED, "done")
    for kind in ("05", "35"):
        assert agent.take(ta.put(agent.directory, kind, C, [ta.held(1, 5)])).records == 1


def test_a_file_comes_before_the_first_chunk_of_its_step(agent: Agent) -> None:
    path = ta.put(agent.directory, "04", C, agent.confirmed())
    agent.desk.ask(steps.plan, C, "confirm", [Chunk(1, 1, 3)])
    assert agent.refuses(path) == "04 for 2013-09-17: its confirmations are booked"


def test_what_is_answered_finally_is_not_answered_again(agent: Agent) -> None:
    agent.take(ta.put(agent.directory, "04", C, agent.confirmed()))
    path = ta.put(agent.directory, "04", LATER, [ta.answer("122", 2, T, agent.entry("b"), 50_00, 30_00)])
    assert "expected an application whose answers this one can follow" in agent.refuses(path)


@pytest.mark.parametrize("kind", ["05", "06", "35"])
def test_a_holder_has_one_record(agent: Agent, kind: str) -> None:
    record = ta.earned(1, 100_00, 1) if kind == "06" else ta.held(1, 100_00)
    path = ta.put(agent.directory, kind, C, [record, record])
    expected = "each account once" + (", details aside" if kind != "06" else "")
    line = len(ta.columns_of(kind)) + 13
    assert agent.refuses(path) == f"line {line}, TransactionAccountID: found '1', expected {expected}"


BAD_RECORDS: list[tuple[str, ta.Record, str]] = [
    ("05", ta.held(1, 5, AvailableVol=-1, TotalFrozenVol=0), "AvailableVol: found '-0.01', expected 0.00 to 0.05"),
    ("05", ta.held(1, -5, AvailableVol=-6), "AvailableVol: found '-0.06', expected -0.05 to -0.05"),
    ("05", ta.held(1, -5, AvailableVol=-5, TotalFrozenVol=1), "TotalFrozenVol: found '0.01', expected at most 0.00"),
    ("05", ta.held(1, 10**13 + 1), "TotalVolOfDistributorInTA: found '100000000000.01', expected an amount from"),
    ("05", ta.held(1, 5, AvailableVol=6), "AvailableVol: found '0.06', expected 0.00 to 0.05"),
    ("05", ta.held(1, 5, TotalFrozenVol=6), "TotalFrozenVol: found '0.06', expected at most 0.05"),
    ("05", ta.held(1, 5, DetailFlag="2"), "DetailFlag: found '2', expected one of '0', '1'"),
    ("05", ta.held(1, 5, TransactionAccountID=""), "TransactionAccountID: found '', expected an account of 17 digits"),
    ("05", ta.held(1, 5, FundCode="零零零"), "FundCode: found '零零零', expected '000198'"),
    ("06", ta.earned(4, 5, 1), "TransactionAccountID: found '4', expected an account of ours"),
    (
        "06",
        ta.earned(1, 5, 1, TransactionAccountID="00001000000000001"),
        "TransactionAccountID: found '00001000000000001', expected an account of ours",
    ),
    ("06", ta.earned(1, 5, 1, DividendType="0"), "DividendType: found '0', expected '2'"),
    ("06", ta.earned(1, 5, 1, BusinessCode="144"), "BusinessCode: found '144', expected '143'"),
    ("06", ta.earned(1, 5, 1, RegistrationDate="20130916"), "RegistrationDate: found '20130916', expected '20130917'"),
    ("06", ta.earned(1, 5, 1, XRDate="20130917"), "XRDate: found '20130917', expected '20130918'"),
    ("06", ta.earned(1, 5, 1, DividendAmount=2), "VolOfDividendforReinvestment: found '0.01', expected 0.02, a share"),
    ("06", ta.earned(1, 5, 1, CurrencyType="840"), "CurrencyType: found '840', expected '156'"),
    ("07", figure("09-18", 1_00000), "UpdateDate: found '20130918', expected a day from 20130916 to 20130917"),
    ("07", figure("09-15", 1_00000), "UpdateDate: found '20130915', expected a day from 20130916 to 20130917"),
    ("07", figure("09-17", 1_00001), "FundIncome: found '1.00001', expected four decimals and a 0"),
    ("07", figure("09-17", 1_00000, FundIncomeFlag="2"), "FundIncomeFlag: found '2', expected one of '', '0', '1'"),
    ("07", figure("09-17", 100_00000), "FundIncome: found '100.00000', expected less than 100.0000"),
    ("07", figure("09-17", 1_00000, FundCode="000199"), "FundCode: found '000199', expected '000198'"),
    ("07", figure("09-17", 1_00000, UpdateDate="20130931"), "UpdateDate: found '20130931', expected a day YYYYMMDD"),
]


@pytest.mark.parametrize(("kind", "record", "line"), BAD_RECORDS, ids=lambda value: str(value)[-40:])
def test_a_record_that_does_not_fit_is_named(agent: Agent, kind: str, record: ta.Record, line: str) -> None:
    path = ta.put(agent.directory, kind, C, [record])
    assert agent.refuses(path).startswith(f"line {len(ta.columns_of(kind)) + 12}, {line}")


def test_a_file_of_somebody_else_is_refused(agent: Agent) -> None:
    path = ta.put(agent.directory, "05", C, [], creator="OTHER")
    assert agent.refuses(path) == "line 3, creator: found 'OTHER', expected 'TA'"
    path = ta.put(agent.directory, "05", C, [], receiver="OTHER")
    assert agent.refuses(path) == "line 4, receiver: found 'OTHER', expected 'WALLET'"


def test_a_file_of_a_day_before_the_link_is_refused(agent: Agent) -> None:
    assert "2013-09-15 is worked without files" in agent.refuses(ta.put(agent.directory, "05", day("09-15"), []))
    assert "2099-01-01" in agent.refuses(ta.put(agent.directory, "05", day("2099-01-01"), []))


def test_confirmations_come_on_trading_days(agent: Agent) -> None:
    path = ta.put(agent.directory, "04", day("09-19"), [])
    assert agent.refuses(path) == "line 5, date: found '2013-09-19', expected a trading day"


def test_a_column_that_cannot_be_done_without_is_missed(agent: Agent) -> None:
    without = tuple(name for name in ta.columns_of("07") if name != "YieldFlag")
    path = ta.put(agent.directory, "07", C, [figure("09-17", 1_00000)], fields=without)
    assert agent.refuses(path) == f"line 10, field names: found '{len(without)} fields', expected also YieldFlag"


def test_a_type_that_is_not_read_is_refused(agent: Agent) -> None:
    path = agent.directory / "OFD_TA_WALLET_20130917_03.TXT"
    assert "expected a type out of 04, 05, 06, 07, 25, 34, 35" in agent.refuses(path)


def test_a_file_that_is_not_there_is_refused(agent: Agent) -> None:
    with agent.desk.refuses("invalid_request"):
        agent.take(agent.directory / "OFD_TA_WALLET_20130917_05.TXT")
