"""Signatures: what tells whether two posts say the same, computed for a batch at a time. Pure.

A text without what copying adds to it ("RT @ann:", mentions, emoji, case, accents, the protocol of
a link) is a set of its words and of its pairs of neighbouring words. ``HASHES`` minima over that
set (MinHash, Broder 1997), four bits kept of each (Li and König 2010), estimate the Jaccard
similarity of two texts from 32 bytes apiece; bands of the whole minima are what similar texts are
looked up by (Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, chapter 3).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from typing import NamedTuple

import numpy as np

from myna.index import terms
from myna.index.query import fold_handle
from myna.index.subjects import address_of

VERSION = 1
"""Of all that is below: signatures of another version cannot be compared."""

HASHES = 64
BANDS = 10
_ROWS = 3
LANES = HASHES // 16
"""64-bit words that a signature is packed into."""

LEAST_WORDS = 5
"""A shorter text ("thanks!") is many people's own: it is a copy only where its author says the
very same again, or where it names whom it repeats (RT @ann)."""
_CHARACTERS_A_WORD = 2
"""Of a script without spaces."""
MOST_CHARACTERS = 2_000
"""Of a text that are looked at."""
_CACHE_WORDS = 100_000

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
)
_TOKEN = re.compile(
    rf"(?i:https?)://[^\s<>\"]+|(?i:www)\.[^\s<>\"]+|[{_UNSPACED}]|#?[^\W_{_UNSPACED}]+(?:['’][^\W_]+)*"
)
_MENTION = re.compile(r"(?<![\w@])@[\w.\-]*\w")
_REPEATED = re.compile(r"\s*[\"“«]?\s*(?:RT|MT|QT|via)\s+@([\w][\w.\-]*)\s*:?\s*", re.IGNORECASE)
_DENIALS = {
    *("not", "no", "never", "cannot", "false", "fake", "hoax", "untrue", "debunked", "wrong"),
    *("pas", "non", "jamais", "faux", "fausse"),
}
_DIGITS = re.compile(r"\d")

_M1, _M2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)
_random = np.random.default_rng(20260301)
_MULTIPLIERS = _random.integers(1, 2**63, HASHES, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
_BAND_SEEDS = _random.integers(1, 2**63, BANDS, dtype=np.uint64)
_SHIFTS = np.arange(16, dtype=np.uint64) * np.uint64(4)
_NIBBLES = np.uint64(0x1111111111111111)


class _Word(NamedTuple):
    hash: int
    fact: int
    """What must be the same for a copy: the hash of a number or a denial, else 0."""
    weight: int
    """In units of 1 / ``_CHARACTERS_A_WORD`` words."""


class _Words(dict[str, _Word]):
    """Token → what is computed with; the hot loop is one look-up a token."""

    def __missing__(self, token: str) -> _Word:
        if len(self) >= _CACHE_WORDS:
            self.clear()
        made = self[token] = _word(token)
        return made


@dataclass(frozen=True, slots=True)
class Signatures:
    """Of ``n`` texts, in order."""

    lanes: np.ndarray
    """(n, LANES) u64: ``HASHES`` minima of four bits."""
    bands: np.ndarray
    """(n, BANDS) u64: equal in one for most pairs that are similar."""
    facts: np.ndarray
    """(n,) u64: equal where numbers and denials are the same."""
    usable: np.ndarray
    """(n,) bool: False for a text without a word, which is like no other."""


def sign(texts: Sequence[str], authors: Sequence[str]) -> Signatures:
    """Signatures of texts by their authors' handles (folded here)."""
    rows: list[list[_Word]] = []
    owners: list[int] = []
    for text, author in zip(texts, authors, strict=True):
        words, said_by = _read(text)
        rows.append(words)
        weight = sum([word.weight for word in words])
        short = weight < LEAST_WORDS * _CHARACTERS_A_WORD
        owners.append(_hash(f"@{said_by or fold_handle(author)}") if short else 0)
    lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    usable = lengths > 0
    flat = list(chain.from_iterable(rows)) or [_Word(0, 0, 0)]
    hashes = np.array([word.hash for word in flat], np.uint64)
    facts = np.array([word.fact for word in flat], np.uint64)
    ends = np.cumsum(lengths)
    total = np.concatenate([np.zeros(1, np.uint64), np.cumsum(facts, dtype=np.uint64)])
    minima = _minima(hashes, lengths[usable])
    whole = np.zeros((len(rows), HASHES), np.uint64)
    whole[usable] = minima
    owner = np.array(owners, np.uint64)
    exact = owner != 0
    if exact.any():  # a short text's numbers come from all of it and its author at once
        key = _mix(_in_order(hashes, lengths, ends)[exact] ^ owner[exact])
        whole[exact] = _mix(key[:, None] * _MULTIPLIERS[None, :])
    return Signatures(
        lanes=_pack(whole),
        bands=_bands(whole),
        facts=total[ends] - total[ends - lengths],
        usable=usable,
    )


