"""Post-training on a tiny model: it learns, it goes on after a kill, it ends in a model that loads."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from peft import LoraConfig, PeftModel, get_peft_model
from typer.testing import CliRunner

from myna.cli import build_app
from myna.errors import Conflict, InvalidRequest, NotFound
from myna.settings import Settings
from myna.train.base import load_base, size_of
from myna.train.benchmarks import Benchmarks
from myna.train.compose import make_examples
from myna.train.dpo import dpo
from myna.train.examples import Example, Examples
from myna.train.files import read_file
from myna.train.grounded import texts_of
from myna.train.grpo import grpo
from myna.train.hashes import author_hash
from myna.train.provenance import forget, who_saw
from myna.train.rewards import idf_of, reward
from myna.train.sft import sft
from myna.train.spans import read_spans
from myna.train.tune import SEEN, Dials, Plan, Progress, batch_for, rate_for, whole_checkpoints
from tests.train.threads import rows, write_rows
from tests.train.tiny import answers, make_base

SOME = 8
"""Examples that a tiny model is made to know by heart."""


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("posttrain")
    posts = write_rows(folder / "posts.jsonl", rows(40))
    read = partial(read_file, posts, "CC0")
    make_examples(folder / "set", [read], Benchmarks(), size=SOME)
    return folder / "set"


@pytest.fixture(scope="module")
def base(examples: Path) -> Path:
    return make_base(examples.parent / "base", all_of(examples))


def all_of(examples: Path) -> list[Example]:
    return Examples(examples, rows=1).all


def plan_for(examples: Path, start: Path, method: str = "sft", **told: Any) -> Plan:
    usual: dict[str, Any] = {"steps": 6, "rows": 4, "rate": 5e-3, "rank": 0}
    return Plan(method=method, examples=str(examples), start=str(start), **usual | told)


def train(folder: Path, plan: Plan, **told: Any) -> list[Progress]:
    made: list[Progress] = []
    sft(folder, plan, Dials(**{"save_every": 2} | told), made.append)
    return made


def losses(folder: Path) -> dict[int, float]:
    lines = (folder / "progress.jsonl").read_text().splitlines()
    return {told["step"]: told["loss"] for told in map(json.loads, lines)}


@pytest.fixture(scope="module")
def taught(examples: Path, base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that knows all examples by heart."""
    folder = tmp_path_factory.mktemp("taught") / "run"
    train(folder, plan_for(examples, base, steps=90, rows=8), save_every=90)
    return folder


def test_a_tiny_model_learns_grounded_answers_by_heart(examples: Path, taught: Path) -> None:
    made = losses(taught)
    assert made[90] < 0.1 < 5 < made[1]
    some = all_of(examples)
    said = answers(taught / "model", some)
    idf = idf_of(texts_of(some))
    worth = [reward(example, text, idf) for example, text in zip(some, said, strict=True)]
    assert sum(worth) / len(worth) > 0.9, said


def test_a_run_that_stopped_goes_on_as_if_it_had_not(
    examples: Path, base: Path, tmp_path: Path
) -> None:
    plan = plan_for(examples, base)
    train(tmp_path / "whole", plan)
    train(tmp_path / "run", plan, stop_at=3)
    assert not (tmp_path / "run" / "model").exists()
    assert [path.name for path in whole_checkpoints(tmp_path / "run")] == [
        "checkpoint-2",
        "checkpoint-3",
    ]
    (whole_checkpoints(tmp_path / "run")[-1] / "whole").unlink()  # as if it had been cut short
    train(tmp_path / "run", plan)
    one, two = losses(tmp_path / "whole"), losses(tmp_path / "run")
    assert two == pytest.approx(one, abs=1e-5)
    assert (tmp_path / "run" / "model" / "model.safetensors").exists()
    assert read_spans(tmp_path / "run" / SEEN)[-1].stop == 6
    shutil.rmtree(tmp_path / "run" / "model")  # killed behind its last checkpoint
    train(tmp_path / "run", plan)
    assert losses(tmp_path / "run") == two
    assert (tmp_path / "run" / "model" / "model.safetensors").exists()


