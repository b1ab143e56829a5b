"""The index role: the follower of the text, and beside it what keeps the index in order.

The second thread applies retention and the purge at their times. It holds a connection only while
it works, and gives way: a batch, a pause, a batch.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

from myna.db.engine import Database, open_database
from myna.errors import MynaError
from myna.index.follow import run_follower
from myna.index.retention import apply_horizon, horizon, remove_expired
from myna.settings import Settings
from myna.telemetry import get_logger

STEP_SECONDS = 60.0
HORIZON_SECONDS = 3600.0
"""Between two walks over all posts."""
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
    next_walk = time.monotonic() + STEP_SECONDS
    while not stop.wait(STEP_SECONDS):
        try:
            db = open_database(settings, migrate=False)
            try:
                if time.monotonic() >= next_walk:
                    next_walk = time.monotonic() + HORIZON_SECONDS
                    apply_retention(db, settings, stop)
                remove_expired(db, settings.index_dir, stop)
            finally:
                db.dispose()
        except MynaError as error:
            _log.warning("upkeep waits", reason=str(error))


def apply_retention(db: Database, settings: Settings, stop: threading.Event) -> int:
    """Delete what is past retention by now; how many posts and tombstones."""
    return apply_horizon(db, horizon(settings, db, datetime.now(UTC)), stop)
