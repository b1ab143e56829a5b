"""Sentence vectors: the seam, and encoders in ONNX: the one that ships in the package, or any other.

``tools/make_embedder.py`` makes the files under ``embedder/``. An embedder is a folder with
``model.onnx``, ``tokenizer.json`` and ``manifest.json``: ``name``, ``dimensions``, ``sha256`` of the
two files, and, where they differ from the package's, ``pooling`` (``mean`` or ``cls``), ``output``
(name of the model's output) and ``question_prefix`` (what it wants before a question).
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from myna.errors import ModelFileError

if TYPE_CHECKING:
    import onnxruntime
    from tokenizers import Tokenizer

FOLDER = Path(__file__).parent / "embedder"
MAX_TOKENS = 192
"""Read of one text; the rest is left out. What is longer has vectors of its parts too."""
MAX_CHARACTERS = 2_000


@dataclass(frozen=True, slots=True)
class Words:
    """The pieces of words that an encoder reads of a text."""

    spans: Sequence[tuple[int, int]]
    """Where each piece stands, in code points."""
    vectors: np.ndarray
    """(pieces, dimensions) float32, each row of length 1."""


class Embedder(Protocol):
    """Turns texts into vectors whose dot product says how alike their meanings are."""

    @property
    def name(self) -> str:
        """Model and version: vectors of different names cannot be compared."""
        ...

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        ...

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """(texts, dimensions) float32, each row of length 1. Thread-safe."""
        ...

    def embed_question(self, text: str) -> np.ndarray:
        """(dimensions,) float32 of length 1: what to compare texts with."""
        ...


def vectors_version(embedder: Embedder) -> str:
    """What vectors must have been made by to be compared with this embedder's."""
    return f"2-{embedder.name}"


def open_embedder(setting: str) -> OnnxEmbedder:
    """The embedder that ``MYNA_EMBEDDER`` names: a folder, or the package's own where it is empty.

    Raises:
        ModelFileError: there is none in that folder.
    """
    if not setting:
        return OnnxEmbedder()
    embedder = OnnxEmbedder(Path(setting).expanduser())
    try:
        _ = (embedder.name, embedder.dimensions)
    except (ModelFileError, KeyError, TypeError, ValueError) as error:
        raise ModelFileError(
            f"MYNA_EMBEDDER: there is no embedder in {setting}. Name a folder with manifest.json, "
            "model.onnx and tokenizer.json, or leave it empty for the one in the package."
        ) from error
    return embedder


class OnnxEmbedder:
    """An encoder on the CPU. The package's, MiniLM in int8, takes 1.3 ms for a question and makes
    600 short posts a second on one core.

    Loaded at the first use (0.1 s, 60 MB). One text at a time: padding a batch to one length
    costs more than batching saves on a CPU.
    """

    def __init__(self, folder: Path = FOLDER, *, threads: int = 1) -> None:
        self._folder = folder
        self._threads = threads
        self._loading = threading.Lock()
        self._loaded: tuple[onnxruntime.InferenceSession, Tokenizer] | None = None

    @cached_property
    def _manifest(self) -> dict[str, Any]:
        try:
            return json.loads((self._folder / "manifest.json").read_text())
        except (OSError, ValueError) as error:
            raise self._missing() from error

    @property
    def name(self) -> str:
        """As in the manifest, with the beginning of the weights' hash."""
        return f"{self._manifest['name']}-{self._manifest['sha256']['model.onnx'][:12]}"

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return int(self._manifest["dimensions"])

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """(texts, dimensions) float32, each row of length 1. Thread-safe.

        Raises:
            ModelFileError: the model's files are missing or are not the pinned ones.
        """
        rows = np.zeros((len(texts), self.dimensions), np.float32)
        for row, text in enumerate(texts):
            hidden = self._read(text)[1]
            pooled = hidden[0] if self._pools_first else hidden.mean(axis=0)
            rows[row] = pooled / max(float(np.linalg.norm(pooled)), 1e-9)
        return rows

    def embed_question(self, text: str) -> np.ndarray:
        """(dimensions,) float32 of length 1: what to compare texts with. Thread-safe."""
        return self.embed([self._manifest.get("question_prefix", "") + text])[0]

    def words(self, text: str) -> Words:
        """The pieces of words of a text, each with its vector of length 1 in its context.
        Thread-safe.

        Raises:
            ModelFileError: as ``embed``.
        """
        spans, hidden = self._read(text)
        places = [place for place, (start, end) in enumerate(spans) if end > start]
        vectors = hidden[places]
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return Words([spans[place] for place in places], vectors / np.maximum(lengths, 1e-9))

    def _read(self, text: str) -> tuple[list[tuple[int, int]], np.ndarray]:
        """Spans of the tokens (empty for marks of the model's own), their hidden states (n, d)."""
        session, tokenizer = self._load()
        encoded = tokenizer.encode(text[:MAX_CHARACTERS])
        ids = np.array([encoded.ids], np.int64)
        feed = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        if any(one.name == "token_type_ids" for one in session.get_inputs()):
            feed["token_type_ids"] = np.zeros_like(ids)
        hidden: Any = session.run([self._manifest.get("output", "hidden")], feed)[0]
        return encoded.offsets, hidden[0]

    @property
    def _pools_first(self) -> bool:
        return self._manifest.get("pooling", "mean") == "cls"

    def _load(self) -> tuple[onnxruntime.InferenceSession, Tokenizer]:
        with self._loading:
            if self._loaded is None:
                self._loaded = self._open()
            return self._loaded

    def _open(self) -> tuple[onnxruntime.InferenceSession, Tokenizer]:
        import onnxruntime
        from tokenizers import Tokenizer

        for name, wanted in self._manifest["sha256"].items():
            try:
                with (self._folder / name).open("rb") as file:
                    found = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError as error:
                raise self._missing() from error
            if found != wanted:
                raise self._missing()
        tokenizer = Tokenizer.from_file(str(self._folder / "tokenizer.json"))
        tokenizer.enable_truncation(MAX_TOKENS)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        # Its arena keeps what the longest text needed, 6 MB; without it a third of the time went
        # into asking the system for memory again and again.
        options.enable_cpu_mem_arena = True
        options.enable_mem_pattern = False
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        session = onnxruntime.InferenceSession(
            str(self._folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        return session, tokenizer

    def _missing(self) -> ModelFileError:
        cure = "Install Myna again." if self._folder == FOLDER else "Put them there again."
        return ModelFileError(
            f"The embedder's files in {self._folder} are missing or damaged. {cure}"
        )
