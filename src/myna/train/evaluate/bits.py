"""Bits per byte on text that no model was trained on, by language: lower is better, and models with
different tokenizers can be compared.

A text's first token is not predicted (there is nothing before it), so its bytes are not counted either;
models that put a token of their own before every text predict all of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from myna.errors import InvalidRequest
from myna.train.evaluate.figures import Figure, Measured, Suite, key_of
from myna.train.evaluate.subject import Likelihood, Subject
from myna.train.evaluate.texts import LEAST_TEXTS, Text


def bits_suite(texts: Sequence[Text]) -> Suite:
    """On these texts.

    Raises:
        InvalidRequest: there is none.
    """
    if not texts:
        raise InvalidRequest(
            "There is no held-out text: give --texts, or a corpus with held-out authors."
        )
    return Suite("bits", key_of(1, texts), lambda subject: measure(subject, texts))


def measure(subject: Subject, texts: Sequence[Text]) -> Measured:
    """Of all texts, and of each language that has enough of them."""
    found = subject.likelihoods([("", one.text) for one in texts])
    groups: dict[str, list[Likelihood]] = {"all": found}
    for text, one in zip(texts, found, strict=True):
        groups.setdefault(text.lang, []).append(one)
    return Measured(
        tuple(
            Figure(f"bits/{name}", bits_per_byte(group), "lower", "bits a byte", len(group))
            for name, group in groups.items()
            if name == "all" or (name != "?" and len(group) >= LEAST_TEXTS)
        )
    )


def bits_per_byte(found: Sequence[Likelihood]) -> float:
    """Of all these texts together."""
    size = sum(one.size for one in found)
    return sum(one.nats for one in found) / math.log(2) / size if size else 0.0
