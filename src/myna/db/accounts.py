"""What happens to an account happens to all its posts at once.

An account's state stands in its own row, and every read of posts looks there, so that a million
posts are hidden, deleted or back with the commit of one row. The posts of a purged account are then
emptied in small batches, each with its change numbers, so that whoever follows the store drops
what it has of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, text

from myna.db.content import clean_event
from myna.db.counts import add_counts
from myna.db.drafts import Applied
from myna.db.engagements import forget_engagements
from myna.db.engine import driver_of
from myna.post import Event, Kind

STATES = {Kind.HIDE: "hidden", Kind.PURGE: "purged", Kind.RETURN: "live"}

_SET_STATE = """
    insert into authors as a
        (network, author, handle, state, closed_at, purged_to, purging, refused)
    select %(network)s, %(author)s, %(author)s, %(state)s::text, %(now)s, 0, false,
        coalesce(
            (select effective from consents where network = %(network)s and author = %(author)s),
            (select effective from consent_policy)
        )
    where %(state)s <> 'live'
    on conflict (network, author) do update set state = excluded.state, closed_at = %(now)s
    where a.state <> 'purged' and a.state <> excluded.state
    returning a.xmax = 0
"""
"""A purge is for good: what hides afterwards changes nothing, only a return ends it. Gives whether
the author is new."""

_SET_LIVE = """
    update authors set state = 'live', closed_at = null
    where network = %(network)s and author = %(author)s and state <> 'live'
    returning false
"""

_BEGIN_PURGE = """
    update authors set handle = author, name = '', is_bot = false, purging = true,
        purged_to = (select coalesce(max(id), 0) from posts)
    where network = %(network)s and author = %(author)s
"""


def apply_account_events(conn: Connection, events: Sequence[Event], *, now: datetime) -> Applied:
    """Hide, purge or bring back accounts, also those that have posted nothing yet; writers wait
    until the caller's transaction ends.

    Raises:
        InvalidRequest: a network or an author's id is empty or too long to be indexed.
    """
    pg = driver_of(conn)
    pg.execute("select from change_counter for update")
    changed = 0
    for event in events:
        content = clean_event(event)
        values = {
            "network": content.network,
            "author": content.uri,
            "state": STATES[event.kind],
            "now": now,
        }
        row = pg.execute(_SET_LIVE if event.kind is Kind.RETURN else _SET_STATE, values).fetchone()
        if row is None:
            continue
        changed += 1
        if row[0]:
            add_counts(pg, authors={content.network: 1})
        if event.kind is Kind.PURGE:
            pg.execute(_BEGIN_PURGE, values)
            pg.execute("update change_counter set purging = true")
    if changed:
        pg.execute("update change_counter set accounts_version = accounts_version + 1")
    return Applied(accounts=changed, unchanged=len(events) - changed)


def accounts_version(conn: Connection) -> int:
    """Grows whenever ``hidden_accounts`` may have changed."""
    return conn.execute(text("select accounts_version from change_counter")).scalar_one()


def is_purging(conn: Connection) -> bool:
    """Whether there is something to do for ``purge_posts``."""
    return conn.execute(text("select purging from change_counter")).scalar_one()


def hidden_accounts(conn: Connection, limit: int) -> list[int]:
    """Database ids of the accounts whose posts may be in the index and must not be found: the
    latest ``limit`` of them."""
    rows = conn.execute(
        text(
            "select id from authors where state = 'hidden' or purging "
            "order by closed_at desc nulls first limit :limit"
        ),
        {"limit": limit},
    )
    return list(rows.scalars())


def purge_posts(conn: Connection, limit: int) -> int:
    """Empty up to ``limit`` posts of purged accounts; how many. Call it until there are none:
    then the account is done with."""
    pg = driver_of(conn)
    row = pg.execute("select last_seq from change_counter for update").fetchone()
    assert row is not None
    account = pg.execute("select id, purged_to from authors where purging limit 1").fetchone()
    if account is None:
        pg.execute("update change_counter set purging = false where purging")
        return 0
    rows = pg.execute(
        """
        update posts set state = 'deleted', text = '', raw = '{}', fingerprint = 0,
            author_id = null, lang = null, channel = null, url = null, likes = 0, reposts = 0,
            seq = %s + v.n
        from (
            select id, was, row_number() over (order by id) as n from (
                select id, state as was from posts where author_id = %s and id <= %s limit %s
            ) batch
        ) v
        where posts.id = v.id
        returning posts.id, posts.network, v.was = 'live'
        """,
        (row[0], *account, limit),
    ).fetchall()
    forget_engagements(conn, [id for id, _, _ in rows])
    gone = Counter(network for _, network, live in rows if live)
    add_counts(pg, {network: -posts for network, posts in gone.items()})
    emptied = len(rows)
    pg.execute("update change_counter set last_seq = last_seq + %s", (emptied,))
    if emptied < limit:
        pg.execute("update authors set purging = false where id = %s", (account[0],))
        pg.execute("update change_counter set accounts_version = accounts_version + 1")
    return emptied
