"""A book opened for audit: read-only, one snapshot, nothing trusted but rows.

The SQL is written out and no table, type or query of the product is used, so that a mistake there cannot hide here.
Only the engine is the product's (`ledger.database`): how a connection is made says nothing about a fen.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import sqlalchemy as sa

from ledger import database
from wallet.audit.model import ACCOUNTS, Calendar, Changes, Movement, Refused, Terms

VERSION = "0004"
"""The schema version whose tables this module reads."""

PORTION = 10_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_MOVEMENTS = """
    SELECT e.entry_id, e.kind, e.value_date, p.holder_id, p.debit, p.credit, p.amount
    FROM journal_entry e JOIN posting p ON p.entry_id = e.entry_id"""


class Unusable(Exception):
    """A database that cannot be audited, and why, in one line."""


class Turnover(NamedTuple):
    """What was moved on a day between two accounts by one kind of entry. Units: `amount`, `least` in minor units."""

    value_date: date
    kind: str
    debit: int
    credit: int
    amount: int
    least: int


class Order(NamedTuple):
    """An order as it is stored, with what its entry says."""

    entry: int
    holder: int
    kind: str
    at: datetime
    amount: int
    remaining: int
    passed: int
    payment: int | None
    refunded: int
    trade_date: date | None
    status: str
    outcome: int | None
    confirmed: int | None
    confirmed_by: int | None
    value_date: date | None
    booked_at: datetime | None
    entry_kind: str | None


class Answer(NamedTuple):
    """What the transfer agent said of an application on one day; `final` is 0 where the rest is carried over."""

    application: int
    day: date
    confirmed: int
    final: int


_ORDERS = """
    SELECT o.entry_id AS entry, o.holder_id AS holder, o.kind, o.at, o.amount, o.remaining,
        o.passed_to_advancer AS passed, o.payment, o.refunded, o.trade_date, o.status, o.outcome, o.confirmed,
        o.confirmed_by, e.value_date, e.booked_at, e.kind AS entry_kind
    FROM customer_order o LEFT JOIN journal_entry e ON e.entry_id = o.entry_id AND e.holder_id = o.holder_id"""


@dataclass(frozen=True)
class Book:
    """A fund's book as rows: `rows` asks anything in SQL, the rest is what every check needs."""

    connection: sa.Connection = field(repr=False)
    code: str
    opened_on: date
    calendar: Calendar = field(repr=False)

    def rows(self, sql: str, **parameters: Any) -> Iterator[Any]:
        """Yield the rows of a query, in portions; a date is asked for as `day(…)` and comes as `day_of(…)` reads it."""
        chosen = {name: self.day(value) if isinstance(value, date) else value for name, value in parameters.items()}
        yield from self.connection.execute(sa.text(sql), chosen, execution_options={"yield_per": PORTION})

    def day(self, value: date) -> Any:
        """Return a date as the database keeps it: SQLite as text."""
        return value.isoformat() if self.connection.dialect.name == "sqlite" else value

    @cached_property
    def accounts(self) -> dict[int, str]:
        """The codes of accounts by number."""
        return {row.account_id: row.code for row in self.rows("SELECT account_id, code FROM account")}

    @cached_property
    def number(self) -> dict[str, int]:
        """The numbers of accounts by code."""
        return {code: number for number, code in self.accounts.items()}

    @cached_property
    def terms(self) -> list[Terms]:
        """The versions of the terms, in order of validity."""
        asked = """SELECT valid_from, minimum, holding_cap, transfer_in_daily, quota_daily, instant_daily, facility,
            order_of_use, suspended FROM fund_terms ORDER BY valid_from"""
        found = []
        for row in self.rows(asked):
            spans = tuple((date.fromisoformat(a), date.fromisoformat(b)) for a, b in json.loads(row.suspended))
            cells: dict[str, Any] = row._asdict() | {"valid_from": day_of(row.valid_from), "suspended": spans}
            found.append(Terms(**cells))
        return found

    @cached_property
    def published(self) -> dict[date, dict[int, tuple[int, int | None]]]:
        """By day every version that was announced: income per 10,000 and control total."""
        found: defaultdict[date, dict[int, tuple[int, int | None]]] = defaultdict(dict)
        for row in self.rows("SELECT day, version, income_per_10k, control_total FROM announcement ORDER BY version"):
            found[day_of(row.day)][row.version] = row.income_per_10k, row.control_total
        return found

    @cached_property
    def corrections(self) -> dict[date, list[tuple[date, int]]]:
        """By day that earned, when its income was corrected and by which version, versions ascending."""
        found: defaultdict[date, list[tuple[date, int]]] = defaultdict(list)
        for row in self.rows("SELECT request_id, value_date FROM journal_entry WHERE kind = 'income_corrected'"):
            day, version = row.request_id.split()[-2:]
            found[date.fromisoformat(day)].append((day_of(row.value_date), int(version.removeprefix("v"))))
        return {day: sorted(told, key=lambda each: each[1]) for day, told in found.items()}

    @cached_property
    def figures(self) -> dict[date, tuple[int, int, int | None]]:
        """By day the (version, income per 10,000, control total) that is handed out: the last before a correction."""
        found = {}
        for day, versions in self.published.items():
            first = min((version for _, version in self.corrections.get(day, ())), default=None)
            if kept := [version for version in versions if first is None or version < first]:
                found[day] = kept[-1], *versions[kept[-1]]
        return found

    @cached_property
    def linked(self) -> date | None:
        """The first trade date that is answered in files."""
        first: date | None = day_of(next(self.rows("SELECT MIN(valid_from) AS day FROM link")).day)
        return first

    def in_files(self, trade_date: date) -> bool:
        """Tell whether a trade date is answered in files."""
        return self.linked is not None and trade_date >= self.linked

    def records(self, day: date) -> dict[int, int] | None:
        """Return the transfer agent's record of a day's income by holder; None if there is none."""
        if next(self.rows("SELECT 1 FROM outside_file WHERE kind = '06' AND day = :day", day=day), None) is None:
            return None
        rows = self.rows("SELECT holder_id, income FROM agent_income WHERE day = :day", day=day)
        return {row.holder_id: row.income for row in rows}

    @cached_property
    def steps(self) -> dict[str, list[date]]:
        """By step the days for which it is written down, ascending."""
        found: defaultdict[str, list[date]] = defaultdict(list)
        for row in self.rows("SELECT step, day FROM day_step ORDER BY step, day"):
            found[row.step].append(day_of(row.day))
        return found

    @cached_property
    def turnover(self) -> list[Turnover]:
        """All postings added up by day, kind and pair of accounts, days ascending."""
        asked = """
            SELECT e.value_date, e.kind, p.debit, p.credit, SUM(p.amount), MIN(p.amount)
            FROM journal_entry e JOIN posting p ON p.entry_id = e.entry_id
            GROUP BY e.value_date, e.kind, p.debit, p.credit ORDER BY e.value_date"""
        return [Turnover(day_of(day), kind, *map(int, rest)) for day, kind, *rest in self.rows(asked)]

    def control(self) -> Iterator[tuple[date, dict[str, int]]]:
        """Yield for each day with postings the balance of every account as of its end, by code."""
        balance = dict.fromkeys(ACCOUNTS, 0)
        last = None
        for moved in self.turnover:
            if last not in (None, moved.value_date):
                yield last, dict(balance)
            last = moved.value_date
            for number, side in ((moved.debit, 1), (moved.credit, -1)):
                code = self.accounts.get(number, "")
                balance[code] = balance.get(code, 0) + side * ACCOUNTS.get(code, ("", 1))[1] * moved.amount
        if last is not None:
            yield last, dict(balance)

    @cached_property
    def last_holder(self) -> int:
        """The highest number of a holder."""
        return int(next(self.rows("SELECT MAX(holder_id) AS last FROM holder")).last)

    @cached_property
    def last_day(self) -> date:
        """The last day with a posting, or the opening day."""
        return max(self.turnover[-1].value_date, self.opened_on) if self.turnover else self.opened_on

    def orders(self, where: str = "", **parameters: Any) -> Iterator[Order]:
        """Yield orders, all or those of a condition on `o` (the order) and `e` (its entry)."""
        for row in self.rows(f"{_ORDERS} {where}", **parameters):
            cells = row._asdict() | {name: day_of(getattr(row, name)) for name in ("trade_date", "value_date")}
            yield Order(**cells | {name: instant_of(getattr(row, name)) for name in ("at", "booked_at")})

    def order(self, entry: int) -> Order | None:
        """Return the order that an entry booked, or None."""
        hers = "(SELECT MAX(holder_id) FROM journal_entry WHERE entry_id = :entry)"
        return next(self.orders(f"WHERE o.entry_id = :entry AND o.holder_id = {hers}", entry=entry), None)

    @cached_property
    def breaks(self) -> dict[str, list[tuple[date, date]]]:
        """By subject of a break of shares: since when it is open, and the day that resolved it, or the last of all."""
        asked = """SELECT b.subject, b.since, (SELECT MIN(e.day) FROM break_event e
            WHERE e."break" = b.number AND e.state = 'resolved') AS resolved
            FROM recon_break b WHERE b.kind = 'shares'"""
        found: defaultdict[str, list[tuple[date, date]]] = defaultdict(list)
        for row in self.rows(asked):
            found[row.subject].append((day_of(row.since), day_of(row.resolved) or date.max))
        return found

    def register(self, day: date) -> dict[int, int] | None:
        """Return the transfer agent's register as of the end of a day, by holder; None if there is no file of it."""
        asked = "SELECT 1 FROM outside_file WHERE kind = '05' AND day = :day"
        if not self.in_files(day) or next(self.rows(asked, day=day), None) is None:
            return None
        rows = self.rows("SELECT holder_id, total FROM agent_shares WHERE day = :day AND kind = '05'", day=day)
        return {row.holder_id: row.total for row in rows}

    @cached_property
    def subjects(self) -> dict[int, str]:
        """How breaks call the holders."""
        rows = self.rows("SELECT holder_id, reference FROM wallet")
        return {0: "advancer"} | {row.holder_id: f"wallet {row.reference}" for row in rows}

    def answers(self, holder: int) -> dict[int, list[Answer]]:
        """Return what was answered to a holder's orders, by order, days ascending."""
        found: defaultdict[int, list[Answer]] = defaultdict(list)
        asked = """SELECT application, confirmation_date, confirmed, final FROM answer
            WHERE holder_id = :holder AND business_code IN ('122', '124') ORDER BY confirmation_date"""
        for row in self.rows(asked, holder=holder):
            told = Answer(row.application, day_of(row.confirmation_date), row.confirmed, row.final)
            found[row.application].append(told)
        return found

    def movements(self, holder: int) -> list[Movement]:
        """Return every posting of one holder in the order of booking, bulk entries that span her included."""
        own = f"{_MOVEMENTS} AND p.holder_id = :holder WHERE e.holder_id = :holder"
        bulk = f"{_MOVEMENTS} AND p.holder_id = :holder WHERE e.holder_id = 0 AND e.first_holder <= :holder"
        asked = f"{own} UNION ALL {bulk} AND e.last_holder >= :holder" if holder else own
        found = [
            Movement(
                row.entry_id,
                row.kind,
                day_of(row.value_date),
                row.holder_id,
                self.accounts[row.debit],
                self.accounts[row.credit],
                row.amount,
            )
            for row in self.rows(asked, holder=holder)
        ]
        return sorted(found, key=lambda movement: movement.entry)

    def changes(self, holder: int) -> Changes:
        """Return what all postings of one holder do to her balances."""
        return Changes(self.movements(holder))


