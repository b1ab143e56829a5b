"""Texts to measure with: of files, and of a corpus, its held-out authors' or those trained on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from myna.index.language import language
from myna.train.canaries import SOURCE
from myna.train.files import read_file
from myna.train.heldout import HELD_OUT
from myna.train.shards import INDEX, open_rows, open_tokens, read_index
from myna.train.tokenizer import load_tokenizer

LEAST_TEXTS = 10
"""Of a language, for a figure of its own."""


@dataclass(frozen=True, slots=True)
class Text:
    """One text and its language."""

    text: str
    lang: str


def of_files(paths: Sequence[Path], limit: int) -> list[Text]:
    """At most ``limit`` texts of each language, those that a hash of the text names first: the same
    whatever else is in the files."""
    found: dict[str, list[str]] = {}
    for path in paths:
        for _, piece in read_file(path, "asked for"):
            if text := piece.text.strip():
                found.setdefault(language(text, piece.lang) or "?", []).append(text)
    return _chosen(found, limit)


def of_corpus(folder: Path, limit: int) -> list[Text]:
    """The same of a corpus's held-out documents; none where it has none."""
    found: dict[str, list[str]] = {}
    for text in documents(folder / HELD_OUT, folder, most=50 * limit):
        found.setdefault(language(text) or "?", []).append(text)
    return _chosen(found, limit)


def documents(shards: Path, tokenizer: Path, *, most: int, seed: int = 0) -> Iterator[str]:
    """About ``most`` documents of a corpus, drawn by a seed, as text; canaries are left out."""
    if not (shards / INDEX).exists():
        return
    index = read_index(shards)
    made, _ = load_tokenizer(tokenizer)
    dice = np.random.default_rng(seed)
    total = max(1, sum(shard.documents for shard in index.shards))
    planted = index.sources.index(SOURCE) if SOURCE in index.sources else -1
    for shard in index.shards:
        rows = open_rows(shards, shard)
        rows = rows[(rows["length"] > 0) & (rows["source"] != planted)]
        tokens = open_tokens(shards, index, shard)
        drawn = dice.permutation(len(rows))[: -(-most * shard.documents // total)]
        for row in rows[drawn]:
            start = int(row["start"])
            ids = tokens[start : start + int(row["length"])].tolist()
            yield made.decode(ids, skip_special_tokens=True)


def _chosen(found: dict[str, list[str]], limit: int) -> list[Text]:
    made: list[Text] = []
    for lang in sorted(found):
        texts = sorted(set(found[lang]), key=lambda text: hashlib.sha256(text.encode()).digest())
        made += [Text(text, lang) for text in texts[:limit]]
    return made