def test_a_killed_process_goes_on(examples: Path, base: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    words = ["train", "sft", str(examples), str(folder), "--from", str(base), "--rank", "4", "--batch",
             "4", "--steps", "6", "--save-every", "1"]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "myna", *words],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
    )
    while not whole_checkpoints(folder):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = losses(folder)
    told = CliRunner().invoke(build_app(), words)
    assert told.exit_code == 0, told.output
    assert "tokens/s" in told.output and str(folder / "model") in told.output
    made = losses(folder)
    assert sorted(made) == [1, 2, 3, 4, 5, 6]
    assert {step: made[step] for step in before} == pytest.approx(before, abs=1e-4)
    model, tokenizer = load_base(folder / "model")
    assert isinstance(model, PeftModel) and tokenizer.eos_token == "<|im_end|>"
    assert list((folder / "tensorboard").iterdir())


def test_an_adapter_is_trained_on_and_merged(examples: Path, base: Path, tmp_path: Path) -> None:
    train(tmp_path / "one", plan_for(examples, base, rank=4, steps=2))
    adapter = tmp_path / "one" / "model"
    told = json.loads((adapter / "adapter_config.json").read_text())
    assert told["r"] == 4 and told["base_model_name_or_path"] == str(base)
    train(tmp_path / "two", plan_for(examples, adapter, rank=4, steps=2))
    assert (tmp_path / "two" / "model" / "adapter_model.safetensors").exists()
    train(tmp_path / "three", plan_for(examples, adapter, rank=0, steps=2))
    assert (tmp_path / "three" / "model" / "model.safetensors").exists()
    assert size_of(adapter) == size_of(base) > 1e4


@pytest.mark.model
def test_an_adapter_of_a_gguf_names_it(model_home: Path) -> None:
    [gguf] = Settings(home=model_home).models_dir.glob("*.gguf")
    model, tokenizer = load_base(gguf)
    assert model.name_or_path == str(gguf.resolve())
    assert tokenizer.eos_token == "<|im_end|>"
    assert tokenizer("<|im_start|>user").input_ids[0] == tokenizer.convert_tokens_to_ids(
        "<|im_start|>"
    )
    adapted = get_peft_model(model, LoraConfig(r=2, target_modules=["q_proj"]))  # type: ignore[arg-type]
    assert adapted.peft_config["default"].base_model_name_or_path == str(gguf.resolve())


def test_a_run_says_what_it_read_and_forgetting_ends_it(
    examples: Path, base: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "set"
    shutil.copytree(examples, mine)
    plan = plan_for(mine, base, rows=2, steps=3)
    train(tmp_path / "run", plan, stop_at=2, save_every=1)
    read = set(Examples(mine, rows=2).order(0, 2).tolist())
    sights = {
        n: list(who_saw(tmp_path / "run", [author_hash("posts.jsonl", f"helper{n}")]))
        for n in range(40)
    }
    seen = [n for n, found in sights.items() if found]
    assert seen and read
    assert min(sight.start for sight in sights[seen[0]]) < 2
    forget(mine, [author_hash("posts.jsonl", f"helper{seen[0]}")])
    with pytest.raises(Conflict, match="other examples"):
        train(tmp_path / "run", plan)
    train(tmp_path / "again", plan)
    assert not list(who_saw(tmp_path / "again", [author_hash("posts.jsonl", f"helper{seen[0]}")]))


def test_one_dial_gives_batch_and_rate() -> None:
    assert [batch_for(size) for size in (1, 100, 1_000, 10_000, 10**6)] == [4, 4, 16, 64, 64]
    full = rate_for(7e9, lora=False, preference=False)
    assert full == pytest.approx(2e-5)
    assert rate_for(7e9, lora=True, preference=False) == pytest.approx(10 * full)
    assert rate_for(7e9 / 8, lora=False, preference=False) == pytest.approx(2 * full)
    assert rate_for(7e9, lora=False, preference=True) < full / 10


def test_what_cannot_be_used_is_told(examples: Path, base: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="No model is at"):
        load_base(tmp_path / "nothing")
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "config.json").write_text((base / "config.json").read_text())
    with pytest.raises(InvalidRequest, match="cannot be read as a model"):
        load_base(tmp_path / "bare")
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_config.json").write_text('{"base_model_name_or_path": null}')
    with pytest.raises(InvalidRequest, match="which model it belongs to"):
        load_base(tmp_path / "adapter")
    told = CliRunner().invoke(
        build_app(), ["train", "sft", str(examples), str(tmp_path / "r"), "--from", "/nowhere"]
    )
    assert told.exit_code and "is not there" in str(told.exception or told.output)


