"""What servers call the posts that they tell of by numbers of their own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """One table."""
    op.create_table(
        "aliases",
        sa.Column("server", sa.Text(), nullable=False, comment="name of the connection"),
        sa.Column("id", sa.Text(), nullable=False, comment="what the server calls the post"),
        sa.Column("post_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["post_id"], ["posts.id"], name=op.f("fk_aliases_post_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("server", "id", name=op.f("pk_aliases")),
        comment="names of posts at servers that do not use the posts' own addresses",
    )
    op.create_index("ix_aliases_post_id", "aliases", ["post_id"])
    op.create_index("ix_aliases_server_post_id", "aliases", ["server", "post_id"])
