"""The local model server from outside: how it is started, and where the running one listens.

``run_server`` is the whole of one process (``myna serve --role model``), which ``myna up`` watches
and starts again; ``llama.py`` is what it turns into.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from myna.errors import InvalidRequest, ModelError, ModelNotReady
from myna.models import llama
from myna.models.choice import CHOICE, Slot, model_in_use, model_of, roll_back
from myna.models.files import verify_model, version_of
from myna.models.registry import Model
from myna.parent import PARENT
from myna.settings import Settings
from myna.telemetry import get_logger

PARALLEL = 2
"""Answers at once. Each has the whole context of the model's entry in the registry."""
SPIN_COUNT = 300
"""How long OpenMP's threads spin for each other (GNU's default 300,000 rounds). With both cores of
two busy elsewhere, the default reads 38 tokens/s and this 150 to 190; quiet, they are equal."""

MOST_STARTS = 3
"""A version that was never ready is started so often; then the choice is taken back."""

log = get_logger("models")


@dataclass(frozen=True, slots=True)
class Address:
    """Where the local server is, and which model of the registry it runs."""

    url: str
    key: str
    name: str
    pid: int
    version: str = ""
    """The model's name and the beginning of its file's hash."""


def run_server(settings: Settings, slot: Slot = "model") -> None:
    """Become the server of a slot's model: check its file, then turn into ``llama.py``.

    The process keeps its number and its parent; what checked the file (settings, hashes) is gone
    from memory, 35 MB. Returns only where there is nothing to be tried (any more). A model that
    cannot be started is taken back, if there was one before it.

    Raises:
        ModelFileError: the model's file is missing or not the pinned one.
        ModelNotReady: it was started again and again and never got ready.
    """
    while model := model_of(settings, slot):
        try:
            path = verify_model(settings, model)
            _count_start(settings, slot, model)
        except ModelError as error:
            if not taken_back(settings, model, str(error)):
                raise
            continue
        _become(settings, slot, model, path)


def taken_back(settings: Settings, model: Model, why: str) -> bool:
    """Take back the choice of a model that cannot be served; False: there is no other."""
    if settings.model_name:
        return False
    try:
        now = roll_back(settings, of=model.name, why=f"{model.name}: {why}")
    except InvalidRequest:
        return False
    log.warning("a model was taken back", model=model.name, now=now.model, reason=why)
    return True


def _become(settings: Settings, slot: Slot, model: Model, path: Path) -> None:
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    program = llama.Program(
        model_file=str(path),
        name=model.name,
        version=version_of(settings, model),
        context_tokens=model.context_tokens,
        parallel=PARALLEL,
        threads=settings.model_threads or usable_cores(),
        address_file=str(_address_file(settings, slot)),
        choice_file="" if settings.model_name else str(settings.models_dir / CHOICE),
        slot=slot,
        starts_file=str(_starts_file(settings, slot)),
        again=[sys.executable, *sys.orig_argv[1:]],
    )
    log.info("starting the model server", model=model.name, slot=slot, threads=program.threads)
    os.environ[llama.PROGRAM] = json.dumps(asdict(program))
    os.environ.setdefault("GOMP_SPINCOUNT", str(SPIN_COUNT))  # read when llama.cpp is loaded
    os.execv(sys.executable, [sys.executable, "-m", llama.__name__])


def _count_start(settings: Settings, slot: Slot, model: Model) -> None:
    """Note one more start of a version; the server takes the note back when it is ready.

    Raises:
        ModelNotReady: it was started too often without getting ready.
    """
    path, version = _starts_file(settings, slot), version_of(settings, model)
    told: dict[str, object] = {}
    with suppress(OSError, ValueError):
        told = json.loads(path.read_text())
    tries = told.get("tries", 0) if told.get("version") == version else 0
    tries = tries if isinstance(tries, int) else 0
    path.parent.mkdir(parents=True, exist_ok=True)
    if tries >= MOST_STARTS:
        path.unlink(missing_ok=True)
        raise ModelNotReady(
            f"It was started {tries} times and never got ready. Its log: "
            f"{settings.logs_dir / (slot + '.log')}"
        )
    llama.write_whole(path, {"version": version, "tries": tries + 1})


def read_address(settings: Settings, slot: Slot = "model") -> Address | None:
    """Where the local server listens; None when none runs."""
    address = _read(settings, slot)
    return address if address and _alive(address.pid) else None


def crashed(settings: Settings, slot: Slot = "model") -> bool:
    """Whether a server has left its address behind: it was killed and did not stop."""
    address = _read(settings, slot)
    return address is not None and not _alive(address.pid)


@contextmanager
def running_server(settings: Settings, *, limit_s: float = 60.0) -> Iterator[Address]:
    """The server that runs, else one of our own for as long as the block lasts.

    For commands and benchmarks that need the model without ``myna up``.

    Raises:
        ModelFileError: the model's file is missing or not the pinned one.
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
                PARENT: str(os.getpid()),
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
                verify_model(settings, model_in_use(settings))  # says it better, if it is that
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


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _address_file(settings: Settings, slot: Slot) -> Path:
    return settings.run_dir / f"{slot}.json"


def _starts_file(settings: Settings, slot: Slot) -> Path:
    return settings.run_dir / f"{slot}.starts"


def _read(settings: Settings, slot: Slot) -> Address | None:
    with suppress(OSError, ValueError, TypeError):
        return Address(**json.loads(_address_file(settings, slot).read_text()))
    return None
