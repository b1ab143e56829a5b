"""The one process that writes the text index: it puts posts in, makes commits, and moves to an index
that was built beside. What the files are is said in ``text.py``."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import tantivy

from myna.errors import StorageError
from myna.index.analysis import Analysis
from myna.index.checkpoint import Checkpoint, add_span, load_checkpoint, save_checkpoint
from myna.index.damage import SafeSearcher, panics_as_errors
from myna.index.locks import lock_folder
from myna.index.origins import Origins
from myna.index.schema import VERSION, build_schema, document
from myna.index.text import origins_in
from myna.post import StoredPost
from myna.telemetry import get_logger

NEXT = "text.next.json"
"""In the index folder: the checkpoint of an index that was built beside and waits to be used."""
BESIDE = "beside"
"""In the index folder: where it was built."""
_HEAP_BYTES = 48_000_000
_MOST_WAITING = 4
"""Writes, while a commit is under way."""
_log = get_logger("index")


class LastCommit(NamedTuple):
    """How long it took, and when it ended."""

    seconds: float
    at: float
    """Monotonic."""


class TextWriter:
    """The one writer. Not thread-safe: one thread owns it. Its commits have a thread of their own,
    which it waits for before anything is put in."""

    def __init__(self, folder: Path, store_id: str) -> None:
        self._folder = folder
        self._lock = lock_folder(folder, "text")
        self._file = folder / "text.json"
        self._owed: int | None = None
        self._highest_id = 0
        self._store_id = store_id
        self._schema = build_schema()
        self._writer: tantivy.IndexWriter | None = None
        self._index: tantivy.Index | None = None
        self._origins: Origins | None = None
        self.last_commit = LastCommit(0.0, time.monotonic())
        self._waiting: list[tuple[Sequence[int], Mapping[int, tantivy.Document]]] = []
        self._thread = ThreadPoolExecutor(1, "commit")
        self._committing: Future[None] | None = None
        self.begun = 0
        """All changes up to this one are in a commit that is done or under way."""
        checkpoint = load_checkpoint(self._file)
        reason = None
        if checkpoint is None:
            reason = "there is none"
        elif checkpoint.store_id != store_id:
            reason = "it was made from another database"
        elif checkpoint.version != VERSION:
            reason = "it was made by another version"
        else:
            self._checkpoint = checkpoint
            try:
                self._open()
            except (ValueError, OSError) as error:
                reason = f"it is damaged ({type(error).__name__})"
        if reason:
            self.start_over(reason)
        self._sweep()

    @property
    def seq(self) -> int:
        """All changes up to this one are committed."""
        return self._checkpoint.seq

    @property
    def owed(self) -> int | None:
        """The next commit moves readers to another folder, and must hold all changes up to here,
        which they have seen in the old one. None: there is no move."""
        return self._owed

    def start_over(self, reason: str) -> None:
        """Begin with an empty index; readers move to it at their next search."""
        _log.info("text index is built anew", reason=reason)
        self._close_writer()
        generation = f"text-{time.time_ns():x}"
        try:
            (self._folder / generation).mkdir(parents=True)
            tantivy.Index(self._schema, str(self._folder / generation))
        except (ValueError, OSError) as error:
            raise StorageError(
                f"The index folder {self._folder} cannot be written. "
                "Free some disk space or check who owns it."
            ) from error
        self._checkpoint = Checkpoint(generation, self._store_id, VERSION)
        save_checkpoint(self._file, self._checkpoint)
        self._owed = None
        self._open()
        self._sweep()

    def take_over(self) -> bool:
        """Move to the index that was built beside this one, where one waits; what came since is
        to be written to it. Readers stay where they are until the first commit, and so does the
        next start, should this process end before it.

        Raises:
            StorageError: the last commit failed.
        """
        next_file = self._folder / NEXT
        if self.is_committing:
            return False
        self.finish_commit()
        if not next_file.exists():
            return False
        found = load_checkpoint(next_file)
        beside = self._folder / BESIDE / found.generation if found else None
        usable = found and (found.store_id, found.version) == (self._store_id, VERSION)
        if found is None or beside is None or not usable or not beside.is_dir():
            next_file.unlink(missing_ok=True)
            return False
        serving = self._checkpoint
        self._close_writer()
        try:
            beside.rename(self._folder / found.generation)
            self._checkpoint = found
            self._open()
        except (ValueError, OSError) as error:
            _log.warning("the index built beside cannot be used", reason=type(error).__name__)
            next_file.unlink(missing_ok=True)
            self._checkpoint = serving
            self._open()
            return True  # what was not committed is to be written again
        self._owed = max(self._owed or 0, serving.seq)
        return True

    def _sweep(self) -> None:
        """Remove what is not in use; readers that have it open keep it until they move."""
        for old in self._folder.glob("text-*"):
            if old.name != self._checkpoint.generation:
                shutil.rmtree(old, ignore_errors=True)

    @panics_as_errors()
    def _open(self) -> None:
        path = self._folder / self._checkpoint.generation
        index = tantivy.Index(self._schema, str(path))
        self._writer = index.writer(heap_size=_HEAP_BYTES, num_threads=1)
        # Ids grow, so what is above the highest one is surely new and nothing has to be taken out
        # for it. The index is asked and not the checkpoint, which a kill may have left behind.
        highest = index.searcher().aggregate(
            tantivy.Query.all_query(), {"id": {"max": {"field": "id"}}}
        )
        self._highest_id = int(highest["id"]["value"] or 0)
        self.begun = self._checkpoint.seq
        self._index = index
        self._origins = Origins(path / "origins.bin", self._store_id)
        if self._origins.fresh and self._highest_id:
            self._origins.begin_refill(self._highest_id + 1)

    def write(self, analysis: Analysis) -> None:
        """Put in what is live; what the index had of any of the posts goes out. While a commit is
        under way it waits, so that analysis goes on."""
        assert self._origins is not None
        origins = self._origins.assign(analysis.own, analysis.signed)
        made = {
            fields.id: document(fields, origin)
            for fields, origin in zip(analysis.live, origins, strict=True)
        }
        self._waiting.append((analysis.ids, made))
        if not self.is_committing or len(self._waiting) > _MOST_WAITING:
            self._put_waiting()

    def _put_waiting(self) -> None:
        self.finish_commit()
        try:
            with panics_as_errors():
                for ids, made in self._waiting:
                    for id in ids:
                        self._put(id, made.get(id))
        except (ValueError, OSError) as error:
            raise _full(self._folder) from error
        self._waiting.clear()

    def _put(self, id: int, made: tantivy.Document | None) -> None:
        assert self._writer is not None
        if id <= self._highest_id:
            # By query: by term, tantivy 0.27 silently leaves documents of an unsigned field.
            old = tantivy.Query.term_query(self._schema, "id", id)
            self._writer.delete_documents_by_query(old)
        if made is not None:
            self._writer.add_document(made)
            self._highest_id = max(self._highest_id, id)

    @property
    def refill_to(self) -> int:
        """Posts below this id are missing in the table of origins; 0: none are."""
        return self._origins.refill_to if self._origins else 0

    def refill(self, posts: Sequence[StoredPost]) -> None:
        """Put the next posts below ``refill_to`` into the table of origins, the newest first."""
        assert self._index is not None
        assert self._origins is not None
        self._index.reload()
        searcher = SafeSearcher(self._index.searcher())
        known = origins_in(searcher, self._schema, [post.id for post in posts])
        self._origins.refill(posts, known)

    def commit(self, seq: int) -> None:
        """Make what was written durable and visible; all changes up to ``seq`` are in."""
        self.begin_commit(seq)
        self.finish_commit()

    def begin_commit(self, seq: int) -> None:
        """The same by a thread of its own, beside the analysis of what comes next. Nothing is put
        in meanwhile: a commit holds what its number says, and no more.

        Raises:
            StorageError: of the commit before.
        """
        self._put_waiting()
        self.begun = seq
        self._committing = self._thread.submit(self._commit, seq)

    def finish_commit(self) -> None:
        """Wait for the commit that is under way.

        Raises:
            StorageError: the disk is full.
        """
        committing, self._committing = self._committing, None
        if committing is not None:
            committing.result()

    @property
    def is_committing(self) -> bool:
        """Whether a commit is under way."""
        return self._committing is not None and not self._committing.done()

    def _commit(self, seq: int) -> None:
        assert self._writer is not None
        began = time.monotonic()
        try:
            with panics_as_errors():
                self._writer.commit()
        except (ValueError, OSError) as error:
            raise _full(self._folder) from error
        done = add_span(self._checkpoint.done, 0, seq)
        checkpoint = replace(self._checkpoint, done=done)
        save_checkpoint(self._file, checkpoint)
        self._checkpoint = checkpoint
        if self._owed is not None:
            self._owed = None
            self._sweep()
            (self._folder / NEXT).unlink(missing_ok=True)
        ended = time.monotonic()
        self.last_commit = LastCommit(ended - began, ended)

    def close(self) -> None:
        """Let go of the files; what was not committed is read from the store again."""
        self._close_writer()
        self._thread.shutdown()
        os.close(self._lock)

    def _close_writer(self) -> None:
        self._waiting.clear()
        with suppress(StorageError):  # what it would have made durable is read again
            self.finish_commit()
        if self._writer is not None:
            self._writer.rollback()
            self._writer.wait_merging_threads()
            self._writer = None
        if self._origins is not None:
            self._origins.close()
            self._origins = None


def _full(folder: Path) -> StorageError:
    return StorageError(
        f"The text index in {folder} cannot be written. Free some disk space; "
        "it then goes on by itself."
    )
