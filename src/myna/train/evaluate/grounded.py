"""The grounded suite: questions about posts, put to the whole of Myna with a model in it.

Rows: ``{"id", "text", "questions": [{"question", "answers"}]}``. All posts are loaded into a real store and
index. Half of the questions are asked as they are, half after their post was deleted; thirty questions
or so say little, hundreds more.

``recall_at_1``, ``recall_at_10``   the right post among those found, over all questions;
``answer_contains_gold``            the answer has one of the expected strings;
``cited_post_contains_gold``        a cited post has one;
``citation_precision``              of the citations given, how many point at the right post;
``sentences_unsupported``           of the sentences that were checked, how many no post supported;
``declined_answerable``             questions declined although their post is there;
``declined_unanswerable``           questions declined after their post was deleted.

Beside it what citing the first hit of every question would give (``baseline_citation_precision``): the
searching is the same whatever the model is.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from myna.answer.answer import Answerer
from myna.answer.events import Citation, Done, Source, Sources, Text, Turn, Unsupported
from myna.errors import InvalidRequest
from myna.index.terms import tokenize
from myna.models.chat import ChatModel
from myna.train.evaluate.figures import Better, Example, Figure, Measured, Suite, key_of, share
from myna.train.evaluate.subject import Subject
from myna.train.evaluate.world import Bench, post_of, temporary_bench
from myna.train.files import open_lines

NETWORK = "bench"
OWN = Path(__file__).parent / "data" / "grounded.jsonl"
"""24 posts and questions, written for Myna: enough to see that it works at all."""
EXAMPLES = 6
_BETTER: dict[str, Better] = {
    "answer_contains_gold": "higher",
    "answer_contains_gold_if_answered": "higher",
    "cited_post_contains_gold": "higher",
    "citation_precision": "higher",
    "sentences_unsupported": "lower",
    "declined_answerable": "lower",
    "declined_unanswerable": "higher",
}

Told = Callable[[str], None]


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
    """Which half of the posts it is in: Myna's thresholds were chosen on half 0."""
    return int(hashlib.sha1(post.encode(), usedforsecurity=False).hexdigest(), 16) % 2


def read_questions(rows: Sequence[dict[str, Any]], half: int | None = None) -> list[Question]:
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
    bench: Bench,
    model: ChatModel,
    questions: Sequence[Question],
    name: str,
    told: Told = lambda line: None,
) -> list[Answer]:
    """The answers, with a line of progress now and then."""
    answerer = Answerer(bench.db, bench.searcher, model)
    answers: list[Answer] = []
    for number, question in enumerate(questions, 1):
        answers.append(await ask(answerer, question.text))
        if number % 50 == 0:
            told(f"  {number} of {len(questions)} {name}")
    return answers


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


@dataclass(frozen=True, slots=True)
class Asked:
    """All that was asked of a model, and its figures."""

    figures: dict[str, float]
    answerable: list[tuple[Question, Answer]]
    unanswerable: list[tuple[Question, Answer]]


async def measure(
    bench: Bench,
    model: ChatModel,
    questions: Sequence[Question],
    limit: int,
    told: Told = lambda line: None,
) -> Asked:
    """All figures; ``limit`` is the number of questions asked of the model (0: all)."""
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
    answers = await ask_all(bench, model, answerable, "answerable questions", told)
    figures |= figures_of_answers(answerable, answers)
    bench.delete(NETWORK, sorted({question.post for question in unanswerable}))
    declined = await ask_all(bench, model, unanswerable, "unanswerable questions", told)
    figures["declined_unanswerable"] = share([one.outcome == "declined" for one in declined])
    figures["asked_answerable"], figures["asked_unanswerable"] = len(answerable), len(unanswerable)
    return Asked(
        figures,
        list(zip(answerable, answers, strict=True)),
        list(zip(unanswerable, declined, strict=True)),
    )


def grounded_suite(path: Path, limit: int) -> Suite:
    """Of the posts and questions in a file (JSON lines).

    Raises:
        InvalidRequest: it cannot be read as such.
    """
    try:
        rows = [json.loads(line) for line in open_lines(path)]
        questions = read_questions(rows)
        posts = [post_of(row, NETWORK) for row in rows]
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidRequest(
            f'{path}: give a line {{"id", "text", "questions": [{{"question", "answers"}}]}} a post ({error}).'
        ) from None

    def measured(subject: Subject) -> Measured:
        async def run(bench: Bench) -> Asked:
            model = subject.chat()
            try:
                return await measure(bench, model, questions, limit)
            finally:
                await model.close()

        with temporary_bench() as bench:
            bench.load(posts)
            return _told(asyncio.run(run(bench)))

    return Suite("grounded", key_of(1, rows, limit), measured)


def _told(asked: Asked) -> Measured:
    counts = {"declined_unanswerable": int(asked.figures["asked_unanswerable"])}
    figures = [
        Figure(
            f"grounded/{name}",
            float(asked.figures[name]),
            better,
            "",
            counts.get(name, int(asked.figures["asked_answerable"])),
        )
        for name, better in _BETTER.items()
    ]
    examples = [
        Example(question.text, answer.text, f"{kind}, {answer.outcome}.")
        for kind, pairs in (
            ("answerable", asked.answerable),
            ("its post is gone", asked.unanswerable),
        )
        for question, answer in pairs[:EXAMPLES]
    ]
    return Measured(tuple(figures), tuple(examples))
