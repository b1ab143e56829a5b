"""The store's size, counted as it is written."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """What is there is counted once: a second for a million posts."""
    op.create_table(
        "network_counts",
        sa.Column("network", sa.Text(), nullable=False),
        sa.Column(
            "posts", sa.BigInteger(), nullable=False, comment="live ones, also of hidden accounts"
        ),
        sa.Column("authors", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("network", name=op.f("pk_network_counts")),
        comment="counted as posts and authors are written",
    )
    op.execute(
        """
        insert into network_counts
        select network, sum(posts), sum(authors) from (
            select network, count(*) as posts, 0 as authors from posts
            where state = 'live' group by network
            union all
            select network, 0, count(*) from authors group by network
        ) found
        group by network
        """
    )
