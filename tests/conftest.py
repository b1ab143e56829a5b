"""What every room's tests share: a real PostgreSQL for the session, an empty store for each test."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from myna.db.embedded import EmbeddedServer
from myna.db.engine import Database, open_database
from myna.settings import Settings

pytest_plugins = ["tests.real_model"]

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedServer]:
    """An embedded server with an empty, migrated database ``template_myna`` to copy.

    It does not flush to disk: tests of durability start their own.
    """
    folder = Path(tempfile.mkdtemp(prefix="myna-pg-"))
    server = EmbeddedServer(
        folder / "postgres", options=("fsync=off", "synchronous_commit=off", "shared_buffers=32MB")
    )
    try:
        server.attach()
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            connection.execute("create database template_myna")
        open_database(
            Settings(home=folder, database_url=SecretStr(server.url("template_myna")))
        ).dispose()
        yield server
    finally:
        server.detach()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database_url(postgres: EmbeddedServer) -> Iterator[str]:
    """The address of a migrated, empty database of this test's own."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute(
            sql.SQL("create database {} template template_myna strategy file_copy").format(
                sql.Identifier(name)
            )
        )
        yield postgres.url(name)
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Settings with a home and a store of this test's own."""
    return Settings(home=tmp_path / "home", database_url=SecretStr(database_url), demo=False)


@pytest.fixture
def db(settings: Settings) -> Iterator[Database]:
    """An empty, migrated store."""
    database = open_database(settings)
    yield database
    database.dispose()


@pytest.fixture
def database(db: Database) -> Database:
    """The same store under its long name."""
    return db
