"""Journals for the programs of plain-text accounting: beancount, hledger, ledger.

They share the shape of a transaction; what differs stands in a dialect each: declarations, metadata, assertions. What
the programs do beyond their manuals was measured with beancount 3.2, hledger 1.25 and ledger 3.3.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta, tzinfo
from typing import BinaryIO
from urllib.parse import quote

from wallet.exports.events import CONTROL, Begin, Booking, Event, Facts, Move, Place, Standing, Used
from wallet.exports.names import OPENING, account_name, commodity
from wallet.rules.amounts import show_amount
from wallet.rules.fund import Fund

LONGEST_TEXT = 400
"""Letters of a text that are kept: ledger reads lines of 4,096 bytes, and one letter may take nine."""

Line = tuple[str, int, str]
"""An account's name, an amount positive on the debit side, and its unit."""

Tags = Sequence[tuple[str, int | str]]


class Dialect(ABC):
    """What one program wants said in its own way. Every text returned ends its line."""

    quote_commodities = True

    def commodity(self, unit: str) -> str:
        """Return the commodity of a unit; with a digit in it, hledger and ledger want it in quotes."""
        name = commodity(unit)
        return f'"{name}"' if self.quote_commodities and name != unit else name

    def amount(self, amount: int, unit: str) -> str:
        """Return an amount with its commodity."""
        return f"{show_amount(amount)} {self.commodity(unit)}"

    def posting(self, line: Line) -> str:
        """Return a line of a transaction."""
        name, amount, unit = line
        return f"    {name}  {self.amount(amount, unit)}\n"

    @abstractmethod
    def commodities(self, day: date, units: Iterable[str]) -> Iterator[str]:
        """Yield what declares the commodities, and the tags if need be."""

    @abstractmethod
    def account(self, day: date, name: str, units: Iterable[str], wallet: str | None = None) -> str:
        """Return what declares an account that is first used on `day`."""

    @abstractmethod
    def heading(self, day: date, text: str, tags: Tags) -> str:
        """Return the heading of a transaction."""

    @abstractmethod
    def assertions(self, day: date, lines: Iterable[Line], *, whole: bool) -> str:
        """Return what asserts balances as of the end of `day`; `whole` counts the accounts below."""


class Beancount(Dialect):
    """A balance is asserted at the start of a date there, so that of the end of D is dated D+1.

    Unless told otherwise beancount lets a balance be a whole fen off, so each says `~ 0.00`.
    """

    quote_commodities = False

    def commodities(self, day: date, units: Iterable[str]) -> Iterator[str]:
        """Yield the commodities, each with the unit that it stands for."""
        for unit in units:
            yield f"{day} commodity {self.commodity(unit)}\n  unit: {_string(unit)}\n"

    def account(self, day: date, name: str, units: Iterable[str], wallet: str | None = None) -> str:
        """Return an `open`, which allows no other commodity."""
        metadata = f"  wallet: {_string(wallet)}\n" if wallet is not None else ""
        return f"{day} open {name} {','.join(map(self.commodity, units))}\n{metadata}"

    def heading(self, day: date, text: str, tags: Tags) -> str:
        """Return a heading with metadata."""
        metadata = (f"  {key}: {value if isinstance(value, int) else _string(value)}\n" for key, value in tags)
        return f"\n{day} * {_string(text)}\n{''.join(metadata)}"

    def assertions(self, day: date, lines: Iterable[Line], *, whole: bool) -> str:
        """Return a directive each; beancount's always count the accounts below."""
        dated = f"{day + timedelta(1)} balance"
        told = (f"{dated} {name}  {show_amount(n)} ~ 0.00 {self.commodity(unit)}\n" for name, n, unit in lines)
        return "\n" + "".join(told)


class Hledger(Dialect):
    """Balances are asserted by postings of nothing, in the order of the file within a day."""

    def commodities(self, day: date, units: Iterable[str]) -> Iterator[str]:
        """Yield the commodities, which `check --strict` wants declared."""
        for unit in units:
            yield f"commodity {self.amount(1_000_00, unit)}  ; unit: {_plain(unit)}\n"

    def account(self, day: date, name: str, units: Iterable[str], wallet: str | None = None) -> str:
        """Return an account with the wallet's reference as its tag."""
        return f"account {name}" + (f"  ; wallet: {_plain(wallet)}\n" if wallet is not None else "\n")

    def heading(self, day: date, text: str, tags: Tags) -> str:
        """Return a heading with tags."""
        return f"\n{day} * {_plain(text)}\n" + "".join(f"    ; {key}: {_plain(str(value))}\n" for key, value in tags)

    def assertions(self, day: date, lines: Iterable[Line], *, whole: bool) -> str:
        """Return a transaction of postings of 0.00, each with a balance that leaves no other commodity."""
        sign = "==*" if whole else "=="
        told = (f"    {name}  {self.amount(0, unit)} {sign} {self.amount(n, unit)}\n" for name, n, unit in lines)
        return self.heading(day, "balances", ()) + "".join(told)


