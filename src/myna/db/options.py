"""How the embedded server is set up."""

from __future__ import annotations

OPTIONS = (
    # Small: Myna's processes together stay under 1 GB. Pages are kept as sizing.py says.
    "max_connections=80",
    "work_mem=8MB",
    "maintenance_work_mem=64MB",
    "huge_pages=off",
    "jit=off",
    "io_method=sync",
    "max_parallel_workers_per_gather=0",
    "max_worker_processes=2",
    "max_logical_replication_workers=0",
    "autovacuum_max_workers=1",
    # One machine, one copy: little write-ahead log, but every commit is on the disk.
    "wal_level=minimal",
    "max_wal_senders=0",
    # The first change of a page after a checkpoint writes the whole page. With 128 MB, 6,000 posts
    # a second made a checkpoint every seven seconds. Only a busy network uses the room, and reading
    # it back after a crash takes a few seconds.
    "min_wal_size=48MB",
    "max_wal_size=1GB",
    "checkpoint_timeout=10min",
    "wal_compression=off",
    "fsync=on",
    "synchronous_commit=on",
    # The log never shows a statement or a row: they hold posts and chats.
    "log_min_error_statement=panic",
    "log_error_verbosity=terse",
    "log_checkpoints=off",
    "lc_messages=C",
    "timezone=UTC",
    "log_timezone=UTC",
)
"""Of the server's command line."""
