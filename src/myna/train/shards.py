"""Token shards: what a corpus is on the disk, its writer, and the reader that a training run has.

A corpus is a folder: ``corpus.json`` names its shards, each of them two files. ``NAME.tokens`` is
one array of all its tokens, ``NAME.documents`` a row for each document: where it lies, whose it is
(hashed), under which version of all consents it was taken, from which source, and the hash of its
text. So an author's documents are found, and left out of the next corpus, without reading a token.

What a run reads is a function of the corpus, a seed and the step alone: documents in an order that
is shuffled anew in each epoch (shards first, then the documents of each) are one endless stream of
tokens, cut into rows. Nothing has to be remembered to go on at a step, on any number of ranks.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from myna.errors import Conflict, InvalidRequest, NotFound, StorageError
from myna.train.spans import add_span, read_spans, span_of  # noqa: F401 - a reader's record

FORMAT = 1
SHARD_TOKENS = 64 * 2**20
"""Tokens after which a shard is closed: 128 MB, and a few ten MB of documents in a reader."""
IGNORED = -100
"""Target of a token that ends its document: no loss is computed there."""
INDEX = "corpus.json"

ROW = np.dtype(
    [
        ("start", "<u8"),
        ("length", "<u4"),
        ("source", "<u4"),
        ("author", "<u8"),
        ("content", "<u8"),
        ("consent", "<u8"),
    ]
)
"""Of a document: first token and number of tokens, number of its source in ``corpus.json``, hashes
of author and text, version of all consents. 40 bytes."""


@dataclass(frozen=True, slots=True)
class Document:
    """One document, ready to be written. It should end with the tokenizer's end-of-text token."""

    tokens: np.ndarray
    """(n,) integers below the corpus's vocabulary."""
    source: str
    """Where it is from: ``store:bluesky``, ``file:NAME (licence)``."""
    authors: tuple[int, ...] = ()
    """``author_hash`` of all whose words are in it; the first is its row's author, each of the
    others has a row without tokens, so that a thread is forgotten with any of its authors."""
    content: int = 0
    consent: int = 0


@dataclass(frozen=True, slots=True)
class Shard:
    """One finished shard."""

    name: str
    tokens: int
    documents: int
    sha256: str
    """Of both files, tokens first."""


@dataclass(frozen=True, slots=True)
class Index:
    """What ``corpus.json`` says."""

    vocabulary: int
    tokenizer: str
    """SHA-256 of ``tokenizer.json``; tokens of another tokenizer mean nothing."""
    shards: tuple[Shard, ...] = ()
    sources: tuple[str, ...] = ()
    forgotten: tuple[int, ...] = ()
    """Hashes of authors who must not be in it: a reader refuses a corpus that has one."""
    cursor: Mapping[str, Any] = field(default_factory=dict)
    """How far its maker had read when the last shard was closed; the maker's own."""
    complete: bool = False

    @property
    def tokens(self) -> int:
        """Of all shards."""
        return sum(shard.tokens for shard in self.shards)

    @property
    def dtype(self) -> np.dtype:
        """Of a token."""
        return np.dtype("<u2" if self.vocabulary <= 2**16 else "<u4")

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits for the tokens in their order."""
        told = "\0".join([self.tokenizer, *(shard.sha256 for shard in self.shards)])
        return hashlib.sha256(told.encode()).hexdigest()[:16]


def read_index(folder: Path) -> Index:
    """The index of a corpus.

    Raises:
        NotFound: no corpus is there.
        StorageError: what is there is damaged or of another version of Myna.
    """
    try:
        told = json.loads((folder / INDEX).read_text())
    except FileNotFoundError:
        raise NotFound(f"No corpus is in {folder}. Make one with `myna train corpus`.") from None
    except (OSError, ValueError) as error:
        raise StorageError(f"{folder / INDEX} cannot be read ({error}). Make it anew.") from error
    if told.pop("format", None) != FORMAT:
        raise StorageError(f"{folder} is a corpus of another version of Myna. Make it anew.")
    return Index(
        **told
        | {
            "shards": tuple(Shard(**shard) for shard in told["shards"]),
            "sources": tuple(told["sources"]),
            "forgotten": tuple(told["forgotten"]),
        }
    )


def write_index(folder: Path, index: Index) -> None:
    """Write the index; after a crash the old or the new one is there."""
    replace_file(folder / INDEX, json.dumps({"format": FORMAT} | asdict(index), indent=1).encode())


def replace_file(path: Path, content: bytes) -> None:
    """Write a file whole and onto the disk, or not at all."""
    beside = path.with_name(path.name + ".new")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


class Writer:
    """Writes a corpus, and goes on with one whose maker was killed: all shards that are in the
    index are whole, and ``index.cursor`` says where the maker was when the last one was closed."""

    def __init__(
        self, folder: Path, *, vocabulary: int, tokenizer: str, shard_tokens: int = SHARD_TOKENS
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.index = Index(vocabulary, tokenizer)
        if (folder / INDEX).exists():
            self.index = read_index(folder)
            if (self.index.vocabulary, self.index.tokenizer) != (vocabulary, tokenizer):
                raise Conflict(f"{folder} was made with another tokenizer. Give another folder.")
        self._limit = shard_tokens
        self._forgotten = frozenset(self.index.forgotten)
        self._sources = {name: number for number, name in enumerate(self.index.sources)}
        self._tokens: list[np.ndarray] = []
        self._rows: list[tuple[int, int, int, int, int, int]] = []
        self._held = 0

    def add(self, document: Document) -> None:
        """Take a document. It is on the disk when ``close_shard`` or ``finish`` returns. One that
        has words of a forgotten author is left out."""
        if not self._forgotten.isdisjoint(document.authors):
            return
        tokens = np.asarray(document.tokens)
        if not len(tokens):
            return
        if int(tokens.max()) >= self.index.vocabulary or int(tokens.min()) < 0:
            raise InvalidRequest("A document has a token that is not in the vocabulary.")
        source = self._sources.setdefault(document.source, len(self._sources))
        first, *others = document.authors or (0,)
        told = (source, first, document.content, document.consent)
        self._rows.append((self._held, len(tokens), *told))
        self._rows += [(self._held, 0, source, other, *told[2:]) for other in others]
        self._tokens.append(tokens.astype(self.index.dtype))
        self._held += len(tokens)

    @property
    def tokens(self) -> int:
        """Written and held."""
        return self.index.tokens + self._held

    @property
    def full(self) -> bool:
        """Whether a shard's worth is held: the maker should close it at the next good place."""
        return self._held >= self._limit

    def close_shard(
        self, cursor: Mapping[str, Any] | None = None, *, complete: bool = False
    ) -> None:
        """Write what is held as a shard, then the index with the maker's cursor."""
        shards = self.index.shards
        if self._held:
            tokens = np.concatenate(self._tokens)
            shards = (
                *shards,
                write_shard(self.folder, len(shards), tokens, np.array(self._rows, ROW)),
            )
        self.index = Index(
            self.index.vocabulary,
            self.index.tokenizer,
            shards,
            tuple(self._sources),
            self.index.forgotten,
            self.index.cursor if cursor is None else cursor,
            complete,
        )
        write_index(self.folder, self.index)
        self._tokens, self._rows, self._held = [], [], 0

    def finish(self, cursor: Mapping[str, Any] | None = None) -> Index:
        """Close the last shard and call the corpus complete."""
        self.close_shard(cursor, complete=True)
        return self.index


