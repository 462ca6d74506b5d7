"""Calendar files of an operator: what they add, and every way in which they are refused."""

from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest

import calendars
from calendars import BadCalendarFile, Closure, DateOutOfRange, load

PACKAGED = Path(calendars.__file__).with_name("shanghai.toml")

# Dates made up for the test: nobody knows 2027 yet.
YEAR_2027 = """\
market = "shanghai"
years = [2027]
closed = [
  { first = 2027-01-01, last = 2027-01-01, reason = "New Year's Day" },
  { first = 2027-02-05, last = 2027-02-11, reason = "Spring Festival", notice = "made up, No. 1" },
  { first = 2027-10-01, last = 2027-10-07, reason = "National Day" },
]
"""
TYPHOON = """\
market = "shanghai"
closed = [ { first = 2026-07-08, last = 2026-07-09, reason = "Typhoon", notice = "notice of the exchange" } ]
"""
ONE_CLOSURE = """\
market = "shanghai"
years = [YEAR]
closed = [ { first = YEAR-10-02, last = YEAR-10-05, reason = "National Day" } ]
"""


def write(folder: Path, text: str | bytes, name: str = "extra.toml") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_a_year_is_added(tmp_path: Path) -> None:
    calendar = load("shanghai", extra=[write(tmp_path, YEAR_2027)])
    assert (calendar.first, calendar.last) == (date(2013, 1, 1), date(2027, 12, 31))
    assert calendar.next(date(2026, 12, 31)) == date(2027, 1, 4)
    assert calendar.trade_date(datetime(2026, 12, 31, 7, tzinfo=UTC), time(15)) == date(2027, 1, 4)
    assert calendar.shift(date(2027, 2, 4), 1) == date(2027, 2, 12)
    assert calendar.reason_closed(date(2027, 2, 6)) == "weekend"
    assert len(calendar.closed(2027)) == 1 + 5 + 5
    assert calendar.closed(2027)[1] == Closure(date(2027, 2, 5), "Spring Festival", "made up, No. 1")
    assert calendar.closed(2027)[0].notice is None
    with pytest.raises(DateOutOfRange, match="calendar file for 2028"):
        calendar.next(date(2027, 12, 31))
    assert load().last == date(2026, 12, 31)  # the packaged calendar is untouched


def test_a_closure_is_added_in_a_known_year(tmp_path: Path) -> None:
    path = write(tmp_path, TYPHOON)
    calendar = load(extra=[path])
    assert calendar.next(date(2026, 7, 7)) == date(2026, 7, 10)
    assert calendar.reason_closed(date(2026, 7, 9)) == "Typhoon"
    assert calendar.last == date(2026, 12, 31)
    assert [closure.day for closure in calendar.closures] == sorted(closure.day for closure in calendar.closures)
    assert load().is_trading_day(date(2026, 7, 8))
    path.unlink()
    with pytest.raises(BadCalendarFile):  # a calendar with files is read anew
        load(extra=[path])


def test_files_add_up_in_the_order_given(tmp_path: Path) -> None:
    year = write(tmp_path, YEAR_2027, "2027.toml")
    next_year = write(tmp_path, ONE_CLOSURE.replace("YEAR", "2028"), "2028.toml")
    storm = write(tmp_path, TYPHOON.replace("2026-07-08", "2027-07-08").replace("2026-07-09", "2027-07-09"))
    calendar = load(extra=(path for path in (year, next_year, storm)))
    assert calendar.last == date(2028, 12, 31)
    assert calendar.reason_closed(date(2027, 7, 8)) == "Typhoon"
    with pytest.raises(BadCalendarFile, match=r"2028\.toml: the year 2027 is missing"):
        load(extra=[next_year, year])
    with pytest.raises(BadCalendarFile, match="closure 1: 2027-07-08 is outside the known years"):
        load(extra=[storm, year])


def test_years_may_be_added_before_the_first(tmp_path: Path) -> None:
    calendar = load(extra=[write(tmp_path, ONE_CLOSURE.replace("YEAR", "2012"))])
    assert calendar.first == date(2012, 1, 1)
    assert calendar.previous(date(2013, 1, 4)) == date(2012, 12, 31)


def test_windows_line_ends_and_comments_are_fine(tmp_path: Path) -> None:
    text = "# 中文 comment\r\n" + YEAR_2027.replace("\n", "\r\n")
    assert load(extra=[write(tmp_path, text)]).last == date(2027, 12, 31)


def closure(**changes: str) -> str:
    """A file with one closure, changed."""
    row = {"first": "2026-07-08", "last": "2026-07-09", "reason": '"Typhoon"'} | changes
    return 'market = "shanghai"\nclosed = [{ ' + ", ".join(f"{key} = {value}" for key, value in row.items()) + " }]\n"


