"""The model files on this machine: which one is in use, and that each is what it claims to be."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from myna.errors import ModelFileError
from myna.models.registry import DEFAULT, Model, find_model
from myna.settings import Settings

Progress = Callable[[str, int, int], None]
"""What is being done, how much of it is done, and of how much (0: unknown)."""

IN_USE = "in_use"
"""File in the models folder with the name that ``models use`` chose."""
_PINS = "pins.json"
_CHUNK_BYTES = 1 << 20


def model_path(settings: Settings, model: Model) -> Path:
    """Where the served file of a model is, or would be."""
    return settings.models_dir / model.file_name


def model_in_use(settings: Settings) -> Model:
    """The model that the local server runs: MYNA_MODEL_NAME, else ``models use``, else the default.

    Raises:
        InvalidRequest: the name is not known.
    """
    if settings.model_name and not settings.model_url:
        return find_model(settings.model_name)
    with suppress(FileNotFoundError):
        return find_model((settings.models_dir / IN_USE).read_text().strip())
    return find_model(DEFAULT)


def use_model(settings: Settings, model: Model) -> None:
    """Choose a model that is here; a running local server changes over by itself.

    Raises:
        ModelFileError: its file is missing or wrong.
    """
    verify_model(settings, model)
    replace_text(settings.models_dir / IN_USE, model.name + "\n")


def pinned(settings: Settings, model: Model) -> str | None:
    """The hash that the model's file must have, once there is one."""
    return _pins(settings).get(model.name, model.sha256)


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
        raise ModelFileError(
            f"The file of model {model.name} is missing. Fetch it: myna models pull {model.name}"
        )
    expected = pinned(settings, model)
    if expected is None or sha256(path, progress) != expected:
        raise ModelFileError(
            f"{path} is not the file that is pinned for {model.name} (its SHA-256 differs). "
            f"Delete it and fetch it again: myna models pull {model.name}"
        )
    return path


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
    """Write a small file so that readers see the old one or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text)
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
