"""What the routes work with: store, index, model and answers, opened when they can be.

The server starts at once and opens its parts in the background, trying again while the database
or the index is away; until then requests get one sentence that says what is missing.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

from anyio import to_thread
from fastapi import Depends, Request

from myna.chats.generation import Generation
from myna.chats.generations import Generations
from myna.chats.service import ChatService
from myna.db.engine import Database, open_database
from myna.errors import DatabaseError, MynaError
from myna.settings import Settings
from myna.telemetry import get_logger
from myna.web.suggestions import Suggestions

if TYPE_CHECKING:
    from myna.answer.answer import Answerer
    from myna.index.search import Searcher
    from myna.index.trends import Trends
    from myna.models.chat import ChatModel
    from myna.models.rollout import Rollout

TRY_AGAIN_S = 1.0
THREADS = 3
"""For the store and the index, which hold Python's lock for most of their time: more of them would
not do more, but keep the event loop waiting for the lock."""
SEARCH_SECONDS = 0.25
"""A search of the app takes no longer: it goes without the stages that are late."""
SWITCH_S = 0.001
"""How long a thread may keep Python's lock from the event loop (by default 5 ms)."""

log = get_logger("web")


@dataclass(frozen=True)
class Parts:
    """All that answers need, open and usable."""

    db: Database
    searcher: Searcher
    model: ChatModel
    answerer: Answerer
    chats: ChatService
    suggestions: Suggestions
    trends: Trends


class Unavailable(DatabaseError):
    """The server has started, but its parts are not open yet."""

    code = "starting"


def open_parts(settings: Settings) -> Callable[[], Parts]:
    """Open everything (in a thread); what it returns joins it, on the event loop.

    The rooms below are imported here: the server listens before their libraries are loaded.
    """
    from myna.answer.answer import Answerer
    from myna.feeds.handles import Handles
    from myna.index.embed import open_embedder
    from myna.index.rerank import LateInteraction
    from myna.index.search import Searcher
    from myna.index.trends import Trends
    from myna.models.chat import open_model
    from myna.models.rollout import Rollout
    from myna.safety.consent.ledger import adopt_policy

    db = open_database(settings)
    try:
        adopt_policy(db, settings)
        embedder = open_embedder(settings.embedder)
        searcher = Searcher(
            db,
            settings.index_dir,
            embedder=embedder,
            reranker=LateInteraction(embedder),
            seconds=SEARCH_SECONDS,
        )
        searcher.warm_up()
        trends = Trends(db, settings.index_dir)
        model = open_model(settings)
    except BaseException:
        db.dispose()
        raise

    def join() -> Parts:
        answerer = Answerer(db, searcher, model, Handles(db).account_of)
        chats = ChatService(db, answerer, Generations(partial(_watch, Rollout(settings))))
        suggestions = Suggestions(db, searcher)
        return Parts(db, searcher, model, answerer, chats, suggestions, trends)

    return join


def _watch(rollout: Rollout, generation: Generation) -> None:
    """After an answer: a new model that breaks too often is taken back."""
    version = generation.draft.model_version
    if version and rollout.broken(version, generation.fault):
        asyncio.get_running_loop().run_in_executor(None, rollout.take_back, version)


class Wiring:
    """Holds the parts of one app, or says why they are not there."""

    def __init__(self, settings: Settings, parts: Parts | None = None) -> None:
        self.settings = settings
        self.problem = "Myna is starting. Try again in a moment."
        self._parts = parts
        self._opening: asyncio.Task[None] | None = None

    @property
    def parts(self) -> Parts:
        """The open parts.

        Raises:
            Unavailable: they are not open yet; the message says why.
        """
        if self._parts is None:
            raise Unavailable(self.problem)
        return self._parts

    async def start(self) -> None:
        """Begin to open the parts; does not wait for them."""
        to_thread.current_default_thread_limiter().total_tokens = THREADS
        sys.setswitchinterval(SWITCH_S)
        if self._parts is None:
            self._opening = asyncio.create_task(self._open(), name="open the parts")
        else:
            self._parts.chats.living.start()

    async def end_answers(self) -> None:
        """End all answers and start no more; what is written so far is saved."""
        if self._parts is not None:
            await self._parts.chats.close()

    async def close(self) -> None:
        """Stop all answers, then close the parts."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.wait({self._opening})
        await self.end_answers()
        if self._parts is not None:
            await self._parts.model.close()
            await to_thread.run_sync(self._parts.db.dispose)

    async def _open(self) -> None:
        while self._parts is None:
            try:
                join = await to_thread.run_sync(open_parts, self.settings)
                parts = join()
                await parts.chats.recover()
                parts.chats.living.start()
                gc.collect()
                gc.freeze()  # what is loaded now stays: later collections need not stop to look
                self._parts = parts
            except MynaError as error:
                if str(error) != self.problem:
                    log.warning("not ready", reason=str(error))
                self.problem = str(error)
                await asyncio.sleep(TRY_AGAIN_S)
            except Exception:
                log.exception("parts cannot be opened")
                self.problem = "Myna cannot start its parts. Its log says why."
                await asyncio.sleep(TRY_AGAIN_S * 5)


async def _parts_of(request: Request) -> Parts:
    wiring: Wiring = request.app.state.wiring
    return wiring.parts


Ready = Annotated[Parts, Depends(_parts_of)]
"""A route that takes this answers 503 until the parts are open."""
