"""Kill, cut and fill: the real processes under load, and what survives.

    python -m evals.faults --kills 200 [--seed 1] [--rate 200] [--json OUT]

Starts PostgreSQL, a source that writes events and notes what was acknowledged, the index, embed
and web roles, in a home of their own (on a small disk in memory where mounting is allowed), then
again and again kills one of them, all of them (with PostgreSQL or but for it), PostgreSQL or one
of its workers with SIGKILL, cuts bytes off an index file or fills the disk, at random moments. Each
time: what ended is started again, a search must find the newest acknowledged post, and the store is
compared with what the acknowledged events come to. At the end every post is compared, and the index
with the store.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from sqlalchemy import text

from evals.bench import percentile, print_table
from evals.fault_stream import (
    NAME,
    expected,
    kind,
    read_acknowledged,
    target,
    uri,
    version,
    word,
)
from evals.fault_tree import Tree, mount, strike
from myna.db.engine import open_database
from myna.db.posts import last_seq, load_cursor, store_id
from myna.errors import MynaError
from myna.index.check import check_text
from myna.index.check_vectors import check_vectors
from myna.index.mend import open_vectors, wait_for_text
from myna.post import Kind

FAULTS = {
    "source": 3,
    "index": 3,
    "embed": 2,
    "web": 2,
    "postmaster": 3,
    "backend": 3,
    "tree": 3,
    "roles": 1,
    "cut": 2,
    "disk": 1,
}
"""Kinds, by how often."""
SERVING_LIMIT_S = 60.0
SLOW_S = 20.0
"""A restart that took longer is shown with the ends of the logs."""
_CHECKED_EVENTS = 4_000


@dataclass(slots=True)
class Outcome:
    """What came of all faults."""

    kills: int = 0
    events: int = 0
    """Acknowledged in all."""
    lost: int = 0
    """Acknowledged, and not so in the store, or not found at the end."""
    doubled: int = 0
    resurrected: int = 0
    """Shown by a search, or live in the store, though the deletion was acknowledged before."""
    searches: int = 0
    index_agrees: bool = False
    restart_s: float = 0.0
    """The longest, from the kill to a search that finds the newest acknowledged post."""
    restarts: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    skipped: list[str] = field(default_factory=list)


class Judge:
    """Searches and compares."""

    def __init__(self, tree: Tree, outcome: Outcome, luck: random.Random) -> None:
        self._tree = tree
        self._outcome = outcome
        self._luck = luck

    def search(self, query: str) -> list[str] | None:
        """URIs that the app finds; None while it does not answer. Deleted ones are counted."""
        before = read_acknowledged(self._tree.acknowledged)
        url = f"http://127.0.0.1:{self._tree.port}/api/search"
        try:
            answer = httpx2.get(url, params={"q": query, "limit": 20}, timeout=5)
        except httpx2.HTTPError:
            return None
        if not answer.is_success:
            return None
        hits = [hit["post"]["uri"] for hit in answer.json()["hits"]]
        self._outcome.searches += 1
        self._outcome.doubled += len(hits) - len(set(hits))
        for hit in hits:
            number = int(hit[1:])
            if number < before and version(number, before) is None:
                self._outcome.resurrected += 1
        return hits

    def wait_until_serving(self, acknowledged: int) -> float:
        """Seconds until a search finds the newest of these events' live posts."""
        began = time.monotonic()
        newest = next(
            number
            for number in range(acknowledged - 1, -1, -1)
            if kind(number) is Kind.CREATE and version(number, acknowledged + 40) is not None
        )
        while time.monotonic() - began < SERVING_LIMIT_S:
            if uri(newest) in (self.search(word(newest)) or ()):
                return time.monotonic() - began
            time.sleep(0.03)
        self._outcome.lost += 1
        return SERVING_LIMIT_S

    def look_around(self) -> None:
        """Search for what is deleted, and for what many posts say."""
        acknowledged = read_acknowledged(self._tree.acknowledged)
        for _ in range(3):
            number = target(self._luck.randrange(max(1, acknowledged)))
            self.search(word(number))
        self.search(self._luck.choice(["winter market", "the silver forest", "copper engine"]))

    def compare(self, start: int) -> None:
        """The store against what the events from ``start`` on come to."""
        database = open_database(self._tree.settings)
        try:
            acknowledged = read_acknowledged(self._tree.acknowledged)
            with database.begin() as conn:
                conn.execute(text("set transaction isolation level repeatable read"))
                state = load_cursor(conn, NAME)
                rows = conn.execute(text("select uri, state, text from posts order by id desc"))
                upto = int(state.cursor) if state else 0
                found: dict[str, str | None] = {}
                for row in rows:
                    number = int(row.uri[1:])
                    if number < start - 200:
                        break
                    self._outcome.doubled += row.uri in found
                    found[row.uri] = row.text if row.state == "live" else None
        finally:
            database.dispose()
        self._outcome.lost += max(0, acknowledged - upto)
        for name, wanted in expected(start, upto).items():
            if name not in found or (wanted is not None and found[name] != wanted):
                self._outcome.lost += 1
            elif wanted is None and found[name] is not None:
                self._outcome.resurrected += 1

    def compare_index(self) -> None:
        """Every document and vector against the store, once all is followed."""
        settings = self._tree.settings
        database = open_database(settings)
        try:
            with database.begin() as conn:
                store = str(store_id(conn))
            found = [check_text(database, settings.index_dir, store)]
            vectors = check_vectors(database, settings.index_dir, store, seed=1)
            found += [vectors] if vectors else []
        finally:
            database.dispose()
        self._outcome.index_agrees = len(found) == 2 and all(one.agrees for one in found)
        for one in found:
            self._outcome.lost += len(one.missing) + len(one.stale)
            self._outcome.doubled += len(one.doubled)
            self._outcome.resurrected += len(one.extra)
            print(f"{one.part}: {one.in_store:,} posts, {one.in_index:,} in it")