REFUSED = {
    "empty": ("", "lacks 'closed'"),
    "not TOML": ("closed: []\n", "is cut short or not TOML: "),
    "not UTF-8": (TYPHOON.replace("Typhoon", "台风").encode("gbk"), "is not UTF-8, at byte "),
    "no such date": (closure(first="2026-02-30"), "is cut short or not TOML: "),
    "no market": ("closed = []\n", "lacks 'market'"),
    "other market": (TYPHOON.replace("shanghai", "tokyo"), "is for the market 'tokyo', not 'shanghai'"),
    "unknown key": ('note = "x"\n' + TYPHOON, "has the unknown key 'note'"),
    "unknown key in a closure": (closure(why='"x"'), "closure 1: has the unknown key 'why'"),
    "no closures": ('market = "shanghai"\nyears = [2027]\n', "lacks 'closed'"),
    "no last day": ('market = "shanghai"\nclosed = [{ first = 2026-07-08, reason = "x" }]', "closure 1: lacks 'last'"),
    "closures as tables": (
        'market = "shanghai"\n[[closed]]\nfirst = 2026-07-08\nlast = 2026-07-08\nreason = "x"\n',
        "has [[ ]] tables: write the closures as one array, closed = [ ... ]",
    ),
    "closures as one table": (
        'market = "shanghai"\nclosed = { first = 2026-07-08 }\n',
        "'closed' must be an array of closures",
    ),
    "a bare date": (
        'market = "shanghai"\nclosed = [2026-07-08]\n',
        "closure 1: must be a table, { first = ..., last = ..., reason = ... }",
    ),
    "a gap": (YEAR_2027.replace("2027", "2028"), "the year 2027 is missing: known years leave no gap"),
    "a gap before": (YEAR_2027.replace("2027", "2011"), "the year 2012 is missing: known years leave no gap"),
    "a known year": (YEAR_2027.replace("2027", "2026"), "the year 2026 is known already"),
    "a year twice": (YEAR_2027.replace("[2027]", "[2027, 2027]"), "the year 2027 is known already"),
    "a year in quotes": (YEAR_2027.replace("[2027]", '["2027"]'), "'years' must be an array of years, like [2027]"),
    "a truth as a year": (YEAR_2027.replace("[2027]", "[true]"), "'years' must be an array of years, like [2027]"),
    "one year, no array": (YEAR_2027.replace("[2027]", "2027"), "'years' must be an array of years, like [2027]"),
    "a year without closures": (
        'market = "shanghai"\nyears = [2027]\nclosed = []\n',
        "has no closure in 2027, so it cannot be the whole year",
    ),
    "outside the known years": (
        YEAR_2027.replace("years = [2027]\n", ""),
        "closure 1: 2027-01-01 is outside the known years",
    ),
    "reaching outside": (
        closure(first="2026-12-31", last="2027-01-01"),
        "closure 1: 2027-01-01 is outside the known years",
    ),
    "a weekend day": (
        closure(first="2026-07-11", last="2026-07-11"),
        "closure 1: 2026-07-11 is a weekend day, which is closed anyway",
    ),
    "ends on a weekend day": (
        closure(last="2026-07-12"),
        "closure 1: 2026-07-12 is a weekend day, which is closed anyway",
    ),
    "closed already": (
        closure(first="2026-09-30", last="2026-10-01"),
        "closure 1: 2026-10-01 is closed already: National Day",
    ),
    "closed twice in one file": (
        YEAR_2027.replace("2027-10-01", "2027-02-11"),
        "closure 3: 2027-02-11 is closed already: Spring Festival",
    ),
    "reversed": (
        closure(first="2026-07-09", last="2026-07-08"),
        "closure 1: the last day 2026-07-08 is before the first day 2026-07-09",
    ),
    "a date in quotes": (
        closure(first='"2026-07-08"'),
        "closure 1: '2026-07-08' is no date: write it like 2027-01-01, without quotes",
    ),
    "an instant": (
        closure(first="2026-07-08T00:00:00"),
        "closure 1: datetime.datetime(2026, 7, 8, 0, 0) is no date: write it like 2027-01-01, without quotes",
    ),
    "no reason": (closure(reason='" "'), "closure 1: ' ' is no line of text"),
    "a reason of two lines": (closure(reason='"a\\nb"'), "closure 1: 'a\\nb' is no line of text"),
    "a number as notice": (closure(notice="7"), "closure 1: 7 is no line of text"),
}


@pytest.mark.parametrize(("text", "problem"), REFUSED.values(), ids=REFUSED.keys())
def test_a_bad_file_is_refused_in_one_line(tmp_path: Path, text: str | bytes, problem: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(BadCalendarFile) as caught:
        load(extra=[path])
    assert caught.value.path == path
    assert caught.value.problem.startswith(problem) if problem.endswith(" ") else caught.value.problem == problem
    assert str(caught.value) == f"calendar file {path}: {caught.value.problem}"
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadCalendarFile, match=r"missing\.toml: cannot be read: No such file or directory"):
        load(extra=[tmp_path / "missing.toml"])
    with pytest.raises(BadCalendarFile, match="cannot be read"):
        load(extra=[tmp_path])


def test_the_same_file_twice_is_refused(tmp_path: Path) -> None:
    for text, problem in ((YEAR_2027, "the year 2027 is known already"), (TYPHOON, "2026-07-08 is closed already")):
        path = write(tmp_path, text)
        with pytest.raises(BadCalendarFile, match=problem):
            load(extra=[path, path])
    with pytest.raises(BadCalendarFile, match="the year 2013 is known already"):
        load(extra=[PACKAGED])


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = YEAR_2027.encode()
    for length in range(len(whole) - 1):  # without the last line end it is whole
        path = write(tmp_path, whole[:length])
        with pytest.raises(BadCalendarFile):
            load(extra=[path])
