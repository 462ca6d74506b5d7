"""The wallet's tables. Each has one writing module, named here.

The ledger's stand in `ledger.schema`, those of what is sent and received in `wallet.outside.schema`.

fund, fund_terms        book            figures and terms are kept as versions, with a digest of each row
wallet                  wallets
customer_order, advance orders
limit_slot              limits
announcement            figures
distribution            distribution
day_step, day_chunk     steps
day_operator            operators
trail                   trail
proposal, decision      approvals
seal                    audit.seals
fundwallet_version      this module stamps a new database, `wallet.migrations` an older one
"""

from __future__ import annotations

import sqlalchemy as sa

from ledger.schema import APPEND_ONLY, Bytes, Day, Instant, Integer, Small, Text, column, guards, key, metadata, table
from wallet.outside.schema import OUTSIDE

VERSION = "0004"
"""The last revision in `wallet.migrations`."""

fundwallet_version = sa.Table(
    "fundwallet_version",
    metadata,
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="fundwallet_version_pkc"),
)
"""The shape is Alembic's."""

fund = table("fund", key("code", Text), column("opened_on", Day), column("market", Text))
fund_terms = table(
    "fund_terms",
    key("fund", Text),
    key("valid_from", Day),
    column("minimum", Integer),
    column("holding_cap", Integer, null=True),
    column("transfer_in_daily", Integer, null=True),
    column("quota_daily", Integer, null=True),
    column("instant_daily", Integer, null=True),
    column("facility", Integer),
    column("order_of_use", Text),
    column("suspended", Text),
    column("digest", Bytes),
    column("four_eyes", Text, server_default=""),
)
"""`four_eyes`: the operations that a second operator has to approve, by name, with blanks between them."""

wallet = table(
    "wallet",
    key("holder_id", Integer),
    column("book", Text),
    column("reference", Text),
    column("opened_at", Instant),
    sa.UniqueConstraint("book", "reference", name="wallet_reference"),
)
customer_order = table(
    "customer_order",
    key("holder_id", Integer),
    key("entry_id", Integer),
    column("book", Text),
    column("kind", Text),
    column("at", Instant),
    column("amount", Integer),
    column("remaining", Integer),
    column("passed_to_advancer", Integer),
    column("merchant", Text, null=True),
    column("payment", Integer, null=True),
    column("refunded", Integer),
    column("trade_date", Day, null=True),
    column("status", Text),
    column("outcome", Integer, null=True),
    column("return_code", Text, null=True),
    column("confirmed", Integer, null=True),
    column("confirmed_by", Integer, null=True),
    sa.CheckConstraint("amount > 0", name="customer_order_amount"),
    sa.CheckConstraint(
        "remaining >= 0 AND passed_to_advancer >= 0 AND remaining + passed_to_advancer <= amount",
        name="customer_order_remaining",
    ),
    sa.CheckConstraint("refunded >= 0 AND refunded <= amount", name="customer_order_refunded"),
    clustered=True,
)
"""`remaining`: still hers; `outcome`: what the transfer agent said before the confirmation is booked (null: in
full); `confirmed`, `confirmed_by`: how much was confirmed, and by which entry."""

OPEN = customer_order.c.status == sa.text("'accepted'")
sa.Index(
    "customer_order_open",
    customer_order.c.holder_id,
    customer_order.c.trade_date,
    sqlite_where=OPEN,
    postgresql_where=OPEN,
)
ANSWERED = sa.or_(customer_order.c.outcome.is_not(None), customer_order.c.return_code.is_not(None))
sa.Index("customer_order_answered", customer_order.c.trade_date, sqlite_where=ANSWERED, postgresql_where=ANSWERED)
advance = table(
    "advance",
    key("holder_id", Integer),
    key("payment", Integer),
    key("source", Integer),
    column("book", Text),
    column("amount", Integer),
    column("shares", Integer, null=True),
    column("value_date", Day),
    column("redeem_on", Day),
    column("redeemed_by", Integer, null=True),
    sa.CheckConstraint("amount > 0", name="advance_amount"),
    sa.CheckConstraint("shares >= 0 AND shares <= amount", name="advance_shares"),
    clustered=True,
)
"""What the advancer paid for one payment out of one source: an order's entry, or 0 for shares. `shares` is what
it got for it, null until the order is confirmed."""

