"""What the text index takes in of a run of changes, analysed: the dear part of indexing a post. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from myna.index.origins import own_number
from myna.index.parents import Ask, Parents
from myna.index.schema import Fields, fields_of
from myna.index.signatures import Signatures, sign
from myna.index.words import words_of
from myna.post import State, StoredPost


@dataclass(frozen=True, slots=True)
class Analysis:
    """Of changes, in their order."""

    ids: list[int]
    """Of all their posts: what the index has of them goes out."""
    live: list[Fields]
    """What comes in, of those that are live."""
    signed: Signatures
    """Theirs."""
    own: list[int]
    """Their own numbers as origins."""


def analyse(posts: Sequence[StoredPost], parents: Parents, ask: Ask) -> Analysis:
    """Analyse changes; ``ask`` is asked for what replies reply to, where ``parents`` does not know
    it."""
    live = [post for post in posts if post.state is State.LIVE]
    words = {post.id: words_of(post.post) for post in live}
    parents.take_in(posts, words)
    above = parents.find(live, ask)
    return Analysis(
        ids=[post.id for post in posts],
        live=[fields_of(post, words[post.id], above.get(post.id)) for post in live],
        signed=sign(
            [post.post.text for post in live],
            [post.post.author.handle for post in live],
            [words[post.id].plain for post in live],
        ),
        own=[own_number(post) for post in live],
    )
