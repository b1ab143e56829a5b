"""The same posts in what one would take otherwise: PostgreSQL's full text, pgvector, SQLite FTS5.

Each takes batches of a thousand with a durable commit, as Myna does, then answers searches for two
words. The vectors are random (their making is the same everywhere); the server is Myna's own.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from evals.bench import percentile
from evals.traffic import Traffic
from myna.db.engine import open_database
from myna.post import Post
from myna.settings import Settings

BATCH = 1_000
SEARCHES = 200
DIMENSIONS = 384
VECTORS = 10_000
"""Fewer: a graph index takes a few hundred a second."""


def measure_peers(count: int, seed: int) -> list[dict[str, Any]]:
    """A row for each of the peers."""
    posts = list(Traffic(seed).posts(count))
    pairs = _pairs(posts)
    with tempfile.TemporaryDirectory(prefix="myna-peers-") as home:
        db = open_database(Settings(home=Path(home), demo=False))
        try:
            with psycopg.connect(db.url.get_secret_value(), autocommit=True) as conn:
                return [
                    _full_text(conn, posts, pairs),
                    _pgvector(conn),
                    _sqlite(Path(home) / "fts5.db", posts, pairs),
                ]
        finally:
            db.dispose()


def _pairs(posts: Sequence[Post]) -> list[str]:
    """Two neighbouring words of posts here and there."""
    words = (post.text.split() for post in posts[:: max(1, len(posts) // (4 * SEARCHES))])
    pairs = [" ".join(some[1:3]) for some in words if len(some) > 3]
    return [pair for pair in pairs if pair.replace(" ", "").isalnum()][:SEARCHES]


def _times(ask: Callable[[str], object], questions: Sequence[str]) -> dict[str, float]:
    times = []
    for question in questions:
        start = time.perf_counter()
        ask(question)
        times.append((time.perf_counter() - start) * 1000)
    return {"query_p50_ms": percentile(times, 0.5), "query_p99_ms": percentile(times, 0.99)}


def _row(name: str, posts: int, seconds: float, times: dict[str, float]) -> dict[str, Any]:
    return {"peer": name, "posts": posts, "posts_per_s": posts / seconds, **times}


def _full_text(
    conn: psycopg.Connection[Any], posts: Sequence[Post], pairs: Sequence[str]
) -> dict[str, Any]:
    conn.execute(
        "create table peer (id bigint primary key, text text not null, posted timestamptz, "
        "words tsvector generated always as (to_tsvector('english', text)) stored)"
    )
    conn.execute("create index on peer using gin (words)")
    start = time.perf_counter()
    for begin in range(0, len(posts), BATCH):
        rows = conn.cursor().copy("copy peer (id, text, posted) from stdin")
        with conn.transaction(), rows as copy:
            for number, post in enumerate(posts[begin : begin + BATCH], begin):
                copy.write_row((number, post.text, post.created_at))
    seconds = time.perf_counter() - start
    query = (
        "select id from peer, plainto_tsquery('english', %s) q where words @@ q "
        "order by ts_rank(words, q) desc limit 20"
    )
    times = _times(lambda pair: conn.execute(query, (pair,)).fetchall(), pairs)
    return _row("PostgreSQL full text (GIN)", len(posts), seconds, times)


def _pgvector(conn: psycopg.Connection[Any]) -> dict[str, Any]:
    name = "pgvector HNSW"
    try:
        conn.execute("create extension vector")
    except psycopg.Error:
        return _row(f"{name} (not in this server)", 0, 1.0, {"query_p50_ms": 0, "query_p99_ms": 0})
    random = np.random.default_rng(1)
    conn.execute("create table near (id bigint primary key, place vector(384))")
    conn.execute("create index on near using hnsw (place vector_cosine_ops)")
    vectors = random.standard_normal((VECTORS, DIMENSIONS), np.float32)
    start = time.perf_counter()
    for begin in range(0, VECTORS, BATCH):
        rows = conn.cursor().copy("copy near (id, place) from stdin")
        with conn.transaction(), rows as copy:
            for number, vector in enumerate(vectors[begin : begin + BATCH], begin):
                copy.write_row((number, str(vector.tolist())))
    seconds = time.perf_counter() - start
    asked = [str(vector.tolist()) for vector in vectors[:SEARCHES]]
    query = "select id from near order by place <=> %s::vector limit 20"
    return _row(
        name, VECTORS, seconds, _times(lambda v: conn.execute(query, (v,)).fetchall(), asked)
    )


def _sqlite(path: Path, posts: Sequence[Post], pairs: Sequence[str]) -> dict[str, Any]:
    conn = sqlite3.connect(path, isolation_level=None)
    conn.execute("pragma journal_mode = wal")
    conn.execute("pragma synchronous = full")
    conn.execute("create virtual table peer using fts5(text)")
    start = time.perf_counter()
    for begin in range(0, len(posts), BATCH):
        conn.execute("begin")
        conn.executemany(
            "insert into peer (text) values (?)",
            ((post.text,) for post in posts[begin : begin + BATCH]),
        )
        conn.execute("commit")
    seconds = time.perf_counter() - start
    query = "select rowid from peer where peer match ? order by rank limit 20"
    times = _times(lambda pair: conn.execute(query, (pair,)).fetchall(), pairs)
    conn.close()
    return _row("SQLite FTS5", len(posts), seconds, times)
