"""One line of an archive: a post, or the reason why not; never anything else."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.db.content import clean_event
from myna.errors import SourceError
from myna.feeds.line import BadLine, check_network, decode_line
from myna.post import Author, Event, Kind, Post

ROW: dict[str, Any] = {
    "id": "1",
    "author": "ann",
    "created_at": "2020-01-02T03:04:05Z",
    "text": "hello",
}
TIME = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)


def decode(row: object) -> Event:
    return decode_line(json.dumps(row).encode(), "net")


def decode_post(**fields: Any) -> Post:
    post = decode({**ROW, **fields}).post
    assert post
    return post


@pytest.mark.parametrize(
    ("state", "kind"), [("hidden", Kind.HIDE), ("purged", Kind.PURGE), ("live", Kind.RETURN)]
)
def test_what_becomes_of_an_account(state: str, kind: Kind) -> None:
    row = {"kind": "account", "author": {"id": "did:1", "handle": "ann"}, "state": state}
    assert decode(row) == Event(kind, "net", "did:1")


def test_the_least_that_a_post_has() -> None:
    assert decode(ROW) == Event(
        Kind.CREATE, "net", "1", Post("net", "1", Author("net", "ann", "ann"), "hello", TIME)
    )


def test_everything_that_a_post_may_have() -> None:
    post = decode_post(
        author={"id": 7, "handle": "ann", "name": "Ann B.", "is_bot": True, "age": 3},
        reply_to="0",
        lang="en",
        channel="#c",
        url="https://example.org/1",
        likes=2,
        reposts=3.0,
        revision=5,
        label="kept",
    )
    assert post.author == Author("net", "7", "ann", "Ann B.", is_bot=True)
    assert (post.reply_to, post.lang, post.channel, post.url) == (
        "0",
        "en",
        "#c",
        "https://example.org/1",
    )
    assert (post.likes, post.reposts, post.revision) == (2, 3, "5")
    assert post.raw == {"label": "kept"}


def test_null_is_as_good_as_nothing() -> None:
    nothing = dict.fromkeys(
        ["reply_to", "lang", "channel", "url", "likes", "reposts", "revision", "kind", "deleted"]
    )
    assert decode_post(**nothing) == decode_post()


@pytest.mark.parametrize(
    ("created_at", "expected"),
    [
        ("2020-01-02T04:04:05+01:00", TIME),
        ("2020-01-02 03:04:05.5Z", TIME.replace(microsecond=500_000)),
        (1577934245, TIME),
        (1577934245.5, TIME.replace(microsecond=500_000)),
    ],
)
def test_times(created_at: object, expected: datetime) -> None:
    assert decode_post(created_at=created_at).created_at == expected


@pytest.mark.parametrize(
    "row", [{"id": "1", "kind": "delete"}, {"id": "1", "deleted": True}, {**ROW, "deleted": True}]
)
def test_deletes_need_no_more_than_an_id(row: dict[str, Any]) -> None:
    assert decode(row) == Event(Kind.DELETE, "net", "1")


def test_an_edit_says_so() -> None:
    assert decode({**ROW, "kind": "edit"}).kind is Kind.EDIT


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"id": "1", "questions": []}', "lacks author, created_at, text"),
        (b'{"kind": "delete"}', "lacks id"),
        (b"{", "is not JSON"),
        (b'"text"', "is not a JSON object"),
        (b'{"id": "\xff"}', "is not UTF-8"),
        (b"[" * 100_000, "is nested too deeply"),
    ],
)
def test_a_line_that_is_no_post(line: bytes, reason: str) -> None:
    with pytest.raises(BadLine) as caught:
        decode_line(line, "net")
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"id": ""}, "id is empty"),
        ({"id": True}, "id must be a string"),
        ({"id": "x" * 513}, "id is longer than 512 bytes"),
        ({"author": []}, "author must be a string or an object"),
        ({"author": {"handle": "ann"}}, "author lacks id"),
        ({"author": {"id": "1", "name": 3}}, "author's handle and name must be strings"),
        ({"author": {"id": "1", "is_bot": "yes"}}, "author's is_bot must be true or false"),
        ({"created_at": "yesterday"}, "created_at is not an ISO 8601 time"),
        ({"created_at": "2020-01-02T03:04:05"}, "created_at has no time zone"),
        ({"created_at": 1577934245000}, "created_at is not a time in seconds since 1970"),
        ({"created_at": True}, "created_at must be a time"),
        ({"text": ["a"]}, "text must be a string"),
        ({"lang": 3}, "lang must be a string"),
        ({"url": "javascript:alert(1)"}, "url must begin with https:// or http://"),
        ({"likes": "many"}, "likes must be a number from 0"),
        ({"reposts": -1}, "reposts must be a number from 0"),
        (
            {"kind": "account", "state": "gone"},
            "state of an account must be hidden, purged or live",
        ),
        ({"kind": "account", "author": None, "state": "live"}, "lacks author"),
        ({"kind": "hide"}, "kind must be create, edit, delete or account"),
        ({"kind": ["like"]}, "kind must be create, edit, delete or account"),
        ({"kind": "like"}, "kind must be create, edit, delete or account"),
        ({"deleted": "no"}, "deleted must be true or false"),
    ],
)
def test_a_field_with_a_wrong_value(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadLine) as caught:
        decode({**ROW, **fields})
    assert str(caught.value) == reason


def test_json_that_only_some_programs_write() -> None:
    line = json.dumps({**ROW, "text": "\ud800", "score": float("nan"), "big": 10**30}).encode()
    assert clean_event(decode_line(line, "net")).post


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
fields = st.sampled_from([*ROW, "reply_to", "lang", "likes", "url", "kind", "deleted", "extra"])


@given(st.dictionaries(fields, values, max_size=6))
def test_any_row_is_a_storable_event_or_a_bad_line(changes: dict[str, Any]) -> None:
    try:
        event = decode({**ROW, **changes})
    except BadLine as error:
        assert str(error)
    else:
        clean_event(event)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_event_or_a_bad_line(line: bytes) -> None:
    with pytest.raises(BadLine):
        decode_line(line, "net")


@pytest.mark.parametrize("name", ["", "a b", "-a", "é", "a" * 65, "a/b"])
def test_a_networks_name_is_plain(name: str) -> None:
    with pytest.raises(SourceError):
        check_network(name)
