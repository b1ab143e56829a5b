"""Requests to X's API. What it refuses is a sentence that holds neither the request nor the answer."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx2

from myna import __version__
from myna.errors import SourceError
from myna.feeds.limits import Limit
from myna.feeds.x.signing import Keys, authorization

TIMEOUT_SECONDS = 30.0
SILENCE_SECONDS = 40.0
"""A stream gives a line every 20 seconds at least: so long without one, and it is dead."""
MAX_LINE_BYTES = 4 << 20


class Refused(SourceError):
    """The API answered, and refuses."""

    def __init__(self, sentence: str, *, status: int, retry_after_s: float = 0.0) -> None:
        super().__init__(sentence)
        self.status, self.retry_after_s = status, retry_after_s


class Server:
    """The API for one application, and for one account of it; share it between threads."""

    def __init__(self, base: str, bearer: str, keys: Keys | None = None) -> None:
        self.base = base.rstrip("/")
        self.host = urlsplit(base).netloc
        self._bearer = bearer
        self._keys = keys
        self._limits: dict[str, Limit] = {}
        self._client = httpx2.Client(
            timeout=TIMEOUT_SECONDS,
            follow_redirects=False,
            headers={"User-Agent": f"Myna/{__version__}"},
        )

    @property
    def acts(self) -> bool:
        """Whether it can act for an account."""
        return self._keys is not None

    def wait_s(self, path: str) -> float:
        """Seconds until ``path`` may be asked for again: X counts each kind of request apart."""
        limit = self._limits.get(path)
        return limit.wait_s() if limit else 0.0

    def get(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Ask, for the application.

        Raises:
            Refused: X does not give it. SourceError: it is away or answers nonsense.
        """
        return self._ask("GET", path, params, headers=self._bearer_header())

    def post(self, path: str, body: Mapping[str, Any], *, dry: bool = False) -> dict[str, Any]:
        """Have something done, for the application; ``dry`` only tries it.

        Raises:
            Refused, SourceError: as for ``get``.
        """
        params = {"dry_run": "true"} if dry else None
        return self._ask("POST", path, params, body=body, headers=self._bearer_header())

    def act(
        self,
        verb: str,
        path: str,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Ask or do something for the account.

        Raises:
            Refused: X does not do it. SourceError: it is away: whether it was done is not known.
        """
        if self._keys is None:
            raise SourceError("Myna has no account on X. Connect it again with `myna connect x`.")
        header = authorization(
            self._keys,
            verb,
            self.base + path,
            params or {},
            nonce=secrets.token_hex(16),
            now_s=int(time.time()),
        )
        return self._ask(verb, path, params, body=body, headers={"Authorization": header})

    def upload(self, url: str, lines: Sequence[str]) -> None:
        """Put lines to an address that the API gave.

        Raises:
            Refused, SourceError: as for ``get``.
        """
        try:
            answer = self._client.put(
                url,
                content="\n".join(lines).encode(),
                headers={"Content-Type": "text/plain", **self._own(url)},
            )
        except httpx2.HTTPError as error:
            raise self._away(error) from None
        if answer.status_code >= 300:
            raise self._refusal("the list", answer)

    def download(self, url: str) -> Iterator[dict[str, Any]]:
        """The objects of an address that the API gave, one a line.

        Raises:
            Refused, SourceError: as for ``get``.
        """
        try:
            with self._client.stream("GET", url, headers=self._own(url)) as answer:
                if answer.status_code >= 300:
                    answer.read()
                    raise self._refusal("the result", answer)
                for line in answer.iter_lines():
                    if line.strip():
                        yield _read(line, self.host)
        except httpx2.HTTPError as error:
            raise self._away(error) from None

    @contextmanager
    def lines(self, path: str, params: Mapping[str, str]) -> Iterator[Iterator[str]]:
        """A stream's lines, also the empty ones by which it says that it is alive.

        Raises:
            Refused, SourceError: as for ``get``.
        """
        timeout = httpx2.Timeout(TIMEOUT_SECONDS, read=SILENCE_SECONDS)
        try:
            with self._client.stream(
                "GET",
                self.base + path,
                params=params,
                headers=self._bearer_header(),
                timeout=timeout,
            ) as answer:
                if answer.status_code != 200:
                    answer.read()
                    raise self._refusal("the stream", answer)
                yield answer.iter_lines()
        except httpx2.HTTPError as error:
            raise self._away(error) from None

    def _ask(
        self,
        verb: str,
        path: str,
        params: Mapping[str, str] | None,
        *,
        headers: Mapping[str, str],
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        try:
            answer = self._client.request(
                verb, self.base + path, params=params, json=body, headers=headers
            )
        except httpx2.HTTPError as error:
            raise self._away(error) from None
        self._limit(path).note(answer.headers)
        if answer.status_code >= 300:
            raise self._refusal("a request", answer)
        return _read(answer.text, self.host)

    def _limit(self, path: str) -> Limit:
        return self._limits.setdefault(path, Limit("x-rate-limit"))

    def _bearer_header(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._bearer}"}

    def _own(self, url: str) -> dict[str, str]:
        """The token goes to the API's own host alone; other addresses are signed by themselves."""
        return self._bearer_header() if urlsplit(url).netloc == self.host else {}

    def _refusal(self, what: str, answer: httpx2.Response) -> Refused:
        status = answer.status_code
        if status == 401:
            sentence = (
                "X does not take the tokens. Make new ones and connect again with `myna connect x`."
            )
        elif status == 403:
            sentence = (
                f"X does not let this application have {what}: see its access level and rules."
            )
        elif status == 429:
            sentence = "X has had enough requests for now; they go on when it lets them."
        else:
            sentence = f"X refuses {what} (status {status})."
        retry = Limit("x-rate-limit").retry_after(answer.headers)
        return Refused(sentence, status=status, retry_after_s=retry)

    def _away(self, error: httpx2.HTTPError) -> SourceError:
        slow = isinstance(error, httpx2.TimeoutException)
        return SourceError(
            f"{self.host} cannot be reached ({'no answer in time' if slow else 'no connection'}). "
            "See that this machine reaches it."
        )


def _read(text: str, host: str) -> dict[str, Any]:
    try:
        told = json.loads(text) if text else {}
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise SourceError(f"{host} answers with something that is not a JSON object.")
    return told
