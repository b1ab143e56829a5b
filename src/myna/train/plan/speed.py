"""How fast a layout trains: a step's work, and what of the talking is not hidden behind it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from myna.train.plan.hardware import Gpu
from myna.train.plan.layout import Layout, Model

_LINK_EFFICIENCY = 0.75
"""Of a link's rate that collectives reach."""
_TENSOR_SHOWN = 0.5
"""Of the talking within a layer that matrix products do not hide."""
_HIDDEN = 0.8
"""Of a micro-batch's work behind which gathering the next layers can be hidden."""
_NARROW = 100.0
"""Width (a GPU's share of it) at which products run at half their rate."""
_FP8_GAIN = 1.25
"""End to end, over 16 bits, for large models (DeepSeek-V3 and torchtitan report 1.2 to 1.5)."""
_MIXTURE = 0.72
"""Of a dense model's rate: experts wait for tokens from other GPUs and get uneven shares."""
_JITTER = 0.006
"""Lost with each doubling beyond one server: the slowest of all decides."""


@dataclass(frozen=True, slots=True)
class Speed:
    """A training step, in seconds, on each GPU."""

    work: float
    """All operations at the rate of one GPU by itself, recomputation among them."""
    tensor: float
    """Talking within layers that is not hidden."""
    data: float
    """Gathering weights and reducing gradients that is not hidden."""
    bubble: float
    """Waiting for the pipeline to fill and drain."""
    jitter: float
    tokens_per_s: float
    """Of all GPUs."""
    mfu: float
    """Model FLOPs utilisation: operations that the model needs, over the 16-bit peak
    (Chowdhery et al. 2022)."""

    @property
    def step(self) -> float:
        return self.work + self.tensor + self.data + self.bubble + self.jitter


def speed_of(model: Model, gpu: Gpu, layout: Layout, sequence: int, *, fp8: bool = False) -> Speed:
    """What the layout reaches."""
    shape = model.shape
    tokens = layout.micro_batch * sequence
    step_tokens = tokens * layout.accumulate * layout.data
    needed = shape.flops(sequence) * step_tokens / layout.gpus
    rate = gpu.bf16_tflops * 1e12 * gpu.kernel_efficiency * (_FP8_GAIN if fp8 else 1.0)
    share = shape.width / layout.tensor
    rate *= share / (share + _NARROW) * (_MIXTURE if model.is_mixture else 1.0)
    work = needed * (4 / 3 if layout.recompute else 1.0) / rate
    tensor = _tensor_s(model, gpu, layout, tokens) * layout.accumulate * _TENSOR_SHOWN
    data = _data_s(model, gpu, layout, work)
    fill = (layout.pipeline - 1) / (layout.chunks * layout.accumulate)
    bubble = (work + tensor) * fill
    doublings = max(0.0, math.log2(layout.gpus / gpu.per_server))
    jitter = (work + tensor + data + bubble) * _JITTER * doublings
    step = work + tensor + data + bubble + jitter
    mfu = needed / step / (gpu.bf16_tflops * 1e12)
    return Speed(work, tensor, data, bubble, jitter, step_tokens / step, mfu)


def _tensor_s(model: Model, gpu: Gpu, layout: Layout, tokens: int) -> float:
    """Eight gathers or scatters of the activations a layer, four forward and four back."""
    if layout.tensor == 1:
        return 0.0
    sent = tokens * model.shape.width * 2 * (layout.tensor - 1) / layout.tensor
    layers = model.shape.layers / layout.pipeline
    return 8 * layers * sent / (gpu.link_gb_s * 1e9 * _LINK_EFFICIENCY)


def _data_s(model: Model, gpu: Gpu, layout: Layout, work: float) -> float:
    """What is left of gathering and reducing when the work has hidden what it can."""
    if layout.data == 1:
        return 0.0
    stage = model.total / (layout.tensor * layout.pipeline)
    inside = layout.shard * layout.tensor <= gpu.per_server
    near = (gpu.link_gb_s if inside else gpu.network_gb_s) * 1e9 * _LINK_EFFICIENCY
    far = gpu.network_gb_s * 1e9 * _LINK_EFFICIENCY
    part = (layout.shard - 1) / layout.shard
    times = layout.accumulate if layout.pipeline == 1 else 1
    gathered = times * (2 + 2 + 4) * stage * part / near
    copies = layout.data // layout.shard
    reduced = 2 * 4 * stage / layout.shard * (copies - 1) / copies / far
    return max(0.0, gathered + reduced - _HIDDEN * work)
