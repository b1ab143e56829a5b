"""The posts that an answer may rest on, and whether they are good enough for one.

What people ask most is what something is, and the posts that say so seldom rank first: a question
in the same words is nearer in words and in meaning. So they are looked for by how they begin.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from myna.answer.asked import Meaning, meaning_asked
from myna.answer.support import ANSWERABLE, confidence
from myna.index.results import Hit
from myna.index.search import Searcher
from myna.post import StoredPost

HITS = 10
SEARCH_SECONDS = 1.0
"""For the posts of an answer: more than a search has, for all that is said rests on them."""
_LOOKED_THROUGH = 20
_MOST_MEANINGS = 2
_MEANING_SECONDS = 0.25
_MEANING_SHARE = 0.95
"""Score of a post that says the meaning, as a share of the best one's."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found for a question."""

    hits: Sequence[Hit]
    """Best first."""
    answerable: bool
    """Whether an answer can rest on them; else they are the nearest ones."""
    refused: int
    """Posts that would have been among them and are left out by their authors' wish."""
    notes: tuple[str, ...] = ()
    """Sentences on what of the question could not be searched for."""


def find(
    searcher: Searcher,
    question: str,
    *,
    now: datetime | None = None,
    without: Callable[[StoredPost], bool] = lambda _post: False,
) -> Found:
    """Posts for a question that stands alone, ``without`` those that cannot answer it: the post
    that asks it, and what Myna itself has posted.

    Raises:
        DatabaseError, StorageError: the store or the index cannot be read.
    """
    result = searcher.retrieve(question, limit=HITS, now=now, seconds=SEARCH_SECONDS)
    hits = [hit for hit in result.hits if not without(hit.post)]
    meanings = [hit for hit in _meanings(searcher, question, now) if not without(hit.post)]
    sure = bool(meanings) or confidence(hits, question, searcher.idf) >= ANSWERABLE
    return Found(_merged(hits, meanings), sure, result.refused, result.notes)


def _meanings(searcher: Searcher, question: str, now: datetime | None) -> list[Hit]:
    """Posts that say what the thing is whose meaning is asked for."""
    meaning = meaning_asked(question)
    return definitions(searcher, meaning, now) if meaning else []


def definitions(searcher: Searcher, meaning: Meaning, now: datetime | None = None) -> list[Hit]:
    """Posts that say what a thing is."""
    found = searcher.search(meaning.query, limit=_LOOKED_THROUGH, now=now, seconds=_MEANING_SECONDS)
    return [hit for hit in found.hits if meaning.given_in(hit.post.post.text)][:_MOST_MEANINGS]


def _merged(hits: Sequence[Hit], meanings: Sequence[Hit]) -> list[Hit]:
    """Meanings behind the best hit, each post once."""
    if not meanings or not hits:
        return list(meanings or hits)
    score = _MEANING_SHARE * hits[0].score
    known = {hit.post.id: hit.score for hit in hits}
    raised = [replace(one, score=max(score, known.get(one.post.id, 0.0))) for one in meanings]
    ids = {one.post.id for one in raised}
    rest = [hit for hit in hits if hit.post.id not in ids]
    return sorted([*raised, *rest], key=lambda hit: -hit.score)
