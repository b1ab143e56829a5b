"""The bot with a real AppView behind its server: notifications, blocks, threadgates, threads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from myna.bot.bot import Bot
from myna.db.engine import Database
from myna.feeds.bluesky.server import Refused, Server
from tests.atproto.network import Account, AtNetwork
from tests.atproto.test_bot import FakeReplier, World, ref
from tests.atproto.test_ingest import until

BLOCK = "app.bsky.graph.block"


@dataclass
class SweptWorld(World):
    """Nothing reads the stream: what Myna knows, the AppView told it."""

    APPVIEW = True

    def stored(self, uri: str) -> bool:
        """Whether the AppView has it."""
        asked = {"uris": [uri]}
        told = self.ann.pds.get("app.bsky.feed.getPosts", asked, token=self.ann.session.access)
        return bool(told["posts"])

    def told(self, bot: Bot | None = None) -> Bot:
        """Let a bot ask for notifications until one has come."""
        bot = bot or self.bot()
        until(lambda: bot.sweep() or self.states())
        return bot

    def sweep(self) -> Bot:
        """And work until nothing is left."""
        return self.work(self.told())


@pytest.fixture
def world(db: Database, whole_network: AtNetwork) -> SweptWorld:
    network = whole_network
    made = SweptWorld(
        db,
        network,
        network.account("myna"),
        network.account("ann"),
        FakeReplier(),
        datetime.now(UTC) - timedelta(minutes=1),
    )
    made.bot().sweep()  # from here on it is told
    return made


def block(world: World, by: Account, whom: Account) -> None:
    """Have one block another, until the AppView knows it."""
    record = {"$type": BLOCK, "subject": whom.did, "createdAt": datetime.now(UTC).isoformat()}
    by.create(BLOCK, record)

    def known() -> bool:
        told = by.pds.get("app.bsky.actor.getProfile", {"actor": whom.did}, token=by.session.access)
        return bool(told["viewer"].get("blocking"))

    until(known)


def test_a_mention_that_only_the_notifications_tell_of(world: SweptWorld) -> None:
    uri = world.mention("why do birds sing?")
    world.sweep()
    world.sweep()
    (reply,) = world.replies()
    assert reply["value"]["reply"]["parent"] == ref(uri, world.network)
    assert world.states() == {"sent": 1}


def test_a_blocker_is_not_answered(world: SweptWorld) -> None:
    bob = world.network.account("bob")
    blocked = world.mention("why do birds sing?", by=bob)
    world.told()
    block(world, bob, world.myna)
    world.work()
    assert world.reason(blocked) == "blocked"
    assert world.replies() == []


def test_one_whom_myna_blocks_is_not_answered(world: SweptWorld) -> None:
    bob = world.network.account("bob")
    uri = world.mention("why do birds sing?", by=bob)
    world.told()
    block(world, world.myna, bob)
    world.work()
    assert world.reason(uri) == "blocked"


def test_blocked_while_the_answer_is_written(world: SweptWorld) -> None:
    bob = world.network.account("bob")
    uri = world.mention("why do birds sing?", by=bob)
    bot = world.bot(lambda step: block(world, bob, world.myna) if step == "stored" else None)
    world.work(world.told(bot))
    assert world.reason(uri) == "blocked"
    assert world.replies() == []


def test_blocked_between_two_tries_to_send(
    world: SweptWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob = world.network.account("bob")
    uri = world.mention("why do birds sing?", by=bob)
    post = Server.post
    refused: list[str] = []

    def refusing(self: Server, method: str, *words: Any, **more: Any) -> Any:
        told = post(self, method, *words, **more)
        if method.endswith("createRecord") and not refused:
            refused.append(method)
            raise Refused("no", status=429, name="", retry_after_s=1)
        return told

    bot = world.told()
    monkeypatch.setattr(Server, "post", refusing)
    bot.work()
    assert refused
    block(world, bob, world.myna)

    def ended() -> bool:
        bot.work()
        return world.states() == {"refused": 1}

    until(ended)
    assert world.reason(uri) == "blocked"
    assert world.replies() == []  # nor does the one stay whose acknowledgement was lost


def test_a_thread_where_myna_may_not_reply(world: SweptWorld) -> None:
    bob = world.network.account("bob")
    root = bob.post("Only those whom I mention may reply here.")
    rule = {"$type": "app.bsky.feed.threadgate#mentionRule"}
    gate = {"post": root, "allow": [rule], "createdAt": datetime.now(UTC).isoformat()}
    bob.create("app.bsky.feed.threadgate", gate, root.rpartition("/")[2])
    where = ref(root, world.network)
    closed = world.mention("why?", by=bob, reply={"root": where, "parent": where})
    world.sweep()
    assert world.reason(closed) == "closed"
    assert world.replies() == []


def test_a_thread_whose_rule_lets_myna_reply(world: SweptWorld) -> None:
    bob = world.network.account("bob")
    uri = world.mention("why do birds sing?", by=bob)
    rule = {"$type": "app.bsky.feed.threadgate#mentionRule"}
    gate = {"post": uri, "allow": [rule], "createdAt": datetime.now(UTC).isoformat()}
    bob.create("app.bsky.feed.threadgate", gate, uri.rpartition("/")[2])
    world.sweep()
    assert world.reason(uri) is None
    assert len(world.replies()) == 1


def test_what_stands_above_is_read_where_the_store_has_none_of_it(world: SweptWorld) -> None:
    bob = world.network.account("bob")
    root = bob.post("Birds are loud today.")
    first = ref(root, world.network)
    said = world.ann.post("They sing, says my book.", reply={"root": first, "parent": first})
    world.mention("is this true?", reply={"root": first, "parent": ref(said, world.network)})
    world.sweep()
    (question,) = world.replier.asked
    assert list(question.around) == ["Birds are loud today.", "They sing, says my book."]


def test_the_notifications_say_who_has_replied(world: SweptWorld) -> None:
    """A reply of Myna's reaches who asked."""
    uri = world.mention("why do birds sing?")
    world.sweep()

    def told() -> bool:
        found = world.ann.pds.get(
            "app.bsky.notification.listNotifications", {}, token=world.ann.session.access
        )["notifications"]
        return any(one["reason"] == "reply" and one["reasonSubject"] == uri for one in found)

    until(told)


def test_mentions_from_before_the_first_look_are_noticed(
    db: Database, whole_network: AtNetwork
) -> None:
    """From the time of connecting on, and more than a page of them."""
    myna, ann = whole_network.account("myna"), whole_network.account("ann")
    made = SweptWorld(db, whole_network, myna, ann, FakeReplier(), datetime.now(UTC))
    made.mention("before it was connected")
    made.since = datetime.now(UTC)
    said = [made.mention(f"question {number}", wait=False) for number in range(102)]
    until(lambda: made.stored(said[-1]))
    made.told()
    until(lambda: made.bot().sweep() or made.states() == {"queued": 102})


def test_one_whose_clock_is_behind_is_noticed(world: SweptWorld) -> None:
    """A notification bears the time that its post claims, where that is earlier."""
    world.mention("why do birds sing?")
    world.told()
    behind = (datetime.now(UTC) - timedelta(seconds=50)).isoformat().replace("+00:00", "Z")
    world.mention("and cats?", createdAt=behind)
    until(lambda: world.bot().sweep() or world.states() == {"queued": 2})
