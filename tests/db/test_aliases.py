"""What servers call posts: found again, of live posts, by age."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from myna.db.aliases import Alias, list_reviewed, save_aliases, uris_of
from myna.db.engine import Database
from myna.db.posts import apply_events
from myna.post import Author, Event, Kind, Post

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def create(uri: str) -> Event:
    post = Post("net", uri, Author("net", "ann", "ann"), "words", NOW)
    return Event(Kind.CREATE, "net", uri, post)


def test_two_servers_call_a_post_by_two_names(db: Database) -> None:
    with db.begin() as conn:
        apply_events(conn, [create("a"), create("b")], now=NOW)
        save_aliases(
            conn,
            [
                (Alias("one", "1"), "net", "a"),
                (Alias("two", "7"), "net", "a"),
                (Alias("one", "2"), "net", "b"),
                (Alias("one", "3"), "net", "nowhere"),
            ],
        )
        save_aliases(conn, [(Alias("one", "1"), "net", "a")])
        assert uris_of(conn, "one", ["1", "2", "3"]) == {"1": "a", "2": "b"}
        assert uris_of(conn, "two", ["1", "7"]) == {"7": "a"}


def test_live_posts_are_listed_up_to_the_first_that_is_too_young(db: Database) -> None:
    with db.begin() as conn:
        for number, uri in enumerate("abcd"):
            at = NOW + timedelta(hours=number)
            apply_events(conn, [create(uri)], now=at)
            save_aliases(conn, [(Alias("one", uri.upper()), "net", uri)])
        apply_events(conn, [Event(Kind.DELETE, "net", "b")], now=NOW)
        before = NOW + timedelta(hours=2)
        found = list_reviewed(conn, "one", after=0, before=before, limit=9)
        assert [(one.uri, one.id) for one in found] == [("a", "A"), ("c", "C")]
        rest = list_reviewed(conn, "one", after=found[0].post, before=before, limit=9)
        assert [one.uri for one in rest] == ["c"]
        assert list_reviewed(conn, "two", after=0, before=before, limit=9) == []
