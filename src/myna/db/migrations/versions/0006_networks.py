"""Connected networks: their credentials, what they could not give, likes counted one by one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0006"
down_revision = "0005"

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Four tables, and how fast each source gives."""
    op.add_column(
        "sources",
        sa.Column(
            "rate", sa.Double(), server_default="0", nullable=False, comment="events a second"
        ),
    )
    op.add_column(
        "sources",
        sa.Column(
            "rate_since",
            _INSTANT,
            comment="since when the events of the next rate are counted",
        ),
    )
    op.add_column(
        "sources",
        sa.Column("rate_events", sa.BigInteger(), server_default="0", nullable=False),
    )
    op.create_index(
        "ix_authors_unnamed",
        "authors",
        ["network", "id"],
        postgresql_where=sa.text("handle = author"),
    )
    op.create_table(
        "gaps",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column(
            "since",
            _INSTANT,
            comment="the network's time from which something may be missing",
        ),
        sa.Column("until", _INSTANT, comment="and up to which"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("noticed_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gaps")),
        comment="what a network could not give again after an interruption",
    )
    op.create_index("ix_gaps_source", "gaps", ["source", "id"])
    op.create_table(
        "connections",
        sa.Column("name", sa.Text(), nullable=False, comment="the network that its posts carry"),
        sa.Column(
            "kind", sa.Text(), nullable=False, comment="which of Myna's networks: bluesky, …"
        ),
        sa.Column(
            "settings", JSONB(), server_default="{}", nullable=False, comment="nothing secret"
        ),
        sa.Column("secret", sa.LargeBinary(), comment="encrypted; the key is in the home folder"),
        sa.Column("error", sa.Text(), comment="why nothing comes in; null while all is well"),
        sa.Column("error_at", _INSTANT, comment="since when"),
        sa.Column("connected_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_connections")),
    )
    op.create_table(
        "engagements",
        sa.Column("key", sa.LargeBinary(), nullable=False, comment="digest of network and URI"),
        sa.Column("post_id", sa.BigInteger(), nullable=False),
        sa.Column("how", sa.SmallInteger(), nullable=False, comment="0 a like, 1 a repost"),
        sa.ForeignKeyConstraint(
            ["post_id"],
            ["posts.id"],
            name=op.f("fk_engagements_post_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_engagements")),
        comment="likes and reposts that were counted one by one, of posts that are there",
    )
    op.create_index("ix_engagements_post_id", "engagements", ["post_id"])
    op.create_table(
        "reply_rules",
        sa.Column("network", sa.Text(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False, comment="of the post"),
        sa.Column("allow", ARRAY(sa.Text()), comment="null: everybody"),
        sa.Column("hidden", ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("network", "uri", name=op.f("pk_reply_rules")),
        comment="who may reply to a post, where its author says so",
    )
