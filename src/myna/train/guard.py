"""What goes wrong in a long run, and is noticed: spikes and NaN, slow ranks, a step that hangs."""

from __future__ import annotations

import faulthandler
import math
import os
import sys
import threading
import time
from dataclasses import dataclass

SPIKE = 6.0
"""Standard deviations above the running mean at which a loss is one."""
LEAST = 0.5
"""No rise smaller than this (nats a token) is a spike."""
_SETTLED = 20
"""Steps before a spike can be told from learning."""
_FADES = 0.95
SLOW = 1.5
"""Times the median of all ranks at which one is a straggler."""
HUNG_EXIT = 75
"""Exit status (EX_TEMPFAIL): torchrun, Slurm and Kubernetes start the run again."""


@dataclass
class LossGuard:
    """The running mean and variance of the loss; part of a checkpoint."""

    mean: float = 0.0
    variance: float = 0.0
    steps: int = 0

    def refuses(self, loss: float, gradient: float) -> bool:
        """Whether a step must not be made; what it accepts it learns from."""
        if not (math.isfinite(loss) and math.isfinite(gradient)):
            return True
        rise = loss - self.mean
        if self.steps >= _SETTLED and rise > max(LEAST, SPIKE * self.variance**0.5):
            return True
        fades = min(_FADES, self.steps / (self.steps + 1))
        self.variance = fades * (self.variance + (1 - fades) * rise * rise)
        self.mean += (1 - fades) * rise
        self.steps += 1
        return False


def stragglers(seconds: list[float], least: float = 0.0) -> list[int]:
    """Ranks whose own work took much longer than the median's, and ``least`` seconds longer."""
    median = sorted(seconds)[(len(seconds) - 1) // 2]
    limit = max(SLOW * median, median + least)
    return [rank for rank, taken in enumerate(seconds) if taken > limit]


class Watchdog:
    """Ends the process when no step has ended for ``limit_s``: a collective that waits for a dead
    rank waits for ever, and only a new start mends it."""

    def __init__(self, limit_s: float) -> None:
        self._limit = limit_s
        self._beat = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Watchdog:
        self._thread.start()
        return self

    def __exit__(self, *told: object) -> None:
        self._stop.set()

    def beat(self) -> None:
        """A step has ended."""
        self._beat = time.monotonic()

    def _watch(self) -> None:
        while not self._stop.wait(min(1.0, self._limit / 4)):
            if time.monotonic() - self._beat > self._limit:
                print(f"myna: no step has ended for {self._limit:.0f} s.", file=sys.stderr)  # noqa: T201
                faulthandler.dump_traceback(all_threads=True)
                os._exit(HUNG_EXIT)
