"""What a post shows besides its text, of the record that its network gave. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def about(raw: Mapping[str, Any]) -> str:
    """What a post shows besides its text: descriptions of pictures, the title of a link."""
    return " ".join([*alt_texts(raw), *_titles(raw)])


def alt_texts(raw: Mapping[str, Any]) -> list[str]:
    """How its author describes the pictures and films of a post."""
    words: list[Any] = []
    for one in _embeds(raw):
        images = one.get("images")
        words += [
            image.get("alt")
            for image in (images if isinstance(images, list) else ())
            if isinstance(image, Mapping)
        ]
        words.append(one.get("alt"))
    return [word for word in words if isinstance(word, str) and word.strip()]


def quoted_uri(raw: Mapping[str, Any]) -> str | None:
    """The post that a post quotes."""
    embed = raw.get("embed")
    record = embed.get("record") if isinstance(embed, Mapping) else None
    if isinstance(record, Mapping) and isinstance(record.get("record"), Mapping):
        record = record["record"]
    uri = record.get("uri") if isinstance(record, Mapping) else None
    return uri if isinstance(uri, str) else None


def _titles(raw: Mapping[str, Any]) -> list[str]:
    cards = [one.get("external") for one in _embeds(raw)]
    titles = [card.get("title") for card in cards if isinstance(card, Mapping)]
    return [title for title in titles if isinstance(title, str) and title]


def _embeds(raw: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    embed = raw.get("embed")
    media = embed.get("media") if isinstance(embed, Mapping) else None
    return [one for one in (embed, media) if isinstance(one, Mapping)]
