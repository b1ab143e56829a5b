"""What is measured: a model, wherever its weights or its server are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from myna.errors import InvalidRequest, MynaError

if TYPE_CHECKING:
    from myna.models.chat import ChatModel


class NotMeasurable(MynaError):
    """A suite asks what this model, or its server, does not tell."""

    code = "not_measurable"


@dataclass(frozen=True, slots=True)
class Likelihood:
    """Of a continuation behind its context."""

    nats: float
    """Minus the logarithm of its probability."""
    size: int
    """Bytes of the text that was predicted: of a text without context, all but its first token's."""
    greedy: bool
    """Whether the model would have written it by itself."""


class Subject(Protocol):
    """A model as suites see it."""

    @property
    def label(self) -> str:
        """Name in tables."""
        ...

    @property
    def fingerprint(self) -> str:
        """Another one is another model: what was measured of this one holds."""
        ...

    def likelihoods(self, asked: Sequence[tuple[str, str]]) -> list[Likelihood]:
        """Of pairs of context and continuation, in order.

        Raises:
            NotMeasurable: the server does not tell.
        """
        ...

    def write(self, prompts: Sequence[str], *, tokens: int, stop: Sequence[str] = ()) -> list[str]:
        """What follows each prompt, the likeliest token each time, without the prompt."""
        ...

    def chat(self) -> ChatModel:
        """The model as one that is talked to."""
        ...

    def close(self) -> None:
        """Let go of memory and servers."""
        ...


def open_subject(told: str) -> Subject:
    """The model that a word of the command line means: ``[LABEL=]PLACE``.

    A place is a run, a checkpoint, a Hugging Face folder, a LoRA adapter, a GGUF file, or the URL of
    an OpenAI-compatible server (``http://127.0.0.1:8000/v1#NAME``).

    Raises:
        NotFound, InvalidRequest: nothing usable is there.
    """
    label, place = _parted(told)
    if place.startswith(("http://", "https://")):
        from myna.train.evaluate.served import RemoteSubject

        return RemoteSubject(place, label)
    path = Path(place)
    if path.suffix == ".gguf":
        from myna.train.evaluate.served import GgufSubject

        return GgufSubject(path, label or path.stem)
    from myna.train.evaluate.local import LocalSubject

    return LocalSubject(path, label or _name(path))


def _parted(told: str) -> tuple[str, str]:
    label, found, place = told.partition("=")
    if found and "/" not in label and ":" not in label:
        if not label or not place:
            raise InvalidRequest(f"{told}: write LABEL=PLACE.")
        return label, place
    return "", told


def _name(path: Path) -> str:
    """``run/step-00000060`` is known by both, a folder by its name."""
    whole = path.resolve()
    return f"{whole.parent.name}/{whole.name}" if whole.name.startswith("step-") else whole.name
