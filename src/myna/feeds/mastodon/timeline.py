"""Which timelines of an instance are read, and how they are asked for. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from myna.errors import InvalidRequest

MOST_TIMELINES = 20
"""Each is a connection of its own to the instance."""
_TAG = re.compile(r"#(\w{1,100})")
_LIST = re.compile(r"list:([A-Za-z0-9]{1,64})")


@dataclass(frozen=True, slots=True)
class Timeline:
    """One timeline."""

    word: str
    """How it is named to Myna: ``local``, ``federated``, ``home``, ``#tag``, ``list:ID``."""
    path: str
    """Where its past is."""
    stream: str
    """What its stream is called."""
    params: Mapping[str, str] = field(default_factory=dict)
    """Of the past."""
    stream_params: Mapping[str, str] = field(default_factory=dict)
    is_feed: bool = False
    """Whether the instance keeps only the latest few hundred of it, as of what is made for one
    reader."""

    @property
    def query(self) -> str:
        """Of the stream's address."""
        return urlencode({"stream": self.stream, **self.stream_params})


def timelines_of(policy: str) -> list[Timeline]:
    """The timelines that ``policy`` names, with spaces between.

    Raises:
        InvalidRequest: a word names none, or there are none or too many.
    """
    words = list(dict.fromkeys(policy.replace(",", " ").split()))
    if not 0 < len(words) <= MOST_TIMELINES:
        raise InvalidRequest(f"Name 1 to {MOST_TIMELINES} timelines, as in `local #birds`.")
    return [_timeline(word) for word in words]


def words_of(timelines: Sequence[Timeline]) -> list[str]:
    """And back."""
    return [one.word for one in timelines]


def _timeline(word: str) -> Timeline:
    if word == "local":
        return Timeline(word, "/api/v1/timelines/public", "public:local", {"local": "true"})
    if word == "federated":
        return Timeline(word, "/api/v1/timelines/public", "public")
    if word == "home":
        return Timeline(word, "/api/v1/timelines/home", "user", is_feed=True)
    if match := _TAG.fullmatch(word):
        tag = match[1]
        path = f"/api/v1/timelines/tag/{quote(tag)}"
        return Timeline(word, path, "hashtag", stream_params={"tag": tag})
    if match := _LIST.fullmatch(word):
        path = f"/api/v1/timelines/list/{match[1]}"
        return Timeline(word, path, "list", stream_params={"list": match[1]}, is_feed=True)
    raise InvalidRequest(
        "A timeline is local, federated, home, #hashtag or list:ID, where ID is the number in the "
        "address of the list's page."
    )
