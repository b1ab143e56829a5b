"""Are answers right, are their citations right, and does Myna decline what it cannot know?

    .venv/bin/python -m evals.answers [--data FILE] [--limit N] [--half 0|1] [--json OUT]

Rows: ``{"id", "text", "questions": [{"question", "answers"}]}``; by default ``reddit_qa_dev``. All
posts are loaded into a real store and index, and the bundled model answers. ``--limit`` is the
number of questions asked of the whole of Myna, chosen by hash: half of them as they are, half after
their post was deleted (0: all of them). ``--half`` takes only questions of posts whose hash is even
or odd: thresholds were chosen on half 0, so half 1 is what to believe.

``recall_at_1``, ``recall_at_10``   the right post among those found, over all questions;
``answer_contains_gold``            the answer has one of the expected strings;
``cited_post_contains_gold``        a cited post has one;
``citation_precision``              of the citations given, how many point at the right post;
``sentences_unsupported``           of the sentences that were checked, how many no post supported;
``declined_answerable``             questions declined although their post is there;
``declined_unanswerable``           questions declined after their post was deleted.

Beside it, in the same run, what citing the first hit of every question would give
(``baseline_citation_precision``).
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evals.bench import SHARED, Bench, post_of, print_table, read_rows, temporary_bench
from myna.answer.answer import Answerer
from myna.answer.events import Citation, Done, Source, Sources, Text, Turn, Unsupported
from myna.index.terms import tokenize
from myna.models.chat import ChatModel, open_model
from myna.models.local import running_server
from myna.telemetry import configure_logging

NETWORK = "bench"
MODELS = Path(__file__).parent.parent / ".cache" / "models"


@dataclass(frozen=True, slots=True)
class Question:
    """A question, the post that answers it, and strings that a right answer has."""

    text: str
    post: str
    gold: tuple[str, ...]


@dataclass(slots=True)
class Answer:
    """What Myna said."""

    outcome: str = ""
    text: str = ""
    sources: tuple[Source, ...] = ()
    cited: list[tuple[int, ...]] = field(default_factory=list)
    unsupported: int = 0


def bucket(text: str, count: int) -> int:
    """A number below ``count`` that depends on the text alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % count


def half_of(post: str) -> int:
    """Which half of the posts it is in: thresholds were chosen on half 0."""
    return int(hashlib.sha1(post.encode(), usedforsecurity=False).hexdigest(), 16) % 2


def read_questions(rows: Sequence[dict[str, Any]], half: int | None) -> list[Question]:
    """All questions, in an order that depends on their text alone."""
    questions = [
        Question(one["question"], str(row["id"]), tuple(one["answers"]))
        for row in rows
        for one in row["questions"]
        if half is None or half_of(str(row["id"])) == half
    ]
    return sorted(questions, key=lambda one: bucket(one.post + one.text, 1 << 60))


def has_gold(text: str, gold: Sequence[str]) -> bool:
    """Whether one of the strings is in the text, words compared without case and punctuation."""
    words = " " + " ".join(token.word for token in tokenize(text)) + " "
    wanted = [" ".join(token.word for token in tokenize(one)) for one in gold]
    return any(f" {one} " in words for one in wanted if one)


async def ask(answerer: Answerer, question: str) -> Answer:
    """One answer, to its end."""
    answer = Answer()
    async for event in answerer.answer([Turn("user", question)]):
        match event:
            case Sources(posts=posts):
                answer.sources = posts
            case Text(delta=delta):
                answer.text += delta
            case Citation(numbers=numbers):
                answer.cited.append(numbers)
            case Unsupported():
                answer.unsupported += 1
            case Done(outcome=outcome):
                answer.outcome = outcome
            case _:
                pass
    return answer


async def ask_all(
    bench: Bench, model: ChatModel, questions: Sequence[Question], name: str
) -> list[Answer]:
    """The answers, with a line of progress now and then."""
    answerer = Answerer(bench.db, bench.searcher, model)
    answers: list[Answer] = []
    for number, question in enumerate(questions, 1):
        answers.append(await ask(answerer, question.text))
        if number % 50 == 0:
            print(f"  {number} of {len(questions)} {name}", flush=True)
    return answers


def share(values: Sequence[bool]) -> float:
    """Part of the values that are true."""
    return sum(values) / len(values) if values else 0.0


