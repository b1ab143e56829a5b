"""A corpus: posts in, cleaned and each said once; documents out, one a conversation.

Windows of posts are cleaned by several processes, each window by itself; copies are told and
documents written by one, in the order of the source. So the corpus is the same whatever the number
of processes is. A maker that was killed reads everything again, which is the cheap part, and writes
from where the last whole shard ended.
"""

from __future__ import annotations

import multiprocessing
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby, islice
from multiprocessing.pool import AsyncResult
from typing import Any, NamedTuple

import numpy as np

from myna.index.language import language
from myna.index.signatures import sign
from myna.train.benchmarks import Benchmarks
from myna.train.clean import reject, scrub
from myna.train.copies import Copies
from myna.train.files import Piece
from myna.train.hashes import author_hash, content_hash

WINDOW = 5_000
"""Posts that are looked at together: a conversation is put together within its window."""
AHEAD = 3
"""Windows that each process may be ahead of the writer."""


class Text(NamedTuple):
    """A document before the tokenizer."""

    text: str
    source: str
    authors: tuple[int, ...]
    """Of all whose names are known."""
    content: int
    consent: int


class Cleaned(NamedTuple):
    """What became of a window."""

    texts: list[Text]
    lanes: np.ndarray
    bands: np.ndarray
    rejected: Counter[str]
    read: int
    cursor: tuple[int, int]
    """Number of the source and place in it of the window's last post."""


@dataclass(slots=True)
class Tally:
    """What became of all posts so far."""

    posts: int = 0
    documents: int = 0
    characters: int = 0
    rejected: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Filters:
    """What is let through."""

    languages: Collection[str] = ()
    """Base languages; empty: all."""
    benchmarks: Benchmarks = field(default_factory=Benchmarks)


class Kept(NamedTuple):
    """The documents of a window that are written."""

    texts: list[Text]
    cursor: tuple[int, int]


Sources = Sequence[Callable[[], Iterator[tuple[int, Piece]]]]


def clean_all(
    sources: Sources,
    filters: Filters,
    *,
    workers: int = 1,
    tally: Tally,
    copies: Copies | None = None,
) -> Iterator[Kept]:
    """All documents of all sources, window by window, without copies. ``tally`` is kept up."""
    copies = copies or Copies()
    for window in _cleaned(sources, filters, workers):
        contents = np.array([text.content for text in window.texts], np.uint64)
        exact, near = copies.take(contents, window.lanes, window.bands)
        texts = [
            text
            for text, dropped in zip(window.texts, (exact | near).tolist(), strict=True)
            if not dropped
        ]
        tally.posts += window.read
        tally.documents += len(texts)
        tally.characters += sum(len(one.text) for one in texts)
        copied = {"exact copy": int(exact.sum()), "near copy": int(near.sum())}
        tally.rejected.update(window.rejected + Counter(copied))
        yield Kept(texts, window.cursor)


def _cleaned(sources: Sources, filters: Filters, workers: int) -> Iterator[Cleaned]:
    if workers < 2:
        clean = partial(clean_window, filters)
        for window in _windows(sources):
            yield clean(*window)
        return
    # "forkserver": a child has neither our threads nor our connections to the store.
    context = multiprocessing.get_context("forkserver")
    with context.Pool(workers, _prepare, (filters,)) as pool:
        running: deque[AsyncResult[Cleaned]] = deque()
        for window in _windows(sources):
            running.append(pool.apply_async(_clean_here, window))
            if len(running) > AHEAD * workers:
                yield running.popleft().get()
        while running:
            yield running.popleft().get()


def _windows(sources: Sources) -> Iterator[tuple[list[Piece], tuple[int, int]]]:
    for number, read in enumerate(sources):
        pieces = read()
        while window := list(islice(pieces, WINDOW)):
            yield [piece for _, piece in window], (number, window[-1][0])


_here: dict[str, Any] = {}


def _prepare(filters: Filters) -> None:
    _here["filters"] = filters


def _clean_here(pieces: list[Piece], cursor: tuple[int, int]) -> Cleaned:
    return clean_window(_here["filters"], pieces, cursor)


def clean_window(filters: Filters, pieces: list[Piece], cursor: tuple[int, int]) -> Cleaned:
    """Clean a window's posts and lay its conversations out. Pure."""
    rejected: Counter[str] = Counter()
    kept: list[Piece] = []
    for piece in pieces:
        why = "no licence" if not piece.source else _rejected(piece, filters)
        if why:
            rejected[why] += 1
        else:
            kept.append(piece._replace(text=scrub(piece.text.strip())))
    texts = list(lay_out(kept))
    first = [str(one.authors[0] if one.authors else 0) for one in texts]
    signed = sign([one.text for one in texts], first)
    return Cleaned(texts, signed.lanes, signed.bands, rejected, len(pieces), cursor)


def _rejected(piece: Piece, filters: Filters) -> str:
    if why := reject(piece.text):
        return why
    if filters.languages and language(piece.text, piece.lang) not in filters.languages:
        return "language"
    return "benchmark" if filters.benchmarks.touch(piece.text) else ""


def lay_out(pieces: Iterable[Piece]) -> Iterator[Text]:
    """Documents of posts: one a conversation, in the order of its posts, each of them said by a
    letter (``A: …``), since it does not matter to a model who spoke; a post alone is its text."""
    pieces = list(pieces)
    parents = {(piece.network, piece.key): piece.thread for piece in pieces}
    order: dict[tuple[str, str, str], int] = {}
    roots = [(piece.source, piece.network, _root(piece, parents)) for piece in pieces]
    for root in roots:
        order.setdefault(root, len(order))
    places = sorted(range(len(pieces)), key=lambda at: order[roots[at]])
    for _, group in groupby(places, key=lambda at: order[roots[at]]):
        posts = [pieces[at] for at in group]
        speakers = list(dict.fromkeys(post.author for post in posts))
        said = {name: _letter(number) for number, name in enumerate(speakers)}
        text = (
            posts[0].text
            if len(posts) == 1
            else "\n".join(f"{said[post.author]}: {post.text}" for post in posts)
        )
        hashes = tuple(author_hash(posts[0].network, name) for name in speakers if name)
        consent = min(post.consent for post in posts)
        yield Text(text, posts[0].source, hashes, content_hash(text), consent)


def _root(piece: Piece, parents: dict[tuple[str, str], str]) -> str:
    key, passed = piece.thread, {piece.key}
    while key not in passed and (piece.network, key) in parents:
        passed.add(key)
        key = parents[piece.network, key]
    return key


def _letter(number: int) -> str:
    return chr(ord("A") + number) if number < 26 else f"A{number - 25}"
