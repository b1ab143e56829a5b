"""The live networks: how fast a stream is decoded and stored, how soon a post is found and gone.

    .venv/bin/python -m evals.firehose [--events 60000] [--posts 120] [--json OUT]

``decode_per_s``
    messages a second of one core's processor time, from bytes to events, of the recorded traffic of
    the real network (``tests/feeds/bluesky/data``): Jetstream v1, v2, v2 with a dictionary, and
    relay frames;
``read_per_s``, ``store_per_s``
    the same through a websocket on this machine, and through it into PostgreSQL; the sender, a fake
    host in a process of its own, takes processor time beside it;
``found_p50_s`` … ``honoured_p99_s``
    on a real PDS (``tests/atproto``): from sending ``createRecord`` or ``deleteRecord`` to it until a
    search in another process finds the post, or no more (``gone``), until a stored answer that cites
    it has lost its words (``redacted``), and until both (``honoured``). ``myna ingest`` reads and
    indexes, ``myna serve`` redacts; posts come about twice a second. The PDS's own work is in the time.
``reply_p50_s``, ``reply_p99_s``
    from sending a mention to the PDS until the bot's reply is there, without a model; and the
    middle of each of its stages.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import zstandard

from evals.bench import percentile, print_table
from evals.consent import SAID, store_answer, stored_text
from evals.ingest import wait_until
from evals.instance import Child, free_port
from evals.mentions import NETWORK, answered_one_by_one, breakdown, summary, told_of
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

DECODE_S = 3.0
PACE_S = 0.5
DELETED_AFTER_S = 6.0
REDACTED_POLL_S, REDACTED_GIVE_UP_S = 0.02, 30.0


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


class Redactions:
    """Stored answers, each of which cites a post, looked at until they have lost its words."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._answers: dict[str, UUID] = {}
        self._threads: list[threading.Thread] = []
        self.took: dict[str, float] = {}
        """Word of the post → seconds from its deletion."""

    def store(self, word: str, uri: str) -> bool:
        """An answer that cites a post; False while the post is not there."""
        with self._db.begin() as conn:
            post = find_post(conn, NETWORK, uri)
        if post:
            self._answers[word] = store_answer(self._db, post)
        return post is not None

    def watch(self, word: str, since: float) -> None:
        """Look at a post's answer from its deletion on."""
        thread = threading.Thread(target=self._watch, args=(word, since))
        thread.start()
        self._threads.append(thread)

    def _watch(self, word: str, since: float) -> None:
        while stored_text(self._db, self._answers[word]) == SAID:
            if time.monotonic() - since > REDACTED_GIVE_UP_S:
                break
            time.sleep(REDACTED_POLL_S)
        self.took[word] = time.monotonic() - since

    def close(self) -> None:
        """Wait for the last."""
        for thread in self._threads:
            thread.join()


def followed(
    posts: int, mentions: int, settings: Settings, network: AtNetwork
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """How soon a post on the PDS is found, and after it was deleted there, gone; how soon a mention
    is answered, and where the time goes."""
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
        port = free_port()
        web = [sys.executable, "-m", "myna", "serve"]
        env |= {"MYNA_PORT": str(port), "MYNA_MODEL_URL": "http://127.0.0.1:9/v1"}
        served = stack.enter_context(Child(web, settings.home / "web.log", **env))
        served.wait_for(f"http://127.0.0.1:{port}/api/config", 60)
        searcher = spawn.Process(target=look, args=(settings, probes, times))
        searcher.start()

        def is_read() -> bool:
            uri = author.post("is it read yet?")
            time.sleep(0.5)
            with db.begin() as conn:
                return find_post(conn, NETWORK, uri) is not None

        wait_until(is_read, 60)
        time.sleep(3.0)
        answers = Redactions(db)
        said: list[tuple[float, int, str]] = []
        for number in range(posts):
            began = time.monotonic()
            probes.put(("found", word_of("", number), began))
            said.append((began, number, author.post(f"a post with {word_of('', number)} in it")))
            if said[0][0] < began - DELETED_AFTER_S and number % 2:
                _, old, uri = said.pop(0)
                if answers.store(word_of("", old), uri):
                    since = time.monotonic()
                    probes.put(("gone", word_of("", old), since))
                    author.delete(uri)
                    answers.watch(word_of("", old), since)
            time.sleep(max(0.0, PACE_S - (time.monotonic() - began)))
        probes.put(None)
        seen: dict[str, dict[str, float]] = {"found": {}, "gone": {}}
        while (told := times.get()) is not None:
            seen[told[0]][told[2]] = told[1]
        searcher.join()
        answers.close()
        took: list[dict[str, float]] = []
        if mentions:
            myna = told_of(network, network.account("myna"))
            took = answered_one_by_one(db, network, myna, mentions)
    gone = seen["gone"]
    spans = {
        "found": list(seen["found"].values()),
        "gone": list(gone.values()),
        "redacted": list(answers.took.values()),
        "honoured": [max(gone[word], answers.took[word]) for word in gone],
    }
    row: dict[str, Any] = {"posts": len(seen["found"]), "deletions": len(gone)}
    for name, values in spans.items():
        row |= {f"{name}_p50_s": percentile(values, 0.5), f"{name}_p99_s": percentile(values, 0.99)}
    return row | (summary(took) if took else {}), breakdown(took) if took else []


def main() -> None:
    """Run, print the tables, write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=60_000, help="sent over the websocket")
    parser.add_argument("--posts", type=int, default=120, help="written on the PDS")
    parser.add_argument("--mentions", type=int, default=60, help="answered one after the other")
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
            settings = Settings(home=Path(home), demo=False)
            row, stages = followed(args.posts, args.mentions, settings, network)
        print_table([row])
        print_table(stages)
        result |= {"pds": row, "reply_stages": stages}
    if args.json:
        args.json.write_text(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
