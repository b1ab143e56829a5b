"""Examples of grounded answers: what a model is post-trained on, and how a set of them is kept.

A set is a corpus (``shards``) whose documents are examples and whose tokens are the bytes of their
JSON. So the rows of hashes, forgetting, and the reader's refusal of a forgotten author are those of a
corpus: ``myna train forget`` covers a set as it covers token shards. What a step of a run reads is a
function of the set, a seed and the step.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from myna.answer.events import Source
from myna.answer.phrases import Language
from myna.answer.prompt import PROMPT_VERSION
from myna.errors import Conflict, InvalidRequest, StorageError
from myna.post import Author, Post, State, StoredPost
from myna.train.hashes import content_hash
from myna.train.shards import (
    Document,
    Index,
    Read,
    Writer,
    open_rows,
    open_tokens,
    read_index,
    refuse_forgotten,
)
from myna.train.spans import Span

BYTES = 256
"""Vocabulary of a set: a token is a byte."""
KIND = "examples 1"
"""Stands where a corpus names its tokenizer, with the version of the prompts."""
_THEN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Told:
    """A post as a prompt shows it."""

    number: int
    author: str
    """A made-up name: whose it is stands in the set's hashes alone."""
    text: str
    thread: int
    """Posts of one conversation have the same number; it means nothing else."""
    above: tuple[str, str] | None = None
    """Author and text of what it replies to."""


@dataclass(frozen=True, slots=True)
class Example:
    """A question with numbered posts, and how it should be answered from them."""

    question: str
    language: Language
    posts: tuple[Told, ...]
    prompt: tuple[tuple[str, str], ...]
    """Role and content of each message, as the product asks a model."""
    answer: str
    """With its marks, as ``[2]``; the refusal, word for word, where it is due."""
    cites: tuple[int, ...]
    """Posts that answer; empty where a refusal is due."""
    worse: tuple[str, ...]
    """Answers that must not be given, each with one thing wrong."""

    @property
    def messages(self) -> list[dict[str, str]]:
        """The prompt as chat templates take it."""
        return [{"role": role, "content": content} for role, content in self.prompt]

    @property
    def sources(self) -> list[Source]:
        """The posts as the product checks an answer against them."""
        return [
            Source(
                told.number,
                _stored(told.number, told.author, told.text, told.thread),
                _stored(-told.number, *told.above, told.thread) if told.above else None,
                1.0,
            )
            for told in self.posts
        ]


def _stored(number: int, author: str, text: str, thread: int) -> StoredPost:
    post = Post("example", str(number), Author("example", author, author), text, _THEN)
    return StoredPost(number, 0, State.LIVE, post, f"thread {thread}", _THEN)


@dataclass(frozen=True, slots=True)
class Made:
    """An example with whose words are in it: what is written to a set."""

    example: Example
    source: str
    authors: tuple[int, ...]
    consent: int

    def document(self) -> Document:
        """As a document of a corpus."""
        told = json.dumps(asdict(self.example), ensure_ascii=False, separators=(",", ":"))
        content = np.frombuffer(told.encode(), np.uint8).astype(np.int64)
        return Document(content, self.source, self.authors, self.said, self.consent)

    @property
    def said(self) -> int:
        """Hash of question and answer: the same are in a set once."""
        return content_hash(f"{self.example.question}\0{self.example.answer}")


def write_to(folder: Path, limit: int) -> Writer:
    """A writer of a set, a new one or one that was begun.

    Raises:
        Conflict: the folder has a corpus, or a set for other prompts.
    """
    kind = f"{KIND}, prompts {PROMPT_VERSION}"
    try:
        return Writer(folder, vocabulary=BYTES, tokenizer=kind, shard_tokens=limit)
    except Conflict:
        raise Conflict(
            f"{folder} is a corpus, or has examples for other prompts. Give another folder."
        ) from None


class Examples:
    """A set, read whole. ``rows`` examples are a step's, over all ranks and micro-batches."""

    def __init__(
        self, folder: Path, *, rows: int, seed: int = 0, index: Index | None = None
    ) -> None:
        """``index`` is an earlier state of the set, to ask what was read (``seen``) alone."""
        self.folder, self.rows, self.seed = folder, rows, seed
        self.index = index or read_index(folder)
        if not self.index.tokenizer.startswith(KIND):
            raise InvalidRequest(f"{folder} has no examples. Make them with `myna train grounded`.")
        self._places = [
            np.flatnonzero(open_rows(folder, shard)["length"]) for shard in self.index.shards
        ]
        if not len(self):
            raise InvalidRequest(f"{folder} has no example. Give the recipe more posts.")
        if index is None:
            refuse_forgotten(folder, self.index)

    def __len__(self) -> int:
        return sum(map(len, self._places))

    @cached_property
    def all(self) -> list[Example]:
        """In the order in which they were made.

        Raises:
            StorageError: the set is damaged.
        """
        return [
            _read(tokens[row["start"] : row["start"] + row["length"]], self.folder)
            for shard, places in zip(self.index.shards, self._places, strict=True)
            for tokens in [open_tokens(self.folder, self.index, shard)]
            for row in open_rows(self.folder, shard)[places]
        ]

    def order(self, start: int, stop: int) -> np.ndarray:
        """Numbers of the examples that steps ``start`` up to, not including, ``stop`` read, in
        order: each once before any twice, shuffled anew each time."""
        first, last, count = start * self.rows, stop * self.rows, len(self)
        passes = [
            np.random.default_rng([self.seed, number]).permutation(count)
            for number in range(first // count, -(-last // count))
        ]
        begin = first // count * count
        return np.concatenate([*passes, np.zeros(0, np.int64)])[first - begin : last - begin]

    def seen(self, start: int, stop: int) -> Iterator[Read]:
        """The examples that these steps read, as rows of the shards."""
        read = np.unique(self.order(start, stop))
        behind = 0
        for shard, places in zip(self.index.shards, self._places, strict=True):
            here = read[(read >= behind) & (read < behind + len(places))] - behind
            behind += len(places)
            if len(here):
                yield Read(shard, places[here])

    def span(self, start: int, stop: int) -> Span:
        """What a run notes about the steps that it made. A span of examples has no sequence."""
        names = tuple(shard.name for shard in self.index.shards)
        place = str(self.folder.resolve())
        return Span(place, self.index.fingerprint, names, self.seed, 0, self.rows, start, stop)


def _read(tokens: np.ndarray, folder: Path) -> Example:
    try:
        told: dict[str, Any] = json.loads(tokens.astype(np.uint8).tobytes())
        posts = [
            Told(**post | {"above": tuple(post["above"]) if post["above"] else None})
            for post in told["posts"]
        ]
        return Example(
            told["question"],
            told["language"],
            tuple(posts),
            tuple((role, content) for role, content in told["prompt"]),
            told["answer"],
            tuple(told["cites"]),
            tuple(told["worse"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError(f"An example in {folder} is damaged. Make the set anew.") from error
