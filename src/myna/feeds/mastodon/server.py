"""Requests to an instance. What it refuses is a sentence that holds neither the request nor the
answer; what it says of its limits is kept to.

Written here and not taken from Mastodon.py: of its 18,000 lines Myna would use six requests, and its
streams are read byte by byte through callbacks that lose their place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx2

from myna import __version__
from myna.errors import SourceError
from myna.feeds.limits import Limit

TIMEOUT_SECONDS = 20.0
MAX_ANSWER_BYTES = 16 << 20
"""Forty statuses of the largest kind."""
MOST_STATUSES = 20
"""That are asked for at once."""


class Refused(SourceError):
    """The instance answered, and refuses."""

    def __init__(self, sentence: str, *, status: int, retry_after_s: float = 0.0) -> None:
        super().__init__(sentence)
        self.status, self.retry_after_s = status, retry_after_s


class Server:
    """One instance and one account's token there; share it between threads."""

    def __init__(self, base: str, token: str, client: httpx2.Client | None = None) -> None:
        self.base = base.rstrip("/")
        self.host = urlsplit(base).netloc
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = client or httpx2.Client(
            timeout=TIMEOUT_SECONDS,
            follow_redirects=False,
            headers={"User-Agent": f"Myna/{__version__}"},
        )
        self._limit = Limit("X-RateLimit")
        """Of reading; posting has limits of its own."""
        self._gives_many = True

    @property
    def authorization(self) -> Mapping[str, str]:
        """The header that opens a stream."""
        return self._headers

    def wait_s(self, *, spare: float = 0.0) -> float:
        """Seconds until the instance takes another request; ``spare`` is the share of its limit
        that is left to others."""
        return self._limit.wait_s(spare=spare)

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """Ask for ``path``.

        Raises:
            Refused: the instance does not give it. SourceError: it is away or answers nonsense.
        """
        return self._ask("GET", path, params=params)

    def post(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> Any:
        """Have something written.

        Raises:
            Refused: the instance does not do it. SourceError: it is away: whether it was done is
                not known.
        """
        return self._ask("POST", path, body=body, headers=headers)

    def delete(self, path: str) -> None:
        """Have something deleted.

        Raises:
            Refused, SourceError: as for ``post``.
        """
        self._ask("DELETE", path)

    def statuses(self, ids: Sequence[str]) -> list[Any]:
        """Those statuses of at most ``MOST_STATUSES`` that are there and may be seen. Instances
        older than 4.3 are asked for each by itself.

        Raises:
            Refused, SourceError: as for ``get``.
        """
        if self._gives_many:
            try:
                found = self.get("/api/v1/statuses", {"id[]": list(ids)})
                return found if isinstance(found, list) else []
            except Refused as refused:
                if refused.status not in {404, 405}:
                    raise
                self._gives_many = False
        found = []
        for id in ids:
            try:
                found.append(self.get(f"/api/v1/statuses/{id}"))
            except Refused as refused:
                if refused.status not in {403, 404, 410}:
                    raise
        return found

    def _ask(
        self,
        verb: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        try:
            answer = self._client.request(
                verb,
                self.base + path,
                params=params,
                json=body,
                headers={**self._headers, **(headers or {})},
            )
        except httpx2.HTTPError as error:
            slow = isinstance(error, httpx2.TimeoutException)
            raise SourceError(
                f"{self.host} cannot be reached ({'no answer in time' if slow else 'no connection'})."
                " See that this machine reaches it."
            ) from None
        if verb == "GET":
            self._limit.note(answer.headers)
        if answer.status_code != 200:
            raise self._refusal(answer)
        if len(answer.content) > MAX_ANSWER_BYTES:
            raise SourceError(f"{self.host} answers with more than fits.")
        try:
            return answer.json()
        except ValueError:
            raise SourceError(f"{self.host} answers with something that is not JSON.") from None

    def _refusal(self, answer: httpx2.Response) -> Refused:
        status = answer.status_code
        if status == 401:
            sentence = (
                f"{self.host} does not take the token. Make another one there (Preferences, "
                "Development) and connect again with `myna connect mastodon`."
            )
        elif status == 403:
            sentence = (
                f"{self.host} does not let this token do that. It needs the permissions that the "
                "guide to Mastodon names."
            )
        elif status == 429:
            sentence = f"{self.host} has had enough requests for now; they go on when it lets them."
        else:
            sentence = f"{self.host} refuses a request (status {status})."
        return Refused(
            sentence, status=status, retry_after_s=self._limit.retry_after(answer.headers)
        )
