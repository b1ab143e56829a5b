"""Connecting on the command line: what is asked, where secrets come from, and what is shown."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from myna.cli import build_app
from myna.cli import connect as connecting
from myna.db.connections import Connected, Secret, find_connection
from myna.db.engine import Database
from myna.db.networks import Network as KnownNetwork
from myna.db.networks import list_networks
from myna.db.posts import Applied
from myna.db.sources import Gap, save_cursor, save_gap
from myna.db.vault import Vault
from myna.errors import ConfigurationError, InvalidRequest, SourceError
from myna.feeds.networks import Checked, Question, Worker
from myna.settings import Settings
from tests.feeds.bluesky.fake_host import FakeHost, Protocol, running

PASSWORD = "correct-horse-battery"


@dataclass
class FakeNetwork:
    """A fake kind of network that takes one password."""

    kind: str = "fake"
    title: str = "Fake"
    questions: Sequence[Question] = (
        Question("host", "Host", default="fake.example"),
        Question("handle", "Handle", default=""),
        Question("password", "Password", secret=True, needs="handle"),
    )

    def check(self, answers: Mapping[str, str], secret: Secret) -> Checked:
        if answers.get("handle") and secret.reveal("password") != PASSWORD:
            raise SourceError("The password is wrong.")
        return Checked("fake", answers, secret, KnownNetwork("fake", "Fake"), "it answers")

    def workers(self, connection: Connected, secret: Secret) -> Sequence[Worker]:
        del connection, secret
        return []

    def backfill(self, db: Database, connection: Connected, account: str) -> Applied:
        del db, connection, account
        return Applied()

    def time_of(self, cursor: str) -> datetime | None:
        del cursor
        return None


@pytest.fixture
def shell(db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("MYNA_HOME", str(settings.home))
    monkeypatch.setenv("MYNA_DATABASE_URL", settings.database_url.get_secret_value())
    return CliRunner()


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "kinds", lambda: ("fake",))
    monkeypatch.setattr(connecting, "network_of", lambda _kind: FakeNetwork())


def run(shell: CliRunner, *words: str, **more: object) -> str:
    result = shell.invoke(build_app(words[0]), list(words), **more)  # type: ignore[arg-type]
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert PASSWORD not in result.output
    return result.output


def stored(db: Database, settings: Settings) -> str | None:
    with db.begin() as conn:
        found = find_connection(conn, "fake")
    assert found
    return found.secret(Vault(settings.home)).reveal("password")


WITH_HANDLE = ("connect", "fake", "--set", "handle=myna.example", "--yes")


@pytest.mark.usefixtures("fake")
def test_a_secret_comes_from_stdin_or_the_environment(
    shell: CliRunner, db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = run(shell, *WITH_HANDLE, "--secret-stdin", input=f"{PASSWORD}\n")
    assert "Fake is connected as fake: it answers." in output
    assert stored(db, settings) == PASSWORD
    run(shell, "disconnect", "fake")
    monkeypatch.setenv("THE_PASSWORD", PASSWORD)
    run(shell, *WITH_HANDLE, "--secret-env", "THE_PASSWORD")
    assert stored(db, settings) == PASSWORD


@pytest.mark.usefixtures("fake")
def test_without_an_account_no_secret_is_asked_for(
    shell: CliRunner, db: Database, settings: Settings
) -> None:
    run(shell, "connect", "fake", "--yes")
    assert stored(db, settings) is None
    assert not (settings.home / "secrets.key").exists()


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize(
    ("words", "typed", "error", "says"),
    [
        (WITH_HANDLE, "", InvalidRequest, "--secret-stdin"),
        ((*WITH_HANDLE, "--secret-stdin"), "\n", ConfigurationError, "is empty"),
        ((*WITH_HANDLE, "--secret-env", "NOWHERE"), "", ConfigurationError, "NOWHERE is empty"),
        ((*WITH_HANDLE, "--secret-stdin"), "wrong\n", SourceError, "wrong"),
        (("connect", "fake", "--set", f"password={PASSWORD}"), "", InvalidRequest, "handle, host"),
        (("connect", "myspace"), "", InvalidRequest, "fake"),
    ],
)
def test_what_cannot_be_used_is_told_and_nothing_is_kept(
    shell: CliRunner,
    db: Database,
    words: Sequence[str],
    typed: str,
    error: type[Exception],
    says: str,
) -> None:
    with pytest.raises(error, match=says):
        run(shell, *words, input=typed)
    with db.begin() as conn:
        assert find_connection(conn, "fake") is None


def test_bluesky_is_connected_shown_and_disconnected(shell: CliRunner, db: Database) -> None:
    with running(FakeHost(Protocol.JETSTREAM_1)) as host:
        choices = (f"stream={host.base}", "fallbacks=-", "appview=-", "labels=-", "relay=-")
        words = [word for choice in choices for word in ("--set", choice)]
        output = run(shell, "connect", "bluesky", *words, "--yes")
    assert f"{host.host} streams (v1)" in output
    now = datetime.now(UTC)
    micros = int((now - timedelta(seconds=2)).timestamp() * 1e6)
    with db.begin() as conn:
        assert [network.title for network in list_networks(conn)] == ["Bluesky"]
        save_cursor(conn, "bluesky", f"v1 h {micros}", accepted=10, rejected=1, now=now)
        save_gap(conn, "bluesky", Gap(now - timedelta(hours=1), now, "too old"), now=now)
    told = json.loads(run(shell, "networks", "--json"))
    (network,) = told["networks"]
    assert (network["name"], network["account"], network["error"]) == ("bluesky", None, None)
    (source,) = network["sources"]
    assert (source["accepted"], source["rejected"]) == (10, 1)
    assert source["lag_s"] == pytest.approx(2, abs=0.1)
    assert [gap["reason"] for gap in told["gaps"]] == ["too old"]
    assert "too old" in run(shell, "networks")
    run(shell, "disconnect", "bluesky")
    assert "No network is connected" in run(shell, "networks")
    with pytest.raises(InvalidRequest, match="not connected"):
        run(shell, "disconnect", "bluesky")


@pytest.mark.parametrize(
    ("choice", "error", "says"),
    [
        ("stream=https://example.org", InvalidRequest, "wss://HOST"),
        ("fallbacks=nowhere", InvalidRequest, "wss://HOST"),
        ("hours=999", InvalidRequest, "--hours"),
        ("appview=ftp://example.org", InvalidRequest, "--appview"),
        ("name=a b", SourceError, "network's name"),
        ("stream=ws://127.0.0.1:9", SourceError, "cannot be reached"),
    ],
)
def test_what_bluesky_cannot_use(
    shell: CliRunner, choice: str, error: type[Exception], says: str
) -> None:
    words = ("--set", choice)
    with pytest.raises(error, match=says):
        run(shell, "connect", "bluesky", *words, "--yes")
