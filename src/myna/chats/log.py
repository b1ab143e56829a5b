"""The events of one answer, numbered, for any number of readers that come and go.

A reader takes what it has not seen whenever it can; nobody waits for it, and it costs nothing
while it is slow, since the log is kept once for all. Text that a reader has missed reaches it in
one piece, so a late reader gets O(answer) bytes, whatever number of pieces the model made.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from myna.answer.events import AnswerEvent, Text


@dataclass(frozen=True, slots=True)
class Finished:
    """The answer ended: in full (``done``) or because somebody stopped it (``stopped``)."""

    state: str
    outcome: str | None
    model: str | None
    prompt_version: str | None
    model_version: str | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The answer broke off; ``message`` may be shown to people."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A post that the answer was given may not be used any more: the answer ends here, and what
    was told of it is not to be shown. ``numbers`` are those of its sources that are concerned."""

    numbers: tuple[int, ...]


LogEvent = AnswerEvent | Withdrawn | Finished | Failed


@dataclass(frozen=True, slots=True)
class Entry:
    """One event, or several pieces of text joined: then ``id`` is the last one's."""

    id: int
    event: LogEvent
    at: float
    """``time.monotonic()`` when it happened (of joined text: the last piece)."""


class EventLog:
    """Numbered from 1. Belongs to one event loop; not for threads."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._changed = asyncio.Event()
        self.closed = False

    @property
    def last_id(self) -> int:
        """Number of the newest event; 0 before the first."""
        return len(self._entries)

    def append(self, event: LogEvent) -> None:
        """Add an event and wake the readers."""
        self._entries.append(Entry(len(self._entries) + 1, event, time.monotonic()))
        self._wake()

    def close(self) -> None:
        """Nothing more will come: readers end after the last event."""
        self.closed = True
        self._wake()

    def after(self, last_id: int) -> list[Entry]:
        """What came after event ``last_id``, neighbouring pieces of text joined."""
        joined: list[Entry] = []
        pieces: list[str] = []
        for entry in self._entries[max(last_id, 0) :]:
            if isinstance(entry.event, Text):
                if pieces:
                    joined.pop()
                pieces.append(entry.event.delta)
                joined.append(entry)
                continue
            _seal(joined, pieces)
            joined.append(entry)
        _seal(joined, pieces)
        return joined

    async def follow(self, last_id: int, idle_s: float) -> AsyncIterator[list[Entry]]:
        """What came after ``last_id`` and all that comes, until the log is closed.

        Yields an empty list after each ``idle_s`` seconds without an event.
        """
        while True:
            changed = self._changed
            if entries := self.after(last_id):
                last_id = entries[-1].id
                yield entries
                continue
            if self.closed:
                return
            try:
                async with asyncio.timeout(idle_s):
                    await changed.wait()
            except TimeoutError:
                yield []

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _seal(joined: list[Entry], pieces: list[str]) -> None:
    if len(pieces) > 1:
        last = joined[-1]
        joined[-1] = Entry(last.id, Text("".join(pieces)), last.at)
    pieces.clear()
