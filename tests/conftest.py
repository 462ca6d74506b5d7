"""Fixtures for every test: which database engine, a fresh database on it, and how hard hypothesis tries.

A test that asks for `database_url` runs once on SQLite and once on PostgreSQL. Each process that runs tests
starts its own PostgreSQL server, when the first test asks for it. Where no server can be had the test is
skipped, but fails with `CI` set: there, nothing may go unchecked in silence.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import busy_book, linked_book, postgres, rendezvous, sealed_book
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


MADE: dict[str, Callable[[str], Desk]] = {
    "quiet": lambda url: Desk.open(url, wallets=("alice", "bob", "carol")),
    "filled": busy_book.filled,
    "busy": busy_book.busy,
    "sealed": sealed_book.sealed_book,
    "linked": linked_book.linked,
}


@pytest.fixture(scope="session")
def made_once(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Desk]:
    """Make a book by its name and engine once; tests copy it and leave it as it is."""
    books: dict[tuple[str, str], Desk] = {}

    def make(name: str, engine_kind: str) -> Desk:
        if (name, engine_kind) not in books:
            url = f"sqlite:///{tmp_path_factory.mktemp(name)}/books.db"
            if engine_kind == "postgresql":
                url = request.getfixturevalue("postgres_server").create_database()
            books[name, engine_kind] = MADE[name](url)
            books[name, engine_kind].engine.dispose()
        return books[name, engine_kind]

    return make


def _copied(made: Desk, request: pytest.FixtureRequest, path: Path) -> Desk:
    """Copy a book, to `path` if it is a file."""
    template = made.engine.url.render_as_string(hide_password=False)
    if made.engine.dialect.name == "sqlite":
        url = f"sqlite:///{shutil.copy(str(made.engine.url.database), path)}"
    else:
        url = request.getfixturevalue("postgres_server").create_database(template)
    return Desk(facade.connect(url), made.book, made.made)


@pytest.fixture
def copy_of(
    made_once: Callable[[str, str], Desk], engine_kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[[str], Desk]]:
    """Copy a book that was made before, which is quicker than to make it anew."""
    copies: list[Desk] = []

    def copy(name: str) -> Desk:
        copies.append(_copied(made_once(name, engine_kind), request, tmp_path / f"{name}.db"))
        return copies[-1]

    yield copy
    for each in copies:
        each.engine.dispose()
        if engine_kind == "postgresql":
            request.getfixturevalue("postgres_server").drop_database(each.engine.url.render_as_string(False))


@pytest.fixture
def desk(copy_of: Callable[[str], Desk]) -> Desk:
    """Give a book of 2013-09-16 with the wallets alice, bob and carol."""
    return copy_of("quiet")


@pytest.fixture
def first(desk: Desk) -> Iterator[rendezvous.Client]:
    """Give one who works with the desk's book in a thread of its own, and is held where the test says."""
    yield from rendezvous.client(desk)


second, third = first, first
"""Two more, should two or three meet."""


@pytest.fixture
def filled_desk(copy_of: Callable[[str], Desk]) -> Desk:
    """Give the busy book, with everything from 09-17 on still to be run."""
    return copy_of("filled")


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def books_engine(request: pytest.FixtureRequest) -> str:
    """Name the database engine that the books below are kept on."""
    return str(request.param)


@pytest.fixture(scope="session")
def standing(
    made_once: Callable[[str, str], Desk],
    books_engine: str,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[str], Desk]]:
    """Copy a book, once for all tests that leave it as it is."""
    books: dict[str, Desk] = {}

    def copy(name: str) -> Desk:
        if name not in books:
            made = made_once(name, books_engine)
            books[name] = _copied(made, request, tmp_path_factory.mktemp(name) / "books.db")
        return books[name]

    yield copy
    for each in books.values():
        each.engine.dispose()


@pytest.fixture(scope="session")
def busy_desk(standing: Callable[[str], Desk]) -> Desk:
    """Give the busy book, run and reopened, for tests that leave it as it is."""
    return standing("busy")


@pytest.fixture(scope="session")
def linked_desk(standing: Callable[[str], Desk]) -> Desk:
    """Give the book that works with files, for tests that leave it as it is."""
    return standing("linked")
