"""Chats over a real store, with a fake answerer: asking, resuming, stopping, deleting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from myna.answer.events import Text, Turn
from myna.chats.generations import Generations
from myna.chats.service import (
    MOST_QUESTION_CHARACTERS,
    ChatService,
    clean,
    title_of,
)
from myna.chats.shown import ShownMessage
from myna.db.chats import save_progress
from myna.db.engine import Database
from myna.db.posts import apply_events, find_post
from myna.errors import Conflict, InvalidRequest, NotFound
from myna.post import Author, Event, Kind, Post, StoredPost
from tests.web.fake_answerer import FakeAnswerer, script

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 11, 23, tzinfo=UTC)


@dataclass
class World:
    db: Database
    fake: FakeAnswerer
    chats: ChatService

    async def chat(self, viewer: str = "ada") -> UUID:
        return (await self.chats.create(viewer)).id

    async def ask(
        self, chat: UUID, text: str = "How?", parent: UUID | None = None
    ) -> tuple[ShownMessage, ShownMessage]:
        return await self.chats.ask("ada", chat, text, parent, "en")

    async def ended(self, message_id: UUID) -> ShownMessage:
        generation = self.chats.generation("ada", message_id)
        if generation:
            async for _ in generation.log.follow(0, 5):
                pass
        return await self.chats.message("ada", message_id)

    def store_post(self, uri: str) -> StoredPost:
        author = Author("irc", "ada", "ada")
        event = Event(Kind.CREATE, "irc", uri, Post("irc", uri, author, "Like this.", NOW))
        with self.db.begin() as conn:
            apply_events(conn, [event], now=NOW)
            post = find_post(conn, "irc", uri)
        assert post
        return post


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    fake = FakeAnswerer()
    world = World(db, fake, ChatService(db, fake, Generations()))
    yield world
    await world.chats.close()


async def test_a_question_becomes_two_messages_and_an_answer(world: World) -> None:
    post = world.store_post("a")
    world.fake.steps = script(post)
    chat = await world.chat()
    question, answer = await world.ask(chat, "  How do I mount it? ")
    assert question.message.progress.text == "How do I mount it?"
    assert answer.message.progress.state == "running"
    assert answer.message.parent_id == question.message.id
    ended = await world.ended(answer.message.id)
    assert ended.message.progress.state == "done"
    assert ended.message.progress.text == "Use the loop option."
    assert [(s.number, s.post) for s in ended.sources] == [(1, post)]
    found, messages = await world.chats.read("ada", chat)
    assert found.title == "How do I mount it?"
    assert [one.message.id for one in messages] == [question.message.id, answer.message.id]


async def test_a_follow_up_gets_the_path_to_it_and_nothing_beside(world: World) -> None:
    chat = await world.chat()
    _, first = await world.ask(chat, "One?")
    await world.ended(first.message.id)
    _, beside = await world.ask(chat, "Beside?", first.message.id)
    await world.ended(beside.message.id)
    _, second = await world.ask(chat, "Two?", first.message.id)
    await world.ended(second.message.id)
    answer = Turn("assistant", "Use the loop option.")
    assert world.fake.conversations[-1] == [Turn("user", "One?"), answer, Turn("user", "Two?")]
    again = await world.chats.regenerate("ada", second.message.id, "fr")
    assert again.message.parent_id == second.message.parent_id
    assert world.fake.conversations[-1][-1] == Turn("user", "Two?") or await world.ended(
        again.message.id
    )
    await world.ended(again.message.id)
    assert world.fake.conversations[-1] == [Turn("user", "One?"), answer, Turn("user", "Two?")]
    assert world.fake.languages[-1] == "fr"


async def test_stop_keeps_the_text_and_frees_the_slot(world: World) -> None:
    world.fake.steps = [Text("Half"), 60]
    _, answer = await world.ask(await world.chat())
    await asyncio.sleep(0.05)
    stopped = await world.chats.stop("ada", answer.message.id)
    assert world.fake.open == 0
    assert (stopped.message.progress.state, stopped.message.progress.text) == ("stopped", "Half")
    assert await world.chats.stop("ada", answer.message.id) == stopped


async def test_a_growing_answer_is_shown_as_it_is_now(world: World) -> None:
    world.fake.steps = [Text("Half"), 60]
    chat = await world.chat()
    _, answer = await world.ask(chat)
    await asyncio.sleep(0.02)
    _, messages = await world.chats.read("ada", chat)
    assert messages[1].message.progress.text == "Half"
    with pytest.raises(Conflict):
        await world.ask(chat, "And?", answer.message.id)


async def test_others_see_nothing(world: World) -> None:
    world.fake.steps = [Text("Half"), 60]
    chat = await world.chat()
    _, answer = await world.ask(chat)
    for attempt in (
        world.chats.read("bob", chat),
        world.chats.rename("bob", chat, "mine"),
        world.chats.delete("bob", chat),
        world.chats.stop("bob", answer.message.id),
        world.chats.message("bob", answer.message.id),
        world.chats.regenerate("bob", answer.message.id, "en"),
        world.chats.ask("bob", chat, "Hm?", None, "en"),
        world.ask(await world.chat(), "Hm?", answer.message.id),  # another chat's answer
    ):
        with pytest.raises((NotFound, Conflict)):
            await attempt
    assert world.chats.generation("bob", answer.message.id) is None
    assert world.fake.open == 1


async def test_a_deleted_chat_stops_its_answer(world: World) -> None:
    world.fake.steps = [Text("Half"), 60]
    chat = await world.chat()
    _, answer = await world.ask(chat)
    await asyncio.sleep(0.02)
    await world.chats.delete("ada", chat)
    assert world.fake.open == 0
    with pytest.raises(NotFound):
        await world.chats.message("ada", answer.message.id)


async def test_a_post_deleted_since_is_not_shown_again(world: World) -> None:
    post = world.store_post("a")
    world.fake.steps = script(post)
    _, answer = await world.ask(await world.chat())
    await world.ended(answer.message.id)
    with world.db.begin() as conn:
        apply_events(conn, [Event(Kind.DELETE, "irc", "a")], now=NOW)
    shown = await world.chats.message("ada", answer.message.id)
    assert [(s.number, s.post) for s in shown.sources] == [(1, None)]
    generation = world.chats.generation("ada", answer.message.id)
    assert generation
    assert (await world.chats.refresh(generation.draft.sources))[0].post is None


async def test_what_nobody_writes_any_more_is_interrupted(world: World) -> None:
    chat = await world.chat()
    _, answer = await world.ask(chat)
    done = await world.ended(answer.message.id)
    with world.db.begin() as conn:
        save_progress(conn, answer.message.id, answer.message.progress)  # "running"
    later = ChatService(world.db, world.fake, Generations())
    shown = await later.message("ada", answer.message.id)
    assert shown.message.progress.state == "interrupted"
    await later.recover()
    assert (await later.message("ada", answer.message.id)).message.progress.finished_at
    assert done.message.progress.state == "done"


async def test_closing_saves_what_is_written(world: World) -> None:
    world.fake.steps = [Text("Half"), 60]
    _, answer = await world.ask(await world.chat())
    await asyncio.sleep(0.02)
    await world.chats.close()
    progress = (await world.chats.message("ada", answer.message.id)).message.progress
    assert (progress.state, progress.text) == ("interrupted", "Half")


async def test_bad_questions_and_titles_are_refused(world: World) -> None:
    chat = await world.chat()
    for text in ("", " \n", "\0", "x" * (MOST_QUESTION_CHARACTERS + 1)):
        with pytest.raises(InvalidRequest, match="text"):
            await world.ask(chat, text)
    for title in ("", "  ", "x" * 121):
        with pytest.raises(InvalidRequest, match="title"):
            await world.chats.rename("ada", chat, title)
    with pytest.raises(NotFound):
        await world.ask(uuid4())
    with pytest.raises(NotFound):
        await world.ask(chat, "Hm?", uuid4())
    question, answer = await world.ask(chat, "a\0b\ud800c")
    assert question.message.progress.text == "abc"
    await world.ended(answer.message.id)
    with pytest.raises(InvalidRequest, match="question"):
        await world.chats.regenerate("ada", question.message.id, "en")
    with pytest.raises(NotFound):
        await world.ask(chat, "Hm?", question.message.id)


def test_titles_are_cut_between_words() -> None:
    assert title_of("How do I\n mount it?") == "How do I mount it?"
    long = title_of("How do I mount an ISO file that somebody gave me on a stick, please?")
    assert long == "How do I mount an ISO file that somebody gave me on a…"
    assert len(title_of("x" * 500)) == 61


def test_text_is_cleaned_for_the_store() -> None:
    assert clean("a\0b\ud83dc\N{BIRD}") == "abc\N{BIRD}"
