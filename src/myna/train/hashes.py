"""Hashes by which a corpus knows whose a document is, and what it says, without saying it."""

from __future__ import annotations

import hashlib


def author_hash(network: str, author: str) -> int:
    """64 bits for an author. A collision forgets one author too many, never one too few."""
    return _hash(f"author\0{network}\0{author}")


def content_hash(text: str) -> int:
    """64 bits for a document's text."""
    return _hash(f"content\0{text}")


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
