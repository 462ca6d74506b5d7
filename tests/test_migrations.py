"""Upgrades: of a filled database of version 1, whole or not at all, one at a time, and never by themselves."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import op
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

from ledger.schema import APPEND_ONLY, metadata
from tests import power, version_1
from tests.desk import OPENED_ON, Desk, day
from tests.shell import dump
from tests.small_ledger import fill
from wallet import facade, migrations
from wallet.book import lock_schema
from wallet.errors import BookExists, NoBook, SchemaMismatch
from wallet.facade import FundwalletError
from wallet.outside.schema import OUTSIDE
from wallet.schema import KEPT, VERSION, day_operator, fundwallet_version

NEWER = ["0002", "0003", "0004"]
"""What an upgrade of version 1 applies."""

NEW_TABLES = ("day_operator", "trail", "proposal", "decision", "seal", *(table.name for table in OUTSIDE))


@pytest.fixture
def old_url(database_url: str) -> str:
    """Give a filled database of version 1."""
    version_1.load(database_url)
    return database_url


@pytest.fixture
def engine(old_url: str) -> Iterator[sa.Engine]:
    """Give an engine for the database of version 1."""
    engine = facade.connect(old_url)
    yield engine
    engine.dispose()


def _upgrade(engine: sa.Engine) -> list[str]:
    with engine.begin() as connection:
        return [revision.version for revision in migrations.upgrade(connection)]


def _desk(engine: sa.Engine) -> Desk:
    with facade.reading(engine) as connection:
        return Desk(engine, facade.load(connection))


def test_a_filled_book_of_version_1_is_upgraded_verifies_and_goes_on(old_url: str, engine: sa.Engine) -> None:
    before = dump(old_url)
    assert before["posting"]
    with facade.reading(engine) as connection, pytest.raises(SchemaMismatch, match="fundwallet db upgrade"):
        facade.load(connection)
    assert _upgrade(engine) == NEWER
    after = dump(old_url)
    assert after.pop("fundwallet_version") == [f"('{VERSION}',)"]
    assert before.pop("fundwallet_version") == ["('0001',)"]
    assert all(row.endswith(", '')") for row in after["fund_terms"]), "the switch of an older book is off"
    after["fund_terms"] = [row.removesuffix(", '')") + ")" for row in after["fund_terms"]]
    assert {table: after.pop(table) for table in NEW_TABLES} == {table: [] for table in NEW_TABLES}
    suspense = {
        table: [row for row in after[table] if row not in before[table]] for table in ("account", "account_total")
    }
    assert suspense["account"] == ["(10, 'suspense', 'CNY', 'credit', 0)"]
    assert all(row.endswith(", 10, 0, 0)") for row in suspense["account_total"])
    assert {
        table: [row for row in rows if row not in suspense.get(table, [])] for table, rows in after.items()
    } == before
    desk = _desk(engine)
    assert not desk.verify()
    desk.pay("alice", 1_00, "09-19 10:00", "after the upgrade")
    assert desk.run("09-19").days[-1][1]["prove"] == "done"
    assert not desk.verify()


def test_an_upgraded_database_is_like_a_new_one(
    old_url: str,
    engine: sa.Engine,
    engine_kind: str,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    _upgrade(engine)
    new = f"sqlite:///{tmp_path_factory.mktemp('new')}/books.db"
    if engine_kind == "postgresql":
        new = request.getfixturevalue("postgres_server").create_database()
    Desk.open(new).engine.dispose()
    assert version_1.catalogue(old_url) == version_1.catalogue(new)


@pytest.mark.parametrize("table", [*APPEND_ONLY, *KEPT], ids=lambda table: table.name)
def test_the_guards_are_there_afterwards(engine: sa.Engine, table: sa.Table) -> None:
    _upgrade(engine)
    with engine.begin() as connection:
        fill(connection, [table])
    column = next(iter(table.primary_key.columns))
    for statement in (sa.delete(table), sa.update(table).values({column: column})):
        with pytest.raises(sa.exc.DBAPIError, match="append-only"), engine.begin() as connection:
            connection.execute(statement)


def test_what_is_new_is_left_alone(engine: sa.Engine) -> None:
    assert _upgrade(engine) == NEWER
    assert _upgrade(engine) == []


def test_an_upgrade_that_fails_has_not_happened(
    old_url: str, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, tables = dump(old_url), version_1.catalogue(old_url)
    script = migrations._scripts().get_revision(VERSION).module
    original = script.upgrade

    def fail(op: Operations) -> None:
        original(op)
        raise RuntimeError("the machine stops here")

    monkeypatch.setattr(script, "upgrade", fail)
    with pytest.raises(RuntimeError, match="stops here"):
        _upgrade(engine)
    assert (dump(old_url), version_1.catalogue(old_url)) == (before, tables)
    monkeypatch.undo()
    assert _upgrade(engine) == NEWER


def test_of_two_upgrades_at_once_the_second_waits_and_finds_nothing_to_do(old_url: str, engine: sa.Engine) -> None:
    second: list[list[str]] = []
    other = facade.connect(old_url)
    waiting = threading.Thread(target=lambda: second.append(_upgrade(other)))
    with engine.begin() as connection:
        lock_schema(connection)
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive()
        assert [revision.version for revision in migrations.upgrade(connection)] == NEWER
    waiting.join(20)
    other.dispose()
    assert second == [[]]


def test_refusals_come_in_their_order(engine: sa.Engine, database_url: str) -> None:
    with engine.connect() as connection, pytest.raises(FundwalletError) as refused:
        migrations.upgrade(connection)
    assert refused.value.code == "no_transaction"
    with engine.begin() as connection:
        connection.execute(sa.update(fundwallet_version).values(version_num="0999"))
    with engine.begin() as connection, pytest.raises(SchemaMismatch, match="the fundwallet that wrote it"):
        migrations.upgrade(connection)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE fundwallet_version"))
    with engine.begin() as connection, pytest.raises(NoBook):
        migrations.upgrade(connection)


def test_the_script_upgrades_as_the_function_does(old_url: str, engine: sa.Engine, engine_kind: str) -> None:
    version_1.execute(old_url, migrations.script(engine_kind, "0001"))
    with facade.reading(engine) as connection:
        assert migrations.pending(connection) == []
    assert not _desk(engine).verify()
    assert migrations.script(engine_kind, VERSION) == ""
    with pytest.raises(FundwalletError, match="version 7"):
        migrations.script(engine_kind, "7")


def test_the_script_from_the_start_makes_the_tables_in_which_a_book_is_created(
    database_url: str, engine_kind: str
) -> None:
    version_1.execute(database_url, migrations.script(engine_kind))
    made = version_1.catalogue(database_url)
    assert {table for table in metadata.tables if any(row[0] == table for row in made)} >= {
        "posting",
        day_operator.name,
    }
    engine = facade.connect(database_url)
    with engine.begin() as connection:
        book = facade.create(connection, OPENED_ON)
        with pytest.raises(BookExists, match="the book of 000198"):
            facade.create(connection, OPENED_ON)
    assert version_1.catalogue(database_url) == made
    desk = Desk(engine, book)
    desk.open_wallet("alice")
    desk.transfer_in("alice", 100_00, "09-16 10:00")
    desk.run("09-16")
    assert not desk.verify()
    engine.dispose()


def test_tables_of_another_version_are_no_place_for_a_book(engine: sa.Engine) -> None:
    with engine.begin() as connection, pytest.raises(SchemaMismatch):
        facade.create(connection, day("09-16"))


def test_a_file_is_copied_under_a_name_that_is_free(tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("copied") / "books of 书.db"
    version_1.load(f"sqlite:///{file}")
    engine = facade.connect(f"sqlite:///{file}")
    with engine.begin() as connection:
        first, second = migrations.back_up(connection), migrations.back_up(connection)
        migrations.upgrade(connection)
    engine.dispose()
    assert (first, second) == (file.with_name(f"{file.name}-0001.backup"), file.with_name(f"{file.name}-0001-2.backup"))
    original = file.parent / "original.db"
    version_1.load(f"sqlite:///{original}")
    assert dump(f"sqlite:///{first}") == dump(f"sqlite:///{original}")
    assert version_1.catalogue(f"sqlite:///{second}") == version_1.catalogue(f"sqlite:///{original}")


def test_what_is_no_file_is_not_copied(database_url: str, engine_kind: str) -> None:
    engine = facade.connect(database_url if engine_kind == "postgresql" else "sqlite://")
    with engine.begin() as connection:
        facade.create(connection, OPENED_ON)
        assert migrations.back_up(connection) is None
    engine.dispose()


def test_this_program_needs_the_last_revision() -> None:
    versions = [revision.version for revision in migrations.revisions()]
    assert versions == sorted(set(versions))
    assert versions[-1] == VERSION


def upgrade_it(engine: sa.Engine, _diary: power.Diary) -> None:
    """Upgrade, as a process that is killed."""
    _upgrade(engine)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_an_upgrade_killed_at_its_commit_is_whole_or_has_not_happened(
    old_url: str, engine: sa.Engine, tmp_path: Path, moment: power.Moment
) -> None:
    before = dump(old_url)
    power.killed_at(old_url, upgrade_it, power.Diary(str(tmp_path / "diary")), 1, moment)
    if moment == "before":
        assert dump(old_url) == before
    assert _upgrade(engine) == (NEWER if moment == "before" else [])
    assert not _desk(engine).verify()


@pytest.mark.slow
def test_an_upgrade_killed_at_any_moment_is_whole_or_has_not_happened(
    engine_kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    server = request.getfixturevalue("durable_postgres_server") if engine_kind == "postgresql" else None
    found = []
    for n in range(40):
        url = server.create_database() if server else f"sqlite:///{tmp_path}/{n}.db"
        version_1.load(url)
        diary = power.Diary(str(tmp_path / f"{n}.diary"))
        power.killed_amid(url, [(upgrade_it, diary)], n * 0.004)
        engine = facade.connect(url)
        with facade.reading(engine) as connection:
            found.append(len(migrations.pending(connection)))
        assert len(_upgrade(engine)) == found[-1]
        assert not _desk(engine).verify()
        engine.dispose()
        if server:
            server.drop_database(url)
    assert set(found) == {0, len(NEWER)}, "killed too early or too late every time"


def test_a_host_s_own_revision_may_upgrade_the_books(engine: sa.Engine) -> None:
    """With Alembic in the middle of its own work: its operations stay the host's."""
    with engine.begin() as connection:
        context = MigrationContext.configure(connection)
        with Operations.context(context) as host:
            op.create_table("shop", sa.Column("number", sa.Integer))
            migrations.upgrade(connection)
            op.add_column("shop", sa.Column("goods", sa.Text))
            assert host is not None
    assert not _desk(engine).verify()


