"""The plan's memory beside the program's: one rank of the real sharded program, on tensors that have
shapes and no content, in a process group that sends nothing.

What runs is what ``pretrain`` runs (model, division, loss, two micro-batches, optimizers' step). What
is counted is each storage from its making to its end. Two things stand in for a GPU's kernels: norms
keep their input alone, and attention is that for processors, which keeps what FlashAttention keeps.
"""

from __future__ import annotations

import resource
import sys
import time
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.distributed.tensor import DTensor
from torch.testing._internal.distributed.fake_pg import FakeStore
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from myna.errors import InvalidRequest
from myna.train.model import Config, Transformer
from myna.train.muon import optimizers
from myna.train.parallel import Split, check_split, divide, make_mesh
from myna.train.plan.plan import Plan

TERMS = ("weights", "gradients", "optimizer", "gathered", "activations", "logits")


@dataclass(frozen=True, slots=True)
class Term:
    """One of ``TERMS`` at the worst moment, in bytes."""

    name: str
    planned: float
    measured: float


@dataclass(frozen=True, slots=True)
class Verified:
    """What a rank holds, planned and measured."""

    ranks: int
    terms: tuple[Term, ...]
    seconds: float
    resident_bytes: int
    """Most memory of this process."""

    @property
    def planned(self) -> float:
        return sum(term.planned for term in self.terms)

    @property
    def measured(self) -> float:
        return sum(term.measured for term in self.terms)


def verify(plan: Plan) -> Verified:
    """Run rank 0 of a plan.

    Raises:
        InvalidRequest: it is nothing that the trainer runs: a pipeline, experts of unknown number,
            or a feed-forward without a gate.
    """
    shape, layout = plan.request.model.shape, plan.layout
    if layout.pipeline > 1 or plan.request.model.is_mixture or not shape.gated:
        raise InvalidRequest(
            "--verify: the trainer has dense models with a gated feed-forward and no pipeline."
        )
    config = Config(
        vocab_size=shape.vocabulary,
        hidden_size=shape.width,
        intermediate_size=shape.ffn,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.head_dim,
        tie_word_embeddings=shape.tied,
        qk_norm=shape.qk_norm,
    )
    split = Split(layout.data // layout.shard, layout.shard, layout.tensor)
    check_split(config, split, plan.request.sequence)
    began = time.perf_counter()
    measured = _run(config, split, layout.micro_batch, plan.request.sequence, layout.recompute)
    planned = asdict(plan.memory)
    return Verified(
        split.world,
        tuple(Term(name, planned[name], measured[name]) for name in TERMS),
        time.perf_counter() - began,
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    )


def _run(
    config: Config, split: Split, rows: int, sequence: int, recompute: bool
) -> dict[str, float]:
    if dist.is_initialized():
        raise InvalidRequest("--verify: this process has a process group of its own already.")
    dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=split.world)
    try:
        with torch.device("meta"):
            model = Transformer(config)
        model.recompute = recompute
        divide(model, make_mesh(split, "cpu"), torch.bfloat16)
        with FakeTensorMode(allow_non_fake_inputs=True), _norms_of_a_gpu():
            model.to_empty(device="cpu")
            tokens = torch.zeros(rows, sequence, dtype=torch.long)
            model(tokens, tokens).backward()
            ledger = _Ledger(model)
            with ledger:
                loss = model(tokens, tokens)
                ledger.back = True
                loss.backward()
            found = dict.fromkeys(TERMS, 0.0) | ledger.worst
            found["weights"] = _bytes(list(model.parameters()))
            found["gradients"] = _bytes([one.grad for one in model.parameters()])
            for optimizer in optimizers(model, 0.1, 0.1):
                optimizer.step()
                states = optimizer.state.values()
                found["optimizer"] += _bytes([one for state in states for one in state.values()])
        return found
    finally:
        dist.destroy_process_group()


def _bytes(tensors: list[Any]) -> float:
    """On this rank; views of one storage (FSDP's reduced gradients are) count once."""
    local = [one.to_local() if isinstance(one, DTensor) else one for one in tensors]
    storages = {one.untyped_storage() for one in local if isinstance(one, Tensor)}
    sizes = {storage._cdata: storage.nbytes() for storage in storages}
    return float(sum(sizes.values()))


class _Ledger(TorchDispatchMode):
    """What is made and not freed yet, by what it is; ``worst`` is the fullest moment."""

    def __init__(self, model: Transformer) -> None:
        super().__init__()
        self.worst: dict[str, float] = {}
        self.back = False
        """Whether the backward pass has begun: what has a weight's shape is then its gradient."""
        self._most = 0
        self._now: Counter[str] = Counter()
        self._known: dict[int, weakref.ref[Any]] = {}
        self._resized: dict[int, weakref.ref[Any]] = {}
        """FSDP's buffers, which it empties and fills in place."""
        self._weights = {_local(one).shape for one in model.parameters() if one.ndim > 1}
        self._output = model.lm_head.weight.shape

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        if any(issubclass(kind, DTensor) for kind in types):
            return NotImplemented  # what it does to its part comes here by itself
        made = func(*args, **(kwargs or {}))
        new = [self._note(one) for one in tree_iter(made) if isinstance(one, Tensor)]
        if any(new):
            resized = [reference() for reference in self._resized.values()]
            moving = sum(one.nbytes() for one in resized if one is not None)
            if self._now.total() + moving > self._most:
                self._most = self._now.total() + moving
                self.worst = {name: float(size) for name, size in self._now.items()}
                self.worst["gathered"] = self.worst.get("gathered", 0.0) + moving
        return made

    def _note(self, made: Tensor) -> bool:
        storage = made.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        known = self._known.get(key)
        if known is not None and known() is storage:
            return False
        what = self._what(made)

        def freed(reference: weakref.ref[Any]) -> None:
            if what:
                self._now[what] -= size
            elif self._resized.get(key) is reference:
                del self._resized[key]
            if self._known.get(key) is reference:
                del self._known[key]

        self._known[key] = weakref.ref(storage, freed)
        if what:
            self._now[what] += size
        else:
            self._resized[key] = self._known[key]
        return True

    def _what(self, made: Tensor) -> str:
        """A term; nothing for FSDP's buffers."""
        frame = sys._getframe(4)
        while frame is not None:
            name = frame.f_code.co_filename
            if "_fully_shard" in name:
                return ""
            if name.endswith("train/loss.py"):
                return "logits"
            frame = frame.f_back
        if made.shape == self._output:  # whole, for a part of the sequence
            return "logits"
        return "gathered" if self.back and made.shape in self._weights else "activations"


def _local(tensor: Tensor) -> Tensor:
    """Of a weight the part that a layer works with: FSDP's division undone, not that of matrices."""
    if not isinstance(tensor, DTensor):
        return tensor
    sizes = list(tensor.shape)
    names = tensor.device_mesh.mesh_dim_names or ()
    for name, placement in zip(names, tensor.placements, strict=True):
        if name == "tensor" and placement.is_shard():
            sizes[placement.dim] //= tensor.device_mesh.size(names.index(name))  # pyright: ignore[reportAttributeAccessIssue]
    return torch.empty(sizes, device="meta")


@contextmanager
def _norms_of_a_gpu() -> Iterator[None]:
    """A processor's norm keeps four copies of its input; a GPU's kernel keeps the input."""
    whole = nn.RMSNorm.forward
    nn.RMSNorm.forward = lambda self, x: _Norm.apply(x, self.weight)
    try:
        yield
    finally:
        nn.RMSNorm.forward = whole


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return torch.empty_like(x)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        return torch.empty_like(x), torch.empty_like(weight)
