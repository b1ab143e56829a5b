"""The bot under faults: does each mention get one reply, whatever breaks?

    .venv/bin/python -m evals.bot [--mentions 500] [--json OUT]

On a real PDS (``tests/atproto``), a process with the bot answers mentions while it is killed
(``kill -9``) at random, and its requests are refused (500, 429), lost before they arrive, or lost after
they were carried out. The answers are fixed ones of one to three posts: no model is asked. In the end the
posts of Myna's account are counted by what they reply to.

``answered_once``, ``doubles``, ``missed``
    mentions with one chain of replies, with more than one, with none or a part of one;
``reply_p50_s``, ``reply_p99_s``
    without faults, one after the other: from sending the mention to the PDS until its reply is there.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from evals.bench import print_table
from evals.instance import ROOT
from evals.mentions import (
    NETWORK,
    answered_one_by_one,
    breakdown,
    make_bot,
    mention,
    summary,
    told_of,
)
from myna.db.engine import Database, open_database
from myna.db.mentions import count_mentions
from myna.db.posts import find_post
from myna.errors import SourceError
from myna.feeds.bluesky.place import targets_of
from myna.feeds.bluesky.server import Refused, Server
from myna.feeds.bluesky.stream import Stream
from myna.feeds.ingest import run_live
from myna.settings import Settings
from myna.telemetry import configure_logging
from tests.atproto.network import AtNetwork, at_network

ASKERS = 20
FAULTS = {"lost before": 0.06, "lost after": 0.06, "500": 0.04, "429": 0.04}
LIFE_S = (3.0, 9.0)
"""How long a process lives, its start of one or two seconds among it."""
GIVE_UP_S = 400.0


def parts_for(number: int) -> int:
    """Of the answer to a question."""
    return (1, 1, 2, 3)[number % 4]


def break_requests(seed: int) -> None:
    """From now on requests that write may fail."""
    rng = random.Random(seed)
    post = Server.post

    def faulty(self: Server, method: str, *words: Any, **more: Any) -> Any:
        dice = rng.random()
        for name, share in FAULTS.items():
            dice -= share
            if dice < 0 and method.endswith("createRecord"):
                if name == "lost after":
                    post(self, method, *words, **more)
                if name.isdecimal():
                    raise Refused("no", status=int(name), name="", retry_after_s=0.1)
                raise SourceError("no answer in time")
        return post(self, method, *words, **more)

    Server.post = faulty  # type: ignore[method-assign]


def work(home: Path, told: dict[str, str], seed: int) -> None:
    """The process that is killed."""
    configure_logging("error")
    break_requests(seed)
    db = open_database(Settings(home=home, demo=False), migrate=False)
    make_bot(db, told).run(threading.Event())


def replies(told: dict[str, str]) -> list[dict[str, Any]]:
    """All that Myna's account has posted."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = Server(told["pds"]).get(
            "com.atproto.repo.listRecords",
            {
                "repo": told["did"],
                "collection": "app.bsky.feed.post",
                "limit": 100,
                **({"cursor": cursor} if cursor else {}),
            },
        )
        found += page["records"]
        cursor = page.get("cursor") or ""
        if not cursor or not page["records"]:
            return found


def judged(told: dict[str, str], asked: list[tuple[int, str]]) -> dict[str, int]:
    """Which mentions have one whole chain of replies."""
    below: dict[str, list[str]] = {}
    for one in replies(told):
        below.setdefault(one["value"]["reply"]["parent"]["uri"], []).append(one["uri"])
    result = Counter(answered_once=0, doubles=0, missed=0)
    for number, uri in asked:
        chain, here = 0, uri
        doubled = False
        while here in below:
            doubled = doubled or len(below[here]) > 1
            here = below[here][0]
            chain += 1
        if doubled:
            result["doubles"] += 1
        elif chain == parts_for(number):
            result["answered_once"] += 1
        else:
            result["missed"] += 1
    return dict(result)


def under_faults(
    home: Path, db: Database, network: AtNetwork, told: dict[str, str], count: int, seed: int
) -> dict[str, Any]:
    """Ask, break, kill, and count."""
    rng = random.Random(seed)
    askers = [network.account("asker") for _ in range(ASKERS)]
    asked: list[tuple[int, str]] = []
    command = [sys.executable, "-m", "evals.bot", "--worker", str(home), json.dumps(told)]
    kills, began = 0, time.monotonic()
    with db.begin() as conn:
        before = sum(count_mentions(conn, NETWORK).values())
    states: dict[str, int] = {}

    def ask() -> None:
        for number in range(count):
            asked.append((number, mention(askers[number % ASKERS], told, number)))

    asking = threading.Thread(target=ask)
    asking.start()
    while time.monotonic() - began < GIVE_UP_S:
        process = subprocess.Popen([*command, str(rng.randrange(2**31))], cwd=ROOT)
        until = time.monotonic() + rng.uniform(*LIFE_S)
        while time.monotonic() < until and process.poll() is None:
            time.sleep(0.02)
        with db.begin() as conn:
            states = count_mentions(conn, NETWORK)
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += 1
        ended = sum(states.get(one, 0) for one in ("sent", "refused", "failed"))
        if not asking.is_alive() and ended >= before + count:
            break
    asking.join()
    return {
        "mentions": count,
        **judged(told, asked),
        "kills": kills,
        "seconds": round(time.monotonic() - began, 1),
        "states": states,
    }


def main() -> None:
    """Run, print the table, write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mentions", type=int, default=500)
    parser.add_argument("--quick", type=int, default=40, help="mentions without faults")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        home, told, seed = args.worker
        work(Path(home), json.loads(told), int(seed))
        return
    configure_logging("error")
    with tempfile.TemporaryDirectory(prefix="myna-bot-") as folder, at_network() as network:
        db = open_database(Settings(home=Path(folder), demo=False))
        told = told_of(network, network.account("myna"))
        stop = threading.Event()
        stream = Stream(NETWORK, targets_of(network.stream), stop=stop)
        reading = threading.Thread(target=run_live, args=(db, stream, stop))
        reading.start()
        try:
            first = ""
            while not first:
                uri = network.account("first").post("is it read?")
                time.sleep(0.3)
                with suppress(SourceError), db.begin() as conn:
                    first = uri if find_post(conn, NETWORK, uri) else ""
            make_bot(db, told).follow()
            took = answered_one_by_one(db, network, told, args.quick)
            row = under_faults(Path(folder), db, network, told, args.mentions, args.seed)
        finally:
            stop.set()
            reading.join()
            db.dispose()
    row |= summary(took)
    print_table([row])
    print_table(breakdown(took))
    if args.json:
        args.json.write_text(json.dumps(row, indent=2))


if __name__ == "__main__":
    main()
