"""The model that Myna runs itself: a client of the llama.cpp server that ``local.py`` starts.

Three things differ from any other server. It is asked to tell its progress through the prompt
(``return_progress``): without these lines a llama.cpp server notices only with the first word that
nobody listens any more, and a stop while it reads costs seconds (3 s for 1,800 tokens on two quiet
cores; 0.4 s with them). At most two answers are written at once, and one prompt is read at a time,
because two at once take twice as long for both. And its address changes when it is started again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress

from myna.errors import ModelNotReady, MynaError
from myna.models.added import named
from myna.models.chat import ChatMessage, Delta
from myna.models.choice import Slot, gets_canary, model_in_use, model_of, read_choice
from myna.models.endpoint import Endpoint
from myna.models.files import missing, model_path, version_of
from myna.models.local import PARALLEL, Address, crashed, read_address
from myna.models.registry import Model
from myna.settings import Settings

RESTART_S = 6.0
"""How long a question waits for a server that is being started again."""
LOOK_AGAIN_S = 0.1

_EXTRA = {
    "return_progress": True,
    "cache_prompt": True,
    "chat_template_kwargs": {"enable_thinking": False},
}


_AWAY = (
    "The local model server is not running or still starting. Start Myna with `myna up`, or try "
    "again in a moment; its log is logs/model.log in Myna's folder."
)


class BundledModel:
    """A ``ChatModel`` over the local server; of the slot ``canary``, over that of the model that is
    tried."""

    def __init__(self, settings: Settings, slot: Slot = "model") -> None:
        self._settings = settings
        self._slot: Slot = slot
        self._chosen = model_of(settings, slot) or model_in_use(settings)
        self._canary: BundledModel | None = None
        self._address: Address | None = None
        self._dead: Address | None = None
        """A server that could not be reached although its address is still written down."""
        self._endpoint: Endpoint | None = None
        self._writing = asyncio.Semaphore(PARALLEL)
        self._reading = asyncio.Lock()

    @property
    def name(self) -> str:
        """The registry's name of the model that runs, else of the one that will."""
        return self._model.name

    @property
    def version(self) -> str:
        """The name and the beginning of its file's hash."""
        address = read_address(self._settings, self._slot)
        return (address.version if address else "") or version_of(self._settings, self._model)

    @property
    def context_tokens(self) -> int:
        """What one request of the server can hold."""
        return self._model.context_tokens

    @property
    def small(self) -> bool:
        """Below about a billion parameters."""
        return self._model.small

    @property
    def _model(self) -> Model:
        address = read_address(self._settings, self._slot)
        if address and address.name != self._chosen.name:
            with suppress(MynaError):  # it may have been removed meanwhile
                self._chosen = named(self._settings, address.name)
        return self._chosen

    def serving(self, asker: str) -> BundledModel:
        """The model that is tried, for those askers who get it while its server runs; else this."""
        if self._slot == "canary" or not gets_canary(read_choice(self._settings), asker):
            return self
        address = read_address(self._settings, "canary")
        if address is None:
            return self
        if self._canary is None:
            self._canary = BundledModel(self._settings, "canary")
        return self._canary

    async def stream(
        self,
        messages: Sequence[ChatMessage],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
    ) -> AsyncGenerator[Delta, None]:
        """As ``ChatModel.stream`` says; waits for its turn first."""
        async with self._writing:
            await self._reading.acquire()
            reading = True
            try:
                deltas = self._stream(messages, max_tokens, temperature, stop)
                async with aclosing(deltas):
                    async for delta in deltas:
                        if reading:
                            self._reading.release()
                            reading = False
                        yield delta
            finally:
                if reading:
                    self._reading.release()

    async def _stream(
        self,
        messages: Sequence[ChatMessage],
        max_tokens: int,
        temperature: float,
        stop: Sequence[str],
    ) -> AsyncGenerator[Delta, None]:
        """One answer; tried again when the server turns out to be a dead one before its word."""
        for last in (False, True):
            endpoint, address = await self._server()
            deltas = endpoint.chat(
                address.name,
                messages,
                max_tokens=max_tokens,
                temperature=temperature,
                stop=stop,
                extra=_EXTRA,
            )
            try:
                async with aclosing(deltas):
                    async for delta in deltas:
                        yield delta
                return
            except ModelNotReady:  # nothing was written yet: it could not be reached
                if last:
                    raise ModelNotReady(_AWAY) from None
                self._dead = address

    async def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        """Counted by the server, with the model's chat template."""
        endpoint, address = await self._server()
        body: dict[str, object] = {
            "model": address.name,
            "messages": [
                {"role": m.role, "content": m.content} for m in messages if m.role != "system"
            ],
        }
        if system := "\n".join(m.content for m in messages if m.role == "system"):
            body["system"] = system
        return int((await endpoint.post("/messages/count_tokens", body))["input_tokens"])

    async def ready(self) -> bool:
        """Whether the server has loaded the model and answers."""
        endpoint = await self._current()
        with suppress(MynaError):
            return endpoint is not None and bool(await endpoint.get("/health", timeout_s=2.0))
        return False

    async def close(self) -> None:
        """Close the connections."""
        if self._endpoint is not None:
            await self._endpoint.close()
            self._endpoint = self._address = None
        if self._canary is not None:
            await self._canary.close()

    async def _server(self) -> tuple[Endpoint, Address]:
        """The running server; one that has crashed is awaited, for it is started again.

        Raises:
            ModelNotReady: none runs.
            ModelFileError: none runs, and its model's file is missing.
        """
        limit = time.monotonic() + RESTART_S
        while True:
            endpoint = await self._current()
            if endpoint is not None and self._address is not None:
                return endpoint, self._address
            if time.monotonic() > limit or not crashed(self._settings, self._slot):
                break
            await asyncio.sleep(LOOK_AGAIN_S)
        model = model_of(self._settings, self._slot) or self._chosen
        if not model_path(self._settings, model).is_file():
            raise missing(model)
        raise ModelNotReady(_AWAY)

    async def _current(self) -> Endpoint | None:
        """The connection to the server that runs now, a new one when its address has changed."""
        address = read_address(self._settings, self._slot)
        if address == self._dead:
            address = None
        if address != self._address:
            await self.close()
            if address is not None:
                self._endpoint = Endpoint(f"{address.url}/v1", address.key)
                self._address = address
        return self._endpoint
