"""The whole model road, offline, on a processor: from raw posts to an answer by the model just trained.

Each step is the command that a person types. The model is too small to say anything; what counts is
that everything fits together, also when a rank is killed on the way.
"""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import zstandard

pytest.importorskip("torch")

from myna.train.checkpoint import checkpoints
from tests.cli.home import Home, until

DEMO = Path(__file__).parents[2] / "src/myna/feeds/demo/ubuntu_irc.jsonl.zst"
POSTS = 3_000
LICENCE = "CC-BY-4.0"
STEPS = 24
QUESTIONS = (
    "How can I burn a CD with cdrecord?",
    "How do I install the nvidia driver?",
    "How do I mount a windows partition?",
    "Does anyone here have k3b experience?",
    "Which package do I need to compile programs?",
    "How do I change the resolution of my screen?",
    "How do I upgrade from warty to hoary?",
    "My sound does not work, what can I do?",
)
"""What people ask there; a question may be declined, not all of them."""
DECLINED = 3
"""The exit status of ``myna ask`` then."""


@pytest.fixture
def posts(tmp_path: Path) -> Path:
    """The first posts of the demo network, as a file that somebody has."""
    path = tmp_path / "posts.jsonl"
    with DEMO.open("rb") as raw, path.open("w") as file:
        lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(raw), "utf-8")
        file.writelines(line for _, line in zip(range(POSTS), lines, strict=False))
    return path


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path / "home")
    home.env |= {"MYNA_MODEL_THREADS": "2", "OMP_NUM_THREADS": "1"}
    yield home
    for process in home.processes():
        process.kill()


def test_from_raw_posts_to_an_answer(home: Home, posts: Path, tmp_path: Path) -> None:
    def myna(*words: str | Path) -> str:
        run = subprocess.run(
            [sys.executable, "-m", "myna", *map(str, words)],
            env=home.env, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=200,
        )  # fmt: skip
        assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
        return run.stdout

    def asked(question: str) -> dict[str, Any]:
        run = subprocess.run(
            [sys.executable, "-m", "myna", "ask", "--json", question],
            env=home.env, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=200,
        )  # fmt: skip
        assert run.returncode in (0, DECLINED), run.stdout[-2000:] + run.stderr[-2000:]
        return json.loads(run.stdout)

    source = (posts, "--licence", LICENCE, "--workers", "1")
    myna("train", "tokenizer", *source, "--size", "800", "--to", "tokenizer")
    myna("train", "corpus", *source, "--tokenizer", "tokenizer", "--to", "corpus")
    myna("train", "grounded", *source, "--to", "grounded")

    pretrained(home, tmp_path)
    myna("train", "sft", "grounded", "sft", "--from", "run", "--tokenizer", "tokenizer",
         "--rank", "0", "--steps", "12", "--batch", "8", "--rate", "0.003")  # fmt: skip
    myna("export", "sft", "mine", "--licence", "Apache-2.0", "--gguf", "q8_0,q4_0")
    card = (tmp_path / "mine" / "README.md").read_text()
    assert f"- pretrain: {STEPS} steps" in card
    assert "- sft: 12 steps, 96 examples" in card
    assert f"| file:posts.jsonl ({LICENCE}) |" in card

    assert "mine is here" in myna("models", "add", "mine")
    myna("models", "use", "mine")
    running = home.up()
    until(home.healthy)
    myna("ingest", posts, "--network", "irc")
    # Whether a question can be answered is seen otherwise without vectors, which take a while.
    until(lambda: is_indexed(json.loads(myna("status", "--json"))["index"]), 150)
    told = next(one for one in map(asked, QUESTIONS) if one["outcome"] == "answered")
    version = json.loads((tmp_path / "mine" / "export.json").read_text())
    digest = version["files"]["mine-Q8_0.gguf"]["sha256"]
    assert told["model_version"] == f"mine@{digest[:12]}"
    assert told["outcome"] == "answered"
    assert told["usage"]["prompt_tokens"] > 100
    assert told["usage"]["completion_tokens"] > 0
    running.send_signal(signal.SIGTERM)
    assert running.wait(20) == 0


def is_indexed(index: dict[str, float]) -> bool:
    return index["lag"] == 0 and index["coverage"] == 1


def pretrained(home: Home, folder: Path) -> None:
    """Two ranks, all of which are killed behind the first checkpoint; then they go on to the end."""
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "myna",
             "train", "pretrain", "corpus", "run", "--size", "200k", "--steps", str(STEPS), "--batch",
             "2048", "--sequence", "256", "--micro", "4", "--save-every", "8"]  # fmt: skip

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, *words], env=home.env, cwd=folder, stdout=subprocess.DEVNULL
        )

    def steps() -> int:
        found = checkpoints(folder / "run")
        return int(found[-1].name.removeprefix("step-")) if found else 0

    first = start()
    while steps() < 8:
        assert first.poll() is None
        time.sleep(0.02)
    ranks = psutil.Process(first.pid).children(recursive=True)
    for process in ranks:
        os.kill(process.pid, signal.SIGKILL)
    first.kill()
    first.wait()
    assert steps() < STEPS
    assert start().wait() == 0
    assert steps() == STEPS
    lines = (folder / "run" / "progress.jsonl").read_text().splitlines()
    told = {one["step"]: one["loss"] for one in map(json.loads, lines)}
    assert set(told) == set(range(1, STEPS + 1))
    assert told[STEPS] < told[1]
