"""What breaks, how often to save, and what is left of the time."""

from __future__ import annotations

import math
from dataclasses import dataclass

GPU_HOURS_A_FAILURE = 50_700.0
"""419 unexpected interruptions in 54 days on 16,384 H100 (Llama 3, table 5)."""
RESTART_S = 600.0
"""From a failure until the run trains again: it is noticed, the GPU replaced, the state read."""
_HOST_BYTES_PER_S = 20e9
"""From a GPU to its server's memory; from there it is written while training goes on."""
_SAVE_OVERHEAD_S = 5.0


@dataclass(frozen=True, slots=True)
class Reliability:
    """Of a run on so many GPUs."""

    hours_between_failures: float
    failures: float
    """Expected over the run."""
    checkpoint_bytes: float
    save_s: float
    """For which saving holds up training."""
    interval_s: float
    """Between checkpoints, at which the least is lost (Daly 2006, first order)."""
    goodput: float
    """Share of the time that trains."""


def reliability_of(
    gpus: int,
    parameters: float,
    state_bytes: float,
    train_s: float,
    *,
    gpu_hours: float = GPU_HOURS_A_FAILURE,
) -> Reliability:
    """``train_s`` is what training would take if nothing failed and nothing were saved."""
    between = gpu_hours * 3600 / gpus
    held = parameters * (4 + state_bytes)
    save = _SAVE_OVERHEAD_S + held / gpus / _HOST_BYTES_PER_S
    interval = math.sqrt(2 * save * between)
    lost = save / interval + (interval / 2 + RESTART_S) / between
    goodput = 1 / (1 + lost)
    wall = train_s / goodput
    return Reliability(between / 3600, wall / between, held, save, interval, goodput)
