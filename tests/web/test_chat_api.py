"""The app's API over the wire: chats, events, resuming, stopping. The answerer is a fake."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from uuid import uuid4

import httpx2

from myna.answer.events import Text
from myna.db.posts import apply_events, find_post
from myna.errors import ModelNotReady
from myna.post import Author, Event, Kind, Post, StoredPost
from tests.web.fake_answerer import script, stored
from tests.web.live import Live, ask, events, read_frames

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def store_post(live: Live, uri: str) -> StoredPost:
    author = Author("irc", "ada", "ada")
    event = Event(Kind.CREATE, "irc", uri, Post("irc", uri, author, "Like this.", NOW))
    with live.parts.db.begin() as conn:
        apply_events(conn, [event], now=NOW)
        post = find_post(conn, "irc", uri)
    assert post
    return post


def wait_until_ended(client: httpx2.Client, message_id: str) -> None:
    events(client, message_id)


def test_the_whole_life_of_a_chat(live: Live, client: httpx2.Client) -> None:
    assert client.get("/api/chats").json() == {"chats": []}
    message = ask(client, "How do I mount it?")
    assert message["state"] == "running"
    wait_until_ended(client, message["id"])
    [chat] = client.get("/api/chats").json()["chats"]
    assert chat["title"] == "How do I mount it?"
    renamed = client.patch(f"/api/chats/{chat['id']}", json={"title": "Mounting"})
    assert renamed.json()["title"] == "Mounting"
    full = client.get(f"/api/chats/{chat['id']}").json()
    assert full["title"] == "Mounting"
    assert [m["role"] for m in full["messages"]] == ["user", "assistant"]
    answer = full["messages"][1]
    assert answer["parent_id"] == full["messages"][0]["id"]
    assert (answer["state"], answer["outcome"]) == ("done", "answered")
    again = client.post(f"/api/messages/{answer['id']}/regenerate").json()["assistant"]
    assert again["parent_id"] == answer["parent_id"]
    wait_until_ended(client, again["id"])
    assert client.delete(f"/api/chats/{chat['id']}").status_code == 204
    assert client.get(f"/api/chats/{chat['id']}").status_code == 404
    assert client.get("/api/chats").json() == {"chats": []}


def test_events_come_as_the_contract_says(live: Live, client: httpx2.Client) -> None:
    live.fake.steps = script(store_post(live, "a b/ü"))
    message = ask(client)
    frames = events(client, message["id"])
    kinds = [frame.kind for frame in frames if frame.kind != "text"]
    assert kinds == ["status", "sources", "status", "citation", "usage", "done"]
    assert "".join(f.data["delta"] for f in frames if f.kind == "text") == "Use the loop option."
    by_kind = {frame.kind: frame.data for frame in frames}
    assert by_kind["citation"] == {"start": 0, "end": 20, "numbers": [1]}
    assert by_kind["usage"] == {"prompt_tokens": 50, "completion_tokens": 4}
    assert by_kind["done"] == {
        "outcome": "answered",
        "model": "fake-model",
        "prompt_version": "v1",
        "model_version": "fake-model",
        "state": "done",
    }
    [source] = by_kind["sources"]["sources"]
    assert source["number"] == 1
    assert source["parent"] is None
    assert source["post"]["app_url"] == "/p/irc/a%20b%2F%C3%BC"
    assert source["post"]["author"] == {"handle": "ada", "name": "", "is_bot": False}
    assert [f.id for f in frames] == sorted({f.id for f in frames if f.id})


def test_a_reader_resumes_after_any_event(live: Live, client: httpx2.Client) -> None:
    live.fake.steps = [Text("one "), 0.1, Text("two "), 0.1, Text("three")]
    message = ask(client)
    with client.stream("GET", f"/api/messages/{message['id']}/events") as response:
        first = next(read_frames(response.iter_lines()))  # and the connection is lost
    assert first.data == {"delta": "one "}
    by_header = events(client, message["id"], last_event_id=first.id)
    text = "".join(f.data["delta"] for f in by_header if f.kind == "text")
    assert text == "two three"
    by_query = events(client, message["id"], after=first.id)
    assert "".join(f.data["delta"] for f in by_query if f.kind == "text") == "two three"
    whole = [f for f in events(client, message["id"]) if f.kind == "text"]
    assert [f.data["delta"] for f in whole] == ["one two three"]  # late: in one piece
    assert live.fake.conversations and len(live.fake.conversations) == 1


def test_a_reader_who_leaves_does_not_end_the_answer(live: Live, client: httpx2.Client) -> None:
    live.fake.steps = [Text("one "), 0.3, Text("two")]
    message = ask(client)
    with client.stream("GET", f"/api/messages/{message['id']}/events") as response:
        next(read_frames(response.iter_lines()))
    limit = time.monotonic() + 20
    while live.parts.chats.generations.running:
        assert time.monotonic() < limit
        time.sleep(0.02)
    [chat] = client.get("/api/chats").json()["chats"]
    answer = client.get(f"/api/chats/{chat['id']}").json()["messages"][1]
    assert (answer["state"], answer["text"]) == ("done", "one two")


def test_the_whole_message_comes_when_its_events_are_gone(
    live: Live, client: httpx2.Client
) -> None:
    live.fake.steps = script(store_post(live, "a"))
    message = ask(client)
    last = events(client, message["id"])[-1]
    for frames in (
        events(client, message["id"], after=last.id),
        events(client, message["id"], after=99_999),
    ):
        assert [f.kind for f in frames] == ["message"]
    live.parts.chats.generations._ended.clear()  # as after some minutes, or a restart
    [frame] = events(client, message["id"])
    assert frame.kind == "message"
    assert frame.data["text"] == "Use the loop option."
    assert frame.data["sources"][0]["post"]["text"] == "Like this."
    [span] = frame.data["spans"]
    assert (span["kind"], span["start"], span["end"], span["numbers"]) == ("citation", 0, 20, [1])


def test_stop_ends_the_stream_of_every_reader(live: Live, client: httpx2.Client) -> None:
    live.fake.steps = [Text("Half"), 60]
    message = ask(client)
    with client.stream("GET", f"/api/messages/{message['id']}/events") as response:
        frames = read_frames(response.iter_lines())
        assert next(frames).data == {"delta": "Half"}
        with live.client() as tab:
            tab.cookies = client.cookies
            stopped = tab.post(f"/api/messages/{message['id']}/stop").json()
        assert (stopped["state"], stopped["text"]) == ("stopped", "Half")
        assert [(f.kind, f.data["state"]) for f in frames] == [("done", "stopped")]
    assert live.fake.open == 0


def test_a_failed_answer_says_why(live: Live, client: httpx2.Client) -> None:
    live.fake.steps = [Text("Ha"), ModelNotReady("The model is starting. Try again in a moment.")]
    message = ask(client)
    last = events(client, message["id"])[-1]
    assert last.kind == "error"
    assert last.data == {
        "code": "model_not_ready",
        "message": "The model is starting. Try again in a moment.",
    }
    [chat] = client.get("/api/chats").json()["chats"]
    answer = client.get(f"/api/chats/{chat['id']}").json()["messages"][1]
    assert (answer["state"], answer["error"]["code"]) == ("failed", "model_not_ready")


def test_a_post_deleted_in_the_meantime_is_not_sent_again(
    live: Live, client: httpx2.Client, monkeypatch
) -> None:
    live.fake.steps = script(store_post(live, "a"))
    message = ask(client)
    events(client, message["id"])
    with live.parts.db.begin() as conn:
        apply_events(conn, [Event(Kind.DELETE, "irc", "a")], now=NOW)
    monkeypatch.setattr("myna.web.sse.FRESH_S", 0)
    [sources] = [f for f in events(client, message["id"]) if f.kind == "sources"]
    gone = {"number": 1, "score": 1.0, "post": None, "parent": None, "copies": 1}
    assert sources.data["sources"] == [gone]


def test_viewers_are_apart(live: Live, client: httpx2.Client) -> None:
    message = ask(client)
    wait_until_ended(client, message["id"])
    [chat] = client.get("/api/chats").json()["chats"]
    with live.client() as other:
        assert other.get("/api/chats").json() == {"chats": []}
        for response in (
            other.get(f"/api/chats/{chat['id']}"),
            other.patch(f"/api/chats/{chat['id']}", json={"title": "mine"}),
            other.delete(f"/api/chats/{chat['id']}"),
            other.post(f"/api/chats/{chat['id']}/messages", json={"text": "Hm?"}),
            other.get(f"/api/messages/{message['id']}/events"),
            other.post(f"/api/messages/{message['id']}/stop"),
            other.post(f"/api/messages/{message['id']}/regenerate", json={"language": "fr"}),
        ):
            assert response.status_code == 404
            assert response.json()["error"]["code"] == "not_found"


def test_the_cookie_is_out_of_reach_of_scripts_and_not_stored(
    live: Live, client: httpx2.Client
) -> None:
    response = client.post("/api/chats", json={})
    cookie = response.headers["set-cookie"]
    assert "httponly" in cookie.lower()
    assert "samesite=lax" in cookie.lower()
    value = cookie.split("=", 1)[1].split(";")[0]
    from sqlalchemy import text

    with live.parts.db.begin() as conn:
        [viewer] = conn.execute(text("select viewer from chats")).scalars()
    assert value not in viewer
    assert len(viewer) == 64


def test_bad_requests_get_one_sentence_that_names_the_field(client: httpx2.Client) -> None:
    chat = client.post("/api/chats", json={}).json()
    path = f"/api/chats/{chat['id']}/messages"
    for body, param in (
        ({}, "text"),
        ({"text": ""}, "text"),
        ({"text": "   "}, "text"),
        ({"text": "x" * 4001}, "text"),
        ({"text": "Hm?", "parent_id": "7"}, "parent_id"),
        ({"text": "Hm?", "language": "tlh"}, "language"),
        ([], None),
    ):
        response = client.post(path, json=body)
        assert response.status_code == 400, body
        error = response.json()["error"]
        assert error["type"] == "invalid_request_error"
        assert error["param"] == param
        assert error["message"].endswith(".")
    answer = client.post(path, json={"text": "Hm?", "parent_id": str(uuid4())})
    assert answer.status_code == 404
    assert client.get("/api/chats/7").status_code == 400
    for raw in (b"{", b'{"text": "\\ud800"}', b"\xff"):
        headers = {"Content-Type": "application/json"}
        response = client.post(path, content=raw, headers=headers)
        assert response.status_code == 400
        assert response.json()["error"]["message"]


def test_too_many_answers_at_once_are_refused_politely(live: Live, client: httpx2.Client) -> None:
    live.fake.steps = [60]
    for _ in range(4):
        ask(client)
    chat = client.post("/api/chats", json={}).json()
    response = client.post(f"/api/chats/{chat['id']}/messages", json={"text": "Hm?"})
    assert response.status_code == 429
    assert response.headers["retry-after"]
    assert response.json()["error"]["type"] == "rate_limit_error"
    assert client.get(f"/api/chats/{chat['id']}").json()["messages"] == []


def test_the_bytes_on_the_wire_are_of_the_order_of_the_answer(
    live: Live, client: httpx2.Client
) -> None:
    words = [f"{number} " for number in range(3000)]
    steps = [step for word in words for step in (Text(word), 0.0)]
    live.fake.steps = [*script(stored())[:2], *steps]
    message = ask(client)
    size = 0
    with client.stream("GET", f"/api/messages/{message['id']}/events") as response:
        for chunk in response.iter_bytes():
            size += len(chunk)
    assert size < 6 * sum(map(len, words)) + 2000
