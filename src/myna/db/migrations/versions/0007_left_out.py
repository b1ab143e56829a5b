"""How many posts an answer left out by their authors' wish."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """One column; answers from before left out none."""
    op.add_column(
        "messages",
        sa.Column(
            "left_out",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="posts that were left out by their authors' wish",
        ),
    )
