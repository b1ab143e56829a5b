"""The local model server: llama.cpp with its OpenAI routes, on loopback, with a key of its own.

``run_server`` is the whole of one process (``myna serve --role model``), which ``myna up`` watches
and starts again. It writes down where it listens, for the user's eyes alone, when it can answer.
"""

from __future__ import annotations

import importlib
import json
import os
import secrets
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from myna.errors import ModelError, ModelNotReady
from myna.models.files import model_in_use, verify_model
from myna.models.registry import Model
from myna.settings import Settings
from myna.telemetry import get_logger

PARALLEL = 2
"""Answers at once. Each has the whole context of the model's entry in the registry."""
BATCH_TOKENS = 128
"""Read in one go. A stop is noticed after one or two of these: 0.4 s on two quiet cores, 1.5 s with
both busy (256: 0.8 s; a prompt is read 7 % faster with 2,048)."""
CACHE_RAM_MIB = 64
"""Prompts kept beside the slots, so that a second turn does not read the first one again."""
SPIN_COUNT = 300
"""How long OpenMP's threads spin for each other (GNU's default 300,000 rounds). With both cores of
two busy elsewhere, the default reads 38 tokens/s and this 150 to 190; quiet, they are equal."""
CHECK_S = 10.0
HUNG_S = 60.0

log = get_logger("models")


@dataclass(frozen=True, slots=True)
class Address:
    """Where the local server is, and which model of the registry it runs."""

    url: str
    key: str
    name: str
    pid: int


def run_server(settings: Settings, stop: threading.Event) -> None:
    """Serve the model in use until ``stop``; change over when another one is chosen.

    Raises:
        ModelFileError: the model's file is missing or not the pinned one.
        ModelError: llama.cpp cannot load it, or no longer answers.
    """
    _lower_idle_cost()
    model = model_in_use(settings)
    path = verify_model(settings, model)
    address = _load(settings, model, path)
    _write(settings, address)
    log.info("model server ready", model=model.name, url=address.url)
    try:
        answered = checked = time.monotonic()
        while not stop.wait(0.5):
            if model_in_use(settings) != model:
                log.info("another model was chosen", model=model_in_use(settings).name)
                _address_file(settings).unlink(missing_ok=True)
                os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
            now = time.monotonic()
            if now - checked >= CHECK_S:
                checked = now
                answered = now if _answers(address) else answered
                if now - answered > HUNG_S:
                    raise ModelError(f"The model server has not answered for {HUNG_S:.0f} s.")
    finally:
        _address_file(settings).unlink(missing_ok=True)


def read_address(settings: Settings) -> Address | None:
    """Where the local server listens; None when none runs."""
    address = _read(settings)
    return address if address and _alive(address.pid) else None


def crashed(settings: Settings) -> bool:
    """Whether a server has left its address behind: it was killed and did not stop."""
    address = _read(settings)
    return address is not None and not _alive(address.pid)


@contextmanager
def running_server(settings: Settings, *, limit_s: float = 60.0) -> Iterator[Address]:
    """The server that runs, else one of our own for as long as the block lasts.

    For commands and benchmarks that need the model without ``myna up``.

    Raises:
        ModelNotReady: it did not get ready in ``limit_s``; its log says why.
    """
    if running := read_address(settings):
        yield running
        return
    settings.logs_dir.mkdir(parents=True, exist_ok=True)
    log_path = settings.logs_dir / "model.log"
    with log_path.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "myna", "serve", "--role", "model"],
            env={
                **os.environ,
                "MYNA_HOME": str(settings.home),
                "MYNA_MODEL_NAME": settings.model_name,
                "MYNA_MODEL_THREADS": str(settings.model_threads),
                "MYNA_PARENT": str(os.getpid()),
            },
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        limit = time.monotonic() + limit_s
        while (address := read_address(settings)) is None or address.pid != process.pid:
            if process.poll() is not None or time.monotonic() > limit:
                raise ModelNotReady(f"The model server did not start. Its log: {log_path}")
            time.sleep(0.05)
        yield address
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def usable_cores() -> int:
    """Cores that this process may use: its affinity, and what a container's quota leaves."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    with suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        cores = min(cores, max(1, round(int(quota) / int(period))))
    return cores


def _lower_idle_cost() -> None:
    """OpenMP reads this when llama.cpp is loaded."""
    os.environ.setdefault("GOMP_SPINCOUNT", str(SPIN_COUNT))


def _load(settings: Settings, model: Model, path: Path) -> Address:
    """Load the model and listen; blocks until it can answer."""
    xllamacpp = importlib.import_module("xllamacpp")  # compiled, without type stubs
    key = secrets.token_urlsafe(24)
    threads = settings.model_threads or usable_cores()
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.model_alias = {model.name}
    params.hostnames = ["127.0.0.1"]
    params.port = 0  # a free one
    params.api_keys = [key]
    params.cors_origins = ""
    params.ui = False
    params.n_parallel = PARALLEL
    params.n_ctx = PARALLEL * model.context_tokens
    params.n_batch = params.n_ubatch = BATCH_TOKENS
    params.cache_ram_mib = CACHE_RAM_MIB
    params.n_ctx_checkpoints = 0
    params.fit_params = False
    params.n_threads_http = 4
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.enable_reasoning = 0
    try:
        server = xllamacpp.Server(params)
    except RuntimeError as error:
        raise ModelError(
            f"llama.cpp cannot serve {path.name} ({error}). If memory is short, choose a smaller "
            "model: myna models use NAME"
        ) from None
    _servers.append(server)
    return Address(server.listening_address, key, model.name, os.getpid())


_servers: list[object] = []
"""A server stops when nothing refers to it: it lives as long as the process."""


def _answers(address: Address) -> bool:
    """Whether the server's work loop turns: it answers ``/slots`` between two batches."""
    request = urllib.request.Request(
        f"{address.url}/slots", headers={"Authorization": f"Bearer {address.key}"}
    )
    with suppress(OSError, urllib.error.URLError), urllib.request.urlopen(request, timeout=20):
        return True
    return False


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _address_file(settings: Settings) -> Path:
    return settings.run_dir / "model.json"


def _read(settings: Settings) -> Address | None:
    with suppress(OSError, ValueError, TypeError):
        return Address(**json.loads(_address_file(settings).read_text()))
    return None


def _write(settings: Settings, address: Address) -> None:
    """Whole, and readable by this user alone: it holds the key."""
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    temporary = settings.run_dir / f".model.{os.getpid()}.json"
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(address), file)
    temporary.replace(_address_file(settings))
