"""Post-training runs: what SFT, DPO and GRPO have in common.

TRL trains; here stands what it does not have. The order of the examples is ours (``examples``), so that a
run knows what each of its steps read. A checkpoint counts once a marker, written last, is in it.
Nothing is reported to anybody.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel
from torch.utils.data import SequentialSampler
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments
from transformers.utils import logging

from myna.errors import Conflict, InvalidRequest, ModelError
from myna.train.base import Model, load_base
from myna.train.examples import Example, Examples
from myna.train.feed import matrix_rate
from myna.train.guard import Watchdog
from myna.train.shards import add_span, replace_file
from myna.train.spans import SEEN
from myna.train.tracking import Tracking

WHOLE = "whole"
"""Marker of a checkpoint that was written to its end."""
KEPT = 2
WARM_UP = 0.05
LORA_TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
_REFERENCE = 7e9
_FULL_RATE = 2e-5
_LORA_TIMES = 10.0
PREFERENCE_SHARE = 0.05
"""Of the rate of SFT, for DPO and GRPO: they start from what must not be lost."""
_LARGE = 1e9
"""Parameters from which activations are made again instead of kept."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does; ``run.json`` in its folder. A resumed run must have the same."""

    method: str
    examples: str
    start: str
    """What it started from."""
    steps: int
    rows: int
    """Examples of a step."""
    rate: float
    rank: int
    """Of the adapter; 0: all weights are trained."""
    seed: int = 0
    samples: int = 1
    """Answers that are tried for an example: GRPO's group."""


@dataclass(frozen=True, slots=True)
class Dials:
    """What may differ when a run is resumed: it changes no figure but by rounding."""

    micro_rows: int = 8
    save_every: int = 50
    stop_at: int = 0
    """Stop behind this step, as if interrupted; 0: at the end."""
    hang_s: float = 1800.0


@dataclass(frozen=True, slots=True)
class Progress:
    """After a step."""

    step: int
    loss: float
    rate: float
    tokens_per_s: float
    """Read, without padding."""
    mfu: float
    """Of the device's measured rate of matrix products; what GRPO takes to write is not counted."""
    eta_s: float
    more: Mapping[str, float] = field(default_factory=dict)
    """The method's own: reward, margin, entropy."""


Told = Callable[[Progress], None]
_NO_FIGURE = {"step", "more"}


def batch_for(size: int) -> int:
    """Examples of a step for a run of ``size``: half the square root, a power of two from 4 to 64."""
    return min(64, max(4, 2 ** round(math.log2(max(1.0, math.sqrt(size) / 2)))))


def rate_for(parameters: float, *, lora: bool, preference: bool) -> float:
    """The highest learning rate: 2e-5 for all weights of 7 billion, growing with the cube root as models
    get smaller; ten times that for an adapter (Schulman et al. 2025); a twentieth for DPO and GRPO."""
    full = _FULL_RATE * (_REFERENCE / max(parameters, 1e6)) ** (1 / 3)
    return full * (_LORA_TIMES if lora else 1.0) * (PREFERENCE_SHARE if preference else 1.0)


class Ordered(Trainer):
    """Mixed into TRL's trainers: examples in the order given, and no word to anybody."""

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        rows: Any = self.train_dataset if train_dataset is None else train_dataset
        return SequentialSampler(rows)

    def _send_telemetry(self) -> None:
        """TRL would tell its makers what is trained."""

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """``myna export`` writes one that says what is in the model."""


