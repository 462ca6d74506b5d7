"""Published figures: announced once, replaced until they are distributed, read from files without guessing."""

from __future__ import annotations

from datetime import date
from importlib import resources
from pathlib import Path

import pytest

from tests.desk import Desk, day
from wallet import facade, figures
from wallet.errors import InvalidRequest
from wallet.facade import Figure, read_csv
from wallet.rules import yields
from wallet.schema import announcement

HEADER = "fund_code,date,income_per_10k,seven_day_annualised_pct"
PUBLISHED = Path(str(resources.files("wallet"))) / "data" / "000198_2013H2.csv"


def announced(desk: Desk) -> list[tuple[date, int, int]]:
    """Return (day, version, income) of everything announced."""
    return [(row.day, row.version, row.income_per_10k) for row in desk.rows(announcement)]


def test_a_figure_is_announced_once_and_again_changes_nothing(desk: Desk) -> None:
    assert desk.announce("09-16", 1_2345) == 1
    before = desk.dump()
    assert desk.announce("09-16", 1_2345) == 0
    assert desk.announce("09-16", 1_2345, replace=True) == 0
    assert desk.dump() == before


def test_a_replaced_figure_is_kept_beside_the_one_that_holds(desk: Desk) -> None:
    desk.announce("09-16", 1_2345)
    desk.announce("09-16", 1_2346, replace=True)
    desk.announce("09-16", 1_2346, control_total=5, replace=True)
    assert announced(desk) == [
        (day("09-16"), version, income) for version, income in ((1, 12345), (2, 12346), (3, 12346))
    ]
    with facade.reading(desk.engine) as connection:
        found = figures.of_day(connection, desk.book, day("09-16"))
    assert found == (3, Figure(day("09-16"), 1_2346, None, 5))


def test_refusals_of_an_announcement_come_in_their_order(desk: Desk) -> None:
    desk.transfer_in("alice", 100_00, "09-16 10:00")
    desk.publish("09-16", "09-18")
    desk.run("09-17")
    for when, income, code in [
        ("2012-12-31", 10**6, "invalid_figure"),
        ("2012-12-31", -(10**6), "invalid_figure"),
        ("2012-12-31", 1_0000, "outside_calendar"),
        ("2027-01-01", 1_0000, "outside_calendar"),
        ("09-16", 1_0000, "figure_distributed"),
        ("09-17", 1_0000, "figure_distributed"),
        ("09-18", 1_0000, "figure_announced"),
    ]:
        with desk.refuses(code):
            desk.announce(when, income)
    with desk.refuses("figure_distributed"):
        desk.announce("09-17", 1_0000, replace=True)
    assert desk.announce("09-17", 1_2000) == 0, "the same again is no replacement"


@pytest.mark.parametrize("wrong", [1.5, True, "1", 10**6])
def test_only_whole_figures_within_bounds_are_written(desk: Desk, wrong: object) -> None:
    for figure in (
        Figure(day("09-16"), wrong),  # type: ignore[arg-type]
        Figure(day("09-16"), 1, control_total=10**13 + 1),
        Figure(day("09-16"), 1, seven_day=1.5),  # type: ignore[arg-type]
    ):
        with desk.refuses("invalid_figure"):
            desk.ask(facade.announce, [figure])


def test_of_several_figures_all_are_written_or_none(desk: Desk) -> None:
    desk.announce("09-18", 1_0000)
    with desk.refuses("figure_announced"):
        desk.publish("09-16", "09-18", 1_2000)
    with desk.refuses("figure_announced"):
        desk.ask(facade.announce, [Figure(day("09-16"), 1), Figure(day("09-16"), 2)])
    desk.ask(facade.announce, [Figure(day("09-16"), 1), Figure(day("09-16"), 1), Figure(day("09-16"), 2)], replace=True)
    assert announced(desk)[:2] == [(day("09-16"), 1, 1), (day("09-16"), 2, 2)]


def test_a_day_nobody_held_shares_takes_its_first_figure_at_any_time_and_keeps_it(desk: Desk) -> None:
    desk.run("09-17")
    assert desk.announce("09-16", 1_0000) == 1
    with desk.refuses("figure_distributed"):
        desk.announce("09-16", 1_2000, replace=True)


# Yields


def test_the_published_yields_of_a_half_year_come_out() -> None:
    published = {figure.day: figure for figure in read_csv(PUBLISHED, "000198")}
    assert len(published) == 184
    for each in published:
        if each >= date(2013, 7, 7):  # before that, seven days are not known
            assert figures.computed_seven_day(published, each) == published[each].seven_day


def test_a_yield_is_that_of_the_days_there_are_among_the_last_seven() -> None:
    known = {
        day(f"09-{n:02}"): Figure(day(f"09-{n:02}"), income) for n, income in ((7, 9_0000), (8, 1_0000), (14, 2_0000))
    }
    two_days = yields.seven_day([1_0000, 2_0000])
    assert figures.computed_seven_day(known, day("09-14")) == two_days
    assert figures.computed_seven_day(known, day("09-13")) is None, "without a figure of its own a day has none"


# Files


def test_a_file_is_read_with_its_name_as_source(tmp_path: Path) -> None:
    path = tmp_path / "figures.csv"
    path.write_text(f"{HEADER}\n000198,2013-09-16,1.2345,4.567\n000198,2013-09-17,-0.0001,0.000\n", encoding="utf-8")
    assert read_csv(path, "000198") == [
        Figure(day("09-16"), 1_2345, 4_567, source="figures.csv"),
        Figure(day("09-17"), -1, 0, source="figures.csv"),
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "line 1: expected the columns"),
        ("date,fund_code\n", "line 1: expected the columns"),
        (f"{HEADER}\n", "holds no figures"),
        (f"{HEADER}\n000198,2013-09-16,1.2345\n", "line 2: expected 4 columns, found 3"),
        (f"{HEADER}\n000199,2013-09-16,1.2345,4.567\n", "line 2: expected fund 000198, found '000199'"),
        (f"{HEADER}\n000198,2013-09-16,1.2345,4.567\n000198,2013-09-17,1.2345,4.5", "line 3: expected four decimals"),
        (f"{HEADER}\n000198,2013-09-16,1.234,4.567\n", "line 2: expected four decimals"),
        (f"{HEADER}\n000198,2013-9-16,1.2345,4.567\n", "line 2: date '2013-9-16'"),
        (f"{HEADER}\n000198,2013-09-16,1,2345,4.567\n", "line 2: expected 4 columns, found 5"),
        (f"{HEADER}\n000198,2013-09-16,a.2345,4.567\n", "line 2: figure 'a.2345'"),
        (2 * f"{HEADER}\n000198,2013-09-16,1.2345,4.567\n", "line 3: expected fund 000198"),
        (f"{HEADER}\n" + 2 * "000198,2013-09-16,1.2345,4.567\n", "line 3: 2013-09-16 stands there twice"),
        (f'{HEADER}\n000198,2013-09-16,"1.2345,4.567\n', "cannot be read"),
    ],
)
def test_a_file_that_is_not_as_agreed_is_refused_by_name_and_line(content: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "figures.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InvalidRequest) as refused:
        read_csv(path, "000198")
    assert str(refused.value).startswith(f"{path}")
    assert said in str(refused.value)


def test_a_file_that_cannot_be_opened_or_decoded_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes(b"\xff\xfe")
    for name in ("missing.csv", "latin.csv", "."):
        with pytest.raises(InvalidRequest, match="cannot be read"):
            read_csv(tmp_path / name, "000198")
