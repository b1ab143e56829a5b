"""Finding what a question is about: posts of an account or of a thread, by number."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, text

from myna.db.networks import list_networks
from myna.db.posts import find_post, get_posts
from myna.post import StoredPost


def find_any(conn: Connection, uris: Sequence[str], network: str | None) -> StoredPost | None:
    """The live post with the first of these URIs that there is, in any network where none is named."""
    networks = [network] if network else [one.name for one in list_networks(conn)]
    found = (find_post(conn, name, uri) for uri in uris for name in networks)
    return next((post for post in found if post is not None), None)


def latest_of_account(conn: Connection, account: int, limit: int) -> list[StoredPost]:
    """The live posts of an author (its key in this store), the newest first."""
    rows = conn.execute(
        text(
            "select id from posts where author_id = :account and state = 'live' "
            "order by id desc limit :limit"
        ),
        {"account": account, "limit": limit},
    )
    ids = list(rows.scalars())
    posts = get_posts(conn, ids)
    return [posts[id] for id in ids if id in posts]


def count_thread(conn: Connection, network: str, thread: str) -> int:
    """The posts of a thread that are not deleted."""
    return conn.execute(
        text(
            "select count(*) from posts where network = :network and state = 'live' "
            "and (uri = :thread or thread = :thread and thread <> uri)"
        ),
        {"network": network, "thread": thread},
    ).scalar_one()
