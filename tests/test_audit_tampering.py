"""Behind the code's back: every column of every table is changed, rows are taken away and added, and it is found.

What is derived is declared in `wallet.audit.provenance`; so is what finds a changed input. A column that is missing
there fails here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, MultipleResultsFound

from ledger.schema import metadata
from tests.busy_book import Audit, audited
from tests.desk import Desk
from wallet import facade
from wallet.audit.provenance import FLEETING, PROVENANCE, QUOTAS, SEALS, Derived
from wallet.errors import FundwalletError
from wallet.facade import Check
from wallet.outside.schema import OUTSIDE

TABLES = metadata.tables
LINKED = {table.name for table in OUTSIDE}
"""Tables that only a book has which works with files."""

ELSEWHERE = {"day_operator", "trail", "proposal", "decision", "seal"}
"""Tables that replay cannot judge, nor any check but the seals."""

REFUSED = Check("the book", False, 1, "cannot be loaded")
"""A row so wrong that no command works any more."""

APART = {
    "account": ["account_id"],
    "holder": ["holder_id"],
    "balance": ["holder_id"],
    "account_total": ["value_date"],
    "book_gate": ["gate"],
    "fundwallet_version": ["version_num"],
    "customer_order": ["holder_id", "entry_id"],
    "advance": ["holder_id", "payment", "source"],
    "limit_slot": ["name"],
    "distribution": ["day"],
    "day_step": ["day", "step"],
    "day_chunk": ["day", "step", "number"],
}
"""What of a derived row must stand in the place of a finding; an account is told by its code."""

JUDGED = [
    TABLES[table].c[column]
    for table, columns in PROVENANCE.items()
    for column, source in columns.items()
    if isinstance(source, Derived) or source.found_by not in (SEALS, FLEETING)
]


@pytest.fixture
def desk_of(busy_desk: Desk, linked_desk: Desk) -> Callable[[str], Desk]:
    """Give the book whose rows of a table are falsified."""
    return lambda table: linked_desk if table in LINKED else busy_desk


def test_every_column_of_every_table_is_an_input_or_derived() -> None:
    declared = {(table, column) for table, columns in PROVENANCE.items() for column in columns}
    there = {(table.name, column.name) for table in TABLES.values() for column in table.c}
    assert declared == there


def test_what_finds_a_change_is_a_check_of_the_verification(busy_desk: Desk) -> None:
    with facade.reading(busy_desk.engine) as connection:
        names = {check.name for check in facade.verify(connection, busy_desk.book)}
    sources = [source for columns in PROVENANCE.values() for source in columns.values()]
    said = {source.check if isinstance(source, Derived) else source.found_by for source in sources}
    assert said - {SEALS, FLEETING} <= names
    tables = {table for table, columns in PROVENANCE.items() if all_by_seals(columns.values())}
    assert tables == ELSEWHERE


def all_by_seals(sources: Any) -> bool:
    return all(not isinstance(source, Derived) and source.found_by in (SEALS, FLEETING) for source in sources)


@pytest.mark.parametrize("column", JUDGED, ids=str)
def test_a_changed_cell_is_found(desk_of: Callable[[str], Desk], column: sa.Column[Any]) -> None:
    desk = desk_of(column.table.name)
    if desk.engine.dialect.name == "postgresql" and JUDGED.index(column) % 3:
        pytest.skip("one in three: the slow lane changes every cell on both engines")
    number = 3 if desk.engine.dialect.name == "sqlite" else 1
    check_changes(desk, column, spread(desk.rows(column.table), number))


@pytest.mark.slow
@pytest.mark.parametrize("column", JUDGED, ids=str)
def test_a_changed_cell_is_found_in_every_row(desk_of: Callable[[str], Desk], column: sa.Column[Any]) -> None:
    desk = desk_of(column.table.name)
    check_changes(desk, column, desk.rows(column.table))


@pytest.mark.parametrize("column", JUDGED, ids=str)
def test_a_replay_finds_a_changed_cell_too(desk_of: Callable[[str], Desk], column: sa.Column[Any]) -> None:
    desk = desk_of(column.table.name)
    if desk.engine.dialect.name == "postgresql" and JUDGED.index(column) % 8:
        pytest.skip("one in eight: from the copied inputs on, a replay is the same whatever it read them from")
    check_changes(desk, column, desk.rows(column.table)[-1:], facade.replay)


def check_changes(
    desk: Desk, column: sa.Column[Any], rows: Sequence[sa.Row[Any]], audit: Audit = facade.verify
) -> None:
    """Change a cell of each row; its check finds it and names the row, or the table itself refuses."""
    table, source = column.table, PROVENANCE[column.table.name][column.name]
    assert rows, f"the book has something in {table}"
    by: set[str] = set()
    for row in rows:
        for value in others(column, row._mapping[column.name]):
            try:
                failed = found(desk, sa.update(table).where(*this(table, row)).values({column.name: value}), audit)
            except IntegrityError:
                continue
            assert failed, f"{column} of {tuple(row)}: {value}"
            if isinstance(source, Derived) and failed != [REFUSED]:
                [check] = [check for check in failed if check.name in checks_of(row, source)]
                assert any(names(table, row, finding.where) for finding in check.findings), (row, check.findings)
            by |= {check.name for check in failed}
            break
        else:
            by.add("the table itself")
    expected = source.check if isinstance(source, Derived) else source.found_by
    if len(rows) > 1 and by != {"the table itself"}:
        assert expected in by or REFUSED.name in by, by


@pytest.mark.parametrize("name", [name for name in PROVENANCE if name not in ELSEWHERE])
def test_a_row_too_few_or_too_many_is_found(desk_of: Callable[[str], Desk], name: str) -> None:
    desk = desk_of(name)
    number = 3 if desk.engine.dialect.name == "sqlite" else 1
    for row in spread(desk.rows(TABLES[name]), number):
        check_rows(desk, TABLES[name], row)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in PROVENANCE if name not in ELSEWHERE])
def test_any_row_too_few_or_too_many_is_found(desk_of: Callable[[str], Desk], name: str) -> None:
    for row in desk_of(name).rows(TABLES[name]):
        check_rows(desk_of(name), TABLES[name], row)


@pytest.mark.parametrize("name", [name for name in PROVENANCE if name not in ELSEWHERE])
def test_a_replay_finds_a_row_too_few_or_too_many(desk_of: Callable[[str], Desk], name: str) -> None:
    check_rows(desk_of(name), TABLES[name], desk_of(name).rows(TABLES[name])[0], facade.replay)


def check_rows(desk: Desk, table: sa.Table, row: sa.Row[Any], audit: Audit = facade.verify) -> None:
    """Delete a row, and insert it again under other keys."""
    if not is_last_of_its_step(desk, table, row):
        assert found(desk, sa.delete(table).where(*this(table, row)), audit), f"{table} without {tuple(row)}"
    for statement in again(table, row):
        try:
            assert found(desk, statement, audit), f"{table}: {statement} of {tuple(row)}"
        except IntegrityError:
            continue


def checks_of(row: sa.Row[Any], source: Derived) -> set[str]:
    """Return the check that derives a row: a limit is the facility or a quota."""
    return {QUOTAS if str(row._mapping.get("name")).startswith("quota") else source.check}


def is_last_of_its_step(desk: Desk, table: sa.Table, row: sa.Row[Any]) -> bool:
    """Tell whether a row says that a step is done, of the last day it is said of: before that it was not there."""
    if table.name != "day_step":
        return False
    return bool(max(each.day for each in desk.rows(table, table.c.step == row.step)) == row.day)


def again(table: sa.Table, row: sa.Row[Any]) -> Iterator[sa.Executable]:
    """Yield statements that insert a row again, under another value of each column of its key."""
    unique = {"request_id", "reference", "code"} & {c.name for c in table.c if not c.primary_key}
    other = {name: f"{row._mapping[name]} again" for name in unique}
    for key in table.primary_key.columns:
        yield sa.insert(table).values(dict(row._mapping) | other | {key.name: others(key, row._mapping[key.name])[-1]})


def found(desk: Desk, statement: sa.Executable, audit: Audit) -> list[Check]:
    """Return the checks that find a statement; a book that no command can load any more is found as well."""
    try:
        return audited(desk, statement, audit=audit)
    except (FundwalletError, ValueError, MultipleResultsFound):
        return [REFUSED]


def others(column: sa.Column[Any], value: Any) -> list[Any]:
    """Return other values of a column, one of which its table should take; the last is far from all there are."""
    match value:
        case None:
            kind = column.type.python_type
            return [kind(2013, 9, 17) if kind is date else "other" if kind is str else 1]
        case bool() | int():
            return [value + 1, value - 1, value + 1_000]
        case datetime():
            return [value + timedelta(seconds=1)]
        case date():
            return [value + timedelta(1), value - timedelta(1), value + timedelta(300)]
        case str():
            return [f"{value} again"]
    return [b"other"]


def this(table: sa.Table, row: sa.Row[Any]) -> list[sa.ColumnElement[bool]]:
    return [key == row._mapping[key.name] for key in table.primary_key.columns]


def names(table: sa.Table, row: sa.Row[Any], place: str) -> bool:
    """Tell whether what tells a row apart from others stands in the place of a finding."""
    told = [row._mapping[key] for key in APART[table.name]]
    return all(re.search(rf"\b{re.escape(str(value))}\b", place) for value in told)


def spread(rows: Sequence[Any], number: int) -> Sequence[Any]:
    """Return so many rows, spread over all of them."""
    return rows if len(rows) <= number else [rows[n * len(rows) // number] for n in range(number)]
