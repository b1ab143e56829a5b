"""Bluesky as a kind of network: what connecting asks for and checks, and what runs then."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.sync.client import connect

from myna.db.connections import Connected, Secret
from myna.db.engine import Database
from myna.db.networks import Network as KnownNetwork
from myna.db.posts import Applied
from myna.errors import InvalidRequest, NotFound, SourceError
from myna.feeds.bluesky.accounts import Accounts
from myna.feeds.bluesky.chat import SERVICE as CHAT
from myna.feeds.bluesky.consents import Consents
from myna.feeds.bluesky.directory import Directory, resolve
from myna.feeds.bluesky.labels import labeller_at
from myna.feeds.bluesky.place import Target, targets_of, time_of
from myna.feeds.bluesky.records import is_did
from myna.feeds.bluesky.repository import backfill
from myna.feeds.bluesky.server import Refused, Server, Session
from myna.feeds.bluesky.stream import OPEN_SECONDS, Side, Stream
from myna.feeds.ingest import run_live
from myna.feeds.line import check_network
from myna.feeds.networks import Checked, OnState, Question, Worker

STREAM = "wss://jetstream2.us-east.bsky.network"
FALLBACKS = (
    "wss://jetstream1.us-west.bsky.network wss://bsky.network/xrpc/com.atproto.sync.subscribeRepos"
)
APPVIEW = "https://public.api.bsky.app"
PLC = "https://plc.directory"
RELAY = "https://relay1.us-east.bsky.network"
SERVICE = "https://bsky.social"
LABELS = "wss://mod.bsky.app/xrpc/com.atproto.label.subscribeLabels"
LONGEST_HOURS = 72


@dataclass(frozen=True, slots=True)
class Bluesky:
    """See ``feeds.networks.Network``."""

    kind: str = "bluesky"
    title: str = "Bluesky"
    questions: Sequence[Question] = (
        Question(
            "stream",
            "Stream to read: wss://HOST of a Jetstream, or a relay's or PDS's subscribeRepos",
            default=STREAM,
        ),
        Question(
            "fallbacks",
            "Streams to go on with while the first is away, with spaces between; - for none",
            default=FALLBACKS,
        ),
        Question("hours", "Hours back to begin at, where it is a Jetstream", default="0"),
        Question("handle", "Handle of Myna's own account; empty to read without one", default=""),
        Question("service", "Server of that account", default=SERVICE, needs="handle"),
        Question(
            "password",
            "App password of that account (Settings, Privacy and security, App passwords)",
            secret=True,
            needs="handle",
        ),
        Question(
            "chat",
            "Service of direct messages, by which members prove who they are; - for none",
            default=CHAT,
            needs="handle",
        ),
        Question(
            "labels", "Labeller whose labels on accounts are followed; - for none", default=LABELS
        ),
        Question("appview", "AppView that tells handles and names; - for none", default=APPVIEW),
        Question("plc", "Directory of accounts; - for none", default=PLC),
        Question(
            "relay",
            "Relay that lists who has said something of the use of their posts; - for none",
            default=RELAY,
        ),
        Question("name", "Name of the network in Myna", default="bluesky"),
    )

    def check(self, answers: Mapping[str, str], secret: Secret) -> Checked:
        """See ``Network.check``: open the stream, log in where there is an account."""
        name = check_network(answers["name"])
        settings: dict[str, Any] = {
            "stream": answers["stream"],
            "fallbacks": [one for one in answers["fallbacks"].split() if one != "-"],
            "appview": _address(answers["appview"], "appview"),
            "plc": _address(answers["plc"], "plc"),
            "relay": _address(answers["relay"], "relay"),
            "hours": _hours(answers["hours"]),
            "labels": "" if answers["labels"] == "-" else answers["labels"],
        }
        for address in filter(None, [*settings["fallbacks"], settings["labels"]]):
            targets_of(address)
        seen = _reach(targets_of(answers["stream"]))
        summary = f"{seen.host} streams ({seen.protocol})"
        if answers.get("handle"):
            service = _address(answers["service"], "service")
            session = Server(service).log_in(
                answers["handle"].removeprefix("@"), secret.reveal("password") or ""
            )
            settings |= {"service": service, "handle": session.handle, "did": session.did}
            summary += f"; logged in as @{session.handle}"
            if (chat := answers["chat"]) != "-":
                reads = _reads_messages(Server(service), session, chat)
                settings |= {"chat": chat, "messages": session.handle if reads else ""}
                if not reads:
                    summary += (
                        "; its direct messages cannot be read, which is fine: members can prove "
                        "who they are by a post (an app password may be made to allow them)"
                    )
        known = KnownNetwork(name, self.title, home_url="https://bsky.app")
        return Checked(name, settings, secret, known, summary)

    def workers(self, connection: Connected, secret: Secret) -> Sequence[Worker]:
        """See ``Network.workers``."""
        del secret
        settings = connection.settings
        addresses = [settings["stream"], *settings["fallbacks"]]
        hours = settings.get("hours") or 0
        side = Side()
        stream = Stream(
            connection.name,
            [target for address in addresses for target in targets_of(address)],
            begin=connection.connected_at - timedelta(hours=hours) if hours else None,
            side=side,
        )

        def name_accounts(db: Database, stop: threading.Event, on_state: OnState) -> None:
            accounts = Accounts(
                db,
                connection.name,
                appview=settings["appview"],
                plc=settings["plc"],
                labels=settings["labels"],
                side=side,
                stop=stop,
            )
            run_live(db, accounts, stop, on_state)

        def read_consents(db: Database, stop: threading.Event, on_state: OnState) -> None:
            consents = Consents(
                connection.name, relay=settings["relay"], plc=settings["plc"], stop=stop
            )
            run_live(db, consents, stop, on_state)

        workers = [_worker("stream", stream), Worker("accounts", name_accounts)]
        if settings["relay"] and settings["plc"]:
            workers.append(Worker("consents", read_consents))
        if settings["labels"]:
            targets = targets_of(settings["labels"])
            name = f"{connection.name}:labels"
            labels = Stream(connection.name, targets, name=name, side=side)
            workers.append(_worker("labels", labels))
        return workers

    def backfill(self, db: Database, connection: Connected, account: str) -> Applied:
        """See ``Network.backfill``: by the account's whole repository."""
        settings = connection.settings
        did = account.strip()
        if not is_did(did):
            resolver = settings["appview"] or settings.get("service")
            if not resolver:
                raise InvalidRequest("Name the account by its DID: no AppView is connected.")
            found = resolve(Server(resolver), did.removeprefix("@"))
            if found is None:
                raise NotFound("No account goes by this handle.")
            did = found
        home = Directory(settings["plc"]).host_of(did) if settings["plc"] else None
        if home is None:
            raise NotFound("The directory knows no server of this account that may be asked.")
        return backfill(db, connection.name, did, home, labeller_at(settings["labels"]))

    def time_of(self, cursor: str) -> datetime | None:
        """See ``Network.time_of``."""
        return time_of(cursor)


