"""The text index on disk: what is committed is seen, and what cannot be used is begun anew."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import tantivy

from myna.errors import StorageError
from myna.index import text as text_module
from myna.index import writer as writer_module
from myna.index.checkpoint import load_checkpoint
from myna.index.text import TextReader
from myna.index.writer import TextWriter
from myna.post import State
from tests.index.world import analysed, make_post, stored


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[TextWriter]:
    made = TextWriter(tmp_path, "store")
    yield made
    made.close()


def count(reader: TextReader, word: str) -> int:
    snapshot = reader.snapshot()
    assert snapshot is not None
    query = tantivy.Query.term_query(snapshot.schema, "body", word)
    return len(snapshot.searcher.search(query, 50).hits)


def reader_of(folder: Path, monkeypatch: pytest.MonkeyPatch) -> TextReader:
    monkeypatch.setattr(text_module, "_RELOAD_SECONDS", 0.0)
    return TextReader(folder)


def test_commits_are_seen_and_edits_replace(
    tmp_path: Path, writer: TextWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = reader_of(tmp_path, monkeypatch)
    writer.write(analysed([stored(1, make_post("1", "old words"))]))
    writer.commit(1)
    assert count(reader, "old") == 1
    writer.write(analysed([stored(1, make_post("1", "new words"), seq=2)]))
    assert count(reader, "new") == 0
    writer.commit(2)
    assert (count(reader, "new"), count(reader, "old")) == (1, 0)
    writer.write(analysed([stored(1, make_post("1", ""), seq=3, state=State.DELETED)]))
    writer.commit(3)
    assert count(reader, "new") == 0
    snapshot = reader.snapshot()
    assert snapshot is not None
    assert snapshot.seq == 3


def test_only_one_process_writes(tmp_path: Path, writer: TextWriter) -> None:
    with pytest.raises(StorageError, match="Another process"):
        TextWriter(tmp_path, "store")


def test_what_was_not_committed_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = TextWriter(tmp_path, "store")
    first.write(analysed([stored(1, make_post("1", "kept"))]))
    first.commit(1)
    first.write(analysed([stored(2, make_post("2", "lost"))]))
    first.close()
    second = TextWriter(tmp_path, "store")
    assert second.seq == 1
    assert count(reader_of(tmp_path, monkeypatch), "lost") == 0
    second.close()


def test_another_store_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = reader_of(tmp_path, monkeypatch)
    first = TextWriter(tmp_path, "store")
    first.write(analysed([stored(1, make_post("1", "words"))]))
    first.commit(1)
    first.close()
    assert count(reader, "word") == 1
    second = TextWriter(tmp_path, "other")
    assert second.seq == 0
    assert count(reader, "word") == 0
    assert len(list(tmp_path.glob("text-*"))) == 1
    second.close()


@pytest.mark.parametrize("victim", ["meta.json", ".managed.json", "text.json", "segment"])
def test_a_damaged_index_begins_anew(tmp_path: Path, victim: str) -> None:
    first = TextWriter(tmp_path, "store")
    for number in range(1, 4):
        first.write(analysed([stored(number, make_post(str(number), "some words"))]))
        first.commit(number)
    first.close()
    checkpoint = load_checkpoint(tmp_path / "text.json")
    assert checkpoint is not None
    folder = tmp_path / checkpoint.generation
    if victim == "segment":
        for file in folder.glob("*.store"):
            file.unlink()
        for file in folder.glob("*.idx"):
            file.unlink()
    else:
        (tmp_path if victim == "text.json" else folder).joinpath(victim).write_bytes(b"{")
    second = TextWriter(tmp_path, "store")
    assert second.seq == 0
    second.write(analysed([stored(1, make_post("1", "some words"))]))
    second.commit(1)
    second.close()


def test_a_snapshot_knows_the_languages_in_number(
    tmp_path: Path, writer: TextWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["The disk is full again and I do not know why"] * 150
    texts += ["Ich weiß nicht, warum die Platte voll ist"] * 5 + ["今日はとても寒いですね"] * 5
    texts += ["Non so perché il disco sia di nuovo pieno"]
    writer.write(analysed([stored(at, make_post(str(at), text)) for at, text in enumerate(texts)]))
    writer.commit(1)
    snapshot = reader_of(tmp_path, monkeypatch).snapshot()
    assert snapshot is not None
    assert snapshot.languages == ("en", "de")


def test_without_an_index_there_is_no_snapshot(tmp_path: Path) -> None:
    assert TextReader(tmp_path / "nowhere").snapshot() is None


def test_a_commit_beside_the_analysis_holds_what_its_number_says(
    tmp_path: Path, writer: TextWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = reader_of(tmp_path, monkeypatch)
    writer.write(analysed([stored(1, make_post("1", "some words"))]))
    writer.begin_commit(1)
    for id in range(2, 9):  # the first of them wait for the commit, the last waits until it is done
        writer.write(analysed([stored(id, make_post(str(id), "some words"))]))
    writer.finish_commit()
    assert writer.seq == 1
    assert count(reader, "some") == 1
    writer.commit(8)
    assert count(reader, "some") == 8


def test_a_commit_that_failed_is_told_though_nothing_more_comes(
    writer: TextWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, checkpoint: object) -> None:
        raise StorageError("full")

    monkeypatch.setattr(writer_module, "save_checkpoint", fail)
    writer.write(analysed([stored(1, make_post("1", "some words"))]))
    writer.begin_commit(1)
    while writer.is_committing:
        time.sleep(0.001)
    with pytest.raises(StorageError, match="full"):
        writer.take_over()
    assert writer.seq == 0
