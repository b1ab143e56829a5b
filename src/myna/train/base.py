"""What post-training starts from, as transformers has it: a Hugging Face folder, an adapter, a run of
``myna train pretrain``, or a GGUF.

An adapter names what it belongs to as it was given here: so one that was trained on a GGUF is read
together with that GGUF, and is trained on. Nothing is fetched, and no code of a model's folder is run.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"  # before the first import of what would look there
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch
from peft import PeftModel
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

from myna.errors import InvalidRequest, NotFound
from myna.train.checkpoint import checkpoints, read_model
from myna.train.lora import ADAPTER, base_of
from myna.train.model import Config, Transformer
from myna.train.tokenizer import CHAT, END, END_TURN
from myna.train.vocabulary import read_gguf
from myna.train.weights import load_model

Model = PreTrainedModel | PeftModel


def load_base(
    path: Path, tokenizer: Path | None = None, *, merge: bool = False
) -> tuple[Model, PreTrainedTokenizerBase]:
    """A model in 32 bits and its tokenizer with a chat template. Of an adapter, the model with it, to
    be trained on, or (``merge``) with its weights in the model's own. ``tokenizer`` is the
    folder of one, where the model has none of its own.

    Raises:
        NotFound: nothing is there.
        InvalidRequest: it cannot be trained on.
    """
    if (path / ADAPTER).is_file():
        under = base_of(path)
        base, held = load_base(under, tokenizer or (path if _has_tokenizer(path) else None))
        if isinstance(base, PeftModel):
            raise InvalidRequest(f"{under} is an adapter itself: merge it first.")
        model = PeftModel.from_pretrained(base, str(path), is_trainable=not merge)
        if not merge:
            return model, held
        merged: Any = model.merge_and_unload()
        return merged.requires_grad_(True), held
    if path.is_dir() and checkpoints(path):
        model = _of_run(path)
    elif path.is_dir() and (path / ".metadata").is_file():
        model = _of_run(path.parent, path)
    elif path.is_dir() and (path / "config.json").is_file():
        model = _of_folder(path)
    else:
        model = _of_ours(load_model(path))
    held = _tokenizer(tokenizer or path)
    if len(held) > model.config.vocab_size:
        raise InvalidRequest("The tokenizer has more tokens than the model: give its own.")
    model.config._name_or_path = model.name_or_path = str(path.resolve())  # PEFT notes the second
    model.config.eos_token_id = held.eos_token_id
    model.config.pad_token_id = held.pad_token_id
    vocabulary = held.get_vocab()
    ends = {vocabulary[one] for one in (str(held.eos_token), END) if one in vocabulary}
    if model.generation_config is not None:
        model.generation_config.eos_token_id = sorted(ends)
        model.generation_config.pad_token_id = held.pad_token_id
    return model, held


def _of_folder(path: Path) -> PreTrainedModel:
    try:
        return AutoModelForCausalLM.from_pretrained(
            path, dtype=torch.float32, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError) as error:
        raise InvalidRequest(f"{path} cannot be read as a model ({error}).") from None


def _of_run(run: Path, checkpoint: Path | None = None) -> PreTrainedModel:
    model = Transformer(Config.from_json(json.loads((run / "config.json").read_text())))
    read_model(checkpoint or checkpoints(run)[-1], model)
    return _of_ours(model)


def _of_ours(ours: Transformer) -> PreTrainedModel:
    """The same weights under transformers' code."""
    told = ours.config.as_json()
    config = AutoConfig.for_model(told.pop("model_type"), **told)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.load_state_dict(ours.state_dict())
    return model


def _has_tokenizer(path: Path) -> bool:
    return (path / "tokenizer.json").is_file()


def _tokenizer(path: Path) -> PreTrainedTokenizerBase:
    if path.is_file():
        held = _gguf(path)
    elif _has_tokenizer(path):
        held = AutoTokenizer.from_pretrained(
            path, local_files_only=True, trust_remote_code=False, use_fast=True
        )
    else:
        raise NotFound(f"No tokenizer is in {path}. Give its folder with --tokenizer.")
    if not held.chat_template:
        held.chat_template = CHAT
    if END_TURN in held.get_vocab() and END_TURN in str(held.chat_template):
        held.eos_token = END_TURN  # an answer ends with its turn
    if held.eos_token is None:
        raise InvalidRequest(f"The tokenizer in {path} does not say which token ends an answer.")
    if held.pad_token is None:
        held.pad_token = END if END in held.get_vocab() else held.eos_token
    return held


def _gguf(path: Path) -> PreTrainedTokenizerFast:
    made, told = read_gguf(path)
    held = PreTrainedTokenizerFast(
        tokenizer_object=made,
        eos_token=told.get("eos_token"),
        pad_token=told.get("pad_token"),
        clean_up_tokenization_spaces=False,
    )
    held.chat_template = told["chat_template"]
    return held


def size_of(path: Path) -> float:
    """About how many parameters a model has, from the size of its files: enough for a learning rate.

    Raises:
        NotFound: nothing is there.
    """
    if (path / ADAPTER).is_file():
        return size_of(base_of(path))
    if path.is_file():
        return path.stat().st_size * (8 / 8.5)
    config = next(
        (one for one in (path / "config.json", path.parent / "config.json") if one.is_file()), None
    )
    if config is None:
        raise NotFound(f"No model is at {path}. Give a checkpoint's folder or a GGUF file.")
    told = json.loads(config.read_text())
    width, layers = told["hidden_size"], told["num_hidden_layers"]
    return layers * 12 * width * width + told["vocab_size"] * width