BLUESKY = Bluesky()


def _worker(name: str, stream: Stream) -> Worker:
    def follow(db: Database, stop: threading.Event, on_state: OnState) -> None:
        run_live(db, stream, stop, on_state)

    return Worker(name, follow)


def _reach(targets: Sequence[Target]) -> Target:
    """The first way to read a stream that the host speaks.

    Raises:
        SourceError: it is away, or speaks none.
    """
    status = 0
    for target in targets:
        try:
            with connect(
                target.url,
                compression=None,
                open_timeout=OPEN_SECONDS,
                close_timeout=1,
                legacy=True,
            ):
                return target
        except InvalidStatus as error:
            status = error.response.status_code
        except (OSError, WebSocketException):
            raise SourceError(
                f"{target.host} cannot be reached. See that this machine reaches it, or name "
                "another stream with --stream."
            ) from None
    raise SourceError(
        f"{targets[0].host} does not stream (status {status}). Name another one with --stream."
    )


def _reads_messages(server: Server, session: Session, chat: str) -> bool:
    """Whether the account's direct messages can be read.

    Raises:
        SourceError: the server is away.
    """
    try:
        server.get("chat.bsky.convo.listConvos", {"limit": 1}, token=session.access, of=chat)
    except Refused:
        return False
    return True


def _address(value: str, name: str) -> str:
    if value in {"", "-"}:
        return ""
    parts = urlsplit(value)
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.username is not None:
        raise InvalidRequest(f"--{name} must begin with https:// and name a server.")
    return f"{parts.scheme}://{parts.netloc}"


def _hours(value: str) -> int:
    if not value.isdecimal() or int(value) > LONGEST_HOURS:
        raise InvalidRequest(f"--hours must be a whole number from 0 to {LONGEST_HOURS}.")
    return int(value)
