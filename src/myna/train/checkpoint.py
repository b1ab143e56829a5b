"""Checkpoints of a run: sharded (each rank writes what it holds), whole or not there at all.

A checkpoint is a folder ``step-00000042``; its ``.metadata`` is written last, so one that a crash cut
short is passed over. It can be read by another number of ranks.
"""

from __future__ import annotations

import shutil
from concurrent.futures import Future
from pathlib import Path
from typing import Any, cast

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import async_save

KEPT = 3


def checkpoints(run: Path) -> list[Path]:
    """The whole ones, oldest first."""
    found = sorted(path for path in run.glob("step-*") if (path / ".metadata").is_file())
    return sorted(found, key=lambda path: int(path.name.removeprefix("step-")))


class Saver:
    """Saves and restores a model, its optimizers and the run's counters."""

    def __init__(
        self, run: Path, model: nn.Module, optimizers: list[torch.optim.Optimizer]
    ) -> None:
        self._run, self._model, self._optimizers = run, model, optimizers
        self._pending: Future[Any] | None = None
        # A group of its own: what it says beside training must not mix with what training says.
        self._group: Any = dist.new_group(backend="gloo") if dist.is_initialized() else None

    def save(self, step: int, counters: dict[str, Any]) -> None:
        """Returns once the state is copied; it is written beside training. ``wait`` makes it whole."""
        self.wait()
        target = self._run / f"step-{step:08d}"
        if self._agreed((target / ".metadata").is_file()):
            return
        model, optimizer = get_state_dict(self._model, self._optimizers)
        state = {"model": model, "optimizer": optimizer, "counters": counters}
        pending = async_save(
            state, checkpoint_id=target, process_group=self._group, no_dist=self._group is None
        )
        self._pending = cast("Future[Any]", pending)

    def wait(self) -> None:
        """Until what is being written is on the disk."""
        if self._pending is not None:
            self._pending.result()
            self._pending = None
            self._prune()

    def newest(self) -> Path | None:
        """The newest whole checkpoint, the same on all ranks."""
        found = checkpoints(self._run)
        return self._agreed(found[-1] if found else None)

    def restore(self, path: Path) -> dict[str, Any]:
        """Read a checkpoint into model and optimizers; returns the counters."""
        model, optimizer = get_state_dict(self._model, self._optimizers)
        state: dict[str, Any] = {"model": model, "optimizer": optimizer}
        names = ("step", "shift", "mean", "variance", "steps")
        counters: dict[str, Any] = dict.fromkeys(names, 0)
        load(
            state | {"counters": counters},
            checkpoint_id=path,
            process_group=self._group,
            no_dist=self._group is None,
        )
        set_state_dict(
            self._model,
            self._optimizers,
            model_state_dict=state["model"],
            optim_state_dict=state["optimizer"],
        )
        return counters

    def _agreed(self, value: Any) -> Any:
        """Rank 0's, on all of them: a shared disk does not show a file everywhere at once."""
        if self._group is None:
            return value
        told = [value]
        dist.broadcast_object_list(told, src=0, group=self._group)
        return told[0]

    def _prune(self) -> None:
        if self._group is None or dist.get_rank() == 0:
            for old in checkpoints(self._run)[:-KEPT]:
                shutil.rmtree(old, ignore_errors=True)


def read_model(path: Path, model: nn.Module) -> None:
    """Read a checkpoint's weights alone, on one process."""
    state = {"model": model.state_dict()}
    load(state, checkpoint_id=path, no_dist=True)
    model.load_state_dict(state["model"])
