"""Transactions for those who don't keep their own: begun, committed, and begun anew where the database asks for it.

Only what the database itself rolled back whole and may do the next time is tried again: a serialization failure, a
deadlock, SQLite's busy. A connection lost at the commit is none of these, since nobody knows what became of it: the
caller asks again with the same request id.
"""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from ledger.journal import noting

Result = TypeVar("Result")

ATTEMPTS = 5
FIRST_PAUSE = 0.02
"""Seconds; each further pause is up to twice as long, and any share of that, so that two do not meet again."""

SQLSTATES = {"40001", "40P01"}
BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def transact(engine: sa.Engine, work: Callable[[sa.Connection], Result]) -> Result:
    """Do `work` in a transaction of its own and return what it returns, once that is committed.

    `work` may be called several times, each time after everything it did was rolled back. On SQLite each attempt waits
    as long as the engine's busy timeout lets it.
    """
    for number in range(1, ATTEMPTS + 1):
        try:
            with noting(), engine.begin() as connection:
                return work(connection)
        except DBAPIError as error:
            if number == ATTEMPTS or not may_pass(error):
                raise
        time.sleep(random.uniform(0, FIRST_PAUSE * 2**number))
    raise AssertionError("the last attempt returns or raises")


def may_pass(error: DBAPIError) -> bool:
    """Tell whether the database rolled everything back and may let it pass the next time."""
    if isinstance(error.orig, sqlite3.Error):
        return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in BUSY
    return getattr(error.orig, "sqlstate", None) in SQLSTATES
