"""The size of the store: counted as it is written, since to count three million posts takes
seconds. Whoever changes whether a post or an author is there says so in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import psycopg
from psycopg.rows import TupleRow
from sqlalchemy import Connection, text

_ADD = """
    insert into network_counts as c (network, posts, authors)
    select * from unnest(%s::text[], %s::bigint[], %s::bigint[])
    on conflict (network) do update set
        posts = c.posts + excluded.posts, authors = c.authors + excluded.authors
"""

_COUNT_HIDDEN = text(
    """
    select network, sum(posts) from (
        select a.network, (
            select count(*) from posts p
            where p.author_id = a.id and p.state = 'live'
                and (a.state <> 'live' or p.id <= a.purged_to)
        ) as posts
        from authors a where a.state = 'hidden' or a.purging
    ) hidden
    group by network
    """
)


@dataclass(frozen=True, slots=True)
class Counts:
    """The size of the store."""

    posts: int
    """Live posts."""
    authors: int
    networks: dict[str, int]
    """Network → its live posts."""


def add_counts(
    pg: psycopg.Connection[TupleRow],
    posts: Mapping[str, int] | None = None,
    authors: Mapping[str, int] | None = None,
) -> None:
    """So many more live posts and authors of each network, or fewer. The caller holds the lock of
    ``change_counter``."""
    posts, authors = posts or {}, authors or {}
    networks = sorted(
        network for network in {*posts, *authors} if posts.get(network) or authors.get(network)
    )
    if networks:
        pg.execute(
            _ADD,
            (
                networks,
                [posts.get(network, 0) for network in networks],
                [authors.get(network, 0) for network in networks],
            ),
        )


def counts(conn: Connection) -> Counts:
    """The store's size. It takes longer with many posts of accounts that are hidden."""
    rows = conn.execute(
        text("select network, posts, authors from network_counts order by network")
    ).all()
    hidden = {row[0]: int(row[1]) for row in conn.execute(_COUNT_HIDDEN)}
    networks: dict[str, int] = {
        row.network: row.posts - hidden.get(row.network, 0) for row in rows if row.posts
    }
    return Counts(sum(networks.values()), sum(row.authors for row in rows), networks)
