"""A post goes, and with it what rests on it: stored, in memory, and on open pages."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from myna.answer.events import Citation, Source, Sources, Text
from myna.chats.changes import Changed
from myna.chats.generations import Generations
from myna.chats.log import Finished, Withdrawn
from myna.chats.redaction import MARKS
from myna.chats.service import ChatService
from myna.db.chats import Progress, add_message, create_chat
from myna.db.consents import mark_posts
from myna.db.content import text_digest
from myna.db.engine import Database
from myna.db.grounds import POST, Ground, list_redactions, save_grounds
from myna.db.posts import apply_events, find_post
from myna.post import Author, Event, Kind, Post, StoredPost, Use
from myna.safety.consent.ledger import choose
from myna.settings import Settings
from tests.web.fake_answerer import DONE, FakeAnswerer, script

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 11, 23, tzinfo=UTC)
WORDS = "Use the loop option."


def write(db: Database, uri: str, words: str = "mount -o loop", *, by: str = "ada") -> StoredPost:
    """Store a post, new or edited."""
    with db.begin() as conn:
        there = find_post(conn, "irc", uri)
        kind = Kind.EDIT if there else Kind.CREATE
        post = Post("irc", uri, Author("irc", by, by), words, NOW)
        apply_events(conn, [Event(kind, "irc", uri, post)], now=NOW)
        found = find_post(conn, "irc", uri)
    assert found
    return found


def apply(db: Database, kind: Kind, uri: str) -> None:
    with db.begin() as conn:
        apply_events(conn, [Event(kind, "irc", uri)], now=NOW)


def refuse(db: Database, use: Use, by: str = "ada") -> None:
    with db.begin() as conn:
        choose(conn, ("irc", by), use, "no", by="member", now=NOW)
    with db.begin() as conn:
        mark_posts(conn, 100)


class World:
    def __init__(self, db: Database) -> None:
        self.db = db
        self.fake = FakeAnswerer()
        self.chats = ChatService(db, self.fake, Generations())

    async def answer(self, *posts: StoredPost) -> UUID:
        """A finished answer that cites the first post."""
        self.fake.steps = script(*posts, words=WORDS)
        chat = await self.chats.create("viewer")
        _, asked = await self.chats.ask("viewer", chat.id, "How?", None, "en")
        id = asked.message.id
        generation = self.chats.generation("viewer", id)
        assert generation
        async for _ in generation.log.follow(0, 5):
            pass
        return id

    async def shown(self, id: UUID) -> Progress:
        return (await self.chats.message("viewer", id)).message.progress

    def stored(self, id: UUID) -> str:
        with self.db.begin() as conn:
            return conn.execute(
                text("select text from messages where id = :id"), {"id": id}
            ).scalar_one()

    async def settle(self) -> None:
        while await self.chats.living.step():
            pass

    def log(self) -> list[tuple[int, str]]:
        with self.db.begin() as conn:
            return [(one.post_id, one.reason) for one in list_redactions(conn, 0, 100)]


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    world = World(db)
    await world.settle()
    yield world
    await world.chats.close()


async def test_a_deletion_is_seen_at_once_and_stored_with_the_next_step(world: World) -> None:
    post, other = write(world.db, "a"), write(world.db, "b")
    id, kept = await world.answer(post, other), await world.answer(other)
    apply(world.db, Kind.DELETE, "a")
    assert (await world.shown(id)).text == MARKS["deleted"]
    assert world.stored(id) == WORDS
    await world.settle()
    assert world.stored(id) == MARKS["deleted"]
    assert world.stored(kept) == WORDS
    assert world.log() == [(post.id, "deleted")]
    progress = await world.shown(id)
    assert [dict(span) for span in progress.spans] == [
        {
            "kind": "removed",
            "start": 0,
            "end": len(MARKS["deleted"]),
            "numbers": [1],
            "reason": "deleted",
        }
    ]
    assert world.chats.generation("viewer", id) is None  # its old words are in memory no more
    await world.settle()
    assert len(world.log()) == 1


@pytest.mark.parametrize("use", [Use.RETRIEVE, Use.QUOTE, Use.GENERATE])
async def test_a_withdrawal_is_one_too(world: World, use: Use) -> None:
    post = write(world.db, "a")
    id = await world.answer(post)
    refuse(world.db, use)
    assert (await world.shown(id)).text == MARKS["withdrawn"]
    await world.settle()
    assert world.stored(id) == MARKS["withdrawn"]
    assert world.log() == [(post.id, "withdrawn")]


async def test_training_is_no_matter_of_answers(world: World) -> None:
    id = await world.answer(write(world.db, "a"))
    refuse(world.db, Use.TRAIN)
    await world.settle()
    assert (await world.shown(id)).text == world.stored(id) == WORDS


async def test_an_edit_takes_what_was_said_before_and_a_like_does_not(world: World) -> None:
    id = await world.answer(write(world.db, "a"))
    with world.db.begin() as conn:
        liked = Post("irc", "a", Author("irc", "ada", "ada"), "mount -o loop", NOW, likes=5)
        apply_events(conn, [Event(Kind.EDIT, "irc", "a", liked)], now=NOW)
    await world.settle()
    assert world.stored(id) == WORDS
    write(world.db, "a", "use a disc")
    assert (await world.shown(id)).text == MARKS["edited"]
    await world.settle()
    assert world.stored(id) == MARKS["edited"]


async def test_a_hidden_account_is_not_shown_and_comes_back(world: World) -> None:
    id = await world.answer(write(world.db, "a"))
    apply(world.db, Kind.HIDE, "ada")
    await world.settle()
    assert (await world.shown(id)).text == MARKS["hidden"]
    apply(world.db, Kind.RETURN, "ada")
    await world.settle()
    assert (await world.shown(id)).text == world.stored(id) == WORDS


async def test_a_running_answer_whose_source_goes_is_ended(world: World) -> None:
    post = write(world.db, "a")
    go_on = asyncio.Event()
    world.fake.steps = [
        Sources((Source(1, post, None, 1.0),)),
        Text(WORDS),
        Citation(0, len(WORDS), (1,)),
        go_on,
        Text(" More of it."),
        DONE,
    ]
    chat = await world.chats.create("viewer")
    _, asked = await world.chats.ask("viewer", chat.id, "How?", None, "en")
    generation = world.chats.generation("viewer", asked.message.id)
    assert generation
    await asyncio.sleep(0.1)
    apply(world.db, Kind.DELETE, "a")
    await world.settle()
    events: list[Any] = []
    async for entries in generation.log.follow(0, 5):
        events += [entry.event for entry in entries]
    assert Withdrawn((1,)) in events
    assert isinstance(events[-1], Finished)
    assert events[-1].state == "interrupted"
    shown = await world.shown(asked.message.id)
    assert (shown.state, shown.text) == ("interrupted", MARKS["deleted"])
    assert shown.notices[-1]["code"] == "withdrawn"
    assert world.stored(asked.message.id) == MARKS["deleted"]
    await world.settle()
    assert world.fake.open == 0


async def test_open_pages_of_the_viewer_are_told(world: World) -> None:
    id = await world.answer(write(world.db, "a"))
    told: list[Changed | None] = []

    async def read(viewer: str) -> None:
        async for changed in world.chats.changes.follow(viewer, 0.05):
            told.append(changed)
            if changed is not None:
                return

    reading = asyncio.create_task(read("viewer"))
    other = asyncio.create_task(read("somebody else"))
    await asyncio.sleep(0.1)
    apply(world.db, Kind.DELETE, "a")
    await world.settle()
    await asyncio.wait_for(reading, 5)
    chat = (await world.chats.message("viewer", id)).message.chat_id
    assert told[-1] == Changed(chat, id)
    assert not other.done()
    world.chats.changes.close()
    await asyncio.wait_for(other, 5)


async def test_another_process_does_it_and_this_one_tells(world: World, db: Database) -> None:
    id = await world.answer(write(world.db, "a"))
    apply(world.db, Kind.DELETE, "a")
    other = World(db)
    await other.settle()
    assert world.stored(id) == MARKS["deleted"]
    await world.settle()
    assert len(world.log()) == 1
    await other.chats.close()


async def test_an_answer_that_was_saved_behind_the_followers_back_is_found_at_the_start(
    world: World,
) -> None:
    post = write(world.db, "a")
    apply(world.db, Kind.DELETE, "a")
    await world.settle()
    with world.db.begin() as conn:
        chat = create_chat(conn, "viewer", "", NOW)
        late = Progress(
            "done",
            text=WORDS,
            spans=({"kind": "citation", "start": 0, "end": 20, "numbers": [1]},),
            finished_at=datetime.now(UTC),
        )
        message = add_message(conn, chat.id, None, "assistant", late, now=NOW)
        assert message
        grounds = [Ground(1, POST, post.id, text_digest("mount -o loop"))]
        save_grounds(conn, message.id, grounds)
    again = World(world.db)
    await again.settle()
    assert world.stored(message.id) == MARKS["deleted"]
    await again.chats.close()


_FOLLOW = """
import asyncio, sys
from myna.chats.generations import Generations
from myna.chats.service import ChatService
from myna.db.engine import open_database
from myna.settings import Settings

async def main():
    service = ChatService(open_database(Settings()), None, Generations())
    print("ready", flush=True)
    while True:
        await service.living.step()

asyncio.run(main())
"""


async def test_a_kill_at_any_moment_leaves_nothing_out(world: World, settings: Settings) -> None:
    posts = [write(world.db, f"p{n}", f"words {n}") for n in range(60)]
    ids = [await world.answer(post) for post in posts]
    env = {
        **os.environ,
        "MYNA_HOME": str(settings.home),
        "MYNA_DATABASE_URL": settings.database_url.get_secret_value(),
    }
    for n in range(0, 60, 10):
        process = subprocess.Popen(  # noqa: ASYNC220
            [sys.executable, "-c", _FOLLOW], env=env, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        for one in posts[n : n + 10]:
            apply(world.db, Kind.DELETE, one.post.uri)
            await asyncio.sleep(0.002 * (n // 10))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    again = World(world.db)
    await again.settle()
    assert {world.stored(id) for id in ids} == {MARKS["deleted"]}
    assert sorted(world.log()) == sorted((post.id, "deleted") for post in posts)
    await again.chats.close()