class Run:
    """A run's folder, its examples and its model."""

    def __init__(self, folder: Path, plan: Plan, dials: Dials, tokenizer: Path | None) -> None:
        self.folder, self.plan, self.dials = folder, plan, dials
        self.examples = Examples(Path(plan.examples), rows=plan.rows, seed=plan.seed)
        self.world = int(os.environ.get("WORLD_SIZE", "1"))
        self._tokenizer = tokenizer
        self._begin()
        logging.disable_progress_bar()
        self.model, self.tokenizer = load_base(Path(plan.start), tokenizer, merge=not plan.rank)

    @property
    def adapter(self) -> LoraConfig | None:
        """The new adapter; none where all weights are trained, or an adapter goes on."""
        if not self.plan.rank or isinstance(self.model, PeftModel):
            return None
        return LoraConfig(
            r=self.plan.rank,
            lora_alpha=2 * self.plan.rank,
            target_modules=LORA_TARGETS,
            task_type="CAUSAL_LM",
            base_model_name_or_path=self.plan.start,
        )

    def reference(self) -> Any:
        """What preferences are compared with where all weights are trained; an adapter is switched off
        for that, or compared with itself as it was."""
        if self.plan.rank:
            return None
        return load_base(Path(self.plan.start), self._tokenizer, merge=True)[0]

    def rows(self, row_of: Callable[[int, Example], dict[str, Any]]) -> Any:
        """A data set of all that the run reads, in order; ``row_of`` is told the place in it."""
        from datasets import Dataset, disable_progress_bars

        disable_progress_bars()
        every = self.examples.all
        order = self.examples.order(0, self.plan.steps).tolist()
        return Dataset.from_list([row_of(at, every[number]) for at, number in enumerate(order)])

    def arguments(self) -> dict[str, Any]:
        """What TRL's configurations have in common."""
        plan, on_gpu = self.plan, torch.cuda.is_available()
        rows = plan.rows * plan.samples
        if rows % self.world:
            raise InvalidRequest(f"{rows} rows of a step cannot be shared by {self.world} ranks.")
        mine = rows // self.world
        micro = next(
            one for one in range(min(self.dials.micro_rows, mine), 0, -1) if mine % one == 0
        )
        return {
            "output_dir": str(self.folder),
            "max_steps": plan.steps,
            "per_device_train_batch_size": micro,
            "gradient_accumulation_steps": mine // micro,
            "learning_rate": plan.rate,
            "lr_scheduler_type": "linear",
            "warmup_steps": max(1, round(WARM_UP * plan.steps)),
            "weight_decay": 0.0,
            "max_grad_norm": 1.0,
            "logging_steps": 1,
            "save_strategy": "steps",
            "save_steps": self.dials.save_every,
            "save_total_limit": KEPT,
            "logging_nan_inf_filter": False,
            "report_to": "none",
            "seed": plan.seed,
            "data_seed": plan.seed,
            "bf16": on_gpu,
            "use_cpu": not on_gpu,
            "gradient_checkpointing": parameters_of(self.model) > _LARGE,
            "dataloader_pin_memory": on_gpu,
            "disable_tqdm": True,
            "ddp_find_unused_parameters": False,
        }

    def train(self, trainer: Any, told: Told) -> Path:
        """Train to the end, from the newest whole checkpoint if there is one; returns the folder of the
        model.

        Raises:
            ModelError: the loss is no number.
        """
        first = trainer.is_world_process_zero()
        track = Tracking(self.folder)
        with Watchdog(self.dials.hang_s) as watchdog, track if first else nullcontext():
            trainer.remove_callback(PrinterCallback)
            trainer.add_callback(_Tracker(self, told, track, watchdog))
            found = whole_checkpoints(self.folder)
            trainer.train(resume_from_checkpoint=str(found[-1]) if found else None)
        made = self.folder / "model"
        if trainer.state.global_step >= self.plan.steps and first:
            trainer.save_model(str(made))
            self.tokenizer.save_pretrained(str(made))
            for name in ("training_args.bin", "README.md"):  # a pickle, and a card with wrong links
                (made / name).unlink(missing_ok=True)
            shutil.rmtree(made / "ref", ignore_errors=True)  # the adapter as it was
        return made

    def _begin(self) -> None:
        """Write the plan, or hold a resumed run to it."""
        wanted = asdict(self.plan) | {"fingerprint": self.examples.index.fingerprint}
        path = self.folder / "run.json"
        if not path.exists() and os.environ.get("RANK", "0") == "0":
            self.folder.mkdir(parents=True, exist_ok=True)
            replace_file(path, json.dumps(wanted, indent=1).encode())
        while not path.exists():  # the first rank writes it; if it fails, torchrun ends all of them
            time.sleep(0.1)
        if json.loads(path.read_text()) != json.loads(json.dumps(wanted)):
            raise Conflict(
                f"{self.folder} has a run with other settings or other examples. Give a new folder."
            )


