"""Clients that meet at one book, each stopped where the race is decided.

A client has an engine and a thread of its own. It can be stopped before a statement or before a commit, and it can
be asked whether it waits for another one: on PostgreSQL the server tells who blocks whom, on SQLite a writer waits
where it begins. Nothing sleeps and hopes; what does not come about in time is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import count
from threading import Event
from time import monotonic
from typing import Any, ParamSpec, TypeVar

import sqlalchemy as sa

from ledger.database import READING
from tests.desk import Desk, Interrupted
from wallet import facade
from wallet.facade import Fund, FundwalletError

P = ParamSpec("P")
R = TypeVar("R")

PATIENCE = 30  # seconds in which whatever must happen has happened
A_MOMENT = 0.01  # seconds between two looks
NOT_RETURNED = 0.1  # seconds for which a writer that waits on SQLite is seen not to return
COMMIT = "COMMIT"

_numbers = count(1)
_BLOCKED = sa.text(
    "SELECT array_agg(blocker.application_name) FROM pg_stat_activity AS waiting"
    " JOIN pg_stat_activity AS blocker ON blocker.pid = ANY (pg_blocking_pids(waiting.pid))"
    " WHERE waiting.application_name = :name AND waiting.wait_event_type = 'Lock'"
)


class Client:
    """A client with an engine, a thread and, at a wallet's book, a desk of its own, with request ids of its own."""

    desk: Desk

    def __init__(self, url: sa.URL, book: Fund | None = None, **settings: str) -> None:
        number = next(_numbers)
        self.name = f"client {number}"
        self.on_postgresql = url.get_backend_name() == "postgresql"
        self._observer = sa.create_engine(url)
        if self.on_postgresql:
            settings |= {"lock_timeout": f"{PATIENCE}s"}  # nothing here waits for ever
            options = " ".join(f"-c {name}={value}" for name, value in settings.items())
            url = url.update_query_dict({"application_name": self.name, "options": options})
        self.engine = facade.connect(url)
        if book is not None:
            self.desk = Desk(self.engine, book, made=number * 1000)
        self._thread = ThreadPoolExecutor(1)
        self._answer: Future[Any] = Future()
        self._statement = self._place = ""
        self._reached, self._go, self._fails = Event(), Event(), False
        sa.event.listen(self.engine, "before_cursor_execute", self._before_statement)
        sa.event.listen(self.engine, "after_cursor_execute", self._after_statement)
        sa.event.listen(self.engine, "commit", self._before_commit)

    def starts(self, call: Callable[P, R], *arguments: P.args, **options: P.kwargs) -> Future[R]:
        """Start a call in the client's thread."""
        self._answer = started = self._thread.submit(call, *arguments, **options)
        return started

    @contextmanager
    def holds(self, call: Callable[P, R], *arguments: P.args, **options: P.kwargs) -> Iterator[Future[R]]:
        """Make a call that is held, within the block, just before it commits what it wrote."""
        with self.holds_before(COMMIT, call, *arguments, **options) as answer:
            yield answer

    @contextmanager
    def holds_before(
        self, place: str, call: Callable[P, R], *arguments: P.args, **options: P.kwargs
    ) -> Iterator[Future[R]]:
        """Make a call that is held, within the block, just before the first statement (with values) of a pattern."""
        self.stops_before(place)
        answer = self.starts(call, *arguments, **options)
        try:
            self.is_stopped()
            yield answer
        finally:
            self.goes_on()
        if self._fails:
            assert isinstance(answer.exception(PATIENCE), Interrupted)
        else:
            answer.result(PATIENCE)

    def stops_before(self, place: str = COMMIT) -> None:
        """Have the client stop, once, before a statement, or before it commits what it wrote."""
        self._reached.clear()
        self._place, self._fails = place, False

    def is_stopped(self) -> None:
        """Wait until the client has come to where it stops."""
        deadline = monotonic() + PATIENCE
        while not self._reached.wait(A_MOMENT):
            assert not self._answer.done(), f"it never came to {self._place}: {_told(self._answer)}"
            assert monotonic() < deadline, f"it has not come to {self._place}, but is at {self._statement}"

    def goes_on(self) -> None:
        """Let a stopped client go on."""
        self._go.set()

    def gives_up(self) -> None:
        """Have a stopped client roll back when it goes on."""
        self._fails = True

    def waits_for(self, other: Client, at: str) -> None:
        """Expect that the call waits for another client, on PostgreSQL at a statement with these words."""
        deadline = monotonic() + PATIENCE
        while not self._is_blocked_by(other):
            wait([self._answer], A_MOMENT)
            assert not self._answer.done(), f"it did not wait: {_told(self._answer)}"
            assert monotonic() < deadline, f"it neither waits nor returns: {self._statement}"
        assert (at if self.on_postgresql else "BEGIN IMMEDIATE") in self._statement, self._statement

    def close(self) -> None:
        """End thread and connections."""
        self._place = ""
        self.goes_on()
        self._thread.shutdown()
        self.engine.dispose()
        self._observer.dispose()

    def _is_blocked_by(self, other: Client) -> bool:
        if self.on_postgresql:
            with self._observer.connect() as connection:
                return other.name in (connection.execute(_BLOCKED, {"name": self.name}).scalar() or [])
        return self._statement == "BEGIN IMMEDIATE" and not wait([self._answer], NOT_RETURNED).done

    def _before_statement(self, _c: object, _cursor: object, statement: str, values: object, *_more: object) -> None:
        self._statement = statement
        if self._place not in ("", COMMIT) and re.search(self._place, f"{statement} {values}", re.DOTALL):
            self._stop()

    def _after_statement(self, *_all: object) -> None:
        self._statement = ""

    def _before_commit(self, connection: sa.Connection) -> None:
        if self._place == COMMIT and not connection.get_execution_options().get(READING):
            self._stop()

    def _stop(self) -> None:
        self._place = ""
        self._go.clear()
        self._reached.set()
        assert self._go.wait(2 * PATIENCE), "nobody let it go on"
        if self._fails:
            raise Interrupted


def client(desk: Desk) -> Iterator[Client]:
    """Lend a client of the book, for a fixture."""
    made = Client(desk.engine.url, desk.book)
    yield made
    made.close()


def refusal(answer: Future[Any]) -> str:
    """Return the code of a call's refusal."""
    error = answer.exception(PATIENCE)
    assert isinstance(error, FundwalletError), _told(answer)
    return error.code


def _told(answer: Future[Any]) -> object:
    return answer.exception() or answer.result()
