"""Answering on X, against a fake of it (fake_x_server): X's rules hold whoever calls."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from myna.errors import InvalidRequest, SourceError
from myna.feeds.account import Account, Looked
from myna.feeds.x.account import XAccount, measure
from myna.feeds.x.post import uri_of
from myna.feeds.x.server import Server
from myna.feeds.x.signing import Keys
from tests.feeds.x.fake_x_server import BEARER, FakeX, running

MENTION = {"entities": {"mentions": [{"username": "Myna", "id": "999"}]}}


@pytest.fixture
def fake() -> Iterator[FakeX]:
    with running(FakeX()) as made:
        yield made


@pytest.fixture
def account(fake: FakeX) -> Account:
    return XAccount(Server(fake.base, BEARER, Keys("a", "b", "c", "d")), "999", "myna")


def looked(account: Account, post: dict[str, Any]) -> Looked:
    found = account.look(post["id"])
    assert found
    return found


def test_a_mention_is_read_with_what_stands_above(fake: FakeX, account: Account) -> None:
    first = fake.post("Is the bridge open?")
    above = [{"type": "replied_to", "id": first["id"]}]
    post = fake.post("@Myna what do people say?", referenced_tweets=above, **MENTION)
    found = looked(account, post)
    assert found.text == "what do people say?"
    assert found.mentions
    assert [one.text for one in found.above] == ["Is the bridge open?"]
    shy = fake.user("cy", description="#nobot")
    hidden = fake.post("hidden", by=shy, referenced_tweets=above)
    below = [{"type": "replied_to", "id": hidden["id"]}]
    deep = looked(account, fake.post("@myna?", referenced_tweets=below, conversation_id="7"))
    assert [one.text for one in deep.above] == ["Is the bridge open?"]
    assert deep.thread == uri_of("7")
    fake.posts.pop(post["id"])
    assert account.look(post["id"]) is None


def test_a_mention_is_answered_once_with_one_post(fake: FakeX, account: Account) -> None:
    first = looked(account, fake.post("@myna ?", **MENTION))
    fake.lose_answers = 1
    with pytest.raises(SourceError):
        account.reply(first, "one", first=first, key="k1")
    sent = account.reply(first, "one", first=first, key="k1")
    assert account.reply(first, "another", first=first, key="k2") == sent
    assert len(fake.sent) == 1
    with pytest.raises(InvalidRequest, match="one post"):
        account.reply(sent, "two", first=first, key="k3")
    assert account.limits.parts == 1
    account.delete(sent.id)
    assert sent.id not in fake.posts


def test_who_does_not_mention_it_is_not_answered(fake: FakeX, account: Account) -> None:
    first = looked(account, fake.post("the birds"))
    with pytest.raises(InvalidRequest, match="only those who mention"):
        account.reply(first, "one", first=first, key="k1")
    assert fake.sent == []


def test_mentions_are_noticed_behind_a_place(fake: FakeX, account: Account) -> None:
    now = datetime.now(UTC)
    fake.post("@myna before it was there", at=now - timedelta(seconds=1))
    none, place = account.noticed("", now)
    assert none == []
    fake.page = 2
    posts = [fake.post(f"@myna {number}?") for number in range(5)]
    found, later = account.noticed(place, now)
    assert [one.id for one in found] == [one["id"] for one in posts]
    assert account.noticed(later, now) == ([], later)


def test_sizes_are_xs() -> None:
    assert measure("a" * 10) == 10
    assert measure("https://site.example/" + "x" * 200) == 23
    assert measure("日本") == 4
    assert measure("👩‍👩‍👧‍👦") == 2
    assert measure("naïve “quoted”") == 14
