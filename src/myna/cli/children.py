"""The processes of one running Myna: started, watched, started again, and stopped with their parent.

A child runs in a session of its own, so that Ctrl-C reaches the supervisor alone and it decides the
order. It asks the kernel for a SIGTERM when its parent dies, so that not even ``kill -9`` of the
supervisor leaves one behind.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from myna.parent import PARENT

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STEADY_S = 60.0
"""A child that ran so long starts with the first pause again."""
LARGEST_LOG_BYTES = 10_000_000
KEPT_LOG_BYTES = 1_000_000
REMOVE_S = 3.0
"""How long one that is taken away may take to stop, while the others are not watched."""
STOP_S = 8.0
"""How long children may take to stop before they are killed."""


def bound_log(path: Path) -> None:
    """Keep the last part of a log that grew too large, while its writer goes on appending."""
    with suppress(OSError):
        if path.stat().st_size <= LARGEST_LOG_BYTES:
            return
        with path.open("r+b") as log:
            log.seek(-KEPT_LOG_BYTES, os.SEEK_END)
            tail = log.read()
            path.with_suffix(".log.1").write_bytes(tail)
            log.truncate(0)  # the writer's file is in append mode


@dataclass
class Child:
    """One role as an operating-system process."""

    name: str
    command: Sequence[str]
    log_path: Path
    env: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    restarts: int = 0
    started: float = 0.0
    pause_s: float = FIRST_PAUSE_S
    due: float = 0.0
    """``time.monotonic()`` at which to start it again."""

    def start(self) -> None:
        """Start the process; its output is appended to its log."""
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        bound_log(self.log_path)
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env={**os.environ, **self.env, PARENT: str(os.getpid())},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.started = time.monotonic()

    @property
    def running(self) -> bool:
        """Whether its process is alive."""
        return self.process is not None and self.process.poll() is None

    def last_words(self) -> str:
        """The last line of its log that says something."""
        with suppress(OSError):
            size = self.log_path.stat().st_size
            with self.log_path.open("rb") as log:
                log.seek(max(0, size - 4000))
                lines = log.read().decode(errors="replace").split("\n")
            return next((line.strip() for line in reversed(lines) if line.strip()), "")
        return ""


class Children:
    """All children of one supervisor. ``say`` gets one sentence for each thing that happens."""

    def __init__(self, children: Sequence[Child], state_file: Path, say: Callable[[str], None]):
        self.children = list(children)
        self._state_file = state_file
        self._say = say

    def start(self) -> None:
        """Start all of them."""
        for child in self.children:
            child.start()
        self._write_state()

    def watch(self) -> None:
        """Start again what has ended, each after its own growing pause. Call it often."""
        now = time.monotonic()
        changed = False
        for child in self.children:
            bound_log(child.log_path)
            if child.running:
                continue
            if not child.due:
                self._plan_restart(child, now)
            elif now >= child.due:
                child.due = 0.0
                child.restarts += 1
                child.start()
                changed = True
        if changed:
            self._write_state()

    def has(self, name: str) -> bool:
        """Whether there is a child of that name."""
        return any(child.name == name for child in self.children)

    def add(self, child: Child) -> None:
        """Start one more."""
        self.children.append(child)
        child.start()
        self._write_state()

    def remove(self, name: str) -> None:
        """Stop a child and watch it no more; does not wait for long."""
        for child in [child for child in self.children if child.name == name]:
            self.children.remove(child)
            if child.process and child.running:
                child.process.terminate()
                try:
                    child.process.wait(REMOVE_S)
                except subprocess.TimeoutExpired:
                    child.process.kill()
                    child.process.wait()
        self._write_state()

    def stop(self) -> None:
        """SIGTERM to all, in reverse order of their start; SIGKILL to what has not stopped."""
        for child in reversed(self.children):
            if child.running and child.process:
                child.process.terminate()
        limit = time.monotonic() + STOP_S
        for child in self.children:
            if child.process is None:
                continue
            try:
                child.process.wait(max(0.1, limit - time.monotonic()))
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(child.process.pid, signal.SIGKILL)
                child.process.wait()
        self._state_file.unlink(missing_ok=True)

    def kill(self) -> None:
        """SIGKILL to all: somebody is in a hurry."""
        for child in self.children:
            if child.running and child.process:
                with suppress(ProcessLookupError):
                    os.killpg(child.process.pid, signal.SIGKILL)

    def _plan_restart(self, child: Child, now: float) -> None:
        if now - child.started > STEADY_S:
            child.pause_s = FIRST_PAUSE_S
        child.due = now + child.pause_s
        code = child.process.returncode if child.process else None
        self._say(
            f"{child.name} ended ({_ending(code)}) and is started again in {child.pause_s:g} s. "
            f"Its log: {child.log_path}"
        )
        child.pause_s = min(child.pause_s * 2, LONGEST_PAUSE_S)

    def _write_state(self) -> None:
        state = {
            child.name: {"pid": child.process.pid, "restarts": child.restarts}
            for child in self.children
            if child.process
        }
        temporary = self._state_file.with_suffix(".new")
        temporary.write_text(json.dumps({"supervisor": os.getpid(), "children": state}))
        temporary.replace(self._state_file)


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit status {code}"
