"""Pretraining: one loop, the same on a laptop's core and on a cluster under ``torchrun``.

What a step reads is a function of its number (``shards``), what it starts from is a checkpoint: so a
run that was killed goes on bit by bit on one device. Gradients are summed over all tokens of the
step, however these lie on ranks and micro-batches.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed import HashStore  # pyright: ignore[reportPrivateImportUsage]
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor

from myna.errors import Conflict, InvalidRequest, ModelError
from myna.train.checkpoint import Saver, checkpoints
from myna.train.guard import LossGuard, Watchdog, stragglers
from myna.train.heldout import HeldOut, Measured
from myna.train.model import Config, Transformer
from myna.train.muon import optimizers
from myna.train.shards import IGNORED, Reader, add_span, read_index, replace_file, span_of
from myna.train.tokenizer import copy_tokenizer

CLIP = 1.0
ROLL_BACKS = 3
"""Without a checkpoint gained between them; then a person has to look."""
WARM_UP, COOL_DOWN = 0.01, 0.4
SEEN = "seen.jsonl"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does; ``run.json`` in its folder. A resumed run must have the same."""

    corpus: str
    config: Config
    sequence: int
    rows: int
    """Of a whole step."""
    steps: int
    matrix_rate: float
    other_rate: float
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Dials:
    """What may differ when a run is resumed: it changes no figure but by rounding."""

    micro_rows: int = 8
    save_every: int = 200
    compile: bool = False
    hang_s: float = 1800.0
    stop_at: int = 0
    """Stop behind this step, as if interrupted; 0: at the end."""
    shard_group: int = 0
    """Ranks that divide a copy of the state (HSDP); 0: all of them (FSDP)."""


@dataclass(frozen=True, slots=True)
class Place:
    """This process among all of the run."""

    rank: int
    world: int
    device: torch.device


@dataclass(frozen=True, slots=True)
class Progress:
    """After a step."""

    step: int
    loss: float
    """Nats a token."""
    gradient: float
    rate: float
    tokens_per_s: float
    mfu: float
    """Of the device's measured rate of matrix products."""
    eta_s: float
    slow_ranks: tuple[int, ...] = ()
    rolled_back: bool = False
    held_out: Measured | None = None
    """After a checkpoint, where the corpus has held-out documents."""


def pretrain(
    run: Path, plan: Plan, dials: Dials, told: Callable[[Progress], None], first: Transformer | None
) -> None:
    """Train, from the newest checkpoint in ``run`` if there is one; else from ``first``'s weights,
    else from random ones.

    Raises:
        Conflict: the folder has a run of another plan.
        InvalidRequest: the corpus does not fit the model or the ranks.
        ModelError: the loss diverges again and again.
    """
    place = _join()
    try:
        _begin(run, plan, place.rank)
        trainer = _Trainer(run, plan, dials, told, first=first, place=place)
        with Watchdog(dials.hang_s) as watchdog:
            trainer.train(watchdog)
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def rate_at(step: int, steps: int) -> float:
    """Share of the full learning rate: warm-up, constant, linear to zero."""
    warm, cool = max(1.0, WARM_UP * steps), max(1.0, COOL_DOWN * steps)
    return min(1.0, (step + 1) / warm, (steps - step) / cool)


