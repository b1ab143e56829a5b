"""The processes that ``evals.faults`` strikes, and the ways to strike them."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
from pydantic import SecretStr

from evals.instance import ROOT, free_port
from myna.settings import Settings

DISK_BYTES = 900_000_000
_FULL_SECONDS = 1.5


class Tree:
    """Myna's processes over one home; what ends is started again by ``watch``."""

    def __init__(self, home: Path, place: Path, rate: float) -> None:
        """``place`` is a folder on a disk that never fills, for logs and acknowledgements."""
        self.home = home
        self._place = place
        self.acknowledged = place / "acknowledged"
        self.port = free_port()
        self.settings = Settings(home=home, database_url=SecretStr(""), demo=False)
        environment = {name: value for name, value in os.environ.items() if "MYNA_" not in name}
        self._env = environment | {
            "MYNA_HOME": str(home),
            "MYNA_PORT": str(self.port),
            "MYNA_MODEL_URL": "http://127.0.0.1:9/v1",  # nothing is asked
            "MYNA_DEMO": "0",
        }
        stream = [str(self.acknowledged), "--rate", str(rate)]
        self._commands = {
            "index": ["-m", "myna", "serve", "--role", "index"],
            "source": ["-m", "evals.fault_stream", *stream],
            "web": ["-m", "myna", "serve", "--role", "web"],
            "embed": ["-m", "myna", "serve", "--role", "embed"],
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._down = False
        self._stopped = threading.Event()
        self._mutex = threading.Lock()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        """Start all, and watch over them."""
        self._thread.start()

    def _watch(self) -> None:
        while not self._stopped.wait(0.1):
            with self._mutex:
                if not self._down:
                    self._revive()

    def _revive(self) -> None:
        for name, command in self._commands.items():
            process = self.processes.get(name)
            if process is None or process.poll() is not None:
                with (self._place / f"{name}.log").open("ab") as output:
                    self.processes[name] = subprocess.Popen(
                        [sys.executable, *command],
                        cwd=ROOT,
                        env=self._env,
                        stdin=subprocess.DEVNULL,
                        stdout=output,
                        stderr=subprocess.STDOUT,
                        start_new_session=True,
                    )

    def kill(self, name: str) -> None:
        """SIGKILL for one role."""
        with suppress(KeyError, ProcessLookupError):
            self.processes[name].kill()

    def postgres(self) -> list[psutil.Process]:
        """Every PostgreSQL process of this home, the postmaster first."""
        found: list[psutil.Process] = []
        place = str(self.settings.database_dir.resolve())
        for process in psutil.process_iter(["name"]):
            with suppress(psutil.Error, OSError):
                if process.info["name"] == "postgres" and process.cwd() == place:
                    found.append(process)
        return sorted(found, key=lambda one: one.pid)

    def kill_all(
        self, meanwhile: Callable[[], None] = lambda: None, *, postgres: bool = True
    ) -> None:
        """SIGKILL for everything at once, then ``meanwhile``; the watch starts all again. Without
        ``postgres`` the server is left behind, which the next start takes over."""
        with self._mutex:
            self._down = True
            for process in self.processes.values():
                process.kill()
            for process in self.postgres() if postgres else ():
                with suppress(psutil.Error):
                    process.kill()
            for process in self.processes.values():
                process.wait()
            meanwhile()
            self._down = False

    def show_logs(self) -> None:
        """The last lines of each role's log."""
        for path in sorted(self._place.glob("*.log")):
            lines = path.read_text(errors="replace").splitlines()[-6:]
            print("\n".join([f"     -- {path.name}", *(f"     {line}" for line in lines)]))

    def stop(self, *names: str) -> None:
        """SIGTERM for these roles (all, where none is named), for good."""
        with self._mutex:
            for name in names or tuple(self._commands):
                self._commands.pop(name, None)
                process = self.processes.pop(name, None)
                if process:
                    process.terminate()
                    try:
                        process.wait(20)
                    except subprocess.TimeoutExpired:
                        process.kill()

    def end(self) -> None:
        """Leave nothing running."""
        self._stopped.set()
        self.stop()
        for process in self.postgres():
            with suppress(psutil.Error):
                process.kill()


def cut_something(home: Path, luck: random.Random) -> None:
    """Cut bytes off the end of one of the newest files of the index."""
    files = [path for path in (home / "index").rglob("*") if path.is_file()]
    files = [path for path in files if path.suffix != ".lock" and path.stat().st_size]
    files.sort(key=lambda path: path.stat().st_mtime)
    if files:
        victim = luck.choice(files[-12:])
        size = victim.stat().st_size
        os.truncate(victim, max(0, size - luck.randint(1, min(size, 5_000))))


def fill_disk(home: Path) -> None:
    """Leave not a byte free for a while."""
    filler = home / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 1_000_000)
    with suppress(OSError), filler.open("ab", buffering=0) as file:
        while True:
            file.write(b"\0")
    time.sleep(_FULL_SECONDS)
    filler.unlink()


def strike(tree: Tree, fault: str, luck: random.Random) -> None:
    """One fault."""
    if fault in tree.processes:
        tree.kill(fault)
    elif fault in ("postmaster", "backend"):
        found = tree.postgres()
        if found:
            with suppress(psutil.Error):
                (found[0] if fault == "postmaster" else luck.choice(found[1:] or found)).kill()
    elif fault == "tree":
        tree.kill_all()
    elif fault == "roles":
        tree.kill_all(postgres=False)
    elif fault == "cut":
        tree.kill_all(lambda: cut_something(tree.home, luck))
    elif fault == "disk":
        fill_disk(tree.home)


def mount(folder: Path) -> bool:
    """Whether ``folder`` is now a small disk of its own (in memory; root alone may)."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    with suppress(OSError):
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    return False
