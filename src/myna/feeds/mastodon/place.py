"""How far a timeline is read, as the text that is stored. Pure.

Statuses are numbered by the time at which they were written, in milliseconds and 16 more bits. So a
post that comes late from another instance gets a number in the past: after a break a timeline is read
again from some time before the place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

REWIND = timedelta(minutes=15)
"""How late posts of other instances may come and still be seen after a break."""
_FIRST = datetime(2016, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Place:
    """The latest status that was read."""

    id: str
    time: datetime
    """When it was written."""

    @classmethod
    def read(cls, cursor: str) -> Place | None:
        """A place from its text; None for the beginning and for what is not one."""
        id, _, time = cursor.partition(" ")
        try:
            return cls(id, datetime.fromisoformat(time)) if id else None
        except ValueError:
            return None

    @property
    def cursor(self) -> str:
        """Its text."""
        return f"{self.id} {self.time.isoformat()}"

    def rewound(self) -> Place:
        """Where to begin again; the place itself where numbers do not tell the time."""
        if not tells_time(self.id):
            return self
        number = max(0, int(self.id) - (REWIND // _MILLISECOND << 16))
        return replace(self, id=str(number), time=self.time - REWIND)

    def later(self, other: Place) -> Place:
        """The one that is further."""
        return other if order(other.id) > order(self.id) else self


def order(id: str) -> tuple[int, str]:
    """Numbers and the sortable words of other software, in the order of time."""
    return len(id), id


def at(time: datetime) -> Place:
    """The place of a time, among numbers that tell it."""
    return Place(str((time - _EPOCH) // _MILLISECOND << 16), time)


def tells_time(id: str) -> bool:
    """Whether a status's number is its time."""
    return id.isdecimal() and id.isascii() and order(id) >= order(at(_FIRST).id)


def time_of(cursor: str) -> datetime | None:
    """When the status at a stored place was written."""
    place = Place.read(cursor)
    return place.time if place else None
