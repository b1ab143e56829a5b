"""What the records of Bluesky mean: from an operation on an account's repository to events. Pure.

A record is what its author's program wrote, and may have anything anywhere: what has another form
than the lexicon says is left out, and a post without a text is no post.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from myna.db.content import MAX_KEY_BYTES
from myna.post import (
    Author,
    Engaged,
    Engagement,
    Event,
    Kind,
    Post,
    Profile,
    ReplyRule,
    Signal,
    Withheld,
)

POST = "app.bsky.feed.post"
LIKE = "app.bsky.feed.like"
REPOST = "app.bsky.feed.repost"
GATE = "app.bsky.feed.threadgate"
PROFILE = "app.bsky.actor.profile"
CONSENTS = (
    "community.lexicon.preference.ai",
    "org.user-intents.declaration",
    "org.user-intents.demo.declaration",
)
"""Records in which members say what may be done with their posts."""
COLLECTIONS = (POST, LIKE, REPOST, GATE, PROFILE, *CONSENTS)
"""What Myna reads of a repository."""

READ = frozenset(COLLECTIONS)
ENGAGED = {LIKE: Engaged.LIKE, REPOST: Engaged.REPOST}
_ELSEWHERE = frozenset({"$type", "text", "createdAt", "langs"})
"""Fields of a post's record that have a place of their own."""
NOWHEN = datetime(1970, 1, 1, tzinfo=UTC)
"""Where it is not told when something was seen."""
_LONGEST_DID, _LONGEST_KEY = 256, 512
"""Characters; record keys are ASCII."""
_BOT_LABELS = frozenset({"bot"})
WITHHELD = frozenset({"!hide", "!takedown", "!no-unauthenticated"})
"""Labels of a post, by its author or a labeller, that say that not everybody may see it."""
SELF = "self"
"""The reason where a post's author has labelled it."""
_RULES = {
    "app.bsky.feed.threadgate#mentionRule": "mention",
    "app.bsky.feed.threadgate#followerRule": "follower",
    "app.bsky.feed.threadgate#followingRule": "following",
}
_HIDDEN = frozenset({"deactivated", "suspended", "takendown"})
"""States of an account whose posts are not shown; others do not tell (``desynchronized``,
``throttled``: the host has trouble)."""


@dataclass(frozen=True, slots=True)
class Operation:
    """What was done to one record of a repository."""

    network: str
    did: str
    action: str
    """create, update or delete"""
    collection: str
    rkey: str
    rev: str
    seen: datetime
    """When the network saw it."""

    @property
    def uri(self) -> str:
        """The record's."""
        return uri_of(self.did, self.collection, self.rkey)


def uri_of(did: str, collection: str, rkey: str) -> str:
    """The URI of a record."""
    return f"at://{did}/{collection}/{rkey}"


def is_did(did: str) -> bool:
    """Whether ``did`` may stand for an account."""
    return did.startswith("did:") and did.isascii() and len(did) <= _LONGEST_DID


Fields = Mapping[str, Any]


def events_of(operation: Operation, record: Fields | None) -> list[Event]:
    """What an operation means; ``record`` is what was written, and nothing for a deletion."""
    read = _READERS.get(operation.collection)
    if read is None or not is_did(operation.did) or len(operation.rkey) > _LONGEST_KEY:
        return []
    if operation.action == "delete":
        return read(operation, None)
    return [] if record is None else read(operation, record)


def _post(operation: Operation, record: Fields | None) -> list[Event]:
    network, did, uri = operation.network, operation.did, operation.uri
    if record is None:
        return [Event(Kind.DELETE, network, uri)]
    text = record.get("text")
    if not isinstance(text, str):
        return []
    if not WITHHELD.isdisjoint(self_labels(record)):
        return [Event(Kind.WITHHOLD, network, uri, told=Withheld(SELF))]
    post = Post(
        network=network,
        uri=uri,
        author=Author(network, did, ""),
        text=text,
        created_at=_instant(record.get("createdAt")) or operation.seen,
        reply_to=_parent(record.get("reply")),
        lang=_language(record.get("langs")),
        url=f"https://bsky.app/profile/{did}/post/{operation.rkey}",
        revision=operation.rev,
        raw={name: value for name, value in record.items() if name not in _ELSEWHERE},
    )
    if operation.action != "update":
        return [Event(Kind.CREATE, network, uri, post)]
    again = Event(Kind.RESTORE, network, uri, post, told=Withheld(SELF))  # had it a label before
    return [Event(Kind.EDIT, network, uri, post), again]


def _engagement(operation: Operation, record: Fields | None) -> list[Event]:
    if record is None:
        return [Event(Kind.WITHDRAW, operation.network, operation.uri)]
    subject = _object(record.get("subject")).get("uri")
    if not isinstance(subject, str):
        return []
    told = Engagement(subject, ENGAGED[operation.collection])
    return [Event(Kind.ENGAGE, operation.network, operation.uri, told=told)]


