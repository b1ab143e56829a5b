"""A tiny model with random weights in a Hugging Face folder, and what it answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from myna.train.base import load_base
from myna.train.examples import Example
from myna.train.model import Config, Transformer
from myna.train.tokenizer import save_tokenizer, train_tokenizer

torch.set_num_threads(1)
"""Threads that wait for each other on a busy machine cost more than so small a model has to gain."""


def make_base(folder: Path, examples: list[Example], *, layers: int = 2, width: int = 64) -> Path:
    """A model of our own shape, with a tokenizer of these examples."""
    texts = [content for one in examples for _, content in one.prompt]
    made = train_tokenizer([*texts, *(one.answer for one in examples)], 700)
    save_tokenizer(made, folder)
    config = Config(704, width, 2 * width, layers, 2, 1, 32)
    model = Transformer(config)
    model.start(0)
    weights = {name: one for name, one in model.state_dict().items() if name != "lm_head.weight"}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config.as_json()))
    return folder


@torch.no_grad()
def answers(folder: Path, examples: list[Example], *, tokens: int = 64) -> list[str]:
    """What a model or adapter says, at its likeliest."""
    model, tokenizer = load_base(folder)
    tokenizer.padding_side = "left"
    texts: Any = [
        tokenizer.apply_chat_template(one.messages, tokenize=False, add_generation_prompt=True)
        for one in examples
    ]
    told = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
    made = model.generate(  # pyright: ignore[reportCallIssue]
        input_ids=told["input_ids"],
        attention_mask=told["attention_mask"],
        max_new_tokens=tokens,
        do_sample=False,
    )
    begun = told["input_ids"].shape[1]
    return tokenizer.batch_decode(made[:, begun:], skip_special_tokens=True)
