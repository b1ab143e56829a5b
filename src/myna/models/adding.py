"""``myna models add``: a GGUF file or an export is checked, answers once, and only then counts.

In this order: header, memory, a copy in Myna's folder, a server of its own that has to answer a
question from that copy, the copy in place, its name in the list. A kill anywhere leaves what was there
before; the next addition sweeps up the rest.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import psutil

from myna.errors import Conflict, InvalidRequest, ModelError, ModelFileError
from myna.models import llama
from myna.models.added import added_models, drop, known_models, named, note
from myna.models.chat import ChatMessage
from myna.models.choice import forget_model
from myna.models.endpoint import Endpoint
from myna.models.fetch import one_at_a_time, storage_told
from myna.models.files import Progress, model_path, sha256
from myna.models.header import read_header
from myna.models.local import usable_cores
from myna.models.registry import DEFAULT, MEMORY_BESIDE_BYTES, Model, find_model
from myna.parent import PARENT
from myna.settings import Settings

TAKEN = ("q8_0", "q4_k_m", "q4_0", "f16", "bf16", "f32")
"""Which file of an export is taken, the first that is there: the fastest on a processor that is exact
enough, for the sizes that one trains oneself."""
SMALL_CONTEXT_TOKENS = find_model(DEFAULT).context_tokens
"""What a small model is given: one short question and a few posts."""
MOST_CONTEXT_TOKENS = 4096
LEAST_CONTEXT_TOKENS = 256
TRIAL = (ChatMessage("user", "What is a kernel?"),)
TRIAL_TOKENS = 24
START_S = 60.0
START_BYTES_PER_S = 50e6
"""A slow disk's rate: a large file is given so much longer to be loaded."""
_NAME = re.compile(r"^[a-z0-9][a-z0-9._-]{0,62}$")


@dataclass(frozen=True, slots=True)
class Trial:
    """How the trial answer went."""

    text: str
    first_word_s: float
    tokens_per_s: float


def add_model(
    settings: Settings, path: Path, progress: Progress, *, name: str = "", licence: str = ""
) -> tuple[Model, Trial]:
    """Add the model at ``path``, a GGUF file or the folder of an export.

    Raises:
        ModelFileError: it is no model that can answer, or its trial failed.
        Conflict: there is another model of that name.
        InvalidRequest: the name cannot be used, or the model is too large for this machine.
        StorageError: the disk is full.
    """
    file, told = _found(path)
    header = read_header(file)
    called = name or told.get("name") or re.sub(r"[^a-z0-9._-]+", "-", header.name.lower())
    called = called.strip("-._")[:63]
    if not _NAME.match(called):
        raise InvalidRequest("--name: small letters, digits, dots and dashes, 63 at most.")
    if not header.chat:
        raise ModelFileError(
            f"{file.name} has no chat template: it continues text and cannot answer. Train it on "
            "conversations first (myna train sft), or export it with a template."
        )
    if header.context_tokens < LEAST_CONTEXT_TOKENS:
        raise ModelFileError(
            f"{file.name} reads {header.context_tokens} tokens: too few to answer."
        )
    settings.models_dir.mkdir(parents=True, exist_ok=True)
    with storage_told(settings.models_dir), one_at_a_time(settings.models_dir):
        digest = sha256(file, progress)
        _check_file(file, told, digest)
        model = Model(
            name=called,
            title=f"{header.name} ({header.architecture}, {file.stem.rsplit('-', 1)[-1]})",
            licence=licence or told.get("licence") or header.licence or "not stated",
            parameters=header.parameters,
            bytes=file.stat().st_size,
            sha256=digest,
            context_tokens=min(
                header.context_tokens,
                SMALL_CONTEXT_TOKENS if header.parameters < 1e9 else MOST_CONTEXT_TOKENS,
            ),
            cache_bytes_per_token=header.cache_bytes_per_token,
        )
        _check_name(settings, model)
        _check_memory(model)
        with tempfile.TemporaryDirectory(dir=settings.models_dir, prefix=".fetch-") as folder:
            copy = Path(shutil.copyfile(file, Path(folder) / "added.gguf"))
            progress("Asking it a question", 0, 0)
            trial = try_answer(settings, replace(model, name="trial"), copy)
            with copy.open("rb") as held:
                os.fsync(held.fileno())
            copy.replace(model_path(settings, model))
        note(settings, model)
    return model, trial


def remove_model(settings: Settings, name: str) -> Model:
    """Forget an added model and delete its file; of one that Myna knows, delete the file.

    Raises:
        InvalidRequest: there is no such model, or it is in use.
    """
    model = named(settings, name)
    forget_model(settings, name)
    drop(settings, name)
    model_path(settings, model).unlink(missing_ok=True)
    return model


