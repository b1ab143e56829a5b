"""``myna evaluate``: models measured beside each other, a report, and pass or fail against gates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from myna.train.evaluate.figures import Suite
    from myna.train.evaluate.report import Row

FAILED = 3


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("evaluate")(evaluate)


def evaluate(
    models: Annotated[
        list[str],
        typer.Argument(
            help="[LABEL=]PLACE: a run, a checkpoint, a Hugging Face folder, a LoRA adapter, a GGUF, or a URL (http://host/v1#NAME)."
        ),
    ],
    *,
    to: Annotated[Path, typer.Option(help="Folder of results and report.")] = Path("evaluation"),
    suite: Annotated[
        str,
        typer.Option(
            help="Of bits,tasks,grounded,canaries,extraction,safety; empty: all that have data."
        ),
    ] = "",
    corpus: Annotated[
        Path | None, typer.Option(help="Corpus: its held-out text, its canaries, its documents.")
    ] = None,
    texts: Annotated[
        list[Path] | None, typer.Option(help="File with text that was held out (bits per byte).")
    ] = None,
    questions: Annotated[
        Path | None, typer.Option(help="JSON lines with text and questions (grounded answers).")
    ] = None,
    tasks: Annotated[
        list[Path] | None, typer.Option(help="Folder with tasks of lm-eval, beside our own.")
    ] = None,
    gates: Annotated[
        Path | None, typer.Option(help="TOML file with what has to be reached.")
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, help="Texts of a language, questions, tasks' items, documents.")
    ] = 200,
) -> None:
    """Measure models and compare them; what was measured before is not measured again.

    Exit status 0: all gates let all models but the first of several through (or the only one); 3: a
    gate did not; 1: an error. On a processor, in a minute:

    myna evaluate run/ --corpus corpus/ --limit 50 --gates gates.toml
    """
    from myna.errors import ConfigurationError

    try:
        from myna.train.evaluate.evaluate import evaluate as measure
        from myna.train.evaluate.gates import read_gates
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"{error.name} is not installed. Install the extra: pip install 'myna[train]'"
        ) from None
    limits = read_gates(gates) if gates else []
    data = _Data(corpus, texts or [], questions, tasks or [], limit)
    rows = measure(models, data.suites(suite), limits, to, lambda line: typer.echo(line, err=True))
    _print(rows)
    print(f"{to / 'report.html'} and report.md have it all.")
    if not all(row.passed for row in rows[1:] or rows):
        raise typer.Exit(FAILED)


class _Data:
    """What was given to measure with, and the suites that it allows."""

    def __init__(
        self,
        corpus: Path | None,
        texts: list[Path],
        questions: Path | None,
        tasks: list[Path],
        limit: int,
    ) -> None:
        self.corpus, self.texts, self.questions = corpus, texts, questions
        self.tasks, self.limit = tasks, limit

    def suites(self, wanted: str) -> list[Suite]:
        """Those asked for, else all that there are data for."""
        from myna.errors import InvalidRequest

        made = self._makers()
        names = [word.strip() for word in wanted.split(",") if word.strip()]
        if unknown := [name for name in names if name not in made]:
            raise InvalidRequest(f"--suite: {unknown[0]} is none of {', '.join(made)}.")
        if names:
            return [made[name]() for name in names]
        given = {"bits": bool(self.texts or self._has("held-out")), "canaries": self._has("canaries.json"),
                 "extraction": self.corpus is not None}  # fmt: skip
        return [make() for name, make in made.items() if given.get(name, True)]

    def _has(self, name: str) -> bool:
        return self.corpus is not None and (self.corpus / name).exists()

    def _makers(self) -> dict[str, Callable[[], Suite]]:
        from myna.train.canaries import read_canaries
        from myna.train.evaluate.bits import bits_suite
        from myna.train.evaluate.grounded import OWN, grounded_suite
        from myna.train.evaluate.memory import canary_suite, extraction_suite
        from myna.train.evaluate.safety import safety_suite
        from myna.train.evaluate.tasks import tasks_suite
        from myna.train.evaluate.texts import of_corpus, of_files

        def bits() -> Suite:
            held = of_corpus(self.corpus, self.limit) if self.corpus else []
            return bits_suite([*of_files(self.texts, self.limit), *held])

        return {
            "bits": bits,
            "tasks": lambda: tasks_suite(self.tasks, self.limit),
            "grounded": lambda: grounded_suite(self.questions or OWN, self.limit),
            "canaries": lambda: canary_suite(read_canaries(self._corpus("canaries"))),
            "extraction": lambda: extraction_suite(self._corpus("extraction"), self.limit),
            "safety": safety_suite,
        }

    def _corpus(self, suite: str) -> Path:
        from myna.errors import InvalidRequest

        if self.corpus is None:
            raise InvalidRequest(f"--suite {suite}: give the corpus with --corpus.")
        return self.corpus


def _print(rows: list[Row]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("figure", *(row.model for row in rows))
    names = list(dict.fromkeys(name for row in rows for name in row.figures))
    for name in names:
        values = [row.figures.get(name) for row in rows]
        table.add_row(name, *("–" if one is None else f"{one.value:.3f}" for one in values))
    Console().print(table)
    for row in rows:
        for one in row.verdicts:
            print(f"{'pass' if one.passed else 'FAIL'}  {row.model}  {one.gate}: {one.why}")
