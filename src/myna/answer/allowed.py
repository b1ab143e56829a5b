"""Which of the found posts may be used for what: their authors' wish. Pure.

A post whose author allows no quotation is named and linked, and its words are nowhere in the answer. A
model can repeat what it reads: so it reads only posts that may be quoted, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from myna.answer.events import Source
from myna.post import StoredPost, Use

READ = Use.QUOTE | Use.GENERATE


def readable(sources: Sequence[Source]) -> list[Source]:
    """What a language model may read; what is replied to, only where it may, too."""
    return _without(sources, READ)


def quotable(sources: Sequence[Source]) -> list[Source]:
    """What may be quoted word for word."""
    return _without(sources, Use.QUOTE)


def is_withheld(post: StoredPost) -> bool:
    """Whether an answer shows only who wrote a post and where it is."""
    return Use.QUOTE in post.refused


def _without(sources: Sequence[Source], uses: Use) -> list[Source]:
    kept: list[Source] = []
    for source in sources:
        if source.post.refused & uses:
            continue
        parent = source.parent
        refused = parent is not None and parent.refused & uses
        kept.append(replace(source, parent=None) if refused else source)
    return kept
