"""From messages to events: what a relay's frames give is what Jetstream gives, and bad ones harm
nothing."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import libipld
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from myna.db.content import clean_event
from myna.feeds.bluesky import records
from myna.feeds.bluesky.frames import Frames
from myna.feeds.bluesky.jetstream import Jetstream
from myna.feeds.bluesky.message import BadMessage, Message, Notice, StreamRefused
from myna.feeds.bluesky.place import Protocol
from myna.feeds.bluesky.records import Operation, events_of
from myna.post import (
    Author,
    Engaged,
    Engagement,
    Event,
    Kind,
    Profile,
    ReplyRule,
    Signal,
    Withheld,
)
from tests.feeds.bluesky.recorded import as_2, events_1, frames

DID = "did:plc:ann"
SEEN = datetime(2026, 7, 4, tzinfo=UTC)


def first() -> Jetstream:
    return Jetstream("bluesky", Protocol.JETSTREAM_1, "host")


def second() -> Jetstream:
    return Jetstream("bluesky", Protocol.JETSTREAM_2, "host")


def relay() -> Frames:
    return Frames("bluesky", Protocol.RELAY, "host")


def message(decoded: Message | Notice) -> Message:
    assert isinstance(decoded, Message)
    return decoded


def test_frames_give_what_jetstream_gives() -> None:
    wanted = [list(message(first().decode(data)).events) for data in events_1()]
    given_ = [list(message(relay().decode(data)).events) for data in frames()]
    assert [one for some in given_ for one in some] == [one for some in wanted for one in some]
    kinds = [event.kind for events in wanted for event in events]
    assert kinds.count(Kind.CREATE) == 17
    assert kinds.count(Kind.DELETE) == 1
    assert kinds.count(Kind.ENGAGE) == 120
    assert kinds.count(Kind.RETURN) == 1


def test_version_2_gives_what_version_1_gives() -> None:
    for number, data in enumerate(events_1(), 1):
        one = message(first().decode(data))
        two = message(second().decode(as_2(number, json.loads(data))))
        assert list(two.events) == list(one.events)
        assert (two.renamed, two.diverged) == (one.renamed, one.diverged)
        assert two.number == number


def test_a_compressed_message_is_the_same() -> None:
    samples = [as_2(number, json.loads(data)) for number, data in enumerate(events_1(), 1)]
    dictionary = zstandard.train_dictionary(8_000, samples * 4)  # pyright: ignore[reportArgumentType]
    compressor = zstandard.ZstdCompressor(dict_data=dictionary)
    decoder = Jetstream("bluesky", Protocol.JETSTREAM_2, "host", dictionary)
    for sample in samples:
        assert decoder.decode(compressor.compress(sample)) == second().decode(sample)
    with pytest.raises(BadMessage, match="decompressed"):
        decoder.decode(compressor.compress(samples[0])[:40])


def test_places_are_those_behind_the_messages() -> None:
    line = events_1()[0]
    assert message(first().decode(line)).cursor == "v1 host 1783175888085434"
    two = message(second().decode(as_2(7, json.loads(line))))
    assert two.cursor == "v2 host 7 2026-07-04T14:38:08.085434Z"
    frame = message(relay().decode(frames()[0]))
    assert frame.cursor == "relay host 31527015322 2026-07-04T14:38:07.517Z"


def operation(
    collection: str, record: dict[str, Any] | None, action: str = "create", rkey: str = "3k"
) -> list[Event]:
    return events_of(Operation("bluesky", DID, action, collection, rkey, "rev", SEEN), record)


def test_a_post() -> None:
    embed = {"$type": "app.bsky.embed.images", "images": [{"alt": "a bird"}]}
    record = {
        "$type": records.POST,
        "text": "hello",
        "createdAt": "2026-01-02T03:04:05.000Z",
        "langs": ["de", "en"],
        "reply": {"root": {"uri": "at://r"}, "parent": {"uri": "at://p"}},
        "embed": embed,
    }
    (event,) = operation(records.POST, record)
    assert event.kind is Kind.CREATE
    assert event.uri == f"at://{DID}/app.bsky.feed.post/3k"
    post = event.post
    assert post
    assert post.author == Author("bluesky", DID, "")
    assert (post.text, post.lang, post.reply_to, post.revision) == ("hello", "de", "at://p", "rev")
    assert post.created_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert post.raw == {"reply": record["reply"], "embed": embed}
    assert operation(records.POST, record, "update")[0].kind is Kind.EDIT
    assert operation(records.POST, None, "delete") == [Event(Kind.DELETE, "bluesky", event.uri)]


@pytest.mark.parametrize("claimed", [None, 7, "yesterday", ""])
def test_a_post_without_a_usable_time_has_that_of_its_arrival(claimed: object) -> None:
    (event,) = operation(records.POST, {"text": "hello", "createdAt": claimed})
    assert event.post
    assert event.post.created_at == SEEN


def test_what_could_not_be_kept_is_left_out() -> None:
    """One that the store refuses would stop the stream for good."""
    long = {"text": "hello", "reply": {"parent": {"uri": "at://" + "x" * 2000}}}
    (event,) = operation(records.POST, long)
    assert event.post
    assert event.post.reply_to is None
    clean_event(event)
    assert operation(records.POST, {"text": "hello"}, rkey="x" * 2000) == []
    assert records.account("bluesky", "did:plc:" + "x" * 2000, {"active": True}) == []
    assert records.identity("bluesky", "", {"handle": "ann.example"}) == []


def test_likes_and_reposts() -> None:
    like = {"subject": {"uri": "at://x", "cid": "c"}}
    (event,) = operation(records.LIKE, like)
    assert event.told == Engagement("at://x", Engaged.LIKE)
    assert operation(records.REPOST, like)[0].told == Engagement("at://x", Engaged.REPOST)
    assert operation(records.LIKE, None, "delete") == [Event(Kind.WITHDRAW, "bluesky", event.uri)]
    assert operation(records.LIKE, {"subject": "at://x"}) == []


def test_who_may_reply() -> None:
    allow = [
        {"$type": "app.bsky.feed.threadgate#mentionRule"},
        {"$type": "app.bsky.feed.threadgate#listRule", "list": "at://list"},
        {"$type": "some.other#rule"},
    ]
    (event,) = operation(records.GATE, {"allow": allow, "hiddenReplies": ["at://h"]})
    assert event.uri == f"at://{DID}/app.bsky.feed.post/3k"
    assert event.told == ReplyRule(("mention", "at://list"), ("at://h",))
    assert operation(records.GATE, {"allow": []})[0].told == ReplyRule(())
    assert operation(records.GATE, {})[0].told == ReplyRule()
    assert operation(records.GATE, None, "delete")[0].told == ReplyRule()


def test_a_profile_names_and_says_that_it_is_a_bot() -> None:
    record = {
        "displayName": "Ann",
        "labels": {"values": [{"val": "bot"}, {"val": "!no-unauthenticated"}]},
    }
    signal, profile = operation(records.PROFILE, record, rkey="self")
    assert profile == Event(Kind.PROFILE, "bluesky", DID, told=Profile(None, "Ann", True))
    assert signal.signal == Signal(records.PROFILE, "self", record, "rev")
    signal, profile = operation(records.PROFILE, None, "delete", rkey="self")
    assert profile.told == Profile(None, "", False)
    assert signal.signal == Signal(records.PROFILE, "self", None, "rev")


def test_preferences_are_handed_over_as_they_are() -> None:
    record = {"preferences": {"training": {"allow": False}}}
    (event,) = operation(records.CONSENTS[0], record, rkey="self")
    assert event.kind is Kind.SIGNAL
    assert event.signal == Signal(records.CONSENTS[0], "self", record, "rev")


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ({"active": True}, Kind.RETURN),
        ({"active": False, "status": "deactivated"}, Kind.HIDE),
        ({"active": False, "status": "suspended"}, Kind.HIDE),
        ({"active": False, "status": "takendown"}, Kind.HIDE),
        ({"active": False, "status": "deleted"}, Kind.PURGE),
        ({"active": False, "status": "desynchronized"}, None),
        ({"active": False}, None),
    ],
)
def test_what_became_of_an_account(told: dict[str, Any], kind: Kind | None) -> None:
    assert [event.kind for event in records.account("bluesky", DID, told)] == (
        [kind] if kind else []
    )


def test_a_handle_is_to_be_asked_for() -> None:
    told = {"did": DID, "time_us": 1, "kind": "identity", "identity": {"did": DID}}
    decoded = message(first().decode(json.dumps(told).encode()))
    assert (list(decoded.events), decoded.renamed) == ([], DID)
    told["identity"] = {"did": DID, "handle": "ann.example"}
    decoded = message(first().decode(json.dumps(told).encode()))
    assert decoded.renamed == DID  # what is told is not verified
    assert [event.told for event in decoded.events] == [Profile("ann.example")]


def frame(header: dict[str, Any], body: dict[str, Any]) -> bytes:
    return libipld.encode_dag_cbor(header) + libipld.encode_dag_cbor(body)


def test_a_host_s_own_words() -> None:
    info = frame({"op": 1, "t": "#info"}, {"name": "OutdatedCursor"})
    assert relay().decode(info) == Notice("OutdatedCursor")
    with pytest.raises(StreamRefused, match="FutureCursor"):
        relay().decode(frame({"op": -1}, {"error": "FutureCursor", "message": "no"}))
    payload = {"$type": "network.bsky.jetstream.subscribeEvents#info", "name": "FutureCursor"}
    data = json.dumps({"$type": "message", "payload": payload}).encode()
    assert second().decode(data) == Notice("FutureCursor")
    with pytest.raises(StreamRefused, match="ConsumerTooSlow"):
        second().decode(b'{"$type": "error", "error": "ConsumerTooSlow", "message": "m"}')


def test_labels_on_accounts_are_signals_and_on_posts_withhold_them() -> None:
    label = {"src": "did:plc:mod", "uri": DID, "val": "!hide", "cts": "2026-01-01T00:00:00Z"}
    post = f"at://{DID}/app.bsky.feed.post/1"
    of_a_post = {**label, "uri": post}
    others = [
        {**of_a_post, "neg": True},
        {**of_a_post, "val": "porn"},
        {**label, "uri": f"at://{DID}/app.bsky.actor.profile/self"},
    ]
    body = {"seq": 5, "labels": [label, of_a_post, *others, {**label, "neg": True}]}
    decoder = Frames("bluesky", Protocol.LABELS, "host")
    decoded = message(decoder.decode(frame({"op": 1, "t": "#labels"}, body)))
    given_, hidden, negated = decoded.events
    assert hidden == Event(Kind.WITHHOLD, "bluesky", post, told=Withheld("did:plc:mod/!hide"))
    assert decoded.unlabelled == [(post, "did:plc:mod/!hide")]
    form = "com.atproto.label.defs#label"
    assert given_.signal == Signal(form, "did:plc:mod/!hide", label)
    assert negated.signal == Signal(form, "did:plc:mod/!hide", None)


def test_a_repository_that_cannot_be_followed_is_to_be_read_anew() -> None:
    body = {"seq": 5, "did": DID, "time": "2026-01-01T00:00:00Z", "rev": "r", "blocks": b""}
    assert message(relay().decode(frame({"op": 1, "t": "#sync"}, body))).diverged == DID


DECODERS = [first().decode, second().decode, relay().decode]


@pytest.mark.parametrize("decode", DECODERS)
@given(data=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_rubbish_is_told(decode: Any, data: bytes) -> None:
    with pytest.raises((BadMessage, StreamRefused)):
        decode(data)


@pytest.mark.parametrize("number", [0, 1, 40, 148])
@given(data=st.data())
def test_a_damaged_frame_is_told_or_read(number: int, data: st.DataObject) -> None:
    whole = bytearray(frames()[number])
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] = data.draw(st.integers(0, 255))
    with suppress(BadMessage, StreamRefused):
        relay().decode(bytes(whole[: data.draw(st.integers(1, len(whole)))]))


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "text",
                    "createdAt",
                    "langs",
                    "reply",
                    "parent",
                    "uri",
                    "subject",
                    "labels",
                    "values",
                    "val",
                    "allow",
                    "$type",
                    "hiddenReplies",
                    "displayName",
                    "list",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(
    record=st.dictionaries(st.text(max_size=9), anything)
    | anything.filter(lambda v: isinstance(v, dict)),
    collection=st.sampled_from(records.COLLECTIONS),
)
def test_any_record_gives_events_or_none(record: Any, collection: str) -> None:
    for event in operation(collection, record, rkey="self"):
        assert event.network == "bluesky"
