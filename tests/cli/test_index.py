"""``myna index``: one sentence or one table, and an exit status for scripts."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from myna.cli import build_app
from myna.db.engine import Database
from myna.index.checkpoint import load_checkpoint
from myna.post import Author, Post
from myna.settings import Settings
from tests.cli.shell import shell_over


@pytest.fixture
def shell(db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """A shell whose Myna has twenty posts."""
    now = datetime.now(UTC)
    author = Author("irc", "ann", "ann")
    posts = [Post("irc", str(n), author, f"post {n} on disks", now) for n in range(20)]
    return shell_over(posts, db, settings, monkeypatch, now)


def test_rebuild_says_what_it_did(shell: CliRunner, settings: Settings) -> None:
    before = load_checkpoint(settings.index_dir / "text.json")
    result = shell.invoke(build_app("index"), ["index", "rebuild"])
    assert result.exit_code == 0
    assert "built anew" in result.stdout
    after = load_checkpoint(settings.index_dir / "text.json")
    assert before is not None
    assert after is not None
    assert before.generation != after.generation


def test_check_prints_a_table_and_tells_scripts(shell: CliRunner, settings: Settings) -> None:
    result = shell.invoke(build_app("index"), ["index", "check"])
    assert result.exit_code == 0
    assert "missing" in result.stdout
    checkpoint = load_checkpoint(settings.index_dir / "text.json")
    assert checkpoint is not None
    shutil.rmtree(settings.index_dir / checkpoint.generation)
    result = shell.invoke(build_app("index"), ["index", "check", "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout)["text"]["missing"] == 20
    result = shell.invoke(build_app("index"), ["index", "check", "--repair", "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout.splitlines()[-1])["agrees"] is True
