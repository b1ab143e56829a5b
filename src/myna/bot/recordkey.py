"""Record keys of replies, made from the mention that they answer. Pure.

Whoever answers a mention a second time, after a crash or beside another process, writes to the same
keys, and the server takes each key once. A key of AT Protocol's posts is a TID: 53 bits of
microseconds and 10 bits that tell writers apart, in a base 32 that sorts.
"""

from __future__ import annotations

import hashlib

ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"
_LENGTH = 13
_MICROSECONDS_BITS, _WRITER_BITS = 53, 10
_SPREAD = 1_000_000
"""Microseconds over which the replies to mentions of one moment are spread."""


def microseconds_of(key: str) -> int | None:
    """The time in a TID; None for what is none."""
    if len(key) != _LENGTH or key[0] not in ALPHABET[:16]:
        return None
    value = 0
    for letter in key:
        place = ALPHABET.find(letter)
        if place < 0:
            return None
        value = value << 5 | place
    return value >> _WRITER_BITS


def tid(microseconds: int, writer: int) -> str:
    """The TID of a time and a writer."""
    value = (microseconds % (1 << _MICROSECONDS_BITS)) << _WRITER_BITS
    value |= writer % (1 << _WRITER_BITS)
    letters = [ALPHABET[value >> 5 * place & 31] for place in range(_LENGTH)]
    return "".join(reversed(letters))


def reply_keys(mention_uri: str, did: str, count: int, *, now_us: int) -> list[str]:
    """Keys of the ``count`` parts of the reply that ``did`` gives to a mention.

    They lie within a second of the mention's own key, so that they sort as they were said; where
    that is no time of the past, they are made from its URI alone.
    """
    digest = hashlib.blake2b(f"{did}\n{mention_uri}".encode(), digest_size=16).digest()
    seed = int.from_bytes(digest, "big")
    said = microseconds_of(mention_uri.rpartition("/")[2])
    if said is None or not 0 < said <= now_us:
        said = seed % (1 << 50)
    first = said + 1 + (seed >> _WRITER_BITS) % _SPREAD
    return [tid(first + number, seed) for number in range(count)]
