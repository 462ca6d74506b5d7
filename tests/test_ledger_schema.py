"""What the database refuses by itself. Here the code is gone around: plain sqlite3 and psycopg, nothing of ours.

History cannot be changed by any statement, and a row that breaks an invariant cannot be stored.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import journal
from ledger.model import Request
from ledger.schema import APPEND_ONLY, Day, Instant, journal_entry, metadata, posting
from tests.desk import Desk, at, day
from tests.small_ledger import everything, fill
from wallet.outside.schema import (
    agent_cash,
    agent_figure,
    agent_income,
    agent_shares,
    answer,
    bank_line,
    bank_match,
    break_event,
    link,
    outside_file,
    recon_break,
)
from wallet.schema import KEPT, announcement, decision, fund_terms, proposal, seal, trail

REFUSALS = (sqlite3.IntegrityError, psycopg.Error)


@contextmanager
def plain(url: str) -> Iterator[Any]:
    """Lend a connection as any other program would open it."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        connection: Any = sqlite3.connect(str(parsed.database))
        assert connection.execute("PRAGMA recursive_triggers").fetchone() == (0,)
    else:
        connection = psycopg.connect(parsed.set(drivername="postgresql").render_as_string(hide_password=False))
    try:
        yield connection
    finally:
        connection.close()


def refused(url: str, statement: str, reason: str) -> None:
    """Run a statement, keep what it did, and see that it was refused and did nothing."""
    engine = sa.create_engine(url)
    tables = tuple(metadata.tables.values())
    with engine.connect() as connection:
        before = everything(connection, tables)
    with plain(url) as connection:
        with pytest.raises(REFUSALS, match=reason):
            connection.execute(statement)
        connection.commit()
    with engine.connect() as connection:
        assert everything(connection, tables) == before
    engine.dispose()


@pytest.fixture
def url(desk: Desk) -> str:
    """Give the address of a book with a row in every guarded table: two orders, a reversal, a figure, the terms."""
    desk.transfer_in("alice", 100_00, "09-16 10:00", "a1")
    desk.transfer_in("bob", 200_00, "09-16 10:00", "b1")
    desk.announce("09-16", 14143)
    with desk.engine.begin() as connection:
        asked = Request(1, "a1 taken back", b"content")
        journal.reverse(connection, desk.book.code, asked, 1, day("09-16"), at("09-16 11:00"))
        fill(connection, KEPT)
        stored = everything(connection, APPEND_ONLY + KEPT)
    assert all(stored.values())
    return desk.engine.url.render_as_string(hide_password=False)


# Append-only


@pytest.mark.parametrize("table", APPEND_ONLY + KEPT, ids=str)
def test_history_is_neither_updated_nor_deleted(url: str, table: sa.Table) -> None:
    first = table.columns.keys()[0]
    for statement in (
        f"UPDATE {table} SET {first} = {first}",
        f"UPDATE {table} SET {first} = {first} WHERE {first} = (SELECT max({first}) FROM {table})",
        f"DELETE FROM {table}",
        f"DELETE FROM {table} WHERE {first} IN (SELECT {first} FROM {table} LIMIT 1)",
    ):
        refused(url, statement, f"{table} is append-only")