def figures_of_answers(
    questions: Sequence[Question], answers: Sequence[Answer]
) -> dict[str, float]:
    """What is said in the module's docstring, for questions whose post is there."""
    right: list[bool] = []
    cited_gold: list[bool] = []
    for question, answer in zip(questions, answers, strict=True):
        posts = {source.number: source.post.post for source in answer.sources}
        cited = [posts[number] for numbers in answer.cited for number in numbers]
        right += [post.uri == question.post for post in cited]
        cited_gold.append(any(has_gold(post.text, question.gold) for post in cited))
    given = [answer.outcome == "answered" for answer in answers]
    pairs = list(zip(questions, answers, strict=True))
    sentences = sum(len(answer.cited) + answer.unsupported for answer in answers)
    return {
        "answer_contains_gold": share([has_gold(a.text, q.gold) for q, a in pairs]),
        "answer_contains_gold_if_answered": share(
            [has_gold(a.text, q.gold) for (q, a), was in zip(pairs, given, strict=True) if was]
        ),
        "cited_post_contains_gold": share(cited_gold),
        "citation_precision": share(right),
        "citations": len(right),
        "sentences_unsupported": sum(a.unsupported for a in answers) / max(sentences, 1),
        "declined_answerable": share([not was for was in given]),
    }


async def measure(
    bench: Bench, questions: Sequence[Question], limit: int, verbose: bool
) -> dict[str, float]:
    """All figures."""
    found = [
        [hit.post.post.uri for hit in bench.searcher.retrieve(question.text, limit=10).hits]
        for question in questions
    ]
    figures: dict[str, float] = {
        "questions": len(questions),
        "recall_at_1": share(
            [bool(uris) and uris[0] == q.post for q, uris in zip(questions, found, strict=True)]
        ),
        "recall_at_10": share([q.post in uris for q, uris in zip(questions, found, strict=True)]),
    }
    figures["baseline_citation_precision"] = figures["recall_at_1"]
    asked = questions[:limit] if limit else questions
    answerable, unanswerable = asked[::2], asked[1::2]
    model = open_model(bench.settings)
    answers = await ask_all(bench, model, answerable, "answerable questions")
    figures |= figures_of_answers(answerable, answers)
    if verbose:
        show(answerable, answers)
    bench.delete(NETWORK, sorted({question.post for question in unanswerable}))
    declined = await ask_all(bench, model, unanswerable, "unanswerable questions")
    if verbose:
        show(unanswerable, declined)
    figures["declined_unanswerable"] = share([one.outcome == "declined" for one in declined])
    figures["asked_answerable"], figures["asked_unanswerable"] = len(answerable), len(unanswerable)
    await model.close()
    return figures


def show(questions: Sequence[Question], answers: Sequence[Answer]) -> None:
    """Every question with its answer, for reading."""
    for question, answer in zip(questions, answers, strict=True):
        posts = {source.number: source.post.post.uri for source in answer.sources}
        cited = [posts[n] == question.post for numbers in answer.cited for n in numbers]
        print(f"? {question.text}\n  {answer.outcome} {cited} {question.gold}\n  {answer.text!r}")


def main() -> None:
    """Measure, print a table, write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=SHARED / "reddit_qa_dev.jsonl.gz")
    parser.add_argument("--limit", type=int, default=400)
    parser.add_argument("--half", type=int, choices=(0, 1))
    parser.add_argument("--verbose", action="store_true", help="print every answer")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    configure_logging("warning")
    began = time.monotonic()
    rows = read_rows(args.data)
    questions = read_questions(rows, args.half)
    with temporary_bench() as bench:
        if MODELS.is_dir():
            shutil.copytree(MODELS, bench.settings.models_dir, dirs_exist_ok=True)
        print(f"loading {len(rows)} posts …", flush=True)
        bench.load([post_of(row, NETWORK) for row in rows])
        with running_server(bench.settings):
            figures = asyncio.run(measure(bench, questions, args.limit, args.verbose))
    figures["seconds"] = time.monotonic() - began
    limits = {
        "recall_at_1": "≥ 0.55",
        "recall_at_10": "≥ 0.76",
        "citation_precision": "≥ 0.70",
        "declined_unanswerable": "≥ 0.60",
        "declined_answerable": "≤ 0.25",
    }
    print_table(
        [
            {"figure": name, "measured": float(value), "wanted": limits.get(name, "")}
            for name, value in figures.items()
        ]
    )
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
