"""The tests' own PostgreSQL server: each way to find one works, and nothing is left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests import postgres

ROOT = Path(__file__).resolve().parent.parent


def run(url: str, statement: str) -> list[tuple[object, ...]]:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        result = connection.exec_driver_sql(statement)
        return [tuple(row) for row in result] if result.returns_rows else []


def within_seconds(happened: Callable[[], bool]) -> bool:
    """Tell whether something comes true within ten seconds."""
    for _ in range(1_000):
        if happened():
            return True
        time.sleep(0.01)
    return False


def is_gone(process: int) -> bool:
    """Tell whether a process has ended; one that is dead but not collected has no words left."""
    try:
        return not Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return True


@pytest.mark.parametrize("find", [postgres.of_the_distribution, postgres.of_the_wheel])
def test_a_server_starts_from_either_source_and_leaves_nothing(find: Callable[[], Path | None]) -> None:
    programs = find()
    if programs is None:
        pytest.skip("this source is not on this machine")
    with postgres.running(programs=programs) as server:
        home = Path(str(server.address.query["host"]))
        url = server.create_database()
        assert run(url, "SELECT current_setting('server_encoding')") == [("UTF8",)]
        assert server.setting("listen_addresses") == ""
        assert server.setting("fsync") == "off"
        data = Path(server.setting("data_directory"))
        process = int((data / "postmaster.pid").read_text(encoding="utf-8").split()[0])
    assert not home.exists()
    assert not data.parent.exists()
    assert within_seconds(lambda: is_gone(process))


def test_a_server_does_not_outlive_tests_that_are_killed(postgres_server: postgres.Server) -> None:
    del postgres_server  # asked for so that this test fails or is skipped where there is none
    program = """
        import time
        from tests import postgres
        with postgres.running(durable=True) as server:
            print(server.setting("data_directory"), flush=True)
            time.sleep(60)
    """
    environment = {name: value for name, value in os.environ.items() if name != postgres.DSN_VARIABLE}
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        data = Path(process.stdout.readline().strip())
        server = int((data / "postmaster.pid").read_text(encoding="utf-8").split()[0])
        process.kill()
    assert within_seconds(lambda: is_gone(server) and not data.exists())


def test_a_database_is_a_copy_of_its_template_and_can_be_dropped(postgres_server: postgres.Server) -> None:
    template = postgres_server.create_database()
    run(template, "CREATE TABLE filled AS SELECT 7 AS number")
    copy = postgres_server.create_database(template)
    run(copy, "INSERT INTO filled VALUES (8)")
    assert run(copy, "SELECT number FROM filled ORDER BY number") == [(7,), (8,)]
    assert run(template, "SELECT number FROM filled") == [(7,)]
    for url in (copy, template):
        postgres_server.drop_database(url)
        with pytest.raises(sa.exc.OperationalError, match="does not exist"):
            run(url, "SELECT 1")


def test_the_durable_server_waits_for_the_disk(durable_postgres_server: postgres.Server) -> None:
    assert durable_postgres_server.setting("fsync") == "on"
    assert durable_postgres_server.setting("synchronous_commit") == "on"


def test_a_fresh_database_is_empty_on_either_engine(database_url: str) -> None:
    engine = sa.create_engine(database_url)
    assert sa.inspect(engine).get_table_names() == []
    engine.dispose()
