"""A desk in front of a real book: the tests' shorthand for commands at an instant of 2013 in Shanghai.

Nothing is faked: every call is the product's own, in a transaction of its own, on a real database. The desk is a
careless host: what a refused call has written, if anything, it commits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from ledger.database import READING
from ledger.schema import journal_entry, metadata, posting
from wallet import facade
from wallet.day import DayStatus
from wallet.facade import Check, Fund, FundwalletError, Receipt
from wallet.figures import Figure
from wallet.requests import Order
from wallet.rules.fund import SAMPLE_TERMS, Terms
from wallet.schema import wallet as wallets

Result = TypeVar("Result")
Row = tuple[Any, ...]

ENTRY_NUMBERS = {"entry_id", "reverses", "payment", "source", "redeemed_by", "confirmed_by"}
"""Columns that hold the number of a journal entry; 0 and null mean none."""

OF_NUMBERS = {"root", "previous", "head"}
"""Columns that digest the numbers of journal entries, too."""

OPERATIONS: dict[type[Order], Callable[..., Receipt]] = {
    facade.TransferIn: facade.transfer_in,
    facade.Payment: facade.pay,
    facade.Refund: facade.refund,
    facade.TransferOut: facade.transfer_out,
}

SHANGHAI = ZoneInfo("Asia/Shanghai")
OPENED_ON = date(2013, 9, 16)
LATE = datetime(2027, 1, 1, tzinfo=SHANGHAI)


def at(text: str) -> datetime:
    """Return an instant in Shanghai from "MM-DD HH:MM[:SS]" of 2013, or with the year written out."""
    return datetime.fromisoformat(text if text[4:5] == "-" else f"2013-{text}").replace(tzinfo=SHANGHAI)


def day(text: str) -> date:
    """Return a date from "MM-DD" of 2013, or with the year written out."""
    return date.fromisoformat(text if text[4:5] == "-" else f"2013-{text}")


def free_terms(valid_from: str = "09-16", **changed: Any) -> Terms:
    """Return terms without any limit but those said."""
    free = Terms(day(valid_from), 1, None, None, None, None, facility=10**13)
    return replace(free, **changed)


class Interrupted(Exception):
    """The machine stops here."""


@dataclass
class Desk:
    """One book with an engine; requests are numbered r1, r2 … unless a request id is given."""

    engine: sa.Engine
    book: Fund
    made: int = field(default=0)

    @classmethod
    def open(
        cls, url: str, opened_on: date = OPENED_ON, terms: Sequence[Terms] = SAMPLE_TERMS, wallets: Sequence[str] = ()
    ) -> Desk:
        """Create a book in an empty database and open wallets at the start of its first day."""
        engine = facade.connect(url)
        with engine.begin() as connection:
            book = facade.create(connection, opened_on, terms=terms)
        desk = cls(engine, book)
        for wallet in wallets:
            desk.open_wallet(wallet)
        return desk

    @classmethod
    def at(cls, url: str) -> Desk:
        """Return the desk of a book that is there."""
        engine = facade.connect(url)
        with facade.reading(engine) as connection:
            return cls(engine, facade.load(connection))

    def ask(self, operation: Callable[..., Result], *arguments: Any, **options: Any) -> Result:
        """Call an operation of the product in a transaction of its own, committed also when it is refused."""
        with self.engine.begin() as connection:
            try:
                return operation(connection, self.book, *arguments, **options)
            except FundwalletError as error:
                refused = error
        raise refused

    @contextmanager
    def refuses(self, code: str) -> Iterator[None]:
        """Expect a refusal by its code, one that leaves every row of every table as it was."""
        before = self.dump()
        with pytest.raises(FundwalletError) as refused:
            yield
        assert refused.value.code == code, refused.value
        assert self.dump() == before, f"{code} has left something behind"

    def open_wallet(self, wallet: str) -> int:
        """Open a wallet at 00:00 of the book's first day."""
        begin = datetime.combine(self.book.opened_on, datetime.min.time(), SHANGHAI)
        return self.ask(facade.open_wallet, facade.Opening(wallet=wallet, at=begin))

    def transfer_in(self, wallet: str, amount: int, when: str, request_id: str | None = None) -> Receipt:
        """Transfer in `amount` fen."""
        request = facade.TransferIn(wallet=wallet, amount=amount, request_id=self._id(request_id), at=at(when))
        return self.ask(facade.transfer_in, request)

    def pay(
        self,
        wallet: str,
        amount: int,
        when: str,
        request_id: str | None = None,
        merchant: str = "shop",
        order_of_use: str | None = None,
    ) -> Receipt:
        """Pay `amount` fen to a merchant."""
        request = facade.Payment(
            wallet=wallet,
            amount=amount,
            merchant=merchant,
            request_id=self._id(request_id),
            at=at(when),
            order_of_use=order_of_use,  # type: ignore[arg-type]
        )
        return self.ask(facade.pay, request)

    def refund(self, wallet: str, payment: str, amount: int, when: str, request_id: str | None = None) -> Receipt:
        """Refund `amount` fen of a payment."""
        request = facade.Refund(
            wallet=wallet, payment=payment, amount=amount, request_id=self._id(request_id), at=at(when)
        )
        return self.ask(facade.refund, request)

    def transfer_out(
        self,
        wallet: str,
        amount: int,
        kind: str,
        when: str,
        request_id: str | None = None,
        order_of_use: str | None = None,
    ) -> Receipt:
        """Transfer out `amount` fen, "instant" or "standard"."""
        request = facade.TransferOut(
            wallet=wallet,
            amount=amount,
            kind=kind,  # type: ignore[arg-type]
            request_id=self._id(request_id),
            at=at(when),
            order_of_use=order_of_use,  # type: ignore[arg-type]
        )
        return self.ask(facade.transfer_out, request)

    def announce(
        self, text: str, income_per_10k: int, control_total: int | None = None, *, replace: bool = False
    ) -> int:
        """Announce a day's income per 10,000 shares, in 1e-4 yuan."""
        figure = Figure(day(text), income_per_10k, None, control_total)
        return self.ask(facade.announce, [figure], replace=replace)

    def publish(self, first: str, last: str, income_per_10k: int = 1_2000) -> None:
        """Announce the same income for every day from `first` to `last`."""
        days = (day(first) + timedelta(n) for n in range((day(last) - day(first)).days + 1))
        self.ask(facade.announce, [Figure(each, income_per_10k) for each in days])

    def record_outcome(self, wallet: str, request_id: str, confirmed: int) -> None:
        """Record what the transfer agent confirmed of an application."""
        self.ask(facade.record_outcome, wallet, request_id, confirmed)

    def run(self, through: str, when: datetime = LATE, **options: Any) -> DayStatus:
        """Run the days through a date, with everything due at `when` (default: all of it)."""
        return facade.run_day(self.engine, self.book, day(through), when, **options)

    def run_until_commit(self, number: int, through: str, when: datetime = LATE, **options: Any) -> bool:
        """Run the days, but fail just before so manieth a commit; tell whether it came to that."""
        commits = count(1)

        def fail(connection: sa.Connection) -> None:
            if not connection.get_execution_options().get(READING) and next(commits) == number:
                raise Interrupted

        sa.event.listen(self.engine, "commit", fail)
        try:
            self.run(through, when, **options)
        except Interrupted:
            return True
        finally:
            sa.event.remove(self.engine, "commit", fail)
        return False

    def holding(self, wallet: str, on: str | None = None) -> dict[str, int]:
        """Return what a wallet holds by account, and its shortfall."""
        with facade.reading(self.engine) as connection:
            view = facade.show_wallet(connection, self.book, wallet, day(on) if on else None)
        held = view.holding
        return {
            "shares": held.shares,
            "redeeming": held.redeeming,
            "in_transit": held.in_transit,
            "customer_payable": held.customer_payable,
            "shortfall": view.shortfall,
        }

    def house(self, on: str | None = None) -> dict[str, int]:
        """Return the balances of all accounts that are not zero, control accounts included."""
        with facade.reading(self.engine) as connection:
            trial = facade.trial_balance(connection, self.book, day(on) if on else None)
        return {account.code: balance for rows in trial.units.values() for account, _, balance in rows if balance}

    def verify(self) -> list[Check]:
        """Verify the whole book and return the checks that failed."""
        with facade.reading(self.engine) as connection:
            return [check for check in facade.verify(connection, self.book) if not check.ok]

    def postings(self, of: str, on: str | None = None) -> list[tuple[str, str, str, int]]:
        """Return (debit, credit, holder, amount) of a request's entry or of the entries of a kind, as booked."""
        e, p = journal_entry.c, posting.c
        query = (
            sa.select(p.debit, p.credit, p.holder_id, p.amount)
            .join(journal_entry, e.entry_id == p.entry_id)
            .where(sa.or_(e.request_id == of, e.kind == of))
            .order_by(p.entry_id, p.holder_id, p.line)
        )
        code = {account.id: account.code for account in self.book.chart}
        with facade.reading(self.engine) as connection:
            names = {row.holder_id: row.reference for row in connection.execute(sa.select(wallets))} | {0: "house"}
            rows = connection.execute(query if on is None else query.where(e.value_date == day(on))).all()
        return [(code[row.debit], code[row.credit], names[row.holder_id], row.amount) for row in rows]

    def rows(self, table: sa.Table, *where: sa.ColumnElement[bool]) -> Sequence[sa.Row[Any]]:
        """Return rows of a table in the order of its key."""
        with facade.reading(self.engine) as connection:
            return _rows(connection, table, *where)

    def dump(self) -> dict[str, list[Row]]:
        """Return every row of every table; entries are numbered anew, without the gaps of what was rolled back."""
        with facade.reading(self.engine) as connection:
            read = {table: _rows(connection, table) for table in metadata.tables.values()}
        number = {row.entry_id: place for place, row in enumerate(read[journal_entry], 1)}
        return {table.name: [_renumbered(row, table, number) for row in rows] for table, rows in read.items()}

    def _id(self, request_id: str | None) -> str:
        self.made += 1
        return request_id or f"r{self.made}"


def _rows(connection: sa.Connection, table: sa.Table, *where: sa.ColumnElement[bool]) -> Sequence[sa.Row[Any]]:
    return connection.execute(sa.select(table).where(*where).order_by(*table.primary_key.columns)).all()


def _renumbered(row: sa.Row[Any], table: sa.Table, number: dict[int, int]) -> Row:
    cells = zip(table.c, row, strict=True)
    kept = ((column.name, cell) for column, cell in cells if column.name not in OF_NUMBERS)
    return tuple(number.get(cell, cell) if name in ENTRY_NUMBERS else cell for name, cell in kept)
