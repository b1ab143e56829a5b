"""Children of the supervisor: started again with a pause, stopped in time, never left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from myna.cli.children import KEPT_LOG_BYTES, LARGEST_LOG_BYTES, Child, Children, bound_log

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(600)",
]


def until(condition: Callable[[], bool], limit_s: float = 10.0) -> None:
    limit = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < limit, "it did not happen"
        time.sleep(0.02)


@pytest.fixture
def said() -> list[str]:
    return []


def family(tmp_path: Path, said: list[str], *commands: list[str]) -> Children:
    children = [
        Child(f"child{number}", command, tmp_path / f"{number}.log")
        for number, command in enumerate(commands)
    ]
    return Children(children, tmp_path / "children.json", said.append)


def test_a_killed_child_is_started_again(tmp_path: Path, said: list[str]) -> None:
    children = family(tmp_path, said, SLEEP, SLEEP)
    children.start()
    try:
        first = children.children[0].process
        assert first is not None
        first.kill()
        first.wait()

        def alive() -> bool:
            children.watch()
            return children.children[0].running

        until(alive)
        assert children.children[0].restarts == 1
        assert children.children[1].restarts == 0
        assert "SIGKILL" in said[0]
        state = json.loads((tmp_path / "children.json").read_text())
        assert state["children"]["child0"]["restarts"] == 1
    finally:
        children.stop()
    assert not any(child.running for child in children.children)
    assert not (tmp_path / "children.json").exists()


def test_the_pause_grows_with_each_failure(tmp_path: Path, said: list[str]) -> None:
    children = family(tmp_path, said, [sys.executable, "-c", "raise SystemExit(3)"])
    child = children.children[0]
    children.start()
    pauses = [child.pause_s]

    def failed_three_times() -> bool:
        children.watch()
        if child.pause_s != pauses[-1]:
            pauses.append(child.pause_s)
        return len(pauses) > 3

    until(failed_three_times)
    children.stop()
    assert pauses == [0.5, 1.0, 2.0, 4.0]
    assert "exit status 3" in said[0]


def test_a_child_that_does_not_listen_is_killed(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("myna.cli.children.STOP_S", 0.5)
    children = family(tmp_path, said, STUBBORN)
    children.start()
    until(lambda: children.children[0].last_words() == "on")
    children.stop()
    assert not children.children[0].running


def test_children_die_with_a_killed_supervisor(tmp_path: Path) -> None:
    program = f"""
import os, sys, time
from pathlib import Path
from myna.cli.children import Child, Children
child = "import time; from myna.parent import stop_with_parent; "
child += "stop_with_parent(); print('up', flush=True); time.sleep(600)"
folder = Path({str(tmp_path)!r})
children = Children([Child("one", [sys.executable, "-c", child], folder / "one.log")],
                    folder / "children.json", print)
children.start()
time.sleep(600)
"""
    supervisor = subprocess.Popen([sys.executable, "-c", program])
    try:
        log = tmp_path / "one.log"
        until(lambda: log.exists() and "up" in log.read_text())
        pid = json.loads((tmp_path / "children.json").read_text())["children"]["one"]["pid"]
        os.kill(supervisor.pid, signal.SIGKILL)
        supervisor.wait()
        until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie")
    finally:
        supervisor.kill()
        supervisor.wait()


def test_a_log_stays_bounded_while_its_writer_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "role.log"
    with path.open("ab", buffering=0) as writer:
        writer.write(b"x" * (LARGEST_LOG_BYTES + 1))
        bound_log(path)
        writer.write(b"the next line\n")
    assert path.read_bytes() == b"the next line\n"
    assert path.with_suffix(".log.1").stat().st_size == KEPT_LOG_BYTES
