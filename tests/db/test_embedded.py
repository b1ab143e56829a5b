"""The embedded server's life: shared, stopped by the last, healed after every kind of kill."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest
from sqlalchemy import text

from myna.db.embedded import EmbeddedServer
from myna.db.engine import Database, open_database
from myna.errors import DatabaseError
from myna.settings import Settings

HOLD = """
import sys, time
from pathlib import Path
from myna.db.engine import open_database
from myna.settings import Settings
database = open_database(Settings(home=Path(sys.argv[1])))
print("open", flush=True)
sys.stdin.read()
database.dispose()
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A home of its own, whose server is stopped whatever the test did to it."""
    folder = Path(tempfile.mkdtemp(prefix="myna-home-"))
    yield folder
    for process in postgres_of(folder):
        process.kill()
    shutil.rmtree(folder, ignore_errors=True)


_WORKERS = 4
"""Of an idle server: checkpointer, background writer, WAL writer, autovacuum launcher."""


def postgres_of(home: Path) -> list[psutil.Process]:
    """The running PostgreSQL processes over this home."""
    found = []
    for process in psutil.process_iter(["name"]):
        if process.info["name"] == "postgres":
            try:
                if str(home) in process.cwd():
                    found.append(process)
            except (psutil.Error, OSError):
                continue
    return found


def postmaster(home: Path) -> int:
    return int((home / "postgres/postmaster.pid").read_text().split()[0])


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def hold(home: Path) -> subprocess.Popen[str]:
    """Another process with the database open, until its stdin is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "open\n"
    return process


def release(process: subprocess.Popen[str]) -> None:
    process.communicate("", timeout=60)
    assert process.returncode == 0


def write(home: Path, number: int) -> None:
    database = open_database(Settings(home=home))
    with database.begin() as conn:
        conn.execute(text("create table if not exists marks (number int)"))
        conn.execute(text("insert into marks values (:number)"), {"number": number})
    database.dispose()


def read(home: Path) -> list[int]:
    database = open_database(Settings(home=home))
    with database.begin() as conn:
        marks = list(conn.execute(text("select number from marks order by 1")).scalars())
    database.dispose()
    return marks


def test_the_last_process_stops_the_server(home: Path) -> None:
    said: list[str] = []
    database = open_database(Settings(home=home), on_progress=said.append)
    assert said == ["Creating the database", "Starting the database", "Preparing the tables"]
    other = hold(home)
    database.dispose()
    assert postgres_of(home), "another process still uses it"
    release(other)
    assert not postgres_of(home)


