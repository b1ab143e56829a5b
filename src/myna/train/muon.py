"""Muon for matrices, AdamW for the rest (Jordan et al. 2024; rates as in ``scale``).

torch's own Muon drifts on sharded matrices: it orthogonalises each shard. This one keeps the momentum
sharded and gathers a matrix for its update, so any number of ranks makes the same step.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, Shard
from torch.distributed.tensor.placement_types import _StridedShard

MOMENTUM = 0.95
WEIGHT_DECAY = 0.1
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ROUNDS = 5


class Muon(torch.optim.Optimizer):
    """Momentum whose matrix is made orthogonal (all singular values about one) before it is applied."""

    def __init__(self, parameters: Iterable[Tensor], rate: float) -> None:
        super().__init__(list(parameters), {"lr": rate, "weight_decay": WEIGHT_DECAY})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        del closure
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(parameter)
                momentum = state["momentum"]
                momentum.lerp_(parameter.grad, 1 - MOMENTUM)
                update = parameter.grad.lerp(momentum, MOMENTUM)
                made = (
                    orthogonal(_whole(update)) * max(1.0, update.shape[0] / update.shape[1]) ** 0.5
                )
                held = parameter
                if isinstance(parameter, DTensor):
                    made, held = own_part(made, parameter), parameter.to_local()
                held.mul_(1 - group["lr"] * group["weight_decay"])
                held.add_(made.to(held.dtype), alpha=-group["lr"])


def orthogonal(matrix: Tensor) -> Tensor:
    """The nearest matrix with equal singular values, by five Newton-Schulz rounds (in bf16 on a
    GPU, whose error these rounds do not amplify)."""
    x = matrix.bfloat16() if matrix.is_cuda else matrix.float()
    tall = x.shape[0] > x.shape[1]
    x = x.mT if tall else x
    x = x / (x.norm() + 1e-7)
    a, b, c = _COEFFICIENTS
    for _ in range(_ROUNDS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x.mT if tall else x


def optimizers(model: nn.Module, matrix_rate: float, rate: float) -> list[torch.optim.Optimizer]:
    """Muon for the layers' matrices, AdamW for embedding, output and norms."""
    named = dict(model.named_parameters())
    matrices = [p for name, p in named.items() if p.ndim == 2 and ".layers." in name]
    rest = [p for name, p in named.items() if not (p.ndim == 2 and ".layers." in name)]
    adam = torch.optim.AdamW(rest, lr=rate, betas=(0.9, 0.95), weight_decay=0.0)
    return [Muon(matrices, matrix_rate), adam]


def own_part(whole: Tensor, like: DTensor) -> Tensor:
    """A view of the part that this rank has of a divided matrix: tensor parallelism cuts first, then
    FSDP. (``distribute_tensor`` makes thousands of pieces for as many ranks.)"""
    mesh = like.device_mesh
    for dimension in reversed(range(mesh.ndim)):
        placement = like.placements[dimension]
        if isinstance(placement, (Shard, _StridedShard)):
            length = whole.shape[placement.dim]
            step = -(-length // mesh.size(dimension))
            start = min(mesh.get_local_rank(dimension) * step, length)
            whole = whole.narrow(placement.dim, start, min(step, length - start))
    return whole


def _whole(tensor: Tensor) -> Tensor:
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
