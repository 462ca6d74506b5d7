"""who is running the day, and since when"""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations
from sqlalchemy.dialects import sqlite

revision = "0002"
down_revision = "0001"


def upgrade(op: Operations) -> None:
    """Add the table that an operator signs in."""
    microseconds = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
    op.create_table(
        "day_operator",
        sa.Column("fund", sa.Text(), primary_key=True),
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("since", microseconds, nullable=False),
        sqlite_strict=True,
    )
