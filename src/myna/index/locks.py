"""Locks between processes over an index folder. The system lets go of one when its holder ends,
however it ends, so nothing stale is ever left.

``text`` and ``vectors`` are held by their writers, ``rebuild`` by who builds beside, and ``rows``
is shared by whoever reads the store from its beginning: the rows of deleted posts stay meanwhile.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from myna.errors import Conflict, StorageError


def lock_folder(folder: Path, name: str) -> int:
    """Make this process the only writer of ``name`` under ``folder``; returns the lock's handle.

    Raises:
        StorageError: another process is the writer, or the folder cannot be written.
    """
    handle = _open(folder, name)
    if not _take(handle, fcntl.LOCK_EX):
        os.close(handle)
        raise StorageError(
            f"Another process already writes the index in {folder}. Stop the other Myna, "
            "or give this one a folder of its own with MYNA_HOME."
        )
    return handle


def is_locked(folder: Path, name: str) -> bool:
    """Whether some process holds the lock at this moment."""
    try:
        handle = os.open(folder / f"{name}.lock", os.O_RDWR)
    except OSError:
        return False
    try:
        return not _take(handle, fcntl.LOCK_EX)
    finally:
        os.close(handle)


@contextmanager
def only_one(folder: Path, name: str, does: str) -> Iterator[None]:
    """Hold the lock; ``does`` says what its holder does.

    Raises:
        Conflict: another process does it already. StorageError: the folder cannot be written.
    """
    handle = _open(folder, name)
    try:
        if not _take(handle, fcntl.LOCK_EX):
            raise Conflict(f"Another process already {does} in {folder}. Wait until it is done.")
        yield
    finally:
        os.close(handle)


@contextmanager
def rows_stay(folder: Path) -> Iterator[None]:
    """Keep rows of deleted posts in the store: whoever reads it in the order of changes must meet
    the deletion of what was read before."""
    handle = _open(folder, "rows")
    try:
        fcntl.flock(handle, fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


@contextmanager
def rows_may_go(folder: Path) -> Iterator[bool]:
    """Whether nobody needs the rows of deleted posts; nobody begins to until the block ends."""
    handle = _open(folder, "rows")
    try:
        yield _take(handle, fcntl.LOCK_EX)
    finally:
        os.close(handle)


def _open(folder: Path, name: str) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StorageError(
            f"The index folder {folder} cannot be written ({error.strerror}). Check who owns it."
        ) from error


def _take(handle: int, how: int) -> bool:
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
