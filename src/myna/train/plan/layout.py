"""How a training run is divided among GPUs, and what each of them then has to hold.

Memory follows FSDP2: weights, gradients and the optimizer's state in 32 bits, divided among ``shard``
data-parallel ranks; in 16 bits the weights are gathered layer by layer, or held whole in a pipeline.
Activations follow Korthikanti et al. 2022 with FlashAttention and sequence parallelism, term by term
instead of their sum of 34 bytes. Without a pipeline it is the trainer's memory: ``verify`` compares.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

from myna.train.plan.hardware import Gpu
from myna.train.plan.shape import Shape

_FIXED_BYTES = 2.5 * 2**30
"""CUDA, NCCL's buffers, workspaces."""
_FRAGMENTED = 0.06
"""Of the rest: memory that the allocator has and cannot use."""
_USABLE = 0.95
_LOGIT_ROWS = 2_048
"""Tokens whose logits are there at once: the loss is fused with the output matrix."""
_GATHERED_LAYERS = 2
"""The one at work and the next."""
_LOGIT_BYTES = 2 + 4 + 2
"""The products, their chances in 32 bits, and the slope."""
INTERLEAVED = 8
"""Most pieces that a pipeline stage is cut into."""


@dataclass(frozen=True, slots=True)
class Model:
    """What is trained."""

    shape: Shape
    """Of what every token passes; of a mixture of experts the experts that are active for it."""
    total: float
    """All parameters; more than those of ``shape`` in a mixture of experts."""
    state_bytes: float = 8.0
    """The optimizer's, a parameter: AdamW 8, Muon 4 (``muon_bytes`` with its embedding)."""

    @property
    def is_mixture(self) -> bool:
        return self.total > 1.05 * self.shape.parameters

    @property
    def layer_parameters(self) -> float:
        """Of one layer with all its experts."""
        ends = self.shape.parameters - self.shape.layers * self.shape.layer_parameters
        return (self.total - ends) / self.shape.layers


@dataclass(frozen=True, slots=True)
class Layout:
    """``tensor * pipeline * data`` GPUs."""

    tensor: int
    """GPUs that share each matrix; of one server."""
    pipeline: int
    """Stages of layers."""
    data: int
    """Copies of the whole that read different posts."""
    shard: int
    """Of these copies, how many divide weights, gradients and optimizer state (FSDP; HSDP where
    fewer than ``data``)."""
    micro_batch: int
    """Sequences that one copy reads at once."""
    accumulate: int
    """Micro-batches of one step."""
    recompute: bool
    """Whether activations are made again in the backward pass instead of kept."""

    @property
    def gpus(self) -> int:
        return self.tensor * self.pipeline * self.data

    @property
    def chunks(self) -> int:
        """Pieces of layers a stage."""
        return INTERLEAVED if self.pipeline > 1 else 1


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes on the fullest GPU."""

    weights: float
    gradients: float
    optimizer: float
    gathered: float
    """Whole layers, while they are at work."""
    activations: float
    logits: float
    fixed: float
    fragmented: float

    @property
    def total(self) -> float:
        return sum(asdict(self).values())

    def fits(self, gpu: Gpu) -> bool:
        return self.total <= _USABLE * gpu.memory_gib * 2**30


def memory_of(model: Model, layout: Layout, sequence: int) -> Memory:
    """What one GPU holds at the worst moment of a step."""
    shape = model.shape
    stage = model.total / (layout.tensor * layout.pipeline)
    divided = stage / layout.shard
    whole_layer = model.layer_parameters / layout.tensor
    gathers = layout.pipeline == 1 and layout.shard > 1
    tokens = layout.micro_batch * sequence
    layer = tokens * activation_bytes(shape) / layout.tensor
    if layout.pipeline == 1:  # what both halves of a layer gather of the sequence is kept whole
        layer += tokens * 2 * 2 * shape.width * (1 - 1 / layout.tensor)
    kept = tokens * 2 * shape.width / layout.tensor if layout.recompute else layer
    in_flight = _in_flight(layout) * shape.layers / layout.pipeline
    output = 2 * shape.embedding_parameters
    parts = {
        "weights": 4 * divided + (0.0 if gathers else 2 * stage),
        "gradients": 4 * divided,
        "optimizer": model.state_bytes * divided,
        "gathered": 2 * whole_layer * _GATHERED_LAYERS + output / layout.tensor if gathers else 0.0,
        "activations": kept * in_flight + (layer if layout.recompute else 0.0),
        "logits": _logits(shape, layout, tokens),
    }
    fragmented = _FRAGMENTED * sum(parts.values())
    return Memory(**parts, fixed=_FIXED_BYTES, fragmented=fragmented)


def activation_bytes(shape: Shape) -> float:
    """What a layer keeps of a token for the backward pass, in 16 bits: its input, both norms' and the
    second residual (width), queries and the attention's output, keys and values, what norms of
    queries and keys start from, and the three products of the feed-forward (two, where it is not
    gated)."""
    heads, keys = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    attention = 2 * heads + 2 * keys + (heads + keys if shape.qk_norm else 0)
    return 2.0 * (4 * shape.width + attention + (3 if shape.gated else 2) * shape.ffn)


def muon_bytes(shape: Shape) -> float:
    """Of Muon's state a parameter: 4 of layers, 8 of what AdamW keeps (embedding and output)."""
    ends = shape.parameters - shape.layers * shape.layer_parameters
    return 4.0 + 4.0 * ends / shape.parameters


