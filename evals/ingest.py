"""A network's traffic through the real processes: how much, how soon found, how soon gone.

    .venv/bin/python -m evals.ingest [--rate 6000] [--seconds 600] [--scale 1,3,10] [--home DIR]
        [--peers] [--json OUT]

``myna ingest -`` reads the traffic (``evals/traffic.py``, written to a file before) from a pipe at
``--rate`` events a second, ``--rate 0`` as fast as it takes them; ``myna serve --role index`` and
``--role embed`` follow. Twice a second a post with a word of its own goes in, and a process with a
``Searcher`` looks for it until it is there; later it is deleted and looked for until it is gone.

``posts_per_s``
    events that were stored durably and could be found, by the seconds from the first to the last;
``fresh_p50_s``, ``fresh_p99_s``, ``delete_p99_s``
    from giving the event to the source until a search in another process finds it, or no more;
``rss_mb``
    all processes together at their highest; PostgreSQL's shared memory is counted once;
``disk_mb_per_million``
    of the store (its write-ahead log apart) and the index, for a million events;
``search_p50_ms`` and the like
    of usual searches, one a second, over the run and in its first and last third;
``segments``, ``most_segments``
    of the text index at the end and at most (the course of both is printed);
``vectors_coverage``, ``vectors_behind_s``
    share of the changes that have vectors at the end, and how long the others took after it.

``--scale`` fills the store with so many million posts before each run, ``--home`` keeps it. ``--peers`` puts the same
posts into PostgreSQL's full text, pgvector and SQLite FTS5 (``evals/peers.py``). The feeder's and
the searcher's processor time is in the table: it is taken from the same cores.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from evals.bench import percentile, print_table
from evals.instance import ROOT, Child
from evals.peers import measure_peers
from evals.probes import Feeder, look
from evals.traffic import NETWORK, Traffic, load, write_lines
from myna.db.engine import Database, open_database
from myna.db.posts import last_seq
from myna.index.checkpoint import load_checkpoint
from myna.settings import Settings
from myna.telemetry import configure_logging

SAMPLE_S = 2.0
UNPACED_EVENTS = 400_000
USUAL_S = 1.0
"""Between two usual searches."""
DRAIN_S = 600.0


@dataclass
class Sample:
    """The processes at one moment."""

    second: float
    rss_mb: float
    cpu_s: dict[str, float]
    """Role → processor seconds so far."""
    lag: int
    """Changes that are stored and cannot be found yet."""
    segments: int


@dataclass
class Watched:
    """What is measured of one run."""

    settings: Settings
    db: Database
    roles: dict[str, int]
    """Name → process number."""
    samples: list[Sample] = field(default_factory=list)
    began: float = 0.0
    used: dict[tuple[str, int, float], float] = field(default_factory=dict)
    """Processor seconds of each process that was there: a server's workers come and go."""

    def sample(self) -> None:
        """Take a sample now."""
        rss = 0.0
        for name, process in self._processes():
            with suppress(psutil.Error):
                times = process.cpu_times()
                self.used[name, process.pid, process.create_time()] = times.user + times.system
                if name not in ("feeder", "searcher"):
                    shared = name == "postgres"
                    memory = process.memory_full_info()
                    rss += memory.pss if shared else memory.rss
        cpu: dict[str, float] = {}
        for (name, _, _), seconds in self.used.items():
            cpu[name] = cpu.get(name, 0.0) + seconds
        self.samples.append(
            Sample(
                time.monotonic() - self.began,
                rss / 1e6,
                cpu,
                max(0, stored(self.db) - indexed(self.settings)),
                segments(self.settings),
            )
        )

    def _processes(self) -> Iterator[tuple[str, psutil.Process]]:
        for name, pid in self.roles.items():
            with suppress(psutil.Error):
                yield name, psutil.Process(pid)
        data = self.settings.database_dir
        for process in psutil.process_iter(["name"]):
            with suppress(psutil.Error, OSError):
                if process.info["name"] == "postgres" and Path(process.cwd()) == data:
                    yield "postgres", process


def stored(db: Database) -> int:
    """The number of the latest change in the store."""
    with db.begin() as conn:
        return last_seq(conn)


def indexed(settings: Settings) -> int:
    """The number up to which the text index has all changes."""
    checkpoint = load_checkpoint(settings.index_dir / "text.json")
    return checkpoint.seq if checkpoint else 0


