"""The member's page over the wire: proving, receipts, saying no; and that nobody else sees it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from myna.answer.events import Citation, Done, Source, Sources, Text
from myna.db.networks import ensure_network
from myna.db.posts import apply_events, find_post
from myna.post import Author, Event, Kind, Post, StoredPost
from myna.safety.consent.claims import take_proofs
from tests.web.live import Live, ask, events
from tests.web.test_chat_api import NOW

MINE = {"network": "irc", "author": "ada-id"}


def write(live: Live, uri: str, words: str = "mount -o loop", by: str = "ada") -> StoredPost:
    post = Post("irc", uri, Author("irc", f"{by}-id", by), words, NOW)
    with live.parts.db.begin() as conn:
        ensure_network(conn, "irc")
        event = Event(Kind.CREATE, "irc", uri, post)
        apply_events(conn, [event], now=NOW)
        take_proofs(conn, [event], now=datetime.now(UTC))
        found = find_post(conn, "irc", uri)
    assert found
    return found


def prove(live: Live, client: httpx2.Client, by: str = "ada") -> None:
    claimed = client.post("/api/me/claims", json={"network": "irc"}).raise_for_status().json()
    write(live, f"proof of {by}", claimed["code"], by)


def answer(live: Live, client: httpx2.Client, *posts: StoredPost, model: str = "big") -> str:
    """An answer that cites the first post; the id of its message."""
    sources = tuple(Source(n, post, None, 1.0) for n, post in enumerate(posts, 1))
    said = "Use a loop. That is all."
    live.fake.steps = [
        Sources(sources),
        Text(said),
        Citation(0, 11, (1,)),
        Done("answered", model, "v1"),
    ]
    message = ask(client, "My secret question?")
    events(client, message["id"])
    return message["id"]


def account(client: httpx2.Client) -> dict[str, Any]:
    [found] = client.get("/api/me").raise_for_status().json()["accounts"]
    return found


def test_an_account_is_proven_by_a_post(live: Live, client: httpx2.Client) -> None:
    write(live, "1")
    before = client.get("/api/me").json()
    assert before == {
        "accounts": [],
        "waiting_until": None,
        "networks": ["irc"],
        "messages": [],
        "sign_in": [],
    }
    claimed = client.post("/api/me/claims", json={"network": "irc"})
    assert claimed.status_code == 201
    assert client.get("/api/me").json()["waiting_until"] == claimed.json()["expires_at"]
    write(live, "2", f"It is me. {claimed.json()['code']}")
    found = account(client)
    assert (found["author"], found["handle"], found["version"]) == ("ada-id", "ada", 0)
    assert {one["use"]: (one["allowed"], one["by"]) for one in found["uses"]} == {
        "retrieve": (True, "default"),
        "quote": (True, "default"),
        "generate": (True, "default"),
        "embed": (True, "default"),
        "train": (False, "default"),
    }
    assert client.delete("/api/me/accounts", params=MINE).status_code == 204
    assert client.get("/api/me").json()["accounts"] == []
    refused = client.post("/api/me/claims", json={"network": "nowhere"})
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == "network"


def test_one_click_says_no_to_the_past_as_well(live: Live, client: httpx2.Client) -> None:
    write(live, "1")
    prove(live, client)
    said = client.put("/api/me/choices", json={**MINE, "use": "retrieve", "choice": "no"})
    uses = {one["use"]: one for one in said.raise_for_status().json()["uses"]}
    assert uses["retrieve"] == {
        "use": "retrieve",
        "allowed": False,
        "by": "member",
        "why": "",
        "choice": "no",
    }
    assert (uses["quote"]["allowed"], uses["quote"]["why"]) == (False, "retrieve")
    assert client.get("/api/posts/irc/1").status_code == 404
    back = client.put("/api/me/choices", json={**MINE, "use": "retrieve", "choice": None})
    assert back.json()["uses"][0]["choice"] is None
    assert client.get("/api/posts/irc/1").status_code == 200


def test_receipts_say_where_and_not_who_asked_what(live: Live, client: httpx2.Client) -> None:
    mine, read = write(live, "1"), write(live, "2")
    other = write(live, "3", by="bob")
    with live.client() as asker:
        first = answer(live, asker, mine, other)
        second = answer(live, asker, other, read, model="myna")
    prove(live, client)
    assert account(client)["receipts"] == 2
    answered = client.get("/api/me/receipts", params={**MINE, "limit": 1})
    page = answered.raise_for_status().json()
    [latest] = page["receipts"]
    assert (latest["answer"], latest["uri"], latest["model"]) == (second, "2", "myna")
    assert latest["spans"] == []
    older = client.get("/api/me/receipts", params={**MINE, "before": page["next_before"]}).json()
    assert older["next_before"] is None
    [receipt] = older["receipts"]
    assert (receipt["answer"], receipt["door"], receipt["model"]) == (first, "app", "big")
    assert receipt["spans"] == [{"start": 0, "end": 11, "words": "Use a loop."}]
    assert "secret" not in answered.text

    exported = client.get("/api/me/receipts.json", params=MINE)
    assert "attachment" in exported.headers["content-disposition"]
    whole = exported.json()
    assert [one["answer"] for one in whole["receipts"]] == [second, first]
    assert (whole["network"], whole["author"], whole["next_before"]) == ("irc", "ada-id", None)


def test_the_words_of_an_answer_go_with_the_answer(live: Live, client: httpx2.Client) -> None:
    with live.client() as asker:
        answer(live, asker, write(live, "1"))
        [chat] = asker.get("/api/chats").json()["chats"]
        asker.delete(f"/api/chats/{chat['id']}")
    prove(live, client)
    [receipt] = client.get("/api/me/receipts", params=MINE).json()["receipts"]
    assert receipt["spans"] == [{"start": 0, "end": 11, "words": None}]


def test_answers_of_the_openai_api_have_receipts_too(live: Live, client: httpx2.Client) -> None:
    mine = write(live, "1")
    live.fake.steps = [
        Sources((Source(1, mine, None, 1.0),)),
        Text("Use a loop."),
        Citation(0, 11, (1,)),
        Done("answered", "big", "v1"),
    ]
    asked = {"model": "myna", "messages": [{"role": "user", "content": "How?"}]}
    client.post("/v1/chat/completions", json=asked).raise_for_status()
    prove(live, client)
    [receipt] = client.get("/api/me/receipts", params=MINE).json()["receipts"]
    assert (receipt["door"], receipt["spans"][0]["end"]) == ("api", 11)


@pytest.mark.parametrize("path", ["receipts", "receipts.json"])
def test_nobody_else_sees_or_changes_anything(live: Live, client: httpx2.Client, path: str) -> None:
    write(live, "1")
    prove(live, client)
    with live.client() as other:
        assert other.get("/api/me").json()["accounts"] == []
        assert other.get(f"/api/me/{path}", params=MINE).status_code == 404
        assert other.delete("/api/me/accounts", params=MINE).status_code == 404
        said = other.put("/api/me/choices", json={**MINE, "use": "train", "choice": "yes"})
        assert said.status_code == 404
    assert account(client)["version"] == 0
