"""Retention as a background step: the oldest posts go when they are past an age or a size.

Every hour the horizon is moved and all posts are walked over in small batches; every minute, rows
that all followers have seen deleted are removed. A batch holds up writers for some milliseconds.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from pathlib import Path

from myna.db.engine import Database
from myna.db.mending import highest_id
from myna.db.retention import (
    expire_posts,
    keep_after,
    list_expired,
    measure_posts,
    posted_at_share,
    remove_rows,
    set_keep_after,
)
from myna.index.checkpoint import Checkpoint, load_checkpoint
from myna.index.locks import rows_may_go
from myna.settings import Settings
from myna.telemetry import get_logger

WALKED_IDS = 20_000
"""Ids that one statement looks at."""
EXPIRED_AT_ONCE = 500
"""Posts that one transaction deletes."""
PAUSE_SECONDS = 0.02
"""Between two transactions: others have their turn."""
INDEX_BYTES = 700
"""Of a post in the text index (70 to 100) and its vectors: as measured on short posts. Constant,
because the files hold what was deleted until they are compacted."""
_SLACK = 0.03
"""By this much the size is brought below its limit, so that not every walk has to."""
_log = get_logger("index")


def horizon(settings: Settings, db: Database, now: datetime) -> datetime | None:
    """The time before which posts go, by age and by size; None where all are kept."""
    limits: list[datetime] = []
    if settings.retention_days:
        limits.append(now - timedelta(days=settings.retention_days))
    if settings.retention_gb:
        limit = settings.retention_gb * 1e9
        with db.begin() as conn:
            size = measure_posts(conn)
            used = size.live * (size.bytes_per_post + INDEX_BYTES)
            if used > limit:
                share = min(1.0, 1 - limit * (1 - _SLACK) / used)
                oldest_kept = posted_at_share(conn, share, size.rows)
                if oldest_kept:
                    limits.append(oldest_kept)
            elif before := keep_after(conn):
                limits.append(before)  # what went for its size does not come back by a replay
    return max(limits, default=None)


def apply_horizon(db: Database, when: datetime | None, stop: threading.Event) -> int:
    """Delete all posts from before ``when``, in small batches; how many were noted to go."""
    with db.begin() as conn:
        if keep_after(conn) != when:
            set_keep_after(conn, when)
        last = highest_id(conn)
    if when is None:
        return 0
    gone, start = 0, 0
    while start <= last and not stop.is_set():
        with db.begin() as conn:
            batch = expire_posts(conn, when, start, start + WALKED_IDS, EXPIRED_AT_ONCE)
        gone += batch
        if batch < EXPIRED_AT_ONCE:
            start += WALKED_IDS
        stop.wait(PAUSE_SECONDS)
    if gone:
        _log.info("posts past retention are deleted", posts=gone)
    return gone


def remove_expired(db: Database, folder: Path, stop: threading.Event) -> int:
    """Remove the rows whose deletion is in the text index and the vectors; how many went."""
    gone, after = 0, 0
    with rows_may_go(folder) as free:
        while free and not stop.is_set():
            followed = [
                load_checkpoint(folder / name)
                for name in ("text.json", "vectors.json", "vectors-next.json")
                if (folder / name).exists()
            ]
            with db.begin() as conn:
                waiting = list_expired(conn, after, EXPIRED_AT_ONCE)
                if not waiting:
                    break
                ready = [post for post, seq in waiting if all(_has(one, seq) for one in followed)]
                gone += remove_rows(conn, ready)
            after = waiting[-1][0]
            stop.wait(PAUSE_SECONDS)
    return gone


def _has(followed: Checkpoint | None, seq: int) -> bool:
    return followed is not None and any(after < seq <= to for after, to in followed.done)
