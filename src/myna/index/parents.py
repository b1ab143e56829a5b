"""What a reply keeps of the post that it replies to, and a memory of it for the latest posts.

Most replies come soon after what they reply to: the writer of the index has just had it in hand,
and asking the store for it again was a tenth of the work on a post.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from myna.index import terms
from myna.index.query import fold_handle
from myna.index.words import Words
from myna.post import Post, State, StoredPost, Use

MAX_CONTEXT_CHARACTERS = 600
"""Of the parent's text that are indexed with a reply."""
REMEMBERED = 8_192
"""Posts, up to twice as many: at most 10 MB."""

Ask = Callable[[Sequence[StoredPost]], Mapping[int, StoredPost]]
"""Replies → by their ids, what they reply to, as far as it may be shown: ``db.posts.get_parents``."""


class Above(NamedTuple):
    """Of a post, for its replies."""

    context: str
    """Its terms, with a space between them."""
    people: frozenset[str]
    """Its author, folded: whom a reply is to."""


def above_of(post: Post, words: Words | None = None) -> Above:
    """What replies keep of a post with these words."""
    if words is None or len(post.text) > MAX_CONTEXT_CHARACTERS:
        text = post.text[:MAX_CONTEXT_CHARACTERS]
        context = terms.index_text(text, terms.language_of(text, post.lang))
    else:
        context = words.body
    author = post.author
    return Above(context, frozenset({fold_handle(author.handle), fold_handle(author.id)}))


class Parents:
    """The latest posts by their address, between ``most`` and twice as many. Every change of a post
    passes ``take_in``, so that what is remembered is what the store had at the change that was read
    last."""

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most = most
        self._known: dict[tuple[str, str], Above] = {}
        self._before: dict[tuple[str, str], Above] = {}
        self._hidden: Collection[int] = ()

    def hide(self, accounts: Collection[int]) -> None:
        """These accounts are hidden, all others are not: nothing is known from before."""
        self._hidden = frozenset(accounts)
        self._known.clear()
        self._before.clear()

    def take_in(self, posts: Iterable[StoredPost], words: Mapping[int, Words]) -> None:
        """Remember posts as they are now, with the words of those that are live; forget those
        that are not."""
        known, before = self._known, self._before
        for post in posts:
            key = (post.post.network, post.post.uri)
            if (
                post.state is State.LIVE
                and post.account not in self._hidden
                and not (post.refused and Use.RETRIEVE in post.refused)
            ):
                known[key] = above_of(post.post, words[post.id])
            else:
                known.pop(key, None)
                before.pop(key, None)
        if len(known) > self._most:
            self._known, self._before = {}, known

    def _get(self, key: tuple[str, str]) -> Above | None:
        return self._known.get(key) or self._before.get(key)

    def find(self, posts: Iterable[StoredPost], ask: Ask) -> dict[int, Above]:
        """By a reply's id, what it keeps of its parent; the store is asked for what is not known."""
        found: dict[int, Above] = {}
        unknown: list[StoredPost] = []
        for post in posts:
            uri = post.post.reply_to
            if not uri or uri == post.post.uri:
                continue
            above = self._get((post.post.network, uri))
            if above is None:
                unknown.append(post)
            else:
                found[post.id] = above
        if unknown:
            made: dict[int, Above] = {}
            for child, parent in ask(unknown).items():
                if parent.id not in made:
                    made[parent.id] = above_of(parent.post)
                found[child] = made[parent.id]
        return found
