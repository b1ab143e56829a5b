"""The live networks: how fast a stream is decoded and stored, how soon a post is found and gone.

    .venv/bin/python -m evals.firehose [--events 60000] [--posts 120] [--json OUT]

``decode_per_s``
    messages a second of one core's processor time, from bytes to events, of the recorded traffic of
    the real network (``tests/feeds/bluesky/data``): Jetstream v1, v2, v2 with a dictionary, and
    relay frames;
``read_per_s``, ``store_per_s``
    the same through a websocket on this machine, and through it into PostgreSQL; the sender, a fake
    host in a process of its own, takes processor time beside it;
``found_p50_s`` … ``gone_p99_s``
    on a real PDS (``tests/atproto``): from sending ``createRecord`` or ``deleteRecord`` to it until a
    search in another process finds the post, or no more. ``myna ingest`` reads and indexes; posts
    come about twice a second. The PDS's own work is in the time.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import zstandard

from evals.bench import percentile, print_table
from evals.ingest import wait_until
from evals.instance import Child
from evals.probes import look, word_of
from myna.db.connections import save_connection
from myna.db.engine import Database, open_database
from myna.db.posts import counts, find_post
from myna.feeds.bluesky.frames import Frames
from myna.feeds.bluesky.jetstream import Jetstream
from myna.feeds.bluesky.place import Protocol, Target
from myna.feeds.bluesky.stream import Stream
from myna.feeds.ingest import run_source
from myna.feeds.source import Record
from myna.settings import Settings
from myna.telemetry import configure_logging
from tests.atproto.network import AtNetwork, at_network
from tests.feeds.bluesky.fake_host import FakeHost, running
from tests.feeds.bluesky.recorded import as_2, events_1, frames

NETWORK = "bluesky"
DECODE_S = 3.0
PACE_S = 0.5
DELETED_AFTER_S = 6.0


def decoded() -> list[dict[str, Any]]:
    """How fast each form is decoded."""
    first = events_1()
    second = [as_2(number, json.loads(data)) for number, data in enumerate(first, 1)]
    dictionary = zstandard.train_dictionary(64_000, second * 8)  # pyright: ignore[reportArgumentType]
    compressor = zstandard.ZstdCompressor(dict_data=dictionary)
    version_2 = Protocol.JETSTREAM_2
    forms: dict[str, tuple[Callable[[bytes], object], Sequence[bytes]]] = {
        "jetstream v1": (Jetstream(NETWORK, Protocol.JETSTREAM_1, "h").decode, first),
        "jetstream v2": (Jetstream(NETWORK, version_2, "h").decode, second),
        "jetstream v2, compressed": (
            Jetstream(NETWORK, version_2, "h", dictionary).decode,
            [compressor.compress(data) for data in second],
        ),
        "relay frames": (Frames(NETWORK, Protocol.RELAY, "h").decode, frames()),
    }
    return [
        {
            "form": name,
            "decode_per_s": _rate(decode, messages),
            "bytes": sum(map(len, messages)) // len(messages),
        }
        for name, (decode, messages) in forms.items()
    ]


def _rate(decode: Callable[[bytes], object], messages: Sequence[bytes]) -> int:
    for data in messages:
        decode(data)
    count, began = 0, time.process_time()
    while time.process_time() - began < DECODE_S:
        for data in messages:
            decode(data)
        count += len(messages)
    return round(count / (time.process_time() - began))


def _messages(count: int, seed: int) -> list[tuple[int, str | bytes]]:
    """The recorded events over and over, each time of other records, a like of a post that is there
    for every second like."""
    rng = random.Random(seed)
    recorded = [json.loads(data) for data in events_1()]
    posts: list[str] = []
    made: list[tuple[int, str | bytes]] = []
    began = datetime.now(UTC) - timedelta(hours=1)
    for number in range(1, count + 1):
        event = json.loads(json.dumps(recorded[number % len(recorded)]))
        event["time_us"] = int((began.timestamp() + number / 400) * 1e6)
        commit = event.get("commit")
        if commit and commit["operation"] == "create":
            commit["rkey"] = f"{number:013}"
            if commit["collection"] == "app.bsky.feed.post":
                posts.append(f"at://{event['did']}/app.bsky.feed.post/{commit['rkey']}")
            elif "uri" in str(commit["record"].get("subject")) and posts and number % 2:
                commit["record"]["subject"]["uri"] = rng.choice(posts[-5_000:])
        made.append((number, as_2(number, event)))
    return made


def _send(count: int, seed: int, port: Any) -> None:
    """The sender's process."""
    with running(FakeHost(Protocol.JETSTREAM_2, _messages(count, seed))) as host:
        port.put(host.port)
        port.get()


