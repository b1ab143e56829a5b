"""Models that were added on this machine, beside those that Myna knows: ``added.json`` names them.

A file counts from when it is named there, which is the last thing that adding does. So a killed
``models add`` leaves a file that nobody uses and that the next one of its name replaces.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from myna.errors import InvalidRequest, ModelFileError
from myna.models.files import replace_text
from myna.models.registry import MODELS, Model
from myna.settings import Settings

_LIST = "added.json"


@dataclass(frozen=True, slots=True)
class Record:
    """An added model as it is written down."""

    name: str
    title: str
    licence: str
    parameters: int
    bytes: int
    sha256: str
    context_tokens: int
    cache_bytes_per_token: int

    @property
    def model(self) -> Model:
        """As the registry has them; it has no origin that it could be fetched from again."""
        return Model(**asdict(self))


def added_models(settings: Settings) -> list[Model]:
    """In the order in which they were added.

    Raises:
        ModelFileError: the list cannot be read.
    """
    path = settings.models_dir / _LIST
    try:
        return [Record(**told).model for told in json.loads(path.read_text())]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError):
        raise ModelFileError(
            f"{path} cannot be read. Delete it and add your models again: myna models add PATH"
        ) from None


def known_models(settings: Settings) -> list[Model]:
    """Those that Myna knows, then those that were added."""
    return [*MODELS, *added_models(settings)]


def named(settings: Settings, name: str) -> Model:
    """The model of that name.

    Raises:
        InvalidRequest: there is none; the message lists the names.
    """
    known = known_models(settings)
    for model in known:
        if model.name == name:
            return model
    names = ", ".join(model.name for model in known)
    raise InvalidRequest(f"There is no model {name!r}. Known models: {names}.")


def note(settings: Settings, model: Model) -> None:
    """Name a model whose file is in place."""
    others = [one for one in added_models(settings) if one.name != model.name]
    _write(settings, [*others, model])


def drop(settings: Settings, name: str) -> None:
    """Name it no more."""
    _write(settings, [one for one in added_models(settings) if one.name != name])


def _write(settings: Settings, models: list[Model]) -> None:
    records = [
        asdict(
            Record(
                one.name,
                one.title,
                one.licence,
                one.parameters,
                one.bytes,
                one.sha256 or "",
                one.context_tokens,
                one.cache_bytes_per_token,
            )
        )
        for one in models
    ]
    replace_text(settings.models_dir / _LIST, json.dumps(records, indent=1) + "\n")
