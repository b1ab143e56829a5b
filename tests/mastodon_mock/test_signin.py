"""Signing in against the mock, as far as it goes: it shows a list of accounts instead of a login, and
checks neither the program's secret nor PKCE (``tests/feeds/mastodon`` has a fake that does)."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import httpx2

from myna.db.connections import save_connection
from myna.db.engine import Database
from myna.settings import Settings
from tests.mastodon_mock.mock import Mock
from tests.web.live import fake_parts, serving


def test_who_signs_in_with_an_account_has_proven_it(
    mock: Mock, db: Database, settings: Settings
) -> None:
    chosen = {"instance": mock.base, "handle": "myna@mock.example"}
    with db.begin() as conn:
        save_connection(
            conn,
            name="mock",
            kind="mastodon",
            settings=chosen,
            sealed=None,
            now=datetime.now(UTC),
        )
    with serving(settings, fake_parts(db)) as live, live.client() as client:
        assert client.get("/api/me").json()["sign_in"] == ["mastodon"]
        body = {"network": "mastodon", "account": f"@ann@{urlsplit(mock.base).netloc}"}
        begun = client.post("/api/me/sign-ins", json=body).raise_for_status().json()
        assert begun["address"].startswith(f"{mock.base}/oauth/authorize?")
        asked = {name: one for name, (one,) in parse_qs(urlsplit(begun["address"]).query).items()}
        assert asked["scope"] == "read:accounts"
        form = {**asked, "username": "ann"}
        back = httpx2.post(f"{mock.base}/oauth/authorize", data=form).headers["location"]
        assert client.get(back).headers["location"] == "/me?proof=done"
        (account,) = client.get("/api/me").json()["accounts"]
    (told,) = [one["account"] for one in [mock.post("ann", "hello")]]
    assert account["author"] == told["uri"]
    assert account["network"] == "mastodon"
