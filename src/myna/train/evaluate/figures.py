"""Figures: what a suite says of a model, kept so that it is not measured again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from myna.train.evaluate.subject import Subject

Better = Literal["higher", "lower", ""]


@dataclass(frozen=True, slots=True)
class Figure:
    """One number, named ``suite/what``."""

    name: str
    value: float
    better: Better = ""
    unit: str = ""
    count: int = 0
    """Of how many texts, questions or prompts."""


@dataclass(frozen=True, slots=True)
class Example:
    """Something to read beside the numbers."""

    asked: str
    said: str
    judged: str


@dataclass(frozen=True, slots=True)
class Measured:
    """What a suite found."""

    figures: tuple[Figure, ...]
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True)
class Suite:
    """One way of measuring."""

    name: str
    key: str
    """Says which data and settings it measures with: with others it is measured again."""
    measure: Callable[[Subject], Measured]


@dataclass(frozen=True, slots=True)
class Result:
    """Of one suite and one model."""

    model: str
    fingerprint: str
    suite: str
    key: str
    measured: Measured
    seconds: float


class Results:
    """All results in a folder: one JSON line each, appended when a suite has ended."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "results.jsonl"
        folder.mkdir(parents=True, exist_ok=True)
        self._held = {(one.fingerprint, one.suite, one.key): one for one in self._read()}

    def find(self, subject: Subject, suite: Suite) -> Result | None:
        """What was measured before, of this very model with this very suite."""
        return self._held.get((subject.fingerprint, suite.name, suite.key))

    def add(self, result: Result) -> None:
        """Keep a result, onto the disk."""
        with self.path.open("a") as file:
            file.write(json.dumps(asdict(result)) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._held[result.fingerprint, result.suite, result.key] = result

    def _read(self) -> Iterable[Result]:
        for line in self.path.read_text().splitlines() if self.path.exists() else ():
            try:
                told: dict[str, Any] = json.loads(line)
            except ValueError:  # cut short by a crash
                continue
            measured = Measured(
                tuple(Figure(**one) for one in told["measured"]["figures"]),
                tuple(Example(**one) for one in told["measured"]["examples"]),
            )
            yield Result(**{**told, "measured": measured})


def key_of(*told: object) -> str:
    """A suite's key from all that it depends on."""
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


def share(values: Sequence[bool]) -> float:
    """Part of the values that are true; 0 of none."""
    return sum(values) / len(values) if values else 0.0