class _Trainer:
    def __init__(
        self,
        run: Path,
        plan: Plan,
        dials: Dials,
        told: Callable[[Progress], None],
        *,
        first: Transformer | None,
        place: Place,
    ) -> None:
        self.run, self.plan, self.dials, self.told = run, plan, dials, told
        self.rank, self.world, self.device = place.rank, place.world, place.device
        self.reader = Reader(
            Path(plan.corpus),
            sequence=plan.sequence,
            rows=plan.rows,
            seed=plan.seed,
            rank=self.rank,
            world=self.world,
        )
        if self.reader.index.vocabulary > plan.config.vocab_size:
            raise InvalidRequest(
                "The corpus has more tokens than the model: give its own tokenizer."
            )
        model = first or Transformer(plan.config)
        if first is None and not checkpoints(run):
            model.start(plan.seed)
        self.model = divide(model.to(self.device), self.world, self.device, dials)
        self.optimizers = optimizers(self.model, plan.matrix_rate, plan.other_rate)
        self.saver = Saver(run, self.model, self.optimizers)
        trained = plan.rows * dials.save_every
        self.held_out = HeldOut(run, self.reader, dials.micro_rows, trained)
        self.guard, self.step, self.shift, self.noted = LossGuard(), 0, 0, 0
        self.peak = matrix_rate(self.device) * self.world

    def train(self, watchdog: Watchdog) -> None:
        plan, end = self.plan, self.dials.stop_at or self.plan.steps
        if found := checkpoints(self.run):
            self._restore(found[-1])
        else:
            self._save()
        self._measure()
        failures = 0
        while self.step < min(end, plan.steps):
            began = time.perf_counter()
            loss, gradient, own = self._gradients()
            refused, saved = self.guard.refuses(loss, gradient), False
            if refused:
                failures += 1
                if failures > ROLL_BACKS:
                    raise ModelError(
                        f"The loss broke {failures} times behind one checkpoint (step {self.step}). "
                        "Look at the corpus there, or lower the learning rate."
                    )
                self._roll_back()
            else:
                self._apply()
                self.step += 1
                if self.step % self.dials.save_every == 0 or self.step in {end, plan.steps}:
                    self._save()
                    failures, saved = 0, True
            taken = time.perf_counter() - began
            watchdog.beat()
            measured = self._measure() if saved else None
            watchdog.beat()
            self._tell(loss, gradient, taken, own, refused=refused, measured=measured)
        self.saver.wait()

    def _gradients(self) -> tuple[float, float, float]:
        """Of the step: mean loss, gradient's norm after which it is clipped, seconds of own work."""
        began = time.perf_counter()
        batch = self.reader.batch(self.step + self.shift)
        counts = torch.tensor([float((batch.targets != IGNORED).sum())], dtype=torch.float64)
        total = float(self._sum(counts))
        if not total:
            raise InvalidRequest(
                "A step of the corpus has nothing to learn: its documents are empty."
            )
        arrays = [torch.from_numpy(array) for array in
                  (batch.tokens, batch.targets, batch.documents, batch.positions)]  # fmt: skip
        losses = torch.zeros(1, dtype=torch.float64)
        starts = range(0, len(batch.tokens), self.dials.micro_rows)
        for start in starts:
            if self.world > 1 or self.device.type == "cuda":
                self.model.set_requires_gradient_sync(start == starts[-1])  # pyright: ignore[reportCallIssue]
            part = [
                array[start : start + self.dials.micro_rows].to(self.device) for array in arrays
            ]
            loss = self.model(*part)
            (loss * (self.world / total)).backward()  # FSDP takes the mean over ranks
            losses += loss.detach().double().cpu()
        own = time.perf_counter() - began
        mean = float(self._sum(losses)) / total
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        norm = norm.full_tensor() if isinstance(norm, DTensor) else norm
        return mean, float(norm), own

    def _apply(self) -> None:
        share = rate_at(self.step, self.plan.steps)
        rates = (self.plan.matrix_rate, self.plan.other_rate)
        for optimizer, rate in zip(self.optimizers, rates, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = rate * share
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    def _save(self) -> None:
        """The record of what was read first: no checkpoint may know more than it says."""
        if self.rank == 0 and self.step + self.shift > self.noted:
            add_span(self.run / SEEN, span_of(self.reader, self.noted, self.step + self.shift))
        self.noted = self.step + self.shift
        counters = {"step": self.step, "shift": self.shift} | asdict(self.guard)
        self.saver.save(self.step, counters)

    def _measure(self) -> Measured | None:
        """Behind a checkpoint: what ends the process here costs no step."""
        return self.held_out.measure(self.step, self.model, self.device, self._sum)

    def _restore(self, path: Path) -> None:
        counters = self.saver.restore(path)
        self.step, self.shift = int(counters.pop("step")), int(counters.pop("shift"))
        self.guard = LossGuard(**counters)
        self.noted = self.step + self.shift

    def _roll_back(self) -> None:
        """To the newest checkpoint, and past the posts that were read since it."""
        self.saver.wait()
        behind = self.step + self.shift + 1
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        self._restore(checkpoints(self.run)[-1])
        self.shift = behind - self.step

    def _tell(
        self,
        loss: float,
        gradient: float,
        taken: float,
        own: float,
        *,
        refused: bool,
        measured: Measured | None,
    ) -> None:
        plan = self.plan
        times = [own]
        if self.world > 1:
            gathered: list[Any] = [None] * self.world
            dist.all_gather_object(gathered, own)
            times = gathered
        speed = plan.rows * plan.sequence / taken
        progress = Progress(
            self.step,
            loss,
            gradient,
            rate_at(self.step, plan.steps),
            speed,
            speed * plan.config.flops(plan.sequence) / self.peak,
            (plan.steps - self.step) * taken,
            tuple(stragglers(times)),
            refused,
            measured,
        )
        if self.rank == 0:
            with (self.run / "progress.jsonl").open("a") as file:
                file.write(json.dumps(asdict(progress)) + "\n")
            self.told(progress)

    def _sum(self, value: torch.Tensor) -> torch.Tensor:
        if self.world > 1:
            value = value.to(self.device)
            dist.all_reduce(value)
        return value


def divide(model: Transformer, world: int, device: torch.device, dials: Dials) -> Transformer:
    """Compile and shard the layers: FSDP2 over all ranks, or HSDP over groups of them."""
    if dials.compile:
        for layer in model.model.layers:
            layer.compile()
    if world == 1 and device.type == "cpu":
        return model
    group = dials.shard_group or world
    if world % group:
        raise InvalidRequest(
            f"--shard-group: {world} ranks cannot be divided into groups of {group}."
        )
    shape, names = (
        ((world // group, group), ("copies", "shard")) if group < world else ((world,), None)
    )
    mesh = dist.device_mesh.init_device_mesh(device.type, shape, mesh_dim_names=names)
    on_gpu = device.type == "cuda"
    policy = MixedPrecisionPolicy(
        param_dtype=torch.bfloat16 if on_gpu else None, reduce_dtype=torch.float32
    )
    for layer in model.model.layers:
        fully_shard(layer, mesh=mesh, mp_policy=policy)
    fully_shard(model, mesh=mesh, mp_policy=policy)
    return model


def matrix_rate(device: torch.device, size: int = 1024) -> float:
    """Operations a second that the device reaches in a plain product (bf16 on a GPU)."""
    kind = torch.bfloat16 if device.type == "cuda" else torch.float32
    size = 8 * size if device.type == "cuda" else size
    one = torch.randn(size, size, device=device, dtype=kind)
    best = float("inf")
    for _ in range(4):
        began = time.perf_counter()
        torch.mm(one, one)
        if device.type == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - began)
    return 2 * size**3 / best


def _begin(run: Path, plan: Plan, rank: int) -> None:
    """Write the plan, or hold a resumed run to it."""
    wanted = json.loads(json.dumps(asdict(plan) | {"fingerprint": _fingerprint(plan)}))
    path = run / "run.json"
    if rank == 0 and not path.exists():
        run.mkdir(parents=True, exist_ok=True)
        replace_file(run / "config.json", json.dumps(plan.config.as_json(), indent=1).encode())
        if (Path(plan.corpus) / "tokenizer.json").is_file():
            copy_tokenizer(Path(plan.corpus), run)
        replace_file(path, json.dumps(wanted, indent=1).encode())
    if dist.is_initialized():
        dist.barrier()
    if json.loads(path.read_text()) != wanted:
        raise Conflict(f"{run} has a run with other settings or another corpus. Give a new folder.")


def _fingerprint(plan: Plan) -> str:
    return read_index(Path(plan.corpus)).fingerprint


def _join() -> Place:
    """As torchrun's variables say."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    if world > 1:
        dist.init_process_group("cuda:nccl,cpu:gloo" if on_gpu else "gloo")
    elif on_gpu:
        dist.init_process_group("cuda:nccl,cpu:gloo", store=HashStore(), rank=0, world_size=1)
    device = torch.device("cuda", torch.cuda.current_device()) if on_gpu else torch.device("cpu")
    return Place(int(os.environ.get("RANK", "0")), world, device)
