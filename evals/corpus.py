"""How fast are posts cleaned for a corpus, without the tokenizer?

    .venv/bin/python -m evals.corpus [--data FOLDER] [--rounds N] [--workers N] [--json OUT]

All posts of the Ubuntu IRC set, ``--rounds`` times with a word of the round added so that no round
is a copy of another. Beside it, in the same run, one process that reads the same file and decodes
its JSON: what no pipeline can be faster than by much.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from functools import partial
from pathlib import Path

from evals.bench import SHARED, print_table, read_rows
from myna.train.corpus import Filters, Tally, clean_all
from myna.train.files import read_file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=SHARED)
    parser.add_argument("--rounds", type=int, default=2)
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
        begun = time.perf_counter()
        read = sum(1 for _ in read_file(path, "CC-BY-4.0"))
        plain = time.perf_counter() - begun
        tally = Tally()
        begun = time.perf_counter()
        for _ in clean_all(
            [partial(read_file, path, "CC-BY-4.0")], Filters(), workers=given.workers, tally=tally
        ):
            pass
        took = time.perf_counter() - begun
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    table = [
        {"what": "read and decoded alone", "posts a minute": round(60 * read / plain)},
        {"what": "clean, without copies", "posts a minute": round(60 * tally.posts / took)},
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
