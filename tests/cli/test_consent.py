"""``myna consent``: for the operator, who leaves a trace."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from myna.cli import build_app
from myna.db.engine import Database
from myna.errors import Conflict, InvalidRequest, NotFound
from myna.post import Author, Post, Use
from myna.safety.consent.ledger import choose
from myna.settings import Settings
from tests.cli.shell import shell_over

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def shell(db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    names = [("id1", "Ann"), ("id2", "bob"), ("id3", "Bob")]
    posts = [Post("net", id, Author("net", id, handle), "words", NOW) for id, handle in names]
    return shell_over(posts, db, settings, monkeypatch, NOW)


def run(shell: CliRunner, *words: str) -> str:
    result = shell.invoke(build_app("consent"), ["consent", *words])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.stdout


def test_show_and_set(shell: CliRunner) -> None:
    assert "train     no   (default)" in run(shell, "show", "net", "ann")
    assert "quote is no now (operator)" in run(
        shell, "set", "net", "ann", "quote", "no", "--why", "letter of 1 March"
    )
    shown = run(shell, "show", "net", "id1")
    assert "quote     no   (operator)" in shown
    assert "quote: no by operator, letter of 1 March" in shown
    told = json.loads(run(shell, "show", "net", "ann", "--json"))
    assert told["author"] == "id1"
    assert told["uses"]["quote"] == {"word": "no", "by": "operator", "why": ""}
    assert told["changes"][0]["why"] == "letter of 1 March"
    run(shell, "set", "net", "ann", "quote", "unsaid", "--why", "taken back")
    assert "quote     yes  (default)" in run(shell, "show", "net", "ann")


def test_what_is_refused(shell: CliRunner, db: Database) -> None:
    with pytest.raises(InvalidRequest, match="id2, id3"):
        run(shell, "show", "net", "bob")
    with pytest.raises(NotFound, match="--unseen"):
        run(shell, "set", "net", "nobody", "train", "yes", "--why", "letter")
    with pytest.raises(InvalidRequest, match="--why"):
        run(shell, "set", "net", "ann", "train", "yes", "--why", " ")
    assert "train is yes" in run(
        shell, "set", "net", "nobody", "train", "yes", "--why", "letter", "--unseen"
    )
    with db.begin() as conn:
        choose(conn, ("net", "id1"), Use.TRAIN, "no", by="member", now=NOW)
    with pytest.raises(Conflict, match="Only the member"):
        run(shell, "set", "net", "ann", "train", "yes", "--why", "letter")