def _logits(shape: Shape, layout: Layout, tokens: int) -> float:
    """A piece's logits; without a pipeline also the output matrix's gradient, made with the loss,
    and the matrix itself, which each tensor-parallel rank gathers for its part of the sequence."""
    if layout.pipeline > 1:
        return min(tokens, _LOGIT_ROWS) * shape.vocabulary * _LOGIT_BYTES / layout.tensor
    rows = min(tokens / layout.tensor, _LOGIT_ROWS)
    matrices = 2 if layout.tensor > 1 else 1
    return rows * shape.vocabulary * _LOGIT_BYTES + matrices * 2 * shape.embedding_parameters


def _in_flight(layout: Layout) -> float:
    """Micro-batches whose activations the first stage holds (Narayanan et al. 2021)."""
    if layout.pipeline == 1:
        return 1.0
    most = layout.pipeline * (1 + (layout.pipeline - 1) / (layout.pipeline * layout.chunks))
    return min(most, float(layout.accumulate))


def layouts(gpu: Gpu, gpus: int, model: Model, sequence: int, batch_tokens: float) -> list[Layout]:
    """All that are worth a look: whole servers, no GPU idle, and memory that is enough."""
    sequences = max(1, round(batch_tokens / sequence))
    found: list[Layout] = []
    for tensor in _powers(min(gpu.per_server, gpus)):
        if model.shape.heads % tensor:
            continue
        for pipeline in _powers(min(gpus // tensor, model.shape.layers, 64)):
            data, rest = divmod(gpus, tensor * pipeline)
            if rest or data > sequences:
                continue
            for micro_batch in _powers(min(16, sequences // data)):
                accumulate = max(1, round(sequences / (data * micro_batch)))
                for shard in _shards(data, tensor, gpu):
                    for recompute in (False, True):
                        one = Layout(
                            tensor, pipeline, data, shard, micro_batch, accumulate, recompute
                        )
                        if memory_of(model, one, sequence).fits(gpu):
                            found.append(one)
    return found


def _powers(most: int) -> list[int]:
    return [2**power for power in range(int(math.log2(most)) + 1)] if most >= 1 else []


def _shards(data: int, tensor: int, gpu: Gpu) -> list[int]:
    """One server, some of them, or all."""
    wanted = (1, gpu.per_server // tensor, 64, 512, data)
    return sorted({one for one in wanted if one >= 1 and data % one == 0})
