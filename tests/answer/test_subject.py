"""What a task is about: a post that is named by its author's handle."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from myna.answer.subject import placed, read_subject
from myna.answer.task import Task, address_in
from myna.db.engine import Database
from myna.db.networks import ensure_network
from myna.db.posts import apply_events
from myna.index.follow import Follower
from myna.index.search import Searcher
from myna.post import Author, Event, Kind, Post

LINK = "https://bsky.app/profile/{}/post/3k"
URI = "at://did:plc:{}/app.bsky.feed.post/3k"


def store(db: Database, name: str, handle: str) -> None:
    now = datetime.now(UTC)
    author = Author("bluesky", f"did:plc:{name}", handle)
    post = Post("bluesky", URI.format(name), author, f"words of {name}", now)
    with db.begin() as conn:
        ensure_network(conn, "bluesky")
        apply_events(conn, [Event(Kind.CREATE, "bluesky", post.uri, post)], now=now)


def found(
    db: Database, folder: Path, link: str, accounts: dict[str, str]
) -> tuple[str | None, list[str]]:
    """URI of the post that a link leads to, and for which handles the network was asked."""
    asked: list[str] = []
    follower = Follower(db, folder)
    follower.catch_up()
    follower.close()

    def account_of(handle: str) -> str | None:
        asked.append(handle)
        return accounts.get(handle)

    task = placed(
        db, Searcher(db, folder, embedder=None), Task("explain", address_in(link)), account_of
    )
    subject = read_subject(db, task, lambda _post: False, whole=False)
    return subject and subject.post.post.uri, asked


def test_the_store_knows_whose_handle_it_is(db: Database, tmp_path: Path) -> None:
    store(db, "ann", "ann.example")
    assert found(db, tmp_path, LINK.format("Ann.example"), {}) == (URI.format("ann"), [])
    assert found(db, tmp_path, LINK.format("did:plc:ann"), {}) == (URI.format("ann"), [])


def test_else_the_network_does(db: Database, tmp_path: Path) -> None:
    store(db, "ann", "did:plc:ann")  # its name was not told yet
    link, accounts = LINK.format("ann.example"), {"ann.example": "did:plc:ann"}
    assert found(db, tmp_path, link, accounts) == (URI.format("ann"), ["ann.example"])


def test_a_handle_that_has_passed_on_to_somebody_else(db: Database, tmp_path: Path) -> None:
    with db.begin() as conn:
        ensure_network(conn, "bluesky")
    store(db, "bob", "bob.example")
    author = Author("bluesky", "did:plc:old", "ann.example")
    other = Post("bluesky", "at://did:plc:old/app.bsky.feed.post/9", author, "x", datetime.now(UTC))
    with db.begin() as conn:
        events = [Event(Kind.CREATE, "bluesky", other.uri, other)]
        apply_events(conn, events, now=datetime.now(UTC))
    link, accounts = LINK.format("ann.example"), {"ann.example": "did:plc:bob"}
    assert found(db, tmp_path, link, accounts) == (URI.format("bob"), ["ann.example"])
    assert found(db, tmp_path, LINK.format("nobody.example"), {}) == (None, ["nobody.example"])
