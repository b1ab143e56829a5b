"""Alembic's environment. ``myna.db.migrate`` hands its connection over, in whose transaction the
migrations run; a developer's ``alembic`` command line opens the database of the settings.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from myna.db.engine import open_database
from myna.db.tables import metadata
from myna.settings import load_settings


def run(connection: Connection) -> None:
    """Run what was asked for; whoever opened the transaction commits it."""
    context.configure(connection=connection, target_metadata=metadata)
    context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    database = open_database(load_settings(), migrate=False)
    try:
        with database.begin() as own:
            run(own)
    finally:
        database.dispose()
