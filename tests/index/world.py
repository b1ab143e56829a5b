"""A store with an index over it: posts go in, the followers run, a searcher looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import tantivy

from myna.db.engine import Database
from myna.db.posts import apply_events, find_post
from myna.index.analysis import Analysis, analyse
from myna.index.embed import OnnxEmbedder
from myna.index.embedding import EmbedFollower
from myna.index.follow import Follower
from myna.index.parents import Above, Parents
from myna.index.results import Hit
from myna.index.schema import document, fields_of
from myna.index.search import Searcher
from myna.index.words import words_of
from myna.post import Author, Event, Kind, Post, State, StoredPost

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def make_post(
    uri: str, text: str, *, by: str = "ann", hours_ago: float = 1, **fields: object
) -> Post:
    """A post of the network ``test``."""
    post = Post(
        network="test",
        uri=uri,
        author=Author("test", by, by),
        text=text,
        created_at=NOW - timedelta(hours=hours_ago),
    )
    return replace(post, **fields)


def stored(id: int, post: Post, *, seq: int | None = None, state: State = State.LIVE) -> StoredPost:
    """The post as the store would give it."""
    return StoredPost(id, seq or id, state, post, thread=post.uri, indexed_at=NOW)


def made(post: StoredPost, above: Above | None = None) -> tantivy.Document:
    """The document of a live post that is its own origin."""
    fields = fields_of(post, words_of(post.post), above)
    return document(fields, fields.own)


def analysed(posts: Sequence[StoredPost]) -> Analysis:
    """The posts as the index takes them in, when the store knows no parent of any reply."""
    return analyse(posts, Parents(), nobody)


def nobody(replies: Sequence[StoredPost]) -> dict[int, StoredPost]:
    """A store that knows no parent of any reply."""
    del replies
    return {}


@dataclass
class World:
    """A store, its index folder, and what moves between them."""

    db: Database
    folder: Path
    embedder: OnnxEmbedder
    searcher: Searcher

    def add(self, *posts: Post, index: bool = True) -> None:
        """New or edited posts."""
        events = [
            Event(Kind.EDIT if self.find(post.uri) else Kind.CREATE, "test", post.uri, post)
            for post in posts
        ]
        with self.db.begin() as conn:
            apply_events(conn, events, now=NOW)
        if index:
            self.follow()

    def delete(self, *uris: str, index: bool = True) -> None:
        """Deletions."""
        with self.db.begin() as conn:
            apply_events(conn, [Event(Kind.DELETE, "test", uri) for uri in uris], now=NOW)
        if index:
            self.follow()

    def find(self, uri: str) -> StoredPost | None:
        """A live post."""
        with self.db.begin() as conn:
            return find_post(conn, "test", uri)

    def follow(self, *, vectors: bool = True) -> None:
        """Bring the index up to the store."""
        text = Follower(self.db, self.folder)
        try:
            text.catch_up()
        finally:
            text.close()
        if vectors:
            embed = EmbedFollower(self.db, self.folder, self.embedder)
            try:
                embed.catch_up()
            finally:
                embed.close()

    def search(self, query: str, **options: Any) -> list[str]:
        """URIs of what a search finds."""
        return uris(self.searcher.search(query, now=NOW, **options).hits)

    def retrieve(self, question: str) -> list[str]:
        """URIs of what a question finds."""
        return uris(self.searcher.retrieve(question, now=NOW).hits)


def uris(hits: Sequence[Hit]) -> list[str]:
    """The posts' URIs, in order."""
    return [hit.post.post.uri for hit in hits]
