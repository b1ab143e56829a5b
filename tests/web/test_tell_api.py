"""POST /api/tell over a real store and index; the model is small and not asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from myna.answer.answer import Answerer
from myna.chats.generations import Generations
from myna.chats.service import ChatService
from myna.db.engine import Database
from myna.index.search import Searcher
from myna.post import Event, Kind
from myna.settings import Settings
from tests.answer.test_explain import RUMOUR, Shop, Silent
from tests.web.live import Live, events, fake_parts, serving


@pytest.fixture
def shop(db: Database, tmp_path: Path) -> Shop:
    made = Shop(db, tmp_path / "index")
    made.load(*RUMOUR)
    return made


@pytest.fixture
def live(settings: Settings, shop: Shop) -> Iterator[Live]:
    searcher = Searcher(shop.db, shop.folder, embedder=None)
    chats = ChatService(shop.db, Answerer(shop.db, searcher, Silent()), Generations())
    parts = replace(fake_parts(shop.db), chats=chats)
    with serving(settings, parts) as server:
        yield server


def test_a_post_is_told_of_in_a_chat_with_sources_first(live: Live, shop: Shop) -> None:
    with live.client() as client:
        asked = client.post("/api/tell", json={"kind": "check", "network": "net", "uri": "a"})
        assert asked.status_code == 201
        user, answer = asked.json()["user"], asked.json()["assistant"]
        assert user["text"] == "Is this true? /p/net/a"
        kinds = [kind for kind, _ in told(client, answer["id"])]
        assert kinds.index("sources") < kinds.index("text")
        chat = client.get(f"/api/chats/{user['chat_id']}").json()
        text = chat["messages"][1]["text"]
        assert text.endswith("I give no verdict: I only show who says what.")
        assert "@bob" in text
        shop.load(Event(Kind.DELETE, "net", "b"))
        chat = client.get(f"/api/chats/{user['chat_id']}").json()
        assert "bob" not in chat["messages"][1]["text"]
        assert "standing on" not in str(chat["messages"][1])


def test_what_is_not_there_and_what_is_no_task_are_refused(live: Live) -> None:
    with live.client() as client:
        gone = client.post("/api/tell", json={"kind": "explain", "network": "net", "uri": "zz"})
        assert gone.status_code == 404
        wrong = client.post("/api/tell", json={"kind": "judge", "network": "net", "uri": "a"})
        assert wrong.status_code in (400, 422)
        assert client.get("/api/chats").json()["chats"] == []


def told(client: httpx2.Client, message: str) -> list[tuple[str, object]]:
    return [(one.kind, one.data) for one in events(client, message)]
