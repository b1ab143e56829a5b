"""Posts that are withheld by a label, and why."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """What was deleted by a label before stays deleted."""
    op.create_table(
        "withheld",
        sa.Column("network", sa.Text(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column(
            "by", sa.Text(), nullable=False, comment="self, or a labeller's id and the label"
        ),
        sa.PrimaryKeyConstraint("network", "uri", "by", name=op.f("pk_withheld")),
        comment="deleted posts that come back when no label is left",
    )