@pytest.mark.parametrize("engine_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("table", APPEND_ONLY + KEPT, ids=str)
def test_sqlite_replaces_no_row_of_history_by_its_key(url: str, table: sa.Table) -> None:
    first, last = table.columns.keys()[0], table.columns.keys()[-1]
    for statement in (
        f"INSERT OR REPLACE INTO {table} SELECT * FROM {table} LIMIT 1",
        f"REPLACE INTO {table} SELECT * FROM {table} LIMIT 1",
        f"UPDATE OR REPLACE {table} SET {first} = (SELECT max({first}) FROM {table})",
        f"INSERT INTO {table} SELECT * FROM {table} WHERE true ON CONFLICT DO UPDATE SET {last} = excluded.{last}",
    ):
        refused(url, statement, f"{table} is append-only")


@pytest.mark.parametrize("engine_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "changed",
    [
        {"entry_id": "entry_id + 1000", "reverses": "NULL"},  # the same holder and request
        {"entry_id": "entry_id + 1000", "request_id": "'new'"},  # the same holder and reversed entry
    ],
)
def test_sqlite_replaces_no_entry_by_what_else_is_unique(url: str, changed: dict[str, str]) -> None:
    values = ", ".join(changed.get(c.name, c.name) for c in journal_entry.columns)
    statement = f"INSERT OR REPLACE INTO journal_entry SELECT {values} FROM journal_entry WHERE reverses IS NOT NULL"
    refused(url, statement, "journal_entry is append-only")


@pytest.mark.parametrize("engine_kind", ["postgresql"], indirect=True)
@pytest.mark.parametrize("table", APPEND_ONLY + KEPT, ids=str)
def test_postgresql_neither_truncates_nor_overwrites_history(url: str, table: sa.Table) -> None:
    keys, last = ", ".join(table.primary_key.columns.keys()), table.columns.keys()[-1]
    for statement in (
        f"TRUNCATE {table}",
        f"TRUNCATE balance, {table} CASCADE",
        f"INSERT INTO {table} SELECT * FROM {table} ON CONFLICT ({keys}) DO UPDATE SET {last} = excluded.{last}",
        f"WITH gone AS (DELETE FROM {table} RETURNING *) SELECT count(*) FROM gone",
    ):
        refused(url, statement, f"{table} is append-only")


def test_our_own_connections_are_refused_as_well(desk: Desk, url: str) -> None:
    for table in APPEND_ONLY + KEPT:
        for statement in (sa.delete(table), sa.update(table).values({table.columns[0]: table.columns[0]})):
            with desk.engine.connect() as connection, pytest.raises(sa.exc.DBAPIError, match="append-only"):
                connection.execute(statement)


def test_what_is_not_there_yet_may_be_added(url: str) -> None:
    new = {
        journal_entry: {"entry_id": "entry_id + 1000", "reverses": "NULL", "request_id": "'new ' || request_id"},
        posting: {"entry_id": "entry_id + 1000"},
        announcement: {"version": "version + 1"},
        fund_terms: {"fund": "'new ' || fund"},
        trail: {"number": "number + 1000"},
        proposal: {"number": "number + 1000"},
        decision: {"number": "number + 1000", "proposal": "proposal + 1000"},
        seal: {"fund": "'new ' || fund"},
        link: {"fund": "'new ' || fund"},
        outside_file: {"number": "number + 1000", "name": "'new ' || name"},
        answer: {"holder_id": "holder_id + 1000", "ta_serial": "'new ' || ta_serial"},
        agent_shares: {"holder_id": "holder_id + 1000"},
        agent_income: {"holder_id": "holder_id + 1000"},
        agent_figure: {"fund": "'new ' || fund"},
        agent_cash: {"fund": "'new ' || fund"},
        bank_line: {"fund": "'new ' || fund"},
        bank_match: {"fund": "'new ' || fund"},
        recon_break: {"number": "number + 1000"},
        break_event: {"number": "number + 1000"},
    }
    assert set(new) == {*APPEND_ONLY, *KEPT}
    with plain(url) as connection:
        for table, changed in new.items():
            values = ", ".join(changed.get(c.name, f'"{c.name}"') for c in table.columns)
            before = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            assert connection.execute(f"INSERT INTO {table} SELECT {values} FROM {table}").rowcount == before > 0
        connection.commit()


# Rows that cannot be stored


def test_checks_refuse_what_no_book_may_hold(url: str) -> None:
    refused(url, "UPDATE balance SET amount = -1 WHERE holder_id = 2 AND account_id = 2", "balance_amount")
    refused(url, "UPDATE balance SET amount = amount - 20001 WHERE holder_id = 2", "balance_amount")
    refused(url, "INSERT INTO balance VALUES (9, 2, -1)", "balance_amount")
    refused(url, "INSERT INTO posting VALUES (1, 1, 99, 1, 2, 0)", "posting_amount")
    refused(url, "INSERT INTO posting VALUES (1, 1, 99, 1, 2, -100)", "posting_amount")
    refused(url, "INSERT INTO posting VALUES (1, 1, 99, 2, 2, 100)", "posting_sides")


def test_no_column_is_left_empty_and_no_key_is_taken_twice(url: str) -> None:
    refused(url, "INSERT INTO posting VALUES (1, 1, 99, 1, 2, NULL)", "(?i)not.null")
    refused(url, "INSERT INTO posting VALUES (1, 1, 99, NULL, 2, 1)", "(?i)not.null")
    refused(url, "INSERT INTO balance VALUES (1, NULL, 0)", "(?i)not.null")
    refused(url, "INSERT INTO journal_entry (entry_id, holder_id) VALUES (99, 1)", "(?i)not.null")
    refused(url, "INSERT INTO balance VALUES (1, 2, 0)", "(?i)unique")
    refused(url, "INSERT INTO holder VALUES (1, '000198', 0)", "(?i)unique")
    refused(url, "INSERT INTO account VALUES (99, 'cash', 'CNY', 'debit', 0)", "(?i)unique")


def test_a_product_beyond_64_bits_is_stored_nowhere(url: str, engine_kind: str) -> None:
    reason = "cannot store (REAL|TEXT) value in INTEGER" if engine_kind == "sqlite" else "out of range|invalid input"
    for amount in ("9223372036854775807 * 2", "9223372036854775807 + 1", "10000000000000 * 999999", "1e19", "'much'"):
        refused(url, f"UPDATE balance SET amount = {amount} WHERE holder_id = 1", reason)
        refused(url, f"INSERT INTO posting VALUES (1, 1, 99, 1, 2, {amount})", reason)


@pytest.mark.parametrize("engine_kind", ["sqlite"], indirect=True)
def test_sqlite_refuses_parts_of_a_fen(url: str) -> None:
    refused(url, "INSERT INTO posting VALUES (1, 1, 99, 1, 2, 0.5)", "cannot store REAL value in INTEGER")


@pytest.mark.parametrize("engine_kind", ["sqlite"], indirect=True)
def test_sqlite_does_not_notice_an_overflow_that_ends_whole(url: str) -> None:
    """Strict types are no shelter from this one: a product must be bounded before it is made."""
    with plain(url) as connection:
        product = "4000000000000000000 * 4 / 100000000"
        assert connection.execute(f"SELECT typeof({product})").fetchone() == ("real",)
        assert connection.execute(f"INSERT INTO posting VALUES (1, 1, 99, 1, 2, {product})").rowcount == 1
        connection.rollback()


# Types


BOTH_ENGINES = settings(
    max_examples=settings().max_examples // 2, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
ZONES = st.sampled_from(
    [UTC, ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York"), timezone(timedelta(hours=-3, minutes=-30))]
)


@given(st.datetimes(datetime(1800, 1, 1), datetime(2200, 1, 1), timezones=ZONES))
@BOTH_ENGINES
def test_an_instant_comes_back_as_the_same_instant_to_the_microsecond(desk: Desk, instant: datetime) -> None:
    with desk.engine.connect() as connection:
        back = connection.execute(sa.select(sa.literal(instant, Instant()))).scalar_one()
    assert back.tzinfo is UTC
    assert back == instant.astimezone(UTC)


@given(st.dates())
@BOTH_ENGINES
def test_a_day_comes_back_as_the_same_day(desk: Desk, calendar_day: date) -> None:
    with desk.engine.connect() as connection:
        back = connection.execute(sa.select(sa.literal(calendar_day, Day()))).scalar_one()
    assert type(back) is date
    assert back == calendar_day


def test_days_and_instants_are_stored_in_one_way(url: str, engine_kind: str) -> None:
    with plain(url) as connection:
        row = connection.execute("SELECT value_date, booked_at FROM journal_entry WHERE entry_id = 1").fetchone()
    assert row == ("2013-09-16" if engine_kind == "sqlite" else date(2013, 9, 16), 1_379_296_800_000_000)


def test_an_instant_without_a_zone_and_an_instant_as_a_day_are_refused(desk: Desk) -> None:
    naive = datetime(2013, 9, 16, 12)
    with desk.engine.connect() as connection:
        for value in (sa.literal(naive, Instant()), sa.literal(naive, Day()), sa.literal(at("09-16 12:00"), Day())):
            with pytest.raises(sa.exc.StatementError):
                connection.execute(sa.select(value))


def test_no_instant_and_no_day_stay_none(desk: Desk) -> None:
    with desk.engine.connect() as connection:
        assert connection.execute(sa.select(sa.literal(None, Instant()), sa.literal(None, Day()))).one() == (None, None)
