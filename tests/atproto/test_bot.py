"""The bot on a real PDS: one reply to a mention, whatever breaks, and none where none is wanted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from myna.bot.bot import Bot
from myna.bot.compose import Run
from myna.bot.reply import Question, Reply
from myna.bot.rules import Limits
from myna.db.engine import Database
from myna.db.mentions import count_mentions
from myna.db.posts import apply_events, find_post
from myna.errors import ModelNotReady, SourceError
from myna.feeds.bluesky.account import BlueskyAccount
from myna.feeds.bluesky.directory import Directory
from myna.feeds.bluesky.place import targets_of
from myna.feeds.bluesky.server import Refused, Server
from myna.feeds.bluesky.stream import Stream
from myna.feeds.ingest import run_live
from myna.post import Author, Event, Kind, Post
from tests.atproto.network import PASSWORD, Account, AtNetwork
from tests.atproto.test_ingest import come, reading, until

STEPS = ("claimed", "looked", "answered", "stored", "sends", "sent", "ended")
LONG = "Birds sing to be heard by other birds, which is why they are so loud at dawn. " * 9


@dataclass
class FakeReplier:
    """A fake that says what it was told, and keeps what it was asked."""

    runs: Sequence[Run] = (Run("Birds sing. "), Run("[1]", "https://example.org/1"))
    sources: Sequence[int] = ()
    asked: list[Question] = field(default_factory=list)
    fault: Exception | None = None

    def reply(self, question: Question) -> Reply:
        self.asked.append(question)
        if self.fault:
            raise self.fault
        return Reply(self.runs, self.sources, "en")


class Killed(BaseException):
    """Stands for a kill: nothing catches it."""


@dataclass
class World:
    """A store that reads the network, Myna's account there, and somebody who asks."""

    APPVIEW = False

    db: Database
    network: AtNetwork
    myna: Account
    ann: Account
    replier: FakeReplier
    since: datetime

    def bot(self, on_step: Callable[[str], None] = lambda _step: None, **more: Any) -> Bot:
        account = BlueskyAccount(
            Server(self.network.pds),
            self.myna.handle,
            lambda: PASSWORD,
            network="bluesky",
            did=self.myna.did,
            directory=Directory(self.network.plc),
            appview=self.APPVIEW,
        )
        more.setdefault("limits", Limits(patience=0.0))
        return Bot(
            self.db,
            "bluesky",
            "bluesky",
            account,
            self.replier,
            since=self.since,
            claim_seconds=0.0,
            on_step=on_step,
            **more,
        )

    def mention(
        self, words: str, by: Account | None = None, *, wait: bool = True, **more: Any
    ) -> str:
        """Somebody writes to Myna; the post's URI, when the store has it."""
        handle = f"@{self.myna.handle}"
        index = {"byteStart": 0, "byteEnd": len(handle)}
        features = [{"$type": "app.bsky.richtext.facet#mention", "did": self.myna.did}]
        uri = (by or self.ann).post(
            f"{handle} {words}", facets=[{"index": index, "features": features}], **more
        )
        if wait:
            until(lambda: self.stored(uri))
        return uri

    def stored(self, uri: str) -> bool:
        with self.db.begin() as conn:
            return find_post(conn, "bluesky", uri) is not None

    def work(self, bot: Bot | None = None) -> Bot:
        """Let a bot follow and work until nothing is left."""
        bot = bot or self.bot()
        bot.follow()
        for _ in range(50):
            if not bot.work():
                return bot
        raise AssertionError("it does not come to an end")

    def replies(self) -> list[dict[str, Any]]:
        """All that Myna has posted, oldest first."""
        told = Server(self.network.pds).get(
            "com.atproto.repo.listRecords",
            {"repo": self.myna.did, "collection": "app.bsky.feed.post", "reverse": True},
        )
        return told["records"]

    def states(self) -> dict[str, int]:
        with self.db.begin() as conn:
            return count_mentions(conn, "bluesky")

    def reason(self, uri: str) -> str | None:
        with self.db.begin() as conn:
            return conn.execute(
                text("select reason from mentions where uri = :uri"), {"uri": uri}
            ).scalar()


def ref(uri: str, network: AtNetwork) -> dict[str, str]:
    """A post with its present version."""
    did, collection, rkey = uri.removeprefix("at://").split("/")
    asked = {"repo": did, "collection": collection, "rkey": rkey}
    told = Server(network.pds).get("com.atproto.repo.getRecord", asked)
    return {"uri": uri, "cid": told["cid"]}


