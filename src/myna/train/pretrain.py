"""Pretraining: one loop, the same on a laptop's core and on a cluster under ``torchrun``.

What a step reads is a function of its number (``shards``), what it starts from is a checkpoint: so a
run that was killed goes on bit by bit on one device. Gradients are summed over all tokens of the
step, however these lie on ranks and micro-batches.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.distributed as dist
from torch.distributed.tensor import DTensor

from myna.errors import Conflict, InvalidRequest, ModelError
from myna.train.checkpoint import Saver, checkpoints
from myna.train.feed import Feed, matrix_rate
from myna.train.guard import LossGuard, Watchdog, stragglers
from myna.train.heldout import HeldOut, Measured
from myna.train.model import Config, Transformer, assign
from myna.train.muon import optimizers
from myna.train.parallel import Place, check_split, join, make_mesh, make_model, split_of
from myna.train.shards import Reader, add_span, read_index, replace_file, span_of
from myna.train.spans import SEEN
from myna.train.tokenizer import copy_tokenizer
from myna.train.tracking import PROGRESS

CLIP = 1.0
ROLL_BACKS = 3
"""Without a checkpoint gained between them; then a person has to look."""
WARM_UP, COOL_DOWN = 0.01, 0.4


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
    tensor: int = 1
    """Ranks that share each matrix."""
    recompute: bool = False
    probe_every: int = 20
    """Steps between looks for slow ranks."""


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
    place = join()
    try:
        _begin(run, plan, place.rank)
        trainer = _Trainer(run, plan, dials, told, first=first, place=place)
        try:
            with Watchdog(dials.hang_s) as watchdog:
                trainer.train(watchdog)
        finally:
            trainer.feed.close()
    finally:
        if place.owns_group:
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
        split = split_of(self.world, dials.shard_group, dials.tensor)
        check_split(plan.config, split, plan.sequence)
        self.readers = split.readers
        self.reader = Reader(
            Path(plan.corpus),
            sequence=plan.sequence,
            rows=plan.rows,
            seed=plan.seed,
            rank=self.rank // split.tensor,
            world=self.readers,
        )
        if self.reader.index.vocabulary > plan.config.vocab_size:
            raise InvalidRequest(
                "The corpus has more tokens than the model: give its own tokenizer."
            )
        self.feed = Feed(self.reader, self.device)
        self.half = torch.bfloat16 if self.device.type == "cuda" else None
        mesh = make_mesh(split, self.device.type) if self.world > 1 else None
        self.model = make_model(plan.config, mesh, self.device, self.half)
        self.model.recompute = dials.recompute
        self._set_weights(first)
        if dials.compile:
            for layer in self.model.model.layers:
                layer.compile()
        self.optimizers = optimizers(self.model, plan.matrix_rate, plan.other_rate)
        self.saver = Saver(run, self.model, self.optimizers)
        trained = plan.rows * dials.save_every
        self.held_out = HeldOut(run, self.reader, dials.micro_rows, trained)
        self.guard, self.step, self.shift, self.noted = LossGuard(), 0, 0, 0
        self.peak = matrix_rate(self.device) * self.world

    def _set_weights(self, first: Transformer | None) -> None:
        """What a checkpoint would set anyway, until there is one."""
        if checkpoints(self.run):
            return
        if first is None:
            self.model.start(self.plan.seed)
            return
        held = dict(self.model.named_parameters())
        for name, weight in first.named_parameters():
            assign(held[name], weight)

    def train(self, watchdog: Watchdog) -> None:
        plan, end = self.plan, self.dials.stop_at or self.plan.steps
        if found := self.saver.newest():
            self._restore(found)
        else:
            self._save()
        self._measure()
        failures = 0
        while self.step < min(end, plan.steps):
            began = time.perf_counter()
            loss, gradient, waited = self._gradients()
            refused, saved = self.guard.refuses(loss, gradient), False
            if refused:
                failures += 1
                if failures > ROLL_BACKS:
                    self.saver.wait()
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
            self._tell(loss, gradient, taken, waited, refused=refused, measured=measured)
        self.saver.wait()

    def _gradients(self) -> tuple[float, float, float]:
        """Of the step: mean loss, gradient's norm after which it is clipped, seconds waited for posts."""
        arrays, count, waited = self.feed.read(self.step + self.shift)
        total = float(self._sum(torch.tensor([count], dtype=torch.float64))) / self.dials.tensor
        if not total:
            raise InvalidRequest(
                "A step of the corpus has nothing to learn: its documents are empty."
            )
        losses = torch.zeros(1, dtype=torch.float64, device=self.device)
        starts = range(0, len(arrays[0]), self.dials.micro_rows)
        for start in starts:
            if self.world > 1:  # copies of the model sum their gradients once a step
                self.model.set_requires_all_reduce(start == starts[-1])  # pyright: ignore[reportCallIssue]
            part = self.feed.part(arrays, start, start + self.dials.micro_rows)
            with torch.autocast(self.device.type, self.half, enabled=self.half is not None):
                loss = self.model(*part)
            (loss * (self.readers / total)).backward()  # FSDP takes the mean over readers
            losses += loss.detach().double()
        mean = float(self._sum(losses)) / total
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        norm = norm.full_tensor() if isinstance(norm, DTensor) else norm
        return mean, float(norm), waited

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
        if not self.held_out.measures:
            return None
        self.saver.wait()
        readers = torch.tensor([1.0, self.dials.tensor, self.dials.tensor], dtype=torch.float64)
        with torch.autocast(self.device.type, self.half, enabled=self.half is not None):
            return self.held_out.measure(
                self.step, self.model, self.device, lambda sums: self._sum(sums).cpu() / readers
            )

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
        newest = self.saver.newest()
        assert newest is not None  # one is made before the first step
        self._restore(newest)
        self.shift = behind - self.step

    def _tell(
        self,
        loss: float,
        gradient: float,
        taken: float,
        waited: float,
        *,
        refused: bool,
        measured: Measured | None,
    ) -> None:
        plan = self.plan
        slow = self._slow(taken, waited) if self.step % self.dials.probe_every == 0 else []
        speed = plan.rows * plan.sequence / taken
        progress = Progress(
            self.step,
            loss,
            gradient,
            rate_at(self.step, plan.steps),
            speed,
            speed * plan.config.flops(plan.sequence) / self.peak,
            (plan.steps - self.step) * taken,
            tuple(slow),
            refused,
            measured,
        )
        if self.rank == 0:
            with (self.run / PROGRESS).open("a") as file:
                file.write(json.dumps(asdict(progress)) + "\n")
            self.told(progress)

    def _slow(self, taken: float, waited: float) -> list[int]:
        """Ranks that hold up the others. In a step all wait for all: so each tells how long it waited
        for posts, and how long its work takes at the rate that its device has now by itself."""
        if self.world == 1:
            return []
        plan, gathered = self.plan, [0.0] * self.world
        flops = plan.config.flops(plan.sequence) * plan.rows * plan.sequence / self.world
        dist.all_gather_object(gathered, waited + flops / matrix_rate(self.device, 512))
        return stragglers(gathered, 0.05 * taken)

    def _sum(self, value: torch.Tensor) -> torch.Tensor:
        if self.world > 1:
            value = value.to(self.device)
            dist.all_reduce(value)
        return value


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
