"""How far X is read, as the text that is stored: the number of the latest post. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from myna.feeds.x.post import id_at, is_id, time_of

KEPT = timedelta(days=7) - timedelta(minutes=5)
"""How far back X's recent search goes."""
REWIND = timedelta(seconds=30)
"""Posts come some seconds late, and not in the order of their numbers."""


@dataclass(frozen=True, slots=True)
class Place:
    """The latest post that was read."""

    id: str

    @classmethod
    def read(cls, cursor: str) -> Place | None:
        """A place from its text; None for the beginning."""
        return cls(cursor) if is_id(cursor) else None

    @property
    def time(self) -> datetime:
        """When that post was written."""
        return time_of(self.id)

    def later(self, id: str) -> Place:
        """The one that is further."""
        return Place(id) if int(id) > int(self.id) else self

    def begin(self, now: datetime) -> tuple[str, bool]:
        """The number behind which to read again, and whether all from the place on can be had."""
        first = now - KEPT
        if self.time < first:
            return id_at(first), False
        return id_at(max(self.time - REWIND, first)), True


def seen_at(cursor: str) -> datetime | None:
    """When the post at a stored place was written."""
    place = Place.read(cursor)
    return place.time if place else None
