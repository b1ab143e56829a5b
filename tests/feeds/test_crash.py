"""kill -9 of the reader and of PostgreSQL, anywhere: nothing is lost, nothing is doubled."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from myna.db.engine import open_database
from myna.db.posts import last_seq, load_cursor, read_changes
from myna.feeds.archive import Archive
from myna.post import State
from myna.settings import Settings

POSTS = 30_000
BAD_EVERY = 1000
KILLS = 6


@pytest.fixture
def home() -> Iterator[Path]:
    """A home of its own: here the server flushes to the disk."""
    folder = Path(tempfile.mkdtemp(prefix="myna-crash-"))
    yield folder
    kill_postgres(folder)
    shutil.rmtree(folder, ignore_errors=True)


def kill_postgres(home: Path) -> None:
    for process in psutil.process_iter(["name"]):
        with suppress(psutil.Error, OSError):
            if process.info["name"] == "postgres" and str(home) in process.cwd():
                process.kill()


def write_archive(path: Path) -> None:
    """Posts in threads, a bad line now and then, at the end an edit and a deletion."""
    with path.open("w") as file:
        for number in range(POSTS):
            if number % BAD_EVERY == BAD_EVERY - 1:
                file.write("{ not JSON\n")
            row = {
                "id": f"p{number}",
                "author": f"a{number % 97}",
                "created_at": 1_600_000_000 + number,
                "text": f"post number {number} " + "word " * (number % 30),
                "reply_to": f"p{number ^ 1}" if number % 3 else None,  # some before their parent
            }
            file.write(json.dumps(row) + "\n")
        row = {
            "id": "p0",
            "author": "a0",
            "created_at": 1_600_000_000,
            "text": "new",
            "kind": "edit",
        }
        file.write(json.dumps(row) + "\n")
        file.write(json.dumps({"id": "p1", "deleted": True}) + "\n")


def start(home: Path, archive: Path) -> subprocess.Popen[bytes]:
    environment = {name: value for name, value in os.environ.items() if "MYNA" not in name}
    return subprocess.Popen(
        [sys.executable, "-m", "myna", "ingest", str(archive), "--network", "net", "--json"],
        env={**environment, "MYNA_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def settings(home: Path) -> Settings:
    return Settings(home=home, database_url=SecretStr(""))


def check(home: Path, archive: Path) -> int:
    """What is stored is exactly what stands before the cursor; how many lines that is."""
    database = open_database(settings(home))
    try:
        with database.begin() as conn:
            state = load_cursor(conn, Archive(archive, "net").name)
            lines = int(state.cursor.split()[1]) if state else 0
            uris = conn.execute(text("select uri from posts order by id")).scalars().all()
            bad = (lines + 1) // (BAD_EVERY + 1)
            assert len(uris) == min(lines - bad, POSTS)
            assert uris == [f"p{number}" for number in range(len(uris))]
            if state:
                assert (state.accepted, state.rejected) == (lines - bad, bad)
            seqs = conn.execute(text("select seq from posts")).scalars().all()
            assert len(set(seqs)) == len(seqs)
            assert max(seqs, default=0) == last_seq(conn)
    finally:
        database.dispose()
    return lines


@pytest.mark.parametrize("seed", [1])
def test_killed_again_and_again(home: Path, tmp_path: Path, seed: int) -> None:
    archive = tmp_path / "posts.jsonl"
    write_archive(archive)
    luck = random.Random(seed)
    places = [0]
    for kill in range(KILLS):
        process = start(home, archive)
        wait_for_progress(home, process)
        time.sleep(luck.uniform(0.05, 0.3))
        if kill % 2:
            kill_postgres(home)
        process.send_signal(signal.SIGKILL)
        process.wait()
        places.append(check(home, archive))
    assert places == sorted(places)
    assert 0 < places[-1] < POSTS, "the kills met it at work"

    process = start(home, archive)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert json.loads(output)["stopped"] is False
    database = open_database(settings(home))
    try:
        with database.begin() as conn:
            changes = read_changes(conn, 0, POSTS + 10)
            assert [item.seq for item in changes] == sorted({item.seq for item in changes})
            stored = {item.post.uri: item for item in changes}
            assert len(stored) == len(changes) == POSTS
            assert stored["p0"].post.text == "new"
            assert stored["p1"].state is State.DELETED
            for number in range(2, POSTS):
                assert stored[f"p{number}"].post.text.startswith(f"post number {number} ")
            moved = conn.execute(
                text(
                    "select count(*) from posts p join posts q on q.uri = p.reply_to "
                    "where p.thread <> q.thread"
                )
            ).scalar_one()
            assert moved == 0
    finally:
        database.dispose()


def wait_for_progress(home: Path, process: subprocess.Popen[bytes]) -> None:
    """Until the reader holds a connection, so that the kill meets it at work."""
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        for child in psutil.process_iter(["name"]):
            with suppress(psutil.Error, OSError):
                busy = child.info["name"] == "postgres" and "myna myna" in " ".join(child.cmdline())
                if busy and str(home) in child.cwd():
                    return
        time.sleep(0.01)


def wait_for_a_batch(home: Path, archive: Path) -> None:
    """Until something is stored, so that the reader is in its loop."""
    database = open_database(settings(home))
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with database.begin() as conn:
                if load_cursor(conn, Archive(archive, "net").name):
                    return
            time.sleep(0.01)
    finally:
        database.dispose()


def test_ctrl_c_stops_cleanly_and_the_next_run_goes_on(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "POSTS", 120_000)  # it must not be through by then
    archive = tmp_path / "posts.jsonl"
    write_archive(archive)
    process = start(home, archive)
    wait_for_progress(home, process)
    wait_for_a_batch(home, archive)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    first = json.loads(output)
    assert first["stopped"] is True
    assert check(home, archive) == first["accepted"] + first["rejected"]

    output, _ = start(home, archive).communicate(timeout=120)
    second = json.loads(output)
    assert first["accepted"] + second["accepted"] == POSTS + 2
    assert (second["edited"], second["deleted"], second["unchanged"]) == (1, 1, 0)
