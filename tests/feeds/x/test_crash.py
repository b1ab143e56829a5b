"""kill -9 of the process that reads X (a fake of it), while it reads: every post is stored, once."""

from __future__ import annotations

import signal
import time
from datetime import UTC, datetime

from myna.db.connections import Secret, save_connection
from myna.db.engine import Database
from myna.db.vault import Vault
from myna.settings import Settings
from tests.feeds.reading import doubles, start, stored, wait
from tests.feeds.x.fake_x_server import BEARER, FakeX, running

KILLS = 2
POSTS = 40
"""Between two kills."""


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
        assert doubles(db) == 0
