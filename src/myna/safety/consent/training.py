"""What a model may be trained on: the one door between the store and a corpus.

A corpus notes the version that it was read at. What was withdrawn since is told by that number, so
that the next one is made without it and each checkpoint can say what it saw.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from myna.db.consents import Key, changed_authors, consent_version
from myna.db.engine import Database
from myna.db.posts import read_trainable
from myna.post import StoredPost, Use

READ_AT_ONCE = 2_000
NEVER = frozenset({"x"})
"""Networks whose terms forbid it, whatever anybody says and however their posts came here."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Posts that may be trained on as of one version of all consents."""

    posts: list[StoredPost]
    version: int


def trainable(db: Database, *, after: int = 0) -> Iterator[Batch]:
    """All posts behind id ``after`` that models may be trained on at the moment of each batch.

    Raises:
        DatabaseError: the store is away.
    """
    while True:
        with db.begin() as conn:
            version = consent_version(conn)
            posts = read_trainable(conn, after, READ_AT_ONCE)
        if not posts:
            return
        yield Batch([one for one in posts if one.post.network not in NEVER], version)
        after = posts[-1].id


def withdrawn_since(db: Database, version: int) -> list[Key]:
    """Authors who refuse training by a word that came after ``version``."""
    with db.begin() as conn:
        changed = changed_authors(conn, version)
    return [(one.network, one.author) for one in changed if Use.TRAIN in Use(one.effective)]
