"""the transfer agent and the bank: files, answers, statements, breaks"""

from __future__ import annotations

from importlib.resources import files

from alembic.operations import Operations

revision = "0004"
down_revision = "0003"


def upgrade(op: Operations) -> None:
    """Add what is sent and received, the bank's lines, breaks, and the suspense account of a book that is there."""
    dialect = op.get_context().dialect.name
    text = files("wallet.migrations.versions").joinpath(f"v0004_{dialect}.sql").read_text(encoding="utf-8")
    for statement in text.removesuffix(";\n").split(";\n\n"):
        op.execute(statement)
