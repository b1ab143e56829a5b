"""``--size``: the one dial. What follows from it by stated laws, and nothing else to set.

- Shape: ``plan.shape.shape_for``'s proportions (width to depth about 110) from 30 million parameters
  on; below, heads of 32 and a width of 64 · round(size^(1/3) / 80), so that a laptop's model keeps
  several heads and layers.
- Horizon: 20 tokens a parameter (Hoffmann et al. 2022).
- Batch: 2^19 tokens for 10^8.5 parameters, growing with the square root of the size as ``myna plan``
  has it, at least 4,096 (McCandlish et al. 2018: small models have a small critical batch).
- Rates: Muon 0.02 whatever the size (its update has the spectral norm of the matrix: Jordan 2024);
  AdamW 0.003 · (width / 768)^(-1/2) for what is no matrix, and for the embedding.
- Weight decay 0.1 for matrices; warm-up 1 % of the steps; constant, then linear to zero over the last
  40 % (Hägele et al. 2024: as good as a cosine, and a run can be made longer).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from myna.train.plan.shape import count_of, shape_for

if TYPE_CHECKING:
    from myna.train.model import Config

TOKENS_A_PARAMETER = 20.0
_SMALL = 3e7


@dataclass(frozen=True, slots=True)
class Scale:
    """What a size means."""

    layers: int
    width: int
    heads: int
    kv_heads: int
    head_dim: int
    ffn: int
    sequence: int
    batch_tokens: int
    tokens: float
    """Horizon: of the whole run."""
    matrix_rate: float
    other_rate: float
    tied: bool

    def config(self, vocabulary: int) -> Config:
        """The model; its rows are a multiple of 64, which matrix products like."""
        from myna.train.model import Config

        return Config(
            vocab_size=-(-vocabulary // 64) * 64,
            hidden_size=self.width,
            intermediate_size=self.ffn,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            num_key_value_heads=self.kv_heads,
            head_dim=self.head_dim,
            tie_word_embeddings=self.tied,
        )

    @property
    def steps(self) -> int:
        return max(1, round(self.tokens / self.batch_tokens))


def scale_for(size: str, vocabulary: int) -> Scale:
    """All that follows from ``--size`` (like 1m, 124m, 1.7b), for a vocabulary.

    Raises:
        InvalidRequest: it is no number, or none that a model can have.
    """
    wanted = max(2e5, count_of(size, "--size"))
    if wanted < _SMALL:
        width = 64 * max(1, round(wanted ** (1 / 3) / 80))
        layer = 12 * width * width
        layers = min(16, max(2, round((wanted - vocabulary * width) / layer)))
        heads, kv_heads, head_dim, ffn, tied = width // 32, max(1, width // 64), 32, 3 * width, True
        sequence = 256
    else:
        shape = shape_for(wanted)
        layers, width, heads, kv_heads = shape.layers, shape.width, shape.heads, shape.kv_heads
        head_dim, ffn, tied, sequence = shape.head_dim, shape.ffn, shape.tied, 2048
    batch = 2 ** max(12, round(19 + 1.66 * (math.log10(wanted) - 8.5)))
    return Scale(
        layers, width, heads, kv_heads, head_dim, ffn, sequence, batch,
        TOKENS_A_PARAMETER * wanted, 0.02, 0.003 * (width / 768) ** -0.5, tied,
    )  # fmt: skip
