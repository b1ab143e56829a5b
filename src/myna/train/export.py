"""A trained model as files that others load: safetensors, tokenizer, chat template, card, GGUF.

The folder is made beside its place and moved there when it is whole: whoever is killed in the midst
leaves nothing that looks like a model.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from myna.errors import Conflict, InvalidRequest, NotFound
from myna.train.card import Facts, Written, write_card
from myna.train.gguf import KINDS, About, write_adapter, write_gguf
from myna.train.lineage import Lineage, read_lineages
from myna.train.lora import ADAPTER, Adapter, read_adapter
from myna.train.shards import read_index, replace_file
from myna.train.tensors import Tensors, checkpoint_of, open_tensors
from myna.train.tokenizer import load_tokenizer
from myna.train.vocabulary import Vocabulary, read_vocabulary

MANIFEST = "export.json"
FORMAT = 1
SHARD_BYTES = 4_000_000_000
"""Of one safetensors file; a larger model has several and an index."""
_NAME = re.compile(r"^[a-z0-9][a-z0-9._-]{0,62}$")

Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be exported, and how."""

    source: Path
    """A run, a checkpoint, a Hugging Face folder or a GGUF."""
    folder: Path
    name: str
    adapter: Path | None = None
    tokenizer: Path | None = None
    """Where the source has none of its own."""
    kinds: Sequence[str] = ("f16", "q8_0", "q4_0")
    """GGUF files, of ``gguf.KINDS``."""
    licence: str = ""
    base: str = ""
    """Name of the model that it went on from, for the card."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was made."""

    folder: Path
    version: str
    files: tuple[Written, ...]


