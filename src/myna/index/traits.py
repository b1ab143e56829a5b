"""What a post has besides its text, and what it is, as ``has:`` and ``is:`` ask for it. Pure.

Networks say it each in their own way in the post's raw record: the forms of Bluesky (``embed``,
``facets``), Mastodon (``media_attachments``, ``poll``, ``card``) and X (``entities``,
``referenced_tweets``) are known, and a plain ``media`` (a list of objects with a ``type``, or
anything that is not empty) and ``quote``. Whatever else stands there is not an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from myna.post import Post

_KINDS = {
    "image": "images",
    "images": "images",
    "photo": "images",
    "video": "videos",
    "gifv": "videos",
    "animated_gif": "videos",
    "audio": "audio",
}
"""What networks call a medium → the trait."""


def traits_of(post: Post) -> set[str]:
    """Traits that the record tells; those of the text (links, tags, mentions) are not among
    them."""
    raw = post.raw
    traits: set[str] = set()
    if post.reply_to:
        traits.add("reply")
    if post.author.is_bot:
        traits.add("bot")
    if not raw:
        return traits
    if raw.get("poll"):
        traits.add("poll")
    if raw.get("quote") or any(
        one.get("type") == "quoted" for one in _objects(raw.get("referenced_tweets"))
    ):
        traits.add("quote")
    if raw.get("media"):
        traits.add("media")
    for one in _media(raw):
        traits.add("media")
        if kind := _KINDS.get(str(one.get("type")).lower()):
            traits.add(kind)
    traits |= _embedded(raw.get("embed"))
    return traits


def addresses_of(raw: Mapping[str, Any]) -> Iterator[str]:
    """Links that the record has, whole, where the text may show them shortened."""
    embed = _object(raw.get("embed"))
    entities = _object(raw.get("entities"))
    found = [_object(embed.get("external")).get("uri")]
    found.append(_object(_object(embed.get("media")).get("external")).get("uri"))
    found.append(_object(raw.get("card")).get("url"))
    found += [one.get("expanded_url") for one in _objects(entities.get("urls"))]
    for facet in _objects(raw.get("facets")):
        found += [one.get("uri") for one in _objects(facet.get("features"))]
    return (one for one in found if isinstance(one, str) and one.startswith(("http:", "https:")))


def hashtags_of(raw: Mapping[str, Any]) -> Iterator[str]:
    """Hashtags that the record has: the text need not show them."""
    found = [one.get("name") for one in _objects(raw.get("tags"))]
    for facet in _objects(raw.get("facets")):
        found += [one.get("tag") for one in _objects(facet.get("features"))]
    return (one for one in found if isinstance(one, str))


def _media(raw: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from _objects(raw.get("media"))
    yield from _objects(raw.get("media_attachments"))
    for name in ("entities", "extended_entities"):
        yield from _objects(_object(raw.get(name)).get("media"))


def _embedded(embed: object) -> set[str]:
    """What a record of Bluesky embeds."""
    embed = _object(embed)
    kind = str(embed.get("$type")).removeprefix("app.bsky.embed.").partition("#")[0]
    if kind == "record":
        return {"quote"}
    if kind == "recordWithMedia":
        return {"quote"} | _embedded(embed.get("media"))
    return {"media", _KINDS[kind]} if kind in _KINDS else set()


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _objects(value: object) -> Iterator[Mapping[str, Any]]:
    return (
        (one for one in value if isinstance(one, Mapping)) if isinstance(value, list) else iter(())
    )