def test_processes_that_start_together_make_one_database(home: Path) -> None:
    others = [
        subprocess.Popen(
            [sys.executable, "-c", HOLD, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for _ in range(3)
    ]
    for other in others:
        assert other.stdout
        assert other.stdout.readline() == b"open\n"
    for other in others:
        other.communicate(timeout=60)
        assert other.returncode == 0
    assert not postgres_of(home)


def test_killed_users_do_not_keep_the_server(home: Path) -> None:
    other = hold(home)
    other.kill()
    other.wait()
    assert postgres_of(home), "nobody was left to stop it"
    write(home, 1)
    assert not postgres_of(home), "the next one that leaves stops it"


def test_a_killed_server_recovers_under_a_running_process(home: Path) -> None:
    database = open_database(Settings(home=home))
    try:
        with database.begin() as conn:
            conn.execute(text("create table marks (number int)"))
            conn.execute(text("insert into marks values (7)"))
        os.kill(postmaster(home), signal.SIGKILL)
        until(lambda: not psutil.pid_exists(postmaster(home)) or not postgres_of(home))
        with database.begin() as conn:
            assert conn.execute(text("select number from marks")).scalars().all() == [7]
    finally:
        database.dispose()
    assert not postgres_of(home)


def test_a_killed_worker_does_not_restart_the_server(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server is told to wait for while it puts itself right; nobody clears it away."""
    cleared: list[bool] = []
    monkeypatch.setattr(EmbeddedServer, "_clear_the_way", lambda *_, **__: cleared.append(True))
    database = open_database(Settings(home=home))
    try:
        cleared.clear()
        first = postmaster(home)
        for _ in range(3):
            kill_a_worker(home, first)
            until(lambda: answers(database))
        assert postmaster(home) == first
        assert cleared == []
    finally:
        database.dispose()


def kill_a_worker(home: Path, first: int) -> None:
    """Kill one process of a settled server that is not its ``first``; the server ends the others."""
    workers: list[psutil.Process] = []

    def settled() -> bool:
        workers[:] = [one for one in postgres_of(home) if one.pid != first]
        return len(workers) >= _WORKERS

    until(settled)
    workers[0].kill()
    until(lambda: not any(worker.is_running() for worker in workers))


def answers(database: Database) -> bool:
    try:
        with database.begin() as conn:
            return conn.execute(text("select 1")).scalar() == 1
    except DatabaseError:
        return False


def test_everything_killed_at_once_recovers(home: Path) -> None:
    write(home, 1)
    other = hold(home)
    for process in (psutil.Process(other.pid), *postgres_of(home)):
        with suppress(psutil.NoSuchProcess):  # a worker goes with its server
            process.kill()
    other.wait()
    write(home, 2)
    assert read(home) == [1, 2]


def test_a_number_that_another_program_bears_now_is_not_believed(home: Path) -> None:
    write(home, 1)
    lines = [str(os.getppid()), str(home / "postgres"), "1", "5432", str(home / "postgres"), "", ""]
    stale = home / "postgres/postmaster.pid"
    stale.write_text("\n".join([*lines, "ready"]) + "\n")
    assert read(home) == [1]


def test_a_half_made_database_is_made_anew(home: Path) -> None:
    half = home / "postgres.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    write(home, 1)
    assert not half.exists()


def test_a_home_that_was_deleted_under_the_server(home: Path) -> None:
    other = hold(home)
    shutil.rmtree(home)
    other.kill()
    other.wait()
    write(home, 1)
    assert read(home) == [1]


def test_a_path_that_is_too_long_for_a_socket(home: Path) -> None:
    deep = home / ("long-" * 20) / ("folder-" * 10)
    write(deep, 1)
    other = hold(deep)
    sockets = Path((deep / "postgres/postmaster.pid").read_text().splitlines()[4])
    assert sockets.stat().st_mode & 0o077 == 0
    write(deep, 2)
    release(other)
    assert not sockets.exists()
    assert read(deep) == [1, 2]
    assert not postgres_of(home)


def test_awkward_characters_in_the_path(home: Path) -> None:
    odd = home / "it's a “home” 100%"
    write(odd, 1)
    assert read(odd) == [1]


def test_a_folder_with_something_else_in_it_is_not_touched(home: Path) -> None:
    (home / "postgres").mkdir(parents=True)
    (home / "postgres/letter.txt").write_text("mine")
    with pytest.raises(DatabaseError, match="postgres"):
        open_database(Settings(home=home))
    assert (home / "postgres/letter.txt").read_text() == "mine"


def test_a_database_of_another_postgresql_is_not_opened(home: Path) -> None:
    write(home, 1)
    (home / "postgres/PG_VERSION").write_text("17\n")
    with pytest.raises(DatabaseError, match="made by PostgreSQL 17"):
        open_database(Settings(home=home))


def test_a_server_that_cannot_start_says_why(home: Path) -> None:
    write(home, 1)
    with (home / "postgres/postgresql.conf").open("a") as conf:
        conf.write("\nno_such_setting = 1\n")
    with pytest.raises(DatabaseError, match="no_such_setting"):
        open_database(Settings(home=home))


def test_commits_are_durable_by_default(home: Path) -> None:
    server = EmbeddedServer(home / "postgres")
    server.attach()
    try:
        with psycopg.connect(server.url("postgres")) as connection:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                [value] = connection.execute(f"show {setting}").fetchone() or [None]  # pyright: ignore[reportArgumentType, reportCallIssue]
                assert value == "on"
    finally:
        server.detach()
