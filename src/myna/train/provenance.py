"""What a model learnt from: which checkpoints saw an author's posts, and a corpus without them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from myna.errors import NotFound, StorageError
from myna.train.examples import Examples
from myna.train.heldout import HELD_OUT
from myna.train.shards import (
    INDEX,
    Index,
    Reader,
    Shard,
    open_rows,
    open_tokens,
    read_index,
    refuse_forgotten,
    write_index,
    write_shard,
)
from myna.train.spans import SEEN, Span, read_spans


@dataclass(frozen=True, slots=True)
class Sight:
    """A span of a run that read documents of the authors who were asked for."""

    run: Path
    start: int
    stop: int
    documents: int


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What became of a corpus."""

    documents: int
    """Taken out; a conversation goes with any of its authors."""
    tokens: int
    rewritten: int
    """Shards."""


def documents_of(rows: np.ndarray, authors: np.ndarray) -> np.ndarray:
    """For each of a shard's rows, whether its document is (in part) of one of these authors. The
    rows of further authors stand behind their document's."""
    heads = rows["length"] > 0
    document = np.cumsum(heads) - 1
    touched = np.zeros(int(heads.sum()), bool)
    touched[document[np.isin(rows["author"], authors)]] = True
    return touched[document]


def who_saw(run: Path, authors: Iterable[int]) -> Iterator[Sight]:
    """The spans of a run that read documents of these authors; each checkpoint behind the first
    such step has learnt from them. A corpus must be asked before it is rewritten.

    Raises:
        NotFound: the run has no record, or its corpus has been changed or moved since.
    """
    spans = read_spans(run / SEEN)
    if not spans:
        raise NotFound(f"{run} has no record of what it read ({SEEN}).")
    wanted = np.array(sorted(authors), np.uint64)
    for span in spans:
        if count := _count(span, wanted):
            yield Sight(run, span.start, span.stop, count)


def _count(span: Span, authors: np.ndarray) -> int:
    folder = Path(span.corpus)
    index = read_index(folder)
    if index.fingerprint != span.fingerprint:
        index = _kept_index(folder, span.fingerprint)
    reader = (
        Reader(folder, sequence=span.sequence, rows=span.rows, seed=span.seed, index=index)
        if span.sequence
        else Examples(folder, rows=span.rows, seed=span.seed, index=index)
    )
    found: dict[str, set[int]] = {}
    for read in reader.seen(span.start, span.stop):
        touched = documents_of(open_rows(folder, read.shard), authors)
        found.setdefault(read.shard.name, set()).update(read.rows[touched[read.rows]].tolist())
    return sum(map(len, found.values()))


def _kept_index(folder: Path, fingerprint: str) -> Index:
    kept = folder / "earlier" / fingerprint
    if not (kept / "corpus.json").exists():
        raise NotFound(f"The corpus {fingerprint} that a run read is no longer in {folder}.")
    return read_index(kept)


def forget(folder: Path, authors: Iterable[int]) -> Forgotten:
    """Rewrite a corpus without these authors' documents, and prove it. What is left of an earlier
    corpus is its index and its rows of hashes: enough to tell later who saw what, no word of it. The
    held-out documents beside it are rewritten first.

    A crash leaves the old corpus or the new one; files that neither names are taken away next time.
    """
    authors, index = list(authors), read_index(folder)
    beside = Forgotten(0, 0, 0)
    if (folder / HELD_OUT / INDEX).exists():
        beside = forget(folder / HELD_OUT, authors)
    wanted = np.array(sorted({*authors, *index.forgotten}), np.uint64)
    shards: list[Shard] = []
    documents = tokens = rewritten = 0
    for shard in index.shards:
        rows = open_rows(folder, shard)
        touched = documents_of(rows, wanted)
        if not touched.any():
            shards.append(shard)
            continue
        gone = rows[touched]
        documents += int((gone["length"] > 0).sum())
        tokens += int(gone["length"].sum())
        rewritten += 1
        if kept := _without(folder, index, shard, touched):
            shards.append(kept)
    if rewritten:
        earlier = folder / "earlier" / index.fingerprint
        earlier.mkdir(parents=True, exist_ok=True)
        write_index(earlier, index)
    now = replace(index, shards=tuple(shards), forgotten=tuple(wanted.tolist()))
    write_index(folder, now)
    refuse_forgotten(folder, now)
    named = {shard.name for shard in shards}
    for path in folder.glob("*.tokens"):
        if path.stem not in named:
            path.unlink()
    return Forgotten(
        documents + beside.documents, tokens + beside.tokens, rewritten + beside.rewritten
    )


def _without(folder: Path, index: Index, shard: Shard, touched: np.ndarray) -> Shard | None:
    rows = open_rows(folder, shard)
    lengths = rows["length"].astype(np.int64)
    kept = np.repeat(~touched, lengths)
    left = rows[~touched].copy()
    sizes = left["length"].astype(np.int64)
    left["start"] = np.cumsum(sizes) - sizes
    tokens = np.asarray(open_tokens(folder, index, shard))[kept]
    number = int(shard.name.partition("-")[0])
    return write_shard(folder, number, tokens, left) if len(tokens) else None


def verify(folder: Path, index: Index) -> None:
    """Read all shards and compare them with their hashes.

    Raises:
        StorageError: a file was changed or damaged.
    """
    for shard in index.shards:
        digest = hashlib.sha256(open_tokens(folder, index, shard).tobytes())
        digest.update(open_rows(folder, shard).tobytes())
        if digest.hexdigest() != shard.sha256:
            raise StorageError(f"Shard {shard.name} in {folder} was changed. Make the corpus anew.")
