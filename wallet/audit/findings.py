"""What an audit finds: what differs, where, what is stored there and what was derived."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

KEPT = 1_000
"""Findings of one check that are kept; the rest are counted."""

TOLD = 5
"""Findings that the detail of a check names."""

NOTHING, ROW = "nothing", "a row"
"""Where no row is, or should be, and where one is, or should be."""

Cells = tuple[Any, ...]
Place = Callable[[Cells], str]


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference. Units: `stored` and `derived` as the table holds them, so amounts are minor units."""

    what: str
    where: str
    stored: Any
    derived: Any

    def __str__(self) -> str:
        return f"{self.what} of {self.where}: stored {self.stored}, derived {self.derived}"


@dataclass(frozen=True, slots=True)
class Check:
    """One check's outcome: how many things were looked at, and where something is wrong."""

    name: str
    ok: bool
    checked: int
    detail: str
    findings: tuple[Finding, ...] = ()


@dataclass(slots=True)
class Findings:
    """What one check looked at and what it found wrong; the first are kept, all are counted."""

    name: str
    checked: int = 0
    wrong: int = 0
    kept: list[Finding] = field(default_factory=list)

    def expect(self, what: str, where: str, stored: Any, derived: Any) -> None:
        """Look at one thing."""
        self.checked += 1
        if stored != derived:
            self.add(what, where, stored, derived)

    def add(self, what: str, where: str, stored: Any, derived: Any) -> None:
        """Write down one difference of something that is counted already."""
        self.wrong += 1
        if len(self.kept) < KEPT:
            self.kept.append(Finding(what, where, stored, derived))

    def compare(
        self,
        table: str,
        columns: Sequence[str],
        keys: int,
        stored: Iterable[Cells],
        derived: Iterable[Cells],
        at: Place,
    ) -> None:
        """Compare rows of a table, both sides ascending by their first `keys` columns; `at` names a row."""
        left, right = iter(stored), iter(derived)
        told, right_row = next(left, None), next(right, None)
        while told is not None or right_row is not None:
            self.checked += 1
            if told == right_row:
                told, right_row = next(left, None), next(right, None)
            elif right_row is None or (told is not None and told[:keys] < right_row[:keys]):
                assert told is not None
                self.add(table, at(told), ROW, NOTHING)
                told = next(left, None)
            elif told is None or told[:keys] > right_row[:keys]:
                self.add(table, at(right_row), NOTHING, ROW)
                right_row = next(right, None)
            else:
                for name, cell, right_cell in zip(columns, told, right_row, strict=True):
                    if cell != right_cell:
                        self.add(f"{table}.{name}", at(told), cell, right_cell)
                told, right_row = next(left, None), next(right, None)

    def outcome(self) -> Check:
        """Return the check's outcome."""
        more = self.wrong - min(TOLD, len(self.kept))
        detail = "; ".join(str(finding) for finding in self.kept[:TOLD]) + (f"; and {more} more" if more > 0 else "")
        return Check(self.name, self.wrong == 0, self.checked, detail, tuple(self.kept))
