"""How long a newcomer waits: a fresh clone, an empty home and empty caches, `make up`, one question.

    .venv/bin/python -m evals.install [--question TEXT] [--keep] [--json OUT]

Clones the committed state of this repository into a temporary folder and runs `make up` there with
an environment that knows no home, no cache and no Myna. Measures

``install_to_answer_s``   from `make up` to the end of the first answer that has a source;
``disk_mb``               everything that it left: clone, environment, data, caches apart;
``second_start_s``        a second `make up` until /healthz says ok;
``idle_rss_mb``           resident memory of all processes together, summed (shared pages count
                          in each process), a minute after the last question;
``idle_pss_mb``           the same with each shared page counted once.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import psutil

from evals.instance import free_port

ROOT = Path(__file__).parent.parent
KEEP = ("PATH", "LANG", "TERM", "SHELL", "USER", "LOGNAME")
KEEP_PREFIXES = ("PIP_", "NPM_", "npm_", "SSL_", "NODE_")


def fresh_environment(folder: Path, port: int) -> dict[str, str]:
    """An environment with an empty home and empty caches; only the package clients' set-up stays."""
    env = {
        name: value
        for name, value in os.environ.items()
        if name in KEEP or name.startswith(KEEP_PREFIXES)
    }
    home = folder / "home"
    home.mkdir()
    real = Path.home()
    for name in (".npmrc", ".config/pip/pip.conf", ".pip/pip.conf"):
        if (real / name).is_file():  # where the registries are, on a machine that has its own
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(real / name, home / name)
    return env | {
        "HOME": str(home),
        "PIP_CACHE_DIR": str(folder / "cache" / "pip"),
        "npm_config_cache": str(folder / "cache" / "npm"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "MYNA_PORT": str(port),
        "BROWSER": "true",
    }


def megabytes(folder: Path) -> float:
    """Disk blocks under a folder, links not followed."""
    blocks = 0
    for base, _, names in os.walk(folder):
        for name in names:
            stat = (Path(base) / name).lstat()
            blocks += stat.st_blocks
    return blocks * 512 / 1e6


def memory(root: int, folder: Path) -> tuple[float, float, list[tuple[str, float]]]:
    """(RSS, PSS, RSS a process) in MB of a process, all below it, and what else works in
    ``folder``: PostgreSQL is nobody's child."""
    processes = {psutil.Process(root), *psutil.Process(root).children(recursive=True)}
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.cwd().startswith(str(folder)):
                processes.add(process)
    rows: list[tuple[str, float]] = []
    pss = 0.0
    for process in processes:
        info = process.memory_full_info()
        command = " ".join(process.cmdline()[:6]) or process.name()
        rows.append((command.replace(str(Path.home()), "~")[-70:], info.rss / 1e6))
        pss += info.pss / 1e6
    return sum(rss for _, rss in rows), pss, rows


class Instance:
    """A `make up` in a clone, and the questions that it is asked."""

    def __init__(self, clone: Path, env: dict[str, str], port: int, log: Path) -> None:
        self.base = f"http://127.0.0.1:{port}"
        self.log = log
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            ["make", "up"],
            cwd=clone,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log.open("ab"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def wait_until_ready(self, limit_s: float) -> float:
        """Seconds from the start until /healthz says ok."""
        while time.monotonic() - self.started < limit_s:
            if self.process.poll() is not None:
                raise SystemExit(f"make up ended early:\n{self.log.read_text()[-3000:]}")
            try:
                if httpx2.get(f"{self.base}/healthz", timeout=2).status_code == 200:
                    return time.monotonic() - self.started
            except httpx2.HTTPError:
                pass
            time.sleep(0.2)
        raise SystemExit(f"not ready in {limit_s:.0f} s:\n{self.log.read_text()[-3000:]}")

    def ask(self, question: str) -> dict[str, Any]:
        """The first answer of the OpenAI route: its message."""
        response = httpx2.post(
            f"{self.base}/v1/chat/completions",
            json={"model": "myna", "messages": [{"role": "user", "content": question}]},
            timeout=120,
        )
        response.raise_for_status()
        return response.json()["choices"][0]["message"]

    def stop(self) -> float:
        """Seconds from Ctrl-C to the end of all processes."""
        began = time.monotonic()
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(timeout=30)
        return time.monotonic() - began


def main() -> None:
    """Measure, print a table, write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--question", default="How do I mount an ISO file?")
    parser.add_argument("--keep", action="store_true", help="leave the folder for a look")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()

    folder = Path(tempfile.mkdtemp(prefix="myna-install-"))
    clone, port = folder / "myna", free_port()
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    env = fresh_environment(folder, port)
    log = folder / "make-up.log"
    figures: dict[str, Any] = {}
    try:
        first = Instance(clone, env, port, log)
        figures["install_to_ready_s"] = first.wait_until_ready(1500)
        message = first.ask(args.question)
        figures["install_to_answer_s"] = time.monotonic() - first.started
        figures["first_answer_sources"] = len(message.get("annotations") or [])
        print(f"> {args.question}\n{message['content']}\n")
        figures["stop_s"] = first.stop()
        figures["disk_mb"] = megabytes(clone) + megabytes(folder / "home")
        figures["caches_mb"] = megabytes(folder / "cache")

        second = Instance(clone, env, port, log)
        figures["second_start_s"] = second.wait_until_ready(120)
        second.ask(args.question)
        time.sleep(60)
        rss, pss, rows = memory(second.process.pid, folder)
        figures |= {"idle_rss_mb": rss, "idle_pss_mb": pss}
        second.stop()
    finally:
        if not args.keep:
            shutil.rmtree(folder, ignore_errors=True)

    limits = {
        "install_to_answer_s": 480,
        "disk_mb": 1600,
        "second_start_s": 15,
        "idle_rss_mb": 1000,
    }
    print(f"{'figure':<24}{'measured':>10}{'limit':>8}")
    for name, value in figures.items():
        print(f"{name:<24}{value:>10.1f}{limits.get(name, ''):>8}")
    for command, megabyte in rows:
        print(f"  {megabyte:7.1f} MB  {command}")
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2) + "\n")
    sys.exit(0)


if __name__ == "__main__":
    main()
