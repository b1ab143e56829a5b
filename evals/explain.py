"""Are posts told of rightly: the side that each takes, word for word, nothing withdrawn, in time?

    .venv/bin/python -m evals.explain [--data FILE] [--limit N] [--json OUT]

Rows: tweets of threads about rumours, ``label`` of an answer is its stance (support, deny, query,
comment); by default ``rumoureval_threads``. ``--limit``: threads, chosen by their order (0: all). A real
store and index, no model: of a small one none is asked. One author in seven allows no quotation.

``precision``, ``recall``   of the side that an answer takes, for each side;
``opposite``     of the answers that were put for or against, how many are labelled the other way;
``majority``     right if every answer were called a comment; ``accuracy``: as it is;
``quoted``       quotations that stand word for word in a post that is cited for them;
``withdrawn``    lines or sources with a post of an author who allows no quotation, or a deleted one;
``verdicts``     answers to "is this true?" that do not end in saying that there is none;
``longest``      characters of the longest answer;
``p50_ms``, ``p99_ms``   time of a whole answer, of each kind.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evals.bench import SHARED, Bench, print_table, read_rows, temporary_bench
from myna.answer.events import AnswerEvent, Citation, Sources, Text
from myna.answer.explain import Teller
from myna.answer.stance import sides
from myna.answer.task import Address, Task, TaskKind
from myna.db.posts import get_thread
from myna.models.chat import ChatModel
from myna.post import Author, Post, State, Use
from myna.safety.consent.ledger import choose
from myna.telemetry import configure_logging

NETWORK = "bench"
STANCES = ("support", "deny", "query", "comment")
KINDS: tuple[TaskKind, ...] = ("explain", "thread", "profile", "check")
ONE_REFUSES_IN = 7


class NoModel:
    """In the place of a small model, which is not asked."""

    name, small, context_tokens = "none", True, 2048


@dataclass(slots=True)
class Told:
    """What was measured over all answers."""

    quoted: int = 0
    quotations: int = 0
    withdrawn: int = 0
    verdicts: int = 0
    longest: int = 0
    ms: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})


def main(arguments: Sequence[str] | None = None) -> None:
    """Load, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=SHARED / "rumoureval_threads.jsonl.gz")
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    configure_logging("error")
    rows = list(read_rows(options.data))
    threads = list(dict.fromkeys(row["thread"] for row in rows))
    wanted = set(threads[: options.limit or None])
    rows = [row for row in rows if row["thread"] in wanted]
    with temporary_bench() as bench:
        bench.load([_post(row) for row in rows])
        stances = _stances(bench, rows)
        told = asyncio.run(_tell_all(bench, sorted(wanted), rows))
    result = {"posts": len(rows), "threads": len(wanted), **stances, **_figures(told)}
    print_table([{"measure": name, "value": value} for name, value in result.items()])
    if options.json:
        options.json.write_text(json.dumps(result, indent=2))


def _post(row: dict[str, Any]) -> Post:
    who = Author(NETWORK, row["author"], row["author"])
    when = datetime.fromisoformat(row["created_at"])
    return Post(NETWORK, row["id"], who, row["text"], when, row["reply_to"])


def _stances(bench: Bench, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The sides that answers take, against their labels."""
    labels = {row["id"]: row["label"] for row in rows}
    counted: Counter[tuple[str, str]] = Counter()
    with bench.db.begin() as conn:
        for thread in dict.fromkeys(row["thread"] for row in rows):
            posts = get_thread(conn, NETWORK, thread, 5_000)
            first = next((one for one in posts if one.post.uri == thread), None)
            if first is None or first.state is not State.LIVE:
                continue
            found = sides(first, posts, bench.searcher.idf)
            for one in posts:
                label = labels.get(one.post.uri)
                if one.id in found and label in STANCES:
                    counted[label, found[one.id]] += 1
    every = max(1, counted.total())
    sided = sum(counted[label, side] for label in STANCES for side in ("support", "deny"))
    opposite = counted["support", "deny"] + counted["deny", "support"]
    shares: dict[str, Any] = {"labelled": counted.total()}
    for side in STANCES[:3]:
        right = counted[side, side]
        shares[f"{side}_precision"] = _share(right, sum(counted[one, side] for one in STANCES))
        shares[f"{side}_recall"] = _share(right, sum(counted[side, one] for one in STANCES))
    shares["opposite"] = _share(opposite, sided)
    shares["majority"] = _share(sum(counted["comment", one] for one in STANCES), every)
    shares["accuracy"] = _share(sum(counted[one, one] for one in STANCES), every)
    return shares


async def _tell_all(bench: Bench, threads: Sequence[str], rows: Sequence[dict[str, Any]]) -> Told:
    """Every kind of every thread's first post, after some authors have said no."""
    authors = sorted({row["author"] for row in rows})
    refusing = set(authors[::ONE_REFUSES_IN])
    with bench.db.begin() as conn:
        for who in refusing:
            choose(conn, (NETWORK, who), Use.QUOTE, "no", by="member", now=datetime.now(UTC))
    bench.delete(NETWORK, gone := [row["id"] for row in rows[:: ONE_REFUSES_IN * 3]])
    model: ChatModel = NoModel()  # pyright: ignore[reportAssignmentType]
    teller = Teller(bench.db, bench.searcher, model, lambda _handle: None)
    told = Told()
    for thread in threads:
        for kind in KINDS:
            task = Task(kind, Address((thread,), NETWORK))
            start = time.perf_counter()
            events = [event async for event in teller.tell(task, "en", lambda _post: False)]
            told.ms[kind].append((time.perf_counter() - start) * 1000)
            _check(events, kind, told, refusing, set(gone))
    return told


def _check(
    events: Sequence[AnswerEvent], kind: TaskKind, told: Told, refusing: set[str], gone: set[str]
) -> None:
    text = "".join(event.delta for event in events if isinstance(event, Text))
    posts = {
        source.number: source.post.post
        for event in events
        if isinstance(event, Sources)
        for source in event.posts
    }
    told.longest = max(told.longest, len(text))
    told.withdrawn += sum(
        one.author.handle in refusing or one.uri in gone for one in posts.values()
    )
    if posts and kind == "check":
        told.verdicts += not text.endswith("I give no verdict: I only show who says what.")
    for event in events:
        if isinstance(event, Citation):
            line = text[event.start : event.end]
            words = line[line.index(": “") + 3 : line.rindex("”")].rstrip("…").rstrip()
            told.quotations += 1
            told.quoted += any(words in " ".join(posts[n].text.split()) for n in event.numbers)


def _figures(told: Told) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "quotations": told.quotations,
        "quoted": _share(told.quoted, told.quotations),
        "withdrawn": told.withdrawn,
        "verdicts": told.verdicts,
        "longest": told.longest,
    }
    for kind, times in told.ms.items():
        ordered = sorted(times) or [0.0]
        figures[f"{kind}_p50_ms"] = round(ordered[len(ordered) // 2], 1)
        figures[f"{kind}_p99_ms"] = round(ordered[int(len(ordered) * 0.99)], 1)
    return figures


def _share(part: int, whole: int) -> float:
    return round(part / max(1, whole), 3)


if __name__ == "__main__":
    main()
