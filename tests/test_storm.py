"""Many writers at once: short in the default lane, a minute each in the slow one; both print what they measured."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tests import storm as storms
from tests.desk import Desk

SHORT, LONG = 6.0, 60.0


def _deadlocks(desk: Desk) -> int:
    if desk.engine.dialect.name != "postgresql":
        return 0
    query = sa.text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    with desk.engine.connect() as connection:
        return int(connection.execute(query).scalar_one())


def _storm(url: str, seconds: float, facility: int | None = None) -> None:
    desk = storms.prepare(url, facility=facility)
    before = _deadlocks(desk)
    processes = 8 if desk.engine.dialect.name == "postgresql" else 4
    storm = storms.rage(url, processes, seconds)
    print(
        f"\n{desk.engine.dialect.name}: {processes} processes, {storm.rate:.0f} orders/s accepted, "
        f"{storm.day_runs} day runs, longest wait {storm.longest * 1000:.0f} ms, refused {dict(storm.refused)}"
    )
    storms.check(desk, storm)
    assert storm.day_runs >= 2
    assert _deadlocks(desk) == before
    storms.replay(desk, storm)
    desk.engine.dispose()


def test_short_storm(database_url: str) -> None:
    _storm(database_url, SHORT)


def test_short_storm_with_a_small_facility(database_url: str) -> None:
    _storm(database_url, SHORT, facility=20_000_00)


@pytest.mark.slow
def test_a_minute_of_storm(database_url: str) -> None:
    _storm(database_url, LONG)
