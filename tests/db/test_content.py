"""What PostgreSQL can hold: every text and record comes through clean, and unchanged where it can."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.db.content import MAX_KEY_BYTES, clean_event, clean_json, clean_text
from myna.errors import InvalidRequest
from myna.post import Author, Event, Kind, Post

POST = Post("net", "1", Author("net", "ann", "ann"), "words", datetime(2020, 1, 1, tzinfo=UTC))

any_text = st.text(st.characters(exclude_categories=[]))


def create(post: Post) -> Event:
    return Event(Kind.CREATE, post.network, post.uri, post)


@given(any_text)
def test_clean_text_can_be_stored(text: str) -> None:
    cleaned = clean_text(text)
    assert "\x00" not in cleaned
    cleaned.encode()


@given(st.text())
def test_good_text_stays_as_it_is(text: str) -> None:
    assert clean_text(text) == text.replace("\x00", "\ufffd")


def test_a_lone_surrogate_is_one_replacement_and_a_pair_is_its_character() -> None:
    assert clean_text("a\ud800b") == "a\ufffdb"
    assert clean_text("\ud83d\ude00") == "😀"


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(any_text, values, max_size=4))
def test_any_record_becomes_json_that_postgresql_takes(record: dict[str, object]) -> None:
    encoded = clean_json(record)
    assert "\\u0000" not in encoded
    encoded.encode()
    json.loads(encoded, parse_constant=pytest.fail)


def test_the_fingerprint_tells_content_apart() -> None:
    def fingerprint(post: Post) -> int:
        return clean_event(create(post)).fingerprint

    same = fingerprint(replace(POST, raw={"a": 1, "b": 2}))
    assert fingerprint(replace(POST, raw={"b": 2, "a": 1})) == same
    assert fingerprint(replace(POST, raw={"a": 1, "b": 3})) != same
    assert fingerprint(replace(POST, text="others")) != fingerprint(POST)
    assert fingerprint(replace(POST, likes=1)) != fingerprint(POST)
    assert fingerprint(replace(POST, created_at=datetime.now(UTC))) == fingerprint(POST)


@pytest.mark.parametrize("uri", ["", "x" * (MAX_KEY_BYTES + 1), "é" * MAX_KEY_BYTES])
def test_a_key_that_cannot_be_indexed_is_refused(uri: str) -> None:
    with pytest.raises(InvalidRequest):
        clean_event(create(replace(POST, uri=uri)))


@pytest.mark.parametrize(
    "created_at",
    [
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
        datetime(9999, 12, 31, 23, 59, tzinfo=timezone(timedelta(hours=-12))),
    ],
)
def test_times_at_the_ends_of_the_calendar_are_bounded(created_at: datetime) -> None:
    post = clean_event(create(replace(POST, created_at=created_at))).post
    assert post
    assert 1 <= post.created_at.year <= 9999


def test_counts_fit_their_columns() -> None:
    post = clean_event(create(replace(POST, likes=10**12, reposts=-3))).post
    assert post
    assert (post.likes, post.reposts) == (2**31 - 1, 0)
