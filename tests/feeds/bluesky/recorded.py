"""What a relay sent and what Jetstream made of it, recorded on the real network (see data/)."""

from __future__ import annotations

import io
import json
import struct
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import zstandard

_DATA = Path(__file__).parent / "data"


def _read(name: str) -> bytes:
    return (
        zstandard.ZstdDecompressor().stream_reader(io.BytesIO((_DATA / name).read_bytes())).read()
    )


def frames() -> list[bytes]:
    """150 frames of a relay's subscribeRepos, one after the other."""
    data, found, place = _read("frames.bin.zst"), [], 0
    while place < len(data):
        (size,) = struct.unpack_from("<I", data, place)
        found.append(data[place + 4 : place + 4 + size])
        place += 4 + size
    return found


def events_1() -> list[bytes]:
    """The 152 events of Jetstream v1 of the same window."""
    return _read("expected_v1.jsonl.zst").splitlines()


def as_2(number: int, event: dict[str, Any]) -> bytes:
    """An event of v1 as v2 sends it, numbered: the same facts in v2's envelope."""
    kind = event["kind"]
    seconds, micros = divmod(event["time_us"], 1_000_000)
    time = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{micros:06}Z"
    payload = {
        "$type": f"network.bsky.jetstream.subscribeEvents#{kind}",
        "seq": number,
        "did": event["did"],
        "time": time,
    }
    payload |= event["commit"] if kind == "commit" else {kind: event[kind]}
    return json.dumps({"$type": "message", "payload": payload}).encode()
