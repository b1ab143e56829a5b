"""Answering on an instance that is a fake (fake_instance): once, to the same circle, within limits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from myna.errors import SourceError
from myna.feeds.account import Account, Looked
from myna.feeds.mastodon.account import MastodonAccount, measure
from myna.feeds.mastodon.server import Refused, Server
from tests.feeds.mastodon.fake_instance import TOKEN, FakeInstance, running


@pytest.fixture
def fake() -> Iterator[FakeInstance]:
    with running(FakeInstance()) as made:
        yield made


@pytest.fixture
def account(fake: FakeInstance) -> Account:
    id = fake.account("myna")["id"]
    return MastodonAccount(Server(fake.base, TOKEN), id, "instance.example", 500)


def looked(account: Account, id: str) -> Looked:
    found = account.look(id)
    assert found
    return found


def test_a_mention_is_read_with_what_stands_above(fake: FakeInstance, account: Account) -> None:
    first = fake.status("Is the bridge open?")
    status = fake.mention("what do people say?", in_reply_to_id=first["id"], language="en")
    found = looked(account, status["id"])
    assert found.text == "what do people say?"
    assert found.author.handle == "bo@other.example"
    assert (found.mentions, found.is_public, found.lang) == (True, True, "en")
    assert [one.text for one in found.above] == ["Is the bridge open?"]
    assert not looked(account, first["id"]).mentions
    assert found.thread == first["uri"]
    assert found.written_at
    fake.statuses.pop(status["id"])
    assert account.look(status["id"]) is None
    assert account.author == "https://instance.example/users/myna"
    assert account.is_marked()


def test_what_may_not_be_given_to_a_model_does_not_stand_above(
    fake: FakeInstance, account: Account
) -> None:
    shy = fake.status("shy", by="cy", account={"note": "#nobot"})
    private = fake.status("private", by="di", visibility="private", in_reply_to_id=shy["id"])
    open_ = fake.status("open", in_reply_to_id=private["id"])
    found = looked(account, fake.mention("?", in_reply_to_id=open_["id"])["id"])
    assert [one.text for one in found.above] == ["open"]
    assert found.thread == shy["uri"]


@pytest.mark.parametrize("visibility", ["public", "unlisted", "private", "direct"])
def test_a_reply_goes_to_who_could_read_the_mention(
    fake: FakeInstance, account: Account, visibility: str
) -> None:
    status = fake.mention("?", visibility=visibility, spoiler_text="bridges", language="de")
    first = looked(account, status["id"])
    sent = account.reply(first, "Seit Montag.", first=first, key="k1")
    (posted,) = fake.posted
    assert posted["content"] == "<p>@bo@other.example Seit Montag.</p>"
    assert posted["in_reply_to_id"] == status["id"]
    assert (posted["visibility"], posted["language"]) == (visibility, "de")
    assert posted["spoiler_text"] == "bridges"
    assert sent.uri == posted["uri"]
    assert first.is_public == (visibility == "public")


def test_a_lost_answer_leaves_one_reply(fake: FakeInstance, account: Account) -> None:
    """Also after the hour for which an instance knows a key."""
    first = looked(account, fake.mention("?")["id"])
    fake.lose_answers = 1
    with pytest.raises(SourceError):
        account.reply(first, "one", first=first, key="k1")
    again = account.reply(first, "one", first=first, key="k1")
    fake.forget_keys()
    assert account.reply(first, "another", first=first, key="k1") == again
    second = account.reply(again, "two", first=first, key="k2")
    assert account.reply(again, "two", first=first, key="k2") == second
    assert [one["in_reply_to_id"] for one in fake.posted] == [first.id, again.id]


def test_a_reply_is_deleted_once_and_for_all(fake: FakeInstance, account: Account) -> None:
    first = looked(account, fake.mention("?")["id"])
    sent = account.reply(first, "one", first=first, key="k1")
    account.delete(sent.id)
    account.delete(sent.id)
    assert sent.id not in fake.statuses


def test_mentions_are_noticed_behind_a_place(fake: FakeInstance, account: Account) -> None:
    now = datetime.now(UTC)
    fake.mention("before Myna was there", at=now - timedelta(minutes=1))
    none, place = account.noticed("", now)
    assert none == []
    statuses = [fake.mention(f"{number}?") for number in range(3)]
    found, later = account.noticed(place, now)
    assert [one.uri for one in found] == [one["uri"] for one in statuses]
    assert found[0].author == "https://instance.example/users/bo@other.example"
    assert account.noticed(later, now) == ([], later)


def test_mentions_since_it_was_connected_are_noticed_at_the_first_look(
    fake: FakeInstance, account: Account
) -> None:
    now = datetime.now(UTC)
    for number in range(3):
        fake.mention("before", at=now - timedelta(minutes=9 - number))
    statuses = [fake.mention("?", at=now + timedelta(seconds=number)) for number in range(90)]
    found, later = account.noticed("", now)
    assert [one.uri for one in found] == [one["uri"] for one in statuses]
    assert account.noticed(later, now) == ([], later)


def test_a_pause_that_is_asked_for_is_told(fake: FakeInstance, account: Account) -> None:
    first = looked(account, fake.mention("?")["id"])
    fake.refuse.append((429, {"Retry-After": "30"}))
    with pytest.raises(Refused) as caught:
        account.reply(first, "one", first=first, key="k1")
    assert caught.value.retry_after_s == 30
    assert fake.posted == []


def test_sizes_are_mastodons() -> None:
    assert measure("a" * 10) == 10
    assert measure("https://site.example/" + "x" * 200) == 23
    assert measure("@bo@other.example hi") == len("@bo hi")
    assert measure("👩‍👩‍👧‍👦é") == 2
