"""A fund's book: created once in an empty database, found again with its terms, never in the wrong place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pendulum
import pytest
import sqlalchemy as sa

from ledger.schema import balance, book_gate, holder
from tests.desk import OPENED_ON, Desk, day, free_terms
from wallet import facade
from wallet.errors import BookExists, NoBook, SchemaMismatch
from wallet.facade import SAMPLE_TERMS, FundwalletError, OrderOfUse
from wallet.rules.fund import Terms
from wallet.schema import VERSION, announcement, fund_terms, fundwallet_version

EVERY_TERM = free_terms(
    minimum=1_00,
    holding_cap=2_00,
    transfer_in_daily=3_00,
    quota_daily=4_00,
    instant_daily=5_00,
    facility=6_00,
    order_of_use=OrderOfUse.CONFIRMED_FIRST,
    suspended=((day("09-17"), day("09-18")), (day("09-30"), day("09-30"))),
)


@pytest.mark.parametrize("terms", [SAMPLE_TERMS, (EVERY_TERM, free_terms("09-20"))])
def test_a_book_is_found_as_it_was_created(database_url: str, terms: tuple[Terms, ...]) -> None:
    desk = Desk.open(database_url, terms=terms)
    with facade.reading(desk.engine) as connection:
        assert facade.load(connection) == desk.book


def test_another_fund_with_terms_of_its_own(database_url: str) -> None:
    engine = facade.connect(database_url)
    with engine.begin() as connection:
        facade.create(connection, OPENED_ON, "000009", [free_terms()])
        book = facade.load(connection)
    assert (book.code, {account.unit for account in book.chart}) == ("000009", {"CNY", "000009"})
    engine.dispose()


def test_a_new_book_holds_the_house_and_is_closed_and_cut_through_the_day_before(desk: Desk) -> None:
    assert next((row.holder_id, row.book) for row in desk.rows(holder)) == (0, "000198")
    of_house = desk.rows(balance, balance.c.holder_id == 0)
    assert [(row.account_id, row.amount) for row in of_house] == [(desk.book.chart["shortfall"].id, 0)]
    gates = {(row.closed_through, row.cut_through) for row in desk.rows(book_gate)}
    assert gates == {(date(2013, 9, 15), date(2013, 9, 15))}


def test_refusals_of_a_new_book_come_in_their_order(desk: Desk) -> None:
    def create(opened_on: str, code: str = "000198", terms: tuple[Terms, ...] = SAMPLE_TERMS) -> Callable[..., object]:
        return lambda connection, _: facade.create(connection, day(opened_on), code, terms)

    for attempt, code in [
        (create("2012-12-31", "000009"), "invalid_request"),
        (create("2012-12-31", terms=()), "invalid_request"),
        (create("2012-12-31", terms=SAMPLE_TERMS[::-1]), "invalid_request"),
        (create("2012-12-31"), "outside_calendar"),
        (create("2013-05-31"), "before_opening"),
        (create("2013-06-01"), "book_exists"),
    ]:
        with desk.refuses(code):
            desk.ask(attempt)
    with desk.engine.connect() as connection, pytest.raises(FundwalletError) as refused:
        facade.create(connection, day("2012-12-31"), "000009")
    assert refused.value.code == "no_transaction"


def test_no_book_is_made_beside_somebody_s_tables(database_url: str) -> None:
    engine = facade.connect(database_url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE customers (name TEXT)"))
        with pytest.raises(FundwalletError, match="the table customers"):
            facade.create(connection, OPENED_ON)
        assert sa.inspect(connection).get_table_names() == ["customers"]
        with pytest.raises(NoBook):
            facade.load(connection)
    engine.dispose()


def test_a_book_of_another_version_is_not_opened(desk: Desk) -> None:
    with desk.engine.begin() as connection:
        connection.execute(sa.update(fundwallet_version).values(version_num="0000"))
        with pytest.raises(SchemaMismatch) as refused:
            facade.load(connection)
    assert (refused.value.found, refused.value.expected) == ("0000", VERSION)


@pytest.mark.parametrize("table", [fund_terms, announcement])
def test_versions_of_terms_and_figures_are_only_added_to(desk: Desk, table: sa.Table) -> None:
    desk.announce("09-16", 1_2000)
    for statement in (sa.update(table).values(digest=b""), sa.delete(table)):
        with pytest.raises(sa.exc.DBAPIError, match="append-only"), desk.engine.begin() as connection:
            connection.execute(statement)


def test_a_book_stands_beside_the_host_s_own_tables(database_url: str) -> None:
    engine = facade.connect(database_url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE shop_order (number INTEGER)"))
        facade.create(connection, OPENED_ON, beside=True)
    with engine.begin() as connection:
        assert facade.load(connection).opened_on == OPENED_ON
        with pytest.raises(BookExists, match="the book of 000198 already"):
            facade.create(connection, OPENED_ON, beside=True)
    engine.dispose()


def test_instants_of_pendulum_are_instants(desk: Desk) -> None:
    at = pendulum.datetime(2013, 9, 16, 10, tz="Asia/Shanghai")
    request = facade.TransferIn(wallet="alice", amount=100_00, request_id="typed", at=at)
    with desk.engine.begin() as connection:
        first = facade.transfer_in(connection, desk.book, request)
    with desk.engine.begin() as connection:
        assert facade.transfer_in(connection, desk.book, request) == first
    facade.run_day(desk.engine, desk.book, day("09-17"), at.add(days=3), booked_at=at.add(days=3))
    assert desk.holding("alice")["shares"] == 100_00
    assert not desk.verify()