def _gate(operation: Operation, record: Fields | None) -> list[Event]:
    """A threadgate stands under the record key of its post."""
    rule = ReplyRule()
    if record is not None:
        allow, hidden = record.get("allow"), record.get("hiddenReplies")
        rule = ReplyRule(
            tuple(filter(None, map(_allowed, allow))) if isinstance(allow, list) else None,
            tuple(one for one in hidden if isinstance(one, str))
            if isinstance(hidden, list)
            else (),
        )
    uri = uri_of(operation.did, POST, operation.rkey)
    return [Event(Kind.RULE, operation.network, uri, told=rule)]


def _allowed(rule: object) -> str | None:
    rule = _object(rule)
    if rule.get("$type") == "app.bsky.feed.threadgate#listRule":
        uri = rule.get("list")
        return uri if isinstance(uri, str) else None
    return _RULES.get(str(rule.get("$type")))


def _profile(operation: Operation, record: Fields | None) -> list[Event]:
    if operation.rkey != "self":
        return []
    told = Profile(name="", is_bot=False)
    if record is not None:
        name = record.get("displayName")
        told = Profile(
            name=name if isinstance(name, str) else "",
            is_bot=not _BOT_LABELS.isdisjoint(self_labels(record)),
        )
    return [
        *_consent(operation, record),
        Event(Kind.PROFILE, operation.network, operation.did, told=told),
    ]


def self_labels(record: Fields) -> set[str]:
    """Labels that an author gives a record."""
    values = _object(record.get("labels")).get("values")
    if not isinstance(values, list):
        return set()
    return {val for one in values if isinstance(val := _object(one).get("val"), str)}


def _consent(operation: Operation, record: Fields | None) -> list[Event]:
    signal = Signal(operation.collection, operation.rkey, record, operation.rev)
    return [Event(Kind.SIGNAL, operation.network, operation.did, signal=signal)]


_READERS: Mapping[str, Callable[[Operation, Fields | None], list[Event]]] = {
    POST: _post,
    LIKE: _engagement,
    REPOST: _engagement,
    GATE: _gate,
    PROFILE: _profile,
    **dict.fromkeys(CONSENTS, _consent),
}


def account(network: str, did: str, told: Fields) -> list[Event]:
    """What became of an account, from an ``#account`` event."""
    if not is_did(did):
        return []
    if told.get("active") is True:
        return [Event(Kind.RETURN, network, did)]
    match told.get("status"):
        case "deleted":
            return [Event(Kind.PURGE, network, did)]
        case str() as status if status in _HIDDEN:
            return [Event(Kind.HIDE, network, did)]
    return []


def identity(network: str, did: str, told: Fields) -> list[Event]:
    """An account's handle, from an ``#identity`` event that tells it. One that does not resolve
    back (``handle.invalid``) is none."""
    handle = told.get("handle")
    if not isinstance(handle, str) or not handle or handle == "handle.invalid" or not is_did(did):
        return []
    return [Event(Kind.PROFILE, network, did, told=Profile(handle=handle))]


def label(network: str, told: Fields) -> list[Event]:
    """A labeller's word on an account, or on a post that not everybody may see; that a post may be
    seen again is ``unlabelled``."""
    uri, src, value = told.get("uri"), told.get("src"), told.get("val")
    if not (isinstance(uri, str) and isinstance(src, str) and isinstance(value, str)):
        return []
    if uri.startswith("at://"):
        if not _withholds(uri, value) or told.get("neg") is True:
            return []
        return [Event(Kind.WITHHOLD, network, uri, told=Withheld(f"{src}/{value}"))]
    if not is_did(uri):
        return []
    record = None if told.get("neg") is True else dict(told)
    signal = Signal("com.atproto.label.defs#label", f"{src}/{value}", record)
    return [Event(Kind.SIGNAL, network, uri, signal=signal)]


def unlabelled(told: Fields) -> tuple[str, str] | None:
    """Of a labeller's word that takes back a label by which a post was withheld: the post's URI, and
    the reason that ends."""
    uri, src, value = told.get("uri"), told.get("src"), told.get("val")
    if not (isinstance(uri, str) and isinstance(src, str) and isinstance(value, str)):
        return None
    return (uri, f"{src}/{value}") if told.get("neg") is True and _withholds(uri, value) else None


def _withholds(uri: str, value: str) -> bool:
    is_post = uri.startswith("at://did:") and uri.split("/")[3:4] == [POST]
    return is_post and value in WITHHELD and len(uri.encode("utf-8", "replace")) <= MAX_KEY_BYTES


def _parent(reply: object) -> str | None:
    uri = _object(_object(reply).get("parent")).get("uri")
    if not isinstance(uri, str) or not uri:
        return None
    return uri if len(uri.encode("utf-8", "replace")) <= MAX_KEY_BYTES else None


def _language(langs: object) -> str | None:
    first = langs[0] if isinstance(langs, list) and langs else None
    return first if isinstance(first, str) and first else None


def _instant(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _object(value: object) -> Fields:
    return value if isinstance(value, Mapping) else {}
