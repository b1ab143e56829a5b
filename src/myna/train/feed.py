"""A run's batches, read beside the step before; and how fast a device is by itself."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor

from myna.train.shards import IGNORED, Reader


class Feed:
    """What a rank reads: tokens, targets, documents, positions of a step."""

    def __init__(self, reader: Reader, device: torch.device) -> None:
        self._reader, self._device = reader, device
        self._thread = ThreadPoolExecutor(1, "feed")
        self._next: tuple[int, Future[list[Tensor]]] | None = None

    def read(self, step: int) -> tuple[list[Tensor], int, float]:
        """Arrays (rows, sequence), targets that count, and the seconds that were waited for them."""
        began = time.perf_counter()
        if self._next is None or self._next[0] != step:
            arrays = self._read(step)
        else:
            arrays = self._next[1].result()
        waited = time.perf_counter() - began
        self._next = (step + 1, self._thread.submit(self._read, step + 1))
        return arrays, int((arrays[1] != IGNORED).sum()), waited

    def part(self, arrays: list[Tensor], start: int, stop: int) -> list[Tensor]:
        """Rows for one micro-batch, on the device."""
        return [array[start:stop].to(self._device, non_blocking=True) for array in arrays]

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(cancel_futures=True)

    def _read(self, step: int) -> list[Tensor]:
        batch = self._reader.batch(step)
        arrays = [batch.tokens, batch.targets, batch.documents, batch.positions]
        made = [torch.from_numpy(array) for array in arrays]
        return [one.pin_memory() for one in made] if self._device.type == "cuda" else made


def matrix_rate(device: torch.device, size: int = 1024) -> float:
    """Operations a second that the device reaches in a plain product (bf16 on a GPU)."""
    kind = torch.bfloat16 if device.type == "cuda" else torch.float32
    size = 8 * size if device.type == "cuda" else size
    one = torch.randn(size, size, device=device, dtype=kind)
    best = float("inf")
    for _ in range(4):
        began = time.perf_counter()
        torch.mm(one, one)
        if device.type == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - began)
    return 2 * size**3 / best
