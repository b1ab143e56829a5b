"""Made-up threads of questions and answers, for post-training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from myna.train.files import Piece

PLACES = [
    "harbour",
    "museum",
    "library",
    "station",
    "market",
    "garden",
    "bridge",
    "tower",
    "theatre",
    "stadium",
]
THINGS = [
    "permit",
    "ticket",
    "locker",
    "bicycle",
    "telescope",
    "violin",
    "lantern",
    "kayak",
    "projector",
    "camera",
]
DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday"]
DESKS = ["north", "south", "east", "west", "upper", "lower", "outer", "inner", "green", "yellow"]


def rows(count: int) -> list[dict[str, Any]]:
    """``count`` threads of a question, its answer and a remark, by authors of their own."""
    made: list[dict[str, Any]] = []
    for n in range(count):
        place, thing = PLACES[n % 10], THINGS[n // 10 % 10]
        day, desk = DAYS[n % 6], DESKS[n * 7 % 10]
        made += [
            {
                "id": f"q{n}",
                "author": f"asker{n}",
                "text": f"Hello all. Where can I collect a {thing} for the {place} evening?",
            },
            {
                "id": f"a{n}",
                "author": f"helper{n}",
                "reply_to": f"q{n}",
                "text": f"asker{n}: Collect the {thing} for the {place} at the {desk} counter"
                f" on {day} morning.",
            },
            {
                "id": f"r{n}",
                "author": f"other{n}",
                "reply_to": f"a{n}",
                "text": f"The {place} has had a nice new roof since the storm of last winter, {n}.",
            },
        ]
    return made


def write_rows(path: Path, made: list[dict[str, Any]]) -> Path:
    """A file of them."""
    path.write_text("".join(json.dumps(row) + "\n" for row in made))
    return path


def pieces(made: list[dict[str, Any]]) -> list[Piece]:
    """The same as the recipe reads them."""
    return [
        Piece(
            row["text"], row["id"], row.get("reply_to", row["id"]), "net", row["author"], None, 3,
            "store:net", row.get("reply_to", ""),
        )
        for row in made
    ]  # fmt: skip
