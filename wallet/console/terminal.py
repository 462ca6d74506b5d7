"""What a command needs from the machine: the database named, the calendar, the clock, standard output, progress.

A database that cannot be used ends the command here, with a line that never holds a password.
"""

from __future__ import annotations

import getpass
import json
import os
import platform
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, tzinfo
from functools import cached_property
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import calendars
from calendars import TradingCalendar
from wallet.console import documents, outcomes, tables
from wallet.console.outcomes import UNUSABLE, Failure
from wallet.rules.parsing import parse_day, parse_instant

if TYPE_CHECKING:
    import sqlalchemy as sa

    from wallet.facade import Act, Fund
    from wallet.progress import Progress

    Call = Callable[[sa.Connection, Fund], Any]

Convert = Callable[[Any, tzinfo], Any]
Render = Callable[[Any], list[Any]]

DEFAULT_DATABASE = "sqlite:///fundwallet.db"
PATIENCE = 2.0
"""Seconds; what takes less shows no bar."""

PASSWORD = re.compile(r"(?<=://)[^/\s@]*@")
"""Who is named in an address, with the password if it holds one."""


@dataclass
class Work:
    """Work of many transactions: the engine, the book, what tells progress, and how it went."""

    engine: sa.Engine
    book: Fund
    progress: Progress
    outcome: str = "done"