def test_tables_are_made_where_the_version_is(database_url: str) -> None:
    if not database_url.startswith("postgresql"):
        pytest.skip("SQLite has no schemas")
    version_1.load(database_url)
    plain = facade.connect(database_url)
    with plain.begin() as connection:
        connection.execute(sa.text("CREATE SCHEMA books"))
    elsewhere = sa.make_url(database_url).update_query_dict({"options": "-csearch_path=books,public"})
    engine = facade.connect(elsewhere)
    with engine.begin() as connection:
        assert migrations.upgrade(connection)
        assert connection.execute(sa.text("SHOW search_path")).scalar() == "books,public"
    assert not _desk(plain).verify()
    assert sa.inspect(plain).has_table("day_operator", schema="public")
    for each in (plain, engine):
        each.dispose()


def test_two_who_create_at_once_make_one_book(database_url: str) -> None:
    engines = [facade.connect(database_url) for _ in range(2)]
    refused: list[BookExists] = []

    def create() -> None:
        try:
            with engines[1].begin() as connection:
                facade.create(connection, OPENED_ON)
        except BookExists as error:
            refused.append(error)

    with engines[0].begin() as connection:
        facade.create(connection, OPENED_ON)
        second = threading.Thread(target=create)
        second.start()
        second.join(0.3)
        assert second.is_alive()
    second.join(20)
    assert [str(error) for error in refused] == [str(BookExists("the book of 000198"))]
    for engine in engines:
        engine.dispose()


def test_a_copy_is_for_the_same_users_and_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "books.db"
    version_1.load(f"sqlite:///{file}")
    file.chmod(0o640)
    engine = facade.connect(f"sqlite:///{file}")
    monkeypatch.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(OSError("no room")))
    with engine.begin() as connection:
        with pytest.raises(OSError, match="no room"):
            migrations.back_up(connection)
        assert not list(tmp_path.glob("*.backup*"))
        monkeypatch.undo()
        copy = migrations.back_up(connection)
    engine.dispose()
    assert copy is not None
    assert copy.stat().st_mode & 0o777 == 0o640
