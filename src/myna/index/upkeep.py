"""The index role: the follower of the text, and beside it what keeps store and index in order.

The second thread applies retention and purges at their times. It holds a connection only while it
works, and gives way: a batch, a pause, a batch.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime

from myna.db.deletions import log_deletions
from myna.db.engine import Database, open_database
from myna.errors import MynaError
from myna.index.follow import run_follower
from myna.index.purge import is_due
from myna.index.retention import apply_horizon, horizon, remove_expired
from myna.parent import PARENT
from myna.settings import Settings
from myna.telemetry import get_logger

STEP_SECONDS = 60.0
HORIZON_SECONDS = 3600.0
"""Between two walks over all posts, and between two purges of which the first failed."""
_log = get_logger("index")


def run_index(settings: Settings, stop: threading.Event) -> None:
    """The role ``index``: runs until ``stop`` is set."""
    thread = threading.Thread(target=_keep_up, args=(settings, stop), name="upkeep", daemon=True)
    thread.start()
    try:
        run_follower(settings, stop)
    finally:
        stop.set()
        thread.join(5)


def _keep_up(settings: Settings, stop: threading.Event) -> None:
    next_walk = next_purge = 0.0
    while not stop.wait(STEP_SECONDS):
        try:
            db = open_database(settings, migrate=False)
            try:
                log_deletions(db, settings.home)  # before rows go
                if time.monotonic() >= next_walk:
                    next_walk = time.monotonic() + HORIZON_SECONDS
                    apply_retention(db, settings, stop)
                remove_expired(db, settings.index_dir, stop)
                due = is_due(db, settings.index_dir, settings.purge_hours, time.time())
            finally:
                db.dispose()
            if due and time.monotonic() >= next_purge:
                next_purge = time.monotonic() + HORIZON_SECONDS
                purge_apart(stop)
        except MynaError as error:
            _log.warning("upkeep waits", reason=str(error))


def apply_retention(db: Database, settings: Settings, stop: threading.Event) -> int:
    """Delete what is past retention by now; how many posts and tombstones."""
    return apply_horizon(db, horizon(settings, db, datetime.now(UTC)), stop)


def purge_apart(stop: threading.Event) -> None:
    """Run ``myna index purge`` as a process of its own, which gives way to all others: it neither
    keeps the follower waiting nor leaves its memory here."""
    process = subprocess.Popen(
        [sys.executable, "-m", "myna", "index", "purge"],
        env={**os.environ, PARENT: str(os.getpid())},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    while process.poll() is None:
        if stop.wait(1.0):
            process.terminate()
            process.wait()
            return
    if process.returncode:
        _log.warning("the purge failed; it is tried again in an hour", status=process.returncode)
