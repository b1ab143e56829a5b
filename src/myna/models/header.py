"""What a GGUF file says of itself, read before it is trusted with anything."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from myna.errors import ModelFileError

MAGIC = b"GGUF"
NO_CHAT = {"bert", "nomic-bert", "jina-bert-v2", "modern-bert", "t5", "t5encoder", "clip", "wavtokenizer-dec"}  # fmt: skip
"""Architectures that embed or encode and never answer."""


@dataclass(frozen=True, slots=True)
class Header:
    """As far as the server and the memory it needs are concerned."""

    name: str
    licence: str
    architecture: str
    parameters: int
    context_tokens: int
    cache_bytes_per_token: int
    """Of the key-value cache, in 16 bits."""
    chat: bool
    """Whether it carries a chat template."""


def read_header(path: Path) -> Header:
    """The header of a model's file.

    Raises:
        ModelFileError: it is no whole GGUF file, or no language model.
    """
    try:
        with path.open("rb") as file:
            if file.read(4) != MAGIC:
                raise ModelFileError(f"{path} is no GGUF file.")
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read ({error.strerror}).") from None
    from gguf import GGUFReader

    try:
        reader = GGUFReader(path)
    except Exception as error:  # the reader stumbles over damage in as many ways as there are
        raise ModelFileError(f"{path} is damaged or cut short ({error}).") from None

    def told(name: str, default: Any = None) -> Any:
        field = reader.fields.get(name)
        return default if field is None else field.contents()

    kind = str(told("general.architecture", ""))
    if told("general.type", "model") != "model":
        raise ModelFileError(f"{path} is a GGUF of type {told('general.type')}: give a model.")
    if kind in NO_CHAT or told("tokenizer.ggml.model") is None or not reader.tensors:
        raise ModelFileError(f"{path} is no language model ({kind or 'no architecture'}).")
    heads = told(f"{kind}.attention.head_count", 0)
    keys = told(f"{kind}.attention.head_count_kv", heads)
    width = int(told(f"{kind}.embedding_length", 0))
    most = max(heads) if isinstance(heads, list) else int(heads)
    size = int(told(f"{kind}.attention.key_length", width // max(1, most)))
    layers = int(told(f"{kind}.block_count", 0))
    if not (width and layers and most):
        raise ModelFileError(f"{path} does not tell its width, layers or heads.")
    each = sum(keys) if isinstance(keys, list) else layers * int(keys)
    return Header(
        name=str(told("general.name", "") or path.stem),
        licence=str(told("general.license", "") or ""),
        architecture=kind,
        parameters=sum(math.prod(int(one) for one in tensor.shape) for tensor in reader.tensors),
        context_tokens=int(told(f"{kind}.context_length", 2048)),
        cache_bytes_per_token=4 * each * size,
        chat=bool(told("tokenizer.chat_template")),
    )
