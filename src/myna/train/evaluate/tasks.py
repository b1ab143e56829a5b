"""Tasks of lm-eval on files of this machine: our own small ones, and folders that somebody gives.

A task is lm-eval's YAML with its data beside it (``dataset_path: json``, ``data_files`` relative to the
YAML). No index of the hundreds of tasks of the package is built and nothing is fetched; code that a YAML
names (``!function``) is refused, since a folder of tasks is data.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from myna.errors import ConfigurationError, InvalidRequest
from myna.train.evaluate.figures import Better, Figure, Measured, Suite, key_of
from myna.train.evaluate.subject import Subject

OWN = Path(__file__).parent / "data"
WRITTEN_TOKENS = 64
"""Of a task that lets the model write, unless it says how many."""
_LOWER = ("perplexity", "bits_per_byte", "ter", "brier_score")


def tasks_suite(folders: Sequence[Path], limit: int) -> Suite:
    """Our own tasks and those of ``folders``, ``limit`` items of each.

    Raises:
        InvalidRequest: a task cannot be read.
    """
    tasks = [
        read_task(path) for folder in (OWN, *folders) for path in sorted(folder.glob("*.yaml"))
    ]
    names = [str(one["task"]) for one, _ in tasks]
    if len(set(names)) < len(names):
        raise InvalidRequest("--tasks: two tasks have one name.")
    key = key_of(1, limit, [(told, rows) for told, rows in tasks])
    return Suite("tasks", key, lambda subject: measure(subject, tasks, limit))


def read_task(path: Path) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]]]:
    """What a YAML says, and its data by split.

    Raises:
        InvalidRequest: it is no task, names code, or its data are not beside it.
        ConfigurationError: the extra is not installed.
    """
    try:
        import yaml
    except ModuleNotFoundError:
        raise ConfigurationError(
            "Tasks need the extra: pip install 'myna[train]', or leave them out with --suite."
        ) from None
    try:
        told = yaml.safe_load(path.read_text())
        files = told.pop("dataset_kwargs")["data_files"]
        if not isinstance(told["task"], str) or told.pop("dataset_path") != "json":
            raise KeyError("task")
        rows = {split: _rows(path.parent / name) for split, name in files.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InvalidRequest(
            f"{path} is no task of lm-eval with its data beside it (dataset_path: json, data_files, no "
            f"!function): {first}"
        ) from None
    return told, rows


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]


def measure(
    subject: Subject, tasks: Sequence[tuple[dict[str, Any], dict[str, Any]]], limit: int
) -> Measured:
    """Each task's own figures, without those that say the same in other units."""
    from lm_eval.evaluator import simple_evaluate
    from lm_eval.tasks import TaskManager

    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    asked: list[Any] = [{**told, "custom_dataset": partial(_dataset, rows)} for told, rows in tasks]
    found: Any = simple_evaluate(
        model=_model(subject),
        tasks=asked,
        limit=limit,
        bootstrap_iters=0,
        log_samples=False,
        task_manager=TaskManager(include_defaults=False),
        verbosity="ERROR",
    )
    figures: list[Figure] = []
    for task, values in found["results"].items():
        count = int(found["n-samples"][task]["effective"])
        for name, value in values.items():
            metric, _, kind = name.partition(",")
            if kind == "none" and not metric.endswith("_stderr") and isinstance(value, float):
                better: Better = "lower" if metric in _LOWER else "higher"
                figures.append(Figure(f"tasks/{task}/{metric}", value, better, "", count))
    return Measured(tuple(figures))


def _dataset(rows: dict[str, list[dict[str, Any]]], **told: object) -> Any:
    from datasets import Dataset

    del told
    return {split: Dataset.from_list(held) for split, held in rows.items()}


def _model(subject: Subject) -> Any:
    """The subject as lm-eval asks a model."""
    from lm_eval.api.model import LM

    class Asked(LM):
        def loglikelihood(self, requests: list[Any]) -> list[tuple[float, bool]]:
            found = subject.likelihoods([request.args for request in requests])
            return [(-one.nats, one.greedy) for one in found]

        def loglikelihood_rolling(self, requests: list[Any]) -> list[float]:
            found = subject.likelihoods([("", request.args[0]) for request in requests])
            return [-one.nats for one in found]

        def generate_until(self, requests: list[Any]) -> list[str]:
            return [_write(subject.write, *request.args) for request in requests]

    return Asked()


def _write(write: Callable[..., list[str]], prompt: str, told: dict[str, Any]) -> str:
    stop = told.get("until") or []
    tokens = int(told.get("max_gen_toks") or WRITTEN_TOKENS)
    return write([prompt], tokens=tokens, stop=[stop] if isinstance(stop, str) else stop)[0]
