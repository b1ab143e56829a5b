"""Pretraining: resumed as if it had never stopped, on one rank or two."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from myna.cli import build_app
from myna.errors import Conflict, ModelError, NotFound
from myna.train.checkpoint import checkpoints
from myna.train.guard import LossGuard, stragglers
from myna.train.model import Config, Transformer
from myna.train.muon import orthogonal
from myna.train.pretrain import SEEN, Dials, Plan, Progress, pretrain, rate_at
from myna.train.shards import Document, Writer, read_spans

STEPS = 12
CONFIG = Config(256, 64, 128, 2, 4, 2, 16)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pretrain") / "corpus"
    draw = np.random.default_rng(5)
    writer = Writer(folder, vocabulary=256, tokenizer="none", shard_tokens=4000)
    for _ in range(400):
        start = int(draw.integers(0, 200))
        writer.add(Document((start + np.arange(draw.integers(5, 60))) % 251, "test"))
        if writer.full:
            writer.close_shard()
    writer.finish()
    return folder


def plan_for(corpus: Path, **told: Any) -> Plan:
    usual: dict[str, Any] = {"sequence": 64, "rows": 8, "steps": STEPS}
    rates: dict[str, Any] = {"matrix_rate": 0.02, "other_rate": 0.003}
    return Plan(corpus=str(corpus), config=CONFIG, **usual | rates | told)


def run(folder: Path, plan: Plan, first: Transformer | None = None, **told: Any) -> list[Progress]:
    made: list[Progress] = []
    dials: dict[str, Any] = {"micro_rows": 4, "save_every": 4} | told
    pretrain(folder, plan, Dials(**dials), made.append, first)
    return made


def losses(folder: Path) -> dict[int, float]:
    lines = (folder / "progress.jsonl").read_text().splitlines()
    return {told["step"]: told["loss"] for told in map(json.loads, lines)}


@pytest.fixture(scope="module")
def whole(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, float]:
    folder = tmp_path_factory.mktemp("whole") / "run"
    run(folder, plan_for(corpus))
    return losses(folder)


def command(corpus: Path, folder: Path, *more: str) -> list[str]:
    return ["myna", "train", "pretrain", str(corpus), str(folder), "--size", "200k", "--steps",
            str(STEPS), "--batch", "512", "--sequence", "64", "--micro", "4", "--save-every", "4", *more]  # fmt: skip


def launched(words: list[str], ranks: int = 1) -> subprocess.Popen[bytes]:
    start = [sys.executable, "-m"]
    if ranks > 1:
        start += ["torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}", "-m"]
    return subprocess.Popen(
        [*start, *words], env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL
    )


def test_it_learns(whole: dict[int, float]) -> None:
    assert whole[STEPS] < whole[1] - 0.3


def test_a_run_that_stopped_goes_on_to_the_last_bit(
    corpus: Path, tmp_path: Path, whole: dict[int, float]
) -> None:
    folder, plan = tmp_path / "run", plan_for(corpus)
    run(folder, plan, stop_at=6)
    assert [path.name[-1] for path in checkpoints(folder)] == ["0", "4", "6"]
    run(folder, plan)
    assert losses(folder) == whole
    spans = read_spans(folder / SEEN)
    assert [(span.start, span.stop) for span in spans] == [(0, 4), (4, 6), (6, 8), (8, 12)]


def test_a_checkpoint_that_was_cut_short_is_passed_over(
    corpus: Path, tmp_path: Path, whole: dict[int, float]
) -> None:
    folder, plan = tmp_path / "run", plan_for(corpus)
    run(folder, plan, stop_at=8)
    (checkpoints(folder)[-1] / ".metadata").unlink()
    run(folder, plan)
    assert losses(folder) == whole


def test_a_killed_process_and_two_ranks_make_the_same_run(corpus: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    process = launched(command(corpus, one))
    while not (checkpoints(one) and checkpoints(one)[-1].name.endswith("4")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert launched(command(corpus, one)).wait() == 0
    assert launched(command(corpus, two, "--stop-at", "6"), ranks=2).wait() == 0
    assert launched(command(corpus, two)).wait() == 0
    killed, divided = losses(one), losses(two)
    assert set(killed) == set(divided) == set(range(1, STEPS + 1))
    assert [killed[step] for step in killed] == pytest.approx(
        [divided[step] for step in killed], abs=2e-4
    )


def test_a_step_that_breaks_is_rolled_back_and_its_posts_are_left_out(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuses, calls = LossGuard.refuses, iter(range(99))
    monkeypatch.setattr(
        LossGuard,
        "refuses",
        lambda self, loss, gradient: refuses(self, loss if next(calls) != 5 else np.nan, gradient),
    )
    folder = tmp_path / "run"
    told = run(folder, plan_for(corpus))
    assert [(one.step, one.rolled_back) for one in told][4:7] == [(5, False), (4, True), (5, False)]
    assert told[-1].step == STEPS
    assert read_spans(folder / SEEN)[-1].stop == STEPS + 2


def test_a_loss_that_always_breaks_ends_the_run(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LossGuard, "refuses", lambda *told: True)
    with pytest.raises(ModelError, match="lower the learning rate"):
        run(tmp_path / "run", plan_for(corpus))


def test_a_folder_keeps_to_its_run(corpus: Path, tmp_path: Path) -> None:
    run(tmp_path / "run", plan_for(corpus), stop_at=1)
    with pytest.raises(Conflict, match="Give a new folder"):
        run(tmp_path / "run", plan_for(corpus, seed=1))


def test_a_folder_without_a_corpus_is_refused(tmp_path: Path) -> None:
    words = ["train", "pretrain", str(tmp_path), str(tmp_path / "run")]
    outcome = CliRunner().invoke(build_app("train"), words)
    assert isinstance(outcome.exception, NotFound)


def test_the_guard_tells_spikes_from_learning() -> None:
    guard = LossGuard()
    assert not any(guard.refuses(3 + 5 * 0.97**step, 1.0) for step in range(200))
    assert guard.refuses(9.0, 1.0)
    assert guard.refuses(3.0, float("inf"))
    assert not guard.refuses(3.1, 1.0)
    assert stragglers([1.0, 1.1, 1.0, 2.0]) == [3]


def test_an_update_is_orthogonal_and_rates_end_at_nothing() -> None:
    values = torch.linalg.svdvals(orthogonal(torch.randn(48, 32)))
    assert float(values.min()) > 0.6 and float(values.max()) < 1.3
    assert rate_at(0, 1000) == pytest.approx(0.1)
    assert rate_at(500, 1000) == 1.0
    assert rate_at(999, 1000) < 0.01
