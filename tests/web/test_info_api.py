"""Health, configuration, status and metrics; what is told while parts are missing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, cast

import httpx2
import pytest
from pydantic import SecretStr

from myna.db.engine import Database
from myna.db.networks import Network, save_network
from myna.db.posts import save_cursor
from myna.errors import DatabaseError
from myna.index.search import Searcher
from myna.settings import Settings
from myna.web import parts as wiring
from tests.web.live import Live, ask, events, fake_parts, serving

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture
def live(settings: Settings, db: Database) -> Iterator[Live]:
    """The app with a real, empty index."""
    searcher = Searcher(db, settings.index_dir, embedder=None)
    with serving(settings, fake_parts(db, searcher)) as server:
        yield server


def test_health_names_what_is_missing(live: Live, client: httpx2.Client) -> None:
    response = client.get("/healthz")
    assert response.status_code == 200
    assert response.json()["status"] == "ok"
    cast("Any", live.parts.model).up = False
    response = client.get("/healthz")
    assert response.status_code == 503
    assert response.json()["waiting_for"] == ["model"]
    assert response.json()["reasons"][0].endswith(".")


def test_config_and_status(live: Live, client: httpx2.Client) -> None:
    network = Network("irc", "Ubuntu IRC", "Thanks.", "https://l.example", "https://h.example")
    with live.parts.db.begin() as conn:
        save_network(conn, network)
        save_cursor(conn, "demo", "7", accepted=7, rejected=1, now=NOW)
    config = client.get("/api/config").json()
    assert config["networks"] == [
        {
            "name": "irc",
            "title": "Ubuntu IRC",
            "attribution": "Thanks.",
            "license_url": "https://l.example",
            "home_url": "https://h.example",
        }
    ]
    assert config["model"] == {"name": "fake-model", "small": True, "ready": True}
    assert (config["suggestions"], config["posts"], config["demo"]) == ([], 0, False)
    status = client.get("/api/status").json()
    assert status["index"]["lag"] == 0
    assert status["database"] == {"kind": "url"}
    assert status["networks"][0]["posts"] == 0
    assert status["sources"] == [
        {"name": "demo", "accepted": 7, "rejected": 1, "updated_at": "2026-11-23T00:00:00Z"}
    ]


def test_metrics_count_answers_and_tokens(client: httpx2.Client) -> None:
    message = ask(client)
    events(client, message["id"])
    text = client.get("/metrics").text
    assert 'myna_answers_total{state="done"} 1.0' in text
    assert 'myna_tokens_total{kind="prompt"} 50.0' in text
    assert "myna_first_word_seconds_count 1.0" in text
    assert "myna_answers_running 0.0" in text
    assert "myna_index_lag_changes 0.0" in text


def test_until_the_database_is_there_requests_get_a_sentence_and_then_it_recovers(
    settings: Settings, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = True
    parts = fake_parts(db, Searcher(db, settings.index_dir, embedder=None))

    def open_parts(_: Settings) -> Any:
        if away:
            raise DatabaseError("PostgreSQL cannot be reached. Start it.")
        return lambda: parts

    monkeypatch.setattr(wiring, "open_parts", open_parts)
    monkeypatch.setattr(wiring, "TRY_AGAIN_S", 0.05)
    with serving(settings, None) as live, live.client() as client:
        for response in (client.get("/api/chats"), client.get("/api/search?q=x")):
            assert response.status_code == 503
            assert response.headers["retry-after"]
            assert response.json()["error"]["message"] == "PostgreSQL cannot be reached. Start it."
        health = client.get("/healthz")
        assert health.status_code == 503
        assert health.json()["reasons"] == ["PostgreSQL cannot be reached. Start it."]
        assert client.get("/v1/models").status_code == 200
        away = False
        limit = time.monotonic() + 30
        while client.get("/healthz").status_code != 200:
            assert time.monotonic() < limit
            time.sleep(0.02)
        assert client.get("/api/chats").json() == {"chats": []}


def test_a_database_that_goes_away_later_is_told_and_comes_back(
    settings: Settings, db: Database
) -> None:
    parts = fake_parts(db, Searcher(db, settings.index_dir, embedder=None))
    with serving(settings, parts) as live, live.client() as client:
        assert client.get("/api/chats").status_code == 200
        begin = db.begin

        def gone(**_: Any) -> Any:
            raise DatabaseError("PostgreSQL cannot be reached. Start it.")

        db.begin = gone
        assert client.get("/api/chats").status_code == 503
        assert client.get("/healthz").json()["waiting_for"][0] == "database"
        db.begin = begin
        assert client.get("/api/chats").status_code == 200


def test_an_unreachable_database_url_becomes_one_sentence_without_the_password(
    settings: Settings,
) -> None:
    url = SecretStr("postgresql://ada:hunter2@127.0.0.1:9/none")
    with pytest.raises(DatabaseError) as caught:
        wiring.open_parts(settings.model_copy(update={"database_url": url}))
    assert "hunter2" not in str(caught.value)
