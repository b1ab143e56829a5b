"""A LoRA adapter as PEFT saves it: added into its base's matrices, or kept apart for llama.cpp."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from myna.errors import InvalidRequest, NotFound

ADAPTER = "adapter_config.json"
_NAME = re.compile(r"^(?:base_model\.model\.)?(.+)\.lora_(A|B)(?:\.default)?\.weight$")


@dataclass(frozen=True, slots=True)
class Adapter:
    """What is added to a base's matrices: ``scale`` x ``B`` x ``A`` for each of ``pairs``."""

    path: Path
    base: str
    """Name or folder of the base, as the training was told it."""
    rank: int
    scale: float
    pairs: Mapping[str, tuple[Tensor, Tensor]]
    """transformers' name of a matrix → A (rank, in), B (out, rank)."""

    def added(self, name: str, tensor: Tensor) -> Tensor:
        """A base's tensor with the adapter in it, in 32 bits; others as they are."""
        if name not in self.pairs:
            return tensor
        a, b = self.pairs[name]
        return tensor.float() + self.scale * (b.float() @ a.float())

    def check(self, shapes: Mapping[str, Sequence[int]], base: Path) -> None:
        """Raises InvalidRequest where it does not fit a model of these shapes."""
        for name, (a, b) in self.pairs.items():
            shape = tuple(shapes.get(name, ()))
            if shape != (b.shape[0], a.shape[1]) or a.shape[0] != b.shape[1]:
                raise InvalidRequest(
                    f"The adapter {self.path} does not fit {base}: {name} is not there or has "
                    "another shape. Give the base that it was trained on."
                )


def read_adapter(path: Path) -> Adapter:
    """The adapter in a folder (``adapter_config.json``, ``adapter_model.safetensors``).

    Raises:
        NotFound: none is there.
        InvalidRequest: it is of a kind that is not merely added (DoRA, saved modules, …).
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        told = json.loads((path / ADAPTER).read_text())
        tensors = load_file(path / "adapter_model.safetensors")
    except FileNotFoundError as error:
        raise NotFound(f"{path} is no adapter: it has no {Path(error.filename).name}.") from None
    except (ValueError, SafetensorError) as error:
        raise InvalidRequest(f"{path} cannot be read as an adapter ({error}).") from None
    if told.get("peft_type") != "LORA" or told.get("use_dora") or told.get("rank_pattern"):
        raise InvalidRequest(f"{path}: only plain LoRA adapters of one rank can be exported.")
    rank = int(told["r"])
    parts: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if (found := _NAME.match(name)) is None:
            raise InvalidRequest(
                f"{path}: {name} is no part of a LoRA. Train it without modules to save."
            )
        parts.setdefault(f"{found[1]}.weight", {})[found[2]] = tensor
    return Adapter(
        path,
        str(told.get("base_model_name_or_path") or ""),
        rank,
        float(told["lora_alpha"]) / (rank**0.5 if told.get("use_rslora") else rank),
        {name: (pair["A"], pair["B"]) for name, pair in sorted(parts.items())},
    )


def base_of(path: Path) -> Path:
    """What the adapter in a folder belongs to, as the training was told it.

    Raises:
        InvalidRequest: it does not say.
    """
    told = json.loads((path / ADAPTER).read_text()).get("base_model_name_or_path")
    if not told:
        raise InvalidRequest(
            f"{path} does not say which model it belongs to: write the model's path into "
            f"base_model_name_or_path of its {ADAPTER}."
        )
    return Path(told)
