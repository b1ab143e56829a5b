"""Sources are different voices."""

from __future__ import annotations

from datetime import UTC, datetime

from myna.answer.gather import gather
from myna.db.engine import Database
from myna.db.posts import apply_events, find_post
from myna.index.results import Hit
from myna.post import Author, Event, Kind, Post

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TEXTS = {
    "first": "Install b43-fwcutter, it fetches the firmware for that wireless card",
    "copy": "RT @first: Install b43-fwcutter, it fetches the firmware for that wireless card :)",
    "typo": "Install b43-fwcutter, it fetches the firmwear for that wireless card",
    "denied": "Do not install b43-fwcutter, it fetches the firmware for that wireless card",
    "other": "ndiswrapper worked for me with the driver of Windows",
}


def test_copies_are_one_source(db: Database) -> None:
    posts = [
        Post("irc", name, Author("irc", name, name), text, NOW) for name, text in TEXTS.items()
    ]
    with db.begin() as conn:
        apply_events(conn, [Event(Kind.CREATE, "irc", post.uri, post) for post in posts], now=NOW)
        stored = [find_post(conn, "irc", name) for name in TEXTS]
    hits = [Hit(one, 1.0, (), 1.0, None, 1.0) for one in stored if one]
    sources = gather(db, hits)
    assert [source.post.post.uri for source in sources if source.post] == [
        "first",
        "denied",
        "other",
    ]


def test_a_source_tells_how_many_say_the_same(db: Database) -> None:
    one = Post("irc", "one", Author("irc", "ann", "ann"), TEXTS["first"], NOW)
    with db.begin() as conn:
        apply_events(conn, [Event(Kind.CREATE, "irc", one.uri, one)], now=NOW)
        stored = find_post(conn, "irc", "one")
    assert stored
    (source,) = gather(db, [Hit(stored, 1.0, (), 1.0, None, 1.0, copies=4)])
    assert source.copies == 4
