"""ledger, wallets, orders, figures and the steps of the day"""

from __future__ import annotations

from importlib.resources import files

from alembic.operations import Operations

revision = "0001"
down_revision = None


def upgrade(op: Operations) -> None:
    """Create every table, index and guard of the first version."""
    dialect = op.get_context().dialect.name
    text = files("wallet.migrations.versions").joinpath(f"v0001_{dialect}.sql").read_text(encoding="utf-8")
    for statement in text.removesuffix(";\n").split(";\n\n"):
        op.execute(statement)
