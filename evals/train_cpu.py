"""Tokens a second of our pretraining beside the same model in transformers' Trainer, on a processor.

    .venv/bin/python -m evals.train_cpu [--size 6m] [--seconds 40] [--rounds 2] [--json OUT]

One corpus (Ubuntu IRC, a tokenizer of 4,096), one shape (``--size``), the same rows, micro-batch and
accumulation, 32 bits on both sides. They take turns, ``--rounds`` times ``--seconds`` in all, so that what
else the machine does meets both; the first two steps of each turn are not counted. Ours masks documents
and uses Muon, the Trainer packs without a mask and uses AdamW, as it comes: the table says what a step
costs, not what it teaches. ``processor µs a token`` is what compares on a machine that does other things.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset

from evals.bench import SHARED, print_table, read_rows
from myna.train.corpus import Filters
from myna.train.files import read_file
from myna.train.make import make_corpus
from myna.train.pretrain import Dials, Plan, Progress, pretrain
from myna.train.scale import scale_for
from myna.train.shards import Reader
from myna.train.tokenizer import save_tokenizer, train_tokenizer

VOCABULARY = 4_096
POSTS = 30_000
ROWS, MICRO_ROWS = 16, 8
WARM_STEPS = 2
FOREVER = 1_000_000


class Enough(Exception):
    """The turn is over."""


class Clock:
    """Counts the steps of a turn behind the first ones, in wall and processor time."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.steps, self.wall, self.own = seconds, 0, 0.0, 0.0
        self._seen, self._began = 0, (0.0, 0.0)

    def step(self) -> bool:
        """One has ended; whether the turn is over."""
        self._seen += 1
        now = (time.perf_counter(), time.process_time())
        if self._seen <= WARM_STEPS:
            self._began = now
            return False
        self.steps = self._seen - WARM_STEPS
        self.wall, self.own = now[0] - self._began[0], now[1] - self._began[1]
        return self.wall >= self.seconds


def ours(plan: Plan, folder: Path, clock: Clock) -> None:
    """A turn of `myna train pretrain`."""

    def told(now: Progress) -> None:
        if clock.step():
            raise Enough

    with contextlib.suppress(Enough):
        pretrain(folder, plan, Dials(MICRO_ROWS, FOREVER), told, None)


class Rows(Dataset[dict[str, torch.Tensor]]):
    """The rows that ours reads, as the Trainer wants them."""

    def __init__(self, plan: Plan) -> None:
        self._reader = Reader(Path(plan.corpus), sequence=plan.sequence, rows=1, seed=plan.seed)

    def __len__(self) -> int:
        return FOREVER

    def __getitem__(self, number: int) -> dict[str, torch.Tensor]:
        batch = self._reader.batch(number)
        tokens = torch.from_numpy(batch.tokens[0])
        return {"input_ids": tokens, "labels": tokens}


def theirs(plan: Plan, folder: Path, clock: Clock) -> None:
    """A turn of transformers' Trainer."""
    from transformers import (
        AutoConfig,
        AutoModelForCausalLM,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )

    told = plan.config.as_json()
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(told.pop("model_type"), **told))

    class Turn(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> Any:
            if clock.step():
                control.should_training_stop = True
            return control

    settings = TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=MICRO_ROWS,
        gradient_accumulation_steps=ROWS // MICRO_ROWS,
        max_steps=FOREVER,
        learning_rate=3e-3,
        logging_strategy="no",
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        dataloader_num_workers=0,
    )
    Trainer(model=model, args=settings, train_dataset=Rows(plan), callbacks=[Turn()]).train()


def make_plan(folder: Path, size: str) -> Plan:
    """A corpus and the plan of a run on it."""
    rows = read_rows(SHARED / "ubuntu_irc.jsonl.gz", POSTS)
    posts = folder / "posts.jsonl"
    posts.write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = train_tokenizer((row["text"] for row in rows[:10_000]), VOCABULARY)
    save_tokenizer(made, folder / "tok")
    source = partial(read_file, posts, "CC-BY-4.0")
    make_corpus(folder / "corpus", [source], Filters(), folder / "tok", workers=2)
    scale = scale_for(size, VOCABULARY)
    config = scale.config(VOCABULARY)
    rates = (scale.matrix_rate, scale.other_rate)
    return Plan(str(folder / "corpus"), config, scale.sequence, ROWS, FOREVER, *rates)


def main() -> None:
    """Measure, print a table, write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", default="6m")
    parser.add_argument("--seconds", type=float, default=40.0, help="of each side")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    sides: dict[str, Callable[[Plan, Path, Clock], None]] = {
        "myna train pretrain": ours,
        "transformers Trainer": theirs,
    }
    clocks: dict[str, list[Clock]] = {name: [] for name in sides}
    with tempfile.TemporaryDirectory() as home:
        plan = make_plan(Path(home), given.size)
        parameters = plan.config.matrix_parameters
        print(
            f"{parameters:,} parameters, {torch.get_num_threads()} threads, rows of "
            f"{plan.sequence} tokens, {ROWS} a step, {MICRO_ROWS} at once"
        )
        for number in range(given.rounds):
            for name, run in sides.items():
                clock = Clock(given.seconds / given.rounds)
                run(plan, Path(home) / f"{number} {name}", clock)
                clocks[name].append(clock)
    table: list[dict[str, Any]] = []
    for name, turns in clocks.items():
        tokens = sum(turn.steps for turn in turns) * ROWS * plan.sequence
        wall, own = sum(turn.wall for turn in turns), sum(turn.own for turn in turns)
        table.append(
            {
                "side": name,
                "tokens/s": round(tokens / wall),
                "processor µs a token": round(1e6 * own / tokens, 1),
                "steps": sum(turn.steps for turn in turns),
                "seconds": round(wall, 1),
            }
        )
    print_table(table)
    print(
        f"ours is {table[0]['tokens/s'] / table[1]['tokens/s']:.2f} times as fast, at "
        f"{table[0]['processor µs a token'] / table[1]['processor µs a token']:.2f} times the processor time"
    )
    if given.json:
        given.json.write_text(json.dumps({"parameters": parameters, "rows": table}, indent=2))


if __name__ == "__main__":
    main()
