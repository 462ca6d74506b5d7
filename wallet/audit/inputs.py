"""The inputs of a book copied into an empty database: what everything else is derived from, and nothing else.

Columns that are derived are left empty where a table has inputs too; tables that are derived are left without rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from ledger.schema import journal_entry, metadata, posting
from wallet.audit.agent_income import corrections
from wallet.audit.provenance import PROVENANCE, Input
from wallet.audit.sources import Audit
from wallet.outside.schema import agent_income, agent_shares, answer
from wallet.progress import Progress
from wallet.schema import announcement, create_all, customer_order, day_chunk, day_step

BLOCK = 20_000

DATED: dict[sa.Table, str] = {
    journal_entry: "value_date",
    announcement: "day",
    day_step: "day",
    day_chunk: "day",
    answer: "confirmation_date",
    agent_shares: "day",
    agent_income: "day",
}
"""What of a table belongs to which day."""


def copy(audit: Audit, empty: sa.Connection, progress: Progress) -> None:
    """Create the tables in an empty database and copy the inputs, through the audit's day if it has one."""
    create_all(empty)
    tables = [t for t in metadata.sorted_tables if given(t) and not (audit.through and t is customer_order)]
    for number, table in enumerate(tables, 1):
        names = given(table)
        query = sa.select(*(table.c[name] for name in names)).where(*_within(audit, table))
        left = {c.name: _empty(c) for c in table.c if c.name not in names and not c.nullable}
        with audit.stored.execute(query, execution_options={"yield_per": BLOCK}) as rows:
            for block in rows.partitions():
                empty.execute(sa.insert(table), [dict(zip(names, row, strict=True)) | left for row in block])
        progress("inputs", number, len(tables))


def given(table: sa.Table) -> Sequence[str]:
    """Return the columns of a table that are inputs."""
    return [name for name, source in PROVENANCE[table.name].items() if isinstance(source, Input)]


def _within(audit: Audit, table: sa.Table) -> list[sa.ColumnElement[bool]]:
    """Return the condition that a row belongs to the days that are looked at."""
    if audit.through is None:
        return []
    if table is posting:
        e, p = journal_entry.c, posting.c
        later = sa.select(e.entry_id).where(e.value_date > audit.through)
        return [p.entry_id.not_in(later)]
    conditions = [table.c[DATED[table]] <= audit.through] if table in DATED else []
    if table is announcement:
        known = corrections(audit.stored, audit.book)
        unknown = [key for key, on in known.items() if on > audit.through]
        conditions += [sa.not_(sa.and_(table.c.day == day, table.c.version == version)) for day, version in unknown]
    return conditions


def _empty(column: sa.Column[Any]) -> object:
    return "" if isinstance(column.type, sa.Text) else 0
