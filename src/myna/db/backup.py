"""The store as one file and back, by PostgreSQL's own ``pg_dump`` and ``pg_restore``.

A dump is one moment of the store, taken while everything goes on. It belongs to the PostgreSQL
that Myna brings, and goes into that or a newer one, embedded or not.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from myna.db.engine import Database
from myna.db.programs import programs
from myna.errors import Conflict, DatabaseError, StorageError


@dataclass(frozen=True, slots=True)
class Dumped:
    """What stands in a dump."""

    store_id: str
    last_seq: int
    posts: int
    """Rows, deleted ones among them."""
    chats: int
    taken_at: datetime


def dump_store(db: Database, file: Path) -> Dumped:
    """Write the store as it is at this moment to ``file``.

    Raises:
        DatabaseError: PostgreSQL is away, or newer than the programs that Myna brings.
        StorageError: the file cannot be written.
    """
    with psycopg.connect(db.url.get_secret_value()) as conn:
        conn.execute("set transaction isolation level repeatable read, read only")
        row = conn.execute(
            """
            select pg_export_snapshot(), store_id::text, last_seq,
                (select count(*) from posts), (select count(*) from chats), now()
            from change_counter
            """
        ).fetchone()
        assert row is not None
        snapshot, *facts = row
        _run(
            db, "pg_dump", "--format=custom", "--no-owner", "--no-privileges", "--no-comments",
            f"--snapshot={snapshot}", f"--file={file}",
        )  # fmt: skip
    return Dumped(*facts)


def require_empty(db: Database) -> None:
    """Make sure that nothing would be overwritten.

    Raises:
        Conflict: there are posts or chats.
    """
    with psycopg.connect(db.url.get_secret_value()) as conn:
        for table in ("posts", "chats"):
            there = conn.execute("select to_regclass(%s)", [table]).fetchone()
            if not there or there[0] is None:
                continue
            found = conn.execute(
                sql.SQL("select exists (select from {})").format(sql.Identifier(table))
            ).fetchone()
            if found and found[0]:
                raise Conflict(
                    f"The store here has {table} already, and a backup replaces nothing. Restore "
                    "into another folder (MYNA_HOME) or an empty database."
                )


def restore_store(db: Database, file: Path, *, keep_identity: bool) -> None:
    """Put a dump into an empty store, whole or not at all.

    With ``keep_identity`` an index that was saved with it fits; else the store gets a new one, so
    that whatever index is there is built anew.

    Raises:
        Conflict: the store is not empty. DatabaseError, StorageError: it could not be done.
    """
    require_empty(db)
    with psycopg.connect(db.url.get_secret_value(), autocommit=True) as conn:
        conn.execute("drop schema public cascade")
        conn.execute("create schema public")
    _run(
        db, "pg_restore", "--single-transaction", "--exit-on-error", "--no-owner",
        "--no-privileges", "--dbname=", str(file),
    )  # fmt: skip
    if not keep_identity:
        with psycopg.connect(db.url.get_secret_value()) as conn:
            conn.execute("update change_counter set store_id = %s", [uuid4()])


def _run(db: Database, program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs against the store; the password is in no argument."""
    parts = conninfo_to_dict(db.url.get_secret_value())
    password = str(parts.pop("password", None) or "")
    address = make_conninfo(**{name: str(value) for name, value in parts.items()})
    words: Sequence[str] = [
        f"--dbname={address}" if word == "--dbname=" else word for word in arguments
    ]
    if program == "pg_dump":
        words = [*words, f"--dbname={address}"]
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
    if password:
        environment["PGPASSWORD"] = password
    with tempfile.TemporaryFile() as output:
        try:
            done = subprocess.run(
                [str(programs() / program), *words],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
        except OSError as error:
            raise DatabaseError(
                f"{program} cannot be run ({error.strerror}). Install Myna again."
            ) from error
        output.seek(0)
        said = output.read(20_000).decode(errors="replace")
    if done.returncode == 0:
        return
    if "No space left on device" in said:
        raise StorageError("The disk is full. Free some space, then try again.")
    if "server version mismatch" in said:
        raise DatabaseError(
            "The database server is newer than the programs that Myna brings. Use the server's own "
            f"{program}."
        )
    raise DatabaseError(
        f"{program} failed with status {done.returncode}. Nothing was changed; PostgreSQL's log "
        "says why."
    )
