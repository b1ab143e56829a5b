"""Weights from elsewhere: a Hugging Face checkpoint, or a GGUF whose blocks are de-quantised."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor

from myna.errors import InvalidRequest, NotFound
from myna.train.model import Config, Transformer

NAMES = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
"""Of a layer: llama.cpp's name → transformers'."""
ENDS = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
}


def load_model(path: Path) -> Transformer:
    """A model in 32 bits.

    Raises:
        NotFound: nothing is there.
        InvalidRequest: it is no Qwen3 or Llama, or its weights are not whole.
    """
    if path.is_dir():
        config, weights = _from_folder(path)
    elif path.is_file():
        config, weights = _from_gguf(path)
    else:
        raise NotFound(f"No model is at {path}. Give a checkpoint's folder or a GGUF file.")
    model = Transformer(config)
    if config.tie_word_embeddings:
        weights["lm_head.weight"] = weights.get("model.embed_tokens.weight", torch.empty(0))
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise InvalidRequest(
            f"{path} is not whole, or no plain Qwen3 or Llama: {str(error).splitlines()[-1].strip()}"
        ) from None
    return model


def swapped(weight: Tensor, heads: int, *, to_gguf: bool) -> Tensor:
    """Rows of Llama's queries and keys: llama.cpp rotates pairs, transformers halves."""
    half = weight.shape[0] // heads // 2
    shape = (heads, 2, half) if to_gguf else (heads, half, 2)
    return weight.reshape(*shape, -1).transpose(1, 2).reshape(weight.shape)


def _from_folder(path: Path) -> tuple[Config, dict[str, Tensor]]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        config = Config.from_json(json.loads((path / "config.json").read_text()))
        files = sorted(path.glob("*.safetensors"))
        weights = {name: one.float() for file in files for name, one in load_file(file).items()}
    except FileNotFoundError:
        raise NotFound(f"{path} has no config.json: it is no Hugging Face checkpoint.") from None
    except (KeyError, ValueError, SafetensorError) as error:
        raise InvalidRequest(f"{path} cannot be read as a checkpoint ({error}).") from None
    return config, weights


def _from_gguf(path: Path) -> tuple[Config, dict[str, Tensor]]:
    from gguf import GGUFReader
    from gguf.quants import dequantize

    try:
        reader = GGUFReader(path)
    except (ValueError, OSError) as error:
        raise InvalidRequest(f"{path} is no GGUF file ({error}).") from None
    fields = {name: one for name, one in reader.fields.items() if not name.startswith("tokenizer.")}
    kind = str(fields["general.architecture"].contents())
    if kind not in {"llama", "qwen3"}:
        raise InvalidRequest(f"{path} is a {kind} model: give Qwen3 or Llama.")

    def value(name: str, default: float | None = None) -> float:
        field = fields.get(f"{kind}.{name}")
        if field is None and default is None:
            raise InvalidRequest(f"{path} does not say its {name}.")
        return float(field.contents() if field else default or 0)

    tensors = {one.name: one for one in reader.tensors}
    if "rope_freqs.weight" in tensors:
        raise InvalidRequest(f"{path} has stretched positions, which cannot be trained on.")
    heads, width = int(value("attention.head_count")), int(value("embedding_length"))
    keys = int(value("attention.head_count_kv", heads))
    config = Config(
        vocab_size=int(tensors["token_embd.weight"].shape[1]),
        hidden_size=width,
        intermediate_size=int(value("feed_forward_length")),
        num_hidden_layers=int(value("block_count")),
        num_attention_heads=heads,
        num_key_value_heads=keys,
        head_dim=int(value("attention.key_length", width // heads)),
        rope_theta=value("rope.freq_base", 1e4),
        rms_norm_eps=value("attention.layer_norm_rms_epsilon"),
        tie_word_embeddings="output.weight" not in tensors,
        max_position_embeddings=int(value("context_length", 4096)),
        qk_norm=kind == "qwen3",
    )
    weights: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        weight = torch.from_numpy(dequantize(tensor.data, tensor.tensor_type).copy()).float()
        if kind == "llama" and (".attn_q." in name or ".attn_k." in name):
            weight = swapped(weight, heads if ".attn_q." in name else keys, to_gguf=False)
        weights[theirs(name)] = weight
    return config, weights


def theirs(name: str) -> str:
    """transformers' name of a tensor of llama.cpp."""
    stem = name.removesuffix(".weight")
    if stem.startswith("blk."):
        _, number, part = stem.split(".")
        return f"model.layers.{number}.{NAMES.get(part, part)}.weight"
    return f"{ENDS.get(stem, stem)}.weight"
