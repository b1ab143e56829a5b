"""The whole plan: the best layout that fits, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass

from myna.errors import InvalidRequest
from myna.train.plan.failures import GPU_HOURS_A_FAILURE, Reliability, reliability_of
from myna.train.plan.hardware import Gpu
from myna.train.plan.layout import Layout, Memory, Model, layouts, memory_of
from myna.train.plan.speed import Speed, speed_of

SERVER_OVERHEAD = 1.35
"""Processors, memory, fans and network of a server, for each watt of its GPUs."""
COOLING = 1.15
"""Power usage effectiveness of the data centre."""
DRAWN = 0.9
"""Of its limit that a GPU draws while it trains."""
_TOKENS_A_STEP = 3.2e6
"""For a model of ten billion parameters."""
_LEAST_BATCH = 2.5e5
_MOST_BATCH = 1.6e7


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for."""

    gpu: Gpu
    gpus: int
    model: Model
    tokens: float
    sequence: int = 8192
    batch_tokens: float = 0.0
    """0: as ``usual_batch`` says."""
    fp8: bool = False
    gpu_hours_a_failure: float = GPU_HOURS_A_FAILURE
    usd_per_gpu_hour: float | None = None
    usd_per_kwh: float = 0.0
    ours: bool = False
    """Only layouts that ``myna train pretrain`` has: no pipeline."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What it takes."""

    request: Request
    batch_tokens: float
    steps: int
    flops: float
    """Of the whole run."""
    layout: Layout
    memory: Memory
    speed: Speed
    reliability: Reliability
    train_s: float
    """If nothing failed."""
    wall_s: float
    gpu_hours: float
    energy_kwh: float
    usd: float


def usual_batch(parameters: float) -> float:
    """Tokens a step: they grow with about the square root of the size, from a quarter of a million
    to 16 million (published runs: GPT-3 3.2 M, Llama 3 405B 16 M)."""
    wanted = _TOKENS_A_STEP * (parameters / 1e10) ** 0.5
    return min(max(wanted, _LEAST_BATCH), _MOST_BATCH)


def make_plan(request: Request) -> Plan:
    """The fastest layout that fits.

    Raises:
        InvalidRequest: the model fits in no layout, or there is more hardware than work.
    """
    batch = request.batch_tokens or usual_batch(request.model.shape.parameters)
    if request.ours and not request.batch_tokens:  # a sequence for each server at least
        batch = max(batch, request.sequence * request.gpus / request.gpu.per_server)
    if request.gpus > 1 and request.gpus % min(request.gpus, request.gpu.per_server):
        raise InvalidRequest(
            f"--gpus: give whole servers of {request.gpu.per_server}, or fewer than one."
        )
    found = layouts(request.gpu, request.gpus, request.model, request.sequence, batch)
    if request.ours:
        keys = request.model.shape.kv_heads
        found = [one for one in found if one.pipeline == 1 and keys % one.tensor == 0]
    if not found:
        raise InvalidRequest(_why_none(request, batch))
    speeds = [
        (speed_of(request.model, request.gpu, one, request.sequence, fp8=request.fp8), one)
        for one in found
    ]
    speed, layout = max(speeds, key=lambda pair: (round(pair[0].mfu, 3), -_complexity(pair[1])))
    return plan_of(request, layout, speed)


def plan_of(request: Request, layout: Layout, speed: Speed | None = None) -> Plan:
    """What a given layout takes."""
    model, gpu = request.model, request.gpu
    speed = speed or speed_of(model, gpu, layout, request.sequence, fp8=request.fp8)
    batch = layout.micro_batch * layout.accumulate * layout.data * request.sequence
    train_s = request.tokens / speed.tokens_per_s
    reliability = reliability_of(
        request.gpus,
        model.total,
        model.state_bytes,
        train_s,
        gpu_hours=request.gpu_hours_a_failure,
    )
    wall_s = train_s / reliability.goodput
    gpu_hours = wall_s / 3600 * request.gpus
    energy = gpu_hours * gpu.watts * DRAWN * SERVER_OVERHEAD * COOLING / 1000
    price = gpu.usd_per_hour if request.usd_per_gpu_hour is None else request.usd_per_gpu_hour
    return Plan(
        request=request,
        batch_tokens=batch,
        steps=max(1, round(request.tokens / batch)),
        flops=model.shape.flops(request.sequence) * request.tokens,
        layout=layout,
        memory=memory_of(model, layout, request.sequence),
        speed=speed,
        reliability=reliability,
        train_s=train_s,
        wall_s=wall_s,
        gpu_hours=gpu_hours,
        energy_kwh=energy,
        usd=gpu_hours * price + energy * request.usd_per_kwh,
    )


def _complexity(layout: Layout) -> float:
    """Of two that are as fast, the simpler one."""
    return layout.pipeline * 4 + layout.tensor + layout.recompute + layout.micro_batch / 100


def _why_none(request: Request, batch: float) -> str:
    sequences = max(1, round(batch / request.sequence))
    needed = request.model.total * (4 + 4 + request.model.state_bytes + 2)
    held = request.gpus * request.gpu.memory_gib * 2**30
    if needed > 0.8 * held:
        least = needed / (0.8 * request.gpu.memory_gib * 2**30)
        return (
            f"--gpus: {request.gpus} {request.gpu.name} hold {held / 1e9:,.0f} GB, the model's "
            f"weights, gradients and optimizer need {needed / 1e9:,.0f} GB. Take at least "
            f"{int(least / request.gpu.per_server + 1) * request.gpu.per_server} GPUs."
        )
    return (
        f"--gpus: no layout fits {request.gpus} GPUs: a step has {sequences} sequences of "
        f"{request.sequence} tokens. Take fewer GPUs, a larger --batch or a shorter --sequence."
    )
