"""The command line. Each command is a module with ``register(app)``; only the one asked for is
imported, so that a supervisor or a short command stays small and quick to start.
"""

from __future__ import annotations

import importlib
import sys
from typing import Annotated

import typer

from myna import __version__
from myna.errors import MynaError

COMMANDS = {
    "up": "myna.cli.up",
    "serve": "myna.cli.serve",
    "prepare": "myna.cli.prepare",
    "ingest": "myna.cli.ingest",
    "connect": "myna.cli.connect",
    "disconnect": "myna.cli.connect",
    "backfill": "myna.cli.connect",
    "networks": "myna.cli.networks",
    "bot": "myna.cli.bot",
    "search": "myna.cli.search",
    "trends": "myna.cli.trends",
    "ask": "myna.cli.ask",
    "index": "myna.cli.index",
    "consent": "myna.cli.consent",
    "backup": "myna.cli.backup",
    "restore": "myna.cli.restore",
    "models": "myna.cli.models",
    "status": "myna.cli.status",
    "plan": "myna.cli.plan",
    "train": "myna.cli.train",
    "evaluate": "myna.cli.evaluate",
    "export": "myna.cli.export",
}
"""Command → the module that registers it, in the order of ``myna --help``."""


def _show_version(asked: bool) -> None:
    if asked:
        print(f"myna {__version__}")
        raise typer.Exit


def build_app(command: str | None = None) -> typer.Typer:
    """The Typer app with one command, or with all of them when ``command`` is not a known one."""
    app = typer.Typer(
        name="myna",
        help="The AI of a social network that belongs to the network itself.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )

    @app.callback()
    def root(  # pyright: ignore[reportUnusedFunction]
        version: Annotated[
            bool,
            typer.Option(
                "--version", callback=_show_version, is_eager=True, help="Show the version."
            ),
        ] = False,
    ) -> None:
        del version

    modules = [COMMANDS[command]] if command in COMMANDS else list(dict.fromkeys(COMMANDS.values()))
    for module in modules:
        importlib.import_module(module).register(app)
    return app


def main() -> None:
    """Run the command line. An error of ours is one sentence on stderr and exit status 1."""
    command = next((word for word in sys.argv[1:] if not word.startswith("-")), None)
    try:
        build_app(command)(prog_name="myna")
    except MynaError as error:
        print(f"myna: {error}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:  # the reader of our output went away, as `| head` does
        sys.stderr.close()
        sys.exit(1)
