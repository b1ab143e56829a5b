"""Search over vectors at growing size, and embedders among growing numbers of other posts.

    .venv/bin/python -m evals.vectors [--sizes 100000 1000000] [--peers] [--static] [--embedder DIR]
        [--distractors 1000 5000 25000] [--json OUT]

The first table: a store of vectors as the embed process makes it, after all that was due is sealed
and merged. ``recall_at_10`` is the share of the ten nearest of an exact scan that a search finds.
``query_cpu_ms`` is processor time, which a busy machine does not change much; ``anon_mb`` is what
the reader takes beside the page cache. Vectors of real posts; above ``--texts`` of them, mixtures
of two, which lie closer together than posts do: recall among real ones is higher. ``--peers`` puts
faiss and usearch beside it, where they are installed (at the first size: they take long).

The second table: Reddit questions, and the posts that answer them among posts of Ubuntu's channels,
by vectors alone, of the whole post and its sentences. ``--static`` adds wordllama, where it is
installed; ``--embedder`` an embedder's folder, as ``MYNA_EMBEDDER`` takes it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evals.bench import SHARED, percentile, print_table, read_rows
from myna.index.embed import Embedder, OnnxEmbedder, open_embedder
from myna.index.passages import parts
from myna.index.vectors import Kind, PostVectors, VectorReader, VectorStore
from myna.index.vectors.reader import SCANNED_ROWS
from myna.index.vectors.record import Array, quantise
from myna.telemetry import configure_logging

NEAREST = 10
ASKED = 100
"""Posts that a search asks the vectors for."""
_BATCH = 1_000
_SEED = 7


def corpus(real: Array, size: int) -> Iterator[Array]:
    """``size`` vectors of length 1 in batches: the real ones, then mixtures of two of them."""
    random = np.random.default_rng(_SEED)
    for start in range(0, size, _BATCH):
        count = min(_BATCH, size - start)
        batch = real[start : start + count]
        if len(batch) < count:
            one, other = random.integers(0, len(real), (2, count - len(batch)))
            weight = random.uniform(0.5, 1, (count - len(batch), 1)).astype(np.float32)
            batch = np.concatenate([batch, weight * real[one] + (1 - weight) * real[other]])
        yield batch / np.linalg.norm(batch, axis=1, keepdims=True)


def nearest(real: Array, size: int, questions: Array) -> list[set[int]]:
    """Numbers (from 1) of each question's ten nearest by an exact scan in float32."""
    scores: list[Array] = []
    names: list[Array] = []
    start = 1
    for batch in corpus(real, size):
        found = questions @ batch.T
        top = np.argpartition(-found, min(NEAREST, len(batch) - 1), axis=1)[:, :NEAREST]
        scores.append(np.take_along_axis(found, top, axis=1))
        names.append(top + start)
        start += len(batch)
    together, posts = np.concatenate(scores, axis=1), np.concatenate(names, axis=1)
    best = np.argsort(-together, axis=1)[:, :NEAREST]
    return [set(row) for row in np.take_along_axis(posts, best, axis=1).tolist()]


def measure(
    search: Callable[[Array], Sequence[int]], questions: Array, truth: Sequence[set[int]]
) -> dict[str, float]:
    """Recall and time of a search, one question after the other."""
    search(questions[0])
    times: list[float] = []
    found = 0
    cpu = time.process_time()
    for question, wanted in zip(questions, truth, strict=True):
        began = time.perf_counter()
        posts = search(question)
        times.append((time.perf_counter() - began) * 1e3)
        found += len(wanted & set(list(posts)[:NEAREST]))
    return {
        "recall_at_10": found / (NEAREST * len(questions)),
        "query_p50_ms": percentile(times, 0.5),
        "query_p95_ms": percentile(times, 0.95),
        "query_cpu_ms": (time.process_time() - cpu) / len(questions) * 1e3,
    }


def anon_mb() -> float:
    """Memory of this process that is not files' pages."""
    [line] = [
        line
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("RssAnon:")
    ]
    return int(line.split()[1]) / 1e3


