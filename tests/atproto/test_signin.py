"""Signing in with an account of a real PDS, which is its own authorization server. The person in front of
its page is a fake: it sends what the page's own script would."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from sqlalchemy import text

from myna.db.connections import save_connection
from myna.db.engine import Database
from myna.settings import Settings
from tests.atproto.network import PASSWORD, Account, AtNetwork
from tests.web.live import Live, fake_parts, serving

API = "/@atproto/oauth-provider/~api"


@pytest.fixture
def live(settings: Settings, db: Database, network: AtNetwork) -> Iterator[Live]:
    """The app, connected with the network."""
    chosen = {"plc": network.plc, "service": network.pds, "appview": "", "stream": network.stream}
    with db.begin() as conn:
        save_connection(
            conn,
            name="bluesky",
            kind="bluesky",
            settings=chosen,
            sealed=None,
            now=datetime.now(UTC),
        )
    with serving(settings, fake_parts(db)) as server:
        yield server


@dataclass
class Person:
    """Somebody's browser at the authorization server; it keeps cookies for loopback as browsers do,
    although they are marked as secure."""

    cookies: dict[str, str] = field(default_factory=dict)

    def sign_in(self, address: str, account: Account, password: str = PASSWORD) -> str:
        """Sign in and consent; where the server sends the browser then."""
        self.ask("GET", address, mode="navigate", site="cross-site")
        body = {"locale": "en", "username": account.handle, "password": password, "remember": False}
        told = self.ask("POST", f"{API}/sign-in", page=address, body=body).json()
        token = {"Authorization": f"Bearer {told['ephemeralToken']}"}
        did = {"did": account.did}
        told = self.ask("POST", f"{API}/consent", page=address, body=did, headers=token).json()
        sent = self.ask("GET", told["url"], page=address, mode="navigate")
        return sent.headers["location"]

    def refuse(self, address: str) -> str:
        """Say no; where the server sends the browser then."""
        self.ask("GET", address, mode="navigate", site="cross-site")
        told = self.ask("POST", f"{API}/reject", page=address, body={}).json()
        return self.ask("GET", told["url"], page=address, mode="navigate").headers["location"]

    def ask(
        self,
        verb: str,
        where: str,
        *,
        page: str = "",
        mode: str = "same-origin",
        site: str = "same-origin",
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> httpx2.Response:
        parts = urlsplit(page or where)
        origin = f"{parts.scheme}://{parts.netloc}"
        sent = {
            "Sec-Fetch-Mode": mode,
            "Sec-Fetch-Site": site,
            "Sec-Fetch-Dest": "document" if mode == "navigate" else "empty",
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
            "User-Agent": "Mozilla/5.0 (a fake person)",
            **(headers or {}),
        }
        if page:
            sent |= {"Referer": page}
        if verb == "POST":
            sent |= {"Origin": origin, "x-csrf-token": self.cookies["csrf-token"]}
        url = where if "://" in where else origin + where
        answer = httpx2.request(verb, url, json=body, headers=sent, timeout=20)
        assert answer.status_code < 400, answer.text
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer


def begin(client: httpx2.Client, account: str) -> httpx2.Response:
    return client.post("/api/me/sign-ins", json={"network": "bluesky", "account": account})


def mine(client: httpx2.Client) -> list[str]:
    return [one["author"] for one in client.get("/api/me").json()["accounts"]]


def test_who_signs_in_with_an_account_has_proven_it(live: Live, network: AtNetwork) -> None:
    ann = network.account("ann")
    with live.client() as client:
        assert client.get("/api/me").json()["sign_in"] == ["bluesky"]
        address = begin(client, f"@{ann.handle}").raise_for_status().json()["address"]
        assert parse_qs(urlsplit(address).query).keys() == {"client_id", "request_uri"}
        back = Person().sign_in(address, ann)
        assert back.startswith(f"{live.base}/api/me/sign-ins/back?")
        answer = client.get(back)
        assert (answer.status_code, answer.headers["location"]) == (303, "/me?proof=done")
        assert mine(client) == [ann.did]
        assert client.get(back).headers["location"] == "/me?proof=failed"  # once
    with live.parts.db.begin() as conn:
        assert conn.execute(text("select count(*) from sign_ins")).scalar_one() == 0


def test_another_account_than_the_one_that_was_named(live: Live, network: AtNetwork) -> None:
    ann, bob = network.account("ann"), network.account("bob")
    with live.client() as client:
        address = begin(client, ann.did).json()["address"]
        back = Person().sign_in(address, bob)
        assert client.get(back).headers["location"] == "/me?proof=failed"
        assert mine(client) == []


def test_a_login_ends_in_the_browser_that_began_it(live: Live, network: AtNetwork) -> None:
    ann = network.account("ann")
    with live.client() as client, live.client() as other:
        back = Person().sign_in(begin(client, ann.did).json()["address"], ann)
        other.get("/api/me")
        assert other.get(back).headers["location"] == "/me?proof=failed"
        assert mine(other) == []
        forged = back.replace("iss=http%3A%2F%2Flocalhost", "iss=http%3A%2F%2Felsewhere")
        assert forged != back
        assert client.get(forged).headers["location"] == "/me?proof=failed"
        assert mine(client) == []


def test_who_says_no_there_proves_nothing(live: Live, network: AtNetwork) -> None:
    ann = network.account("ann")
    with live.client() as client:
        back = Person().refuse(begin(client, ann.handle).json()["address"])
        assert "access_denied" in back
        assert client.get(back).headers["location"] == "/me?proof=failed"
        assert mine(client) == []


def test_accounts_that_there_are_not(live: Live) -> None:
    with live.client() as client:
        for account in ("nobody.test", "did:plc:2222222222222222222222aa", "did:web:localhost"):
            refused = begin(client, account)
            assert refused.status_code == 400, account


def test_the_protocol_knows_no_client_called_localhost(live: Live, network: AtNetwork) -> None:
    here = live.base.replace("127.0.0.1", "localhost")
    with httpx2.Client(base_url=here, timeout=20) as client:
        refused = begin(client, network.account("ann").did)
    assert refused.status_code == 400
    assert f"Open Myna at {live.base}" in refused.json()["error"]["message"]


def test_under_https_myna_says_who_it_is(
    settings: Settings, db: Database, network: AtNetwork
) -> None:
    public = settings.model_copy(update={"public_url": "https://myna.example/"})
    with serving(public, fake_parts(db)) as live, live.client() as client:
        told = client.get("/api/me/sign-ins/client.json").json()
    assert told["client_id"] == "https://myna.example/api/me/sign-ins/client.json"
    assert told["redirect_uris"] == ["https://myna.example/api/me/sign-ins/back"]
    assert (told["scope"], told["dpop_bound_access_tokens"]) == ("atproto", True)
