"""Proving that an account is one's own: its owner posts a code, and the live feed sees it; or sends it
to Myna's account in a direct message, which the bot looks for while a code is waited for.

A post works on every network whose posts are read. The code says what it is for, so that nobody posts
somebody else's without knowing; it works once, for an hour, on one network. Whoever copies it from
the post comes too late.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Connection

from myna.db.members import last_waited_for, prove_account, save_claim
from myna.post import Event, Kind

LIFETIME = timedelta(hours=1)
MARK = "myna-proves-account-"
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""None that is taken for another."""
_GROUPS, _GROUP = 3, 4
_CODE = re.compile(
    rf"{MARK}((?:[{_LETTERS}]{{{_GROUP}}}-){{{_GROUPS - 1}}}[{_LETTERS}]{{{_GROUP}}})"
)


def make_code() -> str:
    """A fresh code: about 59 random bits behind what it is for."""
    groups = ["".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS)]
    return MARK + "-".join(groups)


def codes_in(text: str) -> list[str]:
    """The codes that a text holds."""
    return [match[0] for match in _CODE.finditer(text)] if MARK in text else []


def claim(conn: Connection, viewer: str, network: str, *, now: datetime) -> tuple[str, datetime]:
    """A code for the viewer to post on a network, and until when."""
    code, expires_at = make_code(), now + LIFETIME
    save_claim(conn, viewer, _digest(code), network, now=now, expires_at=expires_at)
    return code, expires_at


def take_proofs(conn: Connection, events: Iterable[Event], *, now: datetime) -> int:
    """Look for codes in what was posted; how many accounts were proven."""
    proven = 0
    for event in events:
        if event.post is None or event.kind not in (Kind.CREATE, Kind.EDIT):
            continue
        for code in codes_in(event.post.text):
            author = event.post.author.id
            proven += prove_account(conn, _digest(code), event.network, author, now)
    return proven


def waited_for_since(conn: Connection, network: str, now: datetime) -> datetime | None:
    """Since when a code from a network has been waited for; None where none is."""
    until = last_waited_for(conn, network, now)
    return until - LIFETIME if until else None


def take_words(
    conn: Connection, network: str, said: Iterable[tuple[str, str]], *, now: datetime
) -> int:
    """Look for codes in what was said to Myna alone, as pairs of author and text; how many accounts
    were proven."""
    return sum(
        prove_account(conn, _digest(code), network, author, now)
        for author, words in said
        for code in codes_in(words)
    )


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
