"""The demo: same seed, same bytes; real books that prove; in the database that is named, or in none that stays."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.shell import Shell, dump, process
from wallet import demo, facade

VERIFIED = r"Verify: (\d+) of \1 checks passed, [\d,]+ things looked at"


def no_progress(_what: str, _done: int, _of: int) -> None:
    """Show no progress."""


def test_the_same_seed_plays_the_same_on_both_engines(database_url: str, tmp_path: Path) -> None:
    line = ["demo", "--wallets", "12", "--through", "2013-09-19", "--seed", "7"]
    first = Shell(database_url).run(*line)
    assert (first.code, first.err) == (0, "")
    assert process(*line, directory=tmp_path) == first
    assert Shell("sqlite://").run(*line[:-1], "8").out != first.out
    assert Shell(database_url).do("verify")["ok"]
    assert Shell(database_url).do("wallet show customer-0001")["fund"] == "000198"


def test_the_document_holds_the_whole_season(database_url: str) -> None:
    shell = Shell(database_url)
    told = shell.do("demo --wallets 120 --from 2013-09-28 --through 2013-10-03")
    assert (told["fund"], told["from"], told["through"]) == ("000198", "2013-09-28", "2013-10-03")
    assert [day["date"][5:] for day in told["days"]] == ["09-28", "09-29", "09-30", "10-01", "10-02", "10-03"]
    assert [day["is_trading_day"] for day in told["days"]] == [False, False, True, False, False, False]
    assert all(day["distributed"] is not None for day in told["days"])
    assert set(told["orders"]) >= {"payment", "transfer_in"}
    assert told["verify"]["ok"]
    assert told["statement"] == shell.do(f"wallet statement {told['statement']['wallet']}")
    assert told["trial_balance"] == shell.do("report trial-balance")
    assert told["days"][3] == shell.do("report day 2013-10-01")
    yuan = told["trial_balance"]["units"]["CNY"]
    assert yuan["debits"] == yuan["credits"]


def test_the_text_shows_the_story(tmp_path: Path) -> None:
    ended = process("demo", "--wallets", "30", directory=tmp_path, COLUMNS="40")
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert lines[0] == "Fund 000198, 2013-09-16 through 2013-10-10, 30 wallets, seed 1"
    assert lines[1].startswith("Orders: payment ")
    assert len([line for line in lines if line.startswith(("2013-09-16   Mon   yes", "2013-10-05   Sat   –"))]) == 2
    assert "Seven-day yield 4.942 ▅▄▄▄▃▃▃▁▂▂▅▆▆▇██▇▆▅▅▅▅▇▆▆ 4.987" in lines
    assert any(line.startswith("Statement of customer-") for line in lines)
    assert "Trial balance on 2013-10-11" in lines
    assert re.fullmatch(VERIFIED, lines[-1])
    assert str(tmp_path) not in ended.out
    assert list(tmp_path.iterdir()) == []


def test_the_readme_shows_an_excerpt_of_the_default_demo(tmp_path: Path) -> None:
    readme = (Path(__file__).resolve().parent.parent / "README.md").read_text(encoding="utf-8")
    excerpt = readme.partition("```text\n")[2].partition("```")[0].splitlines()
    ended = process("demo", directory=tmp_path)
    assert (ended.code, ended.err) == (0, "")
    printed = ended.out.splitlines()
    kinds = ("payment", "refund", "transfer in", "transfer out instant", "transfer out standard")
    assert all(re.search(rf"\b{kind} [1-9]", printed[1]) for kind in kinds)
    assert len(excerpt) > 10
    for line in excerpt[:-1]:
        assert line in printed or line == "…", line
    assert re.fullmatch(VERIFIED, printed[-1])
    assert re.fullmatch(VERIFIED, excerpt[-1])


def test_the_database_of_the_environment_is_filled_and_must_be_empty(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'season.db'}"
    line = ["demo", "--wallets", "2", "--through", "2013-09-17"]
    assert process(*line, directory=tmp_path, FUNDWALLET_DB=url).code == 0
    before = dump(url)
    assert before["wallet"]
    ended = process(*line, directory=tmp_path, FUNDWALLET_DB=url)
    assert (ended.code, ended.out, len(ended.err.splitlines())) == (1, "", 1)
    after = dump(url)
    assert len(after.pop("trail")) == len(before.pop("trail")) + 1
    assert after == before


@pytest.mark.parametrize("last", [date(2013, 9, 16), date(2013, 9, 17)])
def test_a_season_may_be_too_short_for_anybody_to_join(last: date) -> None:
    season = demo.play(facade.connect("sqlite://"), demo.Plan(1, date(2013, 9, 16), last, 5), no_progress)
    assert len(season.days) == (last - date(2013, 9, 16)).days + 1
    assert all(check.ok for check in season.checks)


@pytest.mark.parametrize(("first", "last"), [("2013-07-01", "2013-07-03"), ("2013-12-29", "2013-12-31")])
def test_a_season_may_lie_anywhere_in_the_published_figures(first: str, last: str) -> None:
    plan = demo.Plan(3, date.fromisoformat(first), date.fromisoformat(last), 2)
    seen: list[tuple[str, int, int]] = []
    season = demo.play(facade.connect("sqlite://"), plan, lambda what, done, of: seen.append((what, done, of)))
    assert [view.day for view in season.days] == [plan.first + timedelta(n) for n in range(3)]
    assert all(view.income_per_10k is not None for view in season.days)
    assert all(check.ok for check in season.checks)
    assert seen[:3] == [("days", 1, 3), ("days", 2, 3), ("days", 3, 3)]


def test_refused_orders_leave_nothing_behind() -> None:
    engine = facade.connect("sqlite://")
    season = demo.play(engine, demo.Plan(80, date(2013, 9, 16), date(2013, 9, 20), 3), no_progress)
    assert season.refused > 0
    with engine.connect() as connection:
        kept = connection.execute(sa.text("SELECT count(*) FROM customer_order")).scalar_one()
    assert kept == sum(season.orders.values())
