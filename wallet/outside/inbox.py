"""What a step of a linked book's day needs from outside: what is missing of it, and where it is looked for.

A day that is not linked needs a published figure and nothing else. Files are taken when a step needs their kind, each
in a transaction of its own; what was taken before by a command counts as much.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from ledger.database import reading
from wallet import confirmation, distribution, figures, steps
from wallet.outside import bank, breaks, files, links, taking
from wallet.outside.links import Link
from wallet.outside.schema import answer, outside_file
from wallet.progress import Progress, silent
from wallet.retries import transact
from wallet.rules.fund import Fund

APPLICATIONS, CONFIRMATIONS, SHARES, INCOME, FIGURE = "03", "04", "05", "06", "07"
KINDS = {"confirm": (CONFIRMATIONS,), "distribute": (INCOME, FIGURE), "reconcile": (SHARES, "25", "34", "35")}
"""By step the kinds of files that are taken for it."""


@dataclass(frozen=True, slots=True)
class Inbox:
    """Where the day's run looks for files: the transfer agent's directory, statements of the bank."""

    directory: Path | None = None
    statements: tuple[Path, ...] = ()

    def link(self, engine: sa.Engine, book: Fund) -> None:
        """Connect a book that never was to the transfer agent of the directory, from the first trade date possible.

        Raises: OutsideCalendar.
        """
        if self.directory is not None:
            transact(engine, partial(_link, book=book))

    def fetch(
        self, engine: sa.Engine, book: Fund, step: str, day: date, at: datetime, progress: Progress = silent
    ) -> None:
        """Take what is new of the files that a step of a linked day may need, of days up to `day`.

        Raises: what refuses a file, with its name and line.
        """
        with reading(engine) as connection:
            if links.on(connection, book, day) is None:
                return
        if self.directory is not None and step in KINDS:
            taking.take_directory(engine, book, self.directory, at, progress, kinds=KINDS[step], through=day)
        if self.statements and step == "reconcile":
            for path in self.statements:
                transact(engine, partial(bank.take, book=book, path=path, at=at))


NOWHERE = Inbox()


def missing(connection: sa.Connection, book: Fund, step: str, day: date, inbox: Inbox = NOWHERE) -> str | None:
    """Return what keeps a step of a day, which is due and has all steps it needs, from being done; None: nothing."""
    needs = _NEEDS.get(step)
    return None if needs is None else needs(connection, book, day, inbox)


def _link(connection: sa.Connection, book: Fund) -> None:
    steps.lock(connection, book)
    if not links.versions(connection, book):
        links.connect(connection, book, Link(links.first_possible(connection, book)))


def _for_confirm(connection: sa.Connection, book: Fund, day: date, _inbox: Inbox) -> str | None:
    trade_date = book.previous_trade_date(day)
    if trade_date is None or links.on(connection, book, trade_date) is None:
        return None
    if files.of_day(connection, book, CONFIRMATIONS, day) is not None:
        return None
    if files.of_day(connection, book, APPLICATIONS, trade_date) is not None:
        return _not_received(CONFIRMATIONS, day)
    waits = confirmation.waits(connection, book, trade_date) or _advancer_waits(connection, book, trade_date)
    return f"{APPLICATIONS} for {trade_date} not sent" if waits else None


def _advancer_waits(connection: sa.Connection, book: Fund, trade_date: date) -> bool:
    """Tell whether an application of the advancer, sent up to a trade date, has no final answer yet."""
    f, a = outside_file.c, answer.c
    sent = sa.select(f.day).where(f.fund == book.code, f.kind == APPLICATIONS, f.day <= trade_date, f.control > 0)
    final = a.book == book.code, a.holder_id == 0, a.business_code == confirmation.REDEEMED, a.final == 1
    answered = set(connection.execute(sa.select(a.application).where(*final)).scalars())
    return any(int(f"{day:%Y%m%d}") not in answered for day in connection.execute(sent).scalars())


def _for_distribute(connection: sa.Connection, book: Fund, day: date, _inbox: Inbox) -> str | None:
    if distribution.is_idle(connection, book, day):
        return None
    announced = figures.of_day(connection, book, day) is not None
    if links.on(connection, book, day) is None:
        return None if announced else f"no figure announced for {day}"
    lacking = [INCOME] if files.of_day(connection, book, INCOME, day) is None else []
    lacking += [] if announced else [FIGURE]
    return _not_received(" and ".join(lacking), day) if lacking else None


def _for_reconcile(connection: sa.Connection, book: Fund, day: date, inbox: Inbox) -> str | None:
    if links.on(connection, book, day) is None:
        return None
    lacking = []
    if files.of_day(connection, book, SHARES, day) is None and distribution.pool(connection, book, day):
        lacking.append(SHARES)
    f = outside_file.c
    statements = sa.select(f.number).where(f.fund == book.code, f.kind == files.BANK).limit(1)
    is_used = inbox.statements or connection.execute(statements).first()
    if is_used and files.of_day(connection, book, files.BANK, day) is None:
        lacking.append("bank statement")
    if lacking:
        return _not_received(" and ".join(lacking), day)
    if steps.state(connection, book, day, distribution.STEP) is None:
        return f"the income of {day} is not distributed"
    return None


def _for_close(connection: sa.Connection, book: Fund, day: date, _inbox: Inbox) -> str | None:
    return breaks.blocking(connection, book, through=day - timedelta(1))


def _not_received(what: str, day: date) -> str:
    return f"{what} for {day} not received"


_NEEDS: dict[str, Callable[[sa.Connection, Fund, date, Inbox], str | None]] = {
    "confirm": _for_confirm,
    "distribute": _for_distribute,
    "reconcile": _for_reconcile,
    "close": _for_close,
}