def streamed(count: int, seed: int, db: Database) -> dict[str, Any]:
    """How fast messages are read from a websocket, and how fast they get into the store."""
    spawn = multiprocessing.get_context("spawn")
    port = spawn.Queue()
    sender = spawn.Process(target=_send, args=(count, seed, port))
    sender.start()
    target = Target(f"ws://127.0.0.1:{port.get()}", Protocol.JETSTREAM_2)
    cursor = f"v2 {target.host} 0 {datetime.now(UTC).isoformat()}"
    events, began, used = 0, time.monotonic(), time.process_time()
    for record in Stream("unread", [target]).read(cursor):
        if record is not None:
            events += record.event is not None
            if _number(record.cursor) >= count - 100:
                break
    read_s, read_cpu_s = time.monotonic() - began, time.process_time() - used

    class Whole(Stream):
        """It ends with the last message."""

        def read(self, cursor: str) -> Any:
            for record in super().read(cursor or start):
                yield record
                if isinstance(record, Record) and _number(record.cursor) >= count - 100:
                    return

    start = cursor
    began, used = time.monotonic(), time.process_time()
    run_source(db, Whole(NETWORK, [target]))
    store_s, store_cpu_s = time.monotonic() - began, time.process_time() - used
    with db.begin() as conn:
        posts = counts(conn).posts
    port.put(None)
    sender.join()
    return {
        "messages": count,
        "events": events,
        "posts": posts,
        "read_per_s": round(count / read_s),
        "read_cpu_us": round(read_cpu_s / count * 1e6, 1),
        "store_per_s": round(count / store_s),
        "store_cpu_us": round(store_cpu_s / count * 1e6, 1),
    }


def _number(cursor: str) -> int:
    return int(cursor.split()[2])


def followed(posts: int, settings: Settings, network: AtNetwork) -> dict[str, Any]:
    """How soon a post on the PDS is found, and gone after it was deleted there."""
    db = open_database(settings)
    env = {"MYNA_HOME": str(settings.home), "MYNA_DEMO": "0", "MYNA_LOG_LEVEL": "warning"}
    spawn = multiprocessing.get_context("spawn")
    probes, times = spawn.Queue(), spawn.Queue()
    author = network.account("prober")
    with ExitStack() as stack:
        stack.callback(db.dispose)
        with db.begin() as conn:
            save_connection(
                conn,
                name=NETWORK,
                kind="bluesky",
                settings={
                    "stream": network.stream,
                    "fallbacks": [],
                    "labels": "",
                    "relay": "",
                    "appview": "",
                    "plc": network.plc,
                    "hours": 0,
                },
                sealed=None,
                now=datetime.now(UTC),
            )
        command = [sys.executable, "-m", "myna", "ingest"]
        stack.enter_context(Child(command, settings.home / "ingest.log", **env))
        searcher = spawn.Process(target=look, args=(settings, probes, times))
        searcher.start()

        def is_read() -> bool:
            uri = author.post("is it read yet?")
            time.sleep(0.5)
            with db.begin() as conn:
                return find_post(conn, NETWORK, uri) is not None

        wait_until(is_read, 60)
        time.sleep(3.0)
        said: list[tuple[float, int, str]] = []
        for number in range(posts):
            began = time.monotonic()
            probes.put(("found", word_of("", number), began))
            said.append((began, number, author.post(f"a post with {word_of('', number)} in it")))
            if said[0][0] < began - DELETED_AFTER_S and number % 2:
                _, old, uri = said.pop(0)
                probes.put(("gone", word_of("", old), time.monotonic()))
                author.delete(uri)
            time.sleep(max(0.0, PACE_S - (time.monotonic() - began)))
        probes.put(None)
        found: dict[str, list[float]] = {"found": [], "gone": []}
        while (told := times.get()) is not None:
            found[told[0]].append(told[1])
        searcher.join()
    return {
        "posts": len(found["found"]),
        "found_p50_s": percentile(found["found"], 0.5),
        "found_p99_s": percentile(found["found"], 0.99),
        "deletions": len(found["gone"]),
        "gone_p50_s": percentile(found["gone"], 0.5),
        "gone_p99_s": percentile(found["gone"], 0.99),
    }


def main() -> None:
    """Run, print the tables, write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=60_000, help="sent over the websocket")
    parser.add_argument("--posts", type=int, default=120, help="written on the PDS")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    configure_logging("warning")
    decoding = decoded()
    print_table(decoding)
    result: dict[str, Any] = {
        "decode_per_s": {row["form"]: row["decode_per_s"] for row in decoding}
    }
    with tempfile.TemporaryDirectory(prefix="myna-firehose-") as home:
        db = open_database(Settings(home=Path(home), demo=False))
        try:
            row = streamed(args.events, args.seed, db)
        finally:
            db.dispose()
    print_table([row])
    result |= row
    if args.posts:
        with tempfile.TemporaryDirectory(prefix="myna-firehose-") as home, at_network() as network:
            row = followed(args.posts, Settings(home=Path(home), demo=False), network)
        print_table([row])
        result |= {"pds": row}
    if args.json:
        args.json.write_text(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
