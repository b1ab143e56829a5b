"""kill -9 of the process that reads an instance, while it reads: every post is stored, once."""

from __future__ import annotations

import signal
import time
from datetime import UTC, datetime, timedelta

from myna.db.connections import Secret, save_connection
from myna.db.engine import Database
from myna.db.vault import Vault
from myna.settings import Settings
from tests.feeds.mastodon.fake_instance import TOKEN, FakeInstance, running
from tests.feeds.reading import doubles, start, stored, wait

KILLS = 3
POSTS = 120


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
        assert doubles(db) == 0