def day_of(value: Any) -> Any:
    """Return a date as read from either engine; None stays None."""
    return date.fromisoformat(value) if isinstance(value, str) else value


def instant_of(value: int | None) -> datetime | None:
    """Return the instant of whole microseconds since 1970, UTC."""
    return None if value is None else EPOCH + timedelta(microseconds=value)


def open_book(stack: ExitStack, url: str | sa.URL, calendars: Sequence[Path] = ()) -> Book:
    """Open the book at `url` for reading only, in one snapshot that lasts as long as the stack.

    SQLite opens the file read-only, PostgreSQL a transaction that is READ ONLY and REPEATABLE READ.
    Raises: Unusable.
    """
    try:
        engine = database.connect(_read_only(sa.make_url(url)))
        stack.callback(engine.dispose)
        connection = stack.enter_context(database.reading(engine))
        known = sa.inspect(connection).has_table("fundwallet_version")
        version = connection.exec_driver_sql("SELECT version_num FROM fundwallet_version").scalar() if known else None
        if version is None:
            raise Unusable("the database holds no book")
        if version != VERSION:
            raise Unusable(f"the database is of schema version {version}, these checks read {VERSION}")
        fund = connection.exec_driver_sql("SELECT code, opened_on, market FROM fund").one_or_none()
    except (sa.exc.SQLAlchemyError, ImportError, ValueError) as error:
        reason = str(getattr(error, "orig", None) or error).strip()
        raise Unusable(f"the database cannot be read: {reason.splitlines()[0]}") from error
    if fund is None:
        raise Unusable("the database holds no book")
    return Book(connection, fund.code, day_of(fund.opened_on), _calendar(fund.market, calendars))


def _read_only(url: sa.URL) -> sa.URL:
    """Return the address under which SQLite opens a file for reading only, without making one."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return url
    file = url.database
    if not file.startswith("file:"):
        file = f"file:{quote(Path(file).absolute().as_posix())}"
    return url.set(database=file, query=dict(url.query) | {"mode": "ro", "uri": "true"})


def _calendar(market: str, extra: Sequence[Path]) -> Calendar:
    """Return the trading days that the packaged data and the auditor's files name. Raises: Unusable."""
    packaged = Path(str(files("calendars") / f"{market}.toml"))
    try:
        return Calendar.read(packaged, *extra)
    except (OSError, ValueError, LookupError, TypeError, Refused) as error:
        raise Unusable(f"the calendar of {market} cannot be read: {error}") from error
