"""The transformer that we train: Qwen3's and Llama's, with the parameter names of transformers.

So a checkpoint of ours is one of theirs: transformers, vLLM and llama.cpp's converters read it as it
is, and theirs can be trained on. Shapes in the comments: b rows, s tokens, h heads, d a head's size.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, Partial, Replicate
from torch.utils.checkpoint import checkpoint

from myna.errors import InvalidRequest
from myna.train.loss import cross_entropy
from myna.train.muon import own_part

INITIAL_SPREAD = 0.02
"""Standard deviation of all matrices at the start, as in Qwen3's and Llama's configurations."""
_COPIED = [
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "rms_norm_eps",
    "tie_word_embeddings",
]


@dataclass(frozen=True, slots=True)
class Config:
    """What ``config.json`` says of the architecture, under the same names."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int = 128
    rope_theta: float = 1e6
    rms_norm_eps: float = 1e-6
    tie_word_embeddings: bool = True
    max_position_embeddings: int = 4096
    qk_norm: bool = True
    """Whether queries and keys are normalised: Qwen3 does, Llama does not."""

    @property
    def family(self) -> str:
        """``model_type`` of transformers."""
        return "qwen3" if self.qk_norm else "llama"

    @property
    def matrix_parameters(self) -> int:
        """Those that every token is multiplied with, the output's included."""
        attention = 2 * self.head_dim * (self.num_attention_heads + self.num_key_value_heads)
        layer = self.hidden_size * (attention + 3 * self.intermediate_size)
        return self.num_hidden_layers * layer + self.vocab_size * self.hidden_size

    def flops(self, sequence: int) -> float:
        """Operations a token for a training step (as ``plan.shape``)."""
        attention = 6 * self.num_hidden_layers * self.num_attention_heads * self.head_dim
        return 6.0 * self.matrix_parameters + attention * sequence

    def as_json(self) -> dict[str, Any]:
        """``config.json`` as transformers reads it."""
        told = asdict(self)
        del told["qk_norm"], told["rope_theta"]
        return told | {
            "architectures": ["Qwen3ForCausalLM" if self.qk_norm else "LlamaForCausalLM"],
            "model_type": self.family,
            "hidden_act": "silu",
            "attention_bias": False,
            "rope_parameters": {"rope_type": "default", "rope_theta": self.rope_theta},
            "initializer_range": INITIAL_SPREAD,
            "dtype": "float32",
            "use_cache": True,
        }

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Config:
        """From a ``config.json`` of the Qwen3 or Llama family.

        Raises:
            InvalidRequest: it is of another family, or of a kind that this model has not.
        """
        family = told.get("model_type")
        rope = told.get("rope_parameters") or told.get("rope_scaling") or {}
        if family not in {"qwen3", "llama"}:
            raise InvalidRequest(
                f"A model of type {family} cannot be trained: give Qwen3 or Llama."
            )
        if rope.get("rope_type", "default") != "default" or told.get("attention_bias"):
            raise InvalidRequest("Stretched positions and biased attention cannot be trained on.")
        heads = told["num_attention_heads"]
        return cls(
            **{name: told[name] for name in _COPIED if name in told},
            head_dim=told.get("head_dim") or told["hidden_size"] // heads,
            rope_theta=float(rope.get("rope_theta") or told.get("rope_theta") or 1e4),
            max_position_embeddings=told.get("max_position_embeddings", 4096),
            qk_norm=family == "qwen3",
        )


class Attention(nn.Module):
    """Grouped-query attention with rotary positions."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        width, size = config.hidden_size, config.head_dim
        self.size = size
        self.q_proj = nn.Linear(width, config.num_attention_heads * size, bias=False)
        self.k_proj = nn.Linear(width, config.num_key_value_heads * size, bias=False)
        self.v_proj = nn.Linear(width, config.num_key_value_heads * size, bias=False)
        self.o_proj = nn.Linear(config.num_attention_heads * size, width, bias=False)
        if config.qk_norm:
            self.q_norm = nn.RMSNorm(size, eps=config.rms_norm_eps)
            self.k_norm = nn.RMSNorm(size, eps=config.rms_norm_eps)
        self.normed = config.qk_norm

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor | None) -> Tensor:
        b, s, _ = x.shape
        q = self.q_proj(x).view(b, s, -1, self.size)
        k = self.k_proj(x).view(b, s, -1, self.size)
        v = self.v_proj(x).view(b, s, -1, self.size).transpose(1, 2)
        if self.normed:
            q, k = self.q_norm(q), self.k_norm(k)
        q, k = _rotate(q, cos, sin).transpose(1, 2), _rotate(k, cos, sin).transpose(1, 2)
        out = F.scaled_dot_product_attention(
            q, k, v, attn_mask=mask, is_causal=mask is None, enable_gqa=q.shape[1] != k.shape[1]
        )
        return self.o_proj(out.transpose(1, 2).reshape(b, s, -1))


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary positions, halves (not pairs) together as transformers has it; x is (b, s, h, d)."""
    low, high = x.chunk(2, -1)
    turned = torch.cat((-high, low), -1)
    return x * cos.to(x.dtype) + turned * sin.to(x.dtype)