def ours(real: Array, size: int, questions: Array, truth: Sequence[set[int]]) -> list[dict]:
    """The store as it is, and the same records in a scan of everything."""
    with tempfile.TemporaryDirectory(prefix="myna-vectors-") as home:
        folder = Path(home) / "vectors"
        store = VectorStore(folder, real.shape[1])
        began, sealing, post = time.perf_counter(), 0.0, 0
        for batch in corpus(real, size):
            store.append(
                [
                    PostVectors(post + at + 1, post + at + 1, (Kind.WHOLE,), batch[at : at + 1])
                    for at in range(len(batch))
                ]
            )
            post += len(batch)
            started = time.perf_counter()
            sealing += settle(store, started)
        adding = time.perf_counter() - began - sealing
        store.close()
        reader = VectorReader(folder)
        began = time.perf_counter()
        view = reader.view()
        opening = time.perf_counter() - began
        figures = measure(lambda question: view.scan(question, ASKED), questions, truth)
        row = {
            "engine": "myna",
            "vectors": size,
            **figures,
            "adds_per_s": size / adding,
            "build_s": sealing,
            "anon_mb": reader_mb(folder),
            "disk_mb": sum(path.stat().st_blocks for path in folder.iterdir()) * 512 / 1e6,
            "open_s": opening,
        }
        widest = measure(
            lambda question: view.scan(question, ASKED, scanned_rows=1 << 40), questions, truth
        )
        rows = [row]
        if size > SCANNED_ROWS:
            rows.append({"engine": "myna, all sketches", "vectors": size, **widest})
        eight = [(part.vectors, part.scales, part.runs["post"][part.owners]) for part in view.parts.values()]  # fmt: skip
        return [*rows, {"engine": "flat int8", "vectors": size, **flat(eight, questions, truth)}]


