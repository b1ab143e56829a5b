"""Proof key for code exchange (RFC 7636): who ends a login is who began it."""

from __future__ import annotations

import base64
import hashlib
import secrets


def make_verifier() -> str:
    """A fresh secret; 256 bits in 43 characters."""
    return secrets.token_urlsafe(32)


def challenge_of(verifier: str) -> str:
    """What is told of it beforehand, by the method S256."""
    return encoded(hashlib.sha256(verifier.encode()).digest())


def encoded(data: bytes) -> str:
    """URL-safe base 64 without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
