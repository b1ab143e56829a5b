"""How long searches take, quiet and while posts arrive, and what PostgreSQL's own would take.

    .venv/bin/python -m evals.search [--posts 10000000] [--home DIR] [--vectors 20000]
        [--queries 200] [--rate 1000] [--postgres 200000] [--json OUT]

Fills a store (``evals/traffic``; one that is there in ``--home`` is used and stays), embeds the
newest posts, and asks what people would: words, phrases and questions taken from its posts.

``KIND_p50_ms``, ``KIND_p99_ms``
    of each kind of query, quiet; ``busy_KIND_…`` while ``--rate`` posts a second arrive, written
    and indexed by processes of their own. ``hybrid`` are questions in plain words, by words and
    vectors together; ``query_p50_ms`` and ``query_p99_ms`` are those of all kinds;
``readers_scale``
    how many times as many queries two processes answer as one;
``postgres_KIND_…``
    the best twenty by ``ts_rank`` over a GIN index of the first ``--postgres`` of the posts.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import text

from evals.bench import percentile, print_table
from evals.traffic import Traffic, load
from myna.db.engine import Database, open_database
from myna.db.posts import apply_events
from myna.index.embed import OnnxEmbedder
from myna.index.embedding import EmbedFollower
from myna.index.follow import run_follower
from myna.index.search import Searcher
from myna.index.terms import content_tokens
from myna.settings import Settings
from myna.telemetry import configure_logging

KINDS = ("keyword", "words", "phrase", "or3", "filters", "latest", "next_page", "counts", "hybrid")
SCALE_S = 8.0
_BATCHES_A_SECOND = 10

Queries = dict[str, list[str]]


def make_queries(db: Database, count: int) -> Queries:
    """``count`` queries of each kind from posts of all ages, the same for the same store."""
    rng = random.Random(7)
    with db.begin() as conn:
        last = conn.execute(text("select max(id) from posts")).scalar_one()
        ids = [rng.randint(1, last) for _ in range(8 * count)]
        rows = conn.execute(
            text("select text, lang from posts where id = any(:ids) and state = 'live'"),
            {"ids": ids},
        ).all()
    rng.shuffle(rows := list(rows))
    made: Queries = {kind: [] for kind in KINDS}
    said = [
        (words, [token.word for token in tokens], lang)
        for words, lang in rows
        if len(tokens := content_tokens(words, lang)) >= 4 and len(words.split()) >= 5
    ]
    for words, content, lang in said[:count]:
        plain = words.replace('"', " ").split()
        start = rng.randrange(len(plain) - 2)
        one, two, three = rng.sample(content, 3)
        made["keyword"].append(one)
        made["words"].append(f"{one} {two}")
        made["phrase"].append(f'"{" ".join(plain[start : start + rng.choice((2, 3))])}"')
        made["or3"].append(f"{one} OR {two} OR {three}")
        made["filters"].append(f"{one} {rng.choice((f'lang:{lang}', 'has:links', '-is:reply'))}")
        made["hybrid"].append(" ".join(plain[:10]))
    for kind in ("latest", "next_page", "counts"):
        made[kind] = made["keyword"]
    return made


def asker(searcher: Searcher, queries: Queries) -> dict[str, list[Callable[[], object]]]:
    """Each query of each kind as something to call."""

    def call(kind: str, query: str) -> Callable[[], object]:
        if kind == "latest":
            return lambda: searcher.search(query, sort="latest")
        if kind == "counts":
            return lambda: searcher.counts(query)
        if kind == "hybrid":
            return lambda: searcher.retrieve(query)
        if kind == "next_page":
            cursor = searcher.search(query).next_cursor
            return lambda: searcher.search(query, cursor=cursor)
        return lambda: searcher.search(query)

    return {kind: [call(kind, query) for query in queries[kind]] for kind in KINDS}


def measure(searcher: Searcher, queries: Queries, prefix: str) -> dict[str, float]:
    """Every query once, the kinds in turn, after a few to warm up."""
    calls = asker(searcher, queries)
    for kind in KINDS:
        for ask in calls[kind][:5]:
            ask()
    took: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for number in range(len(queries["keyword"])):
        for kind in KINDS:
            start = time.perf_counter()
            calls[kind][number]()
            took[kind].append((time.perf_counter() - start) * 1000)
    figures: dict[str, float] = {}
    for kind in KINDS:
        figures[f"{prefix}{kind}_p50_ms"] = percentile(took[kind], 0.5)
        figures[f"{prefix}{kind}_p99_ms"] = percentile(took[kind], 0.99)
    together = [one for times in took.values() for one in times]
    figures[f"{prefix}query_p50_ms"] = percentile(together, 0.5)
    figures[f"{prefix}query_p99_ms"] = percentile(together, 0.99)
    return figures


def embed(settings: Settings, db: Database, wanted: int) -> int:
    """Vectors for the newest posts, until about ``wanted`` have them; how many do."""
    embedder = OnnxEmbedder(threads=2)
    searcher = Searcher(db, settings.index_dir, embedder=embedder)
    follower = EmbedFollower(db, settings.index_dir, embedder)
    try:
        while searcher.status().vectors < wanted and follower.step():
            pass
    finally:
        follower.close()
    return searcher.status().vectors


@contextmanager
def arriving(settings: Settings, rate: int) -> Iterator[None]:
    """While ``rate`` posts a second are written and indexed by two processes."""
    spawn = multiprocessing.get_context("spawn")
    stop = spawn.Event()
    processes = [
        spawn.Process(target=_write, args=(settings, rate, stop)),
        spawn.Process(target=run_follower, args=(settings, stop)),
    ]
    for process in processes:
        process.start()
    try:
        time.sleep(5)
        yield
    finally:
        stop.set()
        for process in processes:
            process.join()


def _write(settings: Settings, rate: int, stop: Any) -> None:
    db = open_database(settings)
    events = Traffic(seed=int(time.time())).events(1 << 40)
    step = 1 / _BATCHES_A_SECOND
    due = time.monotonic()
    try:
        while not stop.is_set():
            batch = [next(events) for _ in range(rate // _BATCHES_A_SECOND)]
            with db.begin() as conn:
                apply_events(conn, batch, now=datetime.now(UTC))
            due = max(due + step, time.monotonic() - 1)
            time.sleep(max(0.0, due - time.monotonic()))
    finally:
        db.dispose()


def readers(settings: Settings, queries: Queries, count: int) -> float:
    """Queries a second that ``count`` processes answer together."""
    spawn = multiprocessing.get_context("spawn")
    ready, answered = spawn.Barrier(count), spawn.Queue()
    processes = [
        spawn.Process(target=_read, args=(settings, queries, ready, answered, seed))
        for seed in range(count)
    ]
    for process in processes:
        process.start()
    total = sum(answered.get() for _ in processes)
    for process in processes:
        process.join()
    return total / SCALE_S


def _read(settings: Settings, queries: Queries, ready: Any, answered: Any, seed: int) -> None:
    db = open_database(settings)
    try:
        searcher = Searcher(db, settings.index_dir, embedder=OnnxEmbedder())
        calls = [ask for asks in asker(searcher, queries).values() for ask in asks]
        random.Random(seed).shuffle(calls)
        for ask in calls[:20]:
            ask()
        ready.wait()
        done, end = 0, time.monotonic() + SCALE_S
        while time.monotonic() < end:
            calls[done % len(calls)]()
            done += 1
        answered.put(done)
    finally:
        db.dispose()


def measure_postgres(db: Database, queries: Queries, posts: int) -> dict[str, float]:
    """PostgreSQL's full text over the first ``posts`` of the same posts."""
    asks = {
        "keyword": ("plainto_tsquery", lambda query: query),
        "phrase": ("phraseto_tsquery", lambda query: query.strip('"')),
        "or3": ("websearch_to_tsquery", lambda query: query),
    }
    figures: dict[str, float] = {"postgres_posts": posts}
    with db.begin() as conn:
        conn.exec_driver_sql("drop table if exists bench_text")
        conn.execute(
            text(
                "create table bench_text as select id, to_tsvector('english', text) as words "
                "from posts where state = 'live' order by id limit :posts"
            ),
            {"posts": posts},
        )
        conn.exec_driver_sql("create index on bench_text using gin (words)")
        conn.exec_driver_sql("analyze bench_text")
        for kind, (function, said) in asks.items():
            statement = text(
                f"select id from bench_text, {function}('english', :query) asked "
                "where words @@ asked order by ts_rank(words, asked) desc limit 20"
            )
            took: list[float] = []
            for query in queries[kind]:
                start = time.perf_counter()
                conn.execute(statement, {"query": said(query)}).all()
                took.append((time.perf_counter() - start) * 1000)
            figures[f"postgres_{kind}_p50_ms"] = percentile(took, 0.5)
            figures[f"postgres_{kind}_p99_ms"] = percentile(took, 0.99)
        conn.exec_driver_sql("drop table bench_text")
    return figures


