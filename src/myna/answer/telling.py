"""Which posts of many tell most, and which of their sentences. Pure.

A post tells much where it speaks of what the others speak of, at some length, and where people answer or
like it. What says the same as one that was chosen tells nothing more.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from myna.answer.quote import asks, shortened
from myna.answer.sentences import sentences
from myna.answer.support import Idf, unaddressed
from myna.index.origins import first_of_each
from myna.index.terms import content_terms, content_tokens
from myna.post import StoredPost

FEWEST_TERMS = 4
"""Content words that a post must have to be told."""
MOST_WEIGHED = 300
"""Words that are looked up in the index: the commonest of the posts."""
SAME = 0.5
"""Share of a post's words in those chosen before from which on it tells nothing new."""
_FEWEST_POSTS = 2


def most_telling(
    posts: Sequence[StoredPost], idf: Idf, limit: int, *, taken: Sequence[StoredPost] = ()
) -> list[StoredPost]:
    """At most ``limit`` posts, in their order, that say most beside those ``taken``."""
    terms = {post.id: frozenset(content_terms(post.post.text)) for post in posts}
    frequency = Counter(term for found in terms.values() for term in found)
    weights = {
        term: max(idf(term), 0.1) * math.log(1 + count)
        for term, count in frequency.most_common(MOST_WEIGHED)
        if count > 1 or len(posts) < 8
    }
    replies = Counter(post.post.reply_to for post in posts)

    def worth(post: StoredPost) -> float:
        own = terms[post.id]
        said = sum(weights.get(term, 0.0) for term in own) / math.sqrt(12 + len(own))
        heard = math.log1p(replies[post.post.uri]) + 0.3 * math.log1p(post.post.likes)
        return said * (0.6 if asks(post.post.text) else 1.0) + heard

    seen = {term for post in taken for term in content_terms(post.post.text)}
    known = {post.id for post in taken}
    chosen: list[StoredPost] = []
    for post in sorted(posts, key=worth, reverse=True):
        own = terms[post.id]
        if post.id in known or len(own) < FEWEST_TERMS or len(own & seen) > SAME * len(own):
            continue
        chosen.append(post)
        seen |= own
        if len(chosen) == limit:
            break
    ids = {post.id for post in chosen}
    return [post for post in posts if post.id in ids]


def subjects(
    posts: Sequence[StoredPost], idf: Idf, limit: int
) -> list[tuple[str, int, StoredPost]]:
    """What an author's posts are about: a word, how many posts have it, and one that says much. Copies
    of one post count once."""
    firsts = first_of_each(posts)
    own = [post for place, post in enumerate(posts) if firsts[place] == place]
    found: dict[str, list[StoredPost]] = {}
    shown: dict[str, Counter[str]] = {}
    for post in own:
        for token in content_tokens(post.post.text):
            shown.setdefault(token.term, Counter())[token.word] += 1
            if post not in (having := found.setdefault(token.term, []))[-1:]:
                having.append(post)
    common = sorted(found, key=lambda term: -len(found[term]))[:MOST_WEIGHED]
    least = min(_FEWEST_POSTS, len(own))
    ranked = sorted(
        (term for term in common if len(found[term]) >= least and len(term) > 2),
        key=lambda term: -len(found[term]) * idf(term),
    )
    told: list[tuple[str, int, StoredPost]] = []
    covered: set[int] = set()
    for term in ranked:
        fresh = [post for post in found[term] if post.id not in covered]
        if len(fresh) < len(found[term]) * SAME:
            continue
        best = max(fresh, key=lambda post: len(set(content_terms(post.post.text))))
        told.append((shown[term].most_common(1)[0][0], len(found[term]), best))
        covered |= {post.id for post in found[term]}
        if len(told) == limit:
            break
    return told


def words_of(post: StoredPost, characters: int) -> str:
    """What is quoted of a post: all of it, or the sentences that fit, the first that says something
    first."""
    text = unaddressed(post.post.text, [])
    whole = " ".join(text.split())
    if len(whole) <= characters:
        return whole
    spans = [text[span.start : span.end] for span in sentences(text)]
    first = next((n for n, one in enumerate(spans) if len(content_terms(one)) >= 3), 0)
    chosen = ""
    for one in spans[first:]:
        longer = f"{chosen} {one}".strip()
        if chosen and len(longer) > characters:
            break
        chosen = longer
    return shortened(chosen or whole, characters)
