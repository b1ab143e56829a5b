"""Does what answers a question come first? Three public sets, with and without the re-ranker.

    .venv/bin/python -m evals.retrieval [--data FILE] [--sets reddit,checkthat,trec] [--limit N] [--json OUT]

``reddit``: rows ``{"id", "text", "questions": [{"question", …}]}`` (``--data`` takes another file
of this form): the right post among all posts. ``checkthat``: tweets of CheckThat! 2020 task 2 (dev),
the claim that was checked among 10,389. ``trec``: TREC Microblog 2012, the judged tweets of each
topic put in order, precision of the first 30 (as in Rao et al., AAAI 2019); what is relevant is in
the rows.

Beside Myna stand, in the same run, tantivy's own BM25 (tokenizer ``en_stem``, any word) and, for
TREC, the given order. ``--limit`` takes the first N questions of each set against all documents.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tantivy

from evals.bench import SHARED, Bench, percentile, post_of, print_table, read_rows, temporary_bench
from myna.index.search import Searcher
from myna.telemetry import configure_logging

DEPTH = 10
PRECISION_DEPTH = 30
POOL = 150
"""Results asked for where only those of a topic's own pool count."""
SETS = ("reddit", "checkthat", "trec")
Ask = Callable[[str, int], list[str]]
"""(question, how many) → ids of the documents, best first."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, what is right, and what may be counted at all (None: everything)."""

    text: str
    right: frozenset[str]
    pool: Mapping[str, int] | None = None
    """Document → its place in the given order."""


@dataclass(frozen=True, slots=True)
class Collection:
    """Documents and the questions about them."""

    name: str
    documents: Sequence[dict[str, Any]]
    """Rows with ``id`` and ``text``."""
    questions: Sequence[Question]


def reddit(path: Path) -> Collection:
    """Posts, each with its questions."""
    rows = read_rows(path)
    questions = [
        Question(one["question"], frozenset([str(row["id"])]))
        for row in rows
        for one in row.get("questions", [])
    ]
    return Collection("reddit", rows, questions)


def checkthat() -> Collection:
    """Fact-checked claims, and tweets that make them."""
    claims = [
        {"id": row["id"], "text": f"{row['title']}\n{row['claim']}"}
        for row in read_rows(SHARED / "checkthat_claims.jsonl.gz")
    ]
    tweets = read_rows(SHARED / "checkthat_tweets_dev.jsonl.gz")
    questions = [Question(row["tweet"], frozenset(map(str, row["relevant"]))) for row in tweets]
    return Collection("checkthat", claims, questions)


def trec() -> Collection:
    """Judged tweets of 60 topics."""
    rows = read_rows(SHARED / "trec_microblog_2012.jsonl.gz")
    documents = {row["tweet_id"]: {"id": row["tweet_id"], "text": row["text"]} for row in rows}
    topics: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        topics.setdefault(row["topic"], []).append(row)
    questions = [
        Question(
            pool[0]["query"],
            frozenset(row["tweet_id"] for row in pool if row["relevant"]),
            {row["tweet_id"]: row["baseline_rank"] for row in pool},
        )
        for pool in topics.values()
    ]
    return Collection("trec", list(documents.values()), questions)


def plain_bm25(documents: Sequence[dict[str, Any]]) -> Ask:
    """tantivy as it comes."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("id", stored=True, tokenizer_name="raw")
    builder.add_text_field("body", tokenizer_name="en_stem")
    index = tantivy.Index(builder.build())
    writer = index.writer(50_000_000, 1)
    for row in documents:
        writer.add_document(tantivy.Document(id=str(row["id"]), body=row["text"]))
    writer.commit()
    index.reload()
    searcher = index.searcher()

    def ask(question: str, count: int) -> list[str]:
        words = "".join(letter if letter.isalnum() else " " for letter in question)
        query = index.parse_query(words.lower(), ["body"])
        hits = searcher.search(query, count).hits
        return [str(searcher.doc(address)["id"][0]) for _, address in hits]

    return ask


def retrieving(searcher: Searcher) -> Ask:
    """Myna's retrieval as the answer uses it."""
    return lambda question, count: [
        hit.post.post.uri for hit in searcher.retrieve(question, limit=count).hits
    ]


