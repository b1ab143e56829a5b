"""Myna's account on the AT network: see ``feeds.account``. A server calls a post by its URI."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import regex

from myna.db.connections import Connected, Secret
from myna.errors import SourceError
from myna.feeds.account import Limits, Link, Looked, Message, Noticed, Said, Sent
from myna.feeds.bluesky.chat import DECLARATION, Chat
from myna.feeds.bluesky.directory import Directory
from myna.feeds.bluesky.records import POST, PROFILE, WITHHELD, self_labels
from myna.feeds.bluesky.server import Refused, Server, Session
from myna.feeds.bluesky.text import mentions_of, without
from myna.post import Author

SIZE, PARTS = 300, 3
BYTES_A_GRAPHEME = 10
"""A post has at most 300 graphemes and 3,000 bytes."""
BOT_LABEL = "bot"
DESCRIPTION = (
    "An AI that answers from posts of this network when it is mentioned, and links the posts that "
    "say it. It can be wrong. Reply “stop” to hear no more of it."
)
_GONE = frozenset(
    {"RecordNotFound", "RepoNotFound", "RepoDeactivated", "RepoTakendown", "RepoSuspended"}
)
_CLOSED = frozenset({"AccountTakedown", "AccountDeactivated"})
"""What an AppView calls an account that it shows no more."""
MOST_ABOVE = 2
"""Posts above a mention that are asked for."""
OVERLAP = timedelta(minutes=10)
"""How far the clock of who mentions Myna may be behind."""
MOST_PAGES = 20
"""Of 100 mentions, that are read in one sweep."""
_STALE = frozenset({"ExpiredToken", "InvalidToken"})
_LETTER = regex.compile(r"\X")
T = TypeVar("T")


class BlueskyAccount:
    """See ``feeds.account.Account``."""

    def __init__(
        self,
        server: Server,
        handle: str,
        password: Callable[[], str],
        *,
        network: str,
        did: str,
        directory: Directory | None = None,
        appview: bool = True,
        chat: str = "",
    ) -> None:
        """``password`` is asked for at the moment of a login. ``appview`` is False where the
        account's server has none behind it: then nothing is known of blocks and notifications.
        ``chat`` is the service of direct messages, where the account may read any."""
        self.author = did
        self.limits = Limits(SIZE, PARTS, measure, links=True)
        self._network = network
        self._server, self._handle, self._password = server, handle, password
        self._directory, self._appview = directory, appview
        self._chat = Chat(lambda method, asked: self._ask(method, asked, of=chat)) if chat else None
        self._session: Session | None = None
        self._lock = threading.Lock()

    def is_marked(self) -> bool:
        """See ``Account.is_marked``: where the profile does not say that a program acts, it is
        made to; and where the account has not said whose messages it takes, it takes everybody's,
        for members prove by one who they are."""
        if self._chat and not self._own(DECLARATION):
            said = {"$type": DECLARATION, "allowIncoming": "all"}
            place = {"repo": self.author, "collection": DECLARATION, "rkey": "self"}
            self._act("com.atproto.repo.putRecord", {**place, "record": said})
        told = self._own(PROFILE)
        asked = {"repo": self.author, "collection": PROFILE, "rkey": "self"}
        record: dict[str, Any] = dict(told.get("value") or {"$type": PROFILE})
        labels = self_labels(record)
        if BOT_LABEL in labels and record.get("description"):
            return True
        record["labels"] = {
            "$type": "com.atproto.label.defs#selfLabels",
            "values": [{"val": one} for one in sorted(labels | {BOT_LABEL})],
        }
        record.setdefault("description", DESCRIPTION)
        body = {**asked, "record": record, "swapRecord": told.get("cid")}
        self._act("com.atproto.repo.putRecord", body)
        return True

    def messages(self, since: datetime) -> Sequence[Message]:
        """See ``Account.messages``."""
        return list(self._chat.messages(since)) if self._chat else ()

    def noticed(self, after: str, since: datetime) -> tuple[Sequence[Noticed], str]:
        """See ``Account.noticed``; the place is the time of a notification, which is what the
        post's author claims where that is earlier: so it is looked behind each place again."""
        if not self._appview:
            return (), after
        since = since.replace(microsecond=since.microsecond // 1000 * 1000)  # as its times are
        begin = _instant(after) if after else since
        since = max(begin - OVERLAP, since) if after else since
        new: list[Mapping[str, Any]] = []
        asked: dict[str, Any] = {"limit": 100, "reasons": ["mention"]}
        for _ in range(MOST_PAGES):  # the newest first
            told = self._ask("app.bsky.notification.listNotifications", asked)
            page = told.get("notifications")
            found = [one for one in (page if isinstance(page, list) else ()) if _is_mention(one)]
            new += [one for one in found if _time(one) >= since]
            asked["cursor"] = told.get("cursor")
            if not asked["cursor"] or not found or _time(found[-1]) < since:
                break
        place = max([begin, *(_time(one) for one in new)]).isoformat()
        told_of = [Noticed(one["uri"], one["uri"], one["author"]["did"]) for one in reversed(new)]
        return told_of, place

    def look(self, id: str) -> Looked | None:
        """See ``Account.look``. An AppView tells of blocks and of what stands above; it may be
        behind the stream, and shows no post where a block is between the two. So of a post that it
        does not show, its author is asked for there, and the post of the author's own server."""
        author: Mapping[str, Any] | None = {}
        if self._appview:
            if shown := self._shown(id):
                return shown
            author = self._profile(id.removeprefix("at://").partition("/")[0])
        there = self._record(id) if author is not None else None
        return self._looked(id, there["value"], author or {}, {}) if there else None

    def _shown(self, id: str) -> Looked | None:
        """A post as the AppView shows it to the account; None where it does not."""
        asked = {"uri": id, "depth": 0, "parentHeight": MOST_ABOVE}
        try:
            told = _object(self._ask("app.bsky.feed.getPostThread", asked).get("thread"))
        except Refused as refused:
            if refused.status not in {400, 404}:
                raise
            return None
        post = _object(told.get("post"))
        if post.get("uri") != id:
            return None
        above: list[Said] = []
        while parent := _object(_object(told := _object(told.get("parent"))).get("post")):
            above += self._said(parent)
        return self._viewed(post, above[:MOST_ABOVE][::-1])

    def _said(self, post: Mapping[str, Any]) -> list[Said]:
        """A post above, where everybody may see it."""
        author, record = _object(post.get("author")), _object(post.get("record"))
        labels = [*_objects(post.get("labels")), *_objects(author.get("labels"))]
        text, did = record.get("text"), author.get("did")
        if any(one.get("val") in WITHHELD for one in labels):
            return []
        if not isinstance(text, str) or not isinstance(did, str):
            return []
        said_by = Author(self._network, did, str(author.get("handle") or ""))
        return [Said(str(post.get("uri")), said_by, text)]

    def _profile(self, did: str) -> Mapping[str, Any] | None:
        """An author as the AppView shows it to the account; nothing where it knows none, None
        where it shows the author no more."""
        try:
            return self._ask("app.bsky.actor.getProfile", {"actor": did})
        except Refused as refused:
            if refused.name in _CLOSED:
                return None
            if refused.status not in {400, 404}:
                raise
        return {}

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
        """See ``Account.reply``. The server takes a key once: a second try finds the first one's
        post."""
        began = self._record(first.id)
        above = began if to.id == first.id else self._record(to.id)
        if began is None or above is None:
            raise SourceError("The post that is answered is no more.")
        root = _object(_object(began["value"].get("reply")).get("root"))
        record: dict[str, Any] = {
            "$type": POST,
            "text": text,
            "createdAt": datetime.now(UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
            "langs": [lang or first.lang or "en"],
            "reply": {"root": dict(root) if root else _ref_of(began), "parent": _ref_of(above)},
        }
        if links:
            record["facets"] = [_facet(text, link) for link in links]
        body = {"repo": self.author, "collection": POST, "rkey": key, "record": record}
        uri = f"at://{self.author}/{POST}/{key}"
        try:
            self._act("com.atproto.repo.createRecord", body)
        except SourceError as error:
            if isinstance(error, Refused) and error.status == 429:
                raise
            there = self._record(uri)
            if there is None:
                raise
            if _object(_object(there["value"].get("reply")).get("parent")).get("uri") != to.id:
                raise SourceError("Another post has the place of this reply.") from None
        return Sent(uri, uri)

    def find_sent(self, to: str, text: str, *, key: str, since: datetime) -> Sequence[str]:
        """See ``Account.find_sent``: its place is known, whether it is there or not."""
        del to, text, since
        return [f"at://{self.author}/{POST}/{key}"]

    def delete(self, id: str) -> None:
        """See ``Account.delete``."""
        _, collection, rkey = id.removeprefix("at://").split("/")
        body = {"repo": self.author, "collection": collection, "rkey": rkey}
        self._act("com.atproto.repo.deleteRecord", body)

    def _own(self, collection: str) -> dict[str, Any]:
        """The account's only record of a collection; nothing where it has none."""
        return self._record(f"at://{self.author}/{collection}/self") or {}

    def _record(self, uri: str) -> dict[str, Any] | None:
        """A record as its author's server has it; None where it is no more."""
        did, collection, rkey = uri.removeprefix("at://").split("/")
        home = None
        if did != self.author and self._directory:
            home = self._directory.host_of(did)
        asked = {"repo": did, "collection": collection, "rkey": rkey}
        try:
            told = (home or self._server).get("com.atproto.repo.getRecord", asked)
        except Refused as refused:
            if refused.name in _GONE:
                return None
            raise
        return told if isinstance(told.get("value"), dict) else None

    def _viewed(self, told: Mapping[str, Any], above: Sequence[Said]) -> Looked:
        author, viewer = _object(told.get("author")), _object(told.get("viewer"))
        record = _object(told.get("record"))
        return self._looked(str(told.get("uri")), record, author, viewer, above)

    def _looked(
        self,
        uri: str,
        record: Mapping[str, Any],
        author: Mapping[str, Any],
        viewer: Mapping[str, Any],
        above: Sequence[Said] = (),
    ) -> Looked:
        did = uri.removeprefix("at://").partition("/")[0]
        mine = _object(author.get("viewer"))
        said, langs = record.get("text"), record.get("langs")
        text = said if isinstance(said, str) else ""
        spans = mentions_of(record, self.author)
        first = langs[0] if isinstance(langs, list) and langs else None
        closed = viewer.get("replyDisabled")
        return Looked(
            id=uri,
            uri=uri,
            author=Author(self._network, did, str(author.get("handle") or "")),
            text=without(text, spans),
            lang=first if isinstance(first, str) else None,
            is_public=True,
            mentions=bool(spans),
            above=above,
            thread=root_of(record, uri),
            written_at=_written(record),
            blocked=any(mine.get(one) for one in ("blockedBy", "blocking", "blockingByList")),
            closed=bool(closed) if viewer else None,
        )

    def _ask(self, method: str, params: Mapping[str, Any], of: str = "") -> dict[str, Any]:
        return self._with_token(lambda token: self._server.get(method, params, token=token, of=of))

    def _act(self, method: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self._with_token(lambda token: self._server.post(method, body, token=token))

    def _with_token(self, ask: Callable[[str], T]) -> T:
        """Ask with the session's token, and once more with a new one where that has run out."""
        session = self._login(None)
        try:
            return ask(session.access)
        except Refused as refused:
            if refused.name not in _STALE and refused.status != 401:
                raise
        return ask(self._login(session).access)

    def _login(self, stale: Session | None) -> Session:
        with self._lock:
            if self._session is None or self._session is stale:
                try:
                    renewed = self._server.renew(stale) if stale else None
                except Refused:
                    renewed = None
                self._session = renewed or self._server.log_in(self._handle, self._password())
            return self._session


def open_account(connection: Connected, secret: Secret) -> BlueskyAccount | None:
    """The account of a connection; None where it has none."""
    settings = connection.settings
    if not settings.get("did") or not secret.reveal("password"):
        return None
    return BlueskyAccount(
        Server(settings["service"]),
        settings["handle"],
        lambda: secret.reveal("password") or "",
        network=connection.name,
        did=settings["did"],
        directory=Directory(settings["plc"]) if settings["plc"] else None,
        appview=bool(settings["appview"]),
        chat=settings.get("chat", "") if settings.get("messages") else "",
    )


def measure(text: str) -> int:
    """Graphemes, and a tenth of the bytes where these are more: both are bounded."""
    return max(len(_LETTER.findall(text)), -(-len(text.encode()) // BYTES_A_GRAPHEME))


def root_of(record: Mapping[str, Any], uri: str) -> str:
    """URI of the root of a post's thread, as its record says."""
    found = _object(_object(record.get("reply")).get("root")).get("uri")
    return found if isinstance(found, str) and found else uri


def _facet(text: str, link: Link) -> dict[str, Any]:
    """A link as records have it, which count bytes."""
    start = len(text[: link.start].encode())
    return {
        "index": {
            "byteStart": start,
            "byteEnd": start + len(text[link.start : link.end].encode()),
        },
        "features": [{"$type": "app.bsky.richtext.facet#link", "uri": link.address}],
    }


def _ref_of(told: Mapping[str, Any]) -> dict[str, str]:
    return {"uri": str(told.get("uri")), "cid": str(told.get("cid"))}


def _is_mention(told: object) -> bool:
    told = _object(told)
    return (
        told.get("reason") == "mention"
        and isinstance(told.get("uri"), str)
        and isinstance(_object(told.get("author")).get("did"), str)
    )


def _time(told: Mapping[str, Any]) -> datetime:
    return _instant(str(told.get("indexedAt")))


def _instant(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return datetime(1970, 1, 1, tzinfo=UTC)


def _written(record: Mapping[str, Any]) -> datetime | None:
    try:
        time = datetime.fromisoformat(str(record.get("createdAt")))
    except ValueError:
        return None
    return time if time.tzinfo else None


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
