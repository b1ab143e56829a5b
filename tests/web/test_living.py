"""What the app is told when a post goes that an answer rests on."""

from __future__ import annotations

import threading
from typing import Any

import httpx2
import pytest

from myna.chats.redaction import MARKS
from myna.db.posts import apply_events
from myna.post import Event, Kind, Use
from myna.safety.consent.ledger import choose
from tests.web.fake_answerer import Step, script
from tests.web.live import Live, ask, events, read_frames
from tests.web.test_chat_api import NOW, store_post


def delete(live: Live, uri: str) -> None:
    with live.parts.db.begin() as conn:
        apply_events(conn, [Event(Kind.DELETE, "irc", uri)], now=NOW)


def read_chat(client: httpx2.Client, message: dict[str, Any]) -> dict[str, Any]:
    return client.get(f"/api/chats/{message['chat_id']}").json()["messages"][-1]


def test_a_deleted_post_is_taken_out_and_open_pages_are_told(
    live: Live, client: httpx2.Client
) -> None:
    live.fake.steps = script(store_post(live, "a"), store_post(live, "b"))
    message = ask(client)
    events(client, message["id"])
    with client.stream("GET", "/api/changes") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        frames = read_frames(response.iter_lines())
        assert next(frames).kind == "ready"
        threading.Timer(0.1, delete, (live, "a")).start()
        changed = next(frames)
    assert (changed.kind, changed.data) == (
        "changed",
        {"chat_id": message["chat_id"], "message_id": message["id"]},
    )
    shown = read_chat(client, message)
    assert shown["text"] == MARKS["deleted"]
    [span] = shown["spans"]
    assert (span["kind"], span["reason"], span["numbers"]) == ("removed", "deleted", [1])
    assert [source["post"] is None for source in shown["sources"]] == [True, False]
    # A late reader of the answer's events gets it as it is now.
    [whole] = events(client, message["id"])
    assert whole.kind == "message"
    assert whole.data["text"] == MARKS["deleted"]


def test_somebody_else_hears_nothing(live: Live, client: httpx2.Client) -> None:
    live.fake.steps = script(store_post(live, "a"))
    message = ask(client)
    events(client, message["id"])
    impatient = httpx2.Client(base_url=live.base, timeout=httpx2.Timeout(10, read=1.5))
    with impatient as other, other.stream("GET", "/api/changes") as response:
        frames = read_frames(response.iter_lines())
        assert next(frames).kind == "ready"
        delete(live, "a")
        with pytest.raises(httpx2.ReadTimeout):
            next(frames)


def test_a_withdrawn_post_ends_the_answer_that_reads_it(live: Live, client: httpx2.Client) -> None:
    steps: list[Step] = [*script(store_post(live, "a"))[:-3], 20.0]
    live.fake.steps = steps
    message = ask(client)
    threading.Timer(0.3, delete, (live, "a")).start()
    told = events(client, message["id"])
    assert [frame.data for frame in told if frame.kind == "withdrawn"] == [{"numbers": [1]}]
    assert (told[-1].kind, told[-1].data["state"]) == ("done", "interrupted")
    assert read_chat(client, message)["notices"][-1]["code"] == "withdrawn"


def test_the_openai_api_tells_it_as_an_error(live: Live, client: httpx2.Client) -> None:
    live.fake.steps = [*script(store_post(live, "a"))[:-3], 20.0]
    threading.Timer(0.3, delete, (live, "a")).start()
    asked = {"model": "myna", "messages": [{"role": "user", "content": "How?"}]}
    answer = client.post("/v1/chat/completions", json=asked)
    assert answer.status_code == 409
    assert "withdrawn" in answer.json()["error"]["message"]


def test_a_source_whose_author_allows_no_quotation_is_shown_without_its_words(
    live: Live, client: httpx2.Client
) -> None:
    post = store_post(live, "a")
    with live.parts.db.begin() as conn:
        choose(conn, ("irc", "ada"), Use.QUOTE, "no", by="member", now=NOW)
    live.fake.steps = script(post)
    message = ask(client)
    events(client, message["id"])
    [source] = read_chat(client, message)["sources"]
    assert source["post"]["author"]["handle"] == "ada"
    assert (source["post"]["text"], source["post"]["withheld"]) == ("", True)
