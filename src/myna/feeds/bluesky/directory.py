"""Who an account is and where it lives: its DID document, from the directory of accounts.

A document says whatever its owner wrote. So its server is asked only where that is a public host
with TLS, unless the directory itself is a private one, as in a network of one's own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from myna.feeds.bluesky.records import is_did
from myna.feeds.bluesky.server import Refused, Server
from myna.feeds.public import is_public

HOST_KEPT_SECONDS = 60.0
"""How long it is believed where an account lives: it moves once in years."""
_MOST_HOSTS = 1_000


class Directory:
    """The directory at an address (``https://plc.directory``); share it between threads."""

    def __init__(self, address: str) -> None:
        self._server = Server(address)
        self._is_private = address.startswith("http://")
        self._hosts: dict[str, tuple[Server, float]] = {}
        """DID → its server, and until when that is believed."""
        self._lock = threading.Lock()

    def document(self, did: str) -> dict[str, Any] | None:
        """The account's document; None where there is none. Only ``did:plc`` is asked for:
        ``did:web`` would be any host that anybody names.

        Raises:
            SourceError: the directory is away.
        """
        if not is_did(did) or not did.startswith("did:plc:"):
            return None
        try:
            return self._server.fetch(f"/{quote(did, safe=':')}")
        except Refused as refused:
            if refused.status in {404, 410}:
                return None
            raise

    def may_ask(self, address: str) -> bool:
        """Whether a server that an account, or its server, names may be asked."""
        return self._is_private or is_public(address)

    def host_of(self, did: str) -> Server | None:
        """The server that keeps the account's repository; None where it cannot be asked. What was
        told is believed for a minute, so that a few questions to one server are one connection.

        Raises:
            SourceError: the directory is away.
        """
        with self._lock:
            server, until = self._hosts.get(did, (None, 0.0))
        if server and time.monotonic() < until:
            return server
        document = self.document(did)
        address = _service(document) if document else None
        if address is None or not self.may_ask(address):
            return None
        with self._lock:
            known = next((one for one, _ in self._hosts.values() if one.base == address), None)
            server = known or Server(address)
            self._hosts.pop(did, None)
            self._hosts[did] = server, time.monotonic() + HOST_KEPT_SECONDS
            while len(self._hosts) > _MOST_HOSTS:
                del self._hosts[next(iter(self._hosts))]
        return server


def handle_in(document: Mapping[str, Any]) -> str | None:
    """The handle that a document claims."""
    names = document.get("alsoKnownAs")
    for name in names if isinstance(names, list) else ():
        if isinstance(name, str) and name.startswith("at://"):
            return name.removeprefix("at://").lower() or None
    return None


def resolve(server: Server, handle: str) -> str | None:
    """The account that a handle leads to, as ``server`` finds it; None where it leads nowhere.

    Raises:
        SourceError: the server is away.
    """
    try:
        did = server.get("com.atproto.identity.resolveHandle", {"handle": handle}).get("did")
    except Refused as refused:
        if refused.status in {400, 404}:
            return None
        raise
    return did if isinstance(did, str) and is_did(did) else None


def _service(document: Mapping[str, Any]) -> str | None:
    services = document.get("service")
    for one in services if isinstance(services, list) else ():
        if isinstance(one, Mapping) and str(one.get("id")).endswith("#atproto_pds"):
            address = one.get("serviceEndpoint")
            parts = urlsplit(address) if isinstance(address, str) else None
            if parts and parts.scheme in {"https", "http"} and parts.hostname:
                return f"{parts.scheme}://{parts.netloc}"
    return None
