"""Myna's account on X: see ``feeds.account``. X's rules for programs are kept here, whoever calls:
only who mentions the account is answered, once, with one post.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import regex

from myna.db.connections import Connected, Secret
from myna.errors import InvalidRequest, SourceError
from myna.feeds.account import Limits, Link, Looked, Message, Noticed, Said, Sent
from myna.feeds.x.network import NETWORK, server_of
from myna.feeds.x.post import ASKED, BadPost, Given, events_of, id_at, is_id, uri_of
from myna.feeds.x.server import Refused, Server
from myna.post import Post, Signal, Use
from myna.safety.consent.signals import allows

SIZE = 280
ADDRESS_SIZE = 23
"""What an address counts, however long it is."""
MOST_ABOVE = 10
_ADDRESS = regex.compile(r"https?://\S+")
_PICTURE = regex.compile(r"\p{Extended_Pictographic}|\p{Regional_Indicator}")
_LETTER = regex.compile(r"\X")
_LIGHT = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))
"""Code points that count one; all others count two."""
_PAGES = 8
"""X gives no more than 800 mentions."""


class XAccount:
    """See ``feeds.account.Account``. ``id`` is its author's id."""

    def __init__(self, server: Server, id: str, handle: str) -> None:
        self.author = id
        self.limits = Limits(SIZE, 1, measure)
        self._server = server
        self._handle = handle

    def is_marked(self) -> bool:
        """See ``Account.is_marked``: X does not tell; `myna connect x` connects no account whose
        label was not confirmed."""
        return True

    def noticed(self, after: str, since: datetime) -> tuple[Sequence[Noticed], str]:
        """See ``Account.noticed``; the place is the number of a post."""
        after = after or id_at(since)
        params = {**ASKED, "max_results": "100", "since_id": after}
        found: list[dict[str, Any]] = []
        for _ in range(_PAGES):  # the newest first
            answer = self._server.get(f"/2/users/{self.author}/mentions", params)
            found += _posts(answer)
            token = (answer.get("meta") or {}).get("next_token")
            if not token:
                break
            params["pagination_token"] = str(token)
        posts = sorted(found, key=lambda one: int(one["id"]))
        place = max([after, *(one["id"] for one in posts)], key=int)
        return [
            Noticed(one["id"], uri_of(one["id"]), str(one.get("author_id"))) for one in posts
        ], place

    def messages(self, since: datetime) -> Sequence[Message]:
        """See ``Account.messages``: they want a permission that Myna does not ask for."""
        del since
        return ()

    def look(self, id: str) -> Looked | None:
        """See ``Account.look``."""
        told = self._ask(id)
        if told is None:
            return None
        post, raw, _ = told
        return Looked(
            id=id,
            uri=post.uri,
            author=post.author,
            text=self._without_mention(post.text),
            lang=post.lang,
            is_public=True,
            mentions=self._is_mentioned(raw),
            above=self._above(raw),
            thread=uri_of(str(began)) if is_id(began := raw.get("conversation_id")) else "",
            written_at=post.created_at,
        )

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
        """See ``Account.reply``. X takes no keys: what the account has said since the mention is
        looked at first.

        Raises:
            InvalidRequest: X's rules do not let this be answered.
        """
        del key, lang, links
        if to.id != first.id:
            raise InvalidRequest("X lets a program answer with one post. Make the reply shorter.")
        if not first.mentions:
            raise InvalidRequest("X lets a program answer only those who mention it.")
        if there := self._find_reply(to.id):
            return there
        body = {"text": text, "reply": {"in_reply_to_tweet_id": to.id}}
        made = self._server.act("POST", "/2/tweets", body=body).get("data") or {}
        if not is_id(made.get("id")):
            raise SourceError("X does not say what became of the reply.")
        return Sent(made["id"], uri_of(made["id"]))

    def find_sent(self, to: str, text: str, *, key: str, since: datetime) -> Sequence[str]:
        """See ``Account.find_sent``: X says of a post what it answers, also where that is no more."""
        del text, key, since
        there = self._find_reply(to)
        return [there.id] if there else []

    def delete(self, id: str) -> None:
        """See ``Account.delete``."""
        try:
            self._server.act("DELETE", f"/2/tweets/{id}")
        except Refused as refused:
            if refused.status != 404:
                raise

    def _ask(self, id: str) -> tuple[Post, Mapping[str, Any], Signal] | None:
        """A post, its record, and what its author allows; None where it is no more."""
        try:
            answer = self._server.get(f"/2/tweets/{id}", ASKED)
        except Refused as refused:
            if refused.status in {403, 404}:
                return None
            raise
        raw = answer.get("data")
        if not isinstance(raw, Mapping):
            return None
        try:
            events = events_of(raw, Given.read(answer.get("includes")), NETWORK)
        except BadPost:
            return None
        post = next((one.post for one in events if one.post), None)
        signal = next((one.signal for one in events if one.signal), None)
        return (post, raw, signal) if post and signal else None

    def _above(self, raw: Mapping[str, Any]) -> list[Said]:
        """What a post answers, the oldest first, as far as it may be given to a model."""
        above: list[Said] = []
        while len(above) < MOST_ABOVE and (parent := _answered(raw)):
            told = self._ask(parent)
            if told is None:
                break
            post, raw, signal = told
            if allows(signal, Use.GENERATE):
                above.insert(0, Said(post.uri, post.author, post.text))
        return above

    def _find_reply(self, id: str) -> Sent | None:
        """The account's own reply to a post, by an earlier try."""
        token = ""
        for _ in range(_PAGES):
            params = {**ASKED, "max_results": "100", "since_id": id}
            if token:
                params["pagination_token"] = token
            answer = self._server.get(f"/2/users/{self.author}/tweets", params)
            for one in _posts(answer):
                if _answered(one) == id:
                    return Sent(one["id"], uri_of(one["id"]))
            token = (answer.get("meta") or {}).get("next_token") or ""
            if not token:
                return None
        raise SourceError("Too much was said since this mention: it is not answered any more.")

    def _is_mentioned(self, raw: Mapping[str, Any]) -> bool:
        entities = raw.get("entities")
        mentions = entities.get("mentions") if isinstance(entities, Mapping) else None
        return isinstance(mentions, list) and any(
            isinstance(one, Mapping) and str(one.get("username")).lower() == self._handle.lower()
            for one in mentions
        )

    def _without_mention(self, text: str) -> str:
        name = regex.compile(rf"@{regex.escape(self._handle)}\b", regex.IGNORECASE)
        return " ".join(name.sub(" ", text).split())


