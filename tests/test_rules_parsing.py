"""What a person types, read strictly: anything that could mean two things is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from functools import partial
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet.errors import InvalidAmount, InvalidFigure, InvalidRequest
from wallet.rules.amounts import show_amount, show_figure, show_yield
from wallet.rules.parsing import parse_amount, parse_day, parse_figure, parse_instant, parse_yield

SHANGHAI = ZoneInfo("Asia/Shanghai")
NO_NUMBERS = [
    "",
    " ",
    ".",
    "1.",
    ".5",
    "1..0",
    "1.0.0",
    "+1",
    "--1",
    "1e3",
    "1E3",
    "0x10",
    "NaN",
    "nan",
    "inf",
    "-inf",
    "None",
    "1_000",
    "1,000",
    "1.000,00",
    " 1",
    "1 ",
    "1\n",
    "1\t",
    "\ufeff1",
    "1\u00a0000",
    "01",
    "00.10",
    "\uff11\uff10",  # full-width digits
    "\u0661",  # an Arabic digit
    "\u00b2",  # a superscript
    "1\uff0e00",
    "一百",
    "1\u2009",
    "1.0元",
    "¥1",
    "1\x00",
]


@pytest.mark.parametrize(
    ("text", "fen"),
    [
        ("0.01", 1),
        ("0.1", 10),
        ("1", 100),
        ("1.5", 150),
        ("1.05", 105),
        ("100", 100_00),
        ("100.05", 100_05),
        ("10.00", 10_00),
        ("99999999999.99", 10**13 - 1),
        ("100000000000", 10**13),
        ("100000000000.00", 10**13),
    ],
)
def test_an_amount(text: str, fen: int) -> None:
    assert parse_amount(text) == fen


@pytest.mark.parametrize(
    "text",
    [*NO_NUMBERS, "1.000", "1.001", "-1", "-0.01", "0", "0.0", "0.00", "-0", "100000000000.01", "9" * 14, "9" * 5000],
)
def test_no_amount(text: str) -> None:
    with pytest.raises(InvalidAmount) as caught:
        parse_amount(text)
    assert caught.value.text == text
    assert caught.value.code == "invalid_request"
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("text", "figure"),
    [
        ("1.2495", 12495),
        ("1.1200", 11200),
        ("0", 0),
        ("-0", 0),
        ("0.0001", 1),
        ("-0.5", -5000),
        ("99.9999", 999_999),
        ("-99.9999", -999_999),
    ],
)
def test_a_figure(text: str, figure: int) -> None:
    assert parse_figure(text) == figure


@pytest.mark.parametrize("text", [*NO_NUMBERS, "1.24950", "100", "100.0000", "-100", "12495", "- 1"])
def test_no_figure(text: str) -> None:
    with pytest.raises(InvalidFigure) as caught:
        parse_figure(text)
    assert caught.value.text == text
    assert caught.value.code == "invalid_figure"
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("text", "seven_day"), [("6.307", 6307), ("5", 5000), ("-0.05", -50), ("1000", 10**6), ("999999.999", 10**9 - 1)]
)
def test_a_yield(text: str, seven_day: int) -> None:
    assert parse_yield(text) == seven_day


@pytest.mark.parametrize("text", [*NO_NUMBERS, "6.3070", "6.307%", "1000000"])
def test_no_yield(text: str) -> None:
    with pytest.raises(InvalidFigure):
        parse_yield(text)


@pytest.mark.parametrize(("text", "day"), [("2013-09-16", date(2013, 9, 16)), ("2024-02-29", date(2024, 2, 29))])
def test_a_day(text: str, day: date) -> None:
    assert parse_day(text) == day


NO_DAYS = [
    "",
    "2026",
    "now",
    "today",
    "tomorrow",
    "20130916",
    "2013-9-16",
    "13-09-16",
    "16.09.2013",
    "09/16/2013",
    "2013/09/16",
    "2013-W38-1",
    "2013-W38",
    "2013-259",
    "2013-09-31",
    "2013-02-29",
    "2013-13-01",
    "2013-00-10",
    "0000-01-01",
    " 2013-09-16",
    "2013-09-16 ",
    "2013-09-16\n",
    "2013-09-16T00:00",
    "+2013-09-16",
    "-013-09-16",
    "20131-09-16",
    "\uff12\uff10\uff11\uff13-09-16",
    "2013\u201009\u201016",
]


@pytest.mark.parametrize("text", NO_DAYS)
def test_no_day(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_day(text)
    assert caught.value.code == "invalid_request"
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2013-09-16T15:00", "2013-09-16T07:00"),  # no zone: the fund's
        ("2013-09-16 15:00:00", "2013-09-16T07:00"),
        ("2013-09-16T15:00:00.5", "2013-09-16T07:00:00.500000"),
        ("2013-09-16T15:00:00.000001", "2013-09-16T07:00:00.000001"),
        ("2013-09-16T15:00:00+08:00", "2013-09-16T07:00"),
        ("2013-09-16T15:00Z", "2013-09-16T15:00"),
        ("2013-09-16T15:00-03:30", "2013-09-16T18:30"),
        ("2013-09-16T00:00+23:59", "2013-09-15T00:01"),
        ("2013-09-16T23:59:59.999999+00:00", "2013-09-16T23:59:59.999999"),
    ],
)
def test_an_instant(text: str, utc: str) -> None:
    at = parse_instant(text, SHANGHAI)
    assert at.tzinfo is not None
    assert at.astimezone(UTC) == datetime.fromisoformat(utc).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        *NO_DAYS[:-6],
        "2013-09-16",  # exactly ten characters: a day, and no instant
        "2013-09-16T15",
        "2013-09-16T15:0",
        "2013-09-16T1500",
        "2013-09-16T15:00:60",  # a leap second
        "2013-09-16T23:59:60Z",
        "2013-09-16T24:00",  # the next day, or the beginning of this one?
        "2013-09-16T24:00:00",
        "2013-09-16T25:00",
        "2013-09-16T15:60",
        "2013-09-16T15:00z",
        "2013-09-16t15:00Z",
        "2013-09-16_15:00",
        "2013-09-16  15:00",
        "2013-09-16T15:00 ",
        "2013-09-16T15:00\n",
        "2013-09-16T15:00:00,5",
        "2013-09-16T15:00:00.",
        "2013-09-16T15:00:00.0000001",
        "2013-09-16T15:00+8",
        "2013-09-16T15:00+08",
        "2013-09-16T15:00+0800",
        "2013-09-16T15:00 +08:00",
        "2013-09-16T15:00+24:00",
        "2013-09-16T15:00+08:60",
        "2013-09-16T15:00+05:75",
        "2013-09-16T15:00+08:00:30",
        "2013-09-16T15:00 CST",  # China, Chicago, Cuba
        "2013-09-16T15:00[Asia/Shanghai]",
        "2013-09-16T03:00 PM",
        "2013-09-31T15:00",
        "0000-01-01T00:00",
        "1379314800",
        "2013-09-16T\uff11\uff15:00",
    ],
)
def test_no_instant(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_instant(text, SHANGHAI)
    assert caught.value.code == "invalid_request"
    assert str(caught.value).isprintable()


# Round trips


@given(st.integers(1, 10**13))
def test_amounts_come_back(fen: int) -> None:
    assert parse_amount(show_amount(fen)) == fen


@given(st.integers(-999_999, 999_999))
def test_figures_and_yields_come_back(number: int) -> None:
    assert parse_figure(show_figure(number)) == number
    assert parse_yield(show_yield(number)) == number


@given(st.dates())
def test_days_come_back(day: date) -> None:
    assert parse_day(day.isoformat()) == day


OFFSETS = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(timezones=OFFSETS), st.sampled_from("T "))
def test_instants_come_back(at: datetime, separator: str) -> None:
    back = parse_instant(at.isoformat(separator), SHANGHAI)
    assert back == at
    assert back.utcoffset() == at.utcoffset()


@given(st.text(st.sampled_from("0123456789.-+eE_ T:Zz,\n\uff11"), max_size=24))
@pytest.mark.parametrize(
    "parse", [parse_amount, parse_figure, parse_yield, parse_day, lambda text: parse_instant(text, SHANGHAI)]
)
def test_any_other_text_is_refused_and_never_a_crash(parse: Callable[[str], object], text: str) -> None:
    assert said_of(parse, text).isprintable()


def said_of(parse: Callable[[str], object], text: str) -> str:
    """Return the message of a refusal, nothing if there is none."""
    try:
        parse(text)
    except InvalidRequest as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("parse", "text", "line"),
    [
        (parse_amount, "1e3", "amount '1e3': an amount is written like 100 or 100.05, with at most two decimals"),
        (parse_amount, "0.00", "amount '0.00': an amount is at least 0.01"),
        (parse_amount, "100000000000.01", "amount '100000000000.01': no amount is larger than 100000000000.00"),
        (
            parse_figure,
            "1.23456",
            "figure '1.23456': an income per 10,000 shares is written like 1.2495, with at most four decimals",
        ),
        (parse_figure, "-100", "figure '-100': an income per 10,000 shares is below 100.0000"),
        (
            parse_yield,
            "1.2345",
            "figure '1.2345': a seven-day yield is written like 6.307, with at most three decimals",
        ),
        (parse_day, "today", "date 'today': a date is written like 2013-09-16"),
        (
            partial(parse_instant, zone=UTC),
            "now",
            "instant 'now': an instant is written like 2013-09-16T15:00:00 or 2013-09-16T15:00:00+08:00",
        ),
    ],
)
def test_a_refusal_says_how_it_is_written(parse: Callable[[str], object], text: str, line: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse(text)
    assert str(refused.value) == line
