"""Mastodon as a kind of network: what connecting asks for and checks, and what runs then.

Every connected instance gives posts of one network: a post has the same address on all of them, and
what its author says holds wherever it was seen.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection
from websockets.exceptions import InvalidStatus, WebSocketException

from myna.db.aliases import Reviewed, list_reviewed, uris_of
from myna.db.connections import Connected, Secret
from myna.db.engine import Database
from myna.db.networks import Network as KnownNetwork
from myna.errors import DatabaseError, InvalidRequest, SourceError, StorageError
from myna.feeds.ingest import run_live
from myna.feeds.line import check_network
from myna.feeds.mastodon.place import time_of
from myna.feeds.mastodon.review import Review
from myna.feeds.mastodon.server import Refused, Server
from myna.feeds.mastodon.status import handle_of
from myna.feeds.mastodon.stream import Stream, open_stream
from myna.feeds.mastodon.timeline import Timeline, timelines_of, words_of
from myna.feeds.networks import Checked, OnState, Question, Worker

NETWORK = "mastodon"
"""What the posts of all instances carry."""
LONGEST_HOURS = 72
DEFAULT_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Mastodon:
    """See ``feeds.networks.Network``."""

    kind: str = "mastodon"
    title: str = "Mastodon"
    questions: Sequence[Question] = (
        Question("instance", "Instance, as mastodon.example"),
        Question(
            "timelines",
            "Timelines to read, with spaces between: local, federated, home, #hashtag, list:ID",
            default="local",
        ),
        Question("hours", "Hours back to begin at", default="0"),
        Question("name", "Name of the connection; empty for the instance's", default=""),
        Question(
            "token",
            "Access token (on the instance: Preferences, Development, your application)",
            secret=True,
        ),
    )

    def check(self, answers: Mapping[str, str], secret: Secret) -> Checked:
        """See ``Network.check``: ask who the token's account is, read each timeline, open a
        stream."""
        base = _base(answers["instance"])
        timelines = timelines_of(answers["timelines"])
        server = Server(base, secret.reveal("token") or "")
        name = check_network(answers.get("name") or server.host.replace(":", "-"))
        hours = _hours(answers["hours"])
        about = _object(server.get("/api/v2/instance"))
        account = _object(server.get("/api/v1/accounts/verify_credentials"))
        acct, domain = account.get("acct"), about.get("domain")
        if not isinstance(acct, str) or not isinstance(domain, str):
            raise SourceError(f"{server.host} does not answer as Mastodon does.")
        configuration = _object(about.get("configuration"))
        streaming = _streaming(_object(configuration.get("urls")).get("streaming"), base)
        for timeline in timelines:
            _reach(server, timeline)
        _listen(server, streaming, timelines[0])
        handle = handle_of(acct, domain)
        settings: dict[str, Any] = {
            "instance": base,
            "streaming": streaming,
            "timelines": words_of(timelines),
            "hours": hours,
            "handle": handle,
            "messages": handle,
            "account": str(account.get("id")),
            "characters": _characters(configuration),
        }
        known = KnownNetwork(NETWORK, self.title)
        summary = f"{domain} streams {', '.join(settings['timelines'])}; logged in as @{handle}"
        return Checked(name, settings, secret, known, summary)

    def workers(self, connection: Connected, secret: Secret) -> Sequence[Worker]:
        """See ``Network.workers``: one for each timeline, and one that looks again."""
        instance = _Instance(connection, secret.reveal("token") or "")
        timelines = timelines_of(" ".join(connection.settings["timelines"]))
        workers = [Worker(one.word, partial(instance.follow, one)) for one in timelines]
        return [*workers, Worker("review", instance.review)]

    def time_of(self, cursor: str) -> datetime | None:
        """See ``Network.time_of``."""
        return time_of(cursor)


MASTODON = Mastodon()


class _Instance:
    """What runs for one connection."""

    def __init__(self, connection: Connected, token: str) -> None:
        self._name = connection.name
        self._streaming = connection.settings["streaming"]
        self._server = Server(connection.settings["instance"], token)
        hours = connection.settings.get("hours") or 0
        self._begin = connection.connected_at - timedelta(hours=hours) if hours else None

    def follow(
        self, timeline: Timeline, db: Database, stop: threading.Event, on_state: OnState
    ) -> None:
        """Read one timeline."""
        stream = Stream(
            self._server,
            timeline,
            network=NETWORK,
            connection=self._name,
            streaming=self._streaming,
            known=_Store(db, self._name).known,
            begin=self._begin,
            stop=stop,
        )
        run_live(db, stream, stop, on_state)

    def review(self, db: Database, stop: threading.Event, on_state: OnState) -> None:
        """Look again at what was read."""
        del on_state  # the streams say it, and sooner
        store = _Store(db, self._name)
        review = Review(
            self._server,
            network=NETWORK,
            connection=self._name,
            known=store.known,
            due=store.due,
            stop=stop,
        )
        run_live(db, review, stop)


@dataclass(frozen=True, slots=True)
class _Store:
    """What the store knows of one instance's posts."""

    db: Database
    server: str

    def known(self, ids: Sequence[str]) -> Mapping[str, str]:
        """See ``ids.Known``."""
        with self._open() as conn:
            return uris_of(conn, self.server, ids)

    def due(self, after: int, before: datetime, limit: int) -> Sequence[Reviewed]:
        """See ``review.Due``."""
        with self._open() as conn:
            return list_reviewed(conn, self.server, after=after, before=before, limit=limit)

    @contextmanager
    def _open(self) -> Iterator[Connection]:
        """A source that cannot look things up breaks, and is opened again."""
        try:
            with self.db.begin() as conn:
                yield conn
        except (DatabaseError, StorageError) as error:
            raise SourceError(str(error)) from error


