"""A fund's book: created once, loaded for every use. The only writer of `fund` and `fund_terms`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

import calendars
from calendars import TradingCalendar
from ledger import balances, gates
from ledger.database import require_transaction
from ledger.model import HOUSE, digest
from ledger.schema import account, metadata
from wallet import limits
from wallet.changes import ChangedTerms
from wallet.errors import BeforeOpening, BookExists, FundwalletError, InvalidRequest, NoBook, SchemaMismatch
from wallet.rules.fund import SAMPLE_FUND, SAMPLE_TERMS, Fund, Terms
from wallet.rules.spending import OrderOfUse
from wallet.schema import VERSION, create_all, fund, fund_terms, fundwallet_version

GATES = {"sqlite": 1, "postgresql": 16}
"""Gates and facility slots of a book; SQLite has one writer, so one is enough."""


SCHEMA_LOCK = 0x66756E6477616C
"""Key of the advisory lock under which tables are made on PostgreSQL."""


class TermsBegun(FundwalletError):
    """Terms are changed for days to come: orders of the others were judged already."""

    code = "terms_begun"

    def __init__(self, valid_from: date, begun: date) -> None:
        self.valid_from, self.begun = valid_from, begun
        super().__init__(f"terms valid from {valid_from} come too late: {begun} has begun")


class TermsExist(FundwalletError):
    """Other terms are valid from that day: a version stays as it is."""

    code = "terms_exist"

    def __init__(self, valid_from: date) -> None:
        self.valid_from = valid_from
        super().__init__(f"other terms are valid from {valid_from} already and stay as they are: say another day")


def create(
    connection: sa.Connection,
    opened_on: date,
    code: str = SAMPLE_FUND,
    terms: Sequence[Terms] = SAMPLE_TERMS,
    calendar: TradingCalendar | None = None,
    *,
    beside: bool = False,
) -> Fund:
    """Create the tables and the book of a fund in an empty database, or `beside` the tables of a host.

    Our own tables may be there already, of this version and empty, as the script for a database's owner makes them.
    Shape: `terms` in order of validity, the first valid on the opening day.
    Raises: NoTransaction, InvalidRequest (no terms, or not in order), OutsideCalendar, BeforeOpening, SchemaMismatch,
    BookExists.
    """
    require_transaction(connection)
    versions = tuple(terms)
    valid_from = [version.valid_from for version in versions]
    if not valid_from or valid_from != sorted(set(valid_from)):
        raise InvalidRequest("terms", "a fund needs versions of its terms in order of validity")
    if code != SAMPLE_FUND and versions is SAMPLE_TERMS:
        raise InvalidRequest("fund", f"the terms of {code} are not known, only those of {SAMPLE_FUND}")
    book = Fund(code, opened_on, versions, calendar or calendars.load())
    book.known(opened_on)
    if opened_on < versions[0].valid_from:
        raise BeforeOpening(opened_on, versions[0].valid_from)
    lock_schema(connection)
    if not _holds_empty_tables(connection):
        existing = set(sa.inspect(connection).get_table_names())
        if taken := existing & set(metadata.tables) if beside else existing:
            raise BookExists(f"the table {min(taken)}")
        create_all(connection)
    connection.execute(
        sa.insert(account),
        [
            {
                "account_id": a.id,
                "code": a.code,
                "unit": a.unit,
                "normal_side": str(a.normal_side),
                "per_holder": int(a.per_holder),
            }
            for a in book.chart
        ],
    )
    connection.execute(sa.insert(fund).values(code=code, opened_on=opened_on, market=book.calendar.market))
    connection.execute(sa.insert(fund_terms), [terms_row(code, version) for version in versions])
    count = GATES[connection.dialect.name]
    gates.create(connection, code, count, opened_on - timedelta(1))
    limits.create(connection, code, limits.FACILITY, range(count))
    balances.create_holders(connection, code, [HOUSE], count, [book.chart["shortfall"]])
    return book


def load(connection: sa.Connection, calendar: TradingCalendar | None = None) -> Fund:
    """Return the book of the database, with its terms; the caller may keep it until terms are added.

    Raises: NoBook, SchemaMismatch.
    """
    version = version_of(connection)
    row = _book_of(connection, version) if version is not None else None
    if row is None:
        raise NoBook
    return Fund(row.code, row.opened_on, _versions(connection, row.code), calendar or calendars.load(row.market))


def change_terms(connection: sa.Connection, book: Fund, change: ChangedTerms, at: datetime) -> bool:
    """Add terms for a day that has not begun, and tell whether they are new; what is not said stays as it was.

    Versions that follow stay as they are. Nobody's `book` changes: it is to be loaded again.
    Raises: NoTransaction, OutsideCalendar, TermsExist, TermsBegun.
    """
    require_transaction(connection)
    connection.execute(sa.select(fund.c.code).where(fund.c.code == book.code).with_for_update(key_share=True)).all()
    day, versions = book.known(change.valid_from), _versions(connection, book.code)
    before = next((version for version in reversed(versions) if version.valid_from <= day), versions[0])
    wanted = replace(before, **change.changed())
    if wanted in versions:
        return False
    if any(version.valid_from == day for version in versions):
        raise TermsExist(day)
    closed, _ = gates.read(connection, book.code)
    begun = max(closed, book.calendar.local_date(at), balances.last_date(connection, book.code) or closed)
    if day <= begun:
        raise TermsBegun(day, begun)
    connection.execute(sa.insert(fund_terms), terms_row(book.code, wanted))
    return True


def version_of(connection: sa.Connection) -> str | None:
    """Return the schema version of a database; None when it holds no tables of ours."""
    if not sa.inspect(connection).has_table(fundwallet_version.name):
        return None
    return ", ".join(connection.execute(sa.select(fundwallet_version.c.version_num)).scalars()) or "none"


def lock_schema(connection: sa.Connection) -> None:
    """Let nobody else create or upgrade tables until the caller's transaction ends. Raises: NoTransaction."""
    require_transaction(connection)
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(SCHEMA_LOCK)))


