"""How a model lies on ranks: copies of it, shards of a copy (HSDP), and tensor parallelism inside a
server, applied from outside to the plain model.

Rank = (copy · shards + shard) · tensor + part: the ranks that share each matrix are neighbours, and so
in one server; they read the same rows. Between layers each of them holds its part of the sequence
(Korthikanti et al. 2022), within a layer its part of the heads and of the feed-forward.
"""

from __future__ import annotations

import logging
import os
import warnings
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import Replicate, Shard
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    PrepareModuleInput,
    RowwiseParallel,
    SequenceParallel,
    parallelize_module,
)

from myna.errors import InvalidRequest
from myna.train.model import Config, Transformer


@dataclass(frozen=True, slots=True)
class Split:
    """``copies * shard * tensor`` ranks."""

    copies: int = 1
    shard: int = 1
    tensor: int = 1

    @property
    def world(self) -> int:
        return self.copies * self.shard * self.tensor

    @property
    def readers(self) -> int:
        """Groups of ranks that read different rows."""
        return self.copies * self.shard


@dataclass(frozen=True, slots=True)
class Mesh:
    """A split's process groups, of which this rank is a member."""

    readers: DeviceMesh
    """Copies (if there are several) and shards."""
    tensor: DeviceMesh | None


@dataclass(frozen=True, slots=True)
class Place:
    """This process among all of the run."""

    rank: int
    world: int
    device: torch.device
    owns_group: bool
    """Whether ``join`` made the process group (Ray makes it itself)."""


def split_of(world: int, shard_group: int, tensor: int) -> Split:
    """``shard_group`` ranks divide a copy (0: all there are), ``tensor`` share each matrix.

    Raises:
        InvalidRequest: the ranks cannot be divided so.
    """
    if world % tensor:
        raise InvalidRequest(f"--tensor: {world} ranks cannot be divided into groups of {tensor}.")
    readers = world // tensor
    shard = shard_group or readers
    if readers % shard:
        raise InvalidRequest(
            f"--shard-group: {readers} ranks cannot be divided into groups of {shard}."
        )
    return Split(readers // shard, shard, tensor)


def check_split(config: Config, split: Split, sequence: int) -> None:
    """Refuse what tensor parallelism cannot divide.

    Raises:
        InvalidRequest: heads, feed-forward, vocabulary or rows are no multiple of ``tensor``.
    """
    if split.tensor == 1:
        return
    divided = {
        "heads": config.num_attention_heads,
        "key-value heads": config.num_key_value_heads,
        "width of the feed-forward": config.intermediate_size,
        "vocabulary": config.vocab_size,
        "tokens of a row": sequence,
    }
    for name, count in divided.items():
        if count % split.tensor:
            raise InvalidRequest(f"--tensor {split.tensor}: {count} {name} cannot be divided so.")


def make_mesh(split: Split, device: str) -> Mesh:
    """The process groups of a split."""
    shape = (split.copies, split.shard, split.tensor)
    mesh = init_device_mesh(device, shape, mesh_dim_names=("copies", "shard", "tensor"))
    over = mesh["copies", "shard"] if split.copies > 1 else mesh["shard"]
    return Mesh(over, mesh["tensor"] if split.tensor > 1 else None)


def divide(model: Transformer, mesh: Mesh, dtype: torch.dtype | None) -> None:
    """Divide a model in place; ``dtype`` is that of the gathered weights (None: their own).

    A rank's gradients are summed in 32 bits and averaged over all ranks that read other rows.
    """
    logging.getLogger("torch.distributed.tensor._redistribute").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message="FSDP2-wrapped module", category=UserWarning)
    if mesh.tensor is not None:
        _share_matrices(model, mesh.tensor)
    over = mesh.readers
    policy = MixedPrecisionPolicy(param_dtype=dtype, reduce_dtype=torch.float32)
    for layer in model.model.layers:
        fully_shard(layer, mesh=over, mp_policy=policy)
    if not model.config.tie_word_embeddings:
        fully_shard(model.model.embed_tokens, mesh=over, mp_policy=policy)
    fully_shard(model, mesh=over, mp_policy=policy)


def make_model(
    config: Config, mesh: Mesh | None, device: torch.device, dtype: torch.dtype | None
) -> Transformer:
    """A divided model (``mesh`` None: a whole one), its weights not set; no rank ever holds it all."""
    with torch.device("meta" if mesh else device):
        model = Transformer(config)
    if mesh:
        divide(model, mesh, dtype)
        model.to_empty(device=device)
    return model


def _share_matrices(model: Transformer, mesh: DeviceMesh) -> None:
    whole, part = Replicate(), Shard(1)
    heads = {"self_attn.q_norm", "self_attn.k_norm"} if model.config.qk_norm else set()
    for layer in model.model.layers:
        parallelize_module(
            layer,
            mesh,
            {
                "input_layernorm": SequenceParallel(),
                "post_attention_layernorm": SequenceParallel(),
                "self_attn": PrepareModuleInput(
                    input_layouts=(part, None, None, None),
                    desired_input_layouts=(whole, None, None, None),
                ),
                "mlp": PrepareModuleInput(input_layouts=(part,), desired_input_layouts=(whole,)),
                **{f"self_attn.{name}_proj": ColwiseParallel() for name in "qkv"},
                **{name: SequenceParallel(sequence_dim=2, use_local_output=True) for name in heads},
                "self_attn.o_proj": RowwiseParallel(output_layouts=part),
                "mlp.gate_proj": ColwiseParallel(),
                "mlp.up_proj": ColwiseParallel(),
                "mlp.down_proj": RowwiseParallel(output_layouts=part),
            },
        )
    parallelize_module(
        model,
        mesh,
        {
            "model.embed_tokens": RowwiseParallel(input_layouts=whole, output_layouts=part),
            "model.norm": SequenceParallel(use_local_output=True),
            "lm_head": ColwiseParallel(),
        },
    )
    if model.config.tie_word_embeddings:
        model.lm_head.weight = model.model.embed_tokens.weight


def join() -> Place:
    """The process group that torchrun's variables say; one that is there already is taken."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    owns = world > 1 and not dist.is_initialized()
    if owns:
        dist.init_process_group("cuda:nccl,cpu:gloo" if on_gpu else "gloo")
    device = torch.device("cuda", torch.cuda.current_device()) if on_gpu else torch.device("cpu")
    return Place(int(os.environ.get("RANK", "0")), world, device, owns)
