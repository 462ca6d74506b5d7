"""Since when a book works with a transfer agent's files: versions, and from which trade date there can be one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ledger.errors import NoTransaction
from ledger.model import digest
from tests.desk import Desk, at, day
from wallet import facade
from wallet.outside import links, sending
from wallet.outside.links import Link
from wallet.outside.schema import link


def connect(desk: Desk, text: str, distributor: str = "WALLET", agent: str = "TA", tolerance: int = 0) -> bool:
    return desk.ask(links.connect, Link(day(text), distributor, agent, tolerance))


def on(desk: Desk, text: str) -> Link | None:
    with facade.reading(desk.engine) as connection:
        return links.on(connection, desk.book, day(text))


@contextmanager
def refuses(desk: Desk, code: str, told: str) -> Iterator[None]:
    """Expect a refusal by its code and a part of its line, one that changes nothing."""
    before = desk.dump()
    with pytest.raises(facade.FundwalletError, match=told) as refused:
        yield
    assert refused.value.code == code
    assert desk.dump() == before


def first_possible(desk: Desk) -> str:
    with facade.reading(desk.engine) as connection:
        return f"{links.first_possible(connection, desk.book):%m-%d}"


def test_a_version_holds_from_its_date_until_the_next(desk: Desk) -> None:
    assert connect(desk, "09-17")
    assert connect(desk, "09-23", "378", "98", 5)
    assert on(desk, "09-16") is None
    first, second = Link(day("09-17"), "WALLET", "TA", 0), Link(day("09-23"), "378", "98", 5)
    assert [on(desk, text) for text in ("09-17", "09-18", "09-22")] == [first] * 3
    assert [on(desk, text) for text in ("09-23", "2030-01-01")] == [second] * 2
    with facade.reading(desk.engine) as connection:
        assert links.versions(connection, desk.book) == [first, second]
        assert links.require(connection, desk.book, day("09-23")) == second
        with pytest.raises(links.NotLinked, match="2013-09-16 is worked without files"):
            links.require(connection, desk.book, day("09-16"))


def test_the_same_version_again_is_no_news_whatever_has_happened(desk: Desk) -> None:
    assert connect(desk, "09-16")
    desk.publish("09-16", "09-30", 0)
    desk.run("09-16", at("09-17 00:00"))
    before = desk.dump()
    assert not connect(desk, "09-16")
    assert desk.dump() == before


def test_a_row_carries_its_digest(desk: Desk) -> None:
    connect(desk, "09-16", "378", "98", 5)
    (row,) = desk.rows(link)
    assert bytes(row.digest) == digest("000198", "2013-09-16", "378", "98", 5)


@pytest.mark.parametrize(
    ("field", "distributor", "agent", "tolerance"),
    [
        ("distributor", "", "TA", 0),
        ("distributor", "TENLETTERS", "TA", 0),
        ("distributor", "A B", "TA", 0),
        ("distributor", "钱包", "TA", 0),
        ("distributor", "A_B", "TA", 0),
        ("transfer agent", "WALLET", "", 0),
        ("transfer agent", "WALLET", "T\n", 0),
        ("transfer agent", "TA", "TA", 0),
        ("tolerance", "WALLET", "TA", -1),
        ("tolerance", "WALLET", "TA", 10**13 + 1),
    ],
)
def test_codes_and_tolerance(desk: Desk, field: str, distributor: str, agent: str, tolerance: int) -> None:
    with refuses(desk, "invalid_request", f"{field}: "):
        connect(desk, "09-16", distributor, agent, tolerance)


def test_the_largest_codes_and_tolerance(desk: Desk) -> None:
    assert connect(desk, "09-16", "123456789", "abcdefghi", 10**13)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("09-19", "it is not a trading day"),
        ("09-13", "the first trade date that is not confirmed yet is 2013-09-16"),
        ("09-16", "it is connected from 2013-09-17 already"),
        ("09-17", "it is connected from 2013-09-17 already"),
    ],
)
def test_days_from_which_a_book_cannot_be_connected(desk: Desk, text: str, why: str) -> None:
    if "already" in why:
        connect(desk, "09-17")
    with refuses(desk, "link_too_late", why):
        connect(desk, text, "OTHER")


def test_a_date_beyond_the_calendar(desk: Desk) -> None:
    with desk.refuses("outside_calendar"):
        connect(desk, "2031-01-02")


def test_it_needs_a_transaction(desk: Desk) -> None:
    with desk.engine.connect() as connection, pytest.raises(NoTransaction):
        links.connect(connection, desk.book, Link(day("09-16")))


def test_a_trade_date_is_too_late_once_its_confirmation_begins(desk: Desk) -> None:
    desk.publish("09-16", "09-30", 0)
    desk.transfer_in("alice", 1_00, "09-16 10:00")
    assert first_possible(desk) == "09-16"
    desk.run("09-16", at("09-17 00:00"))
    assert first_possible(desk) == "09-16"
    assert desk.run_until_commit(2, "09-17", at("09-17 00:00")), "planned, and then interrupted"
    assert first_possible(desk) == "09-17"
    with desk.refuses("link_too_late"):
        connect(desk, "09-16")
    desk.run("09-17", at("09-17 00:00"))
    assert first_possible(desk) == "09-17"
    desk.run("09-22", at("09-22 00:00"))
    assert first_possible(desk) == "09-18"
    desk.run("09-23", at("09-23 00:00"))
    assert first_possible(desk) == "09-23"
    assert connect(desk, "09-23")


def test_days_whose_files_were_sent_keep_their_codes(desk: Desk, tmp_path: Path) -> None:
    connect(desk, "09-16")
    desk.run("09-16", at("09-16 15:00"))
    sending.send(desk.engine, desk.book, "03", day("09-16"), tmp_path, at("09-16 15:00"))
    connect(desk, "09-17", "OTHER")
    with facade.reading(desk.engine) as connection:
        assert links.on(connection, desk.book, day("09-16")) == Link(day("09-16"))


def test_no_version_from_a_day_whose_files_were_sent(desk: Desk, tmp_path: Path) -> None:
    connect(desk, "09-16")
    desk.run("09-17", at("09-17 15:00"))
    sending.send(desk.engine, desk.book, "03", day("09-17"), tmp_path, at("09-17 15:00"))
    with refuses(desk, "link_too_late", "files were sent through 2013-09-17"):
        connect(desk, "09-17", "OTHER")
    assert connect(desk, "09-18", "OTHER")
