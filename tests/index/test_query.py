"""The query language: what people type means what they expect, and nothing that they type fails."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.index.query import MAX_CHARACTERS, OPERATORS, Atom, Part, Query, parse

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def read(text: str) -> Query:
    return parse(text, now=NOW)


def atoms(text: str) -> list[Atom]:
    return [atom for group in read(text).groups for atom in group]


def test_words_phrases_exclusions_and_tags() -> None:
    assert atoms('mount "full disk" -windows #Hoary -"no way"') == [
        Atom(Part.WORD, "mount"),
        Atom(Part.PHRASE, "full disk"),
        Atom(Part.WORD, "windows", negated=True),
        Atom(Part.TAG, "hoary"),
        Atom(Part.PHRASE, "no way", negated=True),
    ]


def test_or_joins_its_neighbours() -> None:
    groups = read("a b OR c OR from:ann d").groups
    assert [[atom.value for atom in group] for group in groups] == [["a"], ["b", "c", "ann"], ["d"]]


def test_a_lower_case_or_is_a_word() -> None:
    assert [atom.value for atom in atoms("a or b")] == ["a", "or", "b"]


def test_parentheses_around_alternatives() -> None:
    assert read("(a OR b) c").groups == read("a OR b c").groups


@pytest.mark.parametrize(
    ("text", "part", "value"),
    [
        ("from:@Ann", Part.FROM, "ann"),
        ("by:ann", Part.FROM, "ann"),
        ("to:bob.example", Part.TO, "bob.example"),
        ("mentions:@bob", Part.MENTIONS, "bob"),
        ("lang:fr-CA", Part.LANG, "fr"),
        ("has:links", Part.HAS, "links"),
        ("filter:links", Part.HAS, "links"),
        ("domain:https://www.Ubuntu.com/x", Part.DOMAIN, "ubuntu.com"),
        ("channel:#Ubuntu", Part.CHANNEL, "ubuntu"),
        ("thread:at://a/b/c", Part.THREAD, "at://a/b/c"),
        ("network:IRC", Part.NETWORK, "irc"),
        ('from:"ann b"', Part.FROM, "ann b"),
    ],
)
def test_operators_on_fields(text: str, part: Part, value: str) -> None:
    assert atoms(text) == [Atom(part, value)]
    assert atoms(f"-{text}") == [Atom(part, value, negated=True)]


@pytest.mark.parametrize(
    ("text", "since"),
    [
        ("since:2024-01-31", datetime(2024, 1, 31, tzinfo=UTC)),
        ("since:2024", datetime(2024, 1, 1, tzinfo=UTC)),
        ("since:2024-02", datetime(2024, 2, 1, tzinfo=UTC)),
        ("since:2024-01-31T18:30", datetime(2024, 1, 31, 18, 30, tzinfo=UTC)),
        ("since:2024-01-31T18:30+02:00", datetime(2024, 1, 31, 16, 30, tzinfo=UTC)),
        ("since:7d", NOW - timedelta(days=7)),
        ("within:24h", NOW - timedelta(hours=24)),
    ],
)
def test_times(text: str, since: datetime) -> None:
    assert read(text).since == since
    assert not read(text).notes


def test_numbers() -> None:
    assert read("min_likes:5 min_retweets:2").min_likes == 5
    assert read("min_likes:5 min_retweets:2").min_reposts == 2


@pytest.mark.parametrize(
    "text",
    [
        "since:yesterdayish",
        "until:2024-13-45",
        "within:2024-01-01",
        "min_likes:many",
        "has:cats",
        "from:",
        "-since:7d",
        "since:99999y",
    ],
)
def test_a_bad_operator_is_explained_and_becomes_words(text: str) -> None:
    query = read(f"disk {text}")
    assert len(query.notes) == 1
    assert query.notes[0].code == "bad_operator"
    assert [group[0].part for group in query.groups] == [Part.WORD, Part.WORD]


def test_a_mistyped_operator_is_pointed_out() -> None:
    assert "from:" in read("form:ann").notes[0].text


def test_addresses_and_errors_are_words_without_notes() -> None:
    assert not read("http://a.example/b error: none").notes


def test_times_in_the_wrong_order_are_explained() -> None:
    assert read("since:2024-02-01 until:2024-01-01").notes[0].code == "empty_time"


def test_what_is_too_long_is_cut_with_a_note() -> None:
    assert read("a " * MAX_CHARACTERS).notes
    assert read("word " * 100).notes


def test_wording_is_what_is_looked_for_in_the_text() -> None:
    assert read('mount "the disk" from:ann -windows #iso since:7d').wording == "mount the disk iso"


_pieces = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["OR", "-", '"', ":", "#", "(", ")", "“", "from:", "since:7d", "-to:x", "\x00"]
    ),
    st.tuples(st.sampled_from(OPERATORS), st.text(max_size=12)).map(":".join),
)


@given(st.lists(_pieces, max_size=12).map(" ".join))
def test_nothing_that_is_typed_fails(text: str) -> None:
    query = read(text)
    assert all(group for group in query.groups)
    assert all(note.text for note in query.notes)
    assert all(moment is None or moment.tzinfo for moment in (query.since, query.until))


@given(st.text(max_size=200))
def test_nothing_at_all_fails(text: str) -> None:
    read(text)
