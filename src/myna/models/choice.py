"""Which model answers: the one in use, and perhaps another one that is tried on a share of the chats.

One small file says so (``choice.json``), replaced as a whole: whoever is killed in the midst of a change
leaves the old choice or the new one. The earlier choices stay in it, so that going back is one command,
and the model server itself goes back when a new model cannot be started.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from typing import Literal

from myna.errors import InvalidRequest
from myna.models.added import named
from myna.models.files import replace_text, verify_model
from myna.models.registry import DEFAULT, Model
from myna.settings import Settings

Slot = Literal["model", "canary"]
"""Each has a process of its own: of the model in use, and of the one that is tried."""
CHOICE = "choice.json"
_FORMER = "in_use"
"""The file of one name that there was before; read where there is no choice yet."""
MOST_EARLIER = 8


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen."""

    model: str = DEFAULT
    canary: str = ""
    """The one that is tried; empty: none."""
    share: float = 0.0
    """Of the chats that it answers."""
    earlier: tuple[str, ...] = ()
    """What was in use before, the latest last."""
    since: float = 0.0
    """Unix time of the last change."""
    trouble: str = ""
    """Why the last change was taken back without being asked; empty: it was not."""

    def name(self, slot: Slot) -> str:
        """Of the model of a slot."""
        return self.model if slot == "model" else self.canary


def read_choice(settings: Settings) -> Choice:
    """The choice as it stands; MYNA_MODEL_NAME comes before it, and then nothing else is tried."""
    if settings.model_name and not settings.model_url:
        return Choice(settings.model_name)
    with suppress(OSError, ValueError, TypeError, AttributeError):
        told = json.loads((settings.models_dir / CHOICE).read_text())
        return Choice(**told | {"earlier": tuple(told.get("earlier", ()))})
    with suppress(OSError):
        return Choice((settings.models_dir / _FORMER).read_text().strip())
    return Choice()


def model_in_use(settings: Settings) -> Model:
    """The model that the local server runs: MYNA_MODEL_NAME, else ``models use``, else the default.

    Raises:
        InvalidRequest: the name is not known.
    """
    return named(settings, read_choice(settings).model)


def model_of(settings: Settings, slot: Slot) -> Model | None:
    """The model of a slot; None where nothing is tried."""
    name = read_choice(settings).name(slot)
    return named(settings, name) if name else None


def use_model(settings: Settings, model: Model) -> None:
    """Answer with a model that is here; a running local server changes over by itself. It may be the
    one that was tried, which ends the trial.

    Raises:
        ModelFileError: its file is missing or wrong.
    """
    verify_model(settings, model)
    with _changing(settings) as now:
        earlier = now.earlier if now.model == model.name else _with(now.earlier, now.model)
        _write(settings, Choice(model.name, earlier=earlier, since=time.time()))


def try_model(settings: Settings, model: Model, share: float) -> None:
    """Let a model that is here answer a share of the chats, and the one in use all others.

    Raises:
        ModelFileError: its file is missing or wrong.
        InvalidRequest: it is in use already, or the share is none.
    """
    if not 0 < share < 1:
        raise InvalidRequest("--canary: give a share between 0% and 100%, as 10%.")
    verify_model(settings, model)
    with _changing(settings) as now:
        if now.model == model.name:
            raise InvalidRequest(f"{model.name} is in use already: there is nothing to try.")
        _write(
            settings,
            replace(now, canary=model.name, share=share, since=time.time(), trouble=""),
        )


def roll_back(settings: Settings, *, of: str = "", why: str = "") -> Choice:
    """End the trial of a model, else go back to the one that was in use before. ``of`` names the model
    that is to go: where that is no longer chosen, nothing is done. ``why`` is kept to be told.

    Raises:
        InvalidRequest: there is nothing to go back to.
    """
    with _changing(settings) as now:
        if of and of not in {now.model, now.canary}:
            return now
        if now.canary and of != now.model:
            back = replace(now, canary="", share=0.0)
        elif now.earlier:
            back = Choice(now.earlier[-1], now.canary, now.share, earlier=now.earlier[:-1])
            if back.canary == back.model:
                back = replace(back, canary="", share=0.0)
        else:
            raise InvalidRequest(f"There is no model before {now.model} to go back to.")
        back = replace(back, since=time.time(), trouble=why)
        _write(settings, back)
        return back


def forget_model(settings: Settings, name: str) -> None:
    """Take a model out of the earlier ones.

    Raises:
        InvalidRequest: it is in use, or being tried.
    """
    with _changing(settings) as now:
        if name in {now.model, now.canary}:
            raise InvalidRequest(
                f"{name} is in use. Choose another one first: myna models use NAME"
            )
        _write(settings, replace(now, earlier=tuple(one for one in now.earlier if one != name)))


def gets_canary(choice: Choice, asker: str) -> bool:
    """Whether this asker (a chat, say) is answered by the model that is tried: always the same ones
    while it is tried, and others for another model."""
    if not choice.canary:
        return False
    drawn = hashlib.sha256(f"{choice.canary}\0{asker}".encode()).digest()
    return int.from_bytes(drawn[:7], "big") < choice.share * 2**56


def share_of(told: str) -> float:
    """``10%`` or ``0.1`` as a share.

    Raises:
        InvalidRequest: it is neither.
    """
    try:
        return float(told.rstrip("% ")) / 100 if "%" in told else float(told)
    except ValueError:
        raise InvalidRequest("--canary: give a share between 0% and 100%, as 10%.") from None


def _with(earlier: tuple[str, ...], name: str) -> tuple[str, ...]:
    return (*(one for one in earlier if one != name), name)[-MOST_EARLIER:]


@contextmanager
def _changing(settings: Settings) -> Iterator[Choice]:
    """The choice as it stands, while nobody else changes it."""
    settings.models_dir.mkdir(parents=True, exist_ok=True)
    with (settings.models_dir / ".choice.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield read_choice(settings.model_copy(update={"model_name": ""}))


def _write(settings: Settings, choice: Choice) -> None:
    replace_text(settings.models_dir / CHOICE, json.dumps(asdict(choice), indent=1) + "\n")
