"""Reading and answering, against a mock that others wrote after Mastodon's documentation."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner

from myna.cli import build_app
from myna.db.connections import find_connection
from myna.db.engine import Database
from myna.db.posts import find_post, load_cursor, read_changes
from myna.db.vault import Vault
from myna.feeds.connected import run_connected
from myna.feeds.mastodon import network, review, stream
from myna.feeds.mastodon.account import MastodonAccount, open_account
from myna.post import State, StoredPost
from myna.settings import Settings
from tests.mastodon_mock.mock import Mock


@pytest.fixture(autouse=True)
def connected(
    mock: Mock, db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mock is connected on the command line."""
    monkeypatch.setenv("MYNA_HOME", str(settings.home))
    monkeypatch.setenv("MYNA_DATABASE_URL", settings.database_url.get_secret_value())
    monkeypatch.setattr(stream, "SECOND_LOOK_SECONDS", 0.3)
    words = ["--set", f"instance={mock.base}", "--set", "timelines=local #birds"]
    result = CliRunner().invoke(
        build_app("connect"),
        ["connect", "mastodon", *words, "--set", "name=mock", "--yes", "--secret-stdin"],
        input="token-of-myna\n",
    )
    assert result.exit_code == 0, result.output
    assert "logged in as @myna@127.0.0.1" in result.output
    for name in ("ann", "bo"):
        mock.let_index(name)
    mock.post("ann", "before Myna came #birds")


@contextmanager
def reading(db: Database, settings: Settings) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=run_connected, args=(settings, db, stop))
    thread.start()
    try:
        until(lambda: begun(db))
        yield
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()


def begun(db: Database) -> bool:
    with db.begin() as conn:
        return all(load_cursor(conn, f"mock:{word}") for word in ("local", "#birds"))


def until(seen: Callable[[], Any]) -> None:
    limit = time.monotonic() + 30
    while not seen():
        assert time.monotonic() < limit
        time.sleep(0.05)


def live(db: Database) -> dict[str, StoredPost]:
    with db.begin() as conn:
        changes = read_changes(conn, 0, 1000)
    return {one.post.text: one for one in changes if one.state is State.LIVE}


def test_posts_come_live_and_after_a_break(mock: Mock, db: Database, settings: Settings) -> None:
    with reading(db, settings):
        mock.post("ann", "first words of a day")
        until(lambda: "first words of a day" in live(db))
        parent = mock.post("ann", "see https://site.example/a and #birds")
        mock.post("bo", "@ann yes", in_reply_to_id=parent["id"])
        for visibility in ("unlisted", "private", "direct"):
            mock.post("ann", f"secret {visibility}", visibility=visibility)
        until(lambda: len(live(db)) == 3)
    post = live(db)["see https://site.example/a and #birds"].post
    (reply,) = (one for text, one in live(db).items() if text.endswith("yes"))
    assert reply.post.reply_to == post.uri
    assert reply.thread == post.uri
    for number in range(50):
        mock.post("bo", f"said in a break {number}")
    gone = mock.post("ann", "soon gone")
    with reading(db, settings):
        until(lambda: len(live(db)) == 54)
        mock.ask("ann", "DELETE", f"/api/v1/statuses/{gone['id']}")
        until(lambda: "soon gone" not in live(db))
    assert not any("secret" in text for text in live(db))


def test_what_its_author_does_not_let_be_searched_is_not_found(
    mock: Mock, db: Database, settings: Settings
) -> None:
    with reading(db, settings):
        told = mock.post("ann", "may be found")
        until(lambda: "may be found" in live(db))
        with db.begin() as conn:
            assert find_post(conn, "mastodon", told["uri"])
        form = {"note": "<p>leave me alone #nobot</p>"}
        headers = {"Authorization": "Bearer token-of-ann"}
        httpx2.patch(
            f"{mock.base}/api/v1/accounts/update_credentials", data=form, headers=headers
        ).raise_for_status()
        mock.post("ann", "and another")
        until(lambda: "and another" in live(db))
        with db.begin() as conn:
            assert find_post(conn, "mastodon", told["uri"]) is None


def test_a_second_look_finds_edits_and_counts(
    mock: Mock, db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with reading(db, settings):
        told = mock.post("ann", "with a mistaek")
        until(lambda: live(db))
    mock.ask("ann", "PUT", f"/api/v1/statuses/{told['id']}", {"status": "with a mistake"})
    mock.ask("bo", "POST", f"/api/v1/statuses/{told['id']}/favourite")
    mock.ask("bo", "POST", f"/api/v1/statuses/{told['id']}/reblog")
    monkeypatch.setattr(review, "IDLE_SECONDS", 0.2)
    monkeypatch.setattr(network, "Review", lambda *a, **k: review.Review(*a, **k, ages=[NOW]))
    with reading(db, settings):
        until(lambda: "with a mistake" in live(db))
    found = live(db)["with a mistake"]
    assert (found.post.likes, found.post.reposts) == (1, 1)
    assert found.edited_at


NOW = review.AGES[0] * 0


def test_a_limit_that_is_reached_is_waited_for(
    mock: Mock, db: Database, settings: Settings
) -> None:
    with reading(db, settings):
        mock.post("ann", "before")
        until(lambda: "before" in live(db))
    mock.post("ann", "during")
    mock.fail_next("/api/v1/timelines/public", 429, {"Retry-After": "1"})
    with reading(db, settings):
        until(lambda: "during" in live(db))


def test_a_mention_is_answered_once(mock: Mock, db: Database, settings: Settings) -> None:
    with db.begin() as conn:
        connection = find_connection(conn, "mock")
    assert connection
    account = open_account(connection, connection.secret(Vault(settings.home)))
    assert isinstance(account, MastodonAccount)
    assert account.is_marked()
    begin = datetime.now(UTC)
    _, place = account.noticed("", begin)
    above = mock.post("ann", "Is the bridge open?")
    mock.post("bo", "@myna is that true?", in_reply_to_id=above["id"], visibility="unlisted")
    (noticed,), place = account.noticed(place, begin)
    first = account.look(noticed.id)
    assert first
    assert first.mentions
    assert [one.text for one in first.above] == ["Is the bridge open?"]
    sent = account.reply(first, "Since Monday.", first=first, key="k1")
    assert account.reply(first, "Since Monday.", first=first, key="k1") == sent
    told = mock.ask("bo", "GET", f"/api/v1/statuses/{noticed.id}/context")
    (reply,) = told["descendants"]
    assert reply["visibility"] == "unlisted"
    assert reply["account"]["username"] == "myna"
    account.delete(sent.id)
    told = mock.ask("bo", "GET", f"/api/v1/statuses/{noticed.id}/context")
    assert told["descendants"] == []
