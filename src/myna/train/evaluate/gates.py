"""Gates: what a model has to reach to be let through, from a TOML file.

    ["bits/all"]
    most = 1.6
    ["grounded/citation_precision"]
    least = 0.7
    worse_by = 0.02

``most`` and ``least`` are limits; ``worse_by`` is how much worse than the first model of the command line
the figure may be. A figure that was not measured does not pass.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from myna.errors import InvalidRequest
from myna.train.evaluate.figures import Figure

_WORDS = ("least", "most", "worse_by")


@dataclass(frozen=True, slots=True)
class Gate:
    """Limits of one figure."""

    name: str
    least: float | None = None
    most: float | None = None
    worse_by: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a gate says of a model."""

    gate: str
    passed: bool
    why: str


def read_gates(path: Path) -> list[Gate]:
    """The gates of a file.

    Raises:
        InvalidRequest: it is not there, or has what no gate has.
    """
    try:
        told = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise InvalidRequest(f"{path} is not there.") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidRequest(f"{path} cannot be read as TOML ({error}).") from None
    gates: list[Gate] = []
    for name, limits in told.items():
        numbers = isinstance(limits, dict) and all(
            isinstance(value, int | float) and not isinstance(value, bool)
            for value in limits.values()
        )
        if not numbers or not limits or set(limits) - set(_WORDS):
            raise InvalidRequest(
                f'{path}: give ["{name}"] numbers of {", ".join(_WORDS)}, and nothing else.'
            )
        gates.append(Gate(name, **{word: float(value) for word, value in limits.items()}))
    if not gates:
        raise InvalidRequest(f"{path} has no gate.")
    return gates


def judge(
    gates: Sequence[Gate], figures: Mapping[str, Figure], first: Mapping[str, Figure]
) -> list[Verdict]:
    """What the gates say of a model's figures; ``first`` are those of the model compared with."""
    verdicts: list[Verdict] = []
    for gate in gates:
        figure = figures.get(gate.name)
        if figure is None:
            verdicts.append(Verdict(gate.name, False, "not measured"))
            continue
        wrong = list(_wrong(gate, figure, first.get(gate.name)))
        verdicts.append(Verdict(gate.name, not wrong, "; ".join(wrong) or f"{figure.value:.4g}"))
    return verdicts


def _wrong(gate: Gate, figure: Figure, first: Figure | None) -> Sequence[str]:
    value, told = figure.value, list[str]()
    if gate.least is not None and not value >= gate.least:
        told.append(f"{value:.4g} is less than {gate.least:.4g}")
    if gate.most is not None and not value <= gate.most:
        told.append(f"{value:.4g} is more than {gate.most:.4g}")
    if gate.worse_by is not None:
        if first is None:
            told.append("the first model was not measured")
        elif figure.better == "":
            told.append("which way is worse is not known of this figure")
        else:
            worse = first.value - value if figure.better == "higher" else value - first.value
            if not worse <= gate.worse_by:
                told.append(
                    f"{value:.4g} is {worse:.4g} worse than {first.value:.4g}, "
                    f"which is more than {gate.worse_by:.4g}"
                )
    return told
