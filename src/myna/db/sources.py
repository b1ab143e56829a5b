"""How far each feed has been read. A cursor is saved in the transaction of the posts before it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class SourceState:
    """A feed's place and what it has given so far."""

    name: str
    cursor: str
    accepted: int
    """Events that were applied, replays among them."""
    rejected: int
    """Records that could not be read."""
    updated_at: datetime


def save_cursor(
    conn: Connection,
    source: str,
    cursor: str,
    *,
    accepted: int,
    rejected: int,
    now: datetime,
) -> None:
    """Move ``source`` to ``cursor``; ``accepted`` and ``rejected`` are added to its counts."""
    conn.execute(
        text(
            """
            insert into sources (name, cursor, accepted, rejected, updated_at)
            values (:name, :cursor, :accepted, :rejected, :now)
            on conflict (name) do update set
                cursor = excluded.cursor,
                accepted = sources.accepted + excluded.accepted,
                rejected = sources.rejected + excluded.rejected,
                updated_at = excluded.updated_at
            """
        ),
        {
            "name": source,
            "cursor": cursor,
            "accepted": accepted,
            "rejected": rejected,
            "now": now,
        },
    )


def load_cursor(conn: Connection, source: str) -> SourceState | None:
    """Where ``source`` was left; None where it never ran."""
    row = conn.execute(
        text("select name, cursor, accepted, rejected, updated_at from sources where name = :name"),
        {"name": source},
    ).one_or_none()
    return SourceState(*row) if row else None


def list_sources(conn: Connection) -> list[SourceState]:
    """Every feed, by name."""
    rows = conn.execute(
        text("select name, cursor, accepted, rejected, updated_at from sources order by name")
    )
    return [SourceState(*row) for row in rows]
