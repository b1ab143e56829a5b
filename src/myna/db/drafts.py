"""Deciding what an event does to a post: pure functions, without the database.

The rules: a deletion is for good, also one that comes before its post; an older revision changes
nothing; nor does content that is there already.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from myna.db.content import Content
from myna.post import Kind, State

Key = tuple[str, str]
"""Network and URI."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of the events of a batch; together they are as many as the events."""

    created: int = 0
    edited: int = 0
    deleted: int = 0
    unchanged: int = 0
    """Replays, older revisions, and anything about a post that is already deleted."""
    accounts: int = 0
    """Accounts that were hidden, purged, brought back, or named."""
    engagements: int = 0
    """Likes and reposts that were counted or taken back."""

    def __add__(self, other: Applied) -> Applied:
        return Applied(
            self.created + other.created,
            self.edited + other.edited,
            self.deleted + other.deleted,
            self.unchanged + other.unchanged,
            self.accounts + other.accounts,
            self.engagements + other.engagements,
        )


@dataclass(slots=True)
class Draft:
    """A post while the events of a batch are laid over what the store has of it."""

    key: Key
    id: int | None
    """None: the store does not know the post yet."""
    state: State
    revision: str
    fingerprint: int
    thread: str
    reply_to: str | None = None
    created_at: datetime | None = None
    """Where a post was deleted in the batch that brought it: its place in the thread stays."""
    content: Content | None = None
    """What to write; None while nothing has changed, and for a deleted post."""
    changed: bool = False
    edited: bool = False
    created: int = 0
    edits: int = 0
    deleted: int = 0
    unchanged: int = 0
    stored: tuple[State, int] | None = None

    def lay(self, event: Content) -> bool:
        """Lay one event over the draft; whether it changed anything. A deletion is for good."""
        if self.state is State.DELETED:
            self.unchanged += 1
            return False
        if event.post is None:
            self.state, self.content, self.changed = State.DELETED, None, True
            self.deleted += 1
            return True
        if self._is_older(event) or event.fingerprint == self.fingerprint:
            self.unchanged += 1
            return False
        before = self.content.post if self.content else None
        self.edited = self.edited or event.kind is Kind.EDIT
        self.edited = self.edited or (before is not None and before.text != event.post.text)
        self.content, self.changed = event, True
        self.revision, self.fingerprint = event.post.revision, event.fingerprint
        self.edits += 1
        return True

    def _is_older(self, event: Content) -> bool:
        """Revisions are compared as text. A create without one cannot follow one."""
        revision = event.post.revision if event.post else ""
        if not revision:
            return bool(self.revision) and event.kind is Kind.CREATE
        return revision < self.revision

    def settle(self) -> Applied:
        """The count of its events; they come to nothing where the stored content is back."""
        if self.changed and self.stored == (self.state, self.fingerprint):
            self.changed = False
            return Applied(unchanged=self.edits + self.deleted + self.unchanged)
        return Applied(self.created, self.edits, self.deleted, self.unchanged)


def draft_of(event: Content) -> Draft:
    """The draft of a post that the store has not seen. A delete leaves a tombstone, so that a
    create that comes late does not bring the post back."""
    key = (event.network, event.uri)
    if event.post is None:
        return Draft(key, None, State.DELETED, "", 0, event.uri, changed=True, deleted=1)
    return Draft(
        key,
        None,
        State.LIVE,
        event.post.revision,
        event.fingerprint,
        event.uri,
        reply_to=event.post.reply_to,
        created_at=event.post.created_at,
        content=event,
        changed=True,
        edited=event.kind is Kind.EDIT,
        created=1,
    )


def find_thread(key: Key, fresh: Mapping[Key, str | None], known: Mapping[Key, str]) -> str:
    """The root of ``key``'s thread as far as it can be known.

    ``fresh`` maps the posts of this batch to their parents' URIs (None for a root), ``known`` the
    stored posts to their threads. A post without a known parent stands under that parent's URI:
    when the parent arrives, everything under it moves at once. A ring of replies has the least of
    its URIs for a root.
    """
    network, uri = key
    seen: dict[str, None] = {}
    while uri not in seen:
        seen[uri] = None
        here = (network, uri)
        if here in fresh:
            parent = fresh[here]
            if parent is None:
                return uri
            uri = parent
        elif here in known and (network, known[here]) in fresh:
            uri = known[here]
        else:
            return known.get(here, uri)
    way = list(seen)
    return min(way[way.index(uri) :])
