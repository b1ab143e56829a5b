"""Server-sent events: an answer's log as frames, read at the reader's own speed."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import msgspec.json
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from myna.answer.events import (
    Citation,
    LeftOut,
    Notice,
    Source,
    Sources,
    Status,
    Text,
    Unsupported,
    Usage,
)
from myna.chats.changes import Changed
from myna.chats.log import EventLog, Failed, Finished, LogEvent, Withdrawn
from myna.chats.shown import ShownSource
from myna.web.views import SourcesView, source_view

KEEP_ALIVE_S = 15.0
"""A comment is sent after this time without an event: proxies do not take the line for dead."""
KEEP_ALIVE = b": still here\n\n"
RECONNECT = b"retry: 1000\n\n"
"""A browser that lost its connection comes back after a second."""
FRESH_S = 1.0
"""Sources older than this are read again before they are sent: a post may be gone since."""

KINDS: dict[type[LogEvent], str] = {
    Status: "status",
    LeftOut: "left_out",
    Text: "text",
    Citation: "citation",
    Unsupported: "unsupported",
    Notice: "notice",
    Usage: "usage",
    Withdrawn: "withdrawn",
    Finished: "done",
    Failed: "error",
}
"""Event → its type on the wire; its fields are the data. ``Sources`` has a view of its own."""

Refresh = Callable[[Sequence[Source]], Awaitable[Sequence[ShownSource]]]


class EventStream(StreamingResponse):
    """A response that nothing on its way should hold back."""

    media_type = "text/event-stream"

    def __init__(
        self, content: AsyncIterator[bytes], on_end: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__(content, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self.on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; ``on_end`` is called in every case, also when the client has gone."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.on_end()


def frame(kind: str, data: bytes, event_id: int | None = None) -> bytes:
    """One event on the wire; ``data`` is JSON, which has no line breaks."""
    head = b"" if event_id is None else b"id: %d\n" % event_id
    return b"%sevent: %s\ndata: %s\n\n" % (head, kind.encode(), data)


async def frames(log: EventLog, last_id: int, refresh: Refresh) -> AsyncIterator[bytes]:
    """The frames of a log after ``last_id``, until the answer ends."""
    yield RECONNECT
    async for entries in log.follow(last_id, KEEP_ALIVE_S):
        parts: list[bytes] = []
        for entry in entries:
            event = entry.event
            if isinstance(event, Sources):
                old = time.monotonic() - entry.at > FRESH_S
                data = sources_json(await refresh(event.posts) if old else event.posts)
                parts.append(frame("sources", data, entry.id))
            else:
                parts.append(frame(KINDS[type(event)], msgspec.json.encode(event), entry.id))
        yield b"".join(parts) or KEEP_ALIVE


async def change_frames(changes: AsyncIterator[Changed | None]) -> AsyncIterator[bytes]:
    """The frames of what changes in a viewer's chats."""
    yield RECONNECT + frame("ready", b"{}")
    async for changed in changes:
        yield KEEP_ALIVE if changed is None else frame("changed", msgspec.json.encode(changed))


def sources_json(sources: Sequence[Source | ShownSource]) -> bytes:
    """The data of a ``sources`` event."""
    view = SourcesView(sources=[source_view(source) for source in sources])
    return view.model_dump_json().encode()
