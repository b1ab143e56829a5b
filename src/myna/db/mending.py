"""What the index check reads of the store, and how it has posts followed once more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, text

BURIED = "myna-removed"
"""Network of the tombstones of posts that the store itself does not know."""

TO_COME = 2**62
"""Later than any change number."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The posts of a range of ids, sorted by id; arrays of one length."""

    ids: np.ndarray
    """int64."""
    seqs: np.ndarray
    """int64: number of the latest change of each."""
    live: np.ndarray
    """bool."""


def highest_id(conn: Connection) -> int:
    """The largest post id; 0 in an empty store."""
    return conn.execute(text("select coalesce(max(id), 0) from posts")).scalar_one()


def read_rows(conn: Connection, start: int, end: int) -> Rows:
    """The posts with ``start`` ≤ id < ``end``. One whose account is being purged is given the
    number of a change to come: its own is a matter of seconds."""
    found = conn.execute(
        text(
            """
            select p.id, case when p.state = 'live' and p.id <= a.purged_to then :to_come
                else p.seq end, p.state = 'live'
            from posts p left join authors a on a.id = p.author_id
            where p.id >= :start and p.id < :end order by p.id
            """
        ),
        {"start": start, "end": end, "to_come": TO_COME},
    ).all()
    ids, seqs, live = zip(*found, strict=True) if found else ((), (), ())
    return Rows(np.array(ids, np.int64), np.array(seqs, np.int64), np.array(live, bool))


def touch_posts(conn: Connection, ids: Sequence[int]) -> int:
    """Give posts a new change number, so that whoever follows the store takes them in again as
    they are; how many there were. Writers wait until the caller's transaction ends."""
    if not ids:
        return 0
    last = conn.execute(text("select last_seq from change_counter for update")).scalar_one()
    touched = conn.execute(
        text(
            """
            update posts set seq = :last + v.n
            from (
                select id, row_number() over (order by id) as n
                from posts where id = any(:ids)
            ) v
            where posts.id = v.id
            """
        ),
        {"last": last, "ids": list(ids)},
    ).rowcount
    conn.execute(text("update change_counter set last_seq = last_seq + :n"), {"n": touched})
    return touched


def bury_posts(conn: Connection, ids: Sequence[int]) -> int:
    """Leave tombstones for numbers of which the store has no row, so that followers take out what
    they have of them; how many. The rows go by themselves, like those past retention."""
    known = set(
        conn.execute(
            text("select id from posts where id = any(:ids)"), {"ids": list(ids)}
        ).scalars()
    )
    unknown = [id for id in ids if id not in known]
    if not unknown:
        return 0
    last = conn.execute(text("select last_seq from change_counter for update")).scalar_one()
    conn.execute(
        text(
            """
            with buried as (
                insert into posts
                    (id, seq, network, uri, state, text, thread, created_at, indexed_at)
                overriding system value
                select id, :last + n, :network, id::text, 'deleted', '', id::text, now(), now()
                from unnest(cast(:ids as bigint[])) with ordinality as t(id, n)
                returning id, seq
            )
            insert into expired_posts (post_id, seq) select id, seq from buried
            """
        ),
        {"last": last, "ids": unknown, "network": BURIED},
    )
    conn.execute(text("update change_counter set last_seq = last_seq + :n"), {"n": len(unknown)})
    conn.execute(  # the next new post must not get one of these numbers
        text(
            "select setval(s, greatest(nextval(s), :last)) "
            "from pg_get_serial_sequence('posts', 'id') as s"
        ),
        {"last": max(unknown)},
    )
    return len(unknown)
