"""X as a kind of network: what connecting asks for and checks, and what runs then."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection

from myna.db.connections import Connected, Secret
from myna.db.engine import Database
from myna.db.held import HeldAuthor, list_held_authors, list_held_posts
from myna.db.networks import Network as KnownNetwork
from myna.errors import DatabaseError, InvalidRequest, SourceError, StorageError
from myna.feeds.ingest import run_live
from myna.feeds.networks import Checked, OnState, Question, Worker
from myna.feeds.source import Source
from myna.feeds.x.compliance import Compliance
from myna.feeds.x.place import seen_at
from myna.feeds.x.post import is_id
from myna.feeds.x.server import Refused, Server
from myna.feeds.x.signing import Keys
from myna.feeds.x.stream import RULES, TAG, Mentions, Stream

NETWORK = "x"
API = "https://api.x.com"
MOST_RULE_CHARACTERS = 512
_LISTED = 5_000
"""Rows that are read at once for a compliance job."""
_KEYS = ("key", "key_secret", "token", "token_secret")


@dataclass(frozen=True, slots=True)
class X:
    """See ``feeds.networks.Network``."""

    kind: str = "x"
    title: str = "X"
    questions: Sequence[Question] = (
        Question(
            "rules",
            "Rules of the filtered stream, with | between; empty for mentions alone",
            default="",
        ),
        Question("handle", "Handle of Myna's own account; empty to read without one", default=""),
        Question(
            "labelled",
            "Has that account the label “Automated” (Settings, Your account, Automation)? yes or no",
            default="no",
            needs="handle",
        ),
        Question("bearer", "Bearer token of the application", secret=True),
        Question("key", "API key of the application", secret=True, needs="handle"),
        Question("key_secret", "API key secret", secret=True, needs="handle"),
        Question("token", "Access token of the account", secret=True, needs="handle"),
        Question("token_secret", "Access token secret", secret=True, needs="handle"),
        Question("api", "Address of the API", default=API),
    )

    def check(self, answers: Mapping[str, str], secret: Secret) -> Checked:
        """See ``Network.check``: try the rules, ask who the account is."""
        api = _address(answers["api"])
        rules = _rules(answers["rules"])
        handle = answers.get("handle", "").removeprefix("@")
        if handle and answers.get("labelled", "no").lower() != "yes":
            raise InvalidRequest(
                "X wants accounts of programs to have the label “Automated”. Give it to the account "
                "(Settings, Your account, Automation), then answer labelled with yes."
            )
        if not rules and not handle:
            raise InvalidRequest("Name a rule or a handle: else there is nothing to read.")
        server = server_of(api, secret)
        settings: dict[str, Any] = {"api": api, "rules": rules}
        told = []
        if rules:
            _try(server, rules)
            told.append(f"{len(rules)} rules are taken")
        if handle:
            user = server.act("GET", "/2/users/me").get("data") or {}
            name = str(user.get("username", ""))
            if name.lower() != handle.lower() or not is_id(user.get("id")):
                raise InvalidRequest(
                    "The access token is not of this account. Make one while logged in to it."
                )
            settings |= {"handle": name, "account": user["id"]}
            told.append(f"logged in as @{name}")
        known = KnownNetwork(NETWORK, self.title, home_url="https://x.com")
        return Checked(NETWORK, settings, secret, known, "; ".join(told))

    def workers(self, connection: Connected, secret: Secret) -> Sequence[Worker]:
        """See ``Network.workers``."""
        settings = connection.settings
        server = server_of(settings["api"], secret)
        name = connection.name
        workers = []
        if rules := settings["rules"]:
            workers.append(
                _worker(
                    "stream",
                    lambda _db, stop: Stream(
                        server, rules, network=NETWORK, connection=name, stop=stop
                    ),
                )
            )
        if account := settings.get("account"):
            workers.append(
                _worker(
                    "mentions",
                    lambda _db, stop: Mentions(
                        server, account, network=NETWORK, connection=name, stop=stop
                    ),
                )
            )
        workers.append(_worker("compliance", lambda db, stop: _compliance(server, name, db, stop)))
        return workers

    def time_of(self, cursor: str) -> datetime | None:
        """See ``Network.time_of``."""
        return seen_at(cursor)


NETWORK_X = X()


def server_of(api: str, secret: Secret) -> Server:
    """The API, with what there is of credentials."""
    words = [secret.reveal(name) for name in _KEYS]
    keys = Keys(*(word for word in words if word)) if all(words) else None
    return Server(api, secret.reveal("bearer") or "", keys)


def _worker(name: str, make: Callable[[Database, threading.Event], Source]) -> Worker:
    def run(db: Database, stop: threading.Event, on_state: OnState) -> None:
        run_live(db, make(db, stop), stop, on_state)

    return Worker(name, run)


def _compliance(server: Server, name: str, db: Database, stop: threading.Event) -> Compliance:
    def posts(after: int) -> Sequence[tuple[int, str]]:
        with _opened(db) as conn:
            return list_held_posts(conn, NETWORK, after=after, limit=_LISTED)

    def authors(after: int) -> Sequence[HeldAuthor]:
        with _opened(db) as conn:
            return list_held_authors(conn, NETWORK, after=after, limit=_LISTED)

    return Compliance(server, posts, authors, network=NETWORK, connection=name, stop=stop)


@contextmanager
def _opened(db: Database) -> Iterator[Connection]:
    """A source that cannot look things up breaks, and is opened again."""
    try:
        with db.begin() as conn:
            yield conn
    except (DatabaseError, StorageError) as error:
        raise SourceError(str(error)) from error


def _try(server: Server, rules: Sequence[str]) -> None:
    """See that X takes the rules, without setting them.

    Raises:
        InvalidRequest: it does not. Refused, SourceError: it does not say.
    """
    try:
        answer = server.post(
            RULES, {"add": [{"value": rule, "tag": TAG} for rule in rules]}, dry=True
        )
    except Refused as refused:
        if refused.status != 400:
            raise
        answer = {"errors": [{}]}
    if answer.get("errors"):
        raise InvalidRequest("X does not take these rules. See how its operators are written.")


def _rules(text: str) -> list[str]:
    rules = [rule.strip() for rule in text.split("|") if rule.strip()]
    if any(len(rule) > MOST_RULE_CHARACTERS for rule in rules):
        raise InvalidRequest(f"A rule has at most {MOST_RULE_CHARACTERS} characters.")
    return list(dict.fromkeys(rules))


def _address(value: str) -> str:
    parts = urlsplit(value)
    is_here = parts.hostname in {"127.0.0.1", "localhost", "::1"}
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and is_here)):
        raise InvalidRequest("api must begin with https:// and name a server.")
    return f"{parts.scheme}://{parts.netloc}"