def embedded(settings: Settings) -> int:
    """How many changes the embedder has seen to."""
    checkpoint = load_checkpoint(settings.index_dir / "vectors.json")
    return sum(to - after for after, to in checkpoint.done) if checkpoint else 0


def segments(settings: Settings) -> int:
    """Segments of the text index."""
    checkpoint = load_checkpoint(settings.index_dir / "text.json")
    with suppress(OSError, ValueError, AttributeError):
        meta = settings.index_dir / checkpoint.generation / "meta.json"  # pyright: ignore[reportOptionalMemberAccess]
        return len(json.loads(meta.read_text())["segments"])
    return 0


def disk_mb(*folders: Path) -> float:
    """Megabytes under the folders, the write-ahead log left out."""
    total = 0
    for folder in folders:
        for path in folder.rglob("*"):
            with suppress(OSError):
                if path.is_file() and "pg_wal" not in path.parts:
                    total += path.stat().st_blocks * 512
    return total / 1e6


def run(settings: Settings, lines: Path, rate: float, seconds: float) -> dict[str, Any]:
    """One run against the store as it is; its figures."""
    env = {"MYNA_HOME": str(settings.home), "MYNA_DEMO": "0", "MYNA_LOG_LEVEL": "warning"}
    env |= {"MALLOC_ARENA_MAX": "2", "MALLOC_TRIM_THRESHOLD_": "131072"}
    myna = [sys.executable, "-m", "myna"]
    spawn = multiprocessing.get_context("spawn")
    probes, times = spawn.Queue(), spawn.Queue()
    db = open_database(settings)
    with ExitStack() as stack:
        stack.callback(db.dispose)
        index, embed = (
            stack.enter_context(
                Child([*myna, "serve", "--role", role], settings.home / f"{role}.log", **env)
            )
            for role in ("index", "embed")
        )
        wait_until(lambda: indexed(settings) >= stored(db), DRAIN_S)
        before = stored(db)
        source = subprocess.Popen(
            [*myna, "ingest", "-", "--network", NETWORK, "--json"],
            cwd=ROOT,
            env=os.environ | env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(settings.home / "source.log").open("ab"),
        )
        searcher = spawn.Process(target=look, args=(settings, probes, times, USUAL_S))
        searcher.start()
        assert searcher.pid is not None
        roles = {"source": source.pid, "index": index.process.pid, "embed": embed.process.pid}
        roles |= {"searcher": searcher.pid, "feeder": os.getpid()}
        time.sleep(2.0)  # both have imported what they need
        watched = Watched(settings, db, roles, began=time.monotonic())
        watched.sample()
        feeder = Feeder(lines, source.stdin, rate, seconds, probes)
        feeding = threading.Thread(target=feeder.run)
        feeding.start()
        while feeding.is_alive():
            feeding.join(SAMPLE_S)
            watched.sample()
        assert source.stdout is not None
        summary = json.loads(source.stdout.read() or b"{}")
        source.wait()
        wait_until(lambda: indexed(settings) >= stored(db), DRAIN_S)
        took = time.monotonic() - watched.began
        watched.sample()
        coverage = embedded(settings) / max(1, stored(db))
        ended = time.monotonic()
        if coverage < 1 and 0 < rate <= 300:
            wait_until(lambda: embedded(settings) >= stored(db), 120)
        behind = time.monotonic() - ended
        probes.put(None)
        found: dict[str, list[Any]] = {"found": [], "gone": [], "usual": []}
        while (told := times.get()) is not None:
            found[told[0]].append(told[1])
        searcher.join()
    first, last = watched.samples[0], watched.samples[-1]
    cpu = {role: used - first.cpu_s.get(role, 0.0) for role, used in sorted(last.cpu_s.items())}
    changes = stored_after(settings) - before
    events = int(summary.get("accepted", 0))
    show_course(watched)
    return {
        "events": events,
        "posts_per_s": events / took,
        "fresh_p50_s": percentile(found["found"], 0.5),
        "fresh_p99_s": percentile(found["found"], 0.99),
        "fresh_max_s": max(found["found"], default=0.0),
        "delete_p99_s": percentile(found["gone"], 0.99),
        "probes": len(found["found"]) + len(found["gone"]),
        **usual_searches(found["usual"]),
        "changes": changes,
        "rss_mb": max(sample.rss_mb for sample in watched.samples),
        "rss_end_mb": last.rss_mb,
        "vectors_coverage": coverage,
        "vectors_behind_s": behind,
        "source_late_s": feeder.late_s,
        "segments": last.segments,
        "most_segments": max(sample.segments for sample in watched.samples),
        "most_lag": max(sample.lag for sample in watched.samples),
        "cpu_us_per_event": {
            role: round(seconds / max(1, events) * 1e6, 1) for role, seconds in cpu.items()
        },
    }


