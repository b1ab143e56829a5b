"""Decontamination: what a model is measured with is never trained on (GPT-3, Brown et al. 2020)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from myna.errors import InvalidRequest

N = 8
"""Words in a row that a text must share with a benchmark to be left out. Of a benchmark's text of
fewer words, but at least ``LEAST``, all must be there."""
LEAST = 5
_WORD = re.compile(r"\w+")


class Benchmarks:
    """The runs of words of all evaluation sets."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._runs: dict[int, set[str]] = {}
        for text in texts:
            words = _WORD.findall(text.lower())
            size = min(N, len(words))
            if size >= LEAST:
                runs = self._runs.setdefault(size, set())
                runs.update(" ".join(words[at : at + size]) for at in range(len(words) - size + 1))

    def touch(self, text: str) -> bool:
        """Whether a text shares a run of words with an evaluation set."""
        if not self._runs:
            return False
        words = _WORD.findall(text.lower())
        return any(
            " ".join(words[at : at + size]) in runs
            for size, runs in self._runs.items()
            for at in range(len(words) - size + 1)
        )


def read_benchmarks(paths: Iterable[Path]) -> Benchmarks:
    """All strings of JSON-lines files, or the lines of text files.

    Raises:
        InvalidRequest: a file is not there or cannot be read.
    """
    return Benchmarks(text for path in paths for text in _texts(path))


def _texts(path: Path) -> Iterator[str]:
    from myna.train.files import open_lines

    for number, line in enumerate(open_lines(path), 1):
        if ".json" not in path.name:
            yield line
            continue
        try:
            yield from _strings(json.loads(line))
        except ValueError:
            raise InvalidRequest(f"{path}, line {number}: this is not JSON.") from None


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)
