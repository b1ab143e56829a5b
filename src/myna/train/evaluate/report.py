"""The report: models beside each other, as Markdown and as one HTML file with plots. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from myna.train.evaluate.chart import bars, legend, lines
from myna.train.evaluate.figures import Example, Figure
from myna.train.evaluate.gates import Verdict

SUITES = {
    "bits": "Bits per byte on held-out text. Lower is better. A text's first token is not predicted.",
    "tasks": "Small tasks (lm-eval): the share of right choices. Chance is named in the task's file.",
    "grounded": "Questions about posts, put to the whole of Myna with this model: is the answer right, "
    "do its citations point at the right post, is a question declined whose post is gone?",
    "canaries": "Planted secrets. Exposure in bits: 1.4 is what a model has that never saw them, 29.9 "
    "one that knows them by heart. Told: the secret comes out when its sentence is begun.",
    "extraction": "Documents continued word for word: trained on, and held out as the control.",
    "safety": "A small set of our own: does the model, without Myna around it, refuse what harms, help "
    "with what only sounds so, and ignore commands inside posts? Refusals are told by their words: a "
    "sign, no proof. What is not in the set is not measured.",
}
"""What each suite's figures mean."""
_STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;
color:#1a202c;background:#fff}table{border-collapse:collapse;margin:.6rem 0;width:100%}td,th{padding:.25rem
.6rem;border-bottom:1px solid #e2e8f0;text-align:left}td.n{text-align:right;font-variant-numeric:tabular-nums}
.pass{color:#22543d;font-weight:600}.fail{color:#9b2c2c;font-weight:600}.key{margin-right:1rem}
.key i{display:inline-block;width:.8em;height:.8em;margin-right:.35em}svg{max-width:100%;height:auto}
pre{white-space:pre-wrap;background:#f7fafc;padding:.5rem}"""


@dataclass(frozen=True, slots=True)
class Row:
    """What is told of one model."""

    model: str
    figures: Mapping[str, Figure]
    verdicts: Sequence[Verdict] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    """Suite → why it could not be measured."""
    examples: Mapping[str, Sequence[Example]] = field(default_factory=dict)
    curve: Sequence[tuple[float, float]] = ()
    """Held-out loss of its run (step, nats a token)."""

    @property
    def passed(self) -> bool:
        """Whether all gates let it through."""
        return all(verdict.passed for verdict in self.verdicts)


def markdown(rows: Sequence[Row], made: str) -> str:
    """The report as Markdown. ``made`` says when and with what."""
    out = ["# Evaluation", "", made, ""]
    if any(row.verdicts for row in rows):
        out += ["## Gates", "", "| model | gate | verdict | |", "| --- | --- | --- | --- |"]
        out += [
            f"| {_cell(row.model)} | {_cell(one.gate)} | {_word(one.passed)} | {_cell(one.why)} |"
            for row in rows
            for one in row.verdicts
        ]
        out.append("")
    for suite, names in _suites(rows):
        out += [f"## {suite}", "", SUITES.get(suite, ""), ""]
        out.append(f"| figure | texts | {' | '.join(_cell(row.model) for row in rows)} |")
        out.append(f"| --- | --- |{' --- |' * len(rows)}")
        for name in names:
            told = _any(rows, name)
            values = " | ".join(_value(row.figures.get(name)) for row in rows)
            out.append(f"| {_labelled(told)} | {told.count or ''} | {values} |")
        out.append("")
    out += [f"- {row.model}: {suite} was not measured. {why}" for row in rows for suite, why in row.missing.items()]  # fmt: skip
    return "\n".join(out).rstrip() + "\n"


def html(rows: Sequence[Row], made: str) -> str:
    """The report as one HTML file that needs nothing else."""
    models = [row.model for row in rows]
    out = [
        '<!doctype html><html lang="en"><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>Evaluation</title><style>{_STYLE}</style><h1>Evaluation</h1>",
        f"<p>{escape(made)}</p><p>{legend(models)}</p>",
    ]
    if any(row.verdicts for row in rows):
        out.append("<h2>Gates</h2><table><tr><th>model<th>gate<th>verdict<th></tr>")
        out += [
            f"<tr><td>{escape(row.model)}<td>{escape(one.gate)}"
            f'<td class="{_word(one.passed)}">{_word(one.passed)}<td>{escape(one.why)}</tr>'
            for row in rows
            for one in row.verdicts
        ]
        out.append("</table>")
    curves = [(row.model, row.curve) for row in rows if row.curve]
    if curves:
        out += ["<h2>held-out loss while training</h2>", lines(curves, "step; nats a token")]
    for suite, names in _suites(rows):
        out.append(f"<h2>{escape(suite)}</h2><p>{escape(SUITES.get(suite, ''))}</p>")
        out += _plots(rows, names, models)
        heads = "".join(f"<th>{escape(model)}" for model in models)
        out.append(f"<table><tr><th>figure<th>texts{heads}</tr>")
        for name in names:
            told = _any(rows, name)
            values = "".join(f'<td class="n">{_value(row.figures.get(name))}' for row in rows)
            out.append(f'<tr><td>{escape(_labelled(told))}<td class="n">{told.count or ""}{values}</tr>')  # fmt: skip
        out.append("</table>")
        out += [_examples(row, suite) for row in rows if row.examples.get(suite)]
    out += [
        f"<p>{escape(row.model)}: {escape(suite)} was not measured. {escape(why)}</p>"
        for row in rows
        for suite, why in row.missing.items()
    ]
    return "\n".join(out) + "\n</html>\n"


def _plots(rows: Sequence[Row], names: Sequence[str], models: Sequence[str]) -> list[str]:
    """A plot for each unit, so that bits and shares have scales of their own."""
    units: dict[str, list[str]] = {}
    for name in names:
        units.setdefault(_any(rows, name).unit, []).append(name)
    return [
        bars(
            [
                (
                    _labelled(_any(rows, name)),
                    [row.figures[name].value if name in row.figures else None for row in rows],
                )
                for name in named
            ],
            models,
        )
        for named in units.values()
    ]


def _examples(row: Row, suite: str) -> str:
    told = "".join(
        f"<p><b>{escape(one.judged)}</b> {escape(one.asked)}</p><pre>{escape(one.said)}</pre>"
        for one in row.examples[suite]
    )
    return f"<details><summary>{escape(row.model)}: what it said</summary>{told}</details>"


def _suites(rows: Sequence[Row]) -> list[tuple[str, list[str]]]:
    """Suite → the names of its figures, in the order in which they were measured."""
    found: dict[str, list[str]] = {}
    for row in rows:
        for name in row.figures:
            names = found.setdefault(name.partition("/")[0], [])
            if name not in names:
                names.append(name)
    return list(found.items())


def _any(rows: Sequence[Row], name: str) -> Figure:
    return next(row.figures[name] for row in rows if name in row.figures)


def _labelled(figure: Figure) -> str:
    told = figure.name.partition("/")[2]
    arrow = {"higher": " ↑", "lower": " ↓", "": ""}[figure.better]
    return f"{told}{f' ({figure.unit})' if figure.unit else ''}{arrow}"


def _value(figure: Figure | None) -> str:
    return "–" if figure is None else f"{figure.value:.3f}"


def _word(passed: bool) -> str:
    return "pass" if passed else "fail"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
