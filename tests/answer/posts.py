"""Posts for the tests of the answer room."""

from __future__ import annotations

from datetime import UTC, datetime

from myna.answer.events import Source
from myna.post import Author, Post, State, StoredPost

WHEN = datetime(2020, 1, 1, tzinfo=UTC)


def a_post(number: int, text: str, reply_to: str | None = None, author: str = "ann") -> StoredPost:
    """A live post."""
    post = Post("net", f"p{number}", Author("net", author, author), text, WHEN, reply_to)
    return StoredPost(number, number, State.LIVE, post, reply_to or post.uri, WHEN)


def a_source(number: int, text: str, parent: str | None = None, author: str = "ann") -> Source:
    """A numbered post, maybe below another."""
    above = a_post(1000 + number, parent, author="asker") if parent else None
    post = a_post(number, text, above.post.uri if above else None, author)
    return Source(number, post, above, 10.0 - number)


def flat(term: str) -> float:
    """Every term stands out as much as any other."""
    del term
    return 3.0
