"""Living answers: what rests on a post goes when the post does.

Four times a second the changes since the last time are gone through. Stored answers that rest on a
post that was deleted, edited or withdrawn are redacted in the transaction that notes how far one
came: so a kill at any moment leaves nothing out. One process does this for all; each looks after the
answers in its own memory and tells its own open pages.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from anyio import CapacityLimiter, to_thread
from sqlalchemy import Connection

from myna.chats.changes import Changed, Changes
from myna.chats.generation import Generation
from myna.chats.generations import Generations
from myna.chats.redaction import Loss, losses, reasons, redact
from myna.db.chats import lock_message, rewrite_message
from myna.db.engine import Database
from myna.db.grounds import (
    Ground,
    Reason,
    Redaction,
    add_redactions,
    changed_messages,
    last_redaction,
    list_redactions,
    read_grounds,
    read_place,
    read_present,
    recent_messages,
    save_place,
)
from myna.db.posts import last_seq
from myna.errors import MynaError
from myna.telemetry import get_logger

EVERY_S = 0.25
CHANGES_AT_ONCE = 20_000
LOOK_BACK = timedelta(hours=1)
"""Answers that ended so long before the start are looked at once more: their process may have died
between the last look and the save."""
_TOLD_AT_ONCE = 1_000
log = get_logger("chats")

Gone = Mapping[int, Reason]


@dataclass(frozen=True, slots=True)
class _Look:
    """What a look at the store has found."""

    more: bool
    """Whether changes are left to go through."""
    gone: Mapping[UUID, Gone]
    """Answers in memory, and their sources that may not be used any more."""
    news: list[Redaction]


class LivingAnswers:
    """Belongs to one event loop."""

    def __init__(self, db: Database, generations: Generations, changes: Changes) -> None:
        self._db = db
        self._generations = generations
        self._changes = changes
        self._told: int | None = None
        self._seen: tuple[int, int] | None = None
        """The latest change and the latest redaction, when all up to them was done."""
        self._looked_back = False
        self._limiter = CapacityLimiter(1)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to follow the changes; does not wait."""
        if self._task is None:
            self._task = asyncio.create_task(self._follow(), name="living answers")

    async def close(self) -> None:
        """Stop following; what was begun is finished or undone."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _follow(self) -> None:
        waits = False
        while True:
            try:
                more = await self.step()
                waits = False
            except MynaError as error:
                if not waits:
                    log.warning("living answers wait", reason=str(error))
                more, waits = False, True
            except Exception:
                log.exception("living answers")
                more = False
            if not more:
                await asyncio.sleep(EVERY_S)

    async def step(self) -> bool:
        """Go through the next changes; whether some are left.

        Raises:
            MynaError: the store is away; nothing is lost.
        """
        watched = {
            one.id: (one, [ground for ground in _resting(one) if not _is_gone(one, ground)])
            for one in self._generations.watched()
        }
        asked = {id: grounds for id, (_, grounds) in watched.items()}
        look = await to_thread.run_sync(self._look, asked, limiter=self._limiter)
        for id, gone in look.gone.items():
            watched[id][0].withdraw(gone)
        for one in look.news:
            if one.viewer is not None:
                self._changes.tell(one.viewer, Changed(one.chat_id, one.message_id))
        return look.more

    def _look(self, watched: Mapping[UUID, list[Ground]]) -> _Look:
        with self._db.begin() as conn:
            now = last_seq(conn), last_redaction(conn)
            if now == self._seen and not watched:
                return _Look(False, {}, [])
            more = self._go_on(conn)
        with self._db.begin() as conn:
            present = read_present(
                conn, {ground.post_id for grounds in watched.values() for ground in grounds}
            )
            gone = {
                id: reasons(found)
                for id, grounds in watched.items()
                if (found := _lasting(losses(grounds, present)))
            }
            for id in gone:  # one that was saved while the changes were gone through
                redact_message(conn, id, datetime.now(UTC))
            if self._told is None:
                self._told = last_redaction(conn)
            news = list_redactions(conn, self._told, _TOLD_AT_ONCE)
        if news:
            self._told = news[-1].id
        self._seen = None if more else (now[0], self._told)
        return _Look(more, gone, news)

    def _go_on(self, conn: Connection) -> bool:
        place = read_place(conn)
        if place is None:
            return False
        now = datetime.now(UTC)
        if not self._looked_back:
            for id in recent_messages(conn, now - LOOK_BACK):
                redact_message(conn, id, now)
            self._looked_back = True
        last = last_seq(conn)
        to = min(last, place + CHANGES_AT_ONCE)
        if to <= place:
            return False
        for id in changed_messages(conn, place, to):
            redact_message(conn, id, now)
        save_place(conn, to)
        return to < last


def redact_message(conn: Connection, message_id: UUID, now: datetime) -> bool:
    """Take out of a stored answer what rests on posts that may not be used any more, and note it;
    whether there was anything. One that is being written is left to whoever writes it."""
    message = lock_message(conn, message_id)
    if message is None or message.progress.state == "running":
        return False
    grounds = read_grounds(conn, [message_id]).get(message_id, [])
    present = read_present(conn, {ground.post_id for ground in grounds})
    found = _lasting(losses(grounds, present))
    redacted = redact(message.progress, reasons(found))
    if redacted is message.progress:
        return False
    rewrite_message(conn, message_id, redacted)
    cited = {
        number
        for span in message.progress.spans
        if span["kind"] == "citation"
        for number in span["numbers"]
    }
    taken: dict[int, Reason] = {
        loss.post_id: loss.reason for number, loss in found.items() if number in cited
    }
    add_redactions(conn, message_id, message.chat_id, taken, now)
    return True


def _lasting(found: Mapping[int, Loss]) -> dict[int, Loss]:
    """An account that is hidden may come back: that takes nothing out and ends no answer."""
    return {number: loss for number, loss in found.items() if loss.reason != "hidden"}


def _resting(generation: Generation) -> list[Ground]:
    return generation.draft.given if generation.running else generation.grounds


def _is_gone(generation: Generation, ground: Ground) -> bool:
    return ground.number in generation.draft.gone
