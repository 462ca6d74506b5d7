"""What an audit reads and writes: the inputs, the stored rows they are compared with, the book made anew.

Checks derive from `inputs` alone and look at `stored` only to compare. For `verify` both are the audited database;
for a replay `inputs` is an empty database into which nothing but the inputs was copied.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Any

import sqlalchemy as sa

from ledger.expressions import plain_rows
from wallet.audit.findings import Cells, Findings, Place
from wallet.audit.provenance import PROVENANCE, Input
from wallet.rules.fund import Fund

BLOCK = 20_000
"""Rows of one INSERT or UPDATE of what was derived."""


@dataclass(frozen=True, slots=True)
class Audit:
    """One audit at work; `through` is the last day that is looked at, None for everything there is.

    `gates`: how many gates the audited book has. `rebuilt`: where derived rows are written, if anywhere.
    """

    book: Fund
    stored: sa.Connection
    inputs: sa.Connection
    gates: int
    through: date | None = None
    rebuilt: sa.Connection | None = None

    def within(self, day: sa.ColumnElement[date]) -> sa.ColumnElement[bool]:
        """Return the condition that a row is of a day that is looked at."""
        return sa.true() if self.through is None else day <= self.through

    def rows(self, table: sa.Table, columns: Sequence[str], *where: sa.ColumnElement[bool]) -> Iterator[Cells]:
        """Yield the stored rows of a table in the order of its key."""
        query = sa.select(*(table.c[name] for name in columns)).where(*where).order_by(*table.primary_key.columns)
        return plain_rows(self.stored, query)

    def compare(
        self,
        findings: Findings,
        table: sa.Table,
        derived: Iterable[Cells],
        at: Place,
        *where: sa.ColumnElement[bool],
        columns: Sequence[str] = (),
    ) -> None:
        """Compare stored rows with derived ones in the order of their key, and keep the derived ones."""
        names = columns or table.c.keys()
        stored = self.rows(table, names, *where)
        findings.compare(
            table.name, names, len(table.primary_key.columns), stored, self.kept(table, names, derived), at
        )

    def kept(self, table: sa.Table, columns: Sequence[str], derived: Iterable[Cells]) -> Iterable[Cells]:
        """Yield derived rows, writing them into the book made anew if there is one."""
        return derived if self.rebuilt is None else self._written(self.rebuilt, table, columns, iter(derived))

    def _written(
        self, rebuilt: sa.Connection, table: sa.Table, columns: Sequence[str], derived: Iterator[Cells]
    ) -> Iterator[Cells]:
        """Insert rows that are derived as a whole; where their inputs are there already, add what was derived."""
        statement: Any = sa.insert(table)
        if any(isinstance(source, Input) for source in PROVENANCE[table.name].values()):
            keys = [key.name for key in table.primary_key.columns]
            same = [table.c[name] == sa.bindparam(f"key_{name}") for name in keys]
            own: dict[str, Any] = {name: sa.bindparam(name) for name in columns if name not in keys}
            statement = sa.update(table).where(*same).values(own)
            columns = [f"key_{name}" if name in keys else name for name in columns]
        while block := list(islice(derived, BLOCK)):
            attempt = rebuilt.begin_nested()
            try:
                rebuilt.execute(statement, [dict(zip(columns, row, strict=True)) for row in block])
                attempt.commit()
            except sa.exc.IntegrityError:  # nothing that is stored can be like this, so the comparison will tell
                attempt.rollback()
            yield from block
