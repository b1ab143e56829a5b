"""Supervised fine-tuning: the right answers, word for word. Loss is taken on the answers alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from myna.train.examples import Example
from myna.train.tune import Dials, Ordered, Plan, Run, Told


class _Trainer(Ordered, SFTTrainer):
    pass


def sft(run: Path, plan: Plan, dials: Dials, told: Told, tokenizer: Path | None = None) -> Path:
    """Fine-tune on a set of examples, or go on with a run; returns the folder of the adapter or model.

    Raises:
        Conflict: the folder has another run.
        InvalidRequest, NotFound: the examples or the model cannot be used.
        ModelError: the loss is no number.
    """
    made = Run(run, plan, dials, tokenizer)
    trainer = _Trainer(
        model=made.model,
        args=SFTConfig(
            **made.arguments(),
            max_length=None,  # the recipe keeps prompts short
            completion_only_loss=True,
            shuffle_dataset=False,
            packing=False,
        ),
        train_dataset=made.rows(_row),
        processing_class=made.tokenizer,
        peft_config=made.adapter,
    )
    return made.train(trainer, told)


def _row(_: int, example: Example) -> dict[str, Any]:
    return {
        "prompt": example.messages,
        "completion": [{"role": "assistant", "content": example.answer}],
    }
