"""``myna train sft``, ``dpo``, ``grpo``: a model that answers from posts, cites and refuses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from myna.train.tune import Dials, Plan, Progress

Examples = Annotated[Path, typer.Argument(help="Folder that `myna train grounded` made.")]
RunFolder = Annotated[Path, typer.Argument(help="Folder of the run; one that was begun goes on.")]
Start = Annotated[
    Path,
    typer.Option(
        "--from",
        help="What to start from: a Hugging Face folder, an adapter, a run of `myna train "
        "pretrain`, or a GGUF.",
    ),
]
Size = Annotated[
    str, typer.Option(help="Examples to learn from (500, 20k); 0: each once. All else follows.")
]
Rank = Annotated[int, typer.Option(min=0, help="Of the LoRA adapter; 0: train all weights.")]
Batch = Annotated[int, typer.Option(min=0, help="Examples of a step; 0: by size.")]
Rate = Annotated[float, typer.Option(min=0, help="Highest learning rate; 0: by the model's size.")]
Steps = Annotated[int, typer.Option(min=0, help="Steps; 0: by size.")]
Micro = Annotated[int, typer.Option(min=1, help="Examples that a device reads at once.")]
Samples = Annotated[int, typer.Option(min=2, help="Answers that are tried for an example.")]
SaveEvery = Annotated[int, typer.Option(min=1, help="Steps between checkpoints.")]
Seed = Annotated[int, typer.Option(min=0, help="Of the adapter and the order of the examples.")]
StopAt = Annotated[
    int, typer.Option(min=0, help="Stop behind this step, to go on later; 0: at the end.")
]
TokenizerFolder = Annotated[
    Path | None, typer.Option("--tokenizer", help="Its folder, for a run that has none.")
]


def register(train: typer.Typer) -> None:
    """Add the commands to ``train``."""
    train.command("sft")(sft)
    train.command("dpo")(dpo)
    train.command("grpo")(grpo)


def sft(
    examples: Examples,
    run: RunFolder,
    *,
    start: Start,
    size: Size = "0",
    rank: Rank = 16,
    batch: Batch = 0,
    rate: Rate = 0.0,
    steps: Steps = 0,
    micro: Micro = 8,
    save_every: SaveEvery = 50,
    seed: Seed = 0,
    stop_at: StopAt = 0,
    tokenizer: TokenizerFolder = None,
) -> None:
    """Fine-tune a model on right answers. Run it again to go on after any kind of end.

    RUN/model is then an adapter, or with --rank 0 a model, in Hugging Face's form. On a processor, in
    two minutes:  myna train sft grounded/ sft/ --from smollm2-135m-instruct.gguf --size 16
    On 8 GPUs:  torchrun --nproc-per-node 8 -m myna train sft grounded/ sft/ --from MODEL
    """
    plan = _plan(
        "sft", examples, start, size=size, rank=rank, batch=batch, rate=rate, steps=steps,
        seed=seed,
    )  # fmt: skip
    from myna.train.sft import sft as train

    dials = _dials(micro, save_every, stop_at)
    print(f"{train(run, plan, dials, _shown(plan.steps), tokenizer)}")


def dpo(
    examples: Examples,
    run: RunFolder,
    *,
    start: Start,
    size: Size = "0",
    rank: Rank = 16,
    batch: Batch = 0,
    rate: Rate = 0.0,
    steps: Steps = 0,
    micro: Micro = 8,
    save_every: SaveEvery = 50,
    seed: Seed = 0,
    stop_at: StopAt = 0,
    tokenizer: TokenizerFolder = None,
) -> None:
    """Teach a model to prefer right answers to those with one thing wrong. Best behind `sft`.

    Run it again to go on after any kind of end. On a processor, in two minutes:

    myna train dpo grounded/ dpo/ --from sft/model --size 8
    """
    plan = _plan(
        "dpo", examples, start, size=size, rank=rank, batch=batch, rate=rate, steps=steps, seed=seed
    )
    from myna.train.dpo import dpo as train

    dials = _dials(micro, save_every, stop_at)
    print(f"{train(run, plan, dials, _shown(plan.steps), tokenizer)}")


def grpo(
    examples: Examples,
    run: RunFolder,
    *,
    start: Start,
    size: Size = "0",
    rank: Rank = 16,
    batch: Batch = 0,
    samples: Samples = 8,
    rate: Rate = 0.0,
    steps: Steps = 0,
    micro: Micro = 32,
    save_every: SaveEvery = 50,
    seed: Seed = 0,
    stop_at: StopAt = 0,
    tokenizer: TokenizerFolder = None,
) -> None:
    """Let a model try answers, and reward those that the product's own checks accept. Best behind `sft`.

    Rewards: right citation, supported sentences, refusal where due, length, language. Run it again to
    go on after any kind of end. On a processor, in two minutes:

    myna train grpo grounded/ grpo/ --from sft/model --size 6 --batch 2 --samples 4
    """
    plan = _plan(
        "grpo", examples, start, size=size, rank=rank, batch=batch, rate=rate, steps=steps, seed=seed,
        samples=samples,
    )  # fmt: skip
    from myna.train.grpo import grpo as train

    dials = _dials(micro, save_every, stop_at)
    print(f"{train(run, plan, dials, _shown(plan.steps), tokenizer)}")


def _plan(
    method: str,
    examples: Path,
    start: Path,
    *,
    size: str,
    rank: int,
    batch: int,
    rate: float,
    steps: int,
    seed: int,
    samples: int = 1,
) -> Plan:
    """What is asked for, and what follows from it."""
    from myna.errors import ConfigurationError, NotFound

    if not start.exists():
        raise NotFound(f"--from: {start} is not there.")
    try:
        from myna.train.base import size_of
        from myna.train.tune import Plan, batch_for, rate_for
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"{error.name} is not installed. Install the extra: pip install 'myna[train]'"
        ) from None
    from myna.train.examples import Examples as Set
    from myna.train.plan.shape import count_of

    wanted = 0 if size.strip() in {"", "0"} else int(count_of(size, "--size"))
    count = wanted or len(Set(examples, rows=1))
    rows = batch or batch_for(count)
    highest = rate or rate_for(size_of(start), lora=rank > 0, preference=method != "sft")
    return Plan(
        method=method,
        examples=str(examples.resolve()),
        start=str(start.resolve()),
        steps=steps or max(1, round(count / rows)),
        rows=rows,
        rate=highest,
        rank=rank,
        seed=seed,
        samples=samples,
    )


def _dials(micro: int, save_every: int, stop_at: int) -> Dials:
    from myna.train.tune import Dials

    return Dials(micro, save_every, stop_at)


def _shown(steps: int) -> Callable[[Progress], None]:
    """A line every few steps."""

    def told(now: Progress) -> None:
        if now.step % max(1, min(50, steps // 20)) == 0 or now.step == steps:
            more = "".join(
                f"  {said} {now.more[name]:.3f}" for name, said in _TOLD.items() if name in now.more
            )
            print(
                f"step {now.step:,}/{steps:,}  loss {now.loss:.4f}{more}  "
                f"{now.tokens_per_s:,.0f} tokens/s  MFU {now.mfu:.0%}  {now.eta_s / 60:,.1f} min left",
                flush=True,
            )

    return told


_TOLD = {
    "mean_token_accuracy": "right tokens",
    "rewards/margins": "margin",
    "reward": "reward",
}
"""Of a method's own figures, those in the line."""
