"""Cross-entropy fused with the output matrix: the logits of all tokens are never there at once.

Of 8 rows of 2,048 tokens and a vocabulary of 32,768 they would be 1 GB in 16 bits and twice that in
32. Here gradients are made with the loss, piece by piece, and only scaled on the way back (as in Liger
Kernel, Hsu et al. 2024): three products a token, as without fusing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

PIECE = 2048
"""Tokens whose logits are there at once."""


def cross_entropy(x: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    """Sum (32 bits) over the targets that are not negative; x is (tokens, width), weight
    (vocabulary, width), in one type."""
    return _Fused.apply(x, weight, targets)  # pyright: ignore[reportReturnType]


class _Fused(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        wanted = x.requires_grad or weight.requires_grad
        piece = _compiled() if x.is_cuda else _piece
        total = torch.zeros((), device=x.device, dtype=torch.float32)
        back = torch.empty_like(x) if wanted else None
        matrix = torch.zeros_like(weight) if wanted else None
        for start in range(0, len(x), PIECE):
            part = slice(start, start + PIECE)
            loss, slope = piece(x[part] @ weight.T, targets[part])
            total += loss
            if back is not None and matrix is not None:
                torch.mm(slope, weight, out=back[part])
                matrix.addmm_(slope.T, x[part])
            del slope  # not beside the next piece's
        ctx.save_for_backward(back, matrix)
        return total

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor, Tensor, None]:
        back, matrix = ctx.saved_tensors
        (scale,) = outputs
        return back.mul_(scale), matrix.mul_(scale), None


def _piece(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Loss and its slope by the logits."""
    kept, at = targets >= 0, targets.clamp(min=0)[:, None]
    most, wanted = logits.amax(-1, keepdim=True).float(), logits.gather(1, at).float()
    chances = logits.float().sub_(most).exp_()  # of 32-bit logits these themselves
    whole = chances.sum(-1, keepdim=True)
    losses = whole.log() + most - wanted
    slope = chances.div_(whole).scatter_add_(1, at, -torch.ones_like(whole))
    return (losses[:, 0] * kept).sum(), slope.mul_(kept[:, None]).to(logits.dtype)


_made: list[Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]] = []


def _compiled() -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """One pass over the logits for their sum and one for the slope, instead of eight."""
    if not _made:
        _made.append(torch.compile(_piece))
    return _made[0]
