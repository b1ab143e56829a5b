"""kill -9 of the process that reads X (a fake of it), while it reads: every post is stored, once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import text

from myna.db.connections import Secret, save_connection
from myna.db.engine import Database
from myna.db.posts import counts
from myna.db.vault import Vault
from myna.settings import Settings
from tests.feeds.x.fake_x_server import BEARER, FakeX, running

KILLS = 2
POSTS = 40
"""Between two kills."""


def start(settings: Settings) -> subprocess.Popen[bytes]:
    environment = {name: value for name, value in os.environ.items() if "MYNA" not in name}
    return subprocess.Popen(
        [sys.executable, "-m", "myna", "serve", "--role", "feeds"],
        env={
            **environment,
            "MYNA_HOME": str(settings.home),
            "MYNA_DATABASE_URL": settings.database_url.get_secret_value(),
        },
        stderr=subprocess.DEVNULL,
    )


def connect(db: Database, settings: Settings, fake: FakeX) -> None:
    with db.begin() as conn:
        save_connection(
            conn,
            name="x",
            kind="x",
            settings={"api": fake.base, "rules": ["birds"]},
            sealed=Secret({"bearer": BEARER}).seal(Vault(settings.home)),
            now=datetime.now(UTC),
        )


def test_killed_while_it_reads(db: Database, settings: Settings) -> None:
    """What is said while nobody listens is found by the search of the recent past."""
    with running(FakeX()) as fake:
        connect(db, settings, fake)
        said = 0
        for round in range(KILLS + 1):
            process = start(settings)
            try:
                wait(lambda: fake.listeners > 0)
                for _ in range(POSTS):
                    fake.say(fake.post(f"birds {said}"))
                    said += 1
                    time.sleep(0.005)
                if round == 0:
                    wait(lambda: stored(db) > 0)
                if round == KILLS:
                    wait(lambda: stored(db) == POSTS * (KILLS + 1) + KILLS)
            finally:
                process.send_signal(signal.SIGKILL)
                process.wait()
            fake.hang_up()
            wait(lambda: fake.listeners == 0)
            fake.post(f"birds unheard {round}")
        assert stored(db) == said + KILLS
        with db.begin() as conn:
            doubles = conn.execute(
                text("select count(*) - count(distinct text) from posts")
            ).scalar_one()
        assert doubles == 0


def stored(db: Database) -> int:
    with db.begin() as conn:
        return counts(conn).posts


def wait(seen: Callable[[], bool]) -> None:
    limit = time.monotonic() + 60
    while not seen():
        assert time.monotonic() < limit
        time.sleep(0.02)