@dataclass
class Terminal:
    """One command's terminal; what is None was named neither by an option nor by the environment."""

    named: str | None
    as_json: bool
    calendar_files: tuple[Path, ...]
    operator_named: str | None = None
    typed: tuple[str, ...] = ()
    command: str = ""

    @cached_property
    def calendar(self) -> TradingCalendar:
        """Return the trading calendar, the operator's files added. Raises: BadCalendarFile."""
        return calendars.load(extra=self.calendar_files)

    @cached_property
    def url(self) -> sa.URL:
        """Return the database's URL; no refusal repeats the text, which may hold a password. Raises: Failure."""
        import sqlalchemy as sa

        try:
            url = sa.make_url(self.named or DEFAULT_DATABASE)
            url.render_as_string(hide_password=False).encode()
            if "@" in (url.host or ""):
                raise ValueError("an @ in the password")
        except (sa.exc.ArgumentError, ValueError):
            rule = f"that is no database URL, it is written like {DEFAULT_DATABASE}, an @ in a password as %40"
            raise Failure(UNUSABLE, rule) from None
        if url.drivername in ("postgres", "postgresql"):
            url = url.set(drivername="postgresql+psycopg")
        if url.get_backend_name() not in ("sqlite", "postgresql"):
            raise Failure(UNUSABLE, f"books are kept in SQLite or PostgreSQL, not in {url.get_backend_name()}")
        return url

    def is_missing(self) -> bool:
        """Tell whether the database is a SQLite file that is not there."""
        if self.url.get_backend_name() != "sqlite" or self.url.database in (None, "", ":memory:"):
            return False
        name = str(self.url.database)
        return not os.path.exists(urlsplit(name).path if "uri" in self.url.query else name)

    def instant(self, text: str | None) -> datetime:
        """Return the instant that was typed, or now, in the fund's zone. Raises: InvalidRequest."""
        if text is not None:
            return parse_instant(text, self.calendar.zone)
        import pendulum

        return pendulum.now(self.calendar.zone.key)

    @cached_property
    def user(self) -> str:
        """Return who works at this terminal: the name given, or the system's user."""
        try:
            user = getpass.getuser()
        except (KeyError, OSError):  # a process of no known user
            user = f"user {os.getuid()}"
        return (self.operator_named or "").strip() or user

    @cached_property
    def operator(self) -> str:
        """Return who works at this terminal, with machine and process."""
        return f"{self.user} on {platform.node()}, process {os.getpid()}"

    @cached_property
    def act(self) -> Act:
        """Return what is asked for, as the trail has it: the words after the command, the secrets in them left out."""
        from wallet import facade

        words = [PASSWORD.sub("", word).encode("utf-8", "backslashreplace").decode() for word in self.typed]
        arguments = tuple(words[len(self.command.split()) :])
        return facade.Act(self.user, platform.node(), self.instant(None), self.command, arguments)

    def day(self, text: str | None) -> date | None:
        """Return the date that was typed, if one was. Raises: InvalidRequest."""
        return None if text is None else parse_day(text)

    def write(self, call: Call, render: Render, document: Convert = documents.of) -> None:
        """Make one call in one transaction, and show its answer once that is committed."""
        from wallet import facade

        def work(connection: sa.Connection) -> tuple[Fund, Any]:
            book = facade.load(connection, self.calendar)
            return book, call(connection, book)

        with self.engine() as engine:
            answer = self.recorded(engine, work)
        self.show(document(answer, self.calendar.zone), render)

    def recorded(self, engine: sa.Engine, work: Callable[[sa.Connection], tuple[Fund | None, Any]]) -> Any:
        """Do `work` in one transaction, the trail's row included, and return its answer; a refusal leaves a row too.

        `work` returns the book, if there is one, and the answer.
        """
        from wallet import facade

        with self.refusals(engine):
            return facade.transact(engine, self.noted(work))

    def noted(self, work: Callable[[sa.Connection], tuple[Fund | None, Any]]) -> Callable[[sa.Connection], Any]:
        """Return `work` with the trail's row added, in the same transaction."""
        from wallet import facade

        def attempt(connection: sa.Connection) -> Any:
            with facade.noting() as made:
                book, answer = work(connection)
            if book is not None:
                facade.record(connection, book, self.act, made=made)
            return answer

        return attempt

    @contextmanager
    def refusals(self, engine: sa.Engine) -> Iterator[None]:
        """Leave a row in the trail when what is done within is refused; what cannot be read leaves none."""
        from wallet.errors import FundwalletError

        try:
            yield
        except FundwalletError as refusal:
            told = outcomes.explain(refusal)
            if told is not None and told[0] == outcomes.REFUSED:
                self.record(engine, refusal.code)
            raise

    def record(
        self, engine: sa.Engine, outcome: str = "done", made: Sequence[range] = (), began: int | None = None
    ) -> None:
        """Write a row of the trail in a transaction of its own, if that can be done: nothing is refused for it."""
        from sqlalchemy.exc import SQLAlchemyError

        from wallet import facade

        def write(connection: sa.Connection) -> None:
            act = replace(self.act, at=self.instant(None))
            facade.record(connection, facade.load(connection, self.calendar), act, outcome, made, began)

        with suppress(SQLAlchemyError, OSError, facade.FundwalletError):
            facade.transact(engine, write)

    def read(self, call: Call, render: Render, document: Convert = documents.of) -> Any:
        """Make one call on one state of the database, show its answer, and return the document of it."""
        from wallet import facade

        with self.engine() as engine, facade.reading(engine) as connection:
            answer = call(connection, facade.load(connection, self.calendar))
        return self.show(document(answer, self.calendar.zone), render)

    @contextmanager
    def work(self) -> Iterator[Work]:
        """Give what work of many transactions needs; the trail says that it begins, and how it ended."""
        from wallet import facade

        def begin(connection: sa.Connection) -> tuple[Fund, int]:
            book = facade.load(connection, self.calendar)
            return book, facade.record(connection, book, self.act, "begun")

        with self.engine() as engine, self.progress() as progress:
            book, began = facade.transact(engine, begin)
            work = Work(engine, book, progress)
            with facade.noting() as made:
                try:
                    yield work
                except BaseException as error:
                    work.outcome = error.code if isinstance(error, facade.FundwalletError) else "failed"
                    raise
                finally:
                    self.record(engine, work.outcome, made, began)

    @contextmanager
    def engine(self, *, create: bool = False) -> Iterator[sa.Engine]:
        """Give the database's engine; a SQLite file that is not there is made only to `create` a book in it.

        Raises: Failure, for whatever the database or its driver raises.
        """
        import sqlite3

        from sqlalchemy.exc import DBAPIError, SQLAlchemyError

        from wallet import facade

        name = f"database {self.url.database}" if self.url.get_backend_name() == "sqlite" else "PostgreSQL database"
        if not create and self.is_missing():
            raise Failure(UNUSABLE, f"there is no {name}: create it with `fundwallet init`")
        try:
            try:
                engine = facade.connect(self.url)
                engine.dialect.create_connect_args(self.url)
            except ValueError as error:
                raise Failure(UNUSABLE, f"the {name} has an address that cannot be read: {error}") from None
            try:
                yield engine
            finally:
                engine.dispose()
        except ModuleNotFoundError as error:
            raise Failure(UNUSABLE, f"the {name} needs {error.name}, which is not installed") from error
        except BrokenPipeError:
            raise
        except (OSError, SQLAlchemyError, sqlite3.Error) as error:
            reason = " ".join(str(error.orig if isinstance(error, DBAPIError) else error).split())
            if any(secret in reason for secret in self._secrets()):
                reason = "the reason it gives holds the password"
            raise Failure(UNUSABLE, f"the {name} cannot be used: {reason}") from error

    def _secrets(self) -> list[str]:
        asked = self.url.query.get("password", ())
        return [secret for secret in (self.url.password, *((asked,) if isinstance(asked, str) else asked)) if secret]

    def show(self, document: Any, render: Render) -> Any:
        """Put a document on standard output, as JSON or as a person reads it, and return it."""
        if self.as_json:
            is_unicode = (sys.stdout.encoding or "").lower().startswith("utf")
            text = json.dumps(document, indent=2, ensure_ascii=not is_unicode) + "\n"
        else:
            text = tables.text(render(document))
        sys.stdout.write(text)
        sys.stdout.flush()
        return document

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Give what tells progress: a bar on standard error, if that is a terminal and the work takes a while."""
        if not sys.stderr.isatty():
            yield lambda _what, _done, _of: None
            return
        from rich.console import Console
        from rich.progress import Progress as Bars

        class Late(Bars):
            """Bars that are seen only after a while."""

            begun = monotonic()

            def get_renderables(self) -> Iterator[Any]:
                if monotonic() - self.begun > PATIENCE:
                    yield from super().get_renderables()

        with Late(console=Console(stderr=True), transient=True, redirect_stdout=False) as bars:
            lines = {is_whole: bars.add_task("", visible=False) for is_whole in (True, False)}

            def tell(what: str, done: int, of: int) -> None:
                bars.update(lines[what == "days"], description=what, completed=done, total=of, visible=True)

            yield tell
