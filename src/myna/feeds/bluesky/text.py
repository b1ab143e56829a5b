"""Who is mentioned in a post of the AT network. Pure.

Only a facet is a mention: a handle that is merely written names nobody for sure. Facets count bytes
of UTF-8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Span = tuple[int, int]
"""Bytes from and to."""


def mentions_of(record: Mapping[str, Any], did: str) -> list[Span]:
    """Where a record mentions an account."""
    facets = record.get("facets")
    found: list[Span] = []
    for facet in facets if isinstance(facets, list) else ():
        if not isinstance(facet, Mapping):
            continue
        features, index = facet.get("features"), facet.get("index")
        named = [
            one
            for one in (features if isinstance(features, list) else ())
            if isinstance(one, Mapping)
            and one.get("$type") == "app.bsky.richtext.facet#mention"
            and one.get("did") == did
        ]
        if named and isinstance(index, Mapping):
            start, end = index.get("byteStart"), index.get("byteEnd")
            if isinstance(start, int) and isinstance(end, int):
                found.append((start, end))
    return found


def without(text: str, spans: Sequence[Span]) -> str:
    """A text without these stretches, its spaces single."""
    data = text.encode()
    for start, end in sorted(spans, reverse=True):
        if 0 <= start < end <= len(data):
            data = data[:start] + b" " + data[end:]
    return " ".join(data.decode(errors="ignore").split())
