"""Nothing is trained on without a yes, and what is withdrawn is known."""

from __future__ import annotations

import pytest

from myna.db.engine import Database
from myna.db.posts import apply_events
from myna.post import Author, Event, Kind, Post, Use
from myna.safety.consent import training
from myna.safety.consent.ledger import choose
from myna.safety.consent.training import trainable, withdrawn_since
from tests.safety.consent.test_ledger import ANN, NOW, post, say, standing


def read(db: Database) -> list[str]:
    return [one.post.uri for batch in trainable(db) for one in batch.posts]


def test_only_with_a_yes(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "READ_AT_ONCE", 2)
    for n in range(5):
        post(db, f"a{n}")
    post(db, "b", by="bob")
    assert read(db) == []
    say(db, Use.TRAIN, "yes")
    assert read(db) == [f"a{n}" for n in range(5)]
    with db.begin() as conn:
        apply_events(conn, [Event(Kind.DELETE, "net", "a1")], now=NOW)
    assert read(db) == ["a0", "a2", "a3", "a4"]
    seen = next(trainable(db)).version
    assert seen == standing(db).version
    assert withdrawn_since(db, seen) == []
    say(db, Use.TRAIN, "no")
    assert read(db) == []
    assert withdrawn_since(db, seen) == [ANN]


def test_never_on_posts_of_x(db: Database) -> None:
    """Also those that came by an archive, without the signal that X's own come with."""
    made = Post("x", "1", Author("x", "ann", "ann"), "words", NOW)
    with db.begin() as conn:
        apply_events(conn, [Event(Kind.CREATE, "x", "1", made)], now=NOW)
        choose(conn, ("x", "ann"), Use.TRAIN, "yes", by="member", now=NOW)
    assert read(db) == []
