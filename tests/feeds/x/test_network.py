"""X is connected on the command line: what is asked, tried, kept and refused."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from myna.cli import build_app
from myna.db.connections import find_connection
from myna.db.engine import Database
from myna.db.vault import Vault
from myna.errors import InvalidRequest, SourceError
from myna.feeds.x.network import NETWORK_X
from myna.settings import Settings
from tests.feeds.x.fake_x_server import BEARER, FakeX, running

WORDS = ("api-key", "api-secret", "access-token", "access-secret")


@pytest.fixture
def fake() -> Iterator[FakeX]:
    with running(FakeX()) as made:
        yield made


@pytest.fixture
def shell(db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("MYNA_HOME", str(settings.home))
    monkeypatch.setenv("MYNA_DATABASE_URL", settings.database_url.get_secret_value())
    return CliRunner()


def connect(shell: CliRunner, fake: FakeX, *choices: str, bearer: str = BEARER) -> str:
    words = [word for one in (f"api={fake.base}", *choices) for word in ("--set", one)]
    result = shell.invoke(
        build_app("connect"),
        ["connect", "x", *words, "--yes", "--secret-stdin"],
        input="\n".join((bearer, *WORDS, "")),
    )
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert bearer not in result.output
    return result.output


def test_it_is_connected_to_read_and_to_answer(
    fake: FakeX, shell: CliRunner, db: Database, settings: Settings
) -> None:
    output = connect(shell, fake, "rules=birds | #owl", "handle=@Myna", "labelled=yes")
    assert "2 rules are taken; logged in as @myna" in output
    assert fake.rules == {}, "they are set when it runs"
    with db.begin() as conn:
        found = find_connection(conn, "x")
    assert found
    assert found.settings["rules"] == ["birds", "#owl"]
    shown = json.dumps(dict(found.settings))
    assert not any(word in shown for word in (BEARER, *WORDS))
    secret = found.secret(Vault(settings.home))
    assert secret.reveal("token_secret") == "access-secret"
    workers = NETWORK_X.workers(found, secret)
    assert [one.name for one in workers] == ["stream", "mentions", "compliance"]


def test_and_to_read_alone(
    fake: FakeX, shell: CliRunner, db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THE_X_BEARER", BEARER)
    words = ["--set", f"api={fake.base}", "--set", "rules=birds", "--yes", "--secret-env", "THE_X"]
    result = shell.invoke(build_app("connect"), ["connect", "x", *words])
    assert "1 rules are taken" in result.output
    with db.begin() as conn:
        found = find_connection(conn, "x")
    assert found
    workers = NETWORK_X.workers(found, found.secret(Vault(settings.home)))
    assert [one.name for one in workers] == ["stream", "compliance"]


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        (("handle=myna",), "label “Automated”"),
        (("handle=somebody", "labelled=yes"), "not of this account"),
        (("rules=(broken",), "does not take these rules"),
        ((), "nothing to read"),
        (("rules=" + "x" * 600,), "at most 512"),
        (("api=http://elsewhere.example", "rules=a"), "https://"),
    ],
)
def test_what_cannot_be_connected(
    fake: FakeX, shell: CliRunner, db: Database, choices: tuple[str, ...], says: str
) -> None:
    with pytest.raises(InvalidRequest, match=says):
        connect(shell, fake, *choices)
    with db.begin() as conn:
        assert find_connection(conn, "x") is None


def test_a_token_that_is_not_taken(fake: FakeX, shell: CliRunner) -> None:
    with pytest.raises(SourceError, match="does not take the tokens"):
        connect(shell, fake, "rules=birds", bearer="another")
