"""The ledger's tables, their types, and the guards that keep history unchanged.

One schema for both engines. Every key of a large table contains `holder_id`; `posting` is append-only and
clustered by its key. The guards are database triggers: they also hold against whoever goes around this code.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

Integer = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
Small = sa.SmallInteger().with_variant(sqlite.INTEGER(), "sqlite")
Text = sa.Text()
Bytes = sa.LargeBinary().with_variant(sqlite.BLOB(), "sqlite")


class Day(TypeDecorator[date]):
    """A calendar day: DATE on PostgreSQL, ISO text on SQLite."""

    impl = sa.Date
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(sa.Text() if dialect.name == "sqlite" else sa.Date())

    def process_bind_param(self, value: date | None, dialect: Dialect) -> Any:
        assert value is None or type(value) is date, value
        return value.isoformat() if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> date | None:
        return date.fromisoformat(value) if isinstance(value, str) else value


class Instant(TypeDecorator[datetime]):
    """An instant as UTC microseconds since 1970; naive values are refused, no offset is lost."""

    impl = sa.BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(sqlite.INTEGER() if dialect.name == "sqlite" else sa.BigInteger())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        if value is None:
            return None
        assert value.tzinfo is not None, f"an instant needs a zone: {value}"
        return datetime.__sub__(value, EPOCH) // MICROSECOND  # pendulum's own makes something else of it

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else EPOCH + timedelta(microseconds=value)


metadata = sa.MetaData()
entry_ids = sa.Sequence("journal_entry_id", metadata=metadata)
"""Numbers of entries on PostgreSQL; SQLite counts under its write lock."""


def table(name: str, *columns: sa.Column[Any] | sa.Constraint | sa.Index, clustered: bool = False) -> sa.Table:
    """Return a table of strict types; `clustered` ones are kept in the order of their key on SQLite."""
    return sa.Table(name, metadata, *columns, sqlite_strict=True, sqlite_with_rowid=not clustered)


def key(name: str, type_: Any, **options: Any) -> sa.Column[Any]:
    """Return a column of the primary key, never numbered by the database."""
    return sa.Column(name, type_, primary_key=True, autoincrement=False, **options)


def column(name: str, type_: Any, *, null: bool = False, **options: Any) -> sa.Column[Any]:
    """Return a column that holds a value unless `null` is said."""
    return sa.Column(name, type_, nullable=null, **options)


account = table(
    "account",
    key("account_id", Small),
    column("code", Text, unique=True),
    column("unit", Text),
    column("normal_side", Text),
    column("per_holder", Small),
)
holder = table("holder", key("holder_id", Integer), column("book", Text), column("gate", Small))
journal_entry = table(
    "journal_entry",
    key("entry_id", Integer),
    key("holder_id", Integer),
    column("book", Text),
    column("kind", Text),
    column("value_date", Day),
    column("booked_at", Instant),
    column("request_id", Text),
    column("digest", Bytes),
    column("reverses", Integer, null=True),
    column("memo", Text, null=True),
    column("first_holder", Integer, null=True),
    column("last_holder", Integer, null=True),
    sa.UniqueConstraint("holder_id", "request_id", name="journal_entry_request"),
    sa.UniqueConstraint("holder_id", "reverses", name="journal_entry_reverses"),
    sa.Index("journal_entry_dated", "book", "value_date", "holder_id"),
    clustered=True,
)
posting = table(
    "posting",
    key("entry_id", Integer),
    key("holder_id", Integer),
    key("line", Small),
    column("debit", Small),
    column("credit", Small),
    column("amount", Integer),
    sa.CheckConstraint("amount > 0", name="posting_amount"),
    sa.CheckConstraint("debit <> credit", name="posting_sides"),
    clustered=True,
)
balance = table(
    "balance",
    key("holder_id", Integer),
    key("account_id", Small),
    column("amount", Integer),
    sa.CheckConstraint("amount >= 0", name="balance_amount"),
    clustered=True,
)
_ROOM: Any = sa.DDL  # whose signature SQLAlchemy 2.0 leaves untyped
sa.event.listen(
    balance, "after_create", _ROOM("ALTER TABLE balance SET (fillfactor = 80)").execute_if(dialect="postgresql")
)
"""A page keeps room for the one balance in five that a day's income moves, so no index has to follow."""
account_total = table(
    "account_total",
    key("book", Text),
    key("value_date", Day),
    key("account_id", Small),
    column("debits", Integer),
    column("credits", Integer),
    clustered=True,
)
book_gate = table(
    "book_gate", key("book", Text), key("gate", Small), column("closed_through", Day), column("cut_through", Day)
)

IN_BULK = journal_entry.c.first_holder.is_not(None)
sa.Index(
    "journal_entry_spans",
    journal_entry.c.book,
    journal_entry.c.value_date,
    journal_entry.c.first_holder,
    journal_entry.c.last_holder,
    sqlite_where=IN_BULK,
    postgresql_where=IN_BULK,
)
"""Which bulk entries of a day hold a holder is read from the index alone: a day has one for every chunk."""

APPEND_ONLY = (journal_entry, posting)


def guards(dialect: str, tables: tuple[sa.Table, ...] = APPEND_ONLY) -> list[str]:
    """Return the statements that make tables append-only.

    SQLite's INSERT OR REPLACE fires no delete trigger unless the connection asks for it, so an insert over an
    existing key is refused by a trigger of its own; PostgreSQL needs one against TRUNCATE.
    """
    statements: list[str] = []
    if dialect == "sqlite":
        for t in tables:
            keys = [k for k in t.constraints if isinstance(k, sa.PrimaryKeyConstraint | sa.UniqueConstraint)]
            same = " OR ".join(
                "(" + " AND ".join(f"old.{c.name} = NEW.{c.name}" for c in k.columns) + ")"
                for k in sorted(keys, key=lambda k: str(k.name))
            )
            refuse = f"BEGIN SELECT RAISE(ABORT, '{t.name} is append-only'); END"
            statements += [
                f"CREATE TRIGGER {t.name}_no_update BEFORE UPDATE ON {t.name} {refuse}",
                f"CREATE TRIGGER {t.name}_no_delete BEFORE DELETE ON {t.name} {refuse}",
                f"CREATE TRIGGER {t.name}_no_replace BEFORE INSERT ON {t.name} "
                f"WHEN EXISTS (SELECT 1 FROM {t.name} AS old WHERE {same}) {refuse}",
            ]
        return statements
    statements.append(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END$$"
    )
    statements += [
        f"CREATE TRIGGER {t.name}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {t.name} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        for t in tables
    ]
    return statements
