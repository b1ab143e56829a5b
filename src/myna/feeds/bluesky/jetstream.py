"""Jetstream's JSON, both versions: from a message to its events. Pure.

Nine of ten messages are likes and reposts, or of collections that Myna does not read. So the
envelope is decoded with the record left as it is, and of a like only its subject is read.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import zstandard

from myna.feeds.bluesky import records
from myna.feeds.bluesky.message import BadMessage, Message, Notice, StreamRefused
from myna.feeds.bluesky.place import Protocol, of_microseconds
from myna.post import Engagement, Event, Kind

MAX_MESSAGE_BYTES = 8 << 20
"""No record is as large (a repository's operation has at most 2 MB)."""

_NO_RECORD = msgspec.Raw(b"")


class _Commit(msgspec.Struct, gc=False):
    operation: str
    collection: str
    rkey: str
    rev: str = ""
    record: msgspec.Raw = _NO_RECORD


class _Event1(msgspec.Struct):
    did: str
    time_us: int
    kind: str
    commit: _Commit | None = None
    identity: dict[str, Any] | None = None
    account: dict[str, Any] | None = None


class _Payload2(msgspec.Struct, rename={"type": "$type"}):
    type: str
    seq: int = 0
    did: str = ""
    time: str = ""
    witnessedAt: str | None = None
    rev: str = ""
    operation: str = ""
    collection: str = ""
    rkey: str = ""
    record: msgspec.Raw = _NO_RECORD
    identity: dict[str, Any] | None = None
    account: dict[str, Any] | None = None
    name: str = ""


class _Frame2(msgspec.Struct, rename={"type": "$type"}):
    type: str
    payload: _Payload2 | None = None
    error: str = ""


class _Subject(msgspec.Struct, gc=False):
    uri: str


class _Engagement(msgspec.Struct, gc=False):
    subject: _Subject


_decode_1 = msgspec.json.Decoder(_Event1).decode
_decode_2 = msgspec.json.Decoder(_Frame2).decode
_decode_engagement = msgspec.json.Decoder(_Engagement).decode
_decode_record = msgspec.json.Decoder(dict[str, Any]).decode
_PREFIX = "network.bsky.jetstream.subscribeEvents#"


class Jetstream:
    """Decodes the messages of one connection."""

    def __init__(
        self,
        network: str,
        protocol: Protocol,
        host: str,
        dictionary: zstandard.ZstdCompressionDict | None = None,
    ) -> None:
        """With a ``dictionary``, binary messages are compressed with it."""
        self._network = network
        self._prefix = f"{protocol} {host} "
        self._decompressor = (
            zstandard.ZstdDecompressor(dict_data=dictionary) if dictionary else None
        )
        self.decode = self._first if protocol is Protocol.JETSTREAM_1 else self._second

    def _first(self, data: bytes) -> Message | Notice:
        """A message of v1.

        Raises:
            BadMessage: it is none.
        """
        try:
            told = _decode_1(data)
        except msgspec.MsgspecError:
            raise BadMessage("is not an event of Jetstream v1") from None
        message = Message(told.time_us, f"{self._prefix}{told.time_us}")
        if told.commit is not None:
            message.events = self._events(told.did, told.commit, told.time_us)
        elif told.account is not None:
            message.events = records.account(self._network, told.did, told.account)
        elif told.identity is not None:
            message.events = records.identity(self._network, told.did, told.identity)
            message.renamed = told.did
        return message

    def _second(self, data: bytes) -> Message | Notice:
        """A message of v2, compressed or not.

        Raises:
            BadMessage: it is none. StreamRefused: the host ends the stream.
        """
        if data[:4] == zstandard.FRAME_HEADER and self._decompressor:
            try:
                data = self._decompressor.decompress(data, max_output_size=MAX_MESSAGE_BYTES)
            except zstandard.ZstdError:
                raise BadMessage("cannot be decompressed") from None
        try:
            frame = _decode_2(data)
        except msgspec.MsgspecError:
            raise BadMessage("is not a message of Jetstream v2") from None
        told = frame.payload
        if told is None:
            if frame.type == "error":
                raise StreamRefused(frame.error or "unknown error")
            raise BadMessage("is not a message of Jetstream v2")
        if told.type == _PREFIX + "info":
            return Notice(told.name)
        time = told.witnessedAt or told.time
        message = Message(told.seq, f"{self._prefix}{told.seq} {time}")
        match told.type:
            case "network.bsky.jetstream.subscribeEvents#commit":
                message.events = self._events(told.did, told, time)
            case "network.bsky.jetstream.subscribeEvents#account":
                message.events = records.account(self._network, told.did, told.account or {})
            case "network.bsky.jetstream.subscribeEvents#identity":
                message.events = records.identity(self._network, told.did, told.identity or {})
                message.renamed = told.did
            case "network.bsky.jetstream.subscribeEvents#sync":
                message.diverged = told.did
        return message

    def _events(self, did: str, commit: _Commit | _Payload2, seen: int | str) -> list[Event]:
        collection, deleted = commit.collection, commit.operation == "delete"
        how = records.ENGAGED.get(collection)
        if how is not None:
            uri = records.uri_of(did, collection, commit.rkey)
            if deleted:
                return [Event(Kind.WITHDRAW, self._network, uri)]
            try:
                subject = _decode_engagement(commit.record).subject.uri
            except msgspec.MsgspecError:
                return []
            return [Event(Kind.ENGAGE, self._network, uri, told=Engagement(subject, how))]
        if collection not in records.READ:
            return []
        record = None
        if not deleted:
            try:
                record = _decode_record(commit.record)
            except msgspec.MsgspecError:
                raise BadMessage("has a record that is not a JSON object") from None
        operation = records.Operation(
            self._network, did, commit.operation, collection, commit.rkey, commit.rev, _time(seen)
        )
        return records.events_of(operation, record)


def _time(seen: int | str) -> datetime:
    """When the network saw it: microseconds (v1) or ISO 8601 (v2)."""
    if isinstance(seen, int):
        return of_microseconds(seen) or records.NOWHEN
    try:
        return datetime.fromisoformat(seen)
    except ValueError:
        return records.NOWHEN
