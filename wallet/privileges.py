"""What a service's role needs on PostgreSQL, and no more: for it, history is insert-only."""

from __future__ import annotations

from sqlalchemy.dialects import postgresql

from ledger import schema as ledger
from ledger.schema import entry_ids, metadata
from wallet import schema as wallet

READ_ONLY = (ledger.account, wallet.fund_terms, wallet.fundwallet_version)
"""What whoever owns the database makes: chart, terms, version."""

INSERT_ONLY = (
    ledger.journal_entry,
    ledger.posting,
    ledger.account_total,
    wallet.wallet,
    wallet.announcement,
    wallet.distribution,
    wallet.day_step,
)
CHANGED = (
    ledger.balance,
    wallet.customer_order,
    wallet.advance,
    wallet.limit_slot,
    wallet.day_chunk,
    ledger.holder,  # never changed, but locked: PostgreSQL locks rows only for who may update them
)
FIXED_ROWS = (ledger.book_gate, wallet.fund)
"""Changed or locked, but the rows are those that the book was created with."""

RIGHTS = {
    **dict.fromkeys(READ_ONLY, "SELECT"),
    **dict.fromkeys(INSERT_ONLY, "SELECT, INSERT"),
    **dict.fromkeys(CHANGED, "SELECT, INSERT, UPDATE"),
    **dict.fromkeys(FIXED_ROWS, "SELECT, UPDATE"),
    wallet.day_operator: "SELECT, INSERT, DELETE",
}


def grants(role: str, schema: str = "public") -> list[str]:
    """Return the GRANTs for a role that takes orders, announces figures and runs the day.

    It cannot change history, terms or the schema, and deletes nothing but the mark of who runs the day.
    """
    quote = postgresql.dialect().identifier_preparer.quote_identifier  # type: ignore[no-untyped-call]
    to, place = f"TO {quote(role)};", quote(schema)
    tables = [f"GRANT {RIGHTS[table]} ON {place}.{quote(table.name)} {to}" for table in metadata.sorted_tables]
    return [
        f"GRANT USAGE ON SCHEMA {place} {to}",
        *tables,
        f"GRANT USAGE ON SEQUENCE {place}.{quote(entry_ids.name)} {to}",
    ]
