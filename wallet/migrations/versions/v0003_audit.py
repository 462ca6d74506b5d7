"""seals, the trail of commands, and approvals by a second operator"""

from __future__ import annotations

from importlib.resources import files

from alembic.operations import Operations

revision = "0003"
down_revision = "0002"


def upgrade(op: Operations) -> None:
    """Add what is sealed, who did what, what waits for approval, and the terms' switch for it.

    And what large books need: an index of which bulk entries hold a holder, room for balances to move.
    """
    dialect = op.get_context().dialect.name
    text = files("wallet.migrations.versions").joinpath(f"v0003_{dialect}.sql").read_text(encoding="utf-8")
    for statement in text.removesuffix(";\n").split(";\n\n"):
        op.execute(statement)
