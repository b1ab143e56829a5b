"""The seam between the bot and an account of Myna's on a network: reading a post as it is now, and
answering it once.

Servers know posts by names of their own (``id``); a program that dies between sending and hearing that
it was sent asks again and must find its reply, not write another one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from myna.post import Author


@dataclass(frozen=True, slots=True)
class Limits:
    """What fits into a reply."""

    size: int
    """Of a part, as ``measure`` counts."""
    parts: int
    """Most parts of a reply: each answers the one before."""
    measure: Callable[[str], int] = field(compare=False)
    """The size of a text as the network counts it: addresses and handles are often shorter."""
    links: bool = False
    """Words can be links; else a link's address stands in the text."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link behind characters [start, end) of a text."""

    start: int
    end: int
    address: str


@dataclass(frozen=True, slots=True)
class Said:
    """A post above the one that is answered."""

    uri: str
    author: Author
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Looked:
    """A post as it is now."""

    id: str
    uri: str
    author: Author
    text: str = field(repr=False)
    """Without the mention of the account."""
    lang: str | None
    is_public: bool
    """Everybody may read it. What is not is answered in the same circle, and nothing of it is
    stored."""
    mentions: bool
    """It mentions the account."""
    above: Sequence[Said] = field(default=(), repr=False)
    """What it answers, the oldest first."""
    warning: str = field(default="", repr=False)
    visibility: str = ""
    """The network's word for who may read it."""
    thread: str = ""
    """URI of the first post of the thread, where the network tells it."""
    written_at: datetime | None = None
    blocked: bool = False
    """Its author blocks the account, or the other way round."""
    closed: bool | None = None
    """Whether the account may not reply; None where that is not told."""


@dataclass(frozen=True, slots=True)
class Noticed:
    """A mention of the account, as its server noticed it."""

    id: str
    uri: str
    author: str
    """Id of who wrote it."""


@dataclass(frozen=True, slots=True)
class Message:
    """Something that was said to the account alone."""

    author: str
    """Id of who said it."""
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sent:
    """A post of the account's."""

    id: str
    uri: str


class Account(Protocol):
    """One account; share it between threads."""

    @property
    def author(self) -> str:
        """Its id among the authors of its network."""
        ...

    @property
    def limits(self) -> Limits:
        """What fits into a reply."""
        ...

    def is_marked(self) -> bool:
        """Whether the account says that a program acts for it; else it must not act.

        Raises:
            SourceError: that cannot be told now.
        """
        ...

    def noticed(self, after: str, since: datetime) -> tuple[Sequence[Noticed], str]:
        """Mentions behind a place, the oldest first, and the place behind them. "" gives those of
        the time from ``since`` on. Some may be told again.

        Raises:
            SourceError: they cannot be had now.
        """
        ...

    def messages(self, since: datetime) -> Sequence[Message]:
        """Direct messages since a time, where the account can get any. Some older ones may be among
        them.

        Raises:
            SourceError: they cannot be had now.
        """
        ...

    def look(self, id: str) -> Looked | None:
        """The post as it is now, with what stands above it; None where it is no more, or may not
        be seen.

        Raises:
            SourceError: that cannot be told now.
        """
        ...

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
        """Answer ``to`` once: where a reply of the account's is there, it is that. ``first`` is
        the mention, ``to`` is that or the part before; ``key`` is made from the mention's URI and
        the part's number, in the form of a TID; ``lang`` is the reply's language, else the
        mention's; ``links`` are there only where ``limits.links`` says so.

        Raises:
            SourceError: whether it is there is not known; trying again does no harm. With status
                429, the server wants a pause.
        """
        ...

    def find_sent(self, to: str, text: str, *, key: str, since: datetime) -> Sequence[str]:
        """Ids of posts of the account's that ``reply`` may have made from this text and key in answer
        to the post ``to`` (an id), which may be no more; ``since`` is when that was found.

        Raises:
            SourceError: that cannot be told now.
        """
        ...

    def delete(self, id: str) -> None:
        """Delete a post of the account's; one that is not there is no error.

        Raises:
            SourceError: it could not be done.
        """
        ...
