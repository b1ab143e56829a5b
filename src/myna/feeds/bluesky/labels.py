"""What a labeller has said of an account and its posts, also before its stream was read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from myna.feeds.bluesky import records
from myna.feeds.bluesky.place import targets_of
from myna.feeds.bluesky.server import Refused, Server
from myna.post import Event
from myna.telemetry import get_logger

log = get_logger("feeds")

AT_ONCE = 250
MOST_PAGES = 40


def labeller_at(stream: str) -> Server | None:
    """The labeller with this stream; None where none is connected."""
    return Server(targets_of(stream)[0].http) if stream else None


def labels_of(labeller: Server, network: str, did: str) -> Iterator[Event]:
    """What holds of an account and its posts now; nothing where the labeller does not tell.

    Raises:
        SourceError: it is away.
    """
    standing: dict[tuple[str, str, str], dict[str, Any]] = {}
    asked: dict[str, Any] = {"uriPatterns": [did, f"at://{did}/*"], "limit": AT_ONCE}
    for _ in range(MOST_PAGES):
        try:
            told = labeller.get("com.atproto.label.queryLabels", asked)
        except Refused as refused:
            log.info("a labeller lists no labels", host=labeller.host, status=refused.status)
            return
        page = told.get("labels")
        for one in page if isinstance(page, list) else ():
            if isinstance(one, dict):
                key = str(one.get("src")), str(one.get("uri")), str(one.get("val"))
                known = standing.get(key)
                if known is None or str(known.get("cts")) <= str(one.get("cts")):
                    standing[key] = one
        asked["cursor"] = told.get("cursor")
        if not page or not asked["cursor"]:
            break
    for one in standing.values():
        uri = str(one.get("uri"))
        if one.get("neg") is not True and (uri == did or uri.startswith(f"at://{did}/")):
            yield from records.label(network, one)
