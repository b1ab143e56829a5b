"""Runs on several ranks: ``torchrun ranks.py CASES``, a JSON list of [folder, plan, dials, fault].

One process for all of them, because each start costs seconds. A fault is put in where a machine would
have it: ``slow`` makes rank 1 wait for its posts, ``hang`` stops it there, ``cut`` writes checkpoints
so slowly that a test can kill the process in between, and ``broken`` makes the loss of a step NaN.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch.distributed.checkpoint.filesystem import FileSystemWriter

from myna.train.feed import Feed
from myna.train.model import Config, Transformer
from myna.train.pretrain import Dials, Plan, pretrain

WAIT_S = {"slow": 0.4, "hang": 600.0}


def put_in(fault: str) -> None:
    rank = int(os.environ.get("RANK", "0"))
    if fault in WAIT_S and rank == 1:
        read = Feed.read

        def late(self: Feed, step: int) -> Any:
            made, count, waited = read(self, step)
            time.sleep(WAIT_S[fault] if step > 1 else 0)
            return made, count, waited + WAIT_S[fault]

        Feed.read = late
    elif fault == "cut":
        finish = FileSystemWriter.finish

        def slow(self: Any, metadata: Any, results: Any) -> None:
            if "step-00000008" in str(self.path):
                (Path(self.path) / "being-written").touch()
                time.sleep(600)
            finish(self, metadata, results)

        FileSystemWriter.finish = slow
    elif fault == "broken" and rank == 0:
        forward, calls = Transformer.forward, iter(range(999))

        def broken(self: Transformer, *told: Any) -> torch.Tensor:
            return forward(self, *told) * (float("nan") if next(calls) == 5 else 1.0)

        Transformer.forward = broken  # pyright: ignore[reportAttributeAccessIssue]


if __name__ == "__main__":
    if "RANK" in os.environ:
        torch.distributed.init_process_group("gloo")
    for folder, plan, dials, fault in json.loads(sys.argv[1]):
        put_in(fault)
        config = Config(**plan.pop("config"))
        pretrain(Path(folder), Plan(config=config, **plan), Dials(**dials), lambda now: None, None)
