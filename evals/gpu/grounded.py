"""Does post-training make the bundled model answer better? Before and after, in one call.

    python -m evals.gpu.grounded --out adapter                                     # an H100, ten minutes
    python -m evals.gpu.grounded --posts-read 5000 --steps 2 --limit 4 --held 4    # a processor: does it run?

SmolLM2-135M-Instruct (``--from``: the GGUF that ``myna up`` fetched, de-quantised) learns a LoRA adapter
of rank 16 or less by ``myna train sft`` from examples that the recipe makes of ``ubuntu_irc`` (CC BY
4.0), without any post that shares 8 words with ``reddit_qa_dev``. Then both models are asked

- the questions of ``evals.answers``, on ``reddit_qa_dev`` (half 1, on which no threshold was chosen),
  through the whole of Myna: the figures have the names that they have there;
- examples of authors who were held out of training, ``reward`` and its parts as in ``train/rewards``: what
  the model itself writes, before Myna's code checks it.

Both are asked as ``myna evaluate`` asks them: under transformers, greedily, one question after another
(a processor in 32 bits, a GPU in 16). ``--out`` keeps the adapter in 16 bits.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from evals.answers import MODELS, NETWORK, ask_all, figures_of_answers, read_questions, share
from evals.bench import SHARED, Bench, post_of, print_table, read_rows, temporary_bench
from myna.models.chat import ChatMessage, ChatModel
from myna.telemetry import configure_logging
from myna.train.benchmarks import read_benchmarks
from myna.train.compose import make_examples
from myna.train.evaluate.local import LocalSubject
from myna.train.examples import Example, Examples
from myna.train.files import read_file
from myna.train.grounded import texts_of
from myna.train.rewards import REWARDS, WEIGHTS, idf_of, judge
from myna.train.sft import sft
from myna.train.tune import Dials, Plan, Progress, batch_for, rate_for

GGUF = MODELS / "smollm2-135m-instruct.gguf"
PARAMETERS = 135e6
HELD_SHARE = 0.1
"""Of the authors: examples that touch one are measured with, not learnt from."""
WRITTEN_TOKENS = 72


def make_sets(folder: Path, args: argparse.Namespace) -> tuple[Path, list[Example]]:
    """The set to learn from, and examples of the authors who were held out of it."""
    sources = [partial(_read, args.posts, args.posts_read)]
    against = read_benchmarks([args.data])
    learn, every = folder / "learn", folder / "every"
    make_examples(learn, sources, against, workers=args.workers, held_out=HELD_SHARE)
    make_examples(every, sources, against, workers=args.workers)
    known = {one.question for one in Examples(learn, rows=1).all}
    posts = set(texts_of(Examples(learn, rows=1).all))
    held = [
        one
        for one in Examples(every, rows=1).all
        if one.question not in known and posts.isdisjoint(texts_of([one]))
    ]
    return learn, held[: args.held]


def _read(path: Path, most: int) -> Any:
    return islice(read_file(path, "CC-BY-4.0"), most or None)


async def rewards(model: ChatModel, held: Sequence[Example]) -> dict[str, float]:
    """What the model itself writes to the examples: the mean of each reward."""
    idf = idf_of(texts_of(held))
    sums = dict.fromkeys(["reward", *REWARDS], 0.0)
    for example in held:
        messages = [ChatMessage(role, content) for role, content in example.prompt]  # type: ignore[arg-type]
        deltas = model.stream(messages, max_tokens=WRITTEN_TOKENS, stop=("\n",))
        judged = judge(example, "".join([delta.text async for delta in deltas]), idf)
        for name, one in REWARDS.items():
            sums[name] += one(judged)
            sums["reward"] += WEIGHTS[name] * one(judged)
    return {f"held_out_{name}": value / max(1, len(held)) for name, value in sums.items()}


async def measure(
    bench: Bench, models: Sequence[ChatModel], args: argparse.Namespace
) -> list[dict[str, float]]:
    """The figures of ``evals.answers`` for each model, over the same posts."""
    questions = read_questions(read_rows(args.data), 1)[: args.limit or None]
    answerable, unanswerable = questions[::2], questions[1::2]
    figures: list[dict[str, float]] = []
    for model in models:
        answers = await ask_all(bench, model, answerable, f"answerable questions, {model.name}")
        figures.append(figures_of_answers(answerable, answers))
    bench.delete(NETWORK, sorted({question.post for question in unanswerable}))
    for model, told in zip(models, figures, strict=True):
        answers = await ask_all(bench, model, unanswerable, f"unanswerable questions, {model.name}")
        told["declined_unanswerable"] = share([one.outcome == "declined" for one in answers])
    return figures


def train(learn: Path, folder: Path, args: argparse.Namespace) -> tuple[Path, dict[str, float]]:
    """The adapter's folder, and what its training said."""
    count = len(Examples(learn, rows=1)) * args.passes
    rows = batch_for(count)
    plan = Plan(
        method="sft",
        examples=str(learn),
        start=str(args.start.resolve()),
        steps=args.steps or max(1, round(count / rows)),
        rows=rows,
        rate=rate_for(PARAMETERS, lora=True, preference=False),
        rank=args.rank,
    )
    made: list[Progress] = []

    def told(now: Progress) -> None:
        made.append(now)
        if now.step % max(1, plan.steps // 20) == 0 or now.step == 1:
            print(f"  step {now.step}/{plan.steps}  loss {now.loss:.3f}", flush=True)

    began = time.monotonic()
    on_gpu = torch.cuda.is_available()
    adapter = sft(folder / "run", plan, Dials(64 if on_gpu else 4, 1000), told)
    last = [now.loss for now in made[-20:]]
    return adapter, {
        "examples": count / args.passes,
        "steps": plan.steps,
        "loss_first": made[0].loss,
        "loss_last": sum(last) / len(last),
        "train_seconds": time.monotonic() - began,
        "train_tokens_per_s": sorted(now.tokens_per_s for now in made)[len(made) // 2],
    }


def keep(adapter: Path, out: Path) -> float:
    """Write the adapter in 16 bits; returns its size in MB."""
    out.mkdir(parents=True, exist_ok=True)
    weights = load_file(adapter / "adapter_model.safetensors")
    file = out / "adapter_model.safetensors"
    save_file({name: one.half() for name, one in weights.items()}, file, {"format": "pt"})
    told = json.loads((adapter / "adapter_config.json").read_text())
    told["base_model_name_or_path"] = "HuggingFaceTB/SmolLM2-135M-Instruct"
    (out / "adapter_config.json").write_text(json.dumps(told, indent=1))
    return file.stat().st_size / 1e6


def main() -> None:
    """Measure, print a table, write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--from", dest="start", type=Path, default=GGUF)
    parser.add_argument("--posts", type=Path, default=SHARED / "ubuntu_irc.jsonl.gz")
    parser.add_argument("--posts-read", type=int, default=0, help="0: all")
    parser.add_argument("--data", type=Path, default=SHARED / "reddit_qa_dev.jsonl.gz")
    parser.add_argument("--limit", type=int, default=300, help="questions; 0: all")
    parser.add_argument("--held", type=int, default=200, help="examples that are held out")
    parser.add_argument("--rank", type=int, default=16, choices=range(1, 17), metavar="1…16")
    parser.add_argument("--passes", type=int, default=2)
    parser.add_argument("--steps", type=int, default=0, help="0: by passes")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    configure_logging("warning")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with tempfile.TemporaryDirectory(prefix="myna-grounded-") as temporary:
        folder = Path(temporary)
        print("making examples …", flush=True)
        learn, held = make_sets(folder, args)
        print(f"training on {device} …", flush=True)
        adapter, told = train(learn, folder, args)
        if args.out:
            told["adapter_mb"] = keep(adapter, args.out)
        models = [
            LocalSubject(args.start, "before").chat(),
            LocalSubject(adapter, "after").chat(),
        ]
        with temporary_bench() as bench:
            bench.load([post_of(row, NETWORK) for row in read_rows(args.data)])
            figures = asyncio.run(measure(bench, models, args))
        for model, found in zip(models, figures, strict=True):
            found.update(asyncio.run(rewards(model, held)))
    print_table([{"figure": name, "value": float(value)} for name, value in told.items()])
    print_table(
        [
            {"figure": name, "before": float(figures[0][name]), "after": float(figures[1][name])}
            for name in figures[0]
        ]
    )
    if args.json:
        before, after = figures
        args.json.write_text(
            json.dumps({"training": told, "before": before, "after": after}, indent=2) + "\n"
        )


if __name__ == "__main__":
    main()
