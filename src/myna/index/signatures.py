"""Signatures: what tells whether two posts say the same, computed for a batch at a time. Pure.

A text without what copying adds to it ("RT @ann:", mentions, emoji, case, accents, the protocol of
a link) is a set of its words and of its pairs of neighbouring words. ``HASHES`` minima over that
set (MinHash, Broder 1997), four bits kept of each (Li and König 2010), estimate the Jaccard
similarity of two texts from 32 bytes apiece; bands of the whole minima are what similar texts are
looked up by (Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, chapter 3).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain

import numpy as np

from myna.index import terms
from myna.index.query import fold_handle
from myna.index.subjects import address_of

VERSION = 2
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
CHUNK = 256
"""Texts that are computed with at once: more do not fit the processor's cache."""

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
)
_TOKEN = re.compile(
    rf"(?i:https?)://[^\s<>\"]+|(?i:www)\.[^\s<>\"]+|[{_UNSPACED}]|#?[^\W_{_UNSPACED}]+(?:['’][^\W_]+)*"
)
_PLAIN_TOKEN = re.compile(r"#?[A-Za-z0-9]+(?:'[A-Za-z0-9]+)*")
"""The same as ``_TOKEN`` in ASCII without links, in less time; and as ``cutting.plain_words``."""
_MENTION = re.compile(r"(?<![\w@])@[\w.\-]*\w")
_REPEATED = re.compile(r"\s*[\"“«]?\s*(?:RT|MT|QT|via)\s+@([\w][\w.\-]*)\s*:?\s*", re.IGNORECASE)
_DENIALS = {
    *("not", "no", "never", "cannot", "false", "fake", "hoax", "untrue", "debunked", "wrong"),
    *("pas", "non", "jamais", "faux", "fausse"),
}
_Read = tuple[list[str], str]
"""A text's tokens, and who is repeated."""
_DIGITS = re.compile(r"\d")

_M1, _M2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)
_random = np.random.default_rng(20260301)
_MULTIPLIERS = _random.integers(1, 2**63, HASHES, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
_BAND_SEEDS = _random.integers(1, 2**63, BANDS, dtype=np.uint64)
_SHIFTS = np.arange(16, dtype=np.uint64) * np.uint64(4)
_NIBBLES = np.uint64(0x1111111111111111)


_WORD = np.dtype([("hash", "<u8"), ("fact", "<u8"), ("weight", "<i8")])
"""Of a token: its hash; what must be the same for a copy, the hash of a number or a denial, else 0;
its weight in units of 1 / ``_CHARACTERS_A_WORD`` words."""


class _Words(dict[str, int]):
    """Token → its row in a table of what is computed with: the hot loop is one look-up a token,
    and numpy gathers the rest. Rows hold while ``lock`` is held."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()
        self._made = np.zeros(_CACHE_WORDS, _WORD)

    def __missing__(self, token: str) -> int:
        row = len(self)
        if row == len(self._made):
            self._made = np.concatenate([self._made, np.zeros(row, _WORD)])
        self._made[row] = _word(token)
        self[token] = row
        return row

    def gather(self, tokens: Sequence[Sequence[str]]) -> np.ndarray:
        """What is computed with of all these tokens, in order."""
        with self.lock:
            if len(self) >= _CACHE_WORDS:
                self.clear()
                self._made = np.zeros(_CACHE_WORDS, _WORD)
            rows = list(map(self.__getitem__, chain.from_iterable(tokens)))
            return self._made[np.array(rows, np.int64)]


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

    def part(self, start: int, stop: int) -> Signatures:
        """Those of the texts ``start`` to ``stop``."""
        span = slice(start, stop)
        return Signatures(self.lanes[span], self.bands[span], self.facts[span], self.usable[span])


def sign(
    texts: Sequence[str], authors: Sequence[str], plain: Sequence[list[str] | None] | None = None
) -> Signatures:
    """Signatures of texts by their authors' handles (folded here). ``plain`` are their words where
    they have been cut already (``cutting.plain_words``)."""
    cut = plain or [None] * len(texts)
    read = [_read(text, words) for text, words in zip(texts, cut, strict=True)]
    parts = [
        _sign(read[start : start + CHUNK], authors[start : start + CHUNK])
        for start in range(0, max(1, len(texts)), CHUNK)
    ]
    if len(parts) == 1:
        return parts[0]
    return Signatures(
        lanes=np.concatenate([part.lanes for part in parts]),
        bands=np.concatenate([part.bands for part in parts]),
        facts=np.concatenate([part.facts for part in parts]),
        usable=np.concatenate([part.usable for part in parts]),
    )


def _sign(read: Sequence[_Read], authors: Sequence[str]) -> Signatures:
    lengths = np.array([len(tokens) for tokens, _ in read], np.int64)
    words = _words.gather([tokens for tokens, _ in read])
    hashes, facts = np.ascontiguousarray(words["hash"]), words["fact"]
    usable = lengths > 0
    ends = np.cumsum(lengths)
    weights = _sums(words["weight"], lengths, ends)
    owner = np.zeros(len(read), np.uint64)
    for place in np.flatnonzero(weights < LEAST_WORDS * _CHARACTERS_A_WORD).tolist():
        owner[place] = _hash(f"@{read[place][1] or fold_handle(authors[place])}")
    minima = _minima(hashes, lengths[usable])
    whole = np.zeros((len(read), HASHES), np.uint64)
    whole[usable] = minima
    exact = owner != 0
    if exact.any():  # a short text's numbers come from all of it and its author at once
        key = _mix(_in_order(hashes, lengths, ends)[exact] ^ owner[exact])
        whole[exact] = _mix(key[:, None] * _MULTIPLIERS[None, :])
    return Signatures(
        lanes=_pack(whole),
        bands=_bands(whole),
        facts=_sums(facts, lengths, ends),
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


def _read(text: str, words: list[str] | None) -> _Read:
    if words is not None and len(text) <= MOST_CHARACTERS and "@" not in text and _linkless(text):
        return words, ""
    text, said_by = _said(text)
    plain = text.isascii() and _linkless(text)
    return (_PLAIN_TOKEN if plain else _TOKEN).findall(text), said_by


def _linkless(text: str) -> bool:
    return "://" not in text and "www." not in text.lower()


def _word(token: str) -> tuple[int, int, int]:
    """As ``_WORD`` has it."""
    plain = token.lower()
    if plain.startswith(("http://", "https://", "www.")):
        return (_hash(address_of(token.rpartition("://")[2]).lower()), 0, _CHARACTERS_A_WORD)
    folded = terms.fold(token.lstrip("#"))
    hashed = _hash(folded)
    if not token.startswith("#") and (
        _DIGITS.search(folded) or folded in _DENIALS or plain.endswith(("n't", "n’t"))
    ):
        return (hashed, hashed, _CHARACTERS_A_WORD)
    unspaced = len(token) == 1 and re.match(f"[{_UNSPACED}]", token)
    return (hashed, 0, 1 if unspaced else _CHARACTERS_A_WORD)


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
    within = np.arange(len(hashes)) - np.repeat(ends - lengths, lengths)
    placed = _mix(hashes * (within.astype(np.uint64) * np.uint64(2) + _M1))
    return _sums(placed, lengths, ends)


def _sums(values: np.ndarray, lengths: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """The sum of each text's values, modulo 2**64."""
    total = np.concatenate([np.zeros(1, values.dtype), np.cumsum(values, dtype=values.dtype)])
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
