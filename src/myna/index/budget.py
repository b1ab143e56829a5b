"""How long a search may take, and what was left out to keep to it.

What cannot be interrupted (the encoder, a scan) runs in threads that are kept for it; where it is
not done in time, the search goes on without it and says so. A search gets worse before it gets
late, and does not fail for a stage that is broken.
"""

from __future__ import annotations

import math
import time
from concurrent.futures import Future
from enum import StrEnum
from typing import TypeVar

from myna.telemetry import get_logger

_Result = TypeVar("_Result")
_log = get_logger("index")


class Stage(StrEnum):
    """A part of a search that it can do without."""

    WORDS = "words"
    """The text index."""
    MEANING = "meaning"
    """The question's vector, and the posts near it."""
    RANKING = "ranking"
    """Reading all candidates to compare them word by word."""
    RERANKING = "reranking"
    """A second look at the best by a larger model."""
    COUNTING = "counting"
    """How many posts there are in all."""


class Budget:
    """The time of one search. Not shared between searches."""

    def __init__(self, seconds: float = math.inf) -> None:
        self._seconds = seconds
        self._start = time.monotonic()
        self._left_out: dict[Stage, None] = {}

    @property
    def left(self) -> float:
        """Seconds until the search should be over; 0 when it should be."""
        return self.until(1.0)

    @property
    def left_out(self) -> tuple[Stage, ...]:
        """Stages that the search had to do without."""
        return tuple(self._left_out)

    def until(self, share: float) -> float:
        """Seconds until ``share`` (0 to 1) of the whole time is over."""
        return max(0.0, self._start + share * self._seconds - time.monotonic())

    def leave_out(self, stage: Stage, reason: str) -> None:
        """Note that the search does without ``stage``."""
        self._left_out[stage] = None
        _log.info("a search went on without a stage", stage=stage.value, reason=reason)

    def wait(self, stage: Stage, job: Future[_Result], share: float = 1.0) -> _Result | None:
        """What ``job`` gives, or None where it fails or ``share`` of the time is over before."""
        left = self.until(share)
        try:
            return job.result(None if math.isinf(left) else left)
        except TimeoutError:
            job.cancel()
            self.leave_out(stage, "late")
        except Exception as error:  # whatever it is, the search is worth more than the stage
            self.leave_out(stage, type(error).__name__)
        return None
