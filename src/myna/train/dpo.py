"""Direct preference optimization: the right answer rather than one with one thing wrong (Rafailov et
al. 2023). The pairs are the recipe's; in each pass over the set an example is set against another of
its worse answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trl.trainer.dpo_config import DPOConfig
from trl.trainer.dpo_trainer import DPOTrainer

from myna.train.examples import Example
from myna.train.tune import Dials, Ordered, Plan, Run, Told

BETA = 0.1
"""How much a preference is worth against staying near the model that was."""


class _Trainer(Ordered, DPOTrainer):
    pass


def dpo(run: Path, plan: Plan, dials: Dials, told: Told, tokenizer: Path | None = None) -> Path:
    """Prefer right answers, or go on with a run; returns the folder of the adapter or model.

    Raises:
        Conflict: the folder has another run.
        InvalidRequest, NotFound: the examples or the model cannot be used.
        ModelError: the loss is no number.
    """
    made = Run(run, plan, dials, tokenizer)
    trainer = _Trainer(
        model=made.model,
        ref_model=made.reference(),
        args=DPOConfig(**made.arguments(), beta=BETA, max_length=None),
        train_dataset=made.rows(_row),
        processing_class=made.tokenizer,
        peft_config=made.adapter,
    )
    return made.train(trainer, told)


def _row(place: int, example: Example) -> dict[str, Any]:
    """A pair. ``place`` in the run's order chooses the worse answer."""
    return {
        "prompt": example.messages,
        "chosen": [{"role": "assistant", "content": example.answer}],
        "rejected": [{"role": "assistant", "content": example.worse[place % len(example.worse)]}],
    }