def similarity(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Estimated Jaccard similarity of lanes (…, LANES), with a standard error of at most 0.07."""
    differ = one ^ other
    differ |= differ >> np.uint64(1)
    differ |= differ >> np.uint64(2)
    equal = HASHES - np.bitwise_count(differ & _NIBBLES).sum(axis=-1, dtype=np.int64)
    return np.maximum(0.0, (equal / HASHES - 1 / 16) / (15 / 16))


def _said(text: str) -> tuple[str, str]:
    """The text without marks of repeating at its beginning and mentions, and who is repeated."""
    text = text[:MOST_CHARACTERS]
    if "@" not in text:
        return text, ""
    said_by = ""
    while match := _REPEATED.match(text):
        said_by = fold_handle(match[1])
        text = text[match.end() :]
    return _MENTION.sub(" ", text), said_by


def _read(text: str) -> tuple[list[_Word], str]:
    text, said_by = _said(text)
    return [_words[token] for token in _TOKEN.findall(text)], said_by


def _word(token: str) -> _Word:
    plain = token.lower()
    if plain.startswith(("http://", "https://", "www.")):
        return _Word(_hash(address_of(token.rpartition("://")[2]).lower()), 0, _CHARACTERS_A_WORD)
    folded = terms.fold(token.lstrip("#"))
    hashed = _hash(folded)
    if not token.startswith("#") and (
        _DIGITS.search(folded) or folded in _DENIALS or plain.endswith(("n't", "n’t"))
    ):
        return _Word(hashed, hashed, _CHARACTERS_A_WORD)
    unspaced = len(token) == 1 and re.match(f"[{_UNSPACED}]", token)
    return _Word(hashed, 0, 1 if unspaced else _CHARACTERS_A_WORD)


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def _mix(values: np.ndarray) -> np.ndarray:
    values = (values ^ (values >> np.uint64(32))) * _M2
    return values ^ (values >> np.uint64(29))


def _minima(hashes: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """(n, HASHES) u64 minima over each text's words and pairs of words."""
    if not len(lengths):
        return np.zeros((0, HASHES), np.uint64)
    ends = np.cumsum(lengths)
    # A text of m words has 2m places: each word, then the pair that begins with it. The last word
    # has no pair; its place repeats the word, which no minimum notices.
    single = _mix(hashes)
    pairs = np.empty_like(hashes)
    pairs[:-1] = _mix(hashes[:-1] * _M1 + hashes[1:])
    pairs[ends - 1] = single[ends - 1]
    places = np.stack([single, pairs], axis=1).ravel()
    starts = (ends - lengths) * 2
    minima = np.empty((HASHES, len(lengths)), np.uint64)
    for number, multiplier in enumerate(_MULTIPLIERS):
        values = places * multiplier
        values ^= values >> np.uint64(31)
        minima[number] = np.minimum.reduceat(values, starts)
    return minima.T


def _in_order(hashes: np.ndarray, lengths: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """One number for each text's words in their order."""
    within = np.arange(len(hashes)) - np.repeat(ends - lengths, lengths)[: len(hashes)]
    placed = _mix(hashes * (within.astype(np.uint64) * np.uint64(2) + _M1))
    total = np.concatenate([np.zeros(1, np.uint64), np.cumsum(placed, dtype=np.uint64)])
    return total[ends] - total[ends - lengths]


def _pack(whole: np.ndarray) -> np.ndarray:
    nibbles = (whole >> np.uint64(17)) & np.uint64(15)
    return (nibbles.reshape(len(whole), LANES, 16) << _SHIFTS).sum(axis=2, dtype=np.uint64)


def _bands(whole: np.ndarray) -> np.ndarray:
    rows = whole[:, : BANDS * _ROWS].reshape(len(whole), BANDS, _ROWS)
    made = np.broadcast_to(_BAND_SEEDS, (len(whole), BANDS)).copy()
    for row in range(_ROWS):
        made = _mix(made * _M1 + rows[:, :, row])
    return made


_words = _Words()
