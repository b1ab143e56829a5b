"""What a network's server calls a post, where that is not the post's own address.

An instance of Mastodon names statuses by numbers of its own when it tells of deletions and replies.
Two instances call one post by two numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

from sqlalchemy import Connection, text

from myna.db.content import clean_text
from myna.db.engine import driver_of


@dataclass(frozen=True, slots=True)
class Alias:
    """A name that a post has at one server."""

    server: str
    """The connection's name."""
    id: str


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A live post that a server has."""

    post: int
    """Its key in the store."""
    uri: str
    id: str
    """What the server calls it."""


def save_aliases(conn: Connection, given: Iterable[tuple[Alias, str, str]]) -> None:
    """Note aliases of posts, each with the post's network and URI. Those of posts that are not
    there, or are deleted, are passed over."""
    rows = {(one.server, one.id): (network, uri) for one, network, uri in given}
    if not rows:
        return
    driver_of(conn).execute(
        """
        insert into aliases (server, id, post_id)
        select k.server, k.id, p.id
        from unnest(%s::text[], %s::text[], %s::text[], %s::text[]) as k(server, id, network, uri)
        join posts p on p.network = k.network and p.uri = k.uri and p.state <> 'deleted'
        on conflict do nothing
        """,
        (
            [server for server, _ in rows],
            [id for _, id in rows],
            [clean_text(network) for network, _ in rows.values()],
            [clean_text(uri) for _, uri in rows.values()],
        ),
    )


def uris_of(conn: Connection, server: str, ids: Sequence[str]) -> dict[str, str]:
    """From a server's names to the URIs of the posts, of those that are known."""
    rows = conn.execute(
        text(
            "select a.id, p.uri from aliases a join posts p on p.id = a.post_id "
            "where a.server = :server and a.id = any(:ids)"
        ),
        {"server": server, "ids": [clean_text(id) for id in ids]},
    )
    return {row.id: row.uri for row in rows}


def list_reviewed(
    conn: Connection, server: str, *, after: int, before: datetime, limit: int
) -> list[Reviewed]:
    """The next live posts of a server behind the key ``after``, as far as they were stored before
    a time. Keys grow with that time: the first post that is younger is the end."""
    rows = conn.execute(
        text(
            """
            select p.id as post, p.uri, a.id, p.indexed_at
            from aliases a join posts p on p.id = a.post_id
            where a.server = :server and a.post_id > :after and p.state = 'live'
            order by a.post_id limit :limit
            """
        ),
        {"server": server, "after": after, "limit": limit},
    )
    old = takewhile(lambda row: row.indexed_at <= before, rows)
    return [Reviewed(row.post, row.uri, row.id) for row in old]