def _reach(server: Server, timeline: Timeline) -> None:
    """See that a timeline can be read.

    Raises:
        InvalidRequest: there is none. Refused, SourceError: the instance does not give it.
    """
    try:
        server.get(timeline.path, {**timeline.params, "limit": "1"})
    except Refused as refused:
        if refused.status != 404:
            raise
        raise InvalidRequest(
            f"{server.host} has no timeline {timeline.word}. Check how it is written."
        ) from None


def _listen(server: Server, streaming: str, timeline: Timeline) -> None:
    try:
        open_stream(f"{streaming}/api/v1/streaming?{timeline.query}", server).close()
    except InvalidStatus as error:
        raise SourceError(
            f"{server.host} does not stream (status {error.response.status_code}). The token needs "
            "the permission to read."
        ) from None
    except (OSError, WebSocketException):
        raise SourceError(f"The streams of {server.host} cannot be reached.") from None


def _base(instance: str) -> str:
    """The instance's address. A token goes over plain HTTP to this machine alone.

    Raises:
        InvalidRequest: it is none.
    """
    parts = urlsplit(instance if "://" in instance else f"https://{instance}")
    if (
        not parts.hostname
        or parts.path not in {"", "/"}
        or parts.username is not None
        or not (parts.scheme == "https" or (parts.scheme == "http" and _is_here(parts.hostname)))
    ):
        raise InvalidRequest("An instance is named by its host, as in mastodon.example.")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _streaming(told: object, base: str) -> str:
    """The address of the instance's streams, which may be another host's.

    Raises:
        SourceError: the instance names one that is not encrypted.
    """
    parts = urlsplit(told if isinstance(told, str) else "")
    own = f"ws{base.removeprefix('http')}"
    if not parts.hostname:
        return own
    if parts.scheme != "wss" and not _is_here(parts.hostname):
        raise SourceError(f"{urlsplit(base).netloc} streams without encryption and is not read.")
    return f"{parts.scheme}://{parts.netloc}"


def _is_here(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _hours(value: str) -> int:
    if not value.isdecimal() or int(value) > LONGEST_HOURS:
        raise InvalidRequest(f"hours must be a whole number from 0 to {LONGEST_HOURS}.")
    return int(value)


def _characters(configuration: Mapping[str, Any]) -> int:
    """The longest status that the instance takes."""
    most = _object(configuration.get("statuses")).get("max_characters")
    return most if isinstance(most, int) and most > 0 else DEFAULT_CHARACTERS


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
