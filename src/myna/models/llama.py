"""The process of the local model server: llama.cpp with its OpenAI routes, on loopback.

It imports next to nothing of Myna and of Python, because it stays in memory beside the model. It is
told what to do in one environment variable, makes itself a new key at each start, and writes down
where it listens, for this user's eyes alone, when it can answer.
"""

from __future__ import annotations

import importlib
import json
import os
import secrets
import signal
import sys
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from myna.parent import stop_with_parent

PROGRAM = "MYNA_LLAMA_PROGRAM"
"""The environment variable with the ``Program`` as JSON."""
BATCH_TOKENS = 128
"""Read in one go. A stop is noticed after one or two of these: 0.4 s on two quiet cores, 1.5 s with
both busy (256: 0.8 s; with 2,048 a prompt is read 7 % faster and a stop takes seconds)."""
LOOK_S = 0.5
CHECK_S = 10.0
HUNG_S = 60.0
"""A server that answers nothing for so long ends itself, so that it is started again."""


@dataclass(frozen=True)
class Program:
    """What the process is told."""

    model_file: str
    name: str
    """The model's name in the registry."""
    version: str
    """As it is recorded on answers."""
    context_tokens: int
    """Of one answer; there are ``parallel`` of them."""
    parallel: int
    threads: int
    address_file: str
    choice_file: str
    """JSON whose field ``slot`` names the model; another name means another choice. "" when it cannot
    change."""
    slot: str
    """``model`` or ``canary``."""
    starts_file: str
    """Where it is noted that this version could be started; "": nowhere."""
    again: list[str]
    """The command that serves the new choice."""


def main() -> None:
    """Serve until SIGTERM or another choice."""
    program = Program(**json.loads(os.environ.pop(PROGRAM)))
    stop_with_parent()
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    address = Path(program.address_file)
    key = secrets.token_urlsafe(24)
    server = load(program, key)
    write_address(
        address,
        {"url": server.listening_address, "key": key, "name": program.name, "pid": os.getpid(),
         "version": program.version},
    )  # fmt: skip
    if program.starts_file:
        write_whole(Path(program.starts_file), {"version": program.version, "tries": 0})
    try:
        answered = checked = time.monotonic()
        while _chosen(program) == program.name:
            time.sleep(LOOK_S)
            now = time.monotonic()
            if now - checked >= CHECK_S:
                checked = now
                answered = now if _answers(server.listening_address, key) else answered
                if now - answered > HUNG_S:
                    sys.exit(f"The model server has not answered for {HUNG_S:.0f} s.")
    finally:
        address.unlink(missing_ok=True)
    os.execv(program.again[0], program.again)


def load(program: Program, key: str) -> Any:
    """Load the model and listen on a free port; returns when it can answer."""
    xllamacpp = importlib.import_module("xllamacpp")  # compiled, without type stubs
    params = xllamacpp.CommonParams()
    params.model.path = program.model_file
    params.model_alias = {program.name}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [key]
    params.cors_origins = ""
    params.ui = False
    params.n_parallel = program.parallel
    params.n_ctx = program.parallel * program.context_tokens
    params.n_batch = params.n_ubatch = BATCH_TOKENS
    params.cache_idle_slots = False
    params.cache_ram_mib = 0  # each slot keeps its last prompt; more would cost 25 KB a token
    params.n_ctx_checkpoints = 0
    params.fit_params = False
    params.n_threads_http = 4
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = program.threads
    params.enable_reasoning = 0
    try:
        return xllamacpp.Server(params)
    except RuntimeError as error:
        sys.exit(
            f"llama.cpp cannot serve {Path(program.model_file).name} ({error}). If memory is "
            "short, choose a smaller model: myna models use NAME"
        )


def write_whole(path: Path, told: dict[str, object]) -> None:
    """Readers see the old one or the new one."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(json.dumps(told))
    temporary.replace(path)


def write_address(path: Path, address: dict[str, object]) -> None:
    """Whole, and readable by this user alone: it holds the key."""
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.json")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(address, file)
    temporary.replace(path)


def _answers(url: str, key: str) -> bool:
    """Whether the server's work loop turns: it answers ``/slots`` between two batches."""
    request = urllib.request.Request(f"{url}/slots", headers={"Authorization": f"Bearer {key}"})
    with suppress(OSError), urllib.request.urlopen(request, timeout=20):
        return True
    return False


def _chosen(program: Program) -> str:
    """The name that is chosen for this process now; one that cannot be read is taken to be ours."""
    with suppress(OSError, ValueError, AttributeError):
        if program.choice_file:
            return str(json.loads(Path(program.choice_file).read_text()).get(program.slot))
    return program.name


def _leave(number: int, frame: object) -> None:
    del number, frame
    raise SystemExit(0)


if __name__ == "__main__":
    main()
