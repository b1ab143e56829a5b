"""A store of its own, with posts in it, its index and a searcher: where answers are measured.

Real PostgreSQL, real index, real vectors; gone when the block ends.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from myna.db.engine import Database, open_database
from myna.db.posts import apply_events
from myna.index.embed import Embedder, OnnxEmbedder
from myna.index.embedding import EmbedFollower
from myna.index.follow import Follower
from myna.index.rerank import LateInteraction
from myna.index.search import Searcher
from myna.post import Author, Event, Kind, Post
from myna.settings import Settings

_BATCH = 1_000


def post_of(row: dict[str, Any], network: str) -> Post:
    """A row (id, text and whatever else it has) as a post."""
    author = str(row.get("author") or "someone")
    created = row.get("created_at")
    return Post(
        network=network,
        uri=str(row["id"]),
        author=Author(network, author, author),
        text=row["text"],
        created_at=datetime.fromisoformat(created) if created else datetime(2020, 1, 1, tzinfo=UTC),
        reply_to=row.get("reply_to"),
        lang=row.get("lang"),
        channel=row.get("channel"),
    )


@dataclass(frozen=True, slots=True)
class Bench:
    """A store of its own, its index, and a searcher over both."""

    settings: Settings
    db: Database
    searcher: Searcher
    embedder: Embedder

    def load(self, posts: Sequence[Post]) -> None:
        """Put posts in and index them, text and vectors."""
        now = datetime.now(UTC)
        for start in range(0, len(posts), _BATCH):
            events = [
                Event(Kind.CREATE, post.network, post.uri, post)
                for post in posts[start : start + _BATCH]
            ]
            with self.db.begin() as conn:
                apply_events(conn, events, now=now)
        self.follow()

    def delete(self, network: str, uris: Sequence[str]) -> None:
        """Delete posts as their authors would, and let the index follow."""
        events = [Event(Kind.DELETE, network, uri) for uri in uris]
        with self.db.begin() as conn:
            apply_events(conn, events, now=datetime.now(UTC))
        self.follow()

    def follow(self) -> None:
        """Bring text and vectors up to what is committed."""
        text = Follower(self.db, self.settings.index_dir)
        try:
            text.catch_up()
        finally:
            text.close()
        vectors = EmbedFollower(self.db, self.settings.index_dir, self.embedder)
        try:
            vectors.catch_up()
        finally:
            vectors.close()


@contextmanager
def temporary_bench() -> Iterator[Bench]:
    """An empty store with an embedded PostgreSQL, gone at the end."""
    with tempfile.TemporaryDirectory(prefix="myna-bench-") as home:
        # never the operator's own store, wherever the environment says that it is
        settings = Settings(home=Path(home), database_url=SecretStr(""))
        db = open_database(settings)
        try:
            embedder = OnnxEmbedder()
            searcher = Searcher(
                db, settings.index_dir, embedder=embedder, reranker=LateInteraction(embedder)
            )
            yield Bench(settings, db, searcher, embedder)
        finally:
            db.dispose()