class Ledger(Hledger):
    """Balances are asserted by expressions: a posting's own assertion does not count the accounts below.

    An account that holds nothing equals 0 there, and 0.00 of no commodity. What an account added up to is kept until
    something is posted below it, to an account that was asked before: so each is asked when it is declared.
    """

    def commodities(self, day: date, units: Iterable[str]) -> Iterator[str]:
        """Yield the commodities and the tags, which `--pedantic` wants declared."""
        for unit in units:
            yield f"commodity {self.commodity(unit)}\n    note unit {_plain(unit)}\n"
            yield f"    format {self.amount(1_000_00, unit)}\n"
        yield from (f"tag {key}\n" for key in ("entry", "request", "booked", "reverses", "memo"))

    def account(self, day: date, name: str, units: Iterable[str], wallet: str | None = None) -> str:
        """Return an account with the wallet's reference as its note."""
        note = f"    note wallet {_plain(wallet)}\n" if wallet is not None else ""
        return f'account {name}\n{note}assert account("{name}").total == 0\n'

    def assertions(self, day: date, lines: Iterable[Line], *, whole: bool) -> str:
        """Return an expression each, evaluated where it stands."""
        told = (
            f'assert account("{name}").total == {f"{{{self.amount(n, unit)}}}" if n else 0}\n'
            for name, n, unit in lines
        )
        return f"\n; balances {day}\n" + "".join(told)


def write_beancount(book: Fund, events: Iterable[Event], stream: BinaryIO) -> None:
    """Write events as a journal that `bean-check` accepts."""
    _write(Beancount(), book, events, stream)


def write_hledger(book: Fund, events: Iterable[Event], stream: BinaryIO) -> None:
    """Write events as a journal that `hledger check --strict` accepts."""
    _write(Hledger(), book, events, stream)


def write_ledger(book: Fund, events: Iterable[Event], stream: BinaryIO) -> None:
    """Write events as a journal that `ledger --pedantic` accepts."""
    _write(Ledger(), book, events, stream)


def _write(dialect: Dialect, book: Fund, events: Iterable[Event], stream: BinaryIO) -> None:
    told: Facts | None = None
    heading = b""
    for event in events:
        match event:
            case Booking(facts, place, moves):
                if facts is not told:
                    told, heading = facts, _heading(dialect, facts, book.calendar.zone).encode()
                stream.write(heading + "".join(map(dialect.posting, _both_sides(place, moves))).encode())
            case Begin(first, last):
                stream.write("".join(_preamble(dialect, book, first, last)).encode())
            case Used(day, account, place):
                name = account_name(account, place)
                stream.write(dialect.account(day, name, [account.unit], place.reference).encode())
            case Standing(day, place, amounts, opening):
                lines = [(account_name(a, place), amount, a.unit) for a, amount in amounts]
                tell = _opening if opening else _assertions
                stream.write(tell(dialect, day, place, lines).encode())


def _preamble(dialect: Dialect, book: Fund, first: date, last: date) -> Iterator[str]:
    """Yield what stands at the top: what this is, and all commodities and accounts but those of wallets."""
    yield f"; The books of fund {_plain(book.code)}, entries dated {first} to {last}.\n"
    yield "; Debits are positive. A share is worth 1.00. A wallet's account is declared with its reference.\n\n"
    units = list(dict.fromkeys(a.unit for a in book.chart))
    before = first - timedelta(1)
    yield from dialect.commodities(before, units)
    yield dialect.account(before, OPENING, units)
    for account in book.chart:
        yield dialect.account(before, account_name(account, Place(CONTROL)), [account.unit])


def _heading(dialect: Dialect, facts: Facts, zone: tzinfo) -> str:
    tags: list[tuple[str, int | str]] = [("entry", facts.entry), ("request", facts.request_id)]
    tags.append(("booked", facts.booked_at.astimezone(zone).isoformat()))
    if facts.reverses is not None:
        tags.append(("reverses", facts.reverses))
    if facts.memo is not None:
        tags.append(("memo", facts.memo))
    return dialect.heading(facts.value_date, facts.kind, tags)


def _both_sides(place: Place, moves: Iterable[Move]) -> Iterator[Line]:
    for move in moves:
        yield account_name(move.debit, place), move.amount, move.debit.unit
        yield account_name(move.credit, place), -move.amount, move.credit.unit


def _opening(dialect: Dialect, day: date, _place: Place, lines: Sequence[Line]) -> str:
    """Return a transaction that brings balances in, against an account that all of them together leave at nothing."""
    sums: dict[str, int] = {}
    for _, amount, unit in lines:
        sums[unit] = sums.get(unit, 0) - amount
    other_side = [(OPENING, amount, unit) for unit, amount in sums.items()]
    brought = [line for line in (*lines, *other_side) if line[1]]
    return dialect.heading(day, "opening balances", ()) + "".join(map(dialect.posting, brought)) if brought else ""


def _assertions(dialect: Dialect, day: date, place: Place, lines: Sequence[Line]) -> str:
    return dialect.assertions(day, lines, whole=place.number == CONTROL)


def _string(text: str) -> str:
    """Return text as a string of beancount's."""
    return json.dumps(text[:LONGEST_TEXT], ensure_ascii=False)


_ENDS = re.compile(r"[%,;\x00-\x1f\x7f-\x9f\u2028\u2029]")


def _plain(text: str) -> str:
    """Return text with what would end it (`,` a tag's value, `;` a description, a new line either) as in a URL: %2C."""
    return _ENDS.sub(lambda m: quote(m[0], safe=""), text[:LONGEST_TEXT])
