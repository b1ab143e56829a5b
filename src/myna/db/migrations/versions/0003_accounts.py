"""Accounts that are hidden, purged or back, and indexes that leave out what has no use for them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Columns beside the author and the change counter; two indexes of the replies alone."""
    false = sa.text("false")
    op.add_column("authors", sa.Column("state", sa.Text(), server_default="live", nullable=False))
    op.add_column(
        "authors",
        sa.Column("closed_at", sa.DateTime(timezone=True), comment="when it was hidden or purged"),
    )
    op.add_column(
        "authors",
        sa.Column(
            "purged_to",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="its posts up to this id are deleted for good",
        ),
    )
    op.add_column(
        "authors",
        sa.Column(
            "purging",
            sa.Boolean(),
            server_default=false,
            nullable=False,
            comment="some of them are not emptied yet",
        ),
    )
    op.create_check_constraint(
        op.f("ck_authors_state"), "authors", "state in ('live', 'hidden', 'purged')"
    )
    op.create_index(
        "ix_authors_closed",
        "authors",
        ["closed_at"],
        postgresql_where=sa.text("state = 'hidden' or purging"),
    )
    op.add_column(
        "change_counter",
        sa.Column(
            "accounts_version",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="grows when accounts are hidden, purged or brought back",
        ),
    )
    op.add_column(
        "change_counter",
        sa.Column(
            "purging",
            sa.Boolean(),
            server_default=false,
            nullable=False,
            comment="some account's posts are not emptied yet",
        ),
    )
    for name, condition in {"thread": "thread <> uri", "reply_to": "reply_to is not null"}.items():
        op.drop_index(f"ix_posts_{name}", table_name="posts")
        op.create_index(
            f"ix_posts_{name}",
            "posts",
            ["network", name],
            postgresql_where=sa.text(condition),
        )
