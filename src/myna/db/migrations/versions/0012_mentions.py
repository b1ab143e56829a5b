"""The bot's mentions, and who wants no answer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0012"
down_revision = "0011"

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Two tables."""
    op.create_table(
        "mentions",
        sa.Column("network", sa.Text(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False, comment="what its server calls it"),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("thread", sa.Text(), nullable=False, comment="URI of its root"),
        sa.Column("state", sa.Text(), server_default="queued", nullable=False),
        sa.Column("reason", sa.Text(), comment="why it was refused, failed or withdrawn"),
        sa.Column("question", sa.LargeBinary(), comment="digest of the question's words"),
        sa.Column("parts", JSONB(), comment="what is sent: [{key, text, links}]"),
        sa.Column(
            "sent",
            ARRAY(sa.Text()),
            server_default="{}",
            nullable=False,
            comment="ids of its parts",
        ),
        sa.Column("sources", ARRAY(sa.BigInteger()), server_default="{}", nullable=False),
        sa.Column("reply", sa.Text(), comment="URI of the first part"),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("found_at", _INSTANT, nullable=False),
        sa.Column("not_before", _INSTANT, nullable=False),
        sa.Column("claim", sa.Uuid()),
        sa.Column("claimed_until", _INSTANT),
        sa.Column("done_at", _INSTANT),
        sa.CheckConstraint(
            "state in ('queued', 'answering', 'sending', 'sent', 'refused', 'failed', 'withdrawn')",
            name=op.f("ck_mentions_state"),
        ),
        sa.PrimaryKeyConstraint("network", "uri", name=op.f("pk_mentions")),
    )
    op.create_index(
        "ix_mentions_due",
        "mentions",
        ["network", "found_at"],
        postgresql_where=sa.text("state in ('queued', 'answering', 'sending')"),
    )
    op.create_index("ix_mentions_thread", "mentions", ["network", "thread"])
    op.create_index("ix_mentions_author", "mentions", ["network", "author"])
    op.create_index("ix_mentions_sources", "mentions", ["sources"], postgresql_using="gin")
    op.create_table(
        "silences",
        sa.Column("network", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False, comment="an author's id, or a thread's URI"),
        sa.Column("since", _INSTANT, nullable=False),
        sa.CheckConstraint("scope in ('author', 'thread')", name=op.f("ck_silences_scope")),
        sa.PrimaryKeyConstraint("network", "scope", "key", name=op.f("pk_silences")),
        comment="authors and threads that want no answer of Myna",
    )
