"""What the runs behind a model tell of it: what each read, under whose consent, how it went.

Sources are told with their licences, authors as a number alone, folders not at all: a model card is
published, and where somebody keeps a corpus is nobody's business.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from myna.errors import MynaError
from myna.train.heldout import RECORD
from myna.train.shards import Index, open_rows, read_index
from myna.train.spans import SEEN, Span, read_spans
from myna.train.tracking import PROGRESS

RUN = "run.json"
"""In a run's folder."""
LAST_STEPS = 20
"""Whose mean loss is told: a single step's says little."""


@dataclass(frozen=True, slots=True)
class Source:
    """A network or a file that a corpus is made of; a file's name has its licence behind it."""

    name: str
    documents: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Corpus:
    """A corpus that a run read."""

    fingerprint: str
    steps: tuple[int, int]
    """First, and behind the last."""
    tokens_read: int
    """0: the run read examples."""
    examples_read: int = 0
    tokens: int = 0
    authors: int = 0
    sources: tuple[Source, ...] = ()
    consent: int = 0
    """The latest version of all consents at which a post of it was taken; 0: there are only files."""
    forgotten: int = 0
    """Authors who were taken out of it again."""
    there: bool = True
    """Whether it still is where the run read it, or its rows are kept."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """All that is known of a run."""

    method: str
    """pretrain, sft, dpo or grpo."""
    settings: dict[str, Any]
    """``run.json`` without its folders."""
    corpora: tuple[Corpus, ...]
    step: int
    loss: float | None
    """The mean of the last steps; nats a token where it was pretrained or fine-tuned."""
    held_out: float | None = None
    """Nats a token on documents of authors that it never read."""
    bits_per_byte: float | None = None
    """Of the same documents."""

    @property
    def read(self) -> str:
        """How much, in words."""
        tokens = sum(corpus.tokens_read for corpus in self.corpora)
        examples = sum(corpus.examples_read for corpus in self.corpora)
        return f"{tokens:,} tokens" if tokens else f"{examples:,} examples"

    def as_json(self) -> dict[str, Any]:
        """For the export's own record."""
        return asdict(self)


def read_lineages(folder: Path, step: int | None = None) -> tuple[Lineage, ...]:
    """Of all runs behind a model, the first one first: of a run (up to one of its steps) or the model
    in it, and of what it started from; or of an export, which hands on what it was made of."""
    exported = folder / "export.json"
    if exported.is_file():
        return tuple(_from_json(one) for one in json.loads(exported.read_text())["lineage"])
    if folder.name == "model" and not (folder / RUN).is_file():
        folder = folder.parent
    if not (folder / RUN).is_file():
        return ()
    told = json.loads((folder / RUN).read_text())
    start = Path(told["start"]) if told.get("start") else None
    before = read_lineages(start) if start and start.is_dir() else ()
    return (*before, _lineage(folder, told, step))


def _lineage(folder: Path, told: dict[str, Any], step: int | None) -> Lineage:
    progress = [one for one in _lines(folder / PROGRESS) if step is None or one["step"] <= step]
    losses = [float(one["loss"]) for one in progress if not one.get("rolled_back")][-LAST_STEPS:]
    reached = max((int(one["step"]) for one in progress), default=0)
    spans = [one for one in read_spans(folder / SEEN) if step is None or one.start < step]
    reached = reached if step is None else step
    measured = [one for one in _lines(folder / RECORD) if one["step"] <= reached]
    latest = measured[-1] if measured else {}
    return Lineage(
        str(told.get("method", "pretrain")),
        _settings(told),
        tuple(_corpora(spans)),
        reached,
        float(np.mean(losses)) if losses else None,
        latest.get("loss"),
        latest.get("bits_per_byte"),
    )


def _settings(told: dict[str, Any]) -> dict[str, Any]:
    """Numbers and short words; nothing that looks like a place."""
    return {
        name: value
        for name, value in told.items()
        if isinstance(value, int | float) or (isinstance(value, str) and "/" not in value)
    }


def _corpora(spans: Iterable[Span]) -> Iterable[Corpus]:
    grouped: dict[str, list[Span]] = {}
    for span in spans:
        grouped.setdefault(span.fingerprint, []).append(span)
    for fingerprint, ones in grouped.items():
        steps = (min(one.start for one in ones), max(one.stop for one in ones))
        tokens = sum((one.stop - one.start) * one.rows * one.sequence for one in ones)
        examples = sum((one.stop - one.start) * one.rows for one in ones if not one.sequence)
        yield _corpus(Path(ones[0].corpus), Corpus(fingerprint, steps, tokens, examples))


def _corpus(folder: Path, known: Corpus) -> Corpus:
    """With what the corpus itself tells, where it still can."""
    try:
        index = read_index(folder)
        forgotten = len(index.forgotten)
        if index.fingerprint != known.fingerprint:
            index = read_index(folder / "earlier" / known.fingerprint)
        sources, authors, consent = _counted(folder, index)
    except (MynaError, OSError):
        return replace(known, there=False)
    return replace(
        known,
        tokens=index.tokens,
        authors=authors,
        sources=sources,
        consent=consent,
        forgotten=forgotten,
    )


def _counted(folder: Path, index: Index) -> tuple[tuple[Source, ...], int, int]:
    documents = np.zeros(len(index.sources), np.int64)
    tokens = np.zeros(len(index.sources), np.int64)
    authors, consent = np.empty(0, np.uint64), 0
    for shard in index.shards:
        rows = open_rows(folder, shard)
        whole = rows[rows["length"] > 0]
        documents += np.bincount(whole["source"], minlength=len(documents))
        tokens += np.bincount(whole["source"], whole["length"], len(tokens)).astype(np.int64)
        authors = np.union1d(authors, rows["author"])
        consent = max(consent, int(rows["consent"].max(initial=0)))
    found = tuple(
        Source(name, int(documents[number]), int(tokens[number]))
        for number, name in enumerate(index.sources)
        if documents[number]
    )
    return found, int((authors != 0).sum()), consent


def _lines(path: Path) -> list[dict[str, Any]]:
    """JSON lines; a last one that a crash cut short is left out."""
    made: list[dict[str, Any]] = []
    for line in path.read_text().splitlines() if path.is_file() else []:
        try:
            made.append(json.loads(line))
        except ValueError:
            continue
    return made


def _from_json(told: dict[str, Any]) -> Lineage:
    corpora = tuple(
        Corpus(
            **one
            | {
                "steps": tuple(one["steps"]),
                "sources": tuple(Source(**source) for source in one["sources"]),
            }
        )
        for one in told["corpora"]
    )
    return replace(Lineage(**told), corpora=corpora)
