"""``myna train grounded``: examples of grounded answers, made of threads of posts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from myna.cli.corpus import Against, Files, HeldOut, Licence, Store, Workers, sources_of
from myna.cli.reading import Shown

if TYPE_CHECKING:
    from myna.train.examples import Example


def register(app: typer.Typer) -> None:
    """Add the command to ``myna train``."""
    app.command()(grounded)


def grounded(
    files: Files = None,
    *,
    to: Annotated[Path, typer.Option(help="Folder of the examples.")] = Path("grounded"),
    size: Annotated[int, typer.Option(min=0, help="Examples at most; 0: all there are.")] = 0,
    licence: Licence = "",
    against: Against = None,
    held_out: HeldOut = 0.005,
    workers: Workers = os.cpu_count() or 1,
    show: Annotated[int, typer.Option(min=0, help="Print so many of the examples.")] = 0,
) -> None:
    """Make examples of grounded answers from threads: questions, numbered posts, answers, refusals.

    Only of authors who let models be trained on their posts; `myna train forget --corpus` takes one out
    again. What was begun and stopped is gone on with. On a CPU, within a minute:

    myna train grounded posts.jsonl --licence CC-BY-4.0 --size 1000 --to grounded
    """
    from myna.train.benchmarks import read_benchmarks
    from myna.train.compose import make_examples
    from myna.train.examples import Examples
    from myna.train.make import forget_withdrawn

    with Store(not files) as db, Shown(to, files or []) as shown:
        index, tally = make_examples(
            to,
            sources_of(files or [], licence, db, shown),
            read_benchmarks(against or []),
            workers=workers,
            size=size,
            held_out=held_out,
            told=lambda tally: shown(tally, 0),
        )
        gone = forget_withdrawn(db, to, index) if db is not None else 0
    languages = ", ".join(f"{name} {count:,}" for name, count in tally.languages.most_common())
    print(
        f"{to}: {tally.documents:,} examples. Of those made now, {tally.refusals:,} are refusals "
        f"({languages or 'none'}); {tally.rejected['exact copy']:,} copies were left out."
    )
    if gone:
        print(f"{gone:,} examples went again: their authors said no meanwhile.")
    if show:
        for example in Examples(to, rows=1).all[:show]:
            _print(example)


def _print(example: Example) -> None:
    print(f"\n{example.prompt[-1][1]}\n→ {example.answer}")
    for worse in example.worse:
        print(f"  worse: {worse}")
