"""Group-relative policy optimization: of several answers that the model tries, those that the product's
checks like best (Shao et al. 2024). The rewards are functions of text alone (``rewards``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.grpo_trainer import GRPOTrainer

from myna.train.examples import Example
from myna.train.grounded import texts_of
from myna.train.rewards import REWARDS, WEIGHTS, Judged, idf_of, judge
from myna.train.tune import Dials, Ordered, Plan, Run, Told

WRITTEN_TOKENS = 96
"""Of an answer at most; the product lets a small model write 72."""

Reward = Callable[..., list[float]]


class _Trainer(Ordered, GRPOTrainer):
    def _get_train_sampler(self, dataset: Any = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """GRPO's own, which says each prompt several times; the order is ours, unshuffled."""
        return GRPOTrainer._get_train_sampler(self, dataset)


def grpo(run: Path, plan: Plan, dials: Dials, told: Told, tokenizer: Path | None = None) -> Path:
    """Train on rewards, or go on with a run; returns the folder of the adapter or model.

    Raises:
        Conflict: the folder has another run.
        InvalidRequest, NotFound: the examples or the model cannot be used.
        ModelError: the loss is no number.
    """
    made = Run(run, plan, dials, tokenizer)
    every = made.examples.all
    rewards: Any = rewards_of(every)
    order = made.examples.order(0, plan.steps).tolist()
    trainer = _Trainer(
        model=made.model,
        reward_funcs=rewards,
        args=GRPOConfig(
            **made.arguments(),
            num_generations=plan.samples,
            max_completion_length=WRITTEN_TOKENS,
            reward_weights=[WEIGHTS[name] for name in REWARDS],
            shuffle_dataset=False,
            beta=0.0,
        ),
        train_dataset=made.rows(
            lambda place, example: {"prompt": example.messages, "number": order[place]}
        ),
        processing_class=made.tokenizer,
        peft_config=made.adapter,
    )
    return made.train(trainer, told)


def rewards_of(examples: Sequence[Example]) -> list[Reward]:
    """The rewards as TRL calls them: completions with the numbers of their examples."""
    idf = idf_of(texts_of(examples))

    @lru_cache(maxsize=4096)
    def judged(number: int, text: str) -> Judged:
        return judge(examples[number], text, idf)

    def as_reward(name: str, worth: Callable[[Judged], float]) -> Reward:
        def reward(completions: list[Any], number: list[int], **_: Any) -> list[float]:
            texts = [completion[0]["content"] for completion in completions]
            return [worth(judged(one, text)) for one, text in zip(number, texts, strict=True)]

        reward.__name__ = name
        return reward

    return [as_reward(name, worth) for name, worth in REWARDS.items()]
