"""Make the demo network that ships in the package out of the Ubuntu IRC disentanglement corpus.

    python tools/make_demo_network.py ubuntu_irc.jsonl.gz

Source: J. K. Kummerfeld et al., "A Large-Scale Corpus for Conversation Disentanglement", ACL 2019
(https://github.com/jkkummerfeld/irc-disentanglement), CC BY 4.0, as JSON lines with id, author,
created_at, text, reply_to, channel, annotated.

Chosen: every message whose reply links were annotated, and of each log the messages just before
those, evenly, up to POSTS in all. The annotated ones give threads, the others their surroundings.
The file is sorted by time; bots are marked; constant and empty fields are left out.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

import zstandard

POSTS = 75_000
BOTS = frozenset({"ubotu", "ubottu", "ubot3", "ubot5", "FloodBot1", "FloodBot2", "FloodBot3"})
TARGET = Path(__file__).parent.parent / "src/myna/feeds/demo/ubuntu_irc.jsonl.zst"


def choose(rows: list[dict[str, Any]], posts: int) -> list[dict[str, Any]]:
    """The rows to ship: all annotated ones, then as many before them as there is room for."""
    logs: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        logs[row["id"].rpartition("/")[0]].append(row)
    kept = {row["id"] for row in rows if row["annotated"]}
    kept |= {row["reply_to"] for row in rows if row["annotated"] and row["reply_to"]}
    before = {
        name: [row["id"] for row in reversed(log) if row["id"] not in kept]
        for name, log in logs.items()
    }
    depth = 0
    while len(kept) < posts and any(depth < len(ids) for ids in before.values()):
        for ids in before.values():
            if depth < len(ids) and len(kept) < posts:
                kept.add(ids[depth])
        depth += 1
    chosen = [row for row in rows if row["id"] in kept]
    return sorted(chosen, key=lambda row: datetime.fromisoformat(row["created_at"]))


def compact(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the shipped file, in the format of ``myna ingest``."""
    author = row["author"]
    small: dict[str, Any] = {
        "id": row["id"],
        "author": {"id": author, "handle": author, "is_bot": True} if author in BOTS else author,
        "created_at": row["created_at"].replace("000Z", "Z"),
        "text": row["text"],
    }
    if row["reply_to"]:
        small["reply_to"] = row["reply_to"]
    return small


def main() -> None:
    """Read the corpus, write the package's file, and say what is in it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--posts", type=int, default=POSTS)
    arguments = parser.parse_args()
    with gzip.open(arguments.corpus, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    chosen = choose(rows, arguments.posts)
    lines = "".join(
        json.dumps(compact(row), ensure_ascii=False, separators=(",", ":")) + "\n" for row in chosen
    ).encode()
    parameters = zstandard.ZstdCompressionParameters.from_level(
        22, window_log=24, enable_ldm=True, write_checksum=True
    )
    TARGET.write_bytes(zstandard.ZstdCompressor(compression_params=parameters).compress(lines))
    links = sum(1 for row in chosen if row["reply_to"])
    print(f"{len(chosen):,} posts, {links:,} reply links, {len(lines):,} bytes")
    print(f"{TARGET.name}: {TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
