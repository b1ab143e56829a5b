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
    ("text", "groups"),
    [
        ("(a b) OR c", ["a c", "b c"]),
        ("(a b) OR (c d)", ["a c", "a d", "b c", "b d"]),
        ("-(a OR b) c", ["-a", "-b", "c"]),
        ("-(a b)", ["-a -b"]),
        ("-(a -(b OR c))", ["-a b c"]),
        ("((a) OR (b))", ["a b"]),
        ("(a OR b", ["a b"]),
        ("a) OR b)", ["a b"]),
        ("a OR", ["a"]),
        ("() OR a", ["a"]),
        ("a AND b", ["a", "b"]),
    ],
)
def test_parentheses_group(text: str, groups: list[str]) -> None:
    query = read(text)
    assert [
        " ".join("-" * atom.negated + atom.value for atom in group) for group in query.groups
    ] == groups
    assert not query.notes


def test_words_keep_their_order_whatever_the_parentheses_make_of_them() -> None:
    assert read("(a b) OR (c d) -(e -f)").wording == "a b c d f"


def test_too_many_alternatives_are_any_of_them() -> None:
    query = read(" OR ".join("(a b c d)" for _ in range(5)))
    assert [note.code for note in query.notes] == ["too_many"]
    assert {atom.value for group in query.groups for atom in group} == set("abcd")


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
        ("from:“ann b”", Part.FROM, "ann b"),
        ("mention:bob", Part.MENTIONS, "bob"),
        ("language:pt_BR", Part.LANG, "pt"),
        ("tag:#Hoary", Part.TAG, "hoary"),
        ("hashtag:hoary", Part.TAG, "hoary"),
        ("filter:replies", Part.HAS, "reply"),
        ("is:reply", Part.HAS, "reply"),
        ("has:images", Part.HAS, "images"),
        ("filter:native_video", Part.HAS, "videos"),
        ("is:quote", Part.HAS, "quote"),
        ("has:hashtags", Part.HAS, "tags"),
        ("url:ubuntu", Part.DOMAIN, "ubuntu"),
        ("url:https://www.ubuntu.com/", Part.DOMAIN, "ubuntu.com"),
        ("url:ubuntu.com/wiki", Part.PHRASE, "ubuntu.com/wiki"),
        ("conversation_id:1", Part.THREAD, "1"),
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
        ("within_time:2d", NOW - timedelta(days=2)),
        ("since_time:1706659200", datetime(2024, 1, 31, tzinfo=UTC)),
        ("since:2024-01-31_18:30:00_UTC", datetime(2024, 1, 31, 18, 30, tzinfo=UTC)),
        ("since:today", datetime(2026, 3, 1, tzinfo=UTC)),
        ("after:yesterday", datetime(2026, 2, 28, tzinfo=UTC)),
    ],
)
def test_times(text: str, since: datetime) -> None:
    assert read(text).since == since
    assert not read(text).notes


@pytest.mark.parametrize(
    ("value", "since", "until"),
    [
        ("2024", (2024, 1, 1), (2025, 1, 1)),
        ("2024-12", (2024, 12, 1), (2025, 1, 1)),
        ("2024-02-29", (2024, 2, 29), (2024, 3, 1)),
        ("yesterday", (2026, 2, 28), (2026, 3, 1)),
    ],
)
def test_stretches_of_time(
    value: str, since: tuple[int, int, int], until: tuple[int, int, int]
) -> None:
    query = read(f"during:{value}")
    assert query.since == datetime(*since, tzinfo=UTC)
    assert query.until == datetime(*until, tzinfo=UTC)


def test_numbers() -> None:
    assert read("-min_faves:9").fewer_likes == 9
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
        "during:7d",
        "lang:english",
        "from:me",
        "near:London",
        "min_replies:3",
        "is:retweet",
        "filter:follows",
        "(-since:7d)",
        "-(since:7d)",
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
    assert not read("http://a.example/b error: none, the reason is: no source: given").notes


def test_what_all_posts_are_asks_for_nothing() -> None:
    query = read("disk -filter:retweets -is:retweet")
    assert len(query.groups) == 1
    assert not query.notes


def test_or_does_not_reach_times_and_that_is_said() -> None:
    query = read("disk OR since:7d")
    assert [note.code for note in query.notes] == ["or"]
    assert query.since


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
        ["OR", "-", '"', ":", "#", "(", ")", "-(", "“", "from:", "since:7d", "-to:x", "\x00"]
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


Tree = tuple[str, bool, list["Tree"]] | str
_trees: st.SearchStrategy[Tree] = st.recursive(
    st.sampled_from("abcd"),
    lambda inner: st.tuples(
        st.sampled_from(["all", "any"]), st.booleans(), st.lists(inner, min_size=1, max_size=3)
    ),
    max_leaves=5,
)


def _typed(tree: Tree) -> str:
    if isinstance(tree, str):
        return tree
    kind, negated, inner = tree
    joined = (" " if kind == "all" else " OR ").join(_typed(one) for one in inner)
    return f"{'-' * negated}({joined})"


def _holds(tree: Tree, said: set[str]) -> bool:
    if isinstance(tree, str):
        return tree in said
    kind, negated, inner = tree
    found = [_holds(one, said) for one in inner]
    return (all(found) if kind == "all" else any(found)) != negated


@given(_trees, st.sets(st.sampled_from("abcd")))
def test_groups_mean_what_the_parentheses_say(tree: Tree, said: set[str]) -> None:
    query = read(_typed(tree))
    if query.notes:  # too many alternatives, or too deep
        return
    found = all(any((atom.value in said) != atom.negated for atom in g) for g in query.groups)
    assert found == _holds(tree, said)
