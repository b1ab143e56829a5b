"""All answers that are being written, and those that ended a moment ago.

Bounds what can run at once, keeps the events of ended answers for readers that come back soon,
and counts what was done, for the metrics.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

from myna.answer.events import AnswerEvent
from myna.chats.generation import Generation, Save
from myna.errors import Busy

MOST_RUNNING = 64
"""Answers at once over all viewers; the model has a queue of its own below this."""
MOST_RUNNING_EACH = 4
"""Answers at once for one viewer."""
KEPT_S = 180.0
"""How long the events of an ended answer stay in memory."""
MOST_KEPT = 256
"""Ended answers in memory at most; the oldest go first."""


class Generations:
    """Starts, finds and ends answers. Belongs to one event loop."""

    def __init__(self, ended: Callable[[Generation], None] = lambda one: None) -> None:
        """``ended`` is told of each answer that has ended."""
        self._told = ended
        self._running: dict[UUID, Generation] = {}
        self._ended: dict[UUID, tuple[float, Generation]] = {}
        self._reserved: Counter[str | None] = Counter()
        self._closing = False
        self.ended_by_state: Counter[str] = Counter()
        self.tokens: Counter[str] = Counter()
        """``prompt_tokens`` and ``completion_tokens`` of all ended answers."""
        self.ended_by_version: Counter[tuple[str, str]] = Counter()
        """Version of the model, how it ended."""
        self.first_text_s = 0.0
        """Sum over ``first_texts`` answers of the time to their first word."""
        self.first_texts = 0

    @property
    def running(self) -> int:
        """How many answers are being written now."""
        return len(self._running)

    @contextmanager
    def place(self, owner: str | None) -> Iterator[None]:
        """Hold a place for an answer while its rows are written.

        Raises:
            Busy: too many answers run for this owner (None: no limit of its own) or in all.
        """
        mine = self._reserved[owner] + sum(one.owner == owner for one in self._running.values())
        if owner is not None and mine >= MOST_RUNNING_EACH:
            raise Busy(
                f"{MOST_RUNNING_EACH} answers are being written for you already. "
                "Wait for one of them, or stop it."
            )
        if self._closing or self._reserved.total() + len(self._running) >= MOST_RUNNING:
            raise Busy("Myna is writing as many answers as it can. Try again in a moment.")
        self._reserved[owner] += 1
        try:
            yield
        finally:
            self._reserved[owner] -= 1
            if not self._reserved[owner]:
                del self._reserved[owner]

    def start(
        self,
        message_id: UUID,
        owner: str | None,
        events: AsyncGenerator[AnswerEvent],
        save: Save | None = None,
    ) -> Generation:
        """Begin to write an answer; inside ``place``."""
        generation = Generation(message_id, owner, events, save, self._take_ended)
        self._running[message_id] = generation
        return generation

    def find(self, message_id: UUID) -> Generation | None:
        """The running or recently ended answer of this message; an ended one of which something
        was taken out is read from the store alone."""
        self._forget()
        kept = self._ended.get(message_id)
        if kept and kept[1].draft.gone:
            kept = None
        return self._running.get(message_id) or (kept[1] if kept else None)

    def watched(self) -> list[Generation]:
        """All answers in memory that were given posts."""
        kept = (one for _, one in self._ended.values())
        return [one for one in (*self._running.values(), *kept) if one.draft.sources]

    def is_running(self, message_id: UUID) -> bool:
        """Whether the answer of this message is being written."""
        return message_id in self._running

    def unsaved(self, owner: str) -> list[Generation]:
        """The owner's answers of which the store knows less than memory does."""
        kept = (one for _, one in self._ended.values())
        return [
            one for one in (*self._running.values(), *kept) if one.owner == owner and one.unsaved
        ]

    async def stop(self, message_id: UUID, state: str = "stopped") -> None:
        """End the answer of this message, if it is being written."""
        if generation := self._running.get(message_id):
            await generation.stop(state)

    async def close(self) -> None:
        """End everything, keep what was written (state interrupted) and start nothing more."""
        self._closing = True
        await asyncio.gather(*(one.stop("interrupted") for one in list(self._running.values())))

    def _take_ended(self, generation: Generation) -> None:
        del self._running[generation.id]
        draft = generation.draft
        self.ended_by_state[draft.state] += 1
        self.ended_by_version[draft.model_version or "", draft.outcome or draft.state] += 1
        self.tokens.update(draft.usage)
        self._told(generation)
        if generation.first_text_s is not None:
            self.first_text_s += generation.first_text_s
            self.first_texts += 1
        if generation.owner is not None:  # somebody may come back for it
            self._ended[generation.id] = (time.monotonic(), generation)
            self._forget()

    def _forget(self) -> None:
        """Drop what ended long ago; one that the store does not have yet stays longer."""
        oldest = time.monotonic() - KEPT_S
        surplus = len(self._ended) - MOST_KEPT
        for message_id, (at, generation) in list(self._ended.items()):
            if (surplus > 0 or at < oldest) and not generation.unsaved:
                del self._ended[message_id]
                surplus -= 1
