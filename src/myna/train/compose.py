"""Making a set of examples on the disk: windows of posts, through the recipe, into shards.

Windows are worked on by several processes, each by itself, and written in the order of the source: so
the set is the same whatever the number of processes is. A maker that was killed goes on behind the
last window of its last whole shard.
"""

from __future__ import annotations

import multiprocessing
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from multiprocessing.pool import AsyncResult
from pathlib import Path

from myna.train import corpus
from myna.train.benchmarks import Benchmarks
from myna.train.corpus import AHEAD, WINDOW, Sources
from myna.train.examples import Made, write_to
from myna.train.files import Piece
from myna.train.grounded import examples_of
from myna.train.hashes import author_hash
from myna.train.heldout import is_held_out
from myna.train.shards import Index, open_rows

SHARD_BYTES = 8 * 2**20
"""Of JSON, about 4,000 examples: what a crash loses at most."""

Cursor = tuple[int, int]


@dataclass(slots=True)
class Tally(corpus.Tally):
    """What became of the posts so far; documents are examples."""

    refusals: int = 0
    languages: Counter[str] = field(default_factory=Counter)


def make_examples(
    folder: Path,
    sources: Sources,
    benchmarks: Benchmarks,
    *,
    workers: int = 1,
    size: int = 0,
    held_out: float = 0.0,
    shard_bytes: int = SHARD_BYTES,
    told: Callable[[Tally], None] = lambda tally: None,
) -> tuple[Index, Tally]:
    """Make a set of at most ``size`` examples (0: all that there are), or go on with one that was
    begun. ``told`` is called behind each window. ``held_out`` is the share of the authors whom nothing
    is learnt from, the same as in a corpus of that share.

    Raises:
        Conflict: the folder has something else.
        InvalidRequest: a file is not there or cannot be used.
    """
    writer = write_to(folder, shard_bytes)
    tally = Tally()
    rows = [open_rows(folder, shard) for shard in writer.index.shards]
    said = {int(one) for held in rows for one in held["content"][held["length"] > 0]}
    tally.documents = sum(int((held["length"] > 0).sum()) for held in rows)
    if writer.index.complete:
        return writer.index, tally
    first, behind = writer.index.cursor.get("at", (-1, 0))
    at = first, behind
    for made, count, at in _made(
        sources, partial(_of_window, benchmarks, held_out), workers, (first, behind)
    ):
        tally.posts += count
        for one in made:
            if one.said in said:
                tally.rejected["exact copy"] += 1
                continue
            if size and tally.documents >= size:
                break
            said.add(one.said)
            writer.add(one.document())
            tally.characters += len(one.example.prompt[-1][1]) + len(one.example.answer)
            tally.documents += 1
            tally.refusals += not one.example.cites
            tally.languages[one.example.language] += 1
        if writer.full:
            writer.close_shard({"at": at})
        told(tally)
        if size and tally.documents >= size:
            break
    return writer.finish({"at": at}), tally


def _made(
    sources: Sources, work: Callable[[list[Piece]], list[Made]], workers: int, behind: Cursor
) -> Iterator[tuple[list[Made], int, Cursor]]:
    if workers < 2:
        for pieces, cursor in _windows(sources, behind):
            yield work(pieces), len(pieces), cursor
        return
    # "forkserver": a child has neither our threads nor our connections to the store.
    context = multiprocessing.get_context("forkserver")
    with context.Pool(workers) as pool:
        running: deque[tuple[AsyncResult[list[Made]], int, Cursor]] = deque()
        for pieces, cursor in _windows(sources, behind):
            running.append((pool.apply_async(work, (pieces,)), len(pieces), cursor))
            if len(running) > AHEAD * workers:
                result, count, at = running.popleft()
                yield result.get(), count, at
        while running:
            result, count, at = running.popleft()
            yield result.get(), count, at


def _windows(sources: Sources, behind: Cursor) -> Iterator[tuple[list[Piece], Cursor]]:
    """Windows of posts with the places of their last ones, those behind ``behind``."""
    for number, read in enumerate(sources):
        pieces = read()
        while window := list(islice(pieces, WINDOW)):
            cursor = number, window[-1][0]
            if cursor > behind:
                yield [piece for _, piece in window], cursor


def _of_window(benchmarks: Benchmarks, held_out: float, pieces: list[Piece]) -> list[Made]:
    return list(
        examples_of(
            [
                one
                for one in pieces
                if not benchmarks.touch(one.text)
                and not is_held_out([author_hash(one.network, one.author)], 0, held_out)
            ]
        )
    )