class FeedForward(nn.Module):
    """Gated (SwiGLU)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        width, inner = config.hidden_size, config.intermediate_size
        self.gate_proj = nn.Linear(width, inner, bias=False)
        self.up_proj = nn.Linear(width, inner, bias=False)
        self.down_proj = nn.Linear(inner, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(gated(self.gate_proj(x), self.up_proj(x)))


def gated(gate: Tensor, up: Tensor) -> Tensor:
    """``silu(gate) * up``; keeps these two for the way back, not what is between."""
    return _Gated.apply(gate, up)  # pyright: ignore[reportReturnType]


class _Gated(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gate: Tensor, up: Tensor) -> Tensor:
        ctx.save_for_backward(gate, up)
        return F.silu(gate) * up

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor, Tensor]:
        gate, up = ctx.saved_tensors
        (slope,) = outputs
        return torch.ops.aten.silu_backward(slope * up, gate), slope * F.silu(gate)


class Layer(nn.Module):
    """One layer; what FSDP shards and ``torch.compile`` compiles as a piece."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.self_attn = Attention(config)
        self.mlp = FeedForward(config)
        self.input_layernorm = nn.RMSNorm(config.hidden_size, eps=config.rms_norm_eps)
        self.post_attention_layernorm = nn.RMSNorm(config.hidden_size, eps=config.rms_norm_eps)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor | None) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, mask)
        return x + self.mlp(self.post_attention_layernorm(x))


class Trunk(nn.Module):
    """All but the output matrix."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))
        self.norm = nn.RMSNorm(config.hidden_size, eps=config.rms_norm_eps)


class Transformer(nn.Module):
    """A causal language model."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.recompute = False
        """Make a layer's activations again on the way back instead of keeping them."""
        self.model = Trunk(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        if config.tie_word_embeddings:
            self.lm_head.weight = self.model.embed_tokens.weight

    @torch.no_grad()
    def start(self, seed: int) -> None:
        """Random weights, the same for a seed on every device and number of ranks."""
        generator = torch.Generator().manual_seed(seed)
        for name, parameter in self.named_parameters():
            if parameter.ndim < 2:
                parameter.fill_(1.0)
                continue
            out = name.endswith(("o_proj.weight", "down_proj.weight"))
            spread = INITIAL_SPREAD / ((2 * self.config.num_hidden_layers) ** 0.5 if out else 1.0)
            assign(parameter, torch.randn(parameter.shape, generator=generator) * spread)

    def hidden(self, tokens: Tensor, documents: Tensor | None, positions: Tensor | None) -> Tensor:
        """(b, s, width) before the output matrix. ``documents`` and ``positions`` (b, s) say which
        document of its row a token is of and where in it; None: each row is one document."""
        c = self.config
        if positions is None:
            positions = torch.arange(tokens.shape[1], device=tokens.device)[None]
        steps = torch.arange(0, c.head_dim, 2, device=tokens.device, dtype=torch.float32)
        angles = positions[..., None].float() * c.rope_theta ** (-steps / c.head_dim)
        angles = torch.cat((angles, angles), -1)[:, :, None]  # (b, s, 1, d)
        mask = None
        if documents is not None:
            causal = (
                torch.ones(tokens.shape[1], tokens.shape[1], device=tokens.device).tril().bool()
            )
            mask = (documents[:, None, :, None] == documents[:, None, None, :]) & causal
        x = self.model.embed_tokens(tokens)
        cos, sin = angles.cos(), angles.sin()
        for layer in self.model.layers:
            if self.recompute and torch.is_grad_enabled():
                x = checkpoint(layer, x, cos, sin, mask, use_reentrant=False)
            else:
                x = layer(x, cos, sin, mask)
        return self.model.norm(x)

    def forward(
        self,
        tokens: Tensor,
        targets: Tensor | None = None,
        documents: Tensor | None = None,
        positions: Tensor | None = None,
    ) -> Tensor:
        """Logits (b, s, vocabulary); with ``targets`` the sum of the losses of those that are not
        negative, computed piece by piece so that the logits are never there as a whole."""
        x = self.hidden(tokens, documents, positions)
        if targets is None:
            return self.lm_head(x)
        weight = self.lm_head.weight
        if isinstance(weight, DTensor):  # tensor parallelism: each rank has a part of the sequence
            mesh = weight.device_mesh
            weight = weight.redistribute(placements=[Replicate()])
            weight = weight.to_local(grad_placements=[Partial()])
            targets = targets.chunk(mesh.size(), 1)[mesh.get_local_rank()]
        return cross_entropy(x.flatten(0, 1), weight.to(x.dtype), targets.flatten())


@torch.no_grad()
def assign(parameter: Tensor, whole: Tensor) -> None:
    """Give a parameter its values; of a divided one each rank keeps its part."""
    if isinstance(parameter, DTensor):
        parameter.to_local().copy_(own_part(whole, parameter))
    else:
        parameter.copy_(whole)
