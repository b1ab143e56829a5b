"""Retention: what is older than a horizon goes, row and all.

A post goes in two steps. First it is deleted like any other (no text, a change number that the
index follows), and noted in ``expired_posts``. Once every follower has seen that, its row goes too.
The horizon stands beside the change counter: what is older does not come in again. Tombstones of
networks' own deletions go by the same horizon, since what they keep out is older than they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from myna.db.counts import add_counts
from myna.db.engine import driver_of

ROW_BYTES = 120
"""Of a post's row besides its texts: header, numbers, times, short texts."""
KEYS_BYTES = 200
"""Of a post's entries in the table's six indexes besides the keys' own texts."""
_SAMPLED_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class StoreSize:
    """What the posts come to."""

    live: int
    rows: int
    """Tombstones among them."""
    bytes_per_post: float
    """Of a live post, with its entries in the table's indexes."""


def keep_after(conn: Connection) -> datetime | None:
    """The horizon; None where everything is kept."""
    return conn.execute(text("select keep_after from change_counter")).scalar_one()


def set_keep_after(conn: Connection, horizon: datetime | None) -> None:
    """Move the horizon. What is older does not come in from this commit on."""
    conn.execute(text("update change_counter set keep_after = :at"), {"at": horizon})


def expire_posts(conn: Connection, horizon: datetime, start: int, end: int, limit: int) -> int:
    """Delete up to ``limit`` of the posts with ``start`` ≤ id < ``end`` that are older than
    ``horizon``, and note them and such tombstones as rows to go; how many were noted.

    Writers wait until the caller's transaction ends.
    """
    found = conn.execute(
        text(
            """
            select p.id, p.seq, p.author_id, p.state from posts p
            left join expired_posts e on e.post_id = p.id
            where p.id >= :start and p.id < :end and e.post_id is null
                and least(p.created_at, p.indexed_at) < :horizon
            order by p.id limit :limit
            """
        ),
        {"start": start, "end": end, "horizon": horizon, "limit": limit},
    ).all()
    if not found:
        return 0
    last = conn.execute(text("select last_seq from change_counter for update")).scalar_one()
    gone = conn.execute(
        text(
            """
            update posts set state = 'deleted', text = '', raw = '{}', fingerprint = 0,
                author_id = null, lang = null, channel = null, url = null, likes = 0, reposts = 0,
                seq = :last + v.n
            from (
                select id, state as was, row_number() over (order by id) as n from posts
                where id = any(:ids) and state <> 'deleted'
            ) v
            where posts.id = v.id returning posts.network, v.was = 'live' as live
            """
        ),
        {"last": last, "ids": [row.id for row in found]},
    ).all()
    emptied = len(gone)
    live = Counter(row.network for row in gone if row.live)
    add_counts(driver_of(conn), {network: -posts for network, posts in live.items()})
    conn.execute(text("update change_counter set last_seq = last_seq + :n"), {"n": emptied})
    conn.execute(
        text(
            """
            insert into expired_posts (post_id, seq)
            select id, seq from posts where id = any(:ids) on conflict do nothing
            """
        ),
        {"ids": [row.id for row in found]},
    )
    _forget_authors(conn, [row.author_id for row in found if row.author_id])
    return len(found)


def _forget_authors(conn: Connection, ids: Sequence[int]) -> None:
    """Remove authors of whom nothing is left."""
    gone = conn.execute(
        text(
            """
            delete from authors a where a.id = any(:ids)
                and a.state = 'live' and not a.purging
                and not exists (select from posts p where p.author_id = a.id)
            returning a.network
            """
        ),
        {"ids": list(set(ids))},
    ).scalars()
    authors = {network: -count for network, count in Counter(gone).items()}
    add_counts(driver_of(conn), authors=authors)


def list_expired(conn: Connection, after: int, limit: int) -> list[tuple[int, int]]:
    """The next rows to go behind post id ``after``: (post id, number of its deletion)."""
    rows = conn.execute(
        text(
            "select post_id, seq from expired_posts where post_id > :after "
            "order by post_id limit :limit"
        ),
        {"after": after, "limit": limit},
    )
    return [(row.post_id, row.seq) for row in rows]


def remove_rows(conn: Connection, ids: Sequence[int]) -> int:
    """Remove emptied rows for good; how many went. One that an answer cites stays, so that the
    answer can say that its source is gone, until the chat goes."""
    return conn.execute(
        text(
            """
            delete from posts p where p.id = any(:ids) and p.state = 'deleted'
                and exists (select from expired_posts e where e.post_id = p.id)
                and not exists (select from answer_sources s where s.post_id = p.id)
            """
        ),
        {"ids": list(ids)},
    ).rowcount


def measure_posts(conn: Connection) -> StoreSize:
    """Count the posts and sample their sizes.

    The sizes of the files are no measure: they keep the room of what was deleted for what comes,
    and a limit that counts it would delete more and more.
    """
    rows, live = conn.execute(
        text("select count(*), count(*) filter (where state = 'live') from posts")
    ).one()
    if not live:
        return StoreSize(0, rows, 0.0)
    sampled = conn.execute(
        text(
            f"""
            select avg(pg_column_size(text) + pg_column_size(raw) + 2 * (pg_column_size(uri)
                + pg_column_size(thread) + coalesce(pg_column_size(reply_to), 0)))
            from posts tablesample system ({_percent(rows)}) where state = 'live'
            """
        )
    ).scalar_one()
    return StoreSize(live, rows, float(sampled or 0) + ROW_BYTES + KEYS_BYTES)


def posted_at_share(conn: Connection, share: float, rows: int) -> datetime | None:
    """The time before which ``share`` (0 to 1) of the live posts are, from a sample."""
    return conn.execute(
        text(
            f"""
            select to_timestamp(percentile_cont(:share) within group
                (order by extract(epoch from least(created_at, indexed_at))))
            from posts tablesample system ({_percent(rows)}) where state = 'live'
            """
        ),
        {"share": share},
    ).scalar_one()


def _percent(rows: int) -> float:
    """Of the table's pages, so that about ``_SAMPLED_ROWS`` rows are read."""
    return round(min(100.0, 100.0 * _SAMPLED_ROWS / max(rows, 1)), 4)
