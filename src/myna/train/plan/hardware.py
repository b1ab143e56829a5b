"""GPUs as their makers describe them, and what a transformer gets out of them.

Peak rates are those of dense matrices (NVIDIA's and AMD's data sheets; without sparsity). Prices are
round rental prices per hour, to be replaced by one's own (``--price``).
"""

from __future__ import annotations

from dataclasses import dataclass

from myna.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class Gpu:
    """One kind of accelerator in its usual server."""

    name: str
    memory_gib: float
    bf16_tflops: float
    """Peak of 16-bit matrix products (V100: half precision)."""
    fp8_tflops: float | None
    kernel_efficiency: float
    """Share of that peak that a whole training step of one GPU reaches without any waiting for
    others: kernels, norms, optimizer. Calibrated once, on the published runs of ``published.py``."""
    link_gb_s: float
    """To the other GPUs of the server, each way, in GB/s."""
    network_gb_s: float
    """Out of the server, each way, for one GPU, in GB/s."""
    watts: float
    """Board power limit."""
    usd_per_hour: float
    per_server: int = 8


GPUS = {
    gpu.name: gpu
    for gpu in (
        Gpu("v100", 32, 125, None, 0.45, 150, 3.1, 300, 0.6),
        Gpu("a100", 80, 312, None, 0.60, 300, 25, 400, 1.3),
        Gpu("h100", 80, 989, 1979, 0.52, 450, 50, 700, 2.2),
        Gpu("h800", 80, 989, 1979, 0.52, 200, 50, 700, 2.0),
        Gpu("h200", 141, 989, 1979, 0.54, 450, 50, 700, 2.8),
        Gpu("b200", 180, 2250, 4500, 0.47, 900, 50, 1000, 4.5),
        Gpu("mi300x", 192, 1307, 2615, 0.40, 448, 50, 750, 2.2),
        Gpu("l40s", 48, 362, 733, 0.50, 25, 12.5, 350, 0.9),
        Gpu("rtx4090", 24, 165, 330, 0.55, 25, 3.1, 450, 0.4),
    )
}


def find_gpu(name: str) -> Gpu:
    """The GPU with this name.

    Raises:
        InvalidRequest: there is none.
    """
    gpu = GPUS.get(name.casefold().replace(" ", "").replace("-", ""))
    if gpu is None:
        raise InvalidRequest(f"--gpu: {name} is not known. Known are {', '.join(GPUS)}.")
    return gpu
