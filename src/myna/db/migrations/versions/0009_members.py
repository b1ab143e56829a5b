"""Whose account is whose, and where whose posts were used."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0009"
down_revision = "0008"

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Answers from before have no receipts."""
    op.create_table(
        "claims",
        sa.Column("code", sa.Text(), nullable=False, comment="SHA-256 of the code"),
        sa.Column("viewer", sa.Text(), nullable=False, comment="SHA-256 of the viewer's cookie"),
        sa.Column("network", sa.Text(), nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_claims")),
        comment="codes that an account's owner is asked to post",
    )
    op.create_index("ix_claims_viewer", "claims", ["viewer"])
    op.create_table(
        "members",
        sa.Column("viewer", sa.Text(), nullable=False, comment="SHA-256 of the viewer's cookie"),
        sa.Column("network", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("proven_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("viewer", "network", "author", name=op.f("pk_members")),
        comment="viewers who have proven that an account is theirs",
    )
    op.create_table(
        "receipts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("answer", sa.Uuid(), nullable=False, comment="of a message, where it is kept"),
        sa.Column("post_id", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.BigInteger(), nullable=False, comment="the post's author"),
        sa.Column("door", sa.Text(), nullable=False, comment="app, api or bot"),
        sa.Column("model", sa.Text(), comment="that wrote the answer; myna: none did"),
        sa.Column("spans", JSONB(), nullable=False, comment="[start, end] of what cites it"),
        sa.Column("at", _INSTANT, nullable=False),
        sa.CheckConstraint("door in ('app', 'api', 'bot')", name=op.f("ck_receipts_door")),
        sa.ForeignKeyConstraint(
            ["post_id"], ["posts.id"], name=op.f("fk_receipts_post_id_posts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipts")),
        sa.UniqueConstraint("answer", "post_id", name=op.f("uq_receipts_answer_post_id")),
        comment="where posts were used",
    )
    op.create_index("ix_receipts_account", "receipts", ["account", "id"])
    op.create_index("ix_receipts_post_id", "receipts", ["post_id"])
