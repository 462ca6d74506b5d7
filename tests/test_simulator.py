"""The simulator of transfer agent, fund and bank: a week by hand, chance that can be repeated, days cut short."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calendars import load
from tests.counterpart import ASKED, REDEEM, SUBSCRIBE, Counterpart, day
from wallet.errors import FundwalletError
from wallet.rules.income import allocate, amounts
from wallet.simulator.answers import Chances
from wallet.simulator.bank import Line, read_payments
from wallet.simulator.income import allot, figure_of, seven_day_of
from wallet.simulator.mistakes import KINDS
from wallet.simulator.night import Night
from wallet.simulator.outbox import Outbox
from wallet.simulator.play import Plan, simulate
from wallet.simulator.register import load as register_of

LAST = day(24)


@pytest.fixture
def counterpart(tmp_path: Path) -> Counterpart:
    """An empty directory that both sides share."""
    return Counterpart(tmp_path)


def week(counterpart: Counterpart, plan: Plan | None = None, last: date = LAST) -> list[dict[str, Any]]:
    """Export and play the days around Mid-Autumn 2013, holders 1, 2 and 3 beside the advancer."""
    documents = []
    on = day(16)
    while on <= last:
        asked = {
            day(16): [(SUBSCRIBE, 1, 1_000_000), (SUBSCRIBE, 2, 500_000), (SUBSCRIBE, 3, 8_000)],
            day(17): [(REDEEM, 3, 8_000), (REDEEM, 0, 100_000)],
            day(18): [(SUBSCRIBE, 3, 5_000)],
        }
        moved = {day(17): [(2, 100_000)], day(19): [(1, 259)]}
        paid = {
            day(16): [("15080.00", "T1")],
            day(17): [("-15080.00", "FO20130917"), ("12.34", "T9"), ("-1.00", "P1-2")],
        }
        if load().is_trading_day(on):
            counterpart.apply(on, *asked.get(on, []))
        counterpart.transfer(on, *moved.get(on, []))
        counterpart.pay(on, *paid.get(on, [("0.05", f"T{on:%d}")]))
        documents.append(counterpart.play(on, plan))
        on += timedelta(1)
    return documents


# A week worked by hand; the figures are the published ones


def test_a_week_by_hand(counterpart: Counterpart) -> None:
    monday, tuesday, wednesday, thursday, *_ = week(counterpart)
    assert counterpart.shares(day(16)) == {}
    assert counterpart.income(day(16)) == {}
    assert counterpart.answers(day(17)) == [
        ("122", 1, 1_000_000, "0000", "1"),
        ("122", 2, 500_000, "0000", "1"),
        ("122", 3, 8_000, "0000", "1"),
    ]
    # Tuesday: confirmed, and 1,000.00 of holder 2 passed to the advancer; at 1.2495 the exact income is
    # 12.495, 124.95, 49.98 and 0.9996 fen: 185 when cut, 188 in all, three fen to 3, 2 and 1.
    assert counterpart.shares(day(17)) == {0: 100_000, 1: 1_000_000, 2: 400_000, 3: 8_000}
    assert counterpart.income(day(17)) == {0: 12, 1: 125, 2: 50, 3: 1}
    # Wednesday: 80.00 and the advancer's 1,000.00 left, Tuesday's income came; at 1.3366 one fen is left over.
    assert counterpart.answers(day(18)) == [("124", 3, 8_000, "0000", "1"), ("124", 0, 100_000, "0000", "1")]
    assert counterpart.shares(day(18)) == {0: 12, 1: 1_000_125, 2: 400_050, 3: 1}
    assert counterpart.income(day(18)) == {0: 0, 1: 134, 2: 53, 3: 0}
    # Thursday is a holiday: income, and 2.59 by a quick transfer, but nothing is confirmed before Monday.
    assert counterpart.shares(day(19)) == {0: 271, 1: 1_000_000, 2: 400_103, 3: 1}
    assert counterpart.income(day(19)) == {0: 0, 1: 126, 2: 50, 3: 0}
    assert counterpart.shares(day(22))[3] == 1
    assert counterpart.answers(day(23)) == [("122", 3, 5_000, "0000", "1")]
    assert counterpart.shares(day(23))[3] == 5_001
    assert (monday["register"], tuesday["register"], wednesday["register"]) == ("0.00", "15080.00", "14001.88")
    assert (tuesday["income"], tuesday["income_per_10k"], tuesday["seven_day"]) == ("1.88", "1.2495", "4.848")
    assert (tuesday["confirmed"], tuesday["quick_transfers"], thursday["confirmed"]) == (2, 1, 0)


def test_the_files_of_a_week(counterpart: Counterpart) -> None:
    documents = week(counterpart)
    tuesday, thursday = documents[1], documents[3]
    assert tuesday["files"] == [
        "OFD_TA_WALLET_20130917_34.TXT",
        "OFD_TA_WALLET_20130917_35.TXT",
        "OFB_TA_WALLET_20130917.TXT",
        "OFD_TA_WALLET_20130918_04.TXT",
        "OFD_TA_WALLET_20130918_25.TXT",
        "OFD_TA_WALLET_20130917_07.TXT",
        "OFD_TA_WALLET_20130917_06.TXT",
        "OFD_TA_WALLET_20130917_05.TXT",
        "OFI_TA_WALLET_20130917.TXT",
        "STATEMENT_20130917.xml",
    ]
    assert [name[-6:-4] for name in thursday["files"]] == ["34", "35", "19", "07", "06", "05", "19", "19"]
    clearing = ("BusinessCode", "ConfirmedAmount", "ReceOrPayFlag", "TransactionDate", "PayDate")
    assert counterpart.read("25", day(17), *clearing) == [("122", 1_508_000, "1", "20130916", "20130917")]
    assert counterpart.read("25", day(18), *clearing) == [("124", 108_000, "0", "20130917", "20130918")]
    assert counterpart.shares(day(17), "35") == {0: 100_000, 2: 400_000}
    transfer = ("BusinessCode", "TargetTAAccountID", "OriginalAppDate", "TransactionDate", "ConfirmedVol", "ReturnCode")
    assert counterpart.read("34", day(19), *transfer) == [("198", "000000000000", "20130919", "20130923", 259, "0000")]
    figures = ("UpdateDate", "FundIncome", "FundIncomeFlag", "Yield", "TotalFundVol", "FundDayIncome")
    assert counterpart.read("07", day(17), *figures) == [("20130917", 12_495_0, "0", 4_848, 1_508_000, 188)]
    dates = ("RegistrationDate", "XRDate", "DividendType", "BusinessCode", "BasisforCalculatingDividend")
    assert counterpart.read("06", day(17), *dates)[1] == ("20130917", "20130918", "2", "143", 1_000_000)
    serials = [
        serial
        for kind, of in (("04", day(18)), ("34", day(17)), ("06", day(17)))
        for (serial,) in counterpart.read(kind, of, "TASerialNO")
    ]
    assert len(set(serials)) == len(serials)
    # The shares of a redemption that leaves on Wednesday are frozen on Tuesday.
    balance = ("TAAccountID", "AvailableVol", "TotalFrozenVol")
    assert counterpart.read("05", day(17), *balance)[3] == ("000000000003", 0, 8_000)


def test_statements_follow_one_another(counterpart: Counterpart) -> None:
    week(counterpart)
    before = 0
    for number in range(16, 25):
        opening, lines, closing = counterpart.statement(day(number))
        assert opening == before
        assert closing == opening + sum(amount for _, amount, _ in lines)
        assert lines
        before = closing
    assert counterpart.statement(day(17))[1] == [
        ("2013-09-17", -1_508_000, "FO20130917"),
        ("2013-09-17", 1_234, "T9"),
        ("2013-09-17", -100, "P1-2"),
    ]


def test_a_bank_told_late_catches_up(counterpart: Counterpart) -> None:
    for on in (day(16), day(17)):
        counterpart.apply(on)
    counterpart.pay(day(16), ("1.00", "T1"))
    assert counterpart.play()["notes"] == ["no file 33 was exported so far: no quick transfers"]
    counterpart.play()
    assert not (counterpart.directory / "STATEMENT_20130917.xml").exists()
    counterpart.pay(day(17), ("2.00", "T2"))
    counterpart.apply(day(18))
    counterpart.pay(day(18), ("4.00", "T3"))
    assert "no list of payments was exported: no statement" not in counterpart.play()["notes"]
    opening, lines, closing = counterpart.statement(day(18))
    assert (opening, [line[::2] for line in lines], closing) == (100, [("2013-09-17", "T2"), ("2013-09-18", "T3")], 700)


# The simulator's arithmetic, beside that of the books


@given(
    st.dictionaries(st.integers(0, 50), st.integers(-3, 10**6) | st.integers(1, 10**13), max_size=20),
    st.integers(-20_000, 20_000),
)
def test_income_is_what_the_books_would_hand_out(shares: dict[int, int], figure: int) -> None:
    earning = {holder: held for holder, held in shares.items() if held > 0}
    holders, holdings = (np.array(list(part), np.int64) for part in (earning.keys(), earning.values()))
    if earning:
        parts = amounts(holders, holdings, figure, allocate(holders, holdings, figure)).tolist()
        assert allot(shares, figure) == dict(zip(earning, (-n if figure < 0 else n for n in parts), strict=True))
    else:
        assert allot(shares, figure) == {}


def test_a_negative_figure_takes_away() -> None:
    assert allot({0: 8_929, 1: 8_929, 2: 0, 3: -5}, -11_200) == {0: -1, 1: -1}
    assert allot({0: 5_000, 2: 5_000}, -10_000) == {0: -1, 2: 0}


def test_negative_figures_in_the_files(tmp_path: Path) -> None:
    night = Night(day(20), None, -5_000, -1_234, {0: -3, 7: 5}, {0: 1, 7: 9}, {7: -2}, [], None, None)
    Outbox(tmp_path, "WALLET", "TA", "000198").send(night)
    read = Counterpart(tmp_path).read
    fields = ("FundIncome", "FundIncomeFlag", "Yield", "YieldFlag", "FundDayIncome", "FundDayIncomeFlag")
    assert read("07", day(20), *fields) == [(50_000, "1", 1_234, "1", 2, "1")]
    assert read("06", day(20), "TAAccountID", "DividendAmount") == [("000000000007", -2)]
    balance = ("TotalVolOfDistributorInTA", "AvailableVol", "TotalFrozenVol")
    assert read("05", day(20), *balance) == [(-3, -3, 0), (5, 0, 5)]
    assert not list(tmp_path.glob("OFB*"))


def test_figures_that_nobody_published() -> None:
    assert figure_of("000198", day(17), 1) == 12_495
    drawn = [figure_of("000198", date(2014, 1, n), 1) for n in range(1, 32)]
    assert drawn == [figure_of("000198", date(2014, 1, n), 1) for n in range(1, 32)]
    assert drawn != [figure_of("000198", date(2014, 1, n), 2) for n in range(1, 32)]
    assert all(11_400 <= figure <= 12_600 for figure in drawn)
    assert figure_of("000001", day(17), 1) != 12_495
    # The published series again, by the rule: as of 7 January all seven days are drawn.
    first = seven_day_of("000198", date(2014, 1, 1), date(2014, 1, 1), 1)
    assert first == round(((1 + drawn[0] / 10**8) ** 365 - 1) * 10**5)
    growth = np.prod([1 + figure / 10**8 for figure in drawn[:7]])
    assert seven_day_of("000198", date(2014, 1, 7), date(2013, 9, 16), 1) == round((growth ** (365 / 7) - 1) * 10**5)


# Answers by chance


def asked_and_played(counterpart: Counterpart, chances: Chances) -> list[dict[str, Any]]:
    """Let holder 1 subscribe on Monday and redeem a part on Tuesday; play through Friday of the week after."""
    documents = []
    for on in (day(16) + timedelta(n) for n in range(12)):
        if load().is_trading_day(on):
            asked = {day(16): [(SUBSCRIBE, 1, 100_000), (SUBSCRIBE, 1, 1)], day(17): [(REDEEM, 1, 40_000)]}
            counterpart.apply(on, *asked.get(on, []))
        documents.append(counterpart.play(on, Plan(3, chances=chances)))
    return documents


def test_rejected(counterpart: Counterpart) -> None:
    documents = asked_and_played(counterpart, Chances(reject=1))
    assert [document["rejected"] for document in documents[:3]] == [2, 1, 0]
    for code, _, confirmed, return_code, final in counterpart.answers(day(17)):
        assert (code, confirmed, final) == ("122", 0, "1")
        assert return_code in ("0307", "0318", "0355")
    assert counterpart.answers(day(18)) == [("124", 1, 0, "0001", "1")]
    assert counterpart.shares(day(25)) == {}
    assert counterpart.read("25", day(17), "BusinessCode") == []


def test_confirmed_in_part(counterpart: Counterpart) -> None:
    documents = asked_and_played(counterpart, Chances(partial=1))
    assert (documents[0]["partly"], documents[0]["confirmed"]) == (1, 1)
    (_, _, part, code, final), (_, _, fen, _, _) = counterpart.answers(day(17))
    assert 0 < part < 100_000
    assert (code, final, fen) == ("0000", "1", 1)
    assert counterpart.shares(day(17)) == {1: part + 1}
    assert counterpart.read("04", day(17), "ApplicationAmount", "ConfirmedAmount")[0] == (100_000, part)


def test_more_than_there_is_cannot_be_redeemed(counterpart: Counterpart) -> None:
    counterpart.apply(day(16), (SUBSCRIBE, 1, 100))
    counterpart.play()
    counterpart.apply(day(17), (REDEEM, 1, 60), (REDEEM, 1, 41), (REDEEM, 1, 40), (REDEEM, 1, 1), (REDEEM, 9, 1))
    document = counterpart.play()
    expected = [(60, "0000"), (0, "0001"), (40, "0000"), (0, "0001"), (0, "0001")]
    assert [(confirmed, code) for _, _, confirmed, code, _ in counterpart.answers(day(18))] == expected
    assert (document["confirmed"], document["rejected"]) == (2, 3)


@pytest.mark.parametrize("seed", range(5))
def test_the_rest_is_carried_over(counterpart: Counterpart, seed: int) -> None:
    chances, left, days = Plan(seed, chances=Chances(carry=0.7)), 40_000, []
    counterpart.apply(day(16), (SUBSCRIBE, 1, 100_000))
    counterpart.play(plan=chances)
    on = day(17)
    while left:
        if load().is_trading_day(on):
            counterpart.apply(on, *[(REDEEM, 1, 40_000)] * (on == day(17)))
        counterpart.play(on, chances)
        if load().is_trading_day(on):
            due = load().next(on)
            fields = ("AppSheetSerialNo", "TransactionDate", "ApplicationVol", "ConfirmedVol", "BusinessFinishFlag")
            ((*same, confirmed, final),) = counterpart.read("04", due, *fields)
            assert same == ["201309170000000000000001", "20130917", 40_000]
            left -= confirmed
            assert (final == "1") == (left == 0)
            assert confirmed > 0
            days.append(due)
        on += timedelta(1)
    counterpart.apply(on)
    assert counterpart.play(on, chances)["carried"] == 0
    assert len(set(days)) == len(days)


@pytest.mark.parametrize("seed", range(2))
def test_every_share_comes_from_an_answer_a_transfer_or_income(counterpart: Counterpart, seed: int) -> None:
    rng, plan = Random(seed), Plan(seed, chances=Chances(0.1, 0.2, 0.3))
    held: Counter[int] = Counter()
    on = day(16)
    while on < day(16, 10):
        if load().is_trading_day(on):
            asked = [(rng.choice((SUBSCRIBE, REDEEM)), rng.randint(0, 5), rng.randint(1, 10**6)) for _ in range(6)]
            counterpart.apply(on, *[one for one in asked if one[:2] != (SUBSCRIBE, 0)])
        moved = [(rng.randint(1, 5), rng.randint(1, 10**4)) for _ in range(2)]
        counterpart.transfer(on, *moved)
        counterpart.play(on, plan)
        if load().is_trading_day(on) and on > day(16):
            for code, holder, confirmed, *_ in counterpart.answers(on):
                held[holder] += confirmed if code == "122" else -confirmed
        if on > day(16):
            held.update(counterpart.income(on - timedelta(1)))
        for holder, shares in moved:
            held[holder] -= shares
            held[0] += shares
        assert counterpart.shares(on) == {holder: shares for holder, shares in held.items() if shares}, on
        on += timedelta(1)
    assert sum(held.values()) > 0


# The same again


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    plan = Plan(7, chances=Chances(0.3, 0.3, 0.3), wrong=0.8)
    runs = []
    for name, each in (("one", plan), ("two", plan), ("other", Plan(8, chances=plan.chances, wrong=0.8))):
        (tmp_path / name).mkdir()
        week(counterpart := Counterpart(tmp_path / name), each)
        runs.append(counterpart.files())
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_a_day_played_stays_as_it_is(counterpart: Counterpart) -> None:
    documents = week(counterpart)
    before = counterpart.files()
    assert counterpart.play(day(17), Plan(99, chances=Chances(1), wrong=1, late=2)) == documents[1]
    assert counterpart.files() == before


def test_days_are_played_in_order(counterpart: Counterpart) -> None:
    counterpart.apply(day(16))
    for wrong in (day(15), day(17)):
        with pytest.raises(FundwalletError, match="out of order: the day to play is 2013-09-16"):
            counterpart.play(wrong)
    assert not (counterpart.directory / "register.json").exists()
    counterpart.play()
    with pytest.raises(FundwalletError, match="2013-09-18 is out of order: the day to play is 2013-09-17"):
        counterpart.play(day(18))


def test_a_day_cut_short_is_played_again_to_the_same_bytes(counterpart: Counterpart, tmp_path_factory: Any) -> None:
    plan = Plan(5, chances=Chances(0.2, 0.2, 0.2), wrong=1)
    for whole in (day(17), day(19)):
        shutil.rmtree(counterpart.directory)
        counterpart.directory.mkdir()
        week(counterpart, plan, whole - timedelta(1))
        if load().is_trading_day(whole):
            counterpart.apply(whole, (SUBSCRIBE, 2, 5))
        counterpart.transfer(whole, (1, 7))
        counterpart.pay(whole, ("3.00", "T7"))
        before, written = counterpart.files(), counterpart.play(whole, plan)["files"]
        after = counterpart.files()
        for done in range(len(written) + 1):
            other = Counterpart(tmp_path_factory.mktemp("cut"))
            kept = before | {name: after[name] for name in written[:done]}
            if done == len(written):
                kept |= {"planted.jsonl": after["planted.jsonl"]}
            for name, content in kept.items():
                (other.directory / name).write_bytes(content)
            other.play(whole, plan)
            assert other.files() == after


def test_nothing_counts_before_its_index_and_the_register_is_last(counterpart: Counterpart) -> None:
    week(counterpart, last=day(16))
    counterpart.apply(day(17))
    counterpart.transfer(day(17))
    counterpart.pay(day(17))
    before = counterpart.files()
    for name in ("OFI_TA_WALLET_20130917.TXT", "STATEMENT_20130917.xml", "planted.jsonl"):
        obstacle = counterpart.directory / name
        obstacle.unlink(missing_ok=True)
        obstacle.mkdir()
        with pytest.raises(OSError, match="director"):
            counterpart.play()
        obstacle.rmdir()
        assert counterpart.files()["register.json"] == before["register.json"]
        assert not list(counterpart.directory.glob("*.part"))
    assert counterpart.play()["day"] == "2013-09-17"


# Late files


def test_late_files_come_on_their_day(counterpart: Counterpart) -> None:
    plan = Plan(1, late=2)
    counterpart.apply(day(16), (SUBSCRIBE, 1, 100))
    counterpart.transfer(day(16))
    monday = counterpart.play(plan=plan)
    assert (monday["files"], monday["files_due"]) == ([], "2013-09-18")
    assert not list(counterpart.directory.glob("*_TA_WALLET_*"))
    # Without Monday's files our side cannot export Tuesday: the files come all the same when they are due.
    with pytest.raises(FundwalletError, match=r"OFD_WALLET_TA_20130917_03.TXT is not there"):
        counterpart.play(day(17), plan)
    waiting = counterpart.play(day(18), plan)
    assert (waiting["played"], waiting["register"]) == (False, None)
    assert waiting["notes"] == ["2013-09-18 is out of order: the day to play is 2013-09-17"]
    assert waiting["files"][-1] == "OFI_TA_WALLET_20130916.TXT"
    assert counterpart.answers(day(17)) == [("122", 1, 100, "0000", "1")]
    counterpart.apply(day(17))
    counterpart.transfer(day(17))
    assert counterpart.play(plan=plan)["register"] == "1.00"
    counterpart.apply(day(18))
    counterpart.transfer(day(18))
    wednesday = counterpart.play(plan=plan)
    assert (wednesday["day"], wednesday["played"], wednesday["files"]) == ("2013-09-18", True, [])
    counterpart.transfer(day(19))
    assert counterpart.play(plan=plan)["files"][-1] == "OFI_TA_WALLET_20130917.TXT"


def test_late_files_that_were_cut_short_on_their_way(counterpart: Counterpart) -> None:
    counterpart.apply(day(16), (SUBSCRIBE, 1, 100))
    counterpart.play(plan=Plan(1, late=1))
    waiting = sorted((counterpart.directory / "late").iterdir())
    waiting[0].replace(counterpart.directory / waiting[0].name)
    delivered = counterpart.play(day(17), Plan(1, late=1))["files"]
    assert sorted(delivered) == [path.name for path in waiting]
    assert all((counterpart.directory / name).exists() for name in delivered)
    assert not list((counterpart.directory / "late").iterdir())


def test_late_files_say_the_same(tmp_path: Path) -> None:
    for name in ("late", "soon"):
        (tmp_path / name).mkdir()
    late, soon = Counterpart(tmp_path / "late"), Counterpart(tmp_path / "soon")
    week(late, Plan(4, late=3))
    week(soon, Plan(4))
    there = {name: content for name, content in soon.files().items() if name[:4] in ("OFI_", "OFD_", "STAT")}
    held = {Path(name).name: content for name, content in late.files().items() if name != "register.json"}
    assert {name: held[name] for name in there} == there
    assert (late.directory / "OFI_TA_WALLET_20130921.TXT").exists()
    assert not (late.directory / "OFI_TA_WALLET_20130922.TXT").exists()


# Wrong figures


def test_every_kind_of_mistake_is_one_wrong_figure(tmp_path: Path) -> None:
    monday, tuesday = (Counterpart(tmp_path / name) for name in ("monday", "tuesday"))
    for counterpart, last in ((monday, day(16)), (tuesday, day(17))):
        counterpart.directory.mkdir()
        week(counterpart, last=last)
    seen: dict[str, int] = {}
    for seed in range(400):
        if len(seen) == len(KINDS):
            break
        wrong, right = (Counterpart(tmp_path / f"{name} {seed}") for name in ("wrong", "right"))
        shutil.copytree(monday.directory, wrong.directory)
        shutil.copytree(tuesday.directory, right.directory)
        (planted,) = week(wrong, Plan(seed, wrong=1), last=day(17))[-1]["planted"]
        kind = planted["what"]
        if kind in seen:
            continue
        seen[kind] = seed
        listed = [json.loads(line) for line in (wrong.directory / "planted.jsonl").read_text("utf-8").splitlines()]
        assert listed == [planted]
        CHECKS[kind](right, wrong, planted)
    assert set(seen) == {kind for kind, _ in KINDS}


def differing(right: Counterpart, wrong: Counterpart) -> set[str]:
    """Return the answers that are not the same, by the end of their names."""
    ours, theirs = right.files(), wrong.files()
    names = {name for name in ours | theirs if name not in ("register.json", "planted.jsonl")}
    return {name.removesuffix(".TXT").rpartition("_")[2] for name in names if ours.get(name) != theirs.get(name)}


def fen(text: str) -> int:
    return int(text.replace(".", ""))


def check_shares(right: Counterpart, wrong: Counterpart, planted: dict[str, Any]) -> None:
    holder, truth = int(planted["whose"]), right.shares(day(17))
    assert truth[holder] == fen(planted["right"])
    assert wrong.shares(day(17)) == truth | {holder: fen(planted["wrong"])}
    assert fen(planted["wrong"]) != fen(planted["right"])
    assert differing(right, wrong) - {"35"} == {"05"}
    register = register_of(wrong.directory)
    assert register is not None
    assert register.shares == truth


def check_income(right: Counterpart, wrong: Counterpart, planted: dict[str, Any]) -> None:
    holder, truth = int(planted["whose"]), right.income(day(17))
    told = truth | {holder: fen(planted["wrong"])}
    assert truth[holder] == fen(planted["right"])
    assert abs(told[holder] - truth[holder]) >= 2
    assert wrong.income(day(17)) == told
    assert differing(right, wrong) == {"06", "07"}
    assert wrong.read("07", day(17), "FundDayIncome") == [(sum(told.values()),)]
    # The transfer agent credits what it says.
    for side in (right, wrong):
        side.apply(day(18))
        side.transfer(day(18))
        side.play()
    assert wrong.shares(day(18))[holder] - right.shares(day(18)).get(holder, 0) == told[holder] - truth[holder]


def check_clearing(right: Counterpart, wrong: Counterpart, planted: dict[str, Any]) -> None:
    assert differing(right, wrong) == {"25"}
    assert (planted["whose"], planted["right"]) == ("124", "1080.00")
    told = wrong.read("25", day(18), "BusinessCode", "ConfirmedAmount", "ReceOrPayFlag")
    assert told == [("124", fen(planted["wrong"]), "0")]
    assert planted["wrong"] != planted["right"]


def statements(right: Counterpart, wrong: Counterpart) -> tuple[list[tuple[str, int, str]], list[tuple[str, int, str]]]:
    assert differing(right, wrong) == {"20130917.xml"}
    opening, lines, closing = wrong.statement(day(17))
    assert closing == opening + sum(amount for _, amount, _ in lines)
    return right.statement(day(17))[1], lines


def check_amount(right: Counterpart, wrong: Counterpart, planted: dict[str, Any]) -> None:
    truth, told = statements(right, wrong)
    (before,), (after,) = set(truth) - set(told), set(told) - set(truth)
    assert before == ("2013-09-17", fen(planted["right"]), planted["whose"])
    assert after == ("2013-09-17", fen(planted["wrong"]), planted["whose"])


def check_unexpected(right: Counterpart, wrong: Counterpart, planted: dict[str, Any]) -> None:
    truth, told = statements(right, wrong)
    assert set(told) - set(truth) == {("2013-09-17", fen(planted["wrong"]), "UNKNOWN-20130917")}
    assert len(told) == len(truth) + 1
    assert planted["right"] is None


def check_left_out(right: Counterpart, wrong: Counterpart, planted: dict[str, Any]) -> None:
    truth, told = statements(right, wrong)
    assert set(truth) - set(told) == {("2013-09-17", fen(planted["right"]), planted["whose"])}
    assert planted["wrong"] is None
    for side in (right, wrong):
        side.apply(day(18))
        side.transfer(day(18))
        side.pay(day(18), ("9.00", "T18"))
        side.play()
    late = ("2013-09-18", fen(planted["right"]), planted["whose"])
    assert wrong.statement(day(18))[1] == [late, ("2013-09-18", 900, "T18")]
    assert wrong.statement(day(18))[2] == right.statement(day(18))[2]


CHECKS: dict[str, Callable[[Counterpart, Counterpart, dict[str, Any]], None]] = {
    "shares": check_shares,
    "income": check_income,
    "clearing": check_clearing,
    "bank amount": check_amount,
    "bank unexpected": check_unexpected,
    "bank left out": check_left_out,
}


# What cannot be played


def test_exports_that_are_not_there(counterpart: Counterpart) -> None:
    with pytest.raises(FundwalletError, match="no file 03 or 33 was exported into it"):
        counterpart.play()
    counterpart.apply(day(16))
    index = counterpart.directory / "OFI_WALLET_TA_20130916.TXT"
    index.rename(aside := counterpart.directory / "aside")
    with pytest.raises(FundwalletError, match=r"_03\.TXT does not count before OFI_WALLET_TA_20130916.TXT is there"):
        counterpart.play()
    text = aside.read_bytes()
    index.write_bytes(text.replace(b"\r\n001\r\nOFD_WALLET_TA_20130916_03.TXT", b"\r\n000"))
    with pytest.raises(FundwalletError, match=r"_03\.TXT is not listed in OFI_WALLET_TA_20130916.TXT"):
        counterpart.play()
    index.write_bytes(text)
    counterpart.transfer(day(16))
    counterpart.play()
    counterpart.transfer(day(17))
    with pytest.raises(
        FundwalletError, match=r"2013-09-17 cannot be played: OFD_WALLET_TA_20130917_03.TXT is not there"
    ):
        counterpart.play()
    (counterpart.directory / "OFD_WALLET_TA_20130917_33.TXT").unlink()
    counterpart.apply(day(17))
    with pytest.raises(FundwalletError, match=r"OFD_WALLET_TA_20130917_33.TXT is not there"):
        counterpart.play()


@pytest.mark.parametrize(
    ("field", "found", "expected"),
    [
        ("BusinessCode", "026", "022 or 024"),
        ("FundCode", "000001", "000198"),
        ("DistributorCode", "WALLETS", "WALLET"),
        ("TransactionDate", "20130917", "20130916"),
        ("TAAccountID", "", "an account"),
        ("ApplicationAmount", 0, "more than 0"),
        ("ApplicationAmount", -5, "more than 0"),
        ("AppSheetSerialNo", "201309160000000000000001", "each application once"),
    ],
)
def test_applications_that_cannot_be_answered(counterpart: Counterpart, field: str, found: Any, expected: str) -> None:
    counterpart.apply(day(16), (SUBSCRIBE, 1, 5), (SUBSCRIBE, 2, 6))
    path = counterpart.directory / "OFD_WALLET_TA_20130916_03.TXT"
    from wallet.transfer_agent import datafile

    with datafile.open_file(path) as data:
        ((header, (block,)),) = [(data.header, list(data.blocks()))]
        columns = {name: [row[0] for row in block.rows([name])] for name in ASKED}
    columns[field][1] = found
    with path.open("wb") as stream:
        datafile.write(stream, header, 2, [columns])
    shown = str(found)
    with pytest.raises(FundwalletError) as refused:
        counterpart.play()
    line = len(header.fields) + 13
    assert str(refused.value) == f"{path.name} line {line}, {field}: found {shown!r}, expected {expected}"
    assert not (counterpart.directory / "register.json").exists()
    assert not list(counterpart.directory.glob("*_TA_WALLET_*"))


def test_files_cut_anywhere_are_refused(counterpart: Counterpart) -> None:
    counterpart.apply(day(16), (SUBSCRIBE, 1, 5), (SUBSCRIBE, 2, 6))
    whole = (path := counterpart.directory / "OFD_WALLET_TA_20130916_03.TXT").read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(FundwalletError) as refused:
            counterpart.play()
        assert len(str(refused.value).splitlines()) == 1
    assert not (counterpart.directory / "register.json").exists()
    path.write_bytes(whole)
    assert counterpart.play()["confirmed"] == 2


def test_a_column_that_is_not_there(counterpart: Counterpart) -> None:
    counterpart.apply(day(16), (SUBSCRIBE, 1, 5), columns=[name for name in ASKED if name != "TAAccountID"])
    with pytest.raises(FundwalletError, match="field names: found 'no such column', expected also TAAccountID"):
        counterpart.play()
    counterpart.apply(day(16), (SUBSCRIBE, 1, 5), columns=[name for name in ASKED if name != "ApplicationVol"])
    assert counterpart.play()["confirmed"] == 1


def test_one_register_is_for_one_distributor(counterpart: Counterpart) -> None:
    counterpart.apply(day(16))
    Counterpart(counterpart.directory, "OTHER").apply(day(16))
    with pytest.raises(FundwalletError, match="exports of OTHER for TA and WALLET for TA, and one register is for one"):
        counterpart.play()


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"days": 3}', "\x00"])
def test_a_register_of_another_kind(counterpart: Counterpart, content: str) -> None:
    (counterpart.directory / "register.json").write_text(content)
    counterpart.apply(day(16))
    with pytest.raises(FundwalletError, match=r"register\.json is no register of the simulator"):
        counterpart.play()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "line 1, columns: found ''"),
        ("day,amount\n", "line 1, columns: found 'day,amount'"),
        ("2013-09-16,1.00,T1,,\n", "line 1, columns"),
        ("HEAD2013-09-16,1.00,T1,\n", "line 2, row: found '4 columns', expected 5 columns"),
        ("HEAD2013-09-16,1.0,T1,,\n", "line 2, amount: found '1.0'"),
        ("HEAD2013-09-16,0.00,T1,,\n", "line 2, amount: found '0.00'"),
        ("HEAD2013-09-16,1e3,T1,,\n", "line 2, amount: found '1e3'"),
        ("HEAD2013-9-16,1.00,T1,,\n", "line 2, day: found '2013-9-16'"),
        ("HEAD2013-09-16,1.00,T1,,\xff\n", "file: found"),
    ],
)
def test_lists_of_payments_that_cannot_be_read(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "BANK_WALLET_20130916.csv"
    path.write_bytes(content.replace("HEAD", "day,amount,reference,counterparty,text\n").encode("latin-1"))
    with pytest.raises(FundwalletError) as refused:
        read_payments(path)
    assert said in str(refused.value)


def test_a_payment_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "BANK_WALLET_20130916.csv"
    path.write_text('day,amount,reference,counterparty,text\n2013-09-16,-0.05,T1,"钱, ""x""",\x01\n', "utf-8")
    assert read_payments(path) == [Line(day(16), -5, "T1", '钱, "x"', "\x01")]


def test_beyond_the_calendar(counterpart: Counterpart) -> None:
    last = load().last
    counterpart.apply(load().previous_or_same(last))
    with pytest.raises(ValueError, match="the last day of the shanghai calendar"):
        simulate(counterpart.directory, load(), Plan(1))
    assert not (counterpart.directory / "register.json").exists()
