"""One answer being written: a task of its own, apart from whoever reads it.

Two tasks: the inner one reads the answer's events into the log, and is what a stop cancels (which
closes the model's stream at once); the outer one saves what has come so far and ends the answer
in every case, also when the store is away.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from uuid import UUID

from myna.answer.events import AnswerEvent, Done, Notice, Serving, Text
from myna.chats.draft import Draft
from myna.chats.log import EventLog, Failed, Finished, Withdrawn
from myna.db.grounds import Ground, Reason
from myna.errors import ModelError, MynaError
from myna.telemetry import get_logger

COALESCE_S = 0.03
"""Pieces of text that come within this time are one event."""
SAVE_EVERY_S = 0.4
"""How often a growing answer is written to the store (it must be at least every 0.5 s)."""
LIMIT_S = 900.0
"""No answer takes longer, waiting for the model included."""
LIMIT_CHARACTERS = 60_000
"""No answer is longer, whatever a model does."""
STOP_S = 5.0
"""How long a stop waits for the model's stream to close and the store to be told."""
SAVE_AGAIN_S = (0.2, 0.5, 1, 2, 5, 10, 20, 30, 60)
"""Pauses between the attempts to save a finished answer while the store is away."""

WITHDRAWN = "A post that this answer was reading was withdrawn by its author. Ask again."

Save = Callable[[Draft], Awaitable[bool]]
"""Writes a draft; False when the message is no longer there. Raises MynaError."""

log = get_logger("chats")


class Generation:
    """A running or recently ended answer. Made and used on one event loop."""

    def __init__(
        self,
        message_id: UUID,
        owner: str | None,
        events: AsyncGenerator[AnswerEvent],
        save: Save | None = None,
        on_end: Callable[[Generation], None] | None = None,
    ) -> None:
        self.id = message_id
        self.owner = owner
        self.log = EventLog()
        self.draft = Draft()
        self.started = time.monotonic()
        self.first_text_s: float | None = None
        """Seconds from the start to the first word; None before it."""
        self.fault: BaseException | None = None
        """What made it fail."""
        self.grounds: list[Ground] = []
        """What it rests on, once it has ended; until then it is what it was given."""
        self.unsaved = save is not None
        """Whether the store knows less of the ended answer than this object does."""
        self._events = events
        self._save = save
        self._on_end = on_end
        self._fresh = False
        self._ended = asyncio.Event()
        self._pending: list[str] = []
        self._timer: asyncio.TimerHandle | None = None
        self._flushed = 0.0
        self._cancelled = False
        self._end_state = "interrupted"
        self._reader = asyncio.create_task(self._read(), name=f"answer {message_id}")
        self._keeper = asyncio.create_task(self._keep(), name=f"keep {message_id}")

    @property
    def running(self) -> bool:
        """Whether events may still come."""
        return not self.log.closed

    def cancel(self, state: str = "stopped") -> None:
        """Begin to end it; does not wait."""
        if not self._reader.done():
            self._cancelled, self._end_state = True, state
            self._reader.cancel()

    async def stop(self, state: str = "stopped") -> None:
        """End it now, keeping the text so far; returns when readers have been told."""
        self.cancel(state)
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                await self._ended.wait()

    def withdraw(self, gone: Mapping[int, Reason]) -> None:
        """Sources (shown number → why) may not be used any more. The model has read them: so a
        running answer is ended, and what rests on them is gone from it."""
        self.draft.gone = {**self.draft.gone, **gone}
        self._fresh = True
        if self.running:
            self.draft.take(Notice("withdrawn", WITHDRAWN))
            self.log.append(Withdrawn(tuple(sorted(gone))))
            self.cancel("interrupted")

    async def _read(self) -> None:
        async with asyncio.timeout(LIMIT_S), aclosing(self._events) as events:
            async for event in events:
                self._take(event)
                if self.draft.characters > LIMIT_CHARACTERS:
                    self._take(Notice("truncated", "The answer was cut: it is too long."))
                    return

    def _take(self, event: AnswerEvent) -> None:
        self.draft.take(event)
        self._fresh = True
        if isinstance(event, Text):
            if self.first_text_s is None:
                self.first_text_s = time.monotonic() - self.started
                self.draft.first_word_ms = round(self.first_text_s * 1000)
            self._pending.append(event.delta)
            if self._timer is None:
                loop = asyncio.get_running_loop()
                pause = self._flushed + COALESCE_S - loop.time()
                if pause <= 0:
                    self._flush()
                else:
                    self._timer = loop.call_later(pause, self._flush)
            return
        self._flush()
        if not isinstance(event, Done | Serving):  # told when it is saved: see _keep
            self.log.append(event)

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._pending:
            self.log.append(Text("".join(self._pending)))
            self._pending.clear()
            self._flushed = asyncio.get_running_loop().time()

    async def _keep(self) -> None:
        while not (await asyncio.wait({self._reader}, timeout=SAVE_EVERY_S))[0]:
            if not await self._saved():
                break
        self._reader.cancel()  # already done, or its message was deleted
        await asyncio.wait({self._reader})
        self._conclude()
        await self._saved()
        self._announce()
        for pause in SAVE_AGAIN_S:
            if self._save is None or not self._fresh:
                break
            await asyncio.sleep(pause)
            await self._saved()
        self.unsaved = False

    async def _saved(self) -> bool:
        """Save if there is something new; False only when the message was deleted."""
        if self._save is None or not self._fresh:
            return True
        self._fresh = False
        try:
            return await self._save(self.draft)
        except MynaError as error:
            log.warning("answer not saved yet", reason=str(error))
        except Exception:
            log.exception("answer not saved yet")
        self._fresh = True
        return True

    def _conclude(self) -> None:
        """Turn how the reader ended into the draft's state."""
        self._flush()
        self.grounds = self.draft.grounds()
        self._fresh = True
        if self._reader.cancelled() or self._cancelled:
            self.draft.end(self._end_state)
            return
        error = self._reader.exception()
        if isinstance(error, TimeoutError):
            error = ModelError("The answer took too long and was ended. Ask again.")
        self.fault = error
        if error is None:
            self.draft.end("done")
            return
        if isinstance(error, MynaError):
            code, message = error.code, str(error)
        else:
            log.error("answer failed", exc_info=error)
            code, message = "internal_error", "Something went wrong in Myna. Ask again."
        self.draft.end("failed", {"code": code, "message": message})

    def _announce(self) -> None:
        draft = self.draft
        if draft.error:
            self.log.append(Failed(draft.error["code"], draft.error["message"]))
        else:
            done = draft.done
            self.log.append(
                Finished(
                    draft.state,
                    done.outcome if done else None,
                    done.model if done else None,
                    done.prompt_version if done else None,
                    draft.model_version,
                )
            )
        self.log.close()
        self._ended.set()
        if self._on_end:
            self._on_end(self)
