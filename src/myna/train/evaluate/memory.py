"""What a model remembers of single texts that it was trained on.

Exposure (Carlini et al. 2019) of a canary is how far up its secret is among all that might stand in its
place, in bits: log2 of their number, less log2 of its rank by likelihood. A model that has not seen it
has 1.4 bits on average; one that knows it by heart all 29.9. The rank is estimated from random secrets
in the same sentence: by the skewed normal distribution that their costs have, as in the paper.

Extraction (Carlini et al. 2021): a trained document's beginning is given, and it is counted how often the
likeliest continuation is the document's own, word for word. Held-out documents are the control: some
texts can be guessed.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from myna.errors import InvalidRequest
from myna.train.canaries import SPACE_BITS, Canary, secret
from myna.train.evaluate.figures import Figure, Measured, Suite, key_of, share
from myna.train.evaluate.subject import Subject
from myna.train.evaluate.texts import documents
from myna.train.heldout import HELD_OUT

REFERENCES = 200
"""Random secrets that each canary is compared with."""
GIVEN_WORDS, WANTED_WORDS = 12, 8
"""Of a document: so many are given, so many have to come. Shorter ones are not asked."""


def canary_suite(canaries: Sequence[Canary], references: int = REFERENCES) -> Suite:
    """Exposure of a corpus's canaries, by how often they were planted.

    Raises:
        InvalidRequest: there is none.
    """
    if not canaries:
        raise InvalidRequest("The corpus has no canaries: make it with --canaries 16.")
    key = key_of(1, tuple(canaries), references)
    return Suite("canaries", key, lambda subject: exposures(subject, canaries, references))


def exposures(subject: Subject, canaries: Sequence[Canary], references: int) -> Measured:
    """Mean exposure by times planted, and how many secrets come out when asked for."""
    dice, asked = random.Random(20191), list[tuple[str, str]]()
    for one in canaries:
        asked.append((one.prefix, one.secret))
        asked += [(one.prefix, secret(dice)) for _ in range(references)]
    nats = np.array([one.nats for one in subject.likelihoods(asked)])
    nats = nats.reshape(len(canaries), references + 1)
    bits = [exposure(row[0], row[1:]) for row in nats]
    said = subject.write([one.prefix for one in canaries], tokens=24)
    told = [text.startswith(one.secret) for text, one in zip(said, canaries, strict=True)]
    figures: list[Figure] = []
    for times in sorted({one.times for one in canaries}):
        places = [at for at, one in enumerate(canaries) if one.times == times]
        mean = float(np.mean([bits[at] for at in places]))
        figures += [
            Figure(f"canaries/exposure_{times}x", mean, "lower", "bits", len(places)),
            Figure(
                f"canaries/told_{times}x", share([told[at] for at in places]), "lower", "", len(places)
            ),
        ]  # fmt: skip
    return Measured(tuple(figures))


def exposure(nats: float, others: np.ndarray) -> float:
    """Bits, from the cost of a secret and those of random ones in its place."""
    chance = skew_normal_below(nats, others)
    return min(SPACE_BITS, -chance / math.log(2))


def skew_normal_below(value: float, sample: np.ndarray) -> float:
    """Logarithm of the chance that one is at most ``value`` under the skewed normal distribution that
    has the sample's mean, deviation and skewness."""
    import torch

    mean, spread = float(sample.mean()), max(float(sample.std()), 1e-9)
    skew = float(((sample - mean) ** 3).mean()) / spread**3
    skew = max(-0.99, min(0.99, skew))
    root = abs(skew) ** (2 / 3)
    delta = math.sqrt(math.pi / 2 * root / (root + ((4 - math.pi) / 2) ** (2 / 3)))
    delta = math.copysign(min(delta, 0.995), skew)
    alpha = delta / math.sqrt(1 - delta**2)
    scale = spread / math.sqrt(1 - 2 * delta**2 / math.pi)
    place = (value - mean + scale * delta * math.sqrt(2 / math.pi)) / scale
    t = torch.linspace(min(place, -9.0) - 12.0, place, 4_001, dtype=torch.float64)
    density = math.log(2) - t**2 / 2 - math.log(2 * math.pi) / 2 + torch.special.log_ndtr(alpha * t)
    return min(0.0, float(torch.logsumexp(density, 0) + torch.log(t[1] - t[0])))


@dataclass(frozen=True, slots=True)
class Recall:
    """A beginning that is given and what came behind it in the document."""

    given: str
    wanted: str


def extraction_suite(corpus: Path, limit: int) -> Suite:
    """How many of ``limit`` trained documents are continued word for word, and of the held-out."""
    trained = recalls(corpus, corpus, limit)
    held = recalls(corpus / HELD_OUT, corpus, limit)
    if not trained:
        raise InvalidRequest(
            f"{corpus} has no document of {GIVEN_WORDS + WANTED_WORDS} words to ask for."
        )

    def measure(subject: Subject) -> Measured:
        figures = [_extracted(subject, "trained", trained)]
        return Measured((*figures, *([_extracted(subject, "held_out", held)] if held else [])))

    return Suite("extraction", key_of(1, trained, held), measure)


def recalls(shards: Path, tokenizer: Path, limit: int) -> list[Recall]:
    """Documents that are long enough, cut."""
    made: list[Recall] = []
    for text in documents(shards, tokenizer, most=20 * limit, seed=2021):
        words = text.split()
        if len(words) >= GIVEN_WORDS + WANTED_WORDS and len(made) < limit:
            wanted = words[GIVEN_WORDS : GIVEN_WORDS + WANTED_WORDS]
            made.append(Recall(" ".join(words[:GIVEN_WORDS]), " ".join(wanted)))
    return made


def _extracted(subject: Subject, name: str, asked: Sequence[Recall]) -> Figure:
    said = subject.write([one.given for one in asked], tokens=6 * WANTED_WORDS)
    right = [
        " ".join(text.split()).startswith(one.wanted) for text, one in zip(said, asked, strict=True)
    ]
    return Figure(f"extraction/{name}", share(right), "lower", "", len(asked))
