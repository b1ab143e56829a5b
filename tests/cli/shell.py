"""A shell for the tests of commands that read an indexed store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pytest
from typer.testing import CliRunner

from myna.db.engine import Database
from myna.db.posts import apply_events
from myna.index.follow import Follower
from myna.post import Event, Kind, Post
from myna.settings import Settings


def shell_over(
    posts: Sequence[Post],
    db: Database,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    now: datetime,
) -> CliRunner:
    """A shell whose Myna has these posts, stored at ``now`` and in the text index."""
    events = [Event(Kind.CREATE, post.network, post.uri, post) for post in posts]
    with db.begin() as conn:
        apply_events(conn, events, now=now)
    follower = Follower(db, settings.index_dir)
    follower.catch_up()
    follower.close()
    monkeypatch.setenv("MYNA_HOME", str(settings.home))
    monkeypatch.setenv("MYNA_DATABASE_URL", settings.database_url.get_secret_value())
    return CliRunner()
