"""How many posts said the same as a source, when it was found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """One column."""
    op.add_column(
        "answer_sources",
        sa.Column(
            "copies",
            sa.Integer(),
            server_default="1",
            nullable=False,
            comment="posts that said the same then, this one among them",
        ),
    )
