"""Sentences of a post, and which pieces of it get a vector. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from myna.index.terms import content_tokens
from myna.index.vectors import Kind
from myna.post import StoredPost

MAX_PARTS = 16
"""Vectors for sentences of one post; more sentences share one."""
MIN_PART_WORDS = 4
"""A shorter sentence goes with the one behind it."""
MIN_PART_CHARACTERS = 100
"""So does one of fewer words, if it is not as long as this."""
MIN_SPLIT_CHARACTERS = 200
"""A shorter post is one piece: most posts are, and parts of them would take twice the time."""
MIN_CONTENT_WORDS = 2
"""A post that says less has no vector."""
MAX_CONTEXT_WORDS = 30
"""A longer reply speaks for itself."""
_PARENT_CHARACTERS = 300
_WHOLE_CHARACTERS = 1_500

_END = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|(?<=[。！？])|\n+")


def sentences(text: str) -> list[tuple[int, int]]:
    """Spans of a text's sentences and lines, without white space around them."""
    spans: list[tuple[int, int]] = []
    start = 0
    for match in [*_END.finditer(text), None]:
        end = match.start() if match else len(text)
        piece = text[start:end]
        if piece.strip():
            left = start + len(piece) - len(piece.lstrip())
            spans.append((left, left + len(piece.strip())))
        if match:
            start = match.end()
    return spans


def windows(text: str, words: int) -> list[tuple[int, int]]:
    """Spans of neighbouring sentences, each of about ``words`` words at most and beginning with the
    last sentence of the one before."""
    spans: list[tuple[int, int]] = []
    inside: list[tuple[int, int]] = []
    count = 0
    for start, end in sentences(text):
        more = len(text[start:end].split())
        if inside and count + more > words:
            spans.append((inside[0][0], inside[-1][1]))
            inside = inside[-1:]
            count = len(text[inside[0][0] : inside[0][1]].split())
        inside.append((start, end))
        count += more
    if inside:
        spans.append((inside[0][0], inside[-1][1]))
    return spans


def parts(text: str) -> list[str]:
    """The pieces of a longer post that get a vector of their own; none for a short one."""
    if len(text) < MIN_SPLIT_CHARACTERS:
        return []
    pieces: list[str] = []
    waiting = ""
    for start, end in sentences(text):
        waiting = f"{waiting} {text[start:end]}" if waiting else text[start:end]
        if len(waiting.split()) >= MIN_PART_WORDS or len(waiting) > MIN_PART_CHARACTERS:
            pieces.append(waiting)
            waiting = ""
    if waiting:
        pieces.append(f"{pieces.pop()} {waiting}" if pieces else waiting)
    if len(pieces) > MAX_PARTS:
        size = -(-len(pieces) // MAX_PARTS)
        pieces = [" ".join(pieces[at : at + size]) for at in range(0, len(pieces), size)]
    return pieces if len(pieces) > 1 else []


def pieces(post: StoredPost, parent: StoredPost | None) -> Sequence[tuple[Kind, str]]:
    """What of a live post is embedded: the whole, its parts, and a short reply behind its parent.
    Nothing for a post that says too little."""
    text = post.post.text
    words = len(content_tokens(text[:_WHOLE_CHARACTERS], post.post.lang))
    if words < MIN_CONTENT_WORDS:
        return ()
    made = [(Kind.WHOLE, text[:_WHOLE_CHARACTERS])]
    made.extend((Kind.PART, part) for part in parts(text))
    if parent and len(text.split()) <= MAX_CONTEXT_WORDS:
        made.append((Kind.CONTEXT, f"{parent.post.text[:_PARENT_CHARACTERS]}\n{text}"))
    return made
