"""Direct messages to Myna's account: ``chat.bsky.convo``, which the account's own server asks for it.

They are read only while a member's code is waited for, and kept nowhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from myna.feeds.account import Message
from myna.feeds.bluesky.server import Refused

SERVICE = "did:web:api.bsky.chat#bsky_chat"
DECLARATION = "chat.bsky.actor.declaration"
"""Record in which an account says whose messages it takes; without one, those whom it follows."""
MOST_CONVERSATIONS = 200
MOST_MESSAGES = 20
"""Of a conversation, the newest."""
MOST_KEPT = 2_000
AGAIN_SECONDS = 60.0
_PAGE = 50
_LISTS = (
    ("chat.bsky.convo.listConvos", "convos"),
    ("chat.bsky.convo.listConvoRequests", "requests"),
)
"""What is accepted, and what strangers ask; older services have both in the first."""

Ask = Callable[[str, Mapping[str, Any]], dict[str, Any]]
"""Method and parameters → what the service answers."""


class Chat:
    """Conversations with the account. ``ask`` asks the service as the account."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._read: dict[str, tuple[str, float]] = {}
        """Conversation → its revision when its messages were read, and when that was."""

    def messages(self, since: datetime) -> Iterator[Message]:
        """What others have said since a time. A conversation that has not changed is read once a
        minute: what was read may have been lost after that.

        Raises:
            Refused: the account may not read them. SourceError: the service is away.
        """
        for convo in self._conversations(since):
            id, rev = str(convo.get("id")), str(convo.get("rev"))
            read, when = self._read.get(id, ("", 0.0))
            if read == rev and time.monotonic() - when < AGAIN_SECONDS:
                continue
            asked = {"convoId": id, "limit": MOST_MESSAGES}
            found = self._ask("chat.bsky.convo.getMessages", asked).get("messages")
            for one in _objects(found):
                text, sender = one.get("text"), _object(one.get("sender")).get("did")
                if isinstance(text, str) and isinstance(sender, str) and _time(one) >= since:
                    yield Message(sender, text)
            self._read.pop(id, None)
            self._read[id] = rev, time.monotonic()
            while len(self._read) > MOST_KEPT:
                del self._read[next(iter(self._read))]

    def _conversations(self, since: datetime) -> Iterator[Mapping[str, Any]]:
        """Those in which something was said since, the newest first."""
        seen: set[str] = set()
        for method, name in _LISTS:
            for convo in self._listed(method, name, since):
                if (id := str(convo.get("id"))) not in seen:
                    seen.add(id)
                    yield convo

    def _listed(self, method: str, name: str, since: datetime) -> Iterator[Mapping[str, Any]]:
        asked: dict[str, Any] = {"limit": _PAGE}
        for _ in range(MOST_CONVERSATIONS // _PAGE):
            try:
                told = self._ask(method, asked)
            except Refused as refused:
                if name == "requests" and refused.status in {400, 404, 501}:
                    return  # an older service
                raise
            page = _objects(told.get(name))
            new = [one for one in page if _time(_object(one.get("lastMessage"))) >= since]
            yield from new
            asked["cursor"] = told.get("cursor")
            if not asked["cursor"] or not new:
                return


def _time(message: Mapping[str, Any]) -> datetime:
    with suppress(ValueError):
        sent = datetime.fromisoformat(str(message.get("sentAt")))
        if sent.tzinfo:
            return sent
    return datetime(1970, 1, 1, tzinfo=UTC)


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
