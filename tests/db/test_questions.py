"""Which posts count as questions that were answered."""

from __future__ import annotations

from datetime import UTC, datetime

from myna.db.engine import Database
from myna.db.posts import apply_events
from myna.db.questions import latest_questions
from myna.post import Author, Event, Kind, Post

NOW = datetime(2026, 11, 23, tzinfo=UTC)
ASKED = "How do I mount an ISO file under Ubuntu?"


def post(uri: str, text: str, who: str = "ada", reply_to: str | None = None) -> Event:
    author = Author("irc", who, who, is_bot=who.endswith("bot"))
    return Event(Kind.CREATE, "irc", uri, Post("irc", uri, author, text, NOW, reply_to))


def test_only_answered_questions_of_people_count(db: Database) -> None:
    reply = "With mount -o loop."
    events = [
        post("good", ASKED),
        post("good/1", reply, "bob", "good"),
        post("alone", ASKED),
        post("talks to herself", ASKED),
        post("herself/1", reply, "ada", "talks to herself"),
        post("bot", ASKED, "askbot"),
        post("bot/1", reply, "bob", "bot"),
        post("statement", ASKED.replace("?", ".")),
        post("statement/1", reply, "bob", "statement"),
        post("short", "Why?"),
        post("short/1", reply, "bob", "short"),
        post("reply", ASKED, "bob", "good"),
        post("reply/1", reply, "eve", "reply"),
        post("later", ASKED, "eve"),
        post("later/1", reply, "bob", "later"),
    ]
    with db.begin() as conn:
        apply_events(conn, events, now=NOW)
        assert [one.post.uri for one in latest_questions(conn, 10)] == ["later", "good"]
        assert len(latest_questions(conn, 1)) == 1
