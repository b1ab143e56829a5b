"""An index of the deleted posts alone: their list and the purge look for the latest of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Small: a thirtieth of the posts or less."""
    op.create_index(
        "ix_posts_deleted", "posts", ["seq"], postgresql_where=sa.text("state = 'deleted'")
    )
