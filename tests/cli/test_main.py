"""The command line as a whole: every command registers, errors are one sentence, pipes may close."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner

from myna import __version__
from myna.cli import COMMANDS, build_app, serve
from myna.cli.serve import Role
from myna.errors import InvalidRequest, MynaError
from myna.settings import Settings


def myna(*words: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "myna", *words],
        env={**os.environ, "MYNA_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_lists_every_command_but_the_hidden_one(tmp_path: Path) -> None:
    run = myna("--help", home=tmp_path)
    assert run.returncode == 0
    for command in COMMANDS:
        assert (f" {command} " in run.stdout) == (command != "prepare")


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_registers_alone(command: str) -> None:
    outcome = CliRunner().invoke(build_app(command), [command, "--help"])
    assert outcome.exit_code == 0
    assert "Usage" in outcome.stdout


def test_the_version(tmp_path: Path) -> None:
    assert myna("--version", home=tmp_path).stdout == f"myna {__version__}\n"


def test_an_error_is_one_sentence_on_stderr(tmp_path: Path) -> None:
    run = myna("models", "use", "gpt-17", home=tmp_path)
    assert run.returncode == 1
    assert run.stdout == ""
    assert run.stderr.startswith("myna: There is no model 'gpt-17'.")
    assert len(run.stderr.splitlines()) == 1


def test_roles_in_one_process_stop_when_one_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = []

    def role(role: Role, settings: Settings, stop: threading.Event) -> None:
        if role is Role.demo:
            raise MynaError("the demo failed")
        assert stop.wait(10)
        ended.append(role)

    monkeypatch.setattr(serve, "_run", role)
    with pytest.raises(MynaError, match="the demo failed"):
        serve._run_together([Role.index, Role.demo], Settings(), threading.Event())
    assert ended == [Role.index]


def test_a_role_that_comes_to_its_end_leaves_the_other_running(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stop = threading.Event()
    ended = []

    def role(role: Role, settings: Settings, stop: threading.Event) -> None:
        if role is Role.index:
            assert not stop.wait(0.5), "the end of the demo is no reason to stop"
            ended.append(role)
            stop.set()

    monkeypatch.setattr(serve, "_run", role)
    serve._run_together([Role.demo, Role.index], Settings(), stop)
    assert ended == [Role.index]


def test_web_shares_with_nobody() -> None:
    with pytest.raises(InvalidRequest, match="--role web"):
        serve.serve([Role.web, Role.index])
