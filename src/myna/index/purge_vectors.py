"""Deleted posts' vectors go from the disk when a purge asks for it, whoever writes the vectors."""

from __future__ import annotations

import os
import time
from pathlib import Path

from myna.db.engine import Database
from myna.errors import StorageError
from myna.index.checkpoint import (
    load_checkpoint,
)
from myna.index.generation import bury
from myna.index.locks import is_locked, lock_folder
from myna.index.meaning import NEXT, SERVING
from myna.index.vectors import VectorStore
from myna.index.vectors.manifest import load_manifest

PURGE = "purge-vectors"
"""While this file is there, the embed process rewrites what has anything deleted in it."""
_PURGE_WAIT_SECONDS = 600.0
_PURGE_POLL_SECONDS = 0.1


def purge_vectors(db: Database, folder: Path) -> None:
    """Rewrite all files with vectors of deleted or edited posts, and wait for it: after that they
    are nowhere on the disk. The running embed process does so where there is one.

    Raises:
        StorageError: the disk is full, or the embed process does not come on.
    """
    if not (folder / SERVING).exists():
        return
    limit = time.monotonic() + _PURGE_WAIT_SECONDS
    wanted = folder / PURGE
    wanted.touch()
    while wanted.exists():
        if not is_locked(folder, "vectors"):
            _purge_here(db, folder)
            wanted.unlink(missing_ok=True)
        elif time.monotonic() > limit:
            raise StorageError(
                "The embed process does not come on. See its log, or stop Myna and try again."
            )
        time.sleep(_PURGE_POLL_SECONDS)


def _purge_here(db: Database, folder: Path) -> None:
    lock = lock_folder(folder, "vectors")
    try:
        for name in (SERVING, NEXT):
            checkpoint = load_checkpoint(folder / name)
            manifest = load_manifest(folder / checkpoint.generation) if checkpoint else None
            if checkpoint is None or manifest is None:
                continue
            store = VectorStore(folder / checkpoint.generation, manifest.dimensions)
            try:
                with db.begin() as conn:
                    bury(conn, store, checkpoint)
                store.compact()
            finally:
                store.close()
    finally:
        os.close(lock)