def export(asked: Request, told: Told = lambda what: None) -> Exported:
    """Write the export. ``told`` gets the name of each file before it is written.

    Raises:
        Conflict: the folder is there already.
        NotFound, InvalidRequest: the source, its tokenizer or its adapter cannot be used.
    """
    if not _NAME.match(asked.name):
        raise InvalidRequest("--name: small letters, digits, dots and dashes, 63 at most.")
    if wrong := [kind for kind in asked.kinds if kind not in KINDS]:
        raise InvalidRequest(f"--gguf: {wrong[0]} is none of {', '.join(KINDS)}.")
    if asked.folder.exists():
        raise Conflict(f"{asked.folder} is there already. Give a new folder.")
    asked = _resolved(asked)
    adapter = read_adapter(asked.adapter) if asked.adapter else None
    tensors = open_tensors(asked.source, adapter)
    vocabulary = read_vocabulary(_tokenizer(asked))
    vocabulary.padded(tensors.config.vocab_size)  # refused before anything is written
    beside = asked.folder.with_name(f".{asked.folder.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        made = _Export(
            asked, beside, tensors=tensors, vocabulary=vocabulary, adapter=adapter, told=told
        ).make()
        beside.replace(asked.folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    return made


class _Export:
    def __init__(
        self,
        asked: Request,
        beside: Path,
        *,
        tensors: Tensors,
        vocabulary: Vocabulary,
        adapter: Adapter | None,
        told: Told,
    ) -> None:
        self.asked, self.beside, self.told = asked, beside, told
        self.tensors, self.vocabulary, self.adapter = tensors, vocabulary, adapter
        self.written: list[Written] = []

    def make(self) -> Exported:
        asked, config = self.asked, self.tensors.config
        self._texts()
        parameters = self._safetensors()
        version = _digest(*(one.sha256 for one in self.written))[:12]
        about = About(asked.name, asked.licence, version=version)
        for kind in asked.kinds:
            file = f"{asked.name}-{kind.upper() if kind.startswith('q') else kind}.gguf"
            self.told(file)
            write_gguf(self.beside / file, self.tensors, self.vocabulary, kind, about)
            self._note(file)
        if self.adapter:
            file = f"{asked.name}-adapter.gguf"
            write_adapter(self.beside / file, self.adapter, config, about)
            self._note(file)
        lineage = _lineage(asked)
        facts = Facts(
            asked.name,
            version,
            asked.licence,
            config,
            parameters,
            config.max_position_embeddings,
            bool(self.vocabulary.template),
            tuple(self.written),
            lineage,
            asked.base,
            self.adapter.rank if self.adapter else 0,
        )
        replace_file(self.beside / "README.md", write_card(facts).encode())
        manifest: dict[str, Any] = {
            "format": FORMAT,
            "name": asked.name,
            "version": version,
            "licence": asked.licence,
            "base": facts.base,
            "family": config.family,
            "parameters": parameters,
            "context": facts.context,
            "chat": facts.chat,
            "files": {one.name: {"bytes": one.bytes, "sha256": one.sha256} for one in self.written},
            "lineage": [one.as_json() for one in lineage],
        }
        replace_file(self.beside / MANIFEST, json.dumps(manifest, indent=1).encode())
        return Exported(asked.folder, version, tuple(self.written))

    def _texts(self) -> None:
        """What is small: configuration, tokenizer, when to stop."""
        words, config = self.vocabulary, self.tensors.config
        ids = {"bos_token_id": words.bos, "eos_token_id": words.eos, "pad_token_id": words.pad}
        told = {name: number for name, number in ids.items() if number is not None}
        stop = {"eos_token_id": list(words.ends) or words.eos} if words.ends else {}
        files = words.files | {
            "config.json": _json(config.as_json() | told | {"dtype": "bfloat16"}),
            "generation_config.json": _json(told | stop),
        }
        for name, content in sorted(files.items()):
            replace_file(self.beside / name, content)
            self._note(name)

    def _safetensors(self) -> int:
        """The weights; returns how many there are."""
        from safetensors.torch import save_file

        parameters, parts = 0, [dict[str, Tensor]()]
        places: dict[str, int] = {}
        held = total = 0
        self.told("model.safetensors")

        def save(number: int) -> None:
            path = self.beside / f"model-{number:05d}.safetensors"
            save_file(parts[0], path, metadata={"format": "pt"})

        number = 1
        for name, tensor in self.tensors:
            size = tensor.numel() * tensor.element_size()
            if parts[0] and held + size > SHARD_BYTES:
                save(number)
                parts[0], held, number = {}, 0, number + 1
            parts[0][name] = tensor.contiguous()
            places[name] = number
            parameters += tensor.numel()
            held, total = held + size, total + size
        save(number)
        names = {
            one: "model.safetensors" if number == 1 else f"model-{one:05d}-of-{number:05d}.safetensors"
            for one in range(1, number + 1)
        }  # fmt: skip
        for one, name in names.items():
            (self.beside / f"model-{one:05d}.safetensors").replace(self.beside / name)
            self._note(name)
        if number > 1:
            index = {
                "metadata": {"total_size": total},
                "weight_map": {name: names[place] for name, place in places.items()},
            }
            replace_file(self.beside / "model.safetensors.index.json", _json(index))
            self._note("model.safetensors.index.json")
        return parameters

    def _note(self, name: str) -> None:
        """Onto the disk, and into the list."""
        path = self.beside / name
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
            os.fsync(file.fileno())
        self.written.append(Written(name, path.stat().st_size, digest.hexdigest()))


def _resolved(asked: Request) -> Request:
    """What is to be read: of a post-training run its model, of an adapter the base that it names."""
    source, adapter = asked.source, asked.adapter
    if adapter is None and (source / "run.json").is_file() and (source / "model").is_dir():
        source = source / "model"
    if adapter is None and (source / ADAPTER).is_file():
        source, adapter = Path(read_adapter(source).base), source
        if not source.exists():
            raise NotFound(
                f"{adapter} is an adapter of {source}, which is not there. Give its base, and the "
                "adapter with --adapter."
            )
    base = asked.base
    if adapter and not base and not read_lineages(source):
        base = source.stem
    return replace(asked, source=source, adapter=adapter, base=base)


def _tokenizer(asked: Request) -> Path:
    """Where the tokenizer is: as asked, with the adapter, or in the source."""
    source = asked.source
    run = source.parent if (source / ".metadata").is_file() else source
    if asked.tokenizer is not None:
        _check_corpus(run, asked.tokenizer)
        return asked.tokenizer
    for folder in (asked.adapter, run):
        if folder and (folder / "tokenizer.json").is_file():
            return folder
    if source.is_file():
        return source
    raise InvalidRequest(
        f"{run} has no tokenizer. Give the one that its corpus was made with: --tokenizer FOLDER"
    )


def _check_corpus(run: Path, tokenizer: Path) -> None:
    """A run's corpus says which tokenizer it was made with; where it is still there, that counts."""
    try:
        corpus = Path(json.loads((run / "run.json").read_text())["corpus"])
        wanted = read_index(corpus).tokenizer
    except Exception:  # no run, or its corpus is gone: there is nothing to hold it to
        return
    if len(wanted) == 64 and load_tokenizer(tokenizer)[1] != wanted:
        raise InvalidRequest(
            f"--tokenizer: the run's corpus was made with another tokenizer than {tokenizer}."
        )


def _lineage(asked: Request) -> tuple[Lineage, ...]:
    """Of the adapter's run and what that started from; else of the source."""
    if asked.adapter and (found := read_lineages(asked.adapter)):
        return found
    checkpoint = checkpoint_of(asked.source) if asked.source.is_dir() else None
    if checkpoint is None:
        return read_lineages(asked.source)
    return read_lineages(checkpoint.parent, int(checkpoint.name.removeprefix("step-")))


def _json(told: object) -> bytes:
    return json.dumps(told, indent=1).encode()


def _digest(*told: str) -> str:
    return hashlib.sha256("\n".join(told).encode()).hexdigest()
