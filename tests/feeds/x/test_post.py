"""What posts of X's API mean, in the shapes of its documentation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from myna.feeds.x.place import KEPT, Place, seen_at
from myna.feeds.x.post import BadPost, Given, events_of, id_at, id_of, time_of, uri_of
from myna.feeds.x.signing import Keys, authorization
from myna.index.traits import addresses_of, traits_of
from myna.post import Event, Kind, Post, Use
from myna.safety.consent.decision import Choice, Scope, Statement, decide
from myna.safety.consent.signals import read_signal

USER = {"id": "2244994945", "username": "XDevelopers", "name": "Developers", "protected": False}
POST = {
    "id": "1212092628029698048",
    "text": "We believe the best future is in the cloud &amp; on https://t.co/aa https://t.co/bb",
    "author_id": "2244994945",
    "created_at": "2019-12-31T19:26:16.000Z",
    "conversation_id": "1212092627178287104",
    "edit_history_tweet_ids": ["1212092628029698048"],
    "in_reply_to_user_id": "2244994945",
    "lang": "en",
    "possibly_sensitive": False,
    "reply_settings": "everyone",
    "public_metrics": {"retweet_count": 7, "reply_count": 3, "like_count": 38, "quote_count": 1},
    "referenced_tweets": [{"type": "replied_to", "id": "1212092627178287104"}],
    "attachments": {"media_keys": ["3_1"]},
    "entities": {
        "hashtags": [{"start": 0, "end": 5, "tag": "cloud"}],
        "urls": [
            {"url": "https://t.co/aa", "expanded_url": "https://example.org/a/b"},
            {"url": "https://t.co/bb", "expanded_url": "https://x.com/m/1", "media_key": "3_1"},
        ],
    },
}
INCLUDES = {
    "users": [USER],
    "media": [{"media_key": "3_1", "type": "photo", "url": "https://m/1", "alt_text": "a cloud"}],
}


def read(told: dict[str, Any], **includes: Any) -> list[Event]:
    return events_of(told, Given.read(INCLUDES | includes), "x")


def post_in(events: list[Event]) -> Post:
    (post,) = [one.post for one in events if one.post]
    return post


def test_a_post_has_what_the_api_says() -> None:
    post = post_in(read(POST))
    assert post.uri == uri_of("1212092628029698048")
    assert id_of(post.uri) == "1212092628029698048"
    assert post.text == "We believe the best future is in the cloud & on https://example.org/a/b"
    assert (post.author.id, post.author.handle) == ("2244994945", "XDevelopers")
    assert post.reply_to == uri_of("1212092627178287104")
    assert (post.likes, post.reposts, post.lang) == (38, 7, "en")
    assert post.url == "https://x.com/XDevelopers/status/1212092628029698048"
    assert post.raw["media_attachments"][0]["description"] == "a cloud"
    assert traits_of(post) >= {"media", "images", "reply"}
    assert list(addresses_of(post.raw)) == ["https://example.org/a/b"]


def test_an_edit_is_the_same_post_with_a_later_revision() -> None:
    later = str(int(POST["id"]) + 5)
    edited = POST | {"id": later, "edit_history_tweet_ids": [POST["id"], later], "text": "new"}
    (event,) = [one for one in read(edited) if one.post]
    assert event.kind is Kind.EDIT
    assert event.uri == uri_of(POST["id"])
    assert post_in([event]).revision > post_in(read(POST)).revision


def test_of_a_repost_the_original_comes() -> None:
    repost = {
        "id": "1300000000000000000",
        "text": "RT @XDevelopers: We believe",
        "author_id": "7",
        "referenced_tweets": [{"type": "retweeted", "id": POST["id"]}],
    }
    assert post_in(read(repost, tweets=[POST])).uri == uri_of(POST["id"])
    assert read(repost) == []


def test_a_long_post_is_whole() -> None:
    assert post_in(read(POST | {"note_tweet": {"text": "long " * 100}})).text.count("long") == 100


def test_of_a_protected_account_nothing_comes() -> None:
    (event,) = read(POST, users=[USER | {"protected": True}])
    assert (event.kind, event.uri) == (Kind.HIDE, USER["id"])


@pytest.mark.parametrize("damage", [{"id": "x"}, {"text": None}, {"author_id": "1"}, {"id": None}])
def test_what_is_no_post(damage: dict[str, Any]) -> None:
    with pytest.raises(BadPost):
        read(POST | damage)


def test_no_word_of_anybody_lets_models_be_trained_on_x() -> None:
    signal = read(POST)[0].signal
    assert signal
    statement = read_signal(signal)
    assert statement
    member = Choice(Use.TRAIN, "yes", "member")
    operator = Choice(Use.TRAIN, "yes", "operator")
    for choices in ([], [member], [operator]):
        consent = decide([statement], choices, ())
        assert Use.TRAIN in consent.effective(Use(0))
        assert Use.RETRIEVE not in consent.effective(Use(0))
    other = Statement("other", (), Scope.ACCOUNT)
    assert Use.TRAIN in decide([other, statement], [member], ()).effective(Use(0))


def test_tags_in_a_profile_count() -> None:
    signal = read(POST, users=[USER | {"description": "no bots #nobot"}])[0].signal
    assert signal
    statement = read_signal(signal)
    assert statement
    assert decide([statement], [], ()).refused == Use(31)


def test_numbers_tell_the_time() -> None:
    seen = datetime(2019, 12, 31, 19, 26, 16, tzinfo=UTC)
    assert abs(time_of(str(POST["id"])) - seen) < timedelta(seconds=1)
    now = datetime(2026, 7, 1, tzinfo=UTC)
    assert time_of(id_at(now)) == now
    place = Place(id_at(now))
    assert place.begin(now + timedelta(days=1))[1]
    begin, is_whole = place.begin(now + timedelta(days=9))
    assert not is_whole
    assert time_of(begin) == now + timedelta(days=9) - KEPT
    assert seen_at("") is None


def test_a_signature_is_that_of_the_documentation() -> None:
    """The worked example of X's page “Creating a signature”; its words are in public."""
    keys = Keys(
        "xvz1evFS4wEEPTGEFPHBog",
        "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw",
        "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb",
        "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE",
    )
    header = authorization(
        keys,
        "post",
        "https://api.twitter.com/1/statuses/update.json",
        {
            "include_entities": "true",
            "status": "Hello Ladies + Gentlemen, a signed OAuth request!",
        },
        nonce="kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg",
        now_s=1318622958,
    )
    assert 'oauth_signature="tnnArxj06cWHq44gCs1OSKk%2FjLY%3D"' in header
    assert keys.token_secret not in repr(keys)
