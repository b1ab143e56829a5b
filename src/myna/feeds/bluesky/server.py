"""Requests to servers of the AT network (XRPC over HTTP). What they refuse is a sentence that holds
neither the request nor the answer."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx2

from myna import __version__
from myna.errors import SourceError

TIMEOUT_SECONDS = 15.0
MAX_ANSWER_BYTES = 8 << 20
MAX_REPOSITORY_BYTES = 256 << 20
"""A repository of a million records has about as much."""


class Refused(SourceError):
    """A server answered, and refuses. ``name`` is the error's own, as ``RecordNotFound``."""

    def __init__(self, sentence: str, *, status: int, name: str, retry_after_s: float = 0) -> None:
        super().__init__(sentence)
        self.status, self.name, self.retry_after_s = status, name, retry_after_s


@dataclass(frozen=True, slots=True)
class Session:
    """A login. The tokens are not shown."""

    did: str
    handle: str
    access: str = field(repr=False)
    refresh: str = field(repr=False)


class Server:
    """One server; share it between threads."""

    def __init__(self, base: str, client: httpx2.Client | None = None) -> None:
        self.base = base.rstrip("/")
        self.host = urlsplit(base).netloc
        self._client = client or httpx2.Client(
            timeout=TIMEOUT_SECONDS,
            follow_redirects=False,
            headers={"User-Agent": f"Myna/{__version__}"},
        )

    def get(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        token: str | None = None,
        of: str = "",
    ) -> dict[str, Any]:
        """Ask ``method`` (an NSID); ``of`` is another service that this server should ask instead
        (``did:web:host#service``).

        Raises:
            Refused: the server does not do it. SourceError: it is away or answers nonsense.
        """
        return self._json("GET", f"/xrpc/{method}", method, params=params, token=token, of=of)

    def post(
        self, method: str, body: Mapping[str, Any] | None = None, *, token: str | None = None
    ) -> dict[str, Any]:
        """Have ``method`` (an NSID) done.

        Raises:
            Refused: the server does not do it. SourceError: it is away: whether it was done is
                not known.
        """
        return self._json("POST", f"/xrpc/{method}", method, body=body, token=token)

    def fetch(self, path: str) -> dict[str, Any]:
        """A JSON document.

        Raises:
            Refused: the server has none. SourceError: it is away or answers nonsense.
        """
        return self._json("GET", path, "the document")

    def repository(self, did: str) -> bytes:
        """All of an account's records, as a CAR file.

        Raises:
            Refused: the server does not give it. SourceError: it is away, or it is too large.
        """
        data = bytearray()
        try:
            with self._client.stream(
                "GET", f"{self.base}/xrpc/com.atproto.sync.getRepo", params={"did": did}
            ) as answer:
                if answer.status_code != 200:
                    answer.read()
                    raise self._refusal("com.atproto.sync.getRepo", answer)
                for chunk in answer.iter_bytes():
                    data += chunk
                    if len(data) > MAX_REPOSITORY_BYTES:
                        raise SourceError(
                            f"A repository at {self.host} is larger than "
                            f"{MAX_REPOSITORY_BYTES >> 20} MB and was not read."
                        )
        except httpx2.HTTPError as error:
            raise self._away(error) from None
        return bytes(data)

    def log_in(self, handle: str, password: str) -> Session:
        """Begin a session.

        Raises:
            Refused: handle or password is wrong, or the account is closed. SourceError: away.
        """
        try:
            told = self.post(
                "com.atproto.server.createSession", {"identifier": handle, "password": password}
            )
        except Refused as refused:
            if refused.status == 401:
                raise Refused(
                    f"{self.host} does not take this handle and password. Make an app password "
                    "there (Settings, Privacy and security, App passwords) and try again.",
                    status=401,
                    name=refused.name,
                ) from None
            raise
        return self._session(told)

    def renew(self, session: Session) -> Session:
        """Go on with a session whose access has run out.

        Raises:
            Refused: it has ended; log in again. SourceError: the server is away.
        """
        return self._session(self.post("com.atproto.server.refreshSession", token=session.refresh))

    def _session(self, told: Mapping[str, Any]) -> Session:
        try:
            return Session(told["did"], told["handle"], told["accessJwt"], told["refreshJwt"])
        except KeyError:
            raise SourceError(f"{self.host} is not a server of the AT network.") from None

    def _json(
        self,
        verb: str,
        path: str,
        what: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        token: str | None = None,
        of: str = "",
    ) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if of:
            headers["atproto-proxy"] = of
        try:
            answer = self._client.request(
                verb, self.base + path, params=params, json=body, headers=headers
            )
        except httpx2.HTTPError as error:
            raise self._away(error) from None
        if answer.status_code >= 300:
            raise self._refusal(what, answer)
        if len(answer.content) > MAX_ANSWER_BYTES:
            raise SourceError(f"{self.host} answers {what} with more than fits.")
        try:
            told = answer.json() if answer.content else {}
        except ValueError:
            told = None
        if not isinstance(told, dict):
            raise SourceError(f"{self.host} answers {what} with something that is not JSON.")
        return told

    def _refusal(self, what: str, answer: httpx2.Response) -> Refused:
        name = ""
        with suppress(ValueError, AttributeError):
            told = answer.json().get("error")
            name = told if isinstance(told, str) and told.isalnum() and len(told) < 64 else ""
        wait = 0.0
        with suppress(ValueError):
            wait = max(0.0, float(answer.headers.get("Retry-After", "0")))
        return Refused(
            f"{self.host} refuses {what} (status {answer.status_code}"
            f"{', ' + name if name else ''}).",
            status=answer.status_code,
            name=name,
            retry_after_s=wait,
        )

    def _away(self, error: httpx2.HTTPError) -> SourceError:
        why = "no answer in time" if isinstance(error, httpx2.TimeoutException) else "no connection"
        return SourceError(
            f"{self.host} cannot be reached ({why}). See that this machine reaches it."
        )
