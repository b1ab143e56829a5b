"""A model as one GGUF file for llama.cpp: the Qwen3 and Llama families, and LoRA adapters of them.

The file is written tensor by tensor, in the order of the model, so that memory holds one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from myna.errors import InvalidRequest
from myna.train.lora import Adapter
from myna.train.model import Config
from myna.train.tensors import Tensors
from myna.train.vocabulary import Vocabulary
from myna.train.weights import ENDS, NAMES, swapped

if TYPE_CHECKING:
    from gguf import GGMLQuantizationType, GGUFWriter

KINDS = ("f32", "f16", "q8_0", "q4_0")
"""What a file can be in. The K-quants (Q4_K) can only be read by the library that writes these."""
_INSIDE = {theirs: ours for ours, theirs in NAMES.items()}
_OUTSIDE = {theirs: ours for ours, theirs in ENDS.items()}
BLOCK = 32
"""Values that share a scale in Q8_0 and Q4_0; rows of another length stay in 16 bits."""


@dataclass(frozen=True, slots=True)
class About:
    """What a file tells of itself."""

    name: str
    licence: str = ""
    description: str = ""
    version: str = ""


def write_gguf(
    path: Path, tensors: Tensors, vocabulary: Vocabulary, kind: str, about: About
) -> None:
    """Write the model in one of ``KINDS``.

    The embeddings and the output matrix of ``q4_0`` have 8 bits: half of a small model's error is
    there, and little of a large one's size.
    """
    from gguf import GGUFWriter, LlamaFileType
    from gguf.quants import quantize

    config = tensors.config
    types = {"f32": LlamaFileType.ALL_F32, "f16": LlamaFileType.MOSTLY_F16,
             "q8_0": LlamaFileType.MOSTLY_Q8_0, "q4_0": LlamaFileType.MOSTLY_Q4_0}  # fmt: skip
    writer = GGUFWriter(path, config.family)
    _tell(writer, config, about)
    writer.add_file_type(types[kind])
    _tell_words(writer, vocabulary.padded(config.vocab_size))
    shapes = _shapes(config)
    stored = {name: _stored(name, shapes[name], kind) for name in tensors.names}
    for name in tensors.names:
        _declare(writer, llama_name(name), shapes[name], stored[name])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for name, tensor in tensors:
        values = _turned(name, tensor, config).float().numpy()
        if stored[name].name == "F16" and float(np.abs(values).max(initial=0.0)) > 65_504:
            raise InvalidRequest(f"{name} has values beyond 16 bits: export it as f32 alone.")
        writer.write_tensor_data(quantize(values, stored[name]))
    writer.close()


def write_adapter(path: Path, adapter: Adapter, config: Config, about: About) -> None:
    """Write a LoRA adapter for llama.cpp's servers, in 16 bits."""
    from gguf import GGMLQuantizationType, GGUFWriter

    writer = GGUFWriter(path, config.family)
    writer.add_type("adapter")
    writer.add_name(about.name)
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", adapter.scale * adapter.rank)
    for name, (a, b) in adapter.pairs.items():
        for tensor, part in ((a, "a"), (_turned(name, b, config), "b")):
            values = tensor.float().numpy().astype(np.float16)
            writer.add_tensor(
                f"{llama_name(name)}.lora_{part}", values, raw_dtype=GGMLQuantizationType.F16
            )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def llama_name(name: str) -> str:
    """llama.cpp's name of a tensor of transformers."""
    stem = name.removesuffix(".weight")
    if stem.startswith("model.layers."):
        number, part = stem.removeprefix("model.layers.").split(".", 1)
        return f"blk.{number}.{_INSIDE[part]}.weight"
    return f"{_OUTSIDE[stem]}.weight"


def _tell(writer: GGUFWriter, config: Config, about: About) -> None:
    writer.add_type("model")
    writer.add_name(about.name)
    for value, add in (
        (about.licence, writer.add_license),
        (about.description, writer.add_description),
        (about.version, writer.add_version),
    ):
        if value:
            add(value)
    writer.add_quantization_version(2)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_theta)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_vocab_size(config.vocab_size)


def _tell_words(writer: GGUFWriter, words: Vocabulary) -> None:
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(words.split)
    writer.add_token_list(words.tokens)
    writer.add_token_types(words.kinds)
    writer.add_token_merges(words.merges)
    for number, add in (
        (words.bos, writer.add_bos_token_id),
        (words.eos, writer.add_eos_token_id),
        (words.pad, writer.add_pad_token_id),
    ):
        if number is not None:
            add(number)
    writer.add_add_bos_token(words.adds_bos)
    if words.template:
        writer.add_chat_template(words.template)


def _shapes(config: Config) -> dict[str, tuple[int, ...]]:
    import torch

    from myna.train.model import Transformer

    with torch.device("meta"):
        return {name: tuple(one.shape) for name, one in Transformer(config).state_dict().items()}


def _stored(name: str, shape: Sequence[int], kind: str) -> GGMLQuantizationType:
    from gguf import GGMLQuantizationType as Kind

    if len(shape) == 1 or kind == "f32":
        return Kind.F32
    if kind == "f16" or shape[-1] % BLOCK:
        return Kind.F16
    outside = not name.startswith("model.layers.")
    return Kind.Q4_0 if kind == "q4_0" and not outside else Kind.Q8_0


def _declare(
    writer: GGUFWriter, name: str, shape: Sequence[int], kind: GGMLQuantizationType
) -> None:
    from gguf.quants import quant_shape_to_byte_shape

    held = quant_shape_to_byte_shape(shape, kind) if kind.name.startswith("Q") else tuple(shape)
    dtype = {"F32": np.float32, "F16": np.float16}.get(kind.name, np.uint8)
    size = int(np.prod(held)) * np.dtype(dtype).itemsize
    writer.add_tensor_info(name, held, np.dtype(dtype), size, kind)


def _turned(name: str, tensor: Tensor, config: Config) -> Tensor:
    """Llama's queries and keys as llama.cpp rotates them; all others as they are."""
    if config.family != "llama":
        return tensor
    if ".q_proj." in name:
        return swapped(tensor, config.num_attention_heads, to_gguf=True)
    if ".k_proj." in name:
        return swapped(tensor, config.num_key_value_heads, to_gguf=True)
    return tensor
