"""Chats: questions, their answers as tasks, and what the store keeps of both.

Every call takes the viewer and sees only that viewer's chats. An answer that is in memory (being
written, or not yet saved) is shown as it is there; all others as they are in the store. The posts
behind an answer are always read through the store: one deleted since is not shown again.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Protocol, TypeVar
from uuid import UUID

from anyio import to_thread
from sqlalchemy import Connection

from myna.answer.events import AnswerEvent, Source, Turn
from myna.chats.changes import Changes
from myna.chats.draft import Draft
from myna.chats.generation import Generation
from myna.chats.generations import Generations
from myna.chats.living import LivingAnswers
from myna.chats.shown import ShownMessage, ShownSource, Snapshot, show, show_sources
from myna.db import chats as store
from myna.db.chats import Chat, Message, Progress
from myna.db.engine import Database
from myna.db.grounds import save_grounds
from myna.db.receipts import save_receipts
from myna.errors import Conflict, InvalidRequest, NotFound
from myna.telemetry import get_logger

MOST_QUESTION_CHARACTERS = 4_000
MOST_TITLE_CHARACTERS = 120
MOST_MESSAGES = 1_000
"""Messages in one chat, over all branches."""
MOST_CHATS = 500
"""Chats listed for a viewer; older ones can still be opened by their address."""
AUTO_TITLE_CHARACTERS = 60

T = TypeVar("T")
log = get_logger("chats")


class Answers(Protocol):
    """What writes answers: ``myna.answer.answer.Answerer``."""

    def answer(
        self,
        conversation: Sequence[Turn],
        *,
        language: str = "en",
        now: datetime | None = None,
        asker: str = "",
    ) -> AsyncGenerator[AnswerEvent]:
        """The events of the answer to the last turn."""
        ...


class ChatService:
    """The chats of all viewers. Belongs to one event loop."""

    def __init__(self, db: Database, answers: Answers, generations: Generations) -> None:
        self._db = db
        self._answers = answers
        self.generations = generations
        self.changes = Changes()
        self.living = LivingAnswers(db, generations, self.changes)

    async def recover(self) -> None:
        """Mark as interrupted what an earlier process left half written. Call once, at start."""
        count = await self._run(store.interrupt_running, datetime.now(UTC))
        if count:
            log.info("answers were interrupted by the last stop", count=count)

    async def create(self, viewer: str) -> Chat:
        """A new, empty chat."""
        return await self._run(store.create_chat, viewer, "", datetime.now(UTC))

    async def list(self, viewer: str) -> list[Chat]:
        """The viewer's chats, the most recently used first."""
        return await self._run(store.list_chats, viewer, MOST_CHATS)

    async def read(self, viewer: str, chat_id: UUID) -> tuple[Chat, list[ShownMessage]]:
        """A chat with all its messages. Raises NotFound."""
        newer = self._newer(viewer)

        def work(conn: Connection) -> tuple[Chat, list[ShownMessage]]:
            chat = found(store.find_chat(conn, viewer, chat_id), "chat")
            return chat, show(conn, store.list_messages(conn, chat_id), newer)

        chat, messages = await self._run(work)
        return chat, [self._settled(one) for one in messages]

    async def rename(self, viewer: str, chat_id: UUID, title: str) -> Chat:
        """Give a chat another title. Raises NotFound, InvalidRequest."""
        title = clean(" ".join(title.split()))
        if not 1 <= len(title) <= MOST_TITLE_CHARACTERS:
            raise InvalidRequest(f"title: give 1 to {MOST_TITLE_CHARACTERS} characters.")
        chat = await self._run(store.rename_chat, viewer, chat_id, title, datetime.now(UTC))
        return found(chat, "chat")

    async def delete(self, viewer: str, chat_id: UUID) -> None:
        """Delete a chat; an answer that is being written in it is stopped. Raises NotFound."""
        messages = await self._run(self._owned_messages, viewer, chat_id)
        for message in messages:
            await self.generations.stop(message.id)
        if not await self._run(store.delete_chat, viewer, chat_id):
            raise NotFound("There is no such chat.")

    async def ask(
        self, viewer: str, chat_id: UUID, text: str, parent_id: UUID | None, language: str
    ) -> tuple[ShownMessage, ShownMessage]:
        """Add a question below a finished answer (or as a first one) and begin to answer it.

        Raises:
            NotFound: no such chat, or no such answer in it.
            InvalidRequest: the question is empty or too long, or the chat is full.
            Conflict: the answer above is still being written.
            Busy: too many answers are being written.
        """
        text = clean(text).strip()
        if not text:
            raise InvalidRequest("text: ask something.")
        if len(text) > MOST_QUESTION_CHARACTERS:
            raise InvalidRequest(
                f"text: a question has at most {MOST_QUESTION_CHARACTERS:,} characters."
            )
        with self.generations.place(viewer):
            if parent_id is not None and self.generations.is_running(parent_id):
                raise Conflict("The answer above is still being written. Wait for it or stop it.")
            question, answer, path = await self._run(
                self._add_question, viewer, chat_id, text, parent_id
            )
            self._start(viewer, answer, path, language)
        return ShownMessage(question), ShownMessage(answer)

    async def regenerate(self, viewer: str, message_id: UUID, language: str) -> ShownMessage:
        """Answer the same question again: the new answer stands beside the old one."""
        with self.generations.place(viewer):
            answer, path = await self._run(self._add_sibling, viewer, message_id)
            self._start(viewer, answer, path, language)
        return ShownMessage(answer)

    async def stop(self, viewer: str, message_id: UUID) -> ShownMessage:
        """End an answer, keeping the text so far; one that has ended stays as it is."""
        generation = self.generations.find(message_id)
        if generation and generation.owner == viewer:
            await generation.stop()
        return await self.message(viewer, message_id)

    async def message(self, viewer: str, message_id: UUID) -> ShownMessage:
        """One message as it is now. Raises NotFound."""
        newer = self._newer(viewer)

        def work(conn: Connection) -> ShownMessage:
            message = found(store.find_message(conn, viewer, message_id), "message")
            return show(conn, [message], newer)[0]

        return self._settled(await self._run(work))

    def generation(self, viewer: str, message_id: UUID) -> Generation | None:
        """The viewer's answer whose events are in memory."""
        generation = self.generations.find(message_id)
        return generation if generation and generation.owner == viewer else None

    async def refresh(self, sources: Sequence[Source]) -> tuple[ShownSource, ...]:
        """Sources as they are now."""
        numbered = {source.number: source.post.id for source in sources}
        scores = {source.number: source.score for source in sources}
        shown = await self._run(show_sources, numbered, scores)
        copies = {source.number: source.copies for source in sources}
        return tuple(replace(one, copies=copies[one.number]) for one in shown)

    async def close(self) -> None:
        """End all answers; what is written so far is saved as interrupted."""
        await self.living.close()
        self.changes.close()
        await self.generations.close()

    async def _run(self, work: Callable[..., T], *args: object) -> T:
        """Do ``work(conn, *args)`` as one transaction, in a thread."""

        def transaction() -> T:
            with self._db.begin() as conn:
                return work(conn, *args)

        return await to_thread.run_sync(transaction)

    def _start(
        self, viewer: str, answer: Message, path: Sequence[Message], language: str
    ) -> Generation:
        events = self._answers.answer(
            conversation(path), language=language, asker=str(answer.chat_id)
        )
        return self.generations.start(answer.id, viewer, events, partial(self._save, answer.id))

    def _newer(self, viewer: str) -> dict[UUID, Snapshot]:
        unsaved = self.generations.unsaved(viewer)
        return {one.id: Snapshot.of(one.draft) for one in unsaved}

    def _settled(self, shown: ShownMessage) -> ShownMessage:
        """A row that says running although nobody writes it (its end could not be saved)."""
        message = shown.message
        if message.progress.state != "running" or self.generations.find(message.id):
            return shown
        progress = replace(message.progress, state="interrupted")
        return replace(shown, message=replace(message, progress=progress))

    async def _save(self, message_id: UUID, draft: Draft) -> bool:
        progress, grounds = draft.progress(), draft.grounds()
        model, uses = draft.model, draft.uses()

        def save(conn: Connection) -> bool:
            if not store.save_progress(conn, message_id, progress):
                return False
            save_grounds(conn, message_id, grounds)
            save_receipts(conn, message_id, "app", model, uses=uses, now=datetime.now(UTC))
            return True

        return await self._run(save)

    async def save_uses(self, answer: UUID, draft: Draft) -> bool:
        """Keep of an answer that is not kept itself where posts were used, once it has ended."""
        if draft.state != "running":
            save = partial(save_receipts, uses=draft.uses(), now=datetime.now(UTC))
            await self._run(save, answer, "api", draft.model)
        return True

    # What follows runs in a thread, in the caller's transaction.

    def _owned_messages(self, conn: Connection, viewer: str, chat_id: UUID) -> list[Message]:
        found(store.find_chat(conn, viewer, chat_id), "chat")
        return store.list_messages(conn, chat_id)

    def _add_question(
        self, conn: Connection, viewer: str, chat_id: UUID, text: str, parent_id: UUID | None
    ) -> tuple[Message, Message, list[Message]]:
        found(store.find_chat(conn, viewer, chat_id), "chat")
        path: list[Message] = []
        if parent_id is not None:
            path = store.read_path(conn, parent_id)
            if not path or path[-1].chat_id != chat_id or path[-1].role != "assistant":
                raise NotFound("parent_id: there is no such answer in this chat.")
        question, answer = self._add_pair(conn, chat_id, text, parent_id)
        store.title_chat(conn, chat_id, title_of(text))
        return question, answer, [*path, question]

    def _add_pair(
        self, conn: Connection, chat_id: UUID, text: str, parent_id: UUID | None
    ) -> tuple[Message, Message]:
        now = datetime.now(UTC)
        asked = Progress("done", text=text, finished_at=now)
        question = found(
            store.add_message(conn, chat_id, parent_id, "user", asked, now=now), "chat"
        )
        return question, self._add_answer(conn, chat_id, question.id, now)

    def _add_answer(
        self, conn: Connection, chat_id: UUID, question_id: UUID, now: datetime
    ) -> Message:
        if store.count_messages(conn, chat_id) >= MOST_MESSAGES:
            raise InvalidRequest("This chat is full. Begin a new one.")
        added = store.add_message(conn, chat_id, question_id, "assistant", Progress(), now=now)
        return found(added, "chat")

    def _add_sibling(
        self, conn: Connection, viewer: str, message_id: UUID
    ) -> tuple[Message, list[Message]]:
        old = found(store.find_message(conn, viewer, message_id), "message")
        if old.role != "assistant" or old.parent_id is None:
            raise InvalidRequest("Only an answer can be written again; this is a question.")
        path = store.read_path(conn, old.parent_id)
        return self._add_answer(conn, old.chat_id, old.parent_id, datetime.now(UTC)), path


def conversation(path: Sequence[Message]) -> list[Turn]:
    """The turns that lead to a question. An answer without text (it failed) is left out."""
    return [Turn(message.role, message.progress.text) for message in path if message.progress.text]


def clean(text: str) -> str:
    """Text that PostgreSQL and the model can take: no NUL, no lone surrogates."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode("utf-8")


def title_of(question: str) -> str:
    """A chat's title from its first question: its beginning, cut between words."""
    words = " ".join(question.split())
    if len(words) <= AUTO_TITLE_CHARACTERS:
        return words
    head = words[:AUTO_TITLE_CHARACTERS]
    return (head.rsplit(" ", 1)[0] if " " in head[20:] else head).rstrip(",;:.- ") + "…"


def found(thing: T | None, what: str) -> T:
    """The thing, or NotFound: also for what belongs to somebody else."""
    if thing is None:
        raise NotFound(f"There is no such {what}.")
    return thing
