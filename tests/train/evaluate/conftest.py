"""A tiny network's corpus, with canaries and held-out authors, and a run that learnt it by heart."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from myna.train.corpus import Filters
from myna.train.files import read_file
from myna.train.make import make_corpus
from myna.train.model import Config
from myna.train.pretrain import Dials, Plan, pretrain
from myna.train.tokenizer import save_tokenizer, train_tokenizer

WORDS = ["kernel", "printer", "router", "garden", "bicycle", "museum", "harbour", "violin", "ferry",
         "lantern", "market", "orchard", "the", "a", "was", "near", "under", "and", "with", "of"]  # fmt: skip


def sentence(number: int) -> str:
    """Twenty-four words without sense."""
    dice = np.random.default_rng(number)
    return " ".join(WORDS[dice.integers(len(WORDS))] for _ in range(24))


@dataclass(frozen=True)
class World:
    """Where it all is."""

    corpus: Path
    run: Path


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    home = tmp_path_factory.mktemp("evaluate")
    save_tokenizer(train_tokenizer([sentence(n) for n in range(200)], 384), home / "tok")
    rows = [{"text": sentence(n), "author": f"a{n % 24}"} for n in range(48)]
    (home / "posts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = World(home / "corpus", home / "run")
    sources = [partial(read_file, home / "posts.jsonl", "CC0")]
    make_corpus(made.corpus, sources, Filters(), home / "tok", held_out=0.25, canaries=4)
    config = Config(384, 96, 256, 2, 3, 1, 32)
    plan = Plan(str(made.corpus), config, 64, 16, 60, 0.02, 0.006)
    pretrain(made.run, plan, Dials(16, 30), lambda now: None, None)
    return made
