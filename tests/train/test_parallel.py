"""Pretraining on several ranks: the same run however it is divided, and whatever happens to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from myna.errors import InvalidRequest
from myna.train.checkpoint import checkpoints
from myna.train.guard import HUNG_EXIT
from myna.train.model import Config
from myna.train.parallel import check_split, split_of
from myna.train.pretrain import Dials, Plan, pretrain
from tests.train.test_pretrain import STEPS, corpus, losses, plan_for, whole  # noqa: F401

RANKS = Path(__file__).with_name("ranks.py")


def case(folder: Path, plan: Plan, fault: str = "", **dials: Any) -> list[Any]:
    return [str(folder), asdict(plan), {"micro_rows": 2, "save_every": 4} | dials, fault]


def start(ranks: int, *cases: list[Any]) -> subprocess.Popen[bytes]:
    words = [sys.executable]
    if ranks > 1:
        words += ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}"]
    return subprocess.Popen(
        [*words, str(RANKS), json.dumps(cases)], env={**os.environ, "OMP_NUM_THREADS": "1"}
    )


@pytest.fixture(scope="module")
def divided(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    """Runs on four ranks; ``halfway`` and ``shared`` stop behind step 6 to go on otherwise."""
    folder, plan = tmp_path_factory.mktemp("divided"), plan_for(corpus)
    process = start(
        4,
        case(folder / "sharded", plan),
        case(folder / "copied", plan, shard_group=2),
        case(folder / "shared", plan, tensor=2, recompute=True, stop_at=6),
        case(folder / "shared", plan, shard_group=1, tensor=2),
        case(folder / "halfway", plan, tensor=2, stop_at=6),
        case(folder / "broken", plan, "broken"),
        case(folder / "slow", plan, "slow", stop_at=3, probe_every=3),
    )
    assert process.wait() == 0
    return folder


@pytest.mark.parametrize("name", ["sharded", "copied", "shared"])
def test_shards_copies_and_shared_matrices_make_the_same_run(
    divided: Path,
    whole: dict[int, float],  # noqa: F811
    name: str,
) -> None:
    assert losses(divided / name) == pytest.approx(whole, abs=2e-4)


def test_a_run_goes_on_on_another_number_of_ranks(
    divided: Path,
    corpus: Path,  # noqa: F811
    whole: dict[int, float],  # noqa: F811
) -> None:
    pretrain(divided / "halfway", plan_for(corpus), Dials(4, 4), lambda now: None, None)
    assert losses(divided / "halfway") == pytest.approx(whole, abs=2e-4)


def test_all_ranks_go_back_when_the_loss_of_one_breaks(divided: Path) -> None:
    lines = (divided / "broken" / "progress.jsonl").read_text().splitlines()
    told = [json.loads(line) for line in lines]
    assert sum(one["rolled_back"] for one in told) == 1
    assert told[-1]["step"] == STEPS and told[-1]["loss"] < told[0]["loss"]


def test_the_rank_that_holds_up_the_others_is_named(divided: Path) -> None:
    told = json.loads((divided / "slow" / "progress.jsonl").read_text().splitlines()[-1])
    assert told["step"] == 3 and told["slow_ranks"] == [1]


def test_a_hanging_rank_ends_the_run_so_that_it_is_started_again(
    corpus: Path,  # noqa: F811
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    process = start(2, case(tmp_path / "run", plan_for(corpus), "hang", hang_s=4.0))
    assert process.wait() != 0
    told = capfd.readouterr().err
    assert "no step has ended for 4 s" in told and f"exitcode  : {HUNG_EXIT}" in told


def test_killed_while_a_checkpoint_is_written_it_goes_on_from_the_one_before(
    corpus: Path,  # noqa: F811
    tmp_path: Path,
    whole: dict[int, float],  # noqa: F811
) -> None:
    folder, plan = tmp_path / "run", plan_for(corpus)
    process = start(1, case(folder, plan, "cut"))
    while not (folder / "step-00000008" / "being-written").exists():
        assert process.poll() is None
        time.sleep(0.02)
    while max(losses(folder)) < 10:  # training goes on beside the writing
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert checkpoints(folder)[-1].name == "step-00000004"
    pretrain(folder, plan, Dials(4, 4), lambda now: None, None)
    assert losses(folder) == pytest.approx(whole, abs=2e-4)


def test_ranks_that_cannot_be_divided_so_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="--tensor: 6 ranks"):
        split_of(6, 0, 4)
    with pytest.raises(InvalidRequest, match="--shard-group: 4 ranks"):
        split_of(8, 3, 2)
    with pytest.raises(InvalidRequest, match="2 key-value heads"):
        check_split(Config(256, 64, 128, 2, 4, 2, 16), split_of(4, 0, 4), 64)
