"""Making a corpus on the disk: clean documents, through the tokenizer, into shards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from myna.safety.consent.training import withdrawn_since
from myna.train.canaries import SOURCE, make_canaries, planted, write_canaries
from myna.train.corpus import Filters, Sources, Tally, clean_all
from myna.train.hashes import author_hash, content_hash
from myna.train.heldout import HELD_OUT, is_held_out
from myna.train.provenance import forget
from myna.train.shards import SHARD_TOKENS, Document, Index, Writer, open_rows, read_index
from myna.train.tokenizer import copy_tokenizer, end_of, load_tokenizer

if TYPE_CHECKING:
    from myna.db.engine import Database

Told = Callable[[Tally, int], None]


def make_corpus(
    folder: Path,
    sources: Sources,
    filters: Filters,
    tokenizer: Path,
    *,
    workers: int = 1,
    size: int = 0,
    shard_tokens: int = SHARD_TOKENS,
    held_out: float = 0.0,
    canaries: int = 0,
    told: Told = lambda tally, tokens: None,
) -> tuple[Index, Tally]:
    """Make a corpus of about ``size`` tokens (0: of all there is), or go on with one that was begun.

    The documents of a share ``held_out`` of the authors go into a corpus beside it (``heldout``).
    ``canaries`` invented secrets are planted among those that are trained on (``canaries``). The
    tokenizer is copied into its folder: a corpus is whole by itself.

    Raises:
        Conflict: the folder has a corpus of another tokenizer.
        InvalidRequest, NotFound: a file is not there or cannot be used.
    """
    made, digest = load_tokenizer(tokenizer)
    end, size_of = end_of(made), made.get_vocab_size()
    writer = Writer(folder, vocabulary=size_of, tokenizer=digest, shard_tokens=shard_tokens)
    tally = Tally()
    if writer.index.complete:
        return writer.index, tally
    copy_tokenizer(tokenizer, folder)
    beside = (
        Writer(folder / HELD_OUT, vocabulary=size_of, tokenizer=digest, shard_tokens=shard_tokens)
        if held_out
        else None
    )
    if canaries and not writer.index.shards:
        write_canaries(folder, made_up := make_canaries(canaries, digest))
        for text in planted(made_up):
            ids = np.array([*made.encode(text, add_special_tokens=False).ids, end], np.int64)
            writer.add(Document(ids, SOURCE, (), content_hash(text)))
    at = behind = _cursor(writer)
    for kept in clean_all(sources, filters, workers=workers, tally=tally):
        if kept.cursor <= behind:
            continue
        at = kept.cursor
        encoded = made.encode_batch_fast([one.text for one in kept.texts], add_special_tokens=False)
        for one, tokens in zip(kept.texts, encoded, strict=True):
            ids = np.array([*tokens.ids, end], np.int64)
            document = Document(ids, one.source, one.authors, one.content, one.consent)
            if beside is None or not is_held_out(one.authors, one.content, held_out):
                writer.add(document)
            elif at > _cursor(beside):
                beside.add(document)
        if writer.full:
            if beside is not None:
                beside.close_shard({"at": at})
            writer.close_shard({"at": at})
        told(tally, writer.tokens)
        if size and writer.tokens >= size:
            break
    if beside is not None:
        beside.finish({"at": at})
    return writer.finish({"at": at}), tally


def _cursor(writer: Writer) -> tuple[int, int]:
    """How far the sources were read when the last shard was closed."""
    source, row = writer.index.cursor.get("at", (-1, 0))
    return source, row


def forget_withdrawn(db: Database, folder: Path, index: Index) -> int:
    """Take out whoever said no since the corpus was read; how many documents went.

    Raises:
        DatabaseError: the store is away.
    """
    shards = [(folder, shard) for shard in index.shards]
    if (folder / HELD_OUT).is_dir():
        beside = folder / HELD_OUT
        shards += [(beside, shard) for shard in read_index(beside).shards]
    versions = [_oldest(open_rows(*place)) for place in shards]
    oldest = min((one for one in versions if one), default=0)
    keys = withdrawn_since(db, oldest) if oldest else []
    return forget(folder, [author_hash(*key) for key in keys]).documents if keys else 0


def _oldest(rows: np.ndarray) -> int:
    versions = rows["consent"][rows["consent"] > 0]
    return int(versions.min()) if len(versions) else 0