def whole_checkpoints(run: Path) -> list[Path]:
    """Those that were written to their end, oldest first."""
    found = [path for path in run.glob("checkpoint-*") if (path / WHOLE).is_file()]
    return sorted(found, key=lambda path: int(path.name.removeprefix("checkpoint-")))


def flops_a_token(parameters: float, plan: Plan) -> float:
    """Operations: 2 a parameter forward, 2 for the activations' gradients, 2 for those of the weights
    where these are trained, and 2 for what DPO compares with."""
    return parameters * (4 + 2 * (plan.rank == 0) + 2 * (plan.method == "dpo"))


def parameters_of(model: Model) -> int:
    """All of them, trained or not."""
    return sum(one.numel() for one in model.parameters())


class _Tracker(TrainerCallback):
    """Notes what was read before a checkpoint is written, and tells of each step."""

    def __init__(self, run: Run, told: Told, track: Tracking, watchdog: Watchdog) -> None:
        self._run, self._told, self._track, self._watchdog = run, told, track, watchdog
        self._flops = flops_a_token(parameters_of(run.model), run.plan)
        self._peak = matrix_rate(next(run.model.parameters()).device) * run.world
        self._noted = self._first = 0
        self._tokens = 0.0
        self._at = self._begun = time.perf_counter()

    def on_train_begin(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        self._noted = self._first = state.global_step
        self._at = self._begun = time.perf_counter()

    def on_step_end(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        run, step = self._run, state.global_step
        stops = run.dials.stop_at and step >= run.dials.stop_at
        if step % run.dials.save_every == 0 or step >= run.plan.steps or stops:
            if state.is_world_process_zero:
                add_span(run.folder / SEEN, run.examples.span(self._noted, step))
            self._noted = step
            control.should_save = True
        control.should_training_stop = control.should_training_stop or bool(stops)
        self._watchdog.beat()

    def on_save(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        if state.is_world_process_zero:
            folder = self._run.folder / f"checkpoint-{state.global_step}"
            replace_file(folder / WHOLE, b"")

    def on_log(
        self, args: TrainingArguments, state: Any, control: Any, logs: Any = None, **_: Any
    ) -> None:
        logs = dict(logs or {})
        if "loss" not in logs:
            return  # the summary at the end
        now = time.perf_counter()
        taken, self._at = max(now - self._at, 1e-9), now
        tokens, before = float(logs.pop("num_tokens", 0.0)), self._tokens
        self._tokens = tokens
        step, loss = state.global_step, float(logs.pop("loss"))
        if not math.isfinite(loss):
            raise ModelError(
                f"The loss of step {step} is no number. Lower --rate, in a new folder."
            )
        rate = float(logs.pop("learning_rate", 0.0))
        done = max(1, step - self._first)
        eta = (self._run.plan.steps - step) * (now - self._begun) / done
        more = {
            name: float(value)
            for name, value in logs.items()
            if isinstance(value, (int, float)) and math.isfinite(value)
        }
        speed = max(0.0, tokens - before) / taken
        progress = Progress(step, loss, rate, speed, speed * self._flops / self._peak, eta, more)
        if state.is_world_process_zero:
            figures = {
                name: value for name, value in asdict(progress).items() if name not in _NO_FIGURE
            }
            self._track.add(step, figures | more)
            self._told(progress)
