"""Each answer says which version of the model stood behind it, and when its first word came."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Columns without a value: no row is written anew."""
    op.add_column(
        "messages",
        sa.Column(
            "model_version",
            sa.Text(),
            nullable=True,
            comment="of the model that stood behind the answer",
        ),
    )
    op.add_column(
        "messages",
        sa.Column(
            "first_word_ms",
            sa.Integer(),
            nullable=True,
            comment="from the question to the answer's first word",
        ),
    )
