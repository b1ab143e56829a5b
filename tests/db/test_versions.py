"""How the versions of the model did, from the stored answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from myna.db.chats import Progress, add_message, create_chat
from myna.db.engine import Database
from myna.db.versions import read_figures

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def store(db: Database, version: str | None, *, ago_s: float = 0.0, **told: object) -> None:
    """An answer that took ten seconds."""
    usual: dict[str, object] = {"state": "done", "outcome": "answered", "first_word_ms": 500}
    ended = NOW - timedelta(seconds=ago_s)
    progress = Progress(**usual | told, model_version=version, finished_at=ended)  # pyright: ignore[reportArgumentType]
    with db.begin() as conn:
        chat = create_chat(conn, "viewer", "", NOW)
        add_message(conn, chat.id, None, "assistant", progress, now=ended - timedelta(seconds=10))


def test_versions_are_compared_by_what_became_of_their_answers(db: Database) -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 50}
    store(db, "old@1", usage=usage, ago_s=60)
    store(db, "old@1", usage=usage, ago_s=60, first_word_ms=700)
    store(db, "new@1", outcome="declined", usage={"prompt_tokens": 0, "completion_tokens": 0})
    store(db, "new@1", usage={"prompt_tokens": 9, "completion_tokens": 20}, first_word_ms=900)
    store(db, "new@1", state="failed", outcome=None, first_word_ms=None, ago_s=5)
    store(db, None)
    store(db, "older@1", ago_s=9 * 86400)
    with db.begin() as conn:
        new, old = read_figures(conn, NOW - timedelta(days=7))
    assert (new.version, new.answers, new.failed, new.declined) == ("new@1", 3, 1, 1)
    assert new.first_word_ms == 700
    assert new.tokens_per_s == pytest.approx(2.0)  # the declined one asked no model
    assert (old.version, old.answers, old.failed, old.declined) == ("old@1", 2, 0, 0)
    assert old.tokens_per_s == pytest.approx(5.0)
    assert old.first_word_ms == 600


def test_without_answers_there_is_nothing_to_compare(db: Database) -> None:
    with db.begin() as conn:
        assert read_figures(conn, NOW) == []
