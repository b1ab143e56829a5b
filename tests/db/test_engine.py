"""Opening the store: what cannot be opened is told in one sentence, without the password."""

from __future__ import annotations

import socket
import time
import traceback
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr
from sqlalchemy import exc, text

from myna.db import engine
from myna.db.embedded import EmbeddedServer
from myna.db.engine import Database, open_database
from myna.db.refusals import explain, explain_connection
from myna.errors import ConfigurationError, DatabaseError, MynaError, StorageError
from myna.settings import Settings

SECRET = "s3cret-w0rd"


def refusal(tmp_path: Path, url: str) -> MynaError:
    """The error of opening ``url``; neither it nor its traceback may hold the password."""
    with pytest.raises(MynaError) as caught:
        open_database(Settings(home=tmp_path, database_url=SecretStr(url)))
    shown = "".join(traceback.format_exception(caught.value))
    assert SECRET not in shown
    return caught.value


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    port = closed_port()
    error = refusal(tmp_path, f"postgresql://myna:{SECRET}@127.0.0.1:{port}/myna")
    assert isinstance(error, DatabaseError)
    assert f"127.0.0.1:{port} cannot be reached" in str(error)


def test_a_host_that_does_not_exist(tmp_path: Path) -> None:
    error = refusal(tmp_path, f"postgresql://myna:{SECRET}@no-such-host.invalid/myna")
    assert "cannot be reached" in str(error)


def test_an_address_that_cannot_be_read(tmp_path: Path) -> None:
    error = refusal(tmp_path, f"postgresql://myna:{SECRET}@[half/myna")
    assert isinstance(error, ConfigurationError)
    error = refusal(tmp_path, f"postgresql://myna:x@{SECRET}@127.0.0.1:{closed_port()}/myna")
    assert isinstance(error, ConfigurationError)


def test_a_wrong_password(tmp_path: Path, postgres: EmbeddedServer) -> None:
    hba = postgres.data_dir / "pg_hba.conf"
    before = hba.read_text()
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as admin:
        admin.execute("create role guest login password 'right'")
        hba.write_text("local all guest scram-sha-256\n" + before)
        admin.execute("select pg_reload_conf()")
        try:
            url = postgres.url("postgres").replace("myna@", f"guest:{SECRET}@")
            error = refusal(tmp_path, url)
        finally:
            hba.write_text(before)
            admin.execute("select pg_reload_conf()")
            admin.execute("drop role guest")
    assert "refused the user or password" in str(error)


def test_a_database_that_does_not_exist(tmp_path: Path, postgres: EmbeddedServer) -> None:
    error = refusal(tmp_path, postgres.url("no_such"))
    assert "no database of this name" in str(error)


def test_a_user_that_may_not_make_tables(tmp_path: Path, postgres: EmbeddedServer) -> None:
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as admin:
        admin.execute("create role poor login")
        admin.execute("create database bare")
        try:
            error = refusal(tmp_path, postgres.url("bare").replace("myna@", "poor@"))
        finally:
            admin.execute("drop database bare with (force)")
            admin.execute("drop role poor")
    assert "lacks a right" in str(error)


def test_a_full_disk_is_named() -> None:
    full = exc.DBAPIError("insert", {}, psycopg.errors.DiskFull("could not extend file"))
    assert isinstance(explain(full), StorageError)
    refused = psycopg.OperationalError("FATAL: could not write lock file: No space left on device")
    assert isinstance(explain_connection(refused, "host:1"), StorageError)


def test_a_fault_of_our_own_is_not_explained_away(db: Database) -> None:
    with pytest.raises(exc.ProgrammingError), db.begin() as conn:
        conn.execute(text("select no_such_column from posts"))


def test_a_connection_that_was_cut_heals(db: Database, database_url: str) -> None:
    with db.begin() as conn:
        own = conn.execute(text("select pg_backend_pid()")).scalar_one()
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute("select pg_terminate_backend(%s)", (own,))
    with db.begin() as conn:
        assert conn.execute(text("select 1")).scalar_one() == 1


def test_a_cut_in_the_middle_of_a_transaction_is_told(db: Database, database_url: str) -> None:
    with pytest.raises(DatabaseError, match="try again"), db.begin() as conn:
        own = conn.execute(text("select pg_backend_pid()")).scalar_one()
        with psycopg.connect(database_url, autocommit=True) as admin:
            admin.execute("select pg_terminate_backend(%s)", (own,))
        conn.execute(text("select 1"))


def test_times_are_utc_whatever_the_server_says(
    tmp_path: Path, postgres: EmbeddedServer, database_url: str
) -> None:
    name = database_url.rpartition("/")[2].partition("?")[0]
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as admin:
        admin.execute(
            sql.SQL("alter database {} set timezone to 'Asia/Tokyo'").format(sql.Identifier(name))
        )
    database = open_database(Settings(home=tmp_path, database_url=SecretStr(database_url)))
    try:
        for _ in range(2):  # the second comes back out of the pool
            with database.begin() as conn:
                assert conn.execute(text("show timezone")).scalar_one() == "UTC"
    finally:
        database.dispose()


def test_connections_that_a_crowd_needed_are_closed_again(
    db: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connections() -> int:
        with psycopg.connect(database_url) as own:
            row = own.execute(
                "select count(*) from pg_stat_activity where datname = current_database()"
                " and pid <> pg_backend_pid()"
            ).fetchone()
        return row[0] if row else 0

    with db.begin(), db.begin(), db.begin():
        pass
    assert connections() == 3
    monkeypatch.setattr(engine, "_SPARED_SECONDS", 0.0)
    with db.begin() as conn:
        assert conn.execute(text("select 1")).scalar_one() == 1
    deadline = time.monotonic() + 30
    while connections() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert connections() == 0
