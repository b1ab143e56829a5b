"""Are answers right, are their citations right, and does Myna decline what it cannot know?

    .venv/bin/python -m evals.answers [--data FILE] [--limit N] [--half 0|1] [--json OUT]

All posts of ``reddit_qa_dev`` are loaded into a real store and index, and the bundled model answers.
``--limit`` is the number of questions asked of the whole of Myna, chosen by hash: half of them as they
are, half after their post was deleted (0: all of them). ``--half`` takes only questions of posts whose
hash is even or odd: thresholds were chosen on half 0, so half 1 is what to believe. What each figure is
stands in ``myna.train.evaluate.grounded``, which `myna evaluate` measures any model with.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from evals.bench import SHARED, Bench, post_of, print_table, read_rows, temporary_bench
from myna.models.chat import open_model
from myna.models.local import running_server
from myna.telemetry import configure_logging
from myna.train.evaluate.figures import share
from myna.train.evaluate.grounded import (
    NETWORK,
    Answer,
    Asked,
    Question,
    ask_all,
    figures_of_answers,
    measure,
    read_questions,
)

__all__ = ["MODELS", "NETWORK", "ask_all", "figures_of_answers", "read_questions", "share"]

MODELS = Path(__file__).parent.parent / ".cache" / "models"


async def ask(bench: Bench, questions: Sequence[Question], limit: int) -> Asked:
    """All figures of the bundled model."""
    model = open_model(bench.settings)
    try:
        return await measure(bench, model, questions, limit, lambda line: print(line, flush=True))
    finally:
        await model.close()


def show(pairs: Sequence[tuple[Question, Answer]]) -> None:
    """Every question with its answer, for reading."""
    for question, answer in pairs:
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
            asked = asyncio.run(ask(bench, questions, args.limit))
    figures = asked.figures
    if args.verbose:
        show(asked.answerable)
        show(asked.unanswerable)
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
