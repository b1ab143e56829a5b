"""Where a stream stands, as the text that is stored. Pure.

Jetstream v1 counts in microseconds, which mean the same on every host; v2 and the relays number
what they give, each host for itself. So a place has both where there are both, and another host goes
on by the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from myna.errors import InvalidRequest

REWIND = timedelta(seconds=5)
"""How far back a stream begins that goes on by the time: hosts see things at different times, and
v1 gives them not quite in order."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Protocol(StrEnum):
    """How a host speaks."""

    JETSTREAM_2 = "v2"
    JETSTREAM_1 = "v1"
    RELAY = "relay"
    LABELS = "labels"


FRAMED = frozenset({Protocol.RELAY, Protocol.LABELS})
"""Those that speak in frames of DAG-CBOR."""

PATHS = {
    Protocol.JETSTREAM_2: "/xrpc/network.bsky.jetstream.subscribeEvents",
    Protocol.JETSTREAM_1: "/subscribe",
    Protocol.RELAY: "/xrpc/com.atproto.sync.subscribeRepos",
    Protocol.LABELS: "/xrpc/com.atproto.label.subscribeLabels",
}


@dataclass(frozen=True, slots=True)
class Target:
    """A host, and how it speaks."""

    base: str
    """``wss://host`` or ``ws://host:port``, without a path."""
    protocol: Protocol

    @property
    def host(self) -> str:
        """Its name in places and errors."""
        return urlsplit(self.base).netloc

    @property
    def url(self) -> str:
        """Where it streams, without a query."""
        return self.base + PATHS[self.protocol]

    @property
    def http(self) -> str:
        """Where it answers requests."""
        return "http" + self.base.removeprefix("ws")


def targets_of(address: str) -> list[Target]:
    """How to reach ``address``. Without a path it is a Jetstream, v2 where it speaks that.

    Raises:
        InvalidRequest: it is not an address of a stream.
    """
    parts = urlsplit(address)
    path = parts.path.rstrip("/")
    protocols = {where: protocol for protocol, where in PATHS.items()}
    if (
        parts.scheme not in {"wss", "ws"}
        or not parts.hostname
        or (path and path not in protocols)
        or parts.query
        or parts.username is not None
    ):
        raise InvalidRequest(
            "A stream's address is wss://HOST for a Jetstream, or "
            f"wss://HOST{PATHS[Protocol.RELAY]} for a relay or a PDS."
        )
    base = f"{parts.scheme}://{parts.netloc}"
    if path:
        return [Target(base, protocols[path])]
    return [Target(base, Protocol.JETSTREAM_2), Target(base, Protocol.JETSTREAM_1)]


@dataclass(frozen=True, slots=True)
class Place:
    """A stored place."""

    protocol: str
    host: str
    number: int
    """Sequence number; microseconds for v1."""
    time: datetime | None
    """When the network saw what stands there."""

    @classmethod
    def read(cls, cursor: str) -> Place | None:
        """A place from its text; None for the beginning and for what is not one."""
        match cursor.split(" "):
            case [Protocol.JETSTREAM_1, host, number] if number.isdecimal():
                return cls(Protocol.JETSTREAM_1, host, int(number), of_microseconds(int(number)))
            case [protocol, host, number, time] if number.isdecimal():
                try:
                    return cls(protocol, host, int(number), datetime.fromisoformat(time))
                except ValueError:
                    return cls(protocol, host, int(number), None)
        return None

    def is_of(self, target: Target) -> bool:
        """Whether its number means something to ``target``."""
        if target.protocol is Protocol.JETSTREAM_1:
            return self.protocol == Protocol.JETSTREAM_1
        return (self.protocol, self.host) == (target.protocol, target.host)


def time_of(cursor: str) -> datetime | None:
    """When the network saw what stands at a stored place."""
    place = Place.read(cursor)
    return place.time if place else None


def of_microseconds(value: int) -> datetime | None:
    """A time from Jetstream's microseconds."""
    try:
        return _EPOCH + timedelta(microseconds=value)
    except OverflowError:
        return None


def microseconds(time: datetime) -> int:
    """And back."""
    return (time - _EPOCH) // timedelta(microseconds=1)
