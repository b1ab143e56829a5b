"""What a status of Mastodon's API means: the post, and what its author allows. Pure.

Only public statuses are posts to Myna: unlisted ones are for those who follow a link, the others for
the few whom they name. An account and a status are known by their ActivityPub addresses, which are the
same on every instance; the numbers of one instance are not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from myna.db.content import MAX_KEY_BYTES
from myna.feeds.mastodon.markup import text_of
from myna.post import Author, Event, Kind, Post, Signal

Fields = Mapping[str, Any]

FORM = "mastodon.account"
_SIGNS = ("indexable", "noindex", "discoverable", "suspended", "limited", "note", "fields")
"""Fields of an account in which it says what may be done with its posts."""


class BadStatus(ValueError):
    """It is not what the API says; the text never repeats it."""


def original_of(status: Fields) -> Fields:
    """The status itself; of a boost, what is boosted."""
    boosted = status.get("reblog")
    return boosted if isinstance(boosted, Mapping) else status


def id_of(status: Fields) -> str:
    """What the instance calls it.

    Raises:
        BadStatus: it has no number.
    """
    number = status.get("id")
    if not isinstance(number, str) or not 0 < len(number) <= 64 or not number.isalnum():
        raise BadStatus("has no id")
    return number


def time_of(status: Fields) -> datetime:
    """When it was written, as its author's server says.

    Raises:
        BadStatus: it does not.
    """
    value = status.get("created_at")
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        time = None
    if time is None:
        raise BadStatus("has no created_at")
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def is_public(status: Fields) -> bool:
    """Whether it may be stored at all."""
    return status.get("visibility") == "public"


def uri_of(status: Fields) -> str:
    """Its address, the same on every instance.

    Raises:
        BadStatus: there is none, or it is too long to be stored.
    """
    return _address(status.get("uri"), "uri")


def parent_id_of(status: Fields) -> str | None:
    """What the instance calls the status that it replies to."""
    number = status.get("in_reply_to_id")
    return number if isinstance(number, str) and number else None


def post_of(status: Fields, network: str, host: str, parent: str | None) -> Post:
    """The post that a public status is. ``host`` is the instance, where accounts without a host
    are at home; ``parent`` is the address of what it replies to.

    Raises:
        BadStatus: it is not what the API says.
    """
    content = status.get("content")
    if not isinstance(content, str):
        raise BadStatus("has no content")
    created, uri = time_of(status), uri_of(status)
    url = status.get("url")
    lang = status.get("language")
    return Post(
        network=network,
        uri=uri,
        author=author_of(_object(status.get("account")), network, host),
        text=text_of(content, _mentions(status, host)),
        created_at=created,
        reply_to=parent,
        lang=lang if isinstance(lang, str) and lang else None,
        url=next((one for one in (url, uri) if _is_web(one)), None),
        likes=_count(status.get("favourites_count")),
        reposts=_count(status.get("reblogs_count")),
        revision=_revision(status, created),
        raw=dict(_kept(status)),
    )


def author_of(account: Fields, network: str, host: str) -> Author:
    """Who an account is.

    Raises:
        BadStatus: it is not what the API says.
    """
    acct = account.get("acct")
    if not isinstance(acct, str) or not acct:
        raise BadStatus("has no account")
    id = _address(account.get("uri") or account.get("url"), "account")
    name = account.get("display_name")
    return Author(
        network,
        id,
        handle_of(acct, host),
        name if isinstance(name, str) else "",
        account.get("bot") is True,
    )


def handle_of(acct: str, host: str) -> str:
    """``name@host``: accounts of the instance itself come without a host."""
    return acct if "@" in acct else f"{acct}@{host}"


def signal_of(status: Fields, author: Author, host: str) -> Event:
    """What the account says of the use of its posts, as this instance has it. Where instances
    differ, a no of any counts."""
    account = _object(status.get("account"))
    record = {name: account[name] for name in _SIGNS if name in account}
    return Event(Kind.SIGNAL, author.network, author.id, signal=Signal(FORM, host, record))


def _revision(status: Fields, created: datetime) -> str:
    """The time of the latest edit; a status that was not edited has that of its beginning."""
    edited = status.get("edited_at")
    try:
        time = datetime.fromisoformat(edited) if isinstance(edited, str) else created
    except ValueError:
        time = created
    time = time if time.tzinfo else time.replace(tzinfo=UTC)
    return time.astimezone(UTC).isoformat(timespec="milliseconds")


def _kept(status: Fields) -> Iterator[tuple[str, Any]]:
    """Fields that have no place of their own, under their own names: what is there, without what
    changes from reader to reader."""
    for name in ("spoiler_text", "sensitive", "in_reply_to_id"):
        if status.get(name):
            yield name, status[name]
    media = [
        {key: one.get(key) for key in ("type", "url", "description") if one.get(key)}
        for one in _objects(status.get("media_attachments"))
    ]
    if media:
        yield "media_attachments", media
    if tags := [{"name": one["name"]} for one in _objects(status.get("tags")) if one.get("name")]:
        yield "tags", tags
    if poll := _poll(_object(status.get("poll"))):
        yield "poll", poll
    card = _object(status.get("card"))
    if card.get("url"):
        yield "card", {key: card.get(key) for key in ("url", "title", "description")}
    quote = _object(status.get("quote"))
    quoted = _object(quote.get("quoted_status"))
    if quoted.get("uri"):
        yield "quote", {"uri": quoted["uri"], "state": quote.get("state")}
    if emojis := [
        one["shortcode"] for one in _objects(status.get("emojis")) if one.get("shortcode")
    ]:
        yield "emojis", emojis


def _poll(poll: Fields) -> dict[str, Any]:
    options = [
        {"title": one.get("title"), "votes_count": one.get("votes_count")}
        for one in _objects(poll.get("options"))
    ]
    if not options:
        return {}
    return {
        "options": options,
        "expires_at": poll.get("expires_at"),
        "multiple": poll.get("multiple"),
    }


def _mentions(status: Fields, host: str) -> dict[str, str]:
    return {
        one["url"]: handle_of(one["acct"], host)
        for one in _objects(status.get("mentions"))
        if isinstance(one.get("url"), str) and isinstance(one.get("acct"), str)
    }


def _address(value: object, name: str) -> str:
    if not isinstance(value, str) or not value:
        raise BadStatus(f"has no {name}")
    if len(value.encode("utf-8", "replace")) > MAX_KEY_BYTES:
        raise BadStatus(f"has a {name} that is too long")
    return value


def _is_web(value: object) -> bool:
    return isinstance(value, str) and value.startswith(("https://", "http://"))


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def _objects(value: object) -> Iterator[Fields]:
    if isinstance(value, list):
        yield from (one for one in value if isinstance(one, Mapping))


def _object(value: object) -> Fields:
    return value if isinstance(value, Mapping) else {}
