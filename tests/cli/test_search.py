"""``myna search``: results for people and for scripts."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from typer.testing import CliRunner

from myna.cli import build_app
from myna.db.engine import Database
from myna.post import Author, Post
from myna.settings import Settings
from tests.cli.shell import shell_over


@pytest.fixture
def shell(db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """A shell whose Myna has two posts."""
    now = datetime.now(UTC)
    author = Author("irc", "ann", "ann")
    texts = {"1": "mount the iso image", "2": "burn the iso form image"}
    posts = [Post("irc", uri, author, text, now, channel="#ubuntu") for uri, text in texts.items()]
    return shell_over(posts, db, settings, monkeypatch, now)


def test_posts_are_shown_with_their_place(shell: CliRunner) -> None:
    result = shell.invoke(build_app("search"), ["search", "mount", "iso"])
    assert result.exit_code == 0
    assert "mount the iso image" in result.stdout
    assert "@ann" in result.stdout
    assert "1 post in" in result.stdout


def test_json_for_scripts(shell: CliRunner) -> None:
    result = shell.invoke(
        build_app("search"), ["search", "--json", "--limit", "1", "iso form:image"]
    )
    found = json.loads(result.stdout)
    assert found["query"] == "iso form:image"
    assert "from:" in found["notes"][0]
    assert [set(hit) >= {"uri", "text", "highlights"} for hit in found["hits"]] == [True]


def test_an_exclusion_can_come_first(shell: CliRunner) -> None:
    result = shell.invoke(build_app("search"), ["search", "--json", "--", "-burn", "iso"])
    assert [hit["uri"] for hit in json.loads(result.stdout)["hits"]] == ["1"]


def test_page_after_page(shell: CliRunner) -> None:
    def page(*options: str) -> dict[str, Any]:
        command = ["search", "--json", "--limit", "1", "--sort", "oldest", *options, "iso"]
        return json.loads(shell.invoke(build_app("search"), command).stdout)

    first = page()
    assert first["total_exact"]
    second = page("--cursor", first["next_cursor"])
    assert [one["hits"][0]["uri"] for one in (first, second)] == ["1", "2"]
    assert page("--page", "2")["hits"] == second["hits"]
    assert page("--page", "9")["hits"] == []
    assert second["next_cursor"] is None
    assert first["hits"][0]["snippet"]["text"] == "mount the iso image"
    damaged = shell.invoke(build_app("search"), ["search", "--cursor", "x", "iso"])
    assert "cursor" in str(damaged.exception)
    shown = shell.invoke(build_app("search"), ["search", "--limit", "1", "iso"])
    assert "--page 2" in shown.stderr


def test_counts_over_time(shell: CliRunner) -> None:
    result = shell.invoke(build_app("search"), ["search", "--counts", "iso"])
    assert "2 posts by" in result.stdout
    assert "█" in result.stdout
    result = shell.invoke(
        build_app("search"), ["search", "--counts", "--bucket", "year", "--json", "iso"]
    )
    counted = json.loads(result.stdout)
    assert (counted["bucket"], counted["total"]) == ("year", 2)
    assert [bar["posts"] for bar in counted["bars"]] == [2]