def reader_mb(folder: Path) -> float:
    """What a reader takes in a process of its own, after one search."""
    told = subprocess.run(
        [sys.executable, "-m", "evals.vectors", "--reader", str(folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(told.stdout)


def read_once(folder: Path) -> None:
    """The other side of ``reader_mb``."""
    before = anon_mb()
    view = VectorReader(folder).view()
    dimensions = next(iter(view.parts.values())).vectors.shape[1]
    view.scan(np.full(dimensions, dimensions**-0.5, np.float32), ASKED)
    print(anon_mb() - before)


def settle(store: VectorStore, began: float) -> float:
    """Seal and merge what is due; the seconds since ``began``."""
    while store.maintain(purge_seconds=1e9) or store.is_rewriting:
        time.sleep(0.002)
    return time.perf_counter() - began


def flat(
    files: Sequence[tuple[Array, Array, Array]], questions: Array, truth: Sequence[set[int]]
) -> dict[str, float]:
    """Every vector, in int8, as before there were segments."""
    from myna.index.vectors.part import products

    posts = np.concatenate([posts for _, _, posts in files])

    def search(question: Array) -> list[int]:
        eight = quantise(question[None])[0]
        scores = np.concatenate([products(eight, rows) * scales for rows, scales, _ in files])
        best = np.argpartition(-scores, ASKED)[:ASKED]
        return posts[best[np.argsort(-scores[best])]].tolist()

    return measure(search, questions, truth)


def peers(real: Array, size: int, questions: Array, truth: Sequence[set[int]]) -> list[dict]:
    """Other libraries over the same vectors; those that are not installed are left out."""
    vectors = np.concatenate(list(corpus(real, size))).astype(np.float32)
    rows: list[dict] = []

    def note(engine: str, build: Callable[[], Any], ask: Callable[[Any, Array], Array]) -> None:
        before, began = anon_mb(), time.perf_counter()
        index = build()
        seconds = time.perf_counter() - began
        figures = measure(lambda one: (ask(index, one) + 1).tolist(), questions, truth)
        rows.append(
            {
                "engine": engine,
                "vectors": size,
                **figures,
                "adds_per_s": size / seconds,
                "build_s": seconds,
                "anon_mb": anon_mb() - before,
            }
        )

    try:
        import faiss  # pyright: ignore[reportMissingImports]
    except ImportError:
        print("faiss is not installed: left out")
    else:
        faiss.omp_set_num_threads(1)

        def built(description: str, **options: int) -> Callable[[], Any]:
            def build() -> Any:
                index = faiss.index_factory(
                    vectors.shape[1], description, faiss.METRIC_INNER_PRODUCT
                )
                index.train(vectors)
                index.add(vectors)
                for name, value in options.items():
                    faiss.ParameterSpace().set_index_parameter(index, name, value)
                return index

            return build

        def ask(index: Any, question: Array) -> Array:
            return index.search(question[None], ASKED)[1][0]

        lists = round(4 * size**0.5)
        note(f"faiss IVF{lists},SQ8 nprobe 1/16", built(f"IVF{lists},SQ8", nprobe=lists // 16), ask)
        note("faiss HNSW32,SQ8 efSearch 128", built("HNSW32,SQ8", efSearch=128), ask)
    try:
        from usearch.index import Index  # pyright: ignore[reportMissingImports]
    except ImportError:
        print("usearch is not installed: left out")
    else:

        def build() -> Any:
            index = Index(ndim=vectors.shape[1], metric="cos", dtype="i8", expansion_search=128)
            index.add(np.arange(size), vectors, threads=1)
            return index

        note(
            "usearch HNSW i8 ef 128",
            build,
            lambda index, one: index.search(one, ASKED, threads=1).keys.astype(np.int64),
        )
    return rows


class StaticEmbedder:
    """wordllama's word vectors, averaged: its weights are in its wheel."""

    def __init__(self) -> None:
        import wordllama  # pyright: ignore[reportMissingImports]
        from wordllama import WordLlama  # pyright: ignore[reportMissingImports]

        self._model = WordLlama.load(
            cache_dir=Path(str(wordllama.__file__)).parent
        )  # as in the wheel
        self.name = "wordllama, static"
        self.dimensions = 256

    def embed(self, texts: Sequence[str]) -> Array:
        return np.asarray(self._model.embed(list(texts), norm=True), np.float32)

    def embed_question(self, text: str) -> Array:
        return self.embed([text])[0]


def compare_embedders(
    embedders: Sequence[Embedder], distractors: Sequence[int], asked: int
) -> list[dict]:
    """Recall of the right Reddit post among growing numbers of others."""
    posts = read_rows(SHARED / "reddit_qa_dev.jsonl.gz")
    questions = [
        (one["question"], number) for number, row in enumerate(posts) for one in row["questions"]
    ]
    random = np.random.default_rng(_SEED)
    chosen = [questions[at] for at in random.permutation(len(questions))[:asked]]
    others = [
        row["text"]
        for row in read_rows(SHARED / "ubuntu_irc.jsonl.gz")
        if len(row["text"].split()) >= 6
    ]
    others = [others[at] for at in random.permutation(len(others))[: max(distractors)]]
    rows: list[dict] = []
    for embedder in embedders:
        texts = [[row["text"][:1_500], *parts(row["text"])] for row in posts]
        owner = np.repeat(np.arange(len(posts)), [len(one) for one in texts])
        right = embedder.embed([text for one in texts for text in one])
        began, cpu = time.perf_counter(), time.process_time()
        wrong = embedder.embed(others)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        asks = np.stack([embedder.embed_question(question) for question, _ in chosen])
        own = asks @ right.T
        best_own = np.full((len(asks), len(posts)), -np.inf, np.float32)
        np.maximum.at(best_own.T, owner, own.T)
        row: dict[str, Any] = {"embedder": embedder.name}
        foreign = asks @ wrong.T
        for count in (0, *distractors):
            ranks = np.array(
                [
                    np.sum(best_own[at] > best_own[at, number])
                    + np.sum(foreign[at, :count] > best_own[at, number])
                    for at, (_, number) in enumerate(chosen)
                ]
            )
            row[f"recall_at_10_{count}"] = float(np.mean(ranks < NEAREST))
        rows.append(
            row | {"posts_per_s": len(others) / seconds, "posts_per_cpu_s": len(others) / cpu}
        )
    return rows


def main() -> None:
    """Measure, print the tables, write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="*", default=[100_000, 1_000_000])
    parser.add_argument("--texts", type=int, default=20_000, help="real posts to embed")
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--peers", action="store_true", help="faiss and usearch too")
    parser.add_argument("--static", action="store_true", help="wordllama too")
    parser.add_argument("--embedder", action="append", default=[], help="an embedder's folder")
    parser.add_argument("--distractors", type=int, nargs="*", default=[1_000, 5_000, 25_000])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--reader", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.reader:
        read_once(args.reader)
        return
    configure_logging("warning")

    figures: dict[str, Any] = {}
    packaged = OnnxEmbedder()
    if args.sizes:
        texts = list(
            dict.fromkeys(row["text"] for row in read_rows(SHARED / "ubuntu_irc.jsonl.gz"))
        )
        texts = [text for text in texts if len(text.split()) >= 6]
        chosen = np.random.default_rng(_SEED).permutation(len(texts))[: args.texts + args.questions]
        vectors = packaged.embed([texts[at] for at in chosen])
        real, questions = vectors[args.questions :], vectors[: args.questions]
        rows: list[dict] = []
        for size in args.sizes:
            truth = nearest(real, size, questions)
            rows += ours(real, size, questions, truth)
            if args.peers and size == args.sizes[0]:
                rows += peers(real, size, questions, truth)
        columns = list(rows[0])
        print_table([{name: row.get(name, "") for name in columns} for row in rows])
        figures["index"] = rows
        figures |= {key: value for key, value in rows[0].items() if key != "engine"}
    if args.distractors:
        embedders: list[Embedder] = [packaged, *(open_embedder(one) for one in args.embedder)]
        if args.static:
            embedders.append(StaticEmbedder())
        table = compare_embedders(embedders, args.distractors, args.questions)
        print_table(table)
        figures["embedders"] = table
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
