"""Does the post that answers a question come first? All posts of a file, all their questions.

    .venv/bin/python -m evals.retrieval [--data FILE] [--limit N] [--json OUT]

Rows: ``{"id", "text", "questions": [{"question", …}]}``; by default ``reddit_qa_dev``. Beside
Myna's retrieval stands, in the same run and over the same posts, tantivy's own BM25 (tokenizer
``en_stem``, any word of the question). ``--limit`` takes the first N questions against all posts.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tantivy

from evals.bench import SHARED, percentile, post_of, print_table, read_rows, temporary_bench
from myna.telemetry import configure_logging

DEPTH = 10


def plain_bm25(rows: Sequence[dict[str, Any]]) -> Callable[[str], list[str]]:
    """tantivy as it comes: question → ids of the best posts."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("id", stored=True, tokenizer_name="raw")
    builder.add_text_field("body", tokenizer_name="en_stem")
    index = tantivy.Index(builder.build())
    writer = index.writer(50_000_000, 1)
    for row in rows:
        writer.add_document(tantivy.Document(id=str(row["id"]), body=row["text"]))
    writer.commit()
    index.reload()
    searcher = index.searcher()

    def ask(question: str) -> list[str]:
        words = "".join(letter if letter.isalnum() else " " for letter in question)
        query = index.parse_query(words.lower(), ["body"])
        hits = searcher.search(query, DEPTH).hits
        return [str(searcher.doc(address)["id"][0]) for _, address in hits]

    return ask


def measure(
    ask: Callable[[str], list[str]], questions: Sequence[tuple[str, str]]
) -> dict[str, float]:
    """Recall, reciprocal rank and time over (question, id of the right post)."""
    ranks: list[int | None] = []
    times: list[float] = []
    for question, wanted in questions:
        start = time.perf_counter()
        found = ask(question)[:DEPTH]
        times.append((time.perf_counter() - start) * 1000)
        ranks.append(found.index(wanted) if wanted in found else None)
    count = max(1, len(ranks))
    return {
        "recall_at_1": sum(rank == 0 for rank in ranks) / count,
        "recall_at_10": sum(rank is not None for rank in ranks) / count,
        "mrr_at_10": sum(1 / (rank + 1) for rank in ranks if rank is not None) / count,
        "query_p50_ms": percentile(times, 0.5),
        "query_p95_ms": percentile(times, 0.95),
    }


def main() -> None:
    """Measure, print a table, write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=SHARED / "reddit_qa_dev.jsonl.gz")
    parser.add_argument("--limit", type=int, help="ask only the first N questions")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    configure_logging("warning")

    rows = read_rows(args.data)
    questions = [
        (one["question"], str(row["id"])) for row in rows for one in row.get("questions", [])
    ][: args.limit]
    print(f"{len(rows):,} posts, {len(questions):,} questions")
    with temporary_bench() as bench:
        start = time.perf_counter()
        bench.load([post_of(row, "bench") for row in rows])
        load_s = time.perf_counter() - start
        searcher = bench.searcher
        searcher.retrieve("warm up")

        def ask(question: str) -> list[str]:
            return [hit.post.post.uri for hit in searcher.retrieve(question, limit=DEPTH).hits]

        ours = measure(ask, questions)
    plain = measure(plain_bm25(rows), questions)
    print_table([{"engine": "tantivy BM25", **plain}, {"engine": "myna", **ours}])
    print(f"loaded and indexed in {load_s:.1f} s")
    if args.json:
        figures = ours | {f"bm25_{key}": value for key, value in plain.items()}
        figures |= {"posts": len(rows), "questions": len(questions), "load_s": load_s}
        args.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
