"""Tables of the bot: mentions with their states, and who wants no answer. Migrations create them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from myna.db.metadata import Instant, metadata

mentions = Table(
    "mentions",
    metadata,
    Column("network", Text, primary_key=True),
    Column("uri", Text, primary_key=True),
    Column("id", Text, nullable=False, comment="what its server calls it"),
    Column("author", Text, nullable=False),
    Column("thread", Text, nullable=False, comment="URI of its root"),
    Column("state", Text, nullable=False, server_default="queued"),
    Column("reason", Text, comment="why it was refused, failed or withdrawn"),
    Column("question", LargeBinary, comment="digest of the question's words"),
    Column("parts", JSONB, comment="what is sent: [{key, text, links}]"),
    Column("sent", ARRAY(Text), nullable=False, server_default="{}", comment="ids of its parts"),
    Column("sources", ARRAY(BigInteger), nullable=False, server_default="{}"),
    Column("reply", Text, comment="URI of the first part"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("found_at", Instant, nullable=False),
    Column("not_before", Instant, nullable=False),
    Column("claim", Uuid),
    Column("claimed_until", Instant),
    Column("done_at", Instant),
    CheckConstraint(
        "state in ('queued', 'answering', 'sending', 'sent', 'refused', 'failed', 'withdrawn')",
        name="state",
    ),
)
Index(
    "ix_mentions_due",
    mentions.c.network,
    mentions.c.found_at,
    postgresql_where=text("state in ('queued', 'answering', 'sending')"),
)
Index("ix_mentions_thread", mentions.c.network, mentions.c.thread)
Index("ix_mentions_author", mentions.c.network, mentions.c.author)
Index("ix_mentions_sources", mentions.c.sources, postgresql_using="gin")

silences = Table(
    "silences",
    metadata,
    Column("network", Text, primary_key=True),
    Column("scope", Text, primary_key=True),
    Column("key", Text, primary_key=True, comment="an author's id, or a thread's URI"),
    Column("since", Instant, nullable=False),
    CheckConstraint("scope in ('author', 'thread')", name="scope"),
    comment="authors and threads that want no answer of Myna",
)
