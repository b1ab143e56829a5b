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
from myna.db.chats import Message, Progress, read_sources
from myna.db.posts import get_parents, get_posts
from myna.post import StoredPost


@dataclass(frozen=True, slots=True)
class ShownSource:
    """A source as it is now: ``post`` is None where it was deleted since."""

    number: int
    post: StoredPost | None
    parent: StoredPost | None
    score: float | None = None


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """A message with its sources."""

    message: Message
    sources: tuple[ShownSource, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What memory knows of an answer that the store does not have yet."""

    progress: Progress
    numbered: Mapping[int, int]
    scores: Mapping[int, float]

    @classmethod
    def of(cls, draft: Draft) -> Snapshot:
        """A copy that may cross threads."""
        scores = {source.number: source.score for source in draft.sources}
        return cls(draft.progress(), draft.numbered, scores)


def show(
    conn: Connection, messages: Sequence[Message], newer: Mapping[UUID, Snapshot]
) -> list[ShownMessage]:
    """Messages with their sources; ``newer`` wins over the rows."""
    numbered: dict[UUID, Mapping[int, int]] = {
        **read_sources(conn, [one.id for one in messages]),
        **{one.id: newer[one.id].numbered for one in messages if one.id in newer},
    }
    posts, parents = _read_posts(conn, {id for ids in numbered.values() for id in ids.values()})
    shown: list[ShownMessage] = []
    for message in messages:
        snapshot = newer.get(message.id)
        if snapshot:
            message = replace(message, progress=snapshot.progress)  # noqa: PLW2901
        scores = snapshot.scores if snapshot else {}
        sources = _sources(numbered.get(message.id, {}), scores, posts, parents)
        shown.append(ShownMessage(message, sources))
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
