"""Myna's account on an instance: see ``feeds.account``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import regex

from myna.db.connections import Connected, Secret
from myna.errors import SourceError
from myna.feeds.account import Limits, Link, Looked, Message, Noticed, Said, Sent
from myna.feeds.mastodon.network import NETWORK
from myna.feeds.mastodon.server import Refused, Server
from myna.feeds.mastodon.status import (
    BadStatus,
    author_of,
    id_of,
    is_public,
    post_of,
    signal_of,
    uri_of,
)
from myna.post import Use
from myna.safety.consent.signals import allows

PARTS = 3
FIRST_PAGES = 10
"""Of 40 mentions from before the first look."""
ADDRESS_CHARACTERS = 23
"""What an address counts, however long it is."""
_ADDRESS = regex.compile(r"https?://\S+")
_HANDLE = regex.compile(r"(?<![\w/])@(\w[\w.-]*)@[\w.-]+\w")
_LETTER = regex.compile(r"\X")
_GONE = frozenset({403, 404, 410})


class MastodonAccount:
    """See ``feeds.account.Account``."""

    def __init__(self, server: Server, id: str, host: str, characters: int) -> None:
        """``id`` is what the instance calls the account, ``host`` where it is at home."""
        self._server = server
        self._id = id
        self._host = host
        self._author = ""
        self.limits = Limits(characters, PARTS, measure)

    @property
    def author(self) -> str:
        """See ``Account.author``; it is asked for once."""
        if not self._author:
            self._author = self._own()
        return self._author

    def is_marked(self) -> bool:
        """See ``Account.is_marked``: the account is automated, as its profile's settings say."""
        return _object(self._server.get("/api/v1/accounts/verify_credentials")).get("bot") is True

    def noticed(self, after: str, since: datetime) -> tuple[Sequence[Noticed], str]:
        """See ``Account.noticed``; the place is the number of a notification."""
        told = self._notifications(min_id=after) if after else self._notifications_since(since)
        places = [one["id"] for one in told if isinstance(one.get("id"), str)]
        place = max([*places, after], key=lambda id: (len(id), id)) or "0"
        new = told if after else [one for one in told if _is_since(one, since)]
        return [one for one in map(self._noticed, reversed(new)) if one], place

    def messages(self, since: datetime) -> Sequence[Message]:
        """See ``Account.messages``: mentions that only the named can read."""
        told = [one for one in self._notifications_since(since) if _is_since(one, since)]
        statuses = [_object(one.get("status")) for one in told]
        return [
            message
            for one in statuses
            if one.get("visibility") == "direct" and (message := self._message(one))
        ]

    def _message(self, status: Mapping[str, Any]) -> Message | None:
        try:
            post = post_of(status, NETWORK, self._host, None)
        except BadStatus:
            return None
        return Message(post.author.id, post.text)

    def _notifications(self, **where: str) -> list[Mapping[str, Any]]:
        """Mentions, the newest first: the oldest behind ``min_id``, the newest before ``max_id``."""
        asked = {"types[]": ["mention"], "limit": "40", **where}
        return _objects(self._server.get("/api/v1/notifications", asked))

    def _notifications_since(self, since: datetime) -> list[Mapping[str, Any]]:
        """Those of a time, and some that are older: the place is behind these too."""
        found: list[Mapping[str, Any]] = []
        where: dict[str, str] = {}
        for _ in range(FIRST_PAGES):
            page = self._notifications(**where)
            found += page
            if not page or not _is_since(page[-1], since):
                break
            where = {"max_id": str(page[-1].get("id"))}
        return found

    def look(self, id: str) -> Looked | None:
        """See ``Account.look``."""
        try:
            status = _object(self._server.get(f"/api/v1/statuses/{id}"))
            blocked = self._is_blocked(_object(status.get("account")))
            context = _object(self._server.get(f"/api/v1/statuses/{id}/context"))
        except Refused as refused:
            if refused.status in _GONE:
                return None
            raise
        try:
            return self._looked(status, context, blocked=blocked)
        except BadStatus as error:
            raise SourceError(f"A status at {self._server.host} {error}.") from None

    def reply(
        self,
        to: Looked | Sent,
        text: str,
        *,
        first: Looked,
        key: str,
        lang: str | None = None,
        links: Sequence[Link] = (),
    ) -> Sent:
        """See ``Account.reply``. The instance takes a key once, but forgets it after an hour: so
        first the thread is looked at. Who may read the mention may read the reply, behind the same
        warning."""
        del links
        if there := self._find_reply(to.id):
            return there
        body = {
            "status": f"@{first.author.handle} {text}",
            "in_reply_to_id": to.id,
            "visibility": first.visibility,
            "spoiler_text": first.warning,
        }
        if lang := lang or first.lang:
            body["language"] = lang
        made = self._server.post("/api/v1/statuses", body, {"Idempotency-Key": key})
        return _sent(_object(made), self._server.host)

    def find_sent(self, to: str, text: str, *, key: str, since: datetime) -> Sequence[str]:
        """See ``Account.find_sent``. With a status its number goes out of the answers to it; so those
        of the account's own that say this, and answer that or nothing, are looked for."""
        del key
        said = " ".join(text.split())
        found: list[str] = []
        where = {"limit": "40", "exclude_reblogs": "true"}
        for _ in range(FIRST_PAGES):
            page = _objects(self._server.get(f"/api/v1/accounts/{self._id}/statuses", where))
            new = [one for one in page if _is_since(one, since)]
            found += [str(one["id"]) for one in new if self._says(one, said, to)]
            if not new or len(new) < len(page):
                break
            where["max_id"] = str(page[-1].get("id"))
        return found

    def _says(self, status: Mapping[str, Any], said: str, to: str) -> bool:
        """Whether a status of the account's is somebody's handle and these words."""
        if status.get("in_reply_to_id") not in {None, to} or not status.get("mentions"):
            return False
        try:
            words = post_of(status, NETWORK, self._host, None).text.split()
        except BadStatus:
            return False
        return words[:1] != [] and words[0].startswith("@") and " ".join(words[1:]) == said

    def delete(self, id: str) -> None:
        """See ``Account.delete``."""
        try:
            self._server.delete(f"/api/v1/statuses/{id}")
        except Refused as refused:
            if refused.status not in _GONE:
                raise

    def _own(self) -> str:
        account = _object(self._server.get("/api/v1/accounts/verify_credentials"))
        try:
            return author_of(account, NETWORK, self._host).id
        except BadStatus:
            raise SourceError(f"{self._server.host} does not say who Myna is there.") from None

    def _noticed(self, told: Mapping[str, Any]) -> Noticed | None:
        status = _object(told.get("status"))
        try:
            author = author_of(_object(status.get("account")), NETWORK, self._host)
            return Noticed(id_of(status), uri_of(status), author.id)
        except BadStatus:
            return None

    def _is_blocked(self, author: Mapping[str, Any]) -> bool:
        """Whether there is a block between the two, as far as the token may know."""
        try:
            told = self._server.get("/api/v1/accounts/relationships", {"id[]": [author.get("id")]})
        except Refused as refused:
            if refused.status not in _GONE:
                raise
            return False
        ties = next(iter(_objects(told)), {})
        return any(ties.get(one) is True for one in ("blocked_by", "blocking", "domain_blocking"))

    def _looked(
        self, status: Mapping[str, Any], context: Mapping[str, Any], *, blocked: bool
    ) -> Looked:
        post = post_of(status, NETWORK, self._host, None)
        own = [one for one in _objects(status.get("mentions")) if one.get("id") == self._id]
        text = post.text
        for one in own:
            handle = str(one.get("acct"))
            text = text.replace(f"@{handle if '@' in handle else f'{handle}@{self._host}'}", " ")
        ancestors = _objects(context.get("ancestors"))
        above = [said for one in ancestors if (said := self._said(one))]
        return Looked(
            id=id_of(status),
            uri=post.uri,
            author=post.author,
            text=" ".join(text.split()),
            lang=post.lang,
            is_public=is_public(status),
            mentions=bool(own),
            above=above,
            warning=str(post.raw.get("spoiler_text", "")),
            visibility=str(status.get("visibility")),
            thread=_uri(ancestors[0]) if ancestors else post.uri,
            written_at=post.created_at,
            blocked=blocked,
        )

    def _said(self, status: Mapping[str, Any]) -> Said | None:
        """A status above, where it may be given to a model."""
        try:
            post = post_of(status, NETWORK, self._host, None)
        except BadStatus:
            return None
        signal = signal_of(status, post.author, self._host).signal
        if not is_public(status) or signal is None or not allows(signal, Use.GENERATE):
            return None
        return Said(post.uri, post.author, post.text)

    def _find_reply(self, id: str) -> Sent | None:
        """The account's own reply to a status, by an earlier try."""
        context = _object(self._server.get(f"/api/v1/statuses/{id}/context"))
        for one in _objects(context.get("descendants")):
            account = _object(one.get("account"))
            if one.get("in_reply_to_id") == id and account.get("id") == self._id:
                return _sent(one, self._server.host)
        return None


def open_account(connection: Connected, secret: Secret) -> MastodonAccount:
    """The account of a connection: every connection to an instance has one."""
    settings = connection.settings
    host = str(settings["handle"]).rpartition("@")[2]
    server = Server(settings["instance"], secret.reveal("token") or "")
    return MastodonAccount(server, settings["account"], host, settings["characters"])


def measure(text: str) -> int:
    """Graphemes, as Mastodon counts them: an address is 23, a handle is without its host."""
    text = _ADDRESS.sub("x" * ADDRESS_CHARACTERS, text)
    return len(_LETTER.findall(_HANDLE.sub(r"@\1", text)))


def _is_since(notification: Mapping[str, Any], since: datetime) -> bool:
    try:
        time = datetime.fromisoformat(str(notification.get("created_at")))
    except ValueError:
        return False
    return time.tzinfo is not None and time >= since


def _uri(status: Mapping[str, Any]) -> str:
    uri = status.get("uri")
    return uri if isinstance(uri, str) else ""


def _sent(status: Mapping[str, Any], host: str) -> Sent:
    try:
        return Sent(id_of(status), uri_of(status))
    except BadStatus:
        raise SourceError(f"{host} does not say what became of the reply.") from None


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