def measure(ask: Ask, questions: Sequence[Question]) -> dict[str, float]:
    """Rates and times over all questions; precision at 30 where there are pools."""
    ranks: list[int | None] = []
    precisions: list[float] = []
    times: list[float] = []
    for question in questions:
        start = time.perf_counter()
        found = ask(question.text, DEPTH if question.pool is None else POOL)
        times.append((time.perf_counter() - start) * 1000)
        if question.pool is not None:
            found = [one for one in found if one in question.pool]
            precisions.append(precision(found, question))
        places = [place for place, one in enumerate(found[:DEPTH]) if one in question.right]
        ranks.append(places[0] if places else None)
    count = max(1, len(ranks))
    figures = {
        "recall_at_1": sum(rank == 0 for rank in ranks) / count,
        "recall_at_10": sum(rank is not None for rank in ranks) / count,
        "mrr_at_10": sum(1 / (rank + 1) for rank in ranks if rank is not None) / count,
        "precision_at_30": sum(precisions) / count,
    }
    if times:
        figures["query_p50_ms"] = percentile(times, 0.5)
        figures["query_p99_ms"] = percentile(times, 0.99)
    return figures


def precision(found: Sequence[str], question: Question) -> float:
    """Share of the first 30 that are right; where fewer were found, the others are wrong."""
    return sum(one in question.right for one in found[:PRECISION_DEPTH]) / PRECISION_DEPTH


def given_order(questions: Sequence[Question]) -> Ask:
    """The order that the rows of TREC come with."""
    pools = {question.text: question.pool or {} for question in questions}
    return lambda question, count: sorted(pools[question], key=pools[question].__getitem__)[:count]


def compare(bench: Bench, collection: Collection, limit: int | None) -> dict[str, dict[str, float]]:
    """All engines over one set; the bench is empty and stays as it is filled."""
    questions = collection.questions[:limit]
    print(
        f"{collection.name}: {len(collection.documents):,} documents, {len(questions):,} questions"
    )
    bench.load([post_of(row, "bench") for row in collection.documents])
    plain = Searcher(bench.db, bench.settings.index_dir, embedder=bench.embedder)
    engines: dict[str, Ask] = {"bm25": plain_bm25(collection.documents)}
    if any(question.pool for question in questions):
        engines["given"] = given_order(questions)
    engines |= {"myna_plain": retrieving(plain), "myna": retrieving(bench.searcher)}
    figures: dict[str, dict[str, float]] = {}
    for name, ask in engines.items():
        ask(questions[0].text, DEPTH)
        figures[name] = measure(ask, questions)
    print_table([{"engine": name, **row} for name, row in figures.items()])
    return figures


def main() -> None:
    """Measure, print tables, write the JSON. Keys without a set's name are those of reddit."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=SHARED / "reddit_qa_dev.jsonl.gz")
    parser.add_argument("--sets", default=",".join(SETS), help="which, separated by commas")
    parser.add_argument("--limit", type=int, help="ask only the first N questions of each set")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    configure_logging("warning")
    chosen = args.sets.split(",")
    if unknown := set(chosen) - set(SETS):
        parser.error(f"there is no set {', '.join(sorted(unknown))}; choose from {', '.join(SETS)}")
    makers = {"reddit": lambda: reddit(args.data), "checkthat": checkthat, "trec": trec}
    figures: dict[str, float] = {}
    for name in chosen:
        with temporary_bench() as bench:
            found = compare(bench, makers[name](), args.limit)
        for engine, row in found.items():
            before = "" if name == "reddit" else f"{name}_"
            after = "" if engine == "myna" else f"{engine}_"
            figures |= {f"{before}{after}{key}": value for key, value in row.items()}
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
