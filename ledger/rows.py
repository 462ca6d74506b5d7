"""Statements over many rows in one round trip: the rows are given as lists, and answers may come together, as JSON.

SQLAlchemy builds each statement once and knows how its types are written down; its own way through the parameters of
every row is left out, which costs as much as the row itself. SQLite takes rows one by one, and what to read by as JSON;
PostgreSQL takes each column as an array, and all that is written together as one statement.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

Rows = list[list[Any]]
Columns = Mapping[str, TypeEngine[Any]]
Made = TypeVar("Made")

FEW = 4
"""Rows that may stand in a statement one by one: as many as an order has postings."""


class Text:
    """A statement as the driver takes it: compiled once, run as often as asked."""

    def __init__(self, statement: sa.Executable, dialect: Dialect, **options: Any) -> None:
        compiled: Any = statement.compile(dialect=dialect, **options)  # type: ignore[attr-defined]
        self.text, self.fixed = str(compiled), dict(compiled.params)
        self.places: list[str] | None = compiled.positiontup if compiled.positional else None

    def arranged(self, values: Mapping[str, Any]) -> Any:
        """Return named values as the driver takes them."""
        return [{**self.fixed, **values}[name] for name in self.places] if self.places else {**self.fixed, **values}

    def run(self, connection: sa.Connection, values: Mapping[str, Any]) -> sa.CursorResult[Any]:
        """Run it once."""
        given = self.arranged(values)
        return connection.exec_driver_sql(self.text, given if self.places is None else tuple(given))


class Query:
    """A SELECT that reads by `given` rows of named columns; `select` makes it of them, for a dialect."""

    def __init__(self, columns: Columns, select: Callable[[str, sa.FromClause], sa.Select[Any]]) -> None:
        self.columns, self.select = columns, select

    def run(self, connection: sa.Connection, given: Sequence[Sequence[Any]], **values: Any) -> Sequence[Any]:
        """Return the rows of the answer; `values` are its other parameters."""
        text = _for_driver(_asked, connection.dialect, self, _few(given))
        return text.run(connection, values | _values(connection.dialect.name, self.columns, given)).all()


class Statement:
    """An INSERT of rows into columns, or an UPDATE that `change` makes of the named columns of each row.

    An UPDATE may be given each row of its table once only.
    """

    def __init__(
        self,
        statement: sa.Insert | sa.Update,
        columns: Iterable[sa.ColumnElement[Any]],
        change: Callable[[sa.Update, Any], sa.Update] | None = None,
    ) -> None:
        self.statement, self.change = statement, change
        self.types: Columns = {str(column.key): column.type for column in columns}

    def alone(self) -> sa.Insert | sa.Update:
        """Return it over the parameters of one row."""
        if isinstance(self.statement, sa.Insert):
            return self.statement
        assert self.change is not None
        row = {name: sa.bindparam(name, type_=type_) for name, type_ in self.types.items()}
        return self.change(self.statement, SimpleNamespace(**row))

    def over(self, rows: sa.FromClause) -> sa.Insert | sa.Update:
        """Return it as one statement over all of `rows`."""
        if isinstance(self.statement, sa.Insert):
            return sa.insert(self.statement.table).from_select(list(self.types), sa.select(*rows.c))
        assert self.change is not None
        return self.change(self.statement, rows.c)


def write(connection: sa.Connection, *work: tuple[Statement, Rows]) -> list[int]:
    """Run statements for their rows, and return how many rows of its table each wrote; no row is written twice.

    The rows are used up: their values are converted in place.
    """
    if connection.dialect.name == "sqlite":
        return [_one_by_one(connection, statement, rows) if rows else 0 for statement, rows in work]
    asked = [(statement, rows) for statement, rows in work if rows]
    if not asked:
        return [0] * len(work)
    shapes = [(statement, _few(rows)) for statement, rows in asked]
    text = _for_driver(_written_together, connection.dialect, *shapes)
    values: dict[str, Any] = {}
    for number, (statement, rows) in enumerate(asked):
        _convert(statement, rows, connection.dialect)
        values |= _values("postgresql", statement.types, rows, f"w{number}")
    written = iter(text.run(connection, values).one())
    return [next(written) if rows else 0 for _, rows in work]


def packed(dialect: str, select: sa.Select[Any]) -> sa.ColumnElement[Any]:
    """Return all rows of a SELECT as one value: a text of JSON, a list of lists."""
    rows = select.subquery()
    if dialect == "sqlite":
        return sa.select(sa.func.json_group_array(sa.func.json_array(*rows.c))).scalar_subquery()
    lists = sa.func.coalesce(sa.func.json_agg(sa.func.json_build_array(*rows.c)), sa.literal_column("'[]'::json"))
    return sa.select(sa.cast(lists, sa.Text)).scalar_subquery()


def as_hex(dialect: str, column: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    """Return bytes as hexadecimal text, as JSON needs them."""
    return sa.func.hex(column) if dialect == "sqlite" else sa.func.encode(column, sa.literal_column("'hex'"))


def _listed(dialect: str, columns: Columns, count: int | None, name: str = "given") -> sa.FromClause:
    """Return given rows as a table; `count` of them, or as many as there are.

    A few stand in the statement: with lists PostgreSQL expects more rows than one and plans anew each time.
    """
    if count is not None:
        rows = [
            sa.select(*[sa.bindparam(f"{name}_{n}_{c}", type_=type_).label(c) for c, type_ in columns.items()])
            for n in range(count)
        ]
        return sa.union_all(*rows).subquery(name) if count > 1 else rows[0].subquery(name)
    if dialect == "sqlite":
        row = sa.func.json_each(sa.bindparam(name, type_=sa.Text)).table_valued("value").c.value
        cells = [
            sa.func.json_extract(row, sa.literal_column(f"'$[{n}]'"), type_=type_).label(column)
            for n, (column, type_) in enumerate(columns.items())
        ]
        return sa.select(*cells).subquery(name)
    lists = [sa.bindparam(f"{name}_{column}", type_=ARRAY(type_)) for column, type_ in columns.items()]
    shape = [sa.column(column, type_) for column, type_ in columns.items()]
    return sa.func.unnest(*lists).table_valued(*shape, name=name).render_derived()


def _few(given: Sequence[Any]) -> int | None:
    """Return how many rows there are, if they are few."""
    return len(given) if 0 < len(given) <= FEW else None


def _values(dialect: str, columns: Columns, given: Sequence[Sequence[Any]], name: str = "given") -> dict[str, Any]:
    """Return the parameters of given rows."""
    if _few(given):
        return {f"{name}_{n}_{c}": value for n, row in enumerate(given) for c, value in zip(columns, row, strict=True)}
    if dialect == "sqlite":
        return {name: json.dumps(given)}
    return {
        f"{name}_{c}": list(column)
        for c, column in zip(columns, zip(*given, strict=True) if given else [()] * len(columns), strict=True)
    }


def _one_by_one(connection: sa.Connection, statement: Statement, rows: Rows) -> int:
    _convert(statement, rows, connection.dialect)
    text = _for_driver(_written_alone, connection.dialect, statement)
    assert text.places is not None
    if text.places == list(statement.types):
        given: list[Any] = [tuple(row) for row in rows]
    else:
        given = [tuple(text.arranged(dict(zip(statement.types, row, strict=True)))) for row in rows]
    return connection.exec_driver_sql(text.text, given if len(given) > 1 else given[0]).rowcount


def _convert(statement: Statement, rows: Rows, dialect: Dialect) -> None:
    for place, convert in _for_driver(_converters, dialect, statement):
        known: dict[Any, Any] = {None: None}  # rows written together mostly share their dates
        for row in rows:
            if (value := row[place]) not in known:
                known[value] = convert(value)
            row[place] = known[value]


_KNOWN: dict[tuple[Any, ...], Any] = {}


def _for_driver(make: Callable[..., Made], dialect: Dialect, *of: Any) -> Made:
    """Return what `make` makes of a dialect and `of`; made once for all engines of a driver."""
    key = (make, dialect.name, dialect.driver, *of)
    if (known := _KNOWN.get(key)) is None:
        known = _KNOWN[key] = make(dialect, *of)
    made: Made = known
    return made


def _asked(dialect: Dialect, query: Query, count: int | None) -> Text:
    return Text(query.select(dialect.name, _listed(dialect.name, query.columns, count)), dialect)


def _converters(dialect: Dialect, statement: Statement) -> list[tuple[int, Callable[[Any], Any]]]:
    """Return what converts which place of a row before a driver takes it."""
    processors = [type_.dialect_impl(dialect).bind_processor(dialect) for type_ in statement.types.values()]
    return [(place, convert) for place, convert in enumerate(processors) if convert is not None]


def _written_alone(dialect: Dialect, statement: Statement) -> Text:
    columns = {"column_keys": list(statement.types)} if isinstance(statement.statement, sa.Insert) else {}
    return Text(statement.alone(), dialect, **columns)


def _written_together(dialect: Dialect, *shapes: tuple[Statement, int | None]) -> Text:
    """Return one statement that runs several, each over rows of its own, and says how many rows each wrote."""
    done = [
        statement.over(_listed(dialect.name, statement.types, count, f"w{number}"))
        .returning(sa.literal_column("1").label("row"))
        .cte(f"done{number}")
        for number, (statement, count) in enumerate(shapes)
    ]
    return Text(sa.select(*[sa.select(sa.func.count()).select_from(d).scalar_subquery() for d in done]), dialect)
