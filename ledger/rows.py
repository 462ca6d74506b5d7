"""Statements run for many rows: lists in the order of named parameters, bound once for a statement and not once a row.

SQLAlchemy builds the statement and knows how its types are written down; only its own way through each row's parameters
is left out, which costs as much as the row itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

Convert = Callable[[Any], Any]
Bound = tuple[str, list[tuple[int, Convert]], Callable[[list[Any]], Any]]


class Statement:
    """An INSERT or UPDATE and the parameters that its rows give, in their order: columns, or bindparams with a type."""

    def __init__(self, statement: sa.Insert | sa.Update, parameters: Iterable[sa.ColumnElement[Any]]) -> None:
        self.statement = statement
        self.types = {getattr(p, "key", None) or str(p): p.type for p in parameters}
        self._bound: dict[tuple[str, str], Bound] = {}

    def run(self, connection: sa.Connection, rows: list[list[Any]]) -> int:
        """Run it for each row and return how many rows of the table were written; without rows nothing is asked.

        The rows are used up: their values are converted in place.
        """
        if not rows:
            return 0
        text, converters, arrange = self._bind(connection.dialect)
        for place, convert in converters:
            known: dict[Any, Any] = {None: None}  # rows written together mostly share their dates
            for row in rows:
                if (value := row[place]) not in known:
                    known[value] = convert(value)
                row[place] = known[value]
        given = [arrange(row) for row in rows]
        return connection.exec_driver_sql(text, given if len(given) > 1 else given[0]).rowcount

    def _bind(self, dialect: Dialect) -> Bound:
        """Return the statement as a driver takes it: its text, what converts which place, how a row is arranged."""
        if (known := self._bound.get((dialect.name, dialect.driver))) is not None:
            return known
        names = list(self.types)
        of_insert: dict[str, Any] = {"column_keys": names} if isinstance(self.statement, sa.Insert) else {}
        compiled: Any = self.statement.compile(dialect=dialect, **of_insert)
        converters: list[tuple[int, Convert]] = [
            (place, convert)
            for place, type_ in enumerate(self.types.values())
            if (convert := type_.dialect_impl(dialect).bind_processor(dialect)) is not None
        ]
        fixed = {name: value for name, value in compiled.params.items() if name not in self.types}

        def by_name(values: list[Any]) -> dict[str, Any]:
            return dict(zip(names, values, strict=True)) | fixed

        def by_place(values: list[Any]) -> tuple[Any, ...]:
            said = by_name(values)
            return tuple([said[name] for name in compiled.positiontup])

        in_order: Callable[[list[Any]], Any] = tuple if compiled.positiontup == names else by_place
        arrange: Callable[[list[Any]], Any] = in_order if compiled.positional else by_name
        self._bound[dialect.name, dialect.driver] = bound = (str(compiled), converters, arrange)
        return bound
