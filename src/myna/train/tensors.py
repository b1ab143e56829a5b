"""A finished model as its tensors, read one at a time: of a run's checkpoint, of a Hugging Face
folder or of a GGUF, with an adapter added in where one is given. No more than the largest tensor
is held beside what a run's checkpoint needs, so that a model larger than the memory can be exported.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from myna.errors import InvalidRequest, NotFound
from myna.train.checkpoint import checkpoints, read_model
from myna.train.lora import Adapter
from myna.train.model import Config, Transformer
from myna.train.weights import load_model


@dataclass(frozen=True, slots=True)
class Tensors:
    """The tensors of one model under transformers' names."""

    config: Config
    names: tuple[str, ...]
    """In the model's order; without the output matrix where it is the embeddings'."""
    read: Callable[[str], Tensor]
    """One tensor in 32 bits or in 16, as it is stored."""

    def __iter__(self) -> Iterator[tuple[str, Tensor]]:
        """All of them in 16 bits: what has 32 becomes bfloat16, which is what serves. Every file of an
        export is made of these same numbers."""
        for name in self.names:
            tensor = self.read(name)
            yield name, tensor.bfloat16() if tensor.dtype == torch.float32 else tensor


def open_tensors(path: Path, adapter: Adapter | None = None) -> Tensors:
    """The model at ``path``: a run (its newest checkpoint), a checkpoint, a folder, a GGUF.

    Raises:
        NotFound: nothing is there.
        InvalidRequest: it is no Qwen3 or Llama, it is not whole, or the adapter does not fit.
    """
    config, read = _opened(path)
    with torch.device("meta"):
        wanted: Mapping[str, Tensor] = Transformer(config).state_dict()
    tied = {"lm_head.weight"} if config.tie_word_embeddings else set[str]()
    shapes = {name: one.shape for name, one in wanted.items() if name not in tied}

    def checked(name: str) -> Tensor:
        tensor = read(name)
        if tensor.shape != shapes[name]:
            raise InvalidRequest(f"{path}: {name} has not the shape that config.json says.")
        if not bool(torch.isfinite(tensor).all()):
            raise InvalidRequest(f"{path}: {name} has values that are no numbers.")
        return tensor

    if adapter is not None:
        adapter.check(shapes, path)
    return Tensors(
        config,
        tuple(shapes),
        checked if adapter is None else lambda name: adapter.added(name, checked(name)),
    )


def checkpoint_of(path: Path) -> Path | None:
    """The whole checkpoint that ``path`` means, itself or the newest of a run; None: it is no run."""
    if (path / ".metadata").is_file():
        return path
    found = checkpoints(path) if (path / "run.json").is_file() else []
    if not found and (path / "run.json").is_file() and not list(path.glob("*.safetensors")):
        raise NotFound(f"The run in {path} has no whole checkpoint yet.")
    return found[-1] if found else None


def _opened(path: Path) -> tuple[Config, Callable[[str], Tensor]]:
    if not path.exists():
        raise NotFound(f"No model is at {path}. Give a run, a checkpoint's folder or a GGUF file.")
    if path.is_file():
        model = load_model(path)
        return model.config, model.state_dict().__getitem__
    if checkpoint := checkpoint_of(path):
        config = _config(checkpoint.parent)
        model = Transformer(config)
        read_model(checkpoint, model)
        return config, model.state_dict().__getitem__
    return _config(path), _from_files(path)


def _config(folder: Path) -> Config:
    try:
        return Config.from_json(json.loads((folder / "config.json").read_text()))
    except FileNotFoundError:
        raise NotFound(
            f"{folder} has no config.json: it is no run and no Hugging Face model."
        ) from None
    except (KeyError, ValueError) as error:
        raise InvalidRequest(f"{folder / 'config.json'} cannot be read ({error}).") from None


def _from_files(folder: Path) -> Callable[[str], Tensor]:
    from safetensors import SafetensorError, safe_open

    places: dict[str, Path] = {}
    try:
        for file in sorted(folder.glob("*.safetensors")):
            with safe_open(file, "pt") as held:
                places |= dict.fromkeys(held.keys(), file)
    except SafetensorError as error:
        raise InvalidRequest(f"{folder} cannot be read as a checkpoint ({error}).") from None

    def read(name: str) -> Tensor:
        if name not in places:
            raise InvalidRequest(f"{folder} is not whole: {name} is missing.")
        with safe_open(places[name], "pt") as held:
            return held.get_tensor(name)

    return read
