"""Who has proven that an account is theirs, and the codes by which that is proven.

A viewer is the SHA-256 of a cookie, as in ``chats``; of a code, too, only the SHA-256 is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class Membership:
    """An account that is a viewer's, as far as the store knows it."""

    network: str
    author: str
    handle: str
    name: str
    account: int
    """Key of the account in the store; 0 while there is no post of it."""
    proven_at: datetime


def save_claim(
    conn: Connection, viewer: str, code: str, network: str, *, now: datetime, expires_at: datetime
) -> None:
    """Expect a code (its hash) from a network; the viewer's code before is void."""
    conn.execute(
        text("delete from claims where viewer = :viewer or expires_at < :now"),
        {"viewer": viewer, "now": now},
    )
    conn.execute(
        text("insert into claims values (:code, :viewer, :network, :expires_at)"),
        {"code": code, "viewer": viewer, "network": network, "expires_at": expires_at},
    )


def waits_for_claim(conn: Connection, viewer: str, now: datetime) -> datetime | None:
    """Until when a code of the viewer's is waited for; None where none is."""
    return conn.execute(
        text("select expires_at from claims where viewer = :viewer and expires_at >= :now"),
        {"viewer": viewer, "now": now},
    ).scalar_one_or_none()


def last_waited_for(conn: Connection, network: str, now: datetime) -> datetime | None:
    """Until when the oldest code is waited for that may still come from a network."""
    return conn.execute(
        text("select min(expires_at) from claims where network = :network and expires_at >= :now"),
        {"network": network, "now": now},
    ).scalar_one()


def prove_account(conn: Connection, code: str, network: str, author: str, now: datetime) -> bool:
    """An account has posted a code (its hash): it belongs to the viewer who was given the code;
    whether there is one. A code works once."""
    viewer = conn.execute(
        text(
            "delete from claims where code = :code and network = :network and expires_at >= :now "
            "returning viewer"
        ),
        {"code": code, "network": network, "now": now},
    ).scalar_one_or_none()
    if viewer is None:
        return False
    add_membership(conn, viewer, network, author, now)
    return True


def add_membership(conn: Connection, viewer: str, network: str, author: str, now: datetime) -> None:
    """An account is the viewer's, as was proven."""
    conn.execute(
        text(
            "insert into members values (:viewer, :network, :author, :now) on conflict do nothing"
        ),
        {"viewer": viewer, "network": network, "author": author, "now": now},
    )


def list_memberships(conn: Connection, viewer: str) -> list[Membership]:
    """The viewer's accounts."""
    rows = conn.execute(
        text(
            """
            select m.network, m.author, coalesce(a.handle, m.author) as handle,
                coalesce(a.name, '') as name, coalesce(a.id, 0) as account, m.proven_at
            from members m left join authors a on a.network = m.network and a.author = m.author
            where m.viewer = :viewer order by m.proven_at
            """
        ),
        {"viewer": viewer},
    )
    return [Membership(*row) for row in rows]


def end_membership(conn: Connection, viewer: str, network: str, author: str) -> bool:
    """Forget that an account is the viewer's; False where it was not."""
    return (
        conn.execute(
            text(
                "delete from members "
                "where viewer = :viewer and network = :network and author = :author"
            ),
            {"viewer": viewer, "network": network, "author": author},
        ).rowcount
        > 0
    )


def find_accounts(conn: Connection, network: str, name: str) -> Sequence[str]:
    """Ids of the accounts that a name means: the one of this id, else those of this handle."""
    rows = conn.execute(
        text(
            """
            select author, author = :name as exact from authors
            where network = :network and (author = :name or lower(handle) = lower(:name))
            order by exact desc, id limit 10
            """
        ),
        {"network": network, "name": name},
    ).all()
    return [row.author for row in rows if row.exact] or [row.author for row in rows]
