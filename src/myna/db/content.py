"""What PostgreSQL can hold of a post: pure functions from what a network sends to what is stored.

PostgreSQL refuses U+0000 and lone surrogates in text, and NaN in JSON; one such character in one
post must not cost a batch. Each is replaced by one U+FFFD, so that offsets stay right.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from myna.errors import InvalidRequest
from myna.post import Event, Kind, Post

MAX_KEY_BYTES = 1024
"""Longest network name, URI or author id in UTF-8: an index entry of PostgreSQL holds 2,704."""

_MAX_COUNT = 2**31 - 1

_EARLIEST = datetime(1, 1, 2, tzinfo=UTC)
_LATEST = datetime(9999, 12, 30, tzinfo=UTC)

_encode = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True, slots=True)
class Content:
    """A cleaned event: the post (None for a delete), its raw record as JSON, and a fingerprint."""

    kind: Kind
    network: str
    uri: str
    post: Post | None
    raw: str = "{}"
    fingerprint: int = 0
    """64-bit hash of everything that an edit can change; equal content has an equal one."""


def clean_event(event: Event) -> Content:
    """Make ``event`` fit to be stored.

    Raises:
        InvalidRequest: a key is empty or too long to be indexed.
    """
    network, uri = _key(event.network, "network"), _key(event.uri, "URI")
    if event.post is None:
        return Content(event.kind, network, uri, None)
    post = _clean_post(event.post, network, uri)
    raw = clean_json(post.raw) if post.raw else "{}"
    return Content(event.kind, network, uri, post, raw, _fingerprint(post, raw))


def _clean_post(post: Post, network: str, uri: str) -> Post:
    """The same object where nothing has to be changed, as for nearly every post: making another
    costs as much as all the checks."""
    author = post.author
    id = _key(author.id, "author")
    handle, name = clean_text(author.handle), clean_text(author.name)
    if not (
        id is author.id
        and handle is author.handle
        and name is author.name
        and author.network == network
    ):
        author = replace(author, network=network, id=id, handle=handle, name=name)
    text = clean_text(post.text)
    created_at = _bounded(post.created_at)
    reply_to = _key(post.reply_to, "reply_to") if post.reply_to else None
    lang, channel = _clean_optional(post.lang), _clean_optional(post.channel)
    url, revision = _clean_optional(post.url), clean_text(post.revision)
    likes, reposts = (max(0, min(count, _MAX_COUNT)) for count in (post.likes, post.reposts))
    if (
        author is post.author
        and (network, uri) == (post.network, post.uri)
        and text is post.text
        and created_at is post.created_at
        and reply_to is post.reply_to
        and (lang, channel, url, revision) == (post.lang, post.channel, post.url, post.revision)
        and (likes, reposts) == (post.likes, post.reposts)
    ):
        return post
    return Post(
        network=network,
        uri=uri,
        author=author,
        text=text,
        created_at=created_at,
        reply_to=reply_to,
        lang=lang,
        channel=channel,
        url=url,
        likes=likes,
        reposts=reposts,
        revision=revision,
        raw=post.raw,
    )


def clean_text(text: str) -> str:
    """``text`` without U+0000 and lone surrogates; each is replaced by U+FFFD."""
    if text.isascii():
        return text.replace("\x00", "\ufffd") if "\x00" in text else text
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\x00", "\ufffd")


def clean_json(record: Mapping[str, Any]) -> str:
    """``record`` as JSON that a jsonb column takes; keys are sorted, NaN and infinity are null."""
    try:
        encoded = _encode(record)
    except (UnicodeEncodeError, TypeError, OverflowError):
        encoded = _encode(_clean_value(record))
    if b"\\u0000" in encoded:
        encoded = _encode(_clean_value(record))
    return encoded.decode()


def _clean_value(value: Any) -> Any:
    match value:
        case str():
            cleaned: Any = clean_text(value)
        case Mapping():
            cleaned = {clean_text(str(key)): _clean_value(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            cleaned = [_clean_value(item) for item in value]
        case float():
            cleaned = value if math.isfinite(value) else None
        case None | bool():
            cleaned = value
        case int() if -(2**63) <= value < 2**64:
            cleaned = value
        case _:
            cleaned = clean_text(str(value))
    return cleaned


def _clean_optional(text: str | None) -> str | None:
    return clean_text(text) if text is not None else None


def _key(text: str, name: str) -> str:
    text = clean_text(text)
    if not text or (len(text) > MAX_KEY_BYTES // 4 and len(text.encode()) > MAX_KEY_BYTES):
        what = f"longer than {MAX_KEY_BYTES} bytes" if text else "empty"
        raise InvalidRequest(f"The {name} of a post is {what}. Leave the post out.")
    return text


def _bounded(time: datetime) -> datetime:
    """``time`` in UTC, within what Python can read back from PostgreSQL."""
    try:
        return min(max(time.astimezone(UTC), _EARLIEST), _LATEST)
    except OverflowError:
        return _EARLIEST if time.year == 1 else _LATEST


def text_digest(text: str) -> int:
    """64 bits that tell texts apart."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _fingerprint(post: Post, raw: str) -> int:
    parts = (
        post.author.id,
        post.text,
        post.lang,
        post.channel,
        post.url,
        post.likes,
        post.reposts,
        post.revision,
        raw,
    )
    digest = hashlib.blake2b(msgspec.json.encode(parts), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
