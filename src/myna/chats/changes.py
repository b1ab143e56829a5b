"""Telling open pages that something was taken out of one of their chats."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

MOST_WAITING = 100
"""Changes that a reader may be behind; one who is slower looks at all chats anew."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A message that is another than it was. Both are None where it may be any."""

    chat_id: UUID | None
    message_id: UUID | None


ANY = Changed(None, None)


class Changes:
    """Readers by viewer. Belongs to one event loop."""

    def __init__(self) -> None:
        self._readers: dict[str, set[asyncio.Queue[Changed | None]]] = {}
        self._closed = False

    def tell(self, viewer: str, changed: Changed) -> None:
        """Tell all pages of a viewer."""
        for queue in self._readers.get(viewer, ()):
            if queue.full():
                while not queue.empty():
                    queue.get_nowait()
                changed = ANY
            queue.put_nowait(changed)

    async def follow(self, viewer: str, idle_s: float) -> AsyncIterator[Changed | None]:
        """What changes from now on, until ``close``; None after each ``idle_s`` seconds without."""
        with self._reading(viewer) as queue:
            while not self._closed:
                try:
                    async with asyncio.timeout(idle_s):
                        changed = await queue.get()
                except TimeoutError:
                    yield None
                    continue
                if changed is not None:
                    yield changed

    @contextmanager
    def _reading(self, viewer: str) -> Iterator[asyncio.Queue[Changed | None]]:
        queue: asyncio.Queue[Changed | None] = asyncio.Queue(MOST_WAITING)
        readers = self._readers.setdefault(viewer, set())
        readers.add(queue)
        try:
            yield queue
        finally:
            readers.discard(queue)
            if not readers:
                self._readers.pop(viewer, None)

    def close(self) -> None:
        """Let all readers end."""
        self._closed = True
        for readers in self._readers.values():
            for queue in readers:
                if not queue.full():
                    queue.put_nowait(None)
