"""The one row that writers lock: how far the changes have come, and what waits to be done."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, text


class Counter(NamedTuple):
    """The store at a moment."""

    last_seq: int
    """The number of the latest committed change; 0 in an empty store."""
    accounts_version: int
    """Grows whenever it may have changed which accounts may be shown."""
    purging: bool
    """Whether there is something to do for ``accounts.purge_posts``."""
    marking: bool
    """Whether there is something to do for ``consents.mark_posts``."""


def read_counter(conn: Connection) -> Counter:
    """All of it in one look."""
    row = conn.execute(
        text("select last_seq, accounts_version, purging, marking from change_counter")
    ).one()
    return Counter(*row)
