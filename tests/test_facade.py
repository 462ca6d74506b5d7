"""The facade: all an embedding service needs, its transactions its own, nothing happening behind its back."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.desk import OPENED_ON, Desk, at, day
from wallet import facade
from wallet.facade import FundwalletError, Opening, Payment, Receipt, TransferIn

ROOT = Path(__file__).resolve().parent.parent
CONSTANTS = {"MANY", "SAMPLE_FUND", "SAMPLE_TERMS"}


def test_everything_it_names_is_there_and_documented() -> None:
    for name in facade.__all__:
        thing = getattr(facade, name)
        assert name in CONSTANTS or inspect.getdoc(thing), name
    assert sorted(facade.__all__) == sorted(set(facade.__all__))
    public = {name for name, thing in vars(facade).items() if not name.startswith("_") and not inspect.ismodule(thing)}
    assert public - {"annotations"} == set(facade.__all__)


def test_refusals_have_stable_codes_of_their_own() -> None:
    def below(kind: type[FundwalletError]) -> list[type[FundwalletError]]:
        return [kind, *(each for child in kind.__subclasses__() for each in below(child))]

    kinds = below(FundwalletError)
    codes = [kind.code for kind in kinds if "code" in vars(kind)]
    assert len(codes) == len(set(codes))
    assert all(inspect.getdoc(kind) for kind in kinds)
    assert {kind.code for kind in kinds if kind.retryable} == {
        "day_busy",
        "facility_exhausted",
        "file_busy",
        "overtaken",
    }


# The caller's transaction


@pytest.fixture
def hosted(desk: Desk) -> Desk:
    """Give a book in the database of a service that has a table of its own."""
    with desk.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE purchases (id TEXT PRIMARY KEY)")
    desk.transfer_in("alice", 100_00, "09-16 10:00")
    return desk


def purchases(desk: Desk) -> list[str]:
    with desk.engine.connect() as connection:
        return list(connection.exec_driver_sql("SELECT id FROM purchases ORDER BY id").scalars())


def payment(amount: int = 40_00, request_id: str = "paid") -> Payment:
    return Payment(wallet="alice", amount=amount, merchant="shop", request_id=request_id, at=at("09-16 11:00"))


def test_a_payment_and_the_service_s_own_row_are_committed_together(hosted: Desk) -> None:
    with hosted.engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO purchases VALUES ('tea')")
        facade.pay(connection, hosted.book, payment())
        assert connection.in_transaction(), "nothing inside commits"
    assert (purchases(hosted), hosted.holding("alice")["in_transit"]) == (["tea"], 60_00)


def test_they_are_rolled_back_together(hosted: Desk) -> None:
    before = hosted.dump()
    with hosted.engine.connect() as connection, connection.begin() as transaction:
        connection.exec_driver_sql("INSERT INTO purchases VALUES ('tea')")
        facade.pay(connection, hosted.book, payment())
        transaction.rollback()
    assert (purchases(hosted), hosted.dump()) == ([], before)


def test_after_a_refusal_the_transaction_goes_on(hosted: Desk) -> None:
    with hosted.engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO purchases VALUES ('tea')")
        with pytest.raises(FundwalletError):
            facade.pay(connection, hosted.book, payment(100_01))
        facade.pay(connection, hosted.book, payment(1_00))
        connection.exec_driver_sql("INSERT INTO purchases VALUES ('cake')")
    assert (purchases(hosted), hosted.holding("alice")["in_transit"]) == (["cake", "tea"], 99_00)


def test_a_savepoint_rolls_back_one_payment_of_two(hosted: Desk) -> None:
    with hosted.engine.begin() as connection:
        facade.pay(connection, hosted.book, payment(1_00, "kept"))
        savepoint = connection.begin_nested()
        facade.pay(connection, hosted.book, payment(2_00, "undone"))
        savepoint.rollback()
    assert hosted.holding("alice")["in_transit"] == 99_00
    assert not hosted.verify()


def test_a_service_may_bring_its_own_engine(database_url: str) -> None:
    engine = facade.configure(sa.create_engine(database_url))
    with engine.begin() as connection:
        book = facade.create(connection, OPENED_ON)
        facade.open_wallet(connection, book, Opening(wallet="alice", at=at("09-16 00:00")))
    desk = Desk(engine, book)
    desk.transfer_in("alice", 100_00, "09-16 10:00")
    desk.run("09-16")
    assert not desk.verify()
    engine.dispose()


def test_reading_cannot_write(desk: Desk) -> None:
    if desk.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no transactions that only read")
    request = TransferIn(wallet="alice", amount=100, request_id="in", at=at("09-16 10:00"))
    with facade.reading(desk.engine) as connection, pytest.raises(sa.exc.DBAPIError):
        facade.transfer_in(connection, desk.book, request)


def test_it_works_behind_an_asynchronous_engine(postgres_server: object, request: pytest.FixtureRequest) -> None:
    pytest.importorskip("greenlet", reason="an asynchronous engine of SQLAlchemy needs greenlet")
    from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

    url = request.getfixturevalue("postgres_server").create_database()

    async def serve() -> tuple[Receipt, Receipt, int]:
        engine = create_async_engine(url)
        facade.configure(engine.sync_engine)
        async with engine.begin() as connection:
            book = await connection.run_sync(facade.create, OPENED_ON)
            await connection.run_sync(facade.open_wallet, book, Opening(wallet="alice", at=at("09-16 00:00")))
        transfer = TransferIn(wallet="alice", amount=100_00, request_id="in", at=at("09-16 10:00"))
        async with engine.begin() as connection:
            first = await connection.run_sync(facade.transfer_in, book, transfer)
        async with AsyncSession(engine) as session, session.begin():
            connection = await session.connection()
            again = await connection.run_sync(facade.transfer_in, book, transfer)
            await connection.run_sync(facade.pay, book, payment())
        async with engine.connect() as connection:
            view = await connection.run_sync(facade.show_wallet, book, "alice")
        await engine.dispose()
        return first, again, view.holding.in_transit

    first, again, left = asyncio.run(serve())
    assert (first, left) == (again, 60_00)


# Nothing behind one's back

IMPORTED = """
import json, logging, os, sys, threading
before = set(os.listdir()), dict(os.environ), threading.active_count()
import wallet.facade
after = set(os.listdir()), dict(os.environ), threading.active_count()
print(json.dumps({
    "changed": before != after,
    "handlers": len(logging.getLogger().handlers) + len(logging.getLogger("sqlalchemy").handlers),
    "level": logging.getLogger().level,
    "heavy": sorted({"typer", "rich", "pandas", "alembic", "psycopg"} & set(sys.modules)),
}))
"""


def test_importing_it_changes_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-B", "-c", IMPORTED],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    assert json.loads(done.stdout) == {"changed": False, "handlers": 0, "level": logging.WARNING, "heavy": []}


def test_using_it_sets_up_no_logging(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    before = list(logging.getLogger().handlers)
    desk.transfer_in("alice", 100_00, "09-16 10:00")
    desk.run("09-16")
    assert logging.getLogger().handlers == before
    for name in ("wallet", "ledger", "calendars"):
        assert logging.getLogger(name).handlers == []
    assert capsys.readouterr() == ("", "")


def test_requests_are_checked_before_any_database_is_asked() -> None:
    for wrong in ({"amount": 0}, {"amount": 1.5}, {"wallet": ""}, {"at": day("09-16")}, {"merchant": " shop"}):
        content = {"wallet": "alice", "amount": 1, "merchant": "shop", "request_id": "r", "at": at("09-16 10:00")}
        with pytest.raises(FundwalletError) as refused:
            Payment(**(content | wrong))  # type: ignore[arg-type]
        assert refused.value.code == "invalid_request"
