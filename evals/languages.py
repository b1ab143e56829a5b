"""Posts of thirty languages: is their language told, and are they found by other forms of their words?

    .venv/bin/python -m evals.languages [--queries N] [--json OUT]

The posts and searches are ``data/languages.tsv``. Beside Myna's analysis stand, in the same run,
tantivy's default one and Myna's without stemming. "Alone" asks an index in which the post's
language is rare, so that only what the query shows of its own language counts. "Others" counts
posts found that were not meant. Then what each more language costs a search, over the IRC posts.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import tantivy

from evals.bench import SHARED, percentile, print_table, read_rows
from myna.index import compile as compiled
from myna.index.language import identify
from myna.index.query import parse
from myna.index.schema import build_schema
from myna.index.terms import LANGUAGES, index_text, language_of, query_languages, variants

DATA = Path(__file__).parent / "data" / "languages.tsv"
_SEED = 11


class Row:
    """A post with its language and a search for it."""

    def __init__(self, line: str) -> None:
        self.lang, self.post, self.query = line.rstrip("\n").split("\t")


def read_posts() -> list[Row]:
    """All rows of the data file."""
    lines = DATA.read_text("utf-8").splitlines()
    return [Row(line) for line in lines if not line.startswith("#")]


def body_index(bodies: Sequence[str]) -> tantivy.Index:
    """An index of what ``terms.index_text`` made, ids by place."""
    index = tantivy.Index(build_schema())
    writer = index.writer(100_000_000, 1)
    for number, body in enumerate(bodies):
        made = tantivy.Document()
        made.add_unsigned("id", number)
        made.add_text("body", body)
        writer.add_document(made)
    writer.commit()
    index.reload()
    return index


def asker(
    index: tantivy.Index, languages: Callable[[str], Sequence[str]]
) -> Callable[[str], set[int]]:
    """Search → places of the posts that have all its words."""
    schema, searcher = build_schema(), index.searcher()

    def ask(text: str) -> set[int]:
        parsed = parse(text, now=datetime.now(UTC))
        clauses = compiled.all_clauses(schema, parsed, languages(parsed.wording))
        hits = searcher.search(compiled.conjunction(clauses), limit=1_000).hits
        return {int(id or 0) for id in searcher.fast_field_values("id", [at for _, at in hits])}

    return ask


def plain_asker(posts: Sequence[str]) -> Callable[[str], set[int]]:
    """tantivy as it comes: words in lower case."""
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("id", fast=True)
    builder.add_text_field("body")
    index = tantivy.Index(builder.build())
    writer = index.writer(15_000_000, 1)
    for number, post in enumerate(posts):
        made = tantivy.Document()
        made.add_unsigned("id", number)
        made.add_text("body", post)
        writer.add_document(made)
    writer.commit()
    index.reload()
    searcher = index.searcher()

    def ask(text: str) -> set[int]:
        words = " ".join(f'+"{word}"' for word in text.split())
        hits = searcher.search(index.parse_query(words, ["body"]), limit=1_000).hits
        return {int(id or 0) for id in searcher.fast_field_values("id", [at for _, at in hits])}

    return ask


def microseconds(work: Callable[[str], object], texts: Sequence[str]) -> float:
    """Processor time of ``work`` a text, the best of five rounds."""
    best = float("inf")
    for _ in range(5):
        start = time.thread_time()
        for text in texts:
            work(text)
        best = min(best, time.thread_time() - start)
    return best / len(texts) * 1e6


def by_language(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The table's rows, a language each and all together."""
    stemmed = body_index([index_text(row.post, language_of(row.post)) for row in rows])
    folded = body_index([index_text(row.post, "") for row in rows])
    askers = {
        "plain": plain_asker([row.post for row in rows]),
        "folded": asker(folded, lambda _: ("",)),
        "stemmed": asker(stemmed, lambda text: query_languages(text, LANGUAGES)),
        "alone": asker(stemmed, lambda text: query_languages(text, ())),
    }
    found = {name: [ask(row.query) for row in rows] for name, ask in askers.items()}
    told = [identify(row.post) for row in rows]
    table: list[dict[str, Any]] = []
    for lang in [*dict.fromkeys(row.lang for row in rows), "all"]:
        mine = [at for at, row in enumerate(rows) if lang in (row.lang, "all")]
        posts = [rows[at].post for at in mine]
        line: dict[str, Any] = {"lang": lang, "posts": len(mine)}
        line["told"] = sum(told[at] == rows[at].lang for at in mine) / len(mine)
        line["told_wrong"] = sum(told[at] not in (None, rows[at].lang) for at in mine) / len(mine)
        for name, sets in found.items():
            line[name] = sum(at in sets[at] for at in mine) / len(mine)
        line["others"] = sum(len(found["stemmed"][at] - {at}) for at in mine) / len(mine)
        line["identify_us"] = round(microseconds(identify, posts), 1)
        line["index_us"] = round(microseconds(lambda text: index_text(text, "en"), posts), 1)
        table.append(line)
    return table


def by_count(posts: Sequence[str], count: int) -> list[dict[str, Any]]:
    """What a search of two words costs when they are looked for in more languages' stems."""
    index = body_index([index_text(post, language_of(post)) for post in posts])
    chooser = random.Random(_SEED)
    long = [post.split() for post in posts if len(post.split()) >= 6]
    queries = [" ".join(chooser.sample(chooser.choice(long), 2)) for _ in range(count)]
    schema, searcher = build_schema(), index.searcher()
    table: list[dict[str, Any]] = []
    for languages in (("en", ""), *((*LANGUAGES[:many], "") for many in (2, 4, 8, len(LANGUAGES)))):
        times: list[float] = []
        found = 0
        for query in queries:
            start = time.perf_counter()
            parsed = parse(query)
            clauses = compiled.all_clauses(schema, parsed, languages)
            hits = searcher.search(compiled.conjunction(clauses), limit=20, count=True)
            times.append((time.perf_counter() - start) * 1000)
            found += int(hits.count or 0)  # pyright: ignore[reportAttributeAccessIssue]  # not in the stub
        words = [word.lower() for query in queries for word in query.split()]
        table.append(
            {
                "languages": len(languages),
                "terms_a_word": sum(len(variants(word, languages)) for word in words) / len(words),
                "found": found / len(queries),
                "query_p50_ms": percentile(times, 0.5),
                "query_p99_ms": percentile(times, 0.99),
            }
        )
    return table


def main() -> None:
    """Measure, print two tables, write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--queries", type=int, default=2_000, help="of the second table")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()

    languages = by_language(read_posts())
    print_table(languages)
    posts = [row["text"] for row in read_rows(SHARED / "ubuntu_irc.jsonl.gz")]
    print(f"\n{len(posts):,} posts, {args.queries:,} searches of two words")
    costs = by_count(posts, args.queries)
    print_table(costs)
    if args.json:
        args.json.write_text(json.dumps({"languages": languages, "costs": costs}, indent=2) + "\n")


if __name__ == "__main__":
    main()
