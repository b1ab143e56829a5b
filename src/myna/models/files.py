"""The model files on this machine: where each is, and that it is what it claims to be."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

from myna.errors import ModelFileError
from myna.models.registry import Model
from myna.settings import Settings

Progress = Callable[[str, int, int], None]
"""What is being done, how much of it is done, and of how much (0: unknown)."""

_PINS = "pins.json"
_CHUNK_BYTES = 1 << 20


def model_path(settings: Settings, model: Model) -> Path:
    """Where the served file of a model is, or would be."""
    return settings.models_dir / model.file_name


def pinned(settings: Settings, model: Model) -> str | None:
    """The hash that the model's file must have, once there is one."""
    return _pins(settings).get(model.name, model.sha256)


def version_of(settings: Settings, model: Model) -> str:
    """What is recorded on each answer: the model's name and the first twelve digits of its file's
    SHA-256."""
    digest = pinned(settings, model)
    return f"{model.name}@{digest[:12]}" if digest else model.name


def pin(settings: Settings, model: Model, digest: str) -> None:
    """Hold the model's file to ``digest`` from now on."""
    pins = {**_pins(settings), model.name: digest}
    replace_text(settings.models_dir / _PINS, json.dumps(pins, indent=2) + "\n")


def verify_model(settings: Settings, model: Model, progress: Progress | None = None) -> Path:
    """The path of the model's file, after it was compared with its hash.

    Raises:
        ModelFileError: the file is missing, or it is not the one that was pinned.
    """
    path = model_path(settings, model)
    if not path.is_file():
        raise missing(model)
    expected = pinned(settings, model)
    if expected is None or sha256(path, progress) != expected:
        raise ModelFileError(
            f"{path} is not the file that is pinned for {model.name} (its SHA-256 differs). "
            f"Delete it. {_remedy(model)}"
        )
    return path


def missing(model: Model) -> ModelFileError:
    """The error where a model's file is not there."""
    return ModelFileError(f"The file of model {model.name} is missing. {_remedy(model)}")


def _remedy(model: Model) -> str:
    if model.origins:
        return f"Fetch it: myna models pull {model.name}"
    return "Go back to the model before it: myna models rollback. Or remove it, and add it again."


def sha256(path: Path, progress: Progress | None = None) -> str:
    """Hexadecimal SHA-256 of a file."""
    total, done, digest = path.stat().st_size, 0, hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            done += len(chunk)
            if progress:
                progress("Checking the model file", done, total)
    return digest.hexdigest()


def replace_text(path: Path, text: str) -> None:
    """Write a small file so that readers see the old one or the new one, never a part; also after a
    crash of the machine."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _pins(settings: Settings) -> dict[str, str]:
    try:
        return json.loads((settings.models_dir / _PINS).read_text())
    except FileNotFoundError:
        return {}
    except ValueError:
        raise ModelFileError(
            f"{settings.models_dir / _PINS} cannot be read. Delete it and pull the models again."
        ) from None
