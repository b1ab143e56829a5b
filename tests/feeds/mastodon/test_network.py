"""Mastodon is connected on the command line, and what was connected runs."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from myna.cli import build_app
from myna.db.connections import find_connection
from myna.db.engine import Database
from myna.db.networks import list_networks
from myna.db.posts import counts
from myna.db.vault import Vault
from myna.errors import InvalidRequest, MynaError, SourceError
from myna.feeds.connected import run_connected
from myna.feeds.mastodon.network import MASTODON
from myna.settings import Settings
from tests.feeds.mastodon.fake_instance import TOKEN, FakeInstance, running


@pytest.fixture
def fake() -> Iterator[FakeInstance]:
    with running(FakeInstance()) as made:
        yield made


@pytest.fixture
def shell(db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("MYNA_HOME", str(settings.home))
    monkeypatch.setenv("MYNA_DATABASE_URL", settings.database_url.get_secret_value())
    return CliRunner()


def connect(shell: CliRunner, *choices: str, token: str = TOKEN) -> str:
    words = [word for choice in choices for word in ("--set", choice)]
    result = shell.invoke(
        build_app("connect"),
        ["connect", "mastodon", *words, "--yes", "--secret-stdin"],
        input=f"{token}\n",
    )
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert token not in result.output
    return result.output


def test_an_instance_is_connected_and_read(
    fake: FakeInstance, shell: CliRunner, db: Database, settings: Settings
) -> None:
    output = connect(shell, f"instance={fake.base}", "timelines=local #birds", "name=home")
    assert "instance.example streams local, #birds; logged in as @myna@instance.example" in output
    with db.begin() as conn:
        found = find_connection(conn, "home")
        assert [one.name for one in list_networks(conn)] == ["mastodon"]
    assert found
    assert found.settings["characters"] == 500
    assert TOKEN not in json.dumps(dict(found.settings))
    assert found.secret(Vault(settings.home)).reveal("token") == TOKEN
    workers = MASTODON.workers(found, found.secret(Vault(settings.home)))
    assert [one.name for one in workers] == ["local", "#birds", "review"]

    stop = threading.Event()
    thread = threading.Thread(target=run_connected, args=(settings, db, stop))
    thread.start()
    try:
        limit = time.monotonic() + 20
        while fake.listeners < 2:
            assert time.monotonic() < limit
            time.sleep(0.02)
        fake.say(fake.status("one"))
        fake.say(fake.status("two"), stream="hashtag birds")
        while True:
            with db.begin() as conn:
                if counts(conn).networks == {"mastodon": 2}:
                    break
            assert time.monotonic() < limit
            time.sleep(0.05)
    finally:
        stop.set()
        thread.join(20)
    told = json.loads(shell.invoke(build_app("networks"), ["networks", "--json"]).output)
    (network,) = told["networks"]
    assert network["account"] == "myna@instance.example"
    assert {one["name"] for one in network["sources"]} >= {"home:local", "home:#birds"}


@pytest.mark.parametrize(
    ("choice", "error", "says"),
    [
        ("instance=ftp://x", InvalidRequest, "named by its host"),
        ("instance=http://remote.example", InvalidRequest, "named by its host"),
        ("instance=http://127.0.0.1:9", SourceError, "cannot be reached"),
        ("timelines=everything", InvalidRequest, "list:ID"),
        ("timelines=list:7", InvalidRequest, "no timeline list:7"),
        ("hours=999", InvalidRequest, "hours"),
    ],
)
def test_what_cannot_be_connected(
    fake: FakeInstance,
    shell: CliRunner,
    db: Database,
    choice: str,
    error: type[MynaError],
    says: str,
) -> None:
    with pytest.raises(error, match=says):
        connect(shell, f"instance={fake.base}", choice)
    with db.begin() as conn:
        assert counts(conn).posts == 0
        assert list_networks(conn) == []


def test_a_token_that_is_not_taken(fake: FakeInstance, shell: CliRunner) -> None:
    with pytest.raises(SourceError, match="does not take the token"):
        connect(shell, f"instance={fake.base}", token="another")
