"""What other sites can and cannot do, and what every answer carries."""

from __future__ import annotations

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.datastructures import Headers

from myna.settings import Settings
from myna.web.security import Guard
from tests.web.live import Live


def guard(**settings: object) -> Guard:
    return Guard(Starlette(), Settings(**settings))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "[::1]:8080", "LOCALHOST"])
def test_our_own_names_are_answered(host: str) -> None:
    assert guard().is_ours(host)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "",
        "localhost@evil.example",
        "a b",
        "[::1",
        "10.0.0.7",
    ],
)
def test_other_names_are_not(host: str) -> None:
    assert not guard().is_ours(host)


def test_settings_add_names() -> None:
    assert guard(public_url="https://myna.example:444/x").is_ours("myna.example")
    assert guard(host="myna.internal").is_ours("myna.internal:8080")
    everywhere = guard(host="0.0.0.0")
    assert everywhere.is_ours("192.168.1.5:8080")  # an address cannot be rebound
    assert everywhere.is_ours("[fe80::1]")
    assert not everywhere.is_ours("evil.example")
    assert not everywhere.is_ours("")


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"origin": "http://localhost:8080"}, True),
        ({"origin": "http://localhost:3000"}, False),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": ""}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "same-origin"}, True),
    ],
)
def test_only_our_own_page_may_write(headers: dict[str, str], allowed: bool) -> None:
    assert guard().is_same_origin(Headers({"host": "localhost:8080", **headers})) is allowed


def test_behind_a_proxy_the_public_address_may_write() -> None:
    headers = Headers({"host": "127.0.0.1:8080", "origin": "https://myna.example"})
    assert guard(public_url="https://myna.example").is_same_origin(headers)


def test_refusals_over_the_wire(client: httpx2.Client) -> None:
    response = client.get("/api/chats", headers={"Host": "evil.example"})
    assert response.status_code == 421
    assert response.json()["error"]["code"] == "unknown_host"
    for path in ("/api/chats", "/v1/chat/completions"):
        response = client.post(path, json={}, headers={"Origin": "https://evil.example"})
        assert response.status_code == 403
        response = client.post(path, content="{}", headers={"Content-Type": "text/plain"})
        assert response.status_code == 415
        response = client.post(path, data={"a": "b"})
        assert response.status_code == 415
    response = client.options(
        "/v1/chat/completions",
        headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"},
    )
    assert not any(name.startswith("access-control") for name in response.headers)


@pytest.mark.parametrize("path", ["/", "/api/chats", "/v1/models", "/nowhere", "/openapi.json"])
def test_every_answer_carries_the_headers(client: httpx2.Client, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'self'")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    if path.startswith(("/api", "/v1")):
        assert headers["cache-control"] == "no-store"


def test_huge_bodies_are_refused_in_our_shape(client: httpx2.Client) -> None:
    chat = client.post("/api/chats", json={}).json()
    path = f"/api/chats/{chat['id']}/messages"
    response = client.post(path, json={"text": "x" * 1_100_000})
    assert response.status_code == 413
    assert response.json()["error"]["type"] == "invalid_request_error"

    def endless():
        for _ in range(20):
            yield b"x" * 100_000

    headers = {"Content-Type": "application/json"}
    response = client.post(path, content=endless(), headers=headers)
    assert response.status_code == 413


def test_an_unexpected_error_tells_nothing(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(viewer: str) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(live.parts.chats, "list", broken)
    with live.client() as client:
        response = client.get("/api/chats")
    assert response.status_code == 500
    assert "secret" not in response.text
    assert response.json()["error"]["code"] == "internal_error"
