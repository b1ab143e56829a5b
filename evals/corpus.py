"""How fast are posts cleaned for a corpus, without the tokenizer?

    .venv/bin/python -m evals.corpus [--data FOLDER] [--rounds N] [--workers N] [--json OUT]

All posts of the Ubuntu IRC set, ``--rounds`` times with a word of the round added so that no round
is a copy of another. Beside it, in the same run, one process that reads the same file and decodes
its JSON: what no pipeline can be faster than by much.

``processor µs a post`` is the time of all processes on their cores: what compares on a machine that
does other things too. Two cores that do nothing else clean a million posts a minute at 120 µs.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from functools import partial
from pathlib import Path

import psutil

from evals.bench import SHARED, print_table, read_rows
from myna.train.corpus import Filters, Tally, clean_all
from myna.train.files import read_file


def processor_s() -> float:
    """Of this process and all below it that run."""
    me = psutil.Process()
    times = [one.cpu_times() for one in (me, *me.children(recursive=True))]
    return sum(one.user + one.system for one in times)


def line_of(what: str, posts: int, took_s: float, on_cores_s: float) -> dict[str, object]:
    """A line of the table."""
    return {
        "what": what,
        "posts a minute": f"{60 * posts / took_s:,.0f}",
        "processor µs a post": f"{1e6 * on_cores_s / posts:.1f}",
        "so on two free cores": f"{120e6 * posts / (1e6 * on_cores_s):,.0f}",
    }


def main() -> None:
    """Measure, print a table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=SHARED)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows = read_rows(given.data / "ubuntu_irc.jsonl.gz")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "posts.jsonl"
        with path.open("w") as file:
            for number in range(given.rounds):
                for row in rows:
                    words = [
                        f"{word}{number}" if word.isalpha() else word
                        for word in row["text"].split()
                    ]
                    file.write(json.dumps(row | {"text": " ".join(words)}) + "\n")
        begun, before = time.perf_counter(), processor_s()
        read = sum(1 for _ in read_file(path, "CC-BY-4.0"))
        plain, of_plain = time.perf_counter() - begun, processor_s() - before
        tally, of_clean = Tally(), 0.0
        begun, before = time.perf_counter(), processor_s()
        for _ in clean_all(
            [partial(read_file, path, "CC-BY-4.0")], Filters(), workers=given.workers, tally=tally
        ):
            of_clean = processor_s() - before
        took = time.perf_counter() - begun
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    table = [
        line_of("read and decoded alone", read, plain, of_plain),
        line_of("clean, without copies", tally.posts, took, of_clean),
    ]
    print_table(table)
    print(
        f"{tally.documents:,} documents of {tally.posts:,} posts; writer {memory:,.0f} MiB at most."
    )
    print(", ".join(f"{why} {count:,}" for why, count in tally.rejected.most_common()))
    if given.json:
        given.json.write_text(json.dumps({"rows": table, "rejected": tally.rejected}, indent=2))


if __name__ == "__main__":
    main()
