"""The size of the store is what counting it would give, whatever has happened."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, text

from myna.db.accounts import purge_posts
from myna.db.counts import counts
from myna.db.engine import Database
from myna.db.posts import apply_events
from myna.db.retention import expire_posts
from myna.post import ACCOUNT_KINDS, Author, Event, Kind, Post

NOW = datetime(2026, 1, 2, tzinfo=UTC)
KINDS = (*(Kind.CREATE,) * 8, Kind.EDIT, Kind.DELETE, Kind.HIDE, Kind.RETURN, Kind.PURGE)


def random_event(dice: random.Random) -> Event:
    network, number = dice.choice(["north", "south"]), dice.randrange(40)
    kind, uri, by = dice.choice(KINDS), f"post{number}", f"author{number % 5}"
    if kind in ACCOUNT_KINDS:
        return Event(kind, network, by)
    if kind is Kind.DELETE:
        return Event(kind, network, uri)
    written = NOW - timedelta(days=dice.randrange(9))
    words = f"says {dice.randrange(3)}"
    return Event(kind, network, uri, Post(network, uri, Author(network, by, by), words, written))


def plain(conn: Connection) -> tuple[dict[str, int], int]:
    rows = conn.execute(
        text(
            """
            select p.network, count(*) from posts p join authors a on a.id = p.author_id
            where p.state = 'live' and a.state = 'live' and p.id > a.purged_to group by p.network
            """
        )
    )
    authors = conn.execute(text("select count(*) from authors")).scalar_one()
    return {row[0]: row[1] for row in rows}, authors


@pytest.mark.parametrize("seed", range(8))
def test_counted_as_it_is_written(db: Database, seed: int) -> None:
    dice = random.Random(seed)
    for step in range(25):
        with db.begin() as conn:
            apply_events(conn, [random_event(dice) for _ in range(dice.randrange(1, 9))], now=NOW)
        with db.begin() as conn:
            if step % 5 == 4:
                purge_posts(conn, 3)
            if step % 10 == 9:
                expire_posts(conn, NOW - timedelta(days=7), 0, 1_000_000, 4)
            networks, authors = plain(conn)
            found = counts(conn)
            assert {name: posts for name, posts in found.networks.items() if posts} == networks
            assert (found.posts, found.authors) == (sum(networks.values()), authors)
