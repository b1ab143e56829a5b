"""All that is held of one network, to be compared with what the network says is there."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class HeldAuthor:
    """An author, and what became of the account."""

    id: int
    """The key in the store."""
    author: str
    state: str
    """live, hidden or purged"""


def list_held_posts(
    conn: Connection, network: str, *, after: int, limit: int
) -> list[tuple[int, str]]:
    """Key and URI of the next posts of a network behind a key, also of hidden accounts, that are
    not deleted."""
    rows = conn.execute(
        text(
            "select id, uri from posts where network = :network and id > :after "
            "and state <> 'deleted' order by id limit :limit"
        ),
        {"network": network, "after": after, "limit": limit},
    )
    return [(row.id, row.uri) for row in rows]


def list_held_authors(
    conn: Connection, network: str, *, after: int, limit: int
) -> list[HeldAuthor]:
    """The next authors of a network behind a key."""
    rows = conn.execute(
        text(
            "select id, author, state from authors where network = :network and id > :after "
            "order by id limit :limit"
        ),
        {"network": network, "after": after, "limit": limit},
    )
    return [HeldAuthor(row.id, row.author, row.state) for row in rows]