@pytest.fixture
def world(db: Database, network: AtNetwork) -> Iterator[World]:
    stop = threading.Event()
    stream = Stream("bluesky", targets_of(network.stream), stop=stop)
    thread = threading.Thread(target=run_live, args=(db, stream, stop))
    thread.start()
    made = World(
        db,
        network,
        network.account("myna"),
        network.account("ann"),
        FakeReplier(),
        datetime.now(UTC) - timedelta(minutes=1),
    )
    said: list[str] = []
    while not any(map(made.stored, said)):
        assert len(said) < 60
        said.append(made.ann.post("is it read?"))
        time.sleep(0.2)
    made.bot().follow()  # from here on it follows
    yield made
    stop.set()
    thread.join(15)


def test_a_mention_gets_one_reply_in_its_place(world: World) -> None:
    root = world.ann.post("Birds are loud today.")
    where = ref(root, world.network)
    uri = world.mention("why do birds sing?", reply={"root": where, "parent": where})
    bot = world.work()
    (reply,) = world.replies()
    value = reply["value"]
    assert value["text"] == "Birds sing. [1]"
    assert value["reply"]["root"] == where
    assert value["reply"]["parent"] == ref(uri, world.network)
    assert value["langs"] == ["en"]
    (facet,) = value["facets"]
    assert facet["index"] == {"byteStart": 12, "byteEnd": 15}
    assert facet["features"][0]["uri"] == "https://example.org/1"
    (question,) = world.replier.asked
    assert question.text == "why do birds sing?"
    assert question.around == ["Birds are loud today."]
    world.work(bot)
    world.work()
    assert len(world.replies()) == 1
    assert world.states() == {"sent": 1}


def test_a_long_reply_is_a_chain_of_three(world: World) -> None:
    world.replier.runs = [Run(LONG * 2)]
    uri = world.mention("tell me all about birds")
    world.work()
    replies = world.replies()
    assert len(replies) == 3
    parents = [one["value"]["reply"]["parent"]["uri"] for one in replies]
    assert parents == [uri, replies[0]["uri"], replies[1]["uri"]]
    assert {one["value"]["reply"]["root"]["uri"] for one in replies} == {uri}
    assert all(len(one["value"]["text"]) <= 300 for one in replies)
    assert replies[2]["value"]["text"].endswith("…")


@pytest.mark.parametrize("step", STEPS)
def test_killed_between_any_two_steps_there_is_one_reply(world: World, step: str) -> None:
    world.replier.runs = [Run(LONG * 2)]
    world.mention("why do birds sing?")
    for nth in (1, 2, 3):
        seen: list[str] = []

        def kill(now: str, seen: list[str] = seen, nth: int = nth) -> None:
            seen.append(now)
            if seen.count(step) == nth:
                raise Killed

        try:
            world.work(world.bot(kill))
        except Killed:
            continue
        break
    world.work()
    assert len(world.replies()) == 3
    assert world.states() == {"sent": 1}


def test_an_answer_that_was_lost_on_the_way_is_not_written_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.mention("why do birds sing?")
    bot = world.bot()
    post = Server.post
    lost: list[str] = []

    def losing(self: Server, method: str, *words: Any, **more: Any) -> Any:
        told = post(self, method, *words, **more)
        if method.endswith("createRecord") and not lost:
            lost.append(method)
            raise SourceError("no answer in time")
        return told

    monkeypatch.setattr(Server, "post", losing)
    world.work(bot)
    assert lost
    assert len(world.replies()) == 1
    assert world.states() == {"sent": 1}


