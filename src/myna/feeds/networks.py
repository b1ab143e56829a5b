"""The seam between Myna and a kind of network: how to connect, and what to run when connected.

A kind is a module under ``feeds`` with an object that fits ``Network``. ``myna connect`` asks for
what ``questions`` names, has ``check`` look at the answers, and stores them; ``feeds.connected`` runs
the ``workers`` of every stored connection.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from myna.db.connections import Connected, Secret
from myna.db.engine import Database
from myna.db.networks import Network as KnownNetwork
from myna.db.posts import Applied

OnState = Callable[[str | None], None]
"""Told why nothing comes in, and None when something came in again."""


@dataclass(frozen=True, slots=True)
class Question:
    """Something that is asked for to connect."""

    name: str
    """The option's name (``--name``), and the key of the answer."""
    prompt: str
    secret: bool = False
    """It is typed unseen, and is never an option."""
    default: str | None = None
    """What an empty answer means; None where it must be answered."""
    needs: str | None = None
    """It is asked only where this other question has a non-empty answer."""


@dataclass(frozen=True, slots=True)
class Checked:
    """Answers that the network's servers took."""

    name: str
    """The connection's name."""
    settings: Mapping[str, Any]
    secret: Secret
    known: KnownNetwork
    """The network that its posts carry: of one name with the connection, or of several at once."""
    summary: str
    """What was seen, in one sentence."""


@dataclass(frozen=True, slots=True)
class Worker:
    """Something that runs while a network is connected, in a thread of its own."""

    name: str
    run: Callable[[Database, threading.Event, OnState], None]
    """Until the event is set."""


class Network(Protocol):
    """A kind of network."""

    @property
    def kind(self) -> str:
        """Its word on the command line."""
        ...

    @property
    def title(self) -> str:
        """Its name as people write it."""
        ...

    @property
    def questions(self) -> Sequence[Question]:
        """What connecting asks for, in order."""
        ...

    def check(self, answers: Mapping[str, str], secret: Secret) -> Checked:
        """Try the answers on the network's servers.

        Raises:
            InvalidRequest: an answer cannot be used. SourceError: a server is away or refuses.
        """
        ...

    def workers(self, connection: Connected, secret: Secret) -> Sequence[Worker]:
        """What to run."""
        ...

    def backfill(self, db: Database, connection: Connected, account: str) -> Applied:
        """Bring what the store has of one account (a handle or an id) up to what the network has.

        Raises:
            NotFound: there is no such account. SourceError: a server is away or refuses.
        """
        ...

    def time_of(self, cursor: str) -> datetime | None:
        """When the network saw what stands at a source's cursor."""
        ...


_KINDS = {
    "bluesky": "myna.feeds.bluesky.network:BLUESKY",
    "mastodon": "myna.feeds.mastodon.network:MASTODON",
    "x": "myna.feeds.x.network:NETWORK_X",
}
"""Kind → where its object is; it is imported when it is used."""


def kinds() -> Sequence[str]:
    """Every kind."""
    return tuple(_KINDS)


def network_of(kind: str) -> Network:
    """The kind's object."""
    module, _, name = _KINDS[kind].partition(":")
    return getattr(importlib.import_module(module), name)
