"""The process that reads the networks, to be killed, and what it has stored."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable

from sqlalchemy import text

from myna.db.engine import Database
from myna.db.posts import counts
from myna.settings import Settings


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


def stored(db: Database) -> int:
    with db.begin() as conn:
        return counts(conn).posts


def doubles(db: Database) -> int:
    """Posts with the words of another."""
    with db.begin() as conn:
        return conn.execute(text("select count(*) - count(distinct text) from posts")).scalar_one()


def wait(seen: Callable[[], bool]) -> None:
    limit = time.monotonic() + 60
    while not seen():
        assert time.monotonic() < limit
        time.sleep(0.02)