@pytest.mark.parametrize("status", [500, 502, 429])
def test_a_server_that_refuses_for_a_while(
    world: World, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.mention("why do birds sing?")
    bot = world.bot()
    post = Server.post
    refused: list[int] = []

    def refusing(self: Server, method: str, *words: Any, **more: Any) -> Any:
        if method.endswith("createRecord") and len(refused) < 2:
            refused.append(status)
            raise Refused("no", status=status, name="", retry_after_s=0.2)
        return post(self, method, *words, **more)

    monkeypatch.setattr(Server, "post", refusing)

    def done() -> bool:
        bot.follow()
        bot.work()
        return world.states() == {"sent": 1}

    until(done)
    assert len(refused) == 2
    assert len(world.replies()) == 1


def test_a_model_that_is_away_costs_no_try(world: World) -> None:
    world.mention("why do birds sing?")
    world.replier.fault = ModelNotReady("it starts")
    bot = world.bot()
    bot.follow()
    for _ in range(12):
        bot.work()
    assert world.states() == {"answering": 1}
    world.replier.fault = None
    world.work(bot)
    assert world.states() == {"sent": 1}


def test_one_that_can_never_be_answered_is_given_up(world: World) -> None:
    world.mention("why do birds sing?")
    world.replier.fault = SourceError("a fault that stays")
    world.work()
    assert world.states() == {"failed": 1}
    assert world.replies() == []


def test_what_gets_no_answer(world: World) -> None:
    bob, bot_account = world.network.account("bob"), world.network.account("robot")
    deleted = world.mention("why do birds sing?")
    world.ann.delete(deleted)
    labels = {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "bot"}]}
    profile = {"$type": "app.bsky.actor.profile", "displayName": "R", "labels": labels}
    bot_account.create("app.bsky.actor.profile", profile, "self")
    by_bot = world.mention("why do birds sing?", by=bot_account)
    old = world.mention("why do birds sing?", by=bob, createdAt="2020-01-01T00:00:00Z")
    root = bob.post("Nobody may reply here.")
    gate = {"post": root, "allow": [], "createdAt": datetime.now(UTC).isoformat()}
    bob.create("app.bsky.feed.threadgate", gate, root.rpartition("/")[2])
    where = ref(root, world.network)
    closed = world.mention("why?", by=bob, reply={"root": where, "parent": where})
    written = world.myna.post(f"@{world.myna.handle} do I answer myself?")
    until(lambda: world.stored(written))
    world.work()
    assert world.reason(by_bot) == "bot"
    assert world.reason(old) == "old"
    assert world.reason(closed) == "closed"
    assert [one["uri"] for one in world.replies()] == [written]
    assert world.replier.asked == []


def test_one_that_is_deleted_while_the_answer_is_written(world: World) -> None:
    uri = world.mention("why do birds sing?")

    def delete(step: str) -> None:
        if step == "stored":
            world.ann.delete(uri)

    world.work(world.bot(delete))
    assert world.reason(uri) == "gone"
    assert world.replies() == []


def test_one_that_is_deleted_between_the_parts_leaves_nothing(world: World) -> None:
    world.replier.runs = [Run(LONG * 2)]
    uri = world.mention("why do birds sing?")
    seen: list[str] = []

    def kill(step: str) -> None:
        seen.append(step)
        if seen.count("sent") == 2:
            raise Killed

    with pytest.raises(Killed):
        world.work(world.bot(kill))
    assert len(world.replies()) == 2
    world.ann.delete(uri)
    world.work()
    assert world.reason(uri) == "gone"
    assert world.replies() == []


def test_stop_is_heeded_until_start(world: World) -> None:
    bob = world.network.account("bob")
    root = world.mention("why do birds sing?")
    world.work()
    where = ref(root, world.network)
    thread = {"root": where, "parent": where}
    world.mention("Stop!", reply=thread)
    silenced = world.mention("and why so loud?")
    by_another = world.mention("and cats?", by=bob, reply=thread)
    elsewhere = world.mention("and dogs?", by=bob)
    world.work()
    assert world.reason(silenced) == "silence"
    assert world.reason(by_another) == "silence"  # who began the thread wants no more of it
    assert world.reason(elsewhere) is None
    world.mention("start")
    world.mention("and why so early?")
    world.work()
    assert len(world.replies()) == 3


def test_limits_of_threads_and_authors(world: World) -> None:
    bot = world.bot(limits=Limits(per_thread=2, per_author=3, patience=0.0))
    root = world.mention("question number 0")
    where = ref(root, world.network)
    thread = {"root": where, "parent": where}
    in_thread = [world.mention(f"question number {n}", reply=thread) for n in (1, 2)]
    world.work(bot)
    assert [world.reason(uri) for uri in in_thread] == [None, "thread_limit"]
    others = [world.mention(f"another question, number {n}") for n in (3, 4)]
    world.work(bot)
    assert [world.reason(uri) for uri in others] == [None, "author_limit"]


def test_the_same_question_in_a_thread_gets_a_link_to_the_answer(world: World) -> None:
    bob = world.network.account("bob")
    root = world.mention("why do birds sing?")
    world.work()
    where = ref(root, world.network)
    thread = {"root": where, "parent": where}
    world.mention("Why do birds SING", by=bob, reply=thread)
    world.work()
    first, second = world.replies()
    assert second["value"]["text"].startswith("I have answered this here:")
    link = second["value"]["facets"][0]["features"][0]["uri"]
    assert link.endswith(f"{world.myna.did}/post/{first['uri'].rpartition('/')[2]}")
    assert len(world.replier.asked) == 1


