"""``myna train``: the steps of the model road, each a module that adds its command."""

from __future__ import annotations

import typer

from myna.cli import corpus, grounded, posttrain, pretrain

train = typer.Typer(
    help="Train the network's own model (needs the extra: pip install 'myna[train]').",
    no_args_is_help=True,
    rich_markup_mode=None,
)
corpus.register(train)
grounded.register(train)
pretrain.register(train)
posttrain.register(train)


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.add_typer(train, name="train")