def open_account(connection: Connected, secret: Secret) -> XAccount | None:
    """The account of a connection; None where it has none."""
    settings = connection.settings
    server = server_of(settings["api"], secret)
    if not settings.get("account") or not server.acts:
        return None
    return XAccount(server, settings["account"], settings["handle"])


def measure(text: str) -> int:
    """The size of a text as X counts it: most letters of alphabets one, others and emoji two."""
    text = unicodedata.normalize("NFC", text)
    found = len(_ADDRESS.findall(text)) * ADDRESS_SIZE
    for letter in _LETTER.findall(_ADDRESS.sub("", text)):
        if _PICTURE.search(letter) and not letter.isascii():
            found += 2
        else:
            found += sum(1 if _is_light(ord(point)) else 2 for point in letter)
    return found


def _is_light(point: int) -> bool:
    return any(first <= point <= last for first, last in _LIGHT)


def _answered(raw: Mapping[str, Any]) -> str | None:
    references = raw.get("referenced_tweets")
    for one in references if isinstance(references, list) else ():
        if isinstance(one, Mapping) and one.get("type") == "replied_to" and is_id(one.get("id")):
            return str(one["id"])
    return None


def _posts(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    data = answer.get("data")
    found = data if isinstance(data, list) else []
    return [one for one in found if isinstance(one, dict) and is_id(one.get("id"))]
