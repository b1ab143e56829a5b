"""Trends over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from myna.db.engine import Database
from myna.db.posts import apply_events
from myna.index.follow import Follower
from myna.index.trends import Trends
from myna.post import Author, Event, Kind, Post
from myna.settings import Settings
from tests.web.live import Live, fake_parts, serving

NOW = datetime(2026, 11, 23, tzinfo=UTC)
WORDS = ("street", "house", "cellar", "garden", "market", "school", "bridge", "church")


@pytest.fixture
def live(settings: Settings, db: Database) -> Iterator[Live]:
    """The app of a town with a flood."""
    posts = [
        Post(
            "town",
            str(n),
            Author("town", f"p{n}", f"p{n}"),
            f"water in the {word} number {n}: #flood",
            NOW - timedelta(minutes=n),
        )
        for n, word in enumerate(WORDS)
    ]
    with db.begin() as conn:
        apply_events(conn, [Event(Kind.CREATE, "town", post.uri, post) for post in posts], now=NOW)
    follower = Follower(db, settings.index_dir)
    follower.catch_up()
    follower.close()
    parts = fake_parts(db, trends=Trends(db, settings.index_dir))
    with serving(settings, parts) as server:
        yield server


def test_trends(live: Live, client: httpx2.Client) -> None:
    found = client.get("/api/trends", params={"window": "6h", "limit": 1}).raise_for_status().json()
    assert found["at"] == "2026-11-23T00:00:00Z"
    assert found["posts"] == 8
    response = client.get("/api/trends", params={"at": "2026-11-20T00:00"})
    assert response.json()["trends"] == []


@pytest.mark.parametrize("wrong", [{"window": "2h"}, {"limit": 0}, {"at": "soon"}])
def test_what_cannot_be_meant_is_refused(
    live: Live, client: httpx2.Client, wrong: dict[str, str]
) -> None:
    assert client.get("/api/trends", params=wrong).status_code in {400, 422}
