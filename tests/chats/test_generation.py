"""One answer as a task: what readers see, what is saved, and how it ends in every case."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from uuid import uuid4

import pytest

from myna.answer.events import AnswerEvent, Text
from myna.chats import generation as room
from myna.chats.draft import Draft
from myna.chats.generation import Generation
from myna.chats.generations import MOST_RUNNING, MOST_RUNNING_EACH, Generations
from myna.chats.log import Failed, Finished, LogEvent
from myna.errors import Busy, DatabaseError, ModelNotReady
from tests.web.fake_answerer import FakeAnswerer, Step, script, stored

pytestmark = pytest.mark.anyio


def answering(*steps: Step) -> tuple[FakeAnswerer, AsyncGenerator[AnswerEvent]]:
    fake = FakeAnswerer(steps)
    return fake, fake.answer([])


async def events_of(generation: Generation) -> list[LogEvent]:
    return [e.event async for entries in generation.log.follow(0, 5) for e in entries]


class Saves:
    """Remembers what was saved; ``fails`` saves raise first."""

    def __init__(self, fails: int = 0, there: bool = True) -> None:
        self.fails, self.there = fails, there
        self.states: list[tuple[str, str]] = []

    async def __call__(self, draft: Draft) -> bool:
        if self.fails:
            self.fails -= 1
            raise DatabaseError("The database is away.")
        self.states.append((draft.state, draft.text))
        return self.there


async def test_an_answer_is_logged_and_saved_whole() -> None:
    _, events = answering(*script(stored()))
    saves = Saves()
    generation = Generation(uuid4(), "ada", events, saves)
    logged = await events_of(generation)
    assert logged[-1] == Finished("done", "answered", "fake-model", "v1", "fake-model")
    assert saves.states[-1] == ("done", "Use the loop option.")
    progress = generation.draft.progress()
    assert progress.spans == ({"kind": "citation", "start": 0, "end": 20, "numbers": [1]},)
    assert progress.usage == {"prompt_tokens": 50, "completion_tokens": 4}
    assert [(one.number, one.post_id) for one in generation.grounds] == [(1, 1)]


async def test_quick_pieces_are_joined_and_a_pause_lets_them_go() -> None:
    _, events = answering(*[Text("a")] * 100, 0.1, *[Text("b")] * 100)
    generation = Generation(uuid4(), "ada", events)
    seen: list[str] = []
    async for entries in generation.log.follow(0, 5):
        seen += [e.event.delta for e in entries if isinstance(e.event, Text)]
    assert "".join(seen) == "a" * 100 + "b" * 100
    assert len(seen) <= 6


async def test_a_stop_closes_the_stream_and_keeps_the_text() -> None:
    fake, events = answering(Text("Half an "), 60)
    saves = Saves()
    generation = Generation(uuid4(), "ada", events, saves)
    await asyncio.sleep(0.05)
    assert fake.open == 1
    await generation.stop()
    assert fake.open == 0
    assert saves.states[-1] == ("stopped", "Half an ")
    assert (await events_of(generation))[-1] == Finished("stopped", None, None, None)
    await generation.stop()  # again: nothing happens


async def test_a_growing_answer_is_saved_while_it_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "SAVE_EVERY_S", 0.02)
    _, events = answering(Text("one "), 0.1, Text("two "), 0.1, Text("three"))
    saves = Saves()
    generation = Generation(uuid4(), "ada", events, saves)
    await events_of(generation)
    assert ("running", "one ") in saves.states
    assert ("running", "one two ") in saves.states
    assert saves.states[-1] == ("done", "one two three")
    assert len(saves.states) <= 4  # nothing is saved twice


async def test_errors_end_the_answer_with_a_sentence() -> None:
    _, events = answering(Text("x"), ModelNotReady("The model is starting."))
    generation = Generation(uuid4(), "ada", events)
    assert (await events_of(generation))[-1] == Failed("model_not_ready", "The model is starting.")
    _, events = answering(Text("x"), RuntimeError("secret detail"))
    generation = Generation(uuid4(), "ada", events)
    last = (await events_of(generation))[-1]
    assert isinstance(last, Failed)
    assert "secret" not in last.message


async def test_readers_are_told_even_when_the_store_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(room, "SAVE_AGAIN_S", (0.01, 0.01, 0.01))
    _, events = answering(*script(stored()))
    saves = Saves(fails=2)
    generation = Generation(uuid4(), "ada", events, saves)
    assert isinstance((await events_of(generation))[-1], Finished)
    assert generation.unsaved
    async with asyncio.timeout(5):
        while generation.unsaved:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert saves.states == [("done", "Use the loop option.")]


async def test_an_answer_whose_message_was_deleted_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "SAVE_EVERY_S", 0.01)
    fake, events = answering(Text("a"), 60)
    generation = Generation(uuid4(), "ada", events, Saves(there=False))
    async with asyncio.timeout(5):
        await events_of(generation)
    assert fake.open == 0


async def test_an_answer_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LIMIT_CHARACTERS", 100)
    fake, events = answering(*[Text("0123456789")] * 1000)
    generation = Generation(uuid4(), "ada", events)
    await events_of(generation)
    assert generation.draft.characters == 110
    assert generation.draft.progress().notices[0]["code"] == "truncated"
    assert fake.open == 0


async def test_limits_for_each_and_for_all() -> None:
    generations = Generations()
    started: list[Generation] = []

    def start(owner: str | None) -> None:
        with generations.place(owner):
            started.append(generations.start(uuid4(), owner, answering(60)[1]))

    for _ in range(MOST_RUNNING_EACH):
        start("ada")
    with pytest.raises(Busy, match="for you"):
        start("ada")
    while generations.running < MOST_RUNNING:
        start(None)
    with pytest.raises(Busy, match="moment"):
        start("bob")
    await started[0].stop()
    start("ada")
    await generations.close()
    assert generations.running == 0
    with pytest.raises(Busy):
        start("ada")


async def test_ended_answers_are_kept_for_a_while_and_no_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    generations = Generations()
    with generations.place("ada"):
        generation = generations.start(uuid4(), "ada", answering(*script())[1], Saves())
    assert generations.is_running(generation.id)
    await events_of(generation)
    await asyncio.sleep(0)
    assert not generations.is_running(generation.id)
    assert generations.find(generation.id) is generation
    assert generations.ended_by_state == {"done": 1}
    assert generations.tokens == {"prompt_tokens": 50, "completion_tokens": 4}
    monkeypatch.setattr("myna.chats.generations.KEPT_S", 0)
    assert generations.find(generation.id) is None
