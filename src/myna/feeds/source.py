"""The seam between a network and the store: a source yields records, ingest writes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from myna.db.aliases import Alias
from myna.db.sources import Gap
from myna.post import Event


@dataclass(frozen=True, slots=True)
class Rejection:
    """A record that could not be read. ``reason`` names the fault, never the record's content."""

    place: int
    """Where in the source: a line number of a file, from 1."""
    reason: str


@dataclass(frozen=True, slots=True)
class Record:
    """One event, one rejection or one gap, and where to go on after it."""

    cursor: str
    event: Event | None = None
    rejection: Rejection | None = None
    gap: Gap | None = None
    """What the network could not give before this."""
    alias: Alias | None = None
    """What the event's post is called where it comes from, as in what is told of it later."""


class Source(Protocol):
    """Where events come from: a network, an archive, the demo."""

    @property
    def name(self) -> str:
        """The key of its cursor in the store; it stays the same over restarts."""
        ...

    def read(self, cursor: str) -> Iterator[Record | None]:
        """Go on behind ``cursor`` ("" is the beginning).

        A live source yields None at least every 250 ms while it has nothing, so that what was
        gathered is written and a stop is heard. An archive ends, with a last record whose cursor
        is "": reading it again begins anew.

        Raises:
            SourceError: it cannot be read further.
        """
        ...
