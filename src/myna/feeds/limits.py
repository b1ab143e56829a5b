"""How many requests a server still takes, as it says in its answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

LONGEST_WAIT_SECONDS = 900.0
"""Limits are counted over five minutes or fifteen: more is not believed."""


class Limit:
    """One limit; share it between threads. ``prefix`` begins the names of its headers."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._lock = threading.Lock()
        self._limit = self._left = 0
        self._reset_at = 0.0
        """On the monotonic clock."""

    def note(self, headers: Mapping[str, str]) -> None:
        """Keep what an answer says; one that says nothing changes nothing."""
        with suppress(KeyError, ValueError):
            limit = int(headers[f"{self._prefix}-Limit"])
            left = int(headers[f"{self._prefix}-Remaining"])
            wait = seconds_until(headers[f"{self._prefix}-Reset"])
            with self._lock:
                self._limit, self._left, self._reset_at = limit, left, time.monotonic() + wait

    def wait_s(self, *, spare: float = 0.0) -> float:
        """Seconds until another request is taken; ``spare`` is the share of the limit that is left
        to others."""
        with self._lock:
            if self._limit and self._left <= self._limit * spare:
                return max(0.0, self._reset_at - time.monotonic())
        return 0.0

    def retry_after(self, headers: Mapping[str, str]) -> float:
        """How long a refusal says that it lasts; 0 where it does not."""
        with suppress(KeyError, ValueError):
            return min(max(0.0, float(headers["Retry-After"])), LONGEST_WAIT_SECONDS)
        with suppress(KeyError, ValueError):
            return seconds_until(headers[f"{self._prefix}-Reset"])
        return 0.0


def seconds_until(value: str) -> float:
    """Until the time that a header gives: ISO 8601, or seconds since 1970."""
    if value.isdecimal():
        time = datetime.fromtimestamp(int(value), UTC)
    else:
        time = datetime.fromisoformat(value)
        time = time if time.tzinfo else time.replace(tzinfo=UTC)
    return min(max(0.0, (time - datetime.now(UTC)).total_seconds()), LONGEST_WAIT_SECONDS)
