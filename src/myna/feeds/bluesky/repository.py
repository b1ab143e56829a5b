"""A whole repository (``getRepo``): its records out of a CAR file, and what the store lacks of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import libipld

from myna.db.engine import Database
from myna.db.posts import Applied, posts_of_account
from myna.errors import SourceError
from myna.feeds.bluesky import records
from myna.feeds.bluesky.frames import plain
from myna.feeds.bluesky.labels import labels_of
from myna.feeds.bluesky.server import Server
from myna.feeds.ingest import BATCH_RECORDS, apply_all
from myna.post import Event, Kind

_DEEPEST = 64
"""Levels of a repository's tree; one with a billion records has 16."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository at one revision."""

    did: str
    rev: str
    blocks: dict[bytes, Any]
    root: bytes | None

    @classmethod
    def read(cls, data: bytes) -> Repository:
        """From a CAR file.

        Raises:
            SourceError: it is none, or not whole.
        """
        try:
            header, blocks = libipld.decode_car(data)
            commit = blocks[header["roots"][0]]
            return cls(str(commit["did"]), str(commit["rev"]), blocks, commit["data"])
        except (ValueError, KeyError, IndexError, TypeError):
            raise SourceError("A repository that came is damaged, and was not read.") from None

    def records(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Collection, record key and record, in the order of the keys.

        Raises:
            SourceError: the tree is damaged.
        """
        try:
            for key, cid in self._walk(self.root, 0):
                collection, _, rkey = key.decode("ascii").partition("/")
                record = self.blocks.get(cid)
                if collection in records.READ and isinstance(record, dict):
                    yield collection, rkey, plain(record)
        except (ValueError, KeyError, TypeError):
            raise SourceError("A repository that came is damaged, and was not read.") from None

    def _walk(self, cid: bytes | None, depth: int) -> Iterator[tuple[bytes, bytes]]:
        """Keys and links of the tree below ``cid``. A key is told by how many bytes of the one
        before it has, and the rest."""
        if cid is None:
            return
        if depth > _DEEPEST:
            raise ValueError
        node = self.blocks[cid]
        yield from self._walk(node["l"], depth + 1)
        key = b""
        for entry in node["e"]:
            key = key[: entry["p"]] + entry["k"]
            yield key, entry["v"]
            yield from self._walk(entry["t"], depth + 1)

    def events(self, network: str, now: datetime) -> Iterator[Event]:
        """What its records mean. They carry no revision of their own: what the store has under
        one is newer or the same."""
        for collection, rkey, record in self.records():
            operation = records.Operation(network, self.did, "create", collection, rkey, "", now)
            yield from records.events_of(operation, record)


def backfill(
    db: Database, network: str, did: str, server: Server, labeller: Server | None = None
) -> Applied:
    """Bring what the store has of an account up to its repository: what is missing comes in, and
    what is not there any more is deleted. What the labeller says not everybody may see does not come
    in.

    Raises:
        SourceError: the server does not give it. DatabaseError, StorageError: the store refuses.
    """
    repository = Repository.read(server.repository(did))
    if repository.did != did:
        raise SourceError(f"{server.host} gave another account's repository, which was not read.")
    labels = list(labels_of(labeller, network, did)) if labeller else []
    now = datetime.now(UTC)
    if labels:
        _write(db, labels)
    with db.begin() as conn:
        stored = posts_of_account(conn, network, did)
    there: set[str] = set()
    applied, batch = Applied(), []
    for event in repository.events(network, now):
        there.add(event.uri)
        batch.append(event)
        if len(batch) >= BATCH_RECORDS:
            applied += _write(db, batch)
            batch = []
    batch += [
        Event(Kind.DELETE, network, uri)
        for uri, revision in stored
        if uri not in there and revision <= repository.rev
    ]
    return applied + _write(db, batch)


def _write(db: Database, events: list[Event]) -> Applied:
    with db.begin() as conn:
        return apply_all(conn, events, now=datetime.now(UTC))
