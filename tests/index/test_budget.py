"""A search's time: stages that are late or broken are left out, and that is said."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager

import numpy as np
import pytest
from sqlalchemy import Connection, text

from myna.errors import DatabaseError, ModelFileError
from myna.index import lookup
from myna.index.budget import Budget, Stage
from myna.index.embed import OnnxEmbedder
from myna.index.results import Asked, Hit
from myna.index.search import Searcher
from tests.index.world import NOW, World, make_post, uris

POSTS = [make_post(f"p{n}", f"Mount the ISO image number {n}", hours_ago=n) for n in range(5)]


@pytest.fixture
def full(world: World) -> World:
    world.add(*POSTS)
    return world


class Stuck(OnnxEmbedder):
    """An encoder that does not come back before it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        self.go.wait(30)
        return super().embed(texts)


class Broken(OnnxEmbedder):
    """An encoder whose files are damaged."""

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        raise ModelFileError("The embedder's files are damaged.")


def test_a_late_encoder_is_not_waited_for(full: World) -> None:
    embedder = Stuck()
    searcher = Searcher(full.db, full.folder, embedder=embedder, seconds=0.2)
    try:
        for found in (
            searcher.search("mount image", now=NOW),
            searcher.retrieve("How do I mount an image?", now=NOW),
        ):
            assert Stage.MEANING in found.left_out
            assert found.hits
            assert all(hit.cosine is None for hit in found.hits)
    finally:
        embedder.go.set()


def test_a_broken_encoder_costs_the_meaning_alone(full: World) -> None:
    searcher = Searcher(full.db, full.folder, embedder=Broken())
    first = searcher.retrieve("How do I mount an image?", now=NOW)
    assert (len(first.hits), first.left_out) == (5, (Stage.MEANING,))
    assert searcher.search("mount image", now=NOW).hits


def test_a_search_with_time_leaves_nothing_out(full: World) -> None:
    assert full.searcher.retrieve("mount an image", now=NOW).left_out == ()
    assert full.searcher.search("mount", now=NOW, seconds=60).left_out == ()


def test_posts_that_are_slow_to_read_are_fewer(
    full: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = full.db.begin
    slow: list[float] = []

    @contextmanager
    def sleepy(*, within_s: float = float("inf")) -> Iterator[Connection]:
        with begin(within_s=within_s) as conn:
            if within_s < 1:
                slow.append(within_s)
                conn.execute(text("select pg_sleep(20)"))
            yield conn

    full.searcher.search("mount", now=NOW)
    monkeypatch.setattr(full.db, "begin", sleepy)
    found = full.searcher.search("mount image", limit=2, now=NOW, seconds=0.3)
    assert slow
    assert Stage.RANKING in found.left_out
    assert len(found.hits) == 2


def test_a_store_that_is_away_is_an_error(full: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(**_: float) -> None:
        raise DatabaseError("PostgreSQL cannot be reached.")

    monkeypatch.setattr(full.db, "begin", away)
    for seconds in (0.2, float("inf")):
        with pytest.raises(DatabaseError):
            full.searcher.search("mount image", now=NOW, seconds=seconds)


class Backwards:
    """A re-ranker that likes the worst best."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int, float]] = []
        self.tired = False

    def rerank(self, asked: Asked, hits: Sequence[Hit], seconds_left: float) -> list[Hit] | None:
        self.asked.append((asked.text, len(hits), seconds_left))
        return None if self.tired else list(reversed(hits))


def test_a_reranker_orders_the_best(full: World) -> None:
    reranker = Backwards()
    searcher = Searcher(full.db, full.folder, embedder=None, reranker=reranker)
    plain = full.searcher.__class__(full.db, full.folder, embedder=None)
    question = "How do I mount an image?"
    usual = uris(plain.retrieve(question, now=NOW).hits)
    assert uris(searcher.retrieve(question, now=NOW, seconds=9).hits) == usual[::-1]
    (asked,) = reranker.asked
    assert asked[1] == 5
    assert 0 < asked[2] <= 9
    reranker.tired = True
    found = searcher.retrieve(question, now=NOW)
    assert (uris(found.hits), found.left_out) == (usual, (Stage.RERANKING,))


def test_a_job_that_was_not_begun_is_not_begun_late() -> None:
    budget, job = Budget(0), Future[int]()
    assert budget.wait(Stage.MEANING, job) is None
    assert job.cancelled()
    assert (budget.left, budget.left_out) == (0, (Stage.MEANING,))


def test_a_total_that_takes_too_long_is_not_waited_for(
    full: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()

    def slow(*_: object) -> tuple[int, bool]:
        go.wait(30)
        return 5, True

    monkeypatch.setattr(lookup, "total", slow)
    try:
        found = full.searcher.search("mount", sort="latest", limit=3, now=NOW, seconds=0.2)
    finally:
        go.set()
    assert found.left_out == (Stage.COUNTING,)
    assert (len(found.hits), found.total, found.total_exact) == (3, 3, False)
    assert not found.notes
    assert found.next_cursor
