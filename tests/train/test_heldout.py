"""Some authors are not learnt from, and a run is measured on them behind each checkpoint."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from myna.train import corpus as corpus_room
from myna.train.checkpoint import checkpoints, read_model
from myna.train.corpus import Filters, Tally
from myna.train.files import read_file
from myna.train.hashes import author_hash
from myna.train.heldout import HELD_OUT, RECORD, HeldOut, is_held_out, read_measured, token_bytes
from myna.train.make import make_corpus
from myna.train.model import Config, Transformer
from myna.train.pretrain import Dials, Plan, Progress, pretrain
from myna.train.provenance import forget
from myna.train.shards import Index, Reader, open_rows, open_tokens, read_index
from myna.train.tokenizer import load_tokenizer, save_tokenizer, train_tokenizer

SHARE = 0.2
WORDS = ["kernel", "printer", "router", "garden", "bicycle", "museum", "harbour", "violin"]


def sentence(number: int) -> str:
    dice = np.random.default_rng(number)
    return "the " + " ".join(f"{WORDS[dice.integers(8)]}{dice.integers(90)}" for _ in range(9))


def make(folder: Path, told: object = None, size: int = 0) -> Index:
    here = folder.parent
    if not (here / "tok").exists():
        save_tokenizer(train_tokenizer([sentence(n) for n in range(200)], 400), here / "tok")
        rows = [{"text": sentence(n), "author": f"a{n % 30}", "id": str(n)} for n in range(300)]
        rows += [
            {"text": f"a reply {sentence(n)}", "author": "b", "reply_to": str(n)} for n in range(9)
        ]
        (here / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    sources = [partial(read_file, here / "p.jsonl", "CC0")]
    index, _ = make_corpus(
        folder,
        sources,
        Filters(),
        here / "tok",
        shard_tokens=1500,
        held_out=SHARE,
        size=size,
        **({"told": told} if told else {}),  # pyright: ignore[reportArgumentType]
    )
    return index


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("held") / "corpus"
    make(folder)
    return folder


def authors_of(folder: Path) -> set[int]:
    return {
        int(author)
        for shard in read_index(folder).shards
        for author in open_rows(folder, shard)["author"]
    }


def test_nobody_is_on_both_sides(corpus: Path) -> None:
    trained, held = authors_of(corpus), authors_of(corpus / HELD_OUT)
    everyone = {author_hash("p.jsonl", f"a{n}") for n in range(30)}
    out = {one for one in everyone if is_held_out([one], 0, SHARE)}
    assert 2 <= len(out) <= 12
    assert out <= held and not out & trained
    assert everyone - out <= trained
    assert {one for one in everyone if is_held_out([], one, SHARE)} == out


def test_a_stopped_maker_makes_the_same_split(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus_room, "WINDOW", 20)
    whole = make(tmp_path / "whole")
    beside = read_index(tmp_path / "whole" / HELD_OUT)

    def stop(tally: Tally, tokens: int) -> None:
        if tally.posts >= 140:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "cut", told=stop)
    assert make(tmp_path / "cut").fingerprint == whole.fingerprint
    again = read_index(tmp_path / "cut" / HELD_OUT)
    assert again.fingerprint == beside.fingerprint


def test_the_held_out_are_forgotten_too(tmp_path: Path) -> None:
    make(tmp_path / "c")
    gone = next(iter(authors_of(tmp_path / "c" / HELD_OUT)))
    assert forget(tmp_path / "c", [gone]).documents == 10
    assert gone not in authors_of(tmp_path / "c" / HELD_OUT)
    Reader(tmp_path / "c" / HELD_OUT, sequence=8, rows=1)


def test_bytes_of_tokens_are_those_of_the_text(corpus: Path) -> None:
    lengths, folder = token_bytes(corpus), corpus / HELD_OUT
    assert lengths is not None
    index, (made, _) = read_index(folder), load_tokenizer(corpus)
    for shard in index.shards:
        tokens = open_tokens(folder, index, shard)
        text = made.decode(tokens.tolist(), skip_special_tokens=True)
        assert lengths[tokens].sum() == len(text.encode())


def plan_for(corpus: Path) -> Plan:
    return Plan(str(corpus), Config(448, 64, 128, 2, 2, 1, 32), 64, 4, 8, 0.02, 0.003)


@pytest.fixture(scope="module")
def run(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Progress]]:
    folder, told = tmp_path_factory.mktemp("run") / "run", list[Progress]()
    pretrain(folder, plan_for(corpus), Dials(2, 4), told.append, None)
    return folder, told


def test_a_run_is_measured_behind_each_checkpoint(
    corpus: Path, run: tuple[Path, list[Progress]]
) -> None:
    folder, told = run
    measured = read_measured(folder / RECORD)
    assert [one.step for one in measured] == [0, 4, 8]
    assert [one.held_out for one in told if one.held_out] == measured[1:]
    assert measured[-1].loss < measured[0].loss - 0.1
    first = measured[0]
    assert first.bits_per_byte is not None
    assert first.bits_per_byte == pytest.approx(first.loss / math.log(2) / 3, rel=0.4)

    plan, model = plan_for(corpus), Transformer(plan_for(corpus).config)
    read_model(checkpoints(folder)[-1], model)
    reader = Reader(Path(plan.corpus), sequence=plan.sequence, rows=plan.rows)
    (folder / RECORD).write_text("")
    again = HeldOut(folder, reader, 4, plan.rows * 4).measure(8, model, torch.device("cpu"), abs)
    assert again is not None and again.loss == pytest.approx(measured[-1].loss, rel=1e-5)
    once_more = HeldOut(folder, reader, 4, plan.rows * 4)
    assert once_more.measure(8, model, torch.device("cpu"), abs) is None


def test_two_ranks_measure_the_same(corpus: Path, tmp_path: Path) -> None:
    words = ["myna", "train", "pretrain", str(corpus), str(tmp_path / "run"), "--size", "200k", "--steps",
             "4", "--batch", "256", "--sequence", "64", "--micro", "2", "--save-every", "4"]  # fmt: skip
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([*start, "-m", *words], env=environment, check=True, stdout=subprocess.DEVNULL)
    two = read_measured(tmp_path / "run" / RECORD)
    words[4] = str(tmp_path / "one")
    one = subprocess.run(
        [sys.executable, "-m", *words], env=environment, check=True, capture_output=True, text=True
    )
    assert "bits a byte" in one.stdout
    alone = read_measured(tmp_path / "one" / RECORD)
    assert [measured.loss for measured in two] == pytest.approx(
        [measured.loss for measured in alone], rel=1e-4
    )
