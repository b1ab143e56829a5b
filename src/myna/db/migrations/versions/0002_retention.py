"""Retention: a horizon before which no post is kept, and rows that go once followers have seen it.

PostgreSQL's statistics would keep examples of posts' texts, also of deleted ones: none of them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """One column, one table, and no statistics on what people write."""
    op.add_column(
        "change_counter",
        sa.Column(
            "keep_after",
            sa.DateTime(timezone=True),
            comment="posts from before are past retention: none comes in",
        ),
    )
    op.create_table(
        "expired_posts",
        sa.Column("post_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "seq",
            sa.BigInteger(),
            nullable=False,
            comment="of the deletion that followers must see",
        ),
        sa.ForeignKeyConstraint(
            ["post_id"],
            ["posts.id"],
            name=op.f("fk_expired_posts_post_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("post_id", name=op.f("pk_expired_posts")),
        comment="emptied rows of posts that go for good once every follower has seen it",
    )
    for table, columns in {
        "posts": ("text", "raw"),
        "messages": ("text", "spans"),
        "chats": ("title",),
    }.items():
        for column in columns:
            op.execute(f"alter table {table} alter column {column} set statistics 0")