def write_shard(folder: Path, number: int, tokens: np.ndarray, rows: np.ndarray) -> Shard:
    """Write a shard's two files. They count from when the index names them."""
    digest = hashlib.sha256(tokens.tobytes())
    digest.update(rows.tobytes())
    name = f"{number:05d}-{digest.hexdigest()[:8]}"
    replace_file(folder / f"{name}.tokens", tokens.tobytes())
    replace_file(folder / f"{name}.documents", rows.tobytes())
    return Shard(name, len(tokens), int((rows["length"] > 0).sum()), digest.hexdigest())


def open_tokens(folder: Path, index: Index, shard: Shard) -> np.ndarray:
    """A shard's tokens, mapped into memory."""
    return _mapped(folder / f"{shard.name}.tokens", index.dtype, shard.tokens)


def open_rows(folder: Path, shard: Shard) -> np.ndarray:
    """A shard's rows (``ROW``), mapped into memory: those of documents and of further authors."""
    path = folder / f"{shard.name}.documents"
    return _mapped(path, ROW, path.stat().st_size // ROW.itemsize if path.exists() else 1)


def _mapped(path: Path, dtype: np.dtype, count: int) -> np.ndarray:
    try:
        found = np.memmap(path, dtype, mode="r")
    except (OSError, ValueError) as error:
        raise StorageError(f"{path} cannot be read ({error}). Make the corpus anew.") from error
    if len(found) != count:
        raise StorageError(f"{path} is cut short. Make the corpus anew.")
    return found


@dataclass(frozen=True, slots=True)
class Batch:
    """A rank's rows of one step, each array (rows, sequence)."""

    tokens: np.ndarray
    """int64."""
    targets: np.ndarray
    """int64: the next token, ``IGNORED`` where the document ends."""
    documents: np.ndarray
    """int32: number of the document within the row, from 0. A token attends to its own alone."""
    positions: np.ndarray
    """int32: place in the document (in the part that is in this row), from 0."""


@dataclass(frozen=True, slots=True)
class Read:
    """Documents of a shard that some steps read."""

    shard: Shard
    rows: np.ndarray
    """Their numbers among the shard's rows (``open_rows``)."""


@dataclass(frozen=True, slots=True)
class _Order:
    """One shard's documents in one epoch's order."""

    rows: np.ndarray
    starts: np.ndarray
    """Their first tokens in the shard."""
    ends: np.ndarray
    """Their ends in this order's stream."""


class Reader:
    """A rank's view of a corpus: ``batch(step)`` for any step, in any order.

    ``rows`` is the number of rows of a whole step, over all ranks and micro-batches; it must be a
    multiple of ``world``. The same rows are read whatever ``world`` is.
    """

    def __init__(
        self,
        folder: Path,
        *,
        sequence: int,
        rows: int,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
        index: Index | None = None,
    ) -> None:
        """``index`` is an earlier state of the corpus, to ask what was read (``seen``) alone."""
        if rows % world or not 0 <= rank < world:
            raise InvalidRequest(f"{rows} rows of a step cannot be shared by {world} ranks.")
        self.folder, self.index = folder, index or read_index(folder)
        self.sequence, self.rows, self.seed, self.rank, self.world = (
            sequence,
            rows,
            seed,
            rank,
            world,
        )
        if not self.index.tokens:
            raise InvalidRequest(f"The corpus in {folder} has no token. Give it more posts.")
        if index is None:
            refuse_forgotten(folder, self.index)
        self._order = lru_cache(maxsize=4)(self._make_order)
        self._tokens = lru_cache(maxsize=64)(lambda shard: open_tokens(folder, self.index, shard))

    @property
    def steps_an_epoch(self) -> float:
        """Steps that read each token once."""
        return self.index.tokens / (self.rows * self.sequence)

    def batch(self, step: int) -> Batch:
        """This rank's rows of a step."""
        count = self.rows // self.world
        first = step * self.rows + self.rank * count
        made = [self._row(first + number) for number in range(count)]
        return Batch(*(np.stack(arrays) for arrays in zip(*made, strict=True)))

    def seen(self, start: int, stop: int) -> Iterator[Read]:
        """The documents that steps ``start`` up to, not including, ``stop`` read on all ranks."""
        step = self.rows * self.sequence
        for shard, order, low, high in self._parts(start * step, stop * step):
            first = int(np.searchsorted(order.ends, low, side="right"))
            last = int(np.searchsorted(order.ends, high, side="left"))
            yield Read(shard, order.rows[first : last + 1])

    def _row(self, row: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        length, begin = self.sequence, row * self.sequence
        tokens = np.empty(length + 1, np.int64)
        documents = np.empty(length + 1, np.int32)
        positions = np.empty(length + 1, np.int32)
        at = number = 0
        for shard, order, first, high in self._parts(begin, begin + length + 1):
            held, low = self._tokens(shard), first
            document = int(np.searchsorted(order.ends, low, side="right"))
            while low < high:
                end = int(order.ends[document])
                taken = min(end, high) - low
                size = end - (int(order.ends[document - 1]) if document else 0)
                start = int(order.starts[document]) + size - (end - low)
                tokens[at : at + taken] = held[start : start + taken]
                documents[at : at + taken] = number
                positions[at : at + taken] = np.arange(taken)
                at, low, document, number = at + taken, low + taken, document + 1, number + 1
        targets = np.where(documents[1:] == documents[:-1], tokens[1:], IGNORED)
        return tokens[:-1], targets, documents[:-1], positions[:-1]

    def _parts(self, begin: int, end: int) -> Iterator[tuple[Shard, _Order, int, int]]:
        """The pieces of the endless stream between two places: shard, its order, from, to."""
        total = self.index.tokens
        while begin < end:
            epoch, place = divmod(begin, total)
            for number in self._shards(epoch):
                shard = self.index.shards[number]
                if place < shard.tokens:
                    high = min(shard.tokens, place + end - begin)
                    yield shard, self._order(epoch, number), place, high
                    begin += high - place
                    place = shard.tokens
                    if begin >= end:
                        return
                place -= shard.tokens

    def _shards(self, epoch: int) -> list[int]:
        count = len(self.index.shards)
        return np.random.default_rng([self.seed, epoch]).permutation(count).tolist()

    def _make_order(self, epoch: int, number: int) -> _Order:
        found = open_rows(self.folder, self.index.shards[number])
        rows = np.flatnonzero(found["length"])
        rows = np.random.default_rng([self.seed, epoch, number]).permutation(rows)
        return _Order(rows, found["start"][rows], np.cumsum(found["length"][rows].astype(np.int64)))


def refuse_forgotten(folder: Path, index: Index) -> None:
    """Prove that no document is of an author whom the corpus must not have.

    Raises:
        Conflict: one is; the shards have to be rewritten.
    """
    if not index.forgotten:
        return
    forgotten = np.array(index.forgotten, np.uint64)
    for shard in index.shards:
        if np.isin(open_rows(folder, shard)["author"], forgotten).any():
            raise Conflict(
                f"Shard {shard.name} in {folder} still has documents of an author who is to be "
                "forgotten. Run `myna train forget` again."
            )
