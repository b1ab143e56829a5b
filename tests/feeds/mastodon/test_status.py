"""What a status means: who wrote it, what is kept, what is none."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from myna.errors import InvalidRequest
from myna.feeds.mastodon.place import REWIND, Place, at, order, time_of
from myna.feeds.mastodon.status import BadStatus, author_of, id_of, post_of, signal_of
from myna.feeds.mastodon.timeline import timelines_of
from myna.index.traits import traits_of
from myna.post import Author, Use
from myna.safety.consent.signals import read_signal
from tests.feeds.mastodon.fake_instance import FakeInstance

HOST = "instance.example"


def made(**more: Any) -> dict[str, Any]:
    return FakeInstance().status("Hello", **more)


def test_a_post_has_what_the_status_says() -> None:
    status = made(
        favourites_count=3,
        reblogs_count=2,
        language="de",
        spoiler_text="food",
        sensitive=True,
        in_reply_to_id="7",
        media_attachments=[
            {"id": "1", "type": "image", "url": "https://f/1", "description": "a bird", "meta": {}}
        ],
        poll={"id": "1", "options": [{"title": "yes", "votes_count": 4}], "multiple": False},
        tags=[{"name": "birds", "url": "https://i/tags/birds"}],
        emojis=[{"shortcode": "blobcat", "url": "https://i/blobcat.png"}],
        quote={"state": "accepted", "quoted_status": {"uri": "https://o/1"}},
    )
    post = post_of(status, "mastodon", HOST, "https://o/parent")
    assert post.uri == status["uri"]
    assert post.url == status["url"]
    assert post.text == "Hello"
    assert post.author == Author(
        "mastodon", "https://instance.example/users/ann", "ann@instance.example", "Ann"
    )
    assert (post.likes, post.reposts, post.lang) == (3, 2, "de")
    assert post.reply_to == "https://o/parent"
    assert post.raw["spoiler_text"] == "food"
    assert post.raw["media_attachments"] == [
        {"type": "image", "url": "https://f/1", "description": "a bird"}
    ]
    assert post.raw["poll"]["options"] == [{"title": "yes", "votes_count": 4}]
    assert post.raw["emojis"] == ["blobcat"]
    assert traits_of(post) >= {"reply", "poll", "quote", "media", "images"}


def test_an_edit_has_a_later_revision() -> None:
    status = made()
    before = post_of(status, "mastodon", HOST, None)
    status["edited_at"] = "2030-01-01T00:00:00.000Z"
    after = post_of(status, "mastodon", HOST, None)
    assert after.revision > before.revision


def test_an_account_of_another_instance_keeps_its_host() -> None:
    author = author_of(FakeInstance().account("bo@other.example", bot=True), "mastodon", HOST)
    assert author.handle == "bo@other.example"
    assert author.is_bot


@pytest.mark.parametrize(
    "damage",
    [
        {"uri": None},
        {"uri": "x" * 2000},
        {"created_at": "yesterday"},
        {"content": None},
        {"account": None},
        {"account": {"acct": "ann"}},
    ],
)
def test_what_is_no_status(damage: dict[str, Any]) -> None:
    with pytest.raises(BadStatus):
        post_of(made() | damage, "mastodon", HOST, None)


@pytest.mark.parametrize("id", [None, 7, "", "a b", "x" * 65])
def test_what_is_no_number(id: object) -> None:
    with pytest.raises(BadStatus):
        id_of({"id": id})


@pytest.mark.parametrize(
    ("account", "refused"),
    [
        ({}, Use(0)),
        ({"indexable": False}, Use.RETRIEVE),
        ({"indexable": None}, Use.RETRIEVE),
        ({"noindex": True}, Use.RETRIEVE),
        ({"discoverable": False}, Use.QUOTE | Use.GENERATE),
        ({"note": '<p>no <a href="x">#<span>nobot</span></a></p>'}, Use(31)),
    ],
)
def test_what_an_account_allows(account: dict[str, Any], refused: Use) -> None:
    status = made(account=account)
    author = author_of(status["account"], "mastodon", HOST)
    event = signal_of(status, author, HOST)
    assert event.signal
    assert event.uri == author.id
    statement = read_signal(event.signal)
    assert statement
    says = Use(0)
    for said in statement.says:
        says |= said.use if said.word == "no" else Use(0)
    assert says == refused


def test_timelines_are_named_by_words() -> None:
    timelines = timelines_of("local federated home #Birds list:12 local")
    assert [one.query for one in timelines] == [
        "stream=public%3Alocal",
        "stream=public",
        "stream=user",
        "stream=hashtag&tag=Birds",
        "stream=list&list=12",
    ]
    assert [one.is_feed for one in timelines] == [False, False, True, False, True]
    for policy in ("", "everything", "#", "list:", "#a/b", " ".join(f"#t{n}" for n in range(21))):
        with pytest.raises(InvalidRequest):
            timelines_of(policy)


def test_a_place_goes_back_in_time_and_not_by_itself() -> None:
    now = datetime(2026, 7, 1, tzinfo=UTC)
    place = at(now)
    assert Place.read(place.cursor) == place
    assert time_of(place.cursor) == now
    assert place.rewound().id == at(now - REWIND).id
    assert place.later(place.rewound()) == place
    word = Place("01J1ZZZZZZZZZZZZZZZZZZZZZZ", now)
    assert word.rewound() == word
    assert Place("7", now).rewound() == Place("7", now)
    assert order("9") < order("10")
    assert Place.read("") is None
    assert Place.read("nonsense") is None
