"""Connections and their credentials: encrypted, and shown by nothing."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from myna.db.connections import (
    Secret,
    delete_connection,
    find_connection,
    list_connections,
    save_connection,
    save_error,
)
from myna.db.engine import Database
from myna.db.vault import FILE, Vault
from myna.errors import ConfigurationError, StorageError

NOW = datetime(2026, 1, 2, tzinfo=UTC)
PASSWORD = "correct-horse-battery"


def connect(db: Database, vault: Vault, name: str = "bluesky") -> None:
    with db.begin() as conn:
        save_connection(
            conn,
            name=name,
            kind="bluesky",
            settings={"handle": "myna.example"},
            sealed=Secret({"password": PASSWORD}).seal(vault),
            now=NOW,
        )


def test_what_is_sealed_comes_back_and_is_not_in_the_database(db: Database, tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    connect(db, vault)
    with db.begin() as conn:
        found = find_connection(conn, "bluesky")
        raw = conn.execute(text("select c::text from connections c")).scalar_one()
    assert found
    assert found.settings == {"handle": "myna.example"}
    assert found.secret(vault).reveal("password") == PASSWORD
    assert found.secret(vault).reveal("other") is None
    assert PASSWORD not in raw + repr(found) + repr(found.secret(vault)) + str(found.secret(vault))
    assert PASSWORD.encode() not in bytes(found.sealed or b"")


def test_the_key_is_made_once_and_is_the_owners_alone(tmp_path: Path) -> None:
    sealed = Vault(tmp_path / "new").seal(b"one")
    key = tmp_path / "new" / FILE
    assert key.stat().st_mode & 0o777 == 0o600
    key.chmod(0o644)
    assert Vault(tmp_path / "new").open(sealed) == b"one"
    assert key.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in key.parent.iterdir()] == [FILE]


def test_without_the_right_key_it_says_what_to_do(tmp_path: Path) -> None:
    sealed = Vault(tmp_path).seal(b"one")
    (tmp_path / FILE).unlink()
    with pytest.raises(ConfigurationError, match=r"missing.*myna connect"):
        Vault(tmp_path).open(sealed)
    Vault(tmp_path).seal(b"two")
    with pytest.raises(ConfigurationError, match=r"not the key.*myna connect"):
        Vault(tmp_path).open(sealed)
    (tmp_path / FILE).write_text("rubbish")
    with pytest.raises(ConfigurationError, match="damaged"):
        Vault(tmp_path).seal(b"three")


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes anywhere")
def test_a_home_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="cannot be used"):
        Vault(tmp_path).seal(b"one")


def test_connecting_again_replaces_and_disconnecting_forgets(db: Database, tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    connect(db, vault)
    connect(db, vault, "other")
    with db.begin() as conn:
        save_error(conn, "bluesky", "it broke", now=NOW)
    connect(db, vault)
    with db.begin() as conn:
        assert [(one.name, one.error) for one in list_connections(conn)] == [
            ("bluesky", None),
            ("other", None),
        ]
        assert delete_connection(conn, "bluesky")
        assert not delete_connection(conn, "bluesky")
        assert find_connection(conn, "bluesky") is None


def test_an_error_keeps_the_time_since_when(db: Database, tmp_path: Path) -> None:
    connect(db, Vault(tmp_path))
    later = NOW.replace(hour=5)
    with db.begin() as conn:
        for error, now in (("one", NOW), ("two", later)):
            save_error(conn, "bluesky", error, now=now)
        found = find_connection(conn, "bluesky")
        assert found
        assert (found.error, found.error_at) == ("two", NOW)
        save_error(conn, "bluesky", None, now=later)
        found = find_connection(conn, "bluesky")
        assert found
        assert (found.error, found.error_at) == (None, None)