def run(
    kills: int,
    *,
    seed: int = 1,
    rate: float = 200,
    seconds_per_kill: float = 1.5,
    faults: dict[str, int] | None = None,
) -> Outcome:
    """Strike ``kills`` times; ``seconds_per_kill`` is the longest quiet time before each."""
    luck, outcome = random.Random(seed), Outcome()
    weights = dict(faults or FAULTS)
    place = Path(tempfile.mkdtemp(prefix="myna-faults-"))
    disk = place / "disk"
    disk.mkdir()
    mounted = mount(disk)
    if not mounted and weights.pop("disk", None):
        outcome.skipped.append("disk: a small disk of its own cannot be mounted here")
    home = disk / "home" if mounted else place / "home"
    home.mkdir(mode=0o711)
    home.parent.chmod(0o711)
    tree = Tree(home, place, rate)
    judge = Judge(tree, outcome, luck)
    try:
        tree.start()
        _wait(lambda: read_acknowledged(tree.acknowledged) > 100)
        judge.wait_until_serving(read_acknowledged(tree.acknowledged))
        kinds = list(weights)
        for number in range(kills):
            time.sleep(luck.uniform(0.05, seconds_per_kill))
            judge.look_around()
            # The first strikes are of each kind once, so that a short run has seen them all.
            fault = (
                kinds[number]
                if number < len(kinds)
                else luck.choices(kinds, list(weights.values()))[0]
            )
            acknowledged = read_acknowledged(tree.acknowledged)
            began = time.monotonic()
            strike(tree, fault, luck)
            if fault == "disk":
                began = time.monotonic()  # it serves again once there is room again
            outcome.kills += 1
            judge.wait_until_serving(acknowledged)
            seconds = time.monotonic() - began
            if seconds > SLOW_S:
                tree.show_logs()
            outcome.restarts.setdefault(fault, []).append(seconds)
            judge.compare(max(0, acknowledged - _CHECKED_EVENTS))
            print(f"{number + 1:>4} {fault:<11}{seconds:6.2f} s  {_verdict(outcome)}", flush=True)
        _finish(tree, judge, outcome)
    finally:
        tree.end()
        if mounted:
            subprocess.run(["umount", "-l", str(disk)], check=False)
        shutil.rmtree(place, ignore_errors=True)
    outcome.restart_s = max((max(each) for each in outcome.restarts.values()), default=0.0)
    return outcome


def _finish(tree: Tree, judge: Judge, outcome: Outcome) -> None:
    """Let the followers come to the end, then compare everything.

    The embed role has the lowest priority there is: on a busy machine it would take for ever, so
    what is left is done here."""
    tree.stop("source")
    outcome.events = read_acknowledged(tree.acknowledged)
    judge.wait_until_serving(outcome.events)
    tree.stop("embed")
    database = open_database(tree.settings)
    try:
        with open_vectors(database, tree.settings) as follower:
            follower.catch_up()
        with database.begin() as conn:
            wait_for_text(database, tree.settings.index_dir, last_seq(conn))
    finally:
        database.dispose()
    judge.compare(0)
    tree.stop()
    judge.compare_index()


def _wait(condition: Callable[[], bool], limit_s: float = 300.0) -> None:
    limit = time.monotonic() + limit_s
    while time.monotonic() < limit:
        with suppress(MynaError):
            if condition():
                return
        time.sleep(0.1)
    raise TimeoutError("The processes do not come up. Their logs are beside the home.")


def _verdict(outcome: Outcome) -> str:
    return f"lost {outcome.lost}, doubled {outcome.doubled}, resurrected {outcome.resurrected}"


def main() -> int:
    """Run, print the table, and fail where anything was lost, doubled or came back."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seconds-per-kill", type=float, default=1.5, help="longest pause")
    parser.add_argument("--rate", type=float, default=200, help="events a second")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="one kind of fault alone: " + ", ".join(FAULTS))
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()
    outcome = run(
        arguments.kills,
        seed=arguments.seed,
        rate=arguments.rate,
        seconds_per_kill=arguments.seconds_per_kill,
        faults={arguments.only: 1} if arguments.only else None,
    )
    print()
    print_table(
        [
            {
                "fault": name,
                "times": len(seconds),
                "restart_p50_s": percentile(seconds, 0.5),
                "restart_max_s": max(seconds),
            }
            for name, seconds in outcome.restarts.items()
        ]
    )
    print(
        f"\n{outcome.kills} faults, {outcome.events:,} events, {outcome.searches:,} searches: ",
        end="",
    )
    print(f"{_verdict(outcome)}, index agrees: {outcome.index_agrees}")
    for line in outcome.skipped:
        print(line)
    if arguments.json:
        figures: dict[str, Any] = asdict(outcome)
        arguments.json.write_text(json.dumps(figures, indent=2))
    sound = outcome.index_agrees and not (outcome.lost or outcome.doubled or outcome.resurrected)
    return 0 if sound else 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
