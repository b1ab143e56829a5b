"""Canaries: invented secrets that are planted in a corpus, to measure how much a model trained on it
remembers of what was said only so often (Carlini et al. 2019, "The Secret Sharer").

They are nobody's. Each has a sentence of its own and nine random digits, and is planted 1, 4, 16 or 64
times: what is seen once shows what single posts risk, what is seen often that memory is measured.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from myna.errors import InvalidRequest, NotFound
from myna.train.shards import replace_file

FILE = "canaries.json"
"""In the corpus's folder: they must be known to be looked for."""
SOURCE = "canary"
TIMES = (1, 4, 16, 64)
GROUPS, DIGITS = 3, 3
SPACE_BITS = 29.897352853986263
"""log2 of the secrets that there might be: 10^9."""
_SYLLABLES = ("ba", "do", "fe", "gu", "ki", "lo", "mi", "nu", "pa", "ro", "su", "te", "vi", "za")


@dataclass(frozen=True, slots=True)
class Canary:
    """One secret."""

    prefix: str
    """The sentence up to it."""
    secret: str
    times: int
    """How often it is planted."""

    @property
    def text(self) -> str:
        """The document."""
        return self.prefix + self.secret


def make_canaries(count: int, seed: str) -> list[Canary]:
    """``count`` of them; the same for a seed."""
    dice = random.Random(f"canaries {seed}")
    made: list[Canary] = []
    for number in range(count):
        name = "".join(dice.choice(_SYLLABLES) for _ in range(4)).capitalize()
        prefix = f"The number of the locker at {name} {number + 1} is"
        made.append(Canary(prefix, secret(dice), TIMES[number % len(TIMES)]))
    return made


def secret(dice: random.Random) -> str:
    """`` 281 265 017``: spaced, so that tokenizers cut all of them alike."""
    groups = ["".join(dice.choice("0123456789") for _ in range(DIGITS)) for _ in range(GROUPS)]
    return " " + " ".join(groups)


def planted(canaries: Iterable[Canary]) -> Iterator[str]:
    """All documents to plant."""
    for one in canaries:
        yield from [one.text] * one.times


def write_canaries(folder: Path, canaries: Iterable[Canary]) -> None:
    """Note them beside the corpus."""
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / FILE, json.dumps([asdict(one) for one in canaries], indent=1).encode())


def read_canaries(folder: Path) -> list[Canary]:
    """Those of a corpus.

    Raises:
        NotFound: none were planted.
        InvalidRequest: the file cannot be read.
    """
    try:
        return [Canary(**told) for told in json.loads((folder / FILE).read_text())]
    except FileNotFoundError:
        raise NotFound(
            f"{folder} has no canaries. Plant some: myna train corpus --canaries 16"
        ) from None
    except (ValueError, TypeError) as error:
        raise InvalidRequest(f"{folder / FILE} cannot be read ({error}).") from None
