"""Since when the book works with a transfer agent's files, and under which codes: the only writer of `link`.

Before the first link, and without any, the day is stand-alone. A version holds from its date until the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from ledger.database import require_transaction
from ledger.model import digest
from wallet import steps
from wallet.errors import FundwalletError, InvalidRequest
from wallet.outside import files
from wallet.outside.schema import link
from wallet.rules.fund import Fund

DISTRIBUTOR, TRANSFER_AGENT = "WALLET", "TA"
"""The codes of a book that was told none; each has at most nine characters of the standard's text."""

CODE_BYTES = 9


@dataclass(frozen=True, slots=True)
class Link:
    """Codes of both sides, from trade date `valid_from` on; a break up to `tolerance` lets the next day close.

    Units: `tolerance` in fen and hundredths of a share.
    """

    valid_from: date
    distributor: str = DISTRIBUTOR
    transfer_agent: str = TRANSFER_AGENT
    tolerance: int = 0


class NotLinked(FundwalletError):
    """The trade date was, or is to be, confirmed without files."""

    code = "not_linked"

    def __init__(self, day: date) -> None:
        self.day = day
        super().__init__(f"{day} is worked without files: connect the book with `fundwallet ta connect`")


class LinkTooLate(FundwalletError):
    """The trade date is confirmed already, or other codes hold from it."""

    code = "link_too_late"

    def __init__(self, day: date, why: str) -> None:
        self.day = day
        super().__init__(f"the book cannot be connected from {day}: {why}")


def connect(connection: sa.Connection, book: Fund, wanted: Link) -> bool:
    """Add a version, and tell whether it is new.

    Raises: NoTransaction, InvalidRequest (a code, the tolerance), OutsideCalendar, LinkTooLate.
    """
    require_transaction(connection)
    steps.lock(connection, book)
    if not check(connection, book, wanted):
        return False
    connection.execute(sa.insert(link).values(row_of(book, wanted)))
    return True


def check(connection: sa.Connection, book: Fund, wanted: Link) -> bool:
    """Tell whether a version would be new, if it may be added.

    Raises: InvalidRequest (a code, the tolerance), OutsideCalendar, LinkTooLate.
    """
    for field, code in (("distributor", wanted.distributor), ("transfer agent", wanted.transfer_agent)):
        if not (0 < len(code) <= CODE_BYTES and code.isascii() and code.isalnum()):
            raise InvalidRequest(field, f"a code has 1 to {CODE_BYTES} letters and digits")
    if wanted.distributor == wanted.transfer_agent:
        raise InvalidRequest("transfer agent", "it needs another code than the distributor")
    if not 0 <= wanted.tolerance <= 10**13:
        raise InvalidRequest("tolerance", "it is at least 0.00")
    day, known = book.known(wanted.valid_from), versions(connection, book)
    if wanted in known:
        return False
    if not book.calendar.is_trading_day(day):
        raise LinkTooLate(day, "it is not a trading day")
    if known and day <= known[-1].valid_from:
        raise LinkTooLate(day, f"it is connected from {known[-1].valid_from} already")
    if day < (first := first_possible(connection, book)):
        raise LinkTooLate(day, f"the first trade date that is not confirmed yet is {first}")
    if (sent := files.last_sent(connection, book)) is not None and day <= sent:
        raise LinkTooLate(day, f"files were sent through {sent}")
    return True


def first_possible(connection: sa.Connection, book: Fund) -> date:
    """Return the first trade date whose confirmation has not begun. Raises: OutsideCalendar."""
    day = book.calendar.next_or_same(book.opened_on)
    confirmed = max(steps.days_with(connection, book, "confirm"), default=None)
    if confirmed is not None:
        day = max(day, confirmed)
    following = book.confirmation_date(day)
    begun = steps.chunks(connection, book, following, "confirm")
    return following if begun else day


def on(connection: sa.Connection, book: Fund, day: date) -> Link | None:
    """Return the version that holds on a trade date or calendar day; None where it is worked without files."""
    c = link.c
    query = sa.select(link).where(c.fund == book.code, c.valid_from <= day).order_by(c.valid_from.desc())
    row = connection.execute(query.limit(1)).one_or_none()
    return None if row is None else link_of(row)


def require(connection: sa.Connection, book: Fund, day: date) -> Link:
    """Return the version that holds on a day. Raises: NotLinked."""
    found = on(connection, book, day)
    if found is None:
        raise NotLinked(day)
    return found


def versions(connection: sa.Connection, book: Fund) -> list[Link]:
    """Return all versions, by validity."""
    query = sa.select(link).where(link.c.fund == book.code).order_by(link.c.valid_from)
    return [link_of(row) for row in connection.execute(query)]


def row_of(book: Fund, version: Link) -> dict[str, Any]:
    """Return a version as it is stored, its digest included."""
    facts = (version.distributor, version.transfer_agent, version.tolerance)
    return {
        "fund": book.code,
        "valid_from": version.valid_from,
        "distributor": version.distributor,
        "transfer_agent": version.transfer_agent,
        "tolerance": version.tolerance,
        "digest": digest(book.code, version.valid_from.isoformat(), *facts),
    }


def link_of(row: Any) -> Link:
    """Return a version from its row."""
    return Link(row.valid_from, row.distributor, row.transfer_agent, row.tolerance)
