"""Migrations: what they make is what the tables say, once, however many start together."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from myna.db import migrate
from myna.db.engine import Database, open_database
from myna.db.posts import last_seq
from myna.db.tables import metadata
from myna.errors import DatabaseError
from myna.settings import Settings


def test_the_migrated_tables_are_those_of_the_code(db: Database) -> None:
    with db.begin() as conn:
        context = MigrationContext.configure(conn, opts={"compare_server_default": True})
        assert compare_metadata(context, metadata) == []
        assert last_seq(conn) == 0


def test_head_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("path_separator", "os")
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_current_head() == migrate.HEAD


def test_a_database_of_a_newer_myna_is_left_alone(settings: Settings, db: Database) -> None:
    with db.begin() as conn:
        conn.execute(text("update alembic_version set version_num = 'f00d'"))
    with pytest.raises(DatabaseError, match="newer Myna"):
        open_database(settings)


def test_a_second_run_does_nothing(db: Database) -> None:
    said: list[str] = []
    with db.begin() as conn:
        migrate.upgrade(conn, said.append)
        assert sqlalchemy.inspect(conn).has_table("posts")
    assert said == []
