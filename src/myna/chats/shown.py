"""Messages as a viewer sees them: their rows, newer state from memory, and their sources.

The posts behind an answer are always read through the store, so that one deleted since is not
shown again. These functions run in a thread, inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import Connection

from myna.chats.draft import Draft
from myna.chats.redaction import losses, reasons, redact
from myna.db.chats import Message, Progress
from myna.db.grounds import POST, Ground, read_grounds, read_present
from myna.db.posts import get_parents, get_posts
from myna.post import StoredPost


@dataclass(frozen=True, slots=True)
class ShownSource:
    """A source as it is now: ``post`` is None where it was deleted since."""

    number: int
    post: StoredPost | None
    parent: StoredPost | None
    score: float | None = None
    copies: int = 1
    """Posts that were found and say the same, this one among them."""


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """A message with its sources."""

    message: Message
    sources: tuple[ShownSource, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What memory knows of an answer that the store does not have yet."""

    progress: Progress
    grounds: Sequence[Ground]
    scores: Mapping[int, float]

    @classmethod
    def of(cls, draft: Draft) -> Snapshot:
        """A copy that may cross threads."""
        scores = {source.number: source.score for source in draft.sources}
        return cls(draft.progress(), draft.grounds(), scores)


def show(
    conn: Connection, messages: Sequence[Message], newer: Mapping[UUID, Snapshot]
) -> list[ShownMessage]:
    """Messages with their sources; ``newer`` wins over the rows. What rests on a post that may not
    be used at this moment is left out, whether or not it was taken out of the rows by now."""
    grounds: dict[UUID, Sequence[Ground]] = {
        **read_grounds(conn, [one.id for one in messages]),
        **{one.id: newer[one.id].grounds for one in messages if one.id in newer},
    }
    everything = [ground for found in grounds.values() for ground in found]
    present = read_present(conn, {ground.post_id for ground in everything})
    posts, parents = _read_posts(conn, {one.post_id for one in everything if one.part == POST})
    shown: list[ShownMessage] = []
    for message in messages:
        snapshot = newer.get(message.id)
        mine = grounds.get(message.id, ())
        gone = reasons(losses(mine, present))
        progress = redact(snapshot.progress if snapshot else message.progress, gone)
        scores = snapshot.scores if snapshot else {}
        numbered = {one.number: one.post_id for one in mine if one.part == POST}
        copies = {one.number: one.copies for one in mine if one.part == POST}
        sources = tuple(
            replace(one, copies=copies.get(one.number, 1))
            for one in _sources(numbered, scores, posts, parents)
        )
        shown.append(ShownMessage(replace(message, progress=progress), sources))
    return shown


def show_sources(
    conn: Connection, numbered: Mapping[int, int], scores: Mapping[int, float]
) -> tuple[ShownSource, ...]:
    """The numbered posts as they are now."""
    return _sources(numbered, scores, *_read_posts(conn, set(numbered.values())))


def _read_posts(
    conn: Connection, ids: set[int]
) -> tuple[dict[int, StoredPost], dict[int, StoredPost]]:
    posts = get_posts(conn, sorted(ids)) if ids else {}
    return posts, get_parents(conn, list(posts.values())) if posts else {}


def _sources(
    numbered: Mapping[int, int],
    scores: Mapping[int, float],
    posts: Mapping[int, StoredPost],
    parents: Mapping[int, StoredPost],
) -> tuple[ShownSource, ...]:
    return tuple(
        ShownSource(number, posts.get(id), parents.get(id), scores.get(number))
        for number, id in sorted(numbered.items())
    )
