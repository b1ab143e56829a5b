"""Tables of consent and of what was taken out of answers. Migrations create them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from myna.db.metadata import Instant, metadata

consent_policy = Table(
    "consent_policy",
    metadata,
    Column("singleton", Boolean, primary_key=True, server_default=text("true")),
    Column(
        "refused",
        SmallInteger,
        nullable=False,
        server_default="8",
        comment="uses that are not allowed where nobody says anything",
    ),
    Column(
        "effective",
        SmallInteger,
        nullable=False,
        server_default="8",
        comment="and what follows from them",
    ),
    Column(
        "names",
        ARRAY(Text),
        nullable=False,
        server_default="{}",
        comment="DIDs and domains that members may mean this Myna by",
    ),
    Column("version", BigInteger, nullable=False, server_default="0"),
    CheckConstraint("singleton", name="one_row"),
    comment="the operator's default; version counts the changes of all consents",
)

consent_signals = Table(
    "consent_signals",
    metadata,
    Column("network", Text, primary_key=True),
    Column("author", Text, primary_key=True),
    Column("form", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("scope", Text, nullable=False),
    Column("target", Text, nullable=False, server_default=""),
    Column("says", JSONB, nullable=False, comment="[use, yes or no, why] each"),
    Column("revision", Text, nullable=False, server_default=""),
    Column("at", Instant, nullable=False),
    comment="what networks say of the use of an author's posts; nothing of it: no row",
)
Index(
    "ix_consent_signals_entity",
    consent_signals.c.network,
    consent_signals.c.author,
    postgresql_where=text("scope = 'entity'"),
)

consent_choices = Table(
    "consent_choices",
    metadata,
    Column("network", Text, primary_key=True),
    Column("author", Text, primary_key=True),
    Column("use", SmallInteger, primary_key=True),
    Column("word", Text, nullable=False),
    Column("by", Text, nullable=False, comment="member, or the operator for the member"),
    Column("at", Instant, nullable=False),
    CheckConstraint("word in ('yes', 'no')", name="word"),
    CheckConstraint("by in ('member', 'operator')", name="by"),
)

consents = Table(
    "consents",
    metadata,
    Column("network", Text, primary_key=True),
    Column("author", Text, primary_key=True),
    Column("refused", SmallInteger, nullable=False, comment="uses with a no"),
    Column("allowed", SmallInteger, nullable=False, comment="uses with a yes"),
    Column("effective", SmallInteger, nullable=False, comment="refused in the end"),
    Column("rulings", JSONB, nullable=False, comment="use: [yes or no, by whom, why]"),
    Column("version", BigInteger, nullable=False),
    Column("changed_at", Instant, nullable=False),
    comment="what counts, of authors of whom anything was said",
)

consent_log = Table(
    "consent_log",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("network", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("use", SmallInteger, nullable=False),
    Column("word", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("why", Text, nullable=False, server_default=""),
    Column("version", BigInteger, nullable=False),
    Column("at", Instant, nullable=False),
    CheckConstraint("word in ('yes', 'no', 'unsaid')", name="word"),
    comment="who changed which consent when",
)
Index("ix_consent_log_network_author", consent_log.c.network, consent_log.c.author)

followers = Table(
    "followers",
    metadata,
    Column("name", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    comment="how far who follows the changes within this store has come",
)

redactions = Table(
    "redactions",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("message_id", Uuid, nullable=False),
    Column("chat_id", Uuid, nullable=False),
    Column("post_id", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Instant, nullable=False),
    CheckConstraint("reason in ('deleted', 'withdrawn', 'edited', 'expired')", name="reason"),
    comment="what was taken out of which answer, why and when; none of its words",
)

claims = Table(
    "claims",
    metadata,
    Column("code", Text, primary_key=True, comment="SHA-256 of the code"),
    Column("viewer", Text, nullable=False, comment="SHA-256 of the viewer's cookie"),
    Column("network", Text, nullable=False),
    Column("expires_at", Instant, nullable=False),
    comment="codes that an account's owner is asked to post",
)
Index("ix_claims_viewer", claims.c.viewer)

members = Table(
    "members",
    metadata,
    Column("viewer", Text, primary_key=True, comment="SHA-256 of the viewer's cookie"),
    Column("network", Text, primary_key=True),
    Column("author", Text, primary_key=True),
    Column("proven_at", Instant, nullable=False),
    comment="viewers who have proven that an account is theirs",
)

withheld = Table(
    "withheld",
    metadata,
    Column("network", Text, primary_key=True),
    Column("uri", Text, primary_key=True),
    Column("by", Text, primary_key=True, comment="self, or a labeller's id and the label"),
    comment="deleted posts that come back when no label is left",
)

sign_ins = Table(
    "sign_ins",
    metadata,
    Column("state", Text, primary_key=True, comment="SHA-256 of what comes back with the browser"),
    Column("viewer", Text, nullable=False, comment="SHA-256 of the viewer's cookie"),
    Column("network", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False, comment="what the login's end needs, encrypted"),
    Column("expires_at", Instant, nullable=False),
    comment="logins with a network that have been begun",
)
Index("ix_sign_ins_viewer", sign_ins.c.viewer)

receipts = Table(
    "receipts",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("answer", Uuid, nullable=False, comment="of a message, where it is kept"),
    Column("post_id", BigInteger, ForeignKey("posts.id", ondelete="CASCADE"), nullable=False),
    Column("account", BigInteger, nullable=False, comment="the post's author"),
    Column("door", Text, nullable=False, comment="app, api or bot"),
    Column("model", Text, comment="that wrote the answer; myna: none did"),
    Column("spans", JSONB, nullable=False, comment="[start, end] of what cites it"),
    Column("at", Instant, nullable=False),
    UniqueConstraint("answer", "post_id"),
    CheckConstraint("door in ('app', 'api', 'bot')", name="door"),
    comment="where posts were used",
)
Index("ix_receipts_account", receipts.c.account, receipts.c.id)
Index("ix_receipts_post_id", receipts.c.post_id)
