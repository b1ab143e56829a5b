"""Logins with a network, by which members prove their accounts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """One table."""
    op.create_table(
        "sign_ins",
        sa.Column(
            "state",
            sa.Text(),
            nullable=False,
            comment="SHA-256 of what comes back with the browser",
        ),
        sa.Column("viewer", sa.Text(), nullable=False, comment="SHA-256 of the viewer's cookie"),
        sa.Column("network", sa.Text(), nullable=False),
        sa.Column(
            "sealed",
            sa.LargeBinary(),
            nullable=False,
            comment="what the login's end needs, encrypted",
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("state", name=op.f("pk_sign_ins")),
        comment="logins with a network that have been begun",
    )
    op.create_index("ix_sign_ins_viewer", "sign_ins", ["viewer"])
