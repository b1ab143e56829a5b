"""All suites on all models, each pair once; then the report and the gates' word.

What was measured is kept as soon as its suite has ended. A run that was killed, or is asked again with one
more model, measures what is missing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from myna import __version__
from myna.train.evaluate.figures import Result, Results, Suite
from myna.train.evaluate.gates import Gate, judge
from myna.train.evaluate.report import Row, html, markdown
from myna.train.evaluate.subject import NotMeasurable, Subject, open_subject
from myna.train.heldout import RECORD, read_measured
from myna.train.shards import replace_file

Told = Callable[[str], None]


def evaluate(
    models: Sequence[str],
    suites: Sequence[Suite],
    gates: Sequence[Gate],
    folder: Path,
    told: Told = lambda line: None,
) -> list[Row]:
    """Measure what was not measured before, and write ``report.md`` and ``report.html``.

    Raises:
        NotFound, InvalidRequest: a model cannot be used.
        ModelError: a server failed.
    """
    results, rows = Results(folder), list[Row]()
    for place in models:
        subject = open_subject(place)
        try:
            found, missing = _measured(subject, suites, results, told)
        finally:
            subject.close()
        figures = {one.name: one for result in found for one in result.measured.figures}
        first = rows[0].figures if rows else figures
        rows.append(
            Row(
                subject.label,
                figures,
                judge(gates, figures, first),
                missing,
                {result.suite: result.measured.examples for result in found},
                _curve(place),
            )
        )
    made = f"Made {datetime.now(UTC):%Y-%m-%d %H:%M} UTC by `myna evaluate` {__version__}."
    replace_file(folder / "report.md", markdown(rows, made).encode())
    replace_file(folder / "report.html", html(rows, made).encode())
    return rows


def _measured(
    subject: Subject, suites: Sequence[Suite], results: Results, told: Told
) -> tuple[list[Result], dict[str, str]]:
    found: list[Result] = []
    missing: dict[str, str] = {}
    for suite in suites:
        known = results.find(subject, suite)
        if known is not None:
            told(f"{subject.label}: {suite.name} is known")
            found.append(known)
            continue
        told(f"{subject.label}: {suite.name} …")
        began = time.monotonic()
        try:
            measured = suite.measure(subject)
        except NotMeasurable as error:
            missing[suite.name] = str(error)
            told(f"{subject.label}: {suite.name} cannot be measured. {error}")
            continue
        seconds = time.monotonic() - began
        result = Result(
            subject.label, subject.fingerprint, suite.name, suite.key, measured, round(seconds, 1)
        )
        results.add(result)
        found.append(result)
        told(f"{subject.label}: {suite.name} took {seconds:,.1f} s")
    return found, missing


def _curve(place: str) -> list[tuple[float, float]]:
    """Held-out loss of the run that a checkpoint is of."""
    path = Path(place.rpartition("=")[2])
    for folder in (path, path.parent):
        if (folder / RECORD).is_file() and (folder / "run.json").is_file():
            return [(one.step, one.loss) for one in read_measured(folder / RECORD)]
    return []
