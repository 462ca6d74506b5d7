"""Where the PostgreSQL of a benchmark comes from: the one that was named, or a durable server of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.harness import POSTGRESQL, Missing, Run, engine_of


@contextmanager
def durable(run: Run) -> Iterator[str]:
    """Yield an empty PostgreSQL database: the one given, or one on a durable server started for it. Raises: Missing."""
    if run.url is not None:
        if engine_of(run.url) != POSTGRESQL:
            raise Missing("needs PostgreSQL; --db names another engine")
        yield run.url
        return
    try:
        from tests import postgres
    except ImportError as error:
        raise Missing(f"starts PostgreSQL as the tests do, from a checkout: {error}") from error
    try:
        with postgres.running(durable=True) as started:
            yield started.create_database()
    except postgres.NoServer as error:
        raise Missing(str(error)) from error
