"""How far each feed has been read, how fast, and what it could not give.

A cursor is saved in the transaction of the posts before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

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
    rate: float = 0.0
    """Events a second, over about the last ``RATE_SECONDS`` in which there were any."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of a network's time of which something may be missing."""

    since: datetime | None
    """None: it is not known from when."""
    until: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class StoredGap:
    """A gap, and when it was noticed."""

    source: str
    gap: Gap
    noticed_at: datetime


RATE_SECONDS = 10
"""A rate is taken anew when it is this old."""


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
            insert into sources (name, cursor, accepted, rejected, updated_at, rate_since)
            values (:name, :cursor, :accepted, :rejected, :now, :now)
            on conflict (name) do update set
                cursor = excluded.cursor,
                accepted = sources.accepted + excluded.accepted,
                rejected = sources.rejected + excluded.rejected,
                updated_at = excluded.updated_at,
                rate = case when sources.rate_since is null then 0
                    when excluded.updated_at < sources.rate_since + :window then sources.rate
                    else (sources.rate_events + excluded.accepted)
                        / extract(epoch from excluded.updated_at - sources.rate_since) end,
                rate_since = case
                    when excluded.updated_at < sources.rate_since + :window
                    then sources.rate_since else excluded.updated_at end,
                rate_events = case
                    when excluded.updated_at < sources.rate_since + :window
                    then sources.rate_events + excluded.accepted else 0 end
            """
        ),
        {
            "name": source,
            "cursor": cursor,
            "accepted": accepted,
            "rejected": rejected,
            "now": now,
            "window": timedelta(seconds=RATE_SECONDS),
        },
    )


def load_cursor(conn: Connection, source: str) -> SourceState | None:
    """Where ``source`` was left; None where it never ran."""
    row = conn.execute(
        text(
            "select name, cursor, accepted, rejected, updated_at, rate from sources where name = :name"
        ),
        {"name": source},
    ).one_or_none()
    return SourceState(*row) if row else None


def list_sources(conn: Connection) -> list[SourceState]:
    """Every feed, by name."""
    rows = conn.execute(
        text("select name, cursor, accepted, rejected, updated_at, rate from sources order by name")
    )
    return [SourceState(*row) for row in rows]


def save_gap(conn: Connection, source: str, gap: Gap, *, now: datetime) -> None:
    """Note what ``source`` could not give."""
    conn.execute(
        text(
            "insert into gaps (source, since, until, reason, noticed_at) "
            "values (:source, :since, :until, :reason, :now)"
        ),
        {
            "source": source,
            "since": gap.since,
            "until": gap.until,
            "reason": gap.reason,
            "now": now,
        },
    )


def list_gaps(conn: Connection, limit: int) -> list[StoredGap]:
    """What sources could not give, the latest first."""
    rows = conn.execute(
        text(
            "select source, since, until, reason, noticed_at from gaps "
            "order by id desc limit :limit"
        ),
        {"limit": limit},
    )
    return [StoredGap(row[0], Gap(*row[1:4]), row[4]) for row in rows]


def forget_source(conn: Connection, source: str) -> None:
    """Forget where ``source`` stands: it begins anew when it is read again."""
    conn.execute(text("delete from sources where name = :name"), {"name": source})
    conn.execute(text("delete from gaps where source = :name"), {"name": source})
