"""What may be done with an author's posts, who said so, and the operator's default."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0005"
down_revision = "0004"

_INSTANT = sa.DateTime(timezone=True)
_AUTHOR = (
    ("network", sa.Text()),
    ("author", sa.Text()),
)


def upgrade() -> None:
    """Authors that are there get the default: no training."""
    _extend()
    policy = op.create_table(
        "consent_policy",
        sa.Column("singleton", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column(
            "refused",
            sa.SmallInteger(),
            server_default="8",
            nullable=False,
            comment="uses that are not allowed where nobody says anything",
        ),
        sa.Column(
            "effective",
            sa.SmallInteger(),
            server_default="8",
            nullable=False,
            comment="and what follows from them",
        ),
        sa.Column(
            "names",
            ARRAY(sa.Text()),
            server_default="{}",
            nullable=False,
            comment="DIDs and domains that members may mean this Myna by",
        ),
        sa.Column("version", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("singleton", name=op.f("ck_consent_policy_one_row")),
        sa.PrimaryKeyConstraint("singleton", name=op.f("pk_consent_policy")),
        comment="the operator's default; version counts the changes of all consents",
    )
    op.bulk_insert(policy, [{}])
    op.execute("update authors set refused = 8")
    op.create_table(
        "consent_signals",
        *(sa.Column(name, kind, nullable=False) for name, kind in _AUTHOR),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), server_default="", nullable=False),
        sa.Column("says", JSONB(), nullable=False, comment="[use, yes or no, why] each"),
        sa.Column("revision", sa.Text(), server_default="", nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint(
            "network", "author", "form", "key", name=op.f("pk_consent_signals")
        ),
        comment="what networks say of the use of an author's posts; nothing of it: no row",
    )
    op.create_index(
        "ix_consent_signals_entity",
        "consent_signals",
        ["network", "author"],
        postgresql_where=sa.text("scope = 'entity'"),
    )
    op.create_table(
        "consent_choices",
        *(sa.Column(name, kind, nullable=False) for name, kind in _AUTHOR),
        sa.Column("use", sa.SmallInteger(), nullable=False),
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column(
            "by", sa.Text(), nullable=False, comment="member, or the operator for the member"
        ),
        sa.Column("at", _INSTANT, nullable=False),
        sa.CheckConstraint("word in ('yes', 'no')", name=op.f("ck_consent_choices_word")),
        sa.CheckConstraint("by in ('member', 'operator')", name=op.f("ck_consent_choices_by")),
        sa.PrimaryKeyConstraint("network", "author", "use", name=op.f("pk_consent_choices")),
    )
    op.create_table(
        "consents",
        *(sa.Column(name, kind, nullable=False) for name, kind in _AUTHOR),
        sa.Column("refused", sa.SmallInteger(), nullable=False, comment="uses with a no"),
        sa.Column("allowed", sa.SmallInteger(), nullable=False, comment="uses with a yes"),
        sa.Column("effective", sa.SmallInteger(), nullable=False, comment="refused in the end"),
        sa.Column("rulings", JSONB(), nullable=False, comment="use: [yes or no, by whom, why]"),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("network", "author", name=op.f("pk_consents")),
        comment="what counts, of authors of whom anything was said",
    )
    op.create_table(
        "consent_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        *(sa.Column(name, kind, nullable=False) for name, kind in _AUTHOR),
        sa.Column("use", sa.SmallInteger(), nullable=False),
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), server_default="", nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.CheckConstraint("word in ('yes', 'no', 'unsaid')", name=op.f("ck_consent_log_word")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_log")),
        comment="who changed which consent when",
    )
    op.create_index("ix_consent_log_network_author", "consent_log", ["network", "author"])


def _extend() -> None:
    op.add_column(
        "authors",
        sa.Column(
            "refused",
            sa.SmallInteger(),
            server_default="0",
            nullable=False,
            comment="uses of its posts that are not allowed: the bits of myna.post.Use",
        ),
    )
    op.add_column(
        "authors",
        sa.Column(
            "marked_to",
            sa.BigInteger(),
            comment="its posts behind this id do not bear a change of refused yet; null: all do",
        ),
    )
    op.create_index(
        "ix_authors_marked_to",
        "authors",
        ["id"],
        postgresql_where=sa.text("marked_to is not null"),
    )
    op.add_column(
        "change_counter",
        sa.Column(
            "marking",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="some account's posts do not bear its consent yet",
        ),
    )
