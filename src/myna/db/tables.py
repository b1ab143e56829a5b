"""Table definitions (SQLAlchemy Core). Migrations under ``migrations/`` create them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from myna.db import consent_tables, mention_tables  # noqa: F401  (of the same metadata)
from myna.db.metadata import Instant, metadata

networks = Table(
    "networks",
    metadata,
    Column("name", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("attribution", Text, nullable=False, server_default=""),
    Column("license_url", Text, nullable=False, server_default=""),
    Column("home_url", Text, nullable=False, server_default=""),
)

authors = Table(
    "authors",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("network", Text, nullable=False),
    Column("author", Text, nullable=False, comment="stable id within the network"),
    Column("handle", Text, nullable=False),
    Column("name", Text, nullable=False, server_default=""),
    Column("is_bot", Boolean, nullable=False, server_default=text("false")),
    Column("state", Text, nullable=False, server_default="live"),
    Column("closed_at", Instant, comment="when it was hidden or purged"),
    Column(
        "purged_to",
        BigInteger,
        nullable=False,
        server_default="0",
        comment="its posts up to this id are deleted for good",
    ),
    Column(
        "purging",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="some of them are not emptied yet",
    ),
    Column(
        "refused",
        SmallInteger,
        nullable=False,
        server_default="0",
        comment="uses of its posts that are not allowed: the bits of myna.post.Use",
    ),
    Column(
        "marked_to",
        BigInteger,
        comment="its posts behind this id do not bear a change of refused yet; null: all do",
    ),
    UniqueConstraint("network", "author"),
    CheckConstraint("state in ('live', 'hidden', 'purged')", name="state"),
)
Index(
    "ix_authors_closed",
    authors.c.closed_at,
    postgresql_where=text("state = 'hidden' or purging"),
)
Index("ix_authors_marked_to", authors.c.id, postgresql_where=text("marked_to is not null"))

Index(
    "ix_authors_unnamed",
    authors.c.network,
    authors.c.id,
    postgresql_where=text("handle = author"),
)

posts = Table(
    "posts",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("seq", BigInteger, nullable=False, comment="sequence number of the latest change"),
    Column("network", Text, nullable=False),
    Column("uri", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="live"),
    Column("author_id", BigInteger, ForeignKey("authors.id")),
    Column("text", Text, nullable=False),
    Column("lang", Text),
    Column("channel", Text),
    Column("url", Text),
    Column("reply_to", Text),
    Column("thread", Text, nullable=False),
    Column("likes", Integer, nullable=False, server_default="0"),
    Column("reposts", Integer, nullable=False, server_default="0"),
    Column("revision", Text, nullable=False, server_default=""),
    Column("created_at", Instant, nullable=False),
    Column("indexed_at", Instant, nullable=False),
    Column("edited_at", Instant),
    Column("raw", JSONB, nullable=False, server_default="{}"),
    Column(
        "fingerprint",
        BigInteger,
        nullable=False,
        server_default="0",
        comment="hash of the content as the network gave it: tells a replay from an edit",
    ),
    UniqueConstraint("network", "uri"),
    CheckConstraint("state in ('live', 'hidden', 'deleted')", name="state"),
    CheckConstraint("state <> 'deleted' or text = ''", name="deleted_keeps_no_text"),
)
Index("ix_posts_seq", posts.c.seq, unique=True)
Index("ix_posts_deleted", posts.c.seq, postgresql_where=text("state = 'deleted'"))
# A root is found by its own address: two thirds of the posts need no entry in these two.
Index("ix_posts_thread", posts.c.network, posts.c.thread, postgresql_where=text("thread <> uri"))
Index(
    "ix_posts_reply_to",
    posts.c.network,
    posts.c.reply_to,
    postgresql_where=text("reply_to is not null"),
)
Index("ix_posts_author_id", posts.c.author_id)

network_counts = Table(
    "network_counts",
    metadata,
    Column("network", Text, primary_key=True),
    Column("posts", BigInteger, nullable=False, comment="live ones, also of hidden accounts"),
    Column("authors", BigInteger, nullable=False),
    comment="counted as posts and authors are written",
)

expired_posts = Table(
    "expired_posts",
    metadata,
    Column("post_id", BigInteger, ForeignKey("posts.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", BigInteger, nullable=False, comment="of the deletion that followers must see"),
    comment="emptied rows of posts that go for good once every follower has seen it",
)

change_counter = Table(
    "change_counter",
    metadata,
    Column("singleton", Boolean, primary_key=True, server_default=text("true")),
    Column("store_id", Uuid, nullable=False, server_default=text("gen_random_uuid()")),
    Column("last_seq", BigInteger, nullable=False, server_default="0"),
    Column(
        "accounts_version",
        BigInteger,
        nullable=False,
        server_default="0",
        comment="grows when accounts are hidden, purged or brought back",
    ),
    Column(
        "purging",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="some account's posts are not emptied yet",
    ),
    Column(
        "marking",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="some account's posts do not bear its consent yet",
    ),
    Column("keep_after", Instant, comment="posts from before are past retention: none comes in"),
    CheckConstraint("singleton", name="one_row"),
    comment="writers lock its row until they commit: numbers have no gaps and appear in order",
)

sources = Table(
    "sources",
    metadata,
    Column("name", Text, primary_key=True),
    Column("cursor", Text, nullable=False, server_default=""),
    Column("accepted", BigInteger, nullable=False, server_default="0"),
    Column("rejected", BigInteger, nullable=False, server_default="0"),
    Column("updated_at", Instant, nullable=False),
    Column("rate", Double, nullable=False, server_default="0", comment="events a second"),
    Column("rate_since", Instant, comment="since when the events of the next rate are counted"),
    Column("rate_events", BigInteger, nullable=False, server_default="0"),
)

gaps = Table(
    "gaps",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("source", Text, nullable=False),
    Column("since", Instant, comment="the network's time from which something may be missing"),
    Column("until", Instant, comment="and up to which"),
    Column("reason", Text, nullable=False),
    Column("noticed_at", Instant, nullable=False),
    comment="what a network could not give again after an interruption",
)
Index("ix_gaps_source", gaps.c.source, gaps.c.id)

connections = Table(
    "connections",
    metadata,
    Column("name", Text, primary_key=True, comment="the network that its posts carry"),
    Column("kind", Text, nullable=False, comment="which of Myna's networks: bluesky, …"),
    Column("settings", JSONB, nullable=False, server_default="{}", comment="nothing secret"),
    Column("secret", LargeBinary, comment="encrypted; the key is in the home folder"),
    Column("error", Text, comment="why nothing comes in; null while all is well"),
    Column("error_at", Instant, comment="since when"),
    Column("connected_at", Instant, nullable=False),
)

engagements = Table(
    "engagements",
    metadata,
    Column("key", LargeBinary, primary_key=True, comment="digest of network and URI"),
    Column("post_id", BigInteger, ForeignKey("posts.id", ondelete="CASCADE"), nullable=False),
    Column("how", SmallInteger, nullable=False, comment="0 a like, 1 a repost"),
    comment="likes and reposts that were counted one by one, of posts that are there",
)
Index("ix_engagements_post_id", engagements.c.post_id)

aliases = Table(
    "aliases",
    metadata,
    Column("server", Text, primary_key=True, comment="name of the connection"),
    Column("id", Text, primary_key=True, comment="what the server calls the post"),
    Column("post_id", BigInteger, ForeignKey("posts.id", ondelete="CASCADE"), nullable=False),
    comment="names of posts at servers that do not use the posts' own addresses",
)
Index("ix_aliases_post_id", aliases.c.post_id)
Index("ix_aliases_server_post_id", aliases.c.server, aliases.c.post_id)

reply_rules = Table(
    "reply_rules",
    metadata,
    Column("network", Text, primary_key=True),
    Column("uri", Text, primary_key=True, comment="of the post"),
    Column("allow", ARRAY(Text), comment="null: everybody"),
    Column("hidden", ARRAY(Text), nullable=False, server_default="{}"),
    comment="who may reply to a post, where its author says so",
)

chats = Table(
    "chats",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("viewer", Text, nullable=False, comment="SHA-256 of the viewer's cookie"),
    Column("title", Text, nullable=False, server_default=""),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
)
Index("ix_chats_viewer", chats.c.viewer, chats.c.updated_at.desc())

messages = Table(
    "messages",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("chat_id", Uuid, ForeignKey("chats.id", ondelete="CASCADE"), nullable=False),
    Column("parent_id", Uuid, ForeignKey("messages.id", ondelete="CASCADE")),
    Column("position", BigInteger, Identity(always=True), comment="order of creation"),
    Column("role", Text, nullable=False),
    Column("state", Text, nullable=False, comment="running, done, stopped, failed, interrupted"),
    Column("outcome", Text, comment="answered, declined, small_talk"),
    Column("text", Text, nullable=False, server_default=""),
    Column("spans", JSONB, nullable=False, server_default="[]", comment="citations, unsupported"),
    Column("notices", JSONB, nullable=False, server_default="[]"),
    Column("usage", JSONB, nullable=False, server_default="{}"),
    Column("error", JSONB),
    Column("model", Text),
    Column("prompt_version", Text),
    Column("created_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column(
        "left_out",
        Integer,
        nullable=False,
        server_default="0",
        comment="posts that were left out by their authors' wish",
    ),
    Column("model_version", Text, comment="of the model that stood behind the answer"),
    Column("first_word_ms", Integer, comment="from the question to the answer's first word"),
    CheckConstraint("role in ('user', 'assistant')", name="role"),
)
Index("ix_messages_chat_id", messages.c.chat_id, messages.c.position)
Index("ix_messages_parent_id", messages.c.parent_id)
Index(
    "ix_messages_finished_at",
    messages.c.finished_at,
    postgresql_where=text("role = 'assistant'"),
)

answer_sources = Table(
    "answer_sources",
    metadata,
    Column("message_id", Uuid, ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, comment="as shown, from 1"),
    Column(
        "part",
        SmallInteger,
        primary_key=True,
        server_default="0",
        comment="0: the post, 1: what it replies to",
    ),
    Column("post_id", BigInteger, ForeignKey("posts.id"), nullable=False),
    Column(
        "digest",
        BigInteger,
        comment="of its words as they were read",
    ),
    Column(
        "refused",
        SmallInteger,
        nullable=False,
        server_default="0",
        comment="what its author did not allow then",
    ),
    Column(
        "copies",
        Integer,
        nullable=False,
        server_default="1",
        comment="posts that said the same then, this one among them",
    ),
    comment="which posts an answer was given; read back through the store, so deletions hold",
)
Index("ix_answer_sources_post_id", answer_sources.c.post_id)