def test_a_reply_goes_with_what_it_rests_on(world: World) -> None:
    source = world.ann.post("Birds sing to be heard.")
    until(lambda: world.stored(source))
    with world.db.begin() as conn:
        found = find_post(conn, "bluesky", source)
    assert found
    world.replier.sources = [found.id]
    uri = world.mention("why do birds sing?")
    bot = world.work()
    assert len(world.replies()) == 1
    world.ann.delete(source)

    def withdrawn() -> bool:
        bot.follow()
        return world.states() == {"withdrawn": 1}

    until(withdrawn)
    assert world.replies() == []
    assert world.reason(uri) == "a source was withdrawn"


def test_a_reply_goes_when_the_author_of_a_source_does(world: World) -> None:
    now = datetime.now(UTC)
    post = Post("bluesky", "at://x/1", Author("bluesky", "did:plc:x", "x"), "Birds sing.", now)
    with world.db.begin() as conn:
        apply_events(conn, [Event(Kind.CREATE, "bluesky", post.uri, post)], now=now)
        found = find_post(conn, "bluesky", post.uri)
    assert found
    world.replier.sources = [found.id]
    world.mention("why do birds sing?")
    bot = world.work()
    bot.check()
    assert len(world.replies()) == 1
    with world.db.begin() as conn:
        apply_events(conn, [Event(Kind.HIDE, "bluesky", "did:plc:x")], now=now)

    def withdrawn() -> bool:
        bot.check()
        return world.states() == {"withdrawn": 1}

    until(withdrawn)
    assert world.replies() == []


def test_two_bots_that_mention_each_other_stop_by_themselves(world: World) -> None:
    """The other one is labelled, or its author's limit ends it."""
    other = world.network.account("other")
    limits = Limits(per_thread=2, per_author=100, patience=0.0)
    bot = world.bot(limits=limits)
    root = world.mention("hello, bot", by=other)
    where = ref(root, world.network)
    for number in range(5):  # it answers each reply with a mention of Myna
        world.work(bot)
        parent = world.replies()[-1]
        reply = {"root": where, "parent": {"uri": parent["uri"], "cid": parent["cid"]}}
        world.mention(f"and again, {number}", by=other, reply=reply)
    world.work(bot)
    assert len(world.replies()) == 2


def test_it_says_that_it_is_a_bot_once(world: World) -> None:
    account = world.bot()._account
    assert account.is_marked()
    assert account.is_marked()
    asked = {"repo": world.myna.did, "collection": "app.bsky.actor.profile", "rkey": "self"}
    told = Server(world.network.pds).get("com.atproto.repo.getRecord", asked)["value"]
    assert told["labels"]["values"] == [{"val": "bot"}]
    assert "AI" in told["description"]


def test_a_session_that_has_run_out_is_renewed(world: World) -> None:
    account = world.bot()._account
    assert isinstance(account, BlueskyAccount)
    assert account.is_marked()
    session = account._session
    assert session
    account._session = type(session)(session.did, session.handle, "not-a-token", session.refresh)
    account.delete(f"at://{world.myna.did}/app.bsky.feed.post/3jzfcijpj2z2a")
    assert account._session.access != "not-a-token"


def test_it_runs_until_it_is_stopped(world: World) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=world.bot().run, args=(stop,))
    thread.start()
    try:
        world.mention("why do birds sing?")
        until(lambda: world.states() == {"sent": 1})
    finally:
        stop.set()
        thread.join(15)
    assert not thread.is_alive()
    assert len(world.replies()) == 1


def test_mentions_from_before_the_bot_was_first_started_are_answered(
    db: Database, network: AtNetwork
) -> None:
    """From the time of connecting on: what the store has had since, the bot reads at its start."""
    with reading(db, network):
        ann = network.account("ann")
        myna = network.account("myna")
        made = World(db, network, myna, ann, FakeReplier(), datetime.now(UTC))
        come(db, ann.post("is it read?"))
        earlier = made.mention("before it was connected")
        made.since = datetime.now(UTC)
        later = made.mention("why do birds sing?")
        made.work()
        made.work()
    assert made.reason(earlier) is None
    assert made.states() == {"sent": 1}
    (reply,) = made.replies()
    assert reply["value"]["reply"]["parent"]["uri"] == later
