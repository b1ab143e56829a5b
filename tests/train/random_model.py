"""A tiny model of random weights as a Hugging Face folder, to export and to serve."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer

from myna.train.model import Config, Transformer
from myna.train.tokenizer import save_tokenizer, train_tokenizer

TEXTS = [
    "Don't print 1234 pages, it's 12:30!\n\n  New line",
    "Der Drucker läuft wieder: Größe 5, naïve café",
    "今日は公園で桜を見ました 🌸 한국어 텍스트",
    "x = foo(bar)[1] != None  # tabs\tand\r\nmore\n\n\n    return {'a': 0x1F}",
]
SHAPES = {
    "qwen3": Config(384, 64, 192, 3, 4, 2, 32, max_position_embeddings=256),
    "llama": Config(
        384, 96, 160, 3, 4, 2, 24, rms_norm_eps=1e-5, rope_theta=1e4, qk_norm=False,
        tie_word_embeddings=False, max_position_embeddings=256,
    ),
}  # fmt: skip


def a_model(folder: Path, config: Config, tokenizer: Tokenizer | None = None) -> Path:
    """A Hugging Face folder with random weights of 16 bits, large enough that logits differ."""
    model = Transformer(config)
    model.start(7)
    state = {
        name: tensor * (6 if tensor.ndim > 1 else 1) for name, tensor in model.state_dict().items()
    }
    state = {n: t + 0.1 * torch.randn(t.shape) if t.ndim == 1 else t for n, t in state.items()}
    state = {name: tensor.bfloat16().float() for name, tensor in state.items()}
    if config.tie_word_embeddings:
        del state["lm_head.weight"]
    folder.mkdir(parents=True)
    save_file(state, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config.as_json()))
    save_tokenizer(tokenizer or train_tokenizer(TEXTS * 3, 370), folder)
    return folder
