"""Where the embedded server stands, and whose it is: its data folder, its socket, its account."""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from myna.db.programs import system_account
from myna.errors import DatabaseError, MynaError, StorageError

SOCKET = ".s.PGSQL.5432"
_MAX_SOCKET_PATH_BYTES = 100  # sun_path holds 108 on Linux, 104 on macOS


def account_of(data_dir: Path) -> pwd.struct_passwd | None:
    """Whom to run PostgreSQL as; None means ourselves.

    Raises:
        DatabaseError: the folder belongs to somebody else.
    """
    try:
        owner = data_dir.stat().st_uid if data_dir.exists() else None
    except OSError as error:
        raise refused(data_dir, error) from None
    if os.geteuid() != 0:
        if owner not in (None, os.geteuid()):
            raise DatabaseError(
                f"The database in {data_dir} belongs to another user. Run Myna as that "
                "user, or set MYNA_HOME to a folder of your own."
            )
        return None
    if owner:  # root works on the database of whoever made it
        with suppress(KeyError):
            return pwd.getpwuid(owner)
    return system_account()


def socket_dir(data_dir: Path, account: pwd.struct_passwd | None) -> Path:
    """The data folder, or a private one in the temporary folder where its path is too long, or
    has a comma, a quote or the like (the setting is a list)."""
    short = len(os.fsencode(data_dir / SOCKET)) <= _MAX_SOCKET_PATH_BYTES
    if short and re.fullmatch(r"[\w/.+-]+", str(data_dir)):
        return data_dir
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    owner = account.pw_uid if account else os.geteuid()
    folder = Path(tempfile.gettempdir()) / f"myna-{owner}-{digest}"
    if len(os.fsencode(folder / SOCKET)) > _MAX_SOCKET_PATH_BYTES:
        folder = Path("/tmp") / folder.name  # noqa: S108 - made private below
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        if account:
            os.chown(folder, account.pw_uid, account.pw_gid)
    found = folder.lstat()
    private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077
    if found.st_uid != owner or not private:
        raise DatabaseError(
            f"{folder} is not a private folder of Myna's. Remove it, or set MYNA_HOME to a "
            "shorter path."
        )
    return folder


def refused(data_dir: Path, error: OSError) -> MynaError:
    """What to say where the system does not let the folder be used."""
    if error.errno in (28, 122):  # ENOSPC, EDQUOT
        return disk_full(data_dir)
    place = error.filename or data_dir
    return DatabaseError(
        f"The embedded PostgreSQL cannot use {place} ({error.strerror}). "
        "Mend its permissions, or set MYNA_HOME to another folder."
    )


def disk_full(data_dir: Path) -> StorageError:
    """What to say where there is no room."""
    return StorageError(
        f"The disk that holds {data_dir} is full. Free some space and start Myna again."
    )
