"""What a post of X's API means. Pure.

An edit has a number of its own; the first number of its history is the post. X's developer policy
forbids training on posts, so each author comes with a signal that says so.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from myna.post import Author, Event, Kind, Post, Signal

Fields = Mapping[str, Any]

FORM = "x.account"
_ADDRESS = "https://x.com/i/status/"
_EPOCH = datetime(2010, 11, 4, 1, 42, 54, 657_000, tzinfo=UTC)
"""Numbers of posts are milliseconds since then and 22 more bits."""
_NO_LANGUAGE = frozenset({"und", "zxx", "qam", "qct", "qht", "qme", "qst"})

ASKED = {
    "tweet.fields": "attachments,author_id,conversation_id,created_at,edit_history_tweet_ids,"
    "entities,in_reply_to_user_id,lang,note_tweet,possibly_sensitive,public_metrics,"
    "referenced_tweets,reply_settings",
    "expansions": "author_id,referenced_tweets.id,referenced_tweets.id.author_id,"
    "attachments.media_keys,attachments.poll_ids",
    "user.fields": "description,name,protected,username",
    "media.fields": "alt_text,media_key,type,url",
    "poll.fields": "options,end_datetime",
}
"""What is asked for with posts: all that is read here."""


class BadPost(ValueError):
    """It is not what the API says; the text never repeats it."""


@dataclass(frozen=True, slots=True)
class Given:
    """What came along with posts."""

    users: Mapping[str, Fields]
    posts: Mapping[str, Fields]
    media: Mapping[str, Fields]
    polls: Mapping[str, Fields]

    @classmethod
    def read(cls, includes: object) -> Given:
        """From an answer's ``includes``."""
        all = _object(includes)
        return cls(
            _by(all.get("users"), "id"),
            _by(all.get("tweets"), "id"),
            _by(all.get("media"), "media_key"),
            _by(all.get("polls"), "id"),
        )


def uri_of(id: str) -> str:
    """The address of a post, whoever wrote it."""
    return _ADDRESS + id


def id_of(uri: str) -> str | None:
    """And back; None for what is no address of a post."""
    id = uri.removeprefix(_ADDRESS)
    return id if is_id(id) and id != uri else None


def is_id(value: object) -> bool:
    """Whether ``value`` is a number of X's."""
    return isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 20


def time_of(id: str) -> datetime:
    """When a post was written, by its number."""
    return _EPOCH + timedelta(milliseconds=int(id) >> 22)


