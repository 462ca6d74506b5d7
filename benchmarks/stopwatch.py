"""Where the product's time goes, read from outside: an engine's own events tell when a step ends and what ran.

A step of the day is over when the transaction that writes it down is committed, so its time is from the end of the
step before (or the start of the watch) to the first transaction after that commit. Nothing of the product is changed.
"""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import date
from time import perf_counter
from typing import Any

import sqlalchemy as sa

COMMIT, ELSEWHERE = "COMMIT", "outside of SQL"


class Watch:
    """Listens to an engine; `steps` maps (day, step) to seconds, `profiles` to seconds by statement within it."""

    def __init__(self, engine: sa.Engine) -> None:
        self.steps: dict[tuple[date, str], float] = {}
        self.profiles: dict[tuple[date, str], dict[str, float]] = {}
        self._written: tuple[date, str] | None = None
        self._seconds: dict[str, float] = defaultdict(float)
        self._committing: float | None = None
        self._since = self._statement = perf_counter()
        sa.event.listen(engine, "begin", self._on_begin)
        sa.event.listen(engine, "commit", self._on_commit)
        sa.event.listen(engine, "before_cursor_execute", self._before)
        sa.event.listen(engine, "after_cursor_execute", self._after)

    def start(self) -> None:
        """Begin to count, right before the product is called."""
        self._since, self._seconds, self._written, self._committing = perf_counter(), defaultdict(float), None, None

    def stop(self) -> None:
        """End the last step, right after the product has returned."""
        self._end(perf_counter())

    def _on_begin(self, _connection: Any) -> None:
        self._end(perf_counter())

    def _end(self, now: float) -> None:
        if self._committing is not None:
            self._seconds[COMMIT] += now - self._committing
            self._committing = None
        if self._written is not None:
            taken = now - self._since
            self.steps[self._written] = taken
            self._seconds[ELSEWHERE] = taken - sum(self._seconds.values())
            self.profiles[self._written] = dict(self._seconds)
            self._since, self._seconds, self._written = now, defaultdict(float), None

    def _on_commit(self, _connection: Any) -> None:
        self._committing = perf_counter()

    def _before(self, *_arguments: Any) -> None:
        self._statement = perf_counter()

    def _after(
        self, _connection: Any, _cursor: Any, statement: str, _parameters: Any, context: Any, _many: Any
    ) -> None:
        what = named(statement)
        self._seconds[what] += perf_counter() - self._statement
        if what == "INSERT INTO day_step":
            values = context.compiled_parameters[0]
            self._written = values["day"], values["step"]


def named(statement: str) -> str:
    """Return a short name of a statement: its verb and its table."""
    for verb in ("INSERT INTO", "UPDATE", "DELETE FROM"):
        if found := re.search(rf"\b{verb} (\w+)", statement):
            if verb == "UPDATE" and "FOR " in statement[max(0, found.start() - 8) : found.start()]:
                continue
            return f"{verb} {found[1]}"
    tables = re.findall(r"\bFROM \(?(\w+)", statement)
    known = next((table for table in tables if table != "SELECT"), "")
    return f"SELECT {known}".strip()
