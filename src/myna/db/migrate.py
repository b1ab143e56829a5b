"""Bring the tables up to date with Alembic, one process at a time, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import sqlalchemy
from sqlalchemy import Connection, text

from myna.errors import DatabaseError

HEAD = "0016"
"""The newest migration. Alembic takes a third of a second to import: no need when this is there."""

_LOCK = 0x6D796E61  # "myna": the advisory lock that migrating processes share


def upgrade(connection: Connection, on_progress: Callable[[str], None] | None = None) -> None:
    """Run the missing migrations; other processes wait at the lock and then find nothing to do.

    Raises:
        DatabaseError: a newer Myna has written this database.
    """
    if _version(connection) == HEAD:
        return
    connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    version = _version(connection)
    if version == HEAD:
        return

    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("path_separator", "os")
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    script = ScriptDirectory.from_config(config)
    if version is not None and version not in {step.revision for step in script.walk_revisions()}:
        raise DatabaseError(
            f"The database was written by a newer Myna (its version is {version}). Update Myna."
        )
    if on_progress:
        on_progress("Preparing the tables" if version is None else "Updating the tables")
    command.upgrade(config, HEAD)


def _version(connection: Connection) -> str | None:
    if not sqlalchemy.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("select version_num from alembic_version")).scalar()
