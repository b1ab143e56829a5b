"""The vectors of one embedder: those of the newest posts first, and among them of those that somebody
liked or answered; the past is filled in behind them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Connection

from myna.db.posts import (
    get_parents,
    last_seq,
    read_changes,
    read_engaged,
    read_gone,
)
from myna.index.ahead import stale_replies
from myna.index.checkpoint import (
    Checkpoint,
    Spans,
    add_span,
    gaps,
    newest_gap,
    save_checkpoint,
)
from myna.index.embed import Embedder
from myna.index.passages import pieces
from myna.index.vectors import Kind, PostVectors, VectorStore
from myna.post import State, StoredPost, Use
from myna.telemetry import get_logger

UNSEEN = Use.RETRIEVE | Use.EMBED
"""An author who refuses one of these has no vectors."""
_EMBED_CHANGES = 64
_ENGAGED_AHEAD = 2_048
"""So many of the newest changes that wait are looked through for posts that people took note of."""
_log = get_logger("index")


class Generation:
    """The vectors of one embedder, and how far they have come. One thread owns it."""

    def __init__(self, file: Path, checkpoint: Checkpoint, embedder: Embedder) -> None:
        self._file = file
        self._embedder = embedder
        self.checkpoint = checkpoint
        self.store = VectorStore(file.parent / checkpoint.generation, embedder.dimensions)
        self._engaged: Spans = ()
        if self.store.lost or self.store.appended < checkpoint.records:
            self._begin_again()
        save_checkpoint(file, self.checkpoint)

    def step(self, conn: Connection, last: int, *, after: int = 0) -> bool:
        """Embed changes behind number ``after`` that have no vectors yet, the newest first; whether
        there were any.

        Raises:
            DatabaseError, StorageError, ModelFileError.
        """
        if self.store.lost:
            self._begin_again()
        done = self.checkpoint.done
        gap = newest_gap(done, last, _EMBED_CHANGES)
        if gap is None or gap[1] <= after:
            return False
        if self._step_engaged(conn, last, after, gap):
            return True
        start, end = max(gap[0], after), gap[1]
        changes = [post for post in read_changes(conn, start, end - start) if post.seq <= end]
        stale = [post for post in stale_replies(conn, changes) if self._has(post.seq)]
        self._embed(conn, [*changes, *stale])
        self._save(add_span(done, start, end))
        return True

    def _step_engaged(
        self, conn: Connection, last: int, after: int, newest: tuple[int, int]
    ) -> bool:
        """Where much waits, first those of the newest that people took note of."""
        looked = self._engaged
        for start, end in self.checkpoint.done:
            looked = add_span(looked, start, end)
        gap = newest_gap(looked, last, _ENGAGED_AHEAD)
        if gap is None:
            return False
        start, end = max(gap[0], after, newest[1] - _ENGAGED_AHEAD), gap[1]
        if end - start <= _EMBED_CHANGES:
            return False
        posts = read_engaged(conn, start, end, _EMBED_CHANGES)
        if len(posts) == _EMBED_CHANGES:
            start = posts[-1].seq - 1
        self._engaged = add_span(self._engaged, start, end)
        self._embed(conn, posts)
        return bool(posts)

    def _embed(self, conn: Connection, posts: Sequence[StoredPost]) -> None:
        parents = get_parents(conn, posts)
        made = (self._vectors(post, parents.get(post.id)) for post in posts)
        self.store.append([vectors for vectors in made if vectors is not None])

    def _vectors(self, post: StoredPost, parent: StoredPost | None) -> PostVectors | None:
        """None where the latest vectors are of the same text: a like changes nothing here."""
        if parent is not None and parent.refused & UNSEEN:
            parent = None
        live = post.state is State.LIVE and not post.refused & UNSEEN
        wanted = pieces(post, parent) if live else ()
        digest = digest_of(wanted)
        latest = self.store.run(post.id)
        if latest is not None and (latest["digest"], latest["count"]) == (digest, len(wanted)):
            return None
        posted = int(post.posted_at.timestamp())
        if not wanted:
            return PostVectors(post.id, post.seq, posted=posted)
        kinds = tuple(kind for kind, _ in wanted)
        vectors = self._embedder.embed([text for _, text in wanted])
        return PostVectors(post.id, post.seq, kinds, vectors, posted, digest)

    def _has(self, seq: int) -> bool:
        return any(after < seq <= to for after, to in self.checkpoint.done)

    def _begin_again(self) -> None:
        """Go through all changes once more: what has its vectors is passed over."""
        _log.warning("some vectors were damaged and are made again")
        self._engaged = ()
        self._save(())
        self.store.forget_loss()

    def _save(self, done: Spans) -> None:
        self.checkpoint = replace(self.checkpoint, done=done, records=self.store.appended)
        save_checkpoint(self._file, self.checkpoint)

    def move(self, file: Path) -> None:
        """Keep the checkpoint under another name from now on; what it named before is let go."""
        save_checkpoint(file, self.checkpoint)
        self._file.unlink(missing_ok=True)
        self._file = file

    def close(self) -> None:
        """Let go of the files."""
        self.store.close()


def digest_of(wanted: Sequence[tuple[Kind, str]]) -> int:
    """Tells texts apart; 0 for none."""
    if not wanted:
        return 0
    digest = hashlib.blake2b(digest_size=8)
    for kind, text in wanted:
        digest.update(b"%d" % kind)
        digest.update(text.encode("utf-8", "surrogatepass"))
        digest.update(b"\0")
    return int.from_bytes(digest.digest(), "little") or 1


def bury(conn: Connection, store: VectorStore, checkpoint: Checkpoint) -> None:
    """Take out the posts whose deletion is among the changes that have not been followed yet."""
    gone = [
        PostVectors(post, seq)
        for after, to in gaps(checkpoint.done, last_seq(conn))
        for post, seq in read_gone(conn, after, to)
        if (run := store.run(post)) is not None and run["count"]
    ]
    store.append(gone)
