"""A run's record of what its steps read: appended before the checkpoint that saw it is written."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from myna.train.shards import Reader

SEEN = "seen.jsonl"
"""A run's record of what its steps read, in the folder of its checkpoints."""


@dataclass(frozen=True, slots=True)
class Span:
    """Steps of a run, and all that is needed to tell what they read."""

    corpus: str
    """Folder of the corpus as the run was given it."""
    fingerprint: str
    shards: tuple[str, ...]
    """Names of all shards of the corpus at that time."""
    seed: int
    sequence: int
    """Tokens of a row; 0: the run read examples, ``rows`` of them in a step."""
    rows: int
    start: int
    stop: int
    """Behind the last step."""


def span_of(reader: Reader, start: int, stop: int) -> Span:
    """What a run notes about the steps that it made."""
    names = tuple(shard.name for shard in reader.index.shards)
    place = str(reader.folder.resolve())
    told = (reader.index.fingerprint, names, reader.seed, reader.sequence, reader.rows)
    return Span(place, *told, start, stop)


def add_span(path: Path, span: Span) -> None:
    """Append to a run's record (JSON lines), onto the disk, before the checkpoint that saw it."""
    with path.open("a") as file:
        file.write(json.dumps(asdict(span)) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_spans(path: Path) -> list[Span]:
    """A run's record. A last line that a crash cut short is left out."""
    if not path.exists():
        return []
    spans: list[Span] = []
    for line in path.read_text().splitlines():
        try:
            told = json.loads(line)
        except ValueError:
            continue
        spans.append(Span(**told | {"shards": tuple(told["shards"])}))
    return spans