@pytest.fixture(scope="module")
def beginner(examples: Path, base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that has the form of answers, and not yet their content."""
    folder = tmp_path_factory.mktemp("beginner") / "run"
    train(folder, plan_for(examples, base, steps=64, rows=8), save_every=100)
    return folder / "model"


@pytest.mark.parametrize("rank", [0, 8])
def test_dpo_widens_the_margin(examples: Path, beginner: Path, tmp_path: Path, rank: int) -> None:
    plan = plan_for(
        examples, beginner, "dpo", steps=12, rows=8, rate=1e-3 if rank else 3e-4, rank=rank
    )
    made: list[Progress] = []
    dpo(tmp_path / "run", plan, Dials(save_every=6, stop_at=6), made.append)
    dpo(tmp_path / "run", plan, Dials(save_every=6), made.append)
    assert [now.step for now in made] == list(range(1, 13))
    margins = [now.more["rewards/margins"] for now in made]
    assert abs(margins[0]) < 1e-3 and sum(margins[-3:]) / 3 > 0.3, margins
    assert made[-1].loss < made[0].loss and made[-1].mfu > 0
    name = "adapter_model.safetensors" if rank else "model.safetensors"
    assert (tmp_path / "run" / "model" / name).exists()


def test_preferences_go_on_with_an_adapter(examples: Path, base: Path, tmp_path: Path) -> None:
    train(tmp_path / "sft", plan_for(examples, base, rank=4, steps=2))
    plan = plan_for(examples, tmp_path / "sft" / "model", "dpo", rank=4, steps=2)
    dpo(tmp_path / "dpo", plan, Dials(save_every=1, stop_at=1), lambda now: None)
    made: list[Progress] = []
    dpo(tmp_path / "dpo", plan, Dials(save_every=1), made.append)
    assert [now.step for now in made] == [2]
    assert not (tmp_path / "dpo" / "model" / "ref").exists()
    model, _ = load_base(tmp_path / "dpo" / "model")
    assert isinstance(model, PeftModel)


def test_grpo_raises_the_reward(examples: Path, beginner: Path, tmp_path: Path) -> None:
    plan = plan_for(examples, beginner, "grpo", steps=20, rows=8, rate=1e-3, samples=8)
    made: list[Progress] = []
    grpo(tmp_path / "run", plan, Dials(micro_rows=64, save_every=10, stop_at=10), made.append)
    grpo(tmp_path / "run", plan, Dials(micro_rows=64, save_every=10), made.append)
    rewards = [now.more["reward"] for now in made]
    assert len(rewards) == 20
    assert sum(rewards[-5:]) / 5 > sum(rewards[:5]) / 5 + 0.1, rewards
    assert {"rewards/citation/mean", "rewards/refusal/mean"} <= made[0].more.keys()
    assert [(span.start, span.stop) for span in read_spans(tmp_path / "run" / SEEN)] == [
        (0, 10),
        (10, 20),
    ]
