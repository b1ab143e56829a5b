"""Backup and restore: the store, with its checksums, as a folder or one file.

A backup holds ``store.dump`` (one moment of PostgreSQL), ``deletions.log`` as far as it went, and
``manifest.json``, which is written last and names every file with its SHA-256. The index can be
part of it (``index/``); else it is built again from the store.

What was deleted after a backup is in it still. A restore therefore applies the lists of deletions
that it finds: those of the home it restores into, and those that it is given.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import tarfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from myna import __version__
from myna.db.backup import Dumped, dump_store, require_empty, restore_store
from myna.db.deletions import FILE, delete_again, lists_in, log_deletions, read_deletions
from myna.db.engine import Database, open_database
from myna.errors import Conflict, InvalidRequest, StorageError
from myna.index.locks import is_locked
from myna.index.snapshot import save_index
from myna.settings import Settings

FORMAT = 1
MANIFEST = "manifest.json"
STORE = "store.dump"
INDEX = "index"
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore came to."""

    posts: int
    chats: int
    taken_at: str
    deleted_again: int
    """Posts that were deleted after the backup."""
    lists: int
    """Lists of deletions that were applied."""
    with_index: bool


def back_up(
    db: Database, settings: Settings, target: Path, say: Say, *, with_index: bool = False
) -> Dumped:
    """Write a backup to ``target``: one file where the name ends in ``.tar``, else a folder.

    Raises:
        Conflict: there is something at ``target``. DatabaseError, StorageError: it failed, and
            nothing is left there.
    """
    if target.exists():
        raise Conflict(f"{target} is there already, and a backup replaces nothing. Name another.")
    part = target.with_name(target.name + ".part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True, mode=0o700)
        if with_index:
            say("Saving the index")
            save_index(settings.index_dir, part / INDEX)
        say("Writing the store")
        dumped = dump_store(db, part / STORE)
        log_deletions(db, settings.home)
        shutil.copyfile(settings.home / FILE, part / FILE)
        say("Computing checksums")
        _write_manifest(part, dumped)
        if target.suffix == ".tar":
            _pack(part, target)
        else:
            part.rename(target)
    except OSError as error:
        raise StorageError(
            f"The backup {target} cannot be written ({error.strerror}). "
            "Free some space there or name another place."
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return dumped


def restore(settings: Settings, source: Path, lists: Sequence[Path], say: Say) -> Restored:
    """Put a backup into the empty store of ``settings``, and delete again what is on a list.

    Raises:
        InvalidRequest: ``source`` is no backup, is damaged, or is of a later Myna; a list is none.
        Conflict: Myna runs here, or there are posts or chats already.
        DatabaseError, StorageError: it failed.
    """
    _require_stopped(settings)
    unpacked = settings.home / "restoring"
    try:
        folder = _unpack(source, unpacked) if source.is_file() else source
        say("Checking the backup")
        manifest = _checked(folder)
        found = [*lists_in(settings.home), *lists_in(folder), *lists]
        digests = read_deletions(found)
        db = open_database(settings, migrate=False, on_progress=say)
        try:
            require_empty(db)
            say("Restoring the store")
            with_index = (folder / INDEX).is_dir()
            restore_store(db, folder / STORE, keep_identity=with_index)
            shutil.rmtree(settings.index_dir, ignore_errors=True)
            if with_index:
                say("Restoring the index")
                _copy_index(folder / INDEX, settings.index_dir)
        finally:
            db.dispose()
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)
    db = open_database(settings, on_progress=say)  # brings the tables up to date
    try:
        say("Deleting again what was deleted since")
        again = delete_again(db, digests)
    finally:
        db.dispose()
    return Restored(
        manifest["posts"], manifest["chats"], manifest["taken_at"], again, len(found), with_index
    )


def _copy_index(source: Path, target: Path) -> None:
    try:
        shutil.copytree(source, target)
    except OSError as error:
        shutil.rmtree(target, ignore_errors=True)  # then it is built when Myna starts
        raise StorageError(
            f"The index cannot be written to {target} ({error.strerror}). The store is restored; "
            "free some space and start Myna, which builds the index."
        ) from error


def _require_stopped(settings: Settings) -> None:
    running = is_locked(settings.index_dir, "text") or is_locked(settings.index_dir, "vectors")
    with suppress(OSError), (settings.run_dir / "up.lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            running = True
    if running:
        raise Conflict("Myna is running on this data. Stop it, then restore.")


def _write_manifest(folder: Path, dumped: Dumped) -> None:
    files = {
        path.relative_to(folder).as_posix(): {
            "bytes": path.stat().st_size,
            "sha256": _sha256(path),
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    facts = {
        "format": FORMAT,
        "myna": __version__,
        "taken_at": dumped.taken_at.isoformat(),
        "store_id": dumped.store_id,
        "last_seq": dumped.last_seq,
        "posts": dumped.posts,
        "chats": dumped.chats,
        "files": files,
    }
    (folder / MANIFEST).write_text(json.dumps(facts, indent=2) + "\n")


def _checked(folder: Path) -> dict[str, Any]:
    """The manifest of a backup that is whole."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        kind, files = int(manifest["format"]), dict(manifest["files"])
    except (OSError, ValueError, KeyError, TypeError):
        raise InvalidRequest(
            f"{folder} is no backup of Myna's: it has no {MANIFEST}. Name what `myna backup` wrote."
        ) from None
    if kind > FORMAT:
        raise InvalidRequest("This backup was made by a newer Myna. Update Myna, then restore.")
    for name, told in files.items():
        path = folder / name
        if ".." in Path(name).parts or not path.is_file() or _sha256(path) != told["sha256"]:
            raise InvalidRequest(
                f"{name} in the backup is damaged or missing. Use another backup; nothing was "
                "changed here."
            )
    if STORE not in files:
        raise InvalidRequest(f"The backup has no {STORE}. Use another one.")
    return manifest


def _pack(folder: Path, target: Path) -> None:
    packing = target.with_name(target.name + ".packing")
    try:
        with tarfile.open(packing, "w") as tar:
            for path in sorted(folder.iterdir()):
                tar.add(path, path.name)
        packing.chmod(0o600)
        packing.rename(target)
    finally:
        packing.unlink(missing_ok=True)


def _extract(tar: tarfile.TarFile, folder: Path) -> None:
    """Files and folders alone, none outside ``folder``."""
    if hasattr(tarfile, "data_filter"):
        tar.extractall(folder, filter="data")
        return
    for member in tar:  # Python before 3.11.4, as in Debian 12, has no filters
        inside = (folder / member.name).resolve().is_relative_to(folder.resolve())
        if not inside or not (member.isfile() or member.isdir()):
            raise tarfile.TarError(member.name)
    tar.extractall(folder)


def _unpack(source: Path, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True, mode=0o700)
        with tarfile.open(source) as tar:
            _extract(tar, folder)
    except (tarfile.TarError, EOFError):
        raise InvalidRequest(f"{source} is no backup of Myna's, or is cut off.") from None
    except OSError as error:
        raise StorageError(
            f"{source} cannot be unpacked into {folder} ({error.strerror}). Free some space."
        ) from error
    return folder


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
