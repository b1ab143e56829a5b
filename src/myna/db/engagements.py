"""Likes and reposts that a network tells one by one, counted exactly.

Each is a row under a digest of its own URI, so that one that is told twice counts once and one that
is taken back counts no more. Of a post that is not there, or is deleted, nothing is kept. The
counts in a post's row are what the network gave with the post and what was counted here. Whoever
follows the store hears of a post again when its number of likes or of reposts has doubled: its
place in a ranking follows the logarithm.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from myna.db.content import clean_text
from myna.db.drafts import Applied
from myna.db.engine import driver_of
from myna.post import Engaged, Engagement, Event

_HOW = {Engaged.LIKE: 0, Engaged.REPOST: 1}


@dataclass(slots=True)
class _Asked:
    """What a batch asks for: the last word on each like or repost counts."""

    withdrawn: set[bytes] = field(default_factory=set)
    given: dict[bytes, tuple[str, str, int]] = field(default_factory=dict)
    """Digest → network, URI of the post, how."""


def apply_engagements(conn: Connection, events: Sequence[Event]) -> Applied:
    """Count likes and reposts, or take them back; writers wait until the caller's transaction
    ends. Posts of the same batch must be written before."""
    asked = _read(events)
    pg = driver_of(conn)
    row = pg.execute("select last_seq from change_counter for update").fetchone()
    assert row is not None
    gone = pg.execute(
        "delete from engagements where key = any(%s) returning post_id, how",
        (list(asked.withdrawn),),
    ).fetchall()
    given = asked.given
    new = pg.execute(
        """
        insert into engagements (key, post_id, how)
        select k.key, p.id, k.how
        from unnest(%s::bytea[], %s::text[], %s::text[], %s::smallint[])
            as k(key, network, subject, how)
        join posts p on p.network = k.network and p.uri = k.subject and p.state <> 'deleted'
        on conflict do nothing
        returning post_id, how
        """,
        (list(given), *([row[place] for row in given.values()] for place in range(3))),
    ).fetchall()
    _count(conn, row[0], gone, new)
    changed = len(gone) + len(new)
    return Applied(engagements=changed, unchanged=max(0, len(events) - changed))


def _read(events: Iterable[Event]) -> _Asked:
    asked = _Asked()
    for event in events:
        network = clean_text(event.network)
        key = _digest(network, event.uri)
        if isinstance(event.told, Engagement):
            subject = clean_text(event.told.subject)
            asked.given[key] = (network, subject, _HOW[event.told.how])
        else:
            asked.withdrawn.add(key)
            asked.given.pop(key, None)
    return asked


def _count(
    conn: Connection,
    seq: int,
    gone: Iterable[tuple[int, int]],
    new: Iterable[tuple[int, int]],
) -> None:
    """Change the counts of the posts; those that were liked enough get a new change number."""
    deltas: dict[int, list[int]] = {}
    for sign, rows in ((-1, gone), (1, new)):
        for post, how in rows:
            deltas.setdefault(post, [0, 0])[how] += sign
    if not deltas:
        return
    pg = driver_of(conn)
    stored = pg.execute(
        "select id, seq, likes, reposts from posts where id = any(%s)", (list(deltas),)
    )
    last, updated = seq, []
    for id, number, *before in stored.fetchall():
        after = [max(0, count + delta) for count, delta in zip(before, deltas[id], strict=True)]
        doubled = any(a.bit_length() != b.bit_length() for a, b in zip(after, before, strict=True))
        last += doubled
        updated.append((id, last if doubled else number, *after))
    pg.execute(
        """
        update posts set seq = v.seq, likes = v.likes, reposts = v.reposts
        from unnest(%s::bigint[], %s::bigint[], %s::int[], %s::int[])
            as v(id, seq, likes, reposts)
        where posts.id = v.id
        """,
        tuple(map(list, zip(*updated, strict=True))),
    )
    pg.execute("update change_counter set last_seq = %s where last_seq <> %s", (last, last))


def forget_engagements(conn: Connection, posts: Sequence[int]) -> None:
    """Drop what was counted of posts that are deleted."""
    driver_of(conn).execute("delete from engagements where post_id = any(%s)", (list(posts),))


def _digest(network: str, uri: str) -> bytes:
    return hashlib.blake2b(f"{network}\0{uri}".encode(), digest_size=16).digest()
