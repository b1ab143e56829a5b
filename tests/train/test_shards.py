"""Token shards: what is written is read, by any number of ranks, from any step, and known after."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myna.errors import Conflict, InvalidRequest, NotFound, StorageError
from myna.train.hashes import author_hash
from myna.train.provenance import verify
from myna.train.shards import (
    IGNORED,
    Document,
    Index,
    Reader,
    Writer,
    open_rows,
    open_tokens,
    read_index,
    write_index,
)
from myna.train.spans import add_span, read_spans, span_of


def write(folder: Path, lengths: list[int], shard_tokens: int = 50) -> Index:
    """Documents whose tokens all are the document's number."""
    writer = Writer(folder, vocabulary=1000, tokenizer="t", shard_tokens=shard_tokens)
    for number, length in enumerate(lengths):
        writer.add(Document(np.full(length, number), "test", (author_hash("n", f"a{number % 7}"),)))
        if writer.full:
            writer.close_shard({"next": number + 1})
    return writer.finish()


def test_an_epoch_reads_each_token_once(tmp_path: Path) -> None:
    lengths = [3 + number % 11 for number in range(60)]
    index = write(tmp_path, lengths)
    assert len(index.shards) > 3
    assert index.complete
    verify(tmp_path, index)
    reader = Reader(tmp_path, sequence=1, rows=1)
    for epoch in (0, 1):
        steps = range(epoch * index.tokens, (epoch + 1) * index.tokens)
        read = np.concatenate([reader.batch(step).tokens.ravel() for step in steps])
        assert np.bincount(read).tolist() == lengths


def test_rows_are_masked_by_document(tmp_path: Path) -> None:
    write(tmp_path, [5] * 40)
    batch = Reader(tmp_path, sequence=16, rows=4, seed=3).batch(2)
    assert batch.tokens.shape == batch.targets.shape == (4, 16)
    for row in range(4):
        for at in range(15):
            same = batch.documents[row, at] == batch.documents[row, at + 1]
            assert same == (batch.tokens[row, at] == batch.tokens[row, at + 1])
            assert batch.targets[row, at] == (batch.tokens[row, at + 1] if same else IGNORED)
            assert batch.positions[row, at + 1] == (batch.positions[row, at] + 1 if same else 0)


@settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=40),
    sequence=st.integers(1, 30),
    world=st.sampled_from([1, 2, 4]),
    step=st.integers(0, 30),
)
def test_ranks_share_the_rows_of_one(
    tmp_path_factory: pytest.TempPathFactory,
    lengths: list[int],
    sequence: int,
    world: int,
    step: int,
) -> None:
    folder = tmp_path_factory.mktemp("corpus")
    write(folder, lengths)
    alone = Reader(folder, sequence=sequence, rows=4, seed=1)
    shared = [
        Reader(folder, sequence=sequence, rows=4, seed=1, rank=rank, world=world).batch(step)
        for rank in range(world)
    ]
    whole = alone.batch(step)
    assert np.array_equal(np.concatenate([one.tokens for one in shared]), whole.tokens)
    assert np.array_equal(np.concatenate([one.targets for one in shared]), whole.targets)
    named = {
        int(open_tokens(folder, alone.index, read.shard)[row["start"]])
        for read in alone.seen(step, step + 1)
        for row in open_rows(folder, read.shard)[read.rows]
    }
    assert named == set(whole.tokens.ravel().tolist())


def test_another_seed_or_epoch_has_another_order(tmp_path: Path) -> None:
    write(tmp_path, [4] * 100)
    first = Reader(tmp_path, sequence=100, rows=1).batch(0).tokens
    assert not np.array_equal(first, Reader(tmp_path, sequence=100, rows=1, seed=1).batch(0).tokens)
    assert not np.array_equal(first, Reader(tmp_path, sequence=100, rows=1).batch(4).tokens)
    assert np.array_equal(first, Reader(tmp_path, sequence=100, rows=1).batch(0).tokens)


def test_a_killed_writer_goes_on_behind_its_last_shard(tmp_path: Path) -> None:
    lengths = [10] * 20
    whole = write(tmp_path / "whole", lengths)
    writer = Writer(tmp_path / "killed", vocabulary=1000, tokenizer="t", shard_tokens=50)
    for number in range(8):
        writer.add(Document(np.full(10, number), "test", (author_hash("n", f"a{number % 7}"),)))
        if writer.full:
            writer.close_shard({"next": number + 1})
    again = Writer(tmp_path / "killed", vocabulary=1000, tokenizer="t", shard_tokens=50)
    assert again.index.cursor == {"next": 5}
    for number in range(5, 20):
        again.add(Document(np.full(10, number), "test", (author_hash("n", f"a{number % 7}"),)))
        if again.full:
            again.close_shard({"next": number + 1})
    assert again.finish().fingerprint == whole.fingerprint


def test_a_corpus_with_a_forgotten_author_is_refused(tmp_path: Path) -> None:
    write(tmp_path, [5] * 20)
    index = read_index(tmp_path)
    write_index(tmp_path, replace(index, forgotten=(author_hash("n", "nobody"),)))
    Reader(tmp_path, sequence=8, rows=1)
    write_index(tmp_path, replace(index, forgotten=(author_hash("n", "a3"),)))
    with pytest.raises(Conflict, match="forget"):
        Reader(tmp_path, sequence=8, rows=1)


def test_all_authors_of_a_thread_are_in_its_rows(tmp_path: Path) -> None:
    writer = Writer(tmp_path, vocabulary=10, tokenizer="t")
    writer.add(Document(np.arange(5), "test", (11, 22, 33), content=7, consent=9))
    index = writer.finish()
    rows = open_rows(tmp_path, index.shards[0])
    assert rows["author"].tolist() == [11, 22, 33]
    assert rows["length"].tolist() == [5, 0, 0]
    assert rows["content"].tolist() == [7, 7, 7]
    assert rows["consent"].tolist() == [9, 9, 9]
    assert index.shards[0].documents == 1


def test_spans_survive_a_crash_in_a_line(tmp_path: Path) -> None:
    write(tmp_path / "c", [5] * 20)
    reader = Reader(tmp_path / "c", sequence=8, rows=2)
    record = tmp_path / "seen.jsonl"
    add_span(record, span_of(reader, 0, 10))
    add_span(record, span_of(reader, 10, 12))
    with record.open("a") as file:
        file.write('{"corpus": "x')
    spans = read_spans(record)
    assert [(one.start, one.stop) for one in spans] == [(0, 10), (10, 12)]
    assert spans[0].fingerprint == reader.index.fingerprint


def test_what_cannot_be_used_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="myna train corpus"):
        read_index(tmp_path)
    index = write(tmp_path, [5] * 20)
    with pytest.raises(InvalidRequest, match="3 ranks"):
        Reader(tmp_path, sequence=8, rows=4, world=3)
    with pytest.raises(Conflict, match="tokenizer"):
        Writer(tmp_path, vocabulary=1000, tokenizer="other")
    path = tmp_path / f"{index.shards[0].name}.tokens"
    content = path.read_bytes()
    path.write_bytes(bytes(len(content)))
    with pytest.raises(StorageError, match="changed"):
        verify(tmp_path, index)
    path.write_bytes(content[:-2])
    with pytest.raises(StorageError, match="cut short"):
        for step in range(10):
            Reader(tmp_path, sequence=8, rows=4).batch(step)
