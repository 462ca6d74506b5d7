"""The simulator's memory between two days: the register of shares, what is still to come, the bank account.

It is one JSON file beside the exchanged ones, replaced as a whole when a day is played: what is not in it did not
happen, so a day that was interrupted is played again, to the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from os import fsync, getpid
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import TypeAdapter, ValidationError

from wallet.errors import FundwalletError
from wallet.simulator.answers import SUBSCRIPTION, Answer, Application, carried_over
from wallet.simulator.bank import Line

FILE = "register.json"

Document = dict[str, Any]


class BadRegister(FundwalletError):
    """The file with the register is not what the simulator wrote."""

    code = "bad_register"

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"{path} is no register of the simulator")


@dataclass(slots=True)
class Account:
    """The account at the bank: its balance after the statement of `through`, and lines that come with the next."""

    balance: int = 0
    through: date | None = None
    kept: list[Line] = field(default_factory=list)


@dataclass(slots=True)
class Register:
    """Shares by holder in hundredths, after `day`, the last one of those played from `first`; the advancer is holder 0.

    `income` of `day` becomes shares on the next. `arriving` and `leaving` are confirmed for `due`. `held`: batches of
    files that come late, by the day on which they do. `days`: what came of each day played.
    """

    distributor: str
    agent: str
    first: date
    day: date | None = None
    shares: dict[int, int] = field(default_factory=dict)
    income: dict[int, int] = field(default_factory=dict)
    due: date | None = None
    arriving: dict[int, int] = field(default_factory=dict)
    leaving: dict[int, int] = field(default_factory=dict)
    carried: list[Application] = field(default_factory=list)
    account: Account = field(default_factory=Account)
    held: list[tuple[date, list[str]]] = field(default_factory=list)
    days: dict[str, Document] = field(default_factory=dict)

    def begin(self, day: date) -> None:
        """Let the register of the evening before become that of `day`: what is confirmed for it, and the income."""
        if self.due == day:
            for holder, shares in self.leaving.items():
                self._add(holder, -shares)
            for holder, shares in self.arriving.items():
                self._add(holder, shares)
            self.due, self.arriving, self.leaving = None, {}, {}
        for holder, shares in self.income.items():
            self._add(holder, shares)
        self.day = day

    def move(self, transfers: Iterable[Application]) -> None:
        """Carry quick transfers out, whether the shares are there or not: the balances show it."""
        for transfer in transfers:
            self._add(transfer.holder, -transfer.applied)
            self._add(transfer.target, transfer.applied)

    def expect(self, due: date, answers: Sequence[Answer]) -> None:
        """Note what is confirmed for `due`, and what is left to a later day."""
        self.due, self.carried = due, carried_over(answers)
        for answer in answers:
            application = answer.application
            side = self.arriving if application.code == SUBSCRIPTION else self.leaving
            side[application.holder] = side.get(application.holder, 0) + answer.confirmed

    def frozen(self) -> dict[int, int]:
        """Return the shares under redemptions: confirmed for a later day, or carried over."""
        frozen = dict(self.leaving)
        for application in self.carried:
            frozen[application.holder] = frozen.get(application.holder, 0) + application.rest
        return frozen

    def planted(self, day: date) -> set[str]:
        """Return whose figures were made wrong on a day."""
        played = self.days.get(str(day))
        return {mistake["whose"] for mistake in played["planted"]} if played is not None else set()

    def _add(self, holder: int, shares: int) -> None:
        self.shares[holder] = self.shares.get(holder, 0) + shares
        if not self.shares[holder]:
            del self.shares[holder]

    def save(self, directory: Path) -> None:
        """Replace the file. Raises: OSError."""
        with whole(directory / FILE) as stream:
            stream.write(_FORM.dump_json(self))


_FORM = TypeAdapter(Register)


def load(directory: Path) -> Register | None:
    """Read the register of a directory; None before the first day. Raises: BadRegister; OSError."""
    path = directory / FILE
    try:
        return _FORM.validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError:
        raise BadRegister(path) from None


@contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
    """Give a stream for the bytes of a file that is there as a whole, or as it was before. Raises: OSError."""
    part = path.with_name(f"{path.name}.{getpid()}.part")
    try:
        with part.open("wb") as stream:
            yield stream
            stream.flush()
            fsync(stream.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
