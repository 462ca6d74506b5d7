"""What a service's role needs on PostgreSQL, and no more: for it, history is insert-only."""

from __future__ import annotations

from ledger import schema as ledger
from ledger.schema import entry_ids, metadata
from wallet import schema as wallet
from wallet.outside.schema import OUTSIDE

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
    wallet.trail,
    wallet.proposal,
    wallet.decision,
    wallet.seal,
    *OUTSIDE,
)
CHANGED = {
    ledger.balance: "amount",
    wallet.customer_order: "remaining, passed_to_advancer, refunded, status, outcome, return_code, confirmed,"
    " confirmed_by",
    wallet.advance: "shares, redeemed_by",
    wallet.limit_slot: "used",
    wallet.day_chunk: "entry_id",
    ledger.holder: "gate",  # never changed, but locked: PostgreSQL locks rows only for who may update some column
}
FIXED_ROWS = {ledger.book_gate: "closed_through, cut_through", wallet.fund: "market"}
"""Changed or, the fund, locked; but the rows are those that the book was created with."""

RIGHTS: dict[object, tuple[str, ...]] = {
    **dict.fromkeys(READ_ONLY, ("SELECT",)),
    **dict.fromkeys(INSERT_ONLY, ("SELECT", "INSERT")),
    **{table: ("SELECT", "INSERT", f"UPDATE ({columns})") for table, columns in CHANGED.items()},
    **{table: ("SELECT", f"UPDATE ({columns})") for table, columns in FIXED_ROWS.items()},
    wallet.day_operator: ("SELECT", "INSERT", "DELETE"),
}


def grants(role: str, schema: str = "public") -> list[str]:
    """Return the GRANTs for a role that takes orders, announces figures and runs the day.

    It cannot change history, terms or the schema, and deletes nothing but the mark of who runs the day.
    """
    to, place = f"TO {_quoted(role)};", _quoted(schema)
    tables = [f"GRANT {', '.join(RIGHTS[table])} ON {place}.{table.name} {to}" for table in metadata.sorted_tables]
    return [f"GRANT USAGE ON SCHEMA {place} {to}", *tables, f"GRANT USAGE ON SEQUENCE {place}.{entry_ids.name} {to}"]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
