"""A service's role on PostgreSQL: the printed rights suffice, none is needless, and history cannot be changed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest
import sqlalchemy as sa

from ledger.schema import APPEND_ONLY, metadata
from tests import busy_book, postgres
from tests.desk import Desk, at, day
from tests.shell import Shell
from wallet import facade, privileges
from wallet.facade import Operator
from wallet.schema import KEPT, fundwallet_version


@pytest.fixture
def role(postgres_server: postgres.Server) -> Iterator[str]:
    """Give the name of a role that has no rights yet; a name that has to be quoted."""
    name = f'pay "svc" {uuid.uuid4().hex[:8]}'
    with _owner(postgres_server.address) as connection:
        connection.exec_driver_sql(f"CREATE ROLE {_quoted(name)} LOGIN")
    yield name
    with _owner(postgres_server.address) as connection:
        connection.exec_driver_sql(f"DROP ROLE {_quoted(name)}")


@pytest.fixture
def books(postgres_server: postgres.Server, role: str) -> Iterator[tuple[Desk, Desk]]:
    """Give a new book as its owner sees it, and as the role does."""
    url = postgres_server.create_database()
    watched = replace(busy_book.TERMS[0], valid_from=day("09-24"), four_eyes=("manual_entry",))
    owner = Desk.open(url, terms=[*busy_book.TERMS, watched])
    with owner.engine.begin() as connection:
        for statement in privileges.grants(role):
            connection.exec_driver_sql(statement)
    service = Desk(facade.connect(sa.make_url(url).set(username=role)), owner.book)
    yield owner, service
    owner.engine.dispose()
    service.engine.dispose()
    postgres_server.drop_database(url)


def _owner(address: sa.URL) -> sa.Connection:
    return sa.create_engine(address, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool).connect()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _work(desk: Desk) -> None:
    """Do everything that a service does: wallets, orders of every kind, figures, outcomes, days."""
    for wallet in busy_book.WALLETS:
        desk.open_wallet(wallet)
    with facade.working(desk.engine, desk.book, Operator("the service", at("09-16 00:00"))):
        busy_book.fill(desk)
        desk.run("09-19", chunk_size=2)
    busy_book.reopen(desk)
    fee = facade.ManualEntry(debit="cash", credit="merchant_payable", amount=1, memo="fee", request_id="fee")
    _, proposed = desk.ask(facade.ask, fee, "li", at("09-24 10:00"))
    assert proposed is not None
    desk.ask(facade.approve, proposed.number, "zhang", at("09-24 10:00"))
    desk.ask(facade.record, facade.Act("li", "counter", at("09-24 10:00"), "pay"))
    assert not desk.verify()


def _load_and_work(desk: Desk) -> None:
    with facade.reading(desk.engine) as connection:
        facade.load(connection)
    _work(desk)


def test_with_these_rights_a_service_takes_orders_and_runs_the_day(books: tuple[Desk, Desk]) -> None:
    _, service = books
    _work(service)


@pytest.mark.parametrize("table", [*APPEND_ONLY, *KEPT], ids=lambda table: table.name)
def test_history_is_insert_only(books: tuple[Desk, Desk], table: sa.Table) -> None:
    owner, service = books
    with owner.engine.begin() as connection:  # it is the right that is missing, not the guard that stands in the way
        connection.exec_driver_sql(f"ALTER TABLE {table.name} DISABLE TRIGGER ALL")
    column = next(iter(table.primary_key.columns)).name
    for statement in (
        f"UPDATE {table.name} SET {column} = {column}",
        f"DELETE FROM {table.name}",
        f"TRUNCATE {table.name}",
        f"ALTER TABLE {table.name} DISABLE TRIGGER ALL",
        f"DROP TABLE {table.name}",
    ):
        with pytest.raises(sa.exc.DBAPIError, match=r"permission denied|must be owner"), service.engine.begin() as c:
            c.exec_driver_sql(statement)


def test_nothing_is_deleted_but_the_mark_of_who_runs_the_day(books: tuple[Desk, Desk]) -> None:
    _, service = books
    for table in metadata.sorted_tables:
        if table.name != "day_operator":
            with pytest.raises(sa.exc.DBAPIError, match="permission denied"), service.engine.begin() as connection:
                connection.execute(sa.delete(table))
    with pytest.raises(sa.exc.DBAPIError, match="permission denied"), service.engine.begin() as connection:
        connection.execute(sa.update(fundwallet_version).values(version_num="0001"))


def test_every_table_has_its_rights() -> None:
    assert set(privileges.RIGHTS) == set(metadata.tables.values())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("table", "right"), [(t, right) for t, rights in privileges.RIGHTS.items() for right in rights]
)
def test_no_right_is_needless(books: tuple[Desk, Desk], role: str, table: sa.Table, right: str) -> None:
    owner, service = books
    with owner.engine.begin() as connection:
        connection.exec_driver_sql(f"REVOKE {right} ON {table} FROM {_quoted(role)}")
    with pytest.raises(sa.exc.DBAPIError, match="permission denied"):
        _load_and_work(service)


def test_the_command_prints_what_the_function_gives() -> None:
    shell = Shell("sqlite:///no file is opened")
    assert shell.do("db grants --role payments --schema money")["grants"] == privileges.grants("payments", "money")
    printed = shell.run("db", "grants", "--role", "payments").out
    assert printed.splitlines() == privileges.grants("payments")
    assert 'GRANT SELECT, INSERT ON "public".posting TO "payments";' in printed
    assert shell.run("db", "grants").code == 2
    assert shell.run("db", "grants", "--role", "").code == 2
