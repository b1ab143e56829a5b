"""The whole with nothing fake in it: store, index, the local model, the answerer, a real server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from openai import OpenAI
from pydantic import SecretStr

from myna.db.engine import open_database
from myna.db.posts import apply_events
from myna.index.follow import Follower
from myna.models.local import Address
from myna.post import Author, Event, Kind, Post
from myna.settings import Settings
from tests.web.live import Live, ask, events, read_frames, serving

pytestmark = pytest.mark.model

NOW = datetime(2026, 11, 23, tzinfo=UTC)
QUESTION = "How do I mount an ISO file?"
SAID = [
    ("ada", QUESTION, None),
    ("bob", "ada: use the mount command with the loop option: mount -o loop file.iso /mnt", 0),
    ("eve", "Which package has the sshd server?", None),
    ("bob", "eve: install the package openssh-server, it has the sshd server", 2),
    ("joe", "the release party is on friday in the old library", None),
]


@pytest.fixture
def real_settings(model_settings: Settings, database_url: str) -> Settings:
    """The model's home with an indexed store of this test's own."""
    settings = model_settings.model_copy(update={"database_url": SecretStr(database_url)})
    events = []
    for number, (who, said, parent) in enumerate(SAID):
        reply_to = None if parent is None else str(parent)
        when = NOW + timedelta(minutes=number)
        post = Post("irc", str(number), Author("irc", who, who), said, when, reply_to)
        events.append(Event(Kind.CREATE, "irc", post.uri, post))
    db = open_database(settings)
    with db.begin() as conn:
        apply_events(conn, events, now=NOW + timedelta(hours=1))
    follower = Follower(db, settings.index_dir)
    follower.catch_up()
    follower.close()
    db.dispose()
    return settings


@pytest.fixture
def live(real_settings: Settings, model_server: Address) -> Iterator[Live]:
    """The app as `myna serve` makes it."""
    del model_server
    with serving(real_settings, None) as live:
        with live.client() as client:
            until(lambda: client.get("/healthz").status_code == 200, 60)
        yield live


def until(condition: Callable[[], bool], limit_s: float) -> None:
    """Wait for it."""
    limit = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < limit, "it did not happen"
        time.sleep(0.02)


def busy_slots(address: Address) -> int:
    """Answers that the model writes now."""
    headers = {"Authorization": f"Bearer {address.key}"}
    slots = httpx2.get(f"{address.url}/slots", headers=headers, timeout=30).json()
    return sum(slot["is_processing"] for slot in slots)


def test_an_answer_comes_with_its_sources_first_and_cites_them(
    live: Live, client: httpx2.Client
) -> None:
    message = ask(client, QUESTION)
    frames = events(client, message["id"])
    kinds = [frame.kind for frame in frames]
    assert kinds.index("sources") < kinds.index("text")
    assert frames[-1].kind == "done"
    sources = next(f for f in frames if f.kind == "sources").data["sources"]
    [chat] = client.get("/api/chats").json()["chats"]
    answer = client.get(f"/api/chats/{chat['id']}").json()["messages"][1]
    assert answer["state"] == "done"
    assert answer["outcome"] == frames[-1].data["outcome"] == "answered"
    text = "".join(f.data["delta"] for f in frames if f.kind == "text")
    assert answer["text"] == text
    assert "loop" in text
    uris = {s["number"]: s["post"]["uri"] for s in sources}
    assert uris == {s["number"]: s["post"]["uri"] for s in answer["sources"]}
    cited = [span for span in answer["spans"] if span["kind"] == "citation"]
    assert cited
    assert "1" in {uris[number] for span in cited for number in span["numbers"]}
    assert all(0 <= span["start"] < span["end"] <= len(text) for span in answer["spans"])
    assert set(answer["usage"]) == {"prompt_tokens", "completion_tokens"}


def test_the_official_client_gets_the_same_plain_and_streamed(live: Live) -> None:
    with OpenAI(base_url=f"{live.base}/v1", api_key="none", timeout=60) as ai:
        plain = ai.chat.completions.create(
            model="myna", messages=[{"role": "user", "content": QUESTION}]
        )
        stream = ai.chat.completions.create(
            model="myna", messages=[{"role": "user", "content": QUESTION}], stream=True
        )
        chunks = list(stream)
    message = plain.choices[0].message
    assert message.content and message.annotations
    citation = message.annotations[0].url_citation
    assert citation.url.endswith("/p/irc/1")
    assert 0 <= citation.start_index < citation.end_index <= len(message.content)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == message.content
    last = chunks[-1].choices[0].delta.model_extra or {}
    assert last["annotations"][0]["url_citation"]["url"] == citation.url
    assert last["myna"]["outcome"] == "answered"


def test_what_no_post_says_is_declined(live: Live, client: httpx2.Client) -> None:
    message = ask(client, "Who won the chess championship in Reykjavik?")
    frames = events(client, message["id"])
    assert frames[-1].data["outcome"] == "declined"
    assert not any(frame.kind == "citation" for frame in frames)


def test_a_stop_frees_the_models_slot(
    live: Live, client: httpx2.Client, model_server: Address
) -> None:
    message = ask(client, QUESTION)
    with client.stream("GET", f"/api/messages/{message['id']}/events") as response:
        next(f for f in read_frames(response.iter_lines()) if f.kind == "sources")
    until(lambda: busy_slots(model_server) > 0, 20)
    stopped = client.post(f"/api/messages/{message['id']}/stop").json()
    assert stopped["state"] == "stopped"
    until(lambda: busy_slots(model_server) == 0, 5)


def test_a_client_that_disconnects_frees_the_models_slot(live: Live, model_server: Address) -> None:
    body = {"model": "myna", "messages": [{"role": "user", "content": QUESTION}]}
    with httpx2.Client(base_url=live.base, timeout=30) as client:
        with client.stream("POST", "/v1/chat/completions", json=body | {"stream": True}) as early:
            assert early.status_code == 200  # it begins with the first word; and we leave
        until(lambda: busy_slots(model_server) == 0, 5)
        with pytest.raises(httpx2.ReadTimeout):
            client.post("/v1/chat/completions", json=body, timeout=0.15)
        until(lambda: busy_slots(model_server) == 0, 5)
    until(lambda: live_generations(live) == 0, 5)


def live_generations(live: Live) -> int:
    """Answers that the app writes now."""
    with live.client() as client:
        text = client.get("/metrics").text
    return int(float(text.split("\nmyna_answers_running ")[1].split("\n")[0]))
