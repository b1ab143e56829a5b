"""Making deleted text go from PostgreSQL's files, not only from its tables.

A deleted row's bytes stay in its page until something else is written there, also after a plain
VACUUM; only VACUUM FULL writes the table anew. They stay in the write-ahead log too, whose old
files are kept under new names to be used again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow
from sqlalchemy import Connection, text

from myna.db.engine import Database
from myna.errors import DatabaseError

LOCK_SECONDS = 30
"""How long a table may be in use by others before the purge gives up for this time."""
_WAL_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class StorePurge:
    """What was done."""

    tables: bool
    log: bool
    """Whether the write-ahead log was purged too: not without the rights of a superuser."""


def purge_store(db: Database) -> StorePurge:
    """Write the tables anew and let go of old write-ahead log. Each table can neither be read nor
    written meanwhile: 4 s for 200,000 posts.

    Raises:
        DatabaseError: PostgreSQL is away, or a table is in use for longer than half a minute.
    """
    try:
        with psycopg.connect(db.url.get_secret_value(), autocommit=True) as conn:
            conn.execute("select set_config('lock_timeout', %s, false)", [f"{LOCK_SECONDS}s"])
            for table in _tables(conn):
                conn.execute(sql.SQL("vacuum (full, analyze) {}").format(sql.Identifier(table)))
            superuser = conn.execute(
                "select rolsuper from pg_roles where rolname = current_user"
            ).fetchone()
            if not superuser or not superuser[0]:
                return StorePurge(tables=True, log=False)
            conn.execute("vacuum (full) pg_statistic")
            _purge_log(conn)
            return StorePurge(tables=True, log=True)
    except psycopg.errors.LockNotAvailable as error:
        raise DatabaseError(
            "A table is in use by another program for too long. Run the purge again later."
        ) from error
    except psycopg.Error as error:
        raise DatabaseError(
            f"PostgreSQL could not purge ({error.sqlstate or 'connection'}). Its log says why."
        ) from error


def has_deleted(conn: Connection, after: int, since: datetime) -> bool:
    """Whether texts were deleted or replaced by changes behind number ``after``, or may have been
    by retention, which leaves no rows to tell by."""
    return conn.execute(
        text(
            """
            select exists (select from posts where seq > :after and state = 'deleted')
                or exists (select from posts where seq > :after and edited_at >= :since)
                or keep_after is not null
            from change_counter
            """
        ),
        {"after": after, "since": since},
    ).scalar_one()


def _tables(conn: psycopg.Connection[TupleRow]) -> list[str]:
    """All of Myna's tables."""
    rows = conn.execute("select tablename from pg_tables where schemaname = current_schema()")
    return [row[0] for row in rows]


def _purge_log(conn: psycopg.Connection[TupleRow]) -> None:
    """Move on to new log files, without keeping old ones for use again."""
    conn.execute("alter system set wal_recycle = off")
    try:
        conn.execute("select pg_reload_conf()")
        for _ in range(_WAL_ROUNDS):
            row = conn.execute("select count(*) from pg_ls_waldir()").fetchone()
            # Files that wait to be used again have old bytes: write through all of them.
            for _ in range(row[0] if row else 1):
                conn.execute("select pg_logical_emit_message(false, 'myna', 'purge')")
                conn.execute("select pg_switch_wal()")
            conn.execute("checkpoint")
            left = conn.execute("select count(*) from pg_ls_waldir()").fetchone()
            if left and left[0] <= 2:
                break
    finally:
        conn.execute("alter system reset wal_recycle")
        conn.execute("select pg_reload_conf()")
