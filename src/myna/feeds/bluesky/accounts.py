"""What the stream does not tell of accounts: handles, names, bots, labels, repositories that must be
read anew, and posts that everybody may see again."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from myna.db.engine import Database
from myna.db.profiles import unnamed_accounts
from myna.errors import DatabaseError, SourceError, StorageError
from myna.feeds.bluesky import records
from myna.feeds.bluesky.directory import Directory, handle_in
from myna.feeds.bluesky.labels import labeller_at
from myna.feeds.bluesky.repository import backfill
from myna.feeds.bluesky.server import Refused, Server
from myna.feeds.bluesky.stream import DIVERGED, Side
from myna.feeds.ingest import BATCH_SECONDS
from myna.feeds.source import Record
from myna.post import Event, Kind, Profile, Withheld
from myna.telemetry import get_logger

log = get_logger("feeds")

AT_ONCE = 25
"""Accounts that an AppView tells in one answer."""
LOOK_SECONDS = 2.0
"""How often the store is asked for accounts without a name."""
AGAIN_SECONDS = 3600.0
"""How often those are asked for again of whom nothing could be told."""


class Accounts:
    """The source of profiles: of accounts that post and have no name here, and of those that may
    go by another one now. Its place is the key of the last account that was asked for."""

    def __init__(
        self,
        db: Database,
        network: str,
        *,
        appview: str,
        plc: str,
        labels: str = "",
        side: Side,
        stop: threading.Event,
    ) -> None:
        self.name = f"{network}:accounts"
        self._db, self._network, self._side, self._stop = db, network, side, stop
        self._appview = Server(appview) if appview else None
        self._directory = Directory(plc) if plc else None
        self._labeller = labeller_at(labels)

    def read(self, cursor: str) -> Iterator[Record | None]:
        """See ``Source.read``; it ends with a stop."""
        place = int(cursor) if cursor.isdecimal() else 0
        begun, look = time.monotonic(), 0.0
        while not self._stop.is_set():
            yield from self._read_anew()
            for event in self._bring_back():
                yield Record(str(place), event)
            renamed = [self._side.renamed.popleft() for _ in range(min(AT_ONCE, self._waiting))]
            unnamed: Sequence[tuple[int, str]] = ()
            if not renamed and time.monotonic() >= look:
                unnamed = self._unnamed(place)
                if not unnamed:
                    look = time.monotonic() + LOOK_SECONDS
                    if time.monotonic() - begun > AGAIN_SECONDS:
                        place, begun = 0, time.monotonic()
            if not renamed and not unnamed:
                yield None
                self._stop.wait(BATCH_SECONDS)
                continue
            try:
                events = self._ask(renamed or [did for _, did in unnamed])
            except SourceError:
                self._side.renamed.extend(renamed)
                raise
            place = unnamed[-1][0] if unnamed else place
            for event in events:
                yield Record(str(place), event)
            yield Record(str(place))

    def _unnamed(self, place: int) -> Sequence[tuple[int, str]]:
        """The next accounts without a name; none while the store is away."""
        try:
            with self._db.begin() as conn:
                return unnamed_accounts(conn, self._network, after=place, limit=AT_ONCE)
        except (DatabaseError, StorageError):
            return ()

    @property
    def _waiting(self) -> int:
        return len(self._side.renamed)

    def _ask(self, dids: Sequence[str]) -> list[Event]:
        if self._appview:
            told = self._appview.get("app.bsky.actor.getProfiles", {"actors": list(dids)})
            profiles = told.get("profiles")
            return [
                event
                for one in (profiles if isinstance(profiles, list) else ())
                if isinstance(one, dict)
                for event in self._told(one)
            ]
        if self._directory is None:
            return []
        found = ((did, self._directory.document(did)) for did in dict.fromkeys(dids))
        return [
            self._profile(did, Profile(handle=handle))
            for did, document in found
            if document and (handle := handle_in(document))
        ]

    def _told(self, told: dict[str, Any]) -> Iterator[Event]:
        """An AppView's words on an account. The profile is handed on in the form of its record,
        without a revision: one that came over the stream is newer."""
        did, handle, name = told.get("did"), told.get("handle"), told.get("displayName")
        if not isinstance(did, str) or not isinstance(handle, str) or not records.is_did(did):
            return
        labels = [one for one in told.get("labels") or () if isinstance(one, dict)]
        own = [{"val": str(one.get("val"))} for one in labels if one.get("src") == did]
        record = {
            "displayName": name if isinstance(name, str) else "",
            "description": told.get("description") or "",
            "labels": {"values": own},
        }
        operation = records.Operation(
            self._network, did, "create", records.PROFILE, "self", "", records.NOWHEN
        )
        yield from records.events_of(operation, record)
        yield self._profile(did, Profile(handle=did if handle == "handle.invalid" else handle))
        for label in labels:
            yield from records.label(self._network, label)

    def _profile(self, did: str, told: Profile) -> Event:
        return Event(Kind.PROFILE, self._network, did, told=told)

    def _read_anew(self) -> Iterator[None]:
        """Read a repository whose operations could not be followed."""
        if not self._side.diverged or self._directory is None:
            return
        did = self._side.diverged.popleft()
        try:
            server = self._directory.host_of(did)
            if server:
                backfill(self._db, self._network, did, server, self._labeller)
        except Refused as refused:
            log.info("a repository is not given", source=self.name, status=refused.status)
        except (SourceError, DatabaseError, StorageError) as error:
            log.warning("a repository could not be read", source=self.name, reason=str(error))
            if len(self._side.diverged) < DIVERGED:
                self._side.diverged.append(did)
            self._stop.wait(LOOK_SECONDS)
        yield None

    def _bring_back(self) -> Iterator[Event]:
        """A post of which a label was taken back, as its author's server has it now. It is lost by a
        kill: then the post stays away."""
        if not self._side.unlabelled or self._directory is None:
            return
        uri, by = self._side.unlabelled.popleft()
        did, _, rkey = uri.removeprefix("at://").split("/", 2)
        asked = {"repo": did, "collection": records.POST, "rkey": rkey}
        try:
            server = self._directory.host_of(did)
            told = server.get("com.atproto.repo.getRecord", asked) if server else {}
        except Refused as refused:
            if refused.name == "RecordNotFound":
                yield Event(Kind.DELETE, self._network, uri)
            return
        except SourceError as error:
            log.info("a post could not be brought back yet", source=self.name, reason=str(error))
            self._side.unlabelled.append((uri, by))
            self._stop.wait(LOOK_SECONDS)
            return
        if not isinstance(value := told.get("value"), dict):
            return
        operation = records.Operation(
            self._network, did, "create", records.POST, rkey, "", datetime.now(UTC)
        )
        for event in records.events_of(operation, value):
            if event.post is None:
                yield event  # its author withholds it, too
            else:
                yield Event(Kind.RESTORE, event.network, uri, event.post, told=Withheld(by))
