"""Search, posts and threads over a real store and a real text index."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from myna.db.engine import Database
from myna.db.posts import apply_events
from myna.index.follow import Follower
from myna.index.search import Searcher
from myna.post import Author, Event, Kind, Post
from myna.settings import Settings
from tests.web.live import Live, ask, events, fake_parts, serving

NOW = datetime(2026, 11, 23, tzinfo=UTC)
ROOT, REPLY, LATER = "2008/1 ü?", "at://did:plc:a/app/2", "2008/3"


def post(uri: str, text: str, minute: int, reply_to: str | None = None) -> Event:
    author = Author("irc", "ada", "ada", "Ada", is_bot=False)
    when = NOW + timedelta(minutes=minute)
    raw = {"original_created_at": "2008-04-20T12:00:00+00:00"} if minute else {}
    return Event(
        Kind.CREATE,
        "irc",
        uri,
        Post("irc", uri, author, text, when, reply_to, url="javascript:alert(1)", raw=raw),
    )


EVENTS = [
    post(ROOT, "How do I mount an ISO image?", 0),
    post(REPLY, "mount -o loop image.iso /mnt does it for an ISO", 1, ROOT),
    post(LATER, "thanks, that works \N{BIRD}", 2, REPLY),
]


@pytest.fixture
def live(settings: Settings, db: Database) -> Iterator[Live]:
    """The app with three posts in store and index."""
    with db.begin() as conn:
        apply_events(conn, EVENTS, now=NOW + timedelta(hours=1))
    follower = Follower(db, settings.index_dir)
    follower.catch_up()
    follower.close()
    searcher = Searcher(db, settings.index_dir, embedder=None)
    with serving(settings, fake_parts(db, searcher)) as server:
        yield server


def path(kind: str, uri: str) -> str:
    return f"/api/{kind}/irc/{quote(uri, safe='')}"


def test_search_gives_posts_with_highlights(client: httpx2.Client) -> None:
    found = client.get("/api/search", params={"q": "mount iso"}).json()
    assert found["query"] == "mount iso"
    assert {hit["post"]["uri"] for hit in found["hits"][:2]} == {ROOT, REPLY}
    assert found["total"] >= 2
    for hit in found["hits"][:2]:
        marked = {hit["post"]["text"][a:b].lower() for a, b in hit["highlights"]}
        assert marked == {"mount", "iso"}
    one = client.get("/api/search", params={"q": "mount iso", "limit": 1}).json()
    assert len(one["hits"]) == 1
    latest = client.get("/api/search", params={"q": "from:ada", "sort": "latest"}).json()
    assert [hit["post"]["uri"] for hit in latest["hits"]] == [LATER, REPLY, ROOT]


def test_pages_go_on_where_the_last_one_ended(client: httpx2.Client) -> None:
    for sort, order in (("latest", [LATER, REPLY, ROOT]), ("oldest", [ROOT, REPLY, LATER])):
        found: list[str] = []
        params: dict[str, str | int] = {"q": "from:ada", "sort": sort, "limit": 1}
        page: dict[str, Any] = {}
        for _ in order:
            page = client.get("/api/search", params=params).json()
            assert (page["total"], page["total_exact"], page["degraded"]) == (3, True, [])
            found += [hit["post"]["uri"] for hit in page["hits"]]
            params["cursor"] = page["next_cursor"]
        assert found == order
        assert page["next_cursor"] is None
    for cursor in ("x", "", "A" * 5000):
        refused = client.get("/api/search", params={"q": "from:ada", "cursor": cursor or "é"})
        assert refused.status_code == 400
        error = refused.json()["error"]
        assert error["param"] == "cursor"
        assert "Begin again" in error["message"]


def test_a_hit_has_the_piece_that_was_found(client: httpx2.Client) -> None:
    hit = client.get("/api/search", params={"q": "loop"}).json()["hits"][0]
    piece = hit["snippet"]
    assert hit["post"]["text"][piece["start"] :].startswith(piece["text"])
    assert [piece["text"][a:b] for a, b in piece["highlights"]] == ["loop"]


def test_posts_are_counted_over_time(client: httpx2.Client) -> None:
    found = client.get("/api/search/counts", params={"q": "from:ada"}).json()
    assert (found["bucket"], found["total"], found["earlier"]) == ("minute", 3, 0)
    assert [bar["posts"] for bar in found["bars"]] == [1, 1, 1]
    assert found["bars"][0]["start"] == "2026-11-23T00:00:00Z"
    yearly = client.get("/api/search/counts", params={"q": "mount", "bucket": "year"}).json()
    assert [(bar["start"][:4], bar["posts"]) for bar in yearly["bars"]] == [("2026", 2)]
    assert client.get("/api/search/counts", params={"q": "zanzibar"}).json()["bars"] == []
    bad = client.get("/api/search/counts", params={"q": "x", "bucket": "eon"})
    assert bad.status_code == 400


def test_a_bad_operator_is_explained_and_a_bad_parameter_refused(client: httpx2.Client) -> None:
    found = client.get("/api/search", params={"q": "mount since:yesterdayish"})
    assert found.status_code == 200
    assert found.json()["notes"]
    for params, param in (
        ({}, "q"),
        ({"q": "x" * 501}, "q"),
        ({"q": "x", "limit": 0}, "limit"),
        ({"q": "x", "limit": 101}, "limit"),
        ({"q": "x", "sort": "best"}, "sort"),
    ):
        response = client.get("/api/search", params=params)
        assert response.status_code == 400
        assert response.json()["error"]["param"] == param
    assert client.get("/api/search", params={"q": "a\0b"}).status_code == 200


def test_a_post_comes_with_its_parent_and_replies(client: httpx2.Client) -> None:
    page = client.get(path("posts", REPLY)).json()
    assert page["post"]["uri"] == REPLY
    assert page["parent"]["uri"] == ROOT
    assert [reply["uri"] for reply in page["replies"]] == [LATER]
    assert page["post"]["author"] == {"handle": "ada", "name": "Ada", "is_bot": False}
    assert page["post"]["thread"] == ROOT
    assert page["post"]["app_url"] == "/p/irc/at%3A%2F%2Fdid%3Aplc%3Aa%2Fapp%2F2"
    assert page["post"]["original_created_at"] == "2008-04-20T12:00:00Z"
    assert page["post"]["url"] is None  # a link that would run a script is no link
    root = client.get(path("posts", ROOT)).json()
    assert (root["parent"], root["post"]["original_created_at"]) == (None, None)


def test_a_thread_keeps_the_place_of_a_deleted_post(live: Live, client: httpx2.Client) -> None:
    for uri in (ROOT, LATER):  # any of its posts will do
        thread = client.get(path("threads", uri)).json()
        assert thread["root"] == ROOT
        assert [one["uri"] for one in thread["posts"]] == [ROOT, REPLY, LATER]
    with live.parts.db.begin() as conn:
        apply_events(conn, [Event(Kind.DELETE, "irc", REPLY)], now=NOW)
    thread = client.get(path("threads", ROOT)).json()
    assert thread["posts"][1] == {"network": "irc", "uri": REPLY, "deleted": True}
    assert client.get(path("posts", REPLY)).status_code == 404
    assert client.get(path("posts", LATER)).json()["parent"] is None
    hits = client.get("/api/search", params={"q": "loop"}).json()["hits"]
    assert REPLY not in {hit["post"]["uri"] for hit in hits}


def test_what_is_not_there_is_not_found(client: httpx2.Client) -> None:
    for kind in ("posts", "threads"):
        for uri in ("nowhere", "a\0b", "x" * 5000):
            response = client.get(path(kind, uri))
            assert response.status_code == 404
            assert response.json()["error"]["code"] == "not_found"


def test_store_and_index_are_asked_in_threads_never_on_the_event_loop(
    live: Live, client: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    def watch(owner: object, name: str) -> None:
        work = getattr(owner, name)

        def watched(*args: Any, **kwargs: Any) -> Any:
            with suppress(RuntimeError):
                asyncio.get_running_loop()
                asked.append(False)
                return work(*args, **kwargs)
            asked.append(True)
            return work(*args, **kwargs)

        monkeypatch.setattr(owner, name, watched)

    watch(live.parts.db, "begin")
    for name in ("search", "retrieve", "status"):
        watch(live.parts.searcher, name)
    message = ask(client)
    events(client, message["id"])
    chat = message["chat_id"]
    for address in (
        "/healthz",
        "/metrics",
        "/api/config",
        "/api/status",
        "/api/chats",
        f"/api/chats/{chat}",
        f"/api/messages/{message['id']}/events?after=999",
        "/api/search?q=mount",
        path("posts", REPLY),
        path("threads", REPLY),
    ):
        assert client.get(address).status_code == 200
    client.patch(f"/api/chats/{chat}", json={"title": "x"})
    client.delete(f"/api/chats/{chat}")
    assert len(asked) > 15
    assert all(asked)


def test_copies_are_one_hit(live: Live, client: httpx2.Client, settings: Settings) -> None:
    text = "RT @ada: mount -o loop image.iso /mnt does it for an ISO"
    author = Author("irc", "bob", "bob")
    copy = Event(Kind.CREATE, "irc", "4", Post("irc", "4", author, text, NOW + timedelta(hours=1)))
    with live.parts.db.begin() as conn:
        apply_events(conn, [copy], now=NOW + timedelta(hours=1))
    follower = Follower(live.parts.db, settings.index_dir)
    follower.catch_up()
    follower.close()
    time.sleep(0.05)
    found = client.get("/api/search", params={"q": "loop image"}).json()
    assert (found["total"], found["origins"]) == (2, 1)
    assert [(hit["copies"], hit["first"]["uri"]) for hit in found["hits"]] == [(2, REPLY)]
