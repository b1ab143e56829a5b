"""Signing in with an account of an instance, against a fake of one."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from myna.errors import InvalidRequest, SourceError
from myna.feeds.mastodon.signin import MastodonSignIn
from myna.feeds.signin import Begun, Client
from tests.feeds.mastodon.fake_login import FakeLogin, running

CLIENT = Client("http://127.0.0.1:1", "http://127.0.0.1:1/back", "http://127.0.0.1:1/client.json")


@pytest.fixture
def fake() -> Iterator[FakeLogin]:
    with running(FakeLogin()) as made:
        yield made


def begin(fake: FakeLogin, account: str = "") -> tuple[MastodonSignIn, Begun, dict[str, str]]:
    """With what the browser carries to the instance."""
    sign_in = MastodonSignIn(frozenset({fake.base}))
    begun = sign_in.begin(account or f"@ann@127.0.0.1:{fake.port}", "a state", CLIENT)
    asked = {name: one for name, (one,) in parse_qs(urlsplit(begun.address).query).items()}
    return sign_in, begun, asked


@pytest.mark.parametrize("form", ["@ann@{}", "ann@{}", "{}", "https://{}/"])
def test_the_account_that_the_instance_says_was_signed_in(fake: FakeLogin, form: str) -> None:
    sign_in, begun, asked = begin(fake, form.format(f"127.0.0.1:{fake.port}"))
    back = fake.consent(asked)
    assert back["state"] == "a state"
    assert sign_in.end(begun.kept, back, CLIENT) == f"{fake.base}/users/ann"
    assert fake.revoked == ["token-0"]
    assert fake.tokens == set()
    assert "secret" not in repr(begun)


def test_an_instance_cannot_speak_for_another_one(fake: FakeLogin) -> None:
    fake.claims = "https://mastodon.example/users/victim"
    sign_in, begun, asked = begin(fake)
    with pytest.raises(InvalidRequest, match="another server"):
        sign_in.end(begun.kept, fake.consent(asked), CLIENT)
    assert fake.revoked == ["token-0"]


def test_a_code_of_another_login_is_worth_nothing(fake: FakeLogin) -> None:
    _, _, theirs = begin(fake)
    sign_in, begun, _ = begin(fake)
    with pytest.raises(SourceError):
        sign_in.end(begun.kept, fake.consent(theirs), CLIENT)
    with pytest.raises(InvalidRequest, match="Nobody"):
        sign_in.end(begun.kept, {"code": ""}, CLIENT)


@pytest.mark.parametrize(
    "account",
    ["", "ann", "@ann@", "ann@localhost", "ann@127.0.0.1:22", "ann@[::1]", "a@b/c", "a@host:port"],
)
def test_only_public_hosts_are_asked(fake: FakeLogin, account: str) -> None:
    sign_in = MastodonSignIn(frozenset({fake.base}))
    with pytest.raises(InvalidRequest):
        sign_in.begin(account, "a state", CLIENT)
    assert fake.apps == {}
