"""From hits to the numbered posts of an answer: a post is read with what it replies to, and what
was replied to it. Somebody's question is often the best hit, and the answer is the reply below it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from myna.answer.events import Source
from myna.db.engine import Database
from myna.db.posts import get_parents, get_replies
from myna.index.origins import first_of_each
from myna.index.results import Hit
from myna.index.terms import content_terms
from myna.post import StoredPost

MOST_SOURCES = 6
MOST_PER_THREAD = 3
REPLIES_READ = 6
REPLIES_TAKEN = 2
LEAST_SHARE = 0.5
"""A post whose score is below this share of the best one's is not shown."""
REPLY_SHARE = 0.9
"""A reply's score, as a share of that of the post above it."""


def gather(
    db: Database,
    hits: Sequence[Hit],
    without: Callable[[StoredPost], bool] = lambda _post: False,
) -> tuple[Source, ...]:
    """Choose and number the sources, best first; at most ``MOST_SOURCES``. ``without`` are
    replies that are not taken."""
    if not hits:
        return ()
    good = [hit for hit in hits if hit.score >= LEAST_SHARE * hits[0].score]
    with db.begin() as conn:
        replies = get_replies(conn, [hit.post for hit in good[:MOST_SOURCES]], REPLIES_READ)
        chosen: list[tuple[StoredPost, float]] = []
        for hit in good:
            chosen.append((hit.post, hit.score))
            below = sorted(replies.get(hit.post.id, ()), key=_substance, reverse=True)
            chosen += [
                (reply, hit.score * REPLY_SHARE)
                for reply in below[:REPLIES_TAKEN]
                if _substance(reply) > 2 and not without(reply)
            ]
        copies = {hit.post.id: hit.copies for hit in good}
        kept = _spread(chosen)
        parents = get_parents(conn, [post for post, _ in kept])
    return tuple(
        Source(number, post, parents.get(post.id), score, copies.get(post.id, 1))
        for number, (post, score) in enumerate(kept, 1)
    )


def _substance(post: StoredPost) -> int:
    """How much a reply says: its different content words, a question less."""
    words = len(set(content_terms(post.post.text)))
    return words // 2 if post.post.text.rstrip().endswith("?") else words


def _spread(chosen: Sequence[tuple[StoredPost, float]]) -> list[tuple[StoredPost, float]]:
    """Each post once, no thread too often, copies and near-copies left out."""
    firsts = first_of_each([post for post, _ in chosen])
    threads: dict[tuple[str, str], int] = {}
    seen: set[int | str] = set()
    kept: list[tuple[StoredPost, float]] = []
    for (post, score), first in zip(chosen, firsts, strict=True):
        thread = (post.post.network, post.thread)
        text = " ".join(post.post.text.casefold().split())
        origin = chosen[first][0].id
        if (
            not seen.isdisjoint({post.id, origin, text})
            or threads.get(thread, 0) >= MOST_PER_THREAD
        ):
            continue
        seen |= {post.id, origin, text}
        threads[thread] = threads.get(thread, 0) + 1
        kept.append((post, score))
        if len(kept) == MOST_SOURCES:
            break
    return kept