def run(settings: Settings, args: argparse.Namespace) -> dict[str, float]:
    """Fill what is missing, then measure."""
    db = open_database(settings)
    try:
        searcher = Searcher(db, settings.index_dir, embedder=OnnxEmbedder())
        status = searcher.status()
        if status.last_seq == 0:
            load(settings, Traffic(seed=1).posts(args.posts))
        vectors = embed(settings, db, args.vectors) if args.vectors else 0
        queries = make_queries(db, args.queries)
        figures: dict[str, float] = {
            "posts": searcher.status().documents,
            "vectors": vectors,
            "queries_of_each_kind": len(queries["keyword"]),
        }
        figures |= measure(searcher, queries, "")
        if args.rate:
            with arriving(settings, args.rate):
                before, began = searcher.status().last_seq, time.monotonic()
                figures |= measure(searcher, queries, "busy_")
                arrived = searcher.status().last_seq - before
                figures["arrived_per_s"] = arrived / (time.monotonic() - began)
        one, two = (readers(settings, queries, count) for count in (1, 2))
        figures |= {"reader_queries_per_s": one, "readers_scale": two / one}
        if args.postgres:
            figures |= measure_postgres(db, queries, min(args.postgres, args.posts))
    finally:
        db.dispose()
    return figures


def show(figures: dict[str, float]) -> None:
    """The figures as a table of kinds, then the others."""
    rows = [
        {
            "kind": kind,
            **{
                f"{prefix or 'quiet_'}{share}": figures.get(f"{prefix}{kind}_{share}_ms", "")
                for prefix in ("", "busy_", "postgres_")
                for share in ("p50", "p99")
            },
        }
        for kind in (*KINDS, "query")
    ]
    print_table(rows)
    for name, value in figures.items():
        if not name.endswith("_ms"):
            print(f"{name}: {value:,.2f}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table, write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--posts", type=int, default=10_000_000)
    parser.add_argument("--home", type=Path, help="a home to fill, or one filled before; it stays")
    parser.add_argument("--vectors", type=int, default=20_000, help="posts to embed")
    parser.add_argument("--queries", type=int, default=200, help="of each kind")
    parser.add_argument("--rate", type=int, default=1_000, help="posts a second; 0 for quiet alone")
    parser.add_argument("--postgres", type=int, default=200_000, help="posts; 0 to leave it out")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args(arguments)
    configure_logging("warning")
    if args.home:
        figures = run(Settings(home=args.home), args)
    else:
        with tempfile.TemporaryDirectory(prefix="myna-search-") as home:
            figures = run(Settings(home=Path(home)), args)
    show(figures)
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
