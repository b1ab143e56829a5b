"""Logins with a network that have been begun: what their end needs, sealed, for a few minutes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, text


def save_sign_in(
    conn: Connection,
    viewer: str,
    state: str,
    network: str,
    sealed: bytes,
    *,
    now: datetime,
    expires_at: datetime,
) -> None:
    """Expect the end of a login (the hash of its state); the viewer's before is void."""
    conn.execute(
        text("delete from sign_ins where viewer = :viewer or expires_at < :now"),
        {"viewer": viewer, "now": now},
    )
    conn.execute(
        text("insert into sign_ins values (:state, :viewer, :network, :sealed, :expires_at)"),
        {
            "state": state,
            "viewer": viewer,
            "network": network,
            "sealed": sealed,
            "expires_at": expires_at,
        },
    )


def take_sign_in(
    conn: Connection, viewer: str, state: str, now: datetime
) -> tuple[str, bytes] | None:
    """Network and what was sealed of a login that this viewer has begun; it ends once."""
    row = conn.execute(
        text(
            "delete from sign_ins where state = :state and viewer = :viewer and expires_at >= :now "
            "returning network, sealed"
        ),
        {"state": state, "viewer": viewer, "now": now},
    ).one_or_none()
    return (row.network, bytes(row.sealed)) if row else None
