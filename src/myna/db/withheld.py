"""Posts that are withheld for a while: a label says that not everybody may see them.

They are deleted like others, and nothing is kept of them but for what reason; so a deletion by the author
is told from it, and only what is not withheld for any reason comes back. It comes back as a new post: the
old one's number stays deleted for the index, the vectors and the answers that rested on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from sqlalchemy import Connection

from myna.db.engine import driver_of
from myna.post import Event, Kind, Withheld

_CONCERNED = frozenset({Kind.DELETE, Kind.WITHHOLD, Kind.RESTORE})


def sort_out(conn: Connection, events: Sequence[Event]) -> Sequence[Event]:
    """The events as the rules of posts know them: what is withheld is deleted, what is restored is
    created where it may be. Writers wait until the caller's transaction ends."""
    if not any(event.kind in _CONCERNED for event in events):
        return events
    sorting = _Sorting(driver_of(conn))
    for event in events:
        sorting.take(event)
    sorting.forget()
    return [event for event in sorting.sorted if event is not None]


@dataclass(slots=True)
class _Sorting:
    pg: psycopg.Connection[Any]
    sorted: list[Event | None] = field(default_factory=list)
    places: dict[tuple[str, str], int] = field(default_factory=dict)
    """Post → where its deletion is among the sorted ones, where this batch withholds it."""
    gone: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.pg.execute("select from change_counter for update")

    def take(self, event: Event) -> None:
        """Sort the next one out."""
        key = event.network, event.uri
        if event.kind is Kind.DELETE:
            self.gone.append(key)
            self.places.pop(key, None)
        elif isinstance(event.told, Withheld):
            self.forget()
            by = event.told.by
            taken = self._withhold(key, by) if event.post is None else self._restore(event, by)
            if taken is None:
                return
            event = taken
        self.sorted.append(event)

    def forget(self) -> None:
        """What is deleted is withheld no more."""
        if self.gone:
            self.pg.execute(
                "delete from withheld w using unnest(%s::text[], %s::text[]) as k(network, uri) "
                "where w.network = k.network and w.uri = k.uri",
                ([network for network, _ in self.gone], [uri for _, uri in self.gone]),
            )
            self.gone = []

    def _withhold(self, key: tuple[str, str], by: str) -> Event:
        self.pg.execute(
            """
            insert into withheld (network, uri, "by") select %s, %s, %s
            where not exists (
                select from posts where network = %s and uri = %s and state = 'deleted'
            ) or exists (select from withheld where network = %s and uri = %s)
            on conflict do nothing
            """,
            (*key, by, *key, *key),
        )
        self.places.setdefault(key, len(self.sorted))
        return Event(Kind.DELETE, *key)

    def _restore(self, event: Event, by: str) -> Event | None:
        key = event.network, event.uri
        ended = self.pg.execute(
            'delete from withheld where network = %s and uri = %s and "by" = %s', (*key, by)
        ).rowcount
        left = self.pg.execute(
            "select from withheld where network = %s and uri = %s limit 1", key
        ).fetchone()
        if not ended or left is not None:
            return None
        if (place := self.places.pop(key, None)) is not None:  # it was not even deleted yet
            self.sorted[place] = None
            return Event(Kind.EDIT, *key, event.post)
        self.pg.execute(
            "update posts set uri = uri || ' was withheld ' || id "
            "where network = %s and uri = %s and state = 'deleted'",
            key,
        )
        return Event(Kind.CREATE, *key, event.post)
