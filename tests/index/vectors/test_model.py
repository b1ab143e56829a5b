"""Whatever is done to a folder of vectors, it holds what a dictionary would."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from myna.index.vectors import Kind, PostVectors, VectorReader, VectorStore
from myna.index.vectors.log import HEADER_BYTES
from myna.index.vectors.record import record_type
from tests.index.vectors.units import DIMENSIONS, unit

SEAL = 12
POSTS = st.integers(1, 30)
KINDS = (Kind.WHOLE, Kind.PART, Kind.CONTEXT)


class Model(RuleBasedStateMachine):
    """``expected``: post → (change, seeds of its vectors). ``history`` holds what each state of the
    last log held, so that a cut end has its own expectation."""

    def __init__(self) -> None:
        super().__init__()
        self._home = tempfile.TemporaryDirectory(prefix="myna-vectors-")
        self.folder = Path(self._home.name) / "vectors"
        self.seq = 0
        self.seed = 0
        self.expected: dict[int, tuple[int, tuple[int, ...]]] = {}
        self.store = self._open()
        self.reader = VectorReader(self.folder)
        self.appended: list[tuple[int, int, tuple[int, ...]]] = []

    def _open(self) -> VectorStore:
        return VectorStore(
            self.folder, DIMENSIONS, seal_records=SEAL, max_segment_records=SEAL * 20
        )

    @rule(posts=st.lists(st.tuples(POSTS, st.integers(0, 3)), min_size=1, max_size=8))
    def append(self, posts: list[tuple[int, int]]) -> None:
        """New posts, edits, and tombstones (no vectors)."""
        made: list[PostVectors] = []
        for post, count in posts:
            self.seq += 1
            seeds = tuple(range(self.seed + 1, self.seed + 1 + count))
            self.seed += count
            vectors = unit(*seeds) if seeds else None
            made.append(PostVectors(post, self.seq, KINDS[:count], vectors, posted=post))
            self.expected[post] = (self.seq, seeds)
        self.store.append(made)

    @rule()
    def seal(self) -> None:
        """Whatever is due, to its end."""
        while self.store.maintain(purge_seconds=1e9) or self.store.is_rewriting:
            time.sleep(0.0005)

    @rule()
    def begin_sealing(self) -> None:
        """What comes next happens while a segment is written."""
        self.store.maintain(purge_seconds=1e9)

    @rule()
    def compact(self) -> None:
        self.store.compact()
        assert all(
            self.store._directory.dead(part.name) == 0
            for part in self.store._directory.slots.values()
        )

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = self._open()
        assert not self.store.lost

    @rule(what=st.sampled_from(["seg.new", "seg", "log"]))
    def crash_while_writing(self, what: str) -> None:
        """Half a file that no manifest names yet."""
        self.store.close()
        (self.folder / f"999999.{what}").write_bytes(b"half")
        self.store = self._open()
        assert not self.store.lost

    @precondition(lambda self: self.store._active.count > 0)
    @rule(cut=st.integers(1, record_type(DIMENSIONS).itemsize))
    def tear(self, cut: int) -> None:
        """The last record was not written as a whole: what was made of it is made again."""
        self.store.close()
        size = record_type(DIMENSIONS).itemsize
        count = self.store._active.count
        os.truncate(self.store._active._path, HEADER_BYTES + count * size - cut)
        before = self.store.appended
        self.store = self._open()
        assert self.store.appended < before
        again = [
            PostVectors(post, seq, KINDS[: len(seeds)], unit(*seeds) if seeds else None, post)
            for post, (seq, seeds) in self.expected.items()
            if (run := self.store.run(post)) is None or int(run["seq"]) != seq
        ]
        assert len(again) <= 1
        self.store.append(again)

    @invariant()
    def holds_what_is_expected(self) -> None:
        """The writer, a reader that followed all the way, and one that comes new."""
        for post, (seq, seeds) in self.expected.items():
            run = self.store.run(post)
            assert run is not None
            assert (int(run["seq"]), int(run["count"])) == (seq, len(seeds))
        with_vectors = {post for post, (_, seeds) in self.expected.items() if seeds}
        for view in (self.reader.view(), VectorReader(self.folder).view()):
            assert view.posts == len(with_vectors)
            assert set(view.scan(np.ones(DIMENSIONS, np.float32), 1000)) == with_vectors
            for post, (_, seeds) in self.expected.items():
                for kind, seed in zip(KINDS, seeds, strict=False):
                    assert view.cosines(unit(seed)[0], post)[kind] > 0.99

    def teardown(self) -> None:
        self.store.close()
        self._home.cleanup()


TestModel = Model.TestCase
TestModel.settings = settings(
    max_examples=60,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
