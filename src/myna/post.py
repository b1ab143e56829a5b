"""Posts and events: the types that every room shares. Frozen, without dependencies.

Times are timezone-aware UTC. ``created_at`` is what the author claims, ``indexed_at`` is when
Myna saw the post; a claim in the future or a forged one is bounded by ``posted_at``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntFlag, StrEnum
from types import NoneType
from typing import Any


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote a post. ``id`` is stable within ``network``; ``handle`` is what people type.

    A network that tells no more with a post than the id leaves ``handle`` empty: what was told of
    the author elsewhere (``Profile``) stays.
    """

    network: str
    id: str
    handle: str
    name: str = ""
    is_bot: bool = False


@dataclass(frozen=True, slots=True)
class Post:
    """A post as a network gives it. ``uri`` is unique and stable within ``network``."""

    network: str
    uri: str
    author: Author
    text: str
    created_at: datetime
    reply_to: str | None = None
    """URI of the parent in the same network; it may be unknown to Myna or arrive later."""
    lang: str | None = None
    """BCP 47 tag, or None where the network says nothing."""
    channel: str | None = None
    url: str | None = None
    """Where people can see the post on its own network."""
    likes: int = 0
    reposts: int = 0
    revision: str = ""
    """Grows with each edit where the network has one (AT Protocol: the commit's rev)."""
    raw: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the network's record that have no place above."""


class Use(IntFlag):
    """What can be done with a post, as a set; the numbers are stored."""

    RETRIEVE = 1
    """It is found by a search and shown as a result or a source."""
    QUOTE = 2
    """Its words are shown or quoted in an answer."""
    EMBED = 4
    """Vectors are made of it."""
    TRAIN = 8
    """Models are trained on it."""
    GENERATE = 16
    """A language model reads it to write an answer."""


NO_USE = Use(0)
ALL_USES = Use(31)


class State(StrEnum):
    """What has become of a stored post."""

    LIVE = "live"
    HIDDEN = "hidden"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class StoredPost:
    """A post with what the store knows of it. A deleted post keeps no text."""

    id: int
    """Key within this store; the index and the vectors use it."""
    seq: int
    """Change sequence number of the latest change; grows without gaps over the whole store."""
    state: State
    post: Post
    thread: str
    """URI of the thread's root as far as it is known (its own URI for a root)."""
    indexed_at: datetime
    edited_at: datetime | None = None
    account: int = 0
    """Key of the author within this store; 0 where nothing is kept of the author."""
    refused: Use = NO_USE
    """Uses that the author does not allow, at the moment when the post was read."""

    @property
    def posted_at(self) -> datetime:
        """The time to sort and filter by: the claim, but never later than we saw it."""
        return min(self.post.created_at, self.indexed_at)


class Kind(StrEnum):
    """What an event says."""

    CREATE = "create"
    EDIT = "edit"
    DELETE = "delete"
    HIDE = "hide"
    """Of an account: nothing of it is shown until it returns (deactivated, suspended)."""
    PURGE = "purge"
    """Of an account: all that it has posted is deleted for good (account deleted)."""
    RETURN = "return"
    """Of an account: what was hidden is shown again, and what was purged may post anew."""
    SIGNAL = "signal"
    """Of an account: what it lets be done with its posts, as its network records it."""
    PROFILE = "profile"
    """Of an account: how it is called, and whether it says that it is a bot."""
    ENGAGE = "engage"
    """A like or a repost, under a URI of its own."""
    WITHDRAW = "withdraw"
    """A like or a repost is taken back; ``Event.uri`` is the like's."""
    RULE = "rule"
    """Of a post: who may reply to it; ``Event.uri`` is the post's."""
    WITHHOLD = "withhold"
    """Of a post: not everybody may see it, as its author or a labeller says. It is deleted here."""
    RESTORE = "restore"
    """One that was withheld may be seen again; it comes with the event. It changes nothing where the
    post was deleted otherwise, or is withheld for another reason, too."""


ACCOUNT_KINDS = frozenset({Kind.HIDE, Kind.PURGE, Kind.RETURN})
"""Events of an author and of all its posts at once: ``Event.uri`` is the author's id."""
ENGAGEMENT_KINDS = frozenset({Kind.ENGAGE, Kind.WITHDRAW})


@dataclass(frozen=True, slots=True)
class Signal:
    """A record of a network that bears on what may be done with an account's posts.

    A source hands over what the network says, before the posts that it is about where it can;
    ``safety.consent`` reads it and keeps only what it means. Forms that are read:

    - ``community.lexicon.preference.ai``, ``org.user-intents.declaration`` (or ``.demo.``) and
      ``app.bsky.actor.profile``: the AT record, under its record key;
    - ``com.atproto.label.defs#label``: a label on the account, ``key`` is the labeller's id and
      the value, as in ``did:plc:abc/!hide``; one that is negated or past is gone;
    - ``mastodon.account``, ``x.account``: the account as the network's API gives it.
    """

    form: str
    key: str = "self"
    """Tells apart several of one form."""
    record: Mapping[str, Any] | None = None
    """None: the network does not say it any more."""
    revision: str = ""
    """Grows with each change where the network has one: an older one changes nothing."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What a network tells of an account; None is nothing, and changes nothing."""

    handle: str | None = None
    name: str | None = None
    is_bot: bool | None = None


class Engaged(StrEnum):
    """How somebody engages with a post."""

    LIKE = "like"
    REPOST = "repost"


@dataclass(frozen=True, slots=True)
class Engagement:
    """Somebody likes or reposts the post ``subject`` (its URI). It is counted once, whoever tells
    it how often, and only while the post is there."""

    subject: str
    how: Engaged


@dataclass(frozen=True, slots=True)
class Withheld:
    """Why a post is withheld, or was: ``by`` tells apart several reasons, as ``self`` (a label of its
    author's) or a labeller's id and the label."""

    by: str


@dataclass(frozen=True, slots=True)
class ReplyRule:
    """Who may reply to a post, as its author says: AT Protocol's threadgate."""

    allow: tuple[str, ...] | None = None
    """Kinds of accounts, as ``mention``, ``follower``, ``following`` or a list's URI; () is
    nobody, None is everybody."""
    hidden: tuple[str, ...] = ()
    """URIs of replies that the author hides."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened on a network. ``post`` is there for a create, an edit or a restore,
    ``signal`` for a signal alone, ``told`` for what its kind says. Of a signal or a profile,
    ``uri`` is the account's id."""

    kind: Kind
    network: str
    uri: str
    post: Post | None = None
    signal: Signal | None = None
    told: Profile | Engagement | ReplyRule | Withheld | None = None

    def __post_init__(self) -> None:
        if (self.post is not None) != (self.kind in (Kind.CREATE, Kind.EDIT, Kind.RESTORE)):
            raise ValueError(f"a {self.kind} event must {'not ' if self.post else ''}carry a post")
        if (self.signal is not None) != (self.kind is Kind.SIGNAL):
            raise ValueError(f"a {self.kind} event and a signal do not go together")
        if type(self.told) is not _TOLD.get(self.kind, NoneType):
            raise ValueError(f"a {self.kind} event and {type(self.told)} do not go together")


_TOLD: Mapping[Kind, type] = {
    Kind.PROFILE: Profile,
    Kind.ENGAGE: Engagement,
    Kind.RULE: ReplyRule,
    Kind.WITHHOLD: Withheld,
    Kind.RESTORE: Withheld,
}
