"""What answers rest on, with what it was when they read it; what was taken out of answers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Answers from before are taken to rest on their posts as these are now."""
    small = {"server_default": "0", "nullable": False}
    op.add_column(
        "answer_sources",
        sa.Column("part", sa.SmallInteger(), comment="0: the post, 1: what it replies to", **small),
    )
    op.add_column(
        "answer_sources",
        sa.Column("digest", sa.BigInteger(), comment="of its words as they were read"),
    )
    op.add_column(
        "answer_sources",
        sa.Column(
            "refused", sa.SmallInteger(), comment="what its author did not allow then", **small
        ),
    )
    op.drop_constraint(op.f("pk_answer_sources"), "answer_sources")
    op.create_primary_key(
        op.f("pk_answer_sources"), "answer_sources", ["message_id", "number", "part"]
    )
    op.create_table(
        "followers",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_followers")),
        comment="how far who follows the changes within this store has come",
    )
    op.execute("insert into followers select 'living answers', last_seq from change_counter")
    op.create_table(
        "redactions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("chat_id", sa.Uuid(), nullable=False),
        sa.Column("post_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.CheckConstraint(
            "reason in ('deleted', 'withdrawn', 'edited', 'expired')",
            name=op.f("ck_redactions_reason"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_redactions")),
        comment="what was taken out of which answer, why and when; none of its words",
    )
    op.create_index(
        "ix_messages_finished_at",
        "messages",
        ["finished_at"],
        postgresql_where=sa.text("role = 'assistant'"),
    )
