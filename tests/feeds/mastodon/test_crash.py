"""kill -9 of the process that reads an instance, while it reads: every post is stored, once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from myna.db.connections import Secret, save_connection
from myna.db.engine import Database
from myna.db.posts import counts
from myna.db.vault import Vault
from myna.settings import Settings
from tests.feeds.mastodon.fake_instance import TOKEN, FakeInstance, running

KILLS = 3
POSTS = 120


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


def test_killed_while_it_reads(db: Database, settings: Settings) -> None:
    with running(FakeInstance()) as fake:
        with db.begin() as conn:
            save_connection(
                conn,
                name="fake",
                kind="mastodon",
                settings={
                    "instance": fake.base,
                    "streaming": f"ws://{fake.host}",
                    "timelines": ["local"],
                    "hours": 2,
                },
                sealed=Secret({"token": TOKEN}).seal(Vault(settings.home)),
                now=datetime.now(UTC),
            )
        said = 0
        for round in range(KILLS + 1):
            process = start(settings)
            try:
                wait(lambda: fake.listeners > 0)
                for _ in range(POSTS // (KILLS + 1)):
                    fake.say(fake.status(f"post {said}", at=datetime.now(UTC)))
                    said += 1
                    time.sleep(0.005)
                if round == KILLS:
                    wait(lambda: stored(db) == POSTS + KILLS)
            finally:
                process.send_signal(signal.SIGKILL)
                process.wait()
            wait(lambda: fake.listeners == 0)
            fake.say(fake.status(f"unheard {round}", at=datetime.now(UTC) - timedelta(minutes=1)))
        assert stored(db) == POSTS + KILLS
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