def try_answer(settings: Settings, model: Model, file: Path) -> Trial:
    """Serve a file by itself and ask it one question.

    Raises:
        ModelFileError: the server does not start with it, or does not answer.
    """
    with _served(settings, model, file) as address:
        try:
            return asyncio.run(_asked(address))
        except ModelError as error:
            raise ModelFileError(
                f"The model cannot answer: its trial ended with {str(error)!r}."
            ) from None


async def _asked(address: dict[str, Any]) -> Trial:
    endpoint = Endpoint(f"{address['url']}/v1", address["key"])
    began = time.monotonic()
    first, text, written = 0.0, "", 0
    try:
        deltas = endpoint.chat(
            "trial", TRIAL, max_tokens=TRIAL_TOKENS, temperature=0.0, stop=(),
            extra={"chat_template_kwargs": {"enable_thinking": False}},
        )  # fmt: skip
        async with aclosing(deltas):
            async for delta in deltas:
                if delta.text and not first:
                    first = time.monotonic() - began
                text += delta.text
                written = delta.usage.completion_tokens if delta.usage else written
    finally:
        await endpoint.close()
    if not text.strip():
        raise ModelError("It wrote nothing.")
    rest = time.monotonic() - began - first
    return Trial(text, first, max(0, written - 1) / rest if rest > 0 else 0.0)


@contextmanager
def _served(settings: Settings, model: Model, file: Path) -> Iterator[dict[str, Any]]:
    """A server of this file alone, apart from the one that answers."""
    address = file.with_name("address.json")
    program = llama.Program(
        model_file=str(file),
        name=model.name,
        version="",
        context_tokens=model.context_tokens,
        parallel=1,
        threads=settings.model_threads or usable_cores(),
        address_file=str(address),
        choice_file="",
        slot="trial",
        starts_file="",
        again=[],
    )
    settings.logs_dir.mkdir(parents=True, exist_ok=True)
    log = settings.logs_dir / "trial.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", llama.__name__],
            env={
                **os.environ,
                llama.PROGRAM: json.dumps(asdict(program)),
                PARENT: str(os.getpid()),
            },
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        limit = time.monotonic() + START_S + model.bytes / START_BYTES_PER_S
        while not address.is_file():
            if process.poll() is not None or time.monotonic() > limit:
                raise ModelFileError(f"llama.cpp cannot serve this file. Its log says why: {log}")
            time.sleep(0.05)
        yield json.loads(address.read_text())
    finally:
        process.kill()
        process.wait()


def _found(path: Path) -> tuple[Path, dict[str, Any]]:
    """The GGUF file that is meant, and what an export tells of it."""
    if path.is_file():
        return path, {}
    if not path.is_dir():
        raise ModelFileError(f"There is no file and no folder {path}.")
    told: dict[str, Any] = {}
    try:
        if (manifest := path / "export.json").is_file():
            told = json.loads(manifest.read_text())
    except ValueError:
        raise ModelFileError(f"{path / 'export.json'} cannot be read. Export it again.") from None
    files = sorted(path.glob("*.gguf"))
    for kind in TAKEN:
        for file in files:
            if file.stem.lower().endswith(kind):
                return file, told
    raise ModelFileError(
        f"{path} has no GGUF file of a model. Make one (myna export), or give the file itself."
    )


def _check_file(file: Path, told: dict[str, Any], digest: str) -> None:
    """An export says what its files hash to."""
    wanted = told.get("files", {}).get(file.name, {}).get("sha256", digest)
    if wanted != digest:
        raise ModelFileError(f"{file} is not what its export wrote (its SHA-256 differs).")


def _check_name(settings: Settings, model: Model) -> None:
    """The same file again is no conflict: what was begun and killed can be done again."""
    others = {one.name: one for one in known_models(settings)}
    other = others.get(model.name)
    if other is None or (other in added_models(settings) and other.sha256 == model.sha256):
        return
    raise Conflict(
        f"There is a model {model.name} already. Give this version a name of its own: --name "
        f"{model.name}-2"
    )


def _check_memory(model: Model) -> None:
    room = psutil.virtual_memory().total - MEMORY_BESIDE_BYTES
    if model.memory_bytes > room:
        raise InvalidRequest(
            f"{model.name} needs about {model.memory_bytes / 1e9:.1f} GB of memory, and this machine "
            f"has {max(0, room) / 1e9:.1f} GB for it. Add a smaller file (Q4_0)."
        )
