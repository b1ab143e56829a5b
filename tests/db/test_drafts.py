"""What an event does to a post, without a database."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from myna.db.content import Content, clean_event
from myna.db.drafts import Applied, draft_of, find_thread
from myna.post import Author, Event, Kind, Post, State


def say(text: str, kind: Kind = Kind.CREATE, revision: str = "") -> Content:
    post = Post(
        "net",
        "1",
        Author("net", "ann", "ann"),
        text,
        datetime(2020, 1, 1, tzinfo=UTC),
        revision=revision,
    )
    return clean_event(Event(kind, "net", "1", post))


DELETE = clean_event(Event(Kind.DELETE, "net", "1"))


def test_a_create_then_an_edit() -> None:
    draft = draft_of(say("one"))
    assert draft.lay(say("two", Kind.EDIT))
    assert draft.edited
    assert draft.settle() == Applied(created=1, edited=1)


def test_the_same_content_changes_nothing() -> None:
    draft = draft_of(say("one"))
    assert not draft.lay(say("one"))
    assert draft.settle() == Applied(created=1, unchanged=1)


def test_a_deletion_is_for_good() -> None:
    draft = draft_of(say("one"))
    assert draft.lay(DELETE)
    assert not draft.lay(say("again"))
    assert not draft.lay(DELETE)
    assert draft.state is State.DELETED
    assert draft.content is None


def test_a_deletion_that_comes_first_keeps_the_post_away() -> None:
    draft = draft_of(DELETE)
    assert not draft.lay(say("late"))
    assert draft.state is State.DELETED


def test_an_older_revision_changes_nothing() -> None:
    draft = draft_of(say("new", revision="3k2"))
    assert not draft.lay(say("old", Kind.EDIT, revision="3k1"))
    assert not draft.lay(say("first"))
    assert draft.lay(say("newer", Kind.EDIT, revision="3k3"))


def test_changes_that_come_to_nothing_are_not_written() -> None:
    draft = draft_of(say("one"))
    draft.id, draft.created, draft.changed = 7, 0, False
    draft.stored = (State.LIVE, draft.fingerprint)
    draft.lay(say("two", Kind.EDIT))
    draft.lay(say("one", Kind.EDIT))
    assert draft.settle() == Applied(unchanged=2)
    assert not draft.changed


def test_a_thread_is_followed_through_the_batch_into_the_store() -> None:
    fresh = {("net", "c"): "b", ("net", "b"): "a"}
    assert find_thread(("net", "c"), fresh, {("net", "a"): "root"}) == "root"
    assert find_thread(("net", "c"), fresh, {}) == "a"
    assert find_thread(("net", "x"), {("net", "x"): None}, {}) == "x"


def test_a_stored_thread_moves_with_the_parent_that_arrives() -> None:
    # "b" is stored under its unknown parent "a"; now "a" and a reply to "b" come together.
    fresh = {("net", "a"): "root", ("net", "c"): "b"}
    assert find_thread(("net", "c"), fresh, {("net", "b"): "a"}) == "root"


@given(st.dictionaries(st.integers(0, 6), st.integers(0, 6), max_size=7))
def test_a_parent_and_its_child_share_a_thread_even_in_a_ring(parents: dict[int, int]) -> None:
    fresh: dict[tuple[str, str], str | None] = {
        ("net", str(child)): str(parent) for child, parent in parents.items()
    }
    for child, parent in parents.items():
        thread = find_thread(("net", str(child)), fresh, {})
        assert thread == find_thread(("net", str(parent)), fresh, {})
