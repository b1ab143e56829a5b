"""``myna train pretrain``: a model from a corpus of token shards."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from myna.train.pretrain import Progress


def register(train: typer.Typer) -> None:
    """Add the command to ``train``."""
    train.command("pretrain")(pretrain)


def pretrain(
    corpus: Annotated[Path, typer.Argument(help="Folder that `myna train corpus` made.")],
    run: Annotated[Path, typer.Argument(help="Folder of the run; one that was begun goes on.")],
    *,
    size: Annotated[str, typer.Option(help="Parameters: 1m, 124m, 1.7b. All else follows.")] = "1m",
    start: Annotated[
        Path | None,
        typer.Option("--from", help="Go on from a Hugging Face checkpoint (a folder) or a GGUF."),
    ] = None,
    steps: Annotated[
        int, typer.Option(min=0, help="Steps; 0: until 20 tokens a parameter are read.")
    ] = 0,
    batch: Annotated[int, typer.Option(min=0, help="Tokens of a step; 0: by size.")] = 0,
    sequence: Annotated[int, typer.Option(min=0, help="Tokens of a row; 0: by size.")] = 0,
    micro: Annotated[int, typer.Option(min=1, help="Rows that a device reads at once.")] = 8,
    save_every: Annotated[int, typer.Option(min=1, help="Steps between checkpoints.")] = 200,
    shard_group: Annotated[
        int, typer.Option(min=0, help="Ranks that divide one copy (HSDP); 0: all (FSDP).")
    ] = 0,
    tensor: Annotated[
        int, typer.Option(min=1, help="Ranks of one server that share each matrix.")
    ] = 1,
    recompute: Annotated[
        bool,
        typer.Option("--recompute", help="Make activations again: less memory, a third slower."),
    ] = False,
    compiled: Annotated[bool, typer.Option("--compile", help="torch.compile each layer.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of weights and order of the posts.")] = 0,
    stop_at: Annotated[int, typer.Option(min=0, help="Stop behind this step, to go on later.")] = 0,
) -> None:
    """Pretrain a model. Run it again to go on after any kind of end, also with other ranks.

    On a processor, in two minutes:  myna train pretrain corpus/ run/ --size 1m --steps 60
    On 8 GPUs:  torchrun --nproc-per-node 8 -m myna train pretrain corpus/ run/ --size 560m --compile
    """
    from myna.errors import ConfigurationError

    try:
        from myna.train.pretrain import Dials, Plan
        from myna.train.pretrain import pretrain as train
        from myna.train.weights import load_model
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"{error.name} is not installed. Install the extra: pip install 'myna[train]'"
        ) from None
    from myna.train.scale import scale_for
    from myna.train.shards import read_index

    index = read_index(corpus)
    scale = scale_for(size, index.vocabulary)
    first = load_model(start) if start else None
    config = first.config if first else scale.config(index.vocabulary)
    length = sequence or scale.sequence
    ranks = max(1, int(os.environ.get("WORLD_SIZE", "1")) // tensor)
    rows = max(1, (batch or scale.batch_tokens) // length)
    plan = Plan(
        corpus=str(corpus),
        config=config,
        sequence=length,
        rows=max(ranks, rows // ranks * ranks),
        steps=steps or max(1, round(scale.tokens / (rows * length))),
        matrix_rate=scale.matrix_rate / (4 if first else 1),
        other_rate=scale.other_rate / (4 if first else 1),
        seed=seed,
    )
    dials = Dials(
        micro,
        save_every,
        compiled,
        stop_at=stop_at,
        shard_group=shard_group,
        tensor=tensor,
        recompute=recompute,
    )
    train(run, plan, dials, _shown(run, plan.steps), first)


def _shown(run: Path, steps: int) -> Callable[[Progress], None]:
    """A line every few steps, and all of it for TensorBoard."""
    from myna.train.tracking import Board

    board: Board | None = None

    def told(now: Progress) -> None:
        nonlocal board
        if board is None:
            board = Board(run)
        names = ("loss", "gradient", "rate", "tokens_per_s", "mfu")
        board.add(now.step, {name: getattr(now, name) for name in names})
        held = now.held_out
        if held is not None:
            figures = {"loss": held.loss, "bits_per_byte": held.bits_per_byte or 0.0}
            board.add(held.step, {f"held_out/{name}": one for name, one in figures.items()})
        if (
            now.step % max(1, min(50, steps // 20)) == 0
            or now.rolled_back
            or now.step == steps
            or held
        ):
            board.flush()
            more = ", rolled back past a spike" if now.rolled_back else ""
            if held is not None:
                more += f", held out {held.loss:.4f}"
                more += f" ({held.bits_per_byte:.3f} bits a byte)" if held.bits_per_byte else ""
            if now.slow_ranks:
                more += f", slow ranks {', '.join(map(str, now.slow_ranks))}"
            print(
                f"step {now.step:,}/{steps:,}  loss {now.loss:.4f}  {now.tokens_per_s:,.0f} tokens/s"
                f"  MFU {now.mfu:.0%}  {now.eta_s / 60:,.1f} min left{more}",
                flush=True,
            )

    return told
