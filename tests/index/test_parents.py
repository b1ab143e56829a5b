"""What replies keep of their parents: as the store has it, whoever remembers it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from myna.index.parents import MAX_CONTEXT_CHARACTERS, Parents, above_of
from myna.index.words import words_of
from myna.post import State, StoredPost
from tests.index.world import make_post, stored


@dataclass
class Store:
    """Live posts by URI; counts what it is asked."""

    posts: dict[str, StoredPost] = field(default_factory=dict)
    asked: int = 0

    def ask(self, replies: Sequence[StoredPost]) -> dict[int, StoredPost]:
        self.asked += len(replies)
        found = {reply.id: self.posts.get(reply.post.reply_to or "") for reply in replies}
        return {id: post for id, post in found.items() if post}


def take(parents: Parents, *posts: StoredPost) -> None:
    parents.take_in(posts, {post.id: words_of(post.post) for post in posts})


REPLY = stored(9, make_post("9", "Use a loop device", reply_to="1"))
QUESTION = stored(1, make_post("1", "How do I mount an image?", by="Bob"))


def test_a_post_that_was_just_read_is_not_asked_for() -> None:
    parents, store = Parents(), Store()
    take(parents, QUESTION)
    above = parents.find([REPLY], store.ask)[REPLY.id]
    assert above == above_of(QUESTION.post)
    assert (above.people, "mount" in above.context, store.asked) == ({"bob"}, True, 0)


def test_what_is_not_remembered_is_asked_of_the_store() -> None:
    parents, store = Parents(most=1), Store({"1": QUESTION})
    take(parents, QUESTION)
    for number in range(2, 6):
        take(parents, stored(number, make_post(str(number), "Something else")))
    assert parents.find([REPLY], store.ask)[REPLY.id] == above_of(QUESTION.post)
    assert store.asked == 1


def test_a_change_replaces_and_a_deletion_forgets() -> None:
    parents, store = Parents(), Store()
    take(parents, QUESTION)
    take(parents, stored(1, make_post("1", "How do I burn it?"), seq=2))
    assert "burn" in parents.find([REPLY], store.ask)[REPLY.id].context
    take(parents, stored(1, make_post("1", ""), seq=3, state=State.DELETED))
    assert parents.find([REPLY], store.ask) == {}


def test_a_hidden_accounts_posts_are_the_stores_to_tell() -> None:
    parents, store = Parents(), Store()
    theirs = StoredPost(1, 1, State.LIVE, QUESTION.post, "1", QUESTION.indexed_at, account=7)
    take(parents, theirs)
    parents.hide([7])
    assert parents.find([REPLY], store.ask) == {}
    take(parents, theirs)
    assert parents.find([REPLY], store.ask) == {}
    parents.hide([])
    take(parents, theirs)
    assert REPLY.id in parents.find([REPLY], store.ask)


def test_a_reply_to_itself_has_no_parent() -> None:
    parents, store = Parents(), Store()
    own = stored(3, make_post("3", "again and again", reply_to="3"))
    take(parents, own)
    assert parents.find([own], store.ask) == {}
    assert store.asked == 0


@given(st.text(max_size=2 * MAX_CONTEXT_CHARACTERS), st.sampled_from(["de", "ja", None]))
def test_words_in_hand_give_the_same(text: str, lang: str | None) -> None:
    post = make_post("1", text, lang=lang)
    assert above_of(post, words_of(post)) == above_of(post)
