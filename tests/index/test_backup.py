"""Backup and restore: the same posts and chats again, and nothing that was deleted since."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import connect, sql
from pydantic import SecretStr
from sqlalchemy import text

from myna.db.chats import create_chat
from myna.db.deletions import FILE, digest, log_deletions, read_deletions
from myna.db.embedded import EmbeddedServer
from myna.db.engine import open_database
from myna.db.posts import counts, find_post, store_id
from myna.errors import Conflict, InvalidRequest
from myna.index import backup
from myna.index.backup import MANIFEST, STORE, back_up, restore
from myna.index.check import check_text
from myna.index.check_vectors import check_vectors
from myna.index.locks import lock_folder
from myna.index.search import Searcher
from myna.settings import Settings
from tests.index.world import NOW, World, make_post


def quiet(what: str) -> None:
    del what


@pytest.fixture
def empty(postgres: EmbeddedServer, tmp_path: Path) -> Iterator[Settings]:
    """A second home with a database that has not even tables."""
    name = "restored"
    with connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        yield Settings(home=tmp_path / "second", database_url=SecretStr(postgres.url(name)))
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def posts(world: World) -> World:
    world.add(*(make_post(str(n), f"post number{n} ûñí") for n in range(20)), index=False)
    world.delete("3", index=False)
    with world.db.begin() as conn:
        create_chat(conn, "viewer", "a chat", NOW)
    return world


@pytest.mark.parametrize("name", ["backup", "backup.tar"])
def test_there_and_back(
    posts: World, settings: Settings, empty: Settings, tmp_path: Path, name: str
) -> None:
    target = tmp_path / "kept" / name
    done = back_up(posts.db, settings, target, quiet)
    assert (done.posts, done.chats) == (20, 1)
    assert sorted(path.name for path in target.parent.iterdir()) == [name]

    restored = restore(empty, target, [], quiet)
    assert (restored.posts, restored.chats, restored.deleted_again) == (20, 1, 0)
    database = open_database(empty)
    try:
        with database.begin() as conn, posts.db.begin() as before:
            assert counts(conn) == counts(before)
            found = find_post(conn, "test", "5")
            assert found == find_post(before, "test", "5")
            assert find_post(conn, "test", "3") is None
            assert conn.execute(text("select title from chats")).scalar() == "a chat"
            assert store_id(conn) != store_id(before)  # an index of the old one does not fit
    finally:
        database.dispose()
    assert not (empty.home / "restoring").exists()


@pytest.mark.parametrize("name", ["backup", "backup.tar"])
def test_with_the_index_nothing_is_made_again(
    posts: World, settings: Settings, empty: Settings, tmp_path: Path, name: str
) -> None:
    posts.follow()
    home = Settings(home=posts.folder.parent)
    posts.add(make_post("late", "a late post about disks"), index=False)
    back_up(posts.db, home, tmp_path / "kept" / name, quiet, with_index=True)
    posts.delete("7", index=False)
    log_deletions(posts.db, empty.home)
    assert restore(empty, tmp_path / "kept" / name, [], quiet).with_index
    database = open_database(empty)
    try:
        there = World(
            database,
            empty.index_dir,
            posts.embedder,
            Searcher(database, empty.index_dir, embedder=posts.embedder),
        )
        status = there.searcher.status()
        assert (status.documents, status.vectors, status.lag) == (19, 19, 2)
        there.follow()
        assert there.search("number5") == ["5"]
        assert "7" not in there.search("number7")
        with database.begin() as conn:
            store = str(store_id(conn))
        vectors = check_vectors(database, empty.index_dir, store)
        assert check_text(database, empty.index_dir, store).agrees
        assert vectors is not None
        assert vectors.agrees
        assert vectors.in_index == 19
    finally:
        database.dispose()


def test_what_was_deleted_since_stays_deleted(
    posts: World, settings: Settings, empty: Settings, tmp_path: Path
) -> None:
    back_up(posts.db, settings, tmp_path / "backup", quiet)
    posts.delete("7", "8", index=False)
    assert log_deletions(posts.db, settings.home) == 2
    restored = restore(empty, tmp_path / "backup", [settings.home / FILE], quiet)
    assert restored.deleted_again == 2
    database = open_database(empty)
    try:
        with database.begin() as conn:
            assert find_post(conn, "test", "7") is None
            assert find_post(conn, "test", "9") is not None
    finally:
        database.dispose()


def test_the_list_of_the_home_itself_is_applied(
    posts: World, settings: Settings, empty: Settings, tmp_path: Path
) -> None:
    back_up(posts.db, settings, tmp_path / "backup", quiet)
    posts.delete("7", index=False)
    log_deletions(posts.db, empty.home)
    assert restore(empty, tmp_path / "backup", [], quiet).deleted_again == 1


def test_nothing_is_overwritten(
    posts: World, settings: Settings, empty: Settings, tmp_path: Path
) -> None:
    back_up(posts.db, settings, tmp_path / "backup", quiet)
    with pytest.raises(Conflict, match="replaces nothing"):
        back_up(posts.db, settings, tmp_path / "backup", quiet)
    with pytest.raises(Conflict, match="posts already"):
        restore(settings, tmp_path / "backup", [], quiet)
    lock_folder(empty.index_dir, "text")
    with pytest.raises(Conflict, match="running"):
        restore(empty, tmp_path / "backup", [], quiet)


@pytest.mark.parametrize("damage", ["flip", "cut", "missing", "manifest"])
def test_a_damaged_backup_is_refused_before_anything_is_done(
    posts: World, settings: Settings, empty: Settings, tmp_path: Path, damage: str
) -> None:
    target = tmp_path / "backup"
    back_up(posts.db, settings, target, quiet)
    data = bytearray((target / STORE).read_bytes())
    if damage == "flip":
        data[len(data) // 2] ^= 1
        (target / STORE).write_bytes(data)
    elif damage == "cut":
        (target / STORE).write_bytes(data[:-3])
    elif damage == "missing":
        (target / STORE).unlink()
    else:
        (target / MANIFEST).write_text("{")
    with pytest.raises(InvalidRequest):
        restore(empty, target, [], quiet)
    assert not empty.home.exists()


def test_the_list_has_digests_alone_and_each_deletion_once(posts: World, tmp_path: Path) -> None:
    assert log_deletions(posts.db, tmp_path) == 1
    assert log_deletions(posts.db, tmp_path) == 0
    posts.delete("4", index=False)
    path = tmp_path / FILE
    path.write_bytes(path.read_bytes() + b"torn")  # as a kill may leave it
    assert log_deletions(posts.db, tmp_path) == 1
    assert read_deletions([path]) == {digest("test", "3"), digest("test", "4")}
    assert path.stat().st_size == 48 + 2 * 24


def test_another_store_begins_another_list(posts: World, tmp_path: Path) -> None:
    log_deletions(posts.db, tmp_path)
    with posts.db.begin() as conn:
        conn.execute(text("update change_counter set store_id = gen_random_uuid()"))
    log_deletions(posts.db, tmp_path)
    assert len(list(tmp_path.glob("deletions*.log"))) == 2


def test_an_archive_cannot_write_outside_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(tarfile, "data_filter", raising=False)  # as in Python 3.11.2
    (tmp_path / "sly").write_text("x")
    with tarfile.open(tmp_path / "sly.tar", "w") as tar:
        tar.add(tmp_path / "sly", "../outside/sly")
    with pytest.raises(InvalidRequest, match="no backup"):
        backup._unpack(tmp_path / "sly.tar", tmp_path / "folder")  # pyright: ignore[reportPrivateUsage]
    assert not (tmp_path / "outside").exists()
