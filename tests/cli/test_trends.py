"""``myna trends``: for people and for scripts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from myna.cli import build_app
from myna.db.engine import Database
from myna.errors import InvalidRequest
from myna.post import Author, Post
from myna.settings import Settings
from tests.cli.shell import shell_over


@pytest.fixture
def shell(db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """A shell whose Myna has heard of a flood."""
    now = datetime.now(UTC)
    words = ("street", "house", "cellar", "garden", "market", "school", "bridge", "church")
    posts = [
        Post(
            "town",
            str(n),
            Author("town", f"p{n}", f"p{n}"),
            f"water in the {word} number {n}: #flood",
            now - timedelta(minutes=n + 1),
        )
        for n, word in enumerate(words)
    ]
    posts += [
        Post("town", f"old{n}", Author("town", "o", "o"), f"old talk {n}", now - timedelta(days=9))
        for n in range(200)
    ]
    return shell_over(posts, db, settings, monkeypatch, now)


def test_trends_for_people_and_scripts(shell: CliRunner) -> None:
    result = shell.invoke(build_app("trends"), ["trends", "--window", "6h"])
    assert result.exit_code == 0
    assert "#flood" in result.stdout
    assert "8 authors" in result.stdout
    result = shell.invoke(build_app("trends"), ["trends", "--json", "--network", "town"])
    found = json.loads(result.stdout)
    assert (found["window"], found["network"], found["posts"]) == ("1h", "town", 8)
    assert found["trends"][0]["authors"] == 8
    assert len(found["trends"][0]["examples"]) == 3


def test_a_time_that_cannot_be_read_is_refused(shell: CliRunner) -> None:
    result = shell.invoke(build_app("trends"), ["trends", "--at", "soon"])
    assert isinstance(result.exception, InvalidRequest)
    assert "--at needs a time" in str(result.exception)