UNREDEEMED = advance.c.redeemed_by.is_(None)
sa.Index("advance_open", advance.c.holder_id, advance.c.redeem_on, sqlite_where=UNREDEEMED, postgresql_where=UNREDEEMED)
limit_slot = table(
    "limit_slot",
    key("book", Text),
    key("name", Text),
    key("slot", Small),
    column("used", Integer),
    sa.CheckConstraint("used >= 0", name="limit_slot_used"),
)
announcement = table(
    "announcement",
    key("fund", Text),
    key("day", Day),
    key("version", Small),
    column("income_per_10k", Integer),
    column("seven_day", Integer, null=True),
    column("control_total", Integer, null=True),
    column("source", Text),
    column("digest", Bytes),
)
distribution = table(
    "distribution",
    key("fund", Text),
    key("day", Day),
    column("income_per_10k", Integer),
    column("version", Small),
    column("method", Text),
    column("pool", Integer),
    column("advancer_holding", Integer),
    column("whole", Integer),
    column("cut", Integer),
    column("threshold", Integer),
    column("last_tie", Integer),
)
day_step = table(
    "day_step",
    key("fund", Text),
    key("day", Day),
    key("step", Text),
    column("state", Text),
    column("booked_at", Instant),
)
day_chunk = table(
    "day_chunk",
    key("fund", Text),
    key("day", Day),
    key("step", Text),
    key("number", Integer),
    column("first_holder", Integer),
    column("last_holder", Integer),
    column("entry_id", Integer, null=True),
)
day_operator = table("day_operator", key("fund", Text), column("operator", Text), column("since", Instant))
"""Who is running the day; whether somebody is, only the lock tells."""

trail = table(
    "trail",
    key("number", Integer),
    column("book", Text),
    column("at", Instant),
    column("operator", Text),
    column("host", Text),
    column("command", Text),
    column("arguments", Text),
    column("began", Integer, null=True),
    column("outcome", Text),
    column("entries", Text),
)
"""Who did what, numbered without a gap in the order of the commits. `arguments`: a JSON list, secrets left out;
`began`: the row that the same command wrote when it began; `entries`: ranges of the entries made, "17 20-41"."""

proposal = table(
    "proposal",
    key("number", Integer),
    column("book", Text),
    column("operation", Text),
    column("arguments", Text),
    column("proposed_by", Text),
    column("proposed_at", Instant),
)
decision = table(
    "decision",
    key("number", Integer),
    column("proposal", Integer),
    column("verdict", Text),
    column("decided_by", Text),
    column("decided_at", Instant),
    column("why", Text, null=True),
    column("entry_id", Integer, null=True),
    sa.UniqueConstraint("proposal", name="decision_proposal"),
)
"""What became of a proposal: approved and applied (by which entry, if it made one), or rejected. Like the trail,
proposals and decisions are numbered without a gap in the order of the commits."""

seal = table(
    "seal",
    key("fund", Text),
    key("day", Day),
    column("version", Small),
    column("entries", Integer),
    column("postings", Integer),
    column("records", Integer),
    column("cny", Integer),
    column("shares", Integer),
    column("last_holder", Integer),
    column("last_trail", Integer),
    column("last_proposal", Integer),
    column("last_decision", Integer),
    column("root", Bytes),
    column("previous", Bytes),
    column("head", Bytes),
    column("last_file", Integer, server_default="0"),
    column("last_break", Integer, server_default="0"),
    column("last_event", Integer, server_default="0"),
)
"""A proved day, digested: the root of its Merkle tree, chained to the head of the day before. `records`: the leaves
that are no entries; `cny`, `shares`: sums of its postings; `last_…`: how far numbered rows are sealed."""

KEPT = (announcement, fund_terms, trail, proposal, decision, seal, *OUTSIDE)
"""Versions and records: never changed, only added to."""


def create_all(connection: sa.Connection) -> None:
    """Create every table, index and guard of the ledger and the wallet, and stamp the version."""
    metadata.create_all(connection)
    for statement in guards(connection.dialect.name, APPEND_ONLY + KEPT):
        connection.execute(sa.text(statement))
    connection.execute(sa.insert(fundwallet_version).values(version_num=VERSION))
