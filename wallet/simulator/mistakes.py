"""Wrong figures, planted one at a time: each is what one break of a reconciliation should be about, and nothing else.

A wrong balance or clearing is in the file only. Wrong income is what the transfer agent credits as well. The bank
books a wrong amount for good; a line it left out comes with its next statement.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from random import Random

from wallet.simulator.bank import Line, yuan
from wallet.simulator.night import Night

LEAST_INCOME, MOST = 2, 1_000
"""Fen, hundredths: income is wrong by two fen at least, which no way of handing out the rest explains."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """What was planted: the kind, whose figure (a holder, a business code, a reference), right and wrong as text.

    An unexpected line has no right amount, one that is left out no wrong one.
    """

    day: str
    what: str
    whose: str
    right: str | None
    wrong: str | None


Found = tuple[str, int | None, int | None]


def plant(night: Night, rng: Random, spared: Collection[str] = ()) -> Mistake | None:
    """Make one figure of the night wrong; None where there is none that can be.

    `spared`: whose figures were wrong the day before, so that one break does not become two.
    """
    for what, make in rng.sample(KINDS, len(KINDS)):
        if found := make(night, rng, spared):
            whose, right, wrong = found
            return Mistake(str(night.day), what, whose, *(None if n is None else yuan(n) for n in (right, wrong)))
    return None


def _balance(night: Night, rng: Random, spared: Collection[str]) -> Found | None:
    holders = sorted(holder for holder in night.balances if str(holder) not in spared)
    if not holders:
        return None
    holder = rng.choice(holders)
    right = night.balances[holder]
    night.balances[holder] = _other(right, 1, rng)
    return str(holder), right, night.balances[holder]


def _income(night: Night, rng: Random, spared: Collection[str]) -> Found | None:
    holders = sorted(holder for holder in night.income if str(holder) not in spared)
    if not holders:
        return None
    holder = rng.choice(holders)
    right = night.income[holder]
    night.income[holder] = _other(right, LEAST_INCOME, rng)
    return str(holder), right, night.income[holder]


def _clearing(night: Night, rng: Random, spared: Collection[str]) -> Found | None:
    if not night.clearing:
        return None
    code = rng.choice(sorted(night.clearing))
    right = night.clearing[code]
    night.clearing[code] = _other(right, 1, rng)
    return code, right, night.clearing[code]


def _amount(night: Night, rng: Random, spared: Collection[str]) -> Found | None:
    if not night.lines:
        return None
    place = rng.randrange(len(night.lines))
    line = night.lines[place]
    night.lines[place] = replace(line, amount=_other(line.amount, 1, rng))
    return line.reference, line.amount, night.lines[place].amount


def _unexpected(night: Night, rng: Random, spared: Collection[str]) -> Found | None:
    if night.lines is None:
        return None
    known = {line.amount for line in night.lines}
    amount = rng.choice([n for n in range(1, 2 * MOST + len(known)) if not {n, -n} & known]) * rng.choice((1, -1))
    line = Line(night.day, amount, f"UNKNOWN-{night.day:%Y%m%d}", "", "nobody expects it")
    night.lines.insert(rng.randint(0, len(night.lines)), line)
    return line.reference, None, amount


def _left_out(night: Night, rng: Random, spared: Collection[str]) -> Found | None:
    if not night.lines:
        return None
    line = night.lines.pop(rng.randrange(len(night.lines)))
    night.left_out.append(line)
    return line.reference, line.amount, None


def _other(right: int, least: int, rng: Random) -> int:
    """Return an amount that differs by at least `least`, and has not the other sign."""
    difference = rng.randint(least, MOST)
    is_more = abs(right) <= difference or rng.random() < 0.5
    return right + difference * (1 if is_more else -1) * (-1 if right < 0 else 1)


KINDS: list[tuple[str, Callable[[Night, Random, Collection[str]], Found | None]]] = [
    ("shares", _balance),
    ("income", _income),
    ("clearing", _clearing),
    ("bank amount", _amount),
    ("bank unexpected", _unexpected),
    ("bank left out", _left_out),
]
