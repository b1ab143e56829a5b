"""What members of a real AT network do is what Myna has, wherever its reading was interrupted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from myna.db.engine import Database
from myna.db.posts import apply_events, find_post, load_cursor, which_live
from myna.db.profiles import reply_rules
from myna.db.sources import list_gaps
from myna.errors import SourceError
from myna.feeds.bluesky import records
from myna.feeds.bluesky.accounts import Accounts
from myna.feeds.bluesky.directory import Directory, handle_in, resolve
from myna.feeds.bluesky.place import targets_of
from myna.feeds.bluesky.repository import backfill
from myna.feeds.bluesky.server import Refused, Server
from myna.feeds.bluesky.stream import Side, Stream
from myna.feeds.ingest import run_live
from myna.post import ReplyRule, StoredPost
from tests.atproto.network import PASSWORD, AtNetwork, post_record
from tests.feeds.bluesky.fake_servers import FakeServers, serving

SECONDS = 30


@contextmanager
def reading(db: Database, network: AtNetwork) -> Iterator[Side]:
    """Myna reads the PDS and names its accounts."""
    stop, side = threading.Event(), Side()
    stream = Stream("bluesky", targets_of(network.stream), side=side, stop=stop)
    accounts = Accounts(db, "bluesky", appview="", plc=network.plc, side=side, stop=stop)
    threads = [
        threading.Thread(target=run_live, args=(db, source, stop)) for source in (stream, accounts)
    ]
    for thread in threads:
        thread.start()
    try:
        yield side
    finally:
        stop.set()
        for thread in threads:
            thread.join(15)
            assert not thread.is_alive()


def stored(db: Database, uri: str) -> StoredPost | None:
    with db.begin() as conn:
        return find_post(conn, "bluesky", uri)


def until(seen: Callable[[], object]) -> None:
    limit = time.monotonic() + SECONDS
    while not seen():
        assert time.monotonic() < limit, "it did not come"
        time.sleep(0.05)


def come(db: Database, uri: str) -> StoredPost:
    until(lambda: stored(db, uri))
    found = stored(db, uri)
    assert found
    return found


@pytest.fixture
def begun(db: Database, network: AtNetwork) -> Database:
    """A store whose reading has begun: what is said from now on comes in."""
    with reading(db, network):
        come(db, network.account("first").post("the first"))
    return db


def test_posts_edits_and_deletions(begun: Database, network: AtNetwork) -> None:
    ann, bob = network.account("ann"), network.account("bob")
    with reading(begun, network):
        root = ann.post("hello, birds", langs=["en"])
        first = come(begun, root)
        assert (first.post.text, first.post.lang) == ("hello, birds", "en")
        ref = {"uri": root, "cid": "bafyreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"}
        reply = bob.post("hello, ann", reply={"root": ref, "parent": ref})
        second = come(begun, reply)
        assert (second.post.reply_to, second.thread) == (root, root)
        ann.put(root, post_record("hello, all birds"))
        until(lambda: come(begun, root).post.text == "hello, all birds")
        assert come(begun, root).edited_at
        bob.delete(reply)
        until(lambda: not stored(begun, reply))


def test_an_account_is_named_as_the_directory_says(begun: Database, network: AtNetwork) -> None:
    ann = network.account("ann")
    with reading(begun, network):
        uri = ann.post("who am I?")
        until(lambda: come(begun, uri).post.author.handle == ann.handle)
        ann.pds.post(
            "com.atproto.identity.updateHandle",
            {"handle": "renamed.test"},
            token=ann.session.access,
        )
        until(lambda: come(begun, uri).post.author.handle == "renamed.test")


def test_likes_are_counted_and_taken_back(begun: Database, network: AtNetwork) -> None:
    ann, bob, eve = (network.account(name) for name in ("ann", "bob", "eve"))
    with reading(begun, network):
        uri = ann.post("like me")
        ref = {"uri": uri, "cid": "bafyreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"}
        record = {"subject": ref, "createdAt": datetime.now(UTC).isoformat()}
        like = bob.create("app.bsky.feed.like", record)
        eve.create("app.bsky.feed.like", record)
        eve.create("app.bsky.feed.repost", record)
        until(lambda: come(begun, uri).post.reposts == 1)
        assert come(begun, uri).post.likes == 2
        bob.delete(like)
        until(lambda: come(begun, uri).post.likes == 1)


def test_profiles_rules_and_preferences(begun: Database, network: AtNetwork) -> None:
    bot = network.account("bot")
    with reading(begun, network):
        labels = {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "bot"}]}
        profile = {"$type": "app.bsky.actor.profile", "displayName": "A bot", "labels": labels}
        bot.create("app.bsky.actor.profile", profile, "self")
        uri = bot.post("beep")
        author = come(begun, uri).post.author
        assert (author.name, author.is_bot) == ("A bot", True)
        gate = {"post": uri, "allow": [], "createdAt": datetime.now(UTC).isoformat()}
        bot.create("app.bsky.feed.threadgate", gate, uri.rpartition("/")[2])

        def rule() -> ReplyRule | None:
            with begun.begin() as conn:
                return reply_rules(conn, "bluesky", [uri]).get(uri)

        until(lambda: rule() == ReplyRule(()))
        preference = {
            "updatedAt": datetime.now(UTC).isoformat(),
            "preferences": {"training": {"allow": False, "updatedAt": "2026-01-01T00:00:00Z"}},
        }
        bot.create("community.lexicon.preference.ai", preference, "self")

        def said() -> int:
            with begun.begin() as conn:
                return conn.execute(
                    text(
                        "select count(*) from consent_signals "
                        "where author = :did and form = 'community.lexicon.preference.ai'"
                    ),
                    {"did": bot.did},
                ).scalar_one()

        until(lambda: said() == 1)


def test_what_becomes_of_accounts(begun: Database, network: AtNetwork) -> None:
    ann, bob, eve = (network.account(name) for name in ("ann", "bob", "eve"))
    with reading(begun, network):
        of_ann, of_bob, of_eve = (one.post("I am here") for one in (ann, bob, eve))
        for uri in (of_ann, of_bob, of_eve):
            come(begun, uri)
        ann.deactivate()
        until(lambda: not stored(begun, of_ann))
        ann.activate()
        until(lambda: stored(begun, of_ann))
        network.order("com.atproto.admin.deleteAccount", {"did": bob.did})
        until(lambda: not stored(begun, of_bob))
        repo = {"$type": "com.atproto.admin.defs#repoRef", "did": eve.did}
        network.order(
            "com.atproto.admin.updateSubjectStatus",
            {"subject": repo, "takedown": {"applied": True}},
        )
        until(lambda: not stored(begun, of_eve))
    with begun.begin() as conn:
        rows = conn.execute(
            text("select author, state from authors where author = any(:dids)"),
            {"dids": [ann.did, bob.did, eve.did]},
        )
        states = {row.author: row.state for row in rows}
    assert states == {ann.did: "live", bob.did: "purged", eve.did: "hidden"}


def test_what_is_said_while_nobody_reads_comes_later(begun: Database, network: AtNetwork) -> None:
    ann = network.account("ann")
    said = [ann.post(f"number {number}") for number in range(20)]
    ann.delete(said[7])
    with reading(begun, network):
        for uri in said[:7] + said[8:]:
            come(begun, uri)
    assert stored(begun, said[7]) is None
    with begun.begin() as conn:
        state = load_cursor(conn, "bluesky")
        assert list_gaps(conn, 9) == []
        ids = conn.execute(text("select id from posts where text like 'number%'")).scalars()
        assert len(which_live(conn, list(ids))) == 19
    assert state
    assert state.rejected == 0
    with reading(begun, network):  # what was read does not come again
        come(begun, ann.post("the end"))
    with begun.begin() as conn:
        after = load_cursor(conn, "bluesky")
    assert after
    assert after.accepted == state.accepted + 1


def test_a_place_from_the_future_leaves_a_gap(begun: Database, network: AtNetwork) -> None:
    with begun.begin() as conn:
        conn.execute(
            text("update sources set cursor = :cursor where name = 'bluesky'"),
            {
                "cursor": f"relay {targets_of(network.stream)[0].host} 999999999 "
                f"{(datetime.now(UTC) - timedelta(hours=1)).isoformat()}"
            },
        )

    def gap() -> list[str]:
        with begun.begin() as conn:
            return [kept.gap.reason for kept in list_gaps(conn, 9)]

    ann = network.account("ann")
    with reading(begun, network):
        until(lambda: ann.post("is anybody there?") and gap())
    assert "numbered anew" in gap()[0]


def test_a_repository_fills_what_is_missing(db: Database, network: AtNetwork) -> None:
    ann = network.account("ann")
    said = [ann.post(f"number {number}") for number in range(30)]
    ann.delete(said[3])
    applied = backfill(db, "bluesky", ann.did, Server(network.pds))
    assert applied.created == 29
    assert stored(db, said[3]) is None
    assert come(db, said[0]).post.text == "number 0"
    ann.delete(said[4])
    ann.put(said[5], post_record("number five"))
    assert backfill(db, "bluesky", ann.did, Server(network.pds)).deleted == 1
    assert stored(db, said[4]) is None
    assert come(db, said[5]).post.text == "number five"
    assert backfill(db, "bluesky", ann.did, Server(network.pds)).unchanged == 28
    with pytest.raises(Refused, match="refuses"):
        backfill(db, "bluesky", "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa", Server(network.pds))


def test_labels_from_before_are_asked_for_with_a_repository(
    db: Database, network: AtNetwork
) -> None:
    ann = network.account("ann")
    shown, hidden = ann.post("a"), ann.post("b")
    label = {"src": "did:plc:mod", "uri": hidden, "val": "!hide", "cts": "2026-01-01T00:00:00Z"}
    ended = {**label, "uri": shown}
    labels = [ended, {**ended, "neg": True, "cts": "2026-01-02T00:00:00Z"}, label]
    others = {**label, "uri": "at://did:plc:bob/app.bsky.feed.post/1"}
    pages = {"": {"labels": labels[:2], "cursor": "2"}, "2": {"labels": [labels[2], others]}}
    fake = FakeServers(
        {"/xrpc/com.atproto.label.queryLabels": lambda query: pages[query.get("cursor", [""])[0]]}
    )
    with serving(fake):
        backfill(db, "bluesky", ann.did, Server(network.pds), Server(fake.base))
    assert fake.asked[0][1]["uriPatterns"] == [ann.did, f"at://{ann.did}/*"]
    come(db, shown)
    assert stored(db, hidden) is None
    refusing = FakeServers()
    with serving(refusing):  # a labeller that tells nothing
        backfill(db, "bluesky", ann.did, Server(network.pds), Server(refusing.base))


def test_a_repository_that_cannot_be_followed_is_read_anew(
    begun: Database, network: AtNetwork
) -> None:
    ann = network.account("ann")
    uri = ann.post("said before anybody read")
    with begun.begin() as conn:
        conn.execute(text("update sources set cursor = ''"))
    with reading(begun, network) as side:
        side.diverged.append(ann.did)
        come(begun, uri)


def test_the_directory_knows_accounts_and_where_they_live(network: AtNetwork) -> None:
    ann = network.account("ann")
    directory = Directory(network.plc)
    document = directory.document(ann.did)
    assert document
    assert handle_in(document) == ann.handle
    assert directory.document("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa") is None
    assert directory.document("did:web:example.org") is None
    home = directory.host_of(ann.did)
    assert home
    assert resolve(home, ann.handle) == ann.did
    assert resolve(home, "nobody.test") is None


def test_logging_in(network: AtNetwork) -> None:
    ann = network.account("ann")
    server = Server(network.pds)
    session = server.log_in(ann.handle, PASSWORD)
    assert (session.did, session.handle) == (ann.did, ann.handle)
    assert session.access not in repr(session)
    assert server.renew(session).did == ann.did
    with pytest.raises(SourceError, match="app password") as caught:
        server.log_in(ann.handle, "wrong-password")
    assert "wrong-password" not in str(caught.value)


def test_posts_that_not_everybody_may_see(begun: Database, network: AtNetwork) -> None:
    """Their authors label them, in the beginning or later."""
    ann = network.account("ann")
    labels = {
        "$type": "com.atproto.label.defs#selfLabels",
        "values": [{"val": "!no-unauthenticated"}],
    }
    with reading(begun, network):
        later = ann.post("for everybody, at first")
        come(begun, later)
        from_the_beginning = ann.post("for members alone", labels=labels)
        ann.put(later, post_record("for everybody, at first", labels=labels))
        until(lambda: stored(begun, later) is None)
        come(begun, ann.post("for everybody"))
        assert stored(begun, from_the_beginning) is None
        with begun.begin() as conn:
            kept = conn.execute(text("select count(*) from posts where text like 'for members%'"))
        assert kept.scalar_one() == 0
        for uri in (later, from_the_beginning):
            ann.put(uri, post_record("for everybody again"))
            assert come(begun, uri).post.text == "for everybody again"
        ann.delete(later)
        until(lambda: stored(begun, later) is None)


def test_a_post_comes_back_when_a_label_is_taken_from_it(
    begun: Database, network: AtNetwork
) -> None:
    ann = network.account("ann")
    with reading(begun, network) as side:
        labelled, deleted = ann.post("was this rude?"), ann.post("and this?")
        other = ann.post("this one, too, and still")
        for uri in (labelled, deleted, other):
            come(begun, uri)
        word = {"src": "did:plc:mod", "val": "!hide"}
        told = [{**word, "uri": uri} for uri in (labelled, deleted, other)]
        told.append({**word, "uri": other, "val": "!takedown"})
        with begun.begin() as conn:
            events = [event for one in told for event in records.label("bluesky", one)]
            apply_events(conn, events, now=datetime.now(UTC))
        assert not any(stored(begun, uri) for uri in (labelled, deleted, other))
        ann.delete(deleted)
        for one in told[:3]:
            taken_back = records.unlabelled({**one, "neg": True})
            assert taken_back
            side.unlabelled.append(taken_back)
        assert come(begun, labelled).post.text == "was this rude?"
        until(lambda: not side.unlabelled)
        come(begun, ann.post("the last one"))
        assert stored(begun, deleted) is None
        assert stored(begun, other) is None
