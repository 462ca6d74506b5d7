"""Fixtures for every test: which database engine, a fresh database on it, and how hard hypothesis tries.

A test that asks for `database_url` runs once on SQLite and once on PostgreSQL. Each process that runs tests
starts its own PostgreSQL server, when the first test asks for it. Where no server can be had the test is
skipped, but fails with `CI` set: there, nothing may go unchecked in silence.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import busy_book, postgres
from tests.desk import Desk
from wallet import facade

IN_CI = os.environ.get("CI", "").lower() not in ("", "0", "false")

# The seed that fails is printed; running again with it shows the same failure.
settings.register_profile("default", print_blob=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("default"), derandomize=True)
settings.register_profile("long", settings.get_profile("default"), max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if IN_CI else "default"))


@pytest.fixture(params=["sqlite", "postgresql"])
def engine_kind(request: pytest.FixtureRequest) -> str:
    """Name the database engine that the test runs on."""
    return str(request.param)


@pytest.fixture
def database_url(engine_kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """Give the SQLAlchemy URL of an empty database, gone after the test."""
    if engine_kind == "sqlite":
        yield f"sqlite:///{tmp_path / 'books.db'}"
        return
    server: postgres.Server = request.getfixturevalue("postgres_server")
    url = server.create_database()
    yield url
    server.drop_database(url)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    """Give a PostgreSQL server that does not wait for the disk."""
    yield from _server_or_outcome(durable=False)


@pytest.fixture(scope="session")
def durable_postgres_server() -> Iterator[postgres.Server]:
    """Give a PostgreSQL server that keeps what it committed, for tests of exactly that."""
    yield from _server_or_outcome(durable=True)


def _server_or_outcome(*, durable: bool) -> Iterator[postgres.Server]:
    try:
        with postgres.running(durable=durable) as server:
            yield server
    except postgres.NoServer as missing:
        if IN_CI:
            pytest.fail(str(missing))
        pytest.skip(str(missing))


@pytest.fixture
def desk(engine_kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """Give a book of 2013-09-16 with the wallets alice, bob and carol, copied from one that was made before."""
    made: Desk = request.getfixturevalue(f"{engine_kind}_desk_made")
    if engine_kind == "sqlite":
        copied = shutil.copy(str(made.engine.url.database), tmp_path / "books.db")
        opened = Desk(facade.connect(f"sqlite:///{copied}"), made.book)
        yield opened
        opened.engine.dispose()
        return
    server: postgres.Server = request.getfixturevalue("postgres_server")
    url = server.create_database(template=made.engine.url.render_as_string(hide_password=False))
    opened = Desk(facade.connect(url), made.book)
    yield opened
    opened.engine.dispose()
    server.drop_database(url)


@pytest.fixture(scope="session")
def sqlite_desk_made(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Make the book that every test's desk on SQLite is a copy of."""
    return _made(f"sqlite:///{tmp_path_factory.mktemp('made')}/books.db")


@pytest.fixture(scope="session")
def postgresql_desk_made(postgres_server: postgres.Server) -> Desk:
    """Make the book that every test's desk on PostgreSQL is a copy of."""
    return _made(postgres_server.create_database())


def _made(url: str) -> Desk:
    made = Desk.open(url, wallets=("alice", "bob", "carol"))
    made.engine.dispose()
    return made


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def busy_desk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Give the busy book, run and reopened, for tests that leave it as it is."""
    url = f"sqlite:///{tmp_path_factory.mktemp('busy')}/books.db"
    if request.param == "postgresql":
        server: postgres.Server = request.getfixturevalue("postgres_server")
        url = server.create_database()
    opened = Desk.open(url, terms=busy_book.TERMS, wallets=busy_book.WALLETS)
    busy_book.fill(opened)
    opened.run("09-19", chunk_size=2)
    busy_book.reopen(opened)
    yield opened
    opened.engine.dispose()