def _book_of(connection: sa.Connection, version: str) -> sa.Row[Any] | None:
    if version != VERSION:
        raise SchemaMismatch(version, VERSION)
    return connection.execute(sa.select(fund)).one_or_none()


def _versions(connection: sa.Connection, code: str) -> tuple[Terms, ...]:
    rows = connection.execute(sa.select(fund_terms).where(fund_terms.c.fund == code).order_by(fund_terms.c.valid_from))
    return tuple(terms_of(row) for row in rows)


def _holds_empty_tables(connection: sa.Connection) -> bool:
    version = version_of(connection)
    if version is None:
        return False
    if (row := _book_of(connection, version)) is not None:
        raise BookExists(f"the book of {row.code}")
    return True


def terms_row(code: str, terms: Terms) -> dict[str, Any]:
    """Return one version of the terms as it is stored, its digest included."""
    row: dict[str, Any] = {
        "fund": code,
        "valid_from": terms.valid_from,
        "minimum": terms.minimum,
        "holding_cap": terms.holding_cap,
        "transfer_in_daily": terms.transfer_in_daily,
        "quota_daily": terms.quota_daily,
        "instant_daily": terms.instant_daily,
        "facility": terms.facility,
        "order_of_use": str(terms.order_of_use),
        "suspended": json.dumps([[first.isoformat(), last.isoformat()] for first, last in terms.suspended]),
    }
    content = [v.isoformat() if isinstance(v, date) else v for v in row.values()]
    four_eyes = " ".join(terms.four_eyes)
    return row | {"four_eyes": four_eyes, "digest": digest(*content, *terms.four_eyes)}


def terms_of(row: sa.Row[Any]) -> Terms:
    """Return one version of the terms from its row."""
    suspended = tuple((date.fromisoformat(a), date.fromisoformat(b)) for a, b in json.loads(row.suspended))
    return Terms(
        row.valid_from,
        row.minimum,
        row.holding_cap,
        row.transfer_in_daily,
        row.quota_daily,
        row.instant_daily,
        row.facility,
        OrderOfUse(row.order_of_use),
        suspended,
        tuple(row.four_eyes.split()),
    )
