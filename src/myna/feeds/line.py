"""One line of an archive: from bytes to an event, or to the reason why not. Pure.

The format is JSON, one object a line. A post has ``id``, ``author``, ``created_at`` and ``text``;
``reply_to``, ``lang``, ``likes``, ``reposts``, ``url``, ``channel`` and ``revision`` may be there.
``author`` is a name or an object with ``id`` and perhaps ``handle``, ``name``, ``is_bot``;
``created_at`` is ISO 8601 with a zone, or seconds since 1970. ``kind`` may be "edit" (the post
changed) or "delete" (only ``id`` is needed; ``"deleted": true`` says the same). Every other field
is kept in the raw record. ``{"kind": "account", "author": …, "state": …}`` tells what became of an
account: hidden, purged or live.
"""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime
from typing import Any

import msgspec

from myna.db.content import MAX_KEY_BYTES
from myna.errors import SourceError
from myna.post import Author, Event, Kind, Post

MAX_LINE_BYTES = 1 << 20
"""A longer line is bad: no post is that long, and memory stays bounded."""

_NETWORK = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_REQUIRED = ("id", "author", "created_at", "text")
_EARLIEST_SECONDS = -62_135_510_400  # 0001-01-02
_LATEST_SECONDS = 253_402_214_400  # 9999-12-31

_decode = msgspec.json.Decoder().decode


class BadLine(ValueError):
    """Why a line is not an event; the text never repeats the line."""


def check_network(name: str) -> str:
    """``name`` where it can be a network's.

    Raises:
        SourceError: it cannot.
    """
    if not _NETWORK.fullmatch(name):
        raise SourceError(
            f"“{name}” cannot be a network's name. Use at most 64 letters, digits, . _ and -."
        )
    return name


def decode_line(line: bytes, network: str) -> Event:
    """The event that ``line`` tells.

    Raises:
        BadLine: it is not JSON, lacks a field, or a field has a wrong value.
    """
    row = _object(line)
    if row.get("kind") == "account":
        return _account(row, network)
    kind = _kind(row)
    if kind is Kind.DELETE:
        if row.get("id") is None:
            raise BadLine("lacks id")
        return Event(kind, network, _key(row, "id"))
    missing = [name for name in _REQUIRED if row.get(name) is None]
    if missing:
        raise BadLine("lacks " + ", ".join(missing))
    uri = _key(row, "id")
    post = Post(
        network=network,
        uri=uri,
        author=_author(row.pop("author"), network),
        created_at=_instant(row.pop("created_at")),
        text=_text(row, "text") or "",
        reply_to=_key(row, "reply_to") if row.get("reply_to") not in (None, "") else None,
        lang=_text(row, "lang"),
        channel=_text(row, "channel"),
        url=_url(row),
        likes=_count(row, "likes"),
        reposts=_count(row, "reposts"),
        revision=_key(row, "revision") if row.get("revision") not in (None, "") else "",
        raw={name: value for name, value in row.items() if name not in _READ},
    )
    return Event(kind, network, uri, post)


def _account(row: dict[str, Any], network: str) -> Event:
    if row.get("author") is None:
        raise BadLine("lacks author")
    kind = _ACCOUNT_STATES.get(str(row.get("state")))
    if kind is None:
        raise BadLine("state of an account must be hidden, purged or live")
    return Event(kind, network, _author(row["author"], network).id)


_ACCOUNT_STATES = {"hidden": Kind.HIDE, "purged": Kind.PURGE, "live": Kind.RETURN}

_READ = frozenset({"kind", "deleted", "reply_to", "revision"})
"""Fields that leave nothing for the raw record, also where they were null."""


def _object(line: bytes) -> dict[str, Any]:
    try:
        row = _decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        # Lone surrogates, NaN and huge numbers are JSON to many programs.
        try:
            row = json.loads(line.decode("utf-8"))
        except UnicodeDecodeError:
            raise BadLine("is not UTF-8") from None
        except RecursionError:
            raise BadLine("is nested too deeply") from None
        except ValueError:
            raise BadLine("is not JSON") from None
    if not isinstance(row, dict):
        raise BadLine("is not a JSON object")
    return row


def _kind(row: dict[str, Any]) -> Kind:
    deleted = row.get("deleted")
    if deleted not in (None, True, False):
        raise BadLine("deleted must be true or false")
    if deleted:
        return Kind.DELETE
    try:
        kind = Kind(row.get("kind") or Kind.CREATE)
    except ValueError:
        kind = Kind.HIDE
    if kind not in (Kind.CREATE, Kind.EDIT, Kind.DELETE):
        raise BadLine("kind must be create, edit, delete or account")
    return kind


def _key(row: dict[str, Any], name: str) -> str:
    value = row.pop(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return _checked_key(value, name)


def _checked_key(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise BadLine(f"{name} must be a string")
    if not value:
        raise BadLine(f"{name} is empty")
    if len(value.encode("utf-8", "replace")) > MAX_KEY_BYTES // 2:
        raise BadLine(f"{name} is longer than {MAX_KEY_BYTES // 2} bytes")
    return value


def _author(value: Any, network: str) -> Author:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str):
        name = _checked_key(value, "author")
        return Author(network, name, name)
    if not isinstance(value, dict):
        raise BadLine("author must be a string or an object")
    if value.get("id") is None:
        raise BadLine("author lacks id")
    handle, name, is_bot = value.get("handle"), value.get("name"), value.get("is_bot")
    if not isinstance(handle, str | None) or not isinstance(name, str | None):
        raise BadLine("author's handle and name must be strings")
    if is_bot not in (None, True, False):
        raise BadLine("author's is_bot must be true or false")
    key = _key(dict(value), "id")
    return Author(network, key, handle or key, name or "", bool(is_bot))


def _instant(value: Any) -> datetime:
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value) or not _EARLIEST_SECONDS <= value <= _LATEST_SECONDS:
            raise BadLine("created_at is not a time in seconds since 1970")
        return datetime.fromtimestamp(value, UTC)
    if not isinstance(value, str):
        raise BadLine("created_at must be a time")
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        raise BadLine("created_at is not an ISO 8601 time") from None
    if time.tzinfo is None:
        raise BadLine("created_at has no time zone")
    return time


def _text(row: dict[str, Any], name: str) -> str | None:
    value = row.pop(name, None)
    if value is not None and not isinstance(value, str):
        raise BadLine(f"{name} must be a string")
    return value


def _url(row: dict[str, Any]) -> str | None:
    url = _text(row, "url") or None
    if url and not url.startswith(("https://", "http://")):
        raise BadLine("url must begin with https:// or http://")
    return url


def _count(row: dict[str, Any], name: str) -> int:
    value = row.pop(name, None)
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**53:
        raise BadLine(f"{name} must be a number from 0")
    return int(value)
