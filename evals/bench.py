"""What benchmarks share: a store of their own with a file's posts in it, and tables."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from myna.train.evaluate.world import Bench, post_of, temporary_bench

__all__ = [
    "SHARED",
    "Bench",
    "percentile",
    "post_of",
    "print_table",
    "read_rows",
    "temporary_bench",
]

SHARED = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
"""Where the benchmark files are by default."""


def read_rows(path: Path, limit: int | None = None) -> list[dict[str, Any]]:
    """The rows of a JSON-lines file, gzipped or plain."""
    opener = gzip.open if path.suffix == ".gz" else open
    rows: list[dict[str, Any]] = []
    with opener(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            if limit is not None and len(rows) >= limit:
                break
            if line.strip():
                rows.append(json.loads(line))
    return rows


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` (0 to 1) of the values lie; 0 for none."""
    return float(np.quantile(np.asarray(values), share)) if len(values) else 0.0


def print_table(rows: Sequence[dict[str, Any]]) -> None:
    """Rows with the same keys as columns, numbers with three digits."""
    if not rows:
        return
    cells = [
        {
            key: f"{value:.3f}" if isinstance(value, float) else str(value)
            for key, value in row.items()
        }
        for row in rows
    ]
    widths = {key: max(len(key), *(len(row.get(key, "")) for row in cells)) for key in rows[0]}
    print("  ".join(key.ljust(width) for key, width in widths.items()))
    for row in cells:
        print("  ".join(row.get(key, "").ljust(width) for key, width in widths.items()))