def id_at(time: datetime) -> str:
    """The least number of a time."""
    return str(max(0, (time - _EPOCH) // timedelta(milliseconds=1)) << 22)


def events_of(told: Fields, given: Given, network: str) -> list[Event]:
    """A post and what holds for its author. Of a repost, the post that is reposted; of a protected
    account nothing.

    Raises:
        BadPost: it is not what the API says.
    """
    reposted = _referenced(told, "retweeted")
    if reposted:
        told = given.posts.get(reposted, {})
        if not told:
            return []
    user = given.users.get(str(told.get("author_id")))
    if user is None:
        raise BadPost("has no author")
    author = _author(user, network)
    if user.get("protected") is True:
        return [Event(Kind.HIDE, network, author.id)]
    post = post_of(told, given, author)
    kind = Kind.EDIT if len(_history(told)) > 1 else Kind.CREATE
    return [signal_of(user, network), Event(kind, network, post.uri, post)]


def post_of(told: Fields, given: Given, author: Author) -> Post:
    """The post itself.

    Raises:
        BadPost: it is not what the API says.
    """
    history = _history(told)
    parent = _referenced(told, "replied_to")
    metrics = _object(told.get("public_metrics"))
    lang = told.get("lang")
    return Post(
        network=author.network,
        uri=uri_of(history[0]),
        author=author,
        text=_text(told),
        created_at=_created(told) or time_of(history[0]),
        reply_to=uri_of(parent) if parent else None,
        lang=lang if isinstance(lang, str) and lang not in _NO_LANGUAGE else None,
        url=f"https://x.com/{author.handle}/status/{history[-1]}",
        likes=_count(metrics.get("like_count")),
        reposts=_count(metrics.get("retweet_count")),
        revision=f"{len(history):03}",
        raw=dict(_kept(told, given)),
    )


def signal_of(user: Fields, network: str) -> Event:
    """What the account, and X itself, say of the use of its posts."""
    record = {name: user[name] for name in ("protected", "description") if name in user}
    return Event(Kind.SIGNAL, network, str(user["id"]), signal=Signal(FORM, record=record))


def _author(user: Fields, network: str) -> Author:
    id, handle, name = user.get("id"), user.get("username"), user.get("name")
    if not is_id(id) or not isinstance(handle, str) or not handle:
        raise BadPost("has no author")
    return Author(network, str(id), handle, name if isinstance(name, str) else "")


def _history(told: Fields) -> list[str]:
    """Numbers of the post, from the first to its latest edit."""
    id, history = told.get("id"), told.get("edit_history_tweet_ids")
    if not is_id(id):
        raise BadPost("has no id")
    given = [one for one in history if is_id(one)] if isinstance(history, list) else []
    return sorted({*given, str(id)}, key=int)


def _text(told: Fields) -> str:
    """Whole, with addresses as they are behind X's short ones."""
    long = _object(told.get("note_tweet"))
    source = long if isinstance(long.get("text"), str) else told
    text = source.get("text")
    if not isinstance(text, str):
        raise BadPost("has no text")
    for url in _objects(_object(source.get("entities")).get("urls")):
        short, whole = url.get("url"), url.get("expanded_url")
        if isinstance(short, str) and short and isinstance(whole, str):
            text = text.replace(short, "" if url.get("media_key") else whole)
    return html.unescape(text).strip()


def _kept(told: Fields, given: Given) -> Iterator[tuple[str, Any]]:
    """Fields that have no place of their own, in the forms that search knows."""
    entities = _object(told.get("entities"))
    if tags := [{"name": one["tag"]} for one in _objects(entities.get("hashtags")) if "tag" in one]:
        yield "tags", tags
    urls = [
        {"expanded_url": one["expanded_url"]}
        for one in _objects(entities.get("urls"))
        if isinstance(one.get("expanded_url"), str) and not one.get("media_key")
    ]
    mentions = [
        {key: one.get(key) for key in ("id", "username")}
        for one in _objects(entities.get("mentions"))
    ]
    if urls or mentions:
        yield "entities", {"urls": urls, "mentions": mentions}
    attached = _object(told.get("attachments"))
    media = [
        {"type": one.get("type"), "url": one.get("url"), "description": one.get("alt_text")}
        for one in _found(given.media, attached.get("media_keys"))
    ]
    if media:
        yield "media_attachments", media
    for poll in _found(given.polls, attached.get("poll_ids")):
        yield (
            "poll",
            {
                "options": [{"title": one.get("label")} for one in _objects(poll.get("options"))],
                "expires_at": poll.get("end_datetime"),
            },
        )
    references = [
        {"type": one.get("type"), "id": one.get("id")}
        for one in _objects(told.get("referenced_tweets"))
    ]
    if references:
        yield "referenced_tweets", references
    for name in ("conversation_id", "reply_settings", "possibly_sensitive"):
        if told.get(name):
            yield name, told[name]


def _referenced(told: Fields, type: str) -> str | None:
    for one in _objects(told.get("referenced_tweets")):
        if one.get("type") == type and is_id(one.get("id")):
            return str(one["id"])
    return None


def _created(told: Fields) -> datetime | None:
    value = told.get("created_at")
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return time.replace(tzinfo=UTC) if time and time.tzinfo is None else time


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def _by(rows: object, key: str) -> dict[str, Fields]:
    return {str(one[key]): one for one in _objects(rows) if one.get(key)}


def _found(all: Mapping[str, Fields], keys: object) -> list[Fields]:
    return [all[key] for key in keys if key in all] if isinstance(keys, list) else []


def _objects(value: object) -> Iterator[Fields]:
    if isinstance(value, list):
        yield from (one for one in value if isinstance(one, Mapping))


def _object(value: object) -> Fields:
    return value if isinstance(value, Mapping) else {}
