"""Sizes of a transformer, and what follows from them: parameters and operations a token."""

from __future__ import annotations

import math
from dataclasses import dataclass

from myna.errors import InvalidRequest

HEAD_DIM = 128
VOCABULARY = 128_256
_WIDTH_TO_DEPTH = 110
"""Usual for 1 to 400 billion parameters: Llama 3 has 128, 102, 130."""
_FEED_FORWARD = 3.5
_KEY_VALUE_HEADS = 8
_LEAST_WIDTH = 256
_STEP, _WIDE, _WIDE_STEP = 128, 2048, 1024
"""Wide models have a multiple of 8 heads, so that they divide among the GPUs of a server."""
_SMALLEST_PARAMETERS = 5_000_000
_LARGEST_PARAMETERS = 20_000_000_000_000


@dataclass(frozen=True, slots=True)
class Shape:
    """A dense decoder with grouped-query attention and a gated feed-forward (SwiGLU), as Llama 3 and
    Qwen3 have; ``gated=False`` is the older kind of GPT-3."""

    layers: int
    width: int
    heads: int
    kv_heads: int
    ffn: int
    vocabulary: int = VOCABULARY
    gated: bool = True
    tied: bool = False
    """Whether the output shares the input's embedding."""
    head_dim: int = HEAD_DIM
    qk_norm: bool = True
    """Whether queries and keys are normalised, as Qwen3 and OLMo 2 do."""

    @property
    def layer_parameters(self) -> int:
        """Matrices of one layer; its norms are too small to count."""
        attention = 2 * self.width * self.head_dim * (self.heads + self.kv_heads)
        return attention + (3 if self.gated else 2) * self.width * self.ffn

    @property
    def embedding_parameters(self) -> int:
        return self.vocabulary * self.width

    @property
    def parameters(self) -> int:
        """All of them."""
        ends = self.embedding_parameters * (1 if self.tied else 2)
        return self.layers * self.layer_parameters + ends

    @property
    def used_parameters(self) -> int:
        """Those that every token is multiplied with: the input's embedding is only looked up."""
        return self.layers * self.layer_parameters + self.embedding_parameters

    def attention_flops(self, sequence: int) -> float:
        """Operations a token for products of queries with keys and of weights with values, forward
        and back: 12 · layers · width · sequence (Chowdhery et al. 2022, appendix B), halved because
        what follows a token is masked and not computed."""
        return 6.0 * self.layers * self.heads * self.head_dim * sequence

    def flops(self, sequence: int) -> float:
        """Operations a token for a training step: 6 for each parameter in use (Kaplan et al. 2020),
        and the attention."""
        return 6.0 * self.used_parameters + self.attention_flops(sequence)


KNOWN = {
    "llama-3-8b": Shape(32, 4096, 32, 8, 14336, qk_norm=False),
    "llama-3-70b": Shape(80, 8192, 64, 8, 28672, qk_norm=False),
    "llama-3-405b": Shape(126, 16384, 128, 8, 53248, qk_norm=False),
    "gpt-3-175b": Shape(96, 12288, 96, 96, 49152, 50_257, gated=False, tied=True, qk_norm=False),
    "olmo-2-7b": Shape(32, 4096, 32, 32, 11008, 100_352),
    "olmo-2-13b": Shape(40, 5120, 40, 40, 13824, 100_352),
    "qwen3-0.6b": Shape(28, 1024, 16, 8, 3072, 151_936, tied=True),
    "qwen3-8b": Shape(36, 4096, 32, 8, 12288, 151_936),
    "qwen3-32b": Shape(64, 5120, 64, 8, 25600, 151_936),
}


def shape_for(parameters: float) -> Shape:
    """The shape of usual proportions that comes nearest to a number of parameters.

    Raises:
        InvalidRequest: it is below five million or above twenty trillion.
    """
    if not _SMALLEST_PARAMETERS <= parameters <= _LARGEST_PARAMETERS:
        raise InvalidRequest("--params: give a number from 5m to 20t, like 560m or 70b.")
    vocabulary = VOCABULARY if parameters >= 2e9 else 32_768 if parameters >= 5e7 else 8_192
    most = max(_LEAST_WIDTH, int(4 * (parameters / 12) ** (1 / 3) * 8) // HEAD_DIM * HEAD_DIM)
    widths = (
        width
        for width in range(_LEAST_WIDTH, most + _STEP, _STEP)
        if width < _WIDE or width % _WIDE_STEP == 0
    )
    shapes = (
        _proportioned(width, vocabulary, tied=parameters < 2e9, wanted=parameters)
        for width in widths
    )
    return min(shapes, key=lambda one: _unlikeness(one, parameters))


def _proportioned(width: int, vocabulary: int, *, tied: bool, wanted: float) -> Shape:
    heads = max(2, width // HEAD_DIM)
    kv_heads = math.gcd(heads, _KEY_VALUE_HEADS)
    ffn = int(_FEED_FORWARD * width) // 256 * 256
    one = Shape(1, width, heads, kv_heads, ffn, vocabulary, tied=tied)
    ends = one.parameters - one.layer_parameters
    layers = max(2, round((wanted - ends) / one.layer_parameters))
    return Shape(layers, width, heads, kv_heads, ffn, vocabulary, tied=tied)


def _unlikeness(shape: Shape, parameters: float) -> float:
    """How far a shape is from the number wanted and from usual proportions."""
    size = abs(math.log(shape.parameters / parameters))
    proportion = abs(math.log(shape.width / shape.layers / _WIDTH_TO_DEPTH))
    return 10 * size + proportion


def count_of(text: str, option: str) -> float:
    """A number like 560m, 70b, 15t or 7e9.

    Raises:
        InvalidRequest: it is no such number.
    """
    units = {"k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
    plain = text.strip().casefold().replace("_", "").replace(",", "")
    unit = units.get(plain[-1:], 1.0)
    try:
        number = float(plain[:-1] if plain[-1:] in units else plain) * unit
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise InvalidRequest(f"{option}: {text!r} is no number like 560m, 70b or 15t.")
    return number