def usual_searches(times: Sequence[tuple[float, float]]) -> dict[str, float]:
    """Searches as people type them, over the run and in its first and last third."""
    ended = max((at for at, _ in times), default=0.0)
    third = {
        "": [took for _, took in times],
        "_first": [took for at, took in times if at <= ended / 3],
        "_last": [took for at, took in times if at >= ended * 2 / 3],
    }
    return {
        f"search_p{share}{name}_ms": percentile(some, share / 100) * 1000
        for name, some in third.items()
        for share in (50, 99)
    }


def stored_after(settings: Settings) -> int:
    """The number of the latest change, when nothing is attached any more."""
    db = open_database(settings)
    try:
        return stored(db)
    finally:
        db.dispose()


def show_course(watched: Watched) -> None:
    """How lag, segments, memory and processor time went over the run, in twelve rows."""
    samples = watched.samples
    step = max(1, len(samples) // 12)
    rows = []
    for before, after in zip(samples[::step], samples[step::step], strict=False):
        seconds = max(after.second - before.second, 1e-9)
        rows.append(
            {
                "second": round(after.second),
                "lag": after.lag,
                "segments": after.segments,
                "rss_mb": round(after.rss_mb),
                **{
                    f"{role}_cores": round(
                        max(0.0, after.cpu_s.get(role, 0.0) - before.cpu_s.get(role, 0.0))
                        / seconds,
                        2,
                    )
                    for role in sorted({role for sample in samples for role in sample.cpu_s})
                },
            }
        )
    print_table(rows)


def wait_until(done: Any, limit_s: float) -> None:
    """Wait until ``done()`` holds.

    Raises:
        SystemExit: it does not within ``limit_s``.
    """
    limit = time.monotonic() + limit_s
    while not done():
        if time.monotonic() > limit:
            raise SystemExit(f"the index did not catch up within {limit_s:.0f} s")
        time.sleep(0.05)


def main() -> None:
    """Run, print the tables, write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=6_000, help="events a second; 0: unpaced")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--scale", default="0", help="million posts to begin with: 0 or 1,3,10")
    parser.add_argument("--peers", action="store_true", help="PostgreSQL and SQLite beside it")
    parser.add_argument("--peer-posts", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--home", type=Path, help="a home to fill, or one filled before; it stays")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    configure_logging("warning")
    home = args.home or Path(tempfile.mkdtemp(prefix="myna-ingest-"))
    home.mkdir(parents=True, exist_ok=True)
    settings = Settings(home=home, demo=False)
    count = int(args.rate * args.seconds * 1.02) if args.rate else UNPACED_EVENTS
    result: dict[str, Any] = {"rate": args.rate, "seconds": args.seconds, "seed": args.seed}
    try:
        rows: list[dict[str, Any]] = []
        for number, millions in enumerate(float(part) for part in args.scale.split(",")):
            lines = home / "lines.jsonl"
            write_lines(lines, count, args.seed + 1 + number + stored_after(settings))
            wanted = int(millions * 1e6)
            if (missing := wanted - stored_after(settings)) > 0:
                load(settings, Traffic(args.seed + 100 + wanted).posts(missing))
            begins_with = stored_after(settings)
            row = run(settings, lines, args.rate, args.seconds)
            row["disk_mb_per_million"] = (
                disk_mb(settings.database_dir, settings.index_dir)
                / max(1, stored_after(settings))
                * 1e6
            )
            rows.append({"begins_with": begins_with, **row})
        print()
        print_table([{k: v for k, v in row.items() if not isinstance(v, dict)} for row in rows])
        print_table([{"cpu µs an event": "", **row["cpu_us_per_event"]} for row in rows])
        result |= rows[-1]
        if len(rows) > 1:
            result["scale"] = rows
        if args.peers:
            result["peers"] = measure_peers(args.peer_posts, args.seed)
            print()
            print_table(result["peers"])
        if args.json:
            args.json.write_text(json.dumps(result, indent=2) + "\n")
    finally:
        if not args.home:
            shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
