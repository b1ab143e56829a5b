"""The held-out split: documents of authors whom no run on the corpus learns from, and a model's loss
on them while it is trained.

A document is held out with any of its authors, so that nobody's words are on both sides. The split
is a corpus of its own in a folder of the corpus, written beside it and forgotten with it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from myna.train.shards import IGNORED, INDEX, Reader, read_index

if TYPE_CHECKING:
    import torch

HELD_OUT = "held-out"
"""Folder in the corpus's."""
RECORD = "held-out.jsonl"
"""In a run's folder: what was measured, a line a checkpoint."""
MOST_SHARE = 0.05
"""Of the rows that are trained on between two checkpoints: so many are measured with at most."""


def is_held_out(authors: Sequence[int], content: int, share: float) -> bool:
    """Whether a document is kept out of training, by the hashes of its authors; where nobody says
    who wrote it, by its text's."""
    limit = int(share * 2**64)
    return any(key < limit for key in authors or (content,))


@dataclass(frozen=True, slots=True)
class Measured:
    """A checkpoint on the held-out documents."""

    step: int
    loss: float
    """Nats a token. A document's first token is not predicted, and not counted."""
    bits_per_byte: float | None
    """Of the same tokens' text; None where the corpus has no tokenizer beside it."""
    tokens: int


class HeldOut:
    """Measures a run's checkpoints, each once. Of a corpus without held-out documents: nothing."""

    def __init__(self, run: Path, train: Reader, micro_rows: int, trained_rows: int) -> None:
        """``trained_rows`` are those between two checkpoints."""
        self._path, self._micro, self._rank = run / RECORD, micro_rows, train.rank
        self._reader: Reader | None = None
        self._lengths = token_bytes(train.folder)
        folder = train.folder / HELD_OUT
        if (folder / INDEX).exists() and read_index(folder).tokens:
            self._reader = Reader(
                folder,
                sequence=train.sequence,
                rows=train.rows,
                rank=train.rank,
                world=train.world,
            )
            least = MOST_SHARE * trained_rows / train.rows
            self._batches = math.ceil(min(self._reader.steps_an_epoch, max(1.0, least)))

    @property
    def measures(self) -> bool:
        """Whether the corpus has held-out documents."""
        return self._reader is not None

    def measure(
        self,
        step: int,
        model: torch.nn.Module,
        device: torch.device,
        total: Callable[[torch.Tensor], torch.Tensor],
    ) -> Measured | None:
        """On all ranks at once; ``total`` sums over them. None where there is nothing to measure
        with, or it was measured before."""
        import torch

        if self._reader is None or step in self._known():
            return None
        sums = np.zeros(3)
        model.eval()
        with torch.no_grad():
            for number in range(self._batches):
                batch = self._reader.batch(number)
                arrays = (batch.tokens, batch.targets, batch.documents, batch.positions)
                for start in range(0, len(batch.tokens), self._micro):
                    part = [
                        torch.from_numpy(array[start : start + self._micro]).to(device)
                        for array in arrays
                    ]
                    sums[0] += float(model(*part))
                told = batch.targets[batch.targets != IGNORED]
                sums[1:] += len(told), 0 if self._lengths is None else self._lengths[told].sum()
        model.train()
        loss, tokens, size = total(torch.from_numpy(sums)).tolist()
        bits = loss / math.log(2) / size if size else None
        measured = Measured(step, loss / max(tokens, 1), bits, int(tokens))
        if self._rank == 0:
            with self._path.open("a") as file:
                file.write(json.dumps(asdict(measured)) + "\n")
        return measured

    def _known(self) -> set[int]:
        return {measured.step for measured in read_measured(self._path)}


def read_measured(path: Path) -> list[Measured]:
    """What a run's record says. A last line that a crash cut short is left out."""
    found: list[Measured] = []
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            found.append(Measured(**json.loads(line)))
        except ValueError:
            continue
    return found


def token_bytes(folder: Path) -> np.ndarray | None:
    """(vocabulary,) bytes of text that each token stands for; None where the corpus has no
    tokenizer. A byte-level BPE writes a token as one character a byte; a special token says none."""
    from myna.train.tokenizer import load_tokenizer

    if not (folder / "tokenizer.json").exists():
        return None
    made, _ = load_tokenizer(folder)
    special = made.get_added_tokens_decoder()
    words = made.get_vocab(with_added_tokens=True)
    lengths = np.zeros(max(words.values()) + 1, np.int64)
    for word, number in words.items():
        lengths[number] = 0 if number in special else len(word)
    return lengths
