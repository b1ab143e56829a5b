"""Frames of a relay or a PDS (``subscribeRepos``) and of a labeller (``subscribeLabels``): from
bytes to events. Pure.

A frame is two DAG-CBOR values, a header and a body; a commit carries the blocks that it added as a
CAR file. Only blocks of records that Myna reads are decoded: they are a tenth of the bytes.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import libipld

from myna.feeds.bluesky import records
from myna.feeds.bluesky.message import BadMessage, Message, Notice, StreamRefused
from myna.feeds.bluesky.place import Protocol
from myna.post import Event

_CID_BYTES = 36
_CID_STARTS = (b"\x01\x71\x12\x20", b"\x01\x55\x12\x20")
"""CIDv1 of DAG-CBOR or raw bytes under SHA-256, as all of the network's are."""


class Frames:
    """Decodes the frames of one connection."""

    def __init__(self, network: str, protocol: Protocol, host: str) -> None:
        self._network = network
        self._prefix = f"{protocol} {host} "

    def decode(self, data: bytes) -> Message | Notice:
        """One frame.

        Raises:
            BadMessage: it is none. StreamRefused: the host ends the stream.
        """
        try:
            header, body = libipld.decode_dag_cbor_multi(data)
            kind = header["t"] if header["op"] == 1 else None
            if kind is None:
                raise StreamRefused(str(body.get("error") or "unknown error"))
            if kind == "#info":
                return Notice(str(body.get("name")))
            return self._message(kind, body)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, BadMessage):
                raise
            raise BadMessage("is not a frame of a relay") from None

    def _message(self, kind: str, body: Mapping[str, Any]) -> Message:
        number, time = body["seq"], body.get("time") or "-"
        message = Message(number, f"{self._prefix}{number} {time}")
        match kind:
            case "#commit":
                if body.get("tooBig"):
                    message.diverged = body["repo"]
                else:
                    message.events = self._commit(body)
            case "#account":
                message.events = records.account(self._network, body["did"], body)
            case "#identity":
                message.events = records.identity(self._network, body["did"], body)
                message.renamed = body["did"]
            case "#sync":
                message.diverged = body["did"]
            case "#labels":
                labels = [plain(one) for one in body["labels"]]
                message.events = [
                    event for one in labels for event in records.label(self._network, one)
                ]
                message.unlabelled = list(filter(None, map(records.unlabelled, labels)))
        return message

    def _commit(self, body: Mapping[str, Any]) -> list[Event]:
        wanted: dict[bytes, Any] = {}
        read = []
        for operation in body["ops"]:
            collection, _, rkey = operation["path"].partition("/")
            if collection in records.READ:
                cid = operation["cid"]
                read.append((operation["action"], collection, rkey, cid))
                if cid is not None:
                    wanted[cid] = None
        if not read:
            return []
        if wanted:
            _find(body["blocks"], wanted)
        did, rev, seen = body["repo"], body["rev"], _instant(body.get("time"))
        events: list[Event] = []
        for action, collection, rkey, cid in read:
            record = plain(wanted[cid]) if cid is not None and wanted[cid] is not None else None
            if record is not None and not isinstance(record, dict):
                continue
            operation = records.Operation(self._network, did, action, collection, rkey, rev, seen)
            events += records.events_of(operation, record)
        return events


def _find(blocks: bytes, wanted: dict[bytes, Any]) -> None:
    """Decode the blocks of a CAR file that are ``wanted``, into it."""
    missing = len(wanted)
    for cid, block in car_blocks(blocks):
        if cid in wanted and wanted[cid] is None:
            wanted[cid] = libipld.decode_dag_cbor(block)
            missing -= 1
            if not missing:
                return


def car_blocks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """CID and bytes of each block of a CAR file.

    Raises:
        BadMessage: it is cut off.
    """
    size, place = _varint(data, 0)
    place += size
    end = len(data)
    while place < end:
        size, place = _varint(data, place)
        start, place = place, place + size
        if place > end or size < _CID_BYTES:
            raise BadMessage("has blocks that are cut off")
        yield data[start : start + _CID_BYTES], data[start + _CID_BYTES : place]


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if place >= len(data) or shift > 56:
            raise BadMessage("has blocks that are cut off")
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7


def plain(value: Any) -> Any:
    """A decoded value as JSON has it: links as ``{"$link": …}``, bytes as ``{"$bytes": …}``."""
    match value:
        case dict():
            return {key: plain(one) for key, one in value.items()}
        case list():
            return [plain(one) for one in value]
        case bytes() if len(value) == _CID_BYTES and value.startswith(_CID_STARTS):
            return {"$link": libipld.encode_cid(value)}
        case bytes():
            return {"$bytes": b64encode(value).decode().rstrip("=")}
    return value


def _instant(time: object) -> datetime:
    try:
        return datetime.fromisoformat(time) if isinstance(time, str) else records.NOWHEN
    except ValueError:
        return records.NOWHEN
